"""A quiet market, a dead stream, a book that went wrong unseen: what a REST book tells of each."""

from itertools import pairwise
from typing import Any

import pytest

from book import State
from exchanges.actions import Fetch
from exchanges.probe import Diff, Prober, Recent
from tests.exchanges.desk import (
    BINANCE,
    BITSTAMP,
    Desk,
    binance,
    binance_snapshot,
    bitstamp,
    bitstamp_snapshot,
    depth,
    diff,
    top,
)

LEVELS = [("100.00", "1")]


def live(position: int = 100) -> Desk:
    """A live book of Binance, one bid and one ask."""
    desk = Desk(binance()).open()
    desk.frame(depth(position, position))
    desk.answer(binance_snapshot(position))
    assert desk.state is State.LIVE
    return desk


def probe(desk: Desk) -> Fetch:
    """A round ends, and a REST book is asked for."""
    desk.expire("probe")
    assert desk.fetches, "nothing was asked for"
    assert desk.fetches[-1].probe
    return desk.fetches[-1]


def audits(desk: Desk) -> tuple[int, int]:
    """Passed and failed."""
    return desk.book.counters.audits_passed, desk.book.counters.audits_failed


def rounds(desk: Desk, count: int, answer: Any = None) -> list[int]:
    """The rounds of `count` in which a REST book was asked for; each is answered by `answer`, or fails."""
    asked = []
    for number in range(1, count + 1):
        if not any(timer.purpose == "probe" for timer in desk.timers):
            break
        desk.expire("probe")
        if desk.fetches:
            asked.append(number)
            if answer is None:
                desk.fail()
            else:
                desk.answer(answer)
    return asked


def test_a_quiet_market_is_confirmed() -> None:
    """No diff in a whole round, and the REST book stands where ours does: it stays live."""
    desk = live()
    assert next(timer for timer in desk.timers if timer.purpose == "probe").delay_s == 3.0
    fetch = probe(desk)
    assert (fetch.path, fetch.weight) == ("/api/v3/depth?symbol=BTCUSDT&limit=100", 5)
    desk.answer(binance_snapshot(100))
    assert (desk.state, audits(desk), desk.reconnects) == (State.LIVE, (1, 0), [])


def test_a_dead_stream_is_found() -> None:
    """The REST book has moved on and no diff follows: the book is hidden and another connection is tried."""
    desk = live()
    probe(desk)
    desk.answer(binance_snapshot(150))
    assert desk.state is State.LIVE, "the diffs may be on their way"
    due = next(timer for timer in desk.timers if timer.purpose == "probe due")
    assert due.delay_s == 3.0
    desk.expire("probe due")
    assert desk.book.state is State.STALE
    assert desk.book.reason == "the stream has not reached 150, where the REST book was 3 s ago; it stands at 100"
    assert desk.levels() == ((), ())
    assert len(desk.reconnects) == 1
    assert not desk.fetches, "a snapshot alone would look live again"
    desk.frame(depth(151, 160))
    desk.answer(binance_snapshot(160))
    assert desk.book.state.value == "live"


def test_a_stream_that_follows_in_time() -> None:
    """The REST book led the stream: it is compared once the stream has come as far."""
    desk = live()
    probe(desk)
    desk.answer(binance_snapshot(105, [("100.00", "1"), ("99.00", "2")]))
    desk.frame(depth(101, 103))
    assert audits(desk) == (0, 0)
    desk.frame(depth(104, 106, [("99.00", "2")]))
    assert audits(desk) == (1, 0)
    desk.expire("probe due")
    assert (desk.state, desk.reconnects) == (State.LIVE, [])


def test_a_stream_that_lags_is_no_live_one() -> None:
    """Diffs come, but so late that the REST book of seconds ago is not reached."""
    desk = live()
    probe(desk)
    desk.answer(binance_snapshot(500))
    desk.frame(depth(101, 103))
    desk.expire("probe due")
    assert desk.state is State.STALE


