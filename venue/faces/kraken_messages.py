"""Kraken's channel messages (WebSocket v2), field by field. No I/O, no clock.

Source: Kraken's public documentation of WebSocket v2 and of the book checksum. Prices and amounts are JSON numbers
written in the pair's full precision, trailing zeros included; times are RFC 3339.
"""

import re
import zlib
from collections.abc import Iterable

import msgspec

from venue.faces.rfc3339 import rfc3339
from venue.faces.wording import Clock, LevelText, Wording, rows
from venue.ladder import Ladder
from venue.listing import Listing, decimal_text
from venue.market import Print
from venue.matching import ASK, BID

CHECKED_LEVELS = 10  # a side, under the checksum

_encode = msgspec.json.Encoder().encode


def checksum(ladder: Ladder) -> int:
    """Return the CRC-32 over the ten best asks and bids: digits of price and amount, without leading zeros.

    Ticks and lots are those digits: the pair's precisions are fixed.
    """
    best = (*ladder.levels(ASK, CHECKED_LEVELS), *ladder.levels(BID, CHECKED_LEVELS))
    return zlib.crc32("".join([f"{tick}{lots}" for tick, lots in best]).encode())


def book(kind: str, listing: Listing, bids: str, asks: str, check: int, time_us: int) -> bytes:
    """Write a message of the book; ``kind`` is snapshot or update."""
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{listing.symbol}","bids":[{bids}],"asks":[{asks}],'
        f'"checksum":{check},"timestamp":"{rfc3339(time_us)}"}}]}}'
    ).encode()


def levels(listing: Listing, found: Iterable[tuple[int, int]]) -> str:
    """Write levels."""
    price_decimals, lot_decimals = listing.price_decimals, listing.lot_decimals
    return ",".join(
        [
            f'{{"price":{decimal_text(tick, price_decimals, price_decimals)},'
            f'"qty":{decimal_text(lots, lot_decimals, lot_decimals)}}}'
            for tick, lots in found
        ]
    )


def trades(kind: str, listing: Listing, found: Iterable[tuple[Print, int]]) -> bytes:
    """Write trades with their times in µs; ``side`` is the taker's."""
    written = [
        f'{{"symbol":"{listing.symbol}","side":"{"buy" if item.taker_side == BID else "sell"}",'
        f'"price":{decimal_text(item.tick, listing.price_decimals, listing.price_decimals)},'
        f'"qty":{decimal_text(item.lots, listing.lot_decimals, listing.lot_decimals)},'
        f'"ord_type":"market","trade_id":{item.trade_id},"timestamp":"{rfc3339(time_us)}"}}'
        for item, time_us in found
    ]
    return f'{{"channel":"trade","type":"{kind}","data":[{",".join(written)}]}}'.encode()


def status(system: str, connection_id: int) -> bytes:
    """Write the status of the engine."""
    data = {"version": "2.0.10", "system": system, "api_version": "v2", "connection_id": connection_id}
    return _encode({"channel": "status", "type": "update", "data": [data]})


def instruments(listings: Iterable[Listing]) -> bytes:
    """Write the snapshot of the instrument channel."""
    listed = list(listings)
    assets = sorted({asset for listing in listed for asset in (listing.base, listing.quote)})
    pairs = [
        {
            "symbol": listing.symbol,
            "base": listing.base,
            "quote": listing.quote,
            "status": "online",
            "qty_precision": listing.lot_decimals,
            "qty_increment": 10.0**-listing.lot_decimals,
            "price_precision": listing.price_decimals,
            "price_increment": 10.0**-listing.price_decimals,
            "cost_precision": 5,
            "cost_min": 0.5,
            "qty_min": 0.00005,
            "marginable": False,
            "has_index": True,
        }
        for listing in listed
    ]
    told = {"assets": [{"id": asset, "status": "enabled", "precision": 10} for asset in assets], "pairs": pairs}
    return _encode({"channel": "instrument", "type": "snapshot", "data": told})


class KrakenWording(Wording):
    """For faults on this face. There is no sequence number: a lost update needs no disguise, only the checksum tells.

    The venue tells errors of requests with status 200.
    """

    clocks = (
        Clock(re.compile(rb'"(?:timestamp|time_in|time_out)":"([^"]+Z)"'), "rfc3339"),
        Clock(re.compile(rb'"unixtime":(\d+)'), "s"),
        Clock(re.compile(rb'(?<=",)(\d{10})(?=\])'), "s"),
    )
    checksum = re.compile(rb'"checksum":(\d+)')
    _side = re.compile(rb'"(?:bids|asks)":\[(\{[^]]*)\]')
    _row = re.compile(rb'"price":([0-9.]+),"qty":([0-9.]+)')
    _time = re.compile(rb'"timestamp":"([^"]+)"')

    def words(self, status: int, retry_after_s: int) -> object:
        """Return the error array."""
        said = {
            429: "EGeneral:Too many requests",
            418: "EGeneral:Temporary lockout",
            451: "EGeneral:Permission denied",
        }
        return {"error": [said.get(status, "EService:Unavailable")]}

    def refusal(self, status: int, retry_after_s: int) -> tuple[int, bytes, str]:
        """Return what its edge answers as it is, and all other refusals with status 200."""
        told, body, kind = super().refusal(status, retry_after_s)
        return (200, body, kind) if kind == "application/json" else (told, body, kind)

    def position(self, payload: bytes) -> dict[str, object]:
        """Tell the timestamp in µs."""
        found = self._time.search(payload)
        return {"timestamp": found[1].decode()} if found else {}

    def is_diff(self, payload: bytes) -> bool:
        """Tell updates from snapshots."""
        return b'"type":"update"' in payload[:40]

    def levels(self, payload: bytes) -> list[LevelText]:
        """Return all levels of a book."""
        return [level for side in self._side.finditer(payload) for level in rows(payload, self._row, *side.span(1))]

    def amount(self, listing: Listing, lots: int) -> str:
        """Write an amount in full precision."""
        return decimal_text(lots, listing.lot_decimals, listing.lot_decimals)
