"""Nothing that a venue may send makes a protocol raise, nor breaks a book."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State
from exchanges.binance import Binance
from exchanges.bitstamp import Bitstamp
from exchanges.errors import GarbageFrame
from exchanges.venue import Venue
from tests.exchanges.desk import (
    BINANCE,
    BITSTAMP,
    Desk,
    binance,
    binance_snapshot,
    bitstamp,
    bitstamp_snapshot,
    depth,
    diff,
    ticker,
    top,
)

WIDE = "100000000000000"
DESKS = pytest.mark.parametrize(
    "make",
    [
        lambda: Desk(binance()),
        lambda: Desk(binance(max_price=WIDE)),
        lambda: Desk(bitstamp()),
        lambda: Desk(bitstamp(max_price=WIDE)),
        lambda: Desk(bitstamp(books="snapshot")),
    ],
    ids=["binance", "binance wide", "bitstamp", "bitstamp wide", "bitstamp snapshots"],
)
REAL = [
    depth(101, 105, [("99.5", "1.25")], [("101.5", "0")]), depth(101, 105, [("99.5", "1.25")], wrapped=False),
    ticker(100, ("100", "1"), ("101", "1")), ticker(103, ("100", "1"), ("101", "1"), wrapped=False),
    diff(101, [("99.5", "1.25")], [("101.5", "0")]), top(101, [("99.5", "1.25")]), top(100),
    b'{"result":null,"id":1}', b'{"error":{"code":2,"msg":"no"},"id":1}', b'{"e":"serverShutdown","E":5}',
    b'{"event":"bts:subscription_succeeded","channel":"diff_order_book_btcusd","data":{}}',
    b'{"event":"bts:error","channel":"","data":{"code":null,"message":"no"}}',
    b'{"event":"bts:request_reconnect","channel":"","data":""}', b'{"event":"bts:heartbeat"}',
]  # fmt: skip
SNIPPETS = [
    b'"1"', b"null", b"-1", b"1e999", b'"NaN"', b"[]", b"{}", b'"', b"\\u0000", b"\xff", b"true", b"1" * 400, b'"-0"',
    b'"1e-400"', b'[["1","1"]]', b'"depthUpdate"', b'"microtimestamp"', b'"B":', b'"id":1', b'"\\ud800"', b"1.5",
]  # fmt: skip

numbers = st.one_of(
    st.integers(), st.floats(), st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{1,12})?", fullmatch=True),
    st.sampled_from(["NaN", "-Infinity", "1e400", "1e-400", "1" * 60, "", "0", "-0"]), st.none(), st.booleans(),
)  # fmt: skip
sides = st.lists(st.lists(numbers, min_size=1, max_size=3), max_size=4) | numbers
keys = st.sampled_from(
    ["e", "E", "s", "U", "u", "b", "a", "B", "A", "data", "stream", "id", "result", "error", "code", "msg", "event",
     "channel", "microtimestamp", "bids", "asks", "lastUpdateId"]
)  # fmt: skip
values: Any = st.recursive(
    st.one_of(
        numbers,
        sides,
        st.sampled_from([BINANCE, BITSTAMP, "depthUpdate", "bts:error", "bts:subscription_succeeded",
                         "serverShutdown",
                         "order_book_btcusd", "diff_order_book_btcusd", "btcusdt@depth@100ms"]),
    ),
    lambda inner: st.dictionaries(keys, inner, max_size=8) | st.lists(inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


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
    """Frames of the right form around odd numbers."""
    bids, asks, first, last = draw(sides), draw(sides), draw(numbers), draw(numbers)
    data = {"e": "depthUpdate", "E": last, "s": BINANCE, "U": first, "u": last, "b": bids, "a": asks}
    book = {"microtimestamp": first, "bids": bids, "asks": asks}
    channel = draw(st.sampled_from(["order_book_", "diff_order_book_"])) + BITSTAMP
    best = {"u": first, "s": BINANCE, "b": last, "B": first, "a": last, "A": draw(numbers)}
    return msgspec.json.encode(
        draw(st.sampled_from([data, best, {"data": book, "channel": channel, "event": "data"}, book]))
    )


frames = st.one_of(
    st.sampled_from(REAL), st.binary(max_size=60), mutated(), lookalikes(), values.map(msgspec.json.encode)
)


def body(desk: Desk, position: int) -> bytes:
    """A good snapshot for this desk."""
    return (bitstamp_snapshot if BITSTAMP in desk.books else binance_snapshot)(position)


@DESKS
@settings(max_examples=120, deadline=None)
@given(data=st.lists(st.tuples(frames, st.sampled_from(["frame", "frame", "answer", "good answer", "timers"]))))
def test_any_frames(make: Any, data: list[tuple[bytes, str]]) -> None:
    """Books stay in order after each, and the connection goes on."""
    desk = make().open()
    for frame, word in data:
        if word == "answer" and desk.fetches:
            desk.answer(frame)
        elif word == "good answer" and desk.fetches:
            desk.answer(body(desk, 100))
        elif word == "timers" and desk.timers:
            desk.note(desk.feed.timeout(desk.timers.pop()))
        else:
            desk.frame(frame)
        assert desk.state is State.LIVE or desk.levels() == ((), ())
        desk.levels()
    desk.close()
    assert desk.open().state is State.SYNCING


@pytest.mark.parametrize("venue", [Binance(), Bitstamp()], ids=["binance", "bitstamp"])
@settings(max_examples=150, deadline=None)
@given(body=frames, status=st.integers(100, 599))
def test_any_body(venue: Venue, body: bytes, status: int) -> None:
    """A catalog is one or is refused as garbage; the words of a refusal are one short line."""
    try:
        assert venue.parse_catalog(body) == []
    except GarbageFrame as error:
        assert str(error).startswith(venue.name)
    words = venue.refusal(status, body)
    assert 0 < len(words) <= 200
    assert "\n" not in words
