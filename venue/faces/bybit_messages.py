"""Bybit's topic and REST bodies (v5, spot), field by field. No I/O, no clock.

Source: Bybit's public documentation of the v5 public stream and market endpoints. Prices have the tick's decimals,
amounts no trailing zeros; times are whole milliseconds.
"""

import re
from collections.abc import Iterable

import msgspec

from venue.faces.texts import short_text
from venue.faces.wording import Clock, Wording
from venue.listing import Listing, decimal_text
from venue.market import Print
from venue.matching import BID

_encode = msgspec.json.Encoder().encode
Rows = list[tuple[str, str]]


def rows(listing: Listing, found: Iterable[tuple[int, int]]) -> Rows:
    """Write levels."""
    price, lot = listing.price_decimals, listing.lot_decimals
    return [(decimal_text(tick, price, price), short_text(lots, lot)) for tick, lots in found]


def book(
    topic: str, kind: str, listing: Listing, bids: Rows, asks: Rows, u: int, seq: int, ts: int, cts: int
) -> bytes:
    """Write a message of the book; ``ts`` and ``cts`` in ms: when it was sent, when the engine made the change."""
    data = {"s": listing.symbol, "b": bids, "a": asks, "u": u, "seq": seq}
    return _encode({"topic": topic, "type": kind, "ts": ts, "data": data, "cts": cts})


def trades(topic: str, listing: Listing, found: Iterable[tuple[Print, int]], ts: int) -> bytes:
    """Write trades with their times in ms; ``S`` is the taker's side."""
    price, lot = listing.price_decimals, listing.lot_decimals
    data = [
        {
            "i": str(item.trade_id),
            "T": time_ms,
            "p": decimal_text(item.tick, price, price),
            "v": short_text(item.lots, lot),
            "S": "Buy" if item.taker_side == BID else "Sell",
            "s": listing.symbol,
            "BT": False,
            "RPI": False,
            "seq": item.trade_id,
        }
        for item, time_ms in found
    ]
    return _encode({"topic": topic, "ts": ts, "type": "snapshot", "data": data})


def instrument(listing: Listing) -> dict[str, object]:
    """Return a row of the catalog."""
    lot = decimal_text(1, listing.lot_decimals, listing.lot_decimals)
    return {
        "symbol": listing.symbol,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "none",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": lot,
            "quotePrecision": "0.00000001",
            "minOrderQty": lot,
            "maxOrderQty": "1000000",
            "minOrderAmt": "0.00002" if listing.quote == "BTC" else "5",
            "maxOrderAmt": "8000000",
        },
        "priceFilter": {"tickSize": decimal_text(1, listing.price_decimals, listing.price_decimals)},
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
    }


class BybitWording(Wording):
    """For faults on this face. Diffs are numbered one by one: a lost one is sent without its levels."""

    clocks = (
        Clock(re.compile(rb'"(?:ts|cts|T|time)":(\d{13})(?=[,}])'), "ms"),
        Clock(re.compile(rb'"timeSecond":"(\d+)"'), "s"),
        Clock(re.compile(rb'"timeNano":"(\d+)"'), "ns"),
    )
    stands = re.compile(rb'"(u|seq)":(\d+)')
    _rows = re.compile(rb'"(a|b)":\[\[.*?\]\]')

    def words(self, status: int, retry_after_s: int) -> object:
        """Return code and message."""
        if status == 429:
            return {"retCode": 10006, "retMsg": "Too many visits. Exceeded the API Rate Limit."}
        return {"retCode": 10016, "retMsg": "Server error."}

    def refusal(self, status: int, retry_after_s: int) -> tuple[int, bytes, str]:
        """Return 403 as the venue's edge tells of too many requests."""
        if status == 403:
            return 403, b"403, access too frequent. Please try again in a few minutes.", "text/plain"
        return super().refusal(status, retry_after_s)

    def is_diff(self, payload: bytes) -> bool:
        """Tell deltas from snapshots."""
        return b'"type":"delta"' in payload[:80]

    def hollow(self, payload: bytes) -> bytes:
        """Return the delta without levels."""
        return self._rows.sub(rb'"\1":[]', payload)

    def amount(self, listing: Listing, lots: int) -> str:
        """Write an amount without trailing zeros."""
        return short_text(lots, listing.lot_decimals)
