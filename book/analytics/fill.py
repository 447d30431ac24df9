"""What it costs to buy or sell an amount at once, by walking the levels.

No lot sizes and no impact beyond the levels: what stands there is taken, as it stands.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from book.analytics.exact import ExactBook, Limit, any_cut, decimals_of
from book.analytics.figure import BPS, MORE_DIGITS, Figure, in_bps, rounded, text
from book.analytics.parameters import Amount, Side, Venue


class VenueFill(NamedTuple):
    """What one venue contributes to a Fill."""

    venue: str
    base: Decimal
    quote: Decimal  # fees included where the fill is net
    average: Decimal
    worst: Decimal  # the venue's own price of the last level taken, as an order there would name it
    fee: Decimal | None  # in quote; None where the fill is not net


class Fill(NamedTuple):
    """What a taker would get for an amount, from the levels that are seen.

    Prices are in quote for one unit of base; where the fill is net they have the taker fee in them: what is paid,
    or got, all in. `average` and what follows from it are None where nothing is filled.
    """

    side: str  # "buy" takes asks, "sell" takes bids
    asked: Decimal
    in_quote: bool  # `asked`, `filled` and `unfilled` count quote instead of base
    filled: Decimal
    unfilled: Decimal
    base: Decimal
    quote: Decimal  # fees included where the fill is net
    average: Decimal | None  # quote / base
    worst: Decimal | None  # the price of the last level taken; fee included where the fill is net
    slippage_bps: Decimal | None  # average against the mid of all venues: above 0 is worse; None without a mid
    fee: Decimal | None  # in quote; None where the fill is not net
    venues: tuple[VenueFill, ...]  # the largest part first
    bound: bool  # the walk went beyond what is known of some venue: no worse than told, but maybe better
    cut: bool  # ... and only because the picture of the book ends there: a deeper one would tell
    reason: str  # of `bound` and of what is unfilled


def fill(
    book: ExactBook, side: Side, amount: Decimal, *, in_quote: bool = False, venue: str = "", net: bool = False
) -> Fill | str:
    """Walks the levels from the best on until `amount` is filled; the reason in words where that cannot begin.

    `in_quote`: the amount is in quote: what may be spent (or is to be got), fees included where `net`. `venue`:
    the levels of one venue alone. `net`: the route is chosen by the prices net of taker fees. The mid that slippage
    is told against is always that of all venues, without fees, so that fills can be compared.
    """
    walked: ExactBook | str = book.only(venue) if venue else book
    if isinstance(walked, str):
        return walked
    if net and walked.unpriced:
        return walked.unpriced
    walk = _Walk(walked.net if net else walked, side, in_quote, net)
    left = walk.take(amount)
    touch = book.touch
    mid = None if isinstance(touch, str) else Fraction(touch.bid + touch.ask, 2 * 10**book.price_decimals)
    average = walk.quote / walk.base if walk.base else None
    slippage = None
    if average is not None and mid is not None:
        slippage = in_bps((average - mid) / mid if side == "buy" else (mid - average) / mid)
    passed = walk.side.limits if left else walk.passed
    filled = walk.rounded(Fraction(amount) - left)
    seen = f"the levels seen hold {text(filled)} of {text(amount)}"
    return Fill(
        side=side,
        asked=amount,
        in_quote=in_quote,
        filled=filled,
        unfilled=walk.rounded(left),
        base=walk.in_base(walk.base),
        quote=walk.in_quote(walk.quote),
        average=None if average is None else walk.price(average),
        worst=None if walk.last is None else walk.book.price(walk.last),
        slippage_bps=slippage,
        fee=walk.in_quote(walk.fee) if net else None,
        venues=walk.venues(),
        bound=bool(walk.passed),
        cut=any_cut(passed),
        reason="; ".join(([seen] if left else []) + ([walk.book.told(walk.side, passed)] if passed else [])),
    )


def vwap(book: ExactBook, side: Side, amount: Amount, venue: Venue = "") -> Figure:
    """sum(price * amount) / sum(amount) over the levels that fill `amount` of base, in quote: the average of `cost`.

    None as the average of `cost`.
    """
    return cost(book, side, amount, venue)[0]._replace(part="")


def cost(book: ExactBook, side: Side, amount: Amount, venue: Venue = "") -> tuple[Figure, ...]:
    """What buying (or selling) `amount` of base at once costs.

    Parts: average = sum(price * amount) / sum(amount) and worst = price of the last level, in quote for one unit;
    slippage = (average - mid) / mid * 10,000 for a buy, (mid - average) / mid * 10,000 for a sale, in bps: above 0
    is worse than the mid of all venues; total = sum(price * amount) in quote; filled and unfilled in base; of several
    venues also at/VENUE, the base that each fills. None where the amount is not filled by the levels seen, or only
    by levels beyond the known depth of a venue: the reason tells the bound then.
    """
    return _figures(book, fill(book, side, amount, venue=venue))


def cost_quote(book: ExactBook, side: Side, notional: Amount, venue: Venue = "") -> tuple[Figure, ...]:
    """As cost, for an amount of quote to be spent (or got); filled and unfilled are in quote, total is in base."""
    return _figures(book, fill(book, side, notional, in_quote=True, venue=venue))


def net_cost(book: ExactBook, side: Side, amount: Amount, venue: Venue = "") -> tuple[Figure, ...]:
    """As cost, all in: the route is chosen by price * (1 + fee) for a buy, price * (1 - fee) for a sale.

    Besides, fee: what of the total goes to the venues, in quote. None also where a fee is not known.
    """
    return _figures(book, fill(book, side, amount, venue=venue, net=True), net=True)


def net_cost_quote(book: ExactBook, side: Side, notional: Amount, venue: Venue = "") -> tuple[Figure, ...]:
    """As net_cost, for an amount of quote, fees included; filled and unfilled are in quote, total is in base."""
    return _figures(book, fill(book, side, notional, in_quote=True, venue=venue, net=True), net=True)


@dataclass(slots=True)
class _Part:
    """What one venue gives, in the walk's units; exact: only a level taken in part can leave a fraction."""

    base: Fraction | int = 0
    quote: Fraction | int = 0
    worst: int = 0


