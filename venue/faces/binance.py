"""The Binance face: spot market data streams and REST on one port.

Source: Binance's public documentation of spot WebSocket streams: raw and combined framing, control messages,
five inbound frames a second, ping every 20 s with a minute to answer, 24 hours of life, update ids.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import ClassVar, Final

import msgspec
from aiohttp import WSCloseCode, web

from venue.budget import CONNECTS_WINDOW_S, Budget, Budgets
from venue.faces import binance_messages as messages
from venue.faces.binance_control import Session, TooManyStreams
from venue.faces.binance_rest import BinanceRest, RestRules, error_reply
from venue.faces.binance_wording import BinanceWording
from venue.faces.connection import Connection, ConnectionRules, frame_text
from venue.faces.entry import Entry
from venue.faces.face import Face
from venue.faces.options import FaceOptions, count, option, seconds, switch, whole
from venue.faults.fault import CONTROL, Target
from venue.feed import MarketFeed
from venue.habits import Habits
from venue.listing import ASSETS, magnitude
from venue.market import Copy, Print, Published, TopUpdate, Update
from venue.weight import WeightLimiter

LOG = logging.getLogger(__name__)

DEPTH_STREAMS = ("depth@100ms", "depth")
PARTIAL_LIMITS = (5, 10, 20)
SLOW_FLUSHES = 10  # `@depth` ends every tenth interval of `@depth@100ms`
NOTICE_S = 10.0


@dataclass(slots=True)
class _Gathered:
    """What one symbol's streams wait for."""

    batches: tuple[messages.Batch, messages.Batch] = field(
        default_factory=lambda: (messages.Batch(), messages.Batch())
    )
    flushes: int = 0
    next_aggregate_id: int = 1
    partial_dirty: list[bool] = field(default_factory=lambda: [False, False])


