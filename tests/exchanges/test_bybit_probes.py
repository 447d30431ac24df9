"""A quiet market, a dead stream, a wrong book on Bybit: what its REST book tells of each, and when nothing."""

from typing import Any

import pytest

from book import State
from exchanges.actions import Fetch
from exchanges.feed import Feed
from tests.exchanges.bybit_desk import BYBIT, ONE_ASK, ONE_BID, bybit, delta, live, requests, rest_book, snapshot
from tests.exchanges.desk import Desk

SEQ = 10**9 + 1000  # of the book at `u` 100


def probe(desk: Desk) -> Fetch:
    """A round ends, and a REST book is asked for."""
    desk.expire("probe")
    assert desk.fetches, "nothing was asked for"
    assert desk.fetches[-1].probe
    return desk.fetches[-1]


def audits(desk: Desk) -> tuple[int, int]:
    """Passed and failed."""
    return desk.book.counters.audits_passed, desk.book.counters.audits_failed


@pytest.mark.parametrize("seq", [SEQ, SEQ + 5000, SEQ - 3], ids=["equal", "later", "earlier"])
def test_a_quiet_market_is_confirmed(seq: int) -> None:
    """No delta for five seconds, and the REST book has our `u`; `seq` runs on while a book stands still."""
    desk = live(100)
    fetch = probe(desk)
    assert fetch.path == "/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit=200"
    assert (fetch.weight, fetch.levels) == (1, 200)
    desk.answer(rest_book(100, seq=seq))
    assert (desk.state, audits(desk), desk.reconnects) == (State.LIVE, (1, 0), [])


def test_a_dead_stream_is_found() -> None:
    """The REST book has moved on and no delta follows: the symbol begins anew, at last on another connection."""
    desk = live(100)
    probe(desk)
    desk.answer(rest_book(150))
    assert desk.state is State.LIVE, "the deltas may be on their way"
    before = len(desk.sent)
    desk.expire("probe due")
    assert (desk.state, desk.levels()) == (State.STALE, ((), ()))
    assert desk.book.reason == "the stream has not reached 150, where the REST book was 3 s ago; it stands at 100"
    assert requests(desk, before) == [("unsubscribe", [BYBIT]), ("subscribe", [BYBIT])]
    assert desk.reconnects == []
    desk.frame(snapshot(160))
    assert desk.book.state.value == "live"
    probe(desk)
    desk.answer(rest_book(170))
    desk.expire("probe due")
    assert len(desk.reconnects) == 1


def test_a_stream_that_follows_in_time() -> None:
    """The REST book led the stream: it is compared once the stream has come as far."""
    desk = live(100)
    probe(desk)
    desk.answer(rest_book(103, [*ONE_BID, ("99.00", "2")]))
    desk.frame(delta(101))
    desk.frame(delta(102))
    assert audits(desk) == (0, 0)
    desk.frame(delta(103, [("99.00", "2")]))
    assert audits(desk) == (1, 0)
    desk.expire("probe due")
    assert (desk.state, desk.reconnects) == (State.LIVE, [])


def test_a_busy_book_is_compared_in_its_whole_depth() -> None:
    """Now and then, where the budget has room."""
    desk = live(100)
    for u in range(101, 107):
        desk.frame(delta(u))
        desk.expire("probe")
    (fetch,) = desk.fetches
    assert (fetch.path[-10:], fetch.levels, fetch.share < 0.75) == ("limit=1000", 1000, True)
    desk.answer(rest_book(106))
    assert audits(desk) == (1, 0)


WRONG: list[Any] = [
    ([*ONE_BID, ("98.00", "5")], ONE_ASK, "bid 98.0 is missing, the venue says x 5.0"),
    ([("100.00", "2")], ONE_ASK, "bid 100.0 is x 1.0, the venue says x 2.0"),
    ([], ONE_ASK, "bid 100.0 x 1.0 is not in the venue's book"),
]