class _Walk:
    """The levels taken from one side of a book, and their sums by venue."""

    def __init__(self, book: ExactBook, side: Side, in_quote: bool, net: bool) -> None:
        self.book = book
        self.side = book.asks if side == "buy" else book.bids
        self.last: int | None = None  # the price of the last level taken
        self._counts_quote = in_quote
        self._sign = (1 if side == "buy" else -1) if net else 0  # what a net price has of its fee
        self._parts: dict[int, _Part] = {}  # by venue
        self._base_unit: int = 10**book.amount_decimals
        self._quote_unit: int = 10 ** (book.price_decimals + book.amount_decimals)
        self._digits = 0  # of the amount that is asked for

    def take(self, amount: Decimal) -> Fraction:
        """Takes levels until `amount` is reached; what is left of it."""
        self._digits = decimals_of(amount)
        unit = self._quote_unit if self._counts_quote else self._base_unit
        left: Fraction | int = Fraction(amount) * unit
        if left.denominator == 1:  # as always but for amounts finer than the book's: integers are much quicker
            left = int(left)
        for price, size, venue in self.side.levels:
            if not left:
                break
            taken: Fraction | int = size
            whole = size * price if self._counts_quote else size
            if whole > left:
                taken = Fraction(left) / price if self._counts_quote else left
                left = 0
            else:
                left -= whole
            part = self._parts.setdefault(venue, _Part())
            part.base += taken
            part.quote += taken * price
            part.worst = self.last = price
        return Fraction(left) / unit

    @property
    def passed(self) -> tuple[Limit, ...]:
        """The limits of what is known that the last level taken lies beyond."""
        return () if self.last is None else self.side.beyond(self.last)

    @property
    def base(self) -> Fraction:
        """What was taken, in base."""
        return Fraction(sum(part.base for part in self._parts.values())) / self._base_unit

    @property
    def quote(self) -> Fraction:
        """What was taken, in quote."""
        return Fraction(sum(part.quote for part in self._parts.values())) / self._quote_unit

    @property
    def fee(self) -> Fraction:
        """What of the quote goes to the venues."""
        return sum((self._fee(venue) for venue in self._parts), Fraction(0))

    def venues(self) -> tuple[VenueFill, ...]:
        """What each venue gives, the largest part first."""
        return tuple(self._venue(venue) for venue in sorted(self._parts, key=lambda venue: -self._parts[venue].base))

    def rounded(self, number: Fraction) -> Decimal:
        """A number of what the walk counts."""
        return self.in_quote(number) if self._counts_quote else self.in_base(number)

    def in_base(self, number: Fraction) -> Decimal:
        """An amount."""
        return rounded(number, max(self._digits, self.book.amount_decimals + MORE_DIGITS))

    def in_quote(self, number: Fraction) -> Decimal:
        """A notional."""
        decimals = self.book.price_decimals + self.book.amount_decimals + MORE_DIGITS
        return rounded(number, max(self._digits, decimals))

    def price(self, number: Fraction) -> Decimal:
        """A price that a division made."""
        return rounded(number, self.book.price_decimals + MORE_DIGITS)

    def _venue(self, venue: int) -> VenueFill:
        part = self._parts[venue]
        base, quote = Fraction(part.base) / self._base_unit, Fraction(part.quote) / self._quote_unit
        worst = Fraction(part.worst, 10**self.book.price_decimals) / (1 + self._rate(venue))
        return VenueFill(
            self.book.venues[venue].name,
            self.in_base(base),
            self.in_quote(quote),
            self.price(quote / base),
            rounded(worst, self.book.price_decimals),
            self.in_quote(self._fee(venue)) if self._sign else None,
        )

    def _rate(self, venue: int) -> Fraction:
        """A net price is the venue's own * (1 + this)."""
        return self._sign * Fraction(self.book.fees[self.book.venues[venue].name]) if self._sign else Fraction(0)

    def _fee(self, venue: int) -> Fraction:
        rate = self._rate(venue)
        return self._sign * Fraction(self._parts[venue].quote) / self._quote_unit * rate / (1 + rate)