def test_a_busy_book_is_compared_now_and_then() -> None:
    """Every half minute, in one of ten rounds here; deeper, and only where the budget has room."""
    desk = live()
    asked = []
    for number in range(20):
        desk.frame(depth(101 + number, 101 + number))
        desk.expire("probe")
        if desk.fetches:
            asked.append(number)
            fetch = desk.fetches[-1]
            assert fetch.path.endswith("limit=1000")
            assert fetch.share < 1.0
            desk.answer(binance_snapshot(101 + number))
    assert len(asked) == 2
    assert asked[1] - asked[0] == 10
    assert audits(desk) == (2, 0)


WRONG = [
    ([("100.00", "1"), ("98.00", "5")], [("101.00", "1")], "bid 98.0 is missing, the venue says x 5.0"),
    ([("100.00", "2")], [("101.00", "1")], "bid 100.0 is x 1.0, the venue says x 2.0"),
    ([("100.00", "1")], [("101.00", "1"), ("102.00", "3")], "ask 102.0 is missing, the venue says x 3.0"),
    ([], [("101.00", "1")], "bid 100.0 x 1.0 is not in the venue's book"),
]


@pytest.mark.parametrize(("bids", "asks", "words"), WRONG)
def test_a_wrong_level_is_found_and_healed(bids: Any, asks: Any, words: str) -> None:
    """Whatever no diff has touched since must be equal; the difference is named and the book is rebuilt."""
    desk = live()
    probe(desk)
    desk.answer(binance_snapshot(100, bids, asks))
    assert desk.state is State.GAP
    assert words in desk.book.reason
    assert audits(desk) == (0, 1)
    desk.answer(binance_snapshot(100, bids, asks))
    assert desk.book.state.value == "live"


def test_what_was_touched_meanwhile_is_not_compared() -> None:
    """A REST book of a little earlier: levels that diffs have changed since may differ, all others may not."""
    desk = live()
    probe(desk)
    desk.frame(depth(101, 104, [("99.00", "7")]))
    desk.frame(depth(105, 105, [("98.00", "1")], [("101.00", "0"), ("103.00", "2")]))
    desk.answer(binance_snapshot(102, [("100.00", "1"), ("99.00", "3")]))
    assert (desk.state, audits(desk)) == (State.LIVE, (1, 0))


def test_only_what_both_know_is_compared() -> None:
    """Beyond the horizon of either book nothing can be said."""
    bids = [(f"{10_000 - i}", "1") for i in range(1000)]
    desk = Desk(binance()).open()
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100, bids, [("20000", "1")]))
    desk.frame(depth(101, 101, [("5", "1")]))  # far beyond ours
    desk.frame(depth(102, 102))
    probe_at = next(timer for timer in desk.timers if timer.purpose == "probe")
    desk.expire("probe")
    desk.expire("probe")
    assert probe_at.delay_s == 3.0
    desk.answer(binance_snapshot(102, [*bids[:100]], [("20000", "1")]))
    assert audits(desk) == (1, 0)


@pytest.mark.parametrize(
    "body",
    [b"<html>", binance_snapshot(100, [("102", "1")]), binance_snapshot(5)],
    ids=["html", "crossed", "ancient"],
)
def test_a_rest_book_of_no_use_proves_nothing(body: bytes) -> None:
    """It neither confirms nor condemns."""
    desk = live()
    probe(desk)
    desk.answer(body)
    assert (desk.state, audits(desk)) == (State.LIVE, (0, 0))


def test_a_quiet_book_that_nobody_can_vouch_for() -> None:
    """No diff, and REST fails again and again: it is not shown as live for ever."""
    desk = live()
    asked = rounds(desk, 20)
    assert asked == list(range(1, 11))
    assert desk.state is State.STALE
    assert "no REST book" in desk.book.reason


def test_a_failure_between_is_forgiven() -> None:
    """One that succeeds begins the count anew."""
    desk = live()
    for _ in range(4):
        assert rounds(desk, 9)
        rounds(desk, 4, binance_snapshot(100))
    assert desk.state is State.LIVE


def test_a_book_that_is_quiet_for_long_is_probed_less_often() -> None:
    """Every round at first, then after a quarter of the time that it has been quiet, at most a minute."""
    desk = live()
    asked = rounds(desk, 200, binance_snapshot(100))
    assert asked[:8] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(asked) < 50
    gaps = [after - before for before, after in pairwise(asked)]
    assert max(gaps) <= 20
    desk.frame(depth(101, 101))
    desk.expire("probe")
    assert probe(desk), "after a diff it begins anew"


