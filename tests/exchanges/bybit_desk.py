"""A desk for Bybit: its protocol and the frames that it would send."""

from typing import Any

import msgspec

from exchanges.bybit import BybitProtocol
from tests.exchanges.desk import Desk, Texts, instrument

BYBIT = "BTCUSDT"
ONE_BID: Texts = (("100.00", "1"),)
ONE_ASK: Texts = (("101.00", "1"),)
MADE_MS = 1790000000101  # the engine's stamp of every frame here


def bybit(*symbols: str, depth: int = 1000, max_price: str | None = None) -> BybitProtocol:
    """A protocol of Bybit for some symbols."""
    return BybitProtocol(
        [instrument(each, max_price=max_price, venue="bybit") for each in symbols or (BYBIT,)], depth
    )


def message(
    kind: str, u: int, bids: Texts, asks: Texts, symbol: str = BYBIT, depth: int = 1000, seq: int | None = None
) -> bytes:
    """A book message; `seq` is far above `u` and rises with it, unless told."""
    data = {"s": symbol, "b": bids, "a": asks, "u": u, "seq": 10**9 + 10 * u if seq is None else seq}
    topic = f"orderbook.{depth}.{symbol}"
    return msgspec.json.encode({"topic": topic, "type": kind, "ts": MADE_MS + 4, "data": data, "cts": MADE_MS})


def snapshot(u: int, bids: Texts = ONE_BID, asks: Texts = ONE_ASK, symbol: str = BYBIT, **more: Any) -> bytes:
    """A snapshot of the stream."""
    return message("snapshot", u, bids, asks, symbol, **more)


def delta(u: int, bids: Texts = (), asks: Texts = (), symbol: str = BYBIT, **more: Any) -> bytes:
    """A delta of the stream."""
    return message("delta", u, bids, asks, symbol, **more)


def rest_book(
    u: int, bids: Texts = ONE_BID, asks: Texts = ONE_ASK, symbol: str = BYBIT, seq: int | None = None
) -> bytes:
    """The answer to a REST request for the book."""
    data = {
        "s": symbol, "b": bids, "a": asks, "ts": MADE_MS + 9, "u": u,
        "seq": 10**9 + 10 * u if seq is None else seq, "cts": MADE_MS,
    }  # fmt: skip
    return msgspec.json.encode({"retCode": 0, "retMsg": "OK", "result": data, "retExtInfo": {}, "time": MADE_MS + 9})


def reply(sent: Any, words: str = "subscribe", *, success: bool = True, named: bool = True) -> bytes:
    """What the venue says to a request of ours; `named`: it repeats the id of the request."""
    told = {"success": success, "ret_msg": words, "conn_id": "c-1", "req_id": sent["req_id"], "op": sent["op"]}
    if not named:
        del told["req_id"]
    return msgspec.json.encode(told)


def opened(protocol: BybitProtocol) -> Desk:
    """A connection whose subscriptions were acknowledged."""
    desk = Desk(protocol).open(acknowledge=False)
    for sent in list(desk.sent):
        desk.frame(reply(sent))
    return desk


def live(u: int = 100, *symbols: str, depth: int = 1000, max_price: str | None = None) -> Desk:
    """Live books of one bid and one ask at `u`."""
    desk = opened(bybit(*symbols, depth=depth, max_price=max_price))
    for symbol in desk.books:
        desk.frame(snapshot(u, symbol=symbol, depth=depth))
    return desk


def requests(desk: Desk, since: int = 0) -> list[tuple[str, list[str]]]:
    """The operation and symbols of what was sent after the first `since` messages."""
    return [(sent["op"], [topic.split(".")[2] for topic in sent.get("args", ())]) for sent in desk.sent[since:]]
