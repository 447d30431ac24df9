"""The rules of Binance, one table or test each."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

import exchanges.sync
from book import Pair, State
from exchanges import VENUES
from exchanges.actions import Reconnect, Send
from exchanges.binance import Binance, BinanceProtocol, BinanceSync
from exchanges.errors import GarbageFrame
from tests.exchanges.desk import BINANCE, Desk, binance, binance_snapshot, depth, instrument, ticker

TRACE = [(1001, 1004), (1005, 1009), (1010, 1010), (1011, 1020)]  # A, B, C, D
MARKS = "ABCD"


def live(position: int = 100) -> Desk:
    """A live book of one bid and one ask at `position`."""
    desk = Desk(binance()).open()
    desk.frame(depth(position, position))
    desk.answer(binance_snapshot(position))
    assert (desk.state, desk.book.position) == (State.LIVE, position)
    return desk


def mark(index: int) -> list[tuple[str, str]]:
    """A level that only the event of this index sets."""
    return [(f"{10 + index}", "1")]


@pytest.mark.parametrize(
    ("snapshot", "applied", "position"),
    [
        (995, None, None),  # 996 to 1000 would be missing
        (1000, "ABCD", 1020),  # A begins right behind it
        (1004, "BCD", 1020),
        (1007, "BCD", 1020),  # inside B, which is applied whole: amounts are absolute
        (1009, "CD", 1020),  # at the edge of B: C begins at lastUpdateId + 1
        (1020, "", 1020),
        (1025, "", 1025),  # newer than everything: normal on a slow pair
    ],
)
def test_worked_trace(snapshot: int, applied: str | None, position: int | None) -> None:
    """Of the buffered events those with u <= lastUpdateId go; the first one kept must have U <= lastUpdateId + 1."""
    desk = Desk(binance()).open()
    for index, (first, last) in enumerate(TRACE):
        desk.frame(depth(first, last, mark(index)))
    assert desk.state is State.SYNCING
    assert len(desk.fetches) == 1, "one snapshot is asked for, however many events come"
    desk.answer(binance_snapshot(snapshot))
    if applied is None:
        assert desk.state is State.SYNCING
        assert desk.fetches[0].delay_s > 0, "asked again, a little later"
        return
    assert (desk.state, desk.book.position) == (State.LIVE, position)
    bids = {price for price, _ in desk.levels()[0]}
    assert bids == {100.0} | {10.0 + MARKS.index(letter) for letter in applied}


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [(1009, State.GAP), (1021, State.GAP), (1022, State.LIVE), (1025, State.LIVE)],
)
def test_worked_trace_next_event(snapshot: int, state: State) -> None:
    """E(1023-1030) after D(1011-1020): 1021 and 1022 are lost, unless the snapshot reaches 1022."""
    desk = Desk(binance()).open()
    for first, last in TRACE:
        desk.frame(depth(first, last))
    desk.answer(binance_snapshot(snapshot))
    desk.frame(depth(1023, 1030, [("50", "1")]))
    assert desk.state is state
    assert desk.book.counters.gaps == (state is State.GAP)
    if state is State.LIVE:
        assert desk.book.position == 1030
        return
    missing = max(snapshot, 1020) + 1
    assert desk.book.reason == f"updates {missing} to 1022 are missing"
    assert desk.levels() == ((), ())
    desk.answer(binance_snapshot(1024))
    assert (desk.state, desk.book.position) == (State.LIVE, 1030), "E was kept and joins the new snapshot"
    assert (50.0, 1.0) in desk.levels()[0]


def test_normal_running() -> None:
    """Each event begins one after the last; levels are set, zeros removed, stamps told."""
    desk = live(100)
    desk.frame(depth(101, 103, [("100.00", "0.00000000"), ("99.5", "2")], [("100.9", "0.4")]))
    assert desk.levels() == (((99.5, 2.0),), ((100.9, 0.4), (101.0, 1.0)))
    desk.frame(depth(104, 104, [("99.50", "0")]))
    assert desk.levels()[0] == (), "99.5 and 99.50 are one price"
    assert desk.book.position == 104
    assert desk.book.stamps.venue_ns == 1790000000145000 * 1000
    assert desk.book.stamps.received_ns == desk.now_ns


@pytest.mark.parametrize(
    ("first", "last", "outcome"),
    [
        (101, 105, "applied"),
        (95, 101, "applied"),  # overlaps: amounts are absolute
        (99, 100, "ignored"),  # u <= local: inside the book
        (100, 100, "ignored"),
        (102, 105, "gap"),
        (500, 501, "gap"),
    ],
)
def test_continuity(first: int, last: int, outcome: str) -> None:
    """An event with u <= local is ignored; U > local + 1 is a gap; everything else is applied."""
    desk = live(100)
    desk.frame(depth(first, last, [("100.5", "3")]))
    best = {"applied": 100.5, "ignored": 100.0, "gap": None}
    assert desk.book.bids.best() == best[outcome]
    counters = desk.book.counters
    assert (counters.ignored, counters.gaps) == (outcome == "ignored", outcome == "gap")


def test_a_duplicate_changes_nothing() -> None:
    """The same event twice is applied once and counted once as ignored."""
    desk = live(100)
    event = depth(101, 102, [("100.5", "3")])
    desk.frame(event)
    before = desk.levels()
    desk.frame(event)
    assert desk.levels() == before
    assert (desk.book.counters.ignored, desk.book.counters.updates) == (1, 2)


def test_a_gap_hits_one_book_only() -> None:
    """The other symbols of the connection stay live."""
    desk = Desk(binance("AAA", "BBB")).open()
    for symbol in ("AAA", "BBB"):
        desk.frame(depth(10, 10, symbol=symbol))
        desk.answer(binance_snapshot(10))
    desk.frame(depth(13, 13, symbol="AAA"))
    assert (desk.books["AAA"].state, desk.books["BBB"].state) == (State.GAP, State.LIVE)


def test_events_out_of_order_while_waiting() -> None:
    """A hole among the buffered events: what cannot be joined to the newest is of no use."""
    desk = Desk(binance()).open()
    for first, last in ((10, 12), (20, 22), (13, 19), (23, 24)):
        desk.frame(depth(first, last, [(f"{first}", "1")]))
    assert desk.book.counters.gaps == 1
    desk.answer(binance_snapshot(15))
    assert desk.state is State.SYNCING, "16 to 19 came too late to be used"
    desk.answer(binance_snapshot(19))
    assert (desk.state, desk.book.position) == (State.LIVE, 24)
    assert {price for price, _ in desk.levels()[0]} == {100.0, 20.0, 23.0}


def test_late_answers_are_ignored() -> None:
    """An answer to a request before the latest one, of this connection or the last, does nothing."""
    desk = Desk(binance()).open()
    desk.frame(depth(10, 10))
    first = desk.fetches.pop()
    desk.answer(binance_snapshot(5), first)
    assert desk.fetches, "too old: asked again"
    desk.answer(binance_snapshot(10), first)
    assert desk.state is State.SYNCING
    second = desk.fetches.pop()
    desk.close()
    desk.open()
    desk.frame(depth(20, 20))
    desk.answer(binance_snapshot(30), second)
    assert desk.state is State.SYNCING
    desk.answer(binance_snapshot(30))
    assert (desk.state, desk.book.position) == (State.LIVE, 30)
    assert desk.note(desk.feed.failed(second, "late", 1.0)) == []
    desk.answer(binance_snapshot(99), second)
    assert desk.book.position == 30


def test_old_snapshots_are_asked_again_ever_slower() -> None:
    """The waits grow; after ten the state says what is wrong; it never gives up."""
    desk = Desk(binance()).open()
    desk.frame(depth(100, 100))
    waits = []
    for _ in range(20):
        desk.answer(binance_snapshot(5))
        waits.append(desk.fetches[-1].delay_s)
    assert waits[:3] == [0.25, 0.3125, 0.390625]
    assert waits == sorted(waits)
    assert max(waits) == 5.0
    assert desk.book.reason == "20 snapshots in a row were older than the stream"
    desk.answer(binance_snapshot(100))
    assert desk.state is State.LIVE


def test_a_failed_fetch_is_told_and_tried_again() -> None:
    """While a book is built its state names the failure; the request comes back after the wait that it was told."""
    desk = Desk(binance()).open()
    desk.frame(depth(100, 100))
    desk.fail("HTTP 500", 7.5)
    assert desk.book.reason == "no snapshot: HTTP 500"
    assert desk.fetches[-1].delay_s == 7.5
    desk.answer(binance_snapshot(100))
    assert desk.state is State.LIVE


def test_the_buffer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is full it starts over, and the next snapshot must reach what is held then."""
    monkeypatch.setattr(exchanges.sync, "_BUFFERED_DIFFS", 50)
    desk = Desk(binance()).open()
    for i in range(1, 121):
        desk.frame(depth(i, i))
    desk.answer(binance_snapshot(99))
    assert desk.state is State.SYNCING
    desk.answer(binance_snapshot(100))
    assert (desk.state, desk.book.position) == (State.LIVE, 120)


