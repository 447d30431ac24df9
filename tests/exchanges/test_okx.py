"""The rules of OKX, one table or test each."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import State
from exchanges.actions import Become, Load, Reconnect, Send, Threshold, Timer, Verify
from exchanges.okx import Okx, OkxProtocol, checksum, text
from tests.exchanges.desk import Desk
from tests.exchanges.okx_desk import SYMBOL, TS, error, first, live, okx, push, rest_book, signed_crc, unknown, update


def test_a_stream_begins_with_a_snapshot() -> None:
    """Nothing counts before it; then the book is live, at its id and with the venue's time."""
    desk = Desk(okx()).open(acknowledge=False)
    assert (desk.state, desk.book.reason) == (State.SYNCING, "subscribing")
    desk.frame(update(90, 100, [("99", "1")]))
    assert (desk.state, desk.book.counters.updates) == (State.SYNCING, 0)
    desk.frame(first(100))
    assert (desk.state, desk.book.position) == (State.LIVE, 100)
    assert desk.levels() == (((100.0, 1.0),), ((101.0, 1.0),))
    assert desk.book.stamps.venue_ns == TS * 1_000_000


def test_normal_running() -> None:
    """Amounts are absolute, 0 removes, and two spellings of a price are one price."""
    desk = live()
    desk.frame(update(100, 107, [("100.0", "0"), ("99.5", "2")], [("100.9", "0.4"), ("300", "0")]))
    assert desk.levels() == (((99.5, 2.0),), ((100.9, 0.4), (101.0, 1.0)))
    assert (desk.book.position, desk.book.counters.unknown_removals) == (107, 1)


@pytest.mark.parametrize(
    ("previous", "last", "position"),
    [
        (100, 101, 101),
        (100, 5000, 5000),  # ids count the whole market
        (100, 100, 100),  # alive, and nothing happened
        (100, 3, 3),  # the venue counts anew
        (100, 0, 0),
        (99, 101, None),  # continues something that we never had
        (101, 102, None),
        (-1, 101, None),
        (3, 5, None),
        (500, 3, None),  # counts anew, after something that was lost
    ],
)
def test_the_chain(previous: int, last: int, position: int | None) -> None:
    """`prevSeqId` must be the `seqId` before, whatever `seqId` is; anything else is a gap."""
    desk = live(100)
    desk.frame(update(previous, last, [("100.5", "3")] if last != previous else []))
    if position is None:
        assert (desk.state, desk.levels(), desk.book.counters.gaps) == (State.GAP, ((), ()), 1)
        assert desk.book.reason == f"the update to {last} continues {previous}, the book is at 100"
        assert [sent["op"] for sent in desk.sent[1:]] == ["unsubscribe", "subscribe"]
        desk.frame(update(last, last + 1))  # of the old subscription
        desk.frame(first(900))
        assert (desk.book.state.value, desk.book.position) == ("live", 900)
        return
    assert (desk.state, desk.book.position, desk.book.counters.gaps) == (State.LIVE, position, 0)
    desk.frame(update(position, position + 4, [("100.7", "1")]))
    assert (desk.state, desk.book.position) == (State.LIVE, position + 4)


def test_an_update_that_comes_twice() -> None:
    """What ends where the book is, is inside it."""
    desk = live(100)
    frame = update(100, 101, [("100.5", "3")])
    desk.frame(frame)
    assert desk.frame(frame) == []
    assert (desk.state, desk.book.position) == (State.LIVE, 101)
    assert (desk.book.counters.ignored, desk.book.counters.updates) == (1, 2)


def test_the_documented_sequence() -> None:
    """The order of ids that the documentation gives as its example: 10, 15, 15 again, back to 3, 5."""
    desk = live(10)
    for previous, last in ((10, 15), (15, 15), (15, 3), (3, 5)):
        desk.frame(update(previous, last))
    assert (desk.state, desk.book.position, desk.book.counters.gaps) == (State.LIVE, 5, 0)


def test_a_keepalive_is_news() -> None:
    """It carries no level, but the book is as fresh as it."""
    desk = live()
    desk.now_ns += 60 * 10**9
    desk.frame(update(100, 100))
    assert desk.book.stamps.received_ns == desk.now_ns


