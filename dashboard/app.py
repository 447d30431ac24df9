"""The Textual application: it owns the loop in which the stream is read and the picture is drawn."""

import asyncio
import signal
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.theme import Theme

from dashboard import cards, header, ladder
from dashboard.columns import Formats
from dashboard.feed import Clock, Failure, Feed, View
from dashboard.help import HelpPage
from dashboard.keys import KEYS
from dashboard.market import Book
from dashboard.painting import Painting
from dashboard.rows import Row
from dashboard.stream import Stream, Target
from dashboard.themes import LOOKS, Look
from proto import orderbook_pb2 as pb

TICK_S = 0.25  # ages run while nothing arrives
_PAINTINGS = 4  # that compose() makes
QUIT_AGAIN_NS = 2_000_000_000  # a second Ctrl+C within this time leaves


class Dashboard(App[None]):
    """One merged book. Reads the newest message always, draws on arrival and then holds to the frame cap."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key.keys, key.action, key.label, id=key.action, show=False) for key in KEYS
    ]
    CSS = """
    #header { height: 2; }
    #body { height: 1fr; }
    #ladder { width: 1fr; height: 100%; }
    #pressure, #footer { height: 1; }
    .-mini #pressure { display: none; }
    .-tiny #header, .-tiny #footer, .-tiny #pressure { display: none; }
    """

    def __init__(
        self, target: Target, request: pb.BookRequest, *, fps: float, look: Look, clock: Clock, connect: bool = True
    ) -> None:
        super().__init__(ansi_color=True if look.mono else None)
        self.title = "onebook"
        self.look = look
        self.feed = Feed(target.address, request.pair, clock)
        self.frames = 0  # drawn since the start
        self._clock = clock
        self._frame_s = 1 / fps
        self._wake = asyncio.Event()
        self._stream = Stream(target, request, self)
        self._connect = connect
        self._formats: Formats | None = None
        self._drawn_at = 0.0
        self._warned_ns: int | None = None
        if look.mono:
            self.theme = "ansi-dark"
        else:
            self.register_theme(_theme(look))
            self.theme = f"onebook-{look.name}"

    def compose(self) -> ComposeResult:
        """Header, body, pressure, keys. Panels to come stand beside the ladder in the body."""
        yield Painting(self.look, id="header")
        with Horizontal(id="body"):
            yield Painting(self.look, id="ladder")
        yield Painting(self.look, id="pressure")
        yield Painting(self.look, id="footer")

    def on_mount(self) -> None:
        """The first picture stands before the first connection is tried."""
        self._arrange(self.size.width, self.size.height)
        self.call_after_refresh(self.draw)
        self.set_interval(TICK_S, self._tick)
        self.run_worker(self._draw_on_arrival(), name="draw", group="draw")
        if self._connect:
            self.run_worker(self._stream.run(), name="stream", group="stream")
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self.exit)

    # The stream's listener: each call runs in the application's own loop.

    def connecting(self, attempt: int) -> None:
        """An attempt begins."""
        self.feed.connecting(attempt)
        self._wake.set()

    def connected(self) -> None:
        """The channel stands."""
        self.feed.connected()
        self._wake.set()

    def received(self, book: Book) -> None:
        """A message: it replaces the one that was not drawn yet."""
        self.feed.received(book)
        self._wake.set()

    def ended(self, failure: Failure, retry_in_ns: int) -> None:
        """The stream ended; it comes back by itself."""
        self.feed.ended(failure, retry_in_ns)
        self._wake.set()

    async def _draw_on_arrival(self) -> None:
        """Draws at once when the last picture is older than a frame, at the frame's end otherwise."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            wait_s = self._drawn_at + self._frame_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._wake.clear()
            self.draw()

    def _tick(self) -> None:
        if asyncio.get_running_loop().time() - self._drawn_at > TICK_S / 2:
            self.draw()

    def draw(self) -> None:
        """Draws what is known now; only lines that changed reach the terminal."""
        self._drawn_at = asyncio.get_running_loop().time()
        screen = self.screen_stack[0] if self.screen_stack else None
        if screen is None or not screen.is_mounted or len(screen.query(Painting)) < _PAINTINGS:
            return  # not there yet, or going: an ending application takes its parts away one by one
        self.frames += 1
        view = self.feed.view()
        width, height = self.size
        if height < cards.MIN_HEIGHT or width < cards.MIN_WIDTH:
            self._painting("ladder").show(cards.too_small(view, width, height), view.frozen)
            return
        shape = self._shape(width, height)
        body = self._painting("ladder").size
        depth = ladder.depth_of(body.height, shape)
        heading = (
            header.mini(view, width, depth)
            if shape.mini
            else [header.header(view, width, depth), header.second(view, width)]
        )
        self._painting("header").show(heading, view.frozen)
        dimmed = view.frozen and view.had_book
        self._painting("ladder").show(self._body(view, body.width, body.height, shape), dimmed)
        if not shape.mini:
            self._painting("pressure").show([header.pressure(view, width, depth)], dimmed)
        self._painting("footer").show([header.footer(view, width)])

    def _body(self, view: View, width: int, height: int, shape: ladder.Shape) -> list[Row]:
        if not view.had_book or view.book is None:
            return cards.card(view, width, height)
        self._formats = Formats.measure(view.book, ladder.depth_of(height, shape), self._formats)
        return ladder.rows(view, width, height, self._formats, shape)

    def _painting(self, name: str) -> Painting:
        return self.screen_stack[0].query_one(f"#{name}", Painting)

    def _shape(self, width: int, height: int) -> ladder.Shape:
        small = width < ladder.MINI_WIDTH or height < ladder.MINI_HEIGHT
        return ladder.Shape(mini=small, mono=self.look.mono)

    def on_resize(self, event: events.Resize) -> None:
        """Another size: another layout, drawn once it stands."""
        self._arrange(event.size.width, event.size.height)
        self.call_after_refresh(self.draw)

    def _arrange(self, width: int, height: int) -> None:
        base = self.screen_stack[0]
        base.set_class(self._shape(width, height).mini, "-mini")
        base.set_class(width < cards.MIN_WIDTH or height < cards.MIN_HEIGHT, "-tiny")

    def action_pause(self) -> None:
        """Freezes what is drawn, not what is received."""
        self.feed.toggle_pause()
        self.draw()

    def action_retry(self) -> None:
        """Connects now."""
        self._stream.retry_now()

    def action_help(self) -> None:
        """The help page."""
        self.push_screen(HelpPage())

    def action_help_quit(self) -> None:
        """Ctrl+C: the first says how to leave, a second one leaves."""
        now = self._clock()
        if self._warned_ns is not None and now - self._warned_ns < QUIT_AGAIN_NS:
            self.exit()
            return
        self._warned_ns = now
        self.notify("press q, or Ctrl+C again, to quit", timeout=2)


def _theme(look: Look) -> Theme:
    return Theme(
        name=f"onebook-{look.name}",
        primary="#8ab4f8",
        background=look.background,
        surface=look.background,
        panel=look.background,
        foreground=look.foreground,
        dark=True,
    )


def look_named(name: str, no_color: bool) -> Look:
    """The look of a theme's name; without colour there is only one."""
    return LOOKS["mono" if no_color else name]