def test_a_quiet_pair() -> None:
    """Without any event the snapshot is asked for after a while and shown; a later event must join it."""
    desk = Desk(binance()).open()
    assert not desk.fetches
    desk.expire("first diff")
    desk.answer(binance_snapshot(500))
    assert (desk.state, desk.book.position) == (State.LIVE, 500)
    desk.frame(depth(498, 501))
    assert (desk.state, desk.book.position) == (State.LIVE, 501)
    quiet = Desk(binance()).open()
    quiet.expire("first diff")
    quiet.answer(binance_snapshot(500))
    quiet.frame(depth(505, 510))
    assert quiet.state is State.GAP
    quiet.answer(binance_snapshot(507))
    assert (quiet.state, quiet.book.position) == (State.LIVE, 510)


def test_the_quiet_timer_of_a_busy_pair_does_nothing() -> None:
    """When events have come before it runs out, no second snapshot is asked for."""
    desk = Desk(binance()).open()
    desk.frame(depth(1, 1))
    desk.expire("first diff")
    assert len(desk.fetches) == 1


def test_refresh_while_live() -> None:
    """A fresh snapshot extends a live book: it never leaves live, and no event during it is lost."""
    desk = live(100)
    desk.note(desk.feed._carry_out(desk.protocol.refresh(BINANCE), 0))
    assert desk.protocol.refresh(BINANCE) == [], "one at a time"
    desk.frame(depth(101, 105, [("99", "1")]))
    assert (desk.state, desk.book.position) == (State.LIVE, 105)
    desk.frame(depth(106, 110, [("98", "1")]))
    desk.answer(binance_snapshot(103, [("100", "1"), ("99", "7"), ("50", "5")]))
    assert (desk.state, desk.book.position) == (State.LIVE, 110)
    assert desk.levels()[0] == ((100.0, 1.0), (99.0, 1.0), (98.0, 1.0), (50.0, 5.0))
    assert desk.book.counters.resyncs == 0


