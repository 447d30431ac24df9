"""Many clients, clients that come and go, and one that stops reading."""

import asyncio
import gc
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from proto import orderbook_pb2 as pb
from services import GrpcOptions
from tests.services.conftest import BTC, DEADLINE_S, Rig, load, until, wait_until


def open_aio(channel: Any, method: str, request: bytes = b"") -> Any:
    return channel.unary_stream(f"/orderbook.{method}")(request, timeout=DEADLINE_S)


async def test_two_hundred_streams_come_and_go_without_a_trace(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Half of them leave before their first message, half after some; nothing stays behind."""
    assert rig.server._loop is not None
    loop = rig.server._loop
    tasks_before = len(asyncio.all_tasks(loop))
    done = threading.Event()

    def write() -> None:
        price = 1.0
        while not done.is_set():
            price += 1.0
            load(rig.books, "binance", [(price, 1.0)], [])
            done.wait(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    methods = ["OrderbookAggregator/BookSummary", "MarketData/StreamBook", "MarketData/StreamStatus"]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{rig.port}") as channel:
        calls = [open_aio(channel, methods[index % 3]) for index in range(200)]
        for call in calls[::2]:
            await call.read()
            await call.read()
        wait_until(lambda: rig.publisher.streams > 100, "the streams are open")
        for call in calls:
            call.cancel()
        await asyncio.sleep(0)
        await asyncio.to_thread(wait_until, lambda: rig.publisher.streams == 0, "all streams are counted out")
    done.set()
    writer.join()
    wait_until(lambda: rig.books._listeners == (), "nobody listens any more")
    assert not rig.publisher.feeds
    assert not rig.publisher.status_views
    wait_until(lambda: len(asyncio.all_tasks(loop)) <= tasks_before, "no task is left")
    assert not [record for record in caplog.records if record.name.startswith(("services", "grpc._cython"))]


async def test_a_hundred_streams_all_end_at_the_newest_state(rig: Rig) -> None:
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{rig.port}") for _ in range(4)]
    calls = [open_aio(channels[index % 4], "MarketData/StreamBook") for index in range(100)]
    for call in calls:
        await call.read()

    async def follow(call: Any) -> int:
        """States received and spared until the last one is there."""
        states = 0
        while True:
            book = pb.Book.FromString(await call.read())
            if not book.heartbeat:
                states += 1 + book.conflated
            if book.bids and book.bids[0].price == 30000:
                return states

    following = [asyncio.create_task(follow(call)) for call in calls]
    view = next(iter(rig.publisher.feeds[BTC].views.values()))
    before = view.encoded

    def write() -> None:
        for n in range(1, 301):
            load(rig.books, "binance", [(float(n), 1.0)], [])

    await asyncio.to_thread(write)
    states = await asyncio.wait_for(asyncio.gather(*following), DEADLINE_S)
    # Every stream accounts for each state that was published, received or spared: none is lost uncounted.
    assert len(set(states)) == 1
    assert states[0] <= view.encoded - before  # encoded once for all, besides heartbeats
    for call in calls:
        call.cancel()
    for channel in channels:
        await channel.close(None)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")
def test_a_client_that_stops_reading_costs_the_others_nothing(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """It costs a slot and its window: the others' latency and the memory stay, and it still gets the newest.

    Its view is large and no other client's: not even that is computed for it while it does not read.
    """
    levels = [(round(1000.0 - n / 100, 2), 1.0) for n in range(2000)]
    load(rig.books, "binance", levels, [])
    good = rig.stream_book(levels=1)
    next(good)

    def latencies_ms(count: int, first: float) -> list[float]:
        found = []
        for n in range(count):
            price = first + n
            began = time.perf_counter()
            with rig.books:
                book = rig.books.books["binance"]
                book.apply([(price, 1.0)], [], 2, book.stamps)
            until(good, lambda book: not book.heartbeat and book.bids[0].price == price * 100)  # noqa: B023
            found.append((time.perf_counter() - began) * 1000)
        return found

    # The window is small and is not enlarged: the client takes the first message and then reads no more.
    channel = rig.connect(("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536))
    stuck = rig.stream_book(levels=2000, channel=channel)
    next(stuck)
    latencies_ms(150, 2000.0)  # the window fills
    gc.collect()
    memory = resident_mb()
    with_stuck = latencies_ms(300, 3000.0)  # each is a state of 30 kB that the stuck client does not take
    grown = resident_mb() - memory
    taken = 0
    for told in stuck:  # until it has the newest
        taken += 1
        if told.bids and told.bids[0].price == 329900:
            break
    assert taken < 100  # of 450 states: those of the window, then the newest
    latencies_ms(100, 3500.0)  # stuck again, and then gone in the middle of a message
    channel.close()
    wait_until(lambda: rig.publisher.streams == 1, "the stuck client is gone")
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    alone = latencies_ms(300, 4000.0)
    good.cancel()
    assert grown < 8
    assert statistics.median(with_stuck) < 4 * statistics.median(alone) + 2


def test_streams_in_many_views_of_one_pair(rig: Rig) -> None:
    """Each view has its own cut; a write reaches all of them."""
    streams = [rig.stream_book(levels=levels) for levels in range(1, 21)]
    for stream in streams:
        next(stream)
    load(rig.books, "binance", [(100.0 - n, 1.0) for n in range(20)], [])
    for levels, stream in enumerate(streams, start=1):
        assert len(until(stream, lambda book: bool(book.bids)).bids) == levels
        stream.cancel()
    wait_until(lambda: rig.publisher.streams == 0, "all streams are gone")


def test_a_slow_reader_of_a_fast_market_always_gets_what_is_newest_then() -> None:
    rig = Rig(GrpcOptions(port=0, levels=1))
    channel = rig.connect(("grpc.http2.bdp_probe", 0))
    stream = rig.summaries(channel)
    next(stream)
    for n in range(1, 3001):
        load(rig.books, "binance", [(float(n), 1.0)], [])
    last = until(stream, lambda summary: summary.bids and summary.bids[0].price == 3000.0)
    assert last.sequence == rig.books.version
    stream.cancel()
    channel.close()
    rig.close()
