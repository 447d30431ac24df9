"""Bitfinex's catalog, limits and refusals."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from exchanges.bitfinex import Bitfinex
from exchanges.errors import GarbageFrame


def ticker(symbol: str, last: Any = 61250.5, bid: Any = None, ask: Any = None) -> list[Any]:
    """A row of the tickers."""
    return [symbol, bid, 1.5, ask, 2, -9, -0.0001, last, 1234.5, 62000, 60000, None]


def catalog(*rows: Any) -> list[Any]:
    """What is read from these."""
    return list(Bitfinex().parse_catalog(msgspec.json.encode(rows)))


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("tBTCUSD", "BTC/USD"), ("tBTCUST", "BTC/USDT"), ("tUSTUSD", "USDT/USD"), ("tDUSK:USD", "DUSK/USD"),
        ("tBTC:XAUT", "BTC/XAUT"), ("tETHUDC", "ETH/USDC"), ("tIOTUSD", "IOTA/USD"), ("tATOUST", "ATOM/USDT"),
        ("tALGUSD", "ALGO/USD"), ("tDSHBTC", "DASH/BTC"), ("tETH2X:ETH", "ETH2X/ETH"), ("t1INCH:USD", "1INCH/USD"),
    ],
)  # fmt: skip
def test_spellings(symbol: str, pair: str) -> None:
    """Three letters each, or a colon between; the venue's short names are not ours."""
    (found,) = catalog(ticker(symbol))
    assert (found.symbol, str(found.pair), found.trading, found.needs_decimal) == (symbol, pair, True, False)


@pytest.mark.parametrize(
    "row",
    [
        ticker("tBTCF0:USTF0"), ticker("tTESTBTC:TESTUSD"), ticker("tTESTBTCF0:TESTUSDTF0"), ticker("tBTC"),
        ticker("tBTCUSDX"), ticker("tBTC:"), ticker("BTCUSD"), ticker("tABCDEFGHIJKLMNOPQRSTUVWXYZ:USD"),
        ["fUSD", 0.0002, 0.0001, 120, 1.5, 0.0002, 2, 3.5, -0.00001, -0.05, 0.0001, 9, 0.0003, 0.0001, None, None, 7],
    ],
)  # fmt: skip
def test_what_is_no_spot_pair(row: Any) -> None:
    """Funding, perpetuals, markets in play money, and names that are none."""
    assert catalog(row, ticker("tBTCUSD"))[0].symbol == "tBTCUSD"
    assert len(catalog(row, ticker("tBTCUSD"))) == 1


@pytest.mark.parametrize(
    ("last", "tick"),
    [
        (61250, "0.1"), (99999, "0.1"), (100000, "1"), (3200.5, "0.01"), (1.0003, "0.00001"), (0.9997, "0.000001"),
        (0.62, "0.000001"), (0.0521, "0.0000001"), (0.0000011, "1e-8"), (1e-8, "1e-8"), (230880, "1"),
    ],
)  # fmt: skip
def test_five_digits(last: float, tick: str) -> None:
    """Of a price ten times as low, at most eight decimals: a book reaches across powers of ten."""
    (found,) = catalog(ticker("tABCUSD", last))
    assert (found.tick_size, found.lot_size) == (Decimal(tick), Decimal("1e-8"))


@pytest.mark.parametrize(
    ("last", "bid", "ask", "tick"),
    [(None, 61250, 0, "0.1"), (0, None, 61250, "0.1"), (None, None, None, "1e-8"), (0, 0, 0, "1e-8")],
)
def test_without_a_last_price(last: Any, bid: Any, ask: Any, tick: str) -> None:
    """One that nobody has traded is known by its quotes, or counted as finely as may be."""
    assert catalog(ticker("tABCUSD", last, bid, ask))[0].tick_size == Decimal(tick)


def test_a_price_that_is_none() -> None:
    """Is not listed."""
    assert Bitfinex().parse_catalog(b'[["tBTCUSD",1,1,1,1,1,1,1e30]]') == []


@pytest.mark.parametrize("body", [b"", b"{}", b'["error",10020,"symbols: invalid"]', b"[[7]]", b'[["tBTCUSD","x"]]'])
def test_what_is_no_catalog(body: bytes) -> None:
    """Is refused."""
    with pytest.raises(GarbageFrame, match="bitfinex: no catalog"):
        Bitfinex().parse_catalog(body)


@pytest.mark.parametrize(
    ("status", "body", "words", "ban_s"),
    [
        (500, b'["error",10020,"symbol: invalid"]', "symbol: invalid (code 10020)", 0.0),
        (429, b'{"error":"ERR_RATE_LIMIT"}', '{"error":"ERR_RATE_LIMIT"}', 60.0),
        (503, b"", "HTTP 503", 0.0),
    ],
)
def test_refusals(status: int, body: bytes, words: str, ban_s: float) -> None:
    """In the venue's words; who asked too often waits for a minute."""
    assert (Bitfinex().refusal(status, body), Bitfinex().ban_s(status, body)) == (words, ban_s)


def test_the_option() -> None:
    """How many levels are subscribed."""
    assert Bitfinex().protocol([], {}).depth == 250
    assert Bitfinex().protocol([], {"depth": "25"}).depth == 25
    assert Bitfinex().protocol([], {}).path == "/ws/2"
