"""A publisher of two pairs in the test's own loop, without sockets."""

import asyncio
from typing import Any

from book import Dust, PairBooks
from proto import orderbook_pb2 as pb
from services.admission import Client
from services.market import Budget, Market
from services.options import GrpcOptions
from services.publisher import Publisher
from services.stream import Stream
from services.view import BookView, Cut, MergedBookView, SummaryView, ViewKey
from tests.services.conftest import BTC, ETH, make_books

CLIENT = Client("a")
SUMMARY = ViewKey(SummaryView, BTC, Cut(10, Dust()))
BOOK = ViewKey(MergedBookView, BTC, Cut(10, Dust()))


class Stage:
    """A publisher of two pairs, in the running loop."""

    def __init__(self, options: GrpcOptions | None = None, heartbeat_s: float = 0.05) -> None:
        self.books = make_books()
        self.eth = make_books(ETH)
        self.budgets = [Budget("binance", 20, 6000, 60, 5, 1, 2, 300, 301)]
        market = Market(
            BTC, lambda: {BTC: self.books, ETH: self.eth}, budgets=lambda: self.budgets, version="9", started_ns=3
        )
        self.publisher = Publisher(asyncio.get_running_loop(), market, options or GrpcOptions(), heartbeat_s)

    def view(self, key: ViewKey = SUMMARY) -> BookView:
        return self.publisher.feeds[key.pair].views[key]


def listeners(books: PairBooks) -> int:
    return len(books._listeners)


async def receive(stream: Stream, kind: Any = pb.Summary) -> Any:
    message = await asyncio.wait_for(stream.next(), 5)
    assert message is not None
    return kind.FromString(message)


async def turn() -> None:
    """Lets the loop carry a wake-up that is on its way."""
    for _ in range(3):
        await asyncio.sleep(0)