def test_after_counting_anew_the_past_is_forgotten() -> None:
    """A REST book that was asked for before has ids that mean nothing any more."""
    desk = live(100)
    desk.expire("probe")
    desk.frame(update(100, 3))
    desk.answer(rest_book(105, [("50", "1")]))
    assert (desk.state, desk.book.counters.audits_failed) == (State.LIVE, 0)
    desk.frame(update(3, 8, [("99", "1")]))
    desk.expire("probe")
    desk.expire("probe")
    desk.answer(rest_book(3, [("100", "1"), ("99", "7")]))
    assert desk.book.counters.audits_passed == 1, "99 was touched since"


def test_a_snapshot_out_of_turn_replaces_the_book() -> None:
    """Whenever one comes."""
    desk = live()
    desk.frame(first(200, [("90", "1")], []))
    assert (desk.state, desk.book.position, desk.levels()) == (State.LIVE, 200, (((90.0, 1.0),), ()))


def test_a_gap_hits_one_book_only() -> None:
    """The other one goes on, and only the lost one is subscribed again."""
    desk = live(100, "BTC-USDT", "ETH-USDT")
    desk.frame(update(105, 106))
    assert [book.state for book in desk.books.values()] == [State.GAP, State.LIVE]
    assert [sent["args"] for sent in desk.sent[1:]] == [[{"channel": "books", "instId": "BTC-USDT"}]] * 2


def test_depth() -> None:
    """400 levels a side are known: beyond them nothing, and what falls out is forgotten."""
    bids = [(f"{10_000 - rank}", "1") for rank in range(400)]
    asks = [(f"{20_000 + rank}", "1") for rank in range(399)]
    desk = Desk(okx()).open(acknowledge=False)
    desk.frame(first(100, bids, asks))
    view = desk.book.view(1)
    assert (view.known_bid, view.known_ask) == (9601.0, None)
    desk.frame(update(100, 101, [("10001", "1")], [("19999", "1"), ("19998", "1")]))
    view = desk.book.view(1)
    assert (len(desk.book.bids), len(desk.book.asks)) == (400, 400)
    assert (view.known_bid, view.known_ask) == (9602.0, 20397.0)


@pytest.mark.parametrize(
    ("bids", "asks", "told"),
    [  # computed by hand from the strings that the documentation builds
        ("3366.1 7 3366 6", "3366.8 9 3368 8", "3366.1:7:3366.8:9:3366:6:3368:8"),
        ("3366.1 7", "3366.8 9 3368 8 3372 8", "3366.1:7:3366.8:9:3368:8:3372:8"),
        ("61250.3 0.5 61249.9 0.0031 61249 2", "61250.4 0.025 61251 1.2", -1438901431),
        ("", "", ""),
    ],
)
def test_checksum(bids: str, asks: str, told: str | int) -> None:
    """Bids and asks in turn, the longer side alone at the end, as a signed number; floats and Decimals alike."""
    for kind in (float, Decimal):
        sides: Any = [
            list(zip(map(kind, words[::2]), map(kind, words[1::2]), strict=True))
            for words in (bids.split(), asks.split())
        ]
        assert checksum(*sides) == (signed_crc(told) if isinstance(told, str) else told)


def test_a_wrong_snapshot_is_never_seen() -> None:
    """It is loaded, shown and verified in one piece: nothing for the network comes between."""
    actions = okx().frame(first(100, check=12345))
    assert [type(action) for action in actions] == [Timer, Threshold, Load, Become, Verify]


def test_the_checksum_covers_25_levels_a_side() -> None:
    """No more, no less."""
    bids = [(f"{100 - rank}", f"{rank + 1}") for rank in range(30)]
    checked = ":".join(f"{price}:{amount}" for price, amount in bids[:25])
    desk = Desk(okx()).open(acknowledge=False)
    desk.frame(first(100, bids, [], check=signed_crc(checked)))
    assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, 1)


