"""Sessions that were recorded at OKX, through the protocol and through a replay that shares no code.

They are of an older dialect: a true checksum and no ids (2021 and 2022), and in 2021 the channel `books-l2-tbt`,
which anybody could have then. `present` puts them into today's: the channel `books`, and the venue's time as the id,
which was alike on all connections too. Not a digit of a price, an amount or a checksum is changed.
"""

import gzip
import heapq
import json
import re
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from book import Instrument, Pair, State, VenueBook
from exchanges.feed import Feed
from exchanges.okx import Okx, OkxProtocol
from tests.captures import CAPTURES, total
from tests.exchanges.desk import Desk

pytestmark = [
    pytest.mark.captures,
    pytest.mark.skipif(
        not CAPTURES.is_dir(), reason=f"no captured sessions in {CAPTURES}: ONEBOOK_CAPTURES names their folder"
    ),
]

Side = dict[Decimal, tuple[str, str]]  # the venue's own texts


class Expected(NamedTuple):
    """What a session shows."""

    books: int
    messages: int  # snapshots and updates; each has a checksum
    unknown_removals: int


SESSIONS = {
    "okx/cryptofeed__OKEX.ws.1.0@20210722": Expected(10, 1504, 0),
    "okx/cryptofeed__OKEX.ws.2.0@20210722": Expected(10, 1446, 0),
    "okx/cryptofeed__OKEX.ws.3.0@20210722": Expected(10, 1422, 0),
    "okx/cryptofeed__OKX.ws.1.0@20220513": Expected(3, 290, 953),
}


class Line(NamedTuple):
    """One received frame."""

    received_ns: int
    body: bytes


def recorded(name: str) -> Iterator[Line]:
    """The frames as they came."""
    for line in (CAPTURES / name).read_bytes().split(b"\n"):
        if match := re.match(rb"(\d+\.\d+): (.*)", line, re.DOTALL):
            yield Line(int(Decimal(match[1].decode()) * 10**9), match[2])


def present(lines: Iterator[Line]) -> Iterator[Line]:
    """The same in today's dialect."""
    before: dict[bytes, bytes] = {}
    for received_ns, body in lines:
        pushed = re.match(rb'\{"arg":\{"channel":"books(?:-l2-tbt)?","instId":"([^"]+)"\},"action":"(\w+)"', body)
        if pushed:
            stamp = body[body.rindex(b'"ts":"') + 6 :].split(b'"')[0]
            previous = b"-1" if pushed[2] == b"snapshot" else before[pushed[1]]
            before[pushed[1]] = stamp
            assert body.endswith(b"}]}")
            body = body[:-3] + b',"seqId":%s,"prevSeqId":%s}]}' % (stamp, previous)
            body = body.replace(b'"channel":"books-l2-tbt"', b'"channel":"books"', 1)
        yield Line(received_ns, body)


def protocol(name: str) -> OkxProtocol:
    """For the instruments of a session. The old catalogs are gone; these steps hold all that was sent."""
    symbols = sorted(replay(name))
    step = Decimal("0.000000001")
    return OkxProtocol([Instrument("okx", each, Pair(each.replace("-", ""), "X"), step, step) for each in symbols])


def replay(name: str) -> dict[str, tuple[int, tuple[Side, Side]]]:
    """By instrument: the last time and the final sides; every checksum is computed on the texts as they were sent."""
    books: dict[str, tuple[int, tuple[Side, Side]]] = {}
    for _, body in recorded(name):
        frame = json.loads(body)
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


def assert_equal(books: dict[str, VenueBook], finals: dict[str, tuple[int, tuple[Side, Side]]]) -> None:
    """Every book is the replayed one, level by level over its whole depth."""
    assert set(books) == set(finals)
    for symbol, book in books.items():
        stamp, sides = finals[symbol]
        assert (book.position, book.stamps.venue_ns) == (stamp, stamp * 10**6), symbol
        for ours, truth in zip((book.bids, book.asks), sides, strict=True):
            shown = {Decimal(str(price)): Decimal(str(amount)) for price, amount in ours.amounts.items()}
            assert shown == {price: Decimal(amount) for price, (_, amount) in truth.items()}, symbol
            ours.check()


@pytest.mark.parametrize("name", SESSIONS)
def test_okx(name: str) -> None:
    """All books are live without a gap or a cross, every checksum is right, and each final book equals the replay."""
    desk = Desk(protocol(name)).open(acknowledge=False)
    for line in present(recorded(name)):
        desk.feed.frame(line.body, line.received_ns)
    books = desk.books
    sums, told = total(books.values()), SESSIONS[name]
    assert [book.state for book in books.values()] == [State.LIVE] * told.books
    assert (sums.gaps, sums.crossed, sums.resyncs, sums.garbage, sums.ignored) == (0, 0, 0, 0, 0)
    assert (sums.updates, sums.audits_passed, sums.audits_failed) == (told.messages, told.messages, 0)
    assert sums.unknown_removals == told.unknown_removals
    assert_equal(books, replay(name))


@pytest.mark.parametrize("name", SESSIONS)
def test_one_update_less(name: str) -> None:
    """Whichever is lost: its book alone is a gap at the next message, and nothing wrong is shown until then."""
    lines = list(present(recorded(name)))
    updates = [index for index, line in enumerate(lines) if b'"action":"update"' in line.body[:100]]
    lost = updates[len(updates) // 2]
    desk = Desk(protocol(name)).open(acknowledge=False)
    for index, line in enumerate(lines):
        if index != lost:
            desk.feed.frame(line.body, line.received_ns)
    symbol = json.loads(lines[lost].body)["arg"]["instId"]
    states = {each: book.state for each, book in desk.books.items() if each != symbol}
    assert set(states.values()) == {State.LIVE}
    assert (desk.books[symbol].state, desk.books[symbol].counters.gaps) == (State.GAP, 1)


def test_another_connection_takes_over() -> None:
    """Two connections that were open at once: each book changes places when it is as far, and takes no step back."""
    first, second = (f"okx/cryptofeed__OKEX.ws.{number}.0@20210722" for number in (1, 2))
    desk = Desk(protocol(first)).open(acknowledge=False)
    warming = Feed.warming(protocol(second), desk.pairs, lambda: 1)
    warming.opened()
    merged = heapq.merge(
        ((line.received_ns, 0, line.body) for line in present(recorded(first))),
        ((line.received_ns, 1, line.body) for line in present(recorded(second))),
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
    assert_equal(books, replay(second))


def test_the_catalog() -> None:
    """A real list of spot instruments, the same as read from the text by other means."""
    told: Any = None
    for line in gzip.decompress((CAPTURES / "okx/cryptofeed__OKX.0@20220513.gz").read_bytes()).split(b"\n"):
        if match := re.match(rb"https\S+instType=SPOT -> [\d.]+: (.*)", line):
            told = match[1]
    ours = {each.symbol: each for each in Okx().parse_catalog(told)}
    listed = {each["instId"]: each for each in json.loads(told)["data"]}
    assert (len(ours), set(ours)) == (513, set(listed))
    for symbol, each in ours.items():
        assert each.pair == (listed[symbol]["baseCcy"], listed[symbol]["quoteCcy"])
        assert (each.tick_size, each.lot_size) == tuple(Decimal(listed[symbol][key]) for key in ("tickSz", "lotSz"))
        assert each.trading == (listed[symbol]["state"] == "live")
    assert (str(ours["BTC-USDT"].pair), ours["BTC-USDT"].price_decimals) == ("BTC/USDT", 1)
