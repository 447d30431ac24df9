"""Trades of Deribit: from frames to the tape, and what never hurts a book."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import State, Taker, Trade
from tests.captures.files import CAPTURES
from tests.exchanges.deribit_frames import (
    MILLISECONDS,
    OTHER,
    SYMBOL,
    DeribitDesk,
    change,
    deribit,
    error,
    message,
    reply,
    whole,
)
from tests.exchanges.test_trades import told, trading


def trade(number: int, symbol: str = SYMBOL, direction: str = "buy", **more: Any) -> dict[str, Any]:
    """One trade."""
    return {
        "timestamp": MILLISECONDS, "price": 61250.5, "amount": 0.025, "direction": direction, "tick_direction": 2,
        "trade_seq": number, "trade_id": f"S-{number}", "instrument_name": symbol, "index_price": 61249.1,
        "mark_price": 61250.2, **more,
    }  # fmt: skip


def trades(*found: dict[str, Any], symbol: str = SYMBOL) -> bytes:
    """A message of the channel."""
    return message(found, f"trades.{symbol}.100ms")


def live(*symbols: str, routed: bool = False, **options: Any) -> DeribitDesk:
    """With live books; where they are not routed elsewhere, with trades that stand."""
    desk = DeribitDesk(trading(deribit(*symbols, **options))).open(acknowledge=False)
    for sent in desk.sent:
        told = msgspec.json.decode(reply(sent))
        if routed and sent["method"] == "public/subscribe":
            told["result"] = [each for each in told["result"] if not each.startswith(f"trades.{SYMBOL}.")]
        desk.frame(msgspec.json.encode(told))
    for symbol in desk.books:
        desk.frame(whole(100, symbol=symbol))
    return desk


@pytest.mark.parametrize(("direction", "taker"), [("buy", Taker.BUYER), ("sell", Taker.SELLER), ("", Taker.UNKNOWN)])
def test_a_trade(direction: str, taker: Taker) -> None:
    """`direction` is the taker's; the number is not the id."""
    desk = live()
    desk.frame(trades(trade(7, direction=direction)))
    assert desk.pairs[SYMBOL].trades.since(0) == (
        Trade(1, "deribit", 61250.5, 0.025, taker, "S-7", MILLISECONDS * 10**6, desk.now_ns, desk.now_ns),
    )
    assert (desk.state, desk.book.counters.updates) == (State.LIVE, 1), "no update of the book"


def test_wide_numbers() -> None:
    """More than 15 digits are kept; what is no number is garbage."""
    desk = live(max_price="100000000000000")
    digits = Decimal("12345678901234.56789")
    desk.frame(trades(trade(1, price=digits)))
    desk.frame(trades(trade(2, price=Decimal("1e17"))))
    [found] = desk.pairs[SYMBOL].trades.since(0)
    assert isinstance(found, Trade) and found.price == digits
    assert (desk.book.counters.garbage, desk.state) == (1, State.LIVE)


def test_numbers() -> None:
    """Several in a message, oldest first; what is missing is counted, over a lost connection too."""
    desk = live(SYMBOL, OTHER)
    desk.frame(trades(trade(2), trade(1)))
    desk.frame(trades(trade(5, OTHER), symbol=OTHER))
    desk.frame(trades(trade(9, "SOL_USDC"), symbol="SOL_USDC"))
    desk.frame(trades(trade(4)))
    desk.close()
    desk.open()
    desk.frame(trades(trade(7)))
    missing = ["trade 3 is missing", "trades 5 to 6 are missing: connection lost: cut"]
    assert told(desk, SYMBOL) == ["S-1", "S-2", missing[0], "S-4", missing[1], "S-7"]
    assert told(desk, OTHER) == ["S-5"]


def test_other_spellings() -> None:
    """Are read alike."""
    desk = live()
    params = {"data": [trade(1)], "channel": f"trades.{SYMBOL}.100ms"}
    desk.frame(msgspec.json.encode({"params": params, "method": "subscription"}))
    assert told(desk) == ["S-1"]


