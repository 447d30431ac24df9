"""Analytics, net prices and costs over a real socket: what is computed, when, and what is refused."""

import logging
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import grpc
import pytest

from book import State
from book.analytics import built_in
from proto import orderbook_pb2 as pb
from services import GrpcOptions
from services.analysed import AnalysedView
from tests.services.conftest import BTC, DEADLINE_S, Rig, load, lose, until

INVALID = grpc.StatusCode.INVALID_ARGUMENT
FEES = {"binance": Decimal("0.001"), "bitstamp": Decimal("0.004")}


def failing(book: Any) -> Any:
    """A user's analytic that is broken."""
    raise ZeroDivisionError("by nothing")


@pytest.fixture
def rig() -> Iterator[Rig]:
    registry = built_in()
    registry.add("failing", failing)
    made = Rig(GrpcOptions(port=0), fees=FEES, analytics=registry)
    yield made
    made.close()


def told(book: pb.Book) -> dict[str, str | None]:
    """The values by name and part."""
    return {
        each.name + (f"/{each.part}" if each.part else ""): each.value if each.HasField("value") else None
        for each in book.analytics
    }


def view_of(rig: Rig) -> AnalysedView:
    """The one view that is open."""
    (view,) = rig.publisher.feeds[BTC].views.values()
    assert isinstance(view, AnalysedView)
    return view


def cost(rig: Rig, **request: Any) -> pb.Cost:
    call = rig.channel.unary_unary(
        "/orderbook.MarketData/CostToFill",
        request_serializer=pb.CostRequest.SerializeToString,
        response_deserializer=pb.Cost.FromString,
    )
    return call(pb.CostRequest(**request), timeout=DEADLINE_S)  # type: ignore[no-any-return]


def test_analytics_come_with_each_state_in_the_order_asked_for(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 1.0), (99.0, 2.0)], [(101.0, 3.0)])
    stream = rig.stream_book(analytics=["spread_bps", " mid", "imbalance:1", "mid"], levels=1)
    book = next(stream)
    assert [(each.name, each.value, each.unit) for each in book.analytics] == [
        ("spread_bps", "99.5025", "bps"),
        ("mid", "100.5", "USDT"),
        ("imbalance:1", "-0.5", "ratio"),
    ]
    assert not any(each.incomplete or each.reason for each in book.analytics)
    assert (len(book.bids), book.net_of_fees) == (1, False)
    load(rig.books, "bitstamp", [(100.5, 1.0)], [])
    assert told(until(stream, lambda each: not each.heartbeat)) == {
        "spread_bps": "49.6278",
        "mid": "100.75",
        "imbalance:1": "-0.5",
    }
    stream.cancel()


def test_a_heartbeat_carries_no_analytics(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 1.0)], [(101.0, 3.0)])
    stream = rig.stream_book(analytics=["mid"], net_of_fees=True)
    next(stream)
    beat = next(stream)
    assert (beat.heartbeat, len(beat.analytics), beat.net_of_fees) == (True, 0, True)
    stream.cancel()


def test_what_is_not_defined_says_why(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 1.0)], [])
    stream = rig.stream_book(analytics=["mid"])
    (figure,) = next(stream).analytics
    assert (figure.HasField("value"), figure.reason, figure.incomplete) == (False, "no asks", True)
    stream.cancel()


def test_analytics_see_more_than_is_shown_and_a_change_there_is_sent(rig: Rig) -> None:
    """One level is shown, the depth is that of all; a deep level that changes leaves what is shown as it was."""
    bids = [(100.0 - n / 100, 1.0) for n in range(50)]
    load(rig.books, "binance", bids, [(100.01, 1.0)])
    stream = rig.stream_book(levels=1, analytics=["depth_bps:100"])
    book = next(stream)
    assert (len(book.bids), told(book)["depth_bps:100/bids"]) == (1, "50")
    load(rig.books, "binance", [*bids[:-1], (bids[-1][0], 2.5)], [(100.01, 1.0)])
    book = until(stream, lambda each: not each.heartbeat)
    assert told(book)["depth_bps:100/bids"] == "51.5"
    stream.cancel()


def test_the_view_looks_as_deep_as_its_analytics_need(rig: Rig) -> None:
    """And no deeper; what lies beyond the deepest look is told as such."""
    bids = [(round(100.0 - n / 100, 2), 1.0) for n in range(5100)]
    load(rig.books, "binance", bids, [(100.01, 1.0)])
    stream = rig.stream_book(levels=3, analytics=["imbalance:3"])
    next(stream)
    assert view_of(rig).cut.levels == 100
    stream.cancel()
    stream = rig.stream_book(levels=3, analytics=["vwap:sell:1000"])
    assert told(next(stream)) == {"vwap:sell:1000": "95.005"}
    stream.cancel()
    stream = rig.stream_book(levels=3, analytics=["vwap:sell:5050"])
    (figure,) = next(stream).analytics
    assert not figure.HasField("value")
    assert figure.reason == "the levels seen hold 5000 of 5050; binance's bids below 50.01 were not looked at"
    stream.cancel()


