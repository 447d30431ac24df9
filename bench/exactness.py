"""What must be exactly so beside all speed: books, numbers, and the last message of a burst."""

import asyncio
import contextlib
import queue
import threading
import time
from concurrent.futures import Future
from decimal import Decimal
from itertools import chain

import msgspec

from bench.books import SidesBook, must_agree
from bench.market import PAIR, SeededMarket, Stream, instrument
from bench.measure import ROUNDS, Plan, Row, exact
from bench.pipeline import live
from bench.rivals import SortedBook, orjson_float
from book import Dust, PairBooks, Stamps, State
from proto import orderbook_pb2 as pb
from services.admission import Client
from services.market import Market
from services.options import GrpcOptions
from services.publisher import Publisher
from services.view import Cut, MergedBookView, ViewKey

_BURSTS = 100
_BURST = 50  # writes, one right after another
_TOP = 10
_DEADLINE_S = 30.0
_NEVER_S = 3600.0  # a heartbeat would bring a lost state after all and hide the loss


def checks(name: str, plan: Plan, stream: Stream) -> list[Row]:
    """Nothing here is timed; each line holds for every one of the cases that it counts."""
    return [_oracle(name, stream), _seeded(name, plan), numbers(name, stream), _bursts(name, plan)]


def _oracle(name: str, stream: Stream) -> Row:
    """The whole book after every frame, as our connector builds it, against a SortedDict fed by orjson."""
    problem = None
    _, feed, _, book = live(stream)
    oracle = orjson_float()
    oracle.load(stream.snapshot)
    oracle.frame(stream.frames[0])
    for number, frame in enumerate(stream.frames[1:], 1):
        feed.frame(frame, number)
        top = oracle.frame(frame)
        if (book.bids.top(_TOP), book.asks.top(_TOP)) != top:
            problem = problem or f"the best levels differ after frame {number}"
    whole = [book.bids.top(len(book.bids)), book.asks.top(len(book.asks))]
    if whole != oracle.levels():
        problem = problem or "a level in the depth differs at the end"
    if book.counters.gaps or book.counters.garbage:
        problem = problem or f"{book.counters.gaps} gaps and {book.counters.garbage} frames of garbage"
    return exact(name, "the connector's book equals a SortedDict's", problem, f"{len(stream.frames)} frames")


def _seeded(name: str, plan: Plan) -> Row:
    problem = None
    messages = plan.chunk * plan.rounds
    try:
        must_agree(SidesBook(), SortedBook(), SeededMarket(plan.seed, plan.levels), messages)
    except AssertionError as error:
        problem = str(error)
    return exact(name, f"{plan.levels} levels a side: Side equals a SortedDict", problem, f"{messages} messages")


def numbers(name: str, stream: Stream) -> Row:
    """The decoder's doubles against float() of the venue's text, and back: repr names the same decimal."""
    problem = None
    decoder = live(stream).protocol._wrapped_depth
    count = 0
    for frame in stream.frames:
        told = msgspec.json.decode(frame)["data"]
        ours = decoder(frame).data
        for texts, levels in ((told["b"], ours.b), (told["a"], ours.a)):
            for text, number in zip(chain(*texts), chain(*levels), strict=True):
                count += 1
                if number != float(text) or Decimal(repr(number)) != Decimal(text):
                    problem = problem or f"{text} was decoded as {number!r}"
    return exact(name, "decoded numbers equal float(text) and name the same decimal", problem, f"{count} numbers")


def _bursts(name: str, plan: Plan) -> Row:
    """Writes as fast as they come, a client that reads all along: the last state of every burst must reach it."""
    pair_books = PairBooks(PAIR)
    book = pair_books.add("binance", instrument())
    with pair_books:
        book.load([(60_000.0, 1.0)], [(60_001.0, 1.0)], 1, Stamps(1, 1, 1))
        book.become(State.LIVE, "", 1)
    bursts = max(1, _BURSTS * plan.rounds // ROUNDS)
    client = _Client(pair_books)
    client.start()
    problem, count = None, 0
    try:
        for burst in range(bursts):
            for _ in range(_BURST):
                count += 1
                with pair_books:
                    book.apply([(60_000.0, float(count))], [], count, Stamps(count, count, count))
            if not client.has_seen(count * 10**pair_books.amount_decimals):
                problem = f"the last write of burst {burst + 1} never came"
                break
    finally:
        client.stop()
    return exact(
        name,
        "the last update of a burst is delivered",
        problem,
        f"{count} writes, {client.messages} messages",
    )


class _Client:
    """One stream of the publisher, read in a thread of its own; no network in between."""

    def __init__(self, pair_books: PairBooks) -> None:
        self.messages = 0
        self._books = pair_books
        self._amounts: queue.SimpleQueue[int] = queue.SimpleQueue()  # of the best bid, as messages come
        self._ready: Future[tuple[asyncio.AbstractEventLoop, Publisher]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()), name="burst-client", daemon=True)

    def start(self) -> None:
        """Returns when the stream is open."""
        self._thread.start()
        self._ready.result(_DEADLINE_S)

    def stop(self) -> None:
        """Ends the stream as a server does when it stops."""
        loop, publisher = self._ready.result(_DEADLINE_S)
        loop.call_soon_threadsafe(publisher.close)
        self._thread.join(_DEADLINE_S)

    def has_seen(self, amount: int) -> bool:
        """Whether a message with this amount comes before the deadline."""
        deadline = time.monotonic() + _DEADLINE_S
        with contextlib.suppress(queue.Empty):
            while True:
                if self._amounts.get(timeout=max(0.0, deadline - time.monotonic())) == amount:
                    return True
        return False

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        publisher = Publisher(loop, Market(PAIR, lambda: {PAIR: self._books}), GrpcOptions(), _NEVER_S)
        with publisher.watch_book(ViewKey(MergedBookView, PAIR, Cut(1, Dust())), Client("")) as stream:
            self._ready.set_result((loop, publisher))
            while (message := await stream.next()) is not None:
                told = pb.Book.FromString(message)
                self.messages += 1
                self._amounts.put(told.bids[0].amounts[0].amount)
