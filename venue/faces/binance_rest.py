"""Binance's REST market data: catalog, depth, best prices, trades, time, under the venue's request weights.

Source: Binance's public REST documentation: weights, limits, headers and error codes.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import msgspec
from aiohttp import web

from venue.clock import wall_us
from venue.faces import binance_messages as messages
from venue.faults.fault import Target
from venue.feed import MarketFeed
from venue.market import Copy, TopUpdate
from venue.matching import ASK, BID, Top
from venue.weight import Verdict, WeightLimiter

LARGEST_DEPTH: Final = 5000
LARGEST_TRADES: Final = 1000
STATUSES: Final = ("TRADING", "HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY")

_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}")
_LIMIT = re.compile(r"[0-9]{1,20}")
_encode = msgspec.json.Encoder().encode

Handler = Callable[[web.Request], Awaitable[web.Response]]
Query = dict[str, str]


class RestError(Exception):
    """A request that is answered with 400 and one of the venue's codes."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class RestRules:
    """Knobs: the copy behind `/depth` lags the streams by up to ``lag_ms`` and leads by up to ``lead_ms``."""

    lag_ms: int = 500
    lead_ms: int = 500
    limiter: WeightLimiter = field(default_factory=WeightLimiter)


def error_reply(status: int, code: int, message: str) -> web.Response:
    """Write an error as the venue does."""
    return web.Response(status=status, body=_encode({"code": code, "msg": message}), content_type="application/json")


def depth_weight(limit: int) -> int:
    """Return what a snapshot of ``limit`` levels costs."""
    for largest, weight in ((100, 5), (500, 25), (1000, 50)):
        if limit <= largest:
            return weight
    return 250


