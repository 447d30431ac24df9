"""One venue's book against other structures: apply a message of 20 changes, read the best ten of both sides."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import cycle
from typing import Protocol

from bench.market import SeededMarket, Updates
from bench.measure import Bar, Contender, Contest, Plan, Rival, Row, rows_of
from bench.rivals import ExtensionBook, SortedBook
from book import Side

_TOP = 10
_SHALLOW = 100

Batches = list[list[Updates]]


class Book(Protocol):
    """What all structures can do."""

    label: str

    def load(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
        """Replace everything."""

    def apply(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> object:
        """Apply one message."""

    def top(self, n: int) -> tuple[Sequence[object], Sequence[object]]:
        """The best `n` of both sides."""


class SidesBook:
    """Ours: two book.Side."""

    label = "Side"

    def __init__(self) -> None:
        self.bids = Side(bids=True)
        self.asks = Side(bids=False)

    def load(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
        """Replaces everything."""
        self.bids.load(bids, None)
        self.asks.load(asks, None)

    def apply(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
        """Applies one message."""
        self.bids.apply(bids)
        self.asks.apply(asks)

    def top(self, n: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """The best `n` of both sides."""
        return self.bids.top(n), self.asks.top(n)


def against_sorteddict(name: str, plan: Plan) -> list[Row]:
    """From a decoded message to the best ten, deep book: the usual SortedDict against ours."""
    return _contest(name, plan, plan.levels, SortedBook, Bar(1.7))


def against_extension_deep(name: str, plan: Plan) -> list[Row]:
    """The same against the order-book C extension, deep book."""
    return _contest(name, plan, plan.levels, ExtensionBook, extension_bar(1.1))


def against_extension_shallow(name: str, plan: Plan) -> list[Row]:
    """The same against the order-book C extension, 100 levels a side."""
    return _contest(name, plan, _SHALLOW, ExtensionBook, extension_bar(0.9))


def depth(name: str, plan: Plan) -> list[Row]:
    """Whether our book's cost stays the same when it grows: the deep book's time over that of 100 levels."""
    contest = Contest(
        f"apply + top {_TOP}: {plan.levels} levels a side / {_SHALLOW} levels",
        _contender(SidesBook(), plan.levels, plan, f"{plan.levels}:"),
        [Rival(_contender(SidesBook(), _SHALLOW, plan, f"{_SHALLOW}:"), Bar(2.0, at_least=False))],
    )
    return rows_of(name, contest, plan)


def extension_bar(limit: float) -> Bar:
    """The bar holds for the 1.x line; 0.6, which pip gives to Python 3.11, is an older and slower structure."""
    found = version("order-book")
    gated = int(found.split(".")[0]) >= 1
    note = (
        f"order-book {found}" if gated else f"order-book {found}: far slower than 1.x, to which alone the bar applies"
    )
    return Bar(limit, gated=gated, note=note)


def _contest(name: str, plan: Plan, levels: int, rival: Callable[[], Book], bar: Bar) -> list[Row]:
    ours, theirs = SidesBook(), rival()
    must_agree(ours, theirs, SeededMarket(plan.seed, levels), plan.chunk)
    contest = Contest(
        f"apply 20 changes + top {_TOP}, {levels} levels a side",
        _contender(ours, levels, plan),
        [Rival(_contender(theirs, levels, plan), bar)],
    )
    return rows_of(name, contest, plan)


def must_agree(one: Book, other: Book, market: SeededMarket, messages: int) -> None:
    """Raises AssertionError when two books read differently after any of `messages`."""
    start = market.book()
    one.load(*start)
    other.load(*start)
    for bids, asks in market.messages(messages):
        one.apply(bids, asks)
        other.apply(bids, asks)
        if list(map(list, one.top(_TOP))) != list(map(list, other.top(_TOP))):
            raise AssertionError(f"{one.label} and {other.label} disagree")


def _contender(book: Book, levels: int, plan: Plan, label: str = "") -> Contender:
    """`book` on the market of the plan's seed, one batch of messages a turn."""
    market = SeededMarket(plan.seed, levels)
    start = market.book()
    batches = [list(market.messages(plan.chunk)) for _ in range(plan.rounds + 1)]
    turns = cycle([start, *[None] * plan.rounds])  # the batches follow upon one another; after the last: anew
    todo = cycle(batches)
    apply, top = book.apply, book.top

    def prepare() -> None:
        fresh = next(turns)
        if fresh:
            book.load(*fresh)

    def run() -> None:
        for bids, asks in next(todo):
            apply(bids, asks)
            top(_TOP)

    return Contender(f"{label}{book.label}", run, plan.chunk, prepare)
