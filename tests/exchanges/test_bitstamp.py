"""The rules of Bitstamp, one table or test each."""

import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import Pair, State
from exchanges import VENUES
from exchanges.actions import Reconnect, Send
from exchanges.bitstamp import Bitstamp, BitstampProtocol
from exchanges.errors import GarbageFrame
from tests.exchanges.desk import BITSTAMP, Desk, bitstamp, bitstamp_snapshot, diff, instrument, top


def live(stamp: int = 100) -> Desk:
    """A live book of one bid and one ask whose newest change is at `stamp`."""
    desk = Desk(bitstamp()).open()
    desk.frame(diff(stamp))
    desk.answer(bitstamp_snapshot(stamp))
    assert (desk.state, desk.book.position) == (State.LIVE, stamp)
    return desk


@pytest.mark.parametrize(
    ("snapshot", "applied", "position"),
    [
        (350, [600], 600),  # drop 100 and 350, apply 600
        (50, None, None),  # older than the first diff: asked again
        (99, None, None),
        (100, [350, 600], 600),
        (600, [], 600),  # drop all
        (900, [], 900),
    ],
)
def test_buffered_diffs(snapshot: int, applied: list[int] | None, position: int | None) -> None:
    """Diffs 100, 350 and 600 are buffered: the snapshot must not be older than the first; newer diffs are applied."""
    desk = Desk(bitstamp()).open()
    for stamp in (100, 350, 600):
        desk.frame(diff(stamp, [(f"{stamp / 1000}", "1")]))
    assert len(desk.fetches) == 1
    desk.answer(bitstamp_snapshot(snapshot))
    if applied is None:
        assert desk.state is State.SYNCING
        assert desk.fetches[0].delay_s == 0.25
        return
    assert (desk.state, desk.book.position) == (State.LIVE, position)
    assert {price for price, _ in desk.levels()[0]} == {100.0, *(stamp / 1000 for stamp in applied)}


def test_a_diff_inside_a_newer_snapshot() -> None:
    """The snapshot is at 900 before diff 900 comes: that one is ignored, and the book goes on."""
    desk = Desk(bitstamp()).open()
    for stamp in (100, 350, 600):
        desk.frame(diff(stamp))
    desk.answer(bitstamp_snapshot(900, [("50", "1")]))
    desk.frame(diff(900, [("50", "9")]))
    assert (desk.levels()[0], desk.book.counters.ignored) == (((50.0, 1.0),), 1)
    desk.frame(diff(901, [("50", "8")]))
    assert desk.levels()[0] == ((50.0, 8.0),)
    assert not desk.fetches, "diffs had told what the snapshot must hold: there is nothing to prove"


@pytest.mark.parametrize(("stamp", "applied"), [(99, False), (100, False), (101, True), (5000, True)])
def test_stamps_rise_strictly(stamp: int, applied: bool) -> None:
    """An equal or older diff is ignored and counted."""
    desk = live(100)
    desk.frame(diff(stamp, [("99", "5")]))
    assert (desk.levels()[0] == ((100.0, 1.0), (99.0, 5.0))) is applied
    assert desk.book.counters.ignored == (not applied)
    assert desk.book.counters.gaps == 0


def test_zero_in_every_spelling() -> None:
    """All of them remove; prices compare as numbers."""
    desk = live(100)
    levels = [(f"{90 + i}", "1") for i in range(4)]
    desk.frame(diff(101, levels))
    zeros = ("0", "0.0", "0.00000000", "0e5")
    desk.frame(diff(102, [(f"{90 + i}.00", zero) for i, zero in enumerate(zeros)]))
    assert desk.levels()[0] == ((100.0, 1.0),)
    assert desk.book.counters.unknown_removals == 0


def test_a_quiet_market_is_shown_provisionally() -> None:
    """Without diffs the snapshot is taken; the first diff asks for another one, and the book stays live."""
    desk = Desk(bitstamp()).open()
    desk.expire("first diff")
    desk.answer(bitstamp_snapshot(100))
    assert (desk.state, len(desk.fetches)) == (State.LIVE, 0)
    desk.frame(diff(200, [("99", "1")]))
    assert desk.levels()[0] == ((100.0, 1.0), (99.0, 1.0))
    assert len(desk.fetches) == 1
    desk.frame(diff(300, [("98", "1")]))
    desk.answer(bitstamp_snapshot(150))
    assert len(desk.fetches) == 1, "older than the first diff: refused"
    desk.answer(bitstamp_snapshot(250, [("97", "7")]))
    assert (desk.state, desk.book.position) == (State.LIVE, 300)
    assert desk.levels()[0] == ((98.0, 1.0), (97.0, 7.0))
    desk.frame(diff(400))
    assert not desk.fetches, "proven once and for all"


