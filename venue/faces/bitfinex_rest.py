"""Bitfinex's public REST market data (v2): tickers, lists of pairs, the book, the platform's status.

Source: Bitfinex's public documentation of REST v2; errors as clients have seen them.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from venue.faces import bitfinex_messages as messages
from venue.faults.fault import Target
from venue.feed import MarketFeed
from venue.market import Copy
from venue.matching import ASK, BID

LENGTHS: Final = ("1", "25", "100", "250")

_encode = msgspec.json.Encoder().encode


class BitfinexRest:
    """The public endpoints."""

    def __init__(self, feeds: dict[str, MarketFeed]) -> None:
        self._feeds = feeds

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/v2/platform/status", self._status),
            web.get("/v2/tickers", self._tickers),
            web.get("/v2/ticker/{symbol}", self._ticker),
            web.get("/v2/conf/pub:list:pair:exchange", self._pairs),
            web.get("/v2/book/{symbol}/{precision}", self._book),
        ]

    def target(self, request: web.Request) -> Target:
        """Tell what a request is about; its symbol may be none that is listed."""
        _, _, kind, *more = [*request.path.split("/"), ""]
        if kind == "book":
            return Target(more[0], "snapshot")
        return Target("", "catalog" if kind in ("tickers", "conf") else "other")

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write the book of the copy that is chosen for the feed at its position; None for a bad request."""
        feed, length = self._feeds.get(request.match_info["symbol"]), _length(request)
        return None if feed is None or length is None else _written(feed, choose(feed, feed.position()), length)

    async def _status(self, request: web.Request) -> web.Response:
        return _reply(b"[1]")

    async def _tickers(self, request: web.Request) -> web.Response:
        asked = request.query.get("symbols", "")
        wanted = list(self._feeds) if asked == "ALL" else asked.split(",")
        rows = ",".join(_row(self._feeds[symbol], symbol) for symbol in wanted if symbol in self._feeds)
        return _reply(f"[{rows}]".encode())

    async def _ticker(self, request: web.Request) -> web.Response:
        feed = self._feeds.get(request.match_info["symbol"])
        return _error("symbol: invalid") if feed is None else _reply(_row(feed).encode())

    async def _pairs(self, request: web.Request) -> web.Response:
        return _reply(_encode([[symbol[1:] for symbol in self._feeds]]))

    async def _book(self, request: web.Request) -> web.Response:
        feed, length = self._feeds.get(request.match_info["symbol"]), _length(request)
        if feed is None:
            return _error("symbol: invalid")
        if request.match_info["precision"] != "P0":
            return _error("prec: invalid")
        if length is None:
            return _error("len: invalid")
        return _reply(_written(feed, feed.market.copy_at(feed.position()), length))


def _length(request: web.Request) -> int | None:
    text = request.query.get("len", "25")
    return int(text) if text in LENGTHS else None


def _written(feed: MarketFeed, copy: Copy, length: int) -> bytes:
    sides = [(side, copy.ladder.levels(side, length)) for side in (BID, ASK)]
    return messages.whole(feed.listing, sides).encode()


def _row(feed: MarketFeed, symbol: str = "") -> str:
    """A ticker: best prices, how much the 25 best hold, the last price; this venue knows no yesterday."""
    listing, view = feed.listing, feed.market.view
    cells: list[str] = [f'"{symbol}"'] if symbol else []
    best: list[int] = []
    for side in (BID, ASK):
        found = view.levels(side, 25)
        best += [tick for tick, _ in found[:1]]
        cells.append(messages.number(found[0][0], listing.price_decimals) if found else "null")
        cells.append(messages.number(sum(lots for _, lots in found), listing.lot_decimals))
    recent = feed.market.recent
    last = recent[-1].tick if recent else next(iter(best), 0)
    price = messages.number(last, listing.price_decimals)
    return f"[{','.join(cells)},0,0,{price},0,{price},{price}]"


def _reply(body: bytes, status: int = 200) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


def _error(words: str) -> web.Response:
    return _reply(_encode(["error", 10020, words]), 500)
