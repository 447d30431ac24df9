"""The rules of Bitfinex, one by one."""

from typing import Any

import msgspec
import pytest

from book import State
from exchanges.bitfinex import Bitfinex
from exchanges.bitfinex_checksum import checksum, text
from tests.exchanges.bitfinex_desk import (
    BTC,
    ETH,
    START_MS,
    BitfinexDesk,
    bitfinex,
    crc,
    error,
    listed,
    live,
    subscribed,
)

LIVE, GAP, STALE = State.LIVE, State.GAP, State.STALE


def event(**told: Any) -> bytes:
    """A message without a number."""
    return msgspec.json.encode(told)


def test_the_flags_come_before_the_subscriptions() -> None:
    """Times, numbers and checksums; one request a symbol."""
    desk = BitfinexDesk(bitfinex(BTC, ETH)).begin()
    assert desk.sent[0] == {"event": "conf", "flags": 229_376}
    how = {"event": "subscribe", "channel": "book", "prec": "P0", "freq": "F0", "len": "250"}
    assert desk.sent[1:] == [{**how, "symbol": BTC}, {**how, "symbol": ETH}]
    assert desk.states() == [State.SYNCING] * 2
    desk.frame(event(event="info", version=2, serverId="x", platform={"status": 1}))
    desk.frame(event(event="conf", status="OK", flags=229_376))
    assert (desk.book.counters.garbage, desk.reconnects) == (0, [])


def test_flags_that_are_refused() -> None:
    """Without numbers nothing would be proven."""
    desk = BitfinexDesk(bitfinex()).begin()
    desk.frame(event(event="conf", status="FAILED"))
    assert desk.reconnects == ["the venue does not number its messages"]


@pytest.mark.parametrize(
    ("level", "bids", "asks"),
    [
        (("61249", 1, "3"), ((61250, 0.5), (61249, 3)), ((61251, 0.025),)),
        (("61250", 1, "0.75"), ((61250, 0.75),), ((61251, 0.025),)),
        (("61252", 4, "-1.2"), ((61250, 0.5),), ((61251, 0.025), (61252, 1.2))),
        (("61250", 0, "1"), (), ((61251, 0.025),)),
        (("61251", 0, "-1"), ((61250, 0.5),), ()),
        (("61249", 0, "1"), ((61250, 0.5),), ((61251, 0.025),)),
        (("7e-7", 1, "1e-8"), ((61250, 0.5), (7e-7, 1e-8)), ((61251, 0.025),)),
    ],
)
def test_levels(level: tuple[str, int, str], bids: Any, asks: Any) -> None:
    """The sign tells the side, a count of 0 removes, whatever the amount; else the amount is the total."""
    desk = live()
    desk.level(*level)
    assert desk.levels() == (bids, asks)
    assert (desk.state, desk.book.counters.garbage) == (LIVE, 0)
    assert desk.book.counters.unknown_removals == (level == ("61249", 0, "1"))


def test_the_position_is_the_time() -> None:
    """Or a little more, where the venue's clock stands still or goes back."""
    desk = live()
    assert (desk.book.position, desk.book.stamps.venue_ns) == (START_MS * 10**6, START_MS * 10**6)
    desk.ms = START_MS - 5
    desk.level("61249", 1, "3")
    assert (desk.book.position, desk.book.stamps.venue_ns) == (START_MS * 10**6 + 1, (START_MS - 5) * 10**6)
    desk.ms = START_MS + 9
    desk.level("61249", 1, "3")
    assert desk.book.position == (START_MS + 9) * 10**6


@pytest.mark.parametrize("depth", [25, 100, 250])
def test_the_length_that_was_subscribed(depth: int) -> None:
    """Of a side that is as long nothing is known beyond its end; what is pushed out is cut, told or not."""
    desk = BitfinexDesk(bitfinex(depth=depth)).begin()
    assert desk.sent[1]["len"] == str(depth)
    desk.answer_to()
    bids = [(str(60_000 - number), 1, "1") for number in range(depth)]
    desk.snapshot(rows=[*bids, ("60002", 1, "-1")])
    view = desk.book.view(1000)
    assert (view.known_bid, view.known_ask, len(view.bids)) == (60_001 - depth, None, depth)
    desk.level("60001", 1, "1")
    view = desk.book.view(1000)
    assert (view.known_bid, len(view.bids), view.bids[-1][0]) == (60_002 - depth, depth, 60_002 - depth)
    desk.snapshot(rows=[(str(60_001 + number), 1, "-1") for number in range(depth)])
    view = desk.book.view(1000)
    assert (view.known_bid, view.known_ask, view.bids) == (None, 60_000 + depth, ())


def test_an_empty_book() -> None:
    """Is a snapshot too."""
    desk = live()
    desk.snapshot(rows=[])
    assert (desk.state, desk.levels()) == (LIVE, ((), ()))


