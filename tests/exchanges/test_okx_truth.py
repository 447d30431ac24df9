"""Whatever OKX and a network do to the frames: a book that says LIVE is the venue's book at its position."""

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State, VenueBook
from tests.exchanges.desk import Desk, Texts
from tests.exchanges.okx_desk import SYMBOL, first, okx, rest_book, signed_crc, update

Book = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]
WINDOW = 6  # levels a side that this venue tells of


class Oracle:
    """A venue that remembers, in Decimal, what it told under every id.

    Ids also rise by changes that are too deep for it to tell. None is used twice, even where it counts anew.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.whole: Book = ({}, {})
        self.now = self.began = 10**9
        self.told = self.now  # the last id of the stream
        self.seen: Book = ({}, {})  # what the stream has told
        self.truth: dict[int, Book] = {}  # by id
        for _ in range(12):
            self.change()
        self.message()

    def change(self) -> None:
        """One change of the whole book; bids stay below asks. Some are too deep to be told."""
        self.now += self.rng.randint(1, 3)
        which = self.rng.randint(0, 1)
        price = Decimal(self.rng.randint(1, 12) + 20 * which) / 4
        amount = Decimal(self.rng.randint(0, 3)) / 8
        if amount:
            self.whole[which][price] = amount
        else:
            self.whole[which].pop(price, None)

    def visible(self) -> Book:
        """The best levels of the whole book."""
        bids, asks = self.whole
        return (
            {price: bids[price] for price in sorted(bids, reverse=True)[:WINDOW]},
            {price: asks[price] for price in sorted(asks)[:WINDOW]},
        )

    def message(self) -> tuple[int, int, list[tuple[str, str]], list[tuple[str, str]]]:
        """What has changed of it since the last message: previous id, id, bids, asks."""
        previous, self.told = self.told, self.now
        visible = self.visible()
        sides = []
        for old, new in zip(self.seen, visible, strict=True):
            prices = [price for price in {*old, *new} if old.get(price) != new.get(price)]
            self.rng.shuffle(prices)
            sides.append([(str(price), str(new.get(price, Decimal(0)))) for price in prices])
        self.seen = self.truth[self.now] = visible
        return previous, self.now, sides[0], sides[1]

    def count_anew(self) -> None:
        """After maintenance: the next message has a lower id than the last."""
        self.began -= 10**5
        self.now = self.began

    def lately(self) -> int:
        """The id of one of the last messages since it began to count."""
        return self.rng.choice([each for each in self.truth if each >= self.began and each <= self.told][-4:])

    def texts(self, at: int | None = None) -> tuple[Texts, Texts]:
        """What the stream had told at an id, or so far, as in a snapshot."""
        bids, asks = self.seen if at is None else self.truth[at]
        return (
            [(str(price), str(bids[price])) for price in sorted(bids, reverse=True)],
            [(str(price), str(asks[price])) for price in sorted(asks)],
        )

    def check(self) -> int:
        """The checksum of what was told, on its texts."""
        bids, asks = self.texts()
        words = []
        for rank in range(WINDOW):
            words += [word for side in (bids, asks) for word in side[rank : rank + 1]]
        return signed_crc(":".join(f"{price}:{amount}" for price, amount in words))


def assert_true(book: VenueBook, oracle: Oracle) -> None:
    """A live book equals the truth at its position, level by level; any other one is empty."""
    shown = tuple(
        {Decimal(str(price)): Decimal(str(amount)) for price, amount in side.amounts.items()}
        for side in (book.bids, book.asks)
    )
    assert shown == (oracle.truth[book.position] if book.state is State.LIVE else ({}, {})), book.position


class Network:
    """Between the two: takes the subscriptions, and loses, doubles, holds back and spoils what the venue sends."""

    def __init__(self, rng: random.Random, max_price: str | None, *, checksums: bool) -> None:
        self.rng = rng
        self.oracle = Oracle(rng)
        self.checksums = checksums
        self.held: list[bytes] = []
        self.desk = Desk(okx(max_price=max_price)).open(acknowledge=False)
        self.subscribed = 0

    def message(self) -> bytes:
        """The next update of the venue."""
        told = self.oracle.message()
        return update(*told, check=self.oracle.check() if self.checksums else 0)

    def do(self, word: str) -> None:
        """One thing happens."""
        desk, oracle = self.desk, self.oracle
        if word == "change":
            oracle.change()
        elif word in ("update", "keepalive"):  # nothing may have changed: then it is a keepalive
            desk.frame(self.message())
        elif word == "lose":
            self.message()
        elif word == "hold":
            self.held.append(self.message())
        elif word == "release" and self.held:
            desk.frame(self.held.pop(self.rng.randrange(len(self.held))))
        elif word == "twice":
            frame = self.message()
            desk.frame(frame)
            desk.frame(frame)
        elif word == "anew":
            oracle.count_anew()
            desk.frame(self.message())
        elif word == "garbage":
            desk.frame(self.rng.choice((b"", b"{", b"pong", self.message()[:-9], update(1, 2)[:60])))
        elif word == "snapshot" and sum(sent != "ping" for sent in desk.sent) > self.subscribed:
            self.subscribed = sum(sent != "ping" for sent in desk.sent)
            desk.frame(first(oracle.told, *oracle.texts(), check=oracle.check() if self.checksums else 0))
        elif word == "answer" and desk.fetches:
            at = oracle.lately()
            desk.answer(rest_book(at, *oracle.texts(at)))
        elif word == "fail" and desk.fetches:
            desk.fail()
        elif word == "cut":
            desk.close()
            self.held.clear()
            desk.open(acknowledge=False)
        elif any(timer.purpose == word for timer in desk.timers):
            desk.expire(word)

    def run(self, script: list[str]) -> Desk:
        """The whole script, then the network calms down: the book must come to be live and up to date."""
        for word in script:
            self.do(word)
            assert_true(self.desk.book, self.oracle)
        assert self.desk.book.counters.audits_failed == 0 or {"lose", "hold"} & {*script}, "a true book never fails"
        for word in ("change", "update", "snapshot", "change", "update", "snapshot", "change", "update"):
            self.do(word)
        assert (self.desk.state, self.desk.book.position) == (State.LIVE, self.oracle.told)
        assert_true(self.desk.book, self.oracle)
        return self.desk


WORDS = ["change"] * 5 + ["update"] * 6 + ["snapshot"] * 4 + [
    "lose", "hold", "release", "twice", "anew", "garbage", "cut", "keepalive", "keepalive",
    "probe", "probe", "answer", "answer", "fail", "probe due", "snapshot",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=60), st.integers(0, 2**32), st.booleans())
def test_okx(script: list[str], seed: int, checksums: bool) -> None:
    """Its chain of ids proves everything: always."""
    Network(random.Random(seed), None, checksums=checksums).run(script)


@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
@pytest.mark.parametrize("seed", range(3))
def test_long_lives(seed: int, max_price: str | None) -> None:
    """The same over long scripts, which really get live, lose updates and are compared."""
    rng = random.Random(seed)
    network = Network(rng, max_price, checksums=True)
    counters = network.run(rng.choices(WORDS, k=1500)).book.counters
    least = min(counters.updates, counters.gaps, counters.resyncs, counters.ignored, counters.audits_passed)
    assert least > 5
    assert counters.garbage > 5


def test_the_whole_market_moves_below() -> None:
    """Changes that are too deep for the stream move its ids alone, and the probe of the quiet book ends well."""
    rng = random.Random(1)
    network = Network(rng, None, checksums=False)
    network.do("snapshot")
    for _ in range(20):
        network.desk.expire("probe")
        if network.desk.fetches:
            ahead = network.oracle.now + 50
            network.desk.answer(rest_book(ahead, *network.oracle.texts()))
            network.desk.expire("probe due")
    assert network.desk.state is State.LIVE
    assert network.desk.book.counters.audits_passed > 5
    assert SYMBOL in network.desk.books
