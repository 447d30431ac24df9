"""Which pairs the server carries: those of the configuration always, others for as long as somebody watches them."""

import heapq
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from grpc import StatusCode

from book import Pair, PairBooks
from exchanges import VenueSession
from services.errors import Refused

log = logging.getLogger(__name__)


class Pairs:
    """Adds pairs to all sessions, and removes them. Every method may be called from any thread.

    A pair is carried while it is pinned (by the configuration or an operator), held (by a stream), or was held less
    than `linger_s` ago: who comes back soon finds a live book.
    """

    def __init__(
        self,
        sessions: Sequence[VenueSession],
        most: int,
        linger_s: float,
        make: Callable[[Pair], PairBooks] = PairBooks,
    ) -> None:
        """`make` makes the books of a pair, which the sessions then fill."""
        self._make = make
        self._sessions = sessions
        self._most = most
        self._linger_s = linger_s
        self._lock = threading.Lock()  # guards what follows; held while sessions add and remove, which is quick
        self._changed = threading.Condition(self._lock)
        # Replaced, never mutated: readers iterate it without the lock.
        self.books: Mapping[Pair, PairBooks] = {}
        self._pinned: set[Pair] = set()
        self._held: dict[Pair, int] = {}  # by how many streams
        self._going: list[tuple[float, Pair]] = []  # heap: when a pair that nobody holds any more may go
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="pairs", daemon=True)

    def start(self, books: Mapping[Pair, PairBooks]) -> None:
        """The sessions have these pairs already, which are pinned."""
        with self._lock:
            self.books = dict(books)
            self._pinned = set(books)
        self._thread.start()

    def stop(self) -> None:
        """Nothing goes by itself any more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def hold(self, pair: Pair) -> None:
        """Carries a pair at least until it is released as often; raises Refused for one too many."""
        with self._lock:
            self._add(pair)
            self._held[pair] = self._held.get(pair, 0) + 1

    def release(self, pair: Pair) -> None:
        """A stream of the pair has ended."""
        with self._changed:
            self._held[pair] -= 1
            if not self._held[pair]:
                del self._held[pair]
                heapq.heappush(self._going, (time.monotonic() + self._linger_s, pair))
                self._changed.notify_all()

    def pin(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Carries these whether somebody watches or not; returns those that are new. Raises Refused for too many."""
        with self._lock:
            wanted = [pair for pair in dict.fromkeys(pairs) if pair not in self._pinned]
            for pair in wanted:
                self._add(pair)
                self._pinned.add(pair)
        return wanted

    def unpin(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Carries these only while somebody watches; returns those that were pinned."""
        with self._changed:
            loose = [pair for pair in dict.fromkeys(pairs) if pair in self._pinned]
            self._pinned.difference_update(loose)
            for pair in loose:
                heapq.heappush(self._going, (time.monotonic(), pair))
            self._changed.notify_all()
        return loose

    @property
    def pinned(self) -> list[Pair]:
        """Those that are carried whether somebody watches or not."""
        with self._lock:
            return [pair for pair in self.books if pair in self._pinned]

    def _add(self, pair: Pair) -> None:
        if pair in self.books:
            return
        if len(self.books) >= self._most:
            reason = (
                f"this server carries {len(self.books)} pairs, as many as it may (--max-pairs); watch one of those"
            )
            raise Refused(StatusCode.RESOURCE_EXHAUSTED, reason)
        books = self._make(pair)
        for session in self._sessions:
            session.add(books)
        self.books = {**self.books, pair: books}
        log.info("carrying %s", pair)

    def _run(self) -> None:
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                self._drop_due(now)
                self._changed.wait(self._going[0][0] - now if self._going else None)

    def _drop_due(self, now: float) -> None:
        while self._going and self._going[0][0] <= now:
            self._drop(heapq.heappop(self._going)[1])

    def _drop(self, pair: Pair) -> None:
        """Lets a pair go, unless somebody holds it again or will let it go later."""
        later = any(each == pair for _, each in self._going)
        if pair in self._pinned or pair in self._held or pair not in self.books or later:
            return
        for session in self._sessions:
            session.remove(pair)
        self.books = {each: books for each, books in self.books.items() if each != pair}
        log.info("%s is watched by nobody: not carried any more", pair)
