"""A venue, a server on it, and judges of the server's streams, for as long as a block lasts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from tests.processes import ROOT, Process, server, venue
from tests.truth.admin import Admin
from tests.truth.faces import FACES, PAIRS
from tests.truth.judge import Dust, Judge
from tests.truth.record import BookName, Record
from tests.truth.tape import DECIMALS, Tape, units

VENUES = ("binance", "bitstamp")  # unless told otherwise
LEVELS = 25
SERVER_LEVELS = 10  # of the summaries; the server's default
_NOTIONALS = {"USDT": "1000", "USDC": "1000", "USD": "1000", "BTC": "0.05"}  # below it a level is dust
WHOLE = 5000
WHOLE_MS = 500
HEAL_S = 60.0
_END_S = 5.0
_AFFORDS = 0.6  # of the venue's limit on requests, so that what is lost by a fault can be asked for
_LARGEST = 64 * 1024 * 1024  # bytes of a message
CURRENT_US = 3_000_000  # a live book whose oldest lacking change is younger than this is up to date


class NotHealed(Exception):
    """Books did not come to be live and up to date in time."""


@dataclass(slots=True)
class Court:
    """What a session has at hand."""

    pairs: tuple[str, ...]
    rests: dict[str, str]  # by face
    tapes: dict[BookName, Tape]
    record: Record
    process: Process  # the server
    port: int
    admin: Admin
    streams: list[asyncio.Task[None]]
    budgets: dict[str, pb.VenueBudget] = field(default_factory=dict)  # by face, as the server tells them

    def books(self, face: str) -> list[BookName]:
        """The books of a face."""
        return [BookName(face, pair) for pair in self.pairs]

    def current(self, book: BookName, now_us: int) -> bool:
        """Whether a book is live and shows what is public, but for the newest."""
        if self.record.state(book) != pb.LIVE or book not in self.record.shown:
            return False
        lacking = self.tapes[book].first_after(self.record.shown[book])
        return lacking is None or now_us - lacking.time_us < CURRENT_US

    def affords(self, face: str) -> bool:
        """Whether the server has requests left there for what a fault will make it ask."""
        told = self.budgets.get(face)
        return told is None or (told.weight_used <= told.weight_limit * _AFFORDS and not told.banned_until_ns)

    async def until(self, wanted: Callable[[], object], what: str, timeout_s: float = HEAL_S) -> None:
        """Waits for something that the judges see; raises NotHealed. A stream that has ended is told at once."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not wanted():
            self.check()
            if asyncio.get_running_loop().time() > deadline:
                states = {str(book): self.record.spans.get(book, [None])[-1] for book in self.tapes}
                raise NotHealed(f"{what}: not within {timeout_s:.0f} s; {states}")
            await asyncio.sleep(0.05)

    def check(self) -> None:
        """Raises what ended a stream."""
        for task in self.streams:
            if task.done():
                task.result()
                raise RuntimeError(f"a stream has ended; the server says {self.process.err[-5:]}")


@contextlib.asynccontextmanager
async def court(
    *venue_arguments: str,
    pairs: Sequence[str] = PAIRS[:1],
    seed: str = "court",
    root: Path = ROOT,
    levels: int = LEVELS,
    whole: bool = True,
    faces: Sequence[str] = VENUES,
    options: Sequence[str] = (),
) -> AsyncIterator[Court]:
    """Everything up, every stream judged; the first messages may still be on their way.

    `levels`: of the stream that sees every change. Not `whole`: no stream asks for all levels. `options`: the
    server's.
    """
    told = [word for pair in pairs for word in ("--pair", pair)]
    served = ("--faces", ",".join(faces), "--free-ports")
    async with contextlib.AsyncExitStack() as stack:
        endpoints = stack.enter_context(venue("--seed", seed, *told, *served, *venue_arguments))
        rests = {face: rest_of(endpoints, face) for face in faces}
        http = await stack.enter_async_context(aiohttp.ClientSession())
        tapes = {
            BookName(face, pair): Tape(http, rests[face], FACES[face].symbol(pair), FACES[face])
            for face in faces
            for pair in pairs
        }
        async with contextlib.AsyncExitStack() as before:
            for face in faces:
                if FACES[face].by_messages:
                    symbols = [FACES[face].symbol(pair) for pair in pairs]
                    await before.enter_async_context(bybit_told(http, rests[face], symbols))
            for tape in tapes.values():
                await tape.begin()
                stack.push_async_callback(tape.end)
        base, quote = pairs[0].split("/")
        arguments = [*endpoints, "--base_asset", base, "--quote_asset", quote, *told, *options]
        process, port = await asyncio.to_thread(stack.enter_context, server(*arguments, root=root))
        channel = await stack.enter_async_context(channel_to(port))
        made = Court(tuple(pairs), rests, tapes, Record(), process, port, Admin(http, rests), [])
        made.admin.check = made.check
        made.streams += _judged(made, channel, levels, whole)
        made.streams.append(asyncio.create_task(_budgets(made, channel)))
        stack.push_async_callback(_end, made.streams)
        yield made


