"""Binance's control messages on a stream connection: what each is answered, as the venue spells it. No I/O.

Source: Binance's public documentation of WebSocket streams (live subscribing, properties, error messages). It
shows errors flat; clients have also seen them nested under "error". Both spellings can be chosen.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

METHODS: Final = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
MOST_STREAMS: Final = 1024

_encode = msgspec.json.Encoder().encode
_KNOWN_CHANNEL = re.compile(
    r"(depth(5|10|20)?(@(100|1000)ms)?|bookticker|trade|aggtrade|avgprice|blocktrade"
    r"|kline_\w+(@[+-]\d\d:\d\d)?|ticker(_\w+)?|miniticker)"
)
_ALL_MARKETS = re.compile(r"!(ticker(_\w+)?|miniticker|bookticker)(@arr)?")


class ControlError(Exception):
    """A message that is answered with an error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TooManyStreams(Exception):
    """More streams than one connection may carry."""


def is_stream_name(name: str) -> bool:
    """Tell whether a name is well formed. Case does not matter here: a wrong case is acknowledged, then silent."""
    lowered = name.lower()
    if lowered.startswith("!"):
        return _ALL_MARKETS.fullmatch(lowered) is not None
    symbol, at, channel = lowered.partition("@")
    return bool(symbol and at and not re.search(r"[\s/?&=\"]", symbol) and _KNOWN_CHANNEL.fullmatch(channel))


@dataclass(slots=True)
class Session:
    """What one connection has asked for. The two callables tell the face; they do not fail."""

    subscribe: Callable[[str], None]
    unsubscribe: Callable[[str], None]
    combined: bool = False
    micro: bool = False
    nested_errors: bool = False
    streams: dict[str, None] = field(default_factory=dict)  # in the order of subscribing

    def add(self, names: list[str]) -> None:
        """Subscribe. Raises TooManyStreams, with nothing changed."""
        fresh = [name for name in dict.fromkeys(names) if name not in self.streams]
        if len(self.streams) + len(fresh) > MOST_STREAMS:
            raise TooManyStreams
        for name in fresh:
            self.streams[name] = None
            self.subscribe(name)

    def answer(self, raw: bytes) -> bytes:
        """Return the reply to one message. Raises TooManyStreams when the connection must be closed."""
        request_id: object = None
        try:
            message = _parse(raw)
            request_id = _request_id(message)
            result = self._execute(message)
        except ControlError as error:
            return self._error(error, request_id)
        return _encode({"result": result, "id": request_id})

    def _error(self, error: ControlError, request_id: object) -> bytes:
        body: dict[str, object] = {"code": error.code, "msg": error.message}
        if self.nested_errors:
            return _encode({"error": body, "id": request_id} if request_id is not None else {"error": body})
        if request_id is not None:
            body["id"] = request_id
        return _encode(body)

    def _execute(self, message: dict[str, Any]) -> object:
        method = message.get("method")
        if "method" not in message:
            raise ControlError(2, "Invalid request: missing field `method`")
        if method not in METHODS:
            raise ControlError(2, f"Invalid request: unknown variant {method}, expected one of {', '.join(METHODS)}")
        params = message.get("params")
        if method == "LIST_SUBSCRIPTIONS":
            return list(self.streams)
        if method == "SET_PROPERTY":
            self._set_property(params)
            return None
        if method == "GET_PROPERTY":
            return self._get_property(params)
        names = _stream_names(params)
        if method == "SUBSCRIBE":
            self.add(names)
        else:
            for name in names:
                if self.streams.pop(name, 0) is None:
                    self.unsubscribe(name)
        return None

    def _set_property(self, params: object) -> None:
        name = _property_name(params, 2)
        assert isinstance(params, list)
        if len(params) < 2 or not isinstance(params[1], bool):
            raise ControlError(1, "Invalid value type: expected Boolean")
        if name != "combined":
            raise ControlError(0, "Unknown property")
        self.combined = params[1]

    def _get_property(self, params: object) -> bool:
        if _property_name(params, 1) != "combined":
            raise ControlError(0, "Unknown property")
        return self.combined


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        # The standard library tells line and column, which the venue's message carries.
        message = json.loads(raw.decode())
    except UnicodeDecodeError:
        raise ControlError(3, "Invalid JSON: invalid unicode code point at line 1 column 1") from None
    except (json.JSONDecodeError, RecursionError) as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        raise ControlError(3, f"Invalid JSON: expected value at line {line} column {column}") from None
    if not isinstance(message, dict):
        raise ControlError(2, "Invalid request: expected an object")
    return message


def _request_id(message: dict[str, Any]) -> object:
    request_id = message.get("id")
    if isinstance(request_id, int) and not isinstance(request_id, bool):
        if -(2**63) <= request_id < 2**63:
            return request_id
    elif request_id is None or (isinstance(request_id, str) and len(request_id) <= 36):
        return request_id
    raise ControlError(2, "Invalid request: request ID must be an unsigned integer")


def _stream_names(params: object) -> list[str]:
    if params is None:
        raise ControlError(2, "Invalid request: missing field `params`")
    if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
        raise ControlError(2, "Invalid request: params must be an array of strings")
    for name in params:
        if not is_stream_name(name):
            raise ControlError(2, "Invalid request: invalid stream")
    return params


def _property_name(params: object, most: int) -> str:
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        raise ControlError(2, "Invalid request: property name must be a string")
    if len(params) > most:
        raise ControlError(2, "Invalid request: too many parameters")
    return params[0]
