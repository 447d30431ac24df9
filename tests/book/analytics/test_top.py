"""The best prices: cases worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest

from book import State
from book.analytics.figure import Figure
from book.analytics.top import microprice, mid, net_ask, net_bid, net_spread_bps, spread, spread_bps
from tests.book.analytics.markets import FEES, KINDS, Quotes, Venues, book, value

TWO_SIDED: Venues = {"a": Quotes("100*1 99*5", "100.1*3"), "b": Quotes("99.9*9", "100.1*1 100.2*5")}
CROSSED: Venues = {"a": Quotes("100.3*1", "100.5*1"), "b": Quotes("100*1", "100.1*2")}
LOCKED: Venues = {"a": Quotes("100*1", "101*1"), "b": Quotes("99*1", "100*3")}
NO_ASKS: Venues = {"a": Quotes("100*1")}
NO_BIDS: Venues = {"a": Quotes("", "100*1")}
USED_UP: Venues = {"a": Quotes("100*1", "101*1"), "b": Quotes("99*1", "", known_ask="100.5")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("function", "venues", "expected"),
    [
        (mid, TWO_SIDED, "100.05"),
        (mid, {"a": Quotes("100*1", "100.01*1")}, "100.005"),  # one digit more than prices have
        (mid, {"a": Quotes("0.1*1", "0.2*1")}, "0.15"),
        (mid, CROSSED, "100.2"),
        (mid, LOCKED, "100"),
        (mid, NO_ASKS, None),
        (mid, NO_BIDS, None),
        (mid, {}, None),
        (mid, USED_UP, None),
        (mid, {"a": Quotes("100*1", "101*1", state=State.GAP)}, None),
        # 100 * 4 + 100.1 * 1, by 5: leans to the few bids
        (microprice, TWO_SIDED, "100.02"),
        # 100 * 2 + 100.1 * 1, by 3: rounded at 6 digits
        (microprice, {"a": Quotes("100*1", "100.1*2")}, "100.033333"),
        (microprice, {"a": Quotes("100*2", "100.1*1")}, "100.066667"),
        (microprice, LOCKED, "100"),
        (microprice, CROSSED, None),
        (microprice, NO_ASKS, None),
        (spread, {"a": Quotes("99.9*1", "100.1*1")}, "0.2"),  # doubles would say 0.19999999999998863
        (spread, CROSSED, "-0.2"),
        (spread, LOCKED, "0"),
        (spread, NO_BIDS, None),
        (spread_bps, TWO_SIDED, "9.995"),  # 0.1 / 100.05
        (spread_bps, {"a": Quotes("2*1", "4*1")}, "6666.6667"),
        (spread_bps, CROSSED, "-19.9601"),
        (spread_bps, LOCKED, "0"),
        (spread_bps, USED_UP, None),
    ],
)  # fmt: skip
def test_worked_cases(function: Any, venues: Venues, expected: str | None, kind: Any) -> None:
    assert value(function(book(kind, **venues))) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        # a: 100 * 0.999 = 99.9; b: 100.2 * 0.996 = 99.7992, although it bids more
        (net_bid, "99.9"),
        # a: 100.5 * 1.001 = 100.6005; b: 100.3 * 1.004 = 100.7012, although it asks less
        (net_ask, "100.6005"),
        (net_spread_bps, "69.8751"),  # 0.7005 / 100.25025
    ],
)
def test_the_best_price_after_fees_may_be_another_venues(function: Any, expected: str, kind: Any) -> None:
    made = book(kind, FEES, a=Quotes("100*1", "100.5*1"), b=Quotes("100.2*1", "100.3*1"))
    assert value(function(made)) == expected


@pytest.mark.parametrize("function", [net_bid, net_ask, net_spread_bps])
def test_an_unknown_fee_leaves_no_net_price(function: Any) -> None:
    """Only of venues that contribute: the fee of one that is down does not matter."""
    made = book(float, FEES, a=Quotes("100*1", "101*1"), z=Quotes("99*1", "102*1"))
    assert function(made).value is None
    assert function(made).reason == "no taker fee is known for z"
    down = book(float, FEES, a=Quotes("100*1", "101*1"), z=Quotes(state=State.DOWN))
    assert function(down).value is not None


def test_a_fee_of_zero_is_a_fee() -> None:
    made = book(float, {"a": Decimal(0)}, a=Quotes("100*1", "101*1"))
    assert value(net_bid(made)) == "100"


@pytest.mark.parametrize("function", [mid, microprice, spread, spread_bps])
@pytest.mark.parametrize(
    ("venues", "reason"),
    [
        (NO_ASKS, "no asks"),
        (NO_BIDS, "no bids"),
        (USED_UP, "the best ask is not known: b's asks above 100.5 are unknown"),
        ({"a": Quotes("", "1*1", known_bid="2")}, "no bids: a's bids below 2 are unknown"),
    ],
)
def test_why_there_is_none(function: Any, venues: Venues, reason: str) -> None:
    figure = function(book(**venues))
    assert (figure.value, figure.reason, figure.complete) == (None, reason, False)


def test_units() -> None:
    made = book(**TWO_SIDED)
    assert mid(made) == Figure(Decimal("100.05"), "USDT")
    assert (microprice(made).unit, spread(made).unit, spread_bps(made).unit) == ("USDT", "USDT", "bps")
