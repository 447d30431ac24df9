"""What OKX would send, and a desk with its protocol."""

from decimal import Decimal
from typing import Any

import msgspec

from book import Instrument, Pair, State
from exchanges.okx import OkxProtocol
from tests.exchanges.desk import Desk, Texts

SYMBOL = "BTC-USDT"
TS = 1_790_000_000_100
BIDS, ASKS = (("100", "1"),), (("101", "1"),)


def okx(*symbols: str, max_price: str | None = None) -> OkxProtocol:
    """A protocol for some symbols."""
    most = None if max_price is None else Decimal(max_price)
    steps = Decimal("0.01"), Decimal("0.00000001")
    return OkxProtocol(
        [Instrument("okx", each, Pair.parse(each), *steps, max_price=most) for each in symbols or (SYMBOL,)]
    )


def levels(texts: Texts) -> list[list[str]]:
    """Levels with the constant and the count of orders."""
    return [[price, amount, "0", "1" if float(amount) else "0"] for price, amount in texts]


def push(
    action: str,
    previous: int,
    last: int,
    bids: Texts = (),
    asks: Texts = (),
    symbol: str = SYMBOL,
    *,
    check: int = 0,
) -> bytes:
    """A message of the `books` channel."""
    book = {
        "asks": levels(asks), "bids": levels(bids), "ts": str(TS), "checksum": check, "seqId": last,
        "prevSeqId": previous,
    }  # fmt: skip
    return msgspec.json.encode({"arg": {"channel": "books", "instId": symbol}, "action": action, "data": [book]})


def first(last: int, bids: Texts = BIDS, asks: Texts = ASKS, symbol: str = SYMBOL, *, check: int = 0) -> bytes:
    """A snapshot."""
    return push("snapshot", -1, last, bids, asks, symbol, check=check)


def update(
    previous: int, last: int, bids: Texts = (), asks: Texts = (), symbol: str = SYMBOL, *, check: int = 0
) -> bytes:
    """An update."""
    return push("update", previous, last, bids, asks, symbol, check=check)


def rest_book(last: int, bids: Texts = BIDS, asks: Texts = ASKS) -> bytes:
    """A REST book."""
    book: dict[str, Any] = {"asks": levels(asks), "bids": levels(bids), "ts": str(TS), "seqId": last}
    return msgspec.json.encode({"code": "0", "msg": "", "data": [book]})


def error(code: str, words: str, request: str = "subscribe1") -> bytes:
    """An error reply."""
    told = {"id": request, "event": "error", "code": code, "msg": words, "connId": "a4d3ae55"}
    return msgspec.json.encode(told)


def unknown(symbol: str) -> str:
    """What the venue says of an instrument that it does not have."""
    return f"Wrong URL or channel:books,instId:{symbol} doesn't exist."


def signed_crc(checked: str) -> int:
    """CRC-32 bit by bit, as a signed number of 32 bits."""
    register = 0xFFFFFFFF
    for byte in checked.encode():
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)
    return int.from_bytes((register ^ 0xFFFFFFFF).to_bytes(4), signed=True)


def live(position: int = 100, *symbols: str, max_price: str | None = None) -> Desk:
    """Live books of one bid and one ask at `position`."""
    desk = Desk(okx(*symbols, max_price=max_price)).open(acknowledge=False)
    for symbol in desk.books:
        desk.frame(first(position, symbol=symbol))
    assert {book.state for book in desk.books.values()} == {State.LIVE}
    return desk