@pytest.mark.parametrize(("snapshot", "taken"), [(99, False), (100, True), (120, True)])
def test_refresh_without_events(snapshot: int, taken: bool) -> None:
    """A cached snapshot older than the book itself would take it back in time: refused."""
    desk = live(100)
    desk.note(desk.feed._carry_out(desk.protocol.refresh(BINANCE), 0))
    desk.answer(binance_snapshot(snapshot, [("90", "1")]))
    assert desk.state is State.LIVE
    assert (desk.levels()[0] == ((90.0, 1.0),)) is taken
    assert bool(desk.fetches) is not taken


def test_a_gap_during_a_refresh() -> None:
    """A gap is a gap: the book leaves live, and the snapshot that was on its way is not used."""
    desk = live(100)
    desk.note(desk.feed._carry_out(desk.protocol.refresh(BINANCE), 0))
    refresh = desk.fetches.pop()
    desk.frame(depth(105, 106))
    assert desk.state is State.GAP
    desk.answer(binance_snapshot(110), refresh)
    assert desk.state is State.GAP


def test_a_failed_refresh_leaves_the_book_live() -> None:
    """It is tried again later, and no diff is kept meanwhile."""
    desk = live(100)
    desk.note(desk.feed._carry_out(desk.protocol.refresh(BINANCE), 0))
    desk.fail("busy", 3.0)
    assert (desk.state, desk.fetches) == (State.LIVE, [])
    desk.frame(depth(101, 101))
    assert not desk.protocol.syncs[BINANCE]._buffer  # type: ignore[attr-defined]
    desk.expire("refresh")
    assert (desk.state, len(desk.fetches)) == (State.LIVE, 1)