@pytest.mark.parametrize(
    "number",
    ["1", "30244", "30243.5", "0.00029527", "0.000000001", "0.000000000012", "1134312.21", "123456789012345", "10"],
)
def test_numbers_as_the_venue_writes_them(number: str) -> None:
    """No exponent and no zeros at the end, however they are held."""
    assert text(float(number)) == text(Decimal(number)) == number
    assert text(Decimal(number + ("0" if "." in number else ".00"))) == number


@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_a_checksum_is_verified_where_there_is_one(max_price: str | None) -> None:
    """A wrong one hides the book at once, in the snapshot too; 0 says nothing."""
    desk = live(max_price=max_price)
    assert desk.book.counters.audits_passed == 0
    desk.frame(update(100, 101, [("99.5", "0.25")], check=signed_crc("100:1:101:1:99.5:0.25")))
    assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, 1)
    desk.frame(update(101, 102, [("99.5", "0")], check=12345))
    assert (desk.state, desk.book.counters.audits_failed) == (State.GAP, 1)
    assert "checksum" in desk.book.reason
    desk.frame(first(200, check=12345))
    assert (desk.state, desk.levels()) == (State.GAP, ((), ()))
    desk.frame(first(300, check=signed_crc("100:1:101:1")))
    assert desk.book.state.value == "live"


def test_subscriptions() -> None:
    """At most 100 books in a request, every one of them once, each request with an id of its own."""
    symbols = [f"S{number}-USDT" for number in range(250)]
    desk = Desk(okx(*symbols)).open(acknowledge=False)
    assert [len(sent["args"]) for sent in desk.sent] == [100, 100, 50]
    assert [argument for sent in desk.sent for argument in sent["args"]] == [
        {"channel": "books", "instId": symbol} for symbol in symbols
    ]
    assert {sent["op"] for sent in desk.sent} == {"subscribe"}
    assert len({sent["id"] for sent in desk.sent}) == 3
    assert all(sent["id"].isalnum() and len(sent["id"]) <= 32 for sent in desk.sent)
    assert all(len(json.dumps(sent)) < 64 * 1024 for sent in desk.sent)


def test_the_connection_is_kept_open() -> None:
    """The text `ping` every five seconds; its answer changes nothing."""
    desk = live()
    for _ in range(3):
        assert next(timer for timer in desk.timers if timer.purpose == "keepalive").delay_s == 5.0
        assert Send("ping") in desk.expire("keepalive")
        assert desk.frame(b"pong") == []
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 0)
    limits = Okx.limits
    assert OkxProtocol.keepalive_s < limits.quiet_s < limits.dead_s < 30


def storm(desk: Desk, count: int) -> None:
    """So many gaps, each healed by a snapshot."""
    for _ in range(count):
        desk.frame(update(7, 8))
        desk.frame(first(100))


def test_subscriptions_are_bounded() -> None:
    """480 requests an hour and connection: when ours are spent, another connection takes over."""
    desk = live()
    storm(desk, 49)
    assert (len(desk.sent), desk.reconnects) == (99, [])
    storm(desk, 1)
    assert (len(desk.sent), desk.reconnects) == (99, ["this connection has used up its subscriptions"])
    assert desk.state is State.LIVE, "a snapshot came all the same"
    desk.frame(update(7, 8))
    for _ in range(2):
        desk.expire("keepalive")
    desk.expire("snapshot")
    assert len([sent for sent in desk.sent if sent != "ping"]) == 101, "half a request more with every ping"
    for _ in range(720):
        desk.expire("keepalive")
        desk.frame(first(100))
        storm(desk, 1)
    requests = [sent for sent in desk.sent if sent != "ping"]
    assert 450 < len(requests) <= 480
    desk.close()
    desk.open(acknowledge=False)
    desk.frame(first(100))
    count = len(desk.sent)
    storm(desk, 10)
    assert len(desk.sent) == count + 20, "a new connection begins anew"


def test_no_snapshot_comes() -> None:
    """Asked for three times more, then another connection is tried."""
    desk = Desk(okx()).open(acknowledge=False)
    for _ in range(3):
        desk.expire("snapshot")
    assert [sent["op"] for sent in desk.sent] == ["subscribe", *("unsubscribe", "subscribe") * 3]
    assert desk.reconnects == []
    desk.expire("snapshot")
    assert desk.reconnects == [f"no snapshot of {SYMBOL} came"]


