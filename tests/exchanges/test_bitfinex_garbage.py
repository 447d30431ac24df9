"""What Bitfinex may never send, and what must come of it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State
from exchanges.bitfinex import Bitfinex
from exchanges.errors import GarbageFrame
from tests.exchanges.bitfinex_desk import BTC, ETH, BitfinexDesk, bitfinex, error, live, subscribed

LIVE, GAP = State.LIVE, State.GAP

WRONG = [
    "[0,1,1]", "[-1,1,1]", "[1e15,1,1]", "[1e999,1,1]", "[NaN,1,1]", "[null,1,1]", '["x",1,1]', "[1,-1,1]",
    "[1,1.5,1]", "[1,null,1]", "[1,true,1]", "[1,1,0]", "[1,0,0]", "[1,1,1e15]", "[1,1,-1e15]", "[1,1,NaN]",
    "[1,1,null]", "[1,1]", "[1]", "[[1,1]]", "[[1,1,0]]", "[[61250,1,1],7]", "7", '"cs"', '"cs",null', '"cs",1.5',
    '"xx"', '"te",[1,2,3]', "null", "{}",
]  # fmt: skip


@pytest.mark.parametrize("payload", WRONG)
def test_a_message_of_a_book(payload: str) -> None:
    """Whose channel and number can be read costs that book alone."""
    desk = live(BTC, ETH)
    desk.say(payload)
    assert desk.states() == [GAP, LIVE]
    assert desk.book.reason == "a message could not be read"
    assert [book.counters.garbage for book in desk.books.values()] == [1, 0]
    desk.level("3200", 1, "1", ETH)
    desk.answer_to()
    desk.snapshot()
    assert (desk.states(), desk.reconnects) == ([LIVE, LIVE], [])


@pytest.mark.parametrize("payload", ["[1,1,null]", "7", '"te",[1,2,3]', "[0.98,47.9,0.999,439.4]"])
def test_on_a_channel_that_is_no_books(payload: str) -> None:
    """Tickers say what they like; their numbers count."""
    desk = live()
    desk.frame(subscribed(BTC, 4711).replace(b'"book"', b'"ticker"'))
    desk.say(payload, channel=4711)
    desk.level("61249", 1, "3")
    assert (desk.state, desk.book.counters.garbage) == (LIVE, 0)
    desk.lose()
    desk.say(payload, channel=4711)
    assert (desk.state, desk.book.counters.garbage) == (GAP, 0)


@pytest.mark.parametrize("head", ["null", '"x"', "[]", "-1", "1.5", "1" * 40])
def test_without_a_channel(head: str) -> None:
    """It may have been for any book: all are lost."""
    desk = live(BTC, ETH)
    desk.frame(f"[{head},[61249,1,3],{desk.number},{desk.ms}]".encode())
    assert desk.states() == [GAP, GAP]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[", b"[]", b"7", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000, b"[18,[61249,1,3]",
        b'[18,"hb"]', b"[18,[61249,1,3],3]", b'[18,[61249,1,3],"x",1]', b"[18,[61249,1,3],3,null]",
        b"[18,[61249,1,3],-3,1]", b'[18,"cs",5,7]', b"[18,[61249,1,3],%s,1]" % (b"9" * 30), b'{"event":["info"]}',
        b'{"event":"error","code":[]}',
    ],
)  # fmt: skip
def test_without_a_number(body: bytes) -> None:
    """It changes nothing; if it was a message, the next number tells."""
    desk = live(BTC, ETH)
    before = desk.levels()
    desk.frame(body)
    assert (desk.states(), desk.levels(), desk.asked()) == ([LIVE, LIVE], before, [])
    assert desk.book.counters.garbage == 1
    desk.lose()
    desk.level("61249", 1, "3")
    assert desk.states() == [GAP, GAP]


def test_an_unreadable_snapshot() -> None:
    """Is asked for again at once."""
    desk = BitfinexDesk(bitfinex()).begin()
    desk.answer_to()
    desk.sent.clear()
    desk.say("[[61250,1,null]]")
    assert [name for name, _ in desk.asked()] == ["unsubscribe", "subscribe"]


def test_spelling_does_not_matter() -> None:
    """Blanks, exponents and numbers as text are read alike; more fields may follow at the end of a level."""
    desk = live()
    channel = desk.channels[BTC]
    desk.frame(f'[{channel}, [ 6.1249e4, 1, "3", "new" ], {desk.number}, {desk.ms} ]'.encode())
    assert desk.levels()[0] == ((61250, 0.5), (61249, 3))
    desk.frame(f"[{channel}, [ [5, 1, 1.0]], {desk.number + 1}, {desk.ms}]".encode())
    assert desk.levels() == (((5, 1),), ())


REAL = [
    b"[18,[61249,1,3],3,1790000000100]", b"[18,[61250,0,1],3,1790000000100]", b'[18,"hb",3,1790000000100]',
    b'[18,"cs",-1028591047,3,1790000000100]', b"[19,[[3200,1,1],[3201,1,-1]],3,1790000000100]", b"[19,[],4,1]",
    subscribed(BTC, 20), subscribed(ETH, 18), error(10300), error(10301, ETH, chanId=19), b'{"event":"pong"}',
    b'{"event":"info","code":20060}', b'{"event":"info","code":20061}', b'{"event":"info","code":20051}',
    b'{"event":"unsubscribed","status":"OK","chanId":18}',
]  # fmt: skip
SNIPPETS = [
    b"null", b"-1", b"1e999", b'"NaN"', b"[]", b"{}", b'"', b"\\u0000", b"\xff", b"true", b"1" * 400, b"0", b"1e-400",
    b'"hb"', b'"cs"', b"18", b"3", b"4", b",", b"]", b"[", b'"\\ud800"', b"1.5", b" ",
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


@settings(max_examples=300, deadline=None)
@given(frames=st.lists(st.one_of(mutated(), st.binary(max_size=60)), max_size=12), data=st.data())
def test_nothing_makes_it_raise(frames: list[bytes], data: Any) -> None:
    """Whatever the venue sends, in whatever state: books stay in order, positions fit their field, it goes on."""
    desk = live(BTC, ETH)
    for frame in frames:
        desk.frame(frame)
        assert all(0 <= book.position < 2**63 for book in desk.books.values())
        if desk.timers and data.draw(st.booleans()):
            desk.note(desk.feed.timeout(desk.timers.pop()))
        assert desk.state is LIVE or desk.levels() == ((), ())
    desk.close()
    assert desk.begin().state is State.SYNCING


@settings(max_examples=200, deadline=None)
@given(body=st.one_of(mutated(), st.binary(max_size=60)), status=st.integers(100, 599))
def test_any_body(body: bytes, status: int) -> None:
    """A catalog is one or is refused as garbage; the words of a refusal are one short line."""
    try:
        assert Bitfinex().parse_catalog(body) == []
    except GarbageFrame as refused:
        assert str(refused).startswith("bitfinex")
    told = Bitfinex().refusal(status, body)
    assert 0 < len(told) <= 200
    assert "\n" not in told
