"""Holds a live book against the venue's REST book: tells a quiet market from a dead stream, and a true book from
one that has gone wrong unseen.

    a round without a diff -> a small REST book   at our position: the market is quiet
                                                  ahead of it, and no diff follows: the stream is dead
    every half minute      -> a deeper REST book  every level that no diff has touched since must be equal

A round lasts as long as the silence that is suspicious in this book (pace.py).

Where the venue's limits leave no request for a silent book, the longer nobody has confirmed it the more of the budget
it may use; and after a bound it is not shown any more, since nobody can tell whether it is true.

Some streams say nothing of changes that cancel each other out within one message ("netting"). There the ids of a
quiet market may rise without a diff, and a stream is dead only where the REST book shows other levels besides; and a
REST book of a moment within a diff may have levels that no diff tells of: one that differs is weighed (doubts.py).

No I/O and no clock. Owned by the thread of the connection.
"""

import itertools
import zlib
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from book.venue_book import Levels
from exchanges.actions import Action, Compare, Fetch, Snapshot, Threshold, Timer
from exchanges.doubts import Doubts
from exchanges.pace import Pace, square_of

_EPOCHS = itertools.count(1)  # of all books: a symbol that goes and comes again must not hear its old timers
PROBE, PROBE_DUE = "probe", "probe due"  # purposes of timers
# Kept to tell what has changed since a REST book; one that is older than all of them cannot be compared.
_RECENT_DIFFS, _RECENT_LEVELS = 128, 8192
# Of the budget: for questions about silent books, from just confirmed to the end of what may go unconfirmed; and for
# busy ones.
_QUIET_SHARE, _OVERDUE_SHARE, SPARE_SHARE = 0.4, 0.95, 0.5
_AGAIN_EARLY, _AGAIN_LATE = 1 / 64, 3 / 64  # of the bound, after a question for which there was no budget
_NEWS = 0.1  # a round is changed where another would be longer or shorter by more than this share of it


class Diff(NamedTuple):
    """One decoded diff. `first` and `last`: the update ids (or stamps) that it spans."""

    first: int
    last: int
    bids: Levels
    asks: Levels
    venue_ns: int


class _Touched(NamedTuple):
    """What is remembered of a diff: the prices of its levels, a third of the memory of the whole."""

    last: int
    bids: tuple[float, ...]
    asks: tuple[float, ...]


class Recent:
    """The diffs that a live book has taken lately, and up to which position it is complete.

    `netting`: a diff says nothing of changes that cancel each other out within it.
    """

    def __init__(self, *, netting: bool = False) -> None:
        self._netting = netting
        self.position = 0
        self._whole_since = 0  # every change after this position is in _diffs
        self._diffs: deque[_Touched] = deque()
        self._levels = 0  # in all of them

    def restart(self, position: int) -> None:
        """The book is new, complete at `position`."""
        self._diffs.clear()
        self._levels = 0
        self.position = self._whole_since = position

    def add(self, diff: Diff) -> None:
        """The book has taken a diff."""
        bids, asks = tuple([price for price, _ in diff.bids]), tuple([price for price, _ in diff.asks])
        self._diffs.append(_Touched(diff.last, bids, asks))
        self._levels += len(diff.bids) + len(diff.asks)
        while len(self._diffs) > _RECENT_DIFFS or self._levels > _RECENT_LEVELS:
            oldest = self._diffs.popleft()
            self._levels -= len(oldest.bids) + len(oldest.asks)
            self._whole_since = oldest.last
        self.position = diff.last

    def touched_since(self, position: int) -> tuple[set[float], set[float]] | None:
        """The prices of bids and asks that may have changed after `position`; None: nobody knows them any more."""
        if position < self._whole_since:
            return None
        later = [diff for diff in self._diffs if diff.last > position]
        return {price for diff in later for price in diff.bids}, {price for diff in later for price in diff.asks}

    def within(self, position: int) -> int:
        """The end of the diff within which `position` lies, where it need not tell of all there was then; else 0."""
        if not self._netting or position == self._whole_since or any(diff.last == position for diff in self._diffs):
            return 0
        return next((diff.last for diff in self._diffs if diff.last > position), 0)


