"""What a venue's catalog says of one pair."""

from dataclasses import dataclass
from decimal import Decimal

from book.pair import Pair

# A double is an exact, order-preserving name of every decimal of at most this many significant digits.
EXACT_DIGITS = 15


def decimals_of(step: Decimal) -> int:
    """Digits after the point that multiples of `step` need: 0.01 -> 2, 0.5 -> 1, 10 -> 0."""
    exponent = step.normalize().as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{step} is no step: it must be finite")
    return max(0, -exponent)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One pair as one venue trades it. Sizes in units of quote (tick, notional) and base (lot)."""

    venue: str
    symbol: str  # the venue's own spelling, as its REST calls want it
    pair: Pair
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal | None = None
    max_price: Decimal | None = None
    trading: bool = True
    routed_from: str = ""  # the venue whose book this is: orders are matched there, so both are one liquidity
    alias_of: str = ""  # the symbol of the market whose book this one shares, and by which streams name it

    @property
    def price_decimals(self) -> int:
        """Digits after the point of a price."""
        return decimals_of(self.tick_size)

    @property
    def amount_decimals(self) -> int:
        """Digits after the point of an amount."""
        return decimals_of(self.lot_size)

    @property
    def needs_decimal(self) -> bool:
        """Whether a price may have more significant digits than a double names exactly."""
        if self.max_price is None:
            return False
        return self.max_price.scaleb(self.price_decimals) >= Decimal(10) ** EXACT_DIGITS
