"""What OKX cannot have meant: it disturbs the book that it was for, and no other."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State
from tests.exchanges.desk import Desk
from tests.exchanges.okx_desk import SYMBOL, error, first, live, okx, push, rest_book, unknown, update

NOBODYS: list[bytes] = [
    b"", b" ", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"\x00" * 50, b"{}", b'{"event":"login"}', b"ping",
    b"[" * 100_000, b'{"arg":' * 20_000, b'{"event":"notice","code":"1"}', b'{"action":"update"}',
    b'{"arg":{"channel":"trades"},"action":1}', b'{"arg":"books","data":[]}',
    update(100, 101, symbol="FOO-BAR")[:-3],
]  # fmt: skip
ITS_OWN: list[bytes] = [
    update(100, 101)[:-3], update(100, 101) + b"}", push("reset", 100, 101), update(100, -5),
    update(100, 101).replace(b'"seqId":101', b'"seqId":null'), update(100, 101).replace(b'"bids"', b'"bid"'),
    update(100, 101).replace(b'"seqId":101', b'"seqId":1.5'), update(100, 2**63),
    update(100, 101).replace(b'"seqId":101', b'"seqId":' + b"9" * 30),
    update(100, 101).replace(b'"ts":"1790000000100"', b'"ts":"99999999999999"'),
    update(100, 101).replace(b'"ts":"1790000000100"', b'"ts":"soon"'),
    update(100, 101).replace(b'"checksum":0', b'"checksum":"x"'),
    b'{"arg":{"channel":"books","instId":"BTC-USDT"},"data":[]}',
    *(update(100, 101, [("99", "1")]).replace(b'["99","1","0","1"]', level) for level in (
        b'["nan","1","0","1"]', b'["NaN","1","0","1"]', b'["inf","1","0","1"]', b'["-1","1","0","1"]',
        b'["0","1","0","1"]', b'["1","-1","0","1"]', b'["1e15","1","0","1"]', b'["1","1e300","0","1"]',
        b'["1","x","0","1"]', b'["","1","0","1"]', b'["1"]', b"[]", b"7", b'{"1":"1"}', b'["1",null,"0","1"]',
    )),
]  # fmt: skip


@pytest.mark.parametrize("garbage", NOBODYS, ids=range(len(NOBODYS)))
@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_garbage_of_nobody(garbage: bytes, max_price: str | None) -> None:
    """Never raises and touches no book; a lost update shows by the next id."""
    desk = live(max_price=max_price)
    before = desk.levels()
    assert desk.frame(garbage) == []
    assert (desk.state, desk.levels(), desk.book.counters.garbage) == (State.LIVE, before, 1)
    desk.frame(update(100, 102, [("100.5", "1")]))
    assert (desk.state, desk.book.position) == (State.LIVE, 102)


@pytest.mark.parametrize("garbage", ITS_OWN, ids=range(len(ITS_OWN)))
@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_garbage_that_names_its_book(garbage: bytes, max_price: str | None) -> None:
    """Only that book is begun anew; the other one does not notice."""
    desk = live(100, "BTC-USDT", "ETH-USDT", max_price=max_price)
    desk.frame(garbage)
    ours, other = desk.books.values()
    assert (ours.state, ours.reason) == (State.GAP, "a message could not be read")
    assert (ours.counters.garbage, ours.counters.gaps) == (1, 1)
    assert (other.state, other.counters.garbage, len(other.bids)) == (State.LIVE, 0, 1)
    count = len(desk.sent)
    for asked in (2, 4, 4):  # it may have been the snapshot, which is asked for again at once, but not for ever
        desk.frame(garbage)
        assert len(desk.sent) == count + asked
    desk.frame(first(500))
    assert (ours.state.value, ours.position) == ("live", 500)


def test_wide_instruments() -> None:
    """A pair with more than 15 digits keeps every digit."""
    desk = live(max_price="100000000000000")
    price = "12345678901234.12345678"
    desk.frame(update(100, 101, [], [(price, "1"), (price[:-1] + "9", "2")]))
    assert desk.levels()[1] == ((101, 1), (Decimal(price), 1), (Decimal(price[:-1] + "9"), 2))
    desk.frame(update(101, 102, [], [(price + "0", "0.0"), (price[:-1] + "9", "0")]))
    assert desk.levels()[1] == ((101, 1),)


@pytest.mark.parametrize(
    "price", ["1." + "1" * 40, "1e15", "1e300", "1e-999999", "-1", "0", "NaN", "sNaN", "Infinity", "1e-1000030"]
)
def test_wide_bounds(price: str) -> None:
    """Decimal numbers are held to the bounds of floats: the book is begun anew, or stays sound."""
    desk = live(max_price="100000000000000")
    desk.frame(update(100, 101, [("99", "1")]).replace(b'"99"', f'"{price}"'.encode()))
    desk.book.check()
    desk.levels()
    assert (desk.state is State.GAP) == (desk.book.counters.garbage == 1)


REAL = [
    first(100), update(100, 105, [("99.5", "1.25")], [("101.5", "0")]), update(105, 105), update(100, 3),
    rest_book(100), rest_book(120, [("99.5", "1.25")]), error("60018", unknown(SYMBOL)), error("60014", SYMBOL),
    b'{"id":"1","event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
    b'{"event":"notice","code":"64008","msg":"x","connId":"a4d3ae55"}', b"pong",
]  # fmt: skip
SNIPPETS = [
    b'"1"', b"null", b"-1", b"1e999", b'"NaN"', b"[]", b"{}", b'"', b"\\u0000", b"\xff", b"true", b"1" * 400, b'"-0"',
    b'"1e-400"', b'[["1","1"]]', b'"action"', b'"books"', b'"\\ud800"', b"1.5", b'"update"', b'"snapshot"',
]  # fmt: skip
numbers = st.one_of(
    st.integers(), st.floats(), st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{1,12})?", fullmatch=True),
    st.sampled_from(["NaN", "-Infinity", "1e400", "1e-400", "1" * 60, "", "0", "-0"]), st.none(), st.booleans(),
)  # fmt: skip
sides = st.lists(st.lists(numbers, max_size=5), max_size=4) | numbers
words = st.sampled_from(["books", SYMBOL, "update", "snapshot", "error", "notice", "subscribe", "60018", "64008"])
keys = st.sampled_from(["arg", "channel", "instId", "action", "data", "event", "code", "msg", "id", "bids", "seqId"])
values: Any = st.recursive(
    numbers | sides | words,
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
    book = {key: draw(numbers) for key in ("ts", "checksum", "seqId", "prevSeqId")}
    book |= {"bids": draw(sides), "asks": draw(sides)}
    arg = {"channel": "books", "instId": SYMBOL}
    odd = draw(values)
    return msgspec.json.encode(
        draw(
            st.sampled_from(
                [
                    {"arg": arg, "action": draw(words), "data": [book]},
                    {"arg": arg, "action": "update", "data": odd},
                    {"code": "0", "msg": "", "data": [book]},
                    {"event": "error", "code": odd, "msg": unknown(SYMBOL), "id": odd},
                    {"event": odd, "arg": odd, "data": odd},
                ]
            )
        )
    )


frames = st.one_of(
    st.sampled_from(REAL), st.binary(max_size=60), mutated(), lookalikes(), values.map(msgspec.json.encode)
)


@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
@settings(max_examples=80, deadline=None)
@given(data=st.lists(st.tuples(frames, st.sampled_from(["frame", "frame", "answer", "timers"])), max_size=12))
def test_any_frames(max_price: str | None, data: list[tuple[bytes, str]]) -> None:
    """Nothing raises, books stay in order after each, and the connection goes on."""
    desk = Desk(okx(max_price=max_price)).open(acknowledge=False)
    for frame, word in data:
        if word == "answer" and desk.fetches:
            desk.answer(frame)
        elif word == "timers":
            for purpose in {timer.purpose for timer in desk.timers}:
                desk.expire(purpose)
        else:
            desk.frame(frame)
    desk.frame(first(10**6))
    assert desk.state is State.LIVE
    desk.book.check()
