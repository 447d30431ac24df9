"""Deribit by hand: what it would send, and a desk that knows its replies."""

from collections.abc import Sequence
from typing import Any

import msgspec

from book import State
from exchanges.deribit import DeribitProtocol
from tests.exchanges.desk import Desk, instrument

SYMBOL, OTHER = "BTC_USDC", "ETH-PERPETUAL"
CHANNEL = f"book.{SYMBOL}.100ms"
Entries = Sequence[tuple[Any, Any, Any]]  # verb, price, amount
Levels = Sequence[tuple[Any, Any]]
BIDS, ASKS = ((100.0, 1.0),), ((101.0, 1.0),)
MILLISECONDS = 1790000000105
ENCODER = msgspec.json.Encoder(decimal_format="number")  # the venue's numbers are no strings


def deribit(*symbols: str, interval: str = "100ms", max_price: str | None = None) -> DeribitProtocol:
    """A protocol of Deribit for some symbols."""
    listed = [instrument(each, max_price=max_price, venue="deribit") for each in symbols or (SYMBOL,)]
    return DeribitProtocol(listed, interval)


class DeribitDesk(Desk):
    """A desk that answers requests as the venue does."""

    def open(self, *, acknowledge: bool = True) -> "DeribitDesk":
        """A connection stands; every request was answered."""
        super().open(acknowledge=False)
        if acknowledge:
            self.reply()
        return self

    def reply(self) -> None:
        """All requests so far are answered, and forgotten."""
        sent, self.sent = self.sent, []
        for each in sent:
            self.frame(reply(each))

    def asked(self) -> list[tuple[str, list[str]]]:
        """Method and channels of the requests that are not answered."""
        return [(each["method"], each["params"].get("channels", [])) for each in self.sent]


def live(*symbols: str, position: int = 100, max_price: str | None = None) -> DeribitDesk:
    """Live books of one bid and one ask."""
    desk = DeribitDesk(deribit(*symbols, max_price=max_price)).open()
    for symbol in desk.books:
        desk.frame(whole(position, symbol=symbol))
        assert (desk.books[symbol].state, desk.books[symbol].position) == (State.LIVE, position)
    return desk


def reply(sent: Any) -> bytes:
    """What the venue says to a request."""
    result = sent["params"].get("channels", "ok")
    return msgspec.json.encode(
        {"jsonrpc": "2.0", "id": sent["id"], "result": result, "usIn": 1, "usOut": 2, "usDiff": 1, "testnet": False}
    )


def error(sent: Any, code: int, message: str, **data: str) -> bytes:
    """How the venue refuses a request."""
    told = {"code": code, "message": message, **({"data": data} if data else {})}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": sent["id"] if sent else None, "error": told})


def message(data: Any, channel: str) -> bytes:
    """A message of a channel."""
    return ENCODER.encode({"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}})


def whole(position: int, bids: Levels = BIDS, asks: Levels = ASKS, symbol: str = SYMBOL, **more: Any) -> bytes:
    """The first message of a subscription."""
    told = [[("new", price, amount) for price, amount in side] for side in (bids, asks)]
    data = {"type": "snapshot", "timestamp": MILLISECONDS, "instrument_name": symbol, "change_id": position}
    return message({**data, "bids": told[0], "asks": told[1], **more}, f"book.{symbol}.100ms")


def change(
    before: Any, position: Any, bids: Entries = (), asks: Entries = (), symbol: str = SYMBOL, **more: Any
) -> bytes:
    """A later one."""
    ids = {"prev_change_id": before, "instrument_name": symbol, "change_id": position}
    data = {"type": "change", "timestamp": MILLISECONDS, **ids, "bids": bids, "asks": asks, **more}
    return message(data, f"book.{symbol}.100ms")


def rest_book(position: Any, bids: Levels = BIDS, asks: Levels = ASKS) -> bytes:
    """A REST book."""
    result = {"timestamp": MILLISECONDS, "state": "open", "change_id": position, "bids": bids, "asks": asks}
    return ENCODER.encode({"jsonrpc": "2.0", "result": result, "testnet": False})
