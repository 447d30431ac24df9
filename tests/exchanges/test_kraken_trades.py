"""Trades of Kraken: from frames to the tape, and what never hurts a book."""

from typing import Any

import msgspec
import pytest

from book import State, Taker, Trade
from tests.exchanges.desk import Desk
from tests.exchanges.test_kraken import ASKS, BIDS, BTC, PUBLISHED, kraken, message
from tests.exchanges.test_trades import told, trading

ETH = "ETH/USD"
STAMP_NS = 1_790_330_400_123_456_000


def trade(number: int, symbol: str = BTC, side: str = "buy", price: str = "61250.4", **more: Any) -> dict[str, Any]:
    """One trade, its price in the digits given."""
    return {
        "symbol": symbol, "side": side, "price": msgspec.Raw(price.encode()), "qty": msgspec.Raw(b"0.02500000"),
        "ord_type": "market", "trade_id": number, "timestamp": "2026-09-25T10:00:00.123456Z", **more,
    }  # fmt: skip


def trades(*found: dict[str, Any], kind: str = "update") -> bytes:
    """A message of the channel."""
    return msgspec.json.encode({"channel": "trade", "type": kind, "data": found})


def answer(sent: Any, symbol: str, error: str = "") -> bytes:
    """What the venue says to a request, for one of its symbols."""
    told: dict[str, Any] = {"method": sent["method"], "req_id": sent["req_id"], "success": not error}
    if error:
        return msgspec.json.encode({**told, "error": error, "symbol": symbol})
    return msgspec.json.encode({**told, "result": {"channel": sent["params"]["channel"], "symbol": symbol}})


def live(*symbols: str, stands: bool = True, **options: Any) -> Desk:
    """With live books and trades that stand."""
    desk = Desk(trading(kraken(*symbols, **options))).open(acknowledge=False)
    for symbol in desk.books:
        desk.frame(message("snapshot", BIDS, ASKS, PUBLISHED, symbol=symbol))
    for sent in desk.sent:
        for symbol in sent["params"]["symbol"] if stands else ():
            desk.frame(answer(sent, symbol))
    return desk


@pytest.mark.parametrize(("side", "taker"), [("buy", Taker.BUYER), ("sell", Taker.SELLER), ("?", Taker.UNKNOWN)])
def test_a_trade(side: str, taker: Taker) -> None:
    """`side` is the taker's."""
    desk = live()
    desk.frame(trades(trade(9007199254740993, side=side)))
    assert desk.pairs[BTC].trades.since(0) == (
        Trade(1, "kraken", 61250.4, 0.025, taker, "9007199254740993", STAMP_NS, desk.now_ns, desk.now_ns),
    )
    assert (desk.state, desk.book.counters.updates) == (State.LIVE, 1), "no update of the book"


def test_wide_numbers() -> None:
    """More than 15 digits are kept; what is no number is garbage."""
    desk = live(max_price="100000000000000")
    digits = "12345678901234.56789"
    desk.frame(trades(trade(1, price=digits)))
    desk.frame(trades(trade(2, price="1e17")))
    [found] = desk.pairs[BTC].trades.since(0)
    assert isinstance(found, Trade) and str(found.price) == digits
    assert (desk.book.counters.garbage, desk.state) == (1, State.LIVE)


def test_several_in_a_message() -> None:
    """Oldest first, each to its pair; other spellings of a message are read alike."""
    desk = live(BTC, ETH)
    desk.frame(trades(trade(3), trade(7, ETH), trade(2), trade(1, "XRP/USD")))
    desk.frame(msgspec.json.encode({"data": [trade(4)], "type": "update", "channel": "trade"}))
    assert (told(desk, BTC), told(desk, ETH)) == (["2", "3", "4"], ["7"])


def test_what_was_before() -> None:
    """Is no news after the first subscription, and fills the gap after a later one; what is missing is counted."""
    desk = live()
    desk.frame(trades(trade(10), trade(11), kind="snapshot"))
    desk.frame(trades(trade(12)))
    desk.close()
    desk.open(acknowledge=False)
    desk.frame(trades(*map(trade, range(9, 15)), kind="snapshot"))
    desk.frame(trades(trade(15)))
    assert told(desk) == ["12", "13", "14", "15"]
    desk.close()
    desk.open(acknowledge=False)
    desk.frame(trades(trade(20), trade(21), kind="snapshot"))
    assert told(desk)[4:] == ["trades 16 to 19 are missing: connection lost: cut", "20", "21"]


def test_requests() -> None:
    """Apart from those for books, with the last trades; none where they are not wanted."""
    desk = live(BTC, ETH, depth=25)
    books, asked = desk.sent
    assert asked["method"] == "subscribe"
    assert asked["params"] == {"channel": "trade", "symbol": [BTC, ETH], "snapshot": True}
    assert asked["req_id"] != books["req_id"]
    desk.sent.clear()
    desk.note(desk.feed.remove([ETH]))
    assert [sent["params"] for sent in desk.sent] == [
        {"channel": "book", "symbol": [ETH], "depth": 25},
        {"channel": "trade", "symbol": [ETH]},
    ]
    without = Desk(kraken()).open(acknowledge=False)
    assert len(without.sent) == 1
    without.frame(trades(trade(1)))
    assert (told(without), without.book.counters.garbage) == ([], 0)


@pytest.mark.parametrize(("symbol", "hit"), [(ETH, [ETH]), ("?", [BTC, ETH])])
def test_a_refusal(symbol: str, hit: list[str]) -> None:
    """Is told with the venue's words, and hurts no book."""
    desk = live(BTC, ETH, stands=False)
    desk.frame(answer(desk.sent[1], symbol, "Not today"))
    assert [each for each in (BTC, ETH) if told(desk, each) == ["trades refused: Not today"]] == hit
    assert {book.state for book in desk.books.values()} == {State.LIVE}
    desk.sent.clear()
    desk.expire("trades")
    [again] = desk.sent
    assert again["params"]["symbol"] == [BTC, ETH]


def test_a_refused_book_is_not_taken_for_its_trades() -> None:
    """Nor is a success without a result."""
    desk = Desk(trading(kraken())).open(acknowledge=False)
    desk.frame(answer(desk.sent[0], BTC, "Not today"))
    assert (desk.state, told(desk)) == (State.DOWN, [])
    desk.frame(b'{"method":"subscribe","success":true,"req_id":2}')
    assert desk.protocol.trades.is_awaited(BTC)


@pytest.mark.parametrize("wrong", [{"price": -1}, {"qty": "x"}, {"trade_id": -1}, {"timestamp": "now"}])
def test_what_cannot_be_read(wrong: dict[str, Any]) -> None:
    """Hurts no book; the next number tells."""
    desk = live(BTC, ETH)
    for number, more in ((1, {}), (2, wrong), (3, {})):
        desk.frame(trades({**trade(number), **more}))
    desk.frame(trades(trade(3))[:-7])
    assert told(desk) == ["1", "trade 2 is missing", "3"]
    assert {book.state for book in desk.books.values()} == {State.LIVE}
    assert desk.book.counters.garbage == 2
