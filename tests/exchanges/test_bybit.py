"""The rules of Bybit, one table or test each."""

from decimal import Decimal
from typing import Any

import pytest

from book import State
from tests.exchanges.bybit_desk import (
    BYBIT,
    MADE_MS,
    bybit,
    delta,
    live,
    opened,
    reply,
    requests,
    rest_book,
    snapshot,
)
from tests.exchanges.desk import Desk

WIDE = "100000000000000"


def test_normal_running() -> None:
    """The first message is the book; then levels are set, zeros removed, stamps told."""
    desk = opened(bybit())
    assert (desk.state, desk.book.reason) == (State.SYNCING, "subscribing")
    desk.frame(snapshot(100))
    assert (desk.state, desk.book.position) == (State.LIVE, 100)
    desk.frame(delta(101, [("100.00", "0"), ("99.5", "2")], [("100.9", "0.4")]))
    assert desk.levels() == (((99.5, 2.0),), ((100.9, 0.4), (101.0, 1.0)))
    desk.frame(delta(102, [("99.50", "0.000")]))
    assert desk.levels()[0] == (), "99.5 and 99.50 are one price"
    assert desk.book.position == 102
    assert desk.book.stamps.venue_ns == MADE_MS * 10**6
    assert desk.book.stamps.received_ns == desk.now_ns


@pytest.mark.parametrize(
    ("u", "outcome"),
    [
        (101, "applied"),
        (100, "ignored"),  # inside the snapshot
        (2, "ignored"),
        (102, "updates 101 to 101 are missing"),
        (500, "updates 101 to 499 are missing"),
        (1, "the venue counts anew, and sent no snapshot"),
    ],
)
def test_continuity(u: int, outcome: str) -> None:
    """The next `u` is applied, one that is inside already ignored; a jump is a gap, and so is a count from anew."""
    desk = live(100)
    before = len(desk.sent)
    desk.frame(delta(u, [("100.5", "3")]))
    if outcome in ("applied", "ignored"):
        assert desk.state is State.LIVE
        assert desk.book.bids.best() == (100.5 if outcome == "applied" else 100.0)
        assert desk.book.counters.ignored == (outcome == "ignored")
        assert len(desk.sent) == before
        return
    assert (desk.state, desk.book.reason, desk.levels()) == (State.GAP, outcome, ((), ()))
    assert desk.book.counters.gaps == 1
    assert requests(desk, before) == [("unsubscribe", [BYBIT]), ("subscribe", [BYBIT])]


def test_a_gap_is_healed_by_a_snapshot_alone() -> None:
    """Deltas of the subscription before mean nothing, even those that would continue the lost book."""
    desk = live(100)
    desk.frame(delta(103))
    for u in (101, 104):
        assert desk.frame(delta(u, [("100.5", "3")])) == []
    assert desk.state is State.GAP
    desk.frame(snapshot(110, [("90", "1")]))
    assert (desk.book.state.value, desk.book.position, desk.levels()[0]) == ("live", 110, ((90.0, 1.0),))
    desk.frame(delta(111, [("91", "1")]))
    assert desk.book.position == 111


def test_a_gap_hits_one_book_only() -> None:
    """The other symbols of the connection stay live, and nothing is sent for them."""
    desk = live(100, "AAA", "BBB")
    before = len(desk.sent)
    desk.frame(delta(105, symbol="AAA"))
    assert (desk.books["AAA"].state, desk.books["BBB"].state) == (State.GAP, State.LIVE)
    assert requests(desk, before) == [("unsubscribe", ["AAA"]), ("subscribe", ["AAA"])]


@pytest.mark.parametrize("u", [1, 50, 100, 101, 5000], ids=["restart", "older", "same", "next", "ahead"])
def test_any_snapshot_replaces_the_book(u: int) -> None:
    """Unasked, at any time, whatever its `u`; 1 tells that the service has restarted. The book stays live."""
    desk = live(100)
    desk.frame(snapshot(u, [("90", "1"), ("89", "2")], [("91", "3")]))
    assert (desk.state, desk.book.position) == (State.LIVE, u)
    assert desk.levels() == (((90.0, 1.0), (89.0, 2.0)), ((91.0, 3.0),))
    desk.frame(delta(u + 1, [("90", "0")]))
    assert (desk.book.position, desk.levels()[0]) == (u + 1, ((89.0, 2.0),))
    assert (desk.book.counters.resyncs, desk.book.counters.gaps) == (0, 0)


