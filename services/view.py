"""A view of one pair: computed and encoded once per version, sent to every stream that watches it."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from book import Conversion, Dust, Level, MergedBook, Pair, PairView, VenueView, merge
from services import encode
from services.figures import AnalysedBook
from services.stream import Kind, Stream, ViewFailed

_logger = logging.getLogger(__name__)

_FRESH_S = 2e-5  # for each level: about ten times what making the message takes
HEARTBEAT_S = 0.9  # of silence; clients are promised a message at least once a second


class Cut(NamedTuple):
    """Which part of the venues' books a view needs: what is taken under the pair's lock."""

    levels: int
    dust: Dust
    only: frozenset[str] | None = None  # venues; None: all


class ViewKey(NamedTuple):
    """What makes two streams watch the same view."""

    kind: "Callable[[asyncio.AbstractEventLoop, Cut, Callable[[Cut], PairView], float], BookView]"  # makes the view
    pair: Pair
    cut: Cut


class View(ABC):
    """What streams watch: it sends each of them the same bytes, and a heartbeat when nothing else was sent.

    Everything here happens in the publisher's loop. The heartbeat's timer runs only while a stream is open.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, heartbeat_s: float) -> None:
        self.loop = loop
        self.streams: dict[Stream, None] = {}  # in the order in which they came
        self.encoded = 0  # messages made
        self._heartbeat_s = heartbeat_s
        self._sent_at = 0.0  # loop time of the newest message to all streams
        self._timer: asyncio.TimerHandle | None = None

    @abstractmethod
    def beat(self) -> None:
        """Sends what is to be sent after a time of silence."""

    @abstractmethod
    def close(self) -> None:
        """Sends the present state as the last message of every stream."""

    @abstractmethod
    def tail(self, conflated: int) -> bytes:
        """What appended to a message tells a stream how many states it was spared."""

    def send(self, message: bytes, kind: Kind) -> None:
        """Offers the very same bytes to every stream."""
        self._sent_at = self.loop.time()
        for stream in self.streams:
            stream.offer(message, kind)

    def add(self, stream: Stream) -> None:
        """Takes a stream in; the first one starts the timer."""
        self.streams[stream] = None
        if self._timer is None:
            self._sent_at = self.loop.time()
            self._timer = self.loop.call_at(self._sent_at + self._heartbeat_s, self._on_timer)

    def remove(self, stream: Stream) -> None:
        """Lets a stream go; the last one stops the timer."""
        self.streams.pop(stream, None)
        stream.close()
        if not self.streams and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def attempt(self, action: Callable[[], object]) -> None:
        """Does what sends a message; where it fails the streams of this view end, and no other's."""
        try:
            action()
        except Exception as error:
            _logger.exception("%s failed; the streams of this view end", type(self).__name__)
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Ends every stream of this view."""
        failure = ViewFailed(f"this view cannot be served: {error}")
        for stream in self.streams:
            stream.fail(failure)

    def _on_timer(self) -> None:
        due = self._sent_at + self._heartbeat_s
        if self.loop.time() >= due:
            self.attempt(self.beat)
            due = self.loop.time() + self._heartbeat_s
        self._timer = self.loop.call_at(due, self._on_timer)


class BookView(View):
    """A view of one pair's merged book. The two subclasses differ in their messages."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        cut: Cut,
        picture: Callable[[Cut], PairView],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """`picture` takes the part of the pair's books that `cut` names."""
        super().__init__(loop, heartbeat_s)
        self.cut = cut
        self._picture = picture
        self._sent: MergedBook | None = None  # the newest state that was offered to the streams
        self._behind = False  # the books have changed since, and no stream had room for more
        self._newest = b""  # the message of that state, with the clocks of when it was made
        self._fresh_until = 0.0  # loop time up to which a newcomer gets these very bytes

    @abstractmethod
    def merge(self, picture: PairView) -> MergedBook:
        """The levels that belong in this view's messages."""

    @abstractmethod
    def encode(self, merged: MergedBook, kind: Kind) -> bytes:
        """The message of `merged`."""

    def wants(self) -> bool:
        """Whether a stream has room for a new state; otherwise it is left for when one takes what it has.

        So a client that stops reading, or that wants few messages, does not cost the computing of what it is
        spared.
        """
        self._behind = not any(stream.has_room for stream in self.streams)
        return not self._behind

    def catch_up(self) -> None:
        """Computes what was left out. A stream calls it before it takes its message."""
        if self._behind:
            self.show()

    def show(self) -> bool:
        """Sends the present state to every stream unless they know it; returns whether it was sent."""
        return self.refresh(self._picture(self.cut))

    def refresh(self, picture: PairView) -> bool:
        """Sends the state in `picture` to every stream unless they know it; returns whether it was sent."""
        self._behind = False
        merged = self.merge(picture)
        if self._sent is not None and _same(merged, self._sent):
            return False
        self._sent = merged
        self.send(self._state(merged), Kind.STATE)
        return True

    def join(self, stream: Stream) -> None:
        """Takes a stream in and gives it the present state at once, live or not.

        Clients that come by the hundred share what was made for the first of them, for a time that grows with what
        it costs to make. A change of the books in this time is on its way to all of them.
        """
        self.add(stream)
        if not self._behind and self.loop.time() < self._fresh_until:
            stream.offer(self._newest)
            return
        picture = self._picture(self.cut)
        if not self.refresh(picture):  # the others know it; the newcomer gets it with the clocks of now
            stream.offer(self._state(self.merge(picture)))

    def beat(self) -> None:
        """The newest state where it changed unnoticed, otherwise a heartbeat."""
        picture = self._picture(self.cut)
        if not self.refresh(picture):
            self.send(self._message(self.merge(picture), Kind.HEARTBEAT), Kind.HEARTBEAT)

    def close(self) -> None:
        """Sends the present state as the last message of every stream."""
        self.send(self._message(self.merge(self._picture(self.cut)), Kind.CLOSING), Kind.CLOSING)

    def _state(self, merged: MergedBook) -> bytes:
        self._newest = self._message(merged, Kind.STATE)
        self._fresh_until = self.loop.time() + self.cut.levels * _FRESH_S
        return self._newest

    def _message(self, merged: MergedBook, kind: Kind) -> bytes:
        self.encoded += 1
        return self.encode(merged, kind)


