"""Messages by hand are what protobuf writes, and say what the book says."""

import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from book import MergedBook, Pair, PairBooks, State, merge
from book.analytics import Figure
from book.merged import units
from proto import orderbook_pb2 as pb
from services import encode
from services.figures import AnalysedBook
from services.messages import book_message, summary_message
from services.wire import MAX_SINT64, MAX_UINT64
from tests.services.conftest import BTC, load, lose, make_books

VENUES = ("binance", "bitstamp", "kraken")
NOW = 1_800_000_000_000_000_000


@st.composite
def merged_books(draw: st.DrawFn) -> MergedBook:
    """Merged books of up to three venues, each live or not, with ties and crossings, of many scales."""
    books = make_books(venues=VENUES[: draw(st.integers(1, 3))])
    books.price_decimals = draw(st.integers(0, 8))
    books.amount_decimals = draw(st.integers(0, 12))
    price = st.integers(1, 300).map(lambda units: units / 10**books.price_decimals)
    amount = st.integers(1, 10**15 - 1).map(lambda units: units / 10**books.amount_decimals)
    if draw(st.booleans()):
        amount = st.floats(1e-12, 1e14, allow_nan=False)  # finer or larger than the scale says
    side = st.dictionaries(price, amount, max_size=12).map(lambda levels: list(levels.items()))
    for venue in books.books:
        if draw(st.booleans()):
            load(books, venue, draw(side), draw(side), received_ns=draw(st.integers(1, NOW)))
            books.books[venue].bids.horizon = draw(st.none() | price)
        else:
            lose(books, venue, draw(st.sampled_from([s for s in State if s is not State.LIVE])), "a reason")
    levels = draw(st.integers(1, 15))
    return merge(books.view(levels), levels)


@given(merged_books(), st.booleans(), st.booleans())
def test_summaries_are_protobufs_bytes(merged: MergedBook, heartbeat: bool, closing: bool) -> None:
    expected = summary_message(merged, NOW, heartbeat=heartbeat, closing=closing).SerializeToString()
    assert encode.summary(merged, NOW, heartbeat=heartbeat, closing=closing) == expected


@given(merged_books(), st.booleans(), st.booleans(), st.sampled_from([None, frozenset({"binance"})]))
def test_books_are_protobufs_bytes(merged: MergedBook, heartbeat: bool, closing: bool, only: Any) -> None:
    expected = book_message(merged, NOW, only, heartbeat=heartbeat, closing=closing).SerializeToString()
    assert encode.book(merged, NOW, only, heartbeat=heartbeat, closing=closing) == expected


FIGURES = st.builds(
    Figure,
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9),
    st.sampled_from(["bps", "USDT", ""]),
    st.text(max_size=20) | st.just("a surrogate \ud800"),
    st.booleans(),
    st.text(max_size=5),
)


@given(
    merged_books(),
    st.lists(st.tuples(st.sampled_from(["mid", "imbalance:5"]), FIGURES), max_size=4),
    st.booleans(),
    st.booleans(),
)
def test_books_with_analytics_are_protobufs_bytes(
    merged: MergedBook, figures: Any, net: bool, heartbeat: bool
) -> None:
    analysed = AnalysedBook(**msgspec.structs.asdict(merged), figures=tuple(figures), net=net)
    expected = book_message(analysed, NOW, heartbeat=heartbeat).SerializeToString()
    assert encode.book(analysed, NOW, heartbeat=heartbeat) == expected
    assert len(pb.Book.FromString(expected).analytics) == (0 if heartbeat else len(figures))


@given(merged_books())
def test_books_carry_each_amount_to_its_unit(merged: MergedBook) -> None:
    """What a client reads is the book, rounded once at the scale that the message names."""
    book = pb.Book.FromString(encode.book(merged, NOW))
    got = [
        (level.price, book.venues[amount.venue].trust.venue, amount.amount)
        for level in (*book.bids, *book.asks)
        for amount in level.amounts
    ]
    expected = [
        (
            units(price, book.price_decimals),
            merged.venues[venue].venue,
            max(1, units(amount, book.amount_decimals)),
        )
        for price, amount, venue in (*merged.bids, *merged.asks)
    ]
    assert got == expected