def test_each_state_is_computed_once_for_all_streams(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
    streams = [rig.stream_book(analytics=["mid"]) for _ in range(5)]
    for stream in streams:
        assert told(next(stream)) == {"mid": "100.5"}
    view = view_of(rig)
    counted: list[int] = []
    make = view._make
    view._make = lambda picture: counted.append(picture.version) or make(picture)  # type: ignore[method-assign, func-returns-value]
    load(rig.books, "binance", [(100.0, 1.0)], [(102.0, 1.0)])
    for stream in streams:
        assert told(until(stream, lambda book: not book.heartbeat)) == {"mid": "101"}
    assert len(counted) == len(set(counted))
    before = len(counted)
    streams.append(rig.stream_book(analytics=["mid"]))
    assert told(next(streams[-1])) == {"mid": "101"}
    assert until(streams[0], lambda book: book.heartbeat).sequence == counted[-1]
    assert len(counted) == before, "a newcomer and a heartbeat cost nothing"
    for stream in streams:
        stream.cancel()


def test_only_the_levels_asked_for_are_shown(rig: Rig) -> None:
    """Of all venues together, although more were looked at."""
    load(rig.books, "binance", [(100.0, 1.0), (99.0, 1.0)], [(101.0, 1.0)])
    load(rig.books, "bitstamp", [(99.5, 1.0)], [(101.0, 1.0), (102.0, 1.0)])
    stream = rig.stream_book(levels=1, analytics=["imbalance:2"])
    book = next(stream)
    assert ([level.price for level in book.bids], [level.price for level in book.asks]) == ([10000], [10100])
    assert told(book) == {"imbalance:2": "-0.2"}
    stream.cancel()


def test_ages_alone_send_nothing(rig: Rig) -> None:
    """A venue confirms its levels: how old the quotes of an arbitrage are is no news of the market."""
    now = time.time_ns()
    load(rig.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)], received_ns=now - 50_000_000_000)
    load(rig.books, "bitstamp", [(102.0, 1.0)], [(103.0, 1.0)], received_ns=now - 1_000_000_000)
    stream = rig.stream_book(analytics=["arbitrage"])
    figures = told(next(stream))
    assert figures["arbitrage/profit"] == "1"
    assert 50_000 <= float(figures["arbitrage/buy_age"] or 0) < 50_000 + 1000 * DEADLINE_S
    assert 1_000 <= float(figures["arbitrage/sell_age"] or 0) < 1_000 + 1000 * DEADLINE_S
    load(rig.books, "bitstamp", [(102.0, 1.0)], [(103.0, 1.0)], received_ns=now)
    assert next(stream).heartbeat
    load(rig.books, "bitstamp", [(102.5, 1.0)], [(103.0, 1.0)], received_ns=now)
    assert told(until(stream, lambda book: not book.heartbeat))["arbitrage/profit"] == "1.5"
    stream.cancel()


