"""The Bitstamp face: WebSocket v2 channels at the root and REST on one port.

Source: Bitstamp's public documentation of WebSocket v2 and what probes of the venue have shown: one channel per
frame, unknown markets acknowledged and silent, frames below 512 bytes, 1024 channels, ping every 54 s.
"""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, ClassVar, Final

import msgspec
from aiohttp import WSCloseCode, web

from venue.budget import BURST_WINDOW_S, REQUESTS_WINDOW_S, Budget, Budgets
from venue.faces import bitstamp_messages as messages
from venue.faces.bitstamp_rest import BitstampRest, RestRules
from venue.faces.bitstamp_wording import BitstampWording
from venue.faces.by_time import ByTime
from venue.faces.connection import Connection, ConnectionRules
from venue.faces.entry import Entry
from venue.faces.face import Face, encode
from venue.faces.options import FaceOptions, option, seconds, share, whole
from venue.faults.fault import CONTROL, Target
from venue.feed import MarketFeed
from venue.habits import Habits
from venue.listing import magnitude
from venue.market import Copy, Published, Update
from venue.matching import ASK, BID

LOG = logging.getLogger(__name__)

LARGEST_FRAME = 512  # bytes; a frame of this size or more closes the connection
MOST_CHANNELS = 1024

# The market's name is lower case; anything else makes the channel invalid. Order books of single orders, live
# orders and funding are real channels which this venue acknowledges and keeps silent.
_CHANNEL = re.compile(
    r"(diff_order_book|order_book|detail_order_book|live_trades|live_orders|funding_rate)_[a-z0-9\-]{1,32}"
)


@dataclass(slots=True)
class _Gathered:
    """The newest totals of the levels that changed since the last broadcast, and the time of the last change."""

    sides: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))
    last_us: int = -1

    def add(self, updates: Iterable[Update]) -> None:
        for update in updates:
            self.sides[update.side][update.tick] = update.lots
            self.last_us = update.time_us

    def clear(self) -> None:
        self.sides[BID].clear()
        self.sides[ASK].clear()
        self.last_us = -1


