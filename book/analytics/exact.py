"""The merged book in exact integers: what every analytic is a function of.

Books hold doubles, or Decimals where doubles have too few digits; here both are integers of one scale, so that
sums and comparisons are exact. A number that is finer than the pair's scale makes the scale finer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from book.analytics.figure import decimal, text
from book.fees import NO_FEES, Fees
from book.merged import MOST_UNITS, MergedBook
from book.pair import Pair
from book.pair_books import PairView
from book.state import State
from book.venue_book import VenueView

ExactLevel = tuple[int, int, int]  # price, amount, venue (an index of ExactBook.venues)

_MOST_SCALE = 22  # up to here a double holds the power of ten exactly
_NOW = 1 << 64  # later than any receipt
_WIDE = Context(prec=2000)  # shifting the point of any number that a book holds rounds nothing


class Limit(NamedTuple):
    """Where what is known of a venue's side ends: the price itself is known, what is worse may be incomplete."""

    venue: str
    price: int
    cut: bool  # True: the book goes on, but the picture holds no more of it; False: the venue has told no more


def any_cut(limits: Iterable[Limit]) -> bool:
    """Whether a deeper picture of the book would move one of the limits."""
    return any(limit.cut for limit in limits)


class ExactSide:
    """The levels of one side, best first; equal prices: larger amount first, then the venue configured first."""

    __slots__ = ("bids", "levels", "limits")

    def __init__(self, bids: bool, levels: Iterable[ExactLevel], limits: Iterable[Limit]) -> None:
        self.bids = bids
        self.levels = tuple(levels)
        self.limits = tuple(sorted(limits, key=lambda limit: self.rank(limit.price)))  # the tightest first

    def rank(self, price: int) -> int:
        """Orders prices: the better one has the smaller rank."""
        return -price if self.bids else price

    def beyond(self, price: int) -> tuple[Limit, ...]:
        """The limits that are passed by whoever wants all levels down (or up) to `price`."""
        rank = self.rank(price)
        return tuple(limit for limit in self.limits if self.rank(limit.price) < rank)

    def within(self, price: int) -> list[ExactLevel]:
        """The levels that are no worse than `price`."""
        if self.bids:
            return [level for level in self.levels if level[0] >= price]
        return [level for level in self.levels if level[0] <= price]

    def prices(self) -> Iterator[tuple[int, int]]:
        """Each price with the amount of all venues at it, best first."""
        price, total = 0, 0
        for level_price, amount, _ in self.levels:
            if level_price != price:
                if total:
                    yield price, total
                price, total = level_price, 0
            total += amount
        if total:
            yield price, total


class Touch(NamedTuple):
    """The two best prices, each with the amount of all venues at it."""

    bid: int
    ask: int
    bid_amount: int
    ask_amount: int

    @property
    def crossed(self) -> bool:
        """The best bid is above the best ask: two venues disagree."""
        return self.bid > self.ask


@dataclass(frozen=True, slots=True)
class ExactVenue:
    """One venue that contributes levels: it is live, and wanted in this picture."""

    name: str
    received_ns: int  # its newest update was read from its socket, or what converts its prices; ns since the epoch
    bids: ExactSide
    asks: ExactSide


