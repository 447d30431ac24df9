"""What a quote is worth in another asset, executably: rates out of the books in which the two are traded.

Who hits a bid of BTC/USDT gets USDT and sells them for USD: to the bids of USDT/USD, the best ones first. So the two
ladders are laid along each other: the best bid of BTC/USDT is told at the best bid of USDT/USD for as much as that
takes, what is left of it at the next one, and so on; asks likewise, with the asks from which the USDT are bought. All
in integers; a price is rounded once, against whoever trades: bids down, asks up. So a converted ladder never promises
more, at any size, than executing its levels and converting gives.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from book.analytics.exact import ExactLevel, units_of
from book.analytics.figure import decimal
from book.merged import merge
from book.pair_books import PairView

_RATE_DIGITS = 12  # at which a rate that is the inverse of a price is told; levels are converted by the exact one


class Step(NamedTuple):
    """One level of a book, seen from the quote: `size` of it is worth num / den of the unit for each."""

    num: int
    den: int
    size: int | None  # in 10^-size_decimals of its ladder; None: any amount
    picture: int  # whose level it is: of which of the pictures, and which venue in it
    venue: int


class Ladder(NamedTuple):
    """The steps of one direction, best first."""

    steps: tuple[Step, ...]
    size_decimals: int
    goes_on: bool = False  # the books may hold more than was looked at


AT_PAR = Ladder((Step(1, 1, None, 0, 0),), 0)


def ladder(pictures: Sequence[tuple[PairView, bool]], look: int, *, sell: bool) -> Ladder:
    """How the quote is sold, or bought, in these books of QUOTE/UNIT; True beside one: it is of UNIT/QUOTE.

    `look`: the levels a side that were asked for in each picture.
    """
    found: list[tuple[int, int, int, int, int, int]] = []
    goes_on = False
    for which, (picture, inverse) in enumerate(pictures):
        merged = merge(picture, look)
        levels = merged.bids if sell is not inverse else merged.asks  # to sell USDT for USD is to buy USD with USDT
        goes_on |= len(levels) == look
        prices, price_decimals = units_of([level[0] for level in levels], picture.price_decimals)
        amounts, amount_decimals = units_of([level[1] for level in levels], picture.amount_decimals)
        one, of_size = 10**price_decimals, amount_decimals + price_decimals * inverse
        for price, amount, (_, _, venue) in zip(prices, amounts, levels, strict=True):
            num, den, size = (one, price, amount * price) if inverse else (price, one, amount)
            found.append((num, den, size, of_size, which, venue))
    decimals = max((each[3] for each in found), default=0)
    steps = [
        Step(num, den, size * 10 ** (decimals - of_size), which, venue)
        for num, den, size, of_size, which, venue in found
    ]
    if len(pictures) > 1:
        steps.sort(key=lambda step: Fraction(step.num, step.den), reverse=sell)
    return Ladder(tuple(steps), decimals, goes_on)


class Composed(NamedTuple):
    """A level, or what of it is converted at one step."""

    price: int  # its own; in its own quote
    amount: int
    rank: int
    step: Step


def compose(levels: Sequence[ExactLevel], by: Ladder, decimals: int) -> tuple[list[Composed], Sequence[ExactLevel]]:
    """The levels, best first, cut where one step of the ladder ends and the next begins; and those that are left.

    `decimals`: of price * amount. What a step could take of less than the smallest amount is given up: the next step,
    which is no better, takes it.
    """
    times, size_times = 10 ** max(0, by.size_decimals - decimals), 10 ** max(0, decimals - by.size_decimals)
    out: list[Composed] = []
    at = 0
    step, room = by.steps[0], (by.steps[0].size or 0) * size_times
    for index, (price, amount, rank) in enumerate(levels):
        cost, left = price * times, amount
        while left:
            taken = left if step.size is None else min(left, room // cost)
            if taken:
                out.append(Composed(price, taken, rank, step))
                left -= taken
                room -= taken * cost
            else:
                at += 1
                if at == len(by.steps):
                    return out, levels[index:]
                step, room = by.steps[at], (by.steps[at].size or 0) * size_times
    return out, ()


def rate(step: Step, *, down: bool) -> Decimal:
    """What one of the quote is worth at this step; rounded only where it is the inverse of a price."""
    decimals = max(_RATE_DIGITS, len(str(step.den)) - 1)
    return decimal(_divided(step.num * 10**decimals, step.den, down=down), decimals)


class Scale(NamedTuple):
    """How one member's numbers, which are integers, become those of its group."""

    price_decimals: int  # of the member's integers
    amount_decimals: int
    decimals: int  # of the group's prices
    exact: bool = False  # they have more digits than doubles name, and are Decimals

    def units(self, price: int, step: Step, *, down: bool) -> int:
        """A price in the unit, at that step's rate, in 10^-decimals."""
        top, bottom = price * step.num, step.den
        more = self.decimals - self.price_decimals
        return _divided(top * 10 ** max(0, more), bottom * 10 ** max(0, -more), down=down)

    def price(self, units: int) -> Any:
        """The number that names a price."""
        return decimal(units, self.decimals) if self.exact else units / 10**self.decimals

    def amount(self, units: int) -> Any:
        """The number that names an amount."""
        return decimal(units, self.amount_decimals) if self.exact else units / 10**self.amount_decimals


def ordering_decimals(decimals: int, price_decimals: int, best: Step) -> int:
    """`decimals`, or more where two neighbouring prices of a member would otherwise be rounded into one.

    Also at a tenth of the best rate: the digits shall not depend on how deep one looks.
    """
    while best.num * 10**decimals < 10 * best.den * 10**price_decimals:
        decimals += 1
    return decimals


def _divided(top: int, bottom: int, *, down: bool) -> int:
    return top // bottom if down else -(-top // bottom)
