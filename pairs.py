"""Which pairs the server carries: those of the configuration always, others for as long as somebody watches them."""

import heapq
import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from grpc import StatusCode

from book import Pair, PairBooks, Policy
from book.consistency import DEFAULT_POLICY
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
        policy: Policy = DEFAULT_POLICY,
    ) -> None:
        self._sessions = list(sessions)
        self._policy = policy
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

    def make(self, pair: Pair) -> PairBooks:
        """Books of a pair, which the sessions then fill."""
        return PairBooks(pair, self._policy)

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
            if pair not in self.books:
                if len(self.books) >= self._most:
                    raise Refused(StatusCode.RESOURCE_EXHAUSTED, self._full())
                self._add([pair])
            self._held[pair] = self._held.get(pair, 0) + 1

    def release(self, pair: Pair) -> None:
        """A stream of the pair has ended."""
        with self._changed:
            self._held[pair] -= 1
            if not self._held[pair]:
                del self._held[pair]
                heapq.heappush(self._going, (time.monotonic() + self._linger_s, pair))
                self._changed.notify_all()

    def limit(self, most: int, linger_s: float) -> None:
        """Other limits hold for whatever comes from now on."""
        with self._lock:
            self._most, self._linger_s = most, linger_s

    def judge_by(self, policy: Policy) -> None:
        """What is merged, and who is suspect, follows this from now on."""
        with self._lock:
            self._policy = policy
            for books in self.books.values():
                books.judge_by(policy, time.time_ns())

    def join(self, session: VenueSession) -> None:
        """Starts a further session, which adds its books to all pairs."""
        with self._lock:
            self._sessions.append(session)
            session.start(self.books, None, "")

    def pin(self, pairs: Iterable[Pair]) -> tuple[list[Pair], str]:
        """Carries these whether somebody watches or not: those that are new, and why there is no room for more.

        As many as there is room for, in their order; the reason is empty where that is all of them.
        """
        with self._lock:
            wanted = [pair for pair in dict.fromkeys(pairs) if pair not in self._pinned]
            fresh = [pair for pair in wanted if pair not in self.books]
            room = max(0, self._most - len(self.books))
            surplus = frozenset(fresh[room:])
            wanted = [pair for pair in wanted if pair not in surplus]
            self._add(fresh[:room])
            self._pinned.update(wanted)
            return wanted, self._full() if surplus else ""

    def unpin(self, pairs: Iterable[Pair]) -> list[Pair]:
        """Carries these only while somebody watches; returns those that were pinned."""
        with self._changed:
            loose = [pair for pair in dict.fromkeys(pairs) if pair in self._pinned]
            self._pinned.difference_update(loose)
            for pair in loose:
                heapq.heappush(self._going, (time.monotonic(), pair))
            self._changed.notify_all()
        return loose

    def watched(self, pair: Pair) -> int:
        """By how many streams a pair is held."""
        with self._lock:
            return self._held.get(pair, 0)

    @property
    def pinned(self) -> list[Pair]:
        """Those that are carried whether somebody watches or not."""
        with self._lock:
            return [pair for pair in self.books if pair in self._pinned]

    def _full(self) -> str:
        return f"this server carries {len(self.books)} pairs, as many as it may (--max-pairs); watch one of those"

    def _add(self, pairs: Sequence[Pair]) -> None:
        """All at once: so they are subscribed together."""
        books = {pair: self.make(pair) for pair in pairs}
        for session in self._sessions if books else ():
            session.add(*books.values())
        self.books = {**self.books, **books}
        for pair in pairs:
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
