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


def test_waits_double_up_to_the_cap() -> None:
    """0.5 s, 1 s, 2 s ... and never more than the cap, however long it goes on."""
    backoff = Backoff(0.5, 30.0, Always(1.0))
    assert [backoff.next_s() for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert {backoff.next_s() for _ in range(2000)} == {30.0}


@pytest.mark.parametrize(("lasted_s", "wait"), [(0.0, 4.0), (59.9, 4.0), (60.0, 0.5), (9999.0, 0.5)])
def test_only_a_stable_time_resets(lasted_s: float, wait: float) -> None:
    """An attempt that held for less than a minute was no success."""
    backoff = Backoff(0.5, 30.0, Always(1.0))
    for _ in range(3):
        backoff.next_s()
    assert backoff.next_s(lasted_s) == wait


@given(st.integers(0, 40), st.integers(0, 2**32), st.floats(0.01, 5), st.floats(5, 100))
def test_jitter(failures: int, seed: int, first_s: float, cap_s: float) -> None:
    """Every wait lies between half and the whole of its step."""
    backoff = Backoff(first_s, cap_s, random.Random(seed))
    for _ in range(failures):
        backoff.next_s()
    step = min(first_s * 2.0**failures, cap_s)
    assert step / 2 <= backoff.next_s() <= step


def test_two_are_not_in_step() -> None:
    """Without a seed, many clients do not come back all at once."""
    assert len({Backoff(1.0).next_s() for _ in range(50)}) > 40
