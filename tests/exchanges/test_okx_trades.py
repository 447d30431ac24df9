"""Trades of OKX: from frames to the tape, and what never hurts a book."""

import re
from typing import Any

import msgspec
import pytest

from book import State, Taker, Trade
from exchanges.okx import OkxProtocol
from tests.captures.files import CAPTURES
from tests.exchanges.desk import Desk, instrument
from tests.exchanges.okx_desk import SYMBOL, TS, error, first, okx, update
from tests.exchanges.test_trades import told, trading

ETH = "ETH-USDT"


def trade(number: int, symbol: str = SYMBOL, side: str = "buy", **more: Any) -> dict[str, Any]:
    """One trade."""
    return {
        "instId": symbol, "tradeId": str(number), "px": "61250.4", "sz": "0.025", "side": side, "ts": str(TS),
        "count": "1", "source": "0", "seqId": 1234, **more,
    }  # fmt: skip


def trades(*found: dict[str, Any], symbol: str = SYMBOL) -> bytes:
    """A message of the channel."""
    return msgspec.json.encode({"arg": {"channel": "trades", "instId": symbol}, "data": found})


def acknowledged(channel: str, symbol: str) -> bytes:
    """What the venue says to a request, for one of its symbols."""
    told = {"id": "x", "event": "subscribe", "arg": {"channel": channel, "instId": symbol}, "connId": "a4d3ae55"}
    return msgspec.json.encode(told)


def live(*symbols: str, stands: bool = True, **options: Any) -> Desk:
    """With live books and trades that stand."""
    desk = Desk(trading(okx(*symbols, **options))).open(acknowledge=False)
    for symbol in desk.books:
        desk.frame(first(100, symbol=symbol))
        for channel in ("books", "trades") if stands else ():
            desk.frame(acknowledged(channel, symbol))
    return desk


@pytest.mark.parametrize(("side", "taker"), [("buy", Taker.BUYER), ("sell", Taker.SELLER), ("?", Taker.UNKNOWN)])
def test_a_trade(side: str, taker: Taker) -> None:
    """`side` is the taker's."""
    desk = live()
    desk.frame(trades(trade(9007199254740993, side=side)))
    assert desk.pairs[SYMBOL].trades.since(0) == (
        Trade(1, "okx", 61250.4, 0.025, taker, "9007199254740993", TS * 10**6, desk.now_ns, desk.now_ns),
    )
    assert (desk.state, desk.book.counters.updates) == (State.LIVE, 1), "no update of the book"


def test_wide_numbers() -> None:
    """More than 15 digits are kept; what is no number is garbage."""
    desk = live(max_price="100000000000000")
    digits = "12345678901234.56789"
    desk.frame(trades(trade(1, px=digits)))
    desk.frame(trades(trade(2, px="NaN")))
    [found] = desk.pairs[SYMBOL].trades.since(0)
    assert isinstance(found, Trade) and str(found.price) == digits
    assert (desk.book.counters.garbage, desk.state) == (1, State.LIVE)


def test_several_matches_told_as_one() -> None:
    """With the id of the last and their count, which leaves no gap."""
    desk = live(SYMBOL, ETH)
    desk.frame(trades(trade(10)))
    desk.frame(trades(trade(14), trade(13, count="3"), trade(7, ETH), trade(1, "XRP-USDT")))
    desk.frame(trades(trade(18, count="2")))
    body = {"data": [trade(8, ETH)], "arg": {"instId": ETH, "channel": "trades"}}
    desk.frame(msgspec.json.encode(body))  # another spelling
    assert told(desk, SYMBOL) == ["10", "13", "14", "trades 15 to 16 are missing", "18"]
    assert told(desk, ETH) == ["7", "8"]


def test_a_lost_connection() -> None:
    """Ids tell how many were missed; the last trade, told again at the beginning, is not there twice."""
    desk = live()
    desk.frame(trades(trade(10)))
    for last, next_one in ((10, 11), (12, 15)):
        desk.close()
        desk.open(acknowledge=False)
        desk.frame(trades(trade(last)))
        desk.frame(trades(trade(next_one)))
    missing = "trades 13 to 14 are missing"
    assert told(desk) == ["10", "11", "12", missing, "15"]


