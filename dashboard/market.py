"""A `Book` message as immutable integers, and the figures that are computed from it without binary floats."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from proto import orderbook_pb2 as pb


class DashboardError(Exception):
    """Base of the errors of this package."""


class MalformedBook(DashboardError):
    """The server sent a message that breaks its own contract; the text says how."""


class Level(NamedTuple):
    """One price of one side, in units of the book's decimals; `amounts`: (venue index, amount), larger first."""

    price: int
    amount: int
    amounts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Venue:
    """What one venue's book is worth in one message. Stamps: ns since the epoch by the server's clock, 0: unknown."""

    name: str
    symbol: str
    state: int
    reason: str
    since_ns: int
    next_try_ns: int
    received_ns: int
    age_ns: int
    updates: int
    gaps: int
    resyncs: int
    audits_passed: int
    audits_failed: int
    garbage: int
    connects: int
    rotations: int
    lag_ns: int | None  # received - the venue's stamp, signed; None: no stamp
    least_lag_ns: int | None  # the least of late: the offset of the venue's clock plus the fastest transit
    rate_milli: int  # updates a second, times 1000
    checked_ns: int  # the book was last confirmed; 0: not since it was built
    checked_by: int
    threshold_ns: int  # of silence
    connections: int  # to this venue
    ppm: int  # its mid is off that of the venue next to it, in millionths
    against: str  # that venue; empty: not compared
    far_since_ns: int  # far from all others; 0: it is not
    suspect: bool
    left_out: bool  # its levels are not merged for that
    known_bid: int | None
    known_ask: int | None
    best_bid: int | None
    best_ask: int | None
    pair: str = ""  # in a quote group: the member that this is the book of

    @property
    def live(self) -> bool:
        """Its levels are part of the merged book."""
        return self.state == pb.LIVE and not self.left_out

    @property
    def wanted(self) -> bool:
        """It could be live: neither switched off nor without this pair."""
        return self.state not in (pb.DISABLED, pb.UNLISTED)


class Clocks(NamedTuple):
    """Stamps of the newest update in a message, ns since the epoch; 0: unknown."""

    venue_ns: int
    received_ns: int
    applied_ns: int
    sent_ns: int


class Analytic(NamedTuple):
    """One figure that the server computed. `value` is a decimal, None where it is not defined."""

    name: str
    part: str
    value: str | None
    unit: str
    reason: str
    complete: bool


class Conversion(NamedTuple):
    """What the quote of a quote group's member is worth in the group's unit. Numbers are decimals, as they came."""

    quote: str
    unit: str
    par: bool  # taken as worth one unit; otherwise by the books of `pairs`
    pairs: tuple[str, ...]
    live: bool  # otherwise the member is not merged, because of `reason`
    reason: str
    bid: str
    ask: str
    bid_amount: str
    ask_amount: str
    received_ns: int
    age_ns: int
    par_ppm: int | None  # the middle of bid and ask off 1
    basis_ppm: int | None  # the member's mid, converted, off the unit's
    venues: tuple[tuple[str, int], ...]  # whose books they are: name and state


class Touch(Enum):
    """How the two best prices stand to each other."""

    EMPTY = "empty"
    OPEN = "open"
    LOCKED = "locked"
    CROSSED = "crossed"


