"""The book: the merged ladder, or what stands in its place while there is none."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dashboard import cards, conversions, copying, cursor, muting, options, readout
from dashboard.ladder import SPREAD, Picture, Shape, State, depth_of, drawn
from dashboard.numbers import grouped
from dashboard.options import Orientation, RowModel
from dashboard.panels.base import Host, Panel, Scene
from dashboard.place import CENTRED, scrolled
from dashboard.rows import Row, Span
from dashboard.settings import STEPS

HEADS = {  # what a click on the head of a column cycles
    "size": "unit",
    "price": "group.tick",
    "total": "total",
    "notional": "unit",
    "venues": "venues.cols",
}


class BookPanel(Panel):
    """The ladder, drawn on arrival, with the level under the cursor and the place that is looked at."""

    id = "book"
    title = "Book"
    slow = False

    def __init__(self) -> None:
        self._state = State()
        self._pair = ""
        self.picture: Picture | None = None

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """The ladder of the present book, or a card."""
        view = scene.view
        if not view.had_book or view.book is None:
            self.picture = None
            return cards.card(view, width, height, scene.keys, bare=scene.wide)
        if view.pair != self._pair:
            self._state, self._pair = State(), view.pair
        shape = Shape(mini=scene.mini, mono=scene.mono, wide=scene.wide)
        chosen = scene.options
        if scene.mono and chosen.venues is options.VenueColumns.AUTO:
            chosen = replace(chosen, venues=options.VenueColumns.LETTERS)  # bars are glyphs, and need the room
        self.picture = drawn(view, width, height, shape, chosen, self._state, scene.now_ns, scene.tick)
        self._state = self.picture.state
        return self.picture.rows

    def depth(self, scene: Scene, height: int) -> int:
        """Levels a side that are displayed in so many rows."""
        shape = Shape(mini=scene.mini, mono=scene.mono, wide=scene.wide)
        return min(depth_of(height, shape, scene.options), scene.options.depth)

    def readout(self, width: int) -> Row | None:
        """What the level under the cursor tells; None: none is."""
        return readout.readout(self.picture, width) if self.picture is not None else None

    def heading(self, scene: Scene) -> str:
        """The pair and how it is shown."""
        chosen, book = scene.options, scene.view.book
        parts = [f"Book  {scene.view.pair}".rstrip()]
        if book is not None and book.unit:
            parts.append(conversions.hint(book))
        if book is not None:
            parts.append(f"group {grouped(scene.tick * STEPS[chosen.group], book.price_decimals)}")
            parts.append(f"depth {chosen.depth}")
            parts.append(f"bars: {chosen.bars}" + (f"/{chosen.scale}" if chosen.bars is not options.Bars.OFF else ""))
            if book.net_of_fees:
                parts.append("net of fees")
        return "  ".join(parts)

    def note(self, scene: Scene) -> tuple[Span, ...]:
        """The state of the feed, while there is no book."""
        return cards.state(scene.view) if self.picture is None else ()

    def hint(self, scene: Scene) -> str:
        """The keys of the ladder."""
        if self.picture is None:
            return ""
        keys = scene.keys
        signs = [keys.sign(name) for name in ("cursor.down", "cursor.up", "centre", "group.coarser", "group.finer")]
        return "{}/{} level · {} center · {}/{} group".format(*signs)

    # The level under the cursor, and the place.

    def on_cursor_down(self, host: Host) -> None:
        """The next level down the screen."""
        self._move(1)

    def on_cursor_up(self, host: Host) -> None:
        """The next level up."""
        self._move(-1)

    def _move(self, rows: int) -> None:
        picture = self.picture
        if picture is None:
            return
        at = cursor.moved(self._state.cursor, picture.bids, picture.asks, rows)
        self._state = replace(self._state, cursor=at)
        if at is not None and picture.selected is not None and at not in _levels(picture):
            self._state = replace(self._state, place=scrolled(self._state.place, -rows))

    def on_top(self, host: Host) -> None:
        """The first level in sight."""
        self._end(0)

    def on_bottom(self, host: Host) -> None:
        """The last level in sight."""
        self._end(-1)

    def _end(self, at: int) -> None:
        levels = _levels(self.picture) if self.picture is not None else []
        if levels:
            self._state = replace(self._state, cursor=levels[at])

    def on_page_down(self, host: Host) -> None:
        """Half a screen towards the bids."""
        self._scroll(-1)

    def on_page_up(self, host: Host) -> None:
        """Half a screen towards the asks."""
        self._scroll(1)

    def _scroll(self, way: int) -> None:
        if self.picture is not None:
            rows = max(1, len(self.picture.rows) // 2)
            self._state = replace(self._state, place=scrolled(self._state.place, way * rows))

    def on_side_left(self, host: Host) -> None:
        """The other side, where the sides are beside each other."""
        self._across(host)

    def on_side_right(self, host: Host) -> None:
        """The other side, where the sides are beside each other."""
        self._across(host)

    def _across(self, host: Host) -> None:
        if self.picture is not None and host.scene().options.sides is Orientation.BESIDE:
            at = cursor.across(self._state.cursor, self.picture.bids, self.picture.asks)
            self._state = replace(self._state, cursor=at)

    def on_centre(self, host: Host) -> None:
        """Back to the best prices."""
        self._state = replace(self._state, place=CENTRED)

    def on_autocentre(self, host: Host) -> None:
        """Whether the price axis follows the market."""
        on = not host.scene().settings.autocentre
        host.change(autocentre=on)
        host.say("the price axis follows the market" if on else "the price axis stands still")

    def on_close(self, host: Host) -> bool:
        """The cursor goes first, then the held place."""
        if self._state.cursor is not None:
            self._state = replace(self._state, cursor=None)
        elif self._state.place.held:
            self._state = replace(self._state, place=CENTRED)
        else:
            return False
        return True

    def on_inspect(self, host: Host) -> None:
        """The level in full."""
        if self.picture is None or self.picture.selected is None:
            host.say("no level is selected: j or k selects one")
            return
        host.show_card("Level", self._card)

    def _card(self, width: int) -> list[Row]:
        return readout.card(self.picture, width) if self.picture is not None else []

    def on_copy(self, host: Host) -> None:
        """The levels in sight as a table, by the terminal's own clipboard."""
        if self.picture is not None:
            host.copy(copying.table(self.picture), "the book in sight")

    def on_copy_best(self, host: Host) -> None:
        """The best prices in one line."""
        if self.picture is not None:
            host.copy(copying.best(self.picture.groups.book), "the best prices")

    # How it is shown.

    def on_group_coarser(self, host: Host) -> None:
        """The next greater step."""
        self._group(host, lambda at: at + 1)

    def on_group_finer(self, host: Host) -> None:
        """The next smaller step."""
        self._group(host, lambda at: at - 1)

    def on_group_tick(self, host: Host) -> None:
        """One tick a step."""
        self._group(host, lambda at: at * 0)

    def _group(self, host: Host, step: Callable[[int], int]) -> None:
        scene = host.scene()
        if scene.view.book is None:
            return
        at = max(0, min(step(scene.options.group), len(STEPS) - 1))
        kept = {pair: ticks for pair, ticks in scene.settings.group.items() if pair != scene.view.pair}
        host.change(group=kept | ({scene.view.pair: STEPS[at]} if at else {}))

    def on_depth_more(self, host: Host) -> None:
        """More levels are asked for."""
        self._depth(host, options.deeper)

    def on_depth_fewer(self, host: Host) -> None:
        """Fewer levels are asked for."""
        self._depth(host, options.shallower)

    def _depth(self, host: Host, step: Callable[[int], int]) -> None:
        depth = step(host.scene().settings.depth)
        host.change(depth=depth)
        host.say(f"{depth} levels a side")

    def on_total(self, host: Host) -> None:
        """What the total column tells."""
        _cycle(host, "totals")

    def on_bars(self, host: Host) -> None:
        """What bars tell."""
        _cycle(host, "bars")

    def on_bars_scale(self, host: Host) -> None:
        """What a full bar is worth."""
        _cycle(host, "scale")

    def on_unit(self, host: Host) -> None:
        """Base or quote."""
        _cycle(host, "unit")

    def on_venues_cols(self, host: Host) -> None:
        """Who stands at a price."""
        _cycle(host, "columns")

    def on_rowmodel(self, host: Host) -> None:
        """A row a level, or a row a step."""
        self._state = replace(self._state, place=CENTRED)
        _cycle(host, "rows")

    def on_orient(self, host: Host) -> None:
        """Stacked or side by side."""
        if host.scene().settings.rows is RowModel.LADDER:
            host.say("the price axis has its sides above each other: M goes back to levels")
            return
        _cycle(host, "sides")

    # The mouse.

    def clicked(self, x: int, y: int, times: int, host: Host) -> None:
        """Selects a level, opens it, centres, or cycles a column; on a venue's head mutes, and solos."""
        target = self.picture.at(x, y) if self.picture is not None else None
        if isinstance(target, cursor.Cursor):
            self._state = replace(self._state, cursor=target)
            if times > 1:
                self.on_inspect(host)
        elif target == SPREAD:
            self.on_centre(host)
        elif isinstance(target, str) and target.startswith("venue:"):
            scene = host.scene()
            assert scene.view.book is not None
            name = scene.view.book.venues[int(target[6:])].name
            host.hear((muting.soloed if times > 1 else muting.muted)(scene.options, name))
        elif isinstance(target, str) and target in HEADS:
            self.act(HEADS[target], host)

    def rolled(self, lines: int, ctrl: bool, host: Host) -> None:
        """Scrolls; with Ctrl it changes the step."""
        if ctrl:
            self._group(host, lambda at: at + (1 if lines > 0 else -1))
        else:
            self._state = replace(self._state, place=scrolled(self._state.place, -lines))


def _levels(picture: Picture) -> list[cursor.Cursor]:
    """The levels in sight, from above."""
    out: list[cursor.Cursor] = []
    for target in picture.targets:
        if isinstance(target, cursor.Cursor):
            out.append(target)
        elif isinstance(target, tuple):
            out += [each for each in target if each is not None]
    return out


def _cycle(host: Host, name: str) -> None:
    values: Any = getattr(host.scene().settings, name)
    value = options.following(values)
    host.change(**{name: value})
    host.say(f"{name}: {value}")
