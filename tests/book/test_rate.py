"""Updates a second, out of the times at which they came."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from book import Pair, Stamps, State, VenueBook
from book.connections import Connections
from book.rate import FADES_NS, faded, raised

SECOND = 10**9


@pytest.mark.parametrize("a_second", [0.5, 1, 10, 100])
def test_a_steady_stream_has_its_rate(a_second: float) -> None:
    """Between one update and the next the figure lies around the true rate; halfway it is nearly equal."""
    gap_ns = round(SECOND / a_second)
    rate = 0.0
    for _ in range(round(60 * a_second)):
        rate = raised(rate, gap_ns)
    assert faded(rate, gap_ns) < a_second < rate
    assert faded(rate, gap_ns // 2) == pytest.approx(a_second, rel=0.01)


def test_it_follows_within_seconds() -> None:
    """A burst of the past is forgotten: 1/e of it after five seconds, less than a hundredth after half a minute."""
    rate = 0.0
    for _ in range(1000):
        rate = raised(rate, SECOND // 100)
    assert rate == pytest.approx(100 * (1 - math.exp(-2)), rel=0.02)
    assert faded(rate, FADES_NS) == pytest.approx(rate / math.e)
    assert faded(rate, 30 * SECOND) < rate / 100


@given(st.lists(st.integers(-(10**10), 10**19), max_size=50), st.integers(-(10**10), 10**19))
def test_no_stamp_makes_it_absurd(gaps: list[int], age_ns: int) -> None:
    """Also where the clock is set back or forth: never below none, never above what all updates at once would be."""
    rate = 0.0
    for gap in gaps:
        rate = raised(rate, gap)
        assert 0 <= faded(rate, age_ns) <= rate
    assert rate <= len(gaps) * SECOND / FADES_NS + 1e-9


def test_a_book_counts_its_updates() -> None:
    """Snapshots and diffs alike, by the time of receipt alone."""
    book = VenueBook("x", Pair("A", "B"))
    book.load([(1.0, 1.0)], [], 0, Stamps(0, 10**18, 0))
    book.become(State.LIVE, "", 1)
    for number in range(1, 300):
        book.apply([(1.0, 2.0)], [], number, Stamps(7, 10**18 + number * SECOND // 10, 9))
    assert book.view(0).trust.rate == pytest.approx(10, rel=0.02)


def test_connections_are_counted() -> None:
    connections = Connections()
    connections.opened()
    connections.opened()
    connections.closed()
    assert connections.standing == 1
