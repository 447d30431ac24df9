"""Numbers of venues, bounded."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.decode import Level, Stamp, check_wide, decoder, is_step, stamp_ns


@pytest.mark.parametrize(
    "text", ['["61250.30000000","0.5"]', '["61250.3",0.5]', "[61250.30,0.50]", '["6.12503e4","5e-1"]']
)
def test_spellings(text: str) -> None:
    """Numbers, strings, exponents and trailing zeros all name the same price."""
    assert decoder(Level).decode(text) == (61250.3, 0.5)


@pytest.mark.parametrize(
    "text",
    ['["NaN","1"]', '["inf","1"]', '["-1","1"]', '["0","1"]', '["1e15","1"]', '["1","-1"]', '["1","1e15"]', '["1"]',
     '["1","1","1"]', '["","1"]', '["1x","1"]', "[null,1]", "[1,[]]", '"1"'],
)  # fmt: skip
def test_what_is_no_level(text: str) -> None:
    """Is refused by the decoder itself."""
    with pytest.raises(msgspec.ValidationError):
        decoder(Level).decode(text)


def test_zero_is_an_amount() -> None:
    """It removes a level."""
    assert decoder(Level).decode('["1","0.00000000"]') == (1.0, 0.0)


@given(st.integers(1, 10**15 - 1), st.integers(-8, 0))
def test_fifteen_digits_are_exact(mantissa: int, exponent: int) -> None:
    """The decoder in C makes the double that names the decimal, as Python itself would."""
    text = str(Decimal(mantissa).scaleb(exponent))
    price, _ = decoder(Level).decode(f'["{text}","1"]')
    assert Decimal(repr(price)) == Decimal(text)


@pytest.mark.parametrize(
    ("price", "amount", "usable"),
    [
        ("1", "0", True),
        ("999999999999999.123456789012", "1", True),
        ("0.000000000000000001", "1", True),
        ("1e15", "1", False),
        ("1", "1e15", False),
        ("0", "1", False),
        ("-1", "1", False),
        ("1", "-1", False),
        ("NaN", "1", False),
        ("1", "NaN", False),
        ("sNaN", "1", False),
        ("Infinity", "1", False),
        ("1." + "1" * 28, "1", False),  # more digits than Decimal arithmetic keeps
        ("1e-1000030", "1", False),
    ],
)
def test_wide_levels(price: str, amount: str, usable: bool) -> None:
    """Decimal levels have the bounds of the others."""
    level: Any = (Decimal(price), Decimal(amount))
    if usable:
        check_wide([level], [])
        return
    with pytest.raises(msgspec.ValidationError, match="no level"):
        check_wide([], [level])


@pytest.mark.parametrize(
    ("step", "usable"),
    [("0.01", True), ("1e-18", True), ("100", True), ("1e-19", False), ("0", False), ("-1", False), ("NaN", False),
     ("Infinity", False), ("1e15", False)],
)  # fmt: skip
def test_steps(step: str, usable: bool) -> None:
    """A step is positive, finite and no finer than any asset needs."""
    assert is_step(Decimal(step)) is usable
    assert not is_step(None)


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-08-09T21:05:48.27841Z", 1_786_309_548_278_410_000),
        ("2026-08-09T23:05:48.278410+02:00", 1_786_309_548_278_410_000),
        ("2026-08-09T21:05:48.483587501Z", 1_786_309_548_483_588_000),  # the decoder keeps microseconds
    ],
)
def test_stamps(text: str, ns: int) -> None:
    """Any zone, any number of digits."""
    assert stamp_ns(decoder(Stamp).decode(f'"{text}"')) == ns


@pytest.mark.parametrize("text", ["2026-08-09T21:05:48", "2026-08-09", "2026-13-09T21:05:48Z", ""])
def test_what_is_no_stamp(text: str) -> None:
    """Without a zone, or nowhere in the calendar."""
    with pytest.raises(msgspec.ValidationError):
        decoder(Stamp).decode(f'"{text}"')


@pytest.mark.parametrize("stamp", [datetime(1969, 12, 31, tzinfo=UTC), datetime(2263, 1, 1, tzinfo=UTC)])
def test_times_that_fit_no_field(stamp: datetime) -> None:
    """Before the epoch, and beyond 63 bits of nanoseconds."""
    with pytest.raises(ValueError, match="no time of this market"):
        stamp_ns(stamp)
