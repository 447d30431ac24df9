"""Aligns a REST snapshot with a stream of diffs, for one symbol: what every snapshot-and-diff venue shares.

    idle -> waiting (for the first diff) -> fetching (a snapshot; diffs are buffered) -> live

No I/O and no clock. Each venue says by a few small rules what its ids mean; the order of events is the same
everywhere: subscribe first, wait for a first diff, then ask for the snapshot, join the two, never patch a gap.
"""

from abc import ABC, abstractmethod
from collections import deque
from enum import Enum, auto

from book import State
from exchanges.actions import Action, Apply, Become, Count, Fetch, Load, Reconnect, Snapshot, Timer
from exchanges.probe import PROBE, PROBE_DUE, SPARE_SHARE, Diff, Prober

FIRST_DIFF, REFRESH, DEEPEN, HELD = "first diff", "refresh", "deepen", "held"  # purposes of timers
_BUFFERED_DIFFS = 20_000  # while a snapshot is on its way; when full, start over
_IGNORED_IN_A_ROW = 100  # diffs behind a live book: more cannot be what a snapshot was ahead of
_RETRY_GROWS = 1.25  # from one snapshot that was of no use to the next
_SLOW_RETRY_S = 5.0  # at most between two
_DEEPEN_S = 2.0  # from a shallow snapshot until the deep one is asked for
_REFRESH_AGAIN_S = 10.0  # after a fresh snapshot of a live book could not be had
# Of our budget; what is left belongs to books that are not live.
_REFRESH_SHARE = 0.9


class Phase(Enum):
    """Where the alignment stands."""

    IDLE = auto()
    WAITING = auto()
    FETCHING = auto()
    LIVE = auto()


