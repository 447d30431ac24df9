"""The Textual application: it owns the loop in which the stream is read and the picture is drawn."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.screen import Screen

from dashboard import cards, conversions, header, layout, search, stage
from dashboard.album import Album
from dashboard.commands import QUIT_AGAIN_NS, Commands
from dashboard.config import ConfigFile
from dashboard.desk import Desk
from dashboard.feed import Clock
from dashboard.frames import Frame
from dashboard.keeping import Keeper
from dashboard.muting import silent
from dashboard.options import Options
from dashboard.painting import Painting
from dashboard.panels.base import Panel, Scene
from dashboard.panels.book import BookPanel
from dashboard.panels.shelf import all_panels
from dashboard.panels.symbols import SymbolsPanel
from dashboard.pauses import LET_GO_EVERY_S, let_go
from dashboard.rows import Row
from dashboard.settings import Settings, server_of
from dashboard.stream import Stream, Target
from dashboard.telling import Teller
from dashboard.wardrobe import Wardrobe, look_for
from proto import orderbook_pb2 as pb

TICK_S = 0.25  # ages run while nothing arrives; slow panels are drawn as often


class Dashboard(App[None]):
    """One merged book. Reads the newest message always, draws on arrival and then holds to the frame cap."""

    ENABLE_COMMAND_PALETTE = False  # ours opens by its own keys
    CSS = """
    #body { height: 1fr; }
    #side { height: 100%; width: 1fr; }
    #book { width: 1fr; height: 100%; }
    #header, #pressure, #footer { height: 1; }
    """

    def __init__(
        self,
        target: Target,
        request: pb.BookRequest,
        *,
        settings: Settings,
        clock: Clock,
        wall: Callable[[], int] = time.time_ns,
        cpu: Callable[[], int] = time.process_time_ns,
        config: ConfigFile | None = None,
        no_color: bool = False,
        errand: Path | None = None,
        exit_after_s: float | None = None,
        connect: bool = True,
    ) -> None:
        wardrobe = Wardrobe(no_color or settings.color == "none")
        super().__init__(ansi_color=True if wardrobe.plain else None)
        self.title = "onebook"
        self.desk = Desk(target.address, request.pair, settings, clock=clock, wall=wall, cpu=cpu)
        self.desk.wake = self._awake
        self.desk.alerted = Teller(self).tell
        self.frames = 0  # drawn since the start
        self.panels: dict[str, Panel] = all_panels()
        self.target = target
        self.request = request
        self.keeper = Keeper(config, self.set_timer)
        self.keeper.complain = self.say
        self.wardrobe = wardrobe
        self.wardrobe.dress(self, self.desk.settings)
        self.commands = Commands(self)
        self.screen_name = "book"
        self.alone: str | None = None  # a panel that has the whole screen for a while
        self.focus_wish = "book"
        self.recent: Sequence[str] = ()  # pairs, the present one first
        self.album = Album(self, errand)
        self._exit_after_s = exit_after_s
        self._clock = clock
        self._warned_ns: int | None = None
        self._wake, self._written = asyncio.Event(), asyncio.Event()
        self._connect = connect
        self._drawn_at = self._slow_at = 0.0
        self._parts: dict[str, Painting] = {}
        self._plan: layout.Plan | None = None
        self._keys: tuple[header.FooterKey, ...] = ()
        self.stream = Stream(target, request, self.desk, self.desk.branches.all())
        self.set_keymap(self.desk.keys.map)

    def get_default_screen(self) -> Screen[None]:
        """The one with the panels."""
        return stage.MainScreen(id="_default")

    def get_line_filters(self) -> list[LineFilter]:
        """Without colour, and in ASCII, where it is asked for."""
        return self.wardrobe.filters(super().get_line_filters(), self.desk.settings)

    def compose(self) -> ComposeResult:
        """Header, body, pressure, keys. The plan tells which panels are seen, and how large."""
        yield self._made("header")
        with stage.Body(id="body"):
            yield self._made("book")
            with stage.Side(id="side"):
                for name in self.panels:
                    if name != "book":
                        yield self._made(name)
        yield self._made("pressure")
        yield self._made("footer")

    def _made(self, name: str) -> Painting:
        self._parts[name] = Painting(self.wardrobe.look, id=name)
        return self._parts[name]

    def on_mount(self) -> None:
        """The first picture stands before the first connection is tried."""
        self.arrange()
        self.set_interval(TICK_S, self._tick)
        self.set_interval(LET_GO_EVERY_S, let_go)
        self.run_worker(self._draw_on_arrival(), name="draw", group="draw")
        if self._connect:
            self.run_worker(self.stream.run(), name="stream", group="stream")
        self.app_resume_signal.subscribe(self, lambda _: self.draw(everything=True))
        if self.keeper.first:
            self.say(f"{self.desk.keys.sign('help')} shows the keys")
        if self._exit_after_s is not None:
            self.set_timer(self._exit_after_s, self.album.leave)
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self.album.leave)

    # Drawing.

    def _awake(self) -> None:
        self._wake.set()

    async def _draw_on_arrival(self) -> None:
        """Draws at once when the last picture is older than a frame, at the frame's end otherwise.

        One that has not come to the terminal yet is waited for: what is drawn over it was drawn for nobody.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            if self.desk.pace.under_way:
                self._written.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._written.wait(), TICK_S)
            wait_s = self._drawn_at + self.desk.pace.frame_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._wake.clear()
            self.draw()

    def _tick(self) -> None:
        self.desk.watch()
        if asyncio.get_running_loop().time() - self._drawn_at > TICK_S / 2:
            self.draw()

    def scene(self) -> Scene:
        """What is known now."""
        width, height = self.size
        return self.desk.scene(
            wide=self._plan is not None and self._plan.framed,
            mini=layout.mini(width, height),
            mono=self.wardrobe.look.mono,
        )

    @property
    def focused_panel(self) -> str:
        """The panel that the keys go to."""
        seen = self._plan.panels if self._plan is not None else ("book",)
        return self.focus_wish if self.focus_wish in seen else seen[0]

    def draw(self, everything: bool = False) -> None:
        """Draws what is known now; only lines that changed reach the terminal. Slow panels wait for their turn."""
        now = asyncio.get_running_loop().time()
        self._drawn_at = now
        screen = self.screen_stack[0] if self.screen_stack else None
        parts = self._parts.values()
        if screen is None or not screen.is_mounted or not parts or not all(part.is_attached for part in parts):
            return  # not there yet, or going: an ending application takes its parts away one by one
        self.desk.pace.begins()
        self.frames += 1
        scene = self.scene()
        if self._replanned(scene) or self._plan is None:
            return  # drawn again once the parts have their sizes
        width, height = self.size
        if not self._plan.header:
            self.painting("book").show(cards.too_small(scene.view, width, height), scene.view.frozen)
            return
        slow = everything or now - self._slow_at >= TICK_S
        shown = [self.panels[name] for name in self._plan.panels if slow or not self.panels[name].slow]
        changed = sum([self._show(panel, scene, self._plan.framed) for panel in shown])
        if not changed + self._frame(scene, self._plan, slow):
            self.desk.pace.unchanged()
        if slow:
            self._slow_at = now
            symbols = self.panels["symbols"]
            assert isinstance(symbols, SymbolsPanel)
            self.desk.branches.quotes.watch(
                symbols.shown() if "symbols" in self._plan.panels else (), self.desk.depth
            )

    def _show(self, panel: Panel, scene: Scene, framed: bool) -> int:
        painting = self.painting(panel.id)
        width, height = painting.room(framed)
        frame = None
        rows = panel.rows(scene, width, height)
        if framed:
            focused = panel.id == self.focused_panel and len(self._plan.panels if self._plan else ()) > 1
            frame = Frame(panel.heading(scene), panel.hint(scene), focused, panel.note(scene))
        return painting.show(rows, panel.dimmed(scene), frame)

    def _frame(self, scene: Scene, plan: layout.Plan, slow: bool) -> int:
        """The lines around the panels; the book was drawn, and knows what its cursor tells. Counts what changed."""
        view, width = scene.heard, self.size.width
        book = self.panels["book"]
        assert isinstance(book, BookPanel)
        if "book" in plan.panels:
            self.desk.depth = book.depth(scene, self.painting("book").room(plan.framed)[1])
        if scene.mini:
            heading = header.mini(view, width, self.desk.depth, scene.badge)
        else:
            muted = silent(view.book, scene.options) if view.book is not None else frozenset()
            first = header.header(view, width, self.desk.depth, scene.badge)
            heading = [first, header.second(view, width, muted)][: plan.header]
        changed = self.painting("header").show(heading, view.frozen)
        if plan.pressure:
            line = book.readout(width) if "book" in plan.panels else None
            line = line or header.pressure(view, width, self.desk.depth)
            changed += self.painting("pressure").show([line], scene.dimmed)
        if slow:
            footer, self._keys = header.footer(view, width, scene.keys, self.focused_panel, scene.mini)
            changed += self.painting("footer").show([footer])
        return changed

    def painting(self, name: str) -> Painting:
        """The widget of a panel, or of a line around them."""
        return self._parts[name]

    def post_display_hook(self) -> None:
        """The terminal has the picture."""
        self.desk.pace.written()
        self._written.set()

    # Layout.

    def on_resize(self, event: events.Resize) -> None:
        """Another size: another layout, drawn once it stands."""
        self.arrange()

    def arrange(self) -> None:
        """Gives every part its place; draws once they stand."""
        self._plan = None
        self._replanned(self.scene())
        self.call_after_refresh(self.draw, True)

    def _replanned(self, scene: Scene) -> bool:
        """Whether the parts have new places."""
        book = scene.view.book
        plan = layout.plan(
            *self.size,
            self.alone or self.screen_name,
            bool(self.alone),
            venues=len(book.venues) + conversions.height(book) if book is not None else 2,
            told=scene.view.had_book and not scene.view.fresh and scene.view.pause is None,
        )
        if plan == self._plan:
            return False
        self._plan = plan
        stage.arrange(self.screen_stack[0], plan, self.panels)
        self.call_after_refresh(self.draw, True)
        return True

    # Keys and the mouse.

    def action_act(self, name: str) -> None:
        """The action of the key table with that id: the focused panel's, or ours."""
        panel = self.panels[self.focused_panel]
        if not (panel.takes(name) and panel.act(name, self)):
            self.commands.do(name)
        self.draw(everything=True)

    def on_painting_clicked(self, event: Painting.Clicked) -> None:
        """A click goes to the panel under it, which gets the focus; on the footer it is the key."""
        if event.name == "footer":
            for key in self._keys:
                if key.start <= event.x < key.end:
                    self.action_act(key.action)
        elif event.name in self.panels:
            self.focus_wish = event.name
            self.panels[event.name].clicked(event.x, event.y, event.times, self)
            self.draw(everything=True)

    def on_painting_rolled(self, event: Painting.Rolled) -> None:
        """The wheel moves what is under it."""
        if event.name in self.panels:
            self.panels[event.name].rolled(event.lines, event.ctrl, self)
            self.draw(everything=True)

    def change(self, **values: Any) -> None:
        """Other settings: shown at once, kept in the file soon."""
        self.desk.change(values)
        if "depth" in values or "fps" in values:
            self.request.levels = self.desk.settings.depth
            self.request.min_interval_ms = int(1000 / self.desk.settings.fps)
            self.stream.ask(self.request)
        self.keeper.keep(values)
        self.wardrobe.dress(self, self.desk.settings)
        for screen in self.screen_stack:
            for painting in screen.query(Painting):
                painting.wear(self.wardrobe.look)
                if "glyphs" in values:
                    painting.forget()
            if "glyphs" in values:
                screen.refresh(layout=True)
        self.draw(everything=True)

    def try_on(self, settings: Settings) -> None:
        """Raises BadSetting for settings that cannot be worn."""
        look_for(settings, plain=self.wardrobe.plain, few=False)

    def on_unmount(self) -> None:
        """Settings of the last half second are kept too."""
        self.keeper.write()

    def say(self, text: str) -> None:
        """A short word in a corner."""
        self.notify(text, timeout=3)

    def copy(self, text: str, what: str) -> None:
        """Into the clipboard, where the terminal allows it (OSC 52)."""
        self.copy_to_clipboard(text)
        self.say(f"copied {what}, where the terminal allows it")

    def connect_to(self, address: str) -> None:
        """Another server, with the same pair."""
        host, port = server_of(address)
        self.target = replace(self.target, host=host, port=port)
        self.desk.move(self.target.address)
        self.workers.cancel_group(self, "stream")
        self.stream = Stream(self.target, self.request, self.desk, self.desk.branches.all())
        if self._connect:
            self.run_worker(self.stream.run(), name="stream", group="stream")

    def open_pair(self, pair: str) -> None:
        """The book of another pair, over the same channel."""
        before = self.desk.feed.view().pair
        self.recent = search.remembered(search.remembered(self.recent, before) if before else self.recent, pair)
        self.request.pair = pair
        self.desk.ask(pair)
        self.stream.ask(self.request)
        self.show_screen("book")

    def show_screen(self, name: str) -> None:
        """Another screen."""
        self.screen_name, self.alone, self.focus_wish = name, None, name
        self.arrange()

    def show_card(self, title: str, rows: Callable[[int], list[Row]]) -> None:
        """A card over the panels."""
        from dashboard.pages.card import CardPage

        self.push_screen(CardPage(title, rows, self.wardrobe.look))

    def ask(
        self, title: str, text: str, about: str, check: Callable[[str], object], take: Callable[[str], None]
    ) -> None:
        """A line to write in."""
        from dashboard.pages.prompt import Prompt

        def taken(answer: str | None) -> None:
            if answer is not None:
                take(answer)
                self.draw(everything=True)

        self.push_screen(Prompt(title, text, about, check), taken)

    def hear(self, options: Options) -> None:
        """Other venues muted, or one alone."""
        self.desk.muted, self.desk.solo = options.muted, options.solo
        self.draw(everything=True)

    def maximise(self, panel: str | None) -> None:
        """One panel alone; None: all of them again."""
        self.alone = panel
        self.arrange()

    def turn_focus(self, step: int) -> None:
        """The keys go to another panel."""
        seen = self._plan.panels if self._plan is not None else ()
        if len(seen) > 1:
            self.focus_wish = seen[(seen.index(self.focused_panel) + step) % len(seen)]

    def action_help_quit(self) -> None:
        """Ctrl+C: the first says how to leave, a second one leaves."""
        now = self._clock()
        if self._warned_ns is not None and now - self._warned_ns < QUIT_AGAIN_NS:
            self.exit()
            return
        self._warned_ns = now
        self.notify(f"press {self.desk.keys.sign('quit')}, or Ctrl+C again, to quit", timeout=2)
