"""The tape of a pair's trades: each once, in order, and where some are missing."""

import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from book import Print, Taker, Trade, TradeGap, TradeTape

SECOND = 10**9


def numbered(number: int, venue_ns: int = 0) -> Print:
    """A trade of a venue whose numbers rise by one."""
    return Print(100.0, 1.0, Taker.BUYER, str(number), venue_ns, number)


def named(name: str, venue_ns: int = 0) -> Print:
    """A trade of a venue whose ids tell nothing."""
    return Print(100.0, 1.0, Taker.SELLER, name, venue_ns)


def told(tape: TradeTape, after: int = 0) -> list[object]:
    """Ids of trades; of gaps how many are missing and why."""
    return [each.id if isinstance(each, Trade) else (each.missing, each.reason) for each in tape.since(after)]


def add(tape: TradeTape, *prints: Print, at_ns: int = 1, venue: str = "binance") -> None:
    """As one message."""
    tape.add(venue, prints, at_ns, at_ns + 1)


def test_a_trade_keeps_what_the_venue_said() -> None:
    """With our stamps, and the next sequence."""
    tape = TradeTape()
    add(tape, Print(101.5, 0.25, Taker.SELLER, "7", 5, 7), at_ns=9)
    assert tape.since(0) == (Trade(1, "binance", 101.5, 0.25, Taker.SELLER, "7", 5, 9, 10),)
    assert tape.sequence == 1


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([10, 11, 12], ["10", "11", "12"]),
        ([10, 10, 11, 10], ["10", "11"]),
        ([10, 12], ["10", (1, "trade 11 is missing"), "12"]),
        ([10, 14, 15], ["10", (3, "trades 11 to 13 are missing"), "14", "15"]),
        ([10, 12, 11, 11, 13], ["10", (1, "trade 11 is missing"), "12", "11", "13"]),
        ([10, 9, 8], ["10"]),
    ],
)
def test_numbers_rise_by_one(numbers: Sequence[int], expected: list[object]) -> None:
    """What is left out is a gap, what comes twice is not there twice, what comes late is there late."""
    tape = TradeTape()
    for number in numbers:
        add(tape, numbered(number))
    assert told(tape) == expected


@pytest.mark.parametrize(
    ("prints", "expected"),
    [
        ([(10, 1), (13, 3)], ["10", "13"]),
        ([(10, 1), (14, 3)], ["10", (1, "trade 11 is missing"), "14"]),
        ([(10, 1), (13, 1), (12, 2), (12, 2), (11, 1)], ["10", (2, "trades 11 to 12 are missing"), "13", "12"]),
        ([(10, 1), (11, 5)], ["10", "11"]),
    ],
)
def test_several_trades_told_as_one(prints: Sequence[tuple[int, int]], expected: list[object]) -> None:
    """It has the number of the last."""
    tape = TradeTape()
    for number, span in prints:
        add(tape, numbered(number)._replace(span=span))
    assert told(tape) == expected


def past(number: int) -> Print:
    """A trade that was before the subscription."""
    return numbered(number, number * SECOND)._replace(past=True)


def test_what_was_before_the_first_subscription() -> None:
    """Is not told, but known: the next number joins it, or does not."""
    tape = TradeTape()
    add(tape, past(8), past(9))
    add(tape, past(8), past(9))
    add(tape, numbered(9, 9 * SECOND))
    assert told(tape) == []
    add(tape, numbered(12))
    assert told(tape) == [(2, "trades 10 to 11 are missing"), "12"]
    add(tape, named("x")._replace(past=True), venue="okx")
    add(tape, named("x"), named("y"), venue="okx")
    assert told(tape, 2) == ["y"]


def test_what_was_before_a_later_subscription() -> None:
    """Fills the gap, each once; what is missing in between is told."""
    tape = TradeTape()
    tape.stand("binance", 1)
    add(tape, numbered(5))
    tape.lose("binance", "connection lost: cut")
    tape.stand("binance", 2)
    add(tape, past(4), past(5), past(6), past(7), numbered(8))
    assert told(tape) == ["5", "6", "7", "8"]
    tape.lose("binance", "connection lost: cut")
    tape.stand("binance", 3)
    add(tape, past(10), past(11))
    assert told(tape, 4) == [(1, "trade 9 is missing: connection lost: cut"), "10", "11"]


