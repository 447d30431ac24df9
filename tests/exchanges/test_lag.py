"""How late updates come: the least of late, and whether a stream falls behind it."""

import pytest

from exchanges.lag import LagWatch

SECOND = 10**9
START = 10**18


def told(lags_s: list[float], every_s: float = 1.0, offset_s: float = 0.0) -> tuple[LagWatch, list[int]]:
    """A watch that has seen these lags, and the numbers of the updates at which it wanted them looked into."""
    watch, behind = LagWatch(), []
    for number, lag_s in enumerate(lags_s):
        received_ns = START + round(number * every_s * SECOND)
        if watch.behind(received_ns - round((lag_s + offset_s) * SECOND), received_ns):
            behind.append(number)
    return watch, behind


def test_before_an_update_nothing_is_known() -> None:
    assert LagWatch().least_ns is None


@pytest.mark.parametrize("offset_s", [0.0, 5.0, -5.0, -3600.0])
def test_the_least_is_offset_and_fastest_transit(offset_s: float) -> None:
    """A venue whose clock is ahead of ours has a negative one; nothing is corrected by it."""
    watch, behind = told([0.08, 0.05, 0.30, 0.06], offset_s=offset_s)
    assert watch.least_ns == pytest.approx((0.05 + offset_s) * SECOND, abs=1)
    assert behind == []


def test_the_least_is_of_late() -> None:
    """A clock that drifts is followed: what was least two minutes ago is forgotten, what was within one is not."""
    watch, _ = told([0.01] + [0.05] * 59)
    assert watch.least_ns == pytest.approx(0.01 * SECOND, abs=1)
    watch, _ = told([0.01] + [0.05] * 119)
    assert watch.least_ns == pytest.approx(0.01 * SECOND, abs=1)
    watch, _ = told([0.01] + [0.05] * 120)
    assert watch.least_ns == pytest.approx(0.05 * SECOND, abs=1)


@pytest.mark.parametrize(
    ("lags_s", "behind"),
    [
        ([0.1] * 5 + [3.05] * 5, []),
        ([0.1] * 5 + [3.2] * 5, [5]),
        ([0.1] * 5 + [9.0] * 11, [5, 10, 15]),
        ([9.0] * 20, []),
    ],
)
def test_falling_behind_is_told_now_and_then(lags_s: list[float], behind: list[int]) -> None:
    """Three seconds above the least, and again every five; how far the clocks are apart does not matter."""
    assert told(lags_s)[1] == behind
