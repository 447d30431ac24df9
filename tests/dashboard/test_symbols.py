"""The symbols table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.feed import View
from dashboard.numbers import SECOND_NS
from dashboard.rows import Role, cells
from dashboard.symbols import CALM_NS, Order, ordered, rows
from tests.dashboard.conftest import same_as_golden
from tests.dashboard.fake import book, market
from tests.dashboard.shown import view_of
from tests.dashboard.test_rows import FOUR, SCREENS, printed

VIEWS: dict[str, View | None] = {
    "BTC/USDT": view_of(market(venues=FOUR)),
    "ETH/USDT": view_of(market(mid=350_000, pair="ETH/USDT")),
    "SOL/USDT": None,
    "ONE/SIDE": view_of(book([(100, {0: 1})], pair="ONE/SIDE")),
    "OLD/PAIR": SCREENS["frozen"],
    "X/Y": SCREENS["connecting"],
}


def test_golden() -> None:
    pairs = ordered(VIEWS, Order.PAIR, (), 0)
    found = rows(VIEWS, pairs, 100, 9, selected=1)
    assert [cells(row.spans) for row in found] == [100] * 9
    same_as_golden("symbols", printed(found))


@pytest.mark.parametrize(
    ("order", "first", "last"),
    [
        (Order.PAIR, "BTC/USDT", "X/Y"),
        (Order.SPREAD, "BTC/USDT", "X/Y"),
        (Order.IMBALANCE, None, "X/Y"),
        (Order.VENUES, "BTC/USDT", "X/Y"),
        (Order.AGE, "OLD/PAIR", "X/Y"),
    ],
)
def test_orders(order: Order, first: str | None, last: str) -> None:
    """What has no figure is last."""
    found = ordered(VIEWS, order, (), 10**12)
    assert sorted(found) == sorted(VIEWS)
    assert first in (None, found[0])
    assert found[-1] == last


def test_the_imbalance_counts_as_many_levels_as_asked() -> None:
    message = book([(100, {0: 30}), (99, {0: 90})], [(101, {0: 10}), (102, {0: 10})])
    views: dict[str, View | None] = {"A/B": view_of(message)}
    assert "+50%" in rows(views, ("A/B",), 100, 2, depth=1)[1].text
    assert "+71%" in rows(views, ("A/B",), 100, 2, depth=2)[1].text
    other = view_of(book([(100, {0: 20})], [(101, {0: 10})]))
    for depth, first in ((1, "A/B"), (2, "A/B")):
        assert ordered({**views, "C/D": other}, Order.IMBALANCE, (), 10**12, depth)[0] == first
    assert ordered({"A/B": view_of(book([(9, {0: 1}), (8, {0: 99})], [(10, {0: 1}), (11, {0: 1})])), "C/D": other},
                   Order.IMBALANCE, (), 10**12, 1)[0] == "C/D"  # fmt: skip


def test_nothing_moves_while_keys_are_pressed() -> None:
    before = ("X/Y", "BTC/USDT", "GONE/PAIR")
    assert ordered(VIEWS, Order.AGE, before, CALM_NS - 1)[:2] == ("X/Y", "BTC/USDT")
    assert "GONE/PAIR" not in ordered(VIEWS, Order.AGE, before, CALM_NS - 1)
    assert sorted(ordered(VIEWS, Order.AGE, before, CALM_NS - 1)) == sorted(VIEWS)
    assert ordered(VIEWS, Order.PAIR, before, CALM_NS)[0] == "BTC/USDT"
    assert SECOND_NS * 2 == CALM_NS


@given(st.integers(1, 140), st.integers(0, 12), st.integers(0, 5), st.sampled_from(Order))
def test_every_table_fits_its_place(width: int, height: int, selected: int, order: Order) -> None:
    found = rows(VIEWS, ordered(VIEWS, order, (), 10**12), width, height, selected, order)
    assert [cells(row.spans) for row in found] == [width] * height
    if height > 1:
        assert sum(row.fill_role is Role.CURSOR and row.fill == width for row in found) == 1


def test_without_pairs() -> None:
    assert "no pair known yet" in rows({}, (), 60, 3)[1].text
