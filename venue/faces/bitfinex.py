"""The Bitfinex face: WebSocket v2 at `/ws/2` and REST on one port.

Source: Bitfinex's public documentation of WebSocket v2, and what clients have measured: one level a message and no
batches, numbers over all channels of a connection, checksums every few seconds while a book changes, a heartbeat of
each channel every 15 s, the end of connections without channels after a minute.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, ClassVar, Final

from aiohttp import WSCloseCode, web

from venue.budget import Budget, Budgets
from venue.clock import wall_us
from venue.faces import bitfinex_messages as messages
from venue.faces.bitfinex_control import (
    CHECKSUMS,
    NUMBERS,
    TIMES,
    ControlError,
    Subscription,
    read_message,
    read_subscription,
)
from venue.faces.bitfinex_messages import BitfinexWording
from venue.faces.bitfinex_rest import LENGTHS, BitfinexRest
from venue.faces.connection import Connection, ConnectionRules, frame_text
from venue.faces.entry import Entry
from venue.faces.face import Face, encode
from venue.faces.listed_face import ListedFace
from venue.faces.milliseconds import Milliseconds
from venue.faces.options import FaceOptions, option, seconds, whole
from venue.faces.snapshot_face import Topic
from venue.faces.wording import page
from venue.feed import MarketFeed
from venue.habits import Habits
from venue.ladder import Ladder
from venue.listing import magnitude
from venue.market import Copy, Print, Published, Update
from venue.matching import ASK, BID

LOG = logging.getLogger(__name__)

RECENT_TRADES: Final = 30
NOTICE_S: Final = 5.0  # how long the venue takes from the notice to the close is not documented
MINUTE_S: Final = 60
TIME: Final = b"\0"  # what stands behind it is the time of a message, of which some clients want to hear nothing


@dataclass(slots=True)
class _Session:
    """What one connection has asked for, and how many arrays it has got."""

    flags: int = 0
    number: int = 0
    channels: dict[str, int] = field(default_factory=dict)  # by stream

    def framed(self, stream: str, payload: bytes) -> bytes:
        """Put channel, number and time round a payload, as far as they are wanted."""
        body, _, ms = payload.partition(TIME)
        parts = [b"%d" % self.channels[stream], body]
        if self.flags & NUMBERS:
            self.number += 1
            parts.append(b"%d" % self.number)
        if self.flags & TIMES:
            parts.append(ms)
        return frame_text(b"[%b]" % b",".join(parts))


class BitfinexFace(ListedFace):
    """Serves `/v2/...` and the WebSocket at `/ws/2`. Positions of the truth are the messages' times, in µs."""

    name = "bitfinex"
    wording = BitfinexWording()

    def __init__(
        self,
        feeds: Iterable[MarketFeed],
        rules: ConnectionRules,
        seed: str,
        *,
        options: "BitfinexOptions",
        budgets: Budgets | None = None,
    ) -> None:
        super().__init__(feeds, rules, seed, budgets)
        self._options = options
        self.rest = BitfinexRest(self.feeds)
        self._draw = Random(f"{seed}/bitfinex/channels")
        self._sessions: dict[Connection, _Session] = {}
        self._clocks = {symbol: Milliseconds() for symbol in self.feeds}
        self._ladders: dict[str, Ladder] = {}  # of symbols with topics: the book as it was last told
        self._checked_us: dict[str, int] = {}  # when a topic last had a checksum
        for symbol, feed in self.feeds.items():
            for length in LENGTHS:
                self.served[f"book-{length}:{symbol}"] = (feed, 0, 1)
            self.served[f"trades:{symbol}"] = (feed, 0, 1)

    def routes(self) -> list[web.RouteDef]:
        """Return REST and WebSocket routes."""
        return [web.get("/ws/2", self._open), *self.rest.routes()]

    def kind(self, stream: str) -> str:
        """Tell what a stream carries, by names of its own: `book-25:tBTCUSD`, `trades:tBTCUSD`."""
        return "diff" if stream.startswith("book-") else "trade"

    # Positions: the times of messages

    def copy_for(self, feed: MarketFeed, at: int) -> Copy:
        """Copy the book as the newest message up to a time in µs has left it."""
        return feed.market.copy_at_id(self._clocks[feed.listing.symbol].update_of(at // 1000))

    def present(self, feed: MarketFeed) -> Copy:
        """Copy the newest book that has a time."""
        self._last(feed)
        return feed.market.copy_at_id(feed.market.public_update_id)

    def changes_for(self, feed: MarketFeed, after: int, limit: int) -> list[Update]:
        """Return the changes after a time in µs."""
        return feed.market.changes_after(self._clocks[feed.listing.symbol].update_of(after // 1000), limit)

    def stamp(self, feed: MarketFeed, update_id: int, time_us: int) -> int:
        """Return the time, in µs, of the message that tells a change."""
        found = self._clocks[feed.listing.symbol].of(update_id)
        return super().stamp(feed, update_id, time_us) if found is None else found * 1000

    # Connections

    async def _open(self, request: web.Request) -> web.StreamResponse:
        def greet(connection: Connection) -> Callable[[bytes], None]:
            session = self._sessions[connection] = _Session()
            server = "-".join(f"{self._draw.getrandbits(4 * size):0{size}x}" for size in (8, 4, 4, 4, 12))
            self._tell(connection, event="info", version=2, serverId=server, platform={"status": 1})
            self._idle(connection)
            return partial(self._on_text, connection, session)

        try:
            return await self.serve(request, greet, lambda connection: self.goodbye(connection, None))
        finally:
            for connection in [c for c in self._sessions if c not in self.connections]:
                del self._sessions[connection]

    def too_many(self, budget: Budget, wait_s: int) -> web.Response:
        """Refuse with 429: connects by the edge, requests with the venue's error."""
        if budget is self.budgets.connects:
            return web.Response(status=429, body=page("429 Too Many Requests"), content_type="text/html")
        status, body, kind = self.wording.refusal(429, wait_s)
        return web.Response(status=status, body=body, content_type=kind)

    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Ask for a reconnect, then close."""
        self._tell(connection, event="info", code=20051, msg="Stopping. Please try to reconnect")
        delay_s = NOTICE_S if notice_s is None else notice_s
        connection.after("goodbye", delay_s, lambda: connection.close(WSCloseCode.GOING_AWAY, "stopping"))

    def _idle(self, connection: Connection) -> None:
        """End it after a minute without a channel, without a word."""
        if self._options.idle_s:
            connection.after("idle", self._options.idle_s, connection.abort)

    def _on_text(self, connection: Connection, session: _Session, raw: bytes) -> None:
        try:
            message = read_message(raw)
            if message is not None:
                self._do(connection, session, message)
        except ControlError as error:
            self.send(connection, encode(error.body))

    def _do(self, connection: Connection, session: _Session, message: dict[str, Any]) -> None:
        if message["event"] == "ping":
            cid = {"cid": message["cid"]} if "cid" in message else {}
            self._tell(connection, event="pong", ts=wall_us() // 1000, **cid)
        elif message["event"] == "conf":
            flags = message.get("flags", 0)
            known = isinstance(flags, int) and not flags & ~(TIMES | NUMBERS | CHECKSUMS)
            session.flags = flags if known else session.flags
            self._tell(connection, event="conf", status="OK" if known else "FAILED", flags=flags)
        elif message["event"] == "subscribe":
            self._subscribe(connection, session, read_subscription(message, self.feeds))
        else:
            self._end(connection, session, message.get("chanId"))

    def _subscribe(self, connection: Connection, session: _Session, asked: Subscription) -> None:
        """Answer, then begin."""
        stream = asked.stream
        if stream in session.channels:
            raise ControlError(10301, "subscribe: dup", {**asked.tail, "chanId": session.channels[stream]})
        if self._options.channels and len(session.channels) >= self._options.channels:
            raise ControlError(10305, "subscribe: limit", asked.tail)
        connection.cancel("idle")
        channel = session.channels[stream] = self._draw.randrange(10_000, 1_000_000)
        self._tell(connection, event="subscribed", chanId=channel, **asked.tail)
        if asked.channel == "book":
            self.begin(connection, stream)
        elif asked.channel == "trades":
            self._begin_trades(connection, stream, self.feeds[asked.symbol])
        self._beat(connection, session, stream, channel)

    def _begin_trades(self, connection: Connection, stream: str, feed: MarketFeed) -> None:
        self.subscribe(connection, stream)
        last = list(feed.market.recent)[-RECENT_TRADES:][::-1]
        written = ",".join(messages.trade(feed.listing, item, feed.stamp(item.time_us)) for item in last)
        self.deliver(connection, stream, _timed(f"[{written}]", self._last(feed)))

    def _end(self, connection: Connection, session: _Session, channel: object) -> None:
        stream = next((name for name, each in session.channels.items() if each == channel), None)
        if stream is None:
            raise ControlError(10400, "unsubscribe: invalid", {"chanId": channel})
        self.unsubscribe(connection, stream)
        del session.channels[stream]
        connection.cancel(f"heartbeat {channel}")
        if not session.channels:
            self._idle(connection)
        self._tell(connection, event="unsubscribed", status="OK", chanId=channel)

    def _beat(self, connection: Connection, session: _Session, stream: str, channel: int) -> None:
        """Say a channel's heartbeat by and by, whatever else it says."""

        def beat() -> None:
            self.deliver(connection, stream, _timed('"hb"', wall_us() // 1000))
            self._beat(connection, session, stream, channel)

        if self._options.heartbeat_s:
            connection.after(f"heartbeat {channel}", self._options.heartbeat_s, beat)

    def _tell(self, connection: Connection, **message: object) -> None:
        self.send(connection, encode(message))

    # Streams

    def deliver(self, connection: Connection, stream: str, payload: bytes) -> None:
        """Send one message of a channel to one client, under the connection's next number."""
        session = self._sessions[connection]
        if payload.startswith(b'"cs"') and not session.flags & CHECKSUMS:
            return
        self.egress.frame(connection, stream, session.framed(stream, payload))

    def broadcast(self, stream: str, payload: bytes) -> None:
        """Send one message to all clients of a stream, each on its channel and with a number of its own."""
        for connection in list(self.subscribers.get(stream, ())):
            self.deliver(connection, stream, payload)

    def shape(self, stream: str) -> tuple[int, int]:
        """Return the length; there are no intervals."""
        return int(stream.removeprefix("book-").partition(":")[0]), 1

    def opened(self, topic: Topic) -> None:
        """Follow the book change by change from here on."""
        market = topic.feed.market
        self._ladders.setdefault(topic.feed.listing.symbol, market.view.copy())
        self._checked_us[topic.stream] = wall_us()

    def unsubscribe(self, connection: Connection, stream: str) -> None:
        """Take a client off a stream; nobody follows a book without topics."""
        super().unsubscribe(connection, stream)
        for symbol in [each for each in self._ladders if not self.topics[each]]:
            del self._ladders[symbol]

    def write_snapshot(self, topic: Topic) -> bytes:
        """Write the subscribed length."""
        sides = [(side, topic.window.levels(side)) for side in (BID, ASK)]
        return _timed(messages.whole(topic.feed.listing, sides), self._last(topic.feed))

    def write_changes(self, topic: Topic) -> bytes | None:
        """Say nothing: nothing is gathered."""
        return None

    def on_published(self, feed: MarketFeed, news: Published, now_us: int) -> None:
        """Tell change after change, each with the time that names it, and trades."""
        symbol = feed.listing.symbol
        topics = list(self.topics[symbol].values())
        for update in news.updates:
            ms = self._clocks[symbol].add(update.update_id, feed.stamp(update.time_us))
            if topics:
                self._one(topics, self._ladders[symbol], update, ms)
        if news.updates:
            for topic in topics:
                self._check(topic, now_us)
        if news.prints:
            self._prints(feed, news.prints)

    def _one(self, topics: list[Topic], ladder: Ladder, update: Update, ms: int) -> None:
        """A level that changes may push another one out of a topic's window, or let one in."""
        ladder.set(update.side, update.tick, update.lots)
        for topic in topics:
            shift = topic.window.update(update.side, ladder, [update.tick])
            told = [(row.tick, row.lots) for row in shift.rows] + [(tick, 0) for tick in shift.pushed_out]
            for tick, lots in told:
                text = messages.level(topic.feed.listing, update.side, tick, lots)
                self.broadcast(topic.stream, _timed(text, ms))

    def _check(self, topic: Topic, now_us: int) -> None:
        if not self._options.checksum_s or now_us - self._checked_us[topic.stream] < self._options.checksum_s * 1e6:
            return
        self._checked_us[topic.stream] = now_us
        ladder = self._ladders[topic.feed.listing.symbol]
        told = messages.checksum(topic.feed.listing, ladder, topic.depth)
        self.broadcast(topic.stream, _timed(f'"cs",{told}', self._last(topic.feed)))

    def _prints(self, feed: MarketFeed, prints: list[Print]) -> None:
        stream = f"trades:{feed.listing.symbol}"
        if stream in self.subscribers:
            for item in prints:
                text = messages.trade(feed.listing, item, feed.stamp(item.time_us))
                for kind in ("te", "tu"):
                    self.broadcast(stream, _timed(f'"{kind}",{text}', self._last(feed)))

    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        """Do nothing: everything has been told."""

    def _last(self, feed: MarketFeed) -> int:
        """Return the time of the newest public change, which is the book's position."""
        clock, market = self._clocks[feed.listing.symbol], feed.market
        if clock.of(market.public_update_id) is None:  # of before this face was there
            clock.add(market.public_update_id, feed.stamp(market.public_time_us))
        return clock.last


def _timed(text: str, ms: int) -> bytes:
    """Put a time behind a payload."""
    return text.encode() + TIME + b"%d" % ms


@dataclass(frozen=True, slots=True)
class BitfinexOptions(FaceOptions):
    """The knobs of this face."""

    name: ClassVar[str] = "bitfinex"
    heartbeat_s: float = option(15.0, seconds, "heartbeat of each channel (default 15)", "S")
    checksum_s: float = option(2.5, seconds, "between checksums of a book that changes (default 2.5)", "S")
    idle_s: float = option(60.0, seconds, "end of connections without channels (default 60)", "S")
    channels: int = option(36, whole, "channels of a connection (default 36, the documents say 25 and 30; 0: all)")
    connects: int = option(20, whole, "connects in a minute (default 20; 0: all)")
    requests: int = option(90, whole, "requests in a minute (default 90; 0: all)")

    def face(self, feeds: Iterable[MarketFeed], seed: str, send_buffer: int) -> Face:
        """Build the face."""
        budgets = Budgets(connects=Budget(self.connects, MINUTE_S), requests=(Budget(self.requests, MINUTE_S),))
        rules = ConnectionRules(0.0, 0.0, 0.0, send_buffer)
        return BitfinexFace(feeds, rules, seed, options=self, budgets=budgets)


def _scales(_: str, price: float) -> tuple[int, int]:
    """Five significant digits, at most eight decimals: 64,000 -> 1, 3,200 -> 0.1, 0.62 -> 0.00001; lots the same."""
    return max(0, min(8, 4 - magnitude(price))), 8


ENTRY: Final = Entry(
    BitfinexOptions,
    port=18088,
    habits=Habits(6.0, 0.70, 8.0, 0.03, 0.05, 1.4, 0.5, 0.35, 0.05, (3_000, 6_000), 0.02, circle=1),
    spell=messages.spell,
    scales=_scales,
)
