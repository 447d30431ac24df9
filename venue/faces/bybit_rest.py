"""Bybit's REST market data (v5, spot): the catalog, the book, the time.

Source: Bybit's public documentation of the v5 market endpoints. The book's `u` is that of the stream of a thousand
levels: equal ids mean equal books.
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from aiohttp import web

from venue.clock import wall_us
from venue.faces import bybit_messages as messages
from venue.faults.fault import Target
from venue.feed import MarketFeed
from venue.market import Copy
from venue.matching import ASK, BID

LARGEST_LIMIT: Final = 1000
ILLEGAL_CATEGORY: Final = "Illegal category"
UNKNOWN_SYMBOL: Final = "Not supported symbols"

_encode = msgspec.json.Encoder().encode


class Shown(Protocol):
    """The face, as far as its REST side must know it."""

    feeds: dict[str, MarketFeed]

    def shown(self, feed: MarketFeed) -> tuple[Copy, int]:
        """Return the newest book that has a number of the deepest stream, and the number."""

    def placed(self, feed: MarketFeed, copy: Copy) -> tuple[Copy, int]:
        """Return the book to show for a chosen copy, and the number of the deepest stream that belongs to it."""


class BybitRest:
    """The `/v5/market` endpoints."""

    def __init__(self, face: Shown) -> None:
        self._face = face

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/v5/market/time", self._time),
            web.get("/v5/market/instruments-info", self._instruments),
            web.get("/v5/market/orderbook", self._book),
            web.get("/v5/{rest:.*}", self._unknown),
        ]

    def target(self, request: web.Request) -> Target:
        """Tell what a request is about; its symbol may be none that is listed."""
        kind = {"orderbook": "snapshot", "instruments-info": "catalog"}.get(request.path.rpartition("/")[2], "other")
        return Target(request.query.get("symbol", "") if kind == "snapshot" else "", kind)

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write the book of the copy that is chosen for the feed at its position; None for a bad request."""
        feed, limit = self._face.feeds.get(request.query.get("symbol", "")), _limit(request)
        if feed is None or limit is None:
            return None
        copy, number = self._face.placed(feed, choose(feed, feed.position()))
        return _book(feed, copy, limit, number)

    async def _unknown(self, request: web.Request) -> web.Response:
        return web.Response(status=404, text="404 page not found")

    async def _time(self, request: web.Request) -> web.Response:
        now_us = wall_us()
        return _reply({"timeSecond": str(now_us // 1_000_000), "timeNano": str(now_us * 1000)})

    async def _instruments(self, request: web.Request) -> web.Response:
        if request.query.get("category") != "spot":
            return _error(10001, ILLEGAL_CATEGORY)
        symbol = request.query.get("symbol")
        if symbol is not None and symbol not in self._face.feeds:
            return _error(10001, UNKNOWN_SYMBOL)
        feeds = [self._face.feeds[symbol]] if symbol is not None else list(self._face.feeds.values())
        return _reply({"category": "spot", "list": [messages.instrument(feed.listing) for feed in feeds]})

    async def _book(self, request: web.Request) -> web.Response:
        limit = _limit(request)
        if request.query.get("category") != "spot":
            return _error(10001, ILLEGAL_CATEGORY)
        if limit is None:
            return _error(10001, "params error: limit invalid")
        feed = self._face.feeds.get(request.query.get("symbol", ""))
        if feed is None:
            return _error(10001, UNKNOWN_SYMBOL)
        copy, number = self._face.shown(feed)
        return web.Response(body=_book(feed, copy, limit, number), content_type="application/json")


def _limit(request: web.Request) -> int | None:
    text = request.query.get("limit", "1")
    valid = text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= LARGEST_LIMIT
    return int(text) if valid else None


def _book(feed: MarketFeed, copy: Copy, limit: int, number: int) -> bytes:
    listing = feed.listing
    result = {
        "s": listing.symbol,
        "a": messages.rows(listing, copy.ladder.levels(ASK, limit)),
        "b": messages.rows(listing, copy.ladder.levels(BID, limit)),
        "ts": feed.stamp_now() // 1000,
        "u": number,
        "seq": copy.update_id,
        "cts": feed.stamp(copy.time_us) // 1000,
    }
    return _wrapped(result)


def _wrapped(result: object, code: int = 0, text: str = "OK") -> bytes:
    return _encode({"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": wall_us() // 1000})


def _reply(result: object) -> web.Response:
    return web.Response(body=_wrapped(result), content_type="application/json")


def _error(code: int, text: str) -> web.Response:
    return web.Response(body=_wrapped({}, code, text), content_type="application/json")
