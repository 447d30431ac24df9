"""Kraken's control messages (WebSocket v2): what a request asks, or how a wrong one is told. No I/O.

Source: Kraken's public documentation of WebSocket v2. The text for an unknown pair is confirmed by clients; the other
texts follow those of the older API and are guesses.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Final

import msgspec

METHODS: Final = ("subscribe", "unsubscribe", "ping")
CHANNELS: Final = ("book", "trade", "instrument")
MOST_SYMBOLS: Final = 1000


class ControlError(Exception):
    """A message that is answered with an error; ``body`` lacks the times only."""

    def __init__(self, text: str, method: object = None, tail: dict[str, object] | None = None) -> None:
        super().__init__(text)
        named = {"method": method} if isinstance(method, str) else {}
        self.body: dict[str, Any] = {"error": text, **named, **(tail or {}), "success": False}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is well formed; ``tail`` is its number, to be repeated in the reply."""

    method: str
    tail: dict[str, object]
    channel: str = ""
    symbols: tuple[str, ...] = ()
    depth: int = 10
    snapshot: bool = True


def read_request(raw: bytes, depths: Container[int]) -> Request:
    """Read one message. Raises ControlError."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ControlError("Malformed request") from None
    if not isinstance(message, dict):
        raise ControlError("Malformed request")
    method, number = message.get("method"), message.get("req_id")
    tail: dict[str, object] = {} if number is None else {"req_id": number}
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        raise ControlError("Malformed request", method)
    if method not in METHODS:
        raise ControlError("Event(s) not found", method, tail)
    if method == "ping":
        return Request("ping", tail)
    params = message.get("params")
    if not isinstance(params, dict):
        raise ControlError("Malformed request", method, tail)
    return _subscription(method, tail, params, depths)


def _subscription(method: str, tail: dict[str, object], params: dict[str, Any], depths: Container[int]) -> Request:
    channel, snapshot = params.get("channel"), params.get("snapshot", True)
    if channel not in CHANNELS:
        raise ControlError("Subscription name invalid", method, tail)
    if not isinstance(snapshot, bool):
        raise ControlError("Malformed request", method, tail)
    if channel == "instrument":
        return Request(method, tail, channel, snapshot=snapshot)
    symbols, depth = params.get("symbol"), params.get("depth", 10)
    if not isinstance(symbols, list) or not 0 < len(symbols) <= MOST_SYMBOLS:
        raise ControlError("Malformed request", method, tail)
    if not all(isinstance(symbol, str) for symbol in symbols):
        raise ControlError("Malformed request", method, tail)
    if isinstance(depth, bool) or not isinstance(depth, int) or depth not in depths:
        raise ControlError("Subscription depth not supported", method, tail)
    return Request(method, tail, channel, tuple(dict.fromkeys(symbols)), depth, snapshot)
