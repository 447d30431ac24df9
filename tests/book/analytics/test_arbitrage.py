"""Arbitrage: cases worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest

from book.analytics import arbitrages
from book.analytics.arbitrage import arbitrage
from tests.book.analytics.markets import FEES, KINDS, Quotes, Venues, book, told

both = pytest.mark.parametrize("kind", KINDS)
CROSSED: Venues = {
    "a": Quotes("99*9", "100*1 101*2 102*9", received_ns=4_000_000),
    "b": Quotes("103*2 101.5*4 99*1", "105*1", received_ns=9_500_000),
}


def only(made: Any) -> Any:
    """The one arbitrage of the book."""
    (found,) = arbitrages(made)
    return found


@both
def test_a_worked_case(kind: Any) -> None:
    """1 from 100 into 103, 1 from 101 into 103, 1 from 101 into 101.50; then 102 is dearer than 101.50."""
    found = only(book(kind, FEES, at_ns=10_000_000, **CROSSED))
    assert (found.buy, found.sell, found.ask, found.bid) == ("a", "b", 100, 103)
    assert (found.amount, found.profit, found.gross_bps) == (3, Decimal("5.5"), 300)
    # 103 * 0.996 = 102.588 against 100 * 1.001 = 100.1
    assert found.net_bps == Decimal("248.5514")
    # and against 101 * 1.001 = 101.101; then 101.5 * 0.996 = 101.094 is less than that
    assert (found.net_amount, found.net_profit) == (2, Decimal("3.975"))
    assert (found.buy_age_ns, found.sell_age_ns) == (6_000_000, 500_000)
    assert (found.complete, found.cut, found.reason) == (True, False, "")


@both
@pytest.mark.parametrize(
    "venues",
    [
        {},
        {"a": Quotes("100*1", "101*1")},
        {"a": Quotes("100*1", "101*1"), "b": Quotes("100.5*1", "101.5*1")},
        {"a": Quotes("100*1", "101*1"), "b": Quotes("101*1", "102*1")},  # locked: nothing to win
        {"a": Quotes("102*1", "101*1"), "b": Quotes("99*1", "103*1")},  # one venue in itself is no arbitrage
        {"a": Quotes("100*1", ""), "b": Quotes("99*1", "")},
    ],
)
def test_none(venues: Venues, kind: Any) -> None:
    assert arbitrages(book(kind, FEES, **venues)) == ()
    figures = arbitrage(book(kind, FEES, **venues))
    assert {(figure.value, figure.reason) for figure in figures} == {(None, "no venue bids more than another asks")}


@both
def test_the_most_profitable_comes_first(kind: Any) -> None:
    """By what is left after fees: a takes 0.1 %, c takes none; without fees by what is won before them."""
    for offered, first in (("1", "c"), ("9", "a")):
        venues: Venues = {
            "a": Quotes("98*1", f"100*{offered}"), "b": Quotes("101*9", "103*1"), "c": Quotes("98*1", "100.1*5"),
        }  # fmt: skip
        for fees in (FEES, {}):
            found = arbitrages(book(kind, fees, **venues))
            assert {(each.buy, each.sell) for each in found} == {("a", "b"), ("c", "b")}
            assert found[0].buy == first


@both
def test_what_fees_eat_up(kind: Any) -> None:
    """A cross smaller than the fees: it is told, with a negative net."""
    found = only(book(kind, FEES, a=Quotes("99*1", "100*1"), b=Quotes("100.1*1", "101*1")))
    assert (found.gross_bps, found.amount, found.net_amount, found.net_profit) == (10, 1, 0, 0)
    assert found.net_bps == -40


def test_an_unknown_fee_leaves_the_gross() -> None:
    made = book(a=Quotes("99*1", "100*1"), b=Quotes("101*1", "102*1"))
    found = only(made)
    assert (found.gross_bps, found.net_bps, found.net_amount, found.net_profit) == (100, None, None, None)
    figures = arbitrage(made)
    assert told(figures) == {
        "gross": "100", "net": None, "amount": "1", "profit": "1", "net_amount": None, "net_profit": None,
        "buy_age": "0", "sell_age": "0",
    }  # fmt: skip
    assert figures[1].reason == "the taker fee of a or b is not known"


@both
@pytest.mark.parametrize(
    ("asks", "bids", "complete", "cut"),
    [
        (Quotes("", "100*1 101*1", known_ask="100.9"), Quotes("102*2 99*1"), False, False),  # a better ask may hide
        (Quotes("", "100*1 103*1", known_ask="101"), Quotes("102*2 99*1"), False, False),  # an ask below 102 may hide
        (Quotes("", "100*1 103*1", known_ask="103"), Quotes("102*2 99*1"), True, False),
        (Quotes("", "100*2 103*1"), Quotes("102*1", "", known_bid="102"), False, False),  # a bid above 100 may hide
        (Quotes("", "100*2 103*1"), Quotes("102*1", "", known_bid="100.01"), True, False),
        (Quotes("", "100*1", more_asks=True), Quotes("102*2"), False, True),
        (Quotes("", "100*1"), Quotes("102*2", "", more_bids=True), True, False),  # nothing is left to buy
        (Quotes("", "100*1 101*1", known_ask="100"), Quotes("100.5*1"), True, False),  # all bids are used up
    ],
)
def test_the_horizon_is_respected(asks: Quotes, bids: Quotes, complete: bool, cut: bool, kind: Any) -> None:
    found = only(book(kind, FEES, a=asks, b=bids))
    assert (found.complete, found.cut, bool(found.reason)) == (complete, cut, not complete)
    amount = arbitrage(book(kind, FEES, a=asks, b=bids))[2]
    assert (amount.complete, amount.deeper, amount.reason) == (complete, cut, found.reason)


def test_the_figures() -> None:
    figures = arbitrage(book(float, FEES, at_ns=10_000_000, **CROSSED))
    assert told(figures) == {
        "gross": "300", "net": "248.5514", "amount": "3", "profit": "5.5", "net_amount": "2", "net_profit": "3.975",
        "buy_age": "6", "sell_age": "0.5",
    }  # fmt: skip
    assert [figure.unit for figure in figures] == ["bps", "bps", "BTC", "USDT", "BTC", "USDT", "ms", "ms"]
    assert figures[0].reason == "buy at a, sell at b"


@both
def test_equal_prices_are_not_dealt(kind: Any) -> None:
    """The second unit would be bought at 101 and sold at 101."""
    found = only(book(kind, a=Quotes("99*1", "100*1 101*1"), b=Quotes("101*2", "102*1")))
    assert (found.amount, found.profit) == (1, 1)