# Numbers.


@pytest.mark.parametrize(
    ("ahead", "states", "gaps"),
    [(0, [LIVE, LIVE], 0), (1, [GAP, GAP], 1), (2, [GAP, GAP], 1)],
)
@pytest.mark.parametrize("kind", ["level", "hb", "cs", "snapshot", "other", "unreadable"])
def test_a_number_that_is_missing(kind: str, ahead: int, states: list[State], gaps: int) -> None:
    """Costs every book of the connection, whatever message shows it; all are subscribed anew."""
    desk = live(BTC, ETH)
    before = dict(desk.channels)
    desk.lose(ahead)
    payload = {
        "level": "[61249,1,3]", "hb": '"hb"', "cs": f'"cs",{crc("61250:0.5:61251:-0.025")}', "snapshot": "[]",
        "other": '"hb"', "unreadable": "[61249,1,null]",
    }[kind]  # fmt: skip
    desk.say(payload, channel=4711 if kind == "other" else None)
    lost = [GAP, LIVE] if kind == "unreadable" and not ahead else states
    assert desk.states() == lost
    assert desk.book.counters.gaps == (1 if lost[0] is GAP else 0)
    if ahead:
        words = "3 is" if ahead == 1 else "3 to 4 are"
        assert desk.book.reason == f"of the connection's messages {words} missing"
        ends = [("unsubscribe", before[symbol]) for symbol in (BTC, ETH)]
        assert desk.asked() == [*ends, ("subscribe", BTC), ("subscribe", ETH)]
        assert desk.reconnects == []


def test_a_lost_book_comes_back() -> None:
    """What the old channel still says is dropped; the new one begins with a snapshot."""
    desk = live(BTC, ETH)
    old = desk.channels[BTC]
    desk.lose()
    desk.heartbeat()
    desk.say("[61240,1,1]", channel=old)
    desk.frame(event(event="unsubscribed", status="OK", chanId=old))
    assert (desk.state, desk.levels()) == (GAP, ((), ()))
    desk.answer_to(BTC)
    desk.level("61200", 1, "1")
    assert (desk.state, desk.levels()) == (GAP, ((), ()))
    desk.snapshot(BTC)
    assert desk.states() == [LIVE, GAP]
    desk.answer_to(ETH)
    desk.snapshot(ETH)
    assert (desk.states(), desk.book.counters.resyncs, desk.book.counters.garbage) == ([LIVE, LIVE], 1, 0)


def test_the_second_loss_asks_for_another_connection() -> None:
    """Which may be a better one."""
    desk = live()
    for _ in range(2):
        desk.lose()
        desk.heartbeat()
        desk.answer_to()
        desk.snapshot()
    assert len(desk.reconnects) == 1


def test_a_loss_does_not_concern_channels_that_are_not_open_yet() -> None:
    """None of their messages can have been lost."""
    desk = BitfinexDesk(bitfinex(BTC, ETH)).begin()
    desk.answer_to(BTC)
    desk.snapshot(BTC)
    desk.sent.clear()
    desk.lose()
    desk.heartbeat(BTC)
    assert [name for _, name in desk.asked()] == [desk.channels[BTC], BTC]
    assert desk.states() == [GAP, State.SYNCING]


def test_old_messages() -> None:
    """Are dropped; ten in a row say that the venue counts anew."""
    desk = live()
    for count in range(1, 10):
        desk.number = 1
        desk.level("61249", 1, "3")
        assert (desk.state, desk.book.counters.ignored) == (LIVE, count)
    desk.number = 1
    desk.say('"hb"', channel=99)
    assert (desk.state, desk.book.reason) == (GAP, "10 messages in a row were older than the books")
    desk = live()
    desk.number -= 1
    desk.say("[1,1,null]")
    assert (desk.state, desk.book.counters.garbage, desk.levels()[0][0]) == (LIVE, 1, (61250, 0.5))


# Channels.


def test_two_books_keep_to_their_channels() -> None:
    """Whatever a message is about, its channel alone tells."""
    desk = live(BTC, ETH)
    desk.level("3200.1", 1, "-2", ETH)
    desk.say("[1,1,1]", channel=4711)
    assert desk.levels()[1] == ((61251, 0.025),)
    assert desk.books[ETH].asks.best() == 3200.1
    assert desk.book.counters.garbage == 0


def test_a_channel_that_changes_hands() -> None:
    """The newest answer says whose a channel is."""
    desk = live(BTC, ETH)
    desk.frame(subscribed(ETH, desk.channels[BTC]))
    desk.level("61249", 1, "9")
    assert (desk.levels()[0], desk.books[ETH].bids.amounts.get(61249)) == (((61250, 0.5),), 9)


