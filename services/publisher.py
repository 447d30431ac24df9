"""From the books' writes to the streams: who watches what, and when it is computed.

A write calls the pair's listener in the writer's thread, which does no more than wake the publisher's loop, and
only when no wake-up is on its way already. The loop takes one picture for each cut that somebody watches and
lets each view send what changed. A pair that nobody watches is not listened to.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from book import Dust, Pair, PairView
from book.group_books import GroupBooks
from services.admission import Admission, Client
from services.market import Books, Market
from services.options import DEEP, GrpcOptions
from services.status import StatusView
from services.stream import Stream
from services.trades import TradePublisher
from services.view import HEARTBEAT_S, BookView, Cut, View, ViewKey, same_trust

_logger = logging.getLogger(__name__)

_REST = 3.0  # times what a deep view took
_STATES = Cut(0, Dust())  # the states alone, no levels
_GROUP_PACE_S = 0.02  # between two looks at the books of a group: it has the writes of many pairs


class PairFeed:
    """Carries the writes of one pair's books to the views that are watched.

    Everything but `_on_write` happens in the publisher's loop.
    """

    at_once = DEEP  # levels of a view, up to which it is computed with the wake-up; others wait for their turn

    def __init__(self, loop: asyncio.AbstractEventLoop, books: Books, turns: "Turns") -> None:
        self.books = books
        self.views: dict[ViewKey, BookView] = {}
        self.status_views: dict[StatusView, None] = {}
        self._loop = loop
        self._turns = turns
        # Taken by the writer that sends the wake-up (any thread), given back by the loop before it looks at the
        # books: so one wake-up at most is on its way, and a write after the look sends the next one.
        self._asleep = threading.Lock()
        self._stop_listening: Callable[[], None] | None = None
        self._told: PairView | None = None  # the states that the status views know

    def follow(self) -> None:
        """Listens to the books while somebody watches, and not otherwise."""
        watched = bool(self.views or self.status_views)
        if watched and self._stop_listening is None:
            self._stop_listening = self.books.listen(self._on_write)
        elif not watched and self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        if not self.status_views:
            self._told = None
        elif self._told is None:
            self._told = self.picture(_STATES)

    def picture(self, cut: Cut) -> PairView:
        """The part of the books that `cut` names, taken under the pair's lock."""
        return self.books.view(cut.levels, cut.dust, cut.only)

    def _on_write(self) -> None:
        """In the writer's thread, after every write."""
        if self._asleep.acquire(blocking=False):
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop is closed: the server has stopped during this write
                _logger.debug("a write of %s came after the end of the publisher", self.books.pair)

    def _wake(self) -> None:
        self._asleep.release()
        pictures: dict[Cut, PairView] = {}
        for view in tuple(self.views.values()):
            if view.cut.levels > self.at_once:
                self._turns.add(view)
            elif view.wants():
                view.attempt(partial(self._show, view, pictures))
        if self.status_views:
            self._tell_states(next(iter(pictures.values()), None) or self.picture(_STATES))

    def _show(self, view: BookView, pictures: dict[Cut, PairView]) -> None:
        """Gives `view` its picture, which is taken once for all views of the same cut."""
        picture = pictures.get(view.cut)
        if picture is None:
            picture = pictures[view.cut] = self.picture(view.cut)
        view.refresh(picture)

    def _tell_states(self, picture: PairView) -> None:
        told, self._told = self._told, picture
        if told is None or not all(map(same_trust, told.venues, picture.venues)):
            for view in self.status_views:
                view.touch()


class GroupFeed(PairFeed):
    """Carries the writes of all parts of a group: not more often than its pace, and every view waits for its turn.

    So groups, which cost more than a pair and change more often, leave the loop to the pairs.
    """

    at_once = 0

    def __init__(self, loop: asyncio.AbstractEventLoop, books: Books, turns: "Turns") -> None:
        super().__init__(loop, books, turns)
        self._not_before = 0.0  # loop time

    def _wake(self) -> None:
        now = self._loop.time()
        if now < self._not_before:  # until then a write wakes nobody: this wake-up is still on its way
            self._loop.call_at(self._not_before, self._wake)
            return
        self._not_before = now + _GROUP_PACE_S
        super()._wake()


class Turns:
    """Computes deep views one at a time, with a rest after each that grows with what it took.

    One of 5,000 levels takes as long as a hundred of 10. However many are due, they take a quarter of the loop's time
    at most, and the messages of the other views pass between them. Each is computed from the books as they are when
    its turn comes, however often they changed before.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[BookView, None] = {}  # in the order in which they came
        self._free_at = 0.0  # monotonic: the rest after the latest is over
        self._timer: asyncio.Handle | None = None  # of the next turn, while any is due

    def add(self, view: BookView) -> None:
        """The view's books have changed."""
        self._due[view] = None
        self._go_on()

    def _go_on(self) -> None:
        if self._due and self._timer is None:
            self._timer = self._loop.call_later(max(0.0, self._free_at - time.monotonic()), self._next)

    def _next(self) -> None:
        self._timer = None
        view = next(iter(self._due))
        del self._due[view]
        began = time.monotonic()
        if view.wants():
            view.attempt(view.show)
        now = time.monotonic()
        self._free_at = now + _REST * (now - began)
        self._go_on()


