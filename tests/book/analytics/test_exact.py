"""Reading books exactly: numbers, order, limits."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from book import State, merge
from book.analytics import ExactBook, Limit
from book.analytics.exact import decimals_of, units_of
from book.analytics.figure import decimal, rounded
from tests.book.analytics.markets import KINDS, Quotes, Venues, book, view

exact = pytest.mark.parametrize("kind", KINDS)


@exact
def test_levels_are_integers_in_the_order_of_the_merged_book(kind: Any) -> None:
    """Best first; equal prices: the larger amount, then the venue configured first."""
    made = book(kind, a=Quotes("100*1 99.5*2", "101*1"), b=Quotes("100*3 99.5*2", "100.01*0.001"))
    assert (made.price_decimals, made.amount_decimals) == (2, 3)
    assert made.bids.levels == (
        (10000, 3000, 1),
        (10000, 1000, 0),
        (9950, 2000, 0),
        (9950, 2000, 1),
    )
    assert made.asks.levels == (
        (10001, 1, 1),
        (10100, 1000, 0),
    )
    assert list(made.bids.prices()) == [(10000, 4000), (9950, 4000)]
    assert made.bids.within(10000) == list(made.bids.levels[:2])
    assert made.asks.within(10099) == list(made.asks.levels[:1])


@exact
def test_a_picture_and_its_merged_book_are_read_alike(kind: Any) -> None:
    picture = view(kind, a=Quotes("100*1", "101*1"), b=Quotes("99*1", "102*1"))
    one, other = ExactBook.of(picture), ExactBook.of(merge(picture, 5))
    assert (one.bids.levels, one.asks.levels) == (other.bids.levels, other.asks.levels)


def test_two_kinds_of_number_are_one_book() -> None:
    """A venue that sends doubles and one that sends Decimals."""
    doubles, decimals = view(float, a=Quotes("0.1*1")), view(Decimal, a=Quotes(), b=Quotes("0.1*2"))
    picture = type(doubles)(doubles.pair, 1, 2, 3, (doubles.venues[0], decimals.venues[1]))
    assert ExactBook.of(picture).bids.levels == (
        (10, 2000, 1),
        (10, 1000, 0),
    )


@pytest.mark.parametrize(
    ("numbers", "decimals", "expected"),
    [
        ([0.29, 1.15], 2, ([29, 115], 2)),
        ([Decimal("0.29")], 2, ([29], 2)),
        ([1.0, Decimal("0.5")], 1, ([10, 5], 1)),
        ([0.295, 1.0], 2, ([295, 1000], 3)),  # finer than the scale: the scale gives way, not the number
        ([1e-12], 2, ([1], 12)),
        ([1e22], 2, ([10**24], 2)),  # more than a double counts
        ([1e300], 8, ([10**308], 8)),
        ([Decimal("1E+3"), Decimal("1.2300")], 0, ([100000, 123], 2)),
        ([Decimal("123456789012345678901234567890.1")], 1, ([1234567890123456789012345678901], 1)),
        ([], 4, ([], 4)),
    ],
)
def test_units(numbers: Any, decimals: int, expected: Any) -> None:
    """The integers that the numbers name, at a scale at which they all are integers."""
    assert units_of(numbers, decimals) == expected


@given(st.lists(st.tuples(st.integers(1, 10**15 - 1), st.integers(0, 12)), max_size=5), st.integers(0, 12))
def test_units_are_exact(numbers: list[tuple[int, int]], decimals: int) -> None:
    """Whatever the scale, the double of a decimal of at most 15 digits is read as that decimal."""
    texts = [Decimal(f"{mantissa}E-{exponent}") for mantissa, exponent in numbers]
    units, scale = units_of([float(each) for each in texts], decimals)
    assert scale >= decimals
    assert [Decimal(f"{unit}E-{scale}") for unit in units] == texts


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no number of a book"):
        decimals_of(Decimal("NaN"))


@pytest.mark.parametrize(
    ("number", "digits", "expected"),
    [("0.25", 1, "0.2"), ("0.35", 1, "0.4"), ("-0.25", 1, "-0.2"), ("2.5", 0, "2"), ("1.10", 4, "1.1")],
)
def test_rounding_is_half_to_even(number: str, digits: int, expected: str) -> None:
    """And trailing zeros are left out."""
    assert str(rounded(Fraction(number), digits)) == expected


def test_decimals_are_not_rounded_to_a_context() -> None:
    """Decimal's own arithmetic would keep 28 digits."""
    assert str(decimal(12345678901234567890123456789012345, 3)) == "12345678901234567890123456789012.345"
    assert str(decimal(-1200, 3)) == "-1.2"
    assert str(decimal(1200, 0)) == "1200"


