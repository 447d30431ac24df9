"""Depth and imbalance: cases worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest

from book.analytics.depth import SideDepth, depth, depth_bps, imbalance, imbalance_bps
from tests.book.analytics.markets import KINDS, Quotes, Venues, book, told, value

# The mid is 100.00: 10 bps are 0.10, so 99.90 to 100.10.
TWO: Venues = {
    "a": Quotes("99.95*1 99.90*2 99.89*4", "100.05*1.5 100.11*8"),
    "b": Quotes("99.95*0.5", "100.05*0.5 100.10*1"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("venues", "levels", "expected"),
    [
        (TWO, 1, "-0.142857"),  # (1.5 - 2) / 3.5: a level is a price with both venues' amounts
        (TWO, 2, "0.076923"),  # (3.5 - 3) / 6.5
        (TWO, 3, "-0.189189"),  # (7.5 - 11) / 18.5
        (TWO, 9, "-0.189189"),  # the market has no more, and that is known
        ({"a": Quotes("1*1", "2*1")}, 1, "0"),
        ({"a": Quotes("1*3", "2*1")}, 1, "0.5"),
        ({"a": Quotes("3*3", "4*1"), "b": Quotes("1*1", "2*1")}, 1, "0.5"),  # crossed: as they stand
        ({"a": Quotes("1*1")}, 1, None),
        ({}, 1, None),
        ({"a": Quotes("100*1 99*1", "101*1", known_bid="99")}, 2, "0.333333"),  # the horizon itself is known
        ({"a": Quotes("100*1 99*1", "101*1", known_bid="99")}, 3, None),
        ({"a": Quotes("100*1 99*1", "101*1", known_bid="99.5")}, 2, None),
        ({"a": Quotes("100*1 99*1", "101*1", more_bids=True)}, 3, None),
        ({"a": Quotes("100*1", "101*1 102*1"), "b": Quotes("100*1", "", known_ask="101.5")}, 2, None),
        ({"a": Quotes("100*1", "101*1 102*1"), "b": Quotes("100*1", "", known_ask="101.5")}, 1, "0.333333"),
    ],
)
def test_imbalance(venues: Venues, levels: int, expected: str | None, kind: Any) -> None:
    assert value(imbalance(book(kind, **venues), levels)) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("venues", "bps", "expected"),
    [
        (TWO, "5", "-0.142857"),
        (TWO, "10", "0.076923"),  # both ends included
        (TWO, "9.99", "-0.142857"),
        (TWO, "11", "-0.189189"),
        (TWO, "10000", "-0.189189"),
        (TWO, "4.9", None),  # the spread is wider
        ({"a": Quotes("99*1 97*1", "101*1", known_bid="98")}, "200", "0"),  # 98 is still known
        ({"a": Quotes("99*1 97*1", "101*1", known_bid="98")}, "201", None),
        ({"a": Quotes("99*1", "101*1", more_asks=True)}, "101", None),
        ({"a": Quotes("", "101*1")}, "100", None),
    ],
)
def test_imbalance_bps(venues: Venues, bps: str, expected: str | None, kind: Any) -> None:
    assert value(imbalance_bps(book(kind, **venues), Decimal(bps))) == expected


def test_why_there_is_no_imbalance() -> None:
    """And whether a deeper picture would help."""
    ends = book(a=Quotes("100*1", "101*1", known_bid="100"))
    figure = imbalance(ends, 2)
    assert (figure.reason, figure.deeper) == ("a's bids below 100 are unknown", False)
    cut = book(a=Quotes("100*1", "101*1", more_asks=True))
    figure = imbalance(cut, 2)
    assert (figure.reason, figure.deeper) == ("a's asks above 101 were not looked at", True)
    assert imbalance_bps(cut, Decimal(100)).deeper
    assert imbalance_bps(cut, Decimal(1)).reason == "no level within 1 bps of the mid"
    assert not imbalance(book(a=Quotes("100*1", "")), 1).deeper


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("bps", "expected"),
    [
        ("10", ("3.5", "349.725", "3", "300.2")),  # 1.5 * 99.95 + 2 * 99.90; 2 * 100.05 + 100.10
        ("5", ("1.5", "149.925", "2", "200.1")),
        ("4.99", ("0", "0", "0", "0")),
        ("10000", ("7.5", "749.285", "11", "1101.08")),
    ],
)
def test_depth_bps(bps: str, expected: tuple[str, ...], kind: Any) -> None:
    figures = depth_bps(book(kind, **TWO), Decimal(bps))
    assert tuple(told(figures).values()) == expected
    assert all(figure.complete and not figure.reason for figure in figures)
    assert [(figure.part, figure.unit) for figure in figures] == [
        ("bids", "BTC"), ("bids_quote", "USDT"), ("asks", "BTC"), ("asks_quote", "USDT"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_depth_beyond_a_horizon_is_a_lower_bound(kind: Any) -> None:
    """It says of which venues, and down to where it is complete; the other side is not touched by it."""
    made = book(
        kind,
        a=Quotes("99*1 97*1 96*2", "101*1", known_bid="98"),
        b=Quotes("99*1 97.5*4", "101*1", known_bid="97.5"),
    )
    found = depth(made, Decimal(300))
    assert not isinstance(found, str)
    assert found.bids == SideDepth(
        Decimal(7), Decimal(685), Decimal(200),
        "at least: complete to 200 bps, a's bids below 98 are unknown; b's bids below 97.5 are unknown",
    )  # fmt: skip
    assert found.asks == SideDepth(Decimal(2), Decimal(202))
    bids, bids_quote, asks, asks_quote = depth_bps(made, Decimal(300))
    assert (bids.complete, bids_quote.complete, asks.complete, asks_quote.complete) == (False, False, True, True)
    assert bids.reason == bids_quote.reason == found.bids.reason
    assert all(figure.complete for figure in depth_bps(made, Decimal(200)))
    assert not depth_bps(made, Decimal(201))[0].complete


def test_depth_beyond_the_picture_asks_for_a_deeper_one() -> None:
    made = book(a=Quotes("99*1", "101*1", more_asks=True))
    assert [figure.deeper for figure in depth_bps(made, Decimal(200))] == [False, False, True, True]
    assert not any(figure.deeper for figure in depth_bps(made, Decimal(100)))


def test_there_is_no_depth_without_a_mid() -> None:
    figures = depth_bps(book(a=Quotes("99*1")), Decimal(100))
    assert [(figure.value, figure.reason) for figure in figures] == [(None, "no asks")] * 4
    assert [figure.unit for figure in figures] == ["BTC", "USDT", "BTC", "USDT"]


def test_sums_have_no_binary_dust() -> None:
    """0.1 + 0.2 is 0.3."""
    made = book(a=Quotes("99*0.1 98.9*0.2", "101*0.7 101.1*0.1"))
    assert told(depth_bps(made, Decimal(1000))) == {
        "bids": "0.3", "bids_quote": "29.68", "asks": "0.8", "asks_quote": "80.81",
    }  # fmt: skip
