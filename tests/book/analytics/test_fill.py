"""Cost to fill: cases worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest

from book import State
from book.analytics import Fill, VenueFill, fill
from book.analytics.fill import cost, cost_quote, net_cost, net_cost_quote, vwap
from tests.book.analytics.markets import FEES, KINDS, Quotes, Venues, book, told, value

# The mid is 100.
TWO: Venues = {"a": Quotes("99*1 97*5", "101*1 103*2"), "b": Quotes("98*2", "102*2 103*1")}
both = pytest.mark.parametrize("kind", KINDS)


def filled(made: Any, *arguments: Any, **options: Any) -> Any:
    """The fill, which must be one."""
    found = fill(made, *arguments, **options)
    assert isinstance(found, Fill)
    return found


@both
@pytest.mark.parametrize(
    ("side", "amount", "average", "worst", "slippage", "quote"),
    [
        ("buy", "0.5", "101", "101", "100", "50.5"),
        ("buy", "1", "101", "101", "100", "101"),
        ("buy", "2", "101.5", "102", "150", "203"),
        ("buy", "3", "101.666667", "102", "166.6667", "305"),
        ("buy", "6", "102.333333", "103", "233.3333", "614"),
        ("sell", "1", "99", "99", "100", "99"),
        ("sell", "3", "98.333333", "98", "166.6667", "295"),
        ("sell", "8", "97.5", "97", "250", "780"),
        ("buy", "0.0001", "101", "101", "100", "0.0101"),  # finer than the book's amounts
    ],
)
def test_worked_cases(side: Any, amount: str, average: str, worst: str, slippage: str, quote: str, kind: Any) -> None:
    found = filled(book(kind, **TWO), side, Decimal(amount))
    assert found[1:6] == (Decimal(amount), False, Decimal(amount), 0, Decimal(amount))
    assert (found.average, found.worst, found.slippage_bps) == tuple(map(Decimal, (average, worst, slippage)))
    assert found.quote == Decimal(quote)
    assert (found.fee, found.bound, found.cut, found.reason) == (None, False, False, "")


@both
def test_the_split_by_venue(kind: Any) -> None:
    """The larger part first; each with its own average and the price that an order there would name."""
    found = filled(book(kind, **TWO), "buy", Decimal("4.5"))
    assert found.venues == (
        VenueFill("a", Decimal("2.5"), Decimal("255.5"), Decimal("102.2"), Decimal(103), None),
        VenueFill("b", Decimal(2), Decimal(204), Decimal(102), Decimal(102), None),
    )


@both
@pytest.mark.parametrize(
    ("side", "notional", "base", "average", "worst"),
    [
        ("buy", "101", "1", "101", "101"),
        ("buy", "203", "2", "101.5", "102"),
        ("buy", "152", "1.5", "101.333333", "102"),
        ("buy", "111", "1.0980392", "101.089286", "102"),  # 1 + 10 / 102, and the average of exactly that
        ("sell", "99", "1", "99", "99"),
        ("sell", "197", "2", "98.5", "98"),
    ],
)
def test_an_amount_of_quote(side: Any, notional: str, base: str, average: str, worst: str, kind: Any) -> None:
    found = filled(book(kind, **TWO), side, Decimal(notional), in_quote=True)
    assert (found.filled, found.unfilled, found.quote) == (Decimal(notional), 0, Decimal(notional))
    assert (found.base, found.average, found.worst) == tuple(map(Decimal, (base, average, worst)))


@both
def test_more_than_there_is(kind: Any) -> None:
    """What is there is told, and what is not; nothing is invented."""
    found = filled(book(kind, **TWO), "buy", Decimal(7))
    assert (found.filled, found.unfilled, found.average) == (6, 1, Decimal("102.333333"))
    assert (found.bound, found.reason) == (False, "the levels seen hold 6 of 7")
    found = filled(book(kind, **TWO), "buy", Decimal(700), in_quote=True)
    assert (found.filled, found.unfilled, found.reason) == (614, 86, "the levels seen hold 614 of 700")


@both
def test_beyond_a_horizon_the_price_is_a_bound(kind: Any) -> None:
    """What a has between 101.50 and 103 is not known: the fill by b is real, but maybe not the best."""
    made = book(kind, a=Quotes("99*1", "101*1 103*2", known_ask="101.5"), b=Quotes("99*1", "102*2"))
    assert not filled(made, "buy", Decimal(1)).bound
    found = filled(made, "buy", Decimal(3))
    assert (found.average, found.bound, found.cut) == (Decimal("101.666667"), True, False)
    assert found.reason == "a's asks above 101.5 are unknown"
    assert filled(made, "buy", Decimal(3), venue="b").bound is False
    found = filled(made, "buy", Decimal(9))
    assert (found.unfilled, found.bound) == (4, True)
    assert found.reason == "the levels seen hold 5 of 9; a's asks above 101.5 are unknown"


def test_the_analytic_tells_no_price_that_is_a_bound() -> None:
    """But the reason does."""
    made = book(a=Quotes("99*1", "101*1 103*2", known_ask="101.5"), b=Quotes("97*1", "102*2", known_bid="98"))
    figures = cost(made, "buy", Decimal(3))
    assert told(figures) == {
        "average": None, "worst": None, "slippage": None, "total": None, "filled": "3", "unfilled": "0",
        "at/b": None, "at/a": None,
    }  # fmt: skip
    assert figures[0].reason == "at most 101.666667 USDT: a's asks above 101.5 are unknown"
    assert cost(made, "sell", Decimal(2))[0].reason == "at least 98 USDT: b's bids below 98 are unknown"
    figures = cost(made, "buy", Decimal(9))
    assert told(figures[4:]) == {"filled": "5", "unfilled": "4", "at/a": None, "at/b": None}
    assert figures[0].reason == "the levels seen hold 5 of 9; a's asks above 101.5 are unknown"
    assert told(cost(made, "buy", Decimal(1)))["average"] == "101"


def test_the_end_of_the_picture_asks_for_a_deeper_one() -> None:
    made = book(a=Quotes("99*1", "101*1", more_asks=True), b=Quotes("", "102*1"))
    assert not any(figure.deeper for figure in cost(made, "buy", Decimal(1)))
    assert cost(made, "buy", Decimal(2))[0].deeper
    assert cost(made, "buy", Decimal(5))[0].deeper
    assert not cost(made, "sell", Decimal(5))[0].deeper


@both
def test_the_net_route_is_chosen_by_net_price(kind: Any) -> None:
    """Venue b asks 100 and takes 0.4 %, a asks 100.20 and takes 0.1 %: 100.4 against 100.3002."""
    made = book(kind, FEES, a=Quotes("99*1", "100.2*1"), b=Quotes("99*1", "100*1"))
    assert [each.venue for each in filled(made, "buy", Decimal(1)).venues] == ["b"]
    found = filled(made, "buy", Decimal(1), net=True)
    assert found.venues == (
        VenueFill("a", Decimal(1), Decimal("100.3002"), Decimal("100.3002"), Decimal("100.2"), Decimal("0.1002")),
    )
    assert (found.quote, found.average, found.worst, found.fee) == tuple(
        map(Decimal, ("100.3002", "100.3002", "100.3002", "0.1002"))
    )
    found = filled(made, "buy", Decimal(2), net=True)
    assert (found.quote, found.fee) == (Decimal("200.7002"), Decimal("0.5002"))
    assert [(each.venue, each.fee) for each in found.venues] == [("a", Decimal("0.1002")), ("b", Decimal("0.4"))]


@both
def test_a_net_sale_brings_less(kind: Any) -> None:
    made = book(kind, FEES, a=Quotes("100*1", "102*1"), b=Quotes("100.2*1", "102*1"))
    found = filled(made, "sell", Decimal(2), net=True)
    # 99.9 at a, then 99.7992 at b; the mid of 101.1 is that without fees
    assert (found.quote, found.fee, found.worst) == (Decimal("199.6992"), Decimal("0.5008"), Decimal("99.7992"))
    assert found.slippage_bps == Decimal("123.6795")
    assert [(each.venue, each.worst) for each in found.venues] == [("a", 100), ("b", Decimal("100.2"))]
    spent = filled(made, "buy", Decimal("102.102"), in_quote=True, net=True)
    assert (spent.base, spent.unfilled, spent.fee) == (1, 0, Decimal("0.102"))


def test_one_venue() -> None:
    """Against the mid of all venues, so that fills can be compared; only its own fee must be known."""
    made = book(float, FEES, **TWO, z=Quotes("1*1", "1000*9"))
    found = filled(made, "buy", Decimal(2), venue="b")
    assert (found.average, found.slippage_bps, found.venues[0].venue) == (102, 200, "b")
    assert filled(made, "buy", Decimal(2), venue="b", net=True).fee == Decimal("0.816")
    assert fill(made, "buy", Decimal(2), net=True) == "no taker fee is known for z"
    assert told(cost(made, "buy", Decimal(2), "b"))["slippage"] == "200"


@pytest.mark.parametrize("analytic", [cost, cost_quote, net_cost, net_cost_quote])
def test_why_there_is_none(analytic: Any) -> None:
    made = book(float, FEES, a=Quotes("99*1", "101*1"), b=Quotes(state=State.DOWN, reason="closed"))
    figures = analytic(made, "buy", Decimal(1), "b")
    assert {figure.reason for figure in figures} == {"b is down: closed"}
    assert all(figure.value is None for figure in figures)
    figures = analytic(book(float, FEES), "buy", Decimal(1))
    assert (figures[0].value, figures[0].reason) == (None, "the levels seen hold 0 of 1")


@both
def test_without_a_mid_there_is_no_slippage(kind: Any) -> None:
    figures = cost(book(kind, a=Quotes("", "101*1")), "buy", Decimal(1))
    assert (told(figures)["average"], told(figures)["slippage"]) == ("101", None)
    assert figures[2].reason == "there is no mid"


def test_when_venues_cross_a_taker_beats_the_mid() -> None:
    made = book(a=Quotes("102*1", "103*1"), b=Quotes("97*1", "98*1"))
    assert filled(made, "buy", Decimal(1)).slippage_bps == -200


def test_parts_and_units() -> None:
    made = book(float, FEES, **TWO)
    parts = [(figure.part, figure.unit) for figure in net_cost(made, "buy", Decimal(2))]
    assert parts == [
        ("average", "USDT"), ("worst", "USDT"), ("slippage", "bps"), ("total", "USDT"), ("filled", "BTC"),
        ("unfilled", "BTC"), ("fee", "USDT"), ("at/a", "BTC"), ("at/b", "BTC"),
    ]  # fmt: skip
    figures = cost_quote(made, "buy", Decimal(203))
    assert [(figure.part, figure.unit) for figure in figures[3:6]] == [
        ("total", "BTC"), ("filled", "USDT"), ("unfilled", "USDT"),
    ]  # fmt: skip
    assert told(figures)["total"] == "2"


@both
def test_vwap_is_the_average_of_the_cost(kind: Any) -> None:
    assert value(vwap(book(kind, **TWO), "buy", Decimal(3))) == "101.666667"
    assert value(vwap(book(kind, **TWO), "buy", Decimal(7))) is None
    assert vwap(book(kind, **TWO), "buy", Decimal(3)).part == ""


@both
def test_the_horizon_counts_with_the_fee_too(kind: Any) -> None:
    """What b asks is known to 101, with its fee to 101.404: 101.3 * 1.001 of a lies within, 101.31 * 1.001 beyond."""
    made = book(kind, FEES, a=Quotes("99*1", "101.3*1 101.31*1"), b=Quotes("99*1", "100*1", known_ask="101"))
    assert not filled(made, "buy", Decimal(2), net=True).bound
    found = filled(made, "buy", Decimal(3), net=True)
    assert (found.bound, found.reason) == (True, "b's asks above 101.404 are unknown")


@both
def test_the_mid_is_that_of_all_venues(kind: Any) -> None:
    """Here 100, although that of b alone is 101."""
    made = book(kind, a=Quotes("99*1", "101*1"), b=Quotes("98*1", "104*1"))
    assert filled(made, "buy", Decimal(1), venue="b").slippage_bps == 400


@both
def test_what_is_not_filled_may_stand_beyond_what_is_known(kind: Any) -> None:
    """Also where all levels that were taken are well within it."""
    made = book(kind, a=Quotes("99*1", "101*1", known_ask="105"))
    found = filled(made, "buy", Decimal(2))
    assert (found.bound, found.cut) == (False, False)
    assert found.reason == "the levels seen hold 1 of 2; a's asks above 105 are unknown"
    made = book(kind, a=Quotes("99*1", "101*1", more_asks=True))
    found = filled(made, "buy", Decimal(2))
    assert (found.bound, found.cut) == (False, True)
    assert cost(made, "buy", Decimal(2))[0].deeper


def test_one_venue_and_all_are_rounded_alike() -> None:
    """Otherwise the average of c alone, which takes no fee, would seem to be the better one: 89.990058."""
    made = book(float, FEES, b=Quotes("90*0.001", "99*1"), c=Quotes("90*0.001 89.99*0.172", "99*1"))
    merged = filled(made, "sell", Decimal("0.173"), net=True)
    alone = filled(made, "sell", Decimal("0.173"), net=True, venue="c")
    assert merged.average == alone.average == Decimal("89.990057803")
