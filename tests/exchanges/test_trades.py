"""Trades of Binance and Bitstamp: from frames to the tape, and what never hurts a book."""

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest

from book import PairBooks, State, Taker, Trade, TradeGap
from exchanges.actions import Fetch, Send
from exchanges.feed import Feed
from tests.captures.files import CAPTURES
from tests.exchanges.desk import (
    BINANCE,
    BITSTAMP,
    Desk,
    acknowledgement,
    binance,
    binance_snapshot,
    bitstamp,
    bitstamp_snapshot,
    depth,
    diff,
    instrument,
)

TRADES = "trades"


def trading(protocol: Any) -> Any:
    """The same, with trades."""
    protocol.trades.wanted = True
    return protocol


def binance_trade(number: int, *, symbol: str = BINANCE, wrapped: bool = True, **fields: Any) -> bytes:
    """A trade of Binance."""
    event = {
        "e": "trade", "E": 1790000000150000, "s": symbol, "t": number, "p": "61250.40000000", "q": "0.02500000",
        "T": 1790000000148000, "m": False, "M": True, **fields,
    }  # fmt: skip
    stream = {"stream": f"{symbol.lower()}@trade", "data": event}
    return msgspec.json.encode(stream if wrapped else event)


def bitstamp_trade(number: int, *, symbol: str = BITSTAMP, **fields: Any) -> bytes:
    """A trade of Bitstamp."""
    data = {
        "id": number, "id_str": str(number), "timestamp": "1790000000", "microtimestamp": "1790000000148000",
        "amount": 0.025, "amount_str": "0.02500000", "price": 61250.4, "price_str": "61250.40", "type": 0,
        "buy_order_id": 1, "sell_order_id": 2, **fields,
    }  # fmt: skip
    return msgspec.json.encode({"data": data, "channel": f"live_trades_{symbol}", "event": "trade"})


def told(desk: Desk, symbol: str = "") -> list[object]:
    """Ids of trades, reasons of gaps."""
    tape = desk.pairs[symbol or next(iter(desk.pairs))].trades
    return [each.id if isinstance(each, Trade) else each.reason for each in tape.since(0)]


def live_binance(*symbols: str) -> Desk:
    """With live books and trades that stand."""
    desk = Desk(trading(binance(*symbols))).open()
    for symbol in desk.books:
        desk.frame(depth(100, 100, symbol=symbol))
        desk.answer(binance_snapshot(100))
    return desk


def live_bitstamp(*symbols: str) -> Desk:
    """Likewise."""
    desk = Desk(trading(bitstamp(*symbols))).open()
    for symbol in desk.books:
        desk.frame(diff(100, symbol=symbol))
        desk.answer(bitstamp_snapshot(100))
    return desk


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(("maker", "taker"), [(False, Taker.BUYER), (True, Taker.SELLER)])
def test_a_trade_of_binance(maker: bool, taker: Taker, wrapped: bool) -> None:
    """`m`: the buyer was the maker, so that the taker sold; `T`: when it was matched."""
    desk = live_binance()
    desk.frame(binance_trade(4200000001, m=maker, wrapped=wrapped))
    assert desk.pairs[BINANCE].trades.since(0) == (
        Trade(
            1, "binance", 61250.4, 0.025, taker, "4200000001", 1790000000148000000, desk.now_ns, desk.now_ns
        ),
    )  # fmt: skip
    assert (desk.state, desk.book.counters.updates) == (State.LIVE, 1), "no update of the book"


@pytest.mark.parametrize(("kind", "taker"), [(0, Taker.BUYER), (1, Taker.SELLER), (7, Taker.UNKNOWN)])
def test_a_trade_of_bitstamp(kind: int, taker: Taker) -> None:
    """The texts, not the numbers beside them."""
    desk = live_bitstamp()
    desk.frame(bitstamp_trade(9007199254740993, type=kind, price=1, amount=1))
    assert desk.pairs[BITSTAMP].trades.since(0) == (
        Trade(
            1, "bitstamp", 61250.4, 0.025, taker, "9007199254740993", 1790000000148000000, desk.now_ns, desk.now_ns
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "frame"),
    [
        (lambda: binance(max_price="100000000000000"), lambda **more: binance_trade(1, **more)),
        (lambda: bitstamp(max_price="100000000000000"), lambda **more: bitstamp_trade(1, **more)),
    ],
)
def test_wide_numbers(make: Any, frame: Any) -> None:
    """More than 15 digits are kept; what is no number is garbage."""
    desk = Desk(trading(make())).open()
    digits = "12345678901234.56789"
    desk.frame(frame(p=digits, price_str=digits))
    [trade] = next(iter(desk.pairs.values())).trades.since(0)
    assert isinstance(trade, Trade)
    assert str(trade.price) == digits
    desk.frame(frame(p="NaN", price_str="NaN"))
    assert desk.book.counters.garbage == 1


