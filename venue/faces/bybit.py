"""The Bybit face: the v5 public stream for spot at `/v5/public/spot`, and REST on one port.

Source: Bybit's public documentation of the v5 public stream: topics with four depths, each a snapshot and numbered
deltas, snapshots that may come at any time and replace the book, ten topics in a request on spot.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import ClassVar, Final

from aiohttp import WSCloseCode, web

from venue.budget import CONNECTS_WINDOW_S, Budget, Budgets
from venue.faces import bybit_messages as messages
from venue.faces.bybit_control import ControlError, Request, read_request
from venue.faces.bybit_messages import BybitWording
from venue.faces.bybit_rest import BybitRest
from venue.faces.connection import Connection, ConnectionRules
from venue.faces.entry import Entry
from venue.faces.face import Face, encode
from venue.faces.listed_face import ListedFace
from venue.faces.numbering import Numbering
from venue.faces.options import FaceOptions, count, option, seconds, whole
from venue.faces.snapshot_face import Topic
from venue.faults.demands import Resnapshot, Restart
from venue.feed import MarketFeed
from venue.habits import Habits
from venue.listing import ASSETS, magnitude
from venue.market import Copy, HistoryGone, Print, Update
from venue.matching import ASK, BID

LOG = logging.getLogger(__name__)

# Depth of a topic: intervals between its messages, of 20 ms each by default.
DEPTHS: Final = {50: 1, 200: 5, 1000: 10, 1: 1}
DEEPEST: Final = 1000
RANGE: Final = 10**8  # each depth numbers its messages in a range of its own, so that a number tells the depth
MOST_ARGUMENT_CHARACTERS: Final = 21_000
REPEAT_US: Final = 3_000_000
REQUESTS_WINDOW_S: Final = 5
NOTICE_S: Final = 0.5  # the venue documents no announcement at all


class BybitFace(ListedFace):
    """Serves `/v5/market/...` and the WebSocket at `/v5/public/spot`."""

    name = "bybit"
    wording = BybitWording()

    def __init__(
        self,
        feeds: Iterable[MarketFeed],
        rules: ConnectionRules,
        seed: str,
        *,
        idle_s: float,
        budgets: Budgets | None = None,
    ) -> None:
        super().__init__(feeds, rules, seed, budgets)
        self.rest = BybitRest(self)
        self._idle_s = idle_s
        self._ids = Random(f"{seed}/bybit/connections")
        self._arguments: dict[Connection, dict[str, None]] = {}
        self._names: dict[Connection, str] = {}
        self._numbers: dict[str, Numbering] = {}
        self._anew: dict[str, None] = {}  # topics that have begun anew, the last one last
        self._sent_us: dict[str, int] = {}  # when a topic of one level last had a message
        for symbol, feed in self.feeds.items():
            draw = Random(f"{seed}/bybit/{symbol}/numbers")
            for place, depth in enumerate(DEPTHS):
                stream = f"orderbook.{depth}.{symbol}"
                self.served[stream] = (feed, 1, 0)
                self._numbers[stream] = Numbering((place + 1) * RANGE + draw.randrange(10**6, 10**7))
            self.served[f"publicTrade.{symbol}"] = (feed, 0, 1)

    def routes(self) -> list[web.RouteDef]:
        """Return REST and WebSocket routes."""
        return [web.get("/v5/public/spot", self._open), *self.rest.routes()]

    def kind(self, stream: str) -> str:
        """Tell what a stream carries."""
        return "trade" if stream.startswith("publicTrade") else "top" if stream.startswith("orderbook.1.") else "diff"

    # Positions: the numbers of messages

    def copy_for(self, feed: MarketFeed, at: int) -> Copy:
        """Copy the book as a message of this number leaves it."""
        return feed.market.copy_at_id(self._numbering(feed, at).update_of(at))

    def present(self, feed: MarketFeed) -> Copy:
        """Copy the book that the newest message has told: another has no number."""
        last = self._numbering(feed, 0).last_update_id
        try:
            return feed.market.copy_at_id(last) if last else super().present(feed)
        except HistoryGone:
            return super().present(feed)

    def changes_for(self, feed: MarketFeed, after: int, limit: int) -> list[Update]:
        """Return the changes after a message of this number that other messages of its topic have told since."""
        numbering = self._numbering(feed, after)
        if after > numbering.number and not numbering.knows(after):  # not reached yet; else of before a restart
            return []
        first, last = numbering.update_of(after), numbering.last_update_id
        if last - first > limit:  # changes of one message stay together
            last = numbering.update_of(numbering.number_of(first + limit))
        return feed.market.changes_after(first, last - first)

    def number(self, feed: MarketFeed, update_id: int, time_us: int, near: int) -> int:
        """Return the number of the message that told an update."""
        return self._numbering(feed, near).number_of(update_id)

    def told(self, feed: MarketFeed, near: int) -> tuple[int, int]:
        """Return what the newest message of the topic has told."""
        last = self._numbering(feed, near).last_update_id
        try:
            return last, feed.market.copy_at_id(last).time_us
        except HistoryGone:
            return feed.market.public_update_id, feed.market.public_time_us

    def _numbering(self, feed: MarketFeed, near: int) -> Numbering:
        """Return the numbers of the topic that a number belongs to; for 0 those of one that has messages."""
        streams = [f"orderbook.{depth}.{feed.listing.symbol}" for depth in DEPTHS]
        all_of = [self._numbers[stream] for stream in streams]
        if near >= RANGE:
            return all_of[min(near // RANGE, len(all_of)) - 1]
        if near:
            found = [self._numbers[stream] for stream in reversed(self._anew) if stream in streams]
            return next((each for each in found if each.knows(near)), all_of[0])
        return next((each for each in all_of if each.last_update_id), all_of[0])

    def shown(self, feed: MarketFeed) -> tuple[Copy, int]:
        """Return the book that the deepest topic last told, and its number; without subscribers a newer one."""
        stream = f"orderbook.{DEEPEST}.{feed.listing.symbol}"
        numbering, market = self._numbers[stream], feed.market
        topic = self.topics[feed.listing.symbol].get(stream)
        if topic is not None:
            return market.copy_at_id(topic.last_id), numbering.number
        feed.settle()
        if numbering.last_update_id != market.public_update_id:
            numbering.next(market.public_update_id)
        return market.copy_at_id(market.public_update_id), numbering.number

    def placed(self, feed: MarketFeed, copy: Copy) -> tuple[Copy, int]:
        """Return the book of the deepest topic's newest message that is not after a copy's moment, and its number.

        A copy that was never the true book (a crossed one) keeps its levels: what follows the number puts it right.
        """
        market = feed.market
        numbering = self._numbers[f"orderbook.{DEEPEST}.{feed.listing.symbol}"]
        number = numbering.newest_up_to(copy.update_id)
        if copy.ladder.lots != market.copy_at_id(copy.update_id).ladder.lots:
            return copy, number
        try:
            return market.copy_at_id(numbering.update_of(number)), number
        except HistoryGone:
            return self.shown(feed)

    # Connections

    async def _open(self, request: web.Request) -> web.StreamResponse:
        def greet(connection: Connection) -> Callable[[bytes], None]:
            self._arguments[connection] = {}
            self._names[connection] = f"{self._ids.getrandbits(100):020x}-{self._ids.getrandbits(12):x}"
            connection.when_idle(
                "idle",
                self._idle_s,
                lambda: connection.heard_s,
                lambda: connection.close(WSCloseCode.OK, "no ping"),
            )
            return partial(self._on_text, connection)

        try:
            return await self.serve(request, greet, lambda connection: self.goodbye(connection, None))
        finally:
            for connection in [c for c in self._arguments if c not in self.connections]:
                del self._arguments[connection], self._names[connection]

    def too_many(self, budget: Budget, wait_s: int) -> web.Response:
        """Refuse with 403, as the venue's edge does."""
        status, body, kind = self.wording.refusal(403, wait_s)
        return web.Response(status=status, body=body, content_type=kind)

    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Close a little later, unannounced: the venue documents no announcement."""
        delay_s = NOTICE_S if notice_s is None else notice_s
        connection.after("goodbye", delay_s, lambda: connection.close(WSCloseCode.GOING_AWAY, "restart"))

    def _on_text(self, connection: Connection, raw: bytes) -> None:
        try:
            request = read_request(raw, self.feeds, DEPTHS)
            if request.op == "subscribe":
                self._allow(connection, request)
        except ControlError as error:
            self._reply(connection, error.op, error.tail, str(error), success=False)
            return
        mine = self._arguments[connection]
        text = "pong" if request.op == "ping" else request.op
        self._reply(connection, request.op, request.tail, text, success=True)
        for topic in request.topics:
            if request.op == "unsubscribe":
                mine.pop(topic, None)
                self.unsubscribe(connection, topic)
                continue
            mine[topic] = None
            if topic.startswith("orderbook"):
                self.begin(connection, topic)
            else:
                self.subscribe(connection, topic)

    def _allow(self, connection: Connection, request: Request) -> None:
        """Refuse what is subscribed already, and too much of it. Raises ControlError."""
        mine = self._arguments[connection]
        for topic in request.topics:
            if topic in mine:
                raise ControlError(f"error:already subscribed,topic:{topic}", request.op, request.tail)
        if sum(map(len, (*mine, *request.topics))) > MOST_ARGUMENT_CHARACTERS:
            raise ControlError("args too long", request.op, request.tail)

    def _reply(self, connection: Connection, op: str, tail: dict[str, object], text: str, *, success: bool) -> None:
        body = {"success": success, "ret_msg": text, "conn_id": self._names[connection], **tail, "op": op}
        self.send(connection, encode(body))

    # Streams

    def shape(self, stream: str) -> tuple[int, int]:
        """Return the depth and its intervals."""
        depth = int(stream.split(".")[1])
        return depth, DEPTHS[depth]

    def opened(self, topic: Topic) -> None:
        """Number the book with which a topic begins."""
        self._numbers[topic.stream].next(topic.last_id)
        self._sent_us[topic.stream] = topic.feed.stamp_now()

    def write_snapshot(self, topic: Topic) -> bytes:
        """Write the whole depth under the number of the topic's last message."""
        listing, window = topic.feed.listing, topic.window
        bids, asks = (messages.rows(listing, window.levels(side)) for side in (BID, ASK))
        return self._book(topic, "snapshot", bids, asks)

    def write_changes(self, topic: Topic) -> bytes | None:
        """Write what changed within the depth; levels that are pushed out are deleted. One level: a snapshot."""
        listing, market = topic.feed.listing, topic.feed.market
        sides: list[messages.Rows] = []
        for side in (BID, ASK):
            shift = topic.window.update(side, market.view, topic.touched[side])
            told = [(row.tick, row.lots) for row in shift.rows] + [(tick, 0) for tick in shift.pushed_out]
            sides.append(messages.rows(listing, told))
        if not sides[BID] and not sides[ASK]:
            return None
        topic.last_id, topic.last_us = market.public_update_id, market.public_time_us
        self._sent_us[topic.stream] = topic.feed.stamp_now()
        numbering = self._numbers[topic.stream]
        if self.board.active and self.board.demanded(Restart, listing.symbol):
            numbering.restart(topic.last_id)
            self._anew.pop(topic.stream, None)
            self._anew[topic.stream] = None
            return self.write_snapshot(topic)
        numbering.next(topic.last_id)
        if topic.depth == 1 or (self.board.active and self.board.demanded(Resnapshot, listing.symbol)):
            return self.write_snapshot(topic)
        return self._book(topic, "delta", sides[BID], sides[ASK])

    def _book(self, topic: Topic, kind: str, bids: messages.Rows, asks: messages.Rows) -> bytes:
        feed, number = topic.feed, self._numbers[topic.stream].number
        times = feed.stamp_now() // 1000, feed.stamp(topic.last_us) // 1000
        return messages.book(topic.stream, kind, feed.listing, bids, asks, number, topic.last_id, *times)

    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        """End an interval; the best prices are said again when they have not changed for three seconds."""
        super().on_flush(feed, now_us)
        topic = self.topics[feed.listing.symbol].get(f"orderbook.1.{feed.listing.symbol}")
        if topic is not None and now_us - self._sent_us[topic.stream] >= REPEAT_US:
            self._sent_us[topic.stream] = now_us
            self.broadcast(topic.stream, self.write_snapshot(topic))

    def on_prints(self, feed: MarketFeed, prints: list[Print], now_us: int) -> None:
        """Send trades at once."""
        stream = f"publicTrade.{feed.listing.symbol}"
        if stream in self.subscribers:
            found = ((item, feed.stamp(item.time_us) // 1000) for item in prints)
            self.broadcast(stream, messages.trades(stream, feed.listing, found, now_us // 1000))


@dataclass(frozen=True, slots=True)
class BybitOptions(FaceOptions):
    """The knobs of this face."""

    name: ClassVar[str] = "bybit"
    batch_ms: int = option(
        20, count, "interval of 1 and 50 levels; 200 take five, 1000 ten of them (default 20)", "MS"
    )
    idle_s: float = option(600.0, seconds, "end of connections that say nothing (default 600)", "S")
    connects: int = option(500, whole, "connects in 5 min (default 500; 0: all)")
    requests: int = option(600, whole, "requests in 5 s (default 600; 0: all)")

    @property
    def interval_ms(self) -> int:
        """The interval of the fastest topics."""
        return self.batch_ms

    def face(self, feeds: Iterable[MarketFeed], seed: str, send_buffer: int) -> Face:
        """Build the face."""
        budgets = Budgets(
            connects=Budget(self.connects, CONNECTS_WINDOW_S),
            requests=(Budget(self.requests, REQUESTS_WINDOW_S),),
        )
        rules = ConnectionRules(0.0, 0.0, 0.0, send_buffer)
        return BybitFace(feeds, rules, seed, idle_s=self.idle_s, budgets=budgets)


def _scales(base: str, price: float) -> tuple[int, int]:
    """Ticks as on the venue, about: 64,000 -> 0.01, 0.62 -> 0.0001; lots by the base's worth."""
    power = magnitude(price)
    return 2 if power >= 1 else min(8, 3 - power), max(1, min(6, 2 + magnitude(ASSETS[base].usd)))


ENTRY: Final = Entry(
    BybitOptions,
    port=18087,
    habits=Habits(9.0, 0.75, 10.0, 0.06, 0.02, 1.5, 0.8, 0.35, 0.0, (1_500, 3_000), 0.02, circle=1),
    spell=lambda base, quote: base + quote,
    scales=_scales,
)