def test_answers_and_timers_of_an_earlier_book_mean_nothing() -> None:
    """A resync comes between."""
    desk = live()
    fetch = probe(desk)
    old = [timer for timer in desk.timers if timer.purpose == "probe"]
    desk.note(desk.feed._carry_out(desk.protocol.resync(BINANCE, State.GAP, "x"), 0))
    desk.answer(binance_snapshot(200))
    assert desk.state is State.LIVE
    desk.answer(binance_snapshot(150, [("1", "1")]), fetch)
    assert desk.note(desk.feed.timeout(old[0])) == []
    assert (desk.state, audits(desk)) == (State.LIVE, (0, 0))


def test_a_growing_lag_is_looked_into() -> None:
    """Diffs that come three seconds later than they used to: the REST book is asked, once in five seconds."""
    desk = live()
    desk.now_ns = 1790000000145000000
    desk.frame(depth(101, 101))
    desk.now_ns += 2 * 10**9
    desk.frame(depth(102, 102))
    assert not desk.fetches
    desk.now_ns += 2 * 10**9
    desk.frame(depth(103, 103))
    desk.now_ns += 10**8
    desk.frame(depth(104, 104))
    assert [fetch.probe for fetch in desk.fetches] == [True]
    desk.answer(binance_snapshot(900))
    desk.expire("probe due")
    assert desk.state is State.STALE


def test_bitstamp_quiet_and_dead() -> None:
    """The same by microtimestamps."""
    desk = Desk(bitstamp()).open()
    desk.frame(diff(100))
    desk.answer(bitstamp_snapshot(100))
    probe(desk)
    desk.answer(bitstamp_snapshot(100))
    assert (desk.state, audits(desk)) == (State.LIVE, (1, 0))
    probe(desk)
    desk.answer(bitstamp_snapshot(101))
    desk.expire("probe due")
    assert desk.state is State.STALE


def test_top_books_that_stop() -> None:
    """Where the top-100 books are the book, their silence is told from quiet in the same way."""
    desk = Desk(bitstamp(books="snapshot")).open()
    desk.frame(top(100))
    desk.frame(top(200))
    desk.expire("probe")
    probe(desk)
    desk.answer(bitstamp_snapshot(200))
    assert (desk.state, audits(desk)) == (State.LIVE, (1, 0))
    probe(desk)
    desk.answer(bitstamp_snapshot(300))
    desk.frame(top(300))
    desk.expire("probe due")
    assert desk.state is State.LIVE, "it came after all"
    desk.expire("probe")
    probe(desk)
    desk.answer(bitstamp_snapshot(400))
    desk.expire("probe due")
    assert desk.book.state.value == "stale"
    desk.frame(top(500))
    assert desk.book.state.value == "live"
    assert BITSTAMP in desk.books


def test_recent_reaches_back_only_so_far() -> None:
    """A REST book older than the diffs that are remembered cannot be compared."""
    recent = Recent()
    recent.restart(100)
    assert recent.touched_since(99) is None
    assert recent.touched_since(100) == (set(), set())
    for number in range(101, 400):
        recent.add(Diff(number, number, [(float(number), 1.0)], [], 0))
    assert recent.touched_since(100) is None
    assert recent.touched_since(397) == ({398.0, 399.0}, set())
    assert recent.touched_since(271) is not None
    assert recent.touched_since(270) is None


def test_recent_is_bounded_by_levels_too() -> None:
    """Full diffs of a fast market are remembered for a shorter time, not with more memory."""
    recent = Recent()
    recent.restart(0)
    for number in range(1, 31):
        recent.add(Diff(number, number, [(float(price), 1.0) for price in range(1, 1001)], [], 0))
    assert recent.touched_since(22) is not None
    assert recent.touched_since(21) is None
    assert sum(len(diff.bids) for diff in recent._diffs) == 8000 == recent._levels


def test_symbols_are_not_compared_all_at_once() -> None:
    """Their rounds are out of step."""
    firsts = set()
    for number in range(30):
        prober = Prober(f"S{number}", lambda *_: Fetch("S", 0, "", 0), lambda _: [], lambda _: [])
        prober.start(100)
        firsts.add(prober._audit_in_s)
    assert len(firsts) > 3
