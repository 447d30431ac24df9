"""How a ratio of CPU times is taken.

All contenders of a contest take turns on small pieces of the same work, in an order that rotates, on the clock of
the CPU time of this process; each round gives one ratio for each rival, and their median counts. A busy machine
slows both sides of such a ratio alike, which is why it can be held to a bar where the wall clock cannot.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import server

ROUNDS = 15  # of one measurement; no fewer than 9 tell anything
TRIES = 3  # measurements of a contest that fails before it is called failed


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured, and from which seed."""

    seed: int = 1
    rounds: int = ROUNDS
    chunk: int = 150  # messages that a contender handles before it is the next one's turn
    levels: int = 5000  # a side, of the books called deep
    seconds: float = 8.0  # of the comparison that runs against the wall clock


class Bar(NamedTuple):
    """What a ratio must be: rival / ours at least, or ours / rival at most, `limit`."""

    limit: float
    at_least: bool = True
    gated: bool = True  # otherwise it is printed and fails nothing
    note: str = ""

    def ratio(self, ours: float, rival: float) -> float:
        """The ratio that this bar is about."""
        above, below = (rival, ours) if self.at_least else (ours, rival)
        return above / below if below else float("inf")

    def holds(self, ratio: float) -> bool:
        """Whether `ratio` is good enough."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g}"


class Contender(NamedTuple):
    """Somebody who does the work. `run` does one chunk of it, `prepare` (not timed) gets it ready."""

    label: str
    run: Callable[[], object]
    operations: int  # in a chunk
    prepare: Callable[[], object] = lambda: None


class Rival(NamedTuple):
    """A contender that ours is held against; without a bar only the figures are shown."""

    contender: Contender
    bar: Bar


class Contest(NamedTuple):
    """One piece of work, done by ours and by rivals."""

    what: str
    ours: Contender
    rivals: Sequence[Rival]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    name: str  # of the entry that made it, as --only takes it
    what: str
    ours: str
    rival: str
    ratio: float | None  # None: something that either holds or does not
    bar: str
    ok: bool | None  # None: not gated
    note: str = ""


def rows_of(name: str, contest: Contest, plan: Plan) -> list[Row]:
    """Measures, up to TRIES times while a gated bar is missed; each row keeps its best ratio."""
    best: list[Row] = []
    for _ in range(TRIES):
        rows = _measure(name, contest, plan)
        best = [_better(*pair) for pair in zip(best or rows, rows, strict=True)]
        if all(row.ok is not False for row in best):
            break
    return best


def exact(name: str, what: str, problem: str | None, count: str) -> Row:
    """A row for what must simply be so; `problem` tells why it is not."""
    return Row(name, what, count, "", None, "exact", problem is None, problem or "")


@contextmanager
def as_the_server_runs() -> Iterator[None]:
    """The collector and the switch interval as server.py sets them, for all contenders; put back afterwards."""
    thresholds, interval_s = gc.get_threshold(), sys.getswitchinterval()
    server.tune_interpreter()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval_s)


def microseconds(seconds: float) -> str:
    """A duration as the table shows it."""
    us = seconds * 1e6
    return f"{us:.2f} us" if us < 100 else f"{us:.0f} us"


def _measure(name: str, contest: Contest, plan: Plan) -> list[Row]:
    contenders = [contest.ours, *(rival.contender for rival in contest.rivals)]
    times: list[list[float]] = [[] for _ in contenders]
    with as_the_server_runs():
        for contender in contenders:  # caches, branch predictors and first calls
            _time(contender)
        for turn in range(plan.rounds):
            for place in range(len(contenders)):
                index = (turn + place) % len(contenders)
                times[index].append(_time(contenders[index]))
    ours = times[0]
    return [_row(name, contest, rival, ours, theirs) for rival, theirs in zip(contest.rivals, times[1:], strict=True)]


def _time(contender: Contender) -> float:
    """CPU seconds of one operation."""
    contender.prepare()
    start = time.process_time()
    contender.run()
    return (time.process_time() - start) / contender.operations


def _row(name: str, contest: Contest, rival: Rival, ours: list[float], theirs: list[float]) -> Row:
    bar = rival.bar
    ratio = statistics.median(bar.ratio(our, their) for our, their in zip(ours, theirs, strict=True))
    return Row(
        name,
        contest.what,
        f"{contest.ours.label} {microseconds(statistics.median(ours))}",
        f"{rival.contender.label} {microseconds(statistics.median(theirs))}",
        ratio,
        str(bar),
        bar.holds(ratio) if bar.gated else None,
        bar.note,
    )


def _better(one: Row, other: Row) -> Row:
    """The row with the better ratio for ours."""
    if one.ratio is None or other.ratio is None:
        return other
    wins = other.ratio > one.ratio if other.bar.startswith(">=") else other.ratio < one.ratio
    return other if wins else one
