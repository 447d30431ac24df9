"""A protocol together with its books: what readers and the log see of it."""

import logging
import threading
from typing import Any

import pytest

from book import State
from exchanges.actions import Timer
from tests.exchanges.desk import (
    BINANCE,
    Desk,
    binance,
    binance_snapshot,
    bitstamp,
    depth,
    diff,
    ticker,
    top,
)


def live() -> Desk:
    """A live book of Binance at 100."""
    desk = Desk(binance()).open()
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100))
    return desk


def states_seen(desk: Desk) -> list[Any]:
    """From now on every state of the first book that a listener can see, with its reason and best bid."""
    seen: list[Any] = []
    pair_books = next(iter(desk.pairs.values()))

    def look() -> None:
        view = pair_books.view(1).venues[0]
        seen.append((view.state, view.position, view.bids[0][0] if view.bids else None))

    pair_books.listen(look)
    return seen


def test_a_message_is_one_write() -> None:
    """Snapshot, buffered diffs and the state LIVE are seen together, never one without the others."""
    desk = Desk(binance()).open()
    for number in range(100, 110):
        desk.frame(depth(number, number, [(f"{number}.5", "1"), (f"{number - 1}.5", "0")], [("101", "0")]))
    seen = states_seen(desk)
    desk.answer(binance_snapshot(99, [("90", "1")], [("200", "1")]))
    assert seen == [(State.LIVE, 109, 109.5)]
    desk.frame(depth(110, 110, [("109.5", "0"), ("120", "1")]))
    assert seen[1:] == [(State.LIVE, 110, 120.0)]


def test_a_gap_is_one_write() -> None:
    """The book is gone in the same moment in which the gap is found."""
    desk = live()
    seen = states_seen(desk)
    desk.frame(depth(105, 106))
    assert seen == [(State.GAP, 100, None)]


def test_an_audit_that_fails_takes_the_book_out() -> None:
    """The last that readers see is a book that is not live, with what differed as the reason."""
    desk = live()
    seen = states_seen(desk)
    desk.frame(ticker(100, ("100.00", "3"), ("101.00", "1")))
    assert [state for state, *_ in seen if state is State.LIVE] == [], "no reader sees it live once it is known"
    assert seen[-1] == (State.GAP, 100, None)
    assert desk.book.reason == "audit failed: bid 1 is 100.0 x 1.0, the venue says 100.0 x 3.0"


@pytest.mark.parametrize(
    ("bids", "words"),
    [
        ([("100", "1"), ("99", "1")], "bid 2 is nothing, the venue says 99.0 x 1.0"),
        ([], "bid side: 1 levels, the venue says 0"),
    ],
)
def test_what_differs_is_said(bids: Any, words: str) -> None:
    """A missing level by its rank, levels too many by their numbers."""
    desk = Desk(bitstamp()).open()
    desk.frame(diff(100))
    desk.answer(top(100).replace(b'{"data":', b"").split(b',"channel"')[0])
    assert desk.state is State.LIVE
    desk.frame(top(100, bids))
    assert desk.book.reason == f"audit failed: {words}"


def test_crossed_for_too_long() -> None:
    """A cross that lasts longer than its tolerance costs the book; a shorter one nothing."""
    desk = live()
    desk.frame(depth(101, 101, [("102", "1")]))
    assert desk.state is State.LIVE
    assert [timer.delay_s for timer in desk.timers if timer.purpose == "crossed"] == [2.0]
    desk.frame(depth(102, 102, [("102", "0")]))
    desk.expire("crossed")
    assert desk.state is State.LIVE
    desk.now_ns += 10**9
    desk.frame(depth(103, 103, [("102", "1")]))
    desk.now_ns += 10**9
    desk.frame(depth(104, 104, [("103", "1")]))
    assert sum(timer.purpose == "crossed" for timer in desk.timers) == 1
    desk.expire("crossed")
    assert (desk.book.state, desk.book.reason) == (State.GAP, "bids and asks are crossed")
    desk.answer(binance_snapshot(104))
    assert desk.book.state.value == "live"


