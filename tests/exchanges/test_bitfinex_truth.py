"""Whatever happens between Bitfinex and us, a live book is the venue's book."""

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from book import State
from tests.exchanges.bitfinex_desk import BTC, ETH, BitfinexDesk, bitfinex, crc, row, subscribed
from tests.exchanges.test_truth import Oracle

SYMBOLS = (BTC, ETH)


class Exchange:
    """The venue as its documentation says: it answers requests in their order, and numbers what channels say.

    The update id of a market is its time, in milliseconds; no two changes have the same.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.oracles = {symbol: Oracle(rng, 1) for symbol in SYMBOLS}
        self.fresh = 17
        self.connected()

    def connected(self) -> None:
        """Nothing is subscribed, and the numbers begin anew."""
        self.number = 1
        self.channels: dict[str, int] = {}
        self.wire: list[bytes] = []  # on its way to us

    def request(self, asked: Any) -> None:
        """One request of ours."""
        if asked["event"] == "subscribe":
            self.begin(asked["symbol"])
        elif asked["event"] == "unsubscribe":
            self.end(asked["chanId"])

    def begin(self, symbol: str) -> None:
        """The answer, then the whole book; where there is a channel already, only a complaint."""
        if symbol in self.channels:
            told = {"event": "error", "msg": "subscribe: dup", "code": 10301, "chanId": self.channels[symbol]}
            self.wire.append(msgspec.json.encode({**told, "symbol": symbol}))
            return
        self.fresh += self.rng.random() < 0.5  # it may use the number of a channel again
        while self.fresh in self.channels.values():
            self.fresh += 1
        self.channels[symbol] = self.fresh
        self.wire.append(subscribed(symbol, self.fresh))
        oracle = self.oracles[symbol]
        oracle.take_diff()
        bids, asks = oracle.whole(oracle.now)
        rows = [row(price, 1, amount) for price, amount in bids] + [row(price, 1, f"-{size}") for price, size in asks]
        self.say(symbol, f"[{','.join(rows)}]")

    def end(self, channel: int) -> None:
        """Of a channel."""
        known = [symbol for symbol, each in self.channels.items() if each == channel]
        for symbol in known:
            del self.channels[symbol]
        told = {"event": "unsubscribed", "status": "OK"} if known else {"event": "error", "code": 10400}
        self.wire.append(msgspec.json.encode({**told, "chanId": channel}))

    def change(self) -> None:
        """A market moves by one level, and says so."""
        symbol, oracle = self.rng.choice(list(self.oracles.items()))
        oracle.change()
        _, _, bids, asks = oracle.take_diff()
        for levels, sign in ((bids, ""), (asks, "-")):
            for price, amount in levels:
                gone = not Decimal(amount)
                self.say(symbol, row(price, int(not gone), f"{sign}{1 if gone else amount}"))

    def heartbeat(self) -> None:
        """Of each channel."""
        for symbol in self.channels:
            self.say(symbol, '"hb"')

    def check(self) -> None:
        """A checksum of each channel."""
        for symbol, oracle in self.oracles.items():
            bids, asks = oracle.truth[oracle.now]
            sides = [(price, bids[price], "") for price in sorted(bids, reverse=True)]
            words = []
            others = [(price, asks[price], "-") for price in sorted(asks)]
            for rank in range(25):
                words += [each for side in (sides, others) for each in side[rank : rank + 1]]
            text = ":".join(f"{js(price)}:{sign}{js(amount)}" for price, amount, sign in words)
            self.say(symbol, f'"cs",{crc(text)}')

    def say(self, symbol: str, payload: str) -> None:
        """Puts a numbered message on the wire, if anybody listens."""
        if symbol in self.channels:
            now = self.oracles[symbol].now
            self.wire.append(f"[{self.channels[symbol]},{payload},{self.number},{now}]".encode())
            self.number += 1


def js(number: Decimal) -> str:
    """As the venue writes it."""
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def garbled(body: bytes, rng: random.Random) -> bytes:
    """A message that cannot be read any more, with or without its number."""
    cut = body[: rng.randint(0, max(0, len(body) - 1))]
    return rng.choice((b"", cut, body.replace(b",1,", b",null,", 1), body.replace(b"[", b"[-", 1)))


def assert_true(desk: BitfinexDesk, exchange: Exchange) -> None:
    """Each live book equals the truth at its position, in Decimal; any other one is empty."""
    for symbol, book in desk.books.items():
        shown = tuple(
            {Decimal(str(price)): Decimal(str(amount)) for price, amount in side.amounts.items()}
            for side in (book.bids, book.asks)
        )
        if book.state is State.LIVE:
            assert shown == exchange.oracles[symbol].truth[book.position // 10**6], symbol
        else:
            assert shown == ({}, {})


def serve(desk: BitfinexDesk, exchange: Exchange) -> None:
    """The venue reads what we have sent."""
    sent, desk.sent = desk.sent, []
    for each in sent:
        exchange.request(each)


def expire(desk: BitfinexDesk, purpose: str) -> None:
    """Timers of this purpose, if one runs."""
    if any(timer.purpose == purpose for timer in desk.timers):
        desk.expire(purpose)


def deliver(desk: BitfinexDesk, exchange: Exchange) -> None:
    """All that is on the wire."""
    for body in exchange.wire:
        desk.frame(body)
    exchange.wire.clear()


def reconnect(desk: BitfinexDesk, exchange: Exchange) -> None:
    """Another connection, on which nothing is subscribed."""
    desk.close()
    desk.sent.clear()
    exchange.connected()
    desk.begin()


def settle(desk: BitfinexDesk, exchange: Exchange) -> None:
    """The network calms down: all books must come to be live and up to date."""
    for _ in range(14):
        serve(desk, exchange)
        exchange.change()
        exchange.heartbeat()
        deliver(desk, exchange)
    for purpose in ("look", "look", *["snapshot"] * 5):  # for answers that were lost
        desk.reconnects.clear()
        expire(desk, purpose)
        if desk.reconnects:
            reconnect(desk, exchange)
        for _ in range(3):
            serve(desk, exchange)
            deliver(desk, exchange)
    exchange.check()
    deliver(desk, exchange)
    assert desk.states() == [State.LIVE, State.LIVE]
    for symbol, book in desk.books.items():
        oracle = exchange.oracles[symbol]
        assert oracle.truth[book.position // 10**6] == oracle.truth[oracle.now]  # a change may change nothing
        assert book.counters.audits_failed == 0
    assert_true(desk, exchange)


WORDS = ["change"] * 8 + ["deliver"] * 14 + ["serve"] * 4 + ["check"] + [
    "heartbeat", "lose", "twice", "swap", "garble", "snapshot", "look", "resync", "cut",
]  # fmt: skip


def run(script: list[str], rng: random.Random) -> BitfinexDesk:
    """Everything may happen to the messages: lost, twice, out of order, garbled, cut."""
    exchange = Exchange(rng)
    desk = BitfinexDesk(bitfinex(*SYMBOLS)).begin()
    wire = exchange.wire
    for word in script:
        if word == "serve":
            serve(desk, exchange)
        elif word in ("change", "heartbeat", "check"):
            getattr(exchange, word)()
        elif word == "deliver" and wire:
            desk.frame(wire.pop(0))
        elif word == "lose" and wire:
            wire.pop(rng.randrange(len(wire)))
        elif word == "twice" and wire:
            wire.insert(rng.randrange(len(wire)), rng.choice([each for each in wire if each[:1] == b"["] or wire))
        elif word == "swap" and len(wire) > 1:
            wire[0], wire[1] = wire[1], wire[0]
        elif word == "garble" and wire:
            which = rng.randrange(len(wire))
            wire[which] = garbled(wire[which], rng)
        elif word in ("snapshot", "look"):
            expire(desk, word)
        elif word == "resync":
            desk.note(desk.feed._carry_out(desk.protocol.resync(rng.choice(SYMBOLS), State.GAP, "doubt"), 0))
        elif word == "cut":
            reconnect(desk, exchange)
            wire = exchange.wire
        assert_true(desk, exchange)
    settle(desk, exchange)
    return desk


@settings(max_examples=150, deadline=None)
@example(["snapshot", "serve", "lose", "lose"], 0)
@given(st.lists(st.sampled_from(WORDS), max_size=80), st.integers(0, 2**32))
def test_a_live_book_is_true(script: list[str], seed: int) -> None:
    """Its numbers prove everything: always, at every step."""
    run(script, random.Random(seed))


@pytest.mark.parametrize("seed", range(3))
def test_long_lives(seed: int) -> None:
    """The same over long scripts, which really get live, lose messages and heal."""
    rng = random.Random(seed)
    desk = run(rng.choices(WORDS, k=8000), rng)
    for book in desk.books.values():
        counters = book.counters
        assert min(counters.updates, counters.gaps, counters.resyncs, counters.ignored, counters.garbage) > 5
        assert counters.audits_passed > 3
