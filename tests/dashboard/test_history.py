"""A minute of a figure, by the clock of whoever asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.history import CELLS, SAMPLES, History, row, sparkline
from dashboard.options import Glyphs
from dashboard.rows import cells
from tests.dashboard.conftest import SECOND

MS = 1_000_000


def filled(*samples: tuple[float, int]) -> History:
    out = History()
    for at, value in samples:
        out.add(int(at * SECOND), value)
    return out


def test_percentiles_are_values_that_occurred() -> None:
    history = filled(*((number / 100, number) for number in range(1, 101)))
    assert history.percentiles(SECOND, 50, 99, 100, 0) == (50, 99, 100, 1)
    assert filled((1, 7)).percentiles(SECOND, 50, 99) == (7, 7)
    assert History().percentiles(0, 50, 99) == (None, None)


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    history = filled((0, 1_000), (30, 10))
    assert history.percentiles(59 * SECOND, 99) == (1_000,)
    assert history.percentiles(60 * SECOND, 99) == (10,)
    assert history.cells(30 * SECOND, 3) == [None, None, 10]
    assert history.cells(90 * SECOND) == [None] * 60


def test_a_cell_is_the_worst_of_its_second() -> None:
    assert filled((1.0, 5), (1.5, 9), (1.9, 2), (3, 1)).cells(3 * SECOND, 4) == [None, 9, None, 1]


def test_it_is_bounded() -> None:
    history = filled(*((number / 1_000, number) for number in range(3 * SAMPLES)))
    assert len(history._samples) == SAMPLES
    assert history.last == 3 * SAMPLES - 1


@given(st.lists(st.tuples(st.integers(0, 5 * SECOND), st.integers(0, 10**12)), max_size=60), st.integers(1, 60))
def test_a_sparkline_is_as_long_as_asked_for(steps: list[tuple[int, int]], count: int) -> None:
    history, now = History(), 0
    for wait, value in steps:
        now += wait
        history.add(now, value)
    text = history.sparkline(now, count)
    assert len(text) == count
    values = history.cells(now, count)
    assert [sign == " " for sign in text] == [value is None for value in values]
    worst = [value for value in values if value is not None]
    if worst and max(worst) > 0:
        assert text[values.index(max(worst))] == "█"
    within = sorted(value for at, value in history._samples if at > now - 60 * SECOND)
    half, most = history.percentiles(now, 50, 100)
    assert (half in within and most == within[-1]) if within else half is None


def test_sparklines() -> None:
    assert sparkline([0, 1, 4, None, 8]) == "▁▂▅ █"
    assert sparkline([0, None, 0]) == "▁ ▁"
    assert sparkline([-5, 8]) == "▁█"
    assert sparkline([0, 4, 8], Glyphs.ASCII) == "_+#"


def test_a_break_is_marked() -> None:
    history = filled((1, 1), (2, 1), (3, 1))
    history.mark(2 * SECOND)
    assert history.sparkline(3 * SECOND, 4) == " █┊█"


@pytest.mark.parametrize(
    ("samples", "width", "text"),
    [
        ([(59, 38 * MS), (60, 92 * MS)], 60, " age     92 ms" + " " * 14 + "▄█   p50 38  p99 92 ms "),
        ([(60, 1_200 * MS)], 40, " age     1.2 s"),
        ([], 40, " age         ─"),
    ],
)
def test_the_line_of_the_health_panel(samples: list[tuple[float, int]], width: int, text: str) -> None:
    found = row("age", filled(*samples), 60 * SECOND, width)
    assert cells(found.spans) == width
    assert found.text.startswith(text[:14])
    if width == 60:
        assert found.text.split() == text.split()


def test_a_narrow_line_has_no_sparkline() -> None:
    assert "█" not in row("age", filled((60, 5 * MS)), 60 * SECOND, 34).text
    assert CELLS == 60
