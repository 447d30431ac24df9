"""Bybit's catalog, its refusals and its options."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import Pair
from exchanges.actions import Send
from exchanges.bybit import Bybit
from exchanges.errors import GarbageFrame
from tests.exchanges.bybit_desk import BYBIT
from tests.exchanges.desk import instrument


def listing(**changes: Any) -> dict[str, Any]:
    """A symbol of instruments-info with some fields changed; None leaves one out."""
    symbol = {
        "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "innovation": "0", "status": "Trading",
        "lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderAmt": "5"},
        "priceFilter": {"tickSize": "0.01"},
        **changes,
    }  # fmt: skip
    return {key: value for key, value in symbol.items() if value is not None}


def catalog(*symbols: dict[str, Any]) -> bytes:
    result = {"category": "spot", "list": symbols}
    return msgspec.json.encode({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 1})


def test_catalog() -> None:
    """Tick, lot, least value, and whether it trades."""
    found, halted = Bybit().parse_catalog(catalog(listing(), listing(symbol="X", status="PreLaunch")))
    assert (found.venue, found.symbol, found.pair) == ("bybit", "BTCUSDT", Pair("BTC", "USDT"))
    assert (found.price_decimals, found.amount_decimals, found.min_notional) == (2, 6, Decimal(5))
    assert (found.trading, halted.trading, found.needs_decimal) == (True, False, False)


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({}, True),
        ({"baseCoin": "币"}, False),
        ({"priceFilter": None}, False),
        ({"lotSizeFilter": None}, False),
        ({"lotSizeFilter": {"basePrecision": "0.1"}}, True),
        ({"lotSizeFilter": {"minOrderAmt": "1"}}, False),
        *[({"priceFilter": {"tickSize": tick}}, False) for tick in ("0", "NaN", "Infinity", "-0.01", "1e-400")],
        *[({"lotSizeFilter": {"basePrecision": lot}}, False) for lot in ("0", "1e-400")],
    ],
)
def test_odd_listings(changes: dict[str, Any], listed: bool) -> None:
    """One that cannot be used is left out; the rest of the catalog stands, and what is listed can be carried."""
    found = Bybit().parse_catalog(catalog(listing(symbol="GOOD"), listing(**changes)))
    assert len(found) == 1 + listed
    assert {each.price_decimals for each in found} == {2}
    Bybit().protocol(found, {}).opened()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"{}", b"[]", b"\xff", b'{"x":' * 100_000, b'{"retCode":0}',
        b'{"retCode":0,"result":{"list":1}}', b'{"retCode":10016,"retMsg":"Internal error"}',
    ],
    ids=range(9),
)  # fmt: skip
def test_no_catalog(body: bytes) -> None:
    """Anything else is refused as garbage, with the venue's name and its own words."""
    with pytest.raises(GarbageFrame, match="bybit.*Internal error" if b"10016" in body else "bybit"):
        Bybit().parse_catalog(body)


TOO_FREQUENT = b"<html>403 Forbidden: Access too frequent. Please try again in 10 minutes</html>"


@pytest.mark.parametrize(
    ("status", "body", "seconds"),
    [
        (403, TOO_FREQUENT, 600.0),
        (403, b'{"retMsg":"access too frequent","retCode":403}', 600.0),
        (403, b"configured to block access from your country", 0.0),
        (500, TOO_FREQUENT, 0.0),
        (429, b"", 0.0),  # its Retry-After is for all venues alike
    ],
)
def test_a_ban(status: int, body: bytes, seconds: float) -> None:
    """Ten minutes of rest where the venue finds us too frequent, and only there."""
    assert Bybit().ban_s(status, body) == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"retCode":10001,"retMsg":"Not supported symbols","result":{}}', "Not supported symbols (code 10001)"),
        (b"<html><body>blocked</body></html>\nmore", "<html><body>blocked</body></html>"),
        (b"", "HTTP 403"), (b"[1]", "[1]"), (b"[" * 100_000, "[" * 200), (b'{"retCode":1}', '{"retCode":1}'),
        (b'{"retCode":1,"retMsg":"one\\ntwo"}', "one two (code 1)"),
    ],
    ids=range(7),
)  # fmt: skip
def test_refusal(body: bytes, words: str) -> None:
    """The venue's own words, on one line of at most 200 characters."""
    assert Bybit().refusal(403, body) == words


def test_the_venue() -> None:
    """Only the depth at which a dead stream can be told."""
    assert not Bybit().options
    protocol = Bybit().protocol([instrument(BYBIT)], {})
    sent = next(action.text for action in protocol.opened() if isinstance(action, Send))
    assert msgspec.json.decode(sent)["args"] == ["orderbook.1000.BTCUSDT"]
    assert protocol.path == "/v5/public/spot"
