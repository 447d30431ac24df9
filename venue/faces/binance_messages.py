"""Binance's stream and REST bodies, field by field and in the venue's order. No I/O, no clock.

Source: Binance's public documentation of spot WebSocket streams and market data endpoints. Prices and
amounts are strings with eight decimals; on spot a depth event has neither "T" nor "pu", and partial
books and best prices carry no time at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from venue.faces.texts import AMOUNT_DECIMALS, book_texts, level_texts
from venue.ladder import Ladder
from venue.listing import Listing, decimal_text
from venue.market import Print, TopUpdate, Update
from venue.matching import BID

PRICE_WIDTH = 8

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Batch:
    """The net changes since the last depth event: first and last update id, and each touched level's newest total.

    A level that was born and has gone within the batch stays as a zero, as on the venue.
    """

    first_id: int = 0
    last_id: int = 0
    sides: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))

    def add(self, updates: Iterable[Update]) -> None:
        """Add updates, oldest first."""
        sides = self.sides
        for update in updates:
            if not self.first_id:
                self.first_id = update.update_id
            sides[update.side][update.tick] = update.lots
            self.last_id = update.update_id

    def clear(self) -> None:
        """Begin a new batch."""
        self.first_id = self.last_id = 0
        self.sides[0].clear()
        self.sides[1].clear()


def price_text(listing: Listing, tick: int) -> str:
    """Write a price with eight decimals."""
    return decimal_text(tick, listing.price_decimals, PRICE_WIDTH)


def amount_text(listing: Listing, lots: int) -> str:
    """Write an amount with eight decimals."""
    return decimal_text(lots, listing.lot_decimals, AMOUNT_DECIMALS)


def diff_levels(listing: Listing, batch: Batch) -> bytes:
    """Write a depth event's levels, best first: the part that does not depend on the time."""
    bids, asks = batch.sides
    return (
        b'"b":'
        + _encode(level_texts(listing, sorted(bids.items(), reverse=True), PRICE_WIDTH))
        + b',"a":'
        + _encode(level_texts(listing, sorted(asks.items()), PRICE_WIDTH))
    )


def diff_event(listing: Listing, batch: Batch, levels: bytes, event_time: int) -> bytes:
    """Write a depth event round levels that were written before."""
    head = f'{{"e":"depthUpdate","E":{event_time},"s":"{listing.symbol}","U":{batch.first_id},"u":{batch.last_id},'
    return head.encode() + levels + b"}"


def partial_book(listing: Listing, ladder: Ladder, update_id: int, limit: int) -> bytes:
    """Write a partial book, which is also the shape of the REST snapshot (``limit`` 0: whole)."""
    return _encode({"lastUpdateId": update_id, **book_texts(listing, ladder, limit, PRICE_WIDTH)})


def book_ticker(listing: Listing, update: TopUpdate) -> bytes:
    """Write a best-price event. An empty side is written as zeros."""
    top = update.top
    return _encode(
        {
            "u": update.update_id,
            "s": listing.symbol,
            "b": price_text(listing, top.bid or 0),
            "B": amount_text(listing, top.bid_lots),
            "a": price_text(listing, top.ask or 0),
            "A": amount_text(listing, top.ask_lots),
        }
    )


def trade_event(listing: Listing, trade: Print, trade_time: int, event_time: int) -> bytes:
    """Write a trade event; "m" tells that the buyer was the maker."""
    return _encode(
        {
            "e": "trade",
            "E": event_time,
            "s": listing.symbol,
            "t": trade.trade_id,
            "p": price_text(listing, trade.tick),
            "q": amount_text(listing, trade.lots),
            "T": trade_time,
            "m": trade.taker_side != BID,
            "M": True,
        }
    )


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Fills of one taker order at one price."""

    aggregate_id: int
    first: Print
    last: Print
    lots: int


def aggregate(prints: list[Print], next_id: int) -> list[Aggregate]:
    """Join neighbouring fills of the same taker at the same price; ids count up from ``next_id``."""
    found: list[Aggregate] = []
    for trade in prints:
        last = found[-1] if found else None
        if last and last.last.taker_id == trade.taker_id and last.last.tick == trade.tick:
            found[-1] = Aggregate(last.aggregate_id, last.first, trade, last.lots + trade.lots)
        else:
            found.append(Aggregate(next_id + len(found), trade, trade, trade.lots))
    return found


def aggregate_event(listing: Listing, joined: Aggregate, trade_time: int, event_time: int) -> bytes:
    """Write an aggregate trade event."""
    return _encode(
        {
            "e": "aggTrade",
            "E": event_time,
            "s": listing.symbol,
            "a": joined.aggregate_id,
            "p": price_text(listing, joined.first.tick),
            "q": amount_text(listing, joined.lots),
            "f": joined.first.trade_id,
            "l": joined.last.trade_id,
            "T": trade_time,
            "m": joined.first.taker_side != BID,
            "M": True,
        }
    )


def trade_row(listing: Listing, trade: Print, trade_time: int) -> dict[str, object]:
    """Return one row of the REST list of trades."""
    value = trade.tick * trade.lots
    decimals = listing.price_decimals + listing.lot_decimals
    # More than eight decimals are cut, as the venue does.
    value = value // 10 ** (decimals - 8) if decimals > 8 else value
    return {
        "id": trade.trade_id,
        "price": price_text(listing, trade.tick),
        "qty": amount_text(listing, trade.lots),
        "quoteQty": decimal_text(value, min(decimals, 8), 8),
        "time": trade_time,
        "isBuyerMaker": trade.taker_side != BID,
        "isBestMatch": True,
    }


def exchange_symbol(listing: Listing) -> dict[str, object]:
    """Return one symbol of the catalog, with its filters."""
    tick, lot = price_text(listing, 1), amount_text(listing, 1)
    highest = "1000000.00000000"
    return {
        "symbol": listing.symbol,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": highest, "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000000.00000000", "stepSize": lot},
            {
                "filterType": "NOTIONAL",
                "minNotional": "0.00010000" if listing.quote == "BTC" else "5.00000000",
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }
