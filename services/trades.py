"""The trades of the venues as streams: each trade is encoded once, however many clients watch it.

A write to a pair's tape wakes the loop at most once. The loop takes what is new, encodes it, and puts the same bytes
into the queue of each stream. A queue has a bound: of a client that is too slow the oldest go, and it is told how
many; that costs its queue and its HTTP/2 window, never another client's time.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from book import Pair, PairBooks, Trade, TradeGap, TradeTape
from book.trades import KEPT, Entry
from services.admission import Admission, Client
from services.market import Market
from services.stream import ViewFailed
from services.view import HEARTBEAT_S
from services.wire import block, number, stamp, tag, text, varint

_logger = logging.getLogger(__name__)

QUEUED = 5_000  # trades and gaps of one stream that wait for its client
MAX_RECENT = 1_000  # of each pair that a stream may begin with

Only = frozenset[str] | None  # venues; None: all

# Fields of Trades.
_TRADES, _GAPS, _MISSED, _SENT, _CLOSING = tag(1, 2), tag(2, 2), tag(3, 0), tag(4, 0), tag(15, 0) + b"\x01"
# Fields of Trade.
_VENUE, _PAIR, _PRICE, _AMOUNT, _TAKER, _ID = tag(1, 2), tag(2, 2), tag(3, 2), tag(4, 2), tag(5, 0), tag(6, 2)
_VENUE_NS, _RECEIVED, _APPLIED, _SEQUENCE = (tag(field, 0) for field in range(7, 11))
# Fields of TradeGap; venue and pair as in Trade.
_GAP_SEQUENCE, _FROM, _UNTIL, _MISSING, _REASON = tag(3, 0), tag(4, 0), tag(5, 0), tag(6, 0), tag(7, 2)


class Told(NamedTuple):
    """One entry of a tape as it goes out: a field of Trades, whole."""

    venue: str
    is_gap: bool
    data: bytes


class TradeStream:
    """One client's queue. Everything here happens in the publisher's loop."""

    __slots__ = (
        "_closing",
        "_due_at",
        "_failure",
        "_heartbeat_s",
        "_interval_s",
        "_loop",
        "_missed",
        "_not_before",
        "_only",
        "_queue",
        "_slot",
        "_timer",
        "_waiter",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        only: Only = None,
        interval_s: float = 0.0,
        heartbeat_s: float = HEARTBEAT_S,
        slot: Callable[[float], float] | None = None,
    ) -> None:
        """`only`: the venues that count. `interval_s`: at least, between two messages. `slot`: as of a Stream."""
        self._loop = loop
        self._only = only
        self._interval_s = interval_s
        self._heartbeat_s = heartbeat_s
        self._slot = slot
        self._queue: deque[Told] = deque()
        self._missed = 0  # since the previous message
        self._closing = False
        self._failure: ViewFailed | None = None
        self._due_at = loop.time()  # loop time of the next heartbeat; the first message comes at once
        self._not_before = 0.0  # loop time at which the interval allows the next message
        self._waiter: asyncio.Future[None] | None = None  # of the task in next()
        self._timer: asyncio.TimerHandle | None = None

    def pace(self, interval_s: float) -> None:
        """From its next message on there are at least so many seconds between two."""
        self._interval_s = interval_s

    @property
    def only(self) -> Only:
        """The venues that count; None: all."""
        return self._only

    def put(self, told: Iterable[Told], missed: int = 0) -> None:
        """Adds entries to the queue, those of other venues left out. `missed`: so many before them are lost."""
        queue, only = self._queue, self._only
        queue.extend(told if only is None else [each for each in told if each.venue in only])
        self._missed += missed
        while len(queue) > QUEUED:
            queue.popleft()
            self._missed += 1
        if queue or missed:
            self._ring()

    def finish(self) -> None:
        """What waits goes out with the last message."""
        self._closing = True
        self._ring()

    def fail(self, failure: ViewFailed) -> None:
        """Ends the stream: next() raises `failure`."""
        self._failure = failure
        self._ring()

    async def next(self) -> bytes | None:
        """All that waits, as one message, or none of it after a second without; None after the closing one.

        Raises ViewFailed when the stream cannot go on. One task may wait.
        """
        while True:
            if self._failure is not None:
                raise self._failure
            if self._closing and self._due_at == float("inf"):
                return None
            now = self._loop.time()
            wants = self._closing or bool(self._queue) or bool(self._missed)
            at = self._due_at if not wants else 0.0 if self._closing else self._not_before
            if at <= now:
                return self._take(now)
            self._waiter = self._loop.create_future()
            self._timer = self._loop.call_at(at, self._ring)
            try:
                await self._waiter
            finally:
                self._waiter = None
                self.close()

    def close(self) -> None:
        """Lets go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take(self, now: float) -> bytes:
        queue, self._queue = self._queue, deque()
        missed, self._missed = self._missed, 0
        self._not_before = max(now + self._interval_s, self._slot(now) if self._slot else 0.0)
        self._due_at = float("inf") if self._closing else now + self._heartbeat_s
        parts = [each.data for each in queue if not each.is_gap]
        parts += [each.data for each in queue if each.is_gap]
        parts += (number(_MISSED, missed), _SENT, varint(time.time_ns()))
        if self._closing:
            parts.append(_CLOSING)
        return b"".join(parts)

    def _ring(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class PairTrades:
    """Carries what is new on one pair's tape to the streams that watch it.

    Everything but `_on_write` happens in the publisher's loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pair: Pair, tape: TradeTape) -> None:
        self.tape = tape
        self.streams: dict[TradeStream, None] = {}
        self._pair = pair
        self._loop = loop
        self._sequence = tape.sequence  # up to which the streams have been told
        self._told: dict[int, Told] = {}  # by sequence, oldest first: what was encoded of late
        self._heads: dict[str, bytes] = {}  # by venue: the fields that all of its entries begin with
        # Taken by the writer that sends the wake-up (any thread), given back by the loop before it looks at the tape:
        # so one wake-up at most is on its way, and a write after the look sends the next one.
        self._asleep = threading.Lock()
        self._stop_listening = tape.listen(self._on_write)

    def join(self, stream: TradeStream, recent: int) -> None:
        """Takes a stream in, and begins it with the newest trades and the gaps between them."""
        self._catch_up()
        if recent:
            stream.put(self._newest(recent, stream.only))
        self.streams[stream] = None

    def end(self) -> None:
        """Nobody watches any more."""
        self._stop_listening()

    def _on_write(self) -> None:
        """In the writer's thread, after every write."""
        if self._asleep.acquire(blocking=False):
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop is closed: the server has stopped during this write
                _logger.debug("a trade of %s came after the end of the publisher", self._pair)

    def _wake(self) -> None:
        self._asleep.release()
        try:
            self._catch_up()
        except Exception as error:
            _logger.exception("the trades of %s cannot be encoded; their streams end", self._pair)
            failure = ViewFailed(f"these trades cannot be served: {error}")
            for stream in self.streams:
                stream.fail(failure)

    def _catch_up(self) -> None:
        """Tells the streams what is new."""
        new = self.tape.since(self._sequence)
        if not new:
            return
        lost = new[0].sequence - self._sequence - 1  # the tape has forgotten them already
        self._sequence = new[-1].sequence
        if not self.streams:
            return
        told = [self._encoded(entry) for entry in new]
        for stream in self.streams:
            stream.put(told, lost)

    def _newest(self, trades: int, only: Only) -> list[Told]:
        """So many of the newest trades that the tape has, and the gaps between and after them."""
        found: list[Told] = []
        for entry in reversed(self.tape.since(0)):
            if entry.sequence > self._sequence or not (only is None or entry.venue in only):
                continue
            if isinstance(entry, Trade):
                if not trades:
                    break
                trades -= 1
            found.append(self._encoded(entry))
        return found[::-1]

    def _encoded(self, entry: Entry) -> Told:
        told = self._told.get(entry.sequence)
        if told is None:
            told = self._told[entry.sequence] = self._encode(entry)
            while len(self._told) > KEPT:
                del self._told[next(iter(self._told))]
        return told

    def _encode(self, entry: Entry) -> Told:
        head = self._heads.get(entry.venue)
        if head is None:
            head = self._heads[entry.venue] = text(_VENUE, entry.venue) + text(_PAIR, str(self._pair))
        if isinstance(entry, TradeGap):
            return Told(entry.venue, True, block(_GAPS, head + _gap(entry)))
        return Told(entry.venue, False, block(_TRADES, head + _trade(entry)))


class TradePublisher:
    """All streams of trades of one server. Lives in one event loop; nothing here may be called from elsewhere."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        market: Market,
        admission: Admission,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.feeds: dict[Pair, PairTrades] = {}  # of pairs whose trades are watched
        self._loop = loop
        self._market = market
        self._admission = admission
        self._heartbeat_s = heartbeat_s
        self._streams: dict[TradeStream, None] = {}

    @asynccontextmanager
    async def watch(
        self, pairs: Sequence[Pair], client: Client, only: Only = None, recent: int = 0, interval_s: float = 0.0
    ) -> AsyncIterator[TradeStream]:
        """A stream of the trades of `pairs`, for as long as the block lasts; raises Refused beyond a limit."""
        slot = partial(self._admission.slot, client)
        stream = TradeStream(self._loop, only, interval_s, self._heartbeat_s, slot)
        with ExitStack() as stack:
            for pair in pairs:
                stack.enter_context(self._admission.pair(client, pair))
            self._streams[stream] = None
            stack.callback(self._leave, stream)
            for pair in pairs:
                self._feed(pair).join(stream, recent)
                if recent:  # a thousand take some milliseconds to encode: others have their turn between two pairs
                    await asyncio.sleep(0)
            if self._admission.closing:
                stream.finish()
            yield stream

    def retune(self, interval_s: float) -> None:
        """From now on at least so many seconds lie between two messages of every stream."""
        for stream in self._streams:
            stream.pace(interval_s)

    def close(self) -> None:
        """Sends every stream its last message."""
        for stream in self._streams:
            stream.finish()

    def _feed(self, pair: Pair) -> PairTrades:
        books = self._market.books[pair]
        assert isinstance(books, PairBooks), "groups are refused before"
        tape = books.trades
        feed = self.feeds.get(pair)
        if feed is None or feed.tape is not tape:
            old, feed = feed, PairTrades(self._loop, pair, tape)
            if old is not None:  # the pair was let go and is carried again: nobody writes to its old tape
                old.end()
                feed.streams.update(old.streams)
            self.feeds[pair] = feed
        return feed

    def _leave(self, stream: TradeStream) -> None:
        del self._streams[stream]
        stream.close()
        for pair, feed in list(self.feeds.items()):
            if feed.streams.pop(stream, feed) is None and not feed.streams:
                feed.end()
                del self.feeds[pair]


def decimal_text(number: object) -> str:
    """A float, by its shortest name, or a Decimal, without an exponent or zeros at the end."""
    written = str(number)
    if "e" in written or "E" in written:
        written = format(Decimal(written), "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def _trade(trade: Trade) -> bytes:
    return (
        text(_PRICE, decimal_text(trade.price))
        + text(_AMOUNT, decimal_text(trade.amount))
        + number(_TAKER, trade.taker)
        + text(_ID, trade.id)
        + number(_VENUE_NS, stamp(trade.venue_ns))
        + number(_RECEIVED, stamp(trade.received_ns))
        + number(_APPLIED, stamp(trade.applied_ns))
        + number(_SEQUENCE, trade.sequence)
    )


def _gap(gap: TradeGap) -> bytes:
    missing = b"" if gap.missing is None else _MISSING + varint(gap.missing)
    return (
        number(_GAP_SEQUENCE, gap.sequence)
        + number(_FROM, stamp(gap.from_ns))
        + number(_UNTIL, stamp(gap.until_ns))
        + missing
        + text(_REASON, gap.reason)
    )
