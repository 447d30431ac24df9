"""What is answered by a status, and what the requests of a book do; over a real socket."""

import threading
import time
from decimal import Decimal
from typing import Any

import grpc
import pytest

from book import State
from proto import orderbook_pb2 as pb
from services import GrpcOptions
from tests.services.conftest import BTC, Rig, load, lose, until

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


def refusal(stream: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError):
        next(stream)
    return stream.code(), stream.details()


@pytest.mark.parametrize(
    ("symbol", "code", "says"),
    [
        ("", INVALID, "no pair given"),
        ("???", INVALID, "write it as BASE/QUOTE"),
        ("A/B/C", INVALID, "write it as BASE/QUOTE"),
        ("X" * 5000, INVALID, "at most 64 characters"),
        ("abcd", INVALID, "ambiguous: it may be AB/CD or ABC/D"),
        ("BTC/USDC", NOT_FOUND, "did you mean BTC/USDT"),
        ("btcusd", NOT_FOUND, "did you mean BTC/USDT"),
        ("QQQ/ZZZ", NOT_FOUND, "carries BTC/USDT, ETH/BTC"),
        ("SOL/USDT", NOT_FOUND, "does not carry SOL/USDT; it carries BTC/USDT, ETH/BTC"),
    ],
)
def test_pairs_that_cannot_be_served(rig: Rig, symbol: str, code: grpc.StatusCode, says: str) -> None:
    for method, request, answer in (
        ("OrderbookAggregator/BookSummaryForSymbol", pb.SummaryRequest(symbol=symbol), pb.Summary),
        ("MarketData/StreamBook", pb.BookRequest(pair=symbol), pb.Book),
        ("MarketData/StreamStatus", pb.StatusRequest(pairs=[symbol]), pb.Status),
    ):
        if symbol or method.endswith("ForSymbol"):
            got, details = refusal(rig.stream(method, request, answer))
            assert got is code
            assert says in details


@pytest.mark.parametrize(
    ("request_fields", "says"),
    [
        ({"levels": 5001}, "allowed are 1 to 5000"),
        ({"venues": ["binance", "mtgox"]}, "unknown venues mtgox; BTC/USDT has: binance, bitstamp"),
        ({"min_amount": "-1"}, "min_amount is '-1'"),
        ({"min_amount": "1e5"}, "allowed are decimals"),
        ({"min_amount": "nan"}, "allowed are decimals"),
        ({"min_amount": "9" * 21}, "at most 20 digits"),
        ({"min_notional": "ten"}, "min_notional is 'ten'"),
        ({"min_interval_ms": 60001}, "allowed are 0 to 60000"),
    ],
)
def test_values_out_of_range(rig: Rig, request_fields: dict[str, Any], says: str) -> None:
    code, details = refusal(rig.stream_book(**request_fields))
    assert code is INVALID
    assert says in details


def test_fields_that_this_server_does_not_know_are_refused_not_ignored(rig: Rig) -> None:
    """A client that asks for price grouping must not get a book without it."""
    grouped = pb.BookRequest(pair="BTC/USDT").SerializeToString() + b"\x3a\x030.1"
    code, details = refusal(rig.stream("MarketData/StreamBook", grouped, pb.Book))
    assert code is INVALID
    assert "unknown fields 7 in BookRequest" in details


def test_bytes_that_are_no_request(rig: Rig) -> None:
    code, details = refusal(rig.stream("MarketData/StreamBook", b"\xff\xff\xff", pb.Book))
    assert code is INVALID
    assert "no BookRequest" in details


def test_too_many_pairs_in_one_request(rig: Rig) -> None:
    code, details = refusal(rig.stream_status(*["ETH/BTC"] * 1001))
    assert code is INVALID
    assert "1001 pairs; allowed are at most 1000" in details


def test_oversized_requests_are_refused(rig: Rig) -> None:
    code, _ = refusal(rig.stream_book(venues=["x" * 100_000]))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_defaults_of_a_book_request(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0 - n, 1.0) for n in range(20)], [])
    stream = rig.stream_book()
    book = next(stream)
    assert (book.pair, len(book.bids)) == ("BTC/USDT", 10)
    stream.cancel()


def test_exactly_the_levels_asked_for_up_to_the_largest(rig: Rig) -> None:
    load(rig.books, "binance", [(round(100.0 - n / 100, 2), 1.0) for n in range(6000)], [(200.0, 1.0)])
    for levels in (1, 7, 5000):
        stream = rig.stream_book(levels=levels)
        book = next(stream)
        assert (len(book.bids), len(book.asks)) == (levels, 1)
        stream.cancel()