@pytest.mark.parametrize(("snapshot", "taken"), [(90, False), (99, False), (100, True)])
def test_resync_floor(snapshot: int, taken: bool) -> None:
    """After a resync a cached snapshot older than what the stream has told of is refused."""
    desk = live(100)
    desk.note(desk.feed._carry_out(desk.protocol.resync(BINANCE, State.GAP, "audit failed"), 0))
    desk.answer(binance_snapshot(snapshot))
    assert (desk.state is State.LIVE) is taken


def test_subscriptions() -> None:
    """All streams in lower case, at most 200 in a request; without audits half as many."""
    symbols = [f"S{i}USDT" for i in range(250)]
    desk = Desk(binance(*symbols)).open()
    assert [sent["method"] for sent in desk.sent] == ["SUBSCRIBE"] * 3
    assert [len(sent["params"]) for sent in desk.sent] == [200, 200, 100]
    assert {stream for sent in desk.sent for stream in sent["params"]} == {
        f"s{i}usdt@{kind}" for i in range(250) for kind in ("depth@100ms", "bookTicker")
    }
    assert len({sent["id"] for sent in desk.sent}) == 3
    plain = Desk(binance(audit=False)).open()
    assert plain.sent[0]["params"] == ["btcusdt@depth@100ms"]


def test_acknowledged_twice() -> None:
    """A second acknowledgement of a live book changes nothing."""
    desk = live()
    desk.frame(b'{"result":null,"id":1}')
    assert desk.state is State.LIVE


@pytest.mark.parametrize(
    "frame",
    [
        b'{"code":2,"msg":"Invalid request: invalid stream","id":1}',
        b'{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":1}',
    ],
)
def test_a_refused_subscription(frame: bytes) -> None:
    """Errors come flat or nested; the books of the request say what the venue said."""
    desk = Desk(binance()).open(acknowledge=False)
    desk.frame(frame)
    assert (desk.state, desk.book.reason) == (
        State.DOWN, "subscription refused: Invalid request: invalid stream",
    )  # fmt: skip


@pytest.mark.parametrize("frame", [b'{"error":"no","id":77}', b'{"code":1,"msg":"x","id":null}'])
def test_an_error_that_is_nobodys(frame: bytes) -> None:
    """An error reply to no request of ours is counted as garbage and changes no book."""
    desk = live()
    desk.frame(frame)
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"e":"serverShutdown","E":1790000000123}',
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1790000000123}}',
    ],
)
def test_server_shutdown(frame: bytes) -> None:
    """The announcement, raw or wrapped, asks for a new connection at once."""
    desk = live()
    assert [type(action) for action in desk.frame(frame)] == [Reconnect]


@pytest.mark.parametrize("wrapped", [True, False])
def test_raw_and_combined_streams(wrapped: bool) -> None:
    """Both forms of a frame are understood."""
    desk = live(100)
    desk.frame(depth(101, 101, [("100.5", "1")], wrapped=wrapped))
    desk.frame(ticker(101, ("100.5", "1"), ("101", "1"), wrapped=wrapped))
    assert desk.levels()[0][0] == (100.5, 1.0)
    assert desk.book.counters.audits_passed == 1


@pytest.mark.parametrize("told", [1790000000145, 1790000000145000])
def test_event_times(told: int) -> None:
    """Milliseconds and microseconds are told apart."""
    desk = live(100)
    desk.frame(depth(101, 101).replace(b"1790000000145000", str(told).encode()))
    assert desk.book.stamps.venue_ns == 1790000000145 * 10**6


def test_an_event_without_a_time() -> None:
    """Is applied; its time is unknown."""
    desk = live(100)
    desk.frame(b'{"e":"depthUpdate","s":"BTCUSDT","U":101,"u":101,"b":[["99","1"]],"a":[]}')
    assert (desk.book.position, desk.book.stamps.venue_ns) == (101, 0)