@contextlib.asynccontextmanager
async def bybit_told(http: aiohttp.ClientSession, rest: str, symbols: Sequence[str]) -> AsyncIterator[None]:
    """A client that makes the venue number messages of these books, by which alone its truth can be asked for."""
    async with http.ws_connect(rest.replace("http", "ws", 1) + "/v5/public/spot") as socket:
        waiting = {f"orderbook.1000.{symbol}" for symbol in symbols}
        await socket.send_json({"op": "subscribe", "args": sorted(waiting)})
        while waiting:
            waiting.discard((await socket.receive_json(timeout=10)).get("topic"))
        yield


def channel_to(port: int) -> grpc.aio.Channel:
    """A channel to a server on this machine."""
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", _LARGEST)])


def rest_of(endpoints: Sequence[str], face: str) -> str:
    """The REST address of a face in the server's arguments."""
    start = f"--endpoint={face}.rest="
    return next(each.removeprefix(start) for each in endpoints if each.startswith(start))


def _judged(made: Court, channel: Any, levels: int, whole: bool) -> list[asyncio.Task[None]]:
    """Every pair by three streams: the best levels at each change, everything now and then, the older contract."""
    books = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    summaries = stubs.OrderbookAggregatorStub(channel)  # type: ignore[no-untyped-call]
    tasks: list[asyncio.Task[None]] = []

    def judge(stream: Any, see: Callable[[Any], Awaitable[None]]) -> None:
        async def run() -> None:
            async for message in stream:
                await see(message)

        tasks.append(asyncio.create_task(run()))

    for rank, pair in enumerate(made.pairs):
        tapes = {face: made.tapes[BookName(face, pair)] for face in made.rests}
        record = made.record

        best = Judge(record, tapes, pair, levels, main=True, whole=not whole)
        judge(books.StreamBook(pb.BookRequest(pair=pair, levels=levels)), best.book)
        if whole:
            deep = Judge(record, tapes, pair, WHOLE, whole=True)
            judge(books.StreamBook(pb.BookRequest(pair=pair, levels=WHOLE, min_interval_ms=WHOLE_MS)), deep.book)
        old = Judge(record, tapes, pair, SERVER_LEVELS, by_price=False)
        if rank == 0:  # the server's default pair
            judge(summaries.BookSummary(pb.Empty()), old.summary)
        else:
            judge(summaries.BookSummaryForSymbol(pb.SummaryRequest(symbol=pair)), old.summary)
        amount = "0.05" if rank % 2 == 0 else ""
        notional = "" if amount else _NOTIONALS[pair.split("/")[1]]
        dust = Dust(units(amount or "0"), units(notional or "0") * 10**DECIMALS)
        only = frozenset(list(made.rests)[rank::2]) if rank < 2 else None
        request = pb.BookRequest(
            pair=pair, levels=LEVELS, venues=only or (), min_amount=amount, min_notional=notional, min_interval_ms=300
        )
        picked = Judge(record, tapes, pair, LEVELS, only=only, dust=dust)
        judge(books.StreamBook(request), picked.book)
    return tasks


async def _budgets(made: Court, channel: Any) -> None:
    """Keeps what the server says of the venues' limits."""
    market = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    async for status in market.StreamStatus(pb.StatusRequest()):
        made.budgets.update({each.venue: each for each in status.budgets})


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=_END_S)  # a stream that does not let go ends with its channel
