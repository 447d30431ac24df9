"""What an analytic tells: an exact decimal with its unit, or the reason why there is none.

Rounding rule, the same for all: everything is computed in integers or fractions, and what a division made is
rounded once, at the end, half to even: prices and amounts at MORE_DIGITS more digits than the book's have (amounts
of quote: than its prices and amounts have together), basis points at BPS_DIGITS, ratios at RATIO_DIGITS. Sums and
products have fewer digits than that and are not rounded at all. Trailing zeros are left out.
"""

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

MORE_DIGITS = 4
BPS_DIGITS = 4
RATIO_DIGITS = 6

BPS = "bps"  # 1/10,000
RATIO = "ratio"
MILLISECONDS = "ms"


class Figure(NamedTuple):
    """One number of an analytic. `part` tells several numbers of one analytic apart; empty: its only one.

    `complete` is False where more may belong to the value than is known: it is a bound then, and `reason` says of
    what. Without a value `reason` says why there is none.
    """

    value: Decimal | None
    unit: str  # "bps", "ratio", "ms", or the asset that is counted (for a price: the quote asset)
    reason: str = ""
    complete: bool = True
    part: str = ""
    deeper: bool = False

    @classmethod
    def none(cls, unit: str, reason: str, part: str = "", deeper: bool = False) -> "Figure":
        """No value, because of `reason`."""
        return cls(None, unit, reason, False, part, deeper)


def decimal(units: int, decimals: int) -> Decimal:
    """The number of 10^-decimals that `units` are, exact, without trailing zeros."""
    while decimals > 0 and units % 10 == 0:
        if not units:
            return Decimal(0)
        units //= 10
        decimals -= 1
    return Decimal(f"{units}E-{decimals}")  # from text: arithmetic would round to 28 digits


def rounded(number: Fraction | int, decimals: int) -> Decimal:
    """`number` to so many digits after the point, half to even. The only place where anything is rounded."""
    return decimal(round(Fraction(number) * 10**decimals), decimals)


def in_bps(number: Fraction) -> Decimal:
    """A fraction in basis points."""
    return rounded(number * 10_000, BPS_DIGITS)


def text(number: Decimal) -> str:
    """The number without an exponent."""
    return format(number, "f")
