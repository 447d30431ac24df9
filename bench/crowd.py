"""Many clients of one view in one process: `python -m bench.crowd ADDRESS --clients N`, driven by bench.load.

It reads raw bytes by grpc.aio. All streams of a view send the same bytes, so a message is decoded once for the whole
crowd and every further receipt is a comparison. Commands come by standard input, a line each: `measure NAME` begins a
part, `rest` ends it, `stick` lets the last clients stop reading and `read` go on, `finish` ends it all. What was seen
is printed as one line of JSON.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import sys
import time
from collections import Counter, defaultdict
from random import Random
from typing import Any

import msgspec
from grpc import aio

from bench.facts import Decoder
from proto import orderbook_pb2 as pb
from services.loop import allow_open_files, new_loop

METHODS = {"book": "MarketData/StreamBook", "summary": "OrderbookAggregator/BookSummaryForSymbol"}
STEP_NS = 50_000  # of the histograms
_OPENING = 100  # clients that connect at the same time
_FIRST_S = 30.0  # for a client's first message
_NEWEST_S = 15.0  # for the newest state at the end
_OTHER_FILES = 200
_EOF: Any = aio.EOF  # type: ignore[attr-defined]  # unknown to the stubs
# How much the server may send ahead to clients that will stop reading: so little that they hold it up within seconds.
# By default grpcio goes on taking up to 64 KiB to 4 MiB for a client that does not read.
_STUCK_WINDOW = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 8192)]


class Part(msgspec.Struct):
    """What was seen in one part of the measurement, by those clients that read all the time."""

    name: str
    seconds: float = 0.0
    messages: int = 0  # of all clients, heartbeats too
    conflated: int = 0  # states that the server spared them
    latencies: dict[int, int] = {}  # venue's stamp -> receipt, in steps of STEP_NS: how many
    made: dict[int, int] = {}  # message made -> receipt, likewise
    joins: dict[int, int] = {}  # a client comes -> its first message, likewise
    cpu_s: float = 0.0  # that this process took


class Seen(msgspec.Struct):
    """What one crowd saw."""

    parts: list[Part]
    clients: int  # open at the end
    newest: int  # of them have the newest state
    newest_s: float  # until the last of them had it
    stuck: int  # of them had stopped reading
    stuck_conflated: int  # states that those were spared
    stuck_newest: int  # of those have the newest state since they read on
    failures: dict[str, int]  # streams that ended, by status and reason


class Client:
    """One stream."""

    __slots__ = ("conflated", "newest_ns", "number", "state", "sticks", "task")

    def __init__(self, number: int, sticks: bool) -> None:
        self.number = number
        self.sticks = sticks  # stops reading when it is told to
        self.newest_ns = 0  # the venue's stamp of the newest update
        self.state = b""  # the newest message that was no heartbeat
        self.conflated = 0
        self.task: asyncio.Task[None] | None = None


class Crowd:
    """All clients of this process. Lives in one event loop."""

    def __init__(self, told: argparse.Namespace) -> None:
        self.decoder = Decoder(told.track)
        self.parts: list[Part] = [Part("")]  # the last is the present one; one without a name does not count
        self.failures: Counter[str] = Counter()
        self._told = told
        self._reading = asyncio.Event()  # cleared while those that stick do not read
        self._reading.set()
        readers = told.clients - told.stuck
        self.clients = [Client(index, sticks=index >= readers) for index in range(told.clients)]
        self._channels: dict[tuple[int, bool], aio.Channel] = {}  # that several streams share
        self._random = Random(told.seed)
        if told.track == "book":
            self._request = pb.BookRequest(
                pair=told.pair, levels=told.levels, min_interval_ms=told.min_interval_ms
            ).SerializeToString()
        else:
            self._request = pb.SummaryRequest(symbol=told.pair).SerializeToString()

    async def open(self) -> None:
        """Returns when every client has its first message or has failed."""
        gate = asyncio.Semaphore(_OPENING)

        async def open_one(client: Client) -> None:
            async with gate:
                first = asyncio.get_running_loop().create_future()
                client.task = asyncio.create_task(self._follow(client, first))
                await first

        await asyncio.gather(*map(open_one, self.clients))

    @property
    def present(self) -> int:
        """Clients whose stream is open."""
        return sum(client.task is not None and not client.task.done() for client in self.clients)

    def measure(self, name: str) -> None:
        """Begins a part."""
        self._end_part()
        self._began, self._cpu = time.monotonic(), time.process_time()
        self.parts.append(Part(name, latencies=defaultdict(int), made=defaultdict(int), joins=defaultdict(int)))

    def rest(self) -> None:
        """Ends the part; what comes until the next one is not counted."""
        self._end_part()
        self.parts.append(Part(""))

    def stick(self) -> None:
        """The last clients stop reading."""
        self._reading.clear()

    def read(self) -> None:
        """They read on."""
        self._reading.set()

    async def churn(self, rate: float) -> None:
        """`rate` clients a second leave and come back at once, for ever."""
        readers = [client for client in self.clients if not client.sticks]
        due = time.monotonic()
        while True:
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            client = self._random.choice(readers)
            if client.task is not None:
                client.task.cancel()
            client.newest_ns = 0
            client.task = asyncio.create_task(self._follow(client))

    async def finish(self) -> Seen:
        """Asks once more what is newest, waits until all have it, and tells what was seen."""
        self._end_part()
        stuck = [client for client in self.clients if client.sticks] if not self._reading.is_set() else []
        self._reading.set()
        began = time.monotonic()
        goal = await self._goal()
        left = [client for client in self.clients if client.task is not None and not client.task.done()]
        present, arrived = len(left), began
        while left and time.monotonic() - began < _NEWEST_S:
            behind = [client for client in left if not self._has(client, goal)]
            if len(behind) < len(left):
                arrived = time.monotonic()
            left = behind
            await asyncio.sleep(0.02)
        return Seen(
            [part for part in self.parts if part.name],
            present,
            present - len(left),
            arrived - began,
            len(stuck),
            sum(client.conflated for client in stuck),
            sum(client not in left for client in stuck),
            dict(self.failures),
        )

    def _has(self, client: Client, goal: bytes) -> bool:
        """Whether the client's state is that of `goal` or a later one."""
        if not client.state:
            return False
        later = self.decoder.facts(client.state).sequence >= self.decoder.facts(goal).sequence
        return later or self.decoder.levels(client.state) == self.decoder.levels(goal)

    def _end_part(self) -> None:
        part = self.parts[-1]
        if part.name and not part.seconds:
            part.seconds = time.monotonic() - self._began
            part.cpu_s = time.process_time() - self._cpu

    async def _goal(self) -> bytes:
        """The present state; where the server lets nobody in any more, the newest that any client has."""
        try:
            return await self._ask()
        except aio.AioRpcError as error:
            self._failed(error)
            return max(
                (client.state for client in self.clients if client.state),
                key=lambda state: self.decoder.facts(state).sequence,
                default=b"",
            )

    def _failed(self, error: aio.AioRpcError) -> None:
        self.failures[f"{error.code().name}: {error.details()}"] += 1

    async def _ask(self) -> bytes:
        """The present state, as a newcomer gets it."""
        async with self._connect(sticks=False) as channel:
            call = self._call(channel)
            first: bytes = await asyncio.wait_for(call.read(), _FIRST_S)
            call.cancel()
            return first

    def _connect(self, sticks: bool) -> aio.Channel:
        """A connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1), *(_STUCK_WINDOW if sticks else ())]
        return aio.insecure_channel(self._told.address, options=options)

    def _call(self, channel: aio.Channel) -> Any:
        method: Any = channel.unary_stream  # whose stubs ask for serializers: ours are bytes already
        return method(f"/orderbook.{METHODS[self._told.track]}")(self._request)

    async def _follow(self, client: Client, first: "asyncio.Future[None] | None" = None) -> None:
        """Reads one stream until it ends."""
        began = time.time_ns()
        async with contextlib.AsyncExitStack() as stack:
            try:
                if self._told.share > 1:
                    channel = self._shared(client)
                else:
                    channel = await stack.enter_async_context(self._connect(client.sticks))
                call = self._call(channel)
                stack.callback(call.cancel)
                self._take(client, await asyncio.wait_for(call.read(), _FIRST_S), began)
                if first is not None:
                    first.set_result(None)
                await self._read(client, call)
            except aio.AioRpcError as error:
                self._failed(error)
            except TimeoutError:
                self.failures[f"no first message within {_FIRST_S:.0f} s"] += 1
            finally:
                if first is not None and not first.done():
                    first.set_result(None)

    def _shared(self, client: Client) -> aio.Channel:
        key = client.number // self._told.share, client.sticks
        if key not in self._channels:
            self._channels[key] = self._connect(client.sticks)
        return self._channels[key]

    async def _read(self, client: Client, call: Any) -> None:
        read, take = call.read, self._take
        if not client.sticks:
            while (data := await read()) is not _EOF:
                take(client, data)
        else:
            while (data := await read()) is not _EOF:
                take(client, data)
                await self._reading.wait()
        self.failures["OK: the server closed the stream"] += 1

    def _take(self, client: Client, data: Any, joined_ns: int = 0) -> None:
        """One message. The first of a stream tells what was there before, so it says nothing about the way."""
        now = time.time_ns()
        if data is _EOF:
            return
        venue_ns, sent_ns, _, conflated, heartbeat = self.decoder.facts(data)
        if not heartbeat:
            client.state = data
        client.conflated += conflated
        part = self.parts[-1]
        if client.sticks or not part.name:
            client.newest_ns = venue_ns
            return
        part.messages += 1
        part.conflated += conflated
        if joined_ns:
            part.joins[(now - joined_ns) // STEP_NS] += 1
        elif venue_ns > client.newest_ns and not heartbeat:
            part.latencies[(now - venue_ns) // STEP_NS] += 1
            part.made[(now - sent_ns) // STEP_NS] += 1
        client.newest_ns = venue_ns


def _commands() -> "asyncio.Queue[str]":
    """The lines of standard input as they come; an empty one at its end."""
    loop, number = asyncio.get_running_loop(), sys.stdin.fileno()
    lines: asyncio.Queue[str] = asyncio.Queue()
    begun = b""

    def hear() -> None:
        nonlocal begun
        heard = os.read(number, 4096)
        if not heard:
            loop.remove_reader(number)
            lines.put_nowait("")
        *whole, begun = (begun + heard).split(b"\n")
        for line in whole:
            lines.put_nowait(line.decode())

    loop.add_reader(number, hear)
    return lines


async def run(told: argparse.Namespace) -> None:
    """From the first client to the last word, which is said while all still runs."""
    crowd = Crowd(told)
    commands = _commands()
    await crowd.open()
    gc.collect()
    gc.freeze()
    print(f"open {crowd.present}", flush=True)
    churn = asyncio.create_task(crowd.churn(told.churn)) if told.churn else None
    done = 0
    while True:
        verb, _, name = (await commands.get()).partition(" ")
        if verb == "measure":
            crowd.measure(name)
        elif verb in ("rest", "stick", "read"):
            getattr(crowd, verb)()
        else:  # "finish", or our parent is gone
            if churn is not None:
                churn.cancel()
            break
        done += 1
        print(f"did {done}", flush=True)
    seen = await crowd.finish()
    print(f"seen {msgspec.json.encode(seen).decode()}", flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    p.add_argument("address")
    p.add_argument("--clients", type=int, default=100)
    p.add_argument("--stuck", type=int, default=0)
    p.add_argument("--churn", type=float, default=0.0)
    p.add_argument("--share", type=int, default=1)
    p.add_argument("--track", choices=METHODS, default="book")
    p.add_argument("--pair", default="")
    p.add_argument("--levels", type=int, default=0)
    p.add_argument("--min-interval-ms", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    return p


def main() -> None:
    """One crowd."""
    told = parser().parse_args()
    allow_open_files(told.clients + _OTHER_FILES)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run(told))


if __name__ == "__main__":
    main()