def test_requests_of_binance() -> None:
    """Trades are requests of their own, after those for the books."""
    desk = Desk(trading(binance(*(f"A{number}" for number in range(150)))))
    desk.open(acknowledge=False)
    assert [len(sent["params"]) for sent in desk.sent] == [200, 100, 100, 50]
    assert {stream.split("@")[1] for sent in desk.sent[2:] for stream in sent["params"]} == {"trade"}
    assert len({sent["id"] for sent in desk.sent}) == 4
    desk.sent.clear()
    desk.note(desk.feed.remove(["A0"]))
    assert [sent["params"] for sent in desk.sent] == [["a0@depth@100ms", "a0@bookTicker"], ["a0@trade"]]


def test_requests_of_bitstamp() -> None:
    """A channel each; a connection has room for them."""
    desk = Desk(trading(bitstamp("btcusd", "ethusd"))).open()
    assert [sent["data"]["channel"] for sent in desk.sent[4:]] == ["live_trades_btcusd", "live_trades_ethusd"]
    desk.sent.clear()
    desk.note(desk.feed.remove(["ethusd"]))
    assert desk.sent[-1] == {"event": "bts:unsubscribe", "data": {"channel": "live_trades_ethusd"}}


@pytest.mark.parametrize("frame", [binance_trade(1), bitstamp_trade(1)])
def test_nobody_wants_them(frame: bytes) -> None:
    """Neither asked for nor read."""
    for protocol in (binance(), bitstamp()):
        desk = Desk(protocol).open()
        asked = len(desk.sent)
        desk.frame(frame)
        assert told(desk) == []
        assert not [sent for sent in desk.sent[:asked] if "trade" in str(sent)]
        assert desk.protocol.trades.add(["LATER"]) == []


def test_refused_by_binance() -> None:
    """Told with the reason, once; the book is not concerned; asked again later, ever more seldom."""
    desk = Desk(trading(binance())).open(acknowledge=False)
    books, trades = desk.sent
    desk.frame(acknowledgement(books))
    desk.frame(msgspec.json.encode({"error": {"code": 2, "msg": "no trades here"}, "id": trades["id"]}))
    assert told(desk) == ["trades refused: no trades here"]
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100))
    assert desk.state is State.LIVE
    for wait_s in (60.0, 120.0):
        desk.sent.clear()
        desk.expire(TRADES)
        [again] = desk.sent
        assert again["params"] == ["btcusdt@trade"]
        assert [timer.delay_s for timer in desk.timers if timer.purpose == TRADES] == [wait_s]
        desk.frame(msgspec.json.encode({"error": {"code": 2, "msg": "no trades here"}, "id": again["id"]}))
    assert told(desk) == ["trades refused: no trades here"]
    desk.frame(acknowledgement(again))  # told twice: it is not waited for any more
    desk.sent.clear()
    desk.expire(TRADES)
    desk.frame(acknowledgement(desk.sent[0]))
    desk.frame(binance_trade(7))
    assert told(desk)[-1] == "7"
    desk.expire(TRADES)
    assert not [timer for timer in desk.timers if timer.purpose == TRADES], "nothing is left to be asked"


def test_refused_by_bitstamp() -> None:
    """Likewise; a refusal of a book's channel is garbage as before."""
    desk = live_bitstamp()
    desk.close()
    desk.open(acknowledge=False)
    error = {"code": None, "message": "Bad subscription string."}
    desk.frame(msgspec.json.encode({"event": "bts:error", "channel": "live_trades_btcusd", "data": error}))
    assert told(desk) == ["trades refused: Bad subscription string."]
    assert desk.book.counters.garbage == 0