@pytest.mark.parametrize(("bids", "asks", "words"), WRONG)
def test_a_wrong_level_is_found_and_healed(bids: Any, asks: Any, words: str) -> None:
    """The difference is named, the book hidden, and its symbol subscribed anew."""
    desk = live(100)
    probe(desk)
    before = len(desk.sent)
    desk.answer(rest_book(100, bids, asks))
    assert desk.state is State.GAP
    assert words in desk.book.reason
    assert requests(desk, before) == [("unsubscribe", [BYBIT]), ("subscribe", [BYBIT])]
    desk.frame(snapshot(100, bids, asks))
    assert desk.book.state.value == "live"


@pytest.mark.parametrize("levels", [199, 200])
def test_a_side_is_whole_only_where_that_is_sure(levels: int) -> None:
    """Whoever answers with 200 levels, whatever was asked for, may have more: what we have beyond is not compared."""
    bids = [(f"{1000 - i}", "1") for i in range(250)]
    desk = live(100)
    desk.frame(snapshot(101, bids, [("2000", "1")]))
    for u in range(102, 108):
        desk.frame(delta(u))
        desk.expire("probe")
    assert desk.fetches[-1].levels == 1000
    desk.answer(rest_book(107, bids[:levels], [("2000", "1")]))
    assert audits(desk) == ((1, 0) if levels == 200 else (0, 1))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"retCode":10001,"retMsg":"Not supported symbols","result":{}}',
        b'{"retCode":0,"retMsg":"OK","result":{}}',
        rest_book(100, symbol="ETHUSDT"),
        rest_book(150, seq=SEQ - 1),  # it would be ahead by u, and behind by seq
        rest_book(50, seq=SEQ + 1),  # the service restarted, and counts anew
        rest_book(100, [("nan", "1")]),
    ],
    ids=["html", "error", "empty", "another", "ahead and behind", "restarted", "nan"],
)
def test_a_rest_book_that_cannot_be_ours(body: bytes) -> None:
    """It proves nothing, and is counted; where it is so ten times in a row, nobody can vouch for a quiet book."""
    desk = live(100)
    for count in range(10):
        probe(desk)
        desk.answer(body)
        assert (desk.state, audits(desk), desk.book.counters.garbage) == (State.LIVE, (0, 0), count + 1)
    desk.expire("probe")
    assert desk.state is State.STALE
    assert "no REST book" in desk.book.reason


def test_a_late_cache_proves_nothing() -> None:
    """A REST book from before the snapshot of ours says nothing about it."""
    desk = live(100)
    probe(desk)
    desk.answer(rest_book(90, [("1", "1")]))
    assert (desk.state, audits(desk), desk.book.counters.garbage) == (State.LIVE, (0, 0), 0)


@pytest.mark.parametrize("depth", [50, 200])
def test_other_depths_are_not_compared(depth: int) -> None:
    """Their ids are not those of the REST book: nothing is asked for, and quiet is no fault."""
    desk = live(100, depth=depth)
    assert {timer.purpose for timer in desk.timers} == {"snapshot", "keepalive"}
    assert desk.protocol.probe(BYBIT) == []
    desk.expire("snapshot")
    assert (desk.state, desk.fetches) == (State.LIVE, [])
    stray = Fetch(BYBIT, 1, "", 1, probe=True)
    assert desk.protocol.snapshot(stray, rest_book(150)) == []
    assert desk.protocol.failed(stray, "down", 1.0) == []


def test_a_successor_takes_over_by_u() -> None:
    """Both connections are told the same ids: the new one waits until it is as far, and asks for no REST book."""
    desk = live(100)
    feed = Feed.warming(bybit(), desk.pairs, lambda: desk.now_ns)
    wanted = feed.opened()
    assert not [action for action in wanted if isinstance(action, Fetch)]
    assert feed.inherit(Fetch(BYBIT, 1, "", 1)) == [], "nor a copy of the old book"
    feed.frame(snapshot(99, [("98", "1")]), desk.now_ns)
    assert not feed.take_over(orphaned=False)
    feed.frame(delta(100, [("99", "1")]), desk.now_ns)
    assert feed.take_over(orphaned=False)
    shown = desk.pairs[BYBIT].books["bybit"]
    assert (shown.state, shown.position, shown.bids.top(1)) == (State.LIVE, 100, [(99.0, 1.0)])
    assert shown.counters.rotations == 1
