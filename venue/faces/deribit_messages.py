"""Deribit's notifications and results, field by field. No I/O, no clock.

Source: Deribit's public documentation of the JSON-RPC API, and frames of the venue. Prices and amounts are JSON
floats, in exponent form where that is shorter.
"""

import re
from collections.abc import Iterable

import msgspec

from venue.faces.texts import short_text
from venue.faces.window import Row
from venue.faces.wording import Clock, LevelText, Wording, rows
from venue.ladder import Ladder
from venue.listing import Listing
from venue.market import Print, Session
from venue.matching import ASK, BID, Top

_encode = msgspec.json.Encoder().encode


def number(value: int, decimals: int) -> str:
    """Write ``value * 10**-decimals`` as the venue writes floats: the shorter of 2200.0 and 2.2e3."""
    plain = short_text(value, decimals)
    if "." not in plain:
        plain += ".0"
    digits = str(value).rstrip("0")
    if value and len(digits) < len(plain) - 3:
        exponent = len(str(value)) - 1 - decimals
        short = f"{digits[0]}.{digits[1:] or '0'}e{exponent}"
        return short if len(short) < len(plain) else plain
    return plain


def price(listing: Listing, tick: int) -> str:
    """Write a price."""
    return number(tick, listing.price_decimals)


def amount(listing: Listing, lots: int) -> str:
    """Write an amount."""
    return number(lots, listing.lot_decimals)


def notification(channel: str, data: str) -> bytes:
    """Write a message of a channel."""
    head = '{"jsonrpc":"2.0","method":"subscription","params":{"channel":'
    return f'{head}"{channel}","data":{data}}}}}'.encode()


def changes(listing: Listing, found: Iterable[Row]) -> str:
    """Write changed levels with what happened to them."""
    return ",".join(
        [
            f'["{"delete" if not row.lots else "change" if row.before else "new"}",'
            f"{price(listing, row.tick)},{amount(listing, row.lots)}]"
            for row in found
        ]
    )


def levels(listing: Listing, found: Iterable[tuple[int, int]]) -> str:
    """Write levels without an action."""
    return ",".join([f"[{price(listing, tick)},{amount(listing, lots)}]" for tick, lots in found])


def book(listing: Listing, time_ms: int, before: int | None, change_id: int, bids: str, asks: str) -> str:
    """Write the data of a book: a snapshot, or what changed since ``before``."""
    kind = "snapshot" if before is None else "change"
    link = "" if before is None else f'"prev_change_id":{before},'
    return (
        f'{{"type":"{kind}","timestamp":{time_ms},{link}"instrument_name":"{listing.symbol}",'
        f'"change_id":{change_id},"bids":[{bids}],"asks":[{asks}]}}'
    )


def grouped(listing: Listing, time_ms: int, change_id: int, bids: str, asks: str) -> str:
    """Write the data of a book of limited depth, which is always whole."""
    return (
        f'{{"timestamp":{time_ms},"instrument_name":"{listing.symbol}","change_id":{change_id},'
        f'"bids":[{bids}],"asks":[{asks}]}}'
    )


def quote(listing: Listing, time_ms: int, top: Top) -> str:
    """Write the data of the best prices."""
    return (
        f'{{"timestamp":{time_ms},"instrument_name":"{listing.symbol}",'
        f'"best_bid_price":{price(listing, top.bid or 0)},"best_bid_amount":{amount(listing, top.bid_lots)},'
        f'"best_ask_price":{price(listing, top.ask or 0)},"best_ask_amount":{amount(listing, top.ask_lots)}}}'
    )


def trades(listing: Listing, found: Iterable[tuple[Print, int]]) -> str:
    """Write trades with their times in ms; ``direction`` is the taker's, ``trade_seq`` rises by one."""
    written = [
        f'{{"timestamp":{time_ms},"price":{price(listing, item.tick)},"amount":{amount(listing, item.lots)},'
        f'"direction":"{"buy" if item.taker_side == BID else "sell"}","tick_direction":0,'
        f'"trade_seq":{item.trade_id},"trade_id":"{item.trade_id}","instrument_name":"{listing.symbol}",'
        f'"index_price":{price(listing, item.tick)},"mark_price":{price(listing, item.tick)}}}'
        for item, time_ms in found
    ]
    return f"[{','.join(written)}]"


