"""The printed formats: exact, complete, readable by other programs."""

import csv
import io
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import formats
from dashboard.market import decode
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import same_as_golden
from tests.dashboard.fake import EPOCH_NS, book, heartbeat, market, venue
from tests.dashboard.test_rows import FOUR, crossed


def two_sided() -> pb.Book:
    return book(
        [(6412320, {0: 40537, 1: 5}), (6412310, {1: 27638})],
        [(6412340, {0: 19274})],
        [*FOUR[:2], FOUR[2], venue("bitstamp", pb.UNLISTED)],
        sequence=88,
        conflated=3,
    )


@pytest.mark.parametrize("form", sorted(formats.FORMATS))
@pytest.mark.parametrize("name", ["two-sided", "crossed", "empty"])
def test_golden(form: str, name: str) -> None:
    empty = book(venues=[venue("binance", pb.DOWN, reason="connection refused")])
    message = {"two-sided": two_sided(), "crossed": crossed(), "empty": empty}[name]
    same_as_golden(f"{form}-{name}", formats.FORMATS[form](decode(message, None)))


def test_jsonl_is_one_line_of_exact_decimals() -> None:
    text = formats.jsonl(decode(two_sided(), None))
    assert text.count("\n") == 1
    told = json.loads(text)
    assert told["bids"] == [
        ["64123.20", "4.0537", "binance"],
        ["64123.20", "0.0005", "kraken"],
        ["64123.10", "2.7638", "kraken"],
    ]
    assert (told["spread"], told["sequence"], told["conflated"]) == ("0.20", 88, 3)
    assert [entry["state"] for entry in told["venues"]] == ["live", "live", "gap", "unlisted"]
    assert told["venues"][2]["reason"] == "sequence gap at 88123"
    assert told["venues"][0]["age_ms"] == 12.0


def test_jsonl_tells_how_far_each_venue_can_be_trusted() -> None:
    """Lag and offset with their sign, None where not known; the rate in updates; what confirmed the book by name."""
    known = venue(
        "binance", lag_ns=-1_500_000, least_lag_ns=-2_000_000, rate_milli=9870, checked_ns=77, checked_by=2,
        threshold_ns=1_250_000_000, connections=2,
    )  # fmt: skip
    told = json.loads(formats.jsonl(decode(book(venues=[known, venue("kraken")]), None)))
    names = ("lag_ms", "least_lag_ms", "updates_per_s", "checked_ns", "checked_by", "threshold_ms", "connections")
    assert [told["venues"][0][name] for name in names] == [-1.5, -2.0, 9.87, 77, "checksum", 1250.0, 2]
    assert [told["venues"][1][name] for name in names] == [None, None, 0.0, 0, "none", 0.0, 0]


def suspected(**facts: bool) -> pb.Book:
    """One venue of two is 120.5 bps below the other, for the last 34 s."""
    off = pb.Distance(
        ppm=-12_050, against="kraken", others=2, far_since_ns=EPOCH_NS - 34 * 10**9, suspect=True, **facts
    )
    return book([(6412320, {1: 5})], [(6412340, {1: 7})], [venue("binance", distance=off), venue("kraken")])


def test_jsonl_tells_who_is_suspect_and_against_whom() -> None:
    told = json.loads(formats.jsonl(decode(suspected(), None)))["venues"]
    names = ("distance_bps", "against", "far_since_ns", "suspect", "left_out")
    assert [told[0][name] for name in names] == [-120.5, "kraken", EPOCH_NS - 34 * 10**9, True, False]
    assert [told[1][name] for name in names] == [None, "", 0, False, False]


def test_a_suspect_is_named_above_the_ladder_with_its_figures() -> None:
    """Whether it is merged or not; one that is not is no live venue of the merged book."""
    head, line = formats.table(decode(suspected(), None)).splitlines()[:2]
    assert "venues 2/2 live" in head
    assert line == "  ? binance suspect for 34 s: -120.5 bps off kraken, its nearest"
    head, line = formats.table(decode(suspected(left_out=True), None)).splitlines()[:2]
    assert "venues 1/2 live" in head
    assert line.endswith("its nearest; not merged")


def test_a_check_of_a_newer_server_is_told_by_its_number() -> None:
    newer = venue("binance", checked_by=77)
    assert json.loads(formats.jsonl(decode(book(venues=[newer]), None)))["venues"][0]["checked_by"] == "check_77"


def test_an_empty_side_has_no_spread() -> None:
    told = json.loads(formats.jsonl(decode(book([(1, {0: 1})]), None)))
    assert told["spread"] is None
    assert told["asks"] == []


def test_csv_is_read_by_the_standard_reader() -> None:
    text = formats.CSV_HEADER + "\n" + formats.csv(decode(two_sided(), None))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["side"], row["level"], row["price"], row["amount"], row["venue"]) for row in rows] == [
        ("bid", "1", "64123.20", "4.0537", "binance"),
        ("bid", "1", "64123.20", "0.0005", "kraken"),
        ("bid", "2", "64123.10", "2.7638", "kraken"),
        ("ask", "1", "64123.40", "1.9274", "binance"),
    ]
    assert rows[0]["venues_live"] == "2"
    assert rows[0]["time"] == "2026-11-20T12:00:46.113000000Z"


def test_csv_says_that_a_book_is_empty() -> None:
    rows = list(csv.reader(io.StringIO(formats.csv(decode(book(), None)))))
    assert len(rows) == 1
    assert len(rows[0]) == len(formats.CSV_HEADER.split(","))
    assert rows[0][6:] == [""] * 5


def test_a_heartbeat_is_marked() -> None:
    first = market(2)
    beat = decode(heartbeat(first), decode(first, None))
    assert json.loads(formats.jsonl(beat))["heartbeat"] is True
    assert ",1,2,2,bid," in formats.csv(beat)
    assert "heartbeat" in formats.table(beat).splitlines()[0]


@given(st.integers(-(10**15), 10**15), st.integers(1, 2**64 - 1), st.integers(0, 12), st.integers(0, 12))
def test_every_number_is_exact(price: int, amount: int, price_decimals: int, amount_decimals: int) -> None:
    message = book([(price, {0: amount})], price_decimals=price_decimals, amount_decimals=amount_decimals)
    told = json.loads(formats.jsonl(decode(message, None)))
    assert Decimal(told["bids"][0][0]).scaleb(price_decimals) == price
    assert Decimal(told["bids"][0][1]).scaleb(amount_decimals) == amount
    assert "e" not in (told["bids"][0][0] + told["bids"][0][1]).lower()
