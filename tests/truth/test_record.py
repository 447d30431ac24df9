"""Tapes, cursors, the time line and excuses: what the judge's verdict rests on."""

import asyncio
from typing import Any

import pytest

from proto import orderbook_pb2 as pb
from tests.truth.faces import FACES, PAIRS, span
from tests.truth.numbers import Numbers
from tests.truth.record import BookName, Excuse, Finding, Record, excuse
from tests.truth.tape import Change, Cursor, Tape, Unplaced, units
from tests.truth.tapes import still_tape

PAIR = PAIRS[0]


def test_a_cursor_goes_forwards_and_backwards() -> None:
    """The book at a position is the same from whichever side it is reached."""
    tape = still_tape([(0, "100", "1"), (1, "101", "1")])
    rows = [(6, 0, 100, 0), (7, 0, 99, 5), (8, 1, 101, 4), (9, 0, 99, 0), (10, 0, 100, 3)]
    for position, side, price, after in rows:
        key, scale = units(str(price)) * (1 if side else -1), 10**12
        before = tape.head[side].pop(key, 0)
        if after:
            tape.head[side][key] = after * scale
        tape.changes.append(Change(position, position, side, key, before, after * scale))
        tape.positions.append(position)

    def book(cursor: Cursor, position: int) -> Any:
        cursor.move(position)
        for side in (0, 1):
            assert cursor.keys[side] == sorted(cursor.amounts[side])
        return [{abs(k) // 10**12: v // 10**12 for k, v in side.items()} for side in cursor.amounts]

    wanted = {
        5: [{100: 1}, {101: 1}],
        6: [{}, {101: 1}],
        7: [{99: 5}, {101: 1}],
        8: [{99: 5}, {101: 4}],
        9: [{}, {101: 4}],
        10: [{100: 3}, {101: 4}],
    }
    walker = Cursor(tape)
    for position in (5, 10, 7, 8, 6, 9, 5):
        assert book(walker, position) == wanted[position]
        assert book(Cursor(tape), position) == wanted[position]


async def test_a_shifted_clock_moves_positions() -> None:
    """Where times are positions, a shift that was seen is taken off again; a position that never was stays none."""
    tape = Tape(None, "", "", FACES["bitstamp"])  # type: ignore[arg-type]
    tape.changes = [Change(each, each, 0, -1, 0, 1) for each in (1_000, 2_003, 3_007)]
    tape.positions, tape.start, tape.public = [1_000, 2_003, 3_007], 500, 3_007
    tape._note_skew(0)
    assert await tape.place(2_003) == 2_003
    tape._note_skew(-500)
    assert await tape.place(2_003 - 500) == 2_003
    tape.public += 500
    assert await tape.place(3_007) == 3_007
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Unplaced):
        patch.setattr("tests.truth.tape.REACH_S", 0.05)
        await tape.place(2_000)
    assert tape.placed(3_600) is None  # not read yet: no older shift may claim it


def test_an_excuse_covers_what_the_strike_made_wrong_and_no_more() -> None:
    """Only the struck levels of that book, until they change again, and no longer than an audit may take."""
    name = BookName("binance", PAIR)
    tape = still_tape([])
    tape.changes = [Change(position, 0, 0, -key, 0, 1) for position, key in ((6, 10), (7, 11), (8, 10), (9, 12))]
    tape.positions = [6, 7, 8, 9]
    known: Excuse = excuse(name, tape, tape.between(5, 7), 5, 7, until_ns=1000)

    def covers(**changed: Any) -> bool:
        finding = Finding("wrong", name, 500, "", side=0, key=-10, position=7)
        return known.covers(finding._replace(**changed))

    assert covers()
    assert covers(kind="extra", key=-11, position=20)  # this one has not changed since
    assert not covers(position=8)  # it has changed: a new diff has told it
    assert not covers(position=5)  # before the strike
    assert not covers(key=-12)
    assert not covers(side=1)
    assert not covers(book=BookName("bitstamp", PAIR))
    assert not covers(sent_ns=1001)
    assert not covers(kind="stale")


def test_a_level_that_came_back_was_not_told_where_diffs_net() -> None:
    """It changed and changed back between two diffs: the client has still not heard of it."""
    name = BookName("bybit", PAIR)
    tape = still_tape([])
    rows = [(6, 10, 0, 5), (7, 10, 5, 4), (7, 10, 4, 5), (8, 11, 0, 1), (9, 10, 5, 3)]
    tape.changes = [Change(position, 0, 0, -key, before, after) for position, key, before, after in rows]
    tape.positions = [position for position, *_ in rows]
    struck = tape.between(5, 6)
    assert excuse(name, tape, struck, 5, 6, 1000).levels == {(0, -10): 7}
    assert excuse(name, tape, struck, 5, 6, 1000, told=[6, 7, 8, 9]).levels == {(0, -10): 9}
    assert excuse(name, tape, struck, 5, 6, 1000, told=[6, 7, 8]).levels == {(0, -10): None}


def test_the_time_line_tells_who_left_live() -> None:
    """Also a moment between two messages, which the state's own time gives away."""
    record, name = Record(), BookName("binance", PAIR)
    for state, since in ((pb.SYNCING, 1), (pb.LIVE, 5), (pb.LIVE, 5), (pb.GAP, 9), (pb.SYNCING, 9), (pb.LIVE, 12)):
        record.note(name, pb.VenueState(state=state, since_ns=since, reason=str(since)))
    record.note(name, pb.VenueState(state=pb.LIVE, since_ns=20))
    downs = record.downs(name, 0)
    assert [(down.left_ns, down.back_ns) for down in downs] == [(9, 12), (20, 20)]
    assert record.downs(name, 10) == downs[1:]


@pytest.mark.parametrize(("text", "wanted"), [("1", 10**12), ("0.00000001", 10**4), ("64016.52", 64016520000000000)])
def test_units(text: str, wanted: int) -> None:
    """Decimal text becomes whole numbers without rounding."""
    assert units(text) == wanted


def test_numbers_that_begin_anew_are_later_positions() -> None:
    """As OKX's after maintenance: one lower number follows the last one, and both can be told apart."""
    numbers = Numbers(contiguous=True)
    assert [numbers.read(each) for each in (5000, 5001, 5002)] == [5000, 5001, 5002]
    assert [numbers.read(each) for each in (100, 101)] == [5003, 5004]
    assert numbers.number(5004) == 101
    assert numbers.find(101, 5000, 5004) == 5004
    assert numbers.find(5001, 5000, 5004) == 5001
    assert numbers.find(102, 5000, 5004) is None
    assert numbers.newest(102) == 5005


def test_numbers_of_messages_that_begin_anew_lie_far_after_all_before() -> None:
    """As Bybit's after a restart, where nobody knows how many messages told nothing: the newest counting wins."""
    numbers = Numbers(contiguous=False)
    assert [numbers.read(each) for each in (300, 300, 302)] == [300, 300, 302]
    first, second = numbers.read(1), numbers.read(2)
    assert (second - first, first > 303) == (1, True)
    third = numbers.read(1)
    assert numbers.find(1, 300, third) == third
    assert numbers.find(2, 300, third) == second
    assert numbers.find(302, 300, third) == 302


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"U": 7, "u": 9}, (6, 9)),
        ({"u": 9, "seq": 70}, (8, 9)),
        ({"prev_change_id": 5, "change_id": 9}, (5, 9)),
        ({"prevSeqId": 5, "seqId": 9}, (5, 9)),
        ({"microtimestamp": 9}, (None, 9)),
        ({"sequence_num": 4, "event_time": "1970-01-01T00:00:01.000002Z"}, (None, 1_000_002)),
        ({"timestamp": "1970-01-02T00:00:00.5Z"}, (None, 86_400_500_000)),
        ({"sequence_num": 4}, None),
        ({}, None),
    ],
)
def test_the_numbers_of_a_struck_diff(told: dict[str, Any], wanted: Any) -> None:
    """In each venue's words."""
    assert span(told) == wanted


