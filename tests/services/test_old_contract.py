"""Clients that know only the schema of the earlier aggregators work unchanged."""

from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tests.services.conftest import DEADLINE_S, Rig, load, lose, until

_FIELD = descriptor_pb2.FieldDescriptorProto


def old_schema() -> dict[str, Any]:
    """The messages of the old orderbook.proto, by hand, in a pool of their own."""
    file = descriptor_pb2.FileDescriptorProto(name="old.proto", package="orderbook", syntax="proto3")
    file.message_type.add(name="Empty")
    request = file.message_type.add(name="SummaryRequest")
    request.field.add(name="symbol", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    summary = file.message_type.add(name="Summary")
    summary.field.add(name="spread", number=1, type=_FIELD.TYPE_DOUBLE, label=_FIELD.LABEL_OPTIONAL)
    for number, name in ((2, "bids"), (3, "asks")):
        summary.field.add(
            name=name,
            number=number,
            type=_FIELD.TYPE_MESSAGE,
            type_name=".orderbook.Level",
            label=_FIELD.LABEL_REPEATED,
        )
    summary.field.add(name="arrival_time", number=40, type=_FIELD.TYPE_UINT64, label=_FIELD.LABEL_OPTIONAL)
    level = file.message_type.add(name="Level")
    level.field.add(name="exchange", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    level.field.add(name="price", number=2, type=_FIELD.TYPE_DOUBLE, label=_FIELD.LABEL_OPTIONAL)
    level.field.add(name="amount", number=3, type=_FIELD.TYPE_DOUBLE, label=_FIELD.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"orderbook.{name}"))
        for name in ("Empty", "SummaryRequest", "Summary")
    }


OLD = old_schema()


def call(rig: Rig, method: str, request: Any) -> Any:
    return rig.channel.unary_stream(
        f"/orderbook.OrderbookAggregator/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=OLD["Summary"].FromString,
    )(request, timeout=DEADLINE_S)


def plain(levels: Any) -> list[tuple[str, float, float]]:
    return [(level.exchange, level.price, level.amount) for level in levels]


def test_the_default_pair_best_first_with_lower_case_names_and_exact_spread(rig: Rig) -> None:
    load(rig.books, "binance", [(99.9, 1.0), (99.8, 2.0)], [(100.1, 3.0)], received_ns=5000)
    load(rig.books, "bitstamp", [(99.9, 4.0)], [(100.1, 0.5), (100.2, 1.0)], received_ns=6000)
    stream = call(rig, "BookSummary", OLD["Empty"]())
    summary = next(stream)
    assert summary.spread == 0.2  # 100.1 - 99.9 in doubles would be 0.19999999999998863
    assert plain(summary.bids) == [("bitstamp", 99.9, 4.0), ("binance", 99.9, 1.0), ("binance", 99.8, 2.0)]
    assert plain(summary.asks) == [("binance", 100.1, 3.0), ("bitstamp", 100.1, 0.5), ("bitstamp", 100.2, 1.0)]
    assert summary.arrival_time == 6000
    stream.cancel()


@pytest.mark.parametrize("symbol", ["ETH/BTC", "ETH-BTC", "ETH_BTC", "eth-btc", "ethbtc", "ETHBTC"])
def test_any_pair_in_any_usual_spelling(rig: Rig, symbol: str) -> None:
    load(rig.eth, "binance", [(0.05, 1.0)], [(0.06, 1.0)])
    stream = call(rig, "BookSummaryForSymbol", OLD["SummaryRequest"](symbol=symbol))
    assert plain(next(stream).bids) == [("binance", 0.05, 1.0)]
    stream.cancel()


def test_updates_and_lost_venues_reach_an_old_client(rig: Rig) -> None:
    load(rig.books, "binance", [(99.0, 1.0)], [(100.0, 1.0)])
    stream = call(rig, "BookSummary", OLD["Empty"]())
    next(stream)
    load(rig.books, "binance", [(98.0, 1.0)], [(100.0, 1.0)])
    until(stream, lambda summary: plain(summary.bids) == [("binance", 98.0, 1.0)])
    lose(rig.books, "binance")
    until(stream, lambda summary: not summary.bids and not summary.asks)
    stream.cancel()


def test_a_heartbeat_is_a_full_summary_to_an_old_client(rig: Rig) -> None:
    load(rig.books, "binance", [(99.0, 1.0)], [(100.0, 1.0)])
    stream = call(rig, "BookSummary", OLD["Empty"]())
    first, beat = next(stream), next(stream)
    assert (plain(beat.bids), beat.spread) == (plain(first.bids), first.spread)
    stream.cancel()


def test_a_pair_without_any_update_yet_opens_empty_instead_of_failing(rig: Rig) -> None:
    stream = call(rig, "BookSummaryForSymbol", OLD["SummaryRequest"](symbol="ETH/BTC"))
    assert not next(stream).bids
    stream.cancel()


def test_the_stream_ends_with_ok_when_the_server_stops(rig: Rig) -> None:
    stream = call(rig, "BookSummary", OLD["Empty"]())
    next(stream)
    rig.server.stop()
    assert list(stream) is not None  # no error is raised
    assert stream.code() is grpc.StatusCode.OK
