"""Bitstamp's REST market data: catalogs, the whole order book behind an edge cache, tickers.

Source: Bitstamp's public HTTP API documentation and probes of the venue: a cache of up to a second keyed by the
full URL, an HTML page for an unknown market's book, and the list of all tickers for an unknown ticker.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec
from aiohttp import web

from venue.crossing import crossed
from venue.faces import bitstamp_messages as messages
from venue.faces.texts import book_texts
from venue.faults.fault import Target
from venue.feed import MarketFeed
from venue.market import Copy

CACHE_ENTRIES: Final = 256
ORDER_GROUPS: Final = ("0", "2")  # one row per order; all others are grouped by price
NOT_FOUND: Final = (
    b"<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class RestRules:
    """Knobs: how long the edge keeps a reply, and how often a book snapshot is momentarily crossed (0 to 1)."""

    cache_s: float = 1.0
    crossed_share: float = 0.0


class BitstampRest:
    """The `/api/v2` endpoints. Paths are accepted with and without the trailing slash."""

    def __init__(self, feeds: dict[str, MarketFeed], rules: RestRules, seed: str) -> None:
        self._feeds = feeds
        self._rules = rules
        self._crossings = Random(f"{seed}/bitstamp/crossed")
        self._cache: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        table = (
            ("/api/v2/markets", self._markets),
            ("/api/v2/trading-pairs-info", self._pairs),
            ("/api/v2/order_book/{market}", self._order_book),
            ("/api/v2/ticker", self._tickers),
            ("/api/v2/ticker/{market}", self._ticker),
            ("/{rest:.+}", self._not_found),
        )
        return [web.get(path + end, call) for path, call in table for end in ("", "/")]

    def target(self, request: web.Request) -> Target:
        """Tell what a request is about; its market may be none that is listed."""
        market = request.match_info.get("market", "")
        if request.path.startswith("/api/v2/order_book/"):
            return Target(market, "snapshot")
        catalog = request.path.rstrip("/") in ("/api/v2/markets", "/api/v2/trading-pairs-info")
        return Target(market, "catalog" if catalog else "other")

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write the order book of the copy that is chosen for the feed at its position; None for single orders."""
        feed = self._feeds.get(request.match_info.get("market", ""))
        if feed is None or request.query.get("group", "1") in ORDER_GROUPS:
            return None
        return _book(feed, choose(feed, feed.position()))

    async def _not_found(self, request: web.Request) -> web.Response:
        return web.Response(status=404, body=NOT_FOUND, content_type="text/html")

    async def _markets(self, request: web.Request) -> web.Response:
        return _json([messages.market_row(feed.listing) for feed in self._feeds.values()])

    async def _pairs(self, request: web.Request) -> web.Response:
        return _json([messages.pair_row(feed.listing) for feed in self._feeds.values()])

    async def _order_book(self, request: web.Request) -> web.Response:
        feed = self._feeds.get(request.match_info["market"])
        if feed is None:
            return await self._not_found(request)
        key = request.raw_path
        now = time.monotonic()
        kept = self._cache.get(key)
        if kept is None or kept[0] <= now:
            kept = (now + self._rules.cache_s, self._book_body(feed, request.query.get("group", "1")))
            self._cache[key] = kept
            self._cache.move_to_end(key)
            if len(self._cache) > CACHE_ENTRIES:
                self._cache.popitem(last=False)
        return web.Response(body=kept[1], content_type="application/json")

    def _book_body(self, feed: MarketFeed, group: str) -> bytes:
        position = feed.position()
        market = feed.market
        copy = market.copy_at(position)
        if group in ORDER_GROUPS:
            orders = market.orders_at(position)
            rows = messages.order_rows(feed.listing, orders, ids=group == "2")
        else:
            if self._rules.crossed_share and self._crossings.random() < self._rules.crossed_share:
                copy = crossed(feed, copy, position) or copy
            return _book(feed, copy)
        return _encode({**messages.times(feed.stamp(copy.time_us)), **rows})

    async def _tickers(self, request: web.Request) -> web.Response:
        return _json([self._ticker_row(feed) for feed in self._feeds.values()])

    async def _ticker(self, request: web.Request) -> web.Response:
        feed = self._feeds.get(request.match_info["market"])
        if feed is None:
            return await self._tickers(request)
        return _json(self._ticker_row(feed))

    @staticmethod
    def _ticker_row(feed: MarketFeed) -> dict[str, object]:
        position = feed.position()
        copy = feed.market.copy_at(position)
        return messages.ticker(feed.listing, feed.market.session, copy.ladder, feed.stamp(position))


def _book(feed: MarketFeed, copy: Copy) -> bytes:
    return _encode({**messages.times(feed.stamp(copy.time_us)), **book_texts(feed.listing, copy.ladder, 0)})


def _json(body: object) -> web.Response:
    return web.Response(body=_encode(body), content_type="application/json")
