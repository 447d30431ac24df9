"""What Coinbase should never send: it disturbs the books that it was for, and nothing makes the protocol raise."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State
from tests.exchanges.coinbase_desk import BTC, ETH, START_NS, CoinbaseDesk, at, coinbase, event, live, message
from tests.exchanges.coinbase_desk import wrong_update as wrong

NO_PRICES: list[Any] = ["0", "-1", "NaN", "inf", "1e15", "", "x", None, [], {}]
NO_AMOUNTS: list[Any] = ["-1", "NaN", "Infinity", "1e15", "", "1x", None, [1]]
NO_SIDES: list[Any] = ["ask", "buy", "BID", "", None, 1]
NO_TIMES: list[Any] = ["", "2026-08-09T21:05:48", "yesterday", None, "2263-01-01T00:00:00Z", at(62 * 10**6)]


WRONG: list[dict[str, Any]] = [
    *(wrong(price_level=each) for each in NO_PRICES),
    *(wrong(new_quantity=each) for each in NO_AMOUNTS),
    *(wrong(side=each) for each in NO_SIDES),
    *(wrong(event_time=each) for each in NO_TIMES),  # the last one lies long after its message
    {**event("update"), "type": "delta"},
    {**event("update"), "updates": {}},
    {"product_id": BTC},
]


@pytest.mark.parametrize("update", WRONG)
@pytest.mark.parametrize("max_price", [None, "1e14"])
def test_a_message_that_cannot_be_read(update: Any, max_price: str | None) -> None:
    """Disturbs the book that it names, and no other; nothing of it is applied; the numbers go on."""
    desk = live(BTC, ETH, max_price=max_price)
    desk.say(update)
    assert desk.states() == [State.GAP, State.LIVE]
    assert desk.book.reason == "a message could not be read"
    assert [book.counters.garbage for book in desk.books.values()] == [1, 0]
    assert desk.asked() == [("unsubscribe", "level2", [BTC]), ("subscribe", "level2", [BTC])]
    desk.update(2, [("99", "1")], product=ETH)
    desk.snapshot()
    assert desk.states() == [State.LIVE, State.LIVE]
    assert desk.levels()[0] == ((100, 1),)
    assert len(desk.books[ETH].bids) == 2


def test_several_markets_in_a_message_that_cannot_be_read() -> None:
    """All that it names are lost, each once; unknown ones disturb nobody."""
    desk = live(BTC, ETH)
    desk.say(wrong(side="ask"), event("update", product=ETH), event("update"))
    assert desk.states() == [State.GAP, State.GAP]
    assert [book.counters.gaps for book in desk.books.values()] == [1, 1]
    quiet = live(BTC, ETH)
    quiet.say({**wrong(side="ask"), "product_id": "DOGE-USD"})
    assert quiet.states() == [State.LIVE, State.LIVE]
    assert [book.counters.garbage for book in quiet.books.values()] == [1, 1]


@pytest.mark.parametrize(
    "events", [[], [7], [{"type": "update"}], [{"product_id": 7}], [event("update"), None], None]
)
def test_a_message_that_names_no_market(events: Any) -> None:
    """It may have been for any book: all are lost, as by a gap."""
    desk = live(BTC, ETH)
    body = msgspec.json.encode(
        {"channel": "l2_data", "timestamp": None, "sequence_num": desk.number, "events": events}
    )
    desk.frame(body)
    assert desk.states() == [State.GAP, State.GAP]
    desk.number += 1
    desk.snapshot()
    assert desk.states() == [State.LIVE, State.GAP]


GARBAGE = [
    b"", b"{", b"[]", b"7", b"null", b'"text"', b"\xff\xfe", b"[" * 2000, b'{"channel":"l2_data"}',
    b'{"channel":"l2_data","sequence_num":"x"}', b'{"channel":"ticker","sequence_num":-1}', b'{"sequence_num":2}',
    b'{"channel":7,"sequence_num":2}', b'{"channel":"l2_data","sequence_num":2,"events":[{"product_id":"BTC-USD"',
    b'{"type":"error","message":"rate limit exceeded"}', b'{"type":"error"}',
]  # fmt: skip


@pytest.mark.parametrize("body", GARBAGE)
def test_garbage(body: bytes) -> None:
    """Frames without a readable number change nothing; if one was a message, the next number tells."""
    desk = live(BTC, ETH)
    before = desk.levels()
    desk.frame(body)
    assert (desk.states(), desk.levels()) == ([State.LIVE, State.LIVE], before)
    assert (desk.book.counters.garbage, desk.sent) == (1, [])
    desk.lose()
    desk.update(1)
    assert desk.states() == [State.GAP, State.GAP]


@pytest.mark.parametrize("channel", ["weather", "user"])
def test_an_unexpected_channel(channel: str) -> None:
    """Is numbered like all others, and garbage."""
    desk = live()
    desk.say(channel=channel)
    desk.say({"prices": 7}, channel="ticker")
    desk.update(1)
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)


@pytest.mark.parametrize(("lost", "states"), [(0, [State.LIVE] * 2), (1, [State.GAP] * 2)])
def test_garbage_of_other_channels(lost: int, states: list[State]) -> None:
    """Its number counts; behind a gap it shows the gap; an old one is dropped."""
    desk = live(BTC, ETH)
    desk.lose(lost)
    for number in (desk.number, 0):
        desk.frame(b'{"channel":"ticker","sequence_num":%d,"events":[]}' % number)
        desk.frame(b'{"channel":"l2_data","sequence_num":%d,"events":[{"product_id":"BTC-USD"}]}' % 0)
    assert desk.states() == states


def test_spelling_does_not_matter() -> None:
    """Other orders of keys, spaces, numbers instead of strings and exponents are read alike."""
    desk = live()
    desk.frame(
        b'{"timestamp": "2026-08-09T21:05:49Z", "sequence_num": "1", "client_id": "", "channel": "l2_data", "events":'
        b'[{"product_id": "BTC-USD", "type": "update", "updates": [{"new_quantity": 5e-1, "price_level": 1.005e2,'
        b'"side": "bid", "event_time": "2026-08-09T23:05:48.9+02:00"}]}]}'
    )
    assert desk.levels()[0] == ((100.5, 0.5), (100.0, 1.0))
    assert desk.book.position == START_NS + 900_000_000


REAL = [
    message(2, [event("update", [("99.5", "1.25")], [("101.5", "0")])]),
    message(2, [{"heartbeat_counter": 5}], "heartbeats"),
    message(2, [event("snapshot", [("99.5", "1.25")], [("101.5", "1")], product=ETH)]),
    message(2, [{"subscriptions": {"level2": [BTC]}}], "subscriptions"),
    b'{"type":"error","message":"NO-USD is not a valid product"}', message(3, []), message(2, [], "ticker"),
]  # fmt: skip
SNIPPETS = [
    b'"1"', b"null", b"-1", b"1e999", b'"NaN"', b"[]", b"{}", b'"', b"\\u0000", b"\xff", b"true", b"1" * 400, b'"-0"',
    b'"1e-400"', b'"offer"', b'"l2_data"', b'"BTC-USD"', b'"9999-12-31T23:59:59Z"', b'"\\ud800"', b"1.5",
]  # fmt: skip


@st.composite
def mutated(draw: Any) -> bytes:
    """A real message with a few pieces cut out, doubled or replaced."""
    frame = bytearray(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(frame)))
        cut = draw(st.integers(0, 14))
        frame[at : at + cut] = draw(st.one_of(st.sampled_from(SNIPPETS), st.binary(max_size=4), st.just(b"")))
    return bytes(frame)


@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
@settings(max_examples=200, deadline=None)
@given(frames=st.lists(st.one_of(mutated(), st.binary(max_size=60)), max_size=12), data=st.data())
def test_nothing_makes_it_raise(max_price: str | None, frames: list[bytes], data: Any) -> None:
    """Whatever the venue sends, in whatever state: books stay in order, positions fit their field, it goes on."""
    desk = CoinbaseDesk(coinbase(BTC, ETH, max_price=max_price)).begin()
    desk.snapshot()
    desk.snapshot(ETH)
    for frame in frames:
        desk.frame(frame)
        assert all(0 <= book.position < 2**64 for book in desk.books.values())
        if desk.timers and data.draw(st.booleans()):
            desk.note(desk.feed.timeout(desk.timers.pop()))
        assert desk.state is State.LIVE or desk.levels() == ((), ())
    desk.close()
    assert desk.begin().state is State.SYNCING