def test_ids_that_fell_back_do_not_freeze_a_live_book() -> None:
    """A hundred deltas in a row that look older than the book: it is begun anew. One that continues forgives."""
    desk = live(1000)
    for u in range(1, 1 + 99):
        desk.frame(delta(u + 1))
    desk.frame(delta(1001))
    for u in range(2, 2 + 99):
        desk.frame(delta(u))
    assert desk.state is State.LIVE
    desk.frame(delta(101))
    assert (desk.book.state, desk.book.reason) == (State.GAP, "100 deltas in a row were older than the book")


def test_a_crossed_snapshot_is_never_shown() -> None:
    """Its two sides are of different moments."""
    desk = live(100)
    desk.frame(snapshot(200, [("102", "1")], [("101", "1")]))
    assert (desk.state, desk.levels(), desk.book.counters.garbage) == (State.GAP, ((), ()), 1)
    desk.frame(snapshot(201, [("102", "1")], [("101", "1")]))
    assert (desk.book.state, desk.levels()) == (State.SYNCING, ((), ()))
    desk.frame(snapshot(202))
    assert desk.book.state.value == "live"


def test_the_subscribed_depth_is_kept() -> None:
    """Whether or not the venue tells what falls out, each side is cut to it; beyond the worst, nothing is known."""
    bids = [(f"{1000 - i}", "1") for i in range(50)]
    desk = opened(bybit(depth=50))
    desk.frame(snapshot(100, bids, [("2000", "1")], depth=50))
    assert (desk.book.view(1).known_bid, desk.book.view(1).known_ask) == (951.0, None)
    desk.frame(delta(101, [("1000.5", "1"), ("1000.6", "1")], depth=50))
    levels = desk.levels()[0]
    assert (len(levels), levels[0], levels[-1]) == (50, (1000.6, 1.0), (953.0, 1.0))
    assert desk.book.view(1).known_bid == 953.0
    desk.frame(delta(102, [("953", "0")], depth=50))
    assert desk.book.view(1).known_bid is None, "one level less than it keeps: there are no others"


def test_the_engines_time_goes_first() -> None:
    """`cts` is when the engine made a message; the time of the push stands in for it where it is not told."""
    desk = live(100)
    desk.frame(delta(101))
    assert desk.book.stamps.venue_ns == MADE_MS * 10**6
    desk.frame(delta(102).replace(f',"cts":{MADE_MS}'.encode(), b""))
    assert desk.book.stamps.venue_ns == (MADE_MS + 4) * 10**6


def test_the_order_of_fields_means_nothing() -> None:
    """Nor do blanks between them."""
    for body in (
        b'{"data":{"a":[],"b":[["99","1"]],"u":101,"seq":7,"s":"BTCUSDT"},"type":"delta",'
        b'"topic":"orderbook.1000.BTCUSDT"}',
        b'{ "topic" : "orderbook.1000.BTCUSDT", "type" : "delta", "data" : '
        b'{"s":"BTCUSDT","u":"101","seq":7,"b":[["99","1"]],"a":[]} }',
    ):
        desk = live(100)
        desk.frame(body)
        assert (desk.state, desk.book.position) == (State.LIVE, 101)


def test_streams_that_are_not_ours() -> None:
    """Other symbols, other depths, other channels, and words about the connection change nothing."""
    desk = live(100)
    for frame in (
        delta(500, symbol="ETHUSDT"), delta(500, depth=50), snapshot(7, symbol="ETHUSDT"),
        b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[]}',
        b'{"topic":"tickers.BTCUSDT","ts":1,"type":"snapshot","data":{"symbol":"BTCUSDT"}}',
        b'{"success":true,"ret_msg":"pong","conn_id":"x","req_id":"ping","op":"ping"}',
        b'{"req_id":"ping","op":"pong","args":["1790000000000"],"conn_id":"x"}',
        b'{"success":false,"ret_msg":"error:topic not subscribed","conn_id":"x","req_id":"1","op":"unsubscribe"}',
        b'{"success":true,"ret_msg":"subscribe","conn_id":"x","op":"subscribe"}',
    ):  # fmt: skip
        assert desk.frame(frame) == []
    assert (desk.state, desk.book.position, desk.book.counters.garbage) == (State.LIVE, 100, 0)