async def test_a_number_that_comes_again_is_of_the_counting_that_the_book_has_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not of an earlier one, only because the newest messages have not been read yet."""
    monkeypatch.setattr("tests.truth.tape.REACH_S", 0.05)
    tape = Tape(None, "", "", FACES["bybit"])  # type: ignore[arg-type]
    old = [tape._numbers.read(each) for each in (300, 1, 2, 3)]
    tape.start, tape.public = old[0], tape._numbers.read(1)
    assert await tape.place(1, before=old[3]) == tape.public
    with pytest.raises(Unplaced):
        await tape.place(2, before=tape.public)
    assert tape.placed(2) == old[2]
    tape.public = tape._numbers.read(2)
    assert await tape.place(2, before=old[3]) == tape.public


async def test_a_venue_that_stands_still_accuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A position is wrong only once the venue has answered after all patience: till then it may just be unread."""
    monkeypatch.setattr("tests.truth.tape.REACH_S", 0.05)
    tape = Tape(None, "", "", FACES["binance"])  # type: ignore[arg-type]
    tape._reach_s = 0.05
    tape.start = tape.public = 300
    tape._asked = tape._answered = 7
    waiting = asyncio.create_task(tape.place(302))
    await asyncio.sleep(0.1)  # longer than its patience
    tape._moved.set()
    await asyncio.sleep(0)
    assert not waiting.done()
    tape.public, tape.positions = 302, [302]
    tape._asked = tape._answered = 8
    tape._moved.set()
    assert await waiting == 302