def test_symbols_that_are_not_ours() -> None:
    """Frames of other symbols and other streams change nothing and are no garbage."""
    desk = live(100)
    for frame in (
        depth(5, 6, symbol="ETHBTC"),
        ticker(7, ("1", "1"), ("2", "1"), "ETHBTC"),
        b'{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","p":"1"}}',
        b'{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","s":"BTCUSDT","b":"1","B":"1","a":"1","A":"2"}}',
    ):
        assert desk.frame(frame) == []
    assert (desk.state, desk.book.position, desk.book.counters.garbage) == (State.LIVE, 100, 0)


BEST = ("100.00", "1"), ("101.00", "1")


def test_audit_behind_the_diff() -> None:
    """A best quote at the book's own update id is compared at once."""
    desk = live(100)
    desk.frame(ticker(100, *BEST))
    assert desk.book.counters.audits_passed == 1


def test_audit_ahead_of_the_diff() -> None:
    """A best quote of an update id to come waits for the event that ends there."""
    desk = live(100)
    desk.frame(ticker(103, ("100.5", "2"), ("101", "1")))
    desk.frame(ticker(105, ("100.7", "2"), ("101", "1")))
    assert desk.book.counters.audits_passed == 0
    desk.frame(depth(101, 103, [("100.5", "2")]))
    assert desk.book.counters.audits_passed == 1
    desk.frame(depth(104, 106, [("100.7", "3")]))
    assert desk.book.counters.audits_passed == 1, "105 is inside the event: nothing to compare with"
    assert desk.book.counters.audits_failed == 0


@pytest.mark.parametrize(
    ("bid", "ask"),
    [
        (("100.00", "2"), ("101.00", "1")),
        (("100.01", "1"), ("101.00", "1")),
        (("100.00", "1"), ("100.99", "1")),
        (("0.00000000", "0.00000000"), ("101.00", "1")),  # the venue has no bids at all
        (("100.00", "1"), ("0.00000000", "0.00000000")),
    ],
)
def test_a_failed_audit_heals(bid: tuple[str, str], ask: tuple[str, str]) -> None:
    """A book that differs from the venue's own best quote is dropped and built anew."""
    desk = live(100)
    desk.frame(ticker(100, bid, ask))
    assert desk.state is State.GAP
    assert desk.book.reason.startswith("audit failed")
    assert desk.book.counters.audits_failed == 1
    desk.answer(binance_snapshot(100, [bid] if bid[1] > "0.1" else [], [ask] if ask[1] > "0.1" else []))
    assert desk.book.state.value == "live"


def test_best_quotes_are_bounded() -> None:
    """However many wait for an event, the newest ones are compared."""
    desk = live(100)
    for last in range(101, 2000):
        desk.frame(ticker(last, ("100.00", "1"), ("101.00", "1")))
    desk.frame(depth(101, 1999))
    assert desk.book.counters.audits_passed == 1


def test_an_old_best_quote_is_not_compared() -> None:
    """One of an update id that the book has passed says nothing about it."""
    desk = live(100)
    desk.frame(ticker(99, ("1", "1"), ("2", "1")))
    assert (desk.book.counters.audits_failed, desk.state) == (0, State.LIVE)


