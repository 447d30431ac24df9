"""Coinbase's channel and REST bodies (Advanced Trade), field by field. No I/O, no clock.

Source: Coinbase's public documentation of the Advanced Trade WebSocket and of its public products, and frames of the
venue: prices and quantities without trailing zeros, one event time for all levels of a message.
"""

import re
from collections.abc import Iterable

import msgspec

from venue.faces.rfc3339 import rfc3339
from venue.faces.texts import short_text
from venue.faces.wording import Clock, LevelText, Wording
from venue.listing import ASSETS, Listing
from venue.market import Print
from venue.matching import BID

# Where a message gets its number, which counts the messages of one connection; no JSON text has this byte.
NUMBER = b"\0"
SIDES = ("bid", "offer")

_encode = msgspec.json.Encoder().encode


def envelope(channel: str, now_us: int, events: bytes) -> bytes:
    """Write a message round its events, all but the number."""
    head = f'{{"channel":"{channel}","timestamp":"{rfc3339(now_us)}","sequence_num":'
    return head.encode() + NUMBER + b',"events":[' + events + b"]}"


def book(kind: str, listing: Listing, found: Iterable[tuple[int, int, int]], time_us: int) -> bytes:
    """Write a book event: snapshot or update, of sides, ticks and lots."""
    price, lot, at = listing.price_decimals, listing.lot_decimals, rfc3339(time_us)
    written = ",".join(
        [
            f'{{"side":"{SIDES[side]}","event_time":"{at}","price_level":"{short_text(tick, price)}",'
            f'"new_quantity":"{short_text(lots, lot)}"}}'
            for side, tick, lots in found
        ]
    )
    return f'{{"type":"{kind}","product_id":"{listing.symbol}","updates":[{written}]}}'.encode()


def trades(kind: str, listing: Listing, found: Iterable[tuple[Print, int]]) -> bytes:
    """Write trades with their times in µs, newest first; ``side`` is the maker's."""
    written = [
        {
            "product_id": listing.symbol,
            "trade_id": str(item.trade_id),
            "price": short_text(item.tick, listing.price_decimals),
            "size": short_text(item.lots, listing.lot_decimals),
            "time": rfc3339(time_us),
            "side": "SELL" if item.taker_side == BID else "BUY",
        }
        for item, time_us in found
    ]
    return _encode({"type": kind, "trades": written[::-1]})


def heartbeat(now_us: int, counter: int) -> bytes:
    """Write a heartbeat event."""
    at = rfc3339(now_us).replace("T", " ").rstrip("Z")
    text = f"{at}000 +0000 UTC m=+{counter}.{now_us % 1_000_000:06d}"
    return _encode({"current_time": text, "heartbeat_counter": counter})


def product(listing: Listing, *, alias: bool = False, aliased: bool = False) -> dict[str, object]:
    """Return a product; ``alias``: the USDC name of a dollar product; ``aliased``: the product has such a name."""
    quote = "USDC" if alias else listing.quote
    tick, lot = short_text(1, listing.price_decimals), short_text(1, listing.lot_decimals)
    return {
        "product_id": f"{listing.base}-{quote}",
        "price": "",
        "base_increment": lot,
        "quote_increment": tick,
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": lot,
        "base_max_size": "3400",
        "base_name": ASSETS[listing.base].name,
        "quote_name": ASSETS[quote].name,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": quote,
        "base_currency_id": listing.base,
        "alias": listing.symbol if alias else "",
        "alias_to": [f"{listing.base}-USDC"] if aliased and not alias else [],
        "base_display_symbol": listing.base,
        "quote_display_symbol": "USD" if alias else quote,
        "view_only": False,
        "price_increment": tick,
        "display_name": f"{listing.base}-{quote}",
        "product_venue": "CBE",
    }


class CoinbaseWording(Wording):
    """For faults on this face. Messages are numbered one by one: a lost update is sent without its levels."""

    clocks = (Clock(re.compile(rb'"(?:timestamp|event_time|time|iso)":"([^"]+Z)"'), "rfc3339"),)
    stands = re.compile(rb'"(sequence_num)":(\d+)')
    _level = re.compile(rb'"side":"(bid|offer)"[^}]*?"price_level":"([^"]+)","new_quantity":"([^"]+)"')
    _updates = re.compile(rb'"updates":\[.*\](?=\}\]\}$)')
    _time = re.compile(rb'"event_time":"([^"]+)"')

    def words(self, status: int, retry_after_s: int) -> object:
        """Return error and message."""
        if status == 429:
            return {"error": "RATE_LIMIT_EXCEEDED", "error_details": "", "message": "Too many requests"}
        return {"error": "UNKNOWN", "error_details": "", "message": f"Request refused ({status})."}

    def position(self, payload: bytes) -> dict[str, object]:
        """Tell the number and the event time."""
        found = self._time.search(payload)
        times = {"event_time": found[1].decode()} if found else {}
        return {**super().position(payload), **times}

    def is_diff(self, payload: bytes) -> bool:
        """Tell updates from snapshots."""
        return b'"type":"update"' in payload[:200]

    def hollow(self, payload: bytes) -> bytes:
        """Return the update without levels."""
        return self._updates.sub(b'"updates":[]', payload)

    def levels(self, payload: bytes) -> list[LevelText]:
        """Return all levels, each side from the best one on."""
        found: list[LevelText] = []
        for name, sign in ((b"bid", -1), (b"offer", 1)):
            side = [match for match in self._level.finditer(payload) if match[1] == name]
            side.sort(key=lambda match: sign * float(match[2]))
            found += [LevelText(i, m[2].decode(), m[3].decode(), *m.span(3)) for i, m in enumerate(side)]
        return found

    def amount(self, listing: Listing, lots: int) -> str:
        """Write an amount without trailing zeros."""
        return short_text(lots, listing.lot_decimals)
