"""Trades of Bitfinex: from frames to the tape, and what never hurts a book."""

import re
from typing import Any

import msgspec
import pytest

from book import State, Taker, Trade
from tests.captures.files import CAPTURES
from tests.exchanges.bitfinex_desk import BTC, ETH, START_MS, BitfinexDesk, bitfinex, error
from tests.exchanges.test_trades import Successor, told, trading

OF_TRADES = {BTC: 117, ETH: 118}  # channels
UNREAD = "a trade could not be read"


def row(number: int, amount: str = "0.025", price: str = "61250.4") -> str:
    """A trade."""
    return f"[{number},{START_MS + 148},{amount},{price}]"


def opened(desk: BitfinexDesk, symbol: str = BTC) -> None:
    """The answer to the subscription: so far nothing stands."""
    answer = {"event": "subscribed", "channel": "trades", "chanId": OF_TRADES[symbol], "symbol": symbol}
    desk.frame(msgspec.json.encode({**answer, "pair": symbol[1:]}))


def recent(desk: BitfinexDesk, *numbers: int, symbol: str = BTC) -> None:
    """The last trades, newest first."""
    desk.say(f"[{','.join(row(each) for each in sorted(numbers, reverse=True))}]", channel=OF_TRADES[symbol])


def begin(desk: BitfinexDesk, *numbers: int, symbol: str = BTC) -> None:
    """The channel is open, and says what was before."""
    opened(desk, symbol)
    recent(desk, *numbers, symbol=symbol)


def trade(desk: BitfinexDesk, number: int, *, symbol: str = BTC, kinds: tuple[str, ...] = ("te", "tu")) -> None:
    """A trade as the venue tells it: twice."""
    for kind in kinds:
        desk.say(f'"{kind}",{row(number)}', channel=OF_TRADES[symbol])


def live(*symbols: str, stands: bool = True) -> BitfinexDesk:
    """With live books and trades that stand."""
    desk = BitfinexDesk(trading(bitfinex(*symbols))).begin()
    for symbol in desk.books:
        desk.answer_to(symbol)
        desk.snapshot(symbol)
        if stands:
            begin(desk, symbol=symbol)
    return desk


@pytest.mark.parametrize(("amount", "taker"), [("0.025", Taker.BUYER), ("-0.025", Taker.SELLER)])
@pytest.mark.parametrize("space", ["", " "])
def test_a_trade(amount: str, taker: Taker, space: str) -> None:
    """The sign tells the taker; it is told twice, and counted once."""
    desk = live()
    for kind in ("te", "tu"):
        desk.say(f'{space}"{kind}",{row(658733916, amount)}', channel=OF_TRADES[BTC])
    stamp_ns = (START_MS + 148) * 1_000_000
    assert desk.pairs[BTC].trades.since(0) == (
        Trade(1, "bitfinex", 61250.4, 0.025, taker, "658733916", stamp_ns, desk.now_ns, desk.now_ns),
    )
    desk.level("61249", 1, "3")
    assert (desk.state, desk.book.counters.updates, desk.book.counters.garbage) == (State.LIVE, 2, 0)


def test_requests() -> None:
    """After those of the books; by channel to the end; none where they are not wanted."""
    desk = live(BTC, ETH)
    asked = [sent for sent in desk.sent if sent.get("channel") == "trades"]
    assert (
        asked
        == desk.sent[-2:]
        == [{"event": "subscribe", "channel": "trades", "symbol": each} for each in (BTC, ETH)]
    )
    book, desk.sent = desk.channels[ETH], []
    desk.note(desk.feed.remove([ETH]))
    assert desk.asked() == [("unsubscribe", book), ("unsubscribe", OF_TRADES[ETH])]
    trade(desk, 1, symbol=ETH)
    opened(desk, ETH)  # nobody wants it any more
    assert (told(desk), desk.asked()) == ([], [("unsubscribe", OF_TRADES[ETH])])
    without = BitfinexDesk(bitfinex()).begin()
    assert not [sent for sent in without.sent if sent.get("channel") == "trades"]
    trade(without, 1)
    assert (told(without), without.book.counters.garbage) == ([], 0)


