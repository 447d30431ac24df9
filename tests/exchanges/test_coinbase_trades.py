"""Trades of Coinbase: from frames to the tape, and what never hurts a book."""

import gzip
from collections import Counter
from typing import Any

import msgspec
import pytest

from book import State, Taker, Trade
from tests.captures.files import CAPTURES
from tests.exchanges.coinbase_desk import BTC, ETH, START_NS, USDC, CoinbaseDesk, at, coinbase, message
from tests.exchanges.test_trades import told, trading


def trade(number: int, product: str = BTC, side: str = "SELL", **more: Any) -> dict[str, Any]:
    """One trade."""
    return {
        "product_id": product, "trade_id": str(number), "price": "61250.40", "size": "0.025", "time": at(148),
        "side": side, **more,
    }  # fmt: skip


def trades(*found: dict[str, Any], kind: str = "update") -> dict[str, Any]:
    """An event of the channel, the newest first."""
    return {"type": kind, "trades": found[::-1]}


def stand(desk: CoinbaseDesk, *products: str) -> None:
    """The venue says what is subscribed."""
    told = {"level2": list(products), "heartbeats": ["heartbeats"], "market_trades": list(products)}
    desk.say({"subscriptions": told}, channel="subscriptions")


def live(*symbols: str, stands: bool = True, **options: Any) -> CoinbaseDesk:
    """With live books and trades that stand."""
    desk = CoinbaseDesk(trading(coinbase(*symbols, **options))).begin()
    products = dict.fromkeys(BTC if symbol == USDC else symbol for symbol in desk.books)
    for product in products:
        desk.snapshot(product)
    if stands:
        stand(desk, *products)
    return desk


def tell(desk: CoinbaseDesk, *found: dict[str, Any], kind: str = "update") -> None:
    """The venue's next message is one of trades."""
    desk.say(trades(*found, kind=kind), channel="market_trades")


@pytest.mark.parametrize(("side", "taker"), [("SELL", Taker.BUYER), ("BUY", Taker.SELLER), ("", Taker.UNKNOWN)])
def test_a_trade(side: str, taker: Taker) -> None:
    """`side` is the maker's: who takes an offer buys."""
    desk = live()
    tell(desk, trade(9007199254740993, side=side))
    stamp_ns = START_NS + 148_000
    assert desk.pairs[BTC].trades.since(0) == (
        Trade(1, "coinbase", 61250.4, 0.025, taker, "9007199254740993", stamp_ns, desk.now_ns, desk.now_ns),
    )
    desk.update(1)
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 0), "the numbers are of all channels"


def test_wide_numbers() -> None:
    """More than 15 digits are kept; what is no number is garbage."""
    desk = live(max_price="100000000000000")
    digits = "12345678901234.56789"
    tell(desk, trade(1, price=digits))
    tell(desk, trade(2, price="NaN"))
    [found] = desk.pairs[BTC].trades.since(0)
    assert isinstance(found, Trade) and str(found.price) == digits
    assert (desk.book.counters.garbage, desk.state) == (1, State.LIVE)


def test_several_in_a_message() -> None:
    """Oldest first, each to its market; other spellings of a message are read alike."""
    desk = live(BTC, ETH)
    tell(desk, trade(2), trade(7, ETH), trade(3), trade(9, "XRP-USD"))
    body = {"sequence_num": desk.number, "events": [trades(trade(4))], "channel": "market_trades"}
    desk.frame(msgspec.json.encode(body))
    assert (told(desk, BTC), told(desk, ETH)) == (["2", "3", "4"], ["7"])


def test_what_was_before() -> None:
    """Is no news after the first subscription, and fills the gap after a later one; what is missing is counted."""
    desk = live(stands=False)
    tell(desk, trade(10), trade(11), kind="snapshot")
    tell(desk, trade(12))
    desk.close()
    desk.begin()
    tell(desk, *map(trade, range(9, 15)), kind="snapshot")
    stand(desk, BTC)
    tell(desk, trade(15))
    assert told(desk) == ["12", "13", "14", "15"]
    desk.close()
    desk.begin()
    tell(desk, trade(20), trade(21), kind="snapshot")
    assert told(desk)[4:] == ["trades 16 to 19 are missing: connection lost: cut", "20", "21"]


def test_requests() -> None:
    """Apart from those for books; none where they are not wanted."""
    desk = live(BTC, ETH)
    assert desk.asked() == [
        ("subscribe", "heartbeats", []), ("subscribe", "level2", [BTC, ETH]),
        ("subscribe", "market_trades", [BTC, ETH]),
    ]  # fmt: skip
    desk.note(desk.feed.remove([ETH]))
    assert desk.asked() == [("unsubscribe", "level2", [ETH]), ("unsubscribe", "market_trades", [ETH])]
    without = CoinbaseDesk(coinbase()).begin()
    assert [channel for _, channel, _ in without.asked()] == ["heartbeats", "level2"]
    tell(without, trade(1))
    assert (told(without), without.book.counters.garbage) == ([], 0)