class Synchroniser(ABC):
    """The alignment of one symbol. Owned by the thread of its connection."""

    first_diff_s = 1.0  # a quiet pair: ask for the snapshot without a first diff after this
    retry_s = 0.25  # before a snapshot that was of no use is asked again; grows with each try
    max_tries = 10  # then the state says what is the matter
    refresh_s = 0.0  # rebuild a live book from a fresh snapshot this often; 0: never
    held_s = 3.0  # a book in doubt waits so long for the snapshot that clears it
    # Whether nothing shows that the first diff joins a snapshot taken before it, so that another one is taken then.
    must_prove = False
    # Levels a side of the snapshots that are asked for: to get live, to be held against a quiet or a busy book, to
    # know the whole depth. 0: the whole book.
    first_levels = quiet_levels = audit_levels = deep_levels = 0
    least_levels = 0  # to get live where the budget is short
    least_silence_s = 1.0  # no shorter one is asked about

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.phase = Phase.IDLE
        self.position = 0
        self.generation = 0  # of the latest fetch or timer; answers to earlier ones come too late
        self.refreshing = False  # live, and a fresh snapshot is on its way
        self.doubt = ""  # why diffs are kept, not applied, until that snapshot has come; "": they are applied
        self.prober = Prober(symbol, self._ask, self.dead, self.unsure, shortest_s=self.least_silence_s)
        self._holds = 0  # times in doubt
        self._silent = False  # the snapshot is asked for because the stream has not spoken for long
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
    def request(self, levels: int) -> tuple[str, int]:
        """Path and weight of the request for a snapshot of so many levels a side."""

    # Events.

    def subscribed(self) -> list[Action]:
        """The venue sends diffs from now on. Told twice, it changes nothing."""
        if self.phase is not Phase.IDLE:
            return []
        self._restart(Phase.WAITING)
        timer = Timer(self.symbol, self.generation, FIRST_DIFF, self.first_diff_s)
        return [Become(self.symbol, State.SYNCING, "waiting for the first diff"), timer]

    def closed(self) -> None:
        """The connection is gone: nothing of it is of use any more."""
        self._restart(Phase.IDLE)

    def diff(self, diff: Diff) -> list[Action]:
        """One diff came."""
        if self.phase is Phase.LIVE:
            return self._live(diff)
        # A diff before the acknowledgement: whoever sends it has taken the subscription.
        actions = self.subscribed() if self.phase is Phase.IDLE else []
        actions += self._keep(diff)
        if self.phase is Phase.WAITING:
            actions += self._begin_fetch()
        return actions

    def snapshot(self, generation: int, snapshot: Snapshot) -> list[Action]:
        """The snapshot that was asked for came."""
        if generation != self.generation or not (self.phase is Phase.FETCHING or self.refreshing):
            return []
        if snapshot.crossed:
            return self._fetch_again("crossed in themselves")
        old = self.too_old(snapshot, self._buffer[0]) if self._buffer else snapshot.position < self._floor
        diffs = [diff for diff in self._buffer if not self.covered(diff, snapshot.position)]
        if old or (diffs and self.gap(diffs[0], snapshot.position)):
            return self._fetch_again("older than the stream")
        return self._go_live(snapshot, diffs)

    def failed(self, fetch: Fetch, reason: str, retry_s: float) -> list[Action]:
        """The snapshot could not be had, for `reason`; worth asking again after `retry_s`."""
        if fetch.generation != self.generation or not (self.phase is Phase.FETCHING or self.refreshing):
            return []
        self.generation += 1
        if self.phase is Phase.FETCHING:
            return [Become(self.symbol, State.SYNCING, f"no snapshot: {reason}"), self._fetch(retry_s)]
        if self.doubt:
            return [self._fetch(min(retry_s, 1.0))]
        self.refreshing = False
        self._buffer.clear()
        purpose = DEEPEN if fetch.share == SPARE_SHARE else REFRESH
        return [Timer(self.symbol, self.generation, purpose, max(retry_s, _REFRESH_AGAIN_S))]

    def timeout(self, generation: int, purpose: str) -> list[Action]:
        """A timer of ours ran out."""
        if purpose in (PROBE, PROBE_DUE):
            return self.prober.timeout(generation, purpose)
        if purpose == HELD:
            late = self.doubt and generation == self._holds
            return self.resync(State.GAP, f"{self.doubt}, and no snapshot came to clear it") if late else []
        if generation != self.generation:
            return []
        if purpose == FIRST_DIFF and self.phase is Phase.WAITING:
            return self._begin_fetch()
        if purpose in (REFRESH, DEEPEN):
            return self.refresh(spare=purpose == DEEPEN)
        return []

    def resync(self, state: State, reason: str) -> list[Action]:
        """The book cannot be believed any more: drop it and build it anew from this stream."""
        if self.phase is Phase.FETCHING:
            self._start_over()
        if self.phase is not Phase.LIVE:
            return []
        floor = self.position
        self._restart(Phase.WAITING)
        self._floor = floor
        return [Become(self.symbol, state, reason), *self._begin_fetch()]

    def drop(self, state: State, reason: str) -> list[Action]:
        """Hide the book until the stream speaks again."""
        self._restart(Phase.WAITING)
        return [Become(self.symbol, state, reason)]

    def dead(self, reason: str) -> list[Action]:
        """The stream tells nothing of what happens: hide the book, and try another connection."""
        return [*self.drop(State.STALE, reason), Reconnect(f"{self.symbol}: {reason}", overlap=True)]

    def unsure(self, reason: str) -> list[Action]:
        """Nobody tells whether the market is quiet or the stream dead: hide the book until a snapshot does."""
        actions = self.resync(State.STALE, reason)
        self._silent = True
        return actions

    def refresh(self, *, spare: bool = False) -> list[Action]:
        """Rebuild from a fresh, deep snapshot without leaving live: diffs are applied and kept meanwhile."""
        if self.phase is not Phase.LIVE or self.refreshing:
            return []
        self._expect_fresh()
        return [self._fetch(0.0, SPARE_SHARE if spare else _REFRESH_SHARE)]

    def hold(self, reason: str) -> list[Action]:
        """Something may be missing from the diffs, nobody knows: the book stays as it is until a fresh snapshot.

        What is shown is true at its position, only a little older; too long, and it is dropped.
        """
        if self.phase is not Phase.LIVE:
            self._start_over()
            return []
        if self.doubt:
            return []
        self._expect_fresh()
        self.doubt = reason
        self._holds += 1
        return [Timer(self.symbol, self._holds, HELD, self.held_s), self._fetch(0.0)]

    # Within.

    def _go_live(self, snapshot: Snapshot, diffs: list[Diff]) -> list[Action]:
        if self._silent and not self._buffer and snapshot.position > self._floor:
            return self.dead(f"the venue is at {snapshot.position}, and the stream still says nothing")
        self._silent = False
        self._unproven = not self._buffer
        was_live = self.phase is Phase.LIVE
        self.phase, self.refreshing, self.doubt, self._tries = Phase.LIVE, False, "", 0
        self._buffer.clear()
        self.position = diffs[-1].last if diffs else snapshot.position
        actions: list[Action] = [Load(self.symbol, snapshot)]
        actions += [Apply(self.symbol, diff.bids, diff.asks, diff.last, diff.venue_ns) for diff in diffs]
        if not was_live:
            actions.append(Become(self.symbol, State.LIVE))
        actions += self.prober.start(snapshot.position)
        for diff in diffs:
            actions += self.prober.applied(diff)
        if self.refresh_s:
            actions.append(Timer(self.symbol, self.generation, REFRESH, self.refresh_s))
        shallow = max(len(snapshot.bids), len(snapshot.asks)) < self.deep_levels
        if shallow and not (snapshot.known_bid is None and snapshot.known_ask is None):
            actions.append(Timer(self.symbol, self.generation, DEEPEN, _DEEPEN_S))
        return actions

    def _live(self, diff: Diff) -> list[Action]:
        if self.covered(diff, self.position):
            self._ignored += 1
            if self._ignored < _IGNORED_IN_A_ROW:
                return [Count(self.symbol, "ignored")]
            return self._fallen_back(diff)
        self._ignored = 0
        if self.doubt:
            return self._keep(diff)
        missing = self.gap(diff, self.position)
        if missing:
            actions = [Count(self.symbol, "gaps"), *self.resync(State.GAP, missing)]
            self._buffer.append(diff)
            return actions
        self.position = diff.last
        actions = [Apply(self.symbol, diff.bids, diff.asks, diff.last, diff.venue_ns), *self.prober.applied(diff)]
        if self._unproven and self.must_prove:
            actions += self.refresh()
        self._unproven = False
        if self.refreshing:
            actions += self._keep(diff)
        return actions

    def _fallen_back(self, diff: Diff) -> list[Action]:
        """The venue counts anew, or one message lied about its ids: a frozen book must not look live."""
        reason = f"{self._ignored} diffs in a row were older than the book"
        actions = self.resync(State.GAP, reason)
        self._floor = 0  # what the book believed to know of the ids is what is in doubt
        self._buffer.append(diff)
        return actions

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

    def _start_over(self) -> None:
        """There is no book yet, but what is buffered may have a hole: the snapshot must at least reach its end."""
        if self._buffer:
            self._floor = max(self._floor, self._buffer[-1].last)
            self._buffer.clear()

    def _restart(self, phase: Phase) -> None:
        self.phase, self.refreshing, self.doubt, self._unproven = phase, False, "", False
        self._silent = False
        self.prober.stop()
        self.generation += 1
        self.position = 0
        self._floor = 0
        self._tries = 0
        self._ignored = 0
        self._buffer.clear()

    def _expect_fresh(self) -> None:
        self.refreshing = True
        self._floor = self.position
        self._buffer.clear()
        self.generation += 1

    def _begin_fetch(self) -> list[Action]:
        self.phase = Phase.FETCHING
        self.generation += 1
        return [self._fetch(0.0)]

    def _fetch_again(self, fault: str) -> list[Action]:
        """The snapshot was of no use: the venue's cache lags, so ask again a little later."""
        self._tries += 1
        self.generation += 1
        retry_s = min(self.retry_s * _RETRY_GROWS ** (self._tries - 1), _SLOW_RETRY_S)
        actions: list[Action] = []
        if self.phase is Phase.FETCHING and self._tries % self.max_tries == 0:
            actions.append(Become(self.symbol, State.SYNCING, f"{self._tries} snapshots in a row were {fault}"))
        return [*actions, self._fetch(retry_s)]

    def _fetch(self, delay_s: float, share: float = 1.0) -> Fetch:
        """The request for a snapshot to build the book from, with the present generation."""
        first = self.phase is not Phase.LIVE or bool(self.doubt)
        levels = self.first_levels if first else self.deep_levels
        path, weight = self.request(levels)
        cheaper = (*self.request(self.least_levels), self.least_levels) if first and self.least_levels else None
        return Fetch(self.symbol, self.generation, path, weight, levels, delay_s, share=share, cheaper=cheaper)

    def _ask(self, number: int, deep: bool) -> Fetch:
        """The request for a snapshot to hold the book against."""
        levels = self.audit_levels if deep else self.quiet_levels
        path, weight = self.request(levels)
        return Fetch(self.symbol, number, path, weight, levels, probe=True)
