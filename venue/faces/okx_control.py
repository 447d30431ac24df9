"""OKX's control messages (v5 public channels): what a request asks, or how a wrong one is told. No I/O.

Source: OKX's public documentation of the v5 WebSocket: error codes and texts.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Final

import msgspec

OPS: Final = ("subscribe", "unsubscribe")
SERVED: Final = ("books", "books5", "bbo-tbt", "trades")
# Acknowledged; this venue has nothing to say on them. The last two are about no instrument.
SILENT: Final = ("tickers", "instruments", "status")
OF_NO_INSTRUMENT: Final = ("instruments", "status")
FOR_TRADERS: Final = ("books-l2-tbt", "books50-l2-tbt")
BUSINESS: Final = "candle"

UNKNOWN: Final = (
    "Wrong URL or channel:{},instId:{} doesn't exist. "
    "Please use the correct URL, channel and parameters referring to API document."
)


class ControlError(Exception):
    """A message, or one of its arguments, that is answered with an error."""

    def __init__(self, code: str, text: str, tail: dict[str, object] | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.tail = tail or {}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is well formed; ``tail`` is its id, to be repeated in the replies."""

    op: str
    tail: dict[str, object]
    arguments: list[dict[str, Any]]


def read_request(raw: bytes) -> Request:
    """Read one message. Raises ControlError."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid(raw) from None
    op = message.get("op") if isinstance(message, dict) else None
    if not isinstance(message, dict) or op is None:
        raise _invalid(raw)
    number, arguments = message.get("id"), message.get("args")
    tail: dict[str, object] = {"id": number} if isinstance(number, str) and number.isalnum() else {}
    if not isinstance(op, str) or op not in OPS:
        raise ControlError("60019", f"Invalid op: {op}", tail)
    if not isinstance(arguments, list) or not arguments or not all(isinstance(each, dict) for each in arguments):
        raise ControlError("60013", "Invalid args", tail)
    return Request(op, tail, arguments)


def check_argument(argument: dict[str, Any], symbols: Container[str], tail: dict[str, object]) -> tuple[str, str]:
    """Return channel and instrument of one argument. Raises ControlError."""
    channel, symbol = argument.get("channel"), argument.get("instId", "")
    if not isinstance(channel, str) or not isinstance(symbol, str):
        raise ControlError("60013", "Invalid args", tail)
    if channel in FOR_TRADERS:
        level = "VIP4" if channel.startswith("books50") else "VIP5"
        code = "60030" if channel.startswith("books50") else "60029"
        text = f"Only users who are {level} and above in trading fee tier are allowed to subscribe to this channel"
        raise ControlError(code, text, tail)
    if channel.startswith(BUSINESS):
        text = f"The current channel {channel} has moved to /business"
        raise ControlError("64001", text, tail)
    if channel in OF_NO_INSTRUMENT:
        return channel, symbol
    if channel not in (*SERVED, *SILENT) or symbol not in symbols:
        raise ControlError("60018", UNKNOWN.format(channel, symbol), tail)
    return channel, symbol


def _invalid(raw: bytes) -> ControlError:
    """Repeat the beginning of a message, which may end in the middle of a character."""
    return ControlError("60012", f"Invalid request: {raw[:200].decode(errors='replace')}")
