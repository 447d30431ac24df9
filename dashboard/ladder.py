"""The ladder as rows of text: a view, options and what the last picture left go in, rows come out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from dashboard import axis, cursor, muting
from dashboard.columns import DEFAULT, Formats, choose
from dashboard.cursor import Both, Cursor
from dashboard.feed import View
from dashboard.flashes import Flashes, watched
from dashboard.grouping import Groups, grouped, step_of
from dashboard.middle import AUTO, FIXED, HELD, away_row, spread_row
from dashboard.options import Options, Orientation, RowModel
from dashboard.place import CENTRED, Place, clamped, followed
from dashboard.rows import Fill, Role, Row, Span, blank, centred, merged
from dashboard.rungs import Rung, rungs
from dashboard.sheet import Head, Marks, Sheet

MINI_WIDTH, MINI_HEIGHT = 60, 16  # a screen smaller than either has the small layout
SPREAD = "spread"  # the target of the row in the middle

Target = Cursor | Both | str | None


class Shape(NamedTuple):
    """How the ladder is laid out: small or with heads, with fills or glyph bars, on a screen that is wide or not."""

    mini: bool = False
    mono: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What one picture leaves to the next."""

    formats: Formats | None = None
    place: Place = CENTRED
    cursor: Cursor | None = None
    flashes: Flashes = field(default_factory=Flashes)


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawing of the ladder, and what it leaves."""

    rows: list[Row]
    state: State
    targets: list[Target]  # by row: the level, SPREAD, or nothing to click on
    heads: list[Head]  # cells from, to, and name: size, price, total, notional, venues, venue:N
    bids: tuple[Rung, ...]
    asks: tuple[Rung, ...]
    groups: Groups

    def at(self, x: int, y: int) -> Cursor | str | None:
        """What a click at a cell of the picture means: a level, SPREAD, the name of a head, or nothing."""
        if y == 0 and self.heads:
            return next((name for start, end, name in self.heads if start <= x < end and name), None)
        target = self.targets[y] if 0 <= y < len(self.targets) else None
        if isinstance(target, Both):
            return target.left if x < len(self.rows[y].text) // 2 else target.right
        return target

    @property
    def selected(self) -> Rung | None:
        """The level under the cursor."""
        return cursor.found(self.state.cursor, self.bids, self.asks)


def depth_of(height: int, shape: Shape, options: Options = DEFAULT) -> int:
    """Levels a side that `height` rows show."""
    room = max(0, height - (0 if shape.mini else 1) - 1)
    return room if _beside(shape, options) else room // 2


def _beside(shape: Shape, options: Options) -> bool:
    return options.sides is Orientation.BESIDE and options.rows is RowModel.BOOK and not shape.mini


def rows(view: View, width: int, height: int, formats: Formats, shape: Shape) -> list[Row]:
    """Exactly `height` rows of exactly `width` cells, with every option at its default."""
    return drawn(view, width, height, shape, DEFAULT, State(formats), 0).rows


def drawn(
    view: View, width: int, height: int, shape: Shape, options: Options, state: State, now_ns: int, tick: int = 1
) -> Picture:
    """Exactly `height` rows of exactly `width` cells. `tick`: of the finest venue, in units of price."""
    received = view.book
    view = muting.heard_view(view, options)
    book = view.book
    assert book is not None
    step = step_of(options.group, 1 if book.net_of_fees else tick)
    groups = grouped(book, step, options.depth, received)
    away = muting.silent(book, options)
    bids, asks = rungs(groups, True, away), rungs(groups, False, away)
    depth = depth_of(height, shape, options)
    beside = _beside(shape, options)
    part = (width - 1) // 2 if beside else width
    formats = Formats.measure(groups, depth, state.formats, options)
    columns = choose(book, formats, part, mini=shape.mini, mono=shape.mono, options=options, wide=shape.wide)
    flashes = watched(state.flashes, groups, depth, options.flash, now_ns)
    chosen = cursor.found(state.cursor, bids, asks)
    marks = Marks(cursor.named(chosen) if chosen else None, Flashes() if view.frozen else flashes, now_ns)
    sheet = Sheet(view, groups, columns, formats, options, marks, part)
    if options.rows is RowModel.LADDER:
        lines = max(0, height - (not shape.mini) - 1)
        place = followed(state.place, groups, lines, options.autocentre)
        shown = _axis(view, groups, sheet, place, lines, bids, asks)
    else:
        place = clamped(state.place, groups)
        middle = spread_row(view, width, mini=shape.mini, tail=_word(place, options))
        shown = (_besides if beside else _stacked)(middle, sheet, place, depth, width, bids, asks)
    heads: list[Head] = []
    if not shape.mini:
        row, heads = _heads(sheet, width, beside)
        shown = [(row, None), *shown]
    shown = (shown + [(blank(width), None)] * height)[:height]
    kept = replace(state, formats=formats, place=place, flashes=flashes)
    return Picture([row for row, _ in shown], kept, [target for _, target in shown], heads, bids, asks, groups)


def _word(place: Place, options: Options) -> str:
    return HELD if place.held else AUTO if options.autocentre else FIXED


def _stacked(
    spread: Row,
    sheet: Sheet,
    place: Place,
    depth: int,
    width: int,
    bids: Sequence[Rung],
    asks: Sequence[Rung],
) -> list[tuple[Row, Target]]:
    """Asks above, the spread row in the middle, bids below; all of it moved by the scrolled rows."""
    shift = place.scroll if place.held else 0
    order = [*reversed(asks), None, *bids]  # None: the row in the middle
    first = len(asks) - depth - shift
    window = [order[at] if 0 <= at < len(order) else "" for at in range(first, first + 2 * depth + 1)]
    seen = [entry for entry in window if isinstance(entry, Rung)]
    sheet.measure([rung for rung in seen if rung.bid], [rung for rung in seen if not rung.bid])
    middle = len(asks) - first
    out: list[tuple[Row, Target]] = []
    above = ""
    for entry in window:
        if entry is None:
            out.append((spread, SPREAD))
        elif isinstance(entry, Rung):
            out.append((sheet.line(entry, above), cursor.named(entry)))
            if sheet.options.dim_prefix:
                above = f"{sheet.formats.price_text(entry.price):>{sheet.columns.price}}"
        else:
            out.append((blank(width), None))
    for name, side, at in (("asks", asks, middle - 1), ("bids", bids, middle + 1)):
        if not side and 0 <= at < len(out):
            out[at] = (_nobody(name, sheet, width), None)
    if middle < 0:
        out[0] = (away_row(sheet.book, -middle, width, HELD, above=True), SPREAD)
    elif middle >= len(out):
        out[-1] = (away_row(sheet.book, middle - len(out) + 2, width, HELD, above=False), SPREAD)
    return out


def _nobody(name: str, sheet: Sheet, width: int) -> Row:
    """An empty side says so, and whether somebody was muted."""
    told = f"no {name}" + (" heard" if sheet.away else "")
    return Row(centred([Span(told, Role.QUIET)], width))


def _besides(
    spread: Row,
    sheet: Sheet,
    place: Place,
    depth: int,
    width: int,
    bids: Sequence[Rung],
    asks: Sequence[Rung],
) -> list[tuple[Row, Target]]:
    """Bids left and mirrored, asks right; under the heads the spread row."""
    skip = max(0, -place.scroll) if place.held else 0
    skip = min(skip, max(len(bids), len(asks), 1) - 1)
    left, right = bids[skip : skip + depth], asks[skip : skip + depth]
    sheet.measure(left, right)
    out: list[tuple[Row, Target]] = [(spread, SPREAD)]
    part = sheet.width
    for index in range(depth):
        bid, ask = (side[index] if index < len(side) else None for side in (left, right))
        one = sheet.mirrored(bid) if bid else _nobody("bids", sheet, part) if not (bids or index) else blank(part)
        two = sheet.line(ask) if ask else _nobody("asks", sheet, part) if not (asks or index) else blank(part)
        targets = Both(cursor.named(bid) if bid else None, cursor.named(ask) if ask else None)
        out.append((joined(one, two, width), targets))
    return out


def joined(left: Row, right: Row, width: int) -> Row:
    """Two rows beside each other, their fills with them, a line between."""
    at = len(left.text) + 1
    spans = merged([*left.spans, Span("│", Role.RULE), *right.spans, Span(" " * (width - at - len(right.text)))])
    fills = [Fill(0, right.fill, right.fill_role)] if right.fill else []
    moved = (Fill(fill.start + at, fill.end + at, fill.role) for fill in (*fills, *right.fills))
    return Row(spans, left.fill, left.fill_role, (*left.fills, *moved))


def _heads(sheet: Sheet, width: int, beside: bool) -> tuple[Row, list[Head]]:
    if not beside:
        return sheet.heads()
    left, names = sheet.heads(mirror=True)
    right, others = sheet.heads()
    at = sheet.width + 1
    rest = Span(" " * (width - at - len(right.text)), Role.HEAD)
    row = Row(merged([*left.spans, Span(" ", Role.HEAD), *right.spans, rest]))
    return row, [*names, *((start + at, end + at, name) for start, end, name in others)]


def _axis(
    view: View, groups: Groups, sheet: Sheet, place: Place, lines: int, bids: Sequence[Rung], asks: Sequence[Rung]
) -> list[tuple[Row, Target]]:
    """The fixed price axis, and under it the spread row or where the market is."""
    shown, outside = axis.rows(groups, sheet, place, lines, bids, asks)
    word = _word(place, sheet.options)
    if outside and (groups.bids or groups.asks):
        last = away_row(sheet.book, abs(outside), sheet.width, word, above=outside < 0)
    else:
        last = spread_row(view, sheet.width, tail=word)
    return [*shown, (last, SPREAD)]
