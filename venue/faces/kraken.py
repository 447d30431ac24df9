"""The Kraken face: WebSocket v2 at `/v2` and REST on one port.

Source: Kraken's public documentation of WebSocket v2: one acknowledgement for each symbol, a status on connect, a
heartbeat in each idle second once something is subscribed, a checksum with every message of the book, no word about
levels beyond the subscribed depth, the end of idle connections after about a minute.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, ClassVar, Final

from aiohttp import WSCloseCode, web

from venue.budget import REQUESTS_WINDOW_S, Budget, Budgets
from venue.faces import kraken_messages as messages
from venue.faces.by_time import ByTime
from venue.faces.connection import Connection, ConnectionRules, frame_text
from venue.faces.entry import Entry
from venue.faces.face import Face, encode
from venue.faces.kraken_control import ControlError, Request, read_request
from venue.faces.kraken_messages import KrakenWording
from venue.faces.kraken_rest import KrakenRest
from venue.faces.listed_face import ListedFace
from venue.faces.options import FaceOptions, count, option, seconds, whole
from venue.faces.rfc3339 import rfc3339
from venue.faces.snapshot_face import Topic
from venue.faces.wording import page
from venue.feed import MarketFeed
from venue.habits import Habits
from venue.listing import magnitude
from venue.market import Print
from venue.matching import ASK, BID

LOG = logging.getLogger(__name__)

HEARTBEAT: Final = b'{"channel":"heartbeat"}'
DEPTHS: Final = (10, 25, 100, 500, 1000)
RECENT_TRADES: Final = 50
NOTICE_S: Final = 3.0  # how long the venue takes from the status to the close is not documented
MINUTE_S: Final = 60


class KrakenFace(ByTime, ListedFace):
    """Serves `/0/public/...` and the WebSocket at `/v2`."""

    name = "kraken"
    wording = KrakenWording()

    def __init__(
        self,
        feeds: Iterable[MarketFeed],
        rules: ConnectionRules,
        seed: str,
        *,
        idle_s: float,
        heartbeat_s: float,
        budgets: Budgets | None = None,
    ) -> None:
        super().__init__(feeds, rules, seed, budgets)
        self.rest = KrakenRest(self.feeds)
        self._idle_s = idle_s
        self._heartbeat_s = heartbeat_s
        self._ids = Random(f"{seed}/kraken/connections")
        self._subscribed: dict[Connection, dict[str, None]] = {}
        for symbol, feed in self.feeds.items():
            for depth in DEPTHS:
                self.served[f"book-{depth}:{symbol}"] = (feed, 1, 0)
            self.served[f"trade:{symbol}"] = (feed, 0, 1)

    def routes(self) -> list[web.RouteDef]:
        """Return REST and WebSocket routes."""
        return [web.get("/v2", self._open), *self.rest.routes()]

    def kind(self, stream: str) -> str:
        """Tell what a stream carries, by names of its own: `book-10:BTC/USD`, `trade:BTC/USD`."""
        return "diff" if stream.startswith("book-") else "trade"

    # Connections

    async def _open(self, request: web.Request) -> web.StreamResponse:
        def greet(connection: Connection) -> Callable[[bytes], None]:
            self._subscribed[connection] = {}
            self.send(connection, messages.status("online", self._ids.getrandbits(63)))
            connection.when_idle(
                "idle",
                self._idle_s,
                lambda: max(connection.said_s, connection.heard_s),
                lambda: connection.close(WSCloseCode.OK, "idle"),
            )
            return partial(self._on_text, connection)

        try:
            return await self.serve(request, greet, lambda connection: self.goodbye(connection, None))
        finally:
            for connection in [c for c in self._subscribed if c not in self.connections]:
                del self._subscribed[connection]

    def too_many(self, budget: Budget, wait_s: int) -> web.Response:
        """Refuse: requests with the venue's error and status 200, connects by the edge."""
        if budget is self.budgets.connects:
            body = page("Error 1015: You are being rate limited")
            return web.Response(status=429, body=body, content_type="text/html", headers={"Retry-After": str(wait_s)})
        return web.Response(body=encode({"error": ["EGeneral:Too many requests"]}), content_type="application/json")

    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Tell of maintenance, then close."""
        self.send(connection, messages.status("maintenance", self._ids.getrandbits(63)))
        delay_s = NOTICE_S if notice_s is None else notice_s
        connection.after("goodbye", delay_s, lambda: connection.close(WSCloseCode.GOING_AWAY, "maintenance"))

    def _on_text(self, connection: Connection, raw: bytes) -> None:
        time_in = rfc3339(self._now())
        try:
            request = read_request(raw, DEPTHS)
        except ControlError as error:
            self._reply(connection, error.body, time_in)
            return
        if request.method == "ping":
            self._reply(connection, {"method": "pong", **request.tail}, time_in)
        elif request.channel == "instrument":
            result = {"channel": "instrument", "snapshot": request.snapshot}
            self._reply(connection, _done(request, result), time_in)
            if request.method == "subscribe" and request.snapshot:
                self.send(connection, messages.instruments(feed.listing for feed in self.feeds.values()))
        else:
            for symbol in request.symbols:
                self._one(connection, request, symbol, time_in)

    def _one(self, connection: Connection, request: Request, symbol: str, time_in: str) -> None:
        """Subscribe or unsubscribe one symbol, which is acknowledged alone."""
        mine = self._subscribed[connection]
        prefix = f"book-{request.depth}" if request.channel == "book" else request.channel
        stream = f"{prefix}:{symbol}"
        wanted = request.method == "subscribe"
        error = ""
        if symbol not in self.feeds:
            error = f"Currency pair not supported {symbol}"
        elif not wanted and stream not in mine:
            error = "Subscription Not Found"
        elif wanted and any(name.startswith(request.channel) and name.endswith(f":{symbol}") for name in mine):
            error = "Already subscribed"
        if error:
            told = {"error": error, "method": request.method, **request.tail, "success": False, "symbol": symbol}
            self._reply(connection, told, time_in)
            return
        result: dict[str, object] = {"channel": request.channel, "symbol": symbol}
        if request.channel == "book":
            result["depth"] = request.depth
        if wanted:
            result["snapshot"] = request.snapshot
        self._reply(connection, _done(request, result), time_in)
        if not wanted:
            del mine[stream]
            self.unsubscribe(connection, stream)
            return
        mine[stream] = None
        connection.when_idle(
            "heartbeat", self._heartbeat_s, lambda: connection.said_s, lambda: self._heartbeat(connection)
        )
        if request.channel == "book":
            self.begin(connection, stream, snapshot=request.snapshot)
        else:
            self.subscribe(connection, stream)
            if request.snapshot:
                self.egress.frame(connection, stream, self._recent(self.feeds[symbol]))

    def _recent(self, feed: MarketFeed) -> bytes:
        last = list(feed.market.recent)[-RECENT_TRADES:]
        found = ((item, feed.stamp(item.time_us)) for item in last)
        return frame_text(messages.trades("snapshot", feed.listing, found))

    def _heartbeat(self, connection: Connection) -> None:
        if self._subscribed.get(connection):
            self.send(connection, HEARTBEAT)

    def _reply(self, connection: Connection, body: dict[str, Any], time_in: str) -> None:
        self.send(connection, encode({**body, "time_in": time_in, "time_out": rfc3339(self._now())}))

    def _now(self) -> int:
        return next(iter(self.feeds.values())).stamp_now() if self.feeds else 0

    # Streams

    def shape(self, stream: str) -> tuple[int, int]:
        """Return the subscribed depth; every interval has its message."""
        return int(stream.removeprefix("book-").partition(":")[0]), 1

    def write_snapshot(self, topic: Topic) -> bytes:
        """Write the subscribed depth."""
        listing, window = topic.feed.listing, topic.window
        bids, asks = (messages.levels(listing, window.levels(side)) for side in (BID, ASK))
        check = messages.checksum(topic.feed.market.view)
        return messages.book("snapshot", listing, bids, asks, check, topic.feed.stamp(topic.last_us))

    def write_changes(self, topic: Topic) -> bytes | None:
        """Write what changed within the depth. Of levels that are pushed out nothing is told."""
        listing, market = topic.feed.listing, topic.feed.market
        topic.last_us = market.public_time_us
        bids, asks = (
            [(row.tick, row.lots) for row in topic.window.update(side, market.view, topic.touched[side]).rows]
            for side in (BID, ASK)
        )
        if not bids and not asks:
            return None
        check = messages.checksum(market.view)
        written = messages.levels(listing, bids), messages.levels(listing, asks)
        return messages.book("update", listing, *written, check, topic.feed.stamp(topic.last_us))

    def on_prints(self, feed: MarketFeed, prints: list[Print], now_us: int) -> None:
        """Send trades at once."""
        stream = f"trade:{feed.listing.symbol}"
        if stream in self.subscribers:
            found = ((item, feed.stamp(item.time_us)) for item in prints)
            self.broadcast(stream, messages.trades("update", feed.listing, found))


def _done(request: Request, result: dict[str, object]) -> dict[str, Any]:
    return {"method": request.method, "result": result, "success": True, **request.tail}


@dataclass(frozen=True, slots=True)
class KrakenOptions(FaceOptions):
    """The knobs of this face."""

    name: ClassVar[str] = "kraken"
    batch_ms: int = option(50, count, "interval of book updates (default 50; the venue: none)", "MS")
    heartbeat_s: float = option(1.0, seconds, "heartbeat when nothing else is sent (default 1)", "S")
    idle_s: float = option(60.0, seconds, "end of connections without traffic (default 60)", "S")
    connects: int = option(150, whole, "connects in 10 min (default 150; 0: all)")
    requests: int = option(60, whole, "requests in a minute (default 60; 0: all)")

    @property
    def interval_ms(self) -> int:
        """The interval of book updates."""
        return self.batch_ms

    def face(self, feeds: Iterable[MarketFeed], seed: str, send_buffer: int) -> Face:
        """Build the face."""
        budgets = Budgets(
            connects=Budget(self.connects, REQUESTS_WINDOW_S), requests=(Budget(self.requests, MINUTE_S),)
        )
        rules = ConnectionRules(0.0, 0.0, 0.0, send_buffer)
        return KrakenFace(feeds, rules, seed, idle_s=self.idle_s, heartbeat_s=self.heartbeat_s, budgets=budgets)


def _scales(_: str, price: float) -> tuple[int, int]:
    """Ticks as on the venue, about: 64,000 -> 0.1, 3,200 -> 0.01, 0.62 -> 0.00001; lots always the same."""
    power = magnitude(price)
    return 1 if power >= 4 else 2 if power >= 1 else min(8, 4 - power), 8


ENTRY: Final = Entry(
    KrakenOptions,
    port=18083,
    habits=Habits(7.0, 0.72, 8.0, 0.02, 0.06, 1.45, 0.5, 0.30, 0.10, (3_000, 6_000), 0.02, circle=1),
    spell=lambda base, quote: f"{base}/{quote}",
    scales=_scales,
)