def test_an_unknown_instrument() -> None:
    """60018 names it: only that book is down, for good, with the venue's words; the others do not notice."""
    desk = Desk(okx("BTC-USDT", "FOO-BAR")).open(acknowledge=False)
    desk.frame(b'{"id":"subscribe1","event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a"}')
    desk.frame(error("60018", unknown("FOO-BAR")))
    desk.frame(first(100))
    assert [book.state for book in desk.books.values()] == [State.LIVE, State.DOWN]
    reason = desk.books["FOO-BAR"].reason
    assert reason == f"subscription refused: {unknown('FOO-BAR')} (code 60018)"
    count = len(desk.sent)
    desk.expire("snapshot")
    desk.note(desk.feed._carry_out(desk.protocol.resync("FOO-BAR", State.GAP, "x"), 0))
    assert (len(desk.sent), desk.reconnects) == (count, [])
    desk.frame(update(1, 2, symbol="FOO-BAR"))
    assert desk.books["FOO-BAR"].state is State.DOWN


def test_a_refusal_that_may_pass() -> None:
    """The venue's words are shown and it is tried again."""
    desk = Desk(okx()).open(acknowledge=False)
    desk.frame(error("60014", f"Requests too frequent, instId:{SYMBOL}"))
    assert desk.state is State.SYNCING
    assert desk.book.reason == f"subscription refused: Requests too frequent, instId:{SYMBOL} (code 60014)"
    desk.expire("snapshot")
    assert len(desk.sent) == 3


@pytest.mark.parametrize(
    "frame",
    [
        error("60018", unknown("BAR-FOO")),
        error("60018", unknown(SYMBOL)),  # it is live: that was about something else
        error("60012", "Invalid request"),
        b'{"event":"error","code":60012,"msg":null}',
        b'{"event":"error"}',
    ],
)
def test_an_error_that_changes_nothing(frame: bytes) -> None:
    """It is counted as garbage."""
    desk = live()
    assert desk.frame(frame) == []
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)


def test_an_unsubscription_that_fails_refuses_nothing() -> None:
    """The stream had ended already; the new subscription goes on."""
    desk = live()
    desk.frame(update(7, 8))
    desk.frame(error("60018", unknown(SYMBOL), desk.sent[1]["id"]))
    assert desk.book.state is State.GAP
    desk.frame(first(100))
    assert desk.book.state.value == "live"


def test_an_upgrade_of_the_server() -> None:
    """The notice asks for another connection, and until that one is there this one goes on."""
    desk = live()
    words = "The connection will soon be closed for a service upgrade. Please reconnect."
    notice = {"event": "notice", "code": "64008", "msg": words, "connId": "a4d3ae55"}
    (action,) = desk.frame(msgspec.json.encode(notice))
    assert isinstance(action, Reconnect)
    assert action.overlap
    desk.frame(update(100, 101))
    assert (desk.state, desk.book.position) == (State.LIVE, 101)


@pytest.mark.parametrize(
    "frame",
    [
        b"pong",
        b'{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a"}',
        b'{"id":"1","event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"}}',
        b'{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"px":"nan"}]}',
        push("update", 1, 2).replace(b'"books"', b'"books-rpi"'),
        push("update", 1, 2, symbol="ETH-USDT"),
        b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[]}',
    ],
    ids=range(7),
)
def test_frames_that_mean_nothing_to_us(frame: bytes) -> None:
    """Neither a change nor garbage."""
    desk = live()
    assert desk.frame(frame) == []
    assert (desk.state, desk.book.counters.garbage, desk.book.counters.updates) == (State.LIVE, 0, 1)


def test_fields_in_another_order() -> None:
    """JSON objects have none."""
    told = json.loads(update(100, 101, [("99", "1")]))
    desk = live()
    bids = [[f"{50 + rank}", "1", "0", "1"] for rank in range(30)]
    told["data"][0]["bids"] = bids
    desk.frame(json.dumps({"data": told["data"], "action": told["action"], "arg": told["arg"]}).encode())
    assert (desk.state, desk.book.position, len(desk.book.bids)) == (State.LIVE, 101, 31)
