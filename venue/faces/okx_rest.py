"""OKX's REST market data (v5, spot): the catalog, two books, the time.

Source: OKX's public documentation of the v5 public and market endpoints.
"""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from aiohttp import web

from venue.clock import wall_us
from venue.faces import okx_messages as messages
from venue.faults.fault import Target
from venue.feed import MarketFeed
from venue.market import Copy
from venue.matching import ASK, BID

LARGEST: Final = {"books": 400, "books-full": 5000}
NO_INSTRUMENT: Final = ("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")

_encode = msgspec.json.Encoder().encode


class Numbered(Protocol):
    """The face, as far as its REST side must know it."""

    feeds: dict[str, MarketFeed]

    def number(self, feed: MarketFeed, update_id: int, time_us: int, near: int) -> int:
        """Return the id of an update."""


class OkxRest:
    """The `/api/v5` endpoints."""

    def __init__(self, face: Numbered) -> None:
        self._face = face

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/api/v5/public/time", self._time),
            web.get("/api/v5/public/instruments", self._instruments),
            web.get("/api/v5/market/books", self._book),
            web.get("/api/v5/market/books-full", self._book),
            web.get("/api/v5/{rest:.*}", self._unknown),
        ]

    def target(self, request: web.Request) -> Target:
        """Tell what a request is about; its instrument may be none that is listed."""
        name = request.path.rpartition("/")[2]
        kind = "snapshot" if name in LARGEST else "catalog" if name == "instruments" else "other"
        return Target(request.query.get("instId", "") if kind == "snapshot" else "", kind)

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write the book of the copy that is chosen for the feed at its position; None for a bad request."""
        feed, size = self._face.feeds.get(request.query.get("instId", "")), _size(request)
        return None if feed is None or size is None else self._written(feed, choose(feed, feed.position()), size)

    async def _unknown(self, request: web.Request) -> web.Response:
        return web.Response(status=404, body=_encode({"msg": "Not Found", "code": "404"}))

    async def _time(self, request: web.Request) -> web.Response:
        return _reply([{"ts": str(wall_us() // 1000)}])

    async def _instruments(self, request: web.Request) -> web.Response:
        kind, symbol = request.query.get("instType"), request.query.get("instId")
        if kind != "SPOT":
            what = "can not be empty" if kind is None else "error"
            return _error("50014" if kind is None else "51000", f"Parameter instType {what}.", 400)
        if symbol is not None and symbol not in self._face.feeds:
            return _error(*NO_INSTRUMENT)
        feeds = self._face.feeds.values() if symbol is None else [self._face.feeds[symbol]]
        return _reply([messages.instrument(feed.listing) for feed in feeds])

    async def _book(self, request: web.Request) -> web.Response:
        feed, size = self._face.feeds.get(request.query.get("instId", "")), _size(request)
        if size is None:
            return _error("51000", "Parameter sz error.", 400)
        if feed is None:
            return _error(*NO_INSTRUMENT)
        body = self._written(feed, feed.market.copy_at(feed.position()), size)
        return web.Response(body=body, content_type="application/json")

    def _written(self, feed: MarketFeed, copy: Copy, size: int) -> bytes:
        listing = feed.listing
        book = {
            "asks": messages.rows(listing, copy.ladder.levels(ASK, size)),
            "bids": messages.rows(listing, copy.ladder.levels(BID, size)),
            "ts": str(feed.stamp_now() // 1000),
            "seqId": self._face.number(feed, copy.update_id, copy.time_us, 0),
        }
        return _encode({"code": "0", "msg": "", "data": [book]})


def _size(request: web.Request) -> int | None:
    """Read ``sz``; None when it is wrong."""
    text = request.query.get("sz", "1")
    largest = LARGEST.get(request.path.rpartition("/")[2], 1)
    valid = text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= largest
    return int(text) if valid else None


def _reply(data: object) -> web.Response:
    return web.Response(body=_encode({"code": "0", "msg": "", "data": data}), content_type="application/json")


def _error(code: str, text: str, status: int = 200) -> web.Response:
    body = _encode({"code": code, "msg": text, "data": []})
    return web.Response(status=status, body=body, content_type="application/json")
