"""What OKX cannot have meant: it disturbs the book that it was for, and no other."""

from decimal import Decimal

import pytest

from book import State
from tests.exchanges.okx_desk import first, live, push, update

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
    desk.frame(garbage)
    assert len(desk.sent) == count, "it waits for its snapshot already"
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