def test_the_book_is_rebuilt_every_hour() -> None:
    """A lost diff does not show by itself, so a live book takes a fresh snapshot from time to time."""
    desk = live(100)
    timer = next(timer for timer in desk.timers if timer.purpose == "refresh")
    assert timer.delay_s == 3600.0
    desk.expire("refresh")
    desk.frame(diff(150, [("99", "2")]))
    desk.answer(bitstamp_snapshot(150, [("99", "2")]))
    assert (desk.state, desk.levels()[0]) == (State.LIVE, ((99.0, 2.0),))
    assert sum(timer.purpose == "refresh" for timer in desk.timers) == 1, "and again in an hour"


def test_requests_avoid_the_cache() -> None:
    """No two snapshot requests have the same address."""
    desk = live(100)
    desk.note(desk.feed._carry_out(desk.protocol.resync(BITSTAMP, State.GAP, "x"), 0))
    paths = []
    for _ in range(5):
        paths.append(desk.fetches[-1].path)
        desk.answer(bitstamp_snapshot(5))
    assert len(set(paths)) == 5
    assert all(re.fullmatch(r"/api/v2/order_book/btcusd/\?group=1&_=\d+", path) for path in paths)
    assert desk.fetches[0].weight == 1


def test_subscriptions() -> None:
    """One channel in each frame, each shorter than the 512 bytes that the venue reads."""
    desk = Desk(bitstamp("btcusd", "ethusd")).open()
    assert [sent["data"]["channel"] for sent in desk.sent] == [
        "diff_order_book_btcusd", "order_book_btcusd", "diff_order_book_ethusd", "order_book_ethusd",
    ]  # fmt: skip
    assert {sent["event"] for sent in desk.sent} == {"bts:subscribe"}
    assert {book.reason for book in desk.books.values()} == {"waiting for the first diff"}


def test_acknowledged_twice() -> None:
    """A second acknowledgement of a live book changes nothing, nor does one of an unknown channel."""
    desk = live()
    for channel in ("diff_order_book_btcusd", "order_book_btcusd", "order_book_nobody", ""):
        desk.frame(msgspec.json.encode({"event": "bts:subscription_succeeded", "channel": channel, "data": {}}))
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 0)


@pytest.mark.parametrize("data", [b'""', b"null", b"{}"])
def test_request_reconnect(data: bytes) -> None:
    """The venue asks for a new connection; what else stands in the frame does not matter."""
    desk = live()
    actions = desk.frame(b'{"event":"bts:request_reconnect","channel":"","data":' + data + b"}")
    assert [type(action) for action in actions] == [Reconnect]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"event":"bts:heartbeat"}',
        b'{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}',
        b'{"event":"bts:unsubscription_succeeded","channel":"order_book_btcusd","data":{}}',
        b'{"event":"trade","channel":"live_trades_btcusd","data":{"id":1}}',
        diff(500, [("1", "1")], symbol="ethusd"),
        top(500, symbol="ethusd"),
    ],
)
def test_frames_that_are_no_news(frame: bytes) -> None:
    """Heartbeats, other channels and other markets change nothing."""
    desk = live()
    assert desk.frame(frame) == []
    assert (desk.state, desk.book.position, desk.book.counters.garbage) == (State.LIVE, 100, 0)


@pytest.mark.parametrize(
    ("frame", "hit"),
    [
        (b'{"event":"bts:error","channel":"","data":{"code":null,"message":"Invalid channel provided."}}', 2),
        (b'{"event":"bts:error","channel":"order_book_btcusd","data":{"message":"no"}}', 1),
        (b'{"event":"bts:error","data":"no"}', 2),
    ],
)
def test_errors(frame: bytes, hit: int) -> None:
    """An error reply is counted, for its channel where it names one; no book is lost over it."""
    desk = Desk(bitstamp("btcusd", "ethusd")).open()
    desk.frame(frame)
    assert sum(book.counters.garbage for book in desk.books.values()) == hit
    assert desk.book.counters.garbage == 1


