"""What the judges write down: findings, what was looked at, the time line of every book's states, and excuses."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from proto import orderbook_pb2 as pb
from tests.truth.tape import Change, Tape

_MOST = 20_000  # findings that are kept; more are only counted

# Kinds of findings about a level, which a strike on the truth may explain.
LEVEL_KINDS = ("wrong", "missing", "extra")


class BookName(NamedTuple):
    """One venue's book of one pair."""

    venue: str
    pair: str

    def __str__(self) -> str:
        return f"{self.venue} {self.pair}"


class Finding(NamedTuple):
    """One thing that a message should not have said.

    `wrong`, `missing`, `extra`: a level against the truth; `foreign`: a level of a book that is not live; `stale`:
    live, and the truth has moved on for too long; `position`: one that the venue's book never had; `order`, `spread`,
    `sequence`, `heartbeat`, `trust`: the message contradicts the contract or itself.
    """

    kind: str
    book: BookName
    sent_ns: int
    text: str
    side: int = 0
    key: int = 0
    position: int = 0


class Span(NamedTuple):
    """A state of a book as messages told it."""

    state: int
    since_ns: int
    reason: str


class Down(NamedTuple):
    """A time in which a book was not live; `back_ns` 0: it still is not."""

    book: BookName
    left_ns: int
    back_ns: int
    reason: str


@dataclass(slots=True)
class Excuse:
    """Levels that a strike on the truth itself has made wrong, where nobody can know it before an audit.

    Exact: these levels of this book at positions after `after`, each until it changes next, and not for longer than
    until `until_ns`.
    """

    book: BookName
    after: int
    levels: dict[tuple[int, int], int | None]  # (side, key) -> position of its next change, None: it has not changed
    until_ns: int

    def covers(self, finding: Finding) -> bool:
        """Whether it explains a finding."""
        if finding.kind not in LEVEL_KINDS or finding.book != self.book or finding.sent_ns > self.until_ns:
            return False
        if (finding.side, finding.key) not in self.levels or finding.position <= self.after:
            return False
        changed = self.levels[finding.side, finding.key]
        return changed is None or finding.position < changed


def excuse(
    book: BookName,
    tape: Tape,
    struck: Iterable[Change],
    after: int,
    last: int,
    until_ns: int,
    told: Sequence[int] | None = None,
) -> Excuse:
    """The excuse for the levels of changes that never reached the client: after `after`, up to `last`.

    `told`: the positions of later diffs, where these say nothing of a level that has come back to what it was.
    """
    keys = {(change.side, change.key) for change in struck}
    if told is None:
        return Excuse(book, after, {each: tape.next_change(*each, last) for each in keys}, until_ns)
    later = [position for position in told if position > last]
    return Excuse(book, after, {each: tape.next_told(*each, last, later) for each in keys}, until_ns)


@dataclass(slots=True)
class Record:
    """Everything that the judges of one session saw."""

    seen: Counter[str] = field(default_factory=Counter)  # messages, levels, updates, by kind of stream too
    counts: Counter[str] = field(default_factory=Counter)  # findings by kind, explained ones not taken off
    findings: deque[Finding] = field(default_factory=lambda: deque(maxlen=_MOST))  # not settled yet
    spans: dict[BookName, list[Span]] = field(default_factory=dict)
    shown: dict[BookName, int] = field(default_factory=dict)  # the newest true position that was shown live
    shown_at: dict[BookName, deque[tuple[int, int]]] = field(default_factory=dict)  # lately: (sent ns, position)
    clean: dict[BookName, tuple[int, int]] = field(
        default_factory=dict
    )  # last whole look without fault: ns, position
    dirty: dict[BookName, int] = field(default_factory=dict)  # last look at which a level was not true: sent ns
    horizons: dict[BookName, tuple[int | None, int | None]] = field(default_factory=dict)  # keys of both sides
    resyncs: dict[BookName, int] = field(default_factory=dict)  # times that it was lost, as the server counts them

    def find(self, finding: Finding) -> None:
        """Writes a finding down."""
        self.counts[finding.kind] += 1
        self.findings.append(finding)
        if finding.kind in LEVEL_KINDS:
            self.dirty[finding.book] = finding.sent_ns

    def note(self, book: BookName, trust: pb.VenueState) -> None:
        """Writes a state down where it is news."""
        self.resyncs[book] = trust.resyncs
        spans = self.spans.setdefault(book, [])
        span = Span(trust.state, trust.since_ns, trust.reason)
        if not spans or spans[-1][:2] != span[:2]:
            spans.append(span)

    def note_position(self, book: BookName, position: int, sent_ns: int) -> None:
        """Writes down which true position a live book shows."""
        if self.shown.get(book) != position:
            self.seen["updates"] += 1
            self.shown[book] = position
            self.shown_at.setdefault(book, deque(maxlen=2000)).append((sent_ns, position))

    def shown_before(self, book: BookName, position: int) -> int:
        """The newest position below `position` that the book has shown; `position` itself where none is known."""
        return max((each for _, each in self.shown_at.get(book, ()) if each < position), default=position)

    def state(self, book: BookName) -> int:
        """The present state."""
        spans = self.spans.get(book)
        return spans[-1].state if spans else pb.STATE_UNSPECIFIED

    def downs(self, book: BookName, from_ns: int) -> list[Down]:
        """The times in which a book was not live that began at or after `from_ns`."""
        found: list[Down] = []
        spans = self.spans.get(book, [])
        for index, (before, span) in enumerate(pairwise(spans)):
            if before.state != pb.LIVE or span.since_ns < from_ns:
                continue
            later = spans[index + 1 :]
            back_ns = next((each.since_ns for each in later if each.state == pb.LIVE), 0)
            found.append(Down(book, span.since_ns, back_ns, span.reason))
        return found

    def settle(self, venue: str, excuses: Iterable[Excuse]) -> tuple[list[Finding], list[Finding]]:
        """The findings on a venue's books since its last settlement: faults, and what `excuses` explain.

        What concerns no venue alone comes with the first one that settles.
        """
        known = tuple(excuses)
        faults: list[Finding] = []
        explained: list[Finding] = []
        others: list[Finding] = []
        for finding in self.findings:
            if finding.book.venue not in (venue, ""):
                others.append(finding)
            else:
                (explained if any(each.covers(finding) for each in known) else faults).append(finding)
        self.findings.clear()
        self.findings.extend(others)
        return faults, explained
