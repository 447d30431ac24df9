"""Which silence of a book is suspicious, learnt from the book itself; and what that costs and promises."""

import heapq
import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.actions import Action, Fetch, Snapshot, Threshold, Timer
from exchanges.pace import Pace, square_of
from exchanges.probe import Diff, Prober
from tests.exchanges.desk import Desk, bitstamp, bitstamp_snapshot, diff

SECOND = 10**9
START = 1_790_000_000 * SECOND
ANSWER_S = 0.1


def learnt(gaps_s: Sequence[float], shortest_s: float = 1.0) -> float:
    """The threshold after these gaps."""
    pace, now_ns = Pace(shortest_s), START
    pace.note(now_ns)
    for gap_s in gaps_s:
        now_ns += round(gap_s * SECOND)
        pace.note(now_ns)
    return pace.threshold_s


@pytest.mark.parametrize(
    ("gaps_s", "threshold_s"),
    [
        ([], 3.0),  # nothing is known yet
        ([0.1] * 200, 1.0),
        ([0.5] * 200, 1.8),
        ([1.0] * 200, 2.5),
        ([4.0] * 200, 5.0),
        ([60.0] * 200, 15.0),
        ([0.05] * 9 + [2.0] + [0.05] * 9 + [2.0], 2.5),  # bursts: the silences between them count
        ([0.1] * 200 + [60.0], 9.7),  # one long silence is remembered at once
        ([0.1] * 200 + [60.0] + [0.1] * 60, 3.7),  # and forgotten by and by
        ([0.0, -5.0, 0.0] * 50, 3.0),  # stamps that do not move, or run backwards, teach nothing
    ],
)
def test_thresholds(gaps_s: list[float], threshold_s: float) -> None:
    assert learnt(gaps_s) == threshold_s


def test_a_venue_that_bounds_its_requests_has_a_floor() -> None:
    assert learnt([0.1] * 200, 3.0) == 3.0