def test_a_venue_filter_takes_levels_of_these_alone_and_keeps_every_state(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 1.0)], [])
    load(rig.books, "bitstamp", [(101.0, 2.0)], [])
    stream = rig.stream_book(venues=["BINANCE"])
    book = next(stream)
    assert [(level.price, level.amounts[0].venue) for level in book.bids] == [(10000, 0)]
    assert [venue.trust.venue for venue in book.venues] == ["binance", "bitstamp"]
    stream.cancel()


def test_naming_all_venues_is_the_same_view_as_naming_none(rig: Rig) -> None:
    one, other = rig.stream_book(), rig.stream_book(venues=["bitstamp", "binance"], min_amount="0.0")
    next(one), next(other)
    assert len(rig.publisher.feeds[BTC].views) == 1
    one.cancel()
    other.cancel()


def test_dust_is_left_out_and_deeper_levels_take_its_place(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 0.001), (99.0, 0.5), (98.0, 2.0), (97.0, 3.0)], [])
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({"min_amount": "0.5"}, [9900, 9800]),
        ({"min_notional": "196"}, [9800, 9700]),
        ({"min_amount": "2.5", "min_notional": "1"}, [9700]),
    ]
    for request, prices in cases:
        stream = rig.stream_book(levels=2, **request)
        assert [level.price for level in next(stream).bids] == prices
        stream.cancel()


def test_the_servers_dust_applies_to_the_plain_summaries() -> None:
    rig = Rig(GrpcOptions(port=0, dust=Decimal("0.01"), levels=1))
    load(rig.books, "binance", [(100.0, 0.001), (99.0, 0.01)], [])
    stream = rig.summaries()
    assert [level.price for level in next(stream).bids] == [99.0]
    stream.cancel()
    rig.close()


def test_min_interval_spaces_messages_and_loses_no_last_update(rig: Rig) -> None:
    stream = rig.stream_book(min_interval_ms=100)
    next(stream)
    received = [time.monotonic()]

    def write() -> None:
        for n in range(1, 201):
            load(rig.books, "binance", [(float(n), 1.0)], [])
            time.sleep(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    states = 0
    for book in stream:
        received.append(time.monotonic())
        states += 1 + book.conflated
        if book.bids and book.bids[0].price == 20000:
            break
    writer.join()
    assert book.sequence == rig.books.version
    assert len(received) < 10
    assert states > len(received)  # and it says how many it was spared
    # What a client sees of the spacing is jittered by the way, so only the mean is exact.
    assert (received[-1] - received[0]) / (len(received) - 1) > 0.09
    stream.cancel()


def test_list_pairs_names_venues_sizes_and_the_default(rig: Rig) -> None:
    call = rig.channel.unary_unary(
        "/orderbook.MarketData/ListPairs",
        request_serializer=pb.PairsRequest.SerializeToString,
        response_deserializer=pb.Pairs.FromString,
    )
    pairs = call(pb.PairsRequest(), timeout=10)
    assert pairs.default_pair == "BTC/USDT"
    assert [(pair.base, pair.quote, pair.price_decimals, pair.amount_decimals) for pair in pairs.pairs] == [
        ("BTC", "USDT", 2, 5),
        ("ETH", "BTC", 2, 5),
    ]
    assert pairs.pairs[0].listings[1] == pb.Listing(
        venue="bitstamp", symbol="BTCUSDT", tick_size="0.01", lot_size="0.00001", min_notional="5"
    )


def test_status_of_all_pairs_or_of_those_asked_for(rig: Rig) -> None:
    stream = rig.stream_status()
    status = next(stream)
    assert [pair.pair for pair in status.pairs] == ["BTC/USDT", "ETH/BTC"]
    assert (status.version, status.started_ns, status.streams) == ("1.2.3", 77, 1)
    stream.cancel()
    stream = rig.stream_status("ethbtc", "ETH/BTC")
    assert [pair.pair for pair in next(stream).pairs] == ["ETH/BTC"]
    lose(rig.eth, "binance", State.DOWN, "no route")
    changed = until(stream, lambda status: status.pairs[0].venues[0].state == pb.DOWN)
    assert changed.pairs[0].venues[0].reason == "no route"
    stream.cancel()