@pytest.mark.parametrize("told", [{"symbol": BTC}, {"chanId": 3}, {"symbol": [], "chanId": 3}])
def test_an_answer_that_tells_too_little(told: dict[str, Any]) -> None:
    """Is garbage."""
    desk = live()
    desk.frame(event(event="subscribed", channel="book", **told))
    assert (desk.state, desk.book.counters.garbage) == (LIVE, 1)


def test_pairs_come_and_go() -> None:
    """A removed one's channel is ended; if it was not open yet, as soon as it is."""
    desk = live()
    channel = desk.channels[BTC]
    pairs = {ETH: (desk.pairs[BTC], desk.books[BTC])}
    desk.note(desk.feed.add([listed(ETH)], pairs))
    assert desk.asked() == [("subscribe", ETH)]
    desk.note(desk.feed.remove([ETH]))
    assert desk.asked() == []
    desk.frame(subscribed(ETH, 555))
    assert desk.asked() == [("unsubscribe", 555)]
    desk.note(desk.feed.remove([BTC]))
    assert desk.asked() == [("unsubscribe", channel)]
    desk.level("61249", 1, "3")
    desk.frame(error(10300))
    desk.expire("look")
    assert desk.reconnects == []


# Checksums.


def test_the_checksum_of_an_example() -> None:
    """Bids and asks in turn, amounts of asks negative, the sum signed."""
    bids, asks = [(61250.0, 0.5), (61249.0, 0.0031)], [(61251.0, 0.025), (61252.0, 1.2)]
    assert checksum(bids, asks) == -1028591047 == crc("61250:0.5:61251:-0.025:61249:0.0031:61252:-1.2")
    assert checksum(bids, asks[:1]) == crc("61250:0.5:61251:-0.025:61249:0.0031")
    assert checksum([], asks[:1]) == crc("61251:-0.025")
    assert checksum([], []) == 0


@pytest.mark.parametrize(
    "written",
    ["61250", "0.5", "0.0001", "0.00001", "0.0000011", "0.000001", "7e-7", "6.6e-7", "1e-8", "1.23e-7", "123456789",
     "500793.10790141", "47.914412330000005", "99999999999999.98", "100000000000000"],
)  # fmt: skip
def test_numbers_are_written_as_they_came(written: str) -> None:
    """As JavaScript writes them, exponents from 1e-7 on."""
    assert text(float(written)) == written


def test_checksums_are_compared() -> None:
    """Of the book after all messages before."""
    desk = live()
    desk.level("61249", 3, "0.0031")
    desk.level("61252", 1, "-1.2")
    desk.say('"cs",-1028591047')
    assert (desk.state, desk.book.counters.audits_passed) == (LIVE, 1)
    desk.level("61249", 3, "0.0032")
    desk.say('"cs",-1028591047')
    assert (desk.state, desk.book.counters.audits_failed, desk.levels()) == (GAP, 1, ((), ()))
    assert "the venue says -1028591047" in desk.book.reason
    assert [name for name, _ in desk.asked()] == ["unsubscribe", "subscribe"]
    desk.answer_to()
    desk.say('"cs",5')
    assert (desk.state, desk.book.counters.audits_failed) == (GAP, 1), "of a book that is not there yet"


def test_only_the_25_best_are_under_it() -> None:
    """On each side."""
    desk = live()
    words = []
    for number in range(30):
        bid, ask = str(61250 - number), str(61251 + number)
        desk.level(bid, 1, "0.5")
        desk.level(ask, 1, "-0.5")
        words += [bid, "0.5", ask, "-0.5"] if number < 25 else []
    desk.say(f'"cs",{crc(":".join(words))}')
    assert (desk.state, desk.book.counters.audits_passed) == (LIVE, 1)


# Silence.


def test_every_channel_must_speak() -> None:
    """One that has not said a word within twenty seconds is begun anew; heartbeats are words."""
    desk = live(BTC, ETH)
    desk.expire("look")
    assert desk.states() == [LIVE, LIVE]
    desk.heartbeat(BTC)
    desk.expire("look")
    assert desk.states() == [LIVE, STALE]
    assert desk.books[ETH].reason == "no message of this book for 20 s, not even a heartbeat"
    assert [name for name, _ in desk.asked()] == ["unsubscribe", "subscribe"]
    desk.level("61249", 1, "3")
    desk.expire("look")
    assert desk.states() == [LIVE, STALE]
    assert sum(timer.purpose == "look" for timer in desk.timers) == 1


def test_pings() -> None:
    """Every three seconds, so that answers come however quiet the books are."""
    desk = live()
    for number in (1, 2):
        desk.expire("keepalive")
        assert desk.sent.pop() == {"event": "ping", "cid": number}
        desk.frame(event(event="pong", ts=START_MS, cid=number))
    assert desk.book.counters.garbage == 0
    assert Bitfinex().limits.quiet_s > desk.protocol.keepalive_s  # type: ignore[attr-defined]


