"""A market of two or three venues behind a real server on a free port."""

import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import grpc
import pytest

from book import Instrument, Pair, PairBooks, Stamps, State
from proto import orderbook_pb2 as pb
from services import GrpcOptions, GrpcServer, Market
from services.publisher import Publisher

BTC = Pair("BTC", "USDT")
ETH = Pair("ETH", "BTC")
DEADLINE_S = 20.0

Levels = Sequence[tuple[float, float]]


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Returns as soon as `condition` holds; fails after the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.002)


def make_books(pair: Pair = BTC, venues: Sequence[str] = ("binance", "bitstamp")) -> PairBooks:
    """Empty books of `pair`, prices to 0.01 and amounts to 0.00001."""
    books = PairBooks(pair)
    for instrument in listings(pair, venues):
        books.add(instrument.venue, instrument)
    return books


def listings(pair: Pair = BTC, venues: Sequence[str] = ("binance", "bitstamp")) -> list[Instrument]:
    symbol = pair.base + pair.quote
    return [
        Instrument(venue, symbol, pair, Decimal("0.01"), Decimal("0.00001"), min_notional=Decimal(5))
        for venue in venues
    ]


def load(books: PairBooks, venue: str, bids: Levels, asks: Levels, received_ns: int = 0) -> None:
    """Gives a venue these levels and makes it live, in one write."""
    now = received_ns or time.time_ns()
    with books:
        books.books[venue].load(list(bids), list(asks), 1, Stamps(now - 2, now, now + 1))
        books.books[venue].become(State.LIVE, "in step", 1)


def lose(books: PairBooks, venue: str, state: State = State.GAP, reason: str = "an update is missing") -> None:
    with books:
        books.books[venue].become(state, reason, time.time_ns())


class Rig:
    """A server with the books behind it and a channel to it."""

    def __init__(self, options: GrpcOptions | None = None, serve: Sequence[Any] = (), **market: Any) -> None:
        """`serve`: further arguments of GrpcServer.serve; `market`: of Market."""
        self.books = make_books()
        self.eth = make_books(ETH)
        self.market = Market(
            BTC,
            lambda: {BTC: self.books, ETH: self.eth},
            [*listings(), *listings(ETH)],
            known=(BTC, ETH, Pair("SOL", "USDT"), Pair("AB", "CD"), Pair("ABC", "D")),
            version="1.2.3",
            started_ns=77,
            **market,
        )
        self.server = GrpcServer(options or GrpcOptions(port=0))
        self.port = self.server.open()
        self.server.serve(self.market, *serve)
        self.channel = self.connect()

    def connect(self, *arguments: tuple[str, Any]) -> grpc.Channel:
        """A connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1), *arguments]
        return grpc.insecure_channel(f"127.0.0.1:{self.port}", options=options)

    @property
    def publisher(self) -> Publisher:
        assert self.server.publisher is not None
        return self.server.publisher

    def summaries(self, channel: grpc.Channel | None = None) -> Any:
        """A running BookSummary."""
        return self.stream("OrderbookAggregator/BookSummary", pb.Empty(), pb.Summary, channel)

    def stream_book(self, channel: grpc.Channel | None = None, **request: Any) -> Any:
        """A running StreamBook."""
        return self.stream("MarketData/StreamBook", pb.BookRequest(**request), pb.Book, channel)

    def stream_status(self, *pairs: str) -> Any:
        """A running StreamStatus."""
        return self.stream("MarketData/StreamStatus", pb.StatusRequest(pairs=pairs), pb.Status)

    def stream(self, method: str, request: Any, answer: Any, channel: grpc.Channel | None = None) -> Any:
        call = (channel or self.channel).unary_stream(
            f"/orderbook.{method}",
            request_serializer=lambda message: message if isinstance(message, bytes) else message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return call(request, timeout=DEADLINE_S)

    def close(self) -> None:
        self.channel.close()
        self.server.stop(grace_s=0.5)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def until(call: Any, condition: Callable[[Any], bool]) -> Any:
    """The first message of `call` for which `condition` holds."""
    for message in call:
        if condition(message):
            return message
    raise AssertionError("the stream ended before")