def _figures(book: ExactBook, found: Fill | str, *, net: bool = False) -> tuple[Figure, ...]:
    """A fill as the parts of an analytic."""
    base, quote = book.pair
    if isinstance(found, str):
        units = {"average": quote, "worst": quote, "slippage": BPS, "total": quote, "filled": base, "unfilled": base}
        return tuple(Figure.none(unit, found, part) for part, unit in units.items())
    counted, other = (quote, base) if found.in_quote else (base, quote)
    reason, known = found.reason, not (found.unfilled or found.bound)
    if found.bound and not found.unfilled:
        word = "at most" if found.side == "buy" else "at least"
        reason = f"{word} {text(found.average or found.asked)} {quote}: {reason}"

    def exact(value: Decimal | None, unit: str, part: str) -> Figure:
        if not known:
            return Figure.none(unit, reason, part, found.cut)
        return Figure(value, unit, "" if value is not None else "there is no mid", value is not None, part)

    return (
        exact(found.average, quote, "average"),
        exact(found.worst, quote, "worst"),
        exact(found.slippage_bps, BPS, "slippage"),
        exact(found.base if found.in_quote else found.quote, other, "total"),
        Figure(found.filled, counted, part="filled"),
        Figure(found.unfilled, counted, part="unfilled"),
        *([exact(found.fee, quote, "fee")] if net else []),
        *(exact(each.base, base, f"at/{each.venue}") for each in found.venues if len(found.venues) > 1),
    )