class BitstampFace(ByTime, Face):
    """Serves `/api/v2/...` and the WebSocket at `/`."""

    name = "bitstamp"
    wording = BitstampWording()
    grace_s = (3.0, 5.0)  # from the request to reconnect to the close: "a few seconds" in the venue's words

    def __init__(
        self,
        feeds: Iterable[MarketFeed],
        rules: ConnectionRules,
        seed: str,
        *,
        rest: RestRules,
        budgets: Budgets | None = None,
    ) -> None:
        super().__init__(feeds, rules, seed, budgets)
        self._rest = BitstampRest(self.feeds, rest, seed)
        self._gathered = {symbol: _Gathered() for symbol in self.feeds}
        self._zeros = {symbol: Random(f"{seed}/bitstamp/{symbol}/zeros") for symbol in self.feeds}
        self._rotation = Random(f"{seed}/bitstamp/rotation")
        self._channels: dict[Connection, dict[str, None]] = {}
        self._served: dict[str, tuple[MarketFeed, int, int]] = {}
        for symbol, feed in self.feeds.items():
            self._served[f"diff_order_book_{symbol}"] = (feed, 1, 0)
            self._served[f"order_book_{symbol}"] = (feed, 1, 0)
            self._served[f"live_trades_{symbol}"] = (feed, 0, 1)

    def routes(self) -> list[web.RouteDef]:
        """Return REST and WebSocket routes."""
        return [web.get("/", self._open), *self._rest.routes()]

    def wants(self, stream: str) -> tuple[MarketFeed, int, int] | None:
        """Look a channel up."""
        return self._served.get(stream)

    def stream_target(self, stream: str) -> Target:
        """Tell symbol and kind by the channel's name; replies are control."""
        served = self._served.get(stream)
        if served is None:
            return CONTROL
        kind = "diff" if stream.startswith("diff_") else "trade" if stream.startswith("live_") else "top"
        return Target(served[0].listing.symbol, kind)

    def request_target(self, request: web.Request) -> Target:
        """Tell symbol and kind by the path."""
        return self._rest.target(request)

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write an order book of a chosen copy."""
        return self._rest.snapshot(request, choose)

    # Connections

    async def _open(self, request: web.Request) -> web.StreamResponse:
        def greet(connection: Connection) -> Callable[[bytes], None]:
            self._channels[connection] = {}
            return partial(self._on_text, connection)

        try:
            return await self.serve(request, greet, self._on_end_of_life)
        finally:
            for connection in [c for c in self._channels if c not in self.connections]:
                del self._channels[connection]

    def too_many(self, budget: Budget, wait_s: int) -> web.Response:
        """Refuse with 429. The venue documents the limits and the code, neither status nor Retry-After."""
        body = {"status": "error", "reason": f"Request limit of {budget.limit} exceeded.", "code": "400.002"}
        return web.Response(status=429, body=encode(body), content_type="application/json")

    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Ask for a reconnect, and cut a few seconds later."""
        self.send(connection, encode({"event": "bts:request_reconnect", "channel": "", "data": ""}))
        delay = self._rotation.uniform(*self.grace_s) if notice_s is None else notice_s
        connection.after("goodbye", delay, lambda: connection.close(WSCloseCode.GOING_AWAY, "planned rotation"))

    def _on_end_of_life(self, connection: Connection) -> None:
        self.goodbye(connection, None)

    def _on_text(self, connection: Connection, raw: bytes) -> None:
        if len(raw) >= LARGEST_FRAME:
            connection.close(WSCloseCode.MESSAGE_TOO_BIG, "read limited at 513 bytes")
            return
        try:
            message: Any = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._complain(connection, "Incorrect JSON format.")
            return
        event = message.get("event") if isinstance(message, dict) else None
        if event == "bts:heartbeat":
            self.send(connection, encode({"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}))
        elif event in ("bts:subscribe", "bts:unsubscribe"):
            self._on_subscription(connection, message)
        else:
            self._complain(connection, "Bad subscription string.")

    def _on_subscription(self, connection: Connection, message: dict[str, Any]) -> None:
        data = message.get("data")
        channel = data.get("channel") if isinstance(data, dict) else None
        if not isinstance(channel, str):
            self._complain(connection, "Bad subscription string.")
            return
        if not _CHANNEL.fullmatch(channel):
            self._complain(connection, "Invalid channel provided.")
            return
        channels = self._channels[connection]
        if message["event"] == "bts:subscribe":
            if channel not in channels and len(channels) >= MOST_CHANNELS:
                connection.close(WSCloseCode.POLICY_VIOLATION)
                return
            channels[channel] = None
            self.subscribe(connection, channel)
            done = "bts:subscription_succeeded"
        else:
            channels.pop(channel, None)
            self.unsubscribe(connection, channel)
            done = "bts:unsubscription_succeeded"
        self.send(connection, encode({"event": done, "channel": channel, "data": {}}))

    def _complain(self, connection: Connection, text: str) -> None:
        self.send(connection, encode({"event": "bts:error", "channel": "", "data": {"code": None, "message": text}}))

    # Channels

    def on_published(self, feed: MarketFeed, news: Published, now_us: int) -> None:
        """Gather book changes, send trades."""
        symbol = feed.listing.symbol
        self._gathered[symbol].add(news.updates)
        channel = f"live_trades_{symbol}"
        if channel in self.subscribers:
            for item in news.prints:
                body = messages.trade(feed.listing, item, feed.stamp(item.time_us))
                self.broadcast(channel, messages.channel_event(channel, "trade", body))

    def on_idle(self, feed: MarketFeed) -> None:
        """Drop what was gathered."""
        self._gathered[feed.listing.symbol].clear()

    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        """Send the changes and the top of the book with the time of the last change, unless nothing changed."""
        listing = feed.listing
        gathered = self._gathered[listing.symbol]
        if gathered.last_us < 0:
            return
        micro = feed.stamp(gathered.last_us)
        channel = f"diff_order_book_{listing.symbol}"
        if channel in self.subscribers:
            zeros = self._zeros[listing.symbol]
            bids, asks = gathered.sides
            body = {
                **messages.times(micro),
                "bids": messages.diff_rows(listing, sorted(bids.items(), reverse=True), zeros),
                "asks": messages.diff_rows(listing, sorted(asks.items()), zeros),
            }
            self.broadcast(channel, messages.channel_event(channel, "data", body))
        channel = f"order_book_{listing.symbol}"
        if channel in self.subscribers:
            top = messages.top_book(listing, feed.market.view, micro)
            self.broadcast(channel, messages.channel_event(channel, "data", top))
        gathered.clear()


@dataclass(frozen=True, slots=True)
class BitstampOptions(FaceOptions):
    """The knobs of this face."""

    name: ClassVar[str] = "bitstamp"
    ping_s: float = option(54.0, seconds, "server pings (default 54)", "S")
    pong_s: float = option(0.0, seconds, "wait for the pong (default: for ever)", "S")
    life_s: float = option(90 * 86_400.0, seconds, "connection age (default 90 d)", "S")
    cache_s: float = option(1.0, seconds, "edge cache of books (default 1)", "S")
    crossed: float = option(
        0.0, share, "share of book snapshots that are momentarily crossed, 0 to 1 (default 0)", "SHARE"
    )
    requests: int = option(10_000, whole, "in 10 min (default 10000; 0: all)")
    burst: int = option(400, whole, "requests a second (default 400; 0: all)")

    def face(self, feeds: Iterable[MarketFeed], seed: str, send_buffer: int) -> Face:
        """Build the face."""
        return BitstampFace(
            feeds,
            ConnectionRules(self.ping_s, self.pong_s, self.life_s, send_buffer),
            seed,
            rest=RestRules(self.cache_s, self.crossed),
            budgets=Budgets(
                requests=(Budget(self.burst, BURST_WINDOW_S), Budget(self.requests, REQUESTS_WINDOW_S)),
            ),
        )


ENTRY: Final = Entry(
    BitstampOptions,
    port=18082,
    habits=Habits(8.0, 0.72, 8.0, 0.012, 0.09, 1.45, 0.30, 0.30, 0.45, (4_000, 8_000), 0.02),
    spell=lambda base, quote: (base + quote).lower(),
    # Ticks a hundred times coarser than Binance's: 64,000 -> 1, 3,200 -> 0.1, 0.62 -> 0.0001; lots always the same.
    scales=lambda _, price: (max(0, min(8, 4 - magnitude(price))), 8),
    keeps_orders=True,
)
