"""Whatever Bybit and a network do to the frames: a book that says LIVE is the venue's book at its update id."""

import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State, VenueBook
from exchanges.bybit import BybitProtocol
from tests.exchanges.bybit_desk import bybit, delta, rest_book, snapshot
from tests.exchanges.desk import Desk

Side = dict[Decimal, Decimal]
Pairs = list[tuple[str, str]]


class Oracle:
    """A venue that keeps its whole market in Decimal, and remembers the best `depth` levels at every update id."""

    def __init__(self, rng: random.Random, depth: int) -> None:
        self.rng = rng
        self.depth = depth
        self.u = 5000
        self.seq = 10**6
        self.seqs: dict[int, int] = {}  # by update id since the last restart
        self.truth: dict[int, list[tuple[Side, Side]]] = defaultdict(list)  # several, where an id came twice
        self._market: tuple[Side, Side] = ({}, {})
        for _ in range(12):
            self.change()
        self._note()

    def change(self) -> None:
        """One order; bids stay below asks."""
        which = self.rng.randint(0, 1)
        price = Decimal(self.rng.randint(1, 12) + 20 * which) / 4
        self._market[which][price] = Decimal(self.rng.randint(0, 3)) / 8
        if not self._market[which][price]:
            del self._market[which][price]
        self.seq += self.rng.randint(1, 5)

    def take(self) -> tuple[Pairs, Pairs]:
        """The next update: what is different in the best levels. The venue may leave unsaid what fell out of them."""
        before = self.truth[self.u][-1]
        self.u += 1
        self._note()
        told = []
        for which, (old, new) in enumerate(zip(before, self.truth[self.u][-1], strict=True)):
            levels = [(str(price), str(amount)) for price, amount in new.items() if old.get(price) != amount]
            gone = [price for price in old if price not in new]
            kept = self._market[which]
            levels += [(str(price), "0") for price in gone if price not in kept or self.rng.random() < 0.5]
            self.rng.shuffle(levels)
            told.append(levels)
        return told[0], told[1]

    def restart(self) -> None:
        """The service counts anew; the market does not."""
        self.u = 1
        self.seqs.clear()
        self._note()

    def whole(self, u: int) -> tuple[Pairs, Pairs]:
        """The book at an id of the present count."""
        bids, asks = self.truth[u][-1]
        return [(str(price), str(amount)) for price, amount in bids.items()], [
            (str(price), str(amount)) for price, amount in asks.items()
        ]

    def recent(self, back: int) -> int:
        """Some id of the present count, at most so many back."""
        return self.rng.choice([u for u in self.seqs if u >= self.u - back])

    def _note(self) -> None:
        self.seq += 1
        self.seqs[self.u] = self.seq
        bids, asks = self._market
        best_bids = sorted(bids, reverse=True)[: self.depth]
        best_asks = sorted(asks)[: self.depth]
        self.truth[self.u].append(({p: bids[p] for p in best_bids}, {p: asks[p] for p in best_asks}))