def test_filters_hold_for_analytics_too(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
    load(rig.books, "bitstamp", [(100.5, 1.0)], [(100.6, 1.0)])
    stream = rig.stream_book(analytics=["mid", "cost:buy:1:bitstamp"], venues=["binance"])
    book = next(stream)
    assert told(book)["mid"] == "100.5"
    assert book.analytics[1].reason == "bitstamp has no levels, or was not asked for"
    stream.cancel()
    stream = rig.stream_book(analytics=["mid"], min_amount="1.5")
    assert told(next(stream)) == {"mid": None}
    stream.cancel()


def test_a_broken_analytic_leaves_the_stream_alone_and_is_logged_once(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    load(rig.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
    with caplog.at_level(logging.ERROR):
        for _ in range(3):  # three views, one after another
            stream = rig.stream_book(analytics=["failing", "mid"])
            book = next(stream)
            assert told(book) == {"failing": None, "mid": "100.5"}
            assert book.analytics[0].reason == "the analytic failed: ZeroDivisionError: by nothing"
            load(rig.books, "binance", [(100.0, 1.0)], [(101.0, 2.0)])
            load(rig.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
            stream.cancel()
    assert len([record for record in caplog.records if "failing" in record.getMessage()]) == 1


def test_net_prices(rig: Rig) -> None:
    """Sorted by what is paid, with the best prices and horizons; analytics are still those of venues' own prices."""
    load(rig.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
    load(rig.books, "bitstamp", [(100.2, 2.0)], [(100.8, 2.0)])
    rig.books.books["bitstamp"].asks.horizon = 102.0
    stream = rig.stream_book(net_of_fees=True, analytics=["spread", "net_ask"])
    book = next(stream)
    assert (book.net_of_fees, book.price_decimals) == (True, 5)
    assert [(level.price, level.amounts[0].venue) for level in book.asks] == [(10110100, 0), (10120320, 1)]
    assert [(level.price, level.amounts[0].venue) for level in book.bids] == [(9990000, 0), (9979920, 1)]
    assert book.spread == 10110100 - 9990000
    assert (book.venues[1].best_ask, book.venues[1].known_ask) == (10120320, 10240800)
    assert told(book) == {"spread": "0.6", "net_ask": "101.101"}
    lose(rig.books, "binance", State.DOWN)
    book = until(stream, lambda each: not each.heartbeat)
    assert (book.price_decimals, len(book.asks)) == (5, 1)
    stream.cancel()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"analytics": ["imbalence:5"]}, "analytics: unknown analytic 'imbalence', did you mean imbalance:LEVELS?"),
        ({"analytics": ["mid", "imbalance:0"]}, "levels is '0'; it must be a whole number from 1 to 5000"),
        ({"analytics": ["cost:buy:1:kraken"]}, "venue is 'kraken'; known are binance, bitstamp"),
        ({"analytics": ["os:system"]}, "unknown analytic 'os'"),
        ({"analytics": [f"imbalance:{n}" for n in range(1, 34)]}, "33 analytics; allowed are at most 32"),
    ],
)
def test_what_is_refused(rig: Rig, fields: dict[str, Any], says: str) -> None:
    stream = rig.stream_book(**fields)
    with pytest.raises(grpc.RpcError):
        next(stream)
    assert stream.code() is INVALID
    assert says in stream.details()


def test_net_prices_need_every_fee() -> None:
    """It says which is missing and the ways out."""
    rig = Rig(GrpcOptions(port=0), fees={"binance": Decimal("0.001")})
    try:
        stream = rig.stream_book(net_of_fees=True)
        with pytest.raises(grpc.RpcError):
            next(stream)
        assert stream.code() is INVALID
        assert "no taker fee is known for bitstamp" in stream.details()
        assert "--fee bitstamp=0.1%; known are: binance 0.1%" in stream.details()
        stream = rig.stream_book(net_of_fees=True, venues=["binance"])
        assert next(stream).net_of_fees
        stream.cancel()
        with pytest.raises(grpc.RpcError) as refused:
            cost(rig, side="buy", amount="1", net_of_fees=True)
        assert refused.value.code() is INVALID
    finally:
        rig.close()


def test_cost_to_fill(rig: Rig) -> None:
    load(rig.books, "binance", [(99.0, 1.0)], [(101.0, 1.0), (103.0, 2.0)])
    load(rig.books, "bitstamp", [(98.0, 2.0)], [(102.0, 2.0)])
    found = cost(rig, side="buy", amount="3")
    assert (found.pair, found.base, found.quote, found.unfilled) == ("BTC/USDT", "3", "305", "0")
    assert (found.average, found.worst, found.slippage_bps) == ("101.666667", "102", "166.6667")
    assert [(each.venue, each.base, each.worst) for each in found.route] == [
        ("bitstamp", "2", "102"),
        ("binance", "1", "101"),
    ]
    assert (found.HasField("fee"), found.bound, found.reason) == (False, False, "")
    assert [each.state for each in found.venues] == [pb.LIVE, pb.LIVE]
    assert (found.sequence, found.sent_ns > 0) == (rig.books.version, True)
    assert cost(rig, side="sell", notional="99", pair="btc-usdt").base == "1"
    net = cost(rig, side="buy", amount="1", net_of_fees=True)
    assert (net.quote, net.fee, net.route[0].fee) == ("101.101", "0.101", "0.101")
    alone = cost(rig, side="buy", amount="1", venues=["bitstamp"])
    assert (alone.average, alone.slippage_bps) == ("102", "200")


def test_cost_to_fill_of_more_than_is_known(rig: Rig) -> None:
    load(rig.books, "binance", [], [(101.0, 1.0), (103.0, 2.0)])
    rig.books.books["binance"].asks.horizon = 102.0
    found = cost(rig, side="buy", amount="5")
    assert (found.base, found.unfilled, found.bound) == ("3", "2", True)
    assert found.reason == "the levels seen hold 3 of 5; binance's asks above 102 are unknown"
    assert not found.HasField("slippage_bps")
    lose(rig.books, "binance", State.GAP)
    found = cost(rig, side="buy", amount="5")
    assert (found.base, found.unfilled, found.HasField("average")) == ("0", "5", False)
    assert found.venues[0].state == pb.GAP


def test_cost_to_fill_looks_as_deep_as_it_takes(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 1.0)], [(round(100.01 + n / 100, 2), 1.0) for n in range(3000)])
    found = cost(rig, side="buy", amount="2500")
    assert (found.unfilled, found.bound, found.worst) == ("0", False, "125")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"side": "", "amount": "1"}, "side is ''; known are buy, sell"),
        ({"side": "BUY", "amount": "1"}, "side is 'BUY'"),
        ({"side": "buy"}, "tell one of amount (in base) and notional (in quote)"),
        ({"side": "buy", "amount": "1", "notional": "1"}, "tell one of amount"),
        ({"side": "buy", "amount": "0"}, "amount is 0; allowed are decimals above 0"),
        ({"side": "buy", "notional": "-1"}, "notional is '-1'; allowed are decimals"),
        ({"side": "buy", "amount": "1", "venues": ["mtgox"]}, "unknown venues mtgox"),
        ({"side": "buy", "amount": "1", "pair": "X"}, "unknown pair"),
    ],
)
def test_costs_that_are_refused(rig: Rig, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        cost(rig, **fields)
    assert says in str(refused.value.details())
