"""What lights up, for how long, and how often."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dashboard.flashes import LIT_NS, REST_NS, Flashes, watched
from dashboard.grouping import Groups, grouped
from dashboard.market import decode
from dashboard.options import Flash
from dashboard.rows import Role
from tests.dashboard.conftest import SECOND
from tests.dashboard.fake import book, market
from tests.dashboard.shown import picture
from tests.dashboard.test_rows import SCREENS


def groups_of(*bids: tuple[int, int], pair: str = "BTC/USDT") -> Groups:
    return grouped(decode(book([(price, {0: amount}) for price, amount in bids], pair=pair), None))


def lit_after(mode: Flash, *books: Groups) -> set[int]:
    """Prices of bids that are lit after books which came a second apart."""
    state = Flashes()
    now = 0
    for number, groups in enumerate(books):
        now = number * SECOND
        state = watched(state, groups, 10, mode, now)
    return {price for bid, price in state.seen if bid and state.lit(True, price, now)}


def test_a_new_best_price_lights_up() -> None:
    before = groups_of((100, 10), (99, 10))
    assert lit_after(Flash.BEST, before, groups_of((101, 10), (100, 10), (99, 10))) == {101}
    assert lit_after(Flash.BEST, before, groups_of((99, 10))) == {99}
    assert lit_after(Flash.BEST, before, before) == set()
    assert lit_after(Flash.BEST, before) == set(), "the first book is no change"
    assert lit_after(Flash.OFF, before, groups_of((101, 10))) == set()
    assert lit_after(Flash.BEST, before, groups_of((101, 1), pair="ETH/USDT")) == set(), "another pair"


def test_a_size_that_changes_by_a_quarter_lights_up() -> None:
    before = groups_of((100, 100), (99, 100), (98, 100))
    after = groups_of((100, 124), (99, 125), (98, 75))
    assert lit_after(Flash.BEST, before, after) == {99, 98}
    assert lit_after(Flash.ALL, before, after) == {100, 99, 98}


def test_a_level_that_comes_into_sight_is_no_change() -> None:
    assert lit_after(Flash.ALL, groups_of((100, 5)), groups_of((100, 5), (99, 5))) == set()


def test_it_goes_dark_by_itself() -> None:
    state = watched(Flashes(), groups_of((100, 10)), 10, Flash.BEST, 0)
    state = watched(state, groups_of((100, 20)), 10, Flash.BEST, 1_000)
    assert state.lit(True, 100, 1_000 + LIT_NS - 1)
    assert not state.lit(True, 100, 1_000 + LIT_NS)
    assert state.until(1_000) == LIT_NS
    assert state.until(SECOND) is None


@given(st.lists(st.tuples(st.integers(1, 400_000_000), st.integers(1, 10**6)), max_size=40))
def test_never_more_than_three_flashes_a_second(steps: list[tuple[int, int]]) -> None:
    """Whatever the feed does, a cell does not flicker."""
    state, now, begun = Flashes(), 0, []
    for wait, amount in steps:
        now += wait
        state = watched(state, groups_of((100, amount)), 10, Flash.ALL, now)
        lit_ns = state.seen[True, 100].lit_ns
        if lit_ns == now:
            begun.append(now)
    assert all(later - before >= REST_NS for before, later in pairwise(begun))
    assert all(sum(start <= at < start + SECOND for at in begun) <= 3 for start in begun)


def test_the_picture_shows_it_and_a_frozen_one_does_not() -> None:
    first = picture(book([(100, {0: 10}), (99, {0: 10})], [(102, {0: 10})]))
    after = picture(book([(100, {0: 10}), (99, {0: 20})], [(102, {0: 10})]), state=first.state, now_ns=SECOND)
    flashing = [row for row in after.rows if row.fill_role in (Role.BID_FLASH, Role.ASK_FLASH)]
    assert [row.text.split()[:2] for row in flashing] == [["0.0020", "0.99"]]
    assert any(span.role is Role.FLASH for span in flashing[0].spans)
    moved = picture(market(mid=6_412_340)).state
    frozen = picture(SCREENS["stale"], state=moved, now_ns=SECOND)
    assert not [row for row in frozen.rows if row.fill_role in (Role.BID_FLASH, Role.ASK_FLASH)]