@dataclass(frozen=True, slots=True)
class Book:
    """The merged book of one pair. Prices and amounts are integers of `price_decimals` and `amount_decimals`."""

    pair: str
    sequence: int
    conflated: int
    price_decimals: int
    amount_decimals: int
    venues: tuple[Venue, ...]
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    clocks: Clocks
    heartbeat: bool
    closing: bool
    analytics: tuple[Analytic, ...] = ()
    net_of_fees: bool = False
    unit: str = ""  # of a quote group: what prices are told in
    conversions: tuple[Conversion, ...] = ()

    @property
    def base(self) -> str:
        """The asset that amounts count; empty when the pair's name has no slash."""
        return self.pair.partition("/")[0] if "/" in self.pair else ""

    @property
    def quote(self) -> str:
        """The asset that prices count; empty when the pair's name has no slash."""
        return self.unit or self.pair.partition("/")[2]

    @property
    def members(self) -> tuple[str, ...]:
        """The pairs of a quote group that venues trade; none of a pair."""
        return tuple(sorted({venue.pair for venue in self.venues if venue.pair}))

    @property
    def live_venues(self) -> int:
        """How many venues are part of the merged book."""
        return sum(venue.live for venue in self.venues)

    @property
    def wanted_venues(self) -> int:
        """How many venues could be part of the merged book."""
        return sum(venue.wanted for venue in self.venues)

    @property
    def twice_mid(self) -> int | None:
        """Best bid + best ask: the mid price at half a unit, as an integer. None when a side is empty."""
        return self.bids[0].price + self.asks[0].price if self.bids and self.asks else None

    @property
    def spread(self) -> int | None:
        """Best ask - best bid, negative when venues cross; taken from the levels shown, so that all figures agree."""
        return self.asks[0].price - self.bids[0].price if self.bids and self.asks else None

    @property
    def touch(self) -> Touch:
        """Open, locked, crossed, or a side is empty."""
        spread = self.spread
        if spread is None:
            return Touch.EMPTY
        if spread > 0:
            return Touch.OPEN
        return Touch.CROSSED if spread else Touch.LOCKED

    def sums(self, depth: int) -> tuple[int, int]:
        """Amounts of the best levels of both sides: as many of each as the shorter side has, at most `depth`."""
        depth = min(depth, len(self.bids), len(self.asks))
        return sum(level.amount for level in self.bids[:depth]), sum(level.amount for level in self.asks[:depth])


