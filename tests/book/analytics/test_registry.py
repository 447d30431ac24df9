"""Analytics by name: what is read, what is refused and how, what may come back."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from book.analytics import BadAnalytic, BadDefinition, BadResult, Between, Figure, Registry, Venue, built_in
from tests.book.analytics.markets import FEES, Quotes, book, told

TWO = book(float, FEES, a=Quotes("99*1", "101*1"), b=Quotes("98*2", "102*2"))
REGISTRY = built_in()


@pytest.mark.parametrize(
    ("asked", "values"),
    [
        ("mid", {"": "100"}),
        (" mid ", {"": "100"}),
        ("microprice", {"": "100"}),
        ("spread", {"": "2"}),
        ("spread_bps", {"": "200"}),
        ("imbalance:1", {"": "0"}),
        ("imbalance_bps:100", {"": "0"}),
        ("imbalance_bps:100.5", {"": "0"}),
        ("depth_bps:100", {"bids": "1", "bids_quote": "99", "asks": "1", "asks_quote": "101"}),
        ("vwap:buy:1.5", {"": "101.333333"}),
        ("vwap:sell:1:b", {"": "98"}),
        ("net_bid", {"": "98.901"}),
        ("net_ask", {"": "101.101"}),
        ("net_spread_bps", {"": "219.9978"}),
    ],
)
def test_what_a_user_types(asked: str, values: dict[str, str]) -> None:
    analytic = REGISTRY.parse(asked, ("a", "b"))
    assert analytic.name == asked.strip()
    assert told(analytic.figures(TWO)) == values


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ("", "unknown analytic ''; known are mid, microprice, "),
        ("nonsense", "unknown analytic 'nonsense'; known are "),
        ("imbalence:5", "unknown analytic 'imbalence', did you mean imbalance:LEVELS?; known are "),
        ("imbalance", "'imbalance': it has 0 parameters, not 1; write imbalance:LEVELS"),
        ("imbalance:5:6", "'imbalance:5:6': it has 2 parameters, not 1; write imbalance:LEVELS"),
        ("imbalance:0", "levels is '0'; it must be a whole number from 1 to 5000; write imbalance:LEVELS"),
        ("imbalance:5001", "levels is '5001'; it must be a whole number from 1 to 5000"),
        ("imbalance:2.5", "levels is '2.5'; it must be a whole number"),
        ("imbalance:", "levels is ''"),
        ("imbalance:٣", "levels is '٣'"),
        ("depth_bps:0", "bps is '0'; it must be a decimal such as 2.5 from 0.01 to 10000; write depth_bps:BPS"),
        ("depth_bps:1e3", "bps is '1e3'"),
        ("depth_bps:nan", "bps is 'nan'"),
        ("cost:bye:1", "side is 'bye'; known are buy, sell; write cost:SIDE:AMOUNT[:VENUE]"),
        ("cost:buy", "it has 1 parameters, not 2 to 3"),
        ("cost:buy:0", "amount is '0'"),
        ("cost:buy:-1", "amount is '-1'"),
        ("cost:buy:1:kraken", "venue is 'kraken'; known are a, b"),
        ("m" * 101, "an analytic has at most 100 characters"),
    ],
)
def test_what_is_refused(asked: str, error: str) -> None:
    """The message names the value and what is known."""
    with pytest.raises(BadAnalytic) as caught:
        REGISTRY.parse(asked, ("a", "b"))
    assert error in str(caught.value)


def test_a_venue_is_read_in_any_case_and_unchecked_where_none_are_known() -> None:
    assert REGISTRY.parse("cost:buy:1:A", ("a", "b")).arguments == ("buy", Decimal(1), "a")
    assert REGISTRY.parse("cost:buy:1:Elsewhere").arguments[2] == "elsewhere"


@given(st.text(max_size=120))
def test_any_text(text: str) -> None:
    """Whatever is typed is an analytic or refused with a reason."""
    try:
        REGISTRY.parse(text, ("a",))
    except BadAnalytic as error:
        assert str(error)


def test_every_analytic_says_what_it_is() -> None:
    assert len({each.name for each in REGISTRY}) == 16
    for each in REGISTRY:
        assert each.summary.endswith((".", ":", "prices; -1 to 1, above 0: more bids.", ")."))
        assert each.usage in REGISTRY.usages()


def custom(book: Any, times: Annotated[int, Between("1", "9")], word: Literal["x", "y"] = "x", more: Any = 0) -> Any:
    """Not an analytic: `more` may be anything."""


def own(
    book: Any, times: Annotated[int, Between("1", "9")], share: Decimal, word: Literal["x", "y"] = "x",
    venue: Venue = "", free: str = "",
) -> Any:  # fmt: skip
    """Its arguments."""
    return Decimal(times) + share, word, venue, free


def test_parameters_are_those_of_the_function() -> None:
    registry = Registry()
    definition = registry.add("own", own)
    assert definition.usage == "own:TIMES:SHARE[:WORD][:VENUE][:FREE]"
    assert registry.parse("own:9:-0.5").arguments == (9, Decimal("-0.5"))
    assert registry.parse("own:1:2:y:a: any Text", ("a",)).arguments == (1, Decimal(2), "y", "a", " any Text")
    with pytest.raises(BadAnalytic, match="times is '10'; it must be a whole number from 1 to 9"):
        registry.parse("own:10:1")
    with pytest.raises(BadAnalytic, match="word is 'z'; known are x, y"):
        registry.parse("own:1:1:z")


def nothing() -> None:
    """It does not even take the book."""


def starred(book: Any, *more: str) -> None:
    """How many there may be is not said."""


@pytest.mark.parametrize(
    ("name", "function", "error"),
    [
        ("custom", custom, "custom: its parameter more must be int, Decimal, str or a Literal"),
        ("nothing", nothing, "nothing: it must take the book"),
        ("starred", starred, "starred: it must take the book, and then only"),
        ("Big", own, "'Big' is no name"),
        ("a:b", own, "'a:b' is no name"),
        ("a,b", own, "'a,b' is no name"),
        ("5", own, "'5' is no name"),
        ("", own, "'' is no name"),
        ("five", 5, "five: the int 5 is no function"),
        ("mid", own, "there is an analytic 'mid' already"),
    ],
)
def test_what_cannot_be_an_analytic(name: str, function: Any, error: str) -> None:
    with pytest.raises(BadDefinition) as caught:
        built_in().add(name, function)
    assert error in str(caught.value)


def test_what_is_added_stays_where_it_was_added() -> None:
    registry = built_in()
    registry.add("own", own)
    with pytest.raises(BadAnalytic):
        built_in().parse("own:1:1")


@pytest.mark.parametrize(
    ("result", "figures"),
    [
        (Decimal("1.50"), [Figure(Decimal("1.50"), "apples")]),
        (3, [Figure(Decimal(3), "apples")]),
        (None, [Figure(None, "apples", "not defined for this book", False)]),
        (Figure(Decimal(1), "bps"), [Figure(Decimal(1), "bps")]),
        (Figure.none("bps", "why"), [Figure(None, "bps", "why", False)]),
        (
            (Figure(Decimal(1), "bps", part="x"), Figure(Decimal(2), "bps", part="y")),
            [Figure(Decimal(1), "bps", part="x"), Figure(Decimal(2), "bps", part="y")],
        ),
    ],
)
def test_what_may_come_back(result: Any, figures: list[Figure]) -> None:
    registry = Registry()
    registry.add("own", lambda _: result, "apples")
    assert list(registry.parse("own").figures(TWO)) == figures


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (0.1 + 0.2, "it returned the float 0.30000000000000004"),
        (Figure(0.5, "bps"), "it returned the float 0.5 as a value"),  # type: ignore[arg-type]
        (Figure(True, "bps"), "it returned the bool True as a value"),  # type: ignore[arg-type]
        ("1", "it returned the str '1'"),
        (Decimal("NaN"), "it returned NaN: return None"),
        (Decimal("-Infinity"), "it returned -Infinity"),
        (Decimal("1E+999999"), "more than 60 digits"),
        (Decimal("1E-999999"), "more than 60 digits"),
        (10**61, "more than 60 digits"),
        ((), "it returned 0 figures; allowed are 1 to 64"),
        ([Decimal(1)] * 65, "it returned 65 figures"),
        ((Decimal(1), Decimal(2)), "it returned two figures of the same part"),
    ],
)
def test_what_may_not_come_back(result: Any, error: str) -> None:
    """A float would carry binary dust, an endless number would fill the memory."""
    registry = Registry()
    registry.add("own", lambda _: result)
    with pytest.raises(BadResult) as caught:
        registry.parse("own").figures(TWO)
    assert error in str(caught.value)
