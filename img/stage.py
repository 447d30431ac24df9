"""The dashboard in front of a tape: the real application, its stream replaced by what a server said before.

Every clock is ours and moves with the tape, so a moment of it looks the same whenever it is drawn.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from textual.pilot import Pilot

from dashboard.app import Dashboard
from dashboard.market import Book, decode
from dashboard.settings import Settings, server_of
from dashboard.stream import Target
from img.tape import Entry
from proto import orderbook_pb2 as pb

SECOND_NS = 1_000_000_000
FRAME_NS = 4_000_000  # of processor time that the clock of the stage gives each picture: about what it takes


class Clocks:
    """Time on the stage."""

    def __init__(self, wall_ns: int) -> None:
        self.ns = 0  # since the tape's start
        self.spent_ns = 0  # of processor time
        self._wall_ns = wall_ns

    def monotonic(self) -> int:
        """Never 0, which means never in places."""
        return SECOND_NS + self.ns

    def wall(self) -> int:
        """Since the epoch."""
        return self._wall_ns + self.ns

    def cpu(self) -> int:
        """Of this process."""
        return self.spent_ns


class Actor(Dashboard):
    """The dashboard, which draws when it is told to and not by itself."""

    def _awake(self) -> None:
        """No news is drawn before the stage says so."""

    def _tick(self) -> None:
        """Nor does time pass by itself."""


class Stage:
    """A tape and the application that is shown it."""

    def __init__(self, app: Actor, pilot: "Pilot[None]", clocks: Clocks, entries: Sequence[Entry]) -> None:
        self.app = app
        self._pilot = pilot
        self._clocks = clocks
        self._entries = entries
        self._next = 0
        self._held: Book | None = None

    async def to(self, at_s: float) -> None:
        """Goes on to that second of the tape; each book is drawn, as it would be live."""
        until_ns = round(at_s * SECOND_NS)
        while self._next < len(self._entries) and self._entries[self._next].at_ns <= until_ns:
            entry = self._entries[self._next]
            self._next += 1
            self._clocks.ns = entry.at_ns
            self._take(entry.message)
            if isinstance(entry.message, pb.Book):
                await self.draw()
        self._clocks.ns = until_ns
        await self.draw()

    def _take(self, message: Any) -> None:
        desk = self.app.desk
        if isinstance(message, pb.Book):
            self._held = decode(message, self._held)
            desk.received(self._held)
        elif isinstance(message, pb.Trades):
            desk.trades_came(message)
        elif isinstance(message, pb.Status):
            desk.status_came(message)
        else:
            desk.pairs_came(message)

    async def draw(self) -> None:
        """A picture of now, with all panels."""
        self.app.draw(everything=True)
        self._clocks.spent_ns += FRAME_NS
        await self._pilot.pause()

    async def press(self, *keys: str) -> None:
        """Presses keys, in Textual's names."""
        await self._pilot.press(*keys)
        await self.draw()

    def svg(self, title: str) -> str:
        """What is on the screen."""
        return self.app.export_screenshot(title=title)


@contextlib.asynccontextmanager
async def staged(
    facts: dict[str, Any], entries: Sequence[Entry], size: tuple[int, int], settings: Settings
) -> AsyncIterator[Stage]:
    """A stage of so many columns and rows, at the tape's start."""
    clocks = Clocks(facts["wall_ns"])
    host, port = server_of(facts["address"])
    app = Actor(
        Target(host, port),
        pb.BookRequest(pair=facts["pair"]),
        settings=settings,
        clock=clocks.monotonic,
        wall=clocks.wall,
        cpu=clocks.cpu,
        connect=False,
    )
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Stage(app, pilot, clocks, entries)