BIDS, ASKS = [("100", "1")], [("101", "1")]


def test_audit_at_the_same_stamp() -> None:
    """A top-100 book at the stamp of our book is compared at once; an older one is not."""
    desk = live(100)
    desk.frame(top(100))
    desk.frame(top(99, [("1", "1")]))
    assert (desk.book.counters.audits_passed, desk.book.counters.audits_failed) == (1, 0)


def test_audit_ahead_of_the_diff() -> None:
    """One that is newer waits for the diff of its stamp; when that one never comes there is nothing to compare."""
    desk = live(100)
    desk.frame(top(200, [("100", "3")]))
    assert desk.book.counters.audits_passed == 0
    desk.frame(diff(200, [("100", "3")]))
    assert desk.book.counters.audits_passed == 1
    desk.frame(top(250))
    desk.frame(diff(300))
    assert (desk.book.counters.audits_passed, desk.book.counters.audits_failed) == (1, 0)


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([("100", "2")], ASKS),
        ([("99", "1")], ASKS),
        (BIDS, [("101", "1"), ("102", "1")]),
        (BIDS, []),
        ([], ASKS),
    ],
)
def test_a_failed_audit_heals(bids: Any, asks: Any) -> None:
    """A level that differs, is missing or is too many: the book is dropped and built anew."""
    desk = live(100)
    desk.frame(top(100, bids, asks))
    assert (desk.state, desk.book.counters.audits_failed) == (State.GAP, 1)
    assert desk.book.reason.startswith("audit failed")
    assert len(desk.fetches) == 1


def test_levels_beyond_the_hundredth_are_not_compared() -> None:
    """Our book is deeper than what the venue shows of it."""
    bids, asks = [(f"{1000 - i}", "1") for i in range(150)], [("2000", "1")]
    desk = Desk(bitstamp()).open()
    desk.frame(diff(100))
    desk.answer(bitstamp_snapshot(100, bids, asks))
    desk.frame(top(100, bids[:100], asks))
    assert (desk.book.counters.audits_passed, desk.state) == (1, State.LIVE)
    desk.frame(top(100, bids[:99], asks))
    assert desk.book.counters.audits_failed == 1, "fewer than 100 are all there are"


def test_an_overdue_diff() -> None:
    """A top-100 book has told of a diff that does not come: no further without a fresh snapshot, but still live."""
    desk = live(100)
    desk.frame(top(200))
    assert desk.timers[-1].delay_s == 2.0
    desk.expire("overdue diff")
    assert (desk.state, len(desk.fetches)) == (State.LIVE, 1)
    desk.answer(bitstamp_snapshot(200, [("90", "1")]))
    assert desk.levels()[0] == ((90.0, 1.0),)


def test_a_diff_that_came_in_time() -> None:
    """Nothing is asked for."""
    desk = live(100)
    desk.frame(top(200))
    desk.frame(diff(200))
    desk.expire("overdue diff")
    assert not desk.fetches


def test_the_last_diff_of_a_busy_moment_is_missed_too() -> None:
    """Of two announced diffs the first comes and the last does not: that is found without another frame."""
    desk = live(100)
    desk.frame(top(200))
    desk.frame(top(300))
    desk.frame(diff(200, BIDS, ASKS))
    desk.expire("overdue diff")
    assert not desk.fetches, "300 has been awaited for less than its time"
    desk.expire("overdue diff")
    assert len(desk.fetches) == 1


def test_top_books_before_live() -> None:
    """While a book is built they are of no use."""
    desk = Desk(bitstamp()).open()
    assert desk.frame(top(100)) == []
    assert desk.state is State.SYNCING


