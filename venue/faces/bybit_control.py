"""Bybit's control messages (v5 public stream): what a request asks, or how a wrong one is told. No I/O.

Source: Bybit's public documentation of the v5 stream, and its clients for the texts; a request with one wrong topic
is refused whole (a guess).
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Final

import msgspec

OPS: Final = ("subscribe", "unsubscribe", "ping")
MOST_TOPICS: Final = 10  # in one request, on spot

KLINES: Final = "1|3|5|15|30|60|120|240|360|720|D|W|M"

# A depth is spelled in one way only; \d would let the digits of all scripts pass.
_TOPIC: Final = re.compile(
    rf"(?:orderbook\.([1-9][0-9]{{0,3}})|publicTrade|tickers|kline\.(?:{KLINES}))\.([A-Z0-9]+)"
)


class ControlError(Exception):
    """A message that is answered with ``success`` false."""

    def __init__(self, text: str, op: str = "", tail: dict[str, object] | None = None) -> None:
        super().__init__(text)
        self.op = op
        self.tail = tail or {}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is well formed; ``tail`` is its id, to be repeated in the reply."""

    op: str
    tail: dict[str, object]
    topics: tuple[str, ...] = ()


def read_request(raw: bytes, symbols: Container[str], depths: Container[int]) -> Request:
    """Read one message. Raises ControlError."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ControlError("Params Error") from None
    if not isinstance(message, dict):
        raise ControlError("Params Error")
    op, number, arguments = message.get("op"), message.get("req_id"), message.get("args")
    tail: dict[str, object] = {"req_id": number} if isinstance(number, str) else {}
    if not isinstance(op, str) or op not in OPS:
        raise ControlError("Params Error", op if isinstance(op, str) else "", tail)
    if op == "ping":
        return Request(op, tail)
    if not isinstance(arguments, list) or not arguments or not all(isinstance(each, str) for each in arguments):
        raise ControlError("Params Error", op, tail)
    if len(arguments) > MOST_TOPICS:
        raise ControlError("args size >10", op, tail)
    for topic in arguments:
        if not _is_topic(topic, symbols, depths):
            raise ControlError(f"Invalid topic: {topic}", op, tail)
    return Request(op, tail, tuple(dict.fromkeys(arguments)))


def _is_topic(topic: str, symbols: Container[str], depths: Container[int]) -> bool:
    found = _TOPIC.fullmatch(topic)
    return found is not None and found[2] in symbols and (found[1] is None or int(found[1]) in depths)
