"""Sessions that were recorded at OKX, through the protocol and through a replay that shares no code.

They are of an older dialect: a true checksum and no ids (2021 and 2022), and in 2021 the channel `books-l2-tbt`,
which anybody could have then. They are put into today's: the channel `books`, and the venue's time as the id, which
was alike on all connections too. The replay here reads them as they came.
"""

import heapq
import json
import zlib
from decimal import Decimal
from typing import NamedTuple

import pytest

from book import State, VenueBook
from exchanges.feed import Feed
from exchanges.okx import Okx
from tests.captures import MARKS, RECORDINGS, assert_equal, read, recording, total
from tests.exchanges.desk import Desk

pytestmark = MARKS

Side = dict[Decimal, tuple[str, str]]  # the venue's own texts


class Expected(NamedTuple):
    """What a session shows."""

    books: int
    messages: int  # snapshots and updates; each has a checksum
    unknown_removals: int


SESSIONS = {
    "2021-07-22, 1st of 3": Expected(10, 1504, 0),
    "2021-07-22, 2nd of 3": Expected(10, 1446, 0),
    "2021-07-22, 3rd of 3": Expected(10, 1422, 0),
    "2022-05-13": Expected(3, 290, 953),
}


def test_all_are_looked_at() -> None:
    """Every recording of this venue stands in the table above."""
    assert list(SESSIONS) == list(RECORDINGS["okx"])


def replay(name: str) -> dict[str, tuple[int, tuple[Side, Side]]]:
    """By instrument: the last time and the final sides; every checksum is computed on the texts as they were sent."""
    books: dict[str, tuple[int, tuple[Side, Side]]] = {}
    for line in recording("okx", name).raw:
        frame = json.loads(line.body)
        if "action" not in frame:
            continue
        symbol, (told,) = frame["arg"]["instId"], frame["data"]
        sides: tuple[Side, Side] = ({}, {}) if frame["action"] == "snapshot" else books[symbol][1]
        for side, levels in zip(sides, (told["bids"], told["asks"]), strict=True):
            for price, amount, *_ in levels:
                side[Decimal(price)] = price, amount
                if not Decimal(amount):
                    del side[Decimal(price)]
            assert len(side) <= 400, "the venue tells of what falls out"
        assert _crc(*sides) == told["checksum"]
        books[symbol] = int(told["ts"]), sides
    return books


def _crc(bids: Side, asks: Side) -> int:
    ordered = [bids[price] for price in sorted(bids, reverse=True)], [asks[price] for price in sorted(asks)]
    words = [word for rank in range(25) for side in ordered for level in side[rank : rank + 1] for word in level]
    return (zlib.crc32(":".join(words).encode()) ^ 1 << 31) - (1 << 31)


def assert_all_equal(books: dict[str, VenueBook], finals: dict[str, tuple[int, tuple[Side, Side]]]) -> None:
    """Every book is the replayed one."""
    assert set(books) == set(finals)
    for symbol, book in books.items():
        stamp, (bids, asks) = finals[symbol]
        assert (book.position, book.stamps.venue_ns) == (stamp, stamp * 10**6), symbol
        assert_equal(book, (amounts(bids), amounts(asks)))


def amounts(side: Side) -> dict[Decimal, Decimal]:
    """A side by the value of its texts."""
    return {price: Decimal(amount) for price, (_, amount) in side.items()}


@pytest.mark.parametrize("name", SESSIONS)
def test_okx(name: str) -> None:
    """All books are live without a gap or a cross, every checksum is right, and each final book equals the replay."""
    recorded = recording("okx", name)
    desk = Desk(recorded.new_protocol()).open(acknowledge=False)
    for line in recorded.lines:
        desk.feed.frame(line.body, line.received_ns)
    books = desk.books
    sums, told = total(books.values()), SESSIONS[name]
    assert [book.state for book in books.values()] == [State.LIVE] * told.books
    assert (sums.gaps, sums.crossed, sums.resyncs, sums.garbage, sums.ignored) == (0, 0, 0, 0, 0)
    assert (sums.updates, sums.audits_passed, sums.audits_failed) == (told.messages, told.messages, 0)
    assert sums.unknown_removals == told.unknown_removals
    assert_all_equal(books, replay(name))


@pytest.mark.parametrize("name", SESSIONS)
def test_one_update_less(name: str) -> None:
    """Whichever is lost: its book alone is a gap at the next message, and nothing wrong is shown until then."""
    recorded = recording("okx", name)
    lines = recorded.lines
    updates = [index for index, line in enumerate(lines) if b'"action":"update"' in line.body[:100]]
    lost = updates[len(updates) // 2]
    desk = Desk(recorded.new_protocol()).open(acknowledge=False)
    for index, line in enumerate(lines):
        if index != lost:
            desk.feed.frame(line.body, line.received_ns)
    symbol = json.loads(lines[lost].body)["arg"]["instId"]
    states = {each: book.state for each, book in desk.books.items() if each != symbol}
    assert set(states.values()) == {State.LIVE}
    assert (desk.books[symbol].state, desk.books[symbol].counters.gaps) == (State.GAP, 1)


def test_another_connection_takes_over() -> None:
    """Two connections that were open at once: each book changes places when it is as far, and takes no step back."""
    names = "2021-07-22, 1st of 3", "2021-07-22, 2nd of 3"
    first, second = (recording("okx", name) for name in names)
    desk = Desk(first.new_protocol()).open(acknowledge=False)
    warming = Feed.warming(second.new_protocol(), desk.pairs, lambda: 1)
    warming.opened()
    merged = heapq.merge(
        ((line.received_ns, 0, line.body) for line in first.lines),
        ((line.received_ns, 1, line.body) for line in second.lines),
    )
    positions = dict.fromkeys(desk.pairs, 0)
    over = False
    for received_ns, connection, body in merged:
        if connection == 0 and over:
            continue
        (desk.feed, warming)[connection].frame(body, received_ns)
        live = any(pair.books["okx"].state is State.LIVE for pair in desk.pairs.values())
        over = over or (live and warming.take_over(orphaned=False))
        for symbol, pair in desk.pairs.items():
            book = pair.books["okx"]
            assert book.position >= positions[symbol], "a step back"
            assert book.state is State.LIVE or not positions[symbol], "a hole"
            positions[symbol] = book.position
    assert over
    books = {symbol: pair.books["okx"] for symbol, pair in desk.pairs.items()}
    assert [book.counters.rotations for book in books.values()] == [1] * 10
    assert_all_equal(books, replay(names[1]))


def test_the_catalog() -> None:
    """A real list of spot instruments, the same as read from the text by other means."""
    *_, told = (
        line.body for line in read(["okx/cryptofeed__OKX.0@20220513.gz"]) if line.url.endswith("instType=SPOT")
    )
    ours = {each.symbol: each for each in Okx().parse_catalog(told)}
    listed = {each["instId"]: each for each in json.loads(told)["data"]}
    assert (len(ours), set(ours)) == (513, set(listed))
    for symbol, each in ours.items():
        assert each.pair == (listed[symbol]["baseCcy"], listed[symbol]["quoteCcy"])
        assert (each.tick_size, each.lot_size) == tuple(Decimal(listed[symbol][key]) for key in ("tickSz", "lotSz"))
        assert each.trading == (listed[symbol]["state"] == "live")
    assert (str(ours["BTC-USDT"].pair), ours["BTC-USDT"].price_decimals) == ("BTC/USDT", 1)
