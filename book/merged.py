"""The merged book: the best levels of all live books of a pair, each with its venue."""

from decimal import Decimal
from operator import itemgetter
from typing import Any

import msgspec

from book.conversion import Conversion
from book.pair import Pair
from book.pair_books import PairView
from book.side import Level
from book.state import State
from book.venue_book import Stamps, VenueView

_PRICE = itemgetter(0)
_AMOUNT = itemgetter(1)
# A double is off its decimal by 2^-53 of it at most, and the product with a power of ten by as much again: up to here
# that is less than half a unit.
MOST_UNITS = (1 << 51) - 1


class MergedBook(msgspec.Struct, frozen=True, gc=False):
    """At most N levels a side of all live venues, best first; equal prices of two venues stay two levels.

    Of equal prices the larger amount comes first, of equal amounts the venue configured first.
    """

    pair: Pair
    version: int
    price_decimals: int
    amount_decimals: int
    venues: tuple[VenueView, ...]
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    unit: str = ""  # as of the PairView
    conversions: tuple[Conversion, ...] = ()

    def spread_units(self) -> int | None:
        """Best ask - best bid in units of 10^-price_decimals; negative when venues cross, None with an empty side."""
        if not self.bids or not self.asks:
            return None
        return units(self.asks[0][0], self.price_decimals) - units(self.bids[0][0], self.price_decimals)

    def spread(self) -> float | None:
        """The same in quote currency: the double nearest to the exact decimal difference."""
        spread = self.spread_units()
        return None if spread is None else spread / 10**self.price_decimals

    def newest(self) -> Stamps:
        """The stamps of the newest update (by receipt) among the books that are merged; zeros when none is."""
        live = [each.stamps for each in self.venues if each.state is State.LIVE and not each.left_out]
        return max(live, key=itemgetter(1), default=Stamps())

    def check(self) -> None:
        """Raises AssertionError when an invariant is broken."""
        for levels, sign in ((self.bids, -1), (self.asks, 1)):
            order = [(sign * price, -amount) for price, amount, _ in levels]
            assert order == sorted(order), "levels out of order"
            assert len({(price, venue) for price, _, venue in levels}) == len(levels), "a level twice"
            assert all(amount > 0 for _, amount, _ in levels), "a level with no amount"
            assert all(self.venues[venue].state is State.LIVE for *_, venue in levels), "a level not live"
            assert not any(self.venues[venue].left_out for *_, venue in levels), "a level of one left out"


def units(number: float | Decimal, decimals: int) -> int:
    """The integer number of 10^-decimals that `number` names, to the nearest.

    Exact for any decimal of at most 15 digits, and for any whose units are fewer than `MOST_UNITS`.
    """
    if isinstance(number, float):
        found = round(number * 10.0**decimals)
        if abs(found) <= MOST_UNITS:
            return found
    named = number if isinstance(number, Decimal) else Decimal(repr(number))
    return int(named.scaleb(decimals).to_integral_value())


def merge(view: PairView, levels: int) -> MergedBook:
    """Merges the venues' levels in `view` into the best `levels` of each side.

    Each venue must contribute its best `levels` (or all it has): then no deeper level of any venue can belong
    among the merged ones.
    """
    bids: list[Level] = []
    asks: list[Level] = []
    kinds = set()
    for venue in view.venues:
        if (venue.bids or venue.asks) and not venue.left_out:
            bids += venue.bids
            asks += venue.asks
            kinds.add(type((venue.bids or venue.asks)[0][0]))
    if len(kinds) > 1:
        bids, asks = _as_decimals(bids), _as_decimals(asks)
    bids.sort(key=_PRICE, reverse=True)  # both sorts are stable and find the venues' ordered runs
    asks.sort(key=_PRICE)
    return MergedBook(
        view.pair,
        view.version,
        view.price_decimals,
        view.amount_decimals,
        view.venues,
        tuple(_best(bids, levels)),
        tuple(_best(asks, levels)),
        view.unit,
        view.conversions,
    )


def _as_decimals(levels: list[Level]) -> list[Level]:
    """The same numbers, all Decimal: one venue may send doubles and another Decimals, and equals must be equal."""
    exact: Any = Decimal
    return [(exact(str(price)), exact(str(amount)), venue) for price, amount, venue in levels]


def _best(levels: list[Level], n: int) -> list[Level]:
    """The first `n` of price-sorted `levels`, with runs of equal price put in order of falling amount."""
    shown = levels[: n + 1]  # one more: the larger amount may stand just behind the cut
    if len(set(map(_PRICE, shown))) < len(shown):
        start, count = 0, len(levels)
        while start < n and start + 1 < count:
            price = levels[start][0]
            end = start + 1
            while end < count and levels[end][0] == price:
                end += 1
            if end - start > 1:
                levels[start:end] = sorted(levels[start:end], key=_AMOUNT, reverse=True)
            start = end
    del levels[n:]
    return levels