GARBAGE: list[Any] = [
    b"", b" ", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"\x00" * 50, b"{}", b'{"a":1}', b'{"id":1}',
    b"[" * 100_000, b'{"depthUpdate":' * 20_000,
    b'{"stream":"x","data":null}', b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"}}',
    depth(101, 99), depth(101, 101, [("nan", "1")]), depth(101, 101, [("NaN", "1")]),
    depth(101, 101, [("inf", "1")]), depth(101, 101, [("-1", "1")]), depth(101, 101, [("0", "1")]),
    depth(101, 101, [("1", "-1")]), depth(101, 101, [("1e15", "1")]), depth(101, 101, [("1", "1e300")]),
    depth(101, 101, [("1e400", "1")]), depth(101, 101, [("1", "x")]), depth(101, 101, [("", "1")]),
    depth(101, 101, [("1",)]), depth(101, 101, [("1", "1", "1")]),  # type: ignore[list-item]
    depth(101, 101).replace(b"101", b'"x"'), depth(101, 101).replace(b'"U":101', b'"U":1.5'),
    depth(101, 101)[:-3], depth(101, 101) + b"}", depth(101, 101).replace(b'"b"', b'"c"'),
    ticker(101, ("x", "1"), ("1", "1")), ticker(101, ("-5", "1"), ("1", "1")), ticker(101, ("nan", "1"), ("1", "1")),
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_garbage(garbage: bytes, max_price: str | None) -> None:
    """Never raises and never touches the book; it is counted, and a lost event shows by the next id."""
    desk = Desk(binance(max_price=max_price)).open()
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100))
    before = desk.levels()
    assert desk.frame(garbage) == []
    assert (desk.state, desk.levels(), desk.book.counters.garbage) == (State.LIVE, before, 1)
    desk.frame(depth(101, 102, [("100.5", "1")]))
    assert (desk.state, desk.book.position) == (State.LIVE, 102)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"{}", b'{"code":-1121,"msg":"Invalid symbol."}', b"[" * 100_000,
        binance_snapshot(100, [("NaN", "1")]), binance_snapshot(100, [("1", "-1")]),
    ],
    ids=range(7),
)  # fmt: skip
@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_garbage_instead_of_a_snapshot(body: bytes, max_price: str | None) -> None:
    """Is counted and asked again."""
    desk = Desk(binance(max_price=max_price)).open()
    desk.frame(depth(100, 100))
    desk.answer(body)
    assert (desk.state, desk.book.counters.garbage) == (State.SYNCING, 1)
    assert desk.book.reason == "no snapshot: the answer is no snapshot"
    assert desk.fetches[-1].delay_s == 0.5
    desk.answer(binance_snapshot(100))
    assert desk.state is State.LIVE


def test_wide_instruments() -> None:
    """A pair with more than 15 digits keeps every digit."""
    desk = Desk(binance(max_price="100000000000000")).open()
    price = "12345678901234.12345678"
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100, [(price, "1")], []))
    desk.frame(depth(101, 101, [(price[:-1] + "9", "2")]))
    assert desk.levels()[0] == ((Decimal(price[:-1] + "9"), Decimal(2)), (Decimal(price), Decimal(1)))
    desk.frame(ticker(101, (price[:-1] + "9", "2"), ("0", "0")))
    assert desk.book.counters.audits_passed == 1
    desk.frame(depth(102, 102, [(price[:-1] + "90", "0.0")]))
    assert desk.levels()[0] == ((Decimal(price), Decimal(1)),)


@pytest.mark.parametrize(
    "price", ["1." + "1" * 40, "1e15", "1e300", "1e-999999", "-1", "0", "NaN", "sNaN", "Infinity", "1e-1000030"]
)
def test_wide_bounds(price: str) -> None:
    """Decimal numbers are held to the same bounds, and to the digits that arithmetic keeps."""
    desk = Desk(binance(max_price="100000000000000")).open()
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100))
    desk.frame(depth(101, 101, [(price, "1")]))
    desk.book.check()
    desk.levels()
    if desk.book.counters.garbage == 0:
        desk.frame(depth(102, 102, [(price, "0")]))
        desk.book.check()
    assert desk.levels()[0] == ((100, 1),)


def test_horizon_of_a_full_snapshot() -> None:
    """A side of as many levels as were asked for knows nothing beyond its worst price; a shorter one is whole."""
    bids = [(f"{10_000 - i}", "1") for i in range(1000)]
    asks = [(f"{20_000 + i}", "1") for i in range(999)]
    desk = Desk(binance()).open()
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100, bids, asks))
    view = desk.book.view(1)
    assert (view.known_bid, view.known_ask) == (9001.0, None)


