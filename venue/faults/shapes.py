"""Frames in a shape that a client may not expect: broken ones, and legal ones that are rare."""

import asyncio
import re
from random import Random
from typing import Final

from venue.faces.connection import Connection, frame_text
from venue.faults.fault import Outgoing
from venue.faults.frames import FrameFault
from venue.faults.framing import BINARY, fragments, frame, payload_of
from venue.faults.parameters import Parameter

_DECIMAL: Final = re.compile(rb'"(\d+\.\d+)"')
_NUMBER: Final = re.compile(rb"(?<=[:,\[])(\d+\.\d+)(?=[,\]}])")  # of venues that send numbers, not strings
_SCALAR: Final = re.compile(rb'(?<=[:,\[])(?:"\d+(?:\.\d+)?"|\d+(?:\.\d+)?)(?=[,\]}])')
_ODD: Final = (b"null", b"true", b"{}", b"[]", b'""', b'"x"', b"1e999", b'{"0":[]}')
_TEXTS: Final = (b"Service Temporarily Unavailable", b"<html><body>502</body></html>", b"{", b"\\u0000", b"[[[[[[")
_INVALID_UTF8: Final = b'{"e":"\xff\xfe\xc3\x28"}'
_PING: Final = b"\x89\x01f"


class Garbage(FrameFault):
    """Frames whose content makes no sense."""

    kind = "garbage"
    summary = "the frame's text is replaced or damaged"
    parameters = (
        *FrameFault.parameters,
        Parameter(
            "form",
            "text",
            "text: no JSON; truncated: half the JSON; types: a value of another type; "
            "nan, negative: a price or amount; empty: nothing; utf8: invalid bytes",
            choices=("text", "truncated", "types", "nan", "negative", "empty", "utf8"),
        ),
    )

    def able(self, out: Outgoing) -> bool:
        """Need a number where one is to be damaged."""
        form = self.word("form")
        if form in ("nan", "negative"):
            return any(pattern.search(payload_of(out.framed)) for pattern in (_DECIMAL, _NUMBER))
        return form != "types" or _SCALAR.search(payload_of(out.framed)) is not None

    def disturb(self, out: Outgoing) -> None:
        """Damage the text."""
        broken = damaged(payload_of(out.framed), self.word("form"), self.random)
        self.desk.pass_on(out._replace(framed=frame_text(broken)), self)


def damaged(payload: bytes, form: str, random: Random) -> bytes:
    """Return a damaged text; numbers and replacements are chosen at random among those there are."""
    if form == "truncated":
        return payload[: len(payload) // 2]
    if form in ("nan", "negative"):
        pattern, shape = (_DECIMAL, b'"%b"') if _DECIMAL.search(payload) else (_NUMBER, b"%b")
        return _replaced(payload, pattern, shape % (b"NaN" if form == "nan" else b"-%b"), random)
    if form == "types":
        return _replaced(payload, _SCALAR, random.choice(_ODD), random)
    if form == "utf8":
        return _INVALID_UTF8
    return b"" if form == "empty" else random.choice(_TEXTS)


def _replaced(payload: bytes, pattern: re.Pattern[bytes], by: bytes, random: Random) -> bytes:
    """Replace one match; ``%b`` in the replacement stands for the match's own decimal."""
    matches = list(pattern.finditer(payload))
    if b"%b" in by:  # minus nothing is nothing: a removal's amount would stay what it is
        matches = [match for match in matches if match[1].strip(b"0.")] or matches
    found = random.choice(matches)
    written = by % found[1] if b"%b" in by else by
    return payload[: found.start()] + written + payload[found.end() :]


class Oversized(FrameFault):
    """Frames of enormous size. The text stays valid JSON: blanks fill it up."""

    kind = "oversized"
    summary = "the frame is filled up with blanks to an enormous size; its JSON stays valid"
    parameters = (*FrameFault.parameters, Parameter("bytes", 20_000_000, "size of the message", 1, 256_000_000))
    stage = 2  # after those that copy or hold frames: what they copy and hold stays small

    def disturb(self, out: Outgoing) -> None:
        """Fill up."""
        framed = frame_text(payload_of(out.framed).ljust(self.whole("bytes")))
        out.connection.allow(len(framed))
        self.desk.pass_on(out._replace(framed=framed), self)


class Binary(FrameFault):
    """Frames that are binary although their content is text."""

    kind = "binary"
    summary = "the frame is sent as a binary message with the same bytes"

    def disturb(self, out: Outgoing) -> None:
        """Change the opcode."""
        self.desk.pass_on(out._replace(framed=frame(payload_of(out.framed), BINARY)), self)


class Fragmented(FrameFault):
    """Messages in several frames, which is legal: a correct client does not notice."""

    kind = "fragmented"
    summary = "the message is sent in several frames, legally: a correct client does not notice"
    parameters = (
        *FrameFault.parameters,
        Parameter("pieces", 3, "how many frames", 2, 1000),
        Parameter("ping", False, "a ping after the first piece, which is legal too; at most one a second"),
    )

    # Last of all: no other fault can read a message in pieces.
    stage = 3

    def begin(self) -> None:
        """Begin with no ping sent."""
        super().begin()
        self._pinged: dict[Connection, float] = {}

    def disturb(self, out: Outgoing) -> None:
        """Cut into pieces."""
        between = _PING if self.flag("ping") and self._may_ping(out.connection) else b""
        framed = fragments(payload_of(out.framed), self.whole("pieces"), between)
        self.desk.pass_on(out._replace(framed=framed), self)

    def gone(self, connection: Connection) -> None:
        """Forget a client."""
        super().gone(connection)
        self._pinged.pop(connection, None)

    def _may_ping(self, connection: Connection) -> bool:
        """Tell whether a second has passed: on Binance the client's pongs count against its inbound limit."""
        now = asyncio.get_running_loop().time()
        if now - self._pinged.get(connection, -1.0) < 1.0:
            return False
        self._pinged[connection] = now
        return True