def test_no_acknowledgement() -> None:
    """Is told, and asked for again."""
    desk = Desk(trading(bitstamp())).open(acknowledge=False)
    desk.sent.clear()
    desk.expire(TRADES)
    assert told(desk) == ["the venue does not acknowledge the subscription to trades"]
    assert [sent["data"]["channel"] for sent in desk.sent] == ["live_trades_btcusd"]


@pytest.mark.parametrize(("make", "trade"), [(binance, binance_trade), (bitstamp, bitstamp_trade)])
def test_trades_before_the_acknowledgement(make: Any, trade: Any) -> None:
    """Whoever sends them has taken the subscription."""
    desk = Desk(trading(make())).open(acknowledge=False)
    desk.frame(trade(5))
    desk.frame(acknowledgement(desk.sent[-1]))
    desk.frame(trade(6))
    assert told(desk) == ["5", "6"]


def test_a_lost_connection_to_binance() -> None:
    """Ids tell how many were missed; a repeated trade is not there twice."""
    desk = live_binance()
    desk.frame(binance_trade(10))
    desk.close()
    desk.now_ns += 5
    desk.open()
    desk.frame(binance_trade(10))
    desk.frame(binance_trade(13))
    trades = desk.pairs[BINANCE].trades.since(0)
    assert trades[1] == TradeGap(
        2, "binance", desk.now_ns - 5, desk.now_ns, 2, "trades 11 to 12 are missing: connection lost: cut"
    )
    assert told(desk) == ["10", trades[1].reason, "13"]


def test_a_lost_connection_to_bitstamp() -> None:
    """Nobody can say how many; the gap reaches to the acknowledgement."""
    desk = live_bitstamp()
    desk.frame(bitstamp_trade(10))
    desk.close()
    desk.now_ns += 5
    assert told(desk) == ["10"]
    desk.open()
    gap = TradeGap(2, "bitstamp", desk.now_ns - 5, desk.now_ns, None, "connection lost: cut")
    assert desk.pairs[BITSTAMP].trades.since(1) == (gap,)


UNREAD = "a trade could not be read"
UNREAD_FRAME = "a frame could not be read, which may have been a trade"


