"""Coinbase's public REST market data (Advanced Trade): products, the book, the time.

Source: Coinbase's public documentation of the Advanced Trade endpoints; the same paths without `/market` want a key.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from venue.clock import wall_us
from venue.faces import coinbase_messages as messages
from venue.faces.rfc3339 import rfc3339
from venue.faces.texts import short_text
from venue.faults.fault import Target
from venue.feed import MarketFeed
from venue.listing import Listing
from venue.market import Copy
from venue.matching import ASK, BID

BASE: Final = "/api/v3/brokerage"
LARGEST_LIMIT: Final = 100_000
WHOLE: Final = 0

_encode = msgspec.json.Encoder().encode


def alias_of(listing: Listing) -> str | None:
    """Return the other name of a dollar product."""
    return f"{listing.base}-USDC" if listing.quote == "USD" else None


class CoinbaseRest:
    """The public endpoints."""

    def __init__(self, feeds: dict[str, MarketFeed], aliases: dict[str, MarketFeed]) -> None:
        self._feeds = feeds
        self._names = {**feeds, **aliases}
        self._aliases = aliases

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get(f"{BASE}/time", self._time),
            web.get(f"{BASE}/market/products", self._products),
            web.get(f"{BASE}/market/products/{{product}}", self._product),
            web.get(f"{BASE}/market/product_book", self._book),
            web.get(f"{BASE}/{{rest:.*}}", self._unauthorized),
        ]

    def target(self, request: web.Request) -> Target:
        """Tell what a request is about; its product may be none that is listed."""
        if request.path == f"{BASE}/market/product_book":
            asked = request.query.get("product_id", "")
            feed = self._names.get(asked)
            return Target(feed.listing.symbol if feed else asked, "snapshot")
        return Target("", "catalog" if request.path.startswith(f"{BASE}/market/products") else "other")

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write the book of the copy that is chosen for the feed at its position; None for a bad request."""
        feed, limit = self._names.get(request.query.get("product_id", "")), _limit(request)
        return None if feed is None or limit is None else _written(feed, choose(feed, feed.position()), limit)

    async def _unauthorized(self, request: web.Request) -> web.Response:
        return web.Response(status=401, text="Unauthorized\n")

    async def _time(self, request: web.Request) -> web.Response:
        now_us = wall_us()
        body = {
            "iso": rfc3339(now_us // 1_000_000 * 1_000_000).replace(".000000", ""),
            "epochSeconds": str(now_us // 1_000_000),
            "epochMillis": str(now_us // 1000),
        }
        return _reply(body)

    async def _products(self, request: web.Request) -> web.Response:
        rows = [self._row(feed) for feed in self._feeds.values()]
        rows += [messages.product(feed.listing, alias=True) for feed in self._aliases.values()]
        return _reply({"products": rows, "num_products": len(rows)})

    async def _product(self, request: web.Request) -> web.Response:
        name = request.match_info["product"]
        if name in self._aliases:
            return _reply(messages.product(self._aliases[name].listing, alias=True))
        feed = self._feeds.get(name)
        return _not_found() if feed is None else _reply(self._row(feed))

    def _row(self, feed: MarketFeed) -> dict[str, object]:
        return messages.product(feed.listing, aliased=alias_of(feed.listing) in self._aliases)

    async def _book(self, request: web.Request) -> web.Response:
        feed, limit = self._names.get(request.query.get("product_id", "")), _limit(request)
        if feed is None:
            return _not_found()
        if limit is None:
            body = {"error": "INVALID_ARGUMENT", "error_details": "invalid limit", "message": "invalid limit"}
            return _reply(body, 400)
        body_text = _written(feed, feed.market.copy_at(feed.position()), limit)
        return web.Response(body=body_text, content_type="application/json")


def _limit(request: web.Request) -> int | None:
    text = request.query.get("limit", str(WHOLE))
    valid = text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= LARGEST_LIMIT
    return int(text) if valid else None


def _written(feed: MarketFeed, copy: Copy, limit: int) -> bytes:
    listing = feed.listing
    sides = {
        name: [
            {"price": short_text(tick, listing.price_decimals), "size": short_text(lots, listing.lot_decimals)}
            for tick, lots in copy.ladder.levels(side, limit)
        ]
        for name, side in (("bids", BID), ("asks", ASK))
    }
    return _encode({"pricebook": {"product_id": listing.symbol, **sides, "time": rfc3339(feed.stamp(copy.time_us))}})


def _reply(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=_encode(body), content_type="application/json")


def _not_found() -> web.Response:
    text = "valid product_id is required"
    return _reply({"error": "NOT_FOUND", "error_details": text, "message": text}, 404)