class BinanceFace(Face):
    """Serves `/api/v3/...`, `/ws`, `/ws/<streams>` and `/stream?streams=<streams>`."""

    name = "binance"
    wording = BinanceWording()

    def __init__(
        self,
        feeds: Iterable[MarketFeed],
        rules: ConnectionRules,
        seed: str,
        *,
        rest: RestRules,
        nested_errors: bool = False,
        budgets: Budgets | None = None,
    ) -> None:
        super().__init__(feeds, rules, seed, budgets)
        self.rest = BinanceRest(self.feeds, rest, seed, self.usage.weight)
        self._nested_errors = nested_errors
        self._sessions: dict[Connection, Session] = {}
        draw = Random(f"{seed}/binance/aggregates")
        self._gathered = {
            symbol: _Gathered(next_aggregate_id=draw.randint(10**8, 4 * 10**9)) for symbol in self.feeds
        }
        self._streams = self._served_streams()

    def routes(self) -> list[web.RouteDef]:
        """Return REST and WebSocket routes."""
        return [
            *self.rest.routes(),
            web.get("/ws", self._raw),
            web.get("/ws/{streams:.+}", self._raw),
            web.get("/stream", self._combined),
        ]

    def wants(self, stream: str) -> tuple[MarketFeed, int, int] | None:
        """Look a stream up; names are case sensitive, and served ones have lower-case symbols."""
        return self._streams.get(stream)

    def copy_for(self, feed: MarketFeed, at: int) -> Copy:
        """Copy the book right after an update id."""
        return feed.market.copy_at_id(at)

    def changes_for(self, feed: MarketFeed, after: int, limit: int) -> list[Update]:
        """Return the changes after an update id."""
        return feed.market.changes_after(after, limit)

    def stream_target(self, stream: str) -> Target:
        """Tell symbol and kind by the stream's name; replies and the warning of a shutdown are control."""
        served = self._streams.get(stream)
        if served is None:
            return CONTROL
        channel = stream.partition("@")[2]
        kind = "diff" if channel in DEPTH_STREAMS else "trade" if channel in ("trade", "aggTrade") else "top"
        return Target(served[0].listing.symbol, kind)

    def request_target(self, request: web.Request) -> Target:
        """Tell symbol and kind by path and query."""
        return self.rest.target(request)

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write a depth reply of a chosen copy."""
        return self.rest.snapshot(request, choose)

    def _served_streams(self) -> dict[str, tuple[MarketFeed, int, int]]:
        served: dict[str, tuple[MarketFeed, int, int]] = {}
        depth = [*DEPTH_STREAMS, *(f"depth{n}{end}" for n in PARTIAL_LIMITS for end in ("@100ms", ""))]
        for symbol, feed in self.feeds.items():
            for channel in depth:
                served[f"{symbol.lower()}@{channel}"] = (feed, 1, 0)
            for channel in ("bookTicker", "trade", "aggTrade"):
                served[f"{symbol.lower()}@{channel}"] = (feed, 0, 1)
        return served

    # Connections

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._open(request, request.match_info.get("streams", ""), combined=False)

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        return await self._open(request, request.query.get("streams", ""), combined=True)

    async def _open(self, request: web.Request, streams: str, *, combined: bool) -> web.StreamResponse:
        unit = request.query.get("timeUnit", "MILLISECOND").upper()
        if unit not in ("MILLISECOND", "MICROSECOND"):
            return error_reply(400, -1130, "Data sent for parameter 'timeUnit' is not valid.")

        def greet(connection: Connection) -> Callable[[bytes], None]:
            session = Session(
                partial(self.subscribe, connection),
                partial(self.unsubscribe, connection),
                combined=combined,
                micro=unit == "MICROSECOND",
                nested_errors=self._nested_errors,
            )
            self._sessions[connection] = session
            try:
                session.add([name for name in streams.split("/") if name])
            except TooManyStreams:
                connection.close(WSCloseCode.POLICY_VIOLATION, "Too many streams")
            return partial(self._on_text, connection, session)

        try:
            return await self.serve(request, greet, self._on_end_of_life)
        finally:
            for connection in [c for c in self._sessions if c not in self.connections]:
                del self._sessions[connection]

    def _on_text(self, connection: Connection, session: Session, raw: bytes) -> None:
        try:
            self.send(connection, session.answer(raw))
        except TooManyStreams:
            connection.close(WSCloseCode.POLICY_VIOLATION, "Too many streams")

    def too_many(self, budget: Budget, wait_s: int) -> web.Response:
        """Refuse with 429 and Retry-After. How the venue refuses a connect beyond its limit is not documented."""
        text = (
            f"Too many requests; current limit is {budget.limit} connection attempts per {budget.window_s} SECONDS."
        )
        response = error_reply(429, -1003, text)
        response.headers["Retry-After"] = str(wait_s)
        return response

    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Warn, then cut: the venue announces a planned end with `serverShutdown`."""
        session = self._sessions[connection]
        feed = next(iter(self.feeds.values()))
        now = feed.stamp(feed.position())
        payload = msgspec.json.encode({"e": "serverShutdown", "E": _time(now, session.micro)})
        self.egress.frame(connection, "!serverShutdown", _framed(session, "!serverShutdown", payload))
        if notice_s is None:
            notice_s = min(NOTICE_S, self.rules.life_s / 10) if self.rules.life_s else NOTICE_S
        connection.after(
            "goodbye", notice_s, lambda: connection.close(WSCloseCode.GOING_AWAY, "maximum connection age")
        )

    def _on_end_of_life(self, connection: Connection) -> None:
        self.goodbye(connection, None)

    # Streams

    def on_published(self, feed: MarketFeed, news: Published, now_us: int) -> None:
        """Gather depth, send best prices and trades."""
        symbol = feed.listing.symbol
        gathered = self._gathered[symbol]
        if news.updates:
            for batch in gathered.batches:
                batch.add(news.updates)
            gathered.partial_dirty[:] = True, True
        name = symbol.lower()
        if news.tops and f"{name}@bookTicker" in self.subscribers:
            for top in _last_of_each_moment(news.tops):
                body = messages.book_ticker(feed.listing, top)
                self._emit(f"{name}@bookTicker", body, body)
        if news.prints:
            self._emit_trades(feed, news.prints, now_us)

    def _emit_trades(self, feed: MarketFeed, prints: list[Print], now_us: int) -> None:
        listing, name = feed.listing, feed.listing.symbol.lower()
        if f"{name}@trade" in self.subscribers:
            for trade in prints:
                at = feed.stamp(trade.time_us)
                milli = messages.trade_event(listing, trade, at // 1000, now_us // 1000)
                self._emit(f"{name}@trade", milli, messages.trade_event(listing, trade, at, now_us))
        gathered = self._gathered[listing.symbol]
        joined = messages.aggregate(prints, gathered.next_aggregate_id)
        gathered.next_aggregate_id += len(joined)
        if f"{name}@aggTrade" in self.subscribers:
            for item in joined:
                at = feed.stamp(item.last.time_us)
                milli = messages.aggregate_event(listing, item, at // 1000, now_us // 1000)
                self._emit(f"{name}@aggTrade", milli, messages.aggregate_event(listing, item, at, now_us))

    def on_idle(self, feed: MarketFeed) -> None:
        """Drop what was gathered, on both intervals."""
        gathered = self._gathered[feed.listing.symbol]
        gathered.flushes = 0
        for batch in gathered.batches:
            batch.clear()

    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        """End an interval: send the depth event and the partial books, unless nothing has changed."""
        gathered = self._gathered[feed.listing.symbol]
        gathered.flushes += 1
        self._flush(feed, gathered, 0)
        if gathered.flushes % SLOW_FLUSHES == 0 or feed.immediate:
            self._flush(feed, gathered, 1)

    def _flush(self, feed: MarketFeed, gathered: _Gathered, speed: int) -> None:
        batch, listing, name = gathered.batches[speed], feed.listing, feed.listing.symbol.lower()
        stream = f"{name}@{DEPTH_STREAMS[speed]}"
        if batch.first_id and stream in self.subscribers:
            levels = messages.diff_levels(listing, batch)
            # Stamped last, so that the event time is the moment of sending.
            now = feed.stamp_now()
            milli = messages.diff_event(listing, batch, levels, now // 1000)
            self._emit(stream, milli, messages.diff_event(listing, batch, levels, now))
        batch.clear()
        if gathered.partial_dirty[speed]:
            gathered.partial_dirty[speed] = False
            for limit in PARTIAL_LIMITS:
                partial_stream = f"{name}@depth{limit}{('@100ms', '')[speed]}"
                if partial_stream in self.subscribers:
                    market = feed.market
                    body = messages.partial_book(listing, market.view, market.public_update_id, limit)
                    self._emit(partial_stream, body, body)

    def _emit(self, stream: str, milli: bytes, micro: bytes) -> None:
        """Send a message in the framings and time units that its clients have chosen, each framed once."""
        made: dict[tuple[bool, bool], bytes] = {}
        for connection in list(self.subscribers.get(stream, ())):
            session = self._sessions[connection]
            key = (session.combined, session.micro)
            framed = made.get(key)
            if framed is None:
                framed = made[key] = _framed(session, stream, micro if session.micro else milli)
            self.egress.frame(connection, stream, framed)


def _last_of_each_moment(tops: list[TopUpdate]) -> list[TopUpdate]:
    """Keep the last best price of each microsecond: several orders of one participant act as one."""
    return [
        top for top, after in zip(tops, [*tops[1:], None], strict=True) if not after or after.time_us != top.time_us
    ]


def _framed(session: Session, stream: str, payload: bytes) -> bytes:
    if session.combined:
        payload = b'{"stream":"%b","data":%b}' % (stream.encode(), payload)
    return frame_text(payload)


def _time(us: int, micro: bool) -> int:
    return us if micro else us // 1000


@dataclass(frozen=True, slots=True)
class BinanceOptions(FaceOptions):
    """The knobs of this face."""

    name: ClassVar[str] = "binance"
    ping_s: float = option(20.0, seconds, "server pings (default 20)", "S")
    pong_s: float = option(60.0, seconds, "wait for the pong (default 60)", "S")
    life_s: float = option(86_400.0, seconds, "connection age (default 24 h)", "S")
    weight: int = option(6000, count, "request weight a minute (default 6000)")
    connects: int = option(300, whole, "connects in 5 min (default 300; 0: all)")
    nested_errors: bool = switch("spell stream errors nested instead of flat")
    depth_lag_ms: int = option(500, whole, "how old a snapshot may be (default 500)", "MS", flag="--depth-lag-ms")
    depth_lead_ms: int = option(500, whole, "how far it may lead (default 500)", "MS", flag="--depth-lead-ms")

    @property
    def snapshot_lead_ms(self) -> int:
        """Snapshots may lead the streams."""
        return self.depth_lead_ms

    def face(self, feeds: Iterable[MarketFeed], seed: str, send_buffer: int) -> Face:
        """Build the face."""
        return BinanceFace(
            feeds,
            ConnectionRules(self.ping_s, self.pong_s, self.life_s, send_buffer, inbound_per_s=5),
            seed,
            rest=RestRules(self.depth_lag_ms, self.depth_lead_ms, WeightLimiter(self.weight)),
            nested_errors=self.nested_errors,
            budgets=Budgets(connects=Budget(self.connects, CONNECTS_WINDOW_S)),
        )


def _scales(base: str, price: float) -> tuple[int, int]:
    """Fine ticks: 64,000 -> 0.01, 3,200 -> 0.01, 0.05 -> 0.00001, 0.62 -> 0.0001; lots by the base's worth."""
    power = magnitude(price)  # 64,000 -> 4
    return 2 if power >= 2 else min(8, 3 - power), max(0, min(5, 1 + magnitude(ASSETS[base].usd)))


ENTRY: Final = Entry(
    BinanceOptions,
    port=18081,
    habits=Habits(26.0, 0.82, 15.0, 0.10, 0.012, 1.6, 1.6, 0.40, 0.0, (1_000, 2_000), 0.0),
    spell=lambda base, quote: base + quote,
    scales=_scales,
)
