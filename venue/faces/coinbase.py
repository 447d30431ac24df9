"""The Coinbase face: the Advanced Trade market data WebSocket at `/`, and REST on one port.

Source: Coinbase's public documentation of Advanced Trade and frames of the venue: one channel in a request, the first
within five seconds, one number for all messages of a connection, dollar products with a second name.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final

import msgspec
from aiohttp import WSCloseCode, web

from venue.budget import Budget, Budgets
from venue.faces import coinbase_messages as messages
from venue.faces.by_time import ByTime
from venue.faces.coinbase_messages import NUMBER, CoinbaseWording
from venue.faces.coinbase_rest import CoinbaseRest, alias_of
from venue.faces.connection import Connection, ConnectionRules, frame_text
from venue.faces.entry import Entry
from venue.faces.face import Face, encode
from venue.faces.listed_face import ListedFace
from venue.faces.options import FaceOptions, count, option, seconds, whole
from venue.faces.snapshot_face import Topic
from venue.feed import MarketFeed
from venue.habits import Habits
from venue.listing import magnitude
from venue.market import Print
from venue.matching import ASK, BID

LOG = logging.getLogger(__name__)

SERVED: Final = ("level2", "market_trades")
SILENT: Final = ("ticker", "ticker_batch", "candles", "status")  # acknowledged; nothing comes
HEARTBEATS: Final = "heartbeats"
HEARTBEAT_S: Final = 1.0
TRADE_FLUSHES: Final = 5  # trades come every fifth interval: 250 ms
RECENT_TRADES: Final = 50
NOTICE_S: Final = 0.5  # the venue documents no announcement at all


@dataclass(slots=True)
class _Session:
    """What one connection has asked for, and how many messages it has got."""

    channels: dict[str, dict[str, None]] = field(default_factory=dict)  # products in the order of asking
    number: int = -1
    counter: int = 0  # of heartbeats

    def numbered(self, payload: bytes) -> bytes:
        """Put the next number into a message, and frame it."""
        self.number += 1
        head, _, tail = payload.partition(NUMBER)
        return frame_text(b"%b%d%b" % (head, self.number, tail))


class CoinbaseFace(ByTime, ListedFace):
    """Serves `/api/v3/brokerage/...` and the WebSocket at `/`."""

    name = "coinbase"
    wording = CoinbaseWording()
    windowed = False

    def __init__(
        self,
        feeds: Iterable[MarketFeed],
        rules: ConnectionRules,
        seed: str,
        *,
        options: "CoinbaseOptions",
        budgets: Budgets | None = None,
    ) -> None:
        super().__init__(feeds, rules, seed, budgets)
        self._options = options
        self._aliases: dict[str, MarketFeed] = {}
        for symbol, feed in self.feeds.items():
            for channel in SERVED:
                self.served[f"{channel}:{symbol}"] = (feed, 1, 0)
            alias = alias_of(feed.listing)
            if alias is not None and alias not in self.feeds:
                self._aliases[alias] = feed
        self.rest = CoinbaseRest(self.feeds, self._aliases)
        self._sessions: dict[Connection, _Session] = {}
        self._messages = Budget(options.messages, 1)
        self._prints: dict[str, list[Print]] = {symbol: [] for symbol in self.feeds}
        self._flushes = dict.fromkeys(self.feeds, 0)

    def routes(self) -> list[web.RouteDef]:
        """Return REST and WebSocket routes."""
        return [web.get("/", self._open), *self.rest.routes()]

    def kind(self, stream: str) -> str:
        """Tell what a stream carries, by names of its own: `level2:BTC-USD`."""
        return "diff" if stream.startswith("level2:") else "trade"

    # Connections

    async def _open(self, request: web.Request) -> web.StreamResponse:
        def greet(connection: Connection) -> Callable[[bytes], None]:
            session = self._sessions[connection] = _Session()
            if self._options.deadline_s:
                late = partial(connection.close, WSCloseCode.POLICY_VIOLATION, "no subscription")
                connection.after("deadline", self._options.deadline_s, late)
            connection.when_idle(
                "idle",
                self._options.idle_s,
                lambda: connection.said_s,
                lambda: connection.close(WSCloseCode.OK, "no updates"),
            )
            return partial(self._on_text, connection, session)

        try:
            return await self.serve(request, greet, lambda connection: self.goodbye(connection, None))
        finally:
            for connection in [c for c in self._sessions if c not in self.connections]:
                del self._sessions[connection]

    def too_many(self, budget: Budget, wait_s: int) -> web.Response:
        """Refuse with 429."""
        status, body, kind = self.wording.refusal(429, wait_s)
        return web.Response(status=status, body=body, content_type=kind)

    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Close a little later, unannounced: the venue documents no announcement."""
        delay_s = NOTICE_S if notice_s is None else notice_s
        connection.after("goodbye", delay_s, lambda: connection.close(WSCloseCode.GOING_AWAY, "going away"))

    def _on_text(self, connection: Connection, session: _Session, raw: bytes) -> None:
        if self._messages.admit(connection.remote, connection.heard_s):
            self._complain(connection, "rate limit exceeded")
            return
        try:
            message: Any = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = None
        if not isinstance(message, dict) or message.get("type") not in ("subscribe", "unsubscribe"):
            self._complain(connection, "failed to parse message")
            return
        channel, products = message.get("channel"), message.get("product_ids", [])
        if not isinstance(channel, str) or channel not in (*SERVED, *SILENT, HEARTBEATS):
            self._complain(connection, f"channel {channel!r} is not supported")
            return
        if not isinstance(products, list) or not all(isinstance(each, str) for each in products):
            self._complain(connection, "failed to parse message")
            return
        unknown = [each for each in products if each not in self.feeds and each not in self._aliases]
        if unknown and channel != HEARTBEATS:
            self._complain(connection, f"{unknown[0]} is not a valid product")
            return
        connection.cancel("deadline")
        symbols = [(self._aliases.get(each) or self.feeds[each]).listing.symbol for each in products if not unknown]
        self._change(connection, session, channel, symbols, wanted=message["type"] == "subscribe")

    def _change(
        self, connection: Connection, session: _Session, channel: str, symbols: list[str], *, wanted: bool
    ) -> None:
        """Subscribe or unsubscribe, then tell all that is subscribed. Data may come before that, as on the venue."""
        if channel == HEARTBEATS:
            symbols = [HEARTBEATS]
        chosen = session.channels.setdefault(channel, {})
        for symbol in dict.fromkeys(symbols):
            if wanted and symbol not in chosen:
                chosen[symbol] = None
                self._begin(connection, session, channel, symbol)
            elif not wanted and symbol in chosen:
                del chosen[symbol]
                self.unsubscribe(connection, f"{channel}:{symbol}")
                if channel == HEARTBEATS:
                    connection.cancel("heartbeat")
        told = {name: list(found) for name, found in sorted(session.channels.items()) if found}
        payload = messages.envelope("subscriptions", self._now(), encode({"subscriptions": told}))
        self.egress.frame(connection, "", session.numbered(payload))

    def _begin(self, connection: Connection, session: _Session, channel: str, symbol: str) -> None:
        stream = f"{channel}:{symbol}"
        if channel == HEARTBEATS:
            session.counter = int(connection.heard_s)
            connection.after("heartbeat", HEARTBEAT_S, partial(self._heartbeat, connection, session))
        elif channel == "level2":
            self.begin(connection, stream)
        elif channel == "market_trades":
            feed = self.feeds[symbol]
            feed.settle()
            self._tell_trades(feed)
            self.join(connection, stream)
            last = list(feed.market.recent)[-RECENT_TRADES:]
            event = messages.trades("snapshot", feed.listing, [(item, feed.stamp(item.time_us)) for item in last])
            self.deliver(connection, stream, messages.envelope("market_trades", self._now(), event))

    def _heartbeat(self, connection: Connection, session: _Session) -> None:
        session.counter += 1
        now_us = self._now()
        payload = messages.envelope(HEARTBEATS, now_us, messages.heartbeat(now_us, session.counter))
        self.egress.frame(connection, "", session.numbered(payload))
        connection.after("heartbeat", HEARTBEAT_S, partial(self._heartbeat, connection, session))

    def _complain(self, connection: Connection, text: str) -> None:
        self.send(connection, encode({"type": "error", "message": text}))

    def _now(self) -> int:
        return next(iter(self.feeds.values())).stamp_now() if self.feeds else 0

    # Streams

    def deliver(self, connection: Connection, stream: str, payload: bytes) -> None:
        """Send one message of a stream to one client, under the connection's next number."""
        self.egress.frame(connection, stream, self._sessions[connection].numbered(payload))

    def broadcast(self, stream: str, payload: bytes) -> None:
        """Send one message to all clients of a stream, each with a number of its own."""
        for connection in list(self.subscribers.get(stream, ())):
            self.deliver(connection, stream, payload)

    def shape(self, stream: str) -> tuple[int, int]:
        """Return the whole book; every interval has its message."""
        return 0, 1

    def write_snapshot(self, topic: Topic) -> bytes:
        """Write the whole book, bids first."""
        view = topic.feed.market.view
        found = [(side, tick, lots) for side in (BID, ASK) for tick, lots in view.levels(side)]
        return self._book(topic, "snapshot", found)

    def write_changes(self, topic: Topic) -> bytes:
        """Write the totals of all levels that were touched: zeros for those that have gone, known or not."""
        market = topic.feed.market
        topic.last_id, topic.last_us = market.public_update_id, market.public_time_us
        lots = market.view.lots
        found = [(side, tick, lots[side].get(tick, 0)) for side in (BID, ASK) for tick in topic.touched[side]]
        return self._book(topic, "update", found)

    def _book(self, topic: Topic, kind: str, found: list[tuple[int, int, int]]) -> bytes:
        feed = topic.feed
        event = messages.book(kind, feed.listing, found, feed.stamp(topic.last_us))
        return messages.envelope("l2_data", feed.stamp_now(), event)

    def on_prints(self, feed: MarketFeed, prints: list[Print], now_us: int) -> None:
        """Gather trades."""
        if f"market_trades:{feed.listing.symbol}" in self.subscribers:
            self._prints[feed.listing.symbol] += prints

    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        """End an interval of the book, and every fifth time one of the trades."""
        super().on_flush(feed, now_us)
        symbol = feed.listing.symbol
        self._flushes[symbol] += 1
        if self._flushes[symbol] % TRADE_FLUSHES == 0:
            self._tell_trades(feed)

    def _tell_trades(self, feed: MarketFeed) -> None:
        gathered = self._prints[feed.listing.symbol]
        if gathered:
            event = messages.trades("update", feed.listing, [(item, feed.stamp(item.time_us)) for item in gathered])
            gathered.clear()
            payload = messages.envelope("market_trades", feed.stamp_now(), event)
            self.broadcast(f"market_trades:{feed.listing.symbol}", payload)


