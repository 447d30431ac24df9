"""Nothing that Deribit may send makes its protocol raise, nor breaks a book; and a planned change of connection."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State
from exchanges.deribit import Deribit
from exchanges.errors import GarbageFrame
from exchanges.feed import Feed
from tests.exchanges.deribit_frames import (
    CHANNEL,
    OTHER,
    SYMBOL,
    DeribitDesk,
    change,
    deribit,
    error,
    live,
    rest_book,
    whole,
)
from tests.exchanges.test_fuzz import SNIPPETS, numbers

WIDE = "100000000000000"
REAL = [
    whole(100), whole(0, (), ()), change(100, 101, [("new", 99.5, 1.25)], [("delete", 101.0, 0.0)]),
    change(100, 101, [("change", 100.0, 2.0)], symbol=OTHER), rest_book(100), rest_book(105, [(100.0, 2.0)]),
    b'{"jsonrpc":"2.0","id":2,"result":["book.BTC_USDC.100ms"],"usIn":1,"usOut":2,"usDiff":1,"testnet":false}',
    error({"id": 2}, -32602, "Invalid params", reason="x", param="y"), error({"id": 2}, 10028, "too_many_requests"),
    b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}',
    b'{"jsonrpc":"2.0","result":[{"instrument_name":"BTC_USDC","kind":"spot","base_currency":"BTC","quote_currency":'
    b'"USDC","tick_size":0.5,"contract_size":0.1,"tick_size_steps":[{"above_price":1,"tick_size":0.1}]}]}',
]  # fmt: skip

words = st.sampled_from([SYMBOL, OTHER, CHANNEL, "snapshot", "change", "new", "delete", "subscription", "heartbeat",
                         "test_request", "spot", "future", "perpetual", "reversed"])  # fmt: skip
keys = st.sampled_from(["jsonrpc", "id", "method", "params", "channel", "data", "type", "instrument_name",
                        "change_id", "prev_change_id", "bids", "asks", "timestamp", "result", "error", "code",
                        "message", "kind", "tick_size", "tick_size_steps", "base_currency",
                        "settlement_period"])  # fmt: skip
values: Any = st.recursive(
    st.one_of(numbers, words),
    lambda inner: st.dictionaries(keys, inner, max_size=8) | st.lists(inner, max_size=4),
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
    """Books of the right form around odd values."""
    entries = st.lists(st.tuples(words, numbers, numbers), max_size=3) | values
    data = {"type": draw(words), "instrument_name": SYMBOL, "change_id": draw(numbers), "bids": draw(entries)}
    data |= {"prev_change_id": draw(numbers), "asks": draw(entries), "timestamp": draw(numbers)}
    params = {"channel": CHANNEL, "data": data}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "subscription", "params": params})


frames = st.one_of(
    st.sampled_from(REAL), st.binary(max_size=60), mutated(), lookalikes(), values.map(msgspec.json.encode)
)


@pytest.mark.parametrize("max_price", [None, WIDE], ids=["float", "Decimal"])
@settings(max_examples=150, deadline=None)
@given(data=st.lists(st.tuples(frames, st.sampled_from(["frame", "frame", "frame", "answer", "timers"]))))
def test_any_frames(max_price: str | None, data: list[tuple[bytes, str]]) -> None:
    """Books stay in order after each, and the connection goes on."""
    desk = DeribitDesk(deribit(SYMBOL, OTHER, max_price=max_price)).open(acknowledge=False)
    desk.frame(whole(100))
    for frame, word in data:
        if word == "answer" and desk.fetches:
            desk.answer(frame)
        elif word == "timers" and desk.timers:
            desk.note(desk.feed.timeout(desk.timers.pop()))
        else:
            desk.frame(frame)
        assert desk.state is State.LIVE or desk.levels() == ((), ())
    desk.close()
    assert desk.open().state is State.SYNCING
    desk.frame(whole(100))
    assert desk.state is State.LIVE


@settings(max_examples=200, deadline=None)
@given(body=frames, status=st.integers(100, 599))
def test_any_body(body: bytes, status: int) -> None:
    """A catalog is one or is refused as garbage; the words of a refusal are one short line."""
    try:
        assert all(each.venue == "deribit" for each in Deribit().parse_catalog(body))
    except GarbageFrame as problem:
        assert str(problem).startswith("deribit")
    told = Deribit().refusal(status, body)
    assert 0 < len(told) <= 200
    assert "\n" not in told


@pytest.mark.parametrize(("position", "taken"), [(99, False), (100, True), (142, True)])
def test_another_connection_takes_over(position: int, taken: bool) -> None:
    """Ids are of one counter, whoever listens: a book as far as the present one may take its place, no other."""
    old = live()
    new = Feed.warming(deribit(), old.pairs, lambda: old.now_ns)
    new.opened()
    new.frame(whole(position, [(100.0, 7.0)]), old.now_ns)
    assert new.take_over(orphaned=False, ahead=True) is taken
    shown = old.pairs[SYMBOL].books["deribit"]
    assert (shown.state, shown.position) == (State.LIVE, max(position, 100))
    if not taken:
        new.frame(change(position, 110), old.now_ns)
        assert new.take_over(orphaned=False, ahead=True)
        assert old.pairs[SYMBOL].books["deribit"].position == 110
