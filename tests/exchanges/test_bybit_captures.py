"""Sessions recorded at Bybit, through the unchanged protocol and through a replay that shares no code with it.

All three are of perpetual contracts, whose book messages are those of spot in the present dialect (v5); the topic of
500 levels has been switched off since. No session of spot, and none of 1000 levels, is at hand.
"""

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from book import Counters, State
from exchanges.actions import Reconnect, Send
from tests.captures import MARKS, RECORDINGS, assert_equal, recording, total
from tests.exchanges.desk import Desk

pytestmark = MARKS


class Expected(NamedTuple):
    """What a session shows."""

    depth: int
    updates: dict[str, int]  # snapshots and deltas by symbol
    snapshots: int  # in all
    position: dict[str, int]  # the final `u`


SESSIONS = {
    "perpetuals 2026-08-09": Expected(
        200,
        {"BTCUSDT": 414, "ETHUSDT": 421, "SOLUSDT": 383, "DOGEUSDT": 380},
        4,
        {"BTCUSDT": 15077365, "ETHUSDT": 14768880, "SOLUSDT": 13783705, "DOGEUSDT": 13178638},
    ),
    "a perpetual 2024-12-01": Expected(500, {"XRPUSDT": 50}, 1, {"XRPUSDT": 20254918}),
    "best quotes 2025-06-13": Expected(
        1,
        {"BANDUSDT": 45, "RADUSDT": 18, "SNTUSDT": 107, "AIOZUSDT": 28},
        198,
        {"BANDUSDT": 24043037, "RADUSDT": 5510751, "SNTUSDT": 12509560, "AIOZUSDT": 9716685},
    ),
}


def test_all_are_looked_at() -> None:
    """Every recording of this venue stands in the table above."""
    assert list(SESSIONS) == list(RECORDINGS["bybit"])


class Replay:
    """Books in json and Decimal, by the venue's rules alone, cut to `depth` levels."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.books: dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]] = {}
        self.u: dict[str, int] = {}
        self.messages: dict[str, int] = defaultdict(int)
        self.snapshots = 0

    def take(self, text: str) -> None:
        """One frame."""
        told = json.loads(text)
        if not told.get("topic", "").startswith("orderbook."):
            return
        data = told["data"]
        symbol = data["s"]
        self.messages[symbol] += 1
        if told["type"] == "snapshot":
            self.snapshots += 1
            self.books[symbol] = {}, {}
        else:
            assert data["u"] == self.u[symbol] + 1, "the recording itself has a gap"
        self.u[symbol] = data["u"]
        for side, levels, reverse in zip(self.books[symbol], (data["b"], data["a"]), (True, False), strict=True):
            for price, amount in levels:
                side[Decimal(price)] = Decimal(amount)
            best = set(sorted((price for price, amount in side.items() if amount), reverse=reverse)[: self.depth])
            for price in list(side):
                if not side[price] or price not in best:
                    del side[price]


def run(name: str) -> tuple[Desk, Replay]:
    """The whole recording through both; the protocol asks for nothing and is content all along."""
    recorded = recording("bybit", name)
    replay = Replay(SESSIONS[name].depth)
    for line in recorded.lines:
        replay.take(line.body.decode())
    assert set(recorded.symbols) == set(replay.books)
    desk = Desk(recorded.new_protocol()).open(acknowledge=False)
    for line in recorded.lines:
        desk.now_ns = line.received_ns or desk.now_ns
        wanted = desk.frame(line.body)
        assert not [action for action in wanted if isinstance(action, Send | Reconnect)]
    return desk, replay


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session(name: str) -> None:
    """Every book is live without gap, cross, garbage or anything ignored, and ends as the replay does."""
    session = SESSIONS[name]
    desk, replay = run(name)
    assert {book.state for book in desk.books.values()} == {State.LIVE}
    sums: Counters = total(desk.books.values())
    assert (sums.gaps, sums.crossed, sums.resyncs, sums.garbage, sums.ignored) == (0, 0, 0, 0, 0)
    assert {symbol: book.counters.updates for symbol, book in desk.books.items()} == session.updates
    assert dict(replay.messages) == session.updates
    assert replay.snapshots == session.snapshots
    assert sums.unknown_removals == 0
    for symbol, book in desk.books.items():
        assert book.position == replay.u[symbol]
        assert_equal(book, replay.books[symbol])
    assert {symbol: book.position for symbol, book in desk.books.items()} == session.position
    assert {(len(book.bids), len(book.asks)) for book in desk.books.values()} == {(session.depth, session.depth)}


# Messages with the `u` of the one before and a later `seq`.
REPEATED = dict(zip(SESSIONS, (0, 0, 16), strict=True))


@pytest.mark.parametrize("name", SESSIONS)
def test_what_seq_tells(name: str) -> None:
    """It rises from message to message, and goes on while a book stands still: equal books may differ in it."""
    last: dict[str, tuple[int, int, Any]] = {}
    repeated = 0
    for line in recording("bybit", name).lines:
        told = json.loads(line.body)
        if told.get("topic", "").startswith("orderbook."):
            data = told["data"]
            u, seq, levels = last.get(data["s"], (0, 0, None))
            assert data["seq"] > seq
            if data["u"] == u:
                repeated += 1
                assert (data["b"], data["a"]) == levels
            last[data["s"]] = data["u"], data["seq"], (data["b"], data["a"])
    assert repeated == REPEATED[name]
