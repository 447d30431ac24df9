"""Whatever a venue and a network do to the frames: a book that says LIVE is the venue's book at its position."""

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State, VenueBook
from exchanges.protocol import Protocol
from tests.exchanges.desk import (
    BINANCE,
    BITSTAMP,
    Desk,
    binance,
    binance_snapshot,
    bitstamp,
    bitstamp_snapshot,
    depth,
    diff,
    ticker,
    top,
)

Book = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


class Oracle:
    """A venue that remembers its whole book, in Decimal, at every update id. Each change gets the next id."""

    def __init__(self, rng: random.Random, stride: int) -> None:
        self.rng = rng
        self.stride = stride  # between ids: 1 where they count, more where they are times
        self.now = 1000
        self.truth: dict[int, Book] = {self.now: ({}, {})}
        self.told = self.now  # the stream has told everything up to here
        self._changed: tuple[set[Decimal], set[Decimal]] = (set(), set())
        for _ in range(8):
            self.change()
        self.take_diff()

    def change(self) -> None:
        """One order book update; bids stay below asks."""
        bids, asks = (dict(side) for side in self.truth[self.now])
        self.now += self.stride
        which = self.rng.randint(0, 1)
        price = Decimal(self.rng.randint(1, 12) + 20 * which) / 4
        (bids, asks)[which][price] = Decimal(self.rng.randint(0, 3)) / 8
        if not (bids, asks)[which][price]:
            del (bids, asks)[which][price]
        self.truth[self.now] = bids, asks
        self._changed[which].add(price)

    def take_diff(self) -> tuple[int, int, list[tuple[str, str]], list[tuple[str, str]]]:
        """What changed since the last diff, netted, as (first id, last id, bids, asks)."""
        first, self.told = self.told + 1, self.now
        sides = []
        for which in (0, 1):
            levels = self.truth[self.now][which]
            sides.append([(str(price), str(levels.get(price, Decimal(0)))) for price in self._changed[which]])
            self._changed[which].clear()
        return first, self.now, sides[0], sides[1]

    def whole(self, at: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """The book at an id, best first."""
        bids, asks = self.truth[at]
        return (
            [(str(price), str(bids[price])) for price in sorted(bids, reverse=True)],
            [(str(price), str(asks[price])) for price in sorted(asks)],
        )

    def id_between(self, oldest: int) -> int:
        """Some id from `oldest` to now."""
        return self.rng.choice([each for each in self.truth if each >= oldest])


def assert_true(book: VenueBook, oracle: Oracle) -> None:
    """A live book equals the truth at its position, level by level; any other one is empty."""
    shown: Any = tuple(
        {Decimal(str(price)): Decimal(str(amount)) for price, amount in side.amounts.items()}
        for side in (book.bids, book.asks)
    )
    if book.state is State.LIVE:
        assert shown == oracle.truth[book.position], f"wrong at {book.position}"
    else:
        assert shown == ({}, {})


def settle(desk: Desk, oracle: Oracle, make_diff: Any, make_snapshot: Any) -> None:
    """The network calms down: the book must come to be live and up to date."""
    for _ in range(4):
        oracle.change()
        desk.frame(make_diff(*oracle.take_diff()))
        asked, desk.fetches[:] = list(desk.fetches), []
        for fetch in asked:  # a snapshot and a question may be under way together
            desk.answer(make_snapshot(oracle.now, *oracle.whole(oracle.now)), fetch)
    assert (desk.state, desk.book.position) == (State.LIVE, oracle.now)
    assert_true(desk.book, oracle)


def run_binance(script: list[str], rng: random.Random, protocol: Protocol) -> Desk:
    """Everything may happen to the frames: lost, twice, late, out of order, cut."""
    desk, oracle = Desk(protocol).open(), Oracle(rng, 1)
    held: list[bytes] = []  # frames that the network holds back
    old: list[Any] = []  # requests that were overtaken
    for word in script:
        if word == "change":
            oracle.change()
        elif word == "diff" and oracle.told < oracle.now:
            desk.frame(depth(*oracle.take_diff()))
        elif word == "lose":
            oracle.take_diff()
        elif word == "hold" and oracle.told < oracle.now:
            held.append(depth(*oracle.take_diff()))
        elif word == "release" and held:
            desk.frame(held.pop(rng.randrange(len(held))))
        elif word == "twice" and oracle.told < oracle.now:
            frame = depth(*oracle.take_diff())
            desk.frame(frame)
            desk.frame(frame)
        elif word == "garbage":
            desk.frame(rng.choice((b"", b"{", depth(*oracle.take_diff())[:-9])))
        elif word == "quote":
            bids, asks = oracle.whole(oracle.now)
            desk.frame(ticker(oracle.now, bids[0] if bids else ("0", "0"), asks[0] if asks else ("0", "0")))
        elif word == "answer" and desk.fetches:
            fetch = desk.fetches.pop()
            old.append(fetch)
            at = oracle.id_between(oracle.now - rng.choice((0, 0, 3, 50)))
            desk.answer(binance_snapshot(at, *oracle.whole(at)), fetch)
        elif word == "late" and old:
            desk.answer(binance_snapshot(oracle.now, *oracle.whole(oracle.now)), old[0])
        elif word == "fail" and desk.fetches:
            desk.fail()
        elif word == "timer" and any(timer.purpose == "first diff" for timer in desk.timers):
            desk.expire("first diff")
        elif word == "refresh":
            desk.note(desk.feed._carry_out(protocol.refresh(BINANCE), 0))
        elif word in ("probe", "probe due", "deepen") and any(timer.purpose == word for timer in desk.timers):
            desk.expire(word)
        elif word == "cut":
            desk.close()
            held.clear()
            desk.open()
        assert_true(desk.book, oracle)
    assert desk.book.counters.audits_failed == 0, "a true book never fails an audit"
    settle(desk, oracle, depth, binance_snapshot)
    return desk


def run_bitstamp(script: list[str], rng: random.Random, protocol: Protocol) -> Desk:
    """No diff is lost unseen; frames come twice, answers late and old, connections are cut."""
    desk, oracle = Desk(protocol).open(), Oracle(rng, 7)
    old: list[Any] = []
    since = oracle.now  # this connection tells of every change after this

    def frame() -> bytes:
        _, last, bids, asks = oracle.take_diff()
        return diff(last, bids, asks)

    for word in script:
        if word == "change":
            oracle.change()
        elif word == "diff" and oracle.told < oracle.now:
            desk.frame(frame())
        elif word == "twice" and oracle.told < oracle.now:
            body = frame()
            desk.frame(body)
            desk.frame(body)
        elif word == "quote":
            desk.frame(top(oracle.now, *oracle.whole(oracle.now)))
        elif word == "answer" and desk.fetches:
            fetch = desk.fetches.pop()
            old.append(fetch)
            at = oracle.id_between(max(since, oracle.now - rng.choice((0, 0, 20, 300))))
            desk.answer(bitstamp_snapshot(at, *oracle.whole(at)), fetch)
        elif word == "late" and old:
            desk.answer(bitstamp_snapshot(oracle.now, *oracle.whole(oracle.now)), old[0])
        elif word == "fail" and desk.fetches:
            desk.fail()
        elif word == "garbage":
            desk.frame(b"it could have been anything")
        elif word in ("timer", "refresh", "overdue", "probe", "probe due", "held"):
            purpose = {"timer": "first diff", "overdue": "overdue diff"}.get(word, word)
            if any(timer.purpose == purpose for timer in desk.timers):
                desk.expire(purpose)
        elif word == "cut":
            desk.close()
            desk.open()
            oracle.take_diff()
            since = oracle.now
        assert_true(desk.book, oracle)
    assert desk.book.counters.audits_failed == 0, "a true book never fails an audit"
    settle(desk, oracle, lambda _, last, bids, asks: diff(last, bids, asks), bitstamp_snapshot)
    return desk


BINANCE_WORDS = ["change"] * 4 + ["diff"] * 5 + ["answer"] * 4 + [
    "lose", "hold", "release", "twice", "garbage", "quote", "quote", "late", "fail", "timer", "refresh", "cut",
    "probe", "probe", "probe due", "deepen",
]  # fmt: skip
BITSTAMP_WORDS = ["change"] * 4 + ["diff"] * 5 + ["answer"] * 4 + [
    "twice", "quote", "quote", "late", "fail", "timer", "refresh", "overdue", "cut",
    "probe", "probe", "probe due", "garbage", "held",
]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(BINANCE_WORDS), max_size=60), st.integers(0, 2**32))
def test_binance(script: list[str], seed: int) -> None:
    """Its ids prove everything: always."""
    run_binance(script, random.Random(seed), binance())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(BITSTAMP_WORDS), max_size=60), st.integers(0, 2**32))