def test_two_names_of_a_market() -> None:
    """Both have its trades, from one stream, which ends with the last of them."""
    desk = live(BTC, USDC)
    assert desk.asked()[-1] == ("subscribe", "market_trades", [BTC])
    tell(desk, trade(1))
    desk.note(desk.feed.remove([BTC]))
    assert desk.asked() == []
    tell(desk, trade(2))
    assert told(desk, USDC) == ["1", "2"]
    desk.note(desk.feed.remove([USDC]))
    assert desk.asked()[-1] == ("unsubscribe", "market_trades", [BTC])


@pytest.mark.parametrize(
    ("words", "hit"), [("market_trades: ETH-USD is not allowed", [ETH]), ("no market_trades", [BTC, ETH])]
)
def test_a_refusal(words: str, hit: list[str]) -> None:
    """Is told with the venue's words, and hurts no book, not even one that waits."""
    desk = CoinbaseDesk(trading(coinbase(BTC, ETH))).begin()
    desk.frame(msgspec.json.encode({"type": "error", "message": words}))
    assert [each for each in (BTC, ETH) if told(desk, each) == [f"trades refused: {words}"]] == hit
    for product in (BTC, ETH):
        desk.snapshot(product)
    assert (desk.states(), desk.book.counters.garbage) == ([State.LIVE] * 2, 0)
    stand(desk, BTC, ETH)
    desk.frame(msgspec.json.encode({"type": "error", "message": words}))
    assert desk.book.counters.garbage == 1, "no trades wait"


@pytest.mark.parametrize(
    "event",
    [
        7,
        {},
        {"subscriptions": 7},
        {"subscriptions": {"market_trades": 7}},
        {"subscriptions": {"market_trades": [7, "?"]}},
    ],
)
def test_an_acknowledgement_of_something_else(event: Any) -> None:
    """Changes nothing."""
    desk = live(stands=False)
    desk.say(event, channel="subscriptions")
    assert desk.protocol.trades.is_awaited(BTC)
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 0)


@pytest.mark.parametrize("wrong", [{"price": "-1"}, {"size": "x"}, {"trade_id": "x"}, {"time": "now"}])
def test_what_cannot_be_read(wrong: dict[str, Any]) -> None:
    """Hurts no book; the next number tells."""
    desk = live(BTC, ETH)
    for number, more in ((1, {}), (2, wrong), (3, {})):
        tell(desk, {**trade(number), **more})
    desk.frame(message(desk.number, [trades(trade(4))], "market_trades")[:-9])
    desk.number += 1
    desk.update(5)
    tell(desk, trade(5))
    assert told(desk) == ["1", "trade 2 is missing", "3", "trade 4 is missing", "5"]
    assert desk.states() == [State.LIVE] * 2
    assert desk.book.counters.garbage == 2


def test_a_lost_message() -> None:
    """Costs the books, as nobody knows what it was; the trades count by themselves."""
    desk = live()
    tell(desk, trade(1))
    desk.lose()
    tell(desk, trade(2))
    assert (desk.state, told(desk)) == (State.GAP, ["1", "2"])
    desk.number -= 2
    tell(desk, trade(4))
    assert told(desk)[2:] == ["trade 3 is missing", "4"], "an old message may hold trades that are news"


def test_captured_trades() -> None:
    """Every one after the snapshots is there, in order, on the side of the book that its taker took."""
    path = CAPTURES / "coinbase" / "cryptofeed__COINBASE.20260809.first14s.jsonl.gz"
    if not path.exists():
        pytest.skip("the captures are not here")
    records = [msgspec.json.decode(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    frames = [record["data"].encode() for record in records if record["t"] == "recv"]
    desk = CoinbaseDesk(trading(coinbase(BTC, ETH))).begin()
    sides: Counter[bool] = Counter()
    expected: dict[str, list[Any]] = {BTC: [], ETH: []}
    for frame in frames:
        before = {symbol: desk.books[symbol].view(1) for symbol in expected if desk.books[symbol].state is State.LIVE}
        desk.feed.frame(frame, desk.now_ns)
        told = msgspec.json.decode(frame)
        for event in told["events"] if told.get("channel") == "market_trades" else ():
            for each in event["trades"][::-1] if event["type"] == "update" else ():
                symbol = each["product_id"]
                taker = Taker.BUYER if each["side"] == "SELL" else Taker.SELLER
                expected[symbol].append((each["trade_id"], float(each["price"]), float(each["size"]), taker))
                if view := before.get(symbol):
                    middle = (view.bids[0][0] + view.asks[0][0]) / 2
                    sides[(float(each["price"]) > middle) is (taker is Taker.BUYER)] += 1
    for symbol, trades_of in expected.items():
        kept = desk.pairs[symbol].trades.since(0)
        assert [(each.id, each.price, each.amount, each.taker) for each in kept] == trades_of  # type: ignore[union-attr]
    assert [len(each) for each in expected.values()] == [36, 21]
    assert sides[True] > 10 * sides[False]
    assert desk.book.counters.garbage == 0
