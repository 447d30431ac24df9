"""What a catalog says of a pair."""

from decimal import Decimal

import pytest

from book import Instrument, Pair
from book.instrument import decimals_of


@pytest.mark.parametrize(
    ("step", "decimals"),
    [
        ("0.01", 2),
        ("0.01000000", 2),
        ("0.5", 1),
        ("1", 0),
        ("1.000", 0),
        ("10", 0),
        ("1E+2", 0),
        ("1e-8", 8),
        ("0.00000001", 8),
        ("2.5", 1),
        ("0", 0),
    ],
)
def test_decimals_of(step: str, decimals: int) -> None:
    """The digits after the point that multiples of the step need, however the step is spelled."""
    assert decimals_of(Decimal(step)) == decimals


@pytest.mark.parametrize("step", ["NaN", "Infinity", "-Infinity"])
def test_no_step(step: str) -> None:
    """A step that is no number is refused with its name."""
    with pytest.raises(ValueError, match=step):
        decimals_of(Decimal(step))


@pytest.mark.parametrize(
    ("tick", "max_price", "wide"),
    [
        ("0.01", None, False),
        ("0.01", "1000000.00", False),
        ("0.00000001", "9999999", False),  # 15 digits: 9999999 * 10^8 < 10^15
        ("0.00000001", "10000000", True),  # 16 digits
        ("0.01", "9999999999999.99", False),
        ("0.01", "10000000000000", True),
        ("0.01", "0", False),
    ],
)
def test_needs_decimal(tick: str, max_price: str | None, wide: bool) -> None:
    """Decimal numbers are used from 16 significant digits on, where doubles stop to be exact names."""
    most = None if max_price is None else Decimal(max_price)
    instrument = Instrument("x", "AB", Pair("A", "B"), Decimal(tick), Decimal("0.001"), max_price=most)
    assert instrument.needs_decimal is wide
    assert instrument.amount_decimals == 3
