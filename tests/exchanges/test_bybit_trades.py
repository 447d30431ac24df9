"""Trades of Bybit: from frames to the tape, and what never hurts a book."""

from typing import Any

import msgspec
import pytest

from book import State, Taker, Trade
from tests.captures.files import CAPTURES, read
from tests.exchanges.bybit_desk import BYBIT, MADE_MS, bybit, delta, reply, snapshot
from tests.exchanges.desk import Desk
from tests.exchanges.test_trades import told, trading

ETH = "ETHUSDT"


def trade(name: str, symbol: str = BYBIT, side: str = "Buy", **more: Any) -> dict[str, Any]:
    """One trade."""
    return {
        "T": MADE_MS, "s": symbol, "S": side, "v": "0.025", "p": "61250.40", "i": name, "BT": False, "RPI": False,
        "seq": 7, **more,
    }  # fmt: skip


def trades(*found: dict[str, Any], symbol: str = BYBIT) -> bytes:
    """A message of the channel: each says that it is a snapshot, and tells what is new."""
    body = {"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": MADE_MS + 4, "data": found}
    return msgspec.json.encode(body)


def live(*symbols: str, stands: bool = True, **options: Any) -> Desk:
    """With live books and trades that stand."""
    desk = Desk(trading(bybit(*symbols, **options))).open(acknowledge=False)
    for sent in list(desk.sent):
        if stands or sent["args"][0].startswith("orderbook."):
            desk.frame(reply(sent))
    for symbol in desk.books:
        desk.frame(snapshot(100, symbol=symbol))
    return desk


@pytest.mark.parametrize(("side", "taker"), [("Buy", Taker.BUYER), ("Sell", Taker.SELLER), ("", Taker.UNKNOWN)])
def test_a_trade(side: str, taker: Taker) -> None:
    """`S` is the taker's."""
    desk = live()
    desk.frame(trades(trade("2290000000061666327", side=side)))
    assert desk.pairs[BYBIT].trades.since(0) == (
        Trade(1, "bybit", 61250.4, 0.025, taker, "2290000000061666327", MADE_MS * 10**6, desk.now_ns, desk.now_ns),
    )
    assert (desk.state, desk.book.counters.updates) == (State.LIVE, 1), "no update of the book"


def test_wide_numbers() -> None:
    """More than 15 digits are kept; what is no number is garbage."""
    desk = live(max_price="100000000000000")
    digits = "12345678901234.56789"
    desk.frame(trades(trade("1", p=digits)))
    desk.frame(trades(trade("2", p="NaN")))
    found = desk.pairs[BYBIT].trades.since(0)[0]
    assert isinstance(found, Trade) and str(found.price) == digits
    assert (desk.book.counters.garbage, desk.state) == (1, State.LIVE)


def test_several_in_a_message() -> None:
    """In their order, each once; other spellings of a message are read alike."""
    desk = live(BYBIT, ETH)
    desk.frame(trades(trade("b"), trade("a"), trade("b"), trade("x", ETH), trade("y", "XRPUSDT")))
    desk.frame(msgspec.json.encode({"data": [trade("c")], "type": "snapshot", "topic": f"publicTrade.{BYBIT}"}))
    assert (told(desk, BYBIT), told(desk, ETH)) == (["b", "a", "c"], ["x"])


def test_requests() -> None:
    """Apart from those for books, ten in each; none where they are not wanted."""
    desk = live(*(f"A{number}USDT" for number in range(12)))
    asked = [sent["args"] for sent in desk.sent[2:]]
    assert [len(topics) for topics in asked] == [10, 2]
    assert asked[1] == ["publicTrade.A10USDT", "publicTrade.A11USDT"]
    assert len({sent["req_id"] for sent in desk.sent}) == 4
    desk.sent.clear()
    desk.note(desk.feed.remove(["A0USDT"]))
    assert [(sent["op"], sent["args"]) for sent in desk.sent] == [
        ("unsubscribe", ["orderbook.1000.A0USDT"]), ("unsubscribe", ["publicTrade.A0USDT"]),
    ]  # fmt: skip
    without = Desk(bybit()).open(acknowledge=False)
    assert len(without.sent) == 1
    without.frame(trades(trade("1")))
    assert (told(without), without.book.counters.garbage) == ([], 0)


def test_a_lost_connection() -> None:
    """Nobody can say how many trades were missed: the gap reaches to the acknowledgement."""
    desk = live()
    desk.frame(trades(trade("1")))
    desk.close()
    desk.now_ns += 5
    desk.open(acknowledge=False)
    assert told(desk) == ["1"]
    desk.frame(reply(desk.sent[-1]))
    desk.frame(trades(trade("2")))
    assert told(desk) == ["1", "connection lost: cut", "2"]