class Prober:
    """The probing of one symbol while its book is live."""

    # A dead stream is found within two rounds and the time that is due: 9 s where a book changes every second.
    due_s = 3.0  # for the stream to reach what the REST book had reached
    audit_every_s = 30.0  # a busy book is compared
    netting_audit_every_s = 24.0  # the same, where two more rounds may have to follow
    vouched_s = 30.0  # requests fail for so long, without a diff meanwhile: then nobody can vouch for the book
    least_failures = 3  # that this takes
    longest_s = 60.0  # between the probes of a book that has been quiet for long: a quarter of that, at most this
    # A silence that there is no budget to ask about: this many usual ones, or as long again as is confirmed of it.
    unasked_silences = 10
    least_unasked_s, most_unasked_s = 6.0, 600.0

    def __init__(
        self,
        symbol: str,
        ask: Callable[[int, bool], Fetch],
        dead: Callable[[str], list[Action]],
        unsure: Callable[[str], list[Action]],
        *,
        netting: bool = False,
        shortest_s: float = 1.0,
        audits: bool = True,
    ) -> None:
        """`ask` makes a request out of a number and whether it is the deep, spare one; `dead` gives the book up.

        `unsure` hides it until something tells whether it is true, whatever that costs.

        `shortest_s`: of a round, where the venue bounds the number of requests. Not `audits`: the REST book tells no
        id, so that only that of a silent stream can be compared.
        """
        self.recent = Recent(netting=netting)
        self._symbol = symbol
        self._ask = ask
        self._dead = dead
        self._unsure = unsure
        self._netting = netting
        self._audits = audits
        self._pace = Pace(shortest_s)
        self._every_s = 0.0  # how long this round lasts
        self._cut_below = 0.0  # of the pace's square: this round has become far too long
        self._turn = 0  # the timer of this round; others are stale
        self._number = 0  # of the latest request
        self._waiting = False  # it is under way
        self._ahead: Snapshot | None = None  # a REST book that the stream has yet to reach
        self._busy = False  # a diff came in this round
        self._quiet = 0  # rounds in a row without a diff
        self._quiet_s = 0.0  # they have lasted
        self._failures = 0  # requests in a row that failed, while nothing else confirmed the book
        self._failing_s = 0.0  # since the first of them, or while one has no answer
        self._alone_s = 0.0  # rounds since something has confirmed the book
        self._calm_s = 0.0  # of the silence, what was confirmed
        self._again_s: float | None = None  # there was no budget to ask: again when `_alone_s` is so long
        self._audit_in_s = 0.0
        self._doubts = Doubts()
        if netting:
            self.audit_every_s = self.netting_audit_every_s

    def start(self, position: int) -> list[Action]:
        """The book is live, complete at `position`."""
        self.stop()
        self.recent.restart(position)
        self._doubts.clear()
        self._pace.restart()
        self._busy = False
        self._spoken()
        tenth = zlib.crc32(self._symbol.encode()) % 10  # not all symbols at once
        self._audit_in_s = self.audit_every_s * (10 - tenth) / 10
        self._every_s = self._pace.threshold_s
        return [Threshold(self._symbol, self._every_s), self._begin_round()]

    def stop(self) -> None:
        """The book is not live any more."""
        self._turn = next(_EPOCHS)
        self._number += 1
        self._ahead, self._waiting = None, False

    def applied(self, diff: Diff) -> list[Action]:
        """The book has taken a diff."""
        self.recent.add(diff)
        self._doubts.touched(diff.bids, diff.asks)
        actions = self._heard(diff.venue_ns)
        if self._ahead and diff.last >= self._ahead.position:
            actions += self._compare(self._ahead)
        return actions

    def replaced(self, position: int, venue_ns: int) -> list[Action]:
        """The book was replaced by a whole one, as some streams do with every message."""
        self.recent.restart(position)
        if self._ahead and position >= self._ahead.position:
            self._ahead = None
        return self._heard(venue_ns)

    def now(self) -> list[Action]:
        """Somebody doubts that the stream keeps up: asks at once, unless a request is under way."""
        if self._waiting or self._ahead:
            return []
        return [self._request(deep=False)]

    def timeout(self, number: int, purpose: str) -> list[Action]:
        """A timer of ours ran out."""
        if purpose == PROBE:
            return self._next_round() if number == self._turn else []
        if number == self._number and self._ahead:
            return self._overdue(self._ahead)
        return []

    def told(self, number: int, snapshot: Snapshot) -> list[Action]:
        """The REST book that was asked for came."""
        if number != self._number or not self._waiting:
            return []
        self._waiting = False
        if snapshot.crossed:
            return []
        if snapshot.position > self.recent.position:
            self._ahead = snapshot
            return [Timer(self._symbol, number, PROBE_DUE, self.due_s)]
        return self._compare(snapshot)

    def failed(self, number: int, *, postponed: bool) -> list[Action]:
        """It could not be had; the next round asks again. `postponed`: we did not ask, for want of budget."""
        if number == self._number and self._waiting:
            self._waiting = False
            if not postponed:
                self._failures += 1
            elif self._quiet:
                early = zlib.crc32(f"{self._symbol} {number}".encode()) % 8 / 8  # not all symbols at once
                wait = _AGAIN_LATE - (_AGAIN_LATE - _AGAIN_EARLY) * early
                self._again_s = self._alone_s + self._bound_s * wait
        return []

    def _heard(self, venue_ns: int) -> list[Action]:
        """The stream speaks. A round from slower times is cut short, or it would hide a stream that dies in it."""
        self._busy = True
        self._pace.note(venue_ns)
        return self._adapted() if self._pace.square < self._cut_below else []

    def _adapted(self) -> list[Action]:
        """Begins a round, as long as the pace of the book wants it by now."""
        wanted_s = self._pace.threshold_s
        if abs(wanted_s - self._every_s) <= _NEWS * self._every_s:
            return [self._begin_round()]
        self._every_s = wanted_s
        return [Threshold(self._symbol, wanted_s), self._begin_round()]

    def _begin_round(self) -> Timer:
        self._turn = next(_EPOCHS)
        half_s = self._every_s / 2
        self._cut_below = square_of(half_s) if half_s >= self._pace.shortest_s else 0.0
        return Timer(self._symbol, self._turn, PROBE, self._every_s)

    def _next_round(self) -> list[Action]:
        lasted_s = self._every_s
        actions = self._adapted()
        self._audit_in_s -= lasted_s
        busy, self._busy = self._busy, False
        if busy:
            self._spoken()
        else:
            self._quiet += 1
            self._quiet_s += lasted_s
            self._alone_s += lasted_s
            self._failing_s += lasted_s if self._failures or self._waiting else 0.0
        silent = f"no update for {self._quiet_s:.0f} s"
        if self._failing_s >= self.vouched_s and (self._failures >= self.least_failures or self._waiting):
            return self._dead(f"{silent}, and no REST book to tell quiet from dead")
        if self._again_s is not None and self._alone_s >= self._bound_s:
            return self._unsure(f"{silent}, and no budget to ask whether the market is quiet or the stream dead")
        if self._waiting or self._ahead:
            return actions
        due = self._audits and (self._audit_in_s <= 0 or self._doubts) if busy else self._is_due()
        if due:
            actions.append(self._request(deep=busy))
            if busy:
                self._audit_in_s = self.audit_every_s
        return actions

    def _is_due(self) -> bool:
        """Whether a quiet book is asked about: ever more seldom, but in every round while nobody answers."""
        if self._again_s is not None:
            return self._alone_s >= self._again_s
        most = max(1, int(self.longest_s / self._every_s))
        return self._failures > 0 or self._quiet % min(max(1, self._quiet // 4), most) == 0

    def _spoken(self) -> None:
        """What is counted of a silence begins anew."""
        self._quiet, self._quiet_s = 0, 0.0
        self._vouched()

    def _vouched(self) -> None:
        """Something has confirmed the book."""
        self._failures, self._failing_s = 0, 0.0
        self._alone_s, self._again_s = 0.0, None
        self._calm_s = self._quiet_s

    @property
    def _bound_s(self) -> float:
        """How long a silence may go on for want of budget until the book is hidden."""
        wanted = max(self.unasked_silences * self._pace.usual_s, self._calm_s, self.least_unasked_s)
        return min(wanted, self.most_unasked_s)

    def _request(self, *, deep: bool) -> Fetch:
        self._number += 1
        self._waiting = True
        share = SPARE_SHARE
        if not deep:  # who has waited for the longest, by its own measure, may still ask when others may not
            share = _QUIET_SHARE + (_OVERDUE_SHARE - _QUIET_SHARE) * min(1.0, self._alone_s / self._bound_s)
        return self._ask(self._number, deep)._replace(share=share)

    def _overdue(self, ahead: Snapshot) -> list[Action]:
        """The stream has not come as far as the REST book was."""
        reason = (
            f"the stream has not reached {ahead.position}, where the REST book was {self.due_s:.0f} s ago; "
            f"it stands at {self.recent.position}"
        )
        if not self._netting:
            return self._dead(reason)
        self._ahead = None
        self._vouched()
        # All that we have is inside the REST book, so every level must agree where nothing was kept from us.
        return [Compare(self._symbol, ahead, (set(), set()), lambda found: self._dead(f"{reason}; {found}"))]

    def _compare(self, snapshot: Snapshot) -> list[Action]:
        self._ahead = None
        touched = self.recent.touched_since(snapshot.position)
        until = self.recent.within(snapshot.position)
        if touched is None or (until and not (self._audits and self._doubts.news(snapshot.position, until))):
            return []
        self._vouched()
        if until:
            return [Compare(self._symbol, snapshot, touched, doubts=self._doubts)]
        self._doubts.clear()
        return [Compare(self._symbol, snapshot, touched)]