# Subscriptions.


def test_subscriptions() -> None:
    """At most ten topics in a request, each with an id of its own."""
    symbols = [f"S{i}USDT" for i in range(23)]
    desk = Desk(bybit(*symbols, depth=200)).open(acknowledge=False)
    assert [len(sent["args"]) for sent in desk.sent] == [10, 10, 3]
    assert [topic for sent in desk.sent for topic in sent["args"]] == [f"orderbook.200.{each}" for each in symbols]
    assert {sent["op"] for sent in desk.sent} == {"subscribe"}
    assert len({sent["req_id"] for sent in desk.sent}) == 3
    assert {book.reason for book in desk.books.values()} == {"subscribing"}


def test_a_snapshot_before_the_acknowledgement() -> None:
    """The stream may begin first; the acknowledgement then changes nothing."""
    desk = Desk(bybit()).open(acknowledge=False)
    desk.frame(snapshot(100))
    assert desk.state is State.LIVE
    desk.frame(reply(desk.sent[0]))
    desk.frame(reply(desk.sent[0], "Invalid topic: orderbook.1000.BTCUSDT", success=False))
    assert desk.state is State.LIVE, "its stream speaks"


WORDS = [
    "Invalid topic: orderbook.1000.BBB",
    "Invalid symbol :[orderbook.1000.BBB]",
    "error:handler not found,topic:orderbook.1000.BBB",
]


@pytest.mark.parametrize("named", [True, False], ids=["with its id", "without"])
@pytest.mark.parametrize("words", WORDS)
def test_a_refused_topic(words: str, named: bool) -> None:
    """It fails the whole request: that one book is down, with the venue's words, the others are asked for again."""
    desk = Desk(bybit("AAA", "BBB", "CCC")).open(acknowledge=False)
    desk.frame(reply(desk.sent[0], words, success=False, named=named))
    assert (desk.books["BBB"].state, desk.books["BBB"].reason) == (State.DOWN, f"subscription refused: {words}")
    assert requests(desk, 1) == [("subscribe", ["AAA", "CCC"])]
    desk.frame(reply(desk.sent[1]))
    for symbol in ("AAA", "CCC"):
        desk.frame(snapshot(5, symbol=symbol))
        assert desk.books[symbol].state is State.LIVE
    desk.expire("snapshot")
    assert desk.books["BBB"].state is State.DOWN
    assert len(desk.sent) == 2, "it is not asked for again"
    desk.close()
    desk.open(acknowledge=False)
    assert requests(desk, 2) == [("subscribe", ["AAA", "BBB", "CCC"])], "but by the next connection"


def test_a_refusal_that_names_no_topic() -> None:
    """Each topic of the request is asked for alone; one that is refused alone is down."""
    desk = Desk(bybit("AAA", "BBB")).open(acknowledge=False)
    desk.frame(reply(desk.sent[0], "no", success=False))
    assert requests(desk, 1) == [("subscribe", ["AAA"]), ("subscribe", ["BBB"])]
    desk.frame(reply(desk.sent[1], "no\nand no", success=False))
    desk.frame(reply(desk.sent[2]))
    assert (desk.books["AAA"].state, desk.books["AAA"].reason) == (State.DOWN, "subscription refused: no and no")
    assert desk.books["BBB"].state is State.SYNCING
    assert len(desk.sent) == 3


def test_subscribed_already() -> None:
    """That topic is none the worse for it; the others of the request are asked for again."""
    desk = Desk(bybit("AAA", "BBB")).open(acknowledge=False)
    desk.frame(reply(desk.sent[0], "error:already subscribed,topic:orderbook.1000.AAA", success=False))
    assert requests(desk, 1) == [("subscribe", ["BBB"])]
    assert desk.books["AAA"].state is State.SYNCING
    desk.frame(snapshot(5, symbol="AAA"))
    assert desk.books["AAA"].state.value == "live"


