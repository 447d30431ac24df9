"""Prices net of taker fees: what a buyer pays and a seller gets, all in, with the venues put in that order."""

from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

import msgspec

from book.analytics.exact import ExactBook, decimals_of, units_of
from book.analytics.figure import decimal
from book.analytics.parameters import Side
from book.fees import Fees
from book.instrument import EXACT_DIGITS
from book.merged import MergedBook
from book.pair_books import PairView
from book.side import Level
from book.venue_book import VenueView

_FEE_DIGITS = Decimal("0.000001")  # of two fees together, rounded up


class NetLevel(NamedTuple):
    """A level of the net ladder."""

    net_price: Decimal  # price * (1 + fee) for an ask, price * (1 - fee) for a bid; exact
    price: Decimal  # the venue's own
    amount: Decimal
    venue: str


def net_ladder(book: ExactBook, side: Side, levels: int) -> tuple[NetLevel, ...] | str:
    """The best levels by net price for a buyer (asks) or a seller (bids); the reason where a fee is unknown."""
    if book.unpriced:
        return book.unpriced
    net = book.net
    ladder = []
    for price, amount, venue in (net.asks if side == "buy" else net.bids).levels[:levels]:
        name = net.venues[venue].name
        factor = 1 + book.fees[name] if side == "buy" else 1 - book.fees[name]
        own = price // units_of([factor], net.price_decimals - book.price_decimals)[0][0]
        ladder.append(NetLevel(net.price(price), book.price(own), net.amount(amount), name))
    return tuple(ladder)


def net_view(view: PairView, fees: Fees) -> PairView:
    """The same picture with all prices (levels and horizons) net of fees, at as many more decimals as fees need.

    It merges like any other: then the best prices are the best after fees. Raises KeyError for a venue that has
    prices and no fee.
    """
    more = max((decimals_of(fees[each.venue]) for each in view.venues if each.venue in fees), default=0)
    prices = [price for each in view.venues for price in _prices(each)]
    units, decimals = units_of(prices, view.price_decimals)
    one, at = 10**more, iter(units)
    net: list[tuple[VenueView, list[int], int]] = []
    for each in view.venues:
        own = [next(at) for _ in _prices(each)]
        fee = units_of([fees[each.venue]], more)[0][0] if own else 0
        # In the order of _prices: bids and the horizon below them, then asks and theirs.
        split = len(each.bids) + (each.known_bid is not None)
        net.append((each, [*(p * (one - fee) for p in own[:split]), *(p * (one + fee) for p in own[split:])], split))
    digits = decimals + more
    largest = max((abs(price) for _, own, _ in net for price in own), default=0)
    # A double names no more digits than this.
    exact = largest >= 10**EXACT_DIGITS or any(isinstance(price, Decimal) for price in prices)
    return msgspec.structs.replace(
        view,
        price_decimals=digits,
        venues=tuple(_with_prices(each, own, split, digits, exact) for each, own, split in net),
    )


def fees_in(view: PairView | MergedBook, fees: Fees) -> Fees:
    """The fees by the names that venues have in the picture: in a quote group also those of converting.

    Who takes a level there pays two takers' fees, f and c, the second to a venue by whose levels the quote is
    converted; of several it is the highest. f + c + |f * c| is no less than what either side pays.
    """
    if not view.conversions:
        return fees
    known: dict[str, Decimal] = {}
    converting = {each.quote: [fees.get(venue) for venue in each.used] for each in view.conversions}
    for each in view.venues:
        fee = fees.get(each.venue.partition("/")[0])
        paid = converting.get(each.member.quote, []) if each.member else []
        told = [other for other in paid if other is not None]
        if fee is None or len(told) < len(paid):
            continue
        more = max(told, default=Decimal(0))
        known[each.venue] = (fee + more + abs(fee * more)).quantize(_FEE_DIGITS, ROUND_CEILING) if more else fee
    return known


def _prices(view: VenueView) -> list[float]:
    bids, asks = [level[0] for level in view.bids], [level[0] for level in view.asks]
    if view.known_bid is not None:
        bids.append(view.known_bid)
    if view.known_ask is not None:
        asks.append(view.known_ask)
    return bids + asks


def _with_prices(view: VenueView, units: list[int], split: int, digits: int, exact: bool) -> VenueView:
    prices: list[Any] = [decimal(each, digits) if exact else each / 10**digits for each in units]
    bids, asks = prices[:split], prices[split:]

    def levels(side: tuple[Level, ...], prices: list[Any]) -> tuple[Level, ...]:
        kind: Any = (lambda amount: Decimal(str(amount))) if exact else (lambda amount: amount)
        return tuple((price, kind(level[1]), level[2]) for price, level in zip(prices, side, strict=False))

    return msgspec.structs.replace(
        view,
        bids=levels(view.bids, bids),
        asks=levels(view.asks, asks),
        known_bid=None if view.known_bid is None else bids[-1],
        known_ask=None if view.known_ask is None else asks[-1],
    )
