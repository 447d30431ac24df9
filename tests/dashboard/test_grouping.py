"""Grouping: nothing is lost, nothing is promised, and nothing looks crossed that is not."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.grouping import MOST, grouped, rounded, step_of, tick_of
from dashboard.market import Book, Touch, decode
from dashboard.muting import heard
from dashboard.options import Options
from dashboard.rungs import rungs
from tests.dashboard.fake import book
from tests.dashboard.shown import books, uncrossed_books

steps = st.tuples(st.integers(0, 12), st.sampled_from([1, 5, 10])).map(lambda pair: step_of(*pair))


def test_steps() -> None:
    assert [step_of(group) for group in range(8)] == [1, 2, 5, 10, 20, 50, 100, 200]
    assert step_of(3, 25) == 250
    assert step_of(-4) == 1
    assert step_of(10**6) == step_of(MOST)


@pytest.mark.parametrize(
    ("sizes", "decimals", "tick"),
    [
        (["0.01", "0.1"], 2, 1),
        (["0.10", "0.5"], 2, 10),
        (["", "0.5"], 1, 5),
        ([], 2, 1),
        (["1e-8"], 2, 1),
        (["0.00001"], 2, 1),
    ],
)
def test_the_finest_venue_gives_the_tick(sizes: list[str], decimals: int, tick: int) -> None:
    assert tick_of(sizes, decimals) == tick


def test_bids_go_down_and_asks_up() -> None:
    assert [rounded(price, 10, bid=True) for price in (100, 101, 109)] == [100, 100, 100]
    assert [rounded(price, 10, bid=False) for price in (100, 101, 110)] == [100, 110, 110]


@pytest.mark.parametrize(
    ("decimals", "step", "shown"),
    [(2, 1, 2), (2, 5, 2), (2, 10, 1), (2, 50, 1), (2, 100, 0), (2, 1000, 0), (0, 10, 0)],
)
def test_prices_have_the_decimals_of_the_step(decimals: int, step: int, shown: int) -> None:
    found = grouped(decode(book([(100, {0: 1})], price_decimals=decimals), None), step)
    assert found.decimals == shown


@given(books, steps)
def test_amounts_of_every_venue_are_conserved(whole: Book, step: int) -> None:
    found = grouped(whole, step)
    for levels, groups in ((whole.bids, found.bids), (whole.asks, found.asks)):
        before: Counter[int] = Counter()
        worth: Counter[int] = Counter()
        for level in levels:
            for venue, amount in level.amounts:
                before[venue] += amount
                worth[venue] += amount * level.price
        after: Counter[int] = Counter()
        value: Counter[int] = Counter()
        for group in groups:
            assert group.amount == sum(part.amount for part in group.parts)
            assert group.value == sum(part.value for part in group.parts)
            assert [part.amount for part in group.parts] == sorted((p.amount for p in group.parts), reverse=True)
            for part in group.parts:
                after[part.venue] += part.amount
                value[part.venue] += part.value
        assert (before, worth) == (after, value)


@given(books, steps)
def test_a_group_never_promises_a_better_price(whole: Book, step: int) -> None:
    """The average of what is in it is at least as good as its label; labels are steps, in order, each once."""
    found = grouped(whole, step)
    for bid in (True, False):
        prices = [group.price for group in found.side(bid)]
        assert prices == sorted(set(prices), reverse=bid)
        assert all(price % step == 0 for price in prices)
        for group in found.side(bid):
            worst = group.price * group.amount
            assert group.value >= worst if bid else group.value <= worst
            assert abs(group.value - worst) < step * group.amount


@given(uncrossed_books, steps)
def test_an_uncrossed_book_never_looks_crossed(whole: Book, step: int) -> None:
    found = grouped(whole, step)
    if found.bids and found.asks:
        best = (found.bids[0].price, found.asks[0].price)
        assert best[0] < best[1] if whole.touch is Touch.OPEN else best[0] <= best[1]
    assert not any(rung.crossed for bid in (True, False) for rung in rungs(found, bid))


@given(books, steps)
def test_a_crossed_book_shows_what_overlaps(whole: Book, step: int) -> None:
    """At every step the best levels of both sides are marked, however coarse."""
    found = grouped(whole, step)
    for bid in (True, False):
        marked = [rung.crossed for rung in rungs(found, bid)]
        assert any(marked) == (whole.touch is Touch.CROSSED)
        assert marked == sorted(marked, reverse=True)


@given(books)
def test_the_first_step_changes_nothing(whole: Book) -> None:
    found = grouped(whole)
    assert [group.price for group in found.bids] == [level.price for level in whole.bids]
    assert [group.amount for group in found.asks] == [level.amount for level in whole.asks]
    assert not found.cut_bids
    assert not found.cut_asks


@pytest.mark.parametrize(
    ("bids", "requested", "cut"),
    [
        ([109, 105, 101], 3, True),  # 100 may be missing from the group of 100
        ([109, 105, 100], 3, False),  # the next one belongs to the next group
        ([109, 105, 101], 4, False),  # the server had no more
        ([109, 105, 101], 0, False),
        ([], 3, False),
    ],
)
def test_the_deepest_group_may_be_cut(bids: list[int], requested: int, cut: bool) -> None:
    found = grouped(decode(book([(price, {0: 1}) for price in bids]), None), 10, requested)
    assert found.cut_bids is cut
    asks = grouped(decode(book((), [(210 - price, {0: 1}) for price in bids]), None), 10, requested)
    assert asks.cut_asks is cut


def test_a_group_is_cut_though_the_last_level_was_muted() -> None:
    whole = decode(book([(109, {0: 1}), (105, {1: 1}), (101, {0: 1})]), None)
    left = heard(whole, Options(muted=frozenset({"binance"})))
    assert grouped(left, 10, 3, whole).cut_bids
    assert not grouped(left, 2, 3, whole).cut_bids, "the group of 100 is gone with its venue"


@given(books, st.sets(st.sampled_from(["binance", "kraken", "okx"])))
def test_muted_venues_are_as_if_they_had_never_come(whole: Book, muted: set[str]) -> None:
    left = heard(whole, Options(muted=frozenset(muted)))
    away = {index for index, venue in enumerate(whole.venues) if venue.name in muted}
    for levels, before in ((left.bids, whole.bids), (left.asks, whole.asks)):
        assert all(level.amount == sum(amount for _, amount in level.amounts) > 0 for level in levels)
        assert not any(venue in away for level in levels for venue, _ in level.amounts)
        kept = sum(amount for level in before for venue, amount in level.amounts if venue not in away)
        assert sum(level.amount for level in levels) == kept
