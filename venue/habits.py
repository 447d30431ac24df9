"""How a venue's public behaves, as far as it differs from venue to venue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Habits:
    """What a venue's public does in its biggest market; amounts in bitcoin, rates per second.

    An arbitrageur ties the venues of one ``circle``; between circles only the common fair value does. Whoever serves
    more venues of another circle changes no market of this one.
    """

    rate: float
    branching: float
    decay: float
    market_share: float
    limit_median: float
    limit_sigma: float
    maker_bitcoins: float
    maker_band_bps: float
    maker_half_spread_bps: float
    maker_wait_us: tuple[int, int]
    offset_sigma: float  # of the venue's value around the common one, bps per square root of a second
    circle: int = 0
