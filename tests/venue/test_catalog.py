"""Pairs, their scales and their spelling."""

import pytest

from venue.catalog import CatalogError, parse_pair
from venue.listing import decimal_text


@pytest.mark.parametrize(
    ("text", "face", "symbol", "price_decimals", "lot_decimals"),
    [
        ("BTC/USDT", "binance", "BTCUSDT", 2, 5),
        ("BTC/USDT", "bitstamp", "btcusdt", 0, 8),
        ("eth/usdt", "binance", "ETHUSDT", 2, 4),
        ("ETH/USDT", "bitstamp", "ethusdt", 1, 8),
        ("ETH/BTC", "binance", "ETHBTC", 5, 4),
        ("XRP/USD", "bitstamp", "xrpusd", 5, 8),
    ],
)
def test_scales(text: str, face: str, symbol: str, price_decimals: int, lot_decimals: int) -> None:
    pair = parse_pair(text)
    assert pair is not None
    listing = next(listing for listing in pair.listings if listing.face == face)
    assert (listing.symbol, listing.price_decimals, listing.lot_decimals) == (symbol, price_decimals, lot_decimals)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BTCUSDT", "BASE/QUOTE"),
        ("BTC/", "BASE/QUOTE"),
        ("BTC/BTC", "BASE/QUOTE"),
        ("BTC/XYZ", "XYZ"),
        ("BTC/USD@nowhere", "nowhere"),
    ],
)
def test_bad_pairs_say_why(text: str, says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        parse_pair(text)


def test_a_pair_of_an_unserved_venue_is_left_out() -> None:
    assert parse_pair("BTC/USD@bitstamp", ("binance",)) is None


@pytest.mark.parametrize(
    ("value", "decimals", "width", "text"),
    [
        (6400012, 2, 8, "64000.12000000"),
        (5, 5, 8, "0.00005000"),
        (64000, 0, 0, "64000"),
        (7, 0, 8, "7.00000000"),
        (123456789, 8, 8, "1.23456789"),
        (0, 5, 8, "0.00000000"),
    ],
)
def test_decimal_text(value: int, decimals: int, width: int, text: str) -> None:
    assert decimal_text(value, decimals, width) == text
