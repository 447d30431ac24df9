"""Taker fees: how they are written, and which are known."""

from decimal import Decimal

import pytest

from book.fees import DEFAULT_TAKER_FEES, BadFee, fees_of, parse_fee, percent


@pytest.mark.parametrize(
    ("text", "fee"),
    [
        ("0.1%", "0.001"), ("0.1 %", "0.001"), ("10bps", "0.001"), ("7.5 BPS", "0.00075"), ("0%", "0"),
        ("10%", "0.1"),
        ("-0.005%", "-0.00005"), ("-1%", "-0.01"),
    ],
)  # fmt: skip
def test_what_is_a_fee(text: str, fee: str) -> None:
    assert parse_fee(text) == Decimal(fee)


@pytest.mark.parametrize(
    "text", ["", "0.1", "0.001", "%", "bps", "x%", "nan%", "inf%", "10.1%", "-1.1%", "1%%", "1 bp"]
)
def test_what_is_none(text: str) -> None:
    """A bare number most of all: 0.1 may be meant as a tenth or as a thousandth."""
    with pytest.raises(BadFee, match="write it with its unit"):
        parse_fee(text)


def test_what_is_told_wins_over_the_defaults() -> None:
    fees = fees_of({"binance": "7.5bps", "mine": "0%"})
    assert (fees["binance"], fees["mine"], fees["kraken"]) == (Decimal("0.00075"), Decimal(0), Decimal("0.004"))
    assert DEFAULT_TAKER_FEES["binance"] == Decimal("0.001")
    with pytest.raises(BadFee, match="binance: '1' is no fee"):
        fees_of({"binance": "1"})


def test_the_defaults_are_fractions() -> None:
    """None of them is a percentage by mistake."""
    assert all(0 <= fee < Decimal("0.01") for fee in DEFAULT_TAKER_FEES.values())


@pytest.mark.parametrize("text", ["0.1%", "0.075%", "0%", "10%", "-0.005%"])
def test_a_fee_is_written_as_it_is_read(text: str) -> None:
    assert percent(parse_fee(text)) == text