@pytest.mark.parametrize("named", [True, False], ids=["with its id", "without"])
def test_a_refusal_that_names_a_topic(named: bool) -> None:
    """That one is told, the others are asked for again; no book is hurt, not even one that waits."""
    desk = Desk(trading(bybit(BYBIT, ETH))).open(acknowledge=False)
    words = "Invalid topic: publicTrade.ETHUSDT"
    sent = desk.sent[1]
    desk.sent.clear()
    desk.frame(reply(sent, words, success=False, named=named))
    assert [each["args"] for each in desk.sent] == [["publicTrade.BTCUSDT"]]
    desk.frame(reply(desk.sent[0]))
    desk.frame(reply(desk.sent[0]))
    for symbol in desk.books:
        desk.frame(snapshot(100, symbol=symbol))
    assert (told(desk, BYBIT), told(desk, ETH)) == ([], [f"trades refused: {words}"])
    assert [book.state for book in desk.books.values()] == [State.LIVE] * 2
    assert not desk.protocol.trades.is_awaited(BYBIT)


def test_a_refusal_that_names_nothing() -> None:
    """Each is asked for alone, until one is refused by itself."""
    desk = live(BYBIT, ETH, "XRPUSDT", stands=False)
    sent = desk.sent[1]
    desk.sent.clear()
    desk.note(desk.feed.remove(["XRPUSDT"]))
    desk.sent.clear()
    desk.frame(reply(sent, "Not today", success=False))
    first, second = desk.sent
    assert [each["args"] for each in desk.sent] == [["publicTrade.BTCUSDT"], ["publicTrade.ETHUSDT"]]
    desk.frame(reply(first, "Not today", success=False))
    desk.frame(reply(second, "error: already subscribed", success=False))
    assert (told(desk, BYBIT), told(desk, ETH)) == (["trades refused: Not today"], [])
    assert not desk.protocol.trades.is_awaited(ETH)
    assert (desk.state, desk.book.counters.garbage, len(desk.sent)) == (State.LIVE, 0, 2)


UNREAD = "a trade could not be read"
UNREAD_FRAME = "a frame could not be read, which may have been a trade"


@pytest.mark.parametrize(
    ("frame", "reasons", "state"),
    [
        (trades(trade("1", p="-1")), {BYBIT: [UNREAD]}, State.LIVE),
        (trades(trade("1", ETH, T=-1), symbol=ETH), {ETH: [UNREAD]}, State.LIVE),
        (trades(trade("1", v=[]), symbol="XRPUSDT"), {}, State.LIVE),
        (trades(trade("1"))[:-7], {BYBIT: [UNREAD]}, State.LIVE),
        (b'{"topic":', {BYBIT: [UNREAD_FRAME], ETH: [UNREAD_FRAME]}, State.LIVE),
        (delta(101)[:-7], {}, State.GAP),
    ],
)
def test_what_cannot_be_read(frame: bytes, reasons: dict[str, list[str]], state: State) -> None:
    """A trade that cannot be read is missed where it may have been, and hurts no book."""
    desk = live(BYBIT, ETH)
    desk.frame(frame)
    assert {symbol: told(desk, symbol) for symbol in desk.books if told(desk, symbol)} == reasons
    assert desk.state is state
    assert desk.books[ETH].state is State.LIVE


def test_a_silence() -> None:
    """What was said meanwhile may be lost."""
    desk = live()
    desk.note(desk.feed.resumed())
    assert told(desk) == ["nothing was heard for a while"]


def test_captured_trades() -> None:
    """Every one is there once, in order, and nearly all on the side of the book that their takers took."""
    name = "bybit/cryptofeed__BYBIT.20260809.linear.jsonl"
    if not (CAPTURES / name).exists():
        pytest.skip("the captures are not here")
    bodies = [line.body for line in read([name]) if not line.url]
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT")
    desk = Desk(trading(bybit(*symbols, depth=200))).open(acknowledge=False)
    expected: dict[str, list[Any]] = {symbol: [] for symbol in symbols}
    right = wrong = 0
    for body in bodies:
        message = msgspec.json.decode(body)
        for each in message["data"] if "publicTrade" in message.get("topic", "") else ():
            taker = {"Buy": Taker.BUYER, "Sell": Taker.SELLER}[each["S"]]
            expected[each["s"]].append((each["i"], float(each["p"]), float(each["v"]), each["T"] * 10**6, taker))
            if desk.books[each["s"]].state is State.LIVE:
                view = desk.books[each["s"]].view(1)
                bought = float(each["p"]) > (view.bids[0][0] + view.asks[0][0]) / 2
                right, wrong = right + (bought is (taker is Taker.BUYER)), wrong + (bought is (taker is Taker.SELLER))
        desk.frame(body)
    for symbol, made in expected.items():
        kept = [each for each in desk.pairs[symbol].trades.since(0) if isinstance(each, Trade)]
        assert [(each.id, each.price, each.amount, each.venue_ns, each.taker) for each in kept] == made
    assert sum(map(len, expected.values())) == 327
    assert right > 3 * wrong