def one_book(bids: Any, asks: Any, price_decimals: int = 2, amount_decimals: int = 5) -> MergedBook:
    books = make_books(venues=["binance"])
    books.price_decimals, books.amount_decimals = price_decimals, amount_decimals
    load(books, "binance", bids, asks)
    return merge(books.view(10), 10)


def test_equal_prices_stay_two_levels_in_a_summary_and_become_one_in_a_book() -> None:
    books = make_books()
    load(books, "binance", [(100.0, 1.0), (99.5, 4.0)], [(101.0, 1.0)])
    load(books, "bitstamp", [(100.0, 2.5)], [(101.0, 0.5)])
    merged = merge(books.view(10), 10)
    summary = pb.Summary.FromString(encode.summary(merged, NOW))
    assert [(level.exchange, level.price, level.amount) for level in summary.bids] == [
        ("bitstamp", 100.0, 2.5),
        ("binance", 100.0, 1.0),
        ("binance", 99.5, 4.0),
    ]
    book = pb.Book.FromString(encode.book(merged, NOW))
    assert [(level.price, [(a.venue, a.amount) for a in level.amounts]) for level in book.bids] == [
        (10000, [(1, 250000), (0, 100000)]),
        (9950, [(0, 400000)]),
    ]


def test_an_empty_side_has_no_spread_and_no_number_for_it() -> None:
    merged = one_book([(100.0, 1.0)], [])
    summary = pb.Summary.FromString(encode.summary(merged, NOW))
    assert (summary.has_spread, summary.spread, len(summary.asks)) == (False, 0.0, 0)
    book = pb.Book.FromString(encode.book(merged, NOW))
    assert not book.HasField("spread")
    assert book.venues[0].best_bid == 10000
    assert not book.venues[0].HasField("best_ask")


def test_spreads_are_exact_decimals_also_when_negative_or_zero() -> None:
    for bid, ask, spread in ((99.9, 100.1, 0.2), (100.3, 100.1, -0.2), (100.1, 100.1, 0.0)):
        merged = one_book([(bid, 1.0)], [(ask, 1.0)])
        summary = pb.Summary.FromString(encode.summary(merged, NOW))
        assert (summary.spread, summary.has_spread) == (spread, True)
        book = pb.Book.FromString(encode.book(merged, NOW))
        assert book.HasField("spread")
        assert book.spread == round(spread * 100)


def test_arrival_is_of_the_newest_live_book_or_of_the_last_known() -> None:
    """A venue that is lost does not lend its clock to the others; when all are lost the last known time stays."""
    books = make_books()
    load(books, "binance", [(100.0, 1.0)], [], received_ns=1000)
    load(books, "bitstamp", [(100.0, 1.0)], [], received_ns=2000)
    arrivals = []
    for venue in ("", "bitstamp", "binance"):
        if venue:
            lose(books, venue)
        merged = merge(books.view(5), 5)
        summary = pb.Summary.FromString(encode.summary(merged, NOW))
        book = pb.Book.FromString(encode.book(merged, NOW))
        assert book.clocks.received_ns == summary.arrival_time
        assert book.clocks.venue_ns == summary.arrival_time - 2
        arrivals.append(summary.arrival_time)
    assert arrivals == [2000, 1000, 2000]


def test_the_clocks_of_a_filtered_book_are_of_its_venues() -> None:
    books = make_books()
    load(books, "binance", [(100.0, 1.0)], [], received_ns=1000)
    load(books, "bitstamp", [(100.0, 1.0)], [], received_ns=2000)
    merged = merge(books.view(5, venues=["binance"]), 5)
    assert pb.Book.FromString(encode.book(merged, NOW, frozenset({"binance"}))).clocks.received_ns == 1000


