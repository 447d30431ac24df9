"""Whatever a network does to Deribit's messages: a live book is the venue's book at its position, in Decimal."""

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State
from tests.exchanges.deribit_frames import (
    OTHER,
    SYMBOL,
    DeribitDesk,
    Levels,
    change,
    deribit,
    live,
    reply,
    rest_book,
    whole,
)
from tests.exchanges.test_truth import Oracle, assert_true

WIDE = "100000000000000"


class Exchange:
    """One instrument of the venue: its true books by id, and the stream of whoever is subscribed."""

    def __init__(self, symbol: str, rng: random.Random) -> None:
        self.symbol = symbol
        self.oracle = Oracle(rng, 1)
        self.oracle.stride = rng.randint(1, 9)  # other instruments take ids of the same counter
        self.told = self.oracle.now  # the id of the last message of the stream
        self.subscribed = False

    def subscribe(self) -> bytes | None:
        """The whole book, unless the channel is open already."""
        if self.subscribed:
            return None
        self.subscribed = True
        return self.snapshot()

    def snapshot(self) -> bytes:
        """The whole book; what follows continues it."""
        self.oracle.take_diff()
        self.told = self.oracle.now
        bids, asks = map(_numbers, self.oracle.whole(self.told))
        return whole(self.told, bids, asks, self.symbol)

    def message(self) -> bytes | None:
        """What changed since the last message, netted; nothing where that is nothing."""
        if not self.subscribed:
            return None
        before = self.told
        _, now, *sides = self.oracle.take_diff()
        bids, asks = map(_entries, self.oracle.truth[before], sides)
        if not bids and not asks:
            return None
        self.told = now
        return change(before, now, bids, asks, self.symbol)

    def rest(self, at: int) -> bytes:
        """The REST book at an id."""
        bids, asks = map(_numbers, self.oracle.whole(at))
        return rest_book(at, bids, asks)


class Connection:
    """A connection of two books to the venue, and a network between that may do anything."""

    def __init__(self, rng: random.Random, max_price: str | None = None) -> None:
        self.rng = rng
        self.desk = DeribitDesk(deribit(SYMBOL, OTHER, max_price=max_price))
        self.desk.open(acknowledge=False)
        self.venue = {symbol: Exchange(symbol, rng) for symbol in (SYMBOL, OTHER)}
        self.held: list[bytes] = []  # messages that the network holds back

    def deliver(self, frame: bytes | None) -> None:
        """To the protocol, where there is something."""
        if frame:
            self.desk.frame(frame)

    def serve(self) -> None:
        """The venue works off all requests."""
        sent, self.desk.sent = self.desk.sent, []
        for each in sent:
            self.desk.frame(reply(each))
            for channel in each["params"].get("channels", []):
                exchange = self.venue[channel.split(".")[1]]
                if each["method"] == "public/unsubscribe":
                    exchange.subscribed = False
                else:
                    self.deliver(exchange.subscribe())

    def cut(self) -> None:
        """The connection is lost, and another one is made."""
        self.desk.close()
        self.held.clear()
        self.desk.sent.clear()
        for exchange in self.venue.values():
            exchange.subscribed = False
        self.desk.open(acknowledge=False)

    def step(self, word: str) -> None:
        """One event."""
        exchange, desk, rng = self.venue[self.rng.choice((SYMBOL, SYMBOL, OTHER))], self.desk, self.rng
        if word == "change":
            exchange.oracle.change()
        elif word == "message":
            self.deliver(exchange.message())
        elif word == "lose":
            exchange.message()
        elif word == "hold" and (frame := exchange.message()):
            self.held.append(frame)
        elif word == "release" and self.held:
            desk.frame(self.held.pop(rng.randrange(len(self.held))))
        elif word == "twice" and (frame := exchange.message()):
            desk.frame(frame)
            desk.frame(frame)
        elif word == "garbage" and (frame := exchange.message()):
            desk.frame(rng.choice((b"", b"{", frame[: rng.randrange(len(frame))], frame.replace(b"[", b"{"))))
        elif word == "serve":
            self.serve()
        elif word == "answer" and desk.fetches:
            fetch = desk.fetches.pop()
            oracle = self.venue[fetch.symbol].oracle
            at = oracle.id_between(oracle.now - rng.choice((0, 0, 20, 300)))
            desk.answer(self.venue[fetch.symbol].rest(at), fetch)
        elif word == "fail" and desk.fetches:
            desk.fail()
        elif word == "cut":
            self.cut()
        elif any(timer.purpose == word for timer in desk.timers):
            desk.expire(word)

    def check(self) -> None:
        """Each live book is true at its position; each other one is empty. A true book never fails an audit."""
        for symbol, book in self.desk.books.items():
            assert_true(book, self.venue[symbol].oracle)
            assert not book.reason.startswith("audit failed")

    def settle(self) -> None:
        """The network calms down: both books come to be live and up to date."""
        for _ in range(4):
            for purpose in ("renew", "snapshot"):
                if any(timer.purpose == purpose for timer in self.desk.timers):
                    self.desk.expire(purpose)
            self.serve()
            for exchange in self.venue.values():
                before = exchange.oracle.truth[exchange.told]
                while exchange.oracle.truth[exchange.oracle.now] == before:
                    exchange.oracle.change()
                self.deliver(exchange.message())
        self.check()
        for symbol, book in self.desk.books.items():
            assert (book.state, book.position) == (State.LIVE, self.venue[symbol].oracle.now)

    def run(self, script: list[str]) -> DeribitDesk:
        """All of a script."""
        for word in script:
            self.step(word)
            self.check()
        self.settle()
        return self.desk


