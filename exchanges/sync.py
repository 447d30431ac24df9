"""Aligns a REST snapshot with a stream of diffs, for one symbol: what every snapshot-and-diff venue shares.

    idle -> waiting (for the first diff) -> fetching (a snapshot; diffs are buffered) -> live

No I/O and no clock. Each venue says by three small rules what its ids mean; the order of events is the same
everywhere: subscribe first, wait for a first diff, then ask for the snapshot, join the two, never patch a gap.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from book import State
from book.venue_book import Levels
from exchanges.actions import Action, Apply, Become, Count, Fetch, Load, Snapshot, Timer
from exchanges.protocol import Protocol

_BUFFERED_DIFFS = 20_000  # while a snapshot is on its way; when full, start over
_IGNORED_IN_A_ROW = 100  # diffs behind a live book: more cannot be what a snapshot was ahead of
_SLOW_RETRY_S = 5.0  # between snapshot requests after `max_tries` in a row were too old


class Diff(NamedTuple):
    """One decoded diff. `first` and `last`: the update ids (or stamps) that it spans."""

    first: int
    last: int
    bids: Levels
    asks: Levels
    venue_ns: int


class Phase(Enum):
    """Where the alignment stands."""

    IDLE = auto()
    WAITING = auto()
    FETCHING = auto()
    LIVE = auto()


class Synchroniser(ABC):
    """The alignment of one symbol. Owned by the thread of its connection."""

    first_diff_s = 3.0  # a quiet pair: ask for the snapshot without a first diff after this
    retry_s = 0.25  # before a snapshot that was too old is asked again; doubled with each try
    max_tries = 10
    refresh_s = 0.0  # rebuild a live book from a fresh snapshot this often; 0: never

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.phase = Phase.IDLE
        self.position = 0
        self.generation = 0  # of the latest fetch or timer; answers to earlier ones come too late
        self.refreshing = False  # live, and a fresh snapshot is on its way
        self._unproven = False  # live by a snapshot that no diff has joined yet
        self._floor = 0  # the stream has told of changes up to here: an older snapshot alone lacks them
        self._tries = 0
        self._ignored = 0  # diffs in a row that were inside the live book already
        self._buffer: deque[Diff] = deque()

    # The venue's rules.

    @abstractmethod
    def covered(self, diff: Diff, position: int) -> bool:
        """Whether everything in `diff` is already inside a book that is complete at `position`."""

    @abstractmethod
    def gap(self, diff: Diff, position: int) -> str | None:
        """What is missing between `position` and `diff`, in words; None when they join."""

    @abstractmethod
    def too_old(self, snapshot: Snapshot, first: Diff) -> bool:
        """Whether changes between `snapshot` and `first`, the first diff that we hold, may be unknown to us."""

    @abstractmethod
    def fetch(self, delay_s: float) -> Fetch:
        """The request for a snapshot with the present generation."""

    # Events.

    def subscribed(self) -> list[Action]:
        """The venue sends diffs from now on. Told twice, it changes nothing."""
        if self.phase is not Phase.IDLE:
            return []
        self._restart(Phase.WAITING)
        timer = Timer(self.symbol, self.generation, "first diff", self.first_diff_s)
        return [Become(self.symbol, State.SYNCING, "waiting for the first diff"), timer]

    def closed(self) -> None:
        """The connection is gone: nothing of it is of use any more."""
        self._restart(Phase.IDLE)

    def diff(self, diff: Diff) -> list[Action]:
        """One diff came."""
        if self.phase is Phase.LIVE:
            return self._live(diff)
        if self.phase is Phase.IDLE:
            return []
        actions = self._keep(diff)
        if self.phase is Phase.WAITING:
            actions += self._begin_fetch()
        return actions

    def snapshot(self, generation: int, snapshot: Snapshot) -> list[Action]:
        """The snapshot that was asked for came."""
        if generation != self.generation or not (self.phase is Phase.FETCHING or self.refreshing):
            return []
        old = self.too_old(snapshot, self._buffer[0]) if self._buffer else snapshot.position < self._floor
        if old:
            return self._fetch_again()
        diffs = [diff for diff in self._buffer if not self.covered(diff, snapshot.position)]
        if diffs and self.gap(diffs[0], snapshot.position):
            return self._fetch_again()
        self._unproven = not self._buffer
        was_live = self.phase is Phase.LIVE
        self.phase, self.refreshing, self._tries = Phase.LIVE, False, 0
        self._buffer.clear()
        self.position = max(snapshot.position, diffs[-1].last if diffs else 0)
        actions: list[Action] = [Load(self.symbol, snapshot)]
        actions += [Apply(self.symbol, diff.bids, diff.asks, diff.last, diff.venue_ns) for diff in diffs]
        if not was_live:
            actions.append(Become(self.symbol, State.LIVE))
        if self.refresh_s:
            actions.append(Timer(self.symbol, self.generation, "refresh", self.refresh_s))
        return actions

    def failed(self, generation: int, reason: str, retry_s: float) -> list[Action]:
        """The snapshot could not be had, for `reason`; worth asking again after `retry_s`."""
        if generation != self.generation or not (self.phase is Phase.FETCHING or self.refreshing):
            return []
        actions: list[Action] = []
        if self.phase is Phase.FETCHING:
            actions.append(Become(self.symbol, State.SYNCING, f"no snapshot: {reason}"))
        self.generation += 1
        return [*actions, self.fetch(retry_s)]

    def timeout(self, generation: int, purpose: str) -> list[Action]:
        """A timer of ours ran out."""
        if generation != self.generation:
            return []
        if purpose == "first diff" and self.phase is Phase.WAITING:
            return self._begin_fetch()
        if purpose == "refresh":
            return self.refresh()
        return []

    def resync(self, state: State, reason: str) -> list[Action]:
        """The book cannot be believed any more: drop it and build it anew from this stream."""
        if self.phase is Phase.FETCHING and self._buffer:
            # There is no book yet, but what is buffered may have a hole. The snapshot must at least reach its end.
            self._floor = max(self._floor, self._buffer[-1].last)
            self._buffer.clear()
        if self.phase is not Phase.LIVE:
            return []
        floor = self.position
        self._restart(Phase.WAITING)
        self._floor = floor
        return [Become(self.symbol, state, reason), *self._begin_fetch()]

    def refresh(self) -> list[Action]:
        """Rebuild from a fresh snapshot without leaving live: diffs are applied and kept meanwhile."""
        if self.phase is not Phase.LIVE or self.refreshing:
            return []
        self.refreshing = True
        self._floor = self.position
        self._buffer.clear()
        self.generation += 1
        return [self.fetch(0.0)]

    def _live(self, diff: Diff) -> list[Action]:
        if self.covered(diff, self.position):
            self._ignored += 1
            if self._ignored < _IGNORED_IN_A_ROW:
                return [Count(self.symbol, "ignored")]
            return self._fallen_back(diff)
        self._ignored = 0
        missing = self.gap(diff, self.position)
        if missing:
            actions = [Count(self.symbol, "gaps"), *self.resync(State.GAP, missing)]
            self._buffer.append(diff)
            return actions
        self.position = diff.last
        actions = [Apply(self.symbol, diff.bids, diff.asks, diff.last, diff.venue_ns)]
        if self.refreshing:
            actions += self._keep(diff)
        elif self._unproven:
            self._unproven = False
            actions += self._prove(diff)
        return actions

    def _fallen_back(self, diff: Diff) -> list[Action]:
        """The venue counts anew, or one message lied about its ids: a frozen book must not look live."""
        reason = f"{self._ignored} diffs in a row were older than the book"
        actions = self.resync(State.GAP, reason)
        self._floor = 0  # what the book believed to know of the ids is what is in doubt
        self._buffer.append(diff)
        return actions

    def _prove(self, first: Diff) -> list[Action]:
        """The first diff has come to a book that was built without one; by default the ids prove that they join."""
        return []

    def _keep(self, diff: Diff) -> list[Action]:
        """Buffers a diff; whatever cannot be joined to it is of no use and goes."""
        actions: list[Action] = []
        if self._buffer:
            last = self._buffer[-1].last
            if self.covered(diff, last):
                return [Count(self.symbol, "ignored")]
            if self.gap(diff, last):
                actions.append(Count(self.symbol, "gaps"))
                self._buffer.clear()
            elif len(self._buffer) >= _BUFFERED_DIFFS:
                self._buffer.clear()
        self._buffer.append(diff)
        return actions

    def _restart(self, phase: Phase) -> None:
        self.phase, self.refreshing, self._unproven = phase, False, False
        self.generation += 1
        self.position = 0
        self._floor = 0
        self._tries = 0
        self._ignored = 0
        self._buffer.clear()

    def _begin_fetch(self) -> list[Action]:
        self.phase = Phase.FETCHING
        self.generation += 1
        return [self.fetch(0.0)]

    def _fetch_again(self) -> list[Action]:
        """The snapshot is older than the diffs that we hold: the venue's cache lags, so ask again a little later."""
        self._tries += 1
        self.generation += 1
        if self._tries < self.max_tries:
            return [self.fetch(min(self.retry_s * 2 ** (self._tries - 1), _SLOW_RETRY_S))]
        actions: list[Action] = []
        if self.phase is Phase.FETCHING:
            reason = f"{self._tries} snapshots in a row were older than the stream"
            actions.append(Become(self.symbol, State.SYNCING, reason))
        return [*actions, self.fetch(_SLOW_RETRY_S)]


class SyncedProtocol(Protocol):
    """A protocol whose books are all made of snapshots and diffs: each symbol's events go to its synchroniser."""

    syncs: Mapping[str, Synchroniser]  # by symbol

    def failed(self, symbol: str, generation: int, reason: str, retry_s: float) -> list[Action]:
        """Asks again."""
        return self.syncs[symbol].failed(generation, reason, retry_s)

    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """Timers belong to the synchronisation of a symbol."""
        return self.syncs[symbol].timeout(generation, purpose)

    def resync(self, symbol: str, state: State, reason: str) -> list[Action]:
        """Starts the symbol over."""
        return self.syncs[symbol].resync(state, reason)

    def refresh(self, symbol: str) -> list[Action]:
        """A fresh snapshot while live."""
        return self.syncs[symbol].refresh()