@pytest.mark.parametrize(
    "frame",
    [
        b'{"success":false,"ret_msg":"no","op":"subscribe"}',
        b'{"success":false,"ret_msg":"no","req_id":["77"],"op":"subscribe"}',
        b'{"success":false,"ret_msg":"Invalid topic: orderbook.1000.ETHUSDT","req_id":"77","op":"subscribe"}',
        b'{"success":false,"ret_msg":"error:invalid op","conn_id":"x","req_id":"","op":""}',
    ],
    ids=range(4),
)
def test_an_error_that_is_nobodys(frame: bytes) -> None:
    """An error reply to no request of ours is counted as garbage and changes no book."""
    desk = live()
    assert desk.frame(frame) == []
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)


def test_a_snapshot_that_never_comes() -> None:
    """After two seconds the symbol is subscribed anew, alone; at last another connection is tried."""
    desk = live(100, "AAA", "BBB")
    desk.frame(delta(105, symbol="AAA"))
    before = len(desk.sent)
    assert [timer.delay_s for timer in desk.timers if timer.purpose == "snapshot"][-1] == 2.0
    for _ in range(3):
        desk.expire("snapshot")
    assert requests(desk, before) == [("unsubscribe", ["AAA"]), ("subscribe", ["AAA"])] * 3
    desk.expire("snapshot")
    assert desk.reconnects == ["no snapshot of AAA came"]
    assert desk.books["BBB"].state is State.LIVE
    assert len(desk.sent) == before + 6


def test_keepalive() -> None:
    """A ping of the venue's own kind every twenty seconds, for ever."""
    desk = live(100)
    for _ in range(3):
        before = len(desk.sent)
        assert [timer.delay_s for timer in desk.timers if timer.purpose == "keepalive"] == [20.0]
        desk.expire("keepalive")
        assert desk.sent[before:] == [{"req_id": "ping", "op": "ping"}]


def test_a_new_connection_begins_anew() -> None:
    """Nothing of the old one is used: positions, pending requests, what was refused."""
    desk = live(100)
    desk.frame(delta(103))
    old = desk.sent[-1]
    desk.close()
    assert desk.state is State.DOWN
    desk.open(acknowledge=False)
    desk.frame(reply(old, "no", success=False))
    assert desk.book.counters.garbage == 1, "nobody asked this here"
    desk.frame(delta(101))
    assert desk.book.state.value == "syncing"
    desk.frame(snapshot(50))
    assert (desk.book.state.value, desk.book.position) == ("live", 50)


# What cannot be understood.

ATTRIBUTED: list[Any] = [
    delta(101, [("nan", "1")]), delta(101, [("NaN", "1")]), delta(101, [("inf", "1")]), delta(101, [("-1", "1")]),
    delta(101, [("0", "1")]), delta(101, [("1", "-1")]), delta(101, [("1e15", "1")]), delta(101, [("1", "1e300")]),
    delta(101, [("1e400", "1")]), delta(101, [("1", "x")]), delta(101, [("", "1")]),
    delta(101, [("1",)]), delta(101, [("1", "1", "1")]),  # type: ignore[list-item]
    delta(101)[:-3], delta(101) + b"}", delta(101).replace(b'"b"', b'"c"'),
    delta(101).replace(b'"u":101', b'"u":1.5'), delta(0), delta(-1), delta(2**63), delta(101, seq=-1),
    delta(101).replace(b"delta", b"dealt"),
    delta(101).replace(b'"s":"BTCUSDT"', b'"s":"ETHUSDT"'), delta(101).replace(str(MADE_MS).encode(), b"9" * 13),
    snapshot(101, [("102", "1")]), snapshot(101)[:60], delta(101).replace(b'"data":{', b'"data":[{') + b"]",
]  # fmt: skip
NOBODYS: list[Any] = [
    b"", b" ", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"\x00" * 50, b"{}", b'{"a":1}', b'{"op":"nope"}',
    b"[" * 100_000, b'{"data":' * 20_000, b'{"topic":5}', b'{"topic":"orderbook."}', b'{"topic":"orderbook.1000.X"}',
    delta(101).replace(b'"topic"', b'"topid"'), b'{"topic":"orderbook.1000.\xff"}', delta(101)[:30],
    delta(101, symbol="ETHUSDT")[:-3], delta(101, depth=50)[:-3],
]  # fmt: skip


