"""One venue's book of one pair, with every fact that tells how far it can be trusted."""

from copy import copy
from typing import NamedTuple

import msgspec

from book.connections import Connections
from book.consistency import NO_DISTANCE, Distance, Top
from book.instrument import Instrument
from book.pair import Pair
from book.rate import raised
from book.side import NO_DUST, Dust, Level, Side
from book.state import Check, State

Levels = list[tuple[float, float]]


class Stamps(NamedTuple):
    """The three times of an update, integer ns since the epoch; 0 where the venue gives none."""

    venue_ns: int = 0  # the venue's own stamp
    received_ns: int = 0  # read from its socket
    applied_ns: int = 0  # applied to the book


class Counters(msgspec.Struct, gc=False):
    """Counts since the program started; they survive every resync."""

    updates: int = 0  # diffs and snapshots applied
    gaps: int = 0  # discontinuities found
    resyncs: int = 0  # times the book was lost and rebuilt, for any reason
    ignored: int = 0  # diffs that were already inside the book
    unknown_removals: int = 0  # removals of levels that the book did not have
    audits_passed: int = 0
    audits_failed: int = 0
    crossed: int = 0  # updates after which the best bid was not below the best ask
    garbage: int = 0  # frames that could not be understood
    connects: int = 0
    rotations: int = 0  # times that another connection took the book over without a hole
    restarts: int = 0  # times that an internal error ended the connection's session


class Trust(msgspec.Struct, frozen=True, gc=False):
    """What tells how far a book can be believed, beside its state, its stamps and its counters."""

    least_lag_ns: int | None = None  # the least (received - venue's stamp) of late; None: no update had a stamp
    threshold_ns: int = 0  # of silence, after which the book is not simply believed any more; 0: none is set
    connections: int = 0  # of the venue, standing now
    checked_by: Check = Check.NONE
    checked_ns: int = 0  # when what confirmed the book was received; 0: not yet, since it was built
    rate: float = 0.0  # updates a second, as of the newest one


NO_TRUST = Trust()


class VenueView(msgspec.Struct, frozen=True, gc=False):
    """An immutable picture of a VenueBook at one moment: its trust facts and its best levels, best first.

    `bids` and `asks` are empty unless the state is LIVE. `known_bid` and `known_ask` are the horizon: beyond
    these prices the side is unknown until the venue sends it; None means that the whole side is known.
    """

    venue: str
    symbol: str
    state: State
    reason: str
    since_ns: int
    next_try_ns: int
    position: int
    stamps: Stamps
    counters: Counters
    known_bid: float | None
    known_ask: float | None
    bids: tuple[Level, ...]  # each with the venue's rank: its index among the pair's venues
    asks: tuple[Level, ...]
    more_bids: bool = False  # the book holds bids beyond the last of `bids` that were not asked for (maybe all dust)
    more_asks: bool = False
    trust: Trust = NO_TRUST
    distance: Distance = NO_DISTANCE  # from the other venues
    routed_from: str = ""  # the venue whose book this is
    left_out: str = ""  # why it is not merged although it is live; empty: it is
    member: Pair | None = None  # in a quote group: the pair of this book, whose prices are told in the group's unit