def test_bitstamp(script: list[str], seed: int) -> None:
    """Its diffs have no numbers: whenever none was lost."""
    run_bitstamp(script, random.Random(seed), bitstamp())


@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
@pytest.mark.parametrize("seed", range(3))
def test_long_lives(seed: int, max_price: str | None) -> None:
    """The same over long scripts, which really get live, lose updates and are refreshed."""
    rng = random.Random(seed)
    desk = run_binance(rng.choices(BINANCE_WORDS, k=1500), rng, binance(max_price=max_price))
    counters = desk.book.counters
    assert min(counters.updates, counters.gaps, counters.resyncs, counters.ignored, counters.audits_passed) > 5
    desk = run_bitstamp(rng.choices(BITSTAMP_WORDS, k=1500), rng, bitstamp(max_price=max_price))
    counters = desk.book.counters
    assert min(counters.updates, counters.resyncs, counters.ignored, counters.audits_passed) > 5


@pytest.mark.parametrize("seed", range(3))
def test_a_diff_that_bitstamp_loses_is_found(seed: int) -> None:
    """The top-100 book at the next common stamp shows it, and the book is healed."""
    rng = random.Random(seed)
    desk, oracle = Desk(bitstamp()).open(), Oracle(rng, 7)
    settle(desk, oracle, lambda _, last, bids, asks: diff(last, bids, asks), bitstamp_snapshot)
    before = oracle.whole(oracle.now)
    while oracle.whole(oracle.now) == before:
        oracle.change()
    oracle.take_diff()  # lost
    desk.frame(top(oracle.now, *oracle.whole(oracle.now)))
    desk.expire("overdue diff")
    desk.answer(bitstamp_snapshot(oracle.now, *oracle.whole(oracle.now)))
    assert_true(desk.book, oracle)
    assert desk.book.position == oracle.now
    assert BITSTAMP in desk.books
