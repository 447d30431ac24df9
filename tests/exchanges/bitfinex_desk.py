"""A desk for Bitfinex: what the venue would send, on its channels and numbered as it numbers."""

import zlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from book import Instrument, Pair, State
from exchanges.bitfinex import BitfinexProtocol
from tests.exchanges.desk import Desk

BTC, ETH = "tBTCUSD", "tETHUSD"
START_MS = 1_790_000_000_000
Rows = Sequence[tuple[str, int, str]]  # price, count, amount, as the venue writes them
BOOK: Rows = (("61250", 2, "0.5"), ("61251", 1, "-0.025"))


def listed(symbol: str) -> Instrument:
    """A listing of `symbol`."""
    return Instrument("bitfinex", symbol, Pair(symbol[1:4], symbol[4:]), Decimal("0.1"), Decimal("1e-8"))


def bitfinex(*symbols: str, depth: int = 250) -> BitfinexProtocol:
    """A protocol of Bitfinex for some symbols."""
    return BitfinexProtocol([listed(each) for each in symbols or (BTC,)], depth)


def row(price: str, count: int, amount: str) -> str:
    """One level."""
    return f"[{price},{count},{amount}]"


def subscribed(symbol: str, channel: int) -> bytes:
    """The answer to a subscription."""
    told = {"event": "subscribed", "channel": "book", "chanId": channel, "symbol": symbol, "prec": "P0", "freq": "F0"}
    return msgspec.json.encode({**told, "len": "250", "pair": symbol[1:]})


def error(code: int, symbol: str = BTC, **more: Any) -> bytes:
    """A refusal."""
    told = {"event": "error", "channel": "book", "symbol": symbol, "msg": "symbol: invalid", "code": code}
    return msgspec.json.encode(told | more)


def crc(words: str) -> int:
    """Of a text, signed."""
    return int.from_bytes(zlib.crc32(words.encode()).to_bytes(4, "big"), "big", signed=True)


class BitfinexDesk(Desk):
    """Numbers what the venue sends, a millisecond apart."""

    def __init__(self, protocol: BitfinexProtocol) -> None:
        super().__init__(protocol)
        self.number, self.ms = 1, START_MS
        self.channels: dict[str, int] = {}
        self._fresh = 17

    def begin(self) -> "BitfinexDesk":
        """A connection stands."""
        self.number = 1
        self.channels = {}
        self.open(acknowledge=False)
        return self

    def lose(self, count: int = 1) -> None:
        """So many messages never come."""
        self.number += count

    def say(self, payload: str, symbol: str = BTC, channel: int | None = None) -> None:
        """The venue's next message."""
        on = self.channels.get(symbol, 0) if channel is None else channel
        self.frame(self.written(payload, on))

    def written(self, payload: str, channel: int) -> bytes:
        """The same, not sent."""
        body = f"[{channel},{payload},{self.number},{self.ms}]".encode()
        self.number += 1
        self.ms += 1
        return body

    def answer_to(self, symbol: str = BTC) -> None:
        """The subscription is acknowledged, on a channel of its own."""
        self._fresh += 1
        self.channels[symbol] = self._fresh
        self.frame(subscribed(symbol, self._fresh))

    def snapshot(self, symbol: str = BTC, rows: Rows = BOOK) -> None:
        """A whole book."""
        self.say(f"[{','.join(row(*each) for each in rows)}]", symbol)

    def level(self, price: str, count: int, amount: str, symbol: str = BTC) -> None:
        """One level."""
        self.say(row(price, count, amount), symbol)

    def heartbeat(self, symbol: str = BTC) -> None:
        """The channel's own."""
        self.say('"hb"', symbol)

    def states(self) -> list[State]:
        """Of all books."""
        return [book.state for book in self.books.values()]

    def asked(self) -> list[tuple[str, Any]]:
        """What was sent since the last look: the event, and its symbol or channel."""
        sent, self.sent = self.sent, []
        return [(each["event"], each.get("symbol", each.get("chanId"))) for each in sent]


def live(*symbols: str, depth: int = 250) -> BitfinexDesk:
    """Live books, a bid and an ask each."""
    desk = BitfinexDesk(bitfinex(*symbols, depth=depth)).begin()
    for symbol in desk.books:
        desk.answer_to(symbol)
        desk.snapshot(symbol)
    desk.sent.clear()
    assert set(desk.states()) == {State.LIVE}
    return desk
