"""Clients that come and go: streams of both services with all kinds of wishes, for some seconds each."""

import asyncio
from random import Random
from typing import Any

import grpc

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from tests.truth.court import channel_to
from tests.truth.judge import Judge
from tests.truth.record import Record

_LEVELS = (1, 5, 10, 25, 100, 5000)
_STAY_S = (0.5, 15.0)
_READ_SLOWLY = 0.2  # share of the clients
_LEAVE_SUDDENLY = 0.3


class Clients:
    """Keeps about `wanted` clients on a server. What they are shown is held against the contract, not the truth."""

    def __init__(self, port: int, pairs: tuple[str, ...], rng: Random, wanted: int) -> None:
        self.record = Record()
        self.come = 0
        self._port = port
        self._pairs = pairs
        self._rng = rng
        self._wanted = wanted
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def present(self) -> int:
        """How many there are now."""
        return len(self._tasks)

    def begin(self) -> None:
        """Lets them come."""
        self._keeper = asyncio.create_task(self._keep())

    async def end(self) -> None:
        """Sends all away; raises what went wrong with one."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        left, self._tasks = self._tasks, set()
        for task in left:
            task.cancel()
        for result in await asyncio.gather(*left, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _keep(self) -> None:
        while True:
            while len(self._tasks) < self._wanted:
                task = asyncio.create_task(self._visit())
                self._tasks.add(task)
            for task in [each for each in self._tasks if each.done()]:
                self._tasks.discard(task)
                task.result()
            await asyncio.sleep(self._rng.uniform(0.05, 0.5))

    async def _visit(self) -> None:
        rng = self._rng
        self.come += 1
        stay_s, slow = rng.uniform(*_STAY_S), rng.random() < _READ_SLOWLY
        channel = channel_to(self._port)
        try:
            stream, see = self._stream(channel)
            try:
                async with asyncio.timeout(stay_s):
                    async for message in stream:
                        await see(message)
                        if slow:
                            await asyncio.sleep(0.3)
                raise RuntimeError("the server ended a stream")
            except TimeoutError:
                if rng.random() > _LEAVE_SUDDENLY:
                    stream.cancel()
        finally:
            await channel.close(None)

    def _stream(self, channel: grpc.aio.Channel) -> tuple[Any, Any]:
        rng = self._rng
        pair, kind = rng.choice(self._pairs), rng.random()
        if kind < 0.3:
            old = stubs.OrderbookAggregatorStub(channel)  # type: ignore[no-untyped-call]
            judge = Judge(self.record, {}, pair, 10, by_price=False)
            return old.BookSummaryForSymbol(pb.SummaryRequest(symbol=pair)), judge.summary
        market = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        if kind < 0.4:
            return market.StreamStatus(pb.StatusRequest()), _nothing
        request = pb.BookRequest(
            pair=pair,
            levels=rng.choice(_LEVELS),
            min_amount=rng.choice(("", "", "0.001", "0.1")),
            min_interval_ms=rng.choice((0, 0, 50, 500)),
        )
        return market.StreamBook(request), Judge(self.record, {}, pair, request.levels).book


async def _nothing(_: object) -> None:
    """A client that only reads."""
