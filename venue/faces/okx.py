"""The OKX face: the v5 public channels at `/ws/v5/public`, and REST on one port.

Source: OKX's public documentation of the v5 WebSocket: the chain of seqId and prevSeqId, keep-alive updates without
change, ids that may begin anew, the text ping, the end after 30 s without a word, the notice before an upgrade.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, ClassVar, Final

from aiohttp import WSCloseCode, web

from venue.budget import Budget, Budgets
from venue.faces import okx_messages as messages
from venue.faces.connection import Connection, ConnectionRules
from venue.faces.entry import Entry
from venue.faces.face import Face, encode
from venue.faces.listed_face import ListedFace
from venue.faces.okx_control import ControlError, check_argument, read_request
from venue.faces.okx_messages import OkxWording
from venue.faces.okx_rest import OkxRest
from venue.faces.options import FaceOptions, count, option, seconds, switch, whole
from venue.faces.snapshot_face import Topic
from venue.faults.demands import Renumber
from venue.feed import MarketFeed
from venue.habits import Habits
from venue.listing import ASSETS, magnitude
from venue.market import Copy, Print, Published, Update
from venue.matching import ASK, BID

LOG = logging.getLogger(__name__)

DEPTHS: Final = {"books": 400, "books5": 5}
NO_DATA: Final = 4004
NOTICE_S: Final = 60.0
NOTICE: Final = "The connection will soon be closed for a service upgrade. Please reconnect."
REQUESTS_WINDOW_S: Final = 2
OPERATIONS_WINDOW_S: Final = 3600


class OkxFace(ListedFace):
    """Serves `/api/v5/...` and the WebSocket at `/ws/v5/public`."""

    name = "okx"
    wording = OkxWording()

    def __init__(
        self,
        feeds: Iterable[MarketFeed],
        rules: ConnectionRules,
        seed: str,
        *,
        options: "OkxOptions",
        budgets: Budgets | None = None,
    ) -> None:
        super().__init__(feeds, rules, seed, budgets)
        self.rest = OkxRest(self)
        self._options = options
        self._ids = Random(f"{seed}/okx/connections")
        self._names: dict[Connection, str] = {}
        self._operations: dict[Connection, Budget] = {}
        # For each symbol: from which update on its id is less by how much. A new entry is a numbering anew.
        self._shifts: dict[str, list[tuple[int, int]]] = {symbol: [(0, 0)] for symbol in self.feeds}
        self._sent_us: dict[str, int] = {}  # when a topic last had a message
        for symbol, feed in self.feeds.items():
            for channel in DEPTHS:
                self.served[f"{channel}:{symbol}"] = (feed, 1, 0)
            for channel in ("bbo-tbt", "trades"):
                self.served[f"{channel}:{symbol}"] = (feed, 0, 1)

    def routes(self) -> list[web.RouteDef]:
        """Return REST and WebSocket routes."""
        return [web.get("/ws/v5/public", self._open), *self.rest.routes()]

    def kind(self, stream: str) -> str:
        """Tell what a stream carries, by names of its own: `books:BTC-USDT`."""
        return {"books": "diff", "trades": "trade"}.get(stream.partition(":")[0], "top")

    # Positions: seqId

    def copy_for(self, feed: MarketFeed, at: int) -> Copy:
        """Copy the book right after the update of an id, of the newest numbering that has it."""
        return feed.market.copy_at_id(self._update_of(feed, at))

    def changes_for(self, feed: MarketFeed, after: int, limit: int) -> list[Update]:
        """Return the changes after an id."""
        return feed.market.changes_after(self._update_of(feed, after), limit)

    def number(self, feed: MarketFeed, update_id: int, time_us: int, near: int) -> int:
        """Return the id of an update."""
        shifts = self._shifts[feed.listing.symbol]
        return update_id - next(shift for first, shift in reversed(shifts) if update_id >= first)

    def _update_of(self, feed: MarketFeed, number: int) -> int:
        shifts = self._shifts[feed.listing.symbol]
        newest = feed.market.head_update_id
        for first, shift in reversed(shifts):
            if first <= number + shift <= newest:
                return number + shift
        return number + shifts[-1][1]

    # Connections

    async def _open(self, request: web.Request) -> web.StreamResponse:
        def greet(connection: Connection) -> Callable[[bytes], None]:
            self._names[connection] = f"{self._ids.getrandbits(32):08x}"
            self._operations[connection] = Budget(self._options.operations, OPERATIONS_WINDOW_S)
            connection.when_idle(
                "idle",
                self._options.idle_s,
                lambda: max(connection.heard_s, connection.said_s),
                lambda: connection.close(NO_DATA, "No data received in 30s"),
            )
            return partial(self._on_text, connection)

        try:
            return await self.serve(request, greet, lambda connection: self.goodbye(connection, None))
        finally:
            for connection in [c for c in self._names if c not in self.connections]:
                del self._names[connection], self._operations[connection]

    def too_many(self, budget: Budget, wait_s: int) -> web.Response:
        """Refuse with 429 and code 50011."""
        status, body, kind = self.wording.refusal(429, wait_s)
        return web.Response(status=status, body=body, content_type=kind)

    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Send the notice of an upgrade, then close."""
        body = {"event": "notice", "code": "64008", "msg": NOTICE, "connId": self._names[connection]}
        self.send(connection, encode(body))
        delay_s = NOTICE_S if notice_s is None else notice_s
        connection.after("goodbye", delay_s, lambda: connection.close(WSCloseCode.GOING_AWAY, "upgrade"))

    def _on_text(self, connection: Connection, raw: bytes) -> None:
        if raw == b"ping":
            self.send(connection, b"pong")
            return
        try:
            request = read_request(raw)
            now_s = connection.heard_s
            if self._operations[connection].admit("", now_s):
                raise ControlError("60014", "Requests too frequent", request.tail)
        except ControlError as error:
            self._complain(connection, error)
            return
        for argument in request.arguments:
            try:
                channel, symbol = check_argument(argument, self.feeds, request.tail)
            except ControlError as error:
                self._complain(connection, error)
                continue
            tail = {"arg": argument, "connId": self._names[connection]}
            self.send(connection, encode({**request.tail, "event": request.op, **tail}))
            if request.op == "unsubscribe":
                self.unsubscribe(connection, f"{channel}:{symbol}")
            else:
                self._begin(connection, channel, f"{channel}:{symbol}")

    def _begin(self, connection: Connection, channel: str, stream: str) -> None:
        if connection in self.subscribers.get(stream, ()):
            return  # acknowledged again, without a new snapshot
        if channel in DEPTHS:
            self.begin(connection, stream)
        else:
            self.subscribe(connection, stream)

    def _complain(self, connection: Connection, error: ControlError) -> None:
        told: dict[str, Any] = {**error.tail, "event": "error", "code": error.code, "msg": str(error)}
        self.send(connection, encode({**told, "connId": self._names[connection]}))

    # Streams

    def shape(self, stream: str) -> tuple[int, int]:
        """Return the channel's depth; every interval has its message."""
        return DEPTHS[stream.partition(":")[0]], 1

    def opened(self, topic: Topic) -> None:
        """Wait for the first keep-alive from now on."""
        self._sent_us[topic.stream] = topic.feed.stamp_now()

    def write_snapshot(self, topic: Topic) -> bytes:
        """Write all that is shown, as of the topic's last message."""
        listing, feed = topic.feed.listing, topic.feed
        bids, asks = (messages.rows(listing, topic.window.levels(side)) for side in (BID, ASK))
        return self._book(feed, topic, "snapshot", bids, asks, -1)

    def write_changes(self, topic: Topic) -> bytes | None:
        """Write what changed; levels that are pushed out are deleted. Five levels are always whole."""
        listing, market = topic.feed.listing, topic.feed.market
        sides: list[messages.Rows] = []
        for side in (BID, ASK):
            shift = topic.window.update(side, market.view, topic.touched[side])
            told = [(row.tick, row.lots) for row in shift.rows] + [(tick, 0) for tick in shift.pushed_out]
            sides.append(messages.rows(listing, told))
        if not sides[BID] and not sides[ASK]:
            return None
        before = self.number(topic.feed, topic.last_id, topic.last_us, 0)
        if topic.depth == DEPTHS["books"] and self.board.active and self.board.demanded(Renumber, listing.symbol):
            self._begin_anew(topic.feed, topic.last_id + 1)
        topic.last_id, topic.last_us = market.public_update_id, market.public_time_us
        self._sent_us[topic.stream] = topic.feed.stamp_now()
        if topic.depth == DEPTHS["books5"]:
            return self.write_snapshot(topic)
        return self._book(topic.feed, topic, "update", sides[BID], sides[ASK], before)

    def _begin_anew(self, feed: MarketFeed, first: int) -> None:
        """Let ids from an update on be lower than all before."""
        shifts = self._shifts[feed.listing.symbol]
        shifts.append((first, shifts[-1][1] + feed.market.public_update_id - first + 1_000_000))

    def _book(
        self, feed: MarketFeed, topic: Topic, action: str, bids: messages.Rows, asks: messages.Rows, before: int
    ) -> bytes:
        symbol, now_ms = feed.listing.symbol, feed.stamp_now() // 1000
        number = self.number(feed, topic.last_id, topic.last_us, 0)
        if topic.depth == DEPTHS["books5"]:
            return messages.best("books5", symbol, bids, asks, now_ms, number)
        check = messages.checksum(feed.listing, feed.market.view) if self._options.checksum else 0
        return messages.book(action, symbol, bids, asks, now_ms, check, number, before)

    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        """End an interval; a book without change for a minute is kept alive by an empty update with equal ids."""
        super().on_flush(feed, now_us)
        topic = self.topics[feed.listing.symbol].get(f"books:{feed.listing.symbol}")
        wait_us = self._options.keepalive_s * 1_000_000
        if topic is not None and wait_us and now_us - self._sent_us[topic.stream] >= wait_us:
            self._sent_us[topic.stream] = now_us
            number = self.number(feed, topic.last_id, topic.last_us, 0)
            self.broadcast(topic.stream, self._book(feed, topic, "update", [], [], number))

    def on_published(self, feed: MarketFeed, news: Published, now_us: int) -> None:
        """Gather book changes, send best prices and trades."""
        super().on_published(feed, news, now_us)
        listing = feed.listing
        stream = f"bbo-tbt:{listing.symbol}"
        if news.tops and stream in self.subscribers:
            last = news.tops[-1]
            top, number = last.top, self.number(feed, last.update_id, last.time_us, 0)
            bids, asks = (
                messages.rows(listing, [(tick, lots)] if tick is not None else [])
                for tick, lots in ((top.bid, top.bid_lots), (top.ask, top.ask_lots))
            )
            self.broadcast(stream, messages.best("bbo-tbt", listing.symbol, bids, asks, now_us // 1000, number))

    def on_prints(self, feed: MarketFeed, prints: list[Print], now_us: int) -> None:
        """Send trades at once."""
        stream = f"trades:{feed.listing.symbol}"
        if stream in self.subscribers:
            found = ((item, feed.stamp(item.time_us) // 1000) for item in prints)
            self.broadcast(stream, messages.trades(feed.listing, found))


@dataclass(frozen=True, slots=True)
class OkxOptions(FaceOptions):
    """The knobs of this face."""

    name: ClassVar[str] = "okx"
    batch_ms: int = option(100, count, "interval of book updates (default 100)", "MS")
    idle_s: float = option(30.0, seconds, "end of connections without a word from either side (default 30)", "S")
    keepalive_s: float = option(60.0, seconds, "empty update after so long without a change (default 60)", "S")
    checksum: bool = switch("send the signed CRC-32 of older days instead of 0")
    connects: int = option(3, whole, "connects a second (default 3; 0: all)")
    operations: int = option(480, whole, "subscriptions and the like in an hour and connection (default 480; 0: all)")
    requests: int = option(40, whole, "requests in 2 s (default 40; 0: all)")

    @property
    def interval_ms(self) -> int:
        """The interval of book updates."""
        return self.batch_ms

    def face(self, feeds: Iterable[MarketFeed], seed: str, send_buffer: int) -> Face:
        """Build the face."""
        budgets = Budgets(connects=Budget(self.connects, 1), requests=(Budget(self.requests, REQUESTS_WINDOW_S),))
        return OkxFace(feeds, ConnectionRules(0.0, 0.0, 0.0, send_buffer), seed, options=self, budgets=budgets)


def _scales(base: str, price: float) -> tuple[int, int]:
    """Ticks as on the venue, about: 64,000 -> 0.1, 3,200 -> 0.01, 0.62 -> 0.0001; lots by the base's worth."""
    power = magnitude(price)
    return 1 if power >= 4 else 2 if power >= 1 else min(8, 3 - power), 8 if magnitude(ASSETS[base].usd) >= 4 else 6


ENTRY: Final = Entry(
    OkxOptions,
    port=18086,
    habits=Habits(9.0, 0.75, 10.0, 0.06, 0.02, 1.5, 0.9, 0.35, 0.0, (1_500, 3_000), 0.02, circle=1),
    spell=lambda base, quote: f"{base}-{quote}",
    scales=_scales,
)
