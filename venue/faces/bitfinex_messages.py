"""Bitfinex's channel messages (WebSocket v2), field by field. No I/O, no clock.

Source: Bitfinex's public documentation of WebSocket v2 ("books", "trades", "websocket checksum"), and frames of the
venue: numbers as JavaScript writes them, one level a message, amounts of asks negative.
"""

import re
import zlib
from collections.abc import Iterable
from typing import Final

import msgspec

from venue.faces.wording import Clock, LevelText, Wording
from venue.ladder import Ladder
from venue.listing import Listing
from venue.market import Print
from venue.matching import ASK, BID

CHECKED: Final = 25  # levels a side, under the checksum
CODES: Final = {"USDT": "UST", "USDC": "UDC"}  # the venue's names of assets, where they are its own

_encode = msgspec.json.Encoder().encode


def spell(base: str, quote: str) -> str:
    """Write a symbol: three letters each, or a colon between."""
    names = [CODES.get(asset, asset) for asset in (base, quote)]
    return "t" + ("" if all(len(name) == 3 for name in names) else ":").join(names)


def number(value: int, decimals: int) -> str:
    """Write a decimal as JavaScript does: nothing padded, an exponent below 0.000001."""
    if not value:
        return "0"
    sign, digits = "-" if value < 0 else "", str(abs(value))
    power = len(digits) - 1 - decimals  # of the first digit
    digits = digits.rstrip("0")
    if power < -6:
        return f"{sign}{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{power}"
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    whole, part = digits[: power + 1].ljust(power + 1, "0"), digits[power + 1 :]
    return f"{sign}{whole}{'.' if part else ''}{part}"


def level(listing: Listing, side: int, tick: int, lots: int) -> str:
    """Write a level; the count of orders is always 1, that of a removal 0."""
    sign = 1 if side == BID else -1
    price = number(tick, listing.price_decimals)
    return f"[{price},1,{number(sign * lots, listing.lot_decimals)}]" if lots else f"[{price},0,{sign}]"


def whole(listing: Listing, sides: Iterable[tuple[int, list[tuple[int, int]]]]) -> str:
    """Write a snapshot, bids first."""
    return f"[{','.join(level(listing, side, tick, lots) for side, found in sides for tick, lots in found)}]"


def checksum(listing: Listing, ladder: Ladder, depth: int = CHECKED) -> int:
    """Return the signed CRC-32 over the best levels of both sides in turn."""
    bids, asks = (ladder.levels(side, min(depth, CHECKED)) for side in (BID, ASK))
    words: list[str] = []
    for rank in range(max(len(bids), len(asks))):
        for found, sign in ((bids, 1), (asks, -1)):
            if rank < len(found):
                tick, lots = found[rank]
                words += [number(tick, listing.price_decimals), number(sign * lots, listing.lot_decimals)]
    found_crc = zlib.crc32(":".join(words).encode())
    return found_crc - 2**32 if found_crc >= 2**31 else found_crc


def trade(listing: Listing, item: Print, time_us: int) -> str:
    """Write a trade; the amount is positive where the taker has bought."""
    lots = item.lots if item.taker_side == BID else -item.lots
    price = number(item.tick, listing.price_decimals)
    return f"[{item.trade_id},{time_us // 1000},{number(lots, listing.lot_decimals)},{price}]"


class BitfinexWording(Wording):
    """For faults on this face. Messages are numbered one by one: a heartbeat stands for a level that is lost."""

    clocks = (
        Clock(re.compile(rb",(\d{13})\]$"), "ms"),
        Clock(re.compile(rb'"ts":(\d{13})'), "ms"),
        Clock(re.compile(rb"(?<=\d),(\d{13}),-?\d"), "ms"),  # of trades
    )
    checksum = re.compile(rb'"cs",(-?\d+)')
    _update = re.compile(rb"^\[(\d+),\[[^][]+\](?=[],])")
    _row = re.compile(rb"\[([^][,]+),(\d+),(-?[^][,]+)\]")
    _place = re.compile(rb",(\d+),(\d{13})\]$")

    def words(self, status: int, retry_after_s: int) -> object:
        """Return the error."""
        return {"error": "ERR_RATE_LIMIT"} if status in (418, 429) else ["error", 10001, "unknown"]

    def position(self, payload: bytes) -> dict[str, object]:
        """Tell the number and the time in ms."""
        found = self._place.search(payload)
        return {"seq": int(found[1]), "mts": int(found[2])} if found else {}

    def is_diff(self, payload: bytes) -> bool:
        """Tell levels from snapshots, heartbeats and checksums."""
        return self._update.match(payload) is not None

    def hollow(self, payload: bytes) -> bytes:
        """Return a heartbeat with the level's number."""
        return self._update.sub(rb'[\1,"hb"', payload)

    def levels(self, payload: bytes) -> list[LevelText]:
        """Return all levels, each side from the best one on; the amount of a removal is 0."""
        ranks = {True: 0, False: 0}
        found: list[LevelText] = []
        for row in self._row.finditer(payload):
            ask = row[3].startswith(b"-")
            amount = row[3].decode() if row[2] != b"0" else "0"
            found.append(LevelText(ranks[ask], row[1].decode(), amount, *row.span(3)))
            ranks[ask] += 1
        return found

    def amount(self, listing: Listing, lots: int) -> str:
        """Write an amount with its sign."""
        return number(lots, listing.lot_decimals)
