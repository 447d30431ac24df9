"""The usual ways to do what the project does, as good as they can plainly be written.

order-book is a C extension under GPL-3.0: a rival here, and imported nowhere else.
"""

import heapq
import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import islice
from operator import neg
from typing import Any

import orjson
from order_book import OrderBook
from sortedcontainers import SortedDict

from book import Level, PairView

Levels = list[tuple[float, float]]


class SortedBook:
    """Both sides in a SortedDict, bids by the negated price. Any kind of number."""

    label = "SortedDict"

    def __init__(self) -> None:
        self.bids: Any = SortedDict(neg)
        self.asks: Any = SortedDict()

    def load(self, bids: Iterable[tuple[Any, Any]], asks: Iterable[tuple[Any, Any]]) -> None:
        """Replaces everything."""
        self.bids = SortedDict(neg, bids)
        self.asks = SortedDict(asks)

    def apply(self, bids: Iterable[tuple[Any, Any]], asks: Iterable[tuple[Any, Any]]) -> None:
        """Absolute amounts; 0 removes."""
        for side, updates in ((self.bids, bids), (self.asks, asks)):
            for price, amount in updates:
                if amount:
                    side[price] = amount
                else:
                    side.pop(price, None)

    def top(self, n: int) -> tuple[list[Any], list[Any]]:
        """The best `n` of both sides."""
        return list(islice(self.bids.items(), n)), list(islice(self.asks.items(), n))


class ExtensionBook:
    """The order-book C extension. Its 0.6 line sorts all keys again when it is read after any change."""

    label = "order-book"

    def __init__(self) -> None:
        self._book: Any = OrderBook()

    def load(self, bids: Levels, asks: Levels) -> None:
        """Replaces everything."""
        self._book = OrderBook()
        self.apply(bids, asks)

    def apply(self, bids: Levels, asks: Levels) -> None:
        """Absolute amounts; 0 removes. Asked first: failed deletions are slow in some versions."""
        for side, updates in ((self._book.bids, bids), (self._book.asks, asks)):
            for price, amount in updates:
                if amount:
                    side[price] = amount
                elif price in side:
                    del side[price]

    def top(self, n: int) -> tuple[list[Any], list[Any]]:
        """The best `n` of both sides, read by rank: the fastest way in every version."""
        bids, asks = self._book.bids, self._book.asks
        return (
            [bids.index(i) for i in range(min(n, len(bids)))],
            [asks.index(i) for i in range(min(n, len(asks)))],
        )


class TextStack:
    """Frame -> decoded -> numbers -> SortedDict -> the best ten, with a decoder that leaves numbers as text."""

    def __init__(self, loads: Callable[[bytes], Any], number: Callable[[str], Any]) -> None:
        self._loads = loads
        self._number = number
        self._book = SortedBook()
        self._position = 0

    def load(self, snapshot: bytes) -> None:
        """Begins anew from a REST snapshot."""
        told = self._loads(snapshot)
        self._book.load(self._levels(told["bids"]), self._levels(told["asks"]))
        self._position = told["lastUpdateId"]

    def frame(self, frame: bytes) -> tuple[list[Any], list[Any]]:
        """One depth frame; raises ValueError where it does not join the one before."""
        data = self._loads(frame)["data"]
        if data["U"] > self._position + 1:
            raise ValueError(f"a gap after {self._position}")
        self._position = data["u"]
        self._book.apply(self._levels(data["b"]), self._levels(data["a"]))
        return self._book.top(10)

    def levels(self) -> list[list[tuple[Any, Any]]]:
        """The whole book: bids and asks, best first."""
        return [list(self._book.bids.items()), list(self._book.asks.items())]

    def _levels(self, texts: list[list[str]]) -> list[tuple[Any, Any]]:
        number = self._number
        return [(number(price), number(amount)) for price, amount in texts]


def json_decimal() -> TextStack:
    """The standard library, exact."""
    return TextStack(json.loads, Decimal)


def json_float() -> TextStack:
    """The standard library."""
    return TextStack(json.loads, float)


def orjson_float() -> TextStack:
    """The fast decoder that everybody knows."""
    return TextStack(orjson.loads, float)


def decode_orjson(frame: bytes) -> tuple[Levels, Levels]:
    """The levels of a depth frame."""
    data = orjson.loads(frame)["data"]
    return (
        [(float(price), float(amount)) for price, amount in data["b"]],
        [(float(price), float(amount)) for price, amount in data["a"]],
    )


def _bid_rank(level: Level) -> tuple[float, float]:
    return -level[0], -level[1]


def _ask_rank(level: Level) -> tuple[float, float]:
    return level[0], -level[1]


def merge_by_heap(view: PairView, levels: int) -> tuple[list[Level], list[Level]]:
    """The best `levels` of all venues by a heap; the larger amount first of equal prices, then by venue."""
    bids, asks = [venue.bids for venue in view.venues], [venue.asks for venue in view.venues]
    return (
        list(islice(heapq.merge(*bids, key=_bid_rank), levels)),
        list(islice(heapq.merge(*asks, key=_ask_rank), levels)),
    )