def test_requests() -> None:
    """Apart from those for books; none where they are not wanted."""
    desk = live(SYMBOL, ETH)
    books, asked = desk.sent
    assert asked["args"] == [{"channel": "trades", "instId": each} for each in (SYMBOL, ETH)]
    assert (asked["op"], asked["id"] != books["id"], asked["id"].isalnum()) == ("subscribe", True, True)
    desk.sent.clear()
    desk.note(desk.feed.remove([ETH]))
    assert [(sent["op"], sent["args"]) for sent in desk.sent] == [
        ("unsubscribe", [{"channel": channel, "instId": ETH}]) for channel in ("books", "trades")
    ]
    without = Desk(okx()).open(acknowledge=False)
    assert len(without.sent) == 1
    for each in (trades(trade(1)), acknowledged("trades", SYMBOL)):
        without.frame(each)
    assert (told(without), without.book.counters.garbage) == ([], 0)


@pytest.mark.parametrize(
    ("words", "number", "hit"),
    [
        ("channel:trades,instId:ETH-USDT doesn't exist", "subscribe2", [ETH]),
        ("channel:trades,instId:ETH-USDT doesn't exist", "", [ETH]),
        ("?", "subscribe2", [SYMBOL, ETH]),
    ],
)
def test_a_refusal(words: str, number: str, hit: list[str]) -> None:
    """Is told with the venue's words, and hurts no book, not even one that waits."""
    desk = Desk(trading(okx(SYMBOL, ETH))).open(acknowledge=False)
    desk.frame(error("60018", words, number))
    reason = f"trades refused: {words} (code 60018)"
    assert [each for each in (SYMBOL, ETH) if told(desk, each) == [reason]] == hit
    for symbol in desk.books:
        desk.frame(first(100, symbol=symbol))
    assert [book.state for book in desk.books.values()] == [State.LIVE] * 2
    assert desk.book.counters.garbage == 0


@pytest.mark.parametrize("wrong", [{"px": "-1"}, {"sz": "x"}, {"tradeId": "x"}, {"ts": "now"}, {"count": "0"}])
def test_what_cannot_be_read(wrong: dict[str, Any]) -> None:
    """Hurts no book; the next number tells."""
    desk = live()
    for number, more in ((1, {}), (2, wrong), (3, {})):
        desk.frame(trades({**trade(number), **more}))
    desk.frame(trades(trade(3))[:-7])
    desk.frame(update(100, 101))
    assert told(desk) == ["1", "trade 2 is missing", "3"]
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 2)


CAPTURED = {
    **{f"cryptofeed__OKEX.ws.{number}.0@20210722": 36 for number in (1, 2, 3)},
    "cryptofeed__OKX.ws.1.0@20220513": 74,
}


@pytest.mark.parametrize(("name", "count"), CAPTURED.items())
def test_captured_trades(name: str, count: int) -> None:
    """Every one is there once, in order, and none is missing: their ids rise by one."""
    path = CAPTURES / "okx" / name
    if not path.exists():
        pytest.skip("the captures are not here")
    pattern = re.compile(rb'\d+\.\d+: (\{"arg":\{"channel":"trades".*)')
    frames = [found[1] for line in path.read_bytes().splitlines() if (found := pattern.match(line))]
    expected: dict[str, list[Any]] = {}
    for frame in frames:
        for each in msgspec.json.decode(frame)["data"]:
            one = each["tradeId"], float(each["px"]), float(each["sz"]), int(each["ts"]) * 10**6, each["side"]
            expected.setdefault(each["instId"], []).append(one)
    desk = Desk(trading(OkxProtocol([instrument(each, venue="okx") for each in expected]))).open(acknowledge=False)
    for frame in frames:
        desk.frame(frame)
    sides = {Taker.BUYER: "buy", Taker.SELLER: "sell"}
    for symbol, made in expected.items():
        kept = [each for each in desk.pairs[symbol].trades.since(0) if isinstance(each, Trade)]
        assert [(each.id, each.price, each.amount, each.venue_ns, sides[each.taker]) for each in kept] == made
    assert sum(desk.pairs[symbol].trades.sequence for symbol in expected) == count
    assert desk.book.counters.garbage == 0