def order_book(
    listing: Listing, ladder: Ladder, depth: int, time_ms: int, change_id: int, session: Session
) -> msgspec.Raw:
    """Return the book as a result of a request."""
    sides = [ladder.levels(side, depth) for side in (BID, ASK)]
    best = [(side[0] if side else (0, 0)) for side in sides]
    last = price(listing, session.last)
    head = grouped(listing, time_ms, change_id, *(levels(listing, side) for side in sides))[:-1]
    tail = (
        f',"best_bid_price":{price(listing, best[BID][0])},"best_bid_amount":{amount(listing, best[BID][1])},'
        f'"best_ask_price":{price(listing, best[ASK][0])},"best_ask_amount":{amount(listing, best[ASK][1])},'
        f'"last_price":{last},"mark_price":{last},"index_price":{last},"state":"open",'
        f'"stats":{{"high":{price(listing, session.high)},"low":{price(listing, session.low)},'
        f'"volume":{amount(listing, session.lots)},"price_change":0.0}}}}'
    )
    return msgspec.Raw((head + tail).encode())


def instrument(listing: Listing, number_: int, *, routed: bool) -> dict[str, object]:
    """Return a row of the catalog; ``routed``: the book is another venue's, and trades are not to be had."""
    row: dict[str, object] = {
        "instrument_name": listing.symbol,
        "kind": "spot",
        "instrument_type": "linear",
        "base_currency": listing.base,
        "quote_currency": listing.quote,
        "counter_currency": listing.quote,
        "price_index": listing.symbol.lower(),
        "tick_size": 10.0**-listing.price_decimals,
        "tick_size_steps": [],
        "min_trade_amount": 10.0**-listing.lot_decimals,
        "contract_size": 10.0**-listing.lot_decimals,
        "is_active": True,
        "state": "open",
        "instrument_id": 90_000 + number_,
        "creation_timestamp": 1_682_000_000_000,
        "expiration_timestamp": 32_503_708_800_000,
        "maker_commission": 0.0,
        "taker_commission": 0.0,
    }
    return {**row, "is_cbe_routed": True, "is_csr": True} if routed else row


class DeribitWording(Wording):
    """For faults on this face."""

    clocks = (
        Clock(re.compile(rb'"(?:timestamp|result)":(\d{13})(?=[,}])'), "ms"),
        Clock(re.compile(rb'"(?:usIn|usOut)":(\d{16})(?=[,}])'), "us"),
    )
    follows = re.compile(rb'"prev_change_id":(\d+)')
    stands = re.compile(rb'"(change_id|prev_change_id)":(\d+)')
    _side = re.compile(rb'"(?:bids|asks)":\[(\[[^]]*\](?:,\[[^]]*\])*)\]')
    _row = re.compile(rb'\["(?:new|change|delete)",([^,]+),([^]]+)\]')

    def words(self, status: int, retry_after_s: int) -> object:
        """Return the error object."""
        code, text = (10028, "too_many_requests") if status == 429 else (13888, "temporarily_unavailable")
        return {"jsonrpc": "2.0", "error": {"code": code, "message": text}, "testnet": False}

    def is_diff(self, payload: bytes) -> bool:
        """Tell changes from snapshots."""
        return b'"type":"change"' in payload[:200]

    def levels(self, payload: bytes) -> list[LevelText]:
        """Return all levels of a change."""
        return [level for side in self._side.finditer(payload) for level in rows(payload, self._row, *side.span(1))]

    def amount(self, listing: Listing, lots: int) -> str:
        """Write an amount as a float."""
        return amount(listing, lots)