def plain(text: str) -> str:
    """Text from the wire made safe for a terminal: one cell a character, no control sequences."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


def decode(message: pb.Book, held: Book | None) -> Book:
    """A message as a `Book`; a heartbeat and a bare farewell keep the levels of `held`.

    Raises MalformedBook when the message breaks the contract.
    """
    bare = message.heartbeat or (message.closing and not message.bids and not message.asks)
    if bare and held is not None:
        return _renewed(message, held)
    venues = tuple(_venue(entry) for entry in message.venues)
    clocks = message.clocks
    return Book(
        pair=plain(message.pair),
        sequence=message.sequence,
        conflated=message.conflated,
        price_decimals=message.price_decimals,
        amount_decimals=message.amount_decimals,
        venues=venues,
        bids=_levels(message.bids, len(venues)),
        asks=_levels(message.asks, len(venues)),
        clocks=Clocks(clocks.venue_ns, clocks.received_ns, clocks.applied_ns, clocks.sent_ns),
        heartbeat=message.heartbeat,
        closing=message.closing,
        analytics=tuple(_analytic(entry) for entry in message.analytics),
        net_of_fees=message.net_of_fees,
        unit=plain(message.unit),
        conversions=tuple(_conversion(entry) for entry in message.conversions),
    )


def _conversion(entry: pb.Conversion) -> Conversion:
    return Conversion(
        quote=plain(entry.quote),
        unit=plain(entry.unit),
        par=entry.rule == pb.AT_PAR,
        pairs=tuple(map(plain, entry.pairs)),
        live=entry.state == pb.LIVE,
        reason=plain(entry.reason),
        bid=plain(entry.bid),
        ask=plain(entry.ask),
        bid_amount=plain(entry.bid_amount),
        ask_amount=plain(entry.ask_amount),
        received_ns=entry.received_ns,
        age_ns=entry.age_ns,
        par_ppm=entry.par_ppm if entry.HasField("par_ppm") else None,
        basis_ppm=entry.basis_ppm if entry.HasField("basis_ppm") else None,
        venues=tuple((plain(venue.venue), venue.state) for venue in entry.venues),
    )


def _analytic(entry: pb.Analytic) -> Analytic:
    value = plain(entry.value) if entry.HasField("value") else None
    return Analytic(
        plain(entry.name), plain(entry.part), value, plain(entry.unit), plain(entry.reason), not entry.incomplete
    )


def _renewed(message: pb.Book, held: Book) -> Book:
    """A heartbeat: new states and clocks, the prices of the message before it."""
    venues = held.venues
    if message.venues:
        if len(message.venues) != len(held.venues):
            raise MalformedBook(f"a heartbeat names {len(message.venues)} venues, the book has {len(held.venues)}")
        venues = tuple(
            replace(
                _venue(entry),
                known_bid=before.known_bid,
                known_ask=before.known_ask,
                best_bid=before.best_bid,
                best_ask=before.best_ask,
            )
            for entry, before in zip(message.venues, held.venues, strict=True)
        )
    clocks = message.clocks
    return replace(
        held,
        sequence=message.sequence or held.sequence,
        conflated=message.conflated,
        venues=venues,
        conversions=tuple(map(_conversion, message.conversions)) if message.venues else held.conversions,
        clocks=Clocks(clocks.venue_ns, clocks.received_ns, clocks.applied_ns, clocks.sent_ns),
        heartbeat=True,
        closing=message.closing,
    )


def _venue(entry: pb.VenueBook) -> Venue:
    return venue_of(
        entry.trust,
        known_bid=entry.known_bid if entry.HasField("known_bid") else None,
        known_ask=entry.known_ask if entry.HasField("known_ask") else None,
        best_bid=entry.best_bid if entry.HasField("best_bid") else None,
        best_ask=entry.best_ask if entry.HasField("best_ask") else None,
        pair=plain(entry.pair),
    )


def venue_of(
    trust: pb.VenueState,
    *,
    known_bid: int | None = None,
    known_ask: int | None = None,
    best_bid: int | None = None,
    best_ask: int | None = None,
    pair: str = "",
) -> Venue:
    """The state of a venue's book; its prices come with a `Book` alone."""
    return Venue(
        name=plain(trust.venue),
        symbol=plain(trust.symbol),
        state=trust.state,
        reason=plain(trust.reason or trust.left_out),
        since_ns=trust.since_ns,
        next_try_ns=trust.next_try_ns,
        received_ns=trust.received_ns,
        age_ns=trust.age_ns,
        updates=trust.updates,
        gaps=trust.gaps,
        resyncs=trust.resyncs,
        audits_passed=trust.audits_passed,
        audits_failed=trust.audits_failed,
        garbage=trust.garbage,
        connects=trust.connects,
        rotations=trust.rotations,
        lag_ns=trust.lag_ns if trust.HasField("lag_ns") else None,
        least_lag_ns=trust.least_lag_ns if trust.HasField("least_lag_ns") else None,
        rate_milli=trust.rate_milli,
        checked_ns=trust.checked_ns,
        checked_by=trust.checked_by,
        threshold_ns=trust.threshold_ns,
        connections=trust.connections,
        ppm=trust.distance.ppm,
        against=plain(trust.distance.against),
        far_since_ns=trust.distance.far_since_ns,
        suspect=trust.distance.suspect,
        left_out=trust.distance.left_out or bool(trust.left_out),
        known_bid=known_bid,
        known_ask=known_ask,
        best_bid=best_bid,
        best_ask=best_ask,
        pair=pair,
    )


_new = tuple.__new__  # what a named tuple does in the end, in half the time; a message has hundreds of them


def _levels(entries: Iterable[pb.MergedLevel], venues: int) -> tuple[Level, ...]:
    levels = []
    for entry in entries:
        amounts = [(part.venue, part.amount) for part in entry.amounts]
        total = 0
        for venue, amount in amounts:
            if venue >= venues:
                raise MalformedBook(f"the level at {entry.price} refers to venue {venue} of {venues}")
            total += amount
        if not amounts:
            raise MalformedBook(f"the level at {entry.price} has no amount")
        levels.append(_new(Level, (entry.price, total, tuple(amounts))))
    return tuple(levels)
