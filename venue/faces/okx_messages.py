"""OKX's channel and REST bodies (v5, spot), field by field. No I/O, no clock.

Source: OKX's public documentation of the v5 public channels and market endpoints. Everything is a string but for the
ids; prices and sizes have no trailing zeros. Since 2026 the checksum is always 0; before it was a signed CRC-32.
"""

import re
import zlib
from collections.abc import Iterable
from itertools import zip_longest

import msgspec

from venue.faces.texts import short_text
from venue.faces.wording import Clock, Wording
from venue.ladder import Ladder
from venue.listing import Listing
from venue.market import Print
from venue.matching import ASK, BID

CHECKED_LEVELS = 25  # a side, under the checksum of older days

_encode = msgspec.json.Encoder().encode
Rows = list[tuple[str, str, str, str]]


def rows(listing: Listing, found: Iterable[tuple[int, int]]) -> Rows:
    """Write levels; the number of orders is not known here and told as one."""
    price, lot = listing.price_decimals, listing.lot_decimals
    return [(short_text(tick, price), short_text(lots, lot), "0", "1" if lots else "0") for tick, lots in found]


def checksum(listing: Listing, ladder: Ladder) -> int:
    """Return the signed CRC-32 over up to 25 levels: a bid, an ask, the next bid, and so on."""
    sides = [rows(listing, ladder.levels(side, CHECKED_LEVELS)) for side in (BID, ASK)]
    texts = [f"{row[0]}:{row[1]}" for pair in zip_longest(*sides) for row in pair if row]
    crc = zlib.crc32(":".join(texts).encode())
    return crc - 2**32 if crc >= 2**31 else crc


def book(action: str, symbol: str, bids: Rows, asks: Rows, ts: int, check: int, seq: int, before: int) -> bytes:
    """Write a message of the book of 400 levels; ``before`` is the id of the message before, -1 for a snapshot."""
    data = {"asks": asks, "bids": bids, "ts": str(ts), "checksum": check, "seqId": seq, "prevSeqId": before}
    return _encode({"arg": {"channel": "books", "instId": symbol}, "action": action, "data": [data]})


def best(channel: str, symbol: str, bids: Rows, asks: Rows, ts: int, seq: int) -> bytes:
    """Write the best levels, which are always whole."""
    data: dict[str, object] = {"asks": asks, "bids": bids}
    if channel == "books5":
        data["instId"] = symbol
    return _encode({"arg": {"channel": channel, "instId": symbol}, "data": [{**data, "ts": str(ts), "seqId": seq}]})


def trades(listing: Listing, found: Iterable[tuple[Print, int]]) -> bytes:
    """Write trades with their times in ms; ``side`` is the taker's."""
    data = [
        {
            "instId": listing.symbol,
            "tradeId": str(item.trade_id),
            "px": short_text(item.tick, listing.price_decimals),
            "sz": short_text(item.lots, listing.lot_decimals),
            "side": "buy" if item.taker_side == BID else "sell",
            "ts": str(time_ms),
            "count": "1",
        }
        for item, time_ms in found
    ]
    return _encode({"arg": {"channel": "trades", "instId": listing.symbol}, "data": data})


def instrument(listing: Listing) -> dict[str, object]:
    """Return a row of the catalog."""
    lot = short_text(1, listing.lot_decimals)
    return {
        "instType": "SPOT",
        "instId": listing.symbol,
        "baseCcy": listing.base,
        "quoteCcy": listing.quote,
        "instFamily": "",
        "uly": "",
        "tickSz": short_text(1, listing.price_decimals),
        "lotSz": lot,
        "minSz": lot,
        "state": "live",
        "ruleType": "normal",
        "listTime": "1548133413000",
        "expTime": "",
        "maxLmtSz": "9999999999",
        "maxMktSz": "1000000",
    }


class OkxWording(Wording):
    """For faults on this face."""

    clocks = (Clock(re.compile(rb'"ts":"(\d{13})"'), "ms"),)
    follows = re.compile(rb'"prevSeqId":(-?\d+)')
    stands = re.compile(rb'"(seqId|prevSeqId)":(-?\d+)')

    def words(self, status: int, retry_after_s: int) -> object:
        """Return code and message."""
        if status == 429:
            return {"code": "50011", "msg": "Requests too frequent.", "data": []}
        return {"code": "50001", "msg": "Service temporarily unavailable. Please try again later.", "data": []}

    def is_diff(self, payload: bytes) -> bool:
        """Tell updates from snapshots."""
        return b'"action":"update"' in payload[:100]

    def amount(self, listing: Listing, lots: int) -> str:
        """Write an amount without trailing zeros."""
        return short_text(lots, listing.lot_decimals)
