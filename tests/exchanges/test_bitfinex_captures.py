"""Sessions recorded at Bitfinex, through the unchanged protocol and a replay that shares no code with it.

The files are no part of the project.
"""

import json
import re
import zlib
from decimal import Decimal
from typing import Any

import pytest

from book import State
from exchanges.bitfinex_checksum import text
from tests.captures import MARKS, RECORDINGS, Line, Session, Sides, assert_equal, recording, session, total

pytestmark = MARKS

SESSION, VECTOR = "2021-04-05", "a published checksum"
# Of each session: its books, and what all of them took: snapshots and levels.
SESSIONS = {SESSION: (8, 8 + 22466), VECTOR: (1, 2)}


def test_all_are_looked_at() -> None:
    """Every recording of this venue stands in the table above."""
    assert list(SESSIONS) == list(RECORDINGS["bitfinex"])


def replayed(lines: list[Line]) -> dict[str, Sides]:
    """By symbol, the final book, out of the text alone."""
    channels: dict[int, str] = {}
    finals: dict[str, Sides] = {}
    for line in lines:
        told: Any = json.loads(line.body, parse_float=Decimal, parse_int=Decimal)
        if isinstance(told, dict):
            if told["event"] == "subscribed" and told["channel"] == "book":
                channels[told["chanId"]] = told["symbol"]
            continue
        symbol, payload = channels.get(told[0]), told[1]
        if symbol is None or isinstance(payload, str):
            continue
        if isinstance(payload[0], list):
            finals[symbol] = ({}, {})
        for price, count, amount in payload if isinstance(payload[0], list) else [payload]:
            side = finals[symbol][0 if amount > 0 else 1]
            if count:
                side[price] = abs(amount)
            else:
                del side[price]  # no removal meets an unknown level
                assert abs(amount) == 1
    return finals


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session(name: str) -> None:
    """Every number continues, no removal meets an unknown level, no book is crossed; each equals the replay."""
    done = session("bitfinex", name)
    books, updates = SESSIONS[name]
    sums = total(done.books.values())
    assert [book.state for book in done.books.values()] == [State.LIVE] * books
    assert (sums.gaps, sums.crossed, sums.resyncs, sums.garbage, sums.ignored, sums.unknown_removals) == (0,) * 6
    assert (sums.updates, sums.audits_failed) == (updates, 0)
    finals = replayed(done.recording.lines)
    assert set(finals) == set(done.books)
    for symbol, book in done.books.items():
        assert_equal(book, finals[symbol])


def test_the_numbers_of_the_session() -> None:
    """They count all channels: ticker and trades, which nobody asked us for, and heartbeats."""
    assert session("bitfinex", SESSION).proofs == (22_648, 22_648)


def test_every_number_is_written_as_it_came() -> None:
    """That is what lets a checksum be made of doubles: the text of each number comes back out of its double."""
    texts = {
        found
        for name in SESSIONS
        for line in recording("bitfinex", name).raw
        if line.body[:1] == b"["
        for found in re.findall(r"(?<=[\[,-])\d[^,\]]*", line.body.decode())
    }
    assert len(texts) > 20_000
    assert [each for each in texts if text(float(each)) != each] == []
    assert sum("e-" in each for each in texts) > 10


def test_the_published_checksum() -> None:
    """It holds over the texts of the message, and so does ours; one digit less, and it does not."""
    whole = recording("bitfinex", VECTOR)
    assert session("bitfinex", VECTOR).proofs == (1, 1)
    snapshot = next(i for i, line in enumerate(whole.lines) if b"[[" in line.body)
    rows = re.findall(r"\[([^\[\],]+),\d+,([^\[\],]+)\]", whole.raw[1].body.decode())
    bids = [(p, a) for p, a in rows if a[0] != "-"]
    bids[0] = ("0.0000011", "266122.94")  # the update
    asks = [(p, a) for p, a in rows if a[0] == "-"]
    words = [word for rank in range(25) for side in (bids, asks) for each in side[rank : rank + 1] for word in each]
    assert zlib.crc32(":".join(words).encode()) - 2**32 == -1175357890
    lines = list(whole.lines)
    lines[snapshot] = lines[snapshot]._replace(
        body=lines[snapshot].body.replace(b"[1e-8,4,640000]", b"[1e-8,4,640001]")
    )
    assert Session(whole._replace(lines=lines)).run().proofs == (1, 0)