def test_what_was_before_a_connection_that_takes_over() -> None:
    """Likewise."""
    tape = TradeTape()
    tape.adopt("kraken", [(past(1), 5), (past(2), 5), (numbered(3), 6)], 9)
    tape.adopt("kraken", [(past(2), 7), (past(3), 7), (past(4), 7), (numbered(5), 8)], 9)
    assert told(tape) == ["3", "4", "5"]


def test_a_gap_says_between_which_moments() -> None:
    """From the receipt of the newest trade until it is told."""
    tape = TradeTape()
    add(tape, numbered(1), at_ns=5)
    add(tape, numbered(3), at_ns=8)
    assert tape.since(1)[0] == TradeGap(2, "binance", 5, 9, 1, "trade 2 is missing")


def test_a_long_gap_is_not_remembered_number_by_number() -> None:
    """Of a million missing ones the latest may still come late."""
    tape = TradeTape()
    add(tape, numbered(1), numbered(10**6), numbered(2), numbered(10**6 - 1))
    add(tape, numbered(2 * 10**6), numbered(10**6 - 2))
    assert told(tape)[1:] == [
        (10**6 - 2, "trades 2 to 999999 are missing"), "1000000", "999999",
        (10**6 - 1, "trades 1000001 to 1999999 are missing"), "2000000",
    ]  # fmt: skip


@pytest.mark.parametrize("make", [lambda number, ns: numbered(number, ns), lambda number, ns: named(str(number), ns)])
def test_a_venue_that_counts_anew(make: object) -> None:
    """A known id long after is another trade; a repeated one keeps its stamp."""
    tape = TradeTape()
    add(tape, make(5, 100 * SECOND), make(6, 101 * SECOND))  # type: ignore[operator]
    add(tape, make(5, 100 * SECOND), make(5, 110 * SECOND), make(5, 112 * SECOND), make(6, 113 * SECOND))  # type: ignore[operator]
    assert told(tape) == ["5", "6", (None, "the venue counts its trades anew"), "5", "6"]


def test_ids_that_tell_nothing() -> None:
    """Only those that come twice are known; without an id nothing is."""
    tape = TradeTape()
    add(tape, named("900"), named("17"), named("900"), named("17"), named(""), named(""))
    assert told(tape) == ["900", "17", "", ""]


def test_a_lost_connection_without_numbers() -> None:
    """Is told once, when trades flow again, from the newest trade until then."""
    tape = TradeTape()
    tape.stand("bitstamp", 1)
    add(tape, named("1"), at_ns=5, venue="bitstamp")
    tape.lose("bitstamp", "connection lost: cut")
    tape.lose("bitstamp", "connection lost: refused")
    assert told(tape) == ["1"]
    tape.stand("bitstamp", 20)
    tape.stand("bitstamp", 21)
    assert tape.since(1) == (TradeGap(2, "bitstamp", 5, 20, None, "connection lost: cut"),)


def test_a_lost_connection_with_numbers() -> None:
    """The next number tells how many; none may have been missed."""
    tape = TradeTape()
    tape.stand("binance", 1)
    add(tape, numbered(1))
    tape.lose("binance", "connection lost: cut")
    tape.stand("binance", 20)
    add(tape, numbered(2), numbered(5))
    tape.lose("binance", "connection lost: cut")
    tape.stand("binance", 20)
    add(tape, numbered(8))
    assert told(tape) == [
        "1", "2", (2, "trades 3 to 4 are missing"), "5", (2, "trades 6 to 7 are missing: connection lost: cut"), "8",
    ]  # fmt: skip


def test_a_connection_lost_before_any_trade() -> None:
    """Nobody can say how many; that it never stood is no loss."""
    tape = TradeTape()
    tape.lose("binance", "connection lost: refused")
    tape.stand("binance", 5)
    assert told(tape) == []
    tape.lose("binance", "connection lost: cut")
    tape.stand("binance", 9)
    assert tape.since(0) == (TradeGap(1, "binance", 0, 9, None, "connection lost: cut"),)