class SummaryView(BookView):
    """Summaries: equal prices of two venues stay two levels."""

    def merge(self, picture: PairView) -> MergedBook:
        """The best levels of all venues."""
        return merge(picture, self.cut.levels)

    def encode(self, merged: MergedBook, kind: Kind) -> bytes:
        """A heartbeat is the full summary again: clients of the old contract know no heartbeat."""
        return encode.summary(merged, time.time_ns(), heartbeat=kind is Kind.HEARTBEAT, closing=kind is Kind.CLOSING)

    def tail(self, conflated: int) -> bytes:
        """Summary.conflated."""
        return encode.conflated_summary(conflated)


class MergedBookView(BookView):
    """Books: one entry a price, with the amount of each venue."""

    def merge(self, picture: PairView) -> MergedBook:
        """The levels at the best prices, whole: all venues' amounts at each of them."""
        merged = merge(picture, self.cut.levels * max(1, len(picture.venues)))
        bids, asks = first_prices(merged.bids, self.cut.levels), first_prices(merged.asks, self.cut.levels)
        if bids is merged.bids and asks is merged.asks:
            return merged
        return msgspec.structs.replace(merged, bids=bids, asks=asks)

    def encode(self, merged: MergedBook, kind: Kind) -> bytes:
        """A heartbeat carries states and clocks only."""
        return encode.book(
            merged,
            time.time_ns(),
            self.cut.only,
            heartbeat=kind is Kind.HEARTBEAT,
            closing=kind is Kind.CLOSING,
        )

    def tail(self, conflated: int) -> bytes:
        """Book.conflated."""
        return encode.conflated_book(conflated)


def first_prices(levels: tuple[Level, ...], n: int) -> tuple[Level, ...]:
    """The levels at the first `n` prices; `levels` itself where there are no more."""
    if len(levels) <= n:
        return levels
    prices, last = 0, None
    for index, (price, *_) in enumerate(levels):
        if price != last:
            if prices == n:
                return levels[:index]
            prices += 1
            last = price
    return levels


def _same(one: MergedBook, other: MergedBook) -> bool:
    """Whether a client that knows one of them learns nothing but clocks and counters from the other."""
    return (
        one.bids == other.bids
        and one.asks == other.asks
        and all(map(same_trust, one.venues, other.venues))
        and len(one.venues) == len(other.venues)
        and (not one.conversions or same_conversions(one.conversions, other.conversions))
        and (not isinstance(one, AnalysedBook) or (isinstance(other, AnalysedBook) and one.tells_the_same(other)))
    )


def same_conversions(one: Sequence[Conversion], other: Sequence[Conversion]) -> bool:
    """Whether the quotes of a group are worth the same in both, by books that are as much to be trusted."""
    return all(
        this.tells_the_same(that)
        and len(this.venues) == len(that.venues)
        and all(map(same_trust, this.venues, that.venues))
        for this, that in zip(one, other, strict=True)
    )


def same_trust(one: VenueView, other: VenueView) -> bool:
    """Whether two pictures of a venue's book are in the same state, for the same reason, as far as it is known.

    Both suspect, or neither; and both merged, or neither.
    """
    return (
        one.state is other.state
        and one.reason == other.reason
        and one.since_ns == other.since_ns
        and one.next_try_ns == other.next_try_ns
        and one.known_bid == other.known_bid
        and one.known_ask == other.known_ask
        and one.distance.suspect is other.distance.suspect
        and one.left_out == other.left_out
    )
