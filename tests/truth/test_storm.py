"""A common cut: everything comes back, and no venue is asked for more than it allows."""

import pytest

from tests.truth import storm


def check(pairs: int) -> None:
    """Limits kept, nothing refused, all live again soon."""
    for name, seen in storm.run(pairs, "storm").items():
        assert seen["refused"] == 0, name
        for column, most in seen["most"].items():
            assert most <= storm.ALLOWED[name][column][0], (name, column)


def test_ten_pairs() -> None:
    """Twenty books."""
    check(10)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_pairs() -> None:
    """A hundred books."""
    check(50)


def test_the_most_in_a_window() -> None:
    """Windows begin at any row; a row belongs to those that began less than their length before it."""
    rows = [[100, 5], [101, 1], [110, 7], [111, 2]]
    assert [storm.most_in(rows, 1, seconds) for seconds in (1, 2, 10, 11, 60)] == [7, 9, 9, 13, 15]
