"""The account of what a venue allows, with times from a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.budget import Budget


def test_spends_up_to_nine_tenths() -> None:
    """A tenth of the venue's limit is left to others; then one waits until the oldest weight leaves the window."""
    budget = Budget(100, 60.0)
    assert [budget.delay_s(30, now) for now in (0.0, 1.0, 2.0)] == [0.0, 0.0, 0.0]
    assert budget.used(2.0) == 90
    assert budget.delay_s(1, 10.0) == 50.0
    assert budget.used(10.0) == 90, "what may not be sent is not spent"
    assert budget.delay_s(1, 60.0) == 0.0
    assert budget.used(60.0) == 61


def test_a_request_above_the_limit_goes_alone() -> None:
    """One that weighs more than all that is allowed is not waited for for ever."""
    budget = Budget(100, 60.0)
    assert budget.delay_s(250, 0.0) == 0.0
    assert budget.delay_s(250, 1.0) == 59.0
    assert budget.delay_s(250, 60.0) == 0.0


def test_others_spend_from_the_same_account() -> None:
    """The venue's own figure counts when it is higher than ours, for one window."""
    budget = Budget(100, 60.0)
    assert budget.delay_s(10, 0.0) == 0.0
    budget.told(85, 1.0)
    assert budget.used(1.0) == 85
    assert budget.delay_s(10, 2.0) > 0
    assert budget.delay_s(5, 2.0) == 0.0
    assert budget.used(61.5) == 5, "the others' weight has left the window"


def test_a_lower_figure_is_not_believed() -> None:
    """The venue's window may have begun anew; ours slides."""
    budget = Budget(100, 60.0)
    budget.delay_s(50, 0.0)
    budget.told(90, 1.0)
    budget.told(3, 2.0)
    assert budget.used(2.0) == 50


def test_only_others_in_the_way() -> None:
    """When all of it was spent by others, one waits for their window."""
    budget = Budget(100, 60.0)
    budget.told(100, 5.0)
    assert budget.delay_s(1, 6.0) == 59.0
    assert budget.delay_s(1, 65.0) == 0.0


@pytest.mark.parametrize(("now", "delay"), [(0.0, 30.0), (29.0, 1.0), (30.0, 0.0), (50.0, 0.0)])
def test_bans(now: float, delay: float) -> None:
    """While one is banned nothing is sent, whatever the account says; a shorter ban does not end a longer one."""
    budget = Budget(100, 60.0)
    budget.ban(30.0, 0.0)
    budget.ban(5.0, 1.0)
    assert budget.delay_s(1, now) == delay


@given(
    st.lists(st.tuples(st.floats(0.001, 20), st.integers(1, 60)), max_size=80),
    st.lists(st.integers(0, 150), max_size=5),
)
def test_no_window_is_overspent(steps: list[tuple[float, int]], told: list[int]) -> None:
    """In no window of any beginning is more spent than allowed, and whoever waits as told gets through in the end."""
    budget, now, spent = Budget(100, 60.0), 0.0, []
    for number, (pause, weight) in enumerate(steps):
        now += pause
        if number < len(told):
            budget.told(told[number], now)
        for _ in range(200):
            delay = budget.delay_s(weight, now)
            if not delay:
                break
            assert delay > 0
            now += delay
        else:
            raise AssertionError("never allowed")
        spent.append((now, weight))
    for begin, _ in spent:
        window = sum(weight for when, weight in spent if begin <= when < begin + 60.0 - 1e-6)
        assert window <= 90


def test_a_share_leaves_the_rest_to_others() -> None:
    """What can wait may use only a part of what is ours; a ban stops it like everything else."""
    budget = Budget(100, 60.0)
    assert [budget.delay_s(15, 0.0, 0.5) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert budget.delay_s(15, 0.0, 0.5) > 0, "half of the ninety is used"
    assert budget.delay_s(45, 0.0) == 0.0
    budget.ban(5.0, 70.0)
    assert budget.delay_s(1, 71.0, 0.5) == 4.0