@pytest.mark.parametrize("garbage", ATTRIBUTED, ids=range(len(ATTRIBUTED)))
@pytest.mark.parametrize("max_price", [None, WIDE], ids=["float", "Decimal"])
def test_garbage_of_one_book(garbage: bytes, max_price: str | None) -> None:
    """It names its topic and may have been an update: that book begins anew, no other one is touched."""
    desk = live(100, BYBIT, "ETHUSDT", max_price=max_price)
    before = len(desk.sent)
    desk.frame(garbage)
    assert (desk.state, desk.book.reason) == (State.GAP, "a message could not be read")
    assert (desk.books["ETHUSDT"].state, desk.books["ETHUSDT"].counters.garbage) == (State.LIVE, 0)
    assert desk.book.counters.garbage == 1
    assert requests(desk, before) == [("unsubscribe", [BYBIT]), ("subscribe", [BYBIT])]
    for asked in (4, 6, 6):  # it may have been the snapshot, which is asked for again at once, but not for ever
        desk.frame(garbage)
        assert len(desk.sent) == before + asked
    desk.frame(snapshot(200))
    assert desk.book.state.value == "live"


@pytest.mark.parametrize("garbage", NOBODYS, ids=range(len(NOBODYS)))
@pytest.mark.parametrize("max_price", [None, WIDE], ids=["float", "Decimal"])
def test_garbage_of_nobody_knows(garbage: bytes, max_price: str | None) -> None:
    """Never raises and never touches a book; it is counted, and a lost delta shows by the next id."""
    desk = live(100, max_price=max_price)
    before = desk.levels()
    assert desk.frame(garbage) == []
    assert (desk.state, desk.levels(), desk.book.counters.garbage) == (State.LIVE, before, 1)
    desk.frame(delta(101, [("100.5", "1")]))
    assert (desk.state, desk.book.position) == (State.LIVE, 101)


def test_wide_instruments() -> None:
    """A pair with more than 15 digits keeps every digit, and is held against the REST book digit by digit."""
    price = "12345678901234.12345678"
    desk = opened(bybit(max_price=WIDE))
    desk.frame(snapshot(100, [(price, "1")], []))
    desk.frame(delta(101, [(price[:-1] + "9", "2")]))
    both = ((Decimal(price[:-1] + "9"), Decimal(2)), (Decimal(price), Decimal(1)))
    assert desk.levels()[0] == both
    desk.note(desk.feed._carry_out(desk.protocol.probe(BYBIT), 0))
    desk.answer(rest_book(101, [(price[:-1] + "9", "2"), (price, "1")], []))
    assert (desk.book.counters.audits_passed, desk.book.counters.audits_failed) == (1, 0)
    desk.frame(delta(102, [(price[:-1] + "90", "0.0")]))
    assert desk.levels()[0] == both[1:]
    desk.note(desk.feed._carry_out(desk.protocol.probe(BYBIT), 0))
    desk.answer(rest_book(102, [("NaN", "1")], []))
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)


@pytest.mark.parametrize(
    "price", ["1." + "1" * 40, "1e15", "1e300", "1e-999999", "-1", "0", "NaN", "sNaN", "Infinity", "1e-1000030"]
)
def test_wide_bounds(price: str) -> None:
    """Decimal numbers are held to the same bounds, and to the digits that arithmetic keeps."""
    desk = live(100, max_price=WIDE)
    desk.frame(delta(101, [(price, "1")]))
    desk.book.check()
    if desk.state is State.LIVE:
        desk.frame(delta(102, [(price, "0")]))
        assert desk.levels()[0] == ((100, 1),)
    else:
        assert desk.book.counters.garbage == 1
