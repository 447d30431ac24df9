"""Pairs that only a client names, over the real processes."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from tests import rpc
from tests.processes import DEADLINE_S, server, venue
from tests.waiting import until


@pytest.fixture(scope="module")
def endpoints() -> Iterator[list[str]]:
    with venue("--seed", "demand") as told:
        yield told


def carried(channel: grpc.Channel) -> list[str]:
    """The pairs that the server carries."""
    stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    return [each.pair for each in stub.ListPairs(pb.PairsRequest(), timeout=DEADLINE_S).pairs]


def until_live(stream: Iterator[pb.Book]) -> pb.Book:
    """The first message in which every venue that trades the pair is live."""
    for book in stream:
        if all(each.trust.state in (pb.LIVE, pb.UNLISTED) for each in book.venues):
            return book
    raise AssertionError("the stream ended")


def test_a_pair_comes_with_its_first_client_and_goes_after_its_last(endpoints: list[str]) -> None:
    """The stream opens at once and says how far the venues are; the default pair does not notice."""
    arguments = ("--pair", "BTC/USDT", "--linger-s", "0")
    with (
        server(*endpoints, *arguments) as (process, port),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        pinned: Any = rpc.stream_book(channel, pb.BookRequest(), DEADLINE_S)
        until_live(pinned)
        assert carried(channel) == ["BTC/USDT"]
        stream: Any = rpc.stream_book(channel, pb.BookRequest(pair="ETH/BTC"), DEADLINE_S)
        first = next(stream)
        assert (first.pair, len(first.venues)) == ("ETH/BTC", 2)
        assert until_live(stream).bids
        assert carried(channel) == ["BTC/USDT", "ETH/BTC"]
        stream.cancel()
        until(lambda: carried(channel) == ["BTC/USDT"], "it goes", DEADLINE_S)
        book = next(pinned)
        assert [each.trust.resyncs for each in book.venues] == [0, 0]
        assert any("ETH/BTC is watched by nobody" in line for line in process.err)
        pinned.cancel()
        until(lambda: carried(channel) == ["BTC/USDT"], "the pair of the configuration stays", DEADLINE_S)


def refusal(port: int, pair: str) -> grpc.RpcError:
    """How a stream of `pair` is refused."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as refused:
        next(rpc.stream_book(channel, pb.BookRequest(pair=pair), DEADLINE_S))
    return refused.value


def test_limits_and_switches(endpoints: list[str]) -> None:
    """One pair too many, an unknown one, and a server that carries no others: each is told."""
    with server(*endpoints, "--max-pairs", "1") as (_, port):
        error = refusal(port, "ETH/BTC")
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "--max-pairs" in str(error.details())
        assert refusal(port, "ETH/XYZ").code() is grpc.StatusCode.NOT_FOUND
    with server(*endpoints, "--on-demand", "off") as (_, port):
        error = refusal(port, "ETH/BTC")
        assert error.code() is grpc.StatusCode.NOT_FOUND
        assert "it carries BTC/USDT" in str(error.details())


def test_the_status_of_all_follows_what_is_carried(endpoints: list[str]) -> None:
    """A stream of all states tells of a new pair with the next second, and at once of what happens to it."""
    with server(*endpoints) as (_, port), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        statuses = stub.StreamStatus(pb.StatusRequest(), timeout=DEADLINE_S)
        assert [each.pair for each in next(statuses).pairs] == ["BTC/USDT"]
        stream: Any = rpc.stream_book(channel, pb.BookRequest(pair="ETH/BTC"), DEADLINE_S)
        next(stream)
        for status in statuses:
            told = {each.pair: [venue.state for venue in each.venues] for each in status.pairs}
            if told.get("ETH/BTC") == [pb.LIVE, pb.LIVE]:
                break
        stream.cancel()
