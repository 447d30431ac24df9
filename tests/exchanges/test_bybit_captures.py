"""Sessions recorded at Bybit, through the unchanged protocol and through a replay that shares no code with it.

All three are of perpetual contracts, whose book messages are those of spot in the present dialect (v5); the topic of
500 levels has been switched off since. No session of spot, and none of 1000 levels, is at hand.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from book import Counters, Instrument, Pair, State, VenueBook
from exchanges.actions import Reconnect, Send
from exchanges.bybit import BybitProtocol
from tests.captures import CAPTURES, total
from tests.exchanges.desk import Desk

FOLDER = CAPTURES / "bybit"

pytestmark = [
    pytest.mark.captures,
    pytest.mark.skipif(
        not FOLDER.is_dir(), reason=f"no captured sessions in {FOLDER}: ONEBOOK_CAPTURES names the folder above"
    ),
]


class Session(NamedTuple):
    """A file, and what is known of it."""

    file: str
    depth: int
    updates: dict[str, int]  # snapshots and deltas by symbol
    snapshots: int  # in all
    position: dict[str, int]  # the final `u`


SESSIONS = {
    "four books of 200 levels, 2026": Session(
        "cryptofeed__BYBIT.20260809.linear.jsonl",
        200,
        {"BTCUSDT": 414, "ETHUSDT": 421, "SOLUSDT": 383, "DOGEUSDT": 380},
        4,
        {"BTCUSDT": 15077365, "ETHUSDT": 14768880, "SOLUSDT": 13783705, "DOGEUSDT": 13178638},
    ),
    "one book of 500 levels, 2024": Session(
        "nautilus__2024-12-01_XRPUSDT_ob500.data", 500, {"XRPUSDT": 50}, 1, {"XRPUSDT": 20254918}
    ),
    "best quotes alone, each a snapshot, 2025": Session(
        "cryptofeed__BYBIT.ws.1.0@20250613",
        1,
        {"BANDUSDT": 45, "RADUSDT": 18, "SNTUSDT": 107, "AIOZUSDT": 28},
        198,
        {"BANDUSDT": 24043037, "RADUSDT": 5510751, "SNTUSDT": 12509560, "AIOZUSDT": 9716685},
    ),
}


def frames(path: Path) -> Iterator[tuple[int, str]]:
    """Time of receipt (ns) and text of every frame received, in order."""
    for line in path.read_text().splitlines():
        if line.startswith('{"t":'):
            told = json.loads(line, parse_float=Decimal)
            if told["t"] == "recv":
                yield int(told["ts"] * 10**9), told["data"]
        elif line.startswith("{"):
            yield 0, line
        elif found := re.match(r"(\d+\.\d+): (.*)", line):
            yield int(Decimal(found[1]) * 10**9), found[2]


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


def run(session: Session) -> tuple[Desk, Replay]:
    """The whole recording through both; the protocol asks for nothing and is content all along."""
    replay = Replay(session.depth)
    recorded = list(frames(FOLDER / session.file))
    for _, text in recorded:
        replay.take(text)
    step = Decimal("0.00000001")
    listed = [Instrument("bybit", symbol, Pair(symbol, "X"), step, step) for symbol in replay.books]
    desk = Desk(BybitProtocol(listed, session.depth)).open(acknowledge=False)
    for received_ns, text in recorded:
        desk.now_ns = received_ns or desk.now_ns
        wanted = desk.frame(text.encode())
        assert not [action for action in wanted if isinstance(action, Send | Reconnect)]
    return desk, replay


def assert_equal(book: VenueBook, position: int, sides: Any) -> None:
    """The book is the replayed one, level by level."""
    assert book.position == position
    for ours, truth in zip((book.bids, book.asks), sides, strict=True):
        assert {Decimal(str(price)): Decimal(str(amount)) for price, amount in ours.amounts.items()} == truth
        ours.check()


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session(name: str) -> None:
    """Every book is live without gap, cross, garbage or anything ignored, and ends as the replay does."""
    session = SESSIONS[name]
    desk, replay = run(session)
    assert {book.state for book in desk.books.values()} == {State.LIVE}
    sums: Counters = total(desk.books.values())
    assert (sums.gaps, sums.crossed, sums.resyncs, sums.garbage, sums.ignored) == (0, 0, 0, 0, 0)
    assert {symbol: book.counters.updates for symbol, book in desk.books.items()} == session.updates
    assert dict(replay.messages) == session.updates
    assert replay.snapshots == session.snapshots
    assert sums.unknown_removals == 0
    for symbol, book in desk.books.items():
        assert_equal(book, replay.u[symbol], replay.books[symbol])
    assert {symbol: book.position for symbol, book in desk.books.items()} == session.position
    assert {(len(book.bids), len(book.asks)) for book in desk.books.values()} == {(session.depth, session.depth)}


# Messages with the `u` of the one before and a later `seq`.
REPEATED = dict(zip(SESSIONS, (0, 0, 16), strict=True))


@pytest.mark.parametrize("name", SESSIONS)
def test_what_seq_tells(name: str) -> None:
    """It rises from message to message, and goes on while a book stands still: equal books may differ in it."""
    last: dict[str, tuple[int, int, Any]] = {}
    repeated = 0
    for _, text in frames(FOLDER / SESSIONS[name].file):
        told = json.loads(text)
        if told.get("topic", "").startswith("orderbook."):
            data = told["data"]
            u, seq, levels = last.get(data["s"], (0, 0, None))
            assert data["seq"] > seq
            if data["u"] == u:
                repeated += 1
                assert (data["b"], data["a"]) == levels
            last[data["s"]] = data["u"], data["seq"], (data["b"], data["a"])
    assert repeated == REPEATED[name]