GARBAGE: list[Any] = [
    b"", b" ", b"{", b"[]", b"null", b"1", b"\xff\xfe", b"\x00" * 50, b"{}", b'{"event":5}', b"[" * 100_000,
    b'{"channel":"order_book_btcusd","microtimestamp":' + b"[" * 100_000,
    b'{"event":"data","channel":"diff_order_book_btcusd","data":{}}',
    diff(101, [("NaN", "1")]), diff(101, [("inf", "1")]), diff(101, [("-1", "1")]), diff(101, [("0", "1")]),
    diff(101, [("1", "-1")]), diff(101, [("1e15", "1")]), diff(101, [("1", "1e300")]), diff(101, [("", "1")]),
    diff(101, [("1",)]), diff(101).replace(b'"101"', b'"x"'), diff(101)[:-2],  # type: ignore[list-item]
    diff(101).replace(b'"bids"', b'"buys"'),
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_garbage(garbage: bytes, max_price: str | None) -> None:
    """Never raises. The frame may have been a diff, and nothing would ever tell: the book goes no further.

    One that names its channel was a diff of that book, which is built anew. Any other may have been one of any
    book: each stays as it is, true at its position, until a fresh snapshot has come.
    """
    desk = Desk(bitstamp(max_price=max_price)).open()
    desk.frame(diff(100))
    desk.answer(bitstamp_snapshot(100))
    desk.frame(garbage)
    named = b'"channel":"diff_order_book_btcusd"' in garbage
    expected = State.GAP if named else State.LIVE
    assert (desk.state, desk.book.counters.garbage) == (expected, 1)
    if b'"channel":"order_book_' in garbage:
        return  # it was no diff: nothing is missing
    desk.frame(diff(103, [("99", "3")]))
    assert (99.0, 3.0) not in desk.levels()[0], "what came before it may be missing"
    desk.answer(bitstamp_snapshot(99))
    assert desk.state is expected, "older than what the stream had told: asked again"
    desk.answer(bitstamp_snapshot(105))
    assert (desk.book.state.value, desk.book.position) == ("live", 105)
    desk.frame(diff(106, [("99", "3")]))
    assert desk.levels()[0][1] == (99.0, 3.0)


def test_a_word_that_we_do_not_know() -> None:
    """An event of another kind cannot have been a diff: it is counted, and that is all."""
    desk = live()
    desk.frame(b'{"event":"bts:news"}')
    assert (desk.state, desk.book.counters.garbage, desk.fetches) == (State.LIVE, 1, [])
    desk.frame(diff(101, [("99", "3")]))
    assert desk.book.position == 101


def test_doubt_has_an_end() -> None:
    """A book that no snapshot clears for three seconds is dropped."""
    desk = live()
    desk.frame(b"garbage")
    assert desk.state is State.LIVE
    held = next(timer for timer in desk.timers if timer.purpose == "held")
    assert held.delay_s == 3.0
    desk.fail("busy")
    assert desk.fetches, "asked again meanwhile"
    desk.expire("held")
    assert desk.book.state.value == "gap"
    assert "no snapshot came" in desk.book.reason
    desk.answer(bitstamp_snapshot(200))
    assert desk.book.state.value == "live"


def test_doubt_that_was_cleared_in_time() -> None:
    """Its timer runs out later and means nothing, also when there is a new doubt by then."""
    desk = live()
    desk.frame(b"garbage")
    old = [timer for timer in desk.timers if timer.purpose == "held"]
    desk.answer(bitstamp_snapshot(200))
    desk.frame(b"garbage")
    desk.note(desk.feed.timeout(old[0]))
    assert desk.state is State.LIVE
    desk.expire("held")
    assert desk.book.state.value == "gap"


def test_doubt_disturbs_nobody_else() -> None:
    """A diff of one book that could not be read is that book's trouble alone."""
    desk = Desk(bitstamp("btcusd", "ethusd")).open()
    for symbol in ("btcusd", "ethusd"):
        desk.frame(diff(100, symbol=symbol))
        desk.answer(bitstamp_snapshot(100))
    desk.frame(diff(101, [("NaN", "1")], symbol="ethusd"))
    assert [book.state for book in desk.books.values()] == [State.LIVE, State.GAP]
    assert [book.counters.garbage for book in desk.books.values()] == [0, 1]
    desk.frame(diff(101, [("99", "3")], symbol="btcusd"))
    assert desk.book.position == 101


def test_garbage_among_the_buffered_diffs() -> None:
    """It may have been a diff between two others: the snapshot must then reach beyond the hole."""
    desk = Desk(bitstamp()).open()
    desk.frame(diff(100))
    desk.frame(b'{"event":"data","channel":"diff_order_book_btcusd","da')  # 200, say
    desk.frame(diff(300))
    desk.answer(bitstamp_snapshot(150))
    assert desk.state is State.SYNCING, "200 would be missing"
    desk.answer(bitstamp_snapshot(300))
    assert desk.state.value == "live"


def test_garbage_behind_the_buffered_diffs() -> None:
    """Nothing comes after it: the snapshot must at least hold what had been told before."""
    desk = Desk(bitstamp()).open()
    desk.frame(diff(100))
    desk.frame(b"garbage")
    desk.answer(bitstamp_snapshot(99))
    assert desk.state is State.SYNCING
    desk.answer(bitstamp_snapshot(100))
    assert desk.state.value == "live"
    desk.frame(diff(400))
    assert len(desk.fetches) == 1, "and it is provisional until the first diff has been joined"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>404</html>", b"{}", b"[]", b"[" * 100_000, bitstamp_snapshot(1)[:-1]],
    ids=range(6),
)
@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_garbage_instead_of_a_snapshot(body: bytes, max_price: str | None) -> None:
    """Is counted and asked again."""
    desk = Desk(bitstamp(max_price=max_price)).open()
    desk.frame(diff(100))
    desk.answer(body)
    assert (desk.state, desk.book.counters.garbage) == (State.SYNCING, 1)
    desk.answer(bitstamp_snapshot(100))
    assert desk.state.value == "live"


def test_a_failed_fetch() -> None:
    """Is told and tried again after the wait."""
    desk = Desk(bitstamp()).open()
    desk.frame(diff(100))
    desk.fail("HTTP 503", 4.0)
    assert (desk.book.reason, desk.fetches[-1].delay_s) == ("no snapshot: HTTP 503", 4.0)


def test_after_a_reconnect_everything_starts_over() -> None:
    """No id proves that nothing was lost meanwhile: the book of the old connection is gone."""
    desk = live(100)
    desk.frame(top(200))
    desk.close()
    assert (desk.state, desk.levels()) == (State.DOWN, ((), ()))
    desk.open()
    assert desk.frame(diff(300)) == desk.fetches
    desk.answer(bitstamp_snapshot(250))
    assert desk.book.position == 100, "older than the first diff of this connection"
    desk.answer(bitstamp_snapshot(300))
    assert (desk.state, desk.book.position) == (State.LIVE, 300)


def test_wide_instruments() -> None:
    """A pair with more than 15 digits keeps every digit."""
    desk = Desk(bitstamp(max_price="100000000000000")).open()
    price = "12345678901234.12345678"
    desk.frame(diff(100))
    desk.answer(bitstamp_snapshot(100, [(price, "1")], []))
    desk.frame(diff(101, [(price[:-1] + "9", "2")]))
    desk.frame(top(101, [(price[:-1] + "9", "2"), (price, "1")], []))
    assert desk.levels()[0] == ((Decimal(price[:-1] + "9"), Decimal(2)), (Decimal(price), Decimal(1)))
    assert desk.book.counters.audits_passed == 1


# Top-100 books alone.


def test_snapshot_mode() -> None:
    """Each top-100 book is the book; an equal or older one is ignored; no snapshot is ever asked for."""
    desk = Desk(bitstamp(books="snapshot")).open()
    assert [sent["data"]["channel"] for sent in desk.sent] == ["order_book_btcusd"]
    assert desk.book.reason == "waiting for the first book"
    desk.frame(top(100))
    assert (desk.state, desk.book.position) == (State.LIVE, 100)
    desk.frame(top(100, [("1", "1")]))
    desk.frame(top(99, [("1", "1")]))
    assert (desk.levels()[0], desk.book.counters.ignored) == (((100.0, 1.0),), 2)
    desk.frame(top(200, [("90", "1")]))
    assert desk.levels()[0] == ((90.0, 1.0),)
    assert not desk.fetches


def test_snapshot_mode_acknowledged_twice() -> None:
    """A late or second acknowledgement does not take a live book away."""
    desk = Desk(bitstamp(books="snapshot")).open()
    desk.frame(top(100))
    desk.frame(b'{"event":"bts:subscription_succeeded","channel":"order_book_btcusd","data":{}}')
    assert (desk.state, desk.book.counters.resyncs) == (State.LIVE, 0)


def test_snapshot_mode_horizon() -> None:
    """With 100 levels on a side nothing deeper is known; with fewer, that is all."""
    desk = Desk(bitstamp(books="snapshot")).open()
    desk.frame(top(100, [(f"{1000 - i}", "1") for i in range(100)], [(f"{1001 + i}", "1") for i in range(99)]))
    view = desk.book.view(1)
    assert (view.known_bid, view.known_ask) == (901.0, None)


def test_snapshot_mode_garbage_and_reconnect() -> None:
    """The next frame is a whole book anyway, so garbage loses nothing; a new connection begins with nothing."""
    desk = Desk(bitstamp(books="snapshot")).open()
    desk.frame(top(100))
    desk.frame(b"garbage")
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)
    desk.close()
    assert desk.levels() == ((), ())
    desk.open()
    desk.frame(top(50))
    assert desk.book.position == 50, "an older stamp than that of the last connection"


