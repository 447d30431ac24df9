"""Whatever happens between Coinbase and us, a live book is the venue's book.

Recorded sessions are held against a replay that shares no code with the connector.
"""

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State
from tests.exchanges.coinbase_desk import BTC, ETH, START_NS, CoinbaseDesk, coinbase, event, message
from tests.exchanges.test_truth import Oracle

PRODUCTS = (BTC, ETH)


class Exchange:
    """The venue as its documentation says: it answers requests in their order, and numbers what it sends."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.oracles = {product: Oracle(rng, 1) for product in PRODUCTS}
        for oracle in self.oracles.values():  # two levels that never change: no side is ever empty
            for sides in oracle.truth.values():
                sides[0][Decimal("0.125")] = sides[1][Decimal(100)] = Decimal(1)
        self.beat = 0
        self.connected()

    def connected(self) -> None:
        """Nothing is subscribed, and the numbers begin anew."""
        self.number = 0
        self.subscribed: set[str] = set()
        self.wire: list[bytes] = []  # on its way to us

    def request(self, told: Any) -> None:
        """One request of ours."""
        for product in told.get("product_ids", []):
            if told["type"] == "unsubscribe":
                self.subscribed.discard(product)
            else:
                self.subscribed.add(product)
                self.oracles[product].take_diff()
                self.send(self.event(product, "snapshot", *self.oracles[product].whole(self.oracles[product].now)))
        subscribed = sorted(self.subscribed)
        self.send({"subscriptions": {"level2": subscribed}}, channel="subscriptions")

    def change(self) -> None:
        """A market moves."""
        self.rng.choice(list(self.oracles.values())).change()

    def tell(self) -> None:
        """Of what has changed."""
        for product, oracle in self.oracles.items():
            if product in self.subscribed and oracle.told < oracle.now:
                _, _, bids, asks = oracle.take_diff()
                self.send(self.event(product, "update", bids, asks))

    def heartbeat(self) -> None:
        """One of each second."""
        self.beat += 1
        self.send({"heartbeat_counter": self.beat}, channel="heartbeats")

    def event(self, product: str, kind: str, bids: Any, asks: Any) -> dict[str, Any]:
        """The update id is the time, in microseconds."""
        return event(kind, bids, asks, self.oracles[product].now, product)

    def send(self, told: Any, channel: str = "l2_data") -> None:
        """Puts a numbered message on the wire."""
        self.wire.append(message(self.number, [told], channel))
        self.number += 1


def garbled(body: bytes, rng: random.Random) -> bytes:
    """A message that cannot be read any more, with or without its number."""
    cut = body[: rng.randint(0, max(0, len(body) - 1))]
    return rng.choice(
        (b"", cut, body.replace(b'"bid"', b'"ask"'), body.replace(b'"new_quantity":"', b'"new_quantity":"x'))
    )


def assert_true(desk: CoinbaseDesk, exchange: Exchange) -> None:
    """Each live book equals the truth at its position, in Decimal; any other one is empty."""
    for product, book in desk.books.items():
        shown = tuple(
            {Decimal(str(price)): Decimal(str(amount)) for price, amount in side.amounts.items()}
            for side in (book.bids, book.asks)
        )
        if book.state is State.LIVE:
            assert shown == exchange.oracles[product].truth[(book.position - START_NS) // 1000], product
        else:
            assert shown == ({}, {})


def serve(desk: CoinbaseDesk, exchange: Exchange) -> None:
    """The venue reads what we have sent."""
    sent, desk.sent = desk.sent, []
    for each in sent:
        exchange.request(each)


def expire(desk: CoinbaseDesk, purpose: str) -> None:
    """Timers of this purpose, if one runs."""
    if any(timer.purpose == purpose for timer in desk.timers):
        desk.expire(purpose)


def settle(desk: CoinbaseDesk, exchange: Exchange) -> None:
    """The network calms down: all books must come to be live and up to date."""
    for _ in range(14):
        serve(desk, exchange)
        exchange.change()
        exchange.tell()
        exchange.heartbeat()
        for body in exchange.wire:
            desk.frame(body)
        exchange.wire.clear()
        expire(desk, "pace")
    for purpose in ("snapshot", "snapshot", "pace", "pace"):  # for what was lost with nothing behind it
        expire(desk, purpose)
        serve(desk, exchange)
        for body in exchange.wire:
            desk.frame(body)
        exchange.wire.clear()
    assert desk.states() == [State.LIVE, State.LIVE]
    for product, book in desk.books.items():
        assert (book.position - START_NS) // 1000 == exchange.oracles[product].now
    assert_true(desk, exchange)


WORDS = ["change"] * 5 + ["tell"] * 5 + ["deliver"] * 12 + ["serve"] * 4 + [
    "heartbeat", "lose", "twice", "swap", "garble", "pace", "pace", "snapshot", "look", "resync", "cut",
]  # fmt: skip


def run(script: list[str], rng: random.Random, max_price: str | None = None) -> CoinbaseDesk:
    """Everything may happen to the messages: lost, twice, out of order, garbled, cut."""
    exchange = Exchange(rng)
    desk = CoinbaseDesk(coinbase(*PRODUCTS, max_price=max_price)).begin()
    wire = exchange.wire
    for word in script:
        if word == "serve":
            serve(desk, exchange)
        elif word in ("change", "tell", "heartbeat"):
            getattr(exchange, word)()
        elif word == "deliver" and wire:
            desk.frame(wire.pop(0))
        elif word == "lose" and wire:
            wire.pop(rng.randrange(len(wire)))
        elif word == "twice" and wire:
            wire.insert(rng.randrange(len(wire)), rng.choice(wire))
        elif word == "swap" and len(wire) > 1:
            wire[0], wire[1] = wire[1], wire[0]
        elif word == "garble" and wire:
            which = rng.randrange(len(wire))
            wire[which] = garbled(wire[which], rng)
        elif word in ("pace", "snapshot"):
            expire(desk, word)
        elif word == "look":
            expire(desk, "heartbeat")
        elif word == "resync":
            desk.note(desk.feed._carry_out(desk.protocol.resync(rng.choice(PRODUCTS), State.GAP, "doubt"), 0))
        elif word == "cut":
            desk.close()
            desk.sent.clear()
            exchange.connected()
            wire = exchange.wire
            desk.begin()
        assert_true(desk, exchange)
    settle(desk, exchange)
    return desk


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=80), st.integers(0, 2**32))
def test_a_live_book_is_true(script: list[str], seed: int) -> None:
    """Its numbers prove everything: always, at every step."""
    run(script, random.Random(seed))


@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
@pytest.mark.parametrize("seed", range(3))
def test_long_lives(seed: int, max_price: str | None) -> None:
    """The same over long scripts, which really get live, lose messages and heal."""
    rng = random.Random(seed)
    desk = run(rng.choices(WORDS, k=3000), rng, max_price)
    for book in desk.books.values():
        counters = book.counters
        assert min(counters.updates, counters.gaps, counters.resyncs, counters.ignored, counters.garbage) > 5