@dataclass(frozen=True, slots=True)
class CoinbaseOptions(FaceOptions):
    """The knobs of this face."""

    name: ClassVar[str] = "coinbase"
    batch_ms: int = option(50, count, "interval of book updates; trades take five (default 50)", "MS")
    deadline_s: float = option(5.0, seconds, "the first subscription must come within (default 5)", "S")
    idle_s: float = option(75.0, seconds, "end of connections to which nothing is sent (default 75)", "S")
    messages: int = option(8, whole, "messages a second and address (default 8; 0: all)")
    connects: int = option(8, whole, "connects a second (default 8; 0: all)")
    requests: int = option(10, whole, "requests a second (default 10; 0: all)")

    @property
    def interval_ms(self) -> int:
        """The interval of book updates."""
        return self.batch_ms

    def face(self, feeds: Iterable[MarketFeed], seed: str, send_buffer: int) -> Face:
        """Build the face."""
        budgets = Budgets(connects=Budget(self.connects, 1), requests=(Budget(self.requests, 1),))
        rules = ConnectionRules(0.0, 0.0, 0.0, send_buffer)
        return CoinbaseFace(feeds, rules, seed, options=self, budgets=budgets)


def _scales(_: str, price: float) -> tuple[int, int]:
    """Ticks as on the venue, about: 64,000 -> 0.01, 0.62 -> 0.0001; lots always the same."""
    power = magnitude(price)
    return 2 if power >= 1 else min(8, 3 - power), 8


ENTRY: Final = Entry(
    CoinbaseOptions,
    port=18085,
    habits=Habits(8.0, 0.74, 9.0, 0.03, 0.03, 1.5, 0.6, 0.35, 0.0, (2_000, 4_000), 0.02, circle=1),
    spell=lambda base, quote: f"{base}-{quote}",
    scales=_scales,
    quotes=frozenset(("USD", "USDT", "EUR", "GBP", "BTC", "ETH")),  # USDC is another name of the dollar here
)