def market(**changes: Any) -> dict[str, Any]:
    """A row of the catalog with some fields changed."""
    return {
        "name": "BTC/USD", "market_symbol": "btcusd", "base_currency": "BTC", "base_decimals": 8,
        "counter_currency": "USD", "counter_decimals": 2, "minimum_order_value": "10.0", "trading": "Enabled",
        "market_type": "SPOT", **changes,
    }  # fmt: skip


def test_catalog() -> None:
    """Steps from the decimals; perpetuals and unreadable names are left out; disabled markets are marked."""
    rows = [
        market(),
        market(market_symbol="ethusd", name="ETH/USD", trading="Disabled"),
        market(market_symbol="btcusd-perp", name="BTC/USD-PERP", market_type="PERPETUAL"),
        market(name="BTCUSD"),
        market(counter_decimals=400),
        market(base_decimals=10**9),
        market(counter_decimals=-(10**9)),
        market(name="YEN/USD", counter_decimals=0),
    ]
    btc, eth, yen = Bitstamp().parse_catalog(msgspec.json.encode(rows))
    assert (btc.venue, btc.symbol, btc.pair) == ("bitstamp", "btcusd", Pair("BTC", "USD"))
    assert (btc.tick_size, btc.lot_size, btc.min_notional) == (Decimal("0.01"), Decimal("1e-8"), Decimal(10))
    assert (btc.trading, eth.trading, yen.price_decimals) == (True, False, 0)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'[{"name":"A/B"}]'], ids=range(7)
)
def test_no_catalog(body: bytes) -> None:
    """Anything else is refused as garbage, with the venue's name."""
    with pytest.raises(GarbageFrame, match="bitstamp"):
        Bitstamp().parse_catalog(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"status":"error","reason":"x","code":"400.002"}', '{"status":"error","reason":"x","code":"400.002"}'),
        (b"<html>\r\n<head>", "<html>"),
        (b"", "HTTP 404"),
        (b"x" * 900, "x" * 200),
    ],
)
def test_refusal(body: bytes, words: str) -> None:
    """The beginning of the body, one line."""
    assert Bitstamp().refusal(404, body) == words


