"""Bitfinex's control messages (WebSocket v2): what a request asks, or how a wrong one is told. No I/O.

Source: Bitfinex's public documentation of WebSocket v2 for the codes; texts as clients have seen them.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from venue.faces.bitfinex_rest import LENGTHS

SERVED: Final = ("book", "trades")
SILENT: Final = ("ticker", "candles", "status")  # acknowledged; nothing comes
TIMES, NUMBERS, CHECKSUMS, BULKS = 32_768, 65_536, 131_072, 536_870_912  # flags
_REPEATED: Final[tuple[str, ...]] = ("channel", "symbol", "prec", "freq", "len", "subId")


class ControlError(Exception):
    """A message that is answered with an error."""

    def __init__(self, code: int, text: str, tail: dict[str, object] | None = None) -> None:
        super().__init__(text)
        self.body: dict[str, object] = {**(tail or {}), "event": "error", "msg": text, "code": code}


@dataclass(frozen=True, slots=True)
class Subscription:
    """One that is well formed; ``tail`` is repeated in the answers."""

    channel: str
    symbol: str
    length: int
    tail: dict[str, object]

    @property
    def stream(self) -> str:
        """The name of the stream, this face's own."""
        return f"book-{self.length}:{self.symbol}" if self.channel == "book" else f"{self.channel}:{self.symbol}"


def read_message(raw: bytes) -> dict[str, Any] | None:
    """Read one message; None: it is none, and is not answered. Raises ControlError."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    event = message.get("event")
    if event not in ("conf", "ping", "subscribe", "unsubscribe"):
        raise ControlError(10000, f"event: invalid ({event})")
    return message


def read_subscription(message: dict[str, Any], symbols: Container[str]) -> Subscription:
    """Read a request to subscribe. Raises ControlError."""
    tail: dict[str, object] = {name: message[name] for name in _REPEATED if name in message}
    symbol = message.get("symbol")
    channel = message.get("channel")
    if isinstance(symbol, str):
        tail["pair"] = symbol.removeprefix("t")
    if channel not in (*SERVED, *SILENT):
        raise ControlError(10300, "channel: unknown", tail)
    if not isinstance(symbol, str) or symbol not in symbols:
        raise ControlError(10300, "symbol: invalid", tail)
    if channel != "book":
        return Subscription(channel, symbol, 0, {"channel": channel, "symbol": symbol, **tail})
    how = {"prec": "P0", "freq": "F0", "len": "25"} | {name: str(told) for name, told in tail.items()}
    for name, allowed, word in (
        ("prec", ("P0",), "precision"),
        ("freq", ("F0",), "frequency"),
        ("len", LENGTHS, "length"),
    ):
        if how[name] not in allowed:
            raise ControlError(10300, f"{word}: invalid", tail)
    full = {"channel": channel, "symbol": symbol, "prec": how["prec"], "freq": how["freq"], "len": how["len"]}
    return Subscription(channel, symbol, int(how["len"]), {**full, **tail})
