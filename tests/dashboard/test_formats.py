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


def grouped() -> pb.Book:
    """A quote group: one member by its books, one at par, one that cannot be converted now."""
    members = [("binance/usdt", "BTC/USDT"), ("kraken/usd", "BTC/USD")]
    venues = [venue(name) for name, _ in members]
    for entry, (_, pair) in zip(venues, members, strict=True):
        entry.pair = pair
    usdt = pb.Conversion(
        quote="USDT", unit="USD", rule=pb.BY_BOOK, pairs=["USDT/USD"], state=pb.LIVE, bid="0.9998", ask="0.9999",
        bid_amount="1000", ask_amount="20", received_ns=EPOCH_NS - 42_000_000, age_ns=42_000_000, par_ppm=-150,
        basis_ppm=25, venues=[pb.VenueState(venue="kraken", state=pb.LIVE), pb.VenueState(venue="b", state=pb.DOWN)],
    )  # fmt: skip
    usdc = pb.Conversion(quote="USDC", unit="USD", rule=pb.AT_PAR, state=pb.LIVE, bid="1", ask="1", par_ppm=0)
    dai = pb.Conversion(quote="DAI", unit="USD", state=pb.UNCONVERTED, reason="no live book of DAI/USD")
    bids, asks = [(6412320, {0: 40537})], [(6412340, {1: 19274})]
    return book(bids, asks, venues, pair="BTC/USD~", unit="USD", conversions=[usdt, usdc, dai])


def test_a_group_tells_how_its_members_were_converted() -> None:
    """In every format the name of a venue says of which member its level is."""
    group = decode(grouped(), None)
    assert (group.pair, group.quote) == ("BTC/USD~", "USD")
    lines = formats.table(group).splitlines()
    assert lines[0].startswith("BTC/USD~ ")
    assert lines[1:4] == [
        "  1 USDT = 0.9998 to 0.9999 USD by USDT/USD of kraken, 42ms old; +0.25 bps off the books in USD",
        "  1 USDC = 1 USD AT PAR, as the server was told",
        "  DAI is not merged: no live book of DAI/USD",
    ]
    assert lines[5].endswith("[binance/usdt]")
    told = json.loads(formats.jsonl(group))
    assert told["bids"] == [["64123.20", "4.0537", "binance/usdt"]]
    assert [entry["pair"] for entry in told["venues"]] == ["BTC/USDT", "BTC/USD"]
    assert told["unit"] == "USD"
    usdt, usdc, dai = told["conversions"]
    assert (usdt["rule"], usdt["bid"], usdt["pairs"], usdt["age_ms"]) == ("book", "0.9998", ["USDT/USD"], 42.0)
    assert (usdt["par_bps"], usdt["basis_bps"], usdt["venues"][1]) == (-1.5, 0.25, {"venue": "b", "state": "down"})
    assert (usdc["rule"], usdc["age_ms"], usdc["basis_bps"]) == ("par", None, None)
    assert (dai["live"], dai["reason"]) == (False, "no live book of DAI/USD")
    assert "binance/usdt" in formats.csv(group)


def test_a_heartbeat_brings_the_rates_of_now() -> None:
    """And a bare farewell leaves them as they were."""
    group = decode(grouped(), None)
    beat = pb.Book(heartbeat=True, sequence=2, venues=grouped().venues, conversions=grouped().conversions[1:])
    assert [each.quote for each in decode(beat, group).conversions] == ["USDC", "DAI"]
    assert decode(pb.Book(closing=True), group).conversions == group.conversions


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