class VenueBook:
    """The full-depth book of one pair on one venue.

    Written by the thread of the venue's connection alone, always under the lock of its PairBooks; readers take
    views under the same lock. Times are passed in.
    """

    __slots__ = (
        "_trust",
        "asks",
        "bids",
        "checked_by",
        "checked_ns",
        "connections",
        "counters",
        "crossed_since_ns",
        "distance",
        "generation",
        "instrument",
        "least_lag_ns",
        "loaded_best",
        "next_try_ns",
        "pair",
        "position",
        "rank",
        "rate",
        "reason",
        "since_ns",
        "stamps",
        "state",
        "symbol",
        "threshold_ns",
        "venue",
    )

    def __init__(
        self, venue: str, pair: Pair, symbol: str = "", instrument: Instrument | None = None, rank: int = 0
    ) -> None:
        self.venue = venue
        self.pair = pair
        self.symbol = symbol
        self.instrument = instrument
        self.rank = rank  # among the venues of the pair
        self.bids = Side(bids=True)
        self.asks = Side(bids=False)
        self.state = State.CONNECTING
        self.reason = "not connected yet"
        self.since_ns = 0
        self.next_try_ns = 0
        self.position = 0  # the venue's update id or stamp up to which the book is complete
        self.generation = 0  # rises with every rebuild
        self.loaded_best: tuple[float | None, float | None] = (None, None)  # best bid and ask of the last snapshot
        self.stamps = Stamps()
        self.crossed_since_ns = 0  # 0: not crossed
        self.counters = Counters()
        self.least_lag_ns: int | None = None
        self.rate = 0.0
        self.checked_ns = 0
        self.checked_by = Check.NONE
        self.threshold_ns = 0
        self.distance = NO_DISTANCE  # from the other venues, while it is live
        # What the views since the last change tell, so that those of a book which stands still share it.
        self._trust: Trust | None = None
        self.connections = Connections()  # replaced by that of the venue, where there is one

    def load(
        self,
        bids: Levels,
        asks: Levels,
        position: int,
        stamps: Stamps,
        known_bid: float | None = None,
        known_ask: float | None = None,
    ) -> None:
        """Replaces the whole book by a snapshot, valid at `position`; does not change the state."""
        self.bids.load(bids, known_bid)
        self.asks.load(asks, known_ask)
        self.loaded_best = (self.bids.best(), self.asks.best())
        self.position = position
        self.generation += 1
        self.rate = raised(self.rate, stamps.received_ns - self.stamps.received_ns)
        self._trust = None
        self.stamps = stamps
        self.counters.updates += 1
        self._watch_cross(stamps.received_ns)

    def apply(self, bids: Levels, asks: Levels, position: int, stamps: Stamps, depth: int = 0) -> None:
        """Applies one diff whole: absolute amounts, 0 removes. Continuity is the caller's to prove.

        `depth`: the venue keeps so many levels a side, and tells of no removal of what falls out; 0: all.
        """
        counters = self.counters
        counters.unknown_removals += self.bids.apply(bids) + self.asks.apply(asks)
        if depth:
            self.bids.cut(depth)
            self.asks.cut(depth)
        counters.updates += 1
        self.position = position
        self.rate = raised(self.rate, stamps[1] - self.stamps[1])
        self._trust = None
        self.stamps = stamps
        self._watch_cross(stamps.received_ns)

    def confirm(self, by: Check, now_ns: int) -> None:
        """The book was held against something else of the venue's, received at `now_ns`, and is right."""
        self.counters.audits_passed += 1
        self.checked_by, self.checked_ns = by, now_ns
        self._trust = None

    def expect(self, threshold_ns: int) -> None:
        """From now on so long a silence is looked into."""
        self.threshold_ns = threshold_ns
        self._trust = None

    def describe(self, instrument: Instrument) -> None:
        """The venue's catalog says something else now, but for the symbol and the kind of its numbers."""
        self.instrument = instrument
        self._trust = None

    def follow(self, present: "VenueBook") -> None:
        """Begins anew in the place of `present`, whose writer may go on with it unseen: counters and stamps last."""
        self.counters = copy(present.counters)
        self.counters.resyncs += present.state is State.LIVE
        self.rank = present.rank
        self.stamps = present.stamps
        self._trust = None

    def succeed(self, present: "VenueBook") -> None:
        """Goes on with what is known of `present`, the same venue's book that it takes the place of.

        What confirmed `present` confirms this one, which was made out of it, where both are live.
        """
        present.counters.connects += self.counters.connects
        self.counters = present.counters
        present.counters = copy(present.counters)
        self.rank = present.rank
        self.connections = present.connections
        self.threshold_ns = self.threshold_ns or present.threshold_ns
        self._trust = None
        self.rate = max(self.rate, present.rate)  # ours has counted for a shorter time
        if self.least_lag_ns is None:
            self.least_lag_ns = present.least_lag_ns
        if self.state is present.state:
            self.since_ns = present.since_ns
            self.distance = present.distance
            if present.checked_ns > self.checked_ns:
                self.checked_by, self.checked_ns = present.checked_by, present.checked_ns

    def become(self, state: State, reason: str, now_ns: int, next_try_ns: int = 0) -> bool:
        """Enters `state` because of `reason`; returns whether anything changed.

        A book that is not live keeps no levels: nothing of it may be shown, and a resync starts from nothing.
        """
        if state is self.state and reason == self.reason and next_try_ns == self.next_try_ns:
            return False
        if state is not self.state:
            self.since_ns = now_ns
            if self.state is State.LIVE:
                self.counters.resyncs += 1
        self.state, self.reason, self.next_try_ns = state, reason, next_try_ns
        if state is not State.LIVE:
            self.bids.clear()
            self.asks.clear()
            self.crossed_since_ns = 0
            self.checked_by, self.checked_ns = Check.NONE, 0
            self.distance = NO_DISTANCE
            self._trust = None
        return True

    def top(self) -> Top | None:
        """The best prices to compare with those of other venues; None: not live, or a side is empty."""
        bid, ask = self.bids.best(), self.asks.best()
        if self.state is not State.LIVE or bid is None or ask is None:
            return None
        return Top(self.venue, float(bid), float(ask))

    def copy_levels(self) -> tuple[Levels, Levels]:
        """All bids and asks as they are now, in no order."""
        return list(self.bids.amounts.items()), list(self.asks.amounts.items())

    def horizon_worn(self) -> float:
        """How much of the depth known at the last snapshot the best prices have used up: 0 none, 1 all of it."""
        worn = 0.0
        for side, start in zip((self.bids, self.asks), self.loaded_best, strict=True):
            best = side.best()
            if side.horizon is None or start is None or side.horizon == start:
                continue
            if best is None:
                return 1.0
            worn = max(worn, float((start - best) / (start - side.horizon)))
        return worn

    @property
    def routed_from(self) -> str:
        """The venue whose book this is; empty: its own."""
        return self.instrument.routed_from if self.instrument else ""

    def view(self, levels: int, dust: Dust = NO_DUST, left_out: str = "") -> VenueView:
        """An immutable picture with the best `levels` of each side that are no dust.

        `left_out`: why it is not merged.
        """
        bids: list[Level] = []
        asks: list[Level] = []
        if self.state is State.LIVE and levels:
            if dust.amount or dust.notional:
                bids = self.bids.ladder_without(levels, self.rank, dust)
                asks = self.asks.ladder_without(levels, self.rank, dust)
            else:
                bids, asks = self.bids.ladder(levels, self.rank), self.asks.ladder(levels, self.rank)
        return VenueView(
            self.venue,
            self.symbol,
            self.state,
            self.reason,
            self.since_ns,
            self.next_try_ns,
            self.position,
            self.stamps,
            copy(self.counters),
            self.bids.horizon,
            self.asks.horizon,
            tuple(bids),
            tuple(asks),
            0 < levels == len(bids) < len(self.bids),
            0 < levels == len(asks) < len(self.asks),
            self._told(),
            self.distance,
            self.routed_from,
            left_out,
        )

    def _told(self) -> Trust:
        connections = self.connections.standing  # written by others, without a word to us
        trust = self._trust
        if trust is None or trust.connections != connections:
            trust = self._trust = Trust(
                self.least_lag_ns, self.threshold_ns, connections, self.checked_by, self.checked_ns, self.rate
            )
        return trust

    def check(self) -> None:
        """Raises AssertionError when an invariant is broken. For tests: it visits every level."""
        self.bids.check()
        self.asks.check()
        if self.state is not State.LIVE:
            assert self.reason, f"{self.state} without a reason"
        bid, ask = self.bids.best(), self.asks.best()
        crossed = bid is not None and ask is not None and bid >= ask
        assert crossed == bool(self.crossed_since_ns), "the crossed mark is wrong"

    def _watch_cross(self, now_ns: int) -> None:
        bid, ask = self.bids.best(), self.asks.best()
        if bid is not None and ask is not None and bid >= ask:
            self.counters.crossed += 1
            self.crossed_since_ns = self.crossed_since_ns or now_ns or 1
        else:
            self.crossed_since_ns = 0
