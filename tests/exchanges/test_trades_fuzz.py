"""Whatever becomes of a message about trades on its way: nothing raises, no book is hurt."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book import State, Trade
from tests.exchanges import (
    test_bitfinex_trades,
    test_bybit_trades,
    test_coinbase_trades,
    test_deribit_trades,
    test_kraken_trades,
    test_okx_trades,
)
from tests.exchanges.bitfinex_desk import BTC, START_MS
from tests.exchanges.bitfinex_desk import error as refusal
from tests.exchanges.coinbase_desk import message
from tests.exchanges.deribit_frames import reply
from tests.exchanges.desk import Desk
from tests.exchanges.okx_desk import error

SNIPPETS = [
    b"null", b"-1", b"1e999", b'"NaN"', b"[]", b"{}", b'"', b"\\u0000", b"\xff", b"true", b"9" * 400, b'""', b"1.5",
    b'"9999-12-31T23:59:59Z"', b'"\\ud800"', b"[[[[", b'"success":false', b'"error":7,', b'"op":"subscribe",',
]  # fmt: skip


def _coinbase(number: int) -> bytes:
    event = test_coinbase_trades.trades(*map(test_coinbase_trades.trade, (number, number + 1)))
    return message(number, [event], "market_trades")


def _kraken(number: int) -> bytes:
    return test_kraken_trades.trades(*map(test_kraken_trades.trade, (number, number + 1)))


def _deribit(number: int) -> bytes:
    return test_deribit_trades.trades(*map(test_deribit_trades.trade, (number, number + 1)))


def _okx(number: int) -> bytes:
    return test_okx_trades.trades(*map(test_okx_trades.trade, (number, number + 1)))


def _bybit(number: int) -> bytes:
    return test_bybit_trades.trades(*(test_bybit_trades.trade(str(each)) for each in (number, number + 1)))


def _bitfinex(number: int) -> bytes:
    row = test_bitfinex_trades.row(number)
    return f'[{test_bitfinex_trades.OF_TRADES[BTC]},"te",{row},{number},{START_MS}]'.encode()


ASKED = {
    "req_id": "2",
    "id": 3,
    "op": "subscribe",
    "method": "subscribe",
    "params": {"channels": ["trades.BTC_USDC.100ms"]},
}
VENUES: dict[str, tuple[Callable[[], Desk], Callable[[int], bytes], list[bytes]]] = {
    "coinbase": (
        test_coinbase_trades.live, _coinbase,
        [
            message(9, [{"subscriptions": {"market_trades": ["BTC-USD"]}}], "subscriptions"),
            b'{"type":"error","message":"market_trades"}',
        ],
    ),
    "kraken": (
        test_kraken_trades.live, _kraken,
        [b'{"method":"subscribe","req_id":2,"success":false,"error":"x","symbol":"BTC/USD"}'],
    ),
    "deribit": (test_deribit_trades.live, _deribit, [reply(ASKED), b'{"id":3,"error":{"code":1,"message":"x"}}']),
    "okx": (
        test_okx_trades.live, _okx,
        [test_okx_trades.acknowledged("trades", "BTC-USDT"), error("1", "x", "subscribe2")],
    ),
    "bybit": (
        test_bybit_trades.live, _bybit,
        [b'{"success":false,"ret_msg":"x publicTrade.BTCUSDT","op":"subscribe"}'],
    ),
    "bitfinex": (
        test_bitfinex_trades.live, _bitfinex,
        [
            f"[{test_bitfinex_trades.OF_TRADES[BTC]},[{test_bitfinex_trades.row(9)}],9,{START_MS}]".encode(),
            refusal(10300, channel="trades"),
        ],
    ),
}  # fmt: skip


@st.composite
def damaged(draw: Any, frames: list[bytes]) -> bytes:
    """A message with a few pieces behind its head cut out, doubled or replaced."""
    frame = bytearray(draw(st.sampled_from(frames)))
    head = 60
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(min(head, len(frame)), len(frame)))
        cut = draw(st.integers(0, 14))
        frame[at : at + cut] = draw(st.one_of(st.sampled_from(SNIPPETS), st.binary(max_size=4), st.just(b"")))
    return bytes(frame)


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_damaged(venue: str, data: st.DataObject) -> None:
    """Books stand; what is on the tape has prices and amounts that are some."""
    live, trade, others = VENUES[venue]
    desk = live()
    for _ in range(3):
        desk.frame(data.draw(damaged([trade(1), trade(3)])))
    if venue not in ("coinbase", "bitfinex"):  # all messages share one count, and a lost one may have been a book's
        assert {book.state for book in desk.books.values()} == {State.LIVE}
    desk.frame(data.draw(damaged(others)))
    desk.close()
    for pair in desk.pairs.values():
        found = [each for each in pair.trades.since(0) if isinstance(each, Trade)]
        assert all(0 <= each.price < 1e15 and 0 <= each.amount < 1e15 for each in found)
