"""How many messages a client gets, whatever it has open, and limits that change while it does."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest

from proto import orderbook_pb2 as pb
from services import GrpcOptions
from services.admission import Admission, Client
from services.stream import Stream
from tests.services.conftest import BTC, Rig, load, wait_until
from tests.services.stage import CLIENT, SUMMARY, Stage, receive
from tests.services.test_trades import trade


def test_a_client_pays_for_its_messages() -> None:
    """A burst is free; then its streams wait, together no more than the rate. What was not used is not saved up."""
    admission, client = Admission(GrpcOptions(max_messages_per_client=10)), Client("a")
    slots = [admission.slot(client, 100.0) for _ in range(4)]
    assert slots == pytest.approx([100.0, 100.1, 100.2, 100.3])
    assert admission.slot(client, 200.0) == pytest.approx(200.0)
    admission.options = replace(admission.options, max_messages_per_client=100)
    assert admission.slot(client, 300.0) < 300.0
    assert admission.slot(Client("b"), 200.0) < 200.1, "another one's messages are not counted"


async def test_a_stream_waits_for_its_slot() -> None:
    """The newest state is what it takes then; the last message is not held back."""
    loop = asyncio.get_running_loop()
    stream = Stream(loop, lambda conflated: b"+%d" % conflated, slot=lambda now: now + 0.1)
    stream.offer(b"a")
    began = loop.time()
    assert await stream.next() == b"a"
    stream.offer(b"b")
    stream.offer(b"c")
    assert await stream.next() == b"c+1"
    assert loop.time() - began >= 0.1


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig(GrpcOptions(port=0, max_messages_per_client=100))
    yield made
    made.close()


def test_a_hundred_busy_streams_of_one_client(rig: Rig) -> None:
    """They share its rate, each in its turn; another client on its own connection does not notice."""
    seen = [0] * 100
    newest = [0.0] * 100

    def take(number: int, stream: Any) -> None:
        with contextlib.suppress(grpc.RpcError):  # it ends by being cancelled
            for message in stream:
                seen[number] += 1
                newest[number] = message.bids[0].price if message.bids else 0.0

    streams = [rig.summaries() for _ in seen]
    takers = [threading.Thread(target=take, args=told, daemon=True) for told in enumerate(streams)]
    for taker in takers:
        taker.start()
    wait_until(lambda: all(seen), "all have their first message")
    before, began, price = sum(seen), time.monotonic(), 1.0
    with rig.connect() as channel:
        other = rig.stream_book(channel)
        next(other)
        while time.monotonic() - began < 1.5:
            price += 1
            load(rig.books, "binance", [(price, 1.0)], [])
            if int(price) % 10 == 0:
                while next(other).bids[0].price != price * 100:
                    pass
        lasted = time.monotonic() - began
        assert sum(seen) - before <= 100 * lasted + 10 + 100, "the rate, a burst, and what was on its way"
        wait_until(lambda: newest == [price] * 100, "all have the newest")
        assert sum(seen) - before <= 100 * (time.monotonic() - began) + 110
    for stream, taker in zip(streams, takers, strict=True):
        stream.cancel()
        taker.join()


def test_limits_change_while_streams_are_open(rig: Rig) -> None:
    """A new floor holds for those too; another count of streams for whoever comes."""
    first = rig.summaries()
    next(first)
    rig.server.retune(replace(rig.server.options, min_interval_ms=1000, max_streams_per_client=1))
    wait_until(lambda: rig.publisher.options.min_interval_ms == 1000, "it is taken")
    next(first)
    began = time.monotonic()
    next(first)
    next(first)
    assert time.monotonic() - began > 0.9
    with pytest.raises(Exception, match="this connection has 1 streams open"):
        next(rig.summaries())
    assert rig.server.options.max_streams_per_client == 1


async def test_what_a_client_asked_for_outlasts_a_change() -> None:
    """A floor comes and goes; its own interval stays."""
    stage = Stage(heartbeat_s=60)
    with stage.publisher.watch_book(SUMMARY, CLIENT, 30) as stream:
        await receive(stream)
        for floor, interval_s in ((500, 0.5), (0, 0.03)):
            stage.publisher.retune(GrpcOptions(min_interval_ms=floor))
            assert stream._interval_s == interval_s


async def test_trades_are_messages_too() -> None:
    """They share the rate of their client, and follow another interval; none is lost for it."""
    stage = Stage(GrpcOptions(max_messages_per_client=10), heartbeat_s=60)
    client = Client("busy")
    client.next_slot = asyncio.get_running_loop().time() + 0.2
    async with stage.publisher.trades.watch([BTC], client) as stream:
        await asyncio.wait_for(stream.next(), 5)
        began = asyncio.get_running_loop().time()
        trade(stage.books, 10)
        trade(stage.books, 11)
        assert [each.id for each in pb.Trades.FromString(await stream.next() or b"").trades] == ["10", "11"]
        assert asyncio.get_running_loop().time() - began >= 0.1
        stage.publisher.retune(GrpcOptions(min_interval_ms=300))
        assert stream._interval_s == 0.3