@exact
def test_limits_are_the_horizon_or_the_end_of_the_picture(kind: Any) -> None:
    """Whichever comes first; the tightest limit of all venues first."""
    made = book(
        kind,
        a=Quotes("100*1 99*1 98*1", known_bid="98.5"),  # 98 was sent although the snapshot ended at 98.5
        b=Quotes("100*1 99*1", more_bids=True),
        c=Quotes("100*1 97*1", known_bid="98", more_bids=True),
        d=Quotes("100*1", known_bid="90", more_bids=True),
        e=Quotes("100*1"),
    )
    assert made.bids.limits == (
        Limit("d", 10000, True), Limit("b", 9900, True), Limit("a", 9850, False), Limit("c", 9800, False),
    )  # fmt: skip
    assert [limit.venue for limit in made.bids.beyond(9850)] == ["d", "b"]
    assert made.bids.beyond(10000) == ()
    assert made.asks.limits == ()
    assert made.told(made.bids, made.bids.beyond(9849)) == (
        "d's bids below 100 were not looked at; b's bids below 99 were not looked at; a's bids below 98.5 are unknown"
    )


@exact
def test_limits_of_asks_lie_above(kind: Any) -> None:
    made = book(kind, a=Quotes("", "100*1 101*1", known_ask="101.5"))
    assert made.asks.beyond(10150) == ()
    assert made.told(made.asks, made.asks.beyond(10151)) == "a's asks above 101.5 are unknown"


def test_who_does_not_contribute_limits_nothing() -> None:
    """A venue that is not live, or that was not asked for; and why is told."""
    made = book(
        a=Quotes("100*1", "101*1"),
        b=Quotes(known_bid="99", known_ask="102"),
        c=Quotes("100*1", "101*1", state=State.STALE, reason="silent for 9 s"),
    )
    assert [each.name for each in made.venues] == ["a"]
    assert made.bids.limits == made.asks.limits == ()
    assert made.only("b") == "b has no levels, or was not asked for"
    assert made.only("c") == "c is stale: silent for 9 s"
    assert made.only("z") == "z is not among the venues of BTC/USDT"


def test_a_side_that_is_used_up_still_limits() -> None:
    """The market has fallen through all bids that a snapshot told: what a bids now is not known."""
    made = book(a=Quotes("", "90*1", known_bid="95"), b=Quotes("89*1", "90*2"))
    assert made.bids.limits == (Limit("a", 9500, False),)
    assert made.touch == "the best bid is not known: a's bids below 95 are unknown"


@exact
def test_one_venue_alone(kind: Any) -> None:
    made = book(kind, a=Quotes("100*1", "101*1"), b=Quotes("99*2", "102*2", known_ask="103"))
    alone = made.only("b")
    assert isinstance(alone, ExactBook)
    assert (alone.bids.levels, alone.asks.levels) == (((9900, 2000, 0),), ((10200, 2000, 0),))
    assert alone.asks.limits == (Limit("b", 10300, False),)


def test_the_moment_of_ages_is_the_newest_receipt_unless_told() -> None:
    quotes: Venues = {"a": Quotes("1*1", received_ns=5), "b": Quotes("1*1", received_ns=9)}
    assert book(**quotes).at_ns == 9
    assert book(at_ns=50, **quotes).at_ns == 50
    assert book().at_ns == 0