def test_no_stamp_teaches_nothing() -> None:
    """Updates without a time, and the hole in which the stream was not heard."""
    pace = Pace()
    for venue_ns in (0, START, 0, START + SECOND // 10):
        pace.note(venue_ns)
    before = pace.square
    pace.restart()
    pace.note(START + 3600 * SECOND)
    assert pace.square == before


@given(st.lists(st.integers(-(1 << 70), 1 << 70), max_size=60))
def test_whatever_a_venue_says_the_bounds_hold(stamps: list[int]) -> None:
    pace = Pace()
    for venue_ns in stamps:
        pace.note(venue_ns)
        assert 1.0 <= pace.threshold_s <= 15.0


@given(st.floats(1.0, 15.0))
def test_squares_and_thresholds_are_one_thing(threshold_s: float) -> None:
    pace = Pace()
    pace.square = square_of(threshold_s)
    assert pace.threshold_s == pytest.approx(threshold_s, abs=0.051)


class Life:
    """A prober on a clock of our own: the venue changes as `gaps_s` say, until `dies_s` the stream tells of it."""

    def __init__(self, gaps_s: Iterator[float], dies_s: float = 1e9, shortest_s: float = 1.0) -> None:
        self.now_s = 0.0
        self.position = 0  # of the venue
        self.asked: list[tuple[float, bool]] = []  # when, and whether it was the deep one
        self.thresholds: list[tuple[float, float]] = []  # when, and what is in force since
        self.dead_s: float | None = None
        self._gaps_s = gaps_s
        self._dies_s = dies_s
        self._order = itertools.count()
        self._due: list[tuple[float, int, Any]] = []
        self._prober = Prober("S", self._ask, self._found_dead, self._found_dead, shortest_s=shortest_s)
        self._take(self._prober.start(0))
        self._later(next(gaps_s), "change")

    def _ask(self, number: int, deep: bool) -> Fetch:
        self.asked.append((self.now_s, deep))
        return Fetch("S", number, "/", 1, 0, ANSWER_S)

    def _found_dead(self, reason: str) -> list[Action]:
        self.dead_s = self.now_s
        self._prober.stop()
        return []

    def _later(self, after_s: float, what: Any) -> None:
        heapq.heappush(self._due, (self.now_s + after_s, next(self._order), what))

    def _take(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Threshold):
                self.thresholds.append((self.now_s, action.threshold_s))
            elif isinstance(action, Timer | Fetch):
                self._later(action.delay_s, action)

    def run(self, until_s: float) -> "Life":
        """Until then, or until the stream is found dead."""
        while self.dead_s is None and self._due[0][0] <= until_s:
            self.now_s, _, what = heapq.heappop(self._due)
            if isinstance(what, Timer):
                self._take(self._prober.timeout(what.generation, what.purpose))
            elif isinstance(what, Fetch):
                snapshot = Snapshot(self.position, [], [], 0, None, None)
                self._take(self._prober.told(what.generation, snapshot))
            else:
                self._change()
        return self

    def _change(self) -> None:
        self.position += 1
        self._later(next(self._gaps_s), "change")
        if self.now_s < self._dies_s:
            now_ns = START + round(self.now_s * SECOND)
            self._take(self._prober.applied(Diff(self.position, self.position, [], [], now_ns)))


def regular(gap_s: float) -> Iterator[float]:
    return itertools.repeat(gap_s)


def by_chance(a_second: float, seed: int) -> Iterator[float]:
    dice = random.Random(seed)
    return (dice.expovariate(a_second) for _ in itertools.count())


@given(st.floats(0.01, 1.0), st.floats(60.0, 200.0))
def test_a_busy_stream_that_dies_is_found_within_nine_seconds(gap_s: float, dies_s: float) -> None:
    """One that told of a change every second or oftener."""
    life = Life(regular(gap_s), dies_s).run(dies_s + 60)
    assert life.dead_s is not None
    assert life.dead_s - dies_s <= 9.0 + ANSWER_S


@given(st.floats(2.0, 50.0), st.integers(0, 1 << 30), st.floats(60.0, 200.0))
def test_one_that_comes_by_chance_too(a_second: float, seed: int, dies_s: float) -> None:
    """Where there are two changes a second or more: the silences between them are longer than their mean."""
    life = Life(by_chance(a_second, seed), dies_s).run(dies_s + 60)
    assert life.dead_s is not None
    assert life.dead_s - dies_s <= 9.0 + ANSWER_S + 2.0  # and the time until the venue has changed once


@given(st.floats(0.05, 30.0), st.integers(0, 1 << 30), st.floats(60.0, 900.0))
def test_a_slow_one_is_found_too(mean_s: float, seed: int, dies_s: float) -> None:
    """Within two of the longest rounds and 3 s after the first change missed, or a quarter of the silence before."""
    life = Life(by_chance(1 / mean_s, seed), dies_s).run(dies_s + 3000)
    assert life.dead_s is not None
    assert life.dead_s - dies_s <= 33.0 + 60.0 + ANSWER_S + 12 * mean_s


def test_a_book_that_has_just_become_busy_is_found_as_soon() -> None:
    """A round of fifteen seconds, begun in slow times, does not hide the death of what came to life in it."""
    for dies_s in (1203.0, 1204.0, 1206.0):
        life = Life(itertools.chain([60.0] * 20, regular(0.01)), dies_s).run(dies_s + 60)
        assert life.dead_s is not None
        assert life.dead_s - dies_s <= 9.0 + ANSWER_S, life.thresholds


@pytest.mark.parametrize(
    ("gap_s", "an_hour"),
    [
        (0.1, 0),
        (1.0, 0),
        (60.0, 4 * 60),  # after each fifteen seconds
        (600.0, 20 * 6),
    ],
)
def test_what_questions_about_quiet_books_cost(gap_s: float, an_hour: int) -> None:
    """A book in step with its market is asked about no oftener than its market is quiet for long."""
    life = Life(regular(gap_s)).run(4 * 3600)
    quiet = [when for when, deep in life.asked if when > 3 * 3600 and not deep]
    assert len(quiet) <= an_hour
    if gap_s >= 60:
        assert len(quiet) >= an_hour / 2


@pytest.mark.parametrize(("a_second", "most"), [(10.0, 5), (2.0, 150), (1.0, 260), (0.1, 190)])
def test_chance_seldom_looks_like_death(a_second: float, most: int) -> None:
    """Questions an hour about a book whose changes come by chance: one every fourteen seconds at the worst."""
    life = Life(by_chance(a_second, 5)).run(2 * 3600)
    assert sum(not deep for _, deep in life.asked) / 2 <= most


@pytest.mark.parametrize("gap_s", [0.1, 1.0, 10.0])
def test_busy_books_are_compared_every_half_minute_whatever_their_round(gap_s: float) -> None:
    life = Life(regular(gap_s)).run(3600)
    deep = sum(deep for _, deep in life.asked)
    assert 3600 / 40 <= deep <= 3600 / 30 + 1


def test_the_threshold_in_force_is_told() -> None:
    """With the book: once a minute is slow, ten times a second is busy; a Bitstamp book is never asked below 3 s."""
    desk = Desk(bitstamp()).open()
    stamp = 1_790_000_000_000_000
    desk.frame(diff(stamp))
    desk.answer(bitstamp_snapshot(stamp))
    for _ in range(20):
        stamp += 60_000_000
        desk.frame(diff(stamp))
    assert desk.book.threshold_ns == 3 * SECOND, "the round that runs is still the first"
    desk.expire("probe")
    assert desk.book.threshold_ns == 15 * SECOND
    for _ in range(200):
        stamp += 100_000
        desk.frame(diff(stamp))
    assert desk.book.threshold_ns < 8 * SECOND, "the round was cut short"
    desk.expire("probe")
    assert desk.book.threshold_ns == 3 * SECOND
    assert [timer.purpose for timer in desk.timers].count("probe") == 1
