"""How much stands near the best prices, and on which side. Each function is an analytic."""

from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from book.analytics.exact import ExactBook, ExactSide, Touch, any_cut
from book.analytics.figure import RATIO, RATIO_DIGITS, Figure, decimal, in_bps, rounded, text
from book.analytics.parameters import Bps, Levels


def imbalance(book: ExactBook, levels: Levels) -> Figure:
    """(B - A) / (B + A) with B and A the amounts at the best `levels` prices; -1 to 1, above 0: more bids.

    A level is a price with the amounts of all venues, as in the Book message; a side that has fewer counts with
    what it has. With one level it is the queue imbalance of Gould and Bonart (Queue imbalance as a one-tick-ahead
    price predictor, 2016). None with an empty side, and where a level lies beyond the known depth of a venue.
    """
    if isinstance(book.touch, str):
        return Figure.none(RATIO, book.touch)
    sums = []
    for side in (book.bids, book.asks):
        best = list(islice(side.prices(), levels))
        passed = side.beyond(best[-1][0]) if len(best) == levels else side.limits
        if passed:
            return Figure.none(RATIO, book.told(side, passed), deeper=any_cut(passed))
        sums.append(sum(amount for _, amount in best))
    return _ratio(*sums)


def imbalance_bps(book: ExactBook, bps: Bps) -> Figure:
    """(B - A) / (B + A) with B and A the amounts within `bps` basis points of the mid; -1 to 1, above 0: more bids.

    None with an empty side, where both sums are 0 (the spread is wider than that), and where the range reaches
    beyond the known depth of a venue.
    """
    if isinstance(book.touch, str):
        return Figure.none(RATIO, book.touch)
    sums = []
    for side, edge in _ranges(book, book.touch, bps):
        if passed := side.beyond(edge):
            return Figure.none(RATIO, book.told(side, passed), deeper=any_cut(passed))
        sums.append(sum(amount for _, amount, _ in side.within(edge)))
    if not any(sums):
        return Figure.none(RATIO, f"no level within {text(bps)} bps of the mid")
    return _ratio(*sums)


class SideDepth(NamedTuple):
    """What one side holds down (or up) to a price."""

    base: Decimal
    quote: Decimal
    # None: all of it is known. Otherwise the sums are lower bounds: complete only to so many bps from the mid
    # (negative: not even to the mid), because of `reason`.
    complete_bps: Decimal | None = None
    reason: str = ""
    cut: bool = False  # a deeper picture of the book would tell more


class Depth(NamedTuple):
    """What stands within some distance of the mid."""

    bids: SideDepth
    asks: SideDepth


def depth(book: ExactBook, bps: Decimal) -> Depth | str:
    """What stands within `bps` of the mid, the distance included; or the reason why there is no mid."""
    touch = book.touch
    if isinstance(touch, str):
        return touch
    bids, asks = (_side_depth(book, touch, side, edge) for side, edge in _ranges(book, touch, bps))
    return Depth(bids, asks)


def depth_bps(book: ExactBook, bps: Bps) -> tuple[Figure, ...]:
    """The amounts within `bps` basis points of the mid: sum(amount) in base and sum(price * amount) in quote; exact.

    Parts: bids, asks (base), bids_quote, asks_quote (quote). Where the range reaches beyond the known depth of a
    venue, the figures are incomplete: lower bounds, and the reason says of which venue and down to how many bps
    they are complete. None with an empty side, since there is no mid then.
    """
    found = depth(book, bps)
    units = (book.pair.base, book.pair.quote)
    if isinstance(found, str):
        return tuple(Figure.none(unit, found, part) for part, unit in zip(PARTS, (*units, *units), strict=True))
    figures = []
    for side, parts in ((found.bids, PARTS[:2]), (found.asks, PARTS[2:])):
        for part, value, unit in zip(parts, side[:2], units, strict=True):
            figures.append(Figure(value, unit, side.reason, side.complete_bps is None, part, side.cut))
    return tuple(figures)


PARTS = ("bids", "bids_quote", "asks", "asks_quote")


def _side_depth(book: ExactBook, touch: Touch, side: ExactSide, edge: int) -> SideDepth:
    levels = side.within(edge)
    base = book.amount(sum(amount for _, amount, _ in levels))
    quote = decimal(sum(price * amount for price, amount, _ in levels), book.price_decimals + book.amount_decimals)
    passed = side.beyond(edge)
    if not passed:
        return SideDepth(base, quote)
    twice_mid = touch.bid + touch.ask
    distance = 2 * side.rank(passed[0].price) - side.rank(twice_mid)
    complete = in_bps(Fraction(distance, twice_mid))
    reason = f"at least: complete to {text(complete)} bps, {book.told(side, passed)}"
    return SideDepth(base, quote, complete, reason, any_cut(passed))


def _ranges(book: ExactBook, touch: Touch, bps: Decimal) -> tuple[tuple[ExactSide, int], tuple[ExactSide, int]]:
    """Each side with the worst price within `bps` of the mid, in whole units towards the mid."""
    part = Fraction(bps) / 20_000  # of twice the mid
    twice_mid = touch.bid + touch.ask
    low, high = twice_mid * (Fraction(1, 2) - part), twice_mid * (Fraction(1, 2) + part)
    return (book.bids, -((-low.numerator) // low.denominator)), (book.asks, high.numerator // high.denominator)


def _ratio(bids: int, asks: int) -> Figure:
    return Figure(rounded(Fraction(bids - asks, bids + asks), RATIO_DIGITS), RATIO)
