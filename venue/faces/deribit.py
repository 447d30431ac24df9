"""The Deribit face: JSON-RPC over WebSocket at `/ws/api/v2` and over HTTP at `/api/v2`, on one port.

Source: Deribit's public documentation and probes of the venue: the chain of change ids, channels that are left out of
the result when there is no such one, heartbeats that want an answer, credits, connections for each address.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, ClassVar, Final

from aiohttp import WSCloseCode, web

from venue.budget import Budget
from venue.clock import wall_us
from venue.faces import deribit_messages as messages
from venue.faces.connection import Connection, ConnectionRules
from venue.faces.deribit_channels import Channel, read_channel
from venue.faces.deribit_heartbeat import Heartbeat
from venue.faces.deribit_messages import DeribitWording
from venue.faces.deribit_rpc import Call, Credits, Methods, RpcError, depth_of, invalid, read_call, reply
from venue.faces.entry import Entry
from venue.faces.face import Face
from venue.faces.options import FaceOptions, count, option, seconds, share_or_more, switch, whole
from venue.faces.snapshot_face import SnapshotFace, Topic
from venue.faces.window import Row
from venue.faults.fault import CONTROL, Target
from venue.feed import MarketFeed
from venue.habits import Habits
from venue.listing import ASSETS, magnitude
from venue.market import Copy, Print, Published, Update
from venue.matching import ASK, BID

LOG = logging.getLogger(__name__)

MOST_CHANNELS: Final = 500  # in one call
MOST_IDS: Final = 10**11
STATE: Final = "platform_state"
NOTICE_S: Final = 3.0  # from the announcement to the close; not documented
GREATEST_TIME_US: Final = 10**17


@dataclass(slots=True)
class _Session:
    """What one connection has asked for."""

    heartbeat: Heartbeat
    channels: dict[str, None] = field(default_factory=dict)  # in the order of asking


class DeribitFace(SnapshotFace):
    """Serves `/api/v2/public/...` and the WebSocket at `/ws/api/v2`."""

    name = "deribit"
    wording = DeribitWording()

    def __init__(
        self, feeds: Iterable[MarketFeed], rules: ConnectionRules, seed: str, *, options: "DeribitOptions"
    ) -> None:
        super().__init__(feeds, rules, seed)
        self._options = options
        self._methods = Methods(self, routed=options.routed)
        self._credits = Credits(options.credits)
        self._sessions: dict[Connection, _Session] = {}
        self._prints: dict[str, list[Print]] = {}  # by channel
        self._flushes = dict.fromkeys(self.feeds, 0)
        # One counter for all instruments: it goes with time, and no two instruments ever have the same id.
        self._first_id = Random(f"{seed}/deribit/changes").randrange(10**10, MOST_IDS)
        self._epochs_us = {symbol: feed.market.public_time_us for symbol, feed in self.feeds.items()}
        self._places = {symbol: place for place, symbol in enumerate(self.feeds)}

    def routes(self) -> list[web.RouteDef]:
        """Return HTTP and WebSocket routes."""
        return [
            web.get("/ws/api/v2", self._open),
            web.get("/api/v2/{method:.+}", self._get),
            web.post("/api/v2", self._post),
            web.post("/api/v2/{method:.+}", self._post),
        ]

    def wants(self, stream: str) -> tuple[MarketFeed, int, int] | None:
        """Look a channel up."""
        channel = read_channel(stream, self.feeds)
        if channel is None or not channel.symbol:
            return None
        realtime = channel.kind == "quote"
        return self.feeds[channel.symbol], int(not realtime), int(realtime)

    def stream_target(self, stream: str) -> Target:
        """Tell symbol and kind by the channel; replies and heartbeats are control."""
        channel = read_channel(stream, self.feeds)
        if channel is None or not channel.symbol:
            return CONTROL
        return Target(channel.symbol, {"book": "diff", "trades": "trade"}.get(channel.kind, "top"))

    def request_target(self, request: web.Request) -> Target:
        """Tell symbol and kind by method and parameters."""
        method = request.match_info.get("method", "")
        if method == "public/get_order_book":
            return Target(request.query.get("instrument_name", ""), "snapshot")
        return Target("", "catalog" if method == "public/get_instruments" else "other")

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write a book of the copy that is chosen for the feed at its position; None for a bad request."""
        feed = self.feeds.get(request.query.get("instrument_name", ""))
        try:
            depth = depth_of(dict(request.query))
        except RpcError:
            return None
        if feed is None:
            return None
        return reply(None, wall_us(), self._methods.written(feed, choose(feed, feed.position()), depth))

    # Positions: change ids

    def copy_for(self, feed: MarketFeed, at: int) -> Copy:
        """Copy the book as of a change id."""
        return feed.market.copy_at_time(self._time_of(feed, at))

    def changes_for(self, feed: MarketFeed, after: int, limit: int) -> list[Update]:
        """Return the changes after a change id; those of one id stay together."""
        return feed.market.changes_since(self._time_of(feed, after), limit)

    def number(self, feed: MarketFeed, update_id: int, time_us: int, near: int) -> int:
        """Return the change id of an update."""
        symbol = feed.listing.symbol
        return self._first_id + (time_us - self._epochs_us[symbol]) * len(self.feeds) + self._places[symbol]

    def _time_of(self, feed: MarketFeed, change_id: int) -> int:
        symbol = feed.listing.symbol
        passed = (change_id - self._first_id - self._places[symbol]) // len(self.feeds)
        return min(self._epochs_us[symbol] + passed, GREATEST_TIME_US)

    # HTTP

    async def _get(self, request: web.Request) -> web.Response:
        return self._answer(request, Call(request.match_info["method"], dict(request.query), None))

    async def _post(self, request: web.Request) -> web.Response:
        try:
            call = read_call(await request.read())
        except RpcError as error:
            return _http(reply(None, wall_us(), error=error), 400)
        return self._answer(request, call)

    def _answer(self, request: web.Request, call: Call) -> web.Response:
        began_us = wall_us()
        try:
            if call.method in ("public/subscribe", "public/unsubscribe", "public/set_heartbeat"):
                raise RpcError(10030, "must_be_websocket_request")
            self._credits.charge(request.remote or "?", call.method)
            result = self._methods.call(call.method, call.params)
        except RpcError as error:
            status = 429 if error.code == 10028 else 400
            return _http(reply(call.number, began_us, error=error), status)
        return _http(reply(call.number, began_us, result), 200)

    # Connections

    async def _open(self, request: web.Request) -> web.StreamResponse:
        mine = sum(connection.remote == request.remote for connection in self.connections)
        if self._options.connections and mine >= self._options.connections:
            return _http(reply(None, wall_us(), error=RpcError(10028, "too_many_requests")), 429)

        def greet(connection: Connection) -> Callable[[bytes], None]:
            session = self._sessions[connection] = _Session(
                Heartbeat(
                    connection,
                    partial(self.send, connection),
                    partial(self.board.holds, connection),
                    self._options.second_s,
                )
            )
            connection.when_idle(
                "idle", self._options.idle_s, partial(_last_s, connection, session), connection.abort
            )
            return partial(self._on_text, connection, session)

        try:
            return await self.serve(request, greet, lambda connection: self.goodbye(connection, None))
        finally:
            for connection in [c for c in self._sessions if c not in self.connections]:
                del self._sessions[connection]

    def too_many(self, budget: Budget, wait_s: int) -> web.Response:
        """Refuse with 429; this face has no budgets but credits."""
        return _http(reply(None, wall_us(), error=RpcError(10028, "too_many_requests")), 429)

    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Tell those who listen to the platform's state of maintenance, then close."""
        if STATE in self._sessions[connection].channels:
            self.send(connection, messages.notification(STATE, '{"maintenance":true}'))
        delay_s = NOTICE_S if notice_s is None else notice_s
        connection.after("goodbye", delay_s, lambda: connection.close(WSCloseCode.GOING_AWAY, "maintenance"))

    def _on_text(self, connection: Connection, session: _Session, raw: bytes) -> None:
        began_us, number = wall_us(), None
        try:
            call = read_call(raw)
            number = call.number
            self._credits.charge(connection.remote, call.method)
            result, fresh = self._execute(connection, session, call)
        except RpcError as error:
            self.send(connection, reply(number, began_us, error=error))
            if error.code == 10028:
                connection.close(WSCloseCode.POLICY_VIOLATION, "too many requests")
            return
        self.send(connection, reply(number, began_us, result))
        for name in fresh:
            self._begin(connection, name)

    def _execute(self, connection: Connection, session: _Session, call: Call) -> tuple[object, list[str]]:
        """Return the result, and the channels that begin after it is sent. Raises RpcError."""
        method, params = call.method, call.params
        if method == "public/subscribe":
            return self._subscribe(session, _names(params))
        if method in ("public/unsubscribe", "public/unsubscribe_all"):
            names = list(session.channels) if method.endswith("_all") else _names(params)
            removed = [name for name in names if session.channels.pop(name, 0) is None]
            for name in removed:
                self.unsubscribe(connection, name)
            return ("ok" if method.endswith("_all") else removed), []
        if method == "public/set_heartbeat":
            interval = params.get("interval")
            if isinstance(interval, bool) or not isinstance(interval, (int, float)) or not 10 <= interval <= 86_400:
                raise invalid("interval must be at least 10", "interval")
            session.heartbeat.start(float(interval))
            return "ok", []
        if method == "public/disable_heartbeat":
            session.heartbeat.stop()
            return "ok", []
        if method == "public/test":
            session.heartbeat.proven()
        return self._methods.call(method, params), []

    def _subscribe(self, session: _Session, names: list[str]) -> tuple[object, list[str]]:
        accepted, fresh = [], []
        for name in dict.fromkeys(names):
            channel = read_channel(name, self.feeds)
            if channel is None or (channel.kind == "trades" and self._options.routed):
                continue  # left out without a word
            if channel.raw:
                raise RpcError(13778, "raw_subscriptions_not_available_for_unauthorized")
            accepted.append(name)
            if name not in session.channels and channel.symbol:
                fresh.append(name)
        session.channels.update(dict.fromkeys(accepted))
        return accepted, fresh

    def _begin(self, connection: Connection, name: str) -> None:
        channel = read_channel(name, self.feeds)
        assert channel is not None
        if channel.kind in ("book", "grouped"):
            self.begin(connection, name)
        else:
            self.subscribe(connection, name)
            if channel.kind == "trades":
                self._prints.setdefault(name, [])

    def unsubscribe(self, connection: Connection, stream: str) -> None:
        """Take a client off a channel."""
        super().unsubscribe(connection, stream)
        if stream not in self.subscribers:
            self._prints.pop(stream, None)

    # Streams

    def shape(self, stream: str) -> tuple[int, int]:
        """Return depth and intervals of a book channel."""
        channel = self._channel(stream)
        return channel.depth, channel.every

    def _channel(self, stream: str) -> Channel:
        channel = read_channel(stream, self.feeds)
        assert channel is not None
        return channel

    def write_snapshot(self, topic: Topic) -> bytes:
        """Write all that is shown, as of the topic's last message."""
        feed, listing, window = topic.feed, topic.feed.listing, topic.window
        number, time_ms = self._stand(topic)
        if topic.depth:
            sides = [messages.levels(listing, window.levels(side)) for side in (BID, ASK)]
            return messages.notification(topic.stream, messages.grouped(listing, time_ms, number, *sides))
        sides = [
            messages.changes(feed.listing, [Row(tick, lots, 0) for tick, lots in window.levels(side)])
            for side in (BID, ASK)
        ]
        return messages.notification(topic.stream, messages.book(listing, time_ms, None, number, *sides))

    def write_changes(self, topic: Topic) -> bytes | None:
        """Write what changed, with the id of the message before; a book of limited depth is always whole."""
        market = topic.feed.market
        shifts = [topic.window.update(side, market.view, topic.touched[side]) for side in (BID, ASK)]
        if not any(shift.rows or shift.pushed_out for shift in shifts):
            return None
        before, _ = self._stand(topic)
        topic.last_id, topic.last_us = market.public_update_id, market.public_time_us
        if topic.depth:
            return self.write_snapshot(topic)
        listing, (number, time_ms) = topic.feed.listing, self._stand(topic)
        sides = [messages.changes(listing, shift.rows) for shift in shifts]
        return messages.notification(topic.stream, messages.book(listing, time_ms, before, number, *sides))

    def _stand(self, topic: Topic) -> tuple[int, int]:
        """Return change id and time in ms of what a topic last told."""
        return self.number(topic.feed, topic.last_id, topic.last_us, 0), topic.feed.stamp(topic.last_us) // 1000

    def on_published(self, feed: MarketFeed, news: Published, now_us: int) -> None:
        """Gather book changes and trades, send best prices."""
        super().on_published(feed, news, now_us)
        stream = f"quote.{feed.listing.symbol}"
        if news.tops and stream in self.subscribers:
            last = news.tops[-1]
            data = messages.quote(feed.listing, feed.stamp(last.time_us) // 1000, last.top)
            self.broadcast(stream, messages.notification(stream, data))

    def on_prints(self, feed: MarketFeed, prints: list[Print], now_us: int) -> None:
        """Gather trades."""
        for name, gathered in self._prints.items():
            if self._channel(name).symbol == feed.listing.symbol:
                gathered += prints

    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        """End an interval of books and trades."""
        super().on_flush(feed, now_us)
        symbol = feed.listing.symbol
        self._flushes[symbol] += 1
        for name, gathered in self._prints.items():
            channel = self._channel(name)
            if gathered and channel.symbol == symbol and self._flushes[symbol] % channel.every == 0:
                data = messages.trades(feed.listing, [(p, feed.stamp(p.time_us) // 1000) for p in gathered])
                gathered.clear()
                self.broadcast(name, messages.notification(name, data))


def _names(params: dict[str, Any]) -> list[str]:
    names = params.get("channels")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid("must be an array of strings", "channels")
    if len(names) > MOST_CHANNELS:
        raise invalid(f"at most {MOST_CHANNELS} channels", "channels")
    return names


def _last_s(connection: Connection, session: _Session) -> float:
    """Return since when a connection has been idle: never, with a channel or heartbeats."""
    busy = session.channels or session.heartbeat.running
    return connection.now_s if busy else max(connection.heard_s, connection.said_s)


def _http(body: bytes, status: int) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


@dataclass(frozen=True, slots=True)
class DeribitOptions(FaceOptions):
    """The knobs of this face."""

    name: ClassVar[str] = "deribit"
    batch_ms: int = option(100, count, "interval of the 100ms channels; agg2 takes ten (default 100)", "MS")
    idle_s: float = option(60.0, seconds, "end of connections without channels and heartbeats (default 60)", "S")
    second_s: float = option(1.0, seconds, "how long a second of set_heartbeat lasts (default 1)", "S")
    connections: int = option(32, whole, "connections of an address (default 32; 0: all)")
    credits: float = option(1.0, share_or_more, "multiplies the credits there are (default 1; 0: all is free)", "X")
    routed: bool = switch("mark spot as routed to another venue: no trades channels")

    @property
    def interval_ms(self) -> int:
        """The interval of the 100ms channels."""
        return self.batch_ms

    def face(self, feeds: Iterable[MarketFeed], seed: str, send_buffer: int) -> Face:
        """Build the face."""
        return DeribitFace(feeds, ConnectionRules(0.0, 0.0, 0.0, send_buffer), seed, options=self)


def _scales(base: str, price: float) -> tuple[int, int]:
    """Ticks about as on the venue: 64,000 -> 0.1, 3,200 -> 0.01; lots by the base's worth."""
    power = magnitude(price)
    return 1 if power >= 4 else 2 if power >= 1 else min(8, 3 - power), max(0, min(4, magnitude(ASSETS[base].usd)))


ENTRY: Final = Entry(
    DeribitOptions,
    port=18084,
    habits=Habits(5.0, 0.70, 7.0, 0.02, 0.08, 1.45, 0.4, 0.40, 0.10, (3_000, 7_000), 0.02, circle=1),
    spell=lambda base, quote: f"{base}_{quote}",
    scales=_scales,
    quotes=frozenset(("USDC", "USDT", "BTC", "ETH")),
)