def test_a_new_cross_has_its_whole_tolerance() -> None:
    """The timer of an earlier cross does not end a later one."""
    desk = live()
    desk.frame(depth(101, 101, [("102", "1")]))
    desk.frame(depth(102, 102, [("102", "0")]))
    desk.now_ns += 10**9
    desk.frame(depth(103, 103, [("102", "1")]))
    first, second = [timer for timer in desk.timers if timer.purpose == "crossed"]
    desk.note(desk.feed.timeout(first))
    assert desk.state is State.LIVE
    desk.note(desk.feed.timeout(second))
    assert desk.book.state is State.GAP


def test_crossed_top_books_are_watched_on() -> None:
    """Where the venue's own book is the book, nothing can be rebuilt: it is counted, and the watch goes on."""
    desk = Desk(bitstamp(books="snapshot")).open()
    for stamp in (100, 200, 300):
        desk.frame(top(stamp, [("102", "1")]))
        desk.expire("crossed")
    assert (desk.state, desk.book.counters.crossed) == (State.LIVE, 3)


def deep(best: int) -> Any:
    """A full snapshot of 5000 bids below `best` and 5000 asks above."""
    return [(f"{best - i}", "1") for i in range(5000)], [(f"{best + 1 + i}", "1") for i in range(5000)]


def test_a_worn_horizon_is_refreshed() -> None:
    """When the best price has used up half of what is known, a fresh snapshot extends it; the book stays live."""
    desk = Desk(binance()).open()
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100, *deep(10_000)))
    assert desk.book.view(1).known_bid == 5001.0
    desk.expire("horizon")
    assert not desk.fetches
    assert sum(timer.purpose == "horizon" for timer in desk.timers) == 1, "it is watched on"
    desk.frame(depth(101, 101, [(f"{price}", "0") for price in range(7000, 10_001)]))
    desk.expire("horizon")
    assert (desk.state, len(desk.fetches)) == (State.LIVE, 1)
    desk.answer(binance_snapshot(101, *deep(6_999)))
    assert (desk.state, desk.book.view(1).known_bid) == (State.LIVE, 2000.0)
    desk.expire("horizon")
    assert not desk.fetches
    assert sum(timer.purpose == "horizon" for timer in desk.timers) == 1, "only that of the newest snapshot"


def test_no_horizon_no_watch() -> None:
    """A snapshot that tells all needs none."""
    assert [timer for timer in live().timers if timer.purpose == "horizon"] == []


def test_finer_steps_than_the_catalog(caplog: pytest.LogCaptureFixture) -> None:
    """Numbers finer than the catalog says widen the scale, with one warning; the merged book shows them whole."""
    desk = Desk(binance()).open()
    pair_books = desk.pairs[BINANCE]
    assert (pair_books.price_decimals, pair_books.amount_decimals) == (2, 8)
    for _ in range(2):
        desk.frame(depth(100, 100))
        desk.answer(binance_snapshot(100, [("100.1234", "1")]))
        desk.close()
        desk.open()
    assert pair_books.view(1).price_decimals == 4
    assert pair_books.view(1).amount_decimals == 8
    assert caplog.text.count("finer steps than its catalog says") == 1


def test_absurd_steps_do_not_set_the_scale() -> None:
    """A price of 1e-300 is shown, but the pair is not counted in units of it."""
    desk = Desk(binance()).open()
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100, [("1e-300", "1e-250")]))
    assert desk.pairs[BINANCE].price_decimals == 18
    assert desk.pairs[BINANCE].amount_decimals == 18


def test_garbage_is_logged_once_a_kind(caplog: pytest.LogCaptureFixture) -> None:
    """Each kind once, cut to 200 characters; all are counted."""
    desk = live()
    for _ in range(50):
        desk.frame(b"[" + b"A" * 10_000)
        desk.frame(b"[]")
    lines = [record.getMessage() for record in caplog.records if "garbage" in record.getMessage()]
    assert len(lines) == 2
    assert "AAAA" in lines[0]
    assert all(line.count("A") <= 200 and len(line) < 600 for line in lines)
    assert lines[0].startswith("binance sent garbage (logged once)")
    assert desk.book.counters.garbage == 100


