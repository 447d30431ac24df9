"""A desk for Coinbase: what the venue would send, numbered as it numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from book import Instrument, Pair, State
from exchanges.coinbase import CoinbaseProtocol
from tests.exchanges.desk import Desk, Texts

BTC, ETH, USDC = "BTC-USD", "ETH-USD", "BTC-USDC"
START = datetime(2026, 8, 9, 21, 5, 48, tzinfo=UTC)
START_NS = 1_786_309_548 * 10**9


def listed(symbol: str, alias_of: str = "", max_price: str | None = None) -> Instrument:
    """A listing of `symbol`."""
    most = None if max_price is None else Decimal(max_price)
    tick, lot = Decimal("0.01"), Decimal("0.00000001")
    return Instrument("coinbase", symbol, Pair.parse(symbol), tick, lot, None, most, alias_of=alias_of)


def coinbase(*symbols: str, max_price: str | None = None) -> CoinbaseProtocol:
    """A protocol of Coinbase for some symbols; BTC-USDC is another name of BTC-USD."""
    alias = {USDC: BTC}
    return CoinbaseProtocol([listed(each, alias.get(each, ""), max_price) for each in symbols or (BTC,)])


def at(micros: int) -> str:
    """A moment so many microseconds after the start, as the venue writes it: without trailing zeros."""
    text = (START + timedelta(microseconds=micros)).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") + "Z"


def event(kind: str, bids: Texts = (), asks: Texts = (), micros: int = 0, product: str = BTC) -> dict[str, Any]:
    """One event of the book channel."""
    sides = [("bid", level) for level in bids] + [("offer", level) for level in asks]
    updates = [
        {"side": side, "event_time": at(micros), "price_level": price, "new_quantity": amount}
        for side, (price, amount) in sides
    ]
    return {"type": kind, "product_id": product, "updates": updates}


def message(number: int, events: Sequence[Any], channel: str = "l2_data", micros: int = 10**6) -> bytes:
    """A numbered message."""
    told = {"channel": channel, "timestamp": at(micros), "sequence_num": number, "events": events}
    return msgspec.json.encode(told)


def wrong_update(**fields: Any) -> dict[str, Any]:
    """An update with one wrong thing in it."""
    told = event("update", [("99", "1")], micros=1)
    told["updates"][0].update(fields)
    return told


class CoinbaseDesk(Desk):
    """Numbers what the venue sends."""

    def __init__(self, protocol: CoinbaseProtocol) -> None:
        super().__init__(protocol)
        self.number = 0  # of the next message
        self.beat = 41691

    def begin(self) -> "CoinbaseDesk":
        """A connection stands."""
        self.number = 0
        self.open(acknowledge=False)
        return self

    def lose(self, count: int = 1) -> None:
        """So many messages never come."""
        self.number += count

    def say(self, *events: Any, channel: str = "l2_data") -> None:
        """The venue's next message."""
        self.frame(message(self.number, events, channel))
        self.number += 1

    def snapshot(self, product: str = BTC, micros: int = 0, bids: Texts = (("100", "1"),)) -> None:
        """A whole book."""
        self.say(event("snapshot", bids, [("101", "1")], micros, product))

    def update(self, micros: int, bids: Texts = (), asks: Texts = (), product: str = BTC) -> None:
        """An update."""
        self.say(event("update", bids, asks, micros, product))

    def heartbeat(self, beat: int | str | None = None) -> None:
        """The next heartbeat."""
        self.beat = self.beat + 1 if beat is None else int(beat)
        self.say({"current_time": "", "heartbeat_counter": self.beat if beat is None else beat}, channel="heartbeats")

    def states(self) -> list[State]:
        """Of all books."""
        return [book.state for book in self.books.values()]

    def asked(self) -> list[tuple[str, str, list[str]]]:
        """What was sent since the last look: kind, channel, products."""
        sent, self.sent = self.sent, []
        return [(each["type"], each["channel"], each.get("product_ids", [])) for each in sent]


def live(*symbols: str, max_price: str | None = None) -> CoinbaseDesk:
    """Live books, a bid and an ask each, that may ask for more at once."""
    desk = CoinbaseDesk(coinbase(*symbols, max_price=max_price)).begin()
    for product in dict.fromkeys(BTC if symbol == USDC else symbol for symbol in desk.books):
        desk.snapshot(product)
    desk.expire("pace")
    desk.sent.clear()
    assert set(desk.states()) == {State.LIVE}
    return desk