def test_the_horizon_is_told_per_venue() -> None:
    books = make_books()
    load(books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
    books.books["binance"].bids.horizon = 99.5
    book = pb.Book.FromString(encode.book(merge(books.view(5), 5), NOW))
    assert book.venues[0].known_bid == 9950
    assert not book.venues[0].HasField("known_ask")


@pytest.mark.parametrize(("amount", "decimals"), [(1e13, 6), (999999999999999.0, 4), (1e12, 7)])
def test_amounts_too_large_for_their_scale_lower_it(amount: float, decimals: int) -> None:
    """With 8 decimals 10^12 would need more than 64 bits: this message has fewer, and the amount stays right."""
    merged = one_book([(0.01, amount), (0.005, 1e-8)], [], price_decimals=3, amount_decimals=8)
    book = pb.Book.FromString(encode.book(merged, NOW))
    assert book.amount_decimals == decimals
    assert book.bids[0].amounts[0].amount == int(amount) * 10**decimals <= MAX_UINT64
    assert book.bids[1].amounts[0].amount == 1  # rounded up: a level that exists is not shown as none


def test_amounts_above_what_a_double_counts_are_exact() -> None:
    """123456789.123456 in units of 10^-9 is no double: the units come from the decimal."""
    merged = one_book([(1.0, 123456789.123456)], [], amount_decimals=9)
    assert pb.Book.FromString(encode.book(merged, NOW)).bids[0].amounts[0].amount == 123456789123456000


def decimal_book(price: str, amount: str, price_decimals: int) -> MergedBook:
    books = PairBooks(Pair("SHIB", "USDT"))
    books.add("binance", None)
    books.price_decimals, books.amount_decimals = price_decimals, 2
    load(books, "binance", [(Decimal(price), Decimal(amount))], [])  # type: ignore[list-item]
    return merge(books.view(5), 5)


def test_amounts_of_many_units_have_no_dust() -> None:
    """Millions of a cheap coin at eight decimals: the last digit is the venue's."""
    book = pb.Book.FromString(encode.book(one_book([(0.00001234, 84_446_793.15)], [], 11, 8), NOW))
    assert book.bids[0].amounts[0].amount == 8_444_679_315_000_000
    assert book.bids[0].price == 1_234_000


def test_decimal_pairs_are_carried_exactly() -> None:
    merged = decimal_book("1234567.890123456789", "7.25", 12)
    book = pb.Book.FromString(encode.book(merged, NOW))
    assert (book.bids[0].price, book.price_decimals) == (1234567890123456789, 12)
    assert book.bids[0].amounts[0].amount == 725
    summary = pb.Summary.FromString(encode.summary(merged, NOW))
    assert summary.bids[0].price == float("1234567.890123456789")
    assert encode.summary(merged, NOW) == summary_message(merged, NOW).SerializeToString()


def test_prices_too_large_for_their_scale_lower_it() -> None:
    book = pb.Book.FromString(encode.book(decimal_book("12345.5", "1", 18), NOW))
    assert book.price_decimals == 14
    assert book.bids[0].price == 1234550000000000000 <= MAX_SINT64


def test_prices_finer_than_the_scale_fall_together() -> None:
    """Two prices of one venue within one unit are one level with the sum of both."""
    merged = one_book([(1.004, 2.0), (1.001, 3.0)], [])
    (level,) = pb.Book.FromString(encode.book(merged, NOW)).bids
    assert (level.price, [amount.amount for amount in level.amounts]) == (100, [500000])


def test_what_was_spared_is_appended() -> None:
    """The shared bytes stay as they are; protobuf reads the field wherever it stands."""
    merged = one_book([(1.0, 1.0)], [])
    shared = encode.summary(merged, NOW)
    assert pb.Summary.FromString(shared).conflated == 0
    assert pb.Summary.FromString(shared + encode.conflated_summary(300)).conflated == 300
    assert pb.Book.FromString(encode.book(merged, NOW) + encode.conflated_book(7)).conflated == 7


def test_a_heartbeat_of_a_book_has_no_levels_and_keeps_its_scales() -> None:
    merged = one_book([(1.0, 1e13)], [(2.0, 1.0)], amount_decimals=8)
    state = pb.Book.FromString(encode.book(merged, NOW))
    beat = pb.Book.FromString(encode.book(merged, NOW, heartbeat=True))
    assert beat.heartbeat
    assert not beat.bids
    assert not beat.asks
    assert (beat.amount_decimals, beat.spread) == (state.amount_decimals, state.spread) == (6, 100)


def test_sequence_pair_and_sent_time_are_told() -> None:
    books = make_books()
    load(books, "binance", [(1.0, 1.0)], [])
    before = time.time_ns()
    summary = pb.Summary.FromString(encode.summary(merge(books.view(1), 1), before))
    assert (summary.symbol, summary.sequence, summary.sent_time) == (str(BTC), books.version, before)
