"""Bitstamp's channel and REST bodies, field by field. No I/O, no clock.

Source: Bitstamp's public documentation of WebSocket v2 and of the HTTP API, and fixtures of its clients. Book
prices, amounts and times are strings; trades carry numbers with string twins.
"""

from collections.abc import Iterable
from random import Random

import msgspec

from venue.faces.texts import AMOUNT_DECIMALS, book_texts, level_texts
from venue.ladder import Ladder
from venue.listing import ASSETS, Listing, decimal_text
from venue.market import OrderView, Print, Session
from venue.matching import ASK, BID

ORDER_ID_BASE = 1_990_000_000_000_000
TOP_LEVELS = 100

_encode = msgspec.json.Encoder().encode
Rows = list[tuple[str, str]]


def times(micro: int) -> dict[str, object]:
    """Return both time fields: whole seconds and microseconds, as strings."""
    return {"timestamp": str(micro // 1_000_000), "microtimestamp": str(micro)}


def channel_event(channel: str, event: str, data: object) -> bytes:
    """Write a message of a channel."""
    return _encode({"data": data, "channel": channel, "event": event})


def diff_rows(listing: Listing, totals: Iterable[tuple[int, int]], zeros: Random) -> Rows:
    """Write changed levels. A zero is spelled with or without decimals: clients must compare numbers."""
    rows = level_texts(listing, totals, listing.price_decimals)
    return [(price, amount if amount != "0.00000000" or zeros.random() < 0.5 else "0") for price, amount in rows]


def top_book(listing: Listing, ladder: Ladder, micro: int) -> dict[str, object]:
    """Return the best hundred levels of both sides."""
    return {**times(micro), **book_texts(listing, ladder, TOP_LEVELS)}


def order_rows(listing: Listing, orders: dict[int, OrderView], *, ids: bool) -> dict[str, object]:
    """Return one row per order, best price first and oldest first; with order ids if wanted."""
    sides: tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]] = ([], [])
    for order_id, order in orders.items():
        sides[order.side].append((order.tick, order.lots, order_id))
    # Sorting is stable: within a price the order of arrival stays.
    sides[BID].sort(key=lambda row: -row[0])
    sides[ASK].sort(key=lambda row: row[0])
    written: dict[str, object] = {}
    for name, rows in (("bids", sides[BID]), ("asks", sides[ASK])):
        texts = level_texts(listing, ((tick, lots) for tick, lots, _ in rows), listing.price_decimals)
        written[name] = (
            [(*text, str(ORDER_ID_BASE + row[2])) for text, row in zip(texts, rows, strict=True)] if ids else texts
        )
    return written


def trade(listing: Listing, item: Print, micro: int) -> dict[str, object]:
    """Return a trade; ``type`` is the taker's side: 0 bought, 1 sold."""
    price = decimal_text(item.tick, listing.price_decimals, listing.price_decimals)
    amount = decimal_text(item.lots, listing.lot_decimals, AMOUNT_DECIMALS)
    bought = item.taker_side == BID
    taker, maker = ORDER_ID_BASE + item.taker_id, ORDER_ID_BASE + item.maker_id
    return {
        "id": item.trade_id,
        "id_str": str(item.trade_id),
        **times(micro),
        "amount": _number(amount),
        "amount_str": amount,
        "price": _number(price),
        "price_str": price,
        "type": 0 if bought else 1,
        "buy_order_id": taker if bought else maker,
        "sell_order_id": maker if bought else taker,
    }


def market_row(listing: Listing) -> dict[str, object]:
    """Return a row of the catalog of markets."""
    return {
        "name": listing.pair,
        "market_symbol": listing.symbol,
        "base_currency": listing.base,
        "base_decimals": listing.lot_decimals,
        "counter_currency": listing.quote,
        "counter_decimals": listing.price_decimals,
        "minimum_order_value": _minimum(listing),
        "maximum_order_value": "30000000.0",
        "minimum_order_amount": "0.00000000",
        "maximum_order_amount": "0.00000000",
        "trading": "Enabled",
        "instant_order_counter_decimals": max(2, listing.price_decimals),
        "instant_and_market_orders": "Enabled",
        "market_type": "SPOT",
        "asset_class": "CRYPTO",
        "description": _description(listing),
    }


def pair_row(listing: Listing) -> dict[str, object]:
    """Return a row of the older catalog of trading pairs."""
    return {
        "name": listing.pair,
        "url_symbol": listing.symbol,
        "base_decimals": listing.lot_decimals,
        "counter_decimals": listing.price_decimals,
        "minimum_order": f"{_minimum(listing)} {listing.quote}",
        "trading": "Enabled",
        "instant_and_market_orders": "Enabled",
        "description": _description(listing),
    }


def ticker(listing: Listing, session: Session, ladder: Ladder, micro: int) -> dict[str, object]:
    """Return a ticker; high, low, volume and the like count from the start of the venue."""
    width = listing.price_decimals

    def price(tick: int | None) -> str:
        return decimal_text(tick or 0, width, width)

    vwap = session.tick_lots // session.lots if session.lots else 0
    change = 100.0 * (session.last - session.open) / session.open if session.open else 0.0
    return {
        "timestamp": str(micro // 1_000_000),
        "open": price(session.open),
        "high": price(session.high),
        "low": price(session.low),
        "last": price(session.last),
        "volume": decimal_text(session.lots, listing.lot_decimals, AMOUNT_DECIMALS),
        "vwap": price(vwap),
        "bid": price(ladder.best(BID)),
        "ask": price(ladder.best(ASK)),
        "side": str(session.last_side),
        "open_24": price(session.open),
        "percent_change_24": f"{change:.2f}",
        "market_type": "SPOT",
    }


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


def _minimum(listing: Listing) -> str:
    return "0.0002" if listing.quote == "BTC" else "10.0"


def _description(listing: Listing) -> str:
    return f"{ASSETS[listing.base].name} / {ASSETS[listing.quote].name}"