class Publisher:
    """All views and streams of one server. Lives in one event loop; nothing here may be called from elsewhere.

    The counts `streams`, `sent`, `conflated` and `refused` are written by the loop alone and may be read from any
    thread; all but `streams` are since the start.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        market: Market,
        options: GrpcOptions,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.market = market
        self.options = options
        self.admission = Admission(options)
        self.trades = TradePublisher(loop, market, self.admission, heartbeat_s)
        self.sent = 0  # messages handed to gRPC
        self.conflated = 0  # states that streams were spared
        self._turns = Turns(loop)
        self._group_turns = Turns(loop)  # apart: deep views and groups cannot hold each other up
        self.feeds: dict[Pair, PairFeed] = {}  # of pairs that are watched
        self.status_views: dict[tuple[Pair, ...], StatusView] = {}
        self._asked_ms: dict[Stream, int] = {}  # of the open streams: the interval that their clients want
        self._loop = loop
        self._heartbeat_s = heartbeat_s

    @property
    def streams(self) -> int:
        """Open now."""
        return self.admission.streams

    @property
    def refused(self) -> int:
        """Streams beyond a limit."""
        return self.admission.refused

    def admitted(self, peer: str) -> AbstractContextManager[Client]:
        """Counts one stream of a connection for as long as it is open; raises Refused."""
        return self.admission.stream(peer)

    @contextmanager
    def watch_book(self, key: ViewKey, client: Client, min_interval_ms: int = 0) -> Iterator[Stream]:
        """A stream of the view that `key` names, for as long as the block lasts; raises Refused beyond a limit."""
        feed = self._feed(key.pair)
        with self.admission.pair(client, key.pair):
            view = feed.views.get(key)
            if view is None:
                self.admission.add_view(key.cut.levels)
                view = feed.views[key] = key.kind(self._loop, key.cut, feed.picture, self._heartbeat_s)
                feed.follow()
            stream = self._stream(client, view, min_interval_ms, view.catch_up)
            try:
                view.join(stream)
                self._close_late(view)
                yield stream
            finally:
                self._leave(view, stream)
                if not view.streams and feed.views.get(key) is view:
                    del feed.views[key]
                    self.admission.remove_view(key.cut.levels)
                    self._let_go(key.pair, feed)

    @contextmanager
    def watch_status(self, pairs: tuple[Pair, ...], client: Client) -> Iterator[Stream]:
        """A stream of the states of `pairs`, for as long as the block lasts."""
        view = self.status_views.get(pairs)
        if view is None:
            view = StatusView(self._loop, self.market, pairs, lambda: self.streams, self._heartbeat_s)
            view.before_beat = partial(self._attach, view, pairs)
            self.status_views[pairs] = view
            self._attach(view, pairs)
        stream = self._stream(client, view)
        try:
            view.add(stream)
            stream.offer(view.present())
            self._close_late(view)
            yield stream
        finally:
            self._leave(view, stream)
            if not view.streams and self.status_views.get(pairs) is view:
                del self.status_views[pairs]
                for pair, feed in list(self.feeds.items()):
                    if feed.status_views.pop(view, view) is None:
                        self._let_go(pair, feed)

    def retune(self, options: GrpcOptions) -> None:
        """Other limits hold from now on, for the streams that are open too as far as they are of messages."""
        self.options = self.admission.options = options
        for stream, asked_ms in self._asked_ms.items():
            stream.pace(options.interval_s(asked_ms))
        self.trades.retune(options.interval_s())

    def close(self) -> None:
        """Refuses new streams and sends every open one its last message."""
        self.admission.closing = True
        for view in self._views():
            view.attempt(view.close)
        self.trades.close()

    async def drained(self) -> None:
        """Waits until no stream is open."""
        await self.admission.drained()

    def _feed(self, pair: Pair) -> PairFeed:
        """What carries the writes of the books that the pair has now."""
        books = self.market.books[pair]
        feed = self.feeds.get(pair)
        if feed is None or feed.books is not books:
            if feed is not None:  # the pair was let go and is carried again: nobody writes to its old books
                feed.status_views.clear()
                feed.follow()
            if isinstance(books, GroupBooks):
                feed = GroupFeed(self._loop, books, self._group_turns)
            else:
                feed = PairFeed(self._loop, books, self._turns)
            self.feeds[pair] = feed
        return feed

    def _attach(self, view: StatusView, pairs: tuple[Pair, ...]) -> None:
        """Has a status view hear of its pairs; without names that is all that are carried, which come and go."""
        for pair in pairs or self.market.traded:
            if pair in self.market.books:
                feed = self._feed(pair)
                feed.status_views[view] = None
                feed.follow()

    def _let_go(self, pair: Pair, feed: PairFeed) -> None:
        """A view of the pair is gone; without any, nothing of it is kept."""
        feed.follow()
        if not (feed.views or feed.status_views) and self.feeds.get(pair) is feed:
            del self.feeds[pair]

    def _views(self) -> list[View]:
        books = [view for feed in self.feeds.values() for view in feed.views.values()]
        return [*books, *self.status_views.values()]

    def _close_late(self, view: View) -> None:
        """A stream that was admitted before close() and joins after it gets its last message too."""
        if self.admission.closing:
            view.close()

    def _stream(
        self, client: Client, view: View, asked_ms: int = 0, catch_up: Callable[[], object] | None = None
    ) -> Stream:
        stream = Stream(
            self._loop, view.tail, self.options.interval_s(asked_ms), catch_up, partial(self.admission.slot, client)
        )
        self._asked_ms[stream] = asked_ms
        return stream

    def _leave(self, view: View, stream: Stream) -> None:
        del self._asked_ms[stream]
        view.remove(stream)
        self.conflated += stream.total_conflated
