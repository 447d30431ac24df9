"""The event log: what happened to the feed and to the venues, in words, the newest kept."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from dashboard import venues
from dashboard.feed import Failure
from dashboard.market import Book, Touch, Venue
from dashboard.numbers import SECOND_NS, age
from dashboard.rows import Role

KEPT = 500
CROSS_NS = SECOND_NS  # venues cross for a moment all the time: what lasts so long is an event


class Event(NamedTuple):
    """One line. `at_ns`: since the epoch, by this machine's clock."""

    at_ns: int
    glyph: str
    role: Role
    text: str


class Journal:
    """Takes what the stream tells, and writes down what changed."""

    def __init__(self, wall: Callable[[], int]) -> None:
        """`wall`: ns since the epoch."""
        self._wall = wall
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._book: Book | None = None
        self._lost = False
        self._crossed_ns: int | None = None  # the venues cross since
        self._cross_told = False
        self._brief = 0  # crosses that were too short to be told

    @property
    def events(self) -> tuple[Event, ...]:
        """Oldest first."""
        return tuple(self._events)

    def note(self, text: str, glyph: str = "·", role: Role = Role.NORMAL) -> None:
        """A line of any kind."""
        self._events.append(Event(self._wall(), glyph, role, text))

    def ended(self, failure: Failure) -> None:
        """The stream is gone; attempts that fail afterwards are no news."""
        if not self._lost:
            self.note(f"server: {failure}", "✕", Role.BAD)
        self._lost = True
        self._crossed_ns, self._cross_told = None, False

    def switched(self) -> None:
        """Another pair: nothing of the last book is compared with what comes."""
        self._book = None
        self._crossed_ns, self._cross_told, self._brief = None, False, 0

    def received(self, book: Book) -> None:
        """A message: what differs from the one before is written down."""
        if self._lost:
            self.note("server: connected again", "●", Role.GOOD)
            self._lost = False
        before, self._book = self._book, book
        if before is None or before.pair != book.pair:
            live = f"{book.live_venues} of {book.wanted_venues} venues live"
            self.note(f"{book.pair or 'the default pair'}: {live}", "●", Role.GOOD)
            before = None
        known = {(venue.name, venue.symbol): venue for venue in before.venues} if before else {}
        for venue in book.venues:
            self._venue(venue, known.get((venue.name, venue.symbol)))
        self._cross(book)

    def _venue(self, venue: Venue, before: Venue | None) -> None:
        glyph, word, role = venues.state_of(venue)
        told = venues.worded(word, venues.why(venue))
        if before is None:
            if venue.wanted and not venue.live:
                self.note(f"{venue.name} {told}", glyph, role)
            return
        if venues.state_of(before)[1] != word:
            self.note(f"{venue.name} {told}", glyph, role)
        if venue.gaps > before.gaps:
            self.note(f"{venue.name} {venues.worded('gap', venue.reason)}", "↻", Role.WARN)
        if venue.audits_failed > before.audits_failed:
            self.note(f"{venue.name} audit failed: its book was not the venue's own", "✕", Role.BAD)
        if venue.rotations > before.rotations:
            self.note(f"{venue.name} another connection took the book over", "·", Role.QUIET)

    def _cross(self, book: Book) -> None:
        """Once a cross has lasted; then its end. Those that did not are counted with the next one."""
        now = self._wall()
        if book.touch is not Touch.CROSSED:
            if self._cross_told and self._crossed_ns is not None:
                self.note(f"no longer crossed, after {age(now - self._crossed_ns)}", "·", Role.QUIET)
            elif self._crossed_ns is not None:
                self._brief += 1
            self._crossed_ns, self._cross_told = None, False
            return
        self._crossed_ns = now if self._crossed_ns is None else self._crossed_ns
        lasted_ns = now - self._crossed_ns
        bidder, asker = (side[0].amounts[0][0] for side in (book.bids, book.asks))
        if self._cross_told or (lasted_ns < CROSS_NS and bidder != asker):
            return
        self._cross_told = True
        names = [book.venues[index].name for index in (bidder, asker)]
        if bidder == asker:
            self.note(f"{names[0]} is crossed in itself: its feed cannot be right", "×", Role.BAD)
            return
        told = f"; {self._brief:,} shorter ones before" if self._brief else ""
        self.note(f"crossed for {age(lasted_ns)}: bid of {names[0]} above ask of {names[1]}{told}", "×", Role.WARN)
        self._brief = 0
