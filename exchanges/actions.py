"""What a protocol wants done. The feed carries out those on books, the connection's thread those on the network."""

from collections.abc import Callable, Iterator, Sequence, Set
from typing import NamedTuple

from book import Check, Print, Side, Stamps, State, TradeTape, VenueBook
from book.venue_book import Levels
from exchanges.doubts import Doubts, Place


class Snapshot(NamedTuple):
    """One decoded snapshot, complete at `position`, with its horizon (None: the whole side is known)."""

    position: int  # the venue's update id or stamp
    bids: Levels
    asks: Levels
    venue_ns: int
    known_bid: float | None
    known_ask: float | None

    @property
    def crossed(self) -> bool:
        """Whether its best bid is not below its best ask: its two sides are of different moments."""
        bid = max((price for price, amount in self.bids if amount), default=None)
        ask = min((price for price, amount in self.asks if amount), default=None)
        return bid is not None and ask is not None and bid >= ask


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
    """Apply one diff, whose continuity is proven. `depth`: the venue keeps so many levels a side; 0: all."""

    symbol: str
    bids: Levels
    asks: Levels
    position: int
    venue_ns: int
    depth: int = 0

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Carries it out; the pair's lock is held."""
        stamps = Stamps(self.venue_ns, received_ns, applied_ns)
        book.apply(self.bids, self.asks, self.position, stamps, self.depth)
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
        book.confirm(Check.SECOND_VIEW, received_ns)
        return None


class Verify(NamedTuple):
    """The venue's checksum over the top of its book at this very position; `compute` makes ours."""

    symbol: str
    told: int
    compute: Callable[[Levels, Levels], int]  # of the best bids and asks, best first
    depth: int  # levels a side that it covers

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Compares; returns what differs, None when all is equal. The pair's lock is held."""
        if book.state is not State.LIVE:
            return None
        ours = self.compute(book.bids.top(self.depth), book.asks.top(self.depth))
        if ours != self.told:
            book.counters.audits_failed += 1
            return f"checksum {ours}, the venue says {self.told}"
        book.confirm(Check.CHECKSUM, received_ns)
        return None


class Compare(NamedTuple):
    """A REST book of another moment: every level that both it and ours know must agree, but for the `touched`.

    `touched`: the prices of bids and asks that diffs have changed between the two moments.
    `heal`: what a difference, in words, calls for; None: the book is in error, and built anew.
    `doubts`: a difference proves nothing by itself, and is weighed there together with those of other moments.
    """

    symbol: str
    snapshot: Snapshot
    touched: tuple[Set[float], Set[float]]
    heal: "Callable[[str], list[Action]] | None" = None
    doubts: Doubts | None = None

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Compares; returns what differs, None when all is equal. The pair's lock is held."""
        if book.state is not State.LIVE:
            return None
        told = self.snapshot
        sides = (
            ("bid", book.bids, told.bids, told.known_bid, self.touched[0]),
            ("ask", book.asks, told.asks, told.known_ask, self.touched[1]),
        )
        differing = (each for side in sides for each in _unlike(*side))
        if self.doubts is None:
            differs = next((words for _, _, words in differing), None)
        else:
            found = {place: (amount, words) for place, amount, words in differing}
            proven = self.doubts.weigh({place: amount for place, (amount, _) in found.items()})
            if found and not proven:
                return None
            differs = f"{found[proven][1]}, not for the first time" if proven else None
        if differs:
            book.counters.audits_failed += 1
            return f"{differs} (REST book at {told.position}, ours at {book.position})"
        book.confirm(Check.REST_BOOK, received_ns)
        return None


class Count(NamedTuple):
    """Add one to a counter of the book."""

    symbol: str
    counter: str

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Carries it out; the pair's lock is held."""
        setattr(book.counters, self.counter, getattr(book.counters, self.counter) + 1)
        return None


class Threshold(NamedTuple):
    """From now on, so long a silence of this book is looked into."""

    symbol: str
    threshold_s: float

    def on(self, book: VenueBook, received_ns: int, applied_ns: int) -> str | None:
        """Carries it out; the pair's lock is held."""
        book.expect(round(self.threshold_s * 1e9))
        return None


class Traded(NamedTuple):
    """Trades of one message, as the venue tells them."""

    symbol: str
    prints: Sequence[Print]

    def on(self, tape: TradeTape, venue: str, received_ns: int, applied_ns: int) -> None:
        """Carries it out."""
        tape.add(venue, self.prints, received_ns, applied_ns)


class TradesStand(NamedTuple):
    """From now on every trade of the symbol comes."""

    symbol: str

    def on(self, tape: TradeTape, venue: str, received_ns: int, applied_ns: int) -> None:
        """Carries it out."""
        tape.stand(venue, received_ns)


class TradesMissed(NamedTuple):
    """Trades of the symbol may be missing, for a reason in words."""

    symbol: str
    reason: str

    def on(self, tape: TradeTape, venue: str, received_ns: int, applied_ns: int) -> None:
        """Carries it out."""
        tape.miss(venue, self.reason, applied_ns)


class Send(NamedTuple):
    """Send this text frame."""

    text: str


class Fetch(NamedTuple):
    """Ask for a snapshot by REST after `delay_s`; the answer comes back with this request."""

    symbol: str
    generation: int
    path: str  # with its query, below the venue's REST address
    weight: int
    levels: int = 0  # a side, that were asked for; a side with fewer is whole. 0: all there are
    delay_s: float = 0.0
    probe: bool = False  # to compare a live book with, not to build one from
    share: float = 1.0  # given up at once where more than this share of our budget would be used; 1: waited for
    cheaper: tuple[str, int, int] | None = None  # path, weight, levels of what will do where the budget is short


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
    """Replace this connection by another one at once; `overlap`: the new one takes over before this one is closed."""

    reason: str
    overlap: bool = False


BookAction = Load | Apply | Become | Audit | Verify | Compare | Count | Threshold
TradeAction = Traded | TradesStand | TradesMissed
NetworkAction = Send | Fetch | Timer | Reconnect
Action = BookAction | TradeAction | NetworkAction | Garbage


def _difference(name: str, ours: Levels, told: Levels) -> str:
    for rank, level in enumerate(told):
        mine = ours[rank] if rank < len(ours) else None
        if mine != level:
            shown = f"{mine[0]} x {mine[1]}" if mine else "nothing"
            return f"{name} {rank + 1} is {shown}, the venue says {level[0]} x {level[1]}"
    return f"{name} side: {len(ours)} levels, the venue says {len(told)}"


def _unlike(
    name: str, side: Side, levels: Levels, known: float | None, touched: Set[float]
) -> Iterator[tuple[Place, object, str]]:
    """The levels within both horizons that are not the same on both sides: which, the amount told, and in words."""
    told = {price: amount for price, amount in levels if amount}
    for price in [price for price in side.amounts if price not in told]:
        if not (price in touched or side.beyond_horizon(price) or _beyond(price, known, bids=name == "bid")):
            yield (name, price), None, f"{name} {price} x {side.amounts[price]} is not in the venue's book"
    for price, amount in told.items():
        if price not in touched and side.amounts.get(price) != amount and not side.beyond_horizon(price):
            ours = side.amounts.get(price)
            words = f"{name} {price} is {'missing' if ours is None else f'x {ours}'}, the venue says x {amount}"
            yield (name, price), amount, words


def _beyond(price: float, known: float | None, *, bids: bool) -> bool:
    return known is not None and (price < known if bids else price > known)