def test_no_snapshot_comes() -> None:
    """Asked for again, then on another connection."""
    desk = BitfinexDesk(bitfinex()).begin()
    desk.sent.clear()
    for _ in range(3):
        desk.expire("snapshot")
        assert desk.asked() == [("subscribe", BTC)]
    desk.expire("snapshot")
    assert (desk.asked(), desk.reconnects) == ([], [f"no snapshot of {BTC} came"])


# News of the venue, and refusals.


def test_a_restart_is_announced() -> None:
    """The books stay, until another connection has them."""
    desk = live()
    desk.frame(event(event="info", code=20051, msg="Stopping. Please try to reconnect"))
    assert (desk.state, desk.reconnects) == (LIVE, ["the venue announced a restart of this server"])


@pytest.mark.parametrize(
    "told", [{"code": 20060}, {"version": 2, "platform": {"status": 0}}], ids=["announced", "at the start"]
)
def test_maintenance(told: dict[str, Any]) -> None:
    """Nothing is believed and nothing asked until it is over; then all is subscribed anew."""
    desk = live(BTC, ETH)
    old = [desk.channels[symbol] for symbol in (BTC, ETH)]
    for _ in range(2):
        desk.frame(event(event="info", **told))
    assert (desk.states(), desk.book.reason) == ([STALE, STALE], "the venue is in maintenance")
    assert sum(timer.purpose == "maintenance" for timer in desk.timers) == 1
    desk.level("61249", 1, "3")
    desk.snapshot()
    desk.expire("snapshot")
    desk.note(desk.feed.add([], {}))
    desk.note(desk.feed._carry_out(desk.protocol.begin([BTC]), 0))
    assert (desk.asked(), desk.states(), desk.reconnects) == ([], [STALE, STALE], [])
    desk.frame(event(event="info", code=20061))
    again = [("subscribe", BTC), ("subscribe", ETH)]
    assert desk.asked() == [*(("unsubscribe", channel) for channel in old), *again]
    desk.answer_to(BTC)
    desk.snapshot(BTC)
    assert desk.states() == [LIVE, State.SYNCING]
    desk.expire("maintenance")
    assert desk.reconnects == []


def test_a_maintenance_without_end() -> None:
    """Another connection is tried; it knows nothing of the pause."""
    desk = live()
    desk.frame(event(event="info", code=20060))
    desk.expire("maintenance")
    assert desk.reconnects == ["the maintenance does not end"]
    desk.close()
    desk.begin()
    assert (desk.state, desk.sent[-1]["event"]) == (State.SYNCING, "subscribe")


@pytest.mark.parametrize("code", [10300, 10302, 10305, 10001])
def test_refusals(code: int) -> None:
    """The book is down, in the venue's words, and is not asked for again."""
    desk = BitfinexDesk(bitfinex(BTC, ETH)).begin()
    desk.answer_to(ETH)
    desk.snapshot(ETH)
    desk.sent.clear()
    desk.frame(error(code))
    assert desk.states() == [State.DOWN, LIVE]
    assert desk.book.reason == f"subscription refused: symbol: invalid (code {code})"
    desk.expire("snapshot")
    assert desk.asked() == []


def test_a_subscription_that_stands_already() -> None:
    """Its channel is ended, and another begun, since the snapshot may have been missed."""
    desk = BitfinexDesk(bitfinex()).begin()
    desk.sent.clear()
    desk.frame(error(10301, chanId=722711))
    assert desk.asked() == [("unsubscribe", 722711), ("subscribe", BTC)]
    desk.frame(error(10301))
    assert (desk.asked(), desk.state, desk.book.counters.garbage) == ([], State.SYNCING, 0)
    desk.answer_to()
    desk.snapshot()
    desk.frame(error(10301, chanId=722711))
    assert (desk.asked(), desk.state, desk.book.counters.garbage) == ([], LIVE, 1)


@pytest.mark.parametrize(
    ("told", "garbage"),
    [
        (error(10400), 0), (error(10401), 0), (error(10000, symbol=""), 1), (event(event="error"), 1),
        (event(event="error", symbol=[BTC], code=10300), 1), (event(event="weather"), 1), (b"[]", 1), (b"7", 1),
        (event(event="info", code=12345), 0), (event(event="info", platform=7), 0),
    ],
)  # fmt: skip
def test_other_events(told: bytes, garbage: int) -> None:
    """An unsubscription may be in vain; what names no book of ours is only counted."""
    desk = live()
    desk.frame(told)
    assert (desk.state, desk.book.counters.garbage, desk.asked()) == (LIVE, garbage, [])
