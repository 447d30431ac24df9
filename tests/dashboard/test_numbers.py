"""Numbers as people and programs read them."""

import re
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import numbers
from dashboard.numbers import Format, amounts_of, significant

amounts = st.integers(0, 10**22)
places = st.integers(0, 12)


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (6412320, 2, "64123.20"),
        (0, 2, "0.00"),
        (-120, 2, "-1.20"),
        (5, 8, "0.00000005"),
        (7, 0, "7"),
        (-5, 3, "-0.005"),
    ],
)
def test_decimal_is_exact(value: int, scale: int, text: str) -> None:
    assert numbers.decimal(value, scale) == text


@given(st.integers(-(10**25), 10**25), places)
def test_decimal_is_the_decimal(value: int, scale: int) -> None:
    """What a script reads is the integer divided by the power of ten, digit by digit."""
    text = numbers.decimal(value, scale)
    assert "e" not in text.lower()
    assert Decimal(text) * 10**scale == value
    assert numbers.grouped(value, scale).replace(",", "") == text


@given(amounts, amounts, places)
def test_a_column_is_aligned_and_never_lies(value: int, largest: int, scale: int) -> None:
    """The same decimals in each row, no false zero, no exponent, an error below half a digit."""
    value = min(value, largest)
    for form in (amounts_of(largest, scale), significant(largest, scale)):
        text = form.text(value)
        assert not re.search(r"\d[eE]", text)
        digits = text.removeprefix("<").removesuffix(form.suffix).replace(",", "")
        assert len(digits.partition(".")[2]) == form.shown
        shown = Decimal(digits) * 10 ** (form.power)
        true = Decimal(value) / 10**scale
        if text.startswith("<"):
            assert 0 < true < shown
        else:
            assert (shown == 0) == (value == 0)
            assert abs(shown - true) <= Decimal(10) ** (form.power - form.shown) / 2


@given(amounts, places)
def test_amount_columns_hold_their_width(largest: int, scale: int) -> None:
    assert len(amounts_of(largest, scale).text(largest)) <= 12


@pytest.mark.parametrize(
    ("largest", "scale", "text"),
    [
        (123_4567, 4, "123.4567"),
        (123_45678901, 8, "123.4568"),
        (31_000, 8, "0.0003100"),
        (1_234_567_8901, 4, "1,234,568"),
        (9_999_000_000_000_0000, 4, "9.999T"),
        (1_234_567_890_123, 0, "1.235T"),
        (3, 0, "3"),
    ],
)
def test_amounts(largest: int, scale: int, text: str) -> None:
    assert amounts_of(largest, scale).text(largest) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_101_900_0000, "1.102M"), (124_000_0000, "0.124M"), (4_000_000, "<0.001M"), (0, "0.000M"), (-1, ">-0.001M")],
)
def test_a_column_has_one_suffix(value: int, text: str) -> None:
    """The suffix follows the largest value of the column, not each row."""
    assert significant(1_500_000_0000, 4).text(value) == text


def test_tiny_amounts_are_not_zero() -> None:
    assert Format(8, 4).text(1) == "<0.0001"


@pytest.mark.parametrize(
    ("spread", "twice", "text"),
    [
        (20, 2 * 6412330, "0.03"),
        (-120, 2 * 6412400, "-0.19"),
        (0, 100, "0.00"),
        (1, 10**9, "<0.01"),
        (-1, 10**9, ">-0.01"),
        (1, 0, "─"),
    ],
)
def test_basis_points(spread: int, twice: int, text: str) -> None:
    assert numbers.basis_points(spread, twice) == text


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_divided_rounds_half_away_from_zero(value: int, divisor: int) -> None:
    assert numbers.divided(value, divisor) == int((Decimal(value) / divisor).quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize(("twice", "text"), [(12824660, "64,123.30 "), (12824661, "64,123.305")])
def test_mid_keeps_its_width(twice: int, text: str) -> None:
    """Half a tick is shown, and its absence leaves the room."""
    assert numbers.half(twice, 2) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ms"),
        (38_400_000, "38 ms"),
        (999_999_999, "999 ms"),
        (1_000_000_000, "1.0 s"),
        (59_990_000_000, "59.9 s"),
        (72 * 10**9, "1:12"),
        (3727 * 10**9, "1:02:07"),
        (-5, "0 ms"),
    ],
)
def test_age(ns: int, text: str) -> None:
    assert numbers.age(ns) == text


