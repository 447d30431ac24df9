"""One strike after another on one face, each healed before the next, and what became of each."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.truth.court import HEAL_S, Court, NotHealed
from tests.truth.faces import FACES, span
from tests.truth.record import BookName, Down, Excuse, Finding, excuse
from tests.truth.strikes import Strike, deck, kinds_of
from tests.truth.tape import Tape, units

_LASTING = ("silence", "half_open", "skew")  # what these strike is a connection or a clock, not a diff
AUDIT_S = 30.0  # what is wrong without a trace must be found within this
_PACE_S = 900.0  # in which the limit of any venue has let go
_CUT_S = 5.0  # in which a cut has ended what was wrong


@dataclass(slots=True)
class Outcome:
    """What a strike did."""

    strike: Strike
    struck: int = 0
    began_ns: int = 0
    ended_ns: int = 0
    heal_s: float = 0.0  # from its end, or from a later leaving of live, until all touched books were live again
    detect_s: float = 0.0  # of a blind one: from the strike to the last wrong level that was shown
    left: list[Down] = field(default_factory=list)
    breaches: list[Down] = field(default_factory=list)  # other books that left live
    faults: list[Finding] = field(default_factory=list)
    explained: int = 0
    resyncs: int = 0  # of the books that it may touch, as the server counts them
    others: int = 0  # of all others
    mended_ns: int = 0  # a cut of ours ended it then; 0: it healed by itself
    problem: str = ""  # it did not heal, in words

    @property
    def bad(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.faults or self.breaches or self.others or self.problem)


class Ordeal:
    """Runs strikes on one face of a court."""

    def __init__(
        self,
        court: Court,
        face: str,
        strikes: Iterator[Strike],
        audit_s: float = AUDIT_S,
        heal_s: float = HEAL_S,
        *,
        pace: bool = True,
    ) -> None:
        """`pace`: no strike before the server has requests left to heal it with; else that may take minutes."""
        self.court = court
        self.face = face
        self.outcomes: list[Outcome] = []
        self.current: Strike | None = None  # under way
        self._strikes = strikes
        self._audit_s = audit_s
        self._heal_s = heal_s
        self._pace = pace
        self._resyncs: dict[BookName, int] = {}  # when the latest strike was over

    async def run(self, count: int) -> None:
        """So many strikes. One that finds no healthy face is told, and does not end the others."""
        for _ in range(count):
            strike = next(self._strikes)
            try:
                await self.one(strike)
            except NotHealed as error:
                self.outcomes.append(Outcome(strike, problem=str(error)))
                self._resyncs = {}
                await self.court.admin.cut(self.face)

    async def one(self, strike: Strike) -> Outcome:
        """One strike, from a healthy face to a healthy face."""
        outcome = Outcome(strike)
        self.current = strike
        if self._pace:
            await self.court.until(lambda: self.court.affords(self.face), f"requests left on {self.face}", _PACE_S)
        await self.court.until(self._healthy, f"healthy books on {self.face} before {strike}", self._heal_s)
        self._resyncs = self._resyncs or self._counters()
        outcome.began_ns = time.time_ns()
        rows = await self.court.admin.strike(strike)
        outcome.struck = sum(row["struck"] for row in rows)
        outcome.ended_ns = max(row["ended_us"] for row in rows) * 1000
        await asyncio.sleep(max(0.0, strike.settle_s + outcome.ended_ns / 1e9 - time.time()))
        excuses = self._explain(strike, rows[0]) if strike.blind else []
        await self._heal(outcome)
        self._sum_up(outcome, excuses)
        self.outcomes.append(outcome)
        self.current = None
        return outcome

    def _explain(self, strike: Strike, row: dict[str, Any]) -> list[Excuse]:
        """Says which levels nobody can know to be wrong: those of the diffs that went missing or lied."""
        excuses = []
        pairs = [strike.pair] if strike.pair else self.court.pairs
        for pair in pairs:
            book = BookName(self.face, pair)
            tape = self.court.tapes[book]
            last = row.get("last", {})
            after, until = self._struck(strike, row, book, tape)
            struck = tape.between(after, until)
            if "price" in last:
                price = units(str(last["price"]))
                struck = [change for change in struck if abs(change.key) == price]
            patience_s = max(self._audit_s, strike.settle_s + strike.mend_s + _CUT_S)
            until_ns = row["ended_us"] * 1000 + int(patience_s * 1e9)
            shown = [position for _, position in self.court.record.shown_at.get(book, ())]
            told = shown if FACES[self.face].nets else None
            excuses.append(excuse(book, tape, struck, after, until, until_ns, told))
        return excuses

    def _struck(self, strike: Strike, row: dict[str, Any], book: BookName, tape: Tape) -> tuple[int, int]:
        """The positions after which and up to which the changes lie that were struck."""
        told = span(row.get("last", {}))
        record = self.court.record
        if told is not None:
            first, last = told
            if FACES[self.face].stamp_parts:
                return record.shown_before(book, last), last
            return tape.placed(first or 0) or tape.start, tape.placed(last) or tape.public
        # The venue does not tell which diffs: all that changed while it struck, or while it lasted.
        lasts = strike.fault["kind"] in _LASTING
        began_us = row["began_us"] if lasts else row.get("first_struck_us", row["ended_us"])
        ended_us = row["ended_us"] + int(strike.slack_s * 1e6) if lasts else row.get("last_struck_us", 0)
        if strike.fault["kind"] == "reorder":  # the one that came too early is as old as the other afterwards
            ended_us = row["ended_us"]
        before = [each for sent, each in record.shown_at[book] if sent // 1000 <= began_us]
        after = before[-1] if before else tape.start
        # A clock that goes back leaves the position at that of the diff before.
        return after - (strike.fault["kind"] == "skew"), tape.position_at(ended_us)

    def _healthy(self) -> bool:
        now_us = time.time_ns() // 1000
        return all(self.court.current(book, now_us) for book in self.court.books(self.face))

    async def _heal(self, outcome: Outcome) -> None:
        """Waits until all books of the face are live, up to date, and seen whole without a fault since."""
        since_ns = time.time_ns()
        record = self.court.record

        def right() -> bool:
            looks = [(record.clean.get(book, (0, 0))[0], book) for book in self.court.books(self.face)]
            return self._healthy() and all(ns > max(since_ns, record.dirty.get(book, 0)) for ns, book in looks)

        timeout_s = self._heal_s + (self._audit_s if outcome.strike.blind else 0.0)
        try:
            if outcome.strike.mend_s:
                with contextlib.suppress(NotHealed):
                    await self.court.until(right, "luck", outcome.strike.mend_s)
                if not right():
                    outcome.mended_ns = time.time_ns()
                    self._count(outcome)
                    await self.court.admin.cut(self.face)
            await self.court.until(right, f"healing of {outcome.strike}", timeout_s)
        except NotHealed as error:
            outcome.problem = str(error)
            await self.court.admin.cut(self.face)
            await asyncio.sleep(1.0)

    def _touched(self, strike: Strike) -> set[str]:
        """The pairs whose books may leave live."""
        if strike.harmless:
            return set()
        return {strike.pair} if strike.pair and not strike.wide else set(self.court.pairs)

    def _count(self, outcome: Outcome) -> None:
        """The resyncs since the strike before, up to now."""
        touched = self._touched(outcome.strike)
        for book, now in self._counters().items():
            if book.pair in touched:
                outcome.resyncs += now - self._resyncs[book]
            else:
                outcome.others += now - self._resyncs[book]

    def _counters(self) -> dict[BookName, int]:
        return {book: self.court.record.resyncs.get(book, 0) for book in self.court.books(self.face)}

    def _sum_up(self, outcome: Outcome, excuses: list[Excuse]) -> None:
        touched = self._touched(outcome.strike)
        for book in self.court.books(self.face):
            for down in self.court.record.downs(book, outcome.began_ns):
                if outcome.mended_ns and down.left_ns >= outcome.mended_ns:
                    continue
                (outcome.left if book.pair in touched else outcome.breaches).append(down)
        if not outcome.mended_ns:
            self._count(outcome)
        self._resyncs = self._counters()
        back = [down.back_ns - max(outcome.ended_ns, down.left_ns) for down in outcome.left if down.back_ns]
        outcome.heal_s = max(0.0, max(back, default=0) / 1e9)
        outcome.faults, explained = self.court.record.settle(self.face, excuses)
        outcome.explained = len(explained)
        last_ns = max((finding.sent_ns for finding in explained), default=outcome.began_ns)
        outcome.detect_s = (last_ns - outcome.began_ns) / 1e9


def make(
    court: Court, seed: int, audit_s: float = AUDIT_S, kinds: tuple[str, ...] = (), *, pace: bool = True
) -> list[Ordeal]:
    """One ordeal for each face on which any of these kinds can strike."""
    faces = [face for face in court.rests if not kinds or set(kinds) & set(kinds_of(face))]
    return [
        Ordeal(court, face, deck(Random(f"{seed}/{face}"), face, court.pairs, kinds), audit_s, pace=pace)
        for face in faces
    ]
