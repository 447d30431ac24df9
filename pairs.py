"""Which pairs the server carries: those of the configuration always, others for as long as somebody watches them."""

import heapq
import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from grpc import StatusCode

from book import Pair, PairBooks, Policy
from book.consistency import DEFAULT_POLICY
from book.group import BadGroup, Groups, Plan
from book.group_books import GroupBooks
from exchanges import VenueSession
from services.errors import Refused
from services.market import Books

log = logging.getLogger(__name__)


class Pairs:
    """Adds pairs to all sessions, and removes them. Every method may be called from any thread.

    A pair is carried while it is pinned (by the configuration or an operator), held (by a stream), or was held less
    than `linger_s` ago: who comes back soon finds a live book. A pair of a quote group is carried like any other, and
    as long as it is, so are the pairs that it is made of.
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
        self.books: Mapping[Pair, Books] = {}
        self.traded: Mapping[Pair, PairBooks] = {}  # those of them that venues trade: all but the groups
        self._groups = Groups()
        self._pinned: set[Pair] = set()
        self._held: dict[Pair, int] = {}  # by how many streams
        self._going: list[tuple[float, Pair]] = []  # heap: when a pair that nobody holds any more may go
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="pairs", daemon=True)

    def make(self, pair: Pair) -> PairBooks:
        """Books of a pair, which the sessions then fill."""
        return PairBooks(pair, self._policy)

    def start(self, books: Mapping[Pair, PairBooks], groups: Groups | None = None) -> None:
        """The sessions have these pairs already, which are pinned. `groups`: those that can be asked for besides."""
        with self._lock:
            self._groups = groups or self._groups
            self.traded = dict(books)
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
            if pair not in self.books and (refused := self._add([pair])):
                raise refused[pair]
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
            for books in self.traded.values():
                books.judge_by(policy, time.time_ns())

    def join(self, session: VenueSession) -> None:
        """Starts a further session, which adds its books to all pairs."""
        with self._lock:
            self._sessions.append(session)
            session.start(self.traded, None, "")

    def regroup(self, groups: Groups) -> None:
        """These groups can be asked for from now on; those that are carried stay as they are."""
        with self._lock:
            self._groups = groups

    def pin(self, pairs: Iterable[Pair]) -> tuple[list[Pair], str]:
        """Carries these whether somebody watches or not: those that are new, and why there is no room for more.

        As many as there is room for, in their order; the reason is empty where that is all of them.
        """
        with self._lock:
            wanted = [pair for pair in dict.fromkeys(pairs) if pair not in self._pinned]
            refused = self._add([pair for pair in wanted if pair not in self.books])
            wanted = [pair for pair in wanted if pair not in refused]
            self._pinned.update(wanted)
            return wanted, next((str(reason) for reason in refused.values()), "")

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

    def _full(self, pair: Pair, carried: int, needed: int) -> Refused:
        reason = f"this server carries {carried} pairs, as many as it may (--max-pairs); watch one of those"
        if carried < self._most:
            reason = (
                f"{pair} needs {needed} pairs that are not carried yet; this server carries {carried} of the "
                f"{self._most} that it may (--max-pairs)"
            )
        return Refused(StatusCode.RESOURCE_EXHAUSTED, reason)

    def _add(self, pairs: Sequence[Pair]) -> dict[Pair, Refused]:
        """All at once: so they are subscribed together. Those that cannot be carried, and why."""
        refused: dict[Pair, Refused] = {}
        plans: dict[Pair, Plan] = {}
        new: dict[Pair, None] = {}
        for pair in pairs:
            try:
                plan = self._plan(pair)
            except Refused as reason:
                refused[pair] = reason
                continue
            parts = plan.parts if plan else (pair,)
            needed = [part for part in parts if part not in self.traded and part not in new]
            if needed and len(self.traded) + len(new) + len(needed) > self._most:
                refused[pair] = self._full(pair, len(self.traded) + len(new), len(needed))
                continue
            new.update(dict.fromkeys(needed))
            if plan:
                plans[pair] = plan
        books = {pair: self.make(pair) for pair in new}
        for session in self._sessions if books else ():
            session.add(*books.values())
        self.traded = {**self.traded, **books}
        self.books = {
            **self.books, **books, **{pair: GroupBooks(plan, self.traded) for pair, plan in plans.items()}
        }  # fmt: skip
        for pair in (*books, *plans):
            log.info("carrying %s", pair)
        return refused

    def _plan(self, pair: Pair) -> Plan | None:
        """What a group's pair is made of; None for one that venues trade. Raises Refused."""
        try:
            plan = self._groups.plan(pair)
        except BadGroup as error:
            raise Refused(StatusCode.NOT_FOUND, str(error)) from error
        if plan is None and pair.grouped:
            raise Refused(StatusCode.NOT_FOUND, f"no venue trades what {pair} would be made of")
        return plan

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
        if pair in self._pinned or pair in self._held or pair not in self.books or later or self._is_part(pair):
            return
        gone = self.books[pair]
        if isinstance(gone, GroupBooks):
            for part in gone.parts:
                heapq.heappush(self._going, (time.monotonic(), part))
        else:
            for session in self._sessions:
                session.remove(pair)
        self.traded = {each: books for each, books in self.traded.items() if each != pair}
        self.books = {each: books for each, books in self.books.items() if each != pair}
        log.info("%s is watched by nobody: not carried any more", pair)

    def _is_part(self, pair: Pair) -> bool:
        return any(isinstance(books, GroupBooks) and pair in books.parts for books in self.books.values())