@pytest.mark.parametrize(
    ("bid", "ask", "text"), [(58, 42, "+16%"), (42, 58, "-16%"), (5, 5, "0%"), (0, 0, "─"), (1, 0, "+100%")]
)
def test_imbalance(bid: int, ask: int, text: str) -> None:
    assert numbers.imbalance(bid, ask) == text


def test_two_ages_share_their_unit() -> None:
    assert numbers.two_ages(85_000_000, 412_000_000) == "85/412 ms"
    assert numbers.two_ages(85_000_000, 1_200_000_000) == "85 ms/1.2 s"


def test_times() -> None:
    assert numbers.clock(1_795_176_046_113_000_000) == "12:00:46.113"
    assert numbers.instant(1_795_176_046_113_000_001) == "2026-11-20T12:00:46.113000001Z"
    assert numbers.countdown(1_000_000_001) == "2 s"
    assert numbers.short_duration(9_999_999_999) == "9s"
    assert numbers.short_duration(12 * 10**9) == "0:12"


@pytest.mark.parametrize(
    ("text", "places", "value"),
    [
        ("1", 0, 1),
        ("1.25", 2, 125),
        ("1.25", 4, 12500),
        ("1.255", 2, 126),
        ("-0.5", 1, -5),
        (".5", 1, 5),
        ("007", 0, 7),
    ],
)
def test_decimal_text_becomes_an_integer(text: str, places: int, value: int) -> None:
    assert numbers.scaled(text, places) == value


@pytest.mark.parametrize("text", ["", "-", ".", "1.", "1e3", "1,000", "--1", "0x1", "½", "nan"])
def test_what_is_no_decimal_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is no decimal number; write it like"):
        numbers.scaled(text, 2)


@given(st.integers(-(10**20), 10**20), st.integers(0, 12))
def test_what_is_printed_is_read_back(value: int, places: int) -> None:
    assert numbers.scaled(numbers.decimal(value, places), places) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.00007350", "0.0₄7350"),
        ("0.001", "0.001"),
        ("0.0001", "0.0₃1"),
        ("-0.0001", "-0.0₃1"),
        ("0.000000000000012", "0.0₁₃12"),
        ("10.00001", "10.00001"),
        ("0.0000", "0.0000"),
        ("12", "12"),
    ],
)
def test_runs_of_zeros_may_be_folded(text: str, shown: str) -> None:
    assert numbers.folded(text) == shown


@pytest.mark.parametrize(
    ("comma", "text"), [(",", "1,234,567.8"), ("", "1234567.8"), ("\u2009", "1\u2009234\u2009567.8")]
)
def test_what_stands_between_thousands(comma: str, text: str) -> None:
    assert numbers.grouped(12345678, 1, comma) == text
    assert Format(1, 1, comma=comma).text(12345678) == text
    assert amounts_of(12345678, 1, 12, comma).text(12345678) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (6, 100_000, "+0.60"),
        (-6, 100_000, "-0.60"),
        (0, 5, "0.00"),
        (1, 10**9, "+<0.01"),
        (-1, 10**9, "-<0.01"),
        (1, 0, "─"),
    ],
)
def test_signed_points(part: int, whole: int, text: str) -> None:
    assert numbers.signed_points(part, whole) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 10, "0%"), (1, 1000, "<1%"), (999, 1000, ">99%"), (10, 10, "100%"), (1, 3, "33%"), (1, 0, "─")],
)
def test_shares_tell_something_from_nothing(part: int, whole: int, text: str) -> None:
    assert numbers.per_cent(part, whole) == text