class BinanceRest:
    """The `/api/v3` endpoints. ``seed`` fixes how each snapshot's copy lags or leads.

    ``on_weight`` gets the weight of each request.
    """

    def __init__(
        self, feeds: dict[str, MarketFeed], rules: RestRules, seed: str, on_weight: Callable[[int], None]
    ) -> None:
        self._on_weight = on_weight
        self._feeds = feeds
        self._rules = rules
        self._skew = Random(f"{seed}/binance/depth")

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        table: dict[str, Callable[[Query], tuple[int, Callable[[], object]]]] = {
            "ping": self._ping,
            "time": self._time,
            "exchangeInfo": self._exchange_info,
            "depth": self._depth,
            "trades": self._trades,
            "ticker/bookTicker": self._book_ticker,
        }
        found = [web.get(f"/api/v3/{path}", self._endpoint(plan)) for path, plan in table.items()]
        return [*found, web.get("/api/{rest:.*}", self._not_found)]

    def target(self, request: web.Request) -> Target:
        """Tell what a request is about; its symbol may be none that is listed."""
        endpoint = request.path.removeprefix("/api/v3/")
        kind = {"depth": "snapshot", "exchangeInfo": "catalog"}.get(endpoint, "other")
        return Target("" if kind == "catalog" else request.query.get("symbol", ""), kind)

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write a depth reply of the copy that is chosen for the feed at its position; None for a bad request."""
        query = dict(request.query)
        try:
            feed, limit = self._feed(query), _limit(query, 100, LARGEST_DEPTH)
        except RestError:
            return None
        return _book(feed, choose(feed, feed.position()), limit)

    async def _not_found(self, request: web.Request) -> web.Response:
        return web.Response(
            status=404, body=b"<html><body><h2>404 Not found</h2></body></html>", content_type="text/html"
        )

    def _endpoint(self, plan: Callable[[Query], tuple[int, Callable[[], object]]]) -> Handler:
        """Make a handler: check the request, charge its weight, only then do the work."""

        async def handle(request: web.Request) -> web.Response:
            micro = request.headers.get("X-MBX-TIME-UNIT", "").upper() == "MICROSECOND"
            query = dict(request.query)
            query["_micro"] = "1" if micro else ""
            failure: RestError | None = None
            weight, work = 1, None
            try:
                weight, work = plan(query)
            except RestError as error:
                failure = error
            now = wall_us()
            self._on_weight(weight)
            verdict = self._rules.limiter.charge(request.remote or "?", weight, now / 1e6)
            if verdict.status != 200:
                return _refusal(verdict, self._rules.limiter.limit)
            if failure is not None or work is None:
                assert failure is not None
                response = error_reply(400, failure.code, failure.message)
            else:
                body = work()
                raw = body if isinstance(body, bytes) else _encode(body)
                response = web.Response(body=raw, content_type="application/json", charset="UTF-8")
            response.headers["X-MBX-USED-WEIGHT"] = str(verdict.used)
            response.headers["X-MBX-USED-WEIGHT-1M"] = str(verdict.used)
            return response

        return handle

    # Endpoints: each checks its parameters and returns its weight and the work

    def _ping(self, query: Query) -> tuple[int, Callable[[], object]]:
        _only(query)
        return 1, dict

    def _time(self, query: Query) -> tuple[int, Callable[[], object]]:
        _only(query)
        return 1, lambda: {"serverTime": self._now(query)}

    def _exchange_info(self, query: Query) -> tuple[int, Callable[[], object]]:
        _only(query, "symbol", "symbols", "permissions", "symbolStatus", "showPermissionSets")
        feeds = self._chosen(query)
        status = query.get("symbolStatus", "TRADING")
        if status not in STATUSES:
            raise RestError(-1130, "Data sent for parameter 'symbolStatus' is not valid.")
        shown = feeds if status == "TRADING" else []

        def work() -> object:
            symbols = [messages.exchange_symbol(feed.listing) for feed in shown]
            if query.get("showPermissionSets") == "false":
                for symbol in symbols:
                    del symbol["permissionSets"]
            return {
                "timezone": "UTC",
                "serverTime": self._now(query),
                "rateLimits": self._rate_limits(),
                "exchangeFilters": [],
                "symbols": symbols,
            }

        return 20, work

    def _rate_limits(self) -> list[dict[str, object]]:
        weight = self._rules.limiter.limit
        rows = (("REQUEST_WEIGHT", "MINUTE", 1, weight), ("RAW_REQUESTS", "MINUTE", 5, 300_000))
        return [
            {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
            for kind, interval, number, limit in rows
        ]

    def _depth(self, query: Query) -> tuple[int, Callable[[], object]]:
        _only(query, "symbol", "limit", "symbolStatus")
        limit = _limit(query, 100, LARGEST_DEPTH)
        feed = self._feed(query)
        _match_status(query)

        def work() -> object:
            position = feed.position()
            skew_us = self._skew.randint(-self._rules.lag_ms * 1000, self._rules.lead_ms * 1000)
            return _book(feed, feed.market.copy_at(position + feed.span(skew_us)), limit)

        return depth_weight(limit), work

    def _trades(self, query: Query) -> tuple[int, Callable[[], object]]:
        _only(query, "symbol", "limit")
        limit = _limit(query, 500, LARGEST_TRADES)
        feed = self._feed(query)

        def work() -> object:
            recent = list(feed.market.recent)[-limit:]
            scale = 1 if query["_micro"] else 1000
            return [messages.trade_row(feed.listing, t, feed.stamp(t.time_us) // scale) for t in recent]

        return 25, work

    def _book_ticker(self, query: Query) -> tuple[int, Callable[[], object]]:
        _only(query, "symbol", "symbols", "symbolStatus")
        feeds = self._chosen(query)
        _match_status(query)
        if "symbol" in query:
            return 2, lambda: _ticker_row(feeds[0])
        return 4, lambda: [_ticker_row(feed) for feed in feeds]

    def _now(self, query: Query) -> int:
        return wall_us() // (1 if query["_micro"] else 1000)

    def _feed(self, query: Query) -> MarketFeed:
        symbol = query.get("symbol", "")
        if not symbol:
            raise RestError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        return self._lookup(symbol, "symbol")

    def _lookup(self, symbol: str, parameter: str) -> MarketFeed:
        if not _SYMBOL.fullmatch(symbol):
            legal = "^[A-Z0-9-_.]{1,20}$"
            raise RestError(-1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{legal}'.")
        feed = self._feeds.get(symbol)
        if feed is None:
            raise RestError(-1121, "Invalid symbol.")
        return feed

    def _chosen(self, query: Query) -> list[MarketFeed]:
        """Return the feeds that ``symbol`` or ``symbols`` name, or all."""
        if "symbol" in query and "symbols" in query:
            raise RestError(-1128, "Combination of optional parameters invalid.")
        if "symbol" in query:
            return [self._feed(query)]
        if "symbols" not in query:
            return list(self._feeds.values())
        try:
            names = json.loads(query["symbols"])
        except ValueError:
            names = None
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise RestError(
                -1100,
                "Illegal characters found in parameter 'symbols'; "
                'legal range is \'^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$\'.',
            )
        return [self._lookup(name, "symbols") for name in dict.fromkeys(names)]


def _book(feed: MarketFeed, copy: Copy, limit: int) -> bytes:
    return messages.partial_book(feed.listing, copy.ladder, copy.update_id, limit)


def _refusal(verdict: Verdict, limit: int) -> web.Response:
    if verdict.status == 418:
        text = (
            f"Way too much request weight used; IP banned until {verdict.banned_until_ms}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
    else:
        text = (
            f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
    response = error_reply(verdict.status, -1003, text)
    response.headers["Retry-After"] = str(verdict.retry_after_s)
    response.headers["X-MBX-USED-WEIGHT"] = str(verdict.used)
    response.headers["X-MBX-USED-WEIGHT-1M"] = str(verdict.used)
    return response


def _only(query: Query, *allowed: str) -> None:
    sent = [name for name in query if name != "_micro"]
    read = [name for name in sent if name in allowed]
    if len(read) != len(sent):
        raise RestError(
            -1104,
            f"Not all sent parameters were read; read '{len(read)}' parameter(s) but was sent '{len(sent)}'.",
        )


def _limit(query: Query, default: int, largest: int) -> int:
    """Read ``limit``; too large a number is clipped, not refused."""
    text = query.get("limit")
    if text is None:
        return default
    if not _LIMIT.fullmatch(text):
        raise RestError(-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")
    if int(text) < 1:
        raise RestError(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(int(text), largest)


def _match_status(query: Query) -> None:
    status = query.get("symbolStatus", "TRADING")
    if status not in STATUSES:
        raise RestError(-1130, "Data sent for parameter 'symbolStatus' is not valid.")
    if status != "TRADING":
        raise RestError(-1220, f"The symbol's status does not match the requested symbolStatus '{status}'.")


def _ticker_row(feed: MarketFeed) -> dict[str, object]:
    position = feed.position()
    ladder = feed.market.copy_at(position).ladder
    bid, ask = ladder.best(BID), ladder.best(ASK)
    top = Top(bid, ladder.lots[BID].get(bid or 0, 0), ask, ladder.lots[ASK].get(ask or 0, 0))
    row = msgspec.json.decode(messages.book_ticker(feed.listing, TopUpdate(0, 0, top)))
    return {
        "symbol": row["s"],
        "bidPrice": row["b"],
        "bidQty": row["B"],
        "askPrice": row["a"],
        "askQty": row["A"],
    }