def test_numbers_are_of_all_channels() -> None:
    """Trades count, those that are told again and channels of nobody too; a missing one may have been of any book."""
    desk = live(BTC, ETH)
    trade(desk, 1)
    desk.say('"te",[1,1790000000000,1,1]', channel=999)
    desk.say('"hb"', channel=OF_TRADES[BTC])
    desk.level("61249", 1, "3")
    assert desk.states() == [State.LIVE] * 2
    number = desk.number
    desk.lose()
    trade(desk, 3, kinds=("te",))
    reason = f"of the connection's messages {number} is missing"
    assert (desk.states(), told(desk, BTC), told(desk, ETH)) == ([State.GAP] * 2, ["1", reason, "3"], [reason])
    desk.lose()
    desk.heartbeat()
    assert desk.reconnects == [told(desk)[-1]] == [f"of the connection's messages {desk.number - 2} is missing"]


def test_late_and_again() -> None:
    """What looks old may be news: the id tells."""
    desk = live()
    late, first = (desk.written(f'"te",{row(number)}', OF_TRADES[BTC]) for number in (1, 2))
    for frame in (first, late, first, late):
        desk.frame(frame)
    assert [each for each in told(desk) if "missing" not in str(each)] == ["2", "1"]


def test_what_was_before() -> None:
    """Is no news at first. After a lost connection it closes the gap; where it does not reach, the gap is first."""
    desk = live(stands=False)
    begin(desk, 9, 10)
    trade(desk, 12)
    desk.close()
    desk.begin()
    begin(desk, 10, 12, 13, 14)
    trade(desk, 15)
    assert told(desk) == ["12", "13", "14", "15"], "they reach back to 12"
    recent(desk, 14, 15, 16)  # told once more
    desk.close()
    desk.begin()
    begin(desk, 20, 21)
    assert told(desk)[4:] == ["16", "connection lost: cut", "20", "21"]
    desk.close()
    desk.now_ns += 5
    desk.begin()
    begin(desk)
    assert told(desk)[8:] == ["connection lost: cut"], "a market that tells nothing of before"


def test_nothing_is_known_before_the_first_trade() -> None:
    """Of a connection that is lost without one: nobody knows what was missed."""
    desk = live()
    desk.close()
    desk.begin()
    begin(desk, 1, 2)
    trade(desk, 3)
    assert told(desk) == ["connection lost: cut", "3"]


def test_a_symbol_that_is_gone() -> None:
    """What its channel still says is nobody's."""
    desk = live(BTC, ETH)
    desk.feed.protocol.trades.end([ETH])
    recent(desk, 1, symbol=ETH)
    assert (told(desk, ETH), desk.states()) == ([], [State.LIVE] * 2)


@pytest.mark.parametrize(
    ("payload", "reasons", "states"),
    [
        (f'"te",{row(1, "0")}', [UNREAD], State.LIVE),
        (f'"te",{row(1, price="-1")}', [UNREAD], State.LIVE),
        (f"[{row(1, '0')}]", [UNREAD], State.LIVE),
        ('"te",[1', [UNREAD], State.LIVE),
        ('"new",1', [UNREAD], State.LIVE),
    ],
)
def test_what_cannot_be_read(payload: str, reasons: list[str], states: State) -> None:
    """Is missed, and hurts no book: its number counts."""
    desk = live(BTC, ETH)
    desk.say(payload, channel=OF_TRADES[BTC])
    desk.heartbeat()
    assert (told(desk, BTC), told(desk, ETH), desk.states()) == (reasons, [], [states] * 2)
    assert desk.book.counters.garbage == 1


def test_a_trade_without_its_number() -> None:
    """The next message tells: it may have been anybody's."""
    desk = live(BTC, ETH)
    desk.frame(desk.written(f'"te",{row(1)}', OF_TRADES[BTC])[:-20])
    assert told(desk) == []
    trade(desk, 2)
    assert [len(told(desk, symbol)) for symbol in (BTC, ETH)] == [2, 1]