class Line:
    """The connection between the oracle and a desk."""

    def __init__(self, protocol: BybitProtocol, rng: random.Random) -> None:
        self.depth = min(protocol.depth, 24)  # the market has no more than 24 prices
        self.oracle = Oracle(rng, self.depth)
        self.desk = Desk(protocol).open(acknowledge=False)
        self.topic_depth = protocol.depth
        self.answered = 0  # messages of ours up to here
        self.held: list[bytes] = []  # frames that the network holds back

    def delta(self) -> bytes:
        bids, asks = self.oracle.take()
        seq = self.oracle.seqs[self.oracle.u]
        return delta(self.oracle.u, bids, asks, depth=self.topic_depth, seq=seq)

    def snapshot(self, u: int) -> bytes:
        """Its `seq` may be later than that of the update: the engine goes on while a book stands still."""
        idle = self.oracle.seq - self.oracle.seqs[u] if u == self.oracle.u else 0
        seq = self.oracle.seqs[u] + self.oracle.rng.randint(0, idle)
        return snapshot(u, *self.oracle.whole(u), depth=self.topic_depth, seq=seq)

    @property
    def asked(self) -> bool:
        """Whether a subscription waits for its snapshot."""
        return any(sent["op"] == "subscribe" for sent in self.desk.sent[self.answered :])

    def answer(self, back: int = 0) -> None:
        self.answered = len(self.desk.sent)
        self.desk.frame(self.snapshot(self.oracle.recent(back)))

    def rest(self, back: int) -> None:
        u = self.oracle.recent(back)
        seq = self.oracle.seq if u == self.oracle.u else self.oracle.seqs[u]
        self.desk.answer(rest_book(u, *self.oracle.whole(u), seq=seq))

    def step(self, word: str) -> None:
        desk, oracle, rng = self.desk, self.oracle, self.oracle.rng
        if word == "change":
            oracle.change()
        elif word == "delta":
            desk.frame(self.delta())
        elif word == "lose":
            oracle.take()
        elif word == "hold":
            self.held.append(self.delta())
        elif word == "release" and self.held:
            desk.frame(self.held.pop(rng.randrange(len(self.held))))
        elif word == "twice":
            frame = self.delta()
            desk.frame(frame)
            desk.frame(frame)
        elif word == "garbage":
            desk.frame(rng.choice((b"", b"{", self.delta()[:-9])))
        elif word == "answer" and self.asked:
            self.answer(rng.choice((0, 0, 0, 3)))
        elif word == "unasked":
            self.answer(rng.choice((0, 5)))
        elif word == "restart":  # in order: what was sent before comes before, or never
            self.held.clear()
            oracle.restart()
            self.answer()
        elif word == "rest" and desk.fetches:
            self.rest(rng.choice((0, 0, 3, 50)))
        elif word == "fail" and desk.fetches:
            desk.fail()
        elif word in ("probe", "probe due", "snapshot") and any(timer.purpose == word for timer in desk.timers):
            desk.expire(word)
        elif word == "cut":
            desk.close()
            self.held.clear()
            self.answered = len(desk.sent)
            desk.open(acknowledge=False)


def assert_true(book: VenueBook, oracle: Oracle) -> None:
    """A live book equals the truth at its position, level by level; any other one is empty."""
    shown: Any = tuple(
        {Decimal(str(price)): Decimal(str(amount)) for price, amount in side.amounts.items()}
        for side in (book.bids, book.asks)
    )
    if book.state is State.LIVE:
        assert shown in oracle.truth[book.position], f"wrong at {book.position}"
    else:
        assert shown == ({}, {})


def run(script: list[str], rng: random.Random, protocol: BybitProtocol) -> Desk:
    """Frames are lost, come twice, late, out of order, broken, the line is cut; then the network calms down."""
    line = Line(protocol, rng)
    for word in script:
        line.step(word)
        assert_true(line.desk.book, line.oracle)
    assert line.desk.book.counters.audits_failed == 0, "a true book never fails an audit"
    for _ in range(4):
        line.oracle.change()
        line.desk.frame(line.delta())
        if line.asked:
            line.answer()
    assert (line.desk.state, line.desk.book.position) == (State.LIVE, line.oracle.u)
    assert_true(line.desk.book, line.oracle)
    return line.desk


WORDS = ["change"] * 8 + ["delta"] * 12 + ["answer"] * 8 + ["rest"] * 5 + ["probe"] * 6 + [
    "lose", "hold", "release", "twice", "garbage", "unasked", "restart", "fail", "cut", "probe due", "snapshot",
]  # fmt: skip


@pytest.mark.parametrize("depth", [1000, 3])
@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=60), st.integers(0, 2**32))
def test_any_script(depth: int, script: list[str], seed: int) -> None:
    """Compared with a REST book (1000 levels), and cut to a few levels."""
    run(script, random.Random(seed), bybit(depth=depth))


@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
@pytest.mark.parametrize("depth", [1000, 3])
@pytest.mark.parametrize("seed", range(3))
def test_long_lives(seed: int, depth: int, max_price: str | None) -> None:
    """The same over long scripts, which really get live, lose updates and are compared."""
    rng = random.Random(seed)
    desk = run(rng.choices(WORDS, k=1500), rng, bybit(depth=depth, max_price=max_price))
    counters = desk.book.counters
    assert min(counters.updates, counters.gaps, counters.resyncs, counters.ignored) > 5
    assert (counters.audits_passed > 5) is (depth == 1000)