def test_a_reason_is_told_once() -> None:
    """Until the next trade, or another reason; and where the stream did not stand, again when it does."""
    tape = TradeTape()
    tape.miss("deribit", "refused", 3)
    tape.miss("deribit", "refused", 4)
    tape.miss("deribit", "banned", 5)
    tape.stand("deribit", 7)
    add(tape, named("1"), venue="deribit")
    tape.miss("deribit", "refused", 8)
    tape.stand("deribit", 9)
    assert told(tape) == [(None, "refused"), (None, "banned"), (None, "banned"), "1", (None, "refused")]


def test_a_connection_takes_over() -> None:
    """What both brought is there once, what only the new one brought is there."""
    tape = TradeTape()
    tape.stand("bitstamp", 1)
    add(tape, *(named(str(number)) for number in range(400)), at_ns=50, venue="bitstamp")
    tape.lose("bitstamp", "connection lost: cut")
    tape.stand("bitstamp", 40)  # it stood before the other ended
    tape.adopt("bitstamp", [(named(str(number)), number) for number in range(20, 403)], 99)
    assert told(tape, 398) == ["398", "399", "400", "401", "402"]
    assert [each.received_ns for each in tape.since(400) if isinstance(each, Trade)] == [400, 401, 402]


def test_a_connection_takes_over_trades_with_numbers() -> None:
    """Numbers tell by themselves what is there already, also where one came late."""
    tape = TradeTape()
    add(tape, numbered(1), numbered(3))
    tape.adopt("binance", [(numbered(1), 5), (numbered(2), 6), (numbered(3), 7), (numbered(4), 8)], 9)
    assert told(tape) == ["1", (1, "trade 2 is missing"), "3", "2", "4"]
    tape.adopt("okx", [(named("1"), 5)], 9)
    assert told(tape, 5) == ["1"]


def test_the_oldest_are_forgotten() -> None:
    """Which shows in the sequences."""
    tape = TradeTape(kept=3)
    add(tape, *map(numbered, range(1, 6)))
    assert [each.sequence for each in tape.since(1)] == [3, 4, 5]
    assert [each.sequence for each in tape.since(4)] == [5]
    assert tape.since(5) == tape.since(9) == ()


def test_listeners() -> None:
    """Hear of every write, each until it stops."""
    tape, heard = TradeTape(), []
    one, two = tape.listen(lambda: heard.append(1)), tape.listen(lambda: heard.append(2))
    add(tape, numbered(1))
    one()
    tape.miss("binance", "x", 1)
    two()
    tape.stand("binance", 1)
    assert heard == [1, 2, 2]


@given(st.lists(st.integers(1, 40), max_size=80))
def test_whatever_comes(numbers: list[int]) -> None:
    """No number twice; those that are there and those that are missing are all from the first to the highest."""
    tape = TradeTape()
    for number in numbers:
        add(tape, numbered(number))
    entries = tape.since(0)
    assert [each.sequence for each in entries] == list(range(1, len(entries) + 1))
    there = [int(each.id) for each in entries if isinstance(each, Trade)]
    assert len(there) == len(set(there)) and set(there) <= set(numbers)
    missing = sum(each.missing or 0 for each in entries if isinstance(each, TradeGap))
    if there:
        late = sum(1 for at, number in enumerate(there) if number < max(there[: at + 1]))
        assert len(there) - late + missing == max(there) - there[0] + 1
        assert there[0] == numbers[0]


def test_many_writers_and_a_reader() -> None:
    """Venues write at once; a reader that goes on from where it was sees each entry once."""
    tape = TradeTape(kept=10_000)
    seen: list[int] = []

    def write(venue: str) -> None:
        for number in range(500):
            add(tape, numbered(number), venue=venue)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    for each in threads:
        each.start()
    while any(each.is_alive() for each in threads) or len(seen) < tape.sequence:
        seen += [entry.sequence for entry in tape.since(len(seen))]
    assert seen == list(range(1, 1501))