@pytest.mark.parametrize(
    ("frame", "reasons", "states"),
    [
        (bitstamp_trade(1, price_str=[]), {"btcusd": [UNREAD]}, "live"),
        (bitstamp_trade(1, symbol="ethusd", id=-1), {"ethusd": [UNREAD]}, "live"),
        (bitstamp_trade(1, symbol="xrpusd", id=-1), {}, "live"),
        (bitstamp_trade(1)[:150], {"btcusd": [UNREAD], "ethusd": [UNREAD]}, "live"),
        (b'{"data":', {"btcusd": [UNREAD_FRAME], "ethusd": [UNREAD_FRAME]}, "hold"),
        (diff(200)[:-5], {}, "gap"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_on_bitstamp(frame: bytes, reasons: dict[str, list[str]], states: str) -> None:
    """A trade that cannot be read is missed where it may have been, and hurts no book."""
    desk = live_bitstamp("btcusd", "ethusd")
    desk.frame(frame)
    for symbol in desk.books:
        assert told(desk, symbol) == reasons.get(symbol, [])
    assert (desk.state is State.LIVE) == (states != "gap")
    assert bool(desk.fetches) == (states != "live"), "a book is asked for only where a diff may be lost"


def test_a_silence_of_bitstamp() -> None:
    """What was said meanwhile may be lost."""
    desk = live_bitstamp()
    desk.note(desk.feed.resumed())
    assert told(desk) == ["nothing was heard for a while"]


def test_what_cannot_be_read_on_binance() -> None:
    """The next id tells."""
    desk = live_binance()
    desk.frame(binance_trade(1))
    desk.frame(binance_trade(2, p="-1"))
    desk.frame(binance_trade(3))
    assert told(desk) == ["1", "trade 2 is missing", "3"]
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)


def test_pairs_come_and_go() -> None:
    """Those that come are asked for together; what is late for one that went is ignored."""
    desk = live_binance()
    tapes = {}
    desk.timers.clear()
    for symbol in ("ETHUSDT", "XRPUSDT", "SOLUSDT"):
        listed = instrument(symbol)
        books = PairBooks(listed.pair)
        tapes[symbol] = books.trades
        desk.note(desk.feed.add([listed], {symbol: (books, books.add("binance", listed))}))
    desk.note(desk.feed.remove(["ETHUSDT"]))
    desk.sent.clear()
    desk.expire(TRADES)
    assert [sent["params"] for sent in desk.sent] == [["xrpusdt@trade", "solusdt@trade"]]
    [asked] = desk.sent
    desk.note(desk.feed.remove(["XRPUSDT"]))
    assert desk.sent[-1]["params"] == ["xrpusdt@trade"]
    desk.frame(binance_trade(1, symbol="XRPUSDT"))
    desk.frame(acknowledgement(asked))
    desk.frame(binance_trade(1, symbol="SOLUSDT"))
    desk.note(desk.feed.remove(["SOLUSDT"]))
    desk.frame(binance_trade(2, symbol="SOLUSDT"))
    assert {symbol: tape.sequence for symbol, tape in tapes.items()} == {"ETHUSDT": 0, "XRPUSDT": 0, "SOLUSDT": 1}


def test_old_timers_are_nobodys() -> None:
    """Those of a connection before."""
    desk = live_binance()
    old = list(desk.timers)
    desk.close()
    desk.open()
    desk.sent.clear()
    for timer in old:
        if timer.purpose == TRADES:
            assert desk.feed.timeout(timer) == []


class Successor:
    """A connection that is to take over from that of a desk."""

    def __init__(self, old: Desk, protocol: Any) -> None:
        self.old = old
        self.feed = Feed.warming(trading(protocol), old.pairs, lambda: old.now_ns)
        self.asked: list[Any] = []
        for action in self.feed.opened():
            if isinstance(action, Send):
                self.asked.append(msgspec.json.decode(action.text))

    def acknowledge(self, asked: Any) -> None:
        self.frame(acknowledgement(asked))

    def frame(self, body: bytes) -> None:
        for action in self.feed.frame(body, self.old.now_ns):
            if isinstance(action, Fetch):
                self.feed.inherit(action)


def takes_over(old: Desk, protocol: Any, first: bytes) -> Successor:
    """With a book that is level, and all subscriptions acknowledged."""
    new = Successor(old, protocol)
    for asked in new.asked:
        new.acknowledge(asked)
    new.frame(first)
    return new


@pytest.mark.parametrize(
    ("old", "protocol", "first", "trade"),
    [
        (live_binance, binance, depth(100, 100), binance_trade),
        (live_bitstamp, bitstamp, diff(100), bitstamp_trade),
    ],
)
def test_a_planned_rotation(old: Any, protocol: Any, first: bytes, trade: Any) -> None:
    """Both connections bring the same trades for a while: none is lost, none there twice."""
    desk = old()
    desk.frame(trade(1))
    desk.frame(trade(2))
    new = takes_over(desk, protocol(), first)
    for number in (2, 3):
        new.frame(trade(number))
    assert told(desk) == ["1", "2"], "what the new one brings is not told yet"
    desk.frame(trade(3))
    for number in (4, 5):
        new.frame(trade(number))
    assert new.feed.take_over(orphaned=False)
    assert told(desk) == ["1", "2", "3", "4", "5"]
    for number in (4, 5, 6):
        desk.frame(trade(number))
    desk.close()  # not even its end is a loss
    for number in (6, 7):
        new.frame(trade(number))
    assert told(desk) == ["1", "2", "3", "4", "5", "6", "7"]


@pytest.mark.parametrize("ahead", [False, True])
def test_trades_are_waited_for(ahead: bool) -> None:
    """A connection takes over when its trades stand, but not for ever; then some may be missing."""
    desk = live_bitstamp()
    desk.frame(bitstamp_trade(1))
    new = Successor(desk, bitstamp())
    for asked in new.asked[:-1]:
        new.acknowledge(asked)
    new.frame(diff(100))
    assert not new.feed.take_over(orphaned=False)
    if ahead:
        assert new.feed.take_over(orphaned=False, ahead=True)
    desk.now_ns += 5
    new.acknowledge(new.asked[-1])
    assert new.feed.take_over(orphaned=False)
    reason = "another connection took over, whose trades had not begun"
    assert told(desk) == (["1", reason] if ahead else ["1"])


def test_the_old_connection_ends_before_the_new_one_has_its_trades() -> None:
    """What lies between may be missing. One that stood in time lacks nothing."""
    desk = live_bitstamp()
    desk.frame(bitstamp_trade(1))
    new = takes_over(desk, bitstamp(), diff(100))
    desk.now_ns += 5
    desk.frame(bitstamp_trade(2))
    new.frame(bitstamp_trade(2))
    desk.close()
    new.frame(bitstamp_trade(3))
    assert new.feed.take_over(orphaned=True)
    assert told(desk) == ["1", "2", "3"]
    desk = live_bitstamp()
    desk.frame(bitstamp_trade(1))
    desk.close()
    desk.now_ns += 5
    new = takes_over(desk, bitstamp(), diff(100))
    new.frame(bitstamp_trade(3))
    assert new.feed.take_over(orphaned=True)
    assert told(desk) == ["1", "connection lost: cut", "3"]


def test_more_than_a_successor_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go, which is told; so is what it missed."""
    monkeypatch.setattr("exchanges.trades._EARLY", 3)
    desk = live_bitstamp()
    new = takes_over(desk, bitstamp(), diff(100))
    for number in range(1, 6):
        new.frame(bitstamp_trade(number))
    new.frame(bitstamp_trade(6, id=-1))
    assert new.feed.take_over(orphaned=False)
    lost = "more trades came than are kept while a connection is taken over"
    assert told(desk) == [lost, UNREAD, "3", "4", "5"]


def test_a_successor_that_begins_anew() -> None:
    """What it had kept is of a connection that is gone."""
    desk = live_bitstamp()
    new = takes_over(desk, bitstamp(), diff(100))
    new.frame(bitstamp_trade(1))
    new.feed.closed("cut", 0)
    assert new.feed.take_over(orphaned=True) is False
    new.feed.remove([BITSTAMP])
    assert told(desk) == []


@pytest.mark.parametrize("day", ["20240808", "20240809"])
def test_captured_trades_of_binance(day: str) -> None:
    """Every one is there, in order, and none is missing: the ids of the capture are whole."""
    lines = gzip.decompress(
        _captured("binance-spot", f"hftbacktest__spot_btcusdt_{day}.gz").read_bytes()
    ).splitlines()
    frames = [line.split(b" ", 1)[1] for line in lines if b'"e":"trade"' in line]
    desk = Desk(trading(binance())).open()
    for frame in frames:
        desk.feed.frame(frame, desk.now_ns)
    tape = desk.pairs[BINANCE].trades
    assert tape.sequence == len(frames) > 9_000
    kept = tape.since(0)
    assert all(isinstance(each, Trade) for each in kept)
    events = [msgspec.json.decode(frame)["data"] for frame in frames[-len(kept) :]]
    assert [(each.id, each.price, each.amount, each.venue_ns, each.taker is Taker.SELLER) for each in kept] == [  # type: ignore[union-attr]
        (str(event["t"]), float(event["p"]), float(event["q"]), event["T"] * 10**6, event["m"]) for event in events
    ]


@pytest.mark.parametrize(
    ("name", "symbols"),
    [
        ("cryptofeed__BITSTAMP-b88f8b.0@20210405.part-A", ("linketh", "xlmeur", "ethgbp", "btcusdc")),
        ("cryptofeed__BITSTAMP.ws.19.0@20210417", ("btcusd", "ltcusd", "bcheur")),
    ],
)
def test_captured_trades_of_bitstamp(name: str, symbols: tuple[str, ...]) -> None:
    """Likewise, with ids that leave some out."""
    lines = _captured("bitstamp", name).read_bytes().splitlines()
    frames = [line.split(b": ", 1)[1] for line in lines if b'"event": "trade"' in line or b'"event":"trade"' in line]
    desk = Desk(trading(bitstamp(*symbols))).open()
    for frame in frames:
        desk.feed.frame(frame, desk.now_ns)
    events = [msgspec.json.decode(frame) for frame in frames]
    assert len(events) >= 16
    for symbol in symbols:
        mine = [event["data"] for event in events if event["channel"] == f"live_trades_{symbol}"]
        assert [
            (each.id, each.price, each.amount, each.taker)  # type: ignore[union-attr]
            for each in desk.pairs[symbol].trades.since(0)
        ] == [
            (str(each["id"]), float(each["price_str"]), float(each["amount_str"]), Taker(1 + each["type"]))
            for each in mine
        ]
    assert desk.book.counters.garbage == 0


def _captured(venue: str, name: str) -> Path:
    path = CAPTURES / venue / name
    if not path.exists():
        pytest.skip("the captures are not here")
    return path