def test_kinds_of_garbage_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A venue that makes up ever new errors does not fill the log."""
    desk = live()
    for number in range(200):
        desk.frame(b'{"code":1,"msg":"x","id":null}'.replace(b'"x"', f'"{number}"'.encode()))
    assert sum("garbage" in record.getMessage() for record in caplog.records) == 1


def test_garbage_is_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who waits hears of it at once: the count is part of what is told about trust."""
    desk = live()
    pair_books = desk.pairs[BINANCE]
    version = pair_books.version
    desk.frame(b"[]")
    assert pair_books.wait(version, 0.0) > version
    assert pair_books.view(0).venues[0].counters.garbage == 1


def test_a_connect_is_news() -> None:
    """The first thing that readers see of a new connection has it counted already."""
    desk = Desk(binance())
    counts: list[int] = []
    pair_books = desk.pairs[BINANCE]
    pair_books.listen(lambda: counts.append(pair_books.view(0).venues[0].counters.connects))
    desk.feed.connecting()
    desk.feed.closed("cut", 5)
    desk.feed.connecting()
    assert counts[0] == 1
    assert counts[-1] == 2


def test_states_of_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    """Connecting, stale and down hit every book of it, with the reason and the next try."""
    desk = Desk(binance("AAA", "BBB")).open()
    for symbol in desk.books:
        desk.frame(depth(10, 10, symbol=symbol))
        desk.answer(binance_snapshot(10))
    assert {book.state for book in desk.books.values()} == {State.LIVE}
    desk.feed.stale("nothing heard for 10 s")
    assert {(book.state, book.reason) for book in desk.books.values()} == {(State.STALE, "nothing heard for 10 s")}
    desk.feed.closed("cut", 42)
    assert {(book.state, book.reason, book.next_try_ns) for book in desk.books.values()} == {(State.DOWN, "cut", 42)}
    desk.feed.connecting()
    assert {book.state for book in desk.books.values()} == {State.CONNECTING}
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == [f"binance {symbol}/X is stale: nothing heard for 10 s" for symbol in ("AAA", "BBB")]


def test_a_normal_stop_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """When no next try is planned, nothing went wrong: no warning."""
    desk = live()
    desk.feed.closed("stopped", 0)
    assert desk.state is State.DOWN
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_timers_of_the_last_connection_do_nothing() -> None:
    """Whatever runs out after a reconnect and was meant for the book before it."""
    desk = live()
    desk.frame(depth(101, 101, [("102", "1")]))
    timers = [*desk.timers, Timer(BINANCE, 1, "nonsense", 0.0)]
    desk.close()
    desk.open()
    desk.frame(depth(200, 200))
    fetches = len(desk.fetches)
    for timer in timers:
        desk.note(desk.feed.timeout(timer))
    assert (desk.state, len(desk.fetches)) == (State.SYNCING, fetches)


def test_a_reader_beside_the_feed_never_sees_a_cross() -> None:
    """Every message moves the touch through its own old place: half of one would show a crossed book."""
    desk = live()
    pair_books = desk.pairs[BINANCE]
    done = threading.Event()
    crossed: list[Any] = []
    looked = [0]

    def read() -> None:
        while not done.is_set():
            view = pair_books.view(3).venues[0]
            if view.bids and view.asks and view.bids[0][0] >= view.asks[0][0]:
                crossed.append(view)
            looked[0] += 1

    reader = threading.Thread(target=read)
    reader.start()
    bid, number = 100, 100
    while number < 600 or (looked[0] < 50 and number < 100_000):
        number += 1
        step = 1 if number % 2 else -1
        bids = [(f"{bid + step}", "1"), (f"{bid}", "0")]
        asks = [(f"{bid + step + 1}", "1"), (f"{bid + 1}", "0")]
        desk.frame(depth(number, number, bids, asks))
        bid += step
    done.set()
    reader.join(10)
    assert not crossed
    assert desk.book.counters.crossed == 0
