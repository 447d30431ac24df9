"""How a face words things, as far as faults must read, change or imitate its text without knowing the face."""

import re
from collections.abc import Iterable
from typing import ClassVar, Final, NamedTuple

import msgspec

from venue.faces.rfc3339 import microseconds, rfc3339
from venue.listing import Listing, decimal_text

HTML_STATUSES: Final = (403, 500, 502, 503, 504)
REASONS: Final = {403: "Forbidden", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}

_FIRST_MICRO: Final = 10**15
_SIDE: Final = re.compile(rb'"(?:b|a|bids|asks)":\[(\[[^]]*\](?:,\[[^]]*\])*)\]')
_ROW: Final = re.compile(rb'\["([^"]+)","([^"]+)"')


class LevelText(NamedTuple):
    """A level in a message: its rank on its side (0: first), price and amount, and where the amount stands."""

    rank: int
    price: str
    amount: str
    start: int
    end: int


class Clock(NamedTuple):
    """A spelling of times: group 1 of the pattern is the time.

    The unit is ``s``, ``ms``, ``us``, ``ns``, ``rfc3339``, or ``auto``: ms or µs by size.
    """

    pattern: re.Pattern[bytes]
    unit: str


class Wording:
    """What faults ask of a dialect. The defaults are those of venues with string rows and whole JSON bodies."""

    clocks: ClassVar[tuple[Clock, ...]] = ()
    # The number (group 1) by which a diff says what it follows: a lost diff's is given to the next one.
    follows: ClassVar[re.Pattern[bytes] | None] = None
    # Numbers (group 2) that tell where a diff stands, with their names (group 1).
    stands: ClassVar[re.Pattern[bytes] | None] = None

    # The checksum of a message (group 1), on venues that send any.
    checksum: ClassVar[re.Pattern[bytes] | None] = None

    def words(self, status: int, retry_after_s: int) -> object:
        """Return the JSON of a refusal."""
        raise NotImplementedError

    def refusal(self, status: int, retry_after_s: int) -> tuple[int, bytes, str]:
        """Return the HTTP status, the body and the content type with which a status is told."""
        if status in HTML_STATUSES:
            return status, page(f"{status} {REASONS.get(status, 'Gateway Timeout')}"), "text/html"
        return status, msgspec.json.encode(self.words(status, retry_after_s)), "application/json"

    def shift(self, text: bytes, offset_us: int) -> bytes:
        """Shift all times in a message or body."""
        for clock in self.clocks:
            text = shifted(text, offset_us, clock)
        return text

    def position(self, payload: bytes) -> dict[str, object]:
        """Tell where a diff stands, by the numbers that it carries."""
        if self.stands is None:
            return {}
        return {name.decode(): int(value) for name, value in self.stands.findall(payload)}

    def is_diff(self, payload: bytes) -> bool:
        """Tell a diff from a snapshot on the same stream."""
        return True

    def hollow(self, payload: bytes) -> bytes | None:
        """Return a diff without its levels and with all its numbers, to stand for one that is lost; None: nothing."""
        return None

    def levels(self, payload: bytes) -> list[LevelText]:
        """Return all levels of a message, by side, each side from its first row on."""
        return [level for side in _SIDE.finditer(payload) for level in rows(payload, _ROW, *side.span(1))]

    def amount(self, listing: Listing, lots: int) -> str:
        """Write an amount as it stands in a message."""
        return decimal_text(lots, listing.lot_decimals, 8)


def rows(payload: bytes, row: re.Pattern[bytes], start: int, end: int) -> Iterable[LevelText]:
    """Return the levels of one side; groups 1 and 2 of the row are price and amount."""
    for rank, found in enumerate(row.finditer(payload, start, end)):
        yield LevelText(rank, found[1].decode(), found[2].decode(), *found.span(2))


def page(title: str) -> bytes:
    """Return the HTML page of an edge."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>cloudfront</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


def shifted(text: bytes, offset_us: int, clock: Clock) -> bytes:
    """Shift the times of one spelling."""

    def one(found: re.Match[bytes]) -> bytes:
        start, end = found.start(1) - found.start(), found.end(1) - found.start()
        return found[0][:start] + _moved(found[1], offset_us, clock.unit) + found[0][end:]

    return clock.pattern.sub(one, text)


def _moved(text: bytes, offset_us: int, unit: str) -> bytes:
    if unit == "rfc3339":
        return rfc3339(microseconds(text.decode()) + offset_us).encode()
    value = int(text)
    if unit == "auto":
        unit = "us" if value >= _FIRST_MICRO else "ms"
    return b"%d" % (value + offset_us * 1000 // {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}[unit])