def test_live_by_a_shallow_snapshot_and_deepened_later() -> None:
    """The first one is cheap, so that many books get live at once; the deepest follows where the budget allows."""
    desk = Desk(binance()).open()
    desk.frame(depth(100, 100))
    first = desk.fetches[-1]
    assert (first.path, first.weight) == ("/api/v3/depth?symbol=BTCUSDT&limit=1000", 50)
    assert first.share == 1.0, "it waits for the budget"
    levels = [(f"{10_000 - i}", "1") for i in range(1200)]
    desk.answer(binance_snapshot(100, levels[:1000], [("20000", "1")]))
    desk.expire("deepen")
    deep = desk.fetches[-1]
    assert (deep.path, deep.weight) == ("/api/v3/depth?symbol=BTCUSDT&limit=5000", 250)
    assert deep.share < 1.0, "others come first"
    desk.fail("no budget")
    desk.expire("deepen")
    desk.frame(depth(101, 101, [("9999", "7")]))
    desk.answer(binance_snapshot(100, levels, [("20000", "1")]))
    assert (desk.state, desk.book.position, desk.book.view(1).known_bid) == (State.LIVE, 101, None)
    assert desk.levels()[0][1] == (9999.0, 7.0)
    assert len(desk.levels()[0]) == 1200
    assert not [timer for timer in desk.timers if timer.purpose == "deepen"], "it is as deep as it gets"


def test_a_whole_book_is_not_deepened() -> None:
    """Both sides had fewer levels than were asked for."""
    desk = live()
    assert not [timer for timer in desk.timers if timer.purpose == "deepen"]


@pytest.mark.parametrize(("levels", "weight"), [(1, 5), (100, 5), (101, 25), (500, 25), (1000, 50), (5000, 250)])
def test_weights(levels: int, weight: int) -> None:
    """As the venue counts them."""
    assert BinanceSync("X").request(levels) == (f"/api/v3/depth?symbol=X&limit={levels}", weight)


def listing(**changes: Any) -> dict[str, Any]:
    """A symbol of exchangeInfo with some fields changed; None leaves one out."""
    symbol = {
        "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ],
        **changes,
    }  # fmt: skip
    return {key: value for key, value in symbol.items() if value is not None}


def catalog(*symbols: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"timezone": "UTC", "rateLimits": [], "symbols": symbols})


def test_catalog() -> None:
    """Tick, lot, least value, greatest price and whether it trades."""
    found, halted = Binance().parse_catalog(catalog(listing(), listing(symbol="X", status="BREAK")))
    assert (found.venue, found.symbol, found.pair) == ("binance", "BTCUSDT", Pair("BTC", "USDT"))
    assert (found.price_decimals, found.amount_decimals) == (2, 5)
    assert (found.min_notional, found.max_price, found.trading) == (Decimal(5), Decimal(1000000), True)
    assert not halted.trading
    assert not found.needs_decimal


def filters(tick: str = "0.01", step: str = "0.1", *more: dict[str, Any], most: str = "1000") -> list[dict[str, Any]]:
    return [
        {"filterType": "PRICE_FILTER", "tickSize": tick, "maxPrice": most},
        {"filterType": "LOT_SIZE", "stepSize": step},
        *more,
    ]


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({}, True),
        ({"baseAsset": "币安人生"}, False),  # such symbols exist, and no pair can be written so
        ({"baseAsset": "B/C"}, False),
        ({"filters": None}, False),
        ({"filters": filters()[:1]}, False),
        ({"filters": filters()[1:]}, False),
        ({"filters": filters("0.00000000")}, False),
        ({"filters": filters(step="0")}, False),
        ({"filters": filters("NaN")}, False),
        ({"filters": filters("Infinity")}, False),
        ({"filters": filters("-0.01")}, False),
        ({"filters": filters("1e-400")}, False),
        ({"filters": filters(step="1e-400")}, False),
        ({"filters": filters(most="NaN")}, True),
        ({"filters": filters(most="Infinity")}, True),
        ({"filters": filters(most="0")}, True),
        ({"filters": filters("0.01", "0.1", {"filterType": "MIN_NOTIONAL", "minNotional": "10"})}, True),
        ({"filters": filters("0.01", "0.1", {"filterType": "TRAILING_DELTA", "minDelta": 1})}, True),
    ],
)
def test_odd_listings(changes: dict[str, Any], listed: bool) -> None:
    """One that cannot be used is left out; the rest of the catalog stands, and what is listed can be traded."""
    found = Binance().parse_catalog(catalog(listing(symbol="GOOD"), listing(**changes)))
    assert len(found) == 1 + listed
    for each in found:
        assert (each.price_decimals, each.needs_decimal) == (2, False)
    BinanceProtocol(found)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"symbols":1}', b"\xff", b'{"x":' * 100_000], ids=range(7)
)
def test_no_catalog(body: bytes) -> None:
    """Anything else is refused as garbage, with the venue's name."""
    with pytest.raises(GarbageFrame, match="binance"):
        Binance().parse_catalog(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"code":-1121,"msg":"Invalid symbol."}', "Invalid symbol. (code -1121)"),
        (b'{"code":0,"msg":"' + b"x" * 500 + b'"}', "x" * 200),
        (b"<html><body>blocked</body></html>\nmore", "<html><body>blocked</body></html>"),
        (b"", "HTTP 403"),
        (b"\n\n<html>", "HTTP 403"),
        (b"[1]", "[1]"),
        (b"[" * 100_000, "[" * 200),
        (b'{"code":1}', '{"code":1}'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"code":1,"msg":"one\\ntwo"}', "one two (code 1)"),
    ],
    ids=range(10),
)
def test_refusal(body: bytes, words: str) -> None:
    """The venue's own words, on one line of at most 200 characters."""
    assert Binance().refusal(403, body) == words


