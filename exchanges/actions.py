"""What a protocol wants done. The feed carries out those on books, the connection's thread those on the network."""

from typing import NamedTuple

from book import Stamps, State, VenueBook
from book.venue_book import Levels


class Snapshot(NamedTuple):
    """One decoded snapshot, complete at `position`, with its horizon (None: the whole side is known)."""

    position: int  # the venue's update id or stamp
    bids: Levels
    asks: Levels
    venue_ns: int
    known_bid: float | None
    known_ask: float | None


class Load(NamedTuple):
    """Replace the book by a snapshot."""

    symbol: str
    snapshot: Snapshot

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Carries it out; the pair's lock is held."""
        position, bids, asks, venue_ns, known_bid, known_ask = self.snapshot
        book.load(bids, asks, position, Stamps(venue_ns, received_ns, applied_ns), known_bid, known_ask)
        return None


class Apply(NamedTuple):
    """Apply one diff, whose continuity is proven."""

    symbol: str
    bids: Levels
    asks: Levels
    position: int
    venue_ns: int

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Carries it out; the pair's lock is held."""
        book.apply(self.bids, self.asks, self.position, Stamps(self.venue_ns, received_ns, applied_ns))
        return None


class Become(NamedTuple):
    """Enter a state, for a reason in words."""

    symbol: str
    state: State
    reason: str = ""

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Carries it out; the pair's lock is held."""
        book.become(self.state, self.reason, applied_ns)
        return None


class Audit(NamedTuple):
    """The venue's own second view: at `position` these were its best `depth` levels, or all where fewer are told.

    Nothing is compared at another position.
    """

    symbol: str
    position: int
    bids: Levels
    asks: Levels
    depth: int

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Compares; returns what differs, None when all is equal. The pair's lock is held."""
        if book.position != self.position or book.state is not State.LIVE:
            return None
        for name, side, told in (("bid", book.bids, self.bids), ("ask", book.asks, self.asks)):
            ours = side.top(self.depth)
            if ours != told:
                book.counters.audits_failed += 1
                return _difference(name, ours, told)
        book.counters.audits_passed += 1
        return None


class Count(NamedTuple):
    """Add one to a counter of the book."""

    symbol: str
    counter: str

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Carries it out; the pair's lock is held."""
        setattr(book.counters, self.counter, getattr(book.counters, self.counter) + 1)
        return None


class Send(NamedTuple):
    """Send this text frame."""

    text: str


class Fetch(NamedTuple):
    """Ask for a snapshot by REST after `delay_s`; the answer comes back with the same symbol and generation."""

    symbol: str
    generation: int
    path: str  # with its query, below the venue's REST address
    weight: int
    delay_s: float = 0.0


class Timer(NamedTuple):
    """Call back after `delay_s` with the same symbol, generation and purpose. Stale ones are ignored there."""

    symbol: str
    generation: int
    purpose: str
    delay_s: float


class Garbage(NamedTuple):
    """A frame could not be understood. `symbol` is "" where it is unknown whose book it was for."""

    symbol: str
    kind: str
    frame: bytes


class Reconnect(NamedTuple):
    """Close this connection and open another one at once."""

    reason: str


BookAction = Load | Apply | Become | Audit | Count
NetworkAction = Send | Fetch | Timer | Reconnect
Action = BookAction | NetworkAction | Garbage


def _difference(name: str, ours: Levels, told: Levels) -> str:
    for rank, level in enumerate(told):
        mine = ours[rank] if rank < len(ours) else None
        if mine != level:
            shown = f"{mine[0]} x {mine[1]}" if mine else "nothing"
            return f"{name} {rank + 1} is {shown}, the venue says {level[0]} x {level[1]}"
    return f"{name} side: {len(ours)} levels, the venue says {len(told)}"