def _numbers(levels: Levels) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(amount)) for price, amount in levels]


def _entries(before: dict[Decimal, Decimal], levels: Any) -> list[tuple[str, Decimal, Decimal]]:
    """The levels that are not as they were, each with its verb; a removal may tell any amount."""
    return [
        ("change" if price in before else "new", price, amount) if amount else ("delete", price, before[price])
        for price, amount in _numbers(levels)
        if amount != before.get(price, Decimal(0))
    ]


WORDS = ["change"] * 6 + ["message"] * 6 + ["serve"] * 4 + [
    "lose", "hold", "release", "twice", "garbage", "answer", "answer", "answer", "fail", "cut", "probe", "probe",
    "probe due", "renew", "renew", "snapshot", "keepalive",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=80), st.integers(0, 2**32))
def test_any_network(script: list[str], seed: int) -> None:
    """The chain of ids proves everything: always."""
    Connection(random.Random(seed)).run(script)


@pytest.mark.parametrize("max_price", [None, WIDE], ids=["float", "Decimal"])
@pytest.mark.parametrize("seed", range(3))
def test_long_lives(seed: int, max_price: str | None) -> None:
    """The same over long scripts, which really get live, lose messages, and are healed and compared."""
    rng = random.Random(seed)
    desk = Connection(rng, max_price).run(rng.choices(WORDS, k=3000))
    counters = desk.book.counters
    assert min(counters.updates, counters.gaps, counters.resyncs, counters.garbage, counters.audits_passed) > 5
    assert counters.ignored > 2


@pytest.mark.parametrize("seed", range(20))
def test_each_loss_is_found_by_the_next_message(seed: int) -> None:
    """A message that nobody saw: the one after it does not continue the book."""
    rng = random.Random(seed)
    connection = Connection(rng)
    connection.settle()
    exchange = connection.venue[SYMBOL]
    for _ in range(2):
        before = exchange.oracle.truth[exchange.told]
        while exchange.oracle.truth[exchange.oracle.now] == before:
            exchange.oracle.change()
        frame = exchange.message()
    connection.deliver(frame)
    assert connection.desk.book.state is State.GAP
    assert connection.desk.books[OTHER].state is State.LIVE


def test_an_order_that_comes_and_goes_for_ever() -> None:
    """A market that nets to nothing: ids rise, no message comes, and the book is live and true all the time."""
    desk = live()
    for number in range(12):
        desk.expire("probe")
        if desk.fetches:
            desk.answer(rest_book(101 + number))
            desk.expire("probe due")
        assert (desk.state, desk.book.position) == (State.LIVE, 100)
    assert desk.book.counters.audits_failed == 0
