"""The event log: what happened to the feed and to the venues, in words, the newest kept."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from dashboard import venues
from dashboard.feed import Failure
from dashboard.market import Book, Touch, Venue
from dashboard.rows import Role

KEPT = 500


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

    def switched(self) -> None:
        """Another pair: nothing of the last book is compared with what comes."""
        self._book = None

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
        if before is not None:
            self._cross(before, book)

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

    def _cross(self, before: Book, book: Book) -> None:
        if book.touch is Touch.CROSSED and before.touch is not Touch.CROSSED:
            bidder, asker = (side[0].amounts[0][0] for side in (book.bids, book.asks))
            names = [book.venues[index].name for index in (bidder, asker)]
            if bidder == asker:
                self.note(f"{names[0]} is crossed in itself: its feed cannot be right", "×", Role.BAD)
            else:
                self.note(f"crossed: bid of {names[0]} above ask of {names[1]}", "×", Role.WARN)