def test_the_venue() -> None:
    """It is registered under its name; its option reaches the protocol; its replies tell no weight."""
    venue = VENUES["bitstamp"]
    assert isinstance(venue, Bitstamp)
    protocols = [venue.protocol([instrument(BITSTAMP)], {"books": books}) for books in ("diff", "snapshot")]
    assert [sum(isinstance(each, Send) for each in protocol.opened()) for protocol in protocols] == [2, 1]
    assert protocols[0].path == ""
    assert venue.used_weight({"x-mbx-used-weight-1m": "5"}) is None
    first, second = (BitstampProtocol([instrument(BITSTAMP)]).syncs[BITSTAMP].request(0)[0] for _ in range(2))
    assert first != second, "two connections do not share cached answers either"


def test_a_subscription_that_is_never_acknowledged_starts_over() -> None:
    """A book must not wait for ever for a venue that took the request and forgot it."""
    desk = Desk(bitstamp()).open(acknowledge=False)
    desk.expire("acknowledged")
    assert desk.reconnects == ["a subscription was not acknowledged"]
    desk = live()
    desk.expire("acknowledged")
    assert desk.reconnects == []


def test_after_a_silence_the_books_are_rebuilt() -> None:
    """What was said in between may be lost, and no diff would tell; diffs go on being applied meanwhile."""
    desk = live(100)
    desk.note(desk.feed.resumed())
    assert len(desk.fetches) == 1
    desk.frame(diff(101, [("99", "3")]))
    assert desk.book.position == 101
    desk.answer(bitstamp_snapshot(101, [("98", "1")]))
    assert (desk.state, desk.levels()[0]) == (State.LIVE, ((98.0, 1.0),))
    assert Desk(bitstamp(books="snapshot")).feed.resumed() == []
