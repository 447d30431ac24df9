"""What is read beside the book, over the same channel: states of all venues, trades, the list of pairs, quotes.

Each has its own task and its own retry; a server that lacks a call is asked again seldom, and nothing else suffers.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import grpc

from dashboard.feed import Failure
from dashboard.market import Book, MalformedBook, decode
from dashboard.stream import Branch, backoff_s, failure_of, unless
from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as pb_grpc

LACKING_RETRY_S = 60.0  # a server without the call may be replaced by one that has it
REFUSED_RETRY_S = 5.0
PAIRS_EVERY_S = 30.0  # pairs come and go seldom
QUOTE_EVERY_MS = 1_000
MAX_QUOTES = 40  # pairs that are watched at once on the screen of symbols


class _Again(ABC):
    """A call that is made again when it ends, and at once when `again` asks for it."""

    def __init__(self) -> None:
        self._again = asyncio.Event()

    def again(self) -> None:
        """Ends the call and any wait, and calls anew."""
        self._again.set()

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Never returns; cancel it."""
        failures = 0
        while True:
            self._again.clear()
            wait_s = await unless(self._again, self._call(channel))
            if wait_s is None:
                failures = 0
                continue
            if wait_s < 0:
                wait_s = backoff_s(failures)
                failures += 1
            else:
                failures = 0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), wait_s)

    @abstractmethod
    async def _call(self, channel: grpc.aio.Channel) -> float:
        """Makes the call once. Answers the seconds until the next; negative: as a failure's backoff has it."""


class Reading(_Again):
    """A stream of messages, each given to `take`; its end and the reason go to `lost`."""

    def __init__(
        self,
        method: str,
        request: Callable[[], object],
        take: Callable[[Any], None],
        lost: Callable[[Failure], None],
    ) -> None:
        super().__init__()
        self._method = method
        self._request = request
        self._take = take
        self._lost = lost

    async def _call(self, channel: grpc.aio.Channel) -> float:
        stub: Any = pb_grpc.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        call = getattr(stub, self._method)(self._request())
        try:
            async for message in call:
                self._take(message)
        except grpc.aio.AioRpcError as error:
            self._lost(failure_of(error.code(), error.details()))
            return _wait_s(error)
        finally:
            call.cancel()
        self._lost(Failure("OK", "the server ended the stream"))
        return -1


class Pairs(_Again):
    """The list of pairs, now and then."""

    def __init__(self, take: Callable[[pb.Pairs], None]) -> None:
        super().__init__()
        self._take = take

    async def _call(self, channel: grpc.aio.Channel) -> float:
        stub: Any = pb_grpc.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        try:
            self._take(await stub.ListPairs(pb.PairsRequest()))
        except grpc.aio.AioRpcError as error:
            return _wait_s(error)
        return PAIRS_EVERY_S


class Quotes(_Again):
    """The tops of several books, once a second each, for as long as somebody looks at them."""

    def __init__(self, take: Callable[[Book], None]) -> None:
        super().__init__()
        self._take = take
        self._pairs: tuple[str, ...] = ()
        self._levels = 0

    def watch(self, pairs: tuple[str, ...], levels: int) -> None:
        """Only these from now on, at most MAX_QUOTES; none: nothing is read. `levels` a side: what figures count."""
        wanted = pairs[:MAX_QUOTES], max(1, levels)
        if wanted != (self._pairs, self._levels):
            self._pairs, self._levels = wanted
            self.again()

    async def _call(self, channel: grpc.aio.Channel) -> float:
        if not self._pairs:
            return LACKING_RETRY_S
        async with asyncio.TaskGroup() as group:
            for pair in self._pairs:
                group.create_task(self._one(channel, pair))
        return REFUSED_RETRY_S

    async def _one(self, channel: grpc.aio.Channel, pair: str) -> None:
        stub: Any = pb_grpc.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        call = stub.StreamBook(pb.BookRequest(pair=pair, levels=self._levels, min_interval_ms=QUOTE_EVERY_MS))
        held: Book | None = None
        try:
            async for message in call:
                held = decode(message, held)
                self._take(held)
        except (grpc.aio.AioRpcError, MalformedBook):
            return  # its row ages, and says so
        finally:
            call.cancel()


class Hearer(Protocol):
    """Who is told what the branches bring, in the loop's thread."""

    def status_came(self, message: pb.Status) -> None:
        """The states of all pairs."""

    def pairs_came(self, message: pb.Pairs) -> None:
        """The pairs of the server."""

    def trades_came(self, message: pb.Trades) -> None:
        """Trades of the pair."""

    def trades_wanted(self) -> pb.TradesRequest:
        """Which trades to ask for now."""

    def quote_came(self, book: Book) -> None:
        """The top of some pair's book."""

    def branch_lost(self, what: str, failure: Failure) -> None:
        """A branch ended; it comes back by itself."""


class Branches:
    """All of them, for one listener."""

    def __init__(self, hearer: Hearer) -> None:
        self.status = Reading(
            "StreamStatus", pb.StatusRequest, hearer.status_came, lambda why: hearer.branch_lost("status", why)
        )
        self.trades = Reading(
            "StreamTrades", hearer.trades_wanted, hearer.trades_came, lambda why: hearer.branch_lost("trades", why)
        )
        self.pairs = Pairs(hearer.pairs_came)
        self.quotes = Quotes(hearer.quote_came)

    def all(self) -> tuple[Branch, ...]:
        """In the order in which they begin."""
        return (self.status, self.trades, self.pairs, self.quotes)


def _wait_s(error: grpc.aio.AioRpcError) -> float:
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return LACKING_RETRY_S
    return REFUSED_RETRY_S if failure_of(error.code(), error.details()).refused else -1
