"""Limits over real sockets, and what rude clients cost the others: absurd views, bad requests, a frozen peer."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from proto import orderbook_pb2 as pb
from services import GrpcOptions
from services.loop import allow_open_files
from tests.processes import running
from tests.services.conftest import BTC, ETH, Rig, load, until, wait_until

EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.fixture
def start() -> Iterator[Callable[..., Rig]]:
    """Starts a server with these options; it ends with the test."""
    rigs = []

    def started(**options: Any) -> Rig:
        rigs.append(Rig(GrpcOptions(port=0, **options)))
        return rigs[-1]

    yield started
    for rig in rigs:
        rig.close()


def refusal(stream: Any) -> str:
    """Why a stream is refused as one too many."""
    with pytest.raises(grpc.RpcError):
        next(stream)
    assert stream.code() is EXHAUSTED
    reason: str = stream.details()
    return reason


def test_a_connection_is_a_client_and_has_its_own_share_of_streams(start: Callable[..., Rig]) -> None:
    """The second connection comes from the same address; a stream that ends makes room."""
    rig = start(max_streams_per_client=2)
    streams = [rig.summaries(), rig.stream_status()]
    for stream in streams:
        next(stream)
    assert "this connection has 2 streams open" in refusal(rig.stream_book())
    with rig.connect() as channel:
        next(rig.stream_book(channel))
    streams[0].cancel()
    wait_until(lambda: rig.publisher.streams == 1, "the left streams are counted out")
    next(rig.stream_book())


def test_pairs_of_one_connection(start: Callable[..., Rig]) -> None:
    """A status names pairs without watching their books; a second view of a pair is no further pair."""
    rig = start(max_pairs_per_client=1)
    btc = rig.stream_book(pair=str(BTC))
    next(btc)
    next(rig.stream_book(pair=str(BTC), levels=3))
    next(rig.stream_status(str(BTC), str(ETH)))
    assert "this connection watches 1 pairs already" in refusal(rig.stream_book(pair=str(ETH)))
    with rig.connect() as channel:
        next(rig.stream_book(channel, pair=str(ETH)))


def test_absurd_views_are_refused_before_they_cost_the_others_their_time(start: Callable[..., Rig]) -> None:
    """A hundred clients want the deepest book, each with a filter of its own; ten get it.

    The others, who want an ordinary view, are let in all the same.
    """
    rig = start()
    load(rig.books, "binance", [(round(1000.0 - n / 100, 2), 1.0) for n in range(6000)], [])
    minima = [f"0.{n:03}" for n in range(100)]
    deep = [rig.stream_book(levels=5000, min_amount=least) for least in minima]
    reasons, granted = [], []  # calls of one connection begin in any order
    for least, stream in zip(minima, deep, strict=True):
        try:
            next(stream)
            granted.append(least)
        except grpc.RpcError as error:
            reasons.append(error.details())
    assert len(reasons) == 90
    assert set(reasons) == {
        "all deep views that clients watch have 50000 levels together; 5000 more would be beyond the 50000 that this "
        "server computes; ask for at most 500 levels, or for the same pair, levels, venues and minima as another "
        "client does (--max-view-levels)"
    }
    same = rig.stream_book(levels=5000, min_amount=granted[0])
    assert len(next(same).bids) == 5000  # what another watches is computed already
    next(rig.stream_book(levels=500))
    for stream in (*deep, same):
        stream.cancel()
    wait_until(lambda: not rig.publisher.admission.levels[True], "the views are gone")
    next(rig.stream_book())


@pytest.mark.parametrize("ask", [0, 20])
def test_no_client_gets_more_messages_than_the_operator_allows(ask: int, start: Callable[..., Rig]) -> None:
    """Plain summaries and books alike; what was last written still arrives."""
    rig = start(min_interval_ms=100, levels=1)
    stream = rig.stream_book(min_interval_ms=ask) if ask else rig.summaries()
    next(stream)
    began, messages = time.monotonic(), 0
    done = threading.Event()

    def write() -> None:
        for n in range(1, 201):
            load(rig.books, "binance", [(float(n), 1.0)], [])
            done.wait(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    for message in stream:
        messages += 1
        if message.bids and message.bids[0].price in (200.0, 20000):
            break
    writer.join()
    assert messages <= (time.monotonic() - began) / 0.1 + 1
    stream.cancel()


def test_the_longer_of_both_intervals_counts() -> None:
    options = GrpcOptions(min_interval_ms=50)
    assert (options.interval_s(), options.interval_s(20), options.interval_s(60_000)) == (0.05, 0.05, 60.0)


def test_changes_of_state_keep_the_operators_interval_too(start: Callable[..., Rig]) -> None:
    rig = start(min_interval_ms=1000)
    stream = rig.stream_status()
    next(stream)
    began = time.monotonic()
    load(rig.books, "binance", [(1.0, 1.0)], [])
    until(stream, lambda status: status.pairs[0].venues[0].state == pb.LIVE)
    assert time.monotonic() - began > 0.5
    stream.cancel()


def test_malformed_requests_by_the_hundred_disturb_nobody(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Rubbish, unknown fields, no pairs, far too large ones: each gets its status, none reaches the others."""
    good = rig.stream_book()
    next(good)
    rubbish = [
        b"\xff\xff\xff",
        b"\x3a\x030.1",
        pb.BookRequest(pair="?").SerializeToString(),
        b"\x0a\x7f" + b"x" * 127,
    ]
    with rig.connect() as channel:
        calls = [rig.stream("MarketData/StreamBook", rubbish[n % 4], pb.Book, channel) for n in range(400)]
        for n, call in enumerate(calls):
            if n % 50 == 0:
                load(rig.books, "binance", [(1000.0 + n, 1.0)], [])
            with pytest.raises(grpc.RpcError):
                next(call)
            assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
    until(good, lambda book: book.bids and book.bids[0].price == 135_000)
    assert rig.publisher.streams == 1
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    good.cancel()