def test_refusals() -> None:
    """Told, and asked again later; the book is not concerned. One that stands already is begun anew."""
    desk = live(stands=False)
    desk.sent.clear()
    desk.frame(error(10300, channel="trades", msg="symbol: invalid"))
    assert told(desk) == ["trades refused: symbol: invalid (code 10300)"]
    desk.expire("trades")
    assert (desk.asked(), desk.state) == ([("subscribe", BTC)], State.LIVE)
    desk.frame(error(10301, channel="trades", chanId=OF_TRADES[BTC]))
    assert desk.asked() == [("unsubscribe", OF_TRADES[BTC]), ("subscribe", BTC)]
    desk.frame(error(10301, channel="trades"))
    begin(desk)
    trade(desk, 7)
    assert (told(desk)[-1], desk.book.counters.garbage) == ("7", 0)


def test_no_snapshot() -> None:
    """A channel that is open and says nothing does not stand."""
    desk = live(stands=False)
    opened(desk)
    desk.expire("trades")
    assert told(desk) == ["the venue does not acknowledge the subscription to trades"]


def test_a_maintenance() -> None:
    """Told; what comes meanwhile is asked for after it, with all the others."""
    desk = live()
    desk.sent.clear()
    desk.frame(b'{"event":"info","code":20060}')
    assert (told(desk), desk.feed.protocol.subscribe_trades([ETH])) == (["the venue is in maintenance"], [])
    desk.frame(b'{"event":"info","code":20061}')
    assert desk.asked() == [
        ("unsubscribe", desk.channels[BTC]), ("unsubscribe", OF_TRADES[BTC]), ("subscribe", BTC), ("subscribe", BTC),
    ]  # fmt: skip
    begin(desk, 1)
    trade(desk, 2)
    assert told(desk)[1:] == ["2"]


def test_a_rotation() -> None:
    """The new connection's past and the old one's present are the same trades."""
    desk = live(stands=False)
    begin(desk, 1)
    for number in (2, 3):
        trade(desk, number)
    new = Successor(desk, bitfinex())
    answer = {"event": "subscribed", "symbol": BTC}
    new.frame(msgspec.json.encode({**answer, "channel": "book", "chanId": 5}))
    new.frame(msgspec.json.encode({**answer, "channel": "trades", "chanId": 6}))
    new.frame(b"[5,[[61250,2,0.5],[61251,1,-0.025]],1,1790000000900]")
    assert not new.feed.take_over(orphaned=False), "its trades do not stand yet"
    new.frame(f"[6,[{row(3)},{row(2)},{row(1)}],2,1790000000900]".encode())
    trade(desk, 4)
    new.frame(f'[6,"te",{row(4)},3,1790000000900]'.encode())
    new.frame(f'[6,"te",{row(5)},4,1790000000900]'.encode())
    assert new.feed.take_over(orphaned=False, ahead=True)
    assert told(desk) == ["2", "3", "4", "5"]


def test_captured() -> None:
    """Each of them once; those of before say nothing."""
    path = CAPTURES / "bitfinex" / "cryptofeed__BITFINEX-58bafb.0@20210405"
    if not path.exists():
        pytest.skip("the captures are not here")
    frames = re.findall(rb"^\d+\.\d+: (.*)$", path.read_bytes(), re.MULTILINE)
    executed: list[Any] = [msgspec.json.decode(frame) for frame in frames if frame.startswith(b'[146481,"te"')]
    desk = BitfinexDesk(trading(bitfinex("tETHJPY", "tREQUSD"))).begin()
    for frame in frames:
        desk.frame(frame[:-1] + b",1617643611000]" if frame[:1] == b"[" else frame)
    tape = desk.pairs["tETHJPY"].trades.since(0)
    assert [(each.id, each.price, each.amount, each.venue_ns) for each in tape if isinstance(each, Trade)] == [
        (str(number), float(price), abs(amount), ms * 1_000_000) for _, _, (number, ms, amount, price), _ in executed
    ]
    assert len(tape) == len(executed) == 7
    assert (told(desk, "tREQUSD"), desk.book.counters.garbage, desk.reconnects) == ([], 0, [])
