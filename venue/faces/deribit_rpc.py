"""Deribit's JSON-RPC: requests over HTTP and WebSocket, errors, and the methods that need no connection.

Source: Deribit's public documentation: JSON-RPC, errors, rate limits. A request costs credits of a pool that refills.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from venue.clock import wall_us
from venue.faces import deribit_messages as messages
from venue.feed import MarketFeed
from venue.market import Copy

DEPTHS: Final = (1, 5, 10, 20, 50, 100, 1000, 10_000)
CURRENCIES: Final = ("BTC", "ETH", "USDC", "USDT", "EURR", "any")
KINDS: Final = ("future", "option", "spot", "future_combo", "option_combo")

_encode = msgspec.json.Encoder().encode


class RpcError(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int, message: str, **data: str) -> None:
        super().__init__(message)
        self.code = code
        self.body: dict[str, Any] = {"code": code, "message": message, **({"data": data} if data else {})}


def invalid(reason: str, parameter: str) -> RpcError:
    """Return the error of a wrong parameter."""
    return RpcError(-32602, "Invalid params", reason=reason, param=parameter)


class Call(NamedTuple):
    """A request that is well formed; ``number`` is its id, None when it has none."""

    method: str
    params: dict[str, Any]
    number: object


def read_call(raw: bytes) -> Call:
    """Read one request. Raises RpcError."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RpcError(11050, "bad_request") from None
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        raise RpcError(-32600, "Invalid Request")
    params = message.get("params", {})
    if params is not None and not isinstance(params, dict):
        raise RpcError(-32602, "Invalid params")
    return Call(message["method"], params or {}, message.get("id"))


def reply(number: object, began_us: int, result: object = None, error: RpcError | None = None) -> bytes:
    """Write the reply to a request that came at a time."""
    now_us = wall_us()
    body: dict[str, object] = {"jsonrpc": "2.0"}
    if number is not None:
        body["id"] = number
    body.update({"error": error.body} if error is not None else {"result": result})
    return _encode({**body, "usIn": began_us, "usOut": now_us, "usDiff": now_us - began_us, "testnet": False})


@dataclass(slots=True)
class Pool:
    """Credits of each address: ``size`` at most, ``refill`` more in a second. At most `ADDRESSES` are remembered."""

    size: float
    refill: float
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)  # credits, as of when
    ADDRESSES = 1024

    def charge(self, address: str, credits: float) -> bool:
        """Take credits; False when there are not enough."""
        now_s = time.monotonic()
        left, then_s = self._left.pop(address, (self.size, now_s))
        left = min(self.size, left + (now_s - then_s) * self.refill)
        enough = left >= credits
        self._left[address] = (left - credits if enough else left, now_s)
        if len(self._left) > self.ADDRESSES:
            self._left.popitem(last=False)
        return enough


class Credits:
    """What requests cost. ``scale`` multiplies what there is; 0: requests cost nothing."""

    def __init__(self, scale: float) -> None:
        self._free = not scale
        self._pools = {
            "public/subscribe": (3000.0, Pool(30_000 * scale, 10_000 * scale)),
            "public/get_instruments": (10_000.0, Pool(500_000 * scale, 10_000 * scale)),
        }
        self._other = (500.0, Pool(50_000 * scale, 10_000 * scale))

    def charge(self, address: str, method: str) -> None:
        """Charge a request. Raises RpcError when the pool is exhausted."""
        credits, pool = self._pools.get(method, self._other)
        if not self._free and not pool.charge(address, credits):
            raise RpcError(10028, "too_many_requests")


class Numbered(Protocol):
    """The face, as far as its requests must know it."""

    feeds: dict[str, MarketFeed]

    def number(self, feed: MarketFeed, update_id: int, time_us: int, near: int) -> int:
        """Return the change id of an update."""


class Methods:
    """The methods that read the market. ``routed`` marks all instruments as another venue's."""

    def __init__(self, face: Numbered, *, routed: bool) -> None:
        self._face = face
        self._routed = routed
        self._table: dict[str, Callable[[dict[str, Any]], object]] = {
            "public/get_time": lambda _: wall_us() // 1000,
            "public/test": lambda _: {"version": "1.2.26"},
            "public/status": lambda _: {"locked": "false"},
            "public/get_instruments": self._instruments,
            "public/get_instrument": self._instrument,
            "public/get_order_book": self._order_book,
        }

    def __contains__(self, method: str) -> bool:
        """Tell whether a method is known."""
        return method in self._table

    def call(self, method: str, params: dict[str, Any]) -> object:
        """Return the result. Raises RpcError."""
        if method.startswith("private/"):
            raise RpcError(13009, "unauthorized")
        if method not in self._table:
            raise RpcError(-32601, "Method not found")
        return self._table[method](params)

    def written(self, feed: MarketFeed, copy: Copy, depth: int) -> msgspec.Raw:
        """Write a book of a copy."""
        number = self._face.number(feed, copy.update_id, copy.time_us, 0)
        time_ms = feed.stamp(copy.time_us) // 1000
        return messages.order_book(feed.listing, copy.ladder, depth, time_ms, number, feed.market.session)

    def _feed(self, params: dict[str, Any]) -> MarketFeed:
        feed = self._face.feeds.get(str(params.get("instrument_name", "")))
        if feed is None:
            raise invalid("instrument not found", "instrument_name")
        return feed

    def _row(self, feed: MarketFeed) -> dict[str, object]:
        place = list(self._face.feeds).index(feed.listing.symbol)
        return messages.instrument(feed.listing, place + 1, routed=self._routed)

    def _instrument(self, params: dict[str, Any]) -> object:
        return self._row(self._feed(params))

    def _instruments(self, params: dict[str, Any]) -> object:
        currency, kind = params.get("currency", "any"), params.get("kind", "spot")
        if currency not in CURRENCIES:
            raise invalid("wrong currency", "currency")
        if kind not in KINDS:
            raise invalid("wrong kind", "kind")
        feeds = [
            feed for feed in self._face.feeds.values() if currency in ("any", feed.listing.base, feed.listing.quote)
        ]
        return [self._row(feed) for feed in feeds] if kind == "spot" else []

    def _order_book(self, params: dict[str, Any]) -> object:
        feed, depth = self._feed(params), depth_of(params)
        return self.written(feed, feed.market.copy_at(feed.position()), depth)


def depth_of(params: dict[str, Any]) -> int:
    """Read the depth of a book. Raises RpcError."""
    depth = params.get("depth", 5)
    if isinstance(depth, str) and depth.isdecimal() and len(depth) < 10:
        depth = int(depth)
    if isinstance(depth, bool) or not isinstance(depth, int) or depth not in DEPTHS:
        raise invalid(f"must be one of {', '.join(map(str, DEPTHS))}", "depth")
    return depth