FROZEN = """
import sys, grpc
channel = grpc.insecure_channel(sys.argv[1])
for _ in channel.unary_stream("/orderbook.MarketData/StreamBook")(b""):
    print("reading", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="stops a process by a signal")
def test_a_frozen_client_is_given_up(
    start: Callable[..., Rig], record_property: Callable[[str, object], None]
) -> None:
    """Its process is stopped, so its socket stays open and the kernel goes on confirming what we send.

    Without ping_timeout_ms this takes a minute, without keepalive two hours.
    """
    rig = start(keepalive_s=1.0, keepalive_timeout_s=1.0)
    with running("-c", FROZEN, f"127.0.0.1:{rig.port}") as client:
        client.wait_line(client.out, lambda line: line == "reading", "the first message")
        os.kill(client.popen.pid, signal.SIGSTOP)
        began = time.monotonic()
        wait_until(lambda: rig.publisher.streams == 0, "the frozen client is given up", 30)
        record_property("seconds", time.monotonic() - began)


def test_all_three_settings_of_keepalive_are_given() -> None:
    """A ping goes by a timeout of its own, so the usual two do not find a frozen client in time."""
    arguments = dict(GrpcOptions(keepalive_s=7.0, keepalive_timeout_s=3.0).channel_arguments())
    assert arguments["grpc.keepalive_time_ms"] == 7000
    assert arguments["grpc.keepalive_timeout_ms"] == arguments["grpc.http2.ping_timeout_ms"] == 3000


def test_enough_files_may_be_open_for_a_thousand_connections() -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (900, hard))
    try:
        assert allow_open_files(800) >= 800
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 900
        most = min(1500, hard)
        assert allow_open_files(most) == most
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == most
        if hard != resource.RLIM_INFINITY:
            assert allow_open_files(hard + 1) == hard  # what the machine does not allow is told, not raised
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
