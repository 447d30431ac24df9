"""Waits between attempts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.backoff import Backoff


class Always(random.Random):
    """Draws one end of every range."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self._share


def test_waits_are_a_tenth_of_the_outage() -> None:
    """At first the least wait, later a tenth of the time without success, and never more than the cap."""
    backoff = Backoff(0.5, 30.0, Always(1.0))
    assert [backoff.next_s() for _ in range(10)] == [0.5] * 10
    assert backoff.next_s(5.0) == pytest.approx(1.0)
    outage_s = 11.0
    while outage_s < 200.0:
        wait = backoff.next_s()
        assert wait == pytest.approx(outage_s / 10)
        outage_s += wait
    for _ in range(2000):
        wait = backoff.next_s()
    assert wait == 30.0


@pytest.mark.parametrize(("lasted_s", "wait"), [(0.0, 2.0), (9.9, 2.99), (10.0, 0.5), (9999.0, 0.5)])
def test_only_a_stable_time_resets(lasted_s: float, wait: float) -> None:
    """An attempt that held for less than ten seconds was no success, and counts among the outage."""
    backoff = Backoff(0.5, 30.0, Always(1.0))
    backoff.outage_s = 20.0
    assert backoff.next_s(lasted_s) == pytest.approx(wait)


@given(st.integers(0, 2**32), st.floats(0.01, 5), st.floats(5, 100), st.floats(0, 1e6))
def test_jitter(seed: int, first_s: float, cap_s: float, outage_s: float) -> None:
    """Every wait lies between half and the whole of its step."""
    backoff = Backoff(first_s, cap_s, random.Random(seed))
    backoff.outage_s = outage_s
    step = min(max(first_s, outage_s / 10), cap_s)
    assert step / 2 <= backoff.next_s() <= step * (1 + 1e-12)


def test_two_are_not_in_step() -> None:
    """Without a seed, many clients do not come back all at once."""
    assert len({Backoff(1.0).next_s() for _ in range(50)}) > 40
