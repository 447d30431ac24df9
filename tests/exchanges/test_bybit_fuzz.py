"""Nothing that Bybit may send makes its protocol raise, nor breaks a book."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State
from exchanges.bybit import Bybit
from exchanges.errors import GarbageFrame
from tests.exchanges.bybit_desk import BYBIT, bybit, delta, opened, rest_book, snapshot
from tests.exchanges.test_fuzz import SNIPPETS, WIDE, numbers, sides

REAL = [
    snapshot(100), snapshot(1), delta(101, [("99.5", "1.25")], [("101.5", "0")]), delta(102), delta(500),
    rest_book(101),
    b'{"success":true,"ret_msg":"subscribe","conn_id":"c","req_id":"1","op":"subscribe"}',
    b'{"success":false,"ret_msg":"Invalid topic: orderbook.1000.BTCUSDT","req_id":"1","op":"subscribe"}',
    b'{"success":false,"ret_msg":"no","conn_id":"c","req_id":"1","op":"subscribe"}',
    b'{"success":true,"ret_msg":"pong","conn_id":"c","req_id":"ping","op":"ping"}',
]  # fmt: skip
keys = st.sampled_from(
    ["topic", "type", "ts", "data", "s", "b", "a", "u", "seq", "cts", "success", "ret_msg", "req_id", "op", "retCode",
     "retMsg", "result", "list"]
)  # fmt: skip
words = st.sampled_from(
    [BYBIT, "orderbook.1000.BTCUSDT", "orderbook.50.BTCUSDT", "snapshot", "delta", "subscribe", "ping", "1", ""]
)
values: Any = st.recursive(
    st.one_of(numbers, sides, words),
    lambda inner: st.dictionaries(keys, inner, max_size=8) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@st.composite
def mutated(draw: Any) -> bytes:
    """A real frame with a few pieces cut out, doubled or replaced."""
    frame = bytearray(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(frame)))
        cut = draw(st.integers(0, 12))
        frame[at : at + cut] = draw(st.one_of(st.sampled_from(SNIPPETS), st.binary(max_size=4), st.just(b"")))
    return bytes(frame)


@st.composite
def lookalikes(draw: Any) -> bytes:
    """Messages of the right form around odd numbers."""
    data = {"s": BYBIT, "b": draw(sides), "a": draw(sides), "u": draw(numbers), "seq": draw(numbers)}
    kind = draw(st.sampled_from(["snapshot", "delta", "x"]))
    book = {"topic": "orderbook.1000.BTCUSDT", "type": kind, "ts": draw(numbers), "data": data, "cts": draw(numbers)}
    return msgspec.json.encode(draw(st.sampled_from([book, {"retCode": 0, "result": data}])))


frames = st.one_of(
    st.sampled_from(REAL), st.binary(max_size=60), mutated(), lookalikes(), values.map(msgspec.json.encode)
)


@pytest.mark.parametrize("max_price", [None, WIDE], ids=["float", "Decimal"])
@settings(max_examples=80, deadline=None)
@given(data=st.lists(st.tuples(frames, st.sampled_from(["frame", "frame", "good", "answer", "probe", "timers"]))))
def test_any_frames(max_price: str | None, data: list[tuple[bytes, str]]) -> None:
    """Books stay in order after each, what they hold fits the wire, and the connection goes on."""
    desk = opened(bybit(max_price=max_price))
    for frame, word in data:
        if word == "answer" and desk.fetches:
            desk.answer(frame)
        elif word == "good":
            desk.frame(snapshot(100))
        elif word == "probe":
            desk.note(desk.feed._carry_out(desk.protocol.probe(BYBIT), 0))
        elif word == "timers" and desk.timers:
            desk.note(desk.feed.timeout(desk.timers.pop()))
        else:
            desk.frame(frame)
        assert desk.state is State.LIVE or desk.levels() == ((), ())
        desk.levels()
        assert 0 <= desk.book.position < 2**63
        assert 0 <= desk.book.stamps.venue_ns < 2**63
    desk.close()
    assert desk.open(acknowledge=False).state is State.SYNCING


@settings(max_examples=80, deadline=None)
@given(body=frames, status=st.integers(100, 599))
def test_any_body(body: bytes, status: int) -> None:
    """A catalog is one or is refused as garbage; the words of a refusal are one short line."""
    try:
        assert Bybit().parse_catalog(body) == []
    except GarbageFrame as error:
        assert str(error).startswith("bybit")
    told = Bybit().refusal(status, body)
    assert 0 < len(told) <= 200
    assert "\n" not in told
    assert Bybit().ban_s(status, body) == 0.0