@pytest.mark.parametrize(
    ("header", "used"), [({"x-mbx-used-weight-1m": "123"}, 123), ({}, None), ({"x-mbx-used-weight-1m": "many"}, None)]
)
def test_used_weight(header: dict[str, str], used: int | None) -> None:
    """The venue's own account, where the reply has one that is a number."""
    assert Binance().used_weight(header) == used
    assert Binance().used_weight({"x-mbx-used-weight-1m": "\u00b2"}) is None


def test_the_venue() -> None:
    """It is registered under its name, and its options reach the protocol."""
    venue = VENUES["binance"]
    assert isinstance(venue, Binance)
    sends = [
        action.text
        for option in ("on", "off")
        for action in venue.protocol([instrument(BINANCE)], {"audit": option}).opened()
        if isinstance(action, Send)
    ]
    assert ["bookTicker" in text for text in sends] == [True, False]
    assert venue.protocol([instrument(BINANCE)], {}).path == "/stream?timeUnit=MICROSECOND"


def test_a_subscription_that_is_never_acknowledged_starts_over() -> None:
    """A book must not wait for ever for a venue that took the request and forgot it."""
    desk = Desk(binance()).open(acknowledge=False)
    desk.expire("acknowledged")
    assert desk.reconnects == ["a subscription was not acknowledged"]
    desk = live()
    desk.expire("acknowledged")
    assert desk.reconnects == []


def test_ids_that_fell_back_do_not_freeze_a_live_book() -> None:
    """One event that lied about its ids would make every later one look old: the book is built anew from these."""
    desk = live(100)
    desk.frame(depth(101, 10**12, [("100.00", "9")]))
    for last in range(102, 102 + 99):
        desk.frame(depth(last, last))
    assert desk.state is State.LIVE
    desk.frame(depth(201, 201, [("100.00", "5")]))
    assert (desk.state, desk.book.reason) == (State.GAP, "100 diffs in a row were older than the book")
    desk.answer(binance_snapshot(200, [("100.00", "1")], [("101.00", "1")]))
    assert (desk.book.state, desk.book.position, desk.levels()[0]) == (State.LIVE, 201, ((100.0, 5.0),))


def test_a_diff_acknowledges_too() -> None:
    """Whoever sends diffs has taken the subscription, even if the reply to it was lost."""
    desk = Desk(binance()).open(acknowledge=False)
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100))
    assert desk.state is State.LIVE
    desk.expire("acknowledged")
    assert desk.reconnects == []


def test_a_symbol_that_goes_before_its_acknowledgement() -> None:
    """The reply and the timer that come later mean nothing."""
    desk = Desk(binance("AUSDT", "BUSDT")).open(acknowledge=False)
    desk.note(desk.feed.remove(["AUSDT"]))
    del desk.books["AUSDT"], desk.pairs["AUSDT"]
    desk.expire("acknowledged")
    assert desk.reconnects == ["a subscription was not acknowledged"], "of the other one"
    desk.frame(b'{"result":null,"id":1}')
    assert desk.book.reason == "waiting for the first diff"
    assert desk.sent[-1]["method"] == "UNSUBSCRIBE"