@dataclass(frozen=True)
class ExactBook:
    """All levels that the venues contribute to a merged book, as integers.

    A price is its integer / 10^price_decimals, an amount / 10^amount_decimals. `fees` are the taker fees that are
    known, `at_ns` the moment for which ages are told (ns since the epoch). Immutable; any thread.
    """

    pair: Pair
    price_decimals: int
    amount_decimals: int
    venues: tuple[ExactVenue, ...]
    absent: dict[str, str]  # the venues that contribute nothing, and why
    fees: Fees
    at_ns: int

    @classmethod
    def of(cls, view: MergedBook | PairView, fees: Fees = NO_FEES, at_ns: int = 0) -> "ExactBook":
        """Reads what the venues contribute to `view`; without `at_ns` it is the newest receipt among them."""
        there = [
            each
            for each in view.venues
            if each.state is State.LIVE and not each.left_out and (each.bids or each.asks)
        ]
        absent = {each.venue: _why_absent(each) for each in view.venues if each not in there}
        levels = [level for each in there for side in (each.bids, each.asks) for level in side]
        edges = [edge for each in there for edge in (each.known_bid, each.known_ask) if edge is not None]
        prices, price_decimals = units_of([*(level[0] for level in levels), *edges], view.price_decimals)
        amounts, amount_decimals = units_of([level[1] for level in levels], view.amount_decimals)
        edge_units = iter(prices[len(levels) :])
        converted = {each.quote: each.received_ns for each in view.conversions if each.received_ns}
        read = zip(prices, amounts, strict=False)
        venues = []
        for place, each in enumerate(there):
            bids, asks = ([(*level, place) for level in islice(read, len(side))] for side in (each.bids, each.asks))
            bid_edge, ask_edge = (None if e is None else next(edge_units) for e in (each.known_bid, each.known_ask))
            venues.append(
                ExactVenue(
                    each.venue,
                    min(each.stamps.received_ns, converted.get(each.member.quote if each.member else "", _NOW)),
                    _side(each.venue, True, bids, bid_edge, each.more_bids),
                    _side(each.venue, False, asks, ask_edge, each.more_asks),
                )
            )
        at_ns = at_ns or max((venue.received_ns for venue in venues), default=0)
        pair = Pair(view.pair.base, view.unit) if view.unit else view.pair  # figures are told in a group's unit
        return cls(pair, price_decimals, amount_decimals, tuple(venues), absent, fees, at_ns)

    @cached_property
    def bids(self) -> ExactSide:
        """The bids of all venues."""
        return _merged([venue.bids for venue in self.venues], True)

    @cached_property
    def asks(self) -> ExactSide:
        """The asks of all venues."""
        return _merged([venue.asks for venue in self.venues], False)

    @cached_property
    def touch(self) -> "Touch | str":
        """The two best prices, or the reason why they are not known."""
        best = []
        for side, name in ((self.bids, "bid"), (self.asks, "ask")):
            first = next(side.prices(), None)
            if first is None:
                return f"no {name}s" + (f": {self.told(side, side.limits)}" if side.limits else "")
            if passed := side.beyond(first[0]):  # a venue's known depth is used up: it may have a better price
                return f"the best {name} is not known: {self.told(side, passed)}"
            best.append(first)
        (bid, bid_amount), (ask, ask_amount) = best
        return Touch(bid, ask, bid_amount, ask_amount)

    @cached_property
    def net(self) -> "ExactBook":
        """The same book in prices net of taker fees: what a buyer pays and a seller gets, all in.

        Only where `unpriced` is empty; raises KeyError for a venue whose fee is not known.
        """
        # Those of all fees, whoever is live: figures of one venue and of all are rounded alike and can be compared.
        decimals = max(map(decimals_of, self.fees.values()), default=0)
        one = 10**decimals
        venues = []
        for venue in self.venues:
            (fee,), _ = units_of([self.fees[venue.name]], decimals)
            venues.append(
                ExactVenue(
                    venue.name, venue.received_ns, _times(venue.bids, one - fee), _times(venue.asks, one + fee)
                )
            )
        return replace(self, price_decimals=self.price_decimals + decimals, venues=tuple(venues))

    @property
    def unpriced(self) -> str:
        """Why there are no prices net of fees: the venues whose fee is not known; empty where all are."""
        missing = [venue.name for venue in self.venues if venue.name not in self.fees]
        return f"no taker fee is known for {', '.join(missing)}" if missing else ""

    def only(self, venue: str) -> "ExactBook | str":
        """The book of one venue alone, or the reason why it contributes nothing."""
        for each in self.venues:
            if each.name == venue:
                bids, asks = (
                    ExactSide(side.bids, [(price, amount, 0) for price, amount, _ in side.levels], side.limits)
                    for side in (each.bids, each.asks)
                )
                return replace(self, venues=(ExactVenue(venue, each.received_ns, bids, asks),), absent={})
        return self.absent.get(venue, f"{venue} is not among the venues of {self.pair}")

    def price(self, units: int) -> Decimal:
        """The price that `units` are."""
        return decimal(units, self.price_decimals)

    def amount(self, units: int) -> Decimal:
        """The amount that `units` are."""
        return decimal(units, self.amount_decimals)

    def told(self, side: ExactSide, limits: Iterable[Limit]) -> str:
        """The limits in words."""
        name, where = ("bids", "below") if side.bids else ("asks", "above")
        return "; ".join(
            f"{limit.venue}'s {name} {where} {text(self.price(limit.price))} "
            + ("were not looked at" if limit.cut else "are unknown")
            for limit in limits
        )


def _why_absent(view: VenueView) -> str:
    if view.left_out:
        return f"{view.venue} is left out: {view.left_out}"
    if view.state is State.LIVE:
        return f"{view.venue} has no levels, or was not asked for"
    return f"{view.venue} is {view.state.value}" + (f": {view.reason}" if view.reason else "")


def _side(venue: str, bids: bool, levels: list[ExactLevel], horizon: int | None, more: bool) -> ExactSide:
    side = ExactSide(bids, levels, ())
    limits = [] if horizon is None else [Limit(venue, horizon, False)]
    if more and not (limits and side.rank(horizon or 0) <= side.rank(levels[-1][0])):
        limits = [Limit(venue, levels[-1][0], True)]
    return ExactSide(bids, levels, limits)


def _merged(sides: list[ExactSide], bids: bool) -> ExactSide:
    sign = -1 if bids else 1
    levels = [level for side in sides for level in side.levels]
    levels.sort(key=lambda level: (sign * level[0], -level[1], level[2]))
    return ExactSide(bids, levels, [limit for side in sides for limit in side.limits])


def _times(side: ExactSide, factor: int) -> ExactSide:
    """The side with all prices multiplied."""
    return ExactSide(
        side.bids,
        [(price * factor, amount, venue) for price, amount, venue in side.levels],
        [limit._replace(price=limit.price * factor) for limit in side.limits],
    )


def units_of(numbers: Sequence[float | Decimal], decimals: int) -> tuple[list[int], int]:
    """The numbers as integers of 10^-decimals, and the decimals: more than asked for where some number needs them."""
    doubles = [number for number in numbers if isinstance(number, float)]
    if len(doubles) == len(numbers) and (units := _named_by(doubles, decimals)) is not None:
        return units, decimals
    exact = [number if isinstance(number, Decimal) else Decimal(repr(number)) for number in numbers]
    decimals = max([decimals, *map(decimals_of, exact)])
    return [int(number.scaleb(decimals, _WIDE)) for number in exact], decimals


def _named_by(doubles: Sequence[float], decimals: int) -> list[int] | None:
    """The integers of 10^-decimals that the doubles name, where all of them name one."""
    if decimals > _MOST_SCALE or max(doubles, default=0.0) > MOST_UNITS:
        return None
    scale = 10.0**decimals
    units = [round(number * scale) for number in doubles]
    # The quotient of two exact doubles is the double nearest to that decimal: equal means that it names it.
    named = all(unit <= MOST_UNITS and unit / scale == number for unit, number in zip(units, doubles, strict=True))
    return units if named else None


def decimals_of(number: Decimal) -> int:
    """Digits after the point that the number needs."""
    exponent = number.normalize(_WIDE).as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{number} is no number of a book")
    return max(0, -exponent)