def test_requests() -> None:
    """Apart from those for books, at their interval; none where they are not wanted."""
    desk = DeribitDesk(trading(deribit(SYMBOL, OTHER, interval="agg2"))).open(acknowledge=False)
    channels = [f"trades.{SYMBOL}.agg2", f"trades.{OTHER}.agg2"]
    assert desk.asked()[2:] == [("public/subscribe", channels)]
    desk.sent.clear()
    desk.note(desk.feed.remove([OTHER]))
    assert desk.asked() == [("public/unsubscribe", [f"book.{OTHER}.agg2"]), ("public/unsubscribe", channels[1:])]
    without = DeribitDesk(deribit()).open(acknowledge=False)
    assert [method for method, _ in without.asked()] == ["public/set_heartbeat", "public/subscribe"]
    without.frame(trades(trade(1)))
    assert (told(without), without.book.counters.garbage) == ([], 0)


def test_a_market_that_is_routed_to_another_venue() -> None:
    """Has no trades, which is told, and asked again later; its book lives, and so do other markets' trades."""
    desk = live(SYMBOL, OTHER, routed=True)
    desk.frame(change(100, 101))
    desk.frame(trades(trade(1, OTHER), symbol=OTHER))
    assert told(desk, SYMBOL) == [f"trades refused: the venue has no trades.{SYMBOL}.100ms"]
    assert told(desk, OTHER) == ["S-1"]
    assert [book.state for book in desk.books.values()] == [State.LIVE] * 2
    desk.sent.clear()
    desk.expire("trades")
    assert desk.asked() == [("public/subscribe", [f"trades.{SYMBOL}.100ms"])]


def test_a_refusal() -> None:
    """Is told with the venue's words, and hurts no book; likewise a result that is none."""
    desk = DeribitDesk(trading(deribit())).open(acknowledge=False)
    desk.frame(error(desk.sent[-1], 10028, "too_many_requests"))
    desk.frame(whole(100))
    assert (told(desk), desk.state) == (["trades refused: too_many_requests (code 10028)"], State.LIVE)
    desk.expire("trades")
    desk.frame(json.dumps({"id": desk.sent[-1]["id"], "result": "ok"}).encode())
    assert told(desk)[1:] == [f"trades refused: the venue has no trades.{SYMBOL}.100ms"]
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 0)


@pytest.mark.parametrize("wrong", [{"price": -1}, {"amount": "x"}, {"trade_seq": -1}, {"timestamp": 10**13}])
def test_what_cannot_be_read(wrong: dict[str, Any]) -> None:
    """Hurts no book; the next number tells."""
    desk = live()
    for number, more in ((1, {}), (2, wrong), (3, {})):
        desk.frame(trades({**trade(number), **more}))
    desk.frame(trades(trade(3))[:-7])
    assert told(desk) == ["S-1", "trade 2 is missing", "S-3"]
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 2)


def test_captured_shapes() -> None:
    """Messages of the venue, shortened by who recorded them: all fields are there, and read."""
    path = CAPTURES / "deribit" / "tardis-node__mappers_deribit.jsonl"
    if not path.exists():
        pytest.skip("the captures are not here")
    desk = live("BTC-PERPETUAL")
    told = [json.loads(line)["params"] for line in path.read_bytes().splitlines() if b'"trades.BTC-PERP' in line]
    expected = [each for params in told for each in params["data"]]
    for params in told:
        desk.frame(message(params["data"], params["channel"]))
    found = [each for each in desk.pairs["BTC-PERPETUAL"].trades.since(0) if isinstance(each, Trade)]
    assert len(found) == len(expected) == 4
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.id, ours.price, ours.amount) == (theirs["trade_id"], theirs["price"], theirs["amount"])
        assert (ours.taker is Taker.BUYER) == (theirs["direction"] == "buy")
