"""The depth chart: a step function that can be checked by hand, and pictures of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.depth import (
    RANGES,
    Curves,
    Frame,
    chart,
    curve,
    foot,
    narrower,
    seen_reach,
    shifted,
    wider,
)
from dashboard.market import Book, decode
from dashboard.options import Glyphs
from dashboard.rows import Role, Row, cells
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import same_as_golden
from tests.dashboard.fake import book, market, venue
from tests.dashboard.shown import books, messages, view_of
from tests.dashboard.test_rows import SCREENS, printed

CHARTS = {
    "panel": (62, 10, Frame(), Glyphs.BLOCK),
    "full": (80, 20, Frame(cross=-12), Glyphs.BLOCK),
    "braille": (62, 10, Frame(cross=4), Glyphs.BRAILLE),
    "ascii": (62, 10, Frame(reach=20), Glyphs.ASCII),
    "stacked": (62, 10, Frame(curves=Curves.STACKED), Glyphs.BLOCK),
    "overlaid": (80, 20, Frame(curves=Curves.OVERLAID), Glyphs.BLOCK),
}


@pytest.mark.parametrize("name", CHARTS)
def test_golden(name: str) -> None:
    width, height, frame, glyphs = CHARTS[name]
    same_as_golden(f"depth-{name}", printed(chart(SCREENS["live"], width, height, frame, glyphs, 25)))


def lines(rows: list[Row]) -> list[str]:
    return [row.text for row in rows]


def test_a_small_book_by_hand() -> None:
    """Levels at 1 and 3 from the mid, amounts 1 and 3 (bids), 2 and 2 (asks); eight columns of one unit each."""
    message = book([(99, {0: 1}), (97, {0: 3})], [(101, {0: 2}), (103, {0: 2})], price_decimals=0, amount_decimals=0)
    found = curve(decode(message, None), 8, 40_000)
    assert [point.amount for point in found.points] == [4, 4, 1, 1, 2, 2, 4, 4]
    assert found.twice_reach == 8
    rows = lines(chart(view_of(message), 8, 5, Frame(reach=40_000)))
    assert rows[:4] == ["██    ██", "██    ██", "██  ████", "████████"]


def test_steps_stand_at_the_levels_price() -> None:
    """The automatic reach ends at the deepest level, which is inside."""
    found = curve(decode(market(25), None), 62, 0)
    assert found.points[0].amount == sum(level.amount for level in decode(market(25), None).bids)
    assert found.points[-1].amount == sum(level.amount for level in decode(market(25), None).asks)


@given(books, st.integers(1, 60), st.sampled_from([0, *RANGES]))
def test_curves_only_rise_outwards(whole: Book, half: int, reach: int) -> None:
    """Each point is the sum of its venues; nothing beyond the reach is counted, and nothing within it is lost."""
    found = curve(whole, 2 * half, reach)
    bids, asks = found.points[:half], found.points[half:]
    for side in (bids[::-1], asks):
        amounts = [point.amount for point in side]
        assert amounts == sorted(amounts)
        assert all(sum(point.parts) == point.amount for point in side)
    for end, levels in ((bids[0], whole.bids), (asks[-1], whole.asks)):
        low, high = found.twice_mid - found.twice_reach, found.twice_mid + found.twice_reach
        inside = [level for level in levels if (2 * level.price >= low if end.bid else 2 * level.price <= high)]
        assert end.amount == sum(level.amount for level in inside)
        assert end.value == sum(level.amount * level.price for level in inside)


@settings(max_examples=60, deadline=None)
@given(
    messages(),
    st.integers(1, 90),
    st.integers(1, 24),
    st.sampled_from([0, *RANGES]),
    st.sampled_from(Curves),
    st.sampled_from(Glyphs),
    st.one_of(st.none(), st.integers(-200, 200).filter(bool)),
)
def test_every_chart_fits_its_place(
    message: pb.Book, width: int, height: int, reach: int, curves: Curves, glyphs: Glyphs, cross: int | None
) -> None:
    rows = chart(view_of(message), width, height, Frame(reach, curves, cross), glyphs, 5)
    assert len(rows) == height
    assert {cells(row.spans) for row in rows} == {width}
    if glyphs is Glyphs.ASCII:
        assert not any(sign in row.text for row in rows for sign in "▁▂▃▄▅▆▇█")


def test_what_is_not_known_is_quiet() -> None:
    """Beyond a venue's horizon, or beyond the levels that were asked for, more may stand than is counted."""
    entries = [venue("binance"), venue("kraken")]
    entries[1].known_bid = 98
    message = book(
        [(99, {0: 5}), (90, {1: 5})], [(101, {0: 9}), (105, {0: 9})], entries, price_decimals=0, amount_decimals=0
    )
    whole = decode(message, None)
    known = [point.known for point in curve(whole, 20, 0).points]
    assert known == [False] * 8 + [True] * 12
    assert all(point.known for point in curve(whole, 20, 0, 0, frozenset({1})).points), "a muted venue bounds nothing"
    asked = [point.known for point in curve(whole, 20, 0, 2).points]
    assert asked == [False] * 8 + [True] * 7 + [False] * 5
    rows = chart(view_of(message), 20, 6, Frame())
    assert rows[-2].spans[0].role is Role.QUIET
    assert rows[-2].spans[-1].role is Role.ASK_BAR
    row = chart(view_of(message), 70, 6, Frame(cross=-35))[0]
    assert "≥10 BTC" in row.text


def test_the_crosshair_reads_the_book_at_its_price() -> None:
    message = book([(99, {0: 1}), (97, {1: 3})], [(101, {0: 2})], price_decimals=0, amount_decimals=0)
    row = chart(view_of(message), 80, 5, Frame(reach=50_000, cross=-40))[0]
    assert row.text.split("  ") == [
        " bid 95",
        "-500.00 bp",
        "4 BTC",
        "390 USDT",
        "S 3 B 1",
        *row.text.split("  ")[5:],
    ]


def test_without_levels_it_says_so() -> None:
    assert any("no levels" in line for line in lines(chart(view_of(book()), 40, 8, Frame())))
    assert foot(view_of(book()), Frame()) == ""
    one = chart(view_of(book([(100, {0: 5})])), 40, 8, Frame())
    assert any("█" in line for line in lines(one)), "one side alone is drawn around its best price"


def test_keys() -> None:
    assert wider(Frame(reach=50)).reach == 100
    assert narrower(Frame(reach=50)).reach == 20
    assert wider(Frame(), 39).reach == 50
    assert narrower(Frame(), 39).reach == 20
    assert wider(Frame(reach=RANGES[-1])).reach == RANGES[-1]
    assert narrower(Frame(reach=10)).reach == 10
    steps = [Frame(), *(Frame(cross=at) for at in (1, -1, 2))]
    assert [shifted(frame, -1).cross for frame in steps] == [-1, -1, -2, 1]
    assert [shifted(frame, 1).cross for frame in steps] == [1, 2, 1, 3]


def test_the_foot_sums_what_is_in_reach() -> None:
    message = book([(99, {0: 10_000}), (50, {0: 30_000})], [(101, {0: 20_000})], price_decimals=0)
    assert foot(view_of(message), Frame()) == "bid 4.000 BTC | ask 2.000 BTC"
    assert foot(view_of(message), Frame(reach=1_000 * 10)) == "bid 1.000 BTC | ask 2.000 BTC"
    assert seen_reach(decode(message, None)) == 500_000
    assert seen_reach(decode(book(), None)) == 0
