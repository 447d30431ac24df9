"""The recorded files, whatever program wrote them, as lines in the order of their receipt."""

import gzip
import os
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec

# The captures are not part of the project: they are looked for beside it, or where ONEBOOK_CAPTURES says.
CAPTURES = Path(os.environ.get("ONEBOOK_CAPTURES", Path(__file__).parents[3] / "shared" / "captures"))


class Line(NamedTuple):
    """One received frame, or one REST answer (`url` is set). What the recording client sent is left out."""

    received_ns: int  # 0: not recorded
    body: bytes
    url: str = ""


class _Record(msgspec.Struct):
    """A line of the newer cryptofeed's recordings."""

    t: str
    ts: Decimal = Decimal(0)
    url: str = ""
    data: str = ""


def read(files: Iterable[str]) -> list[Line]:
    """All lines of a session, in the order of their receipt."""
    lines: list[Line] = []
    for name in files:
        lines += next(reader for mark, reader in _READERS if re.search(mark, name))(name)
    if len({line.url != "" for line in lines}) > 1 and any(".http." in name for name in files):
        lines.sort(key=lambda line: line.received_ns)
    return lines


def _open(name: str) -> bytes:
    raw = (CAPTURES / name).read_bytes()
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def _cryptofeed(name: str) -> Iterator[Line]:
    """`<seconds>: <frame>` for a frame, `<url> -> <seconds>: <body>` for a REST answer; the rest is the client's."""
    for line in _open(name).split(b"\n"):
        if match := re.match(rb"(\d+\.\d+): (.*)", line, re.DOTALL):
            yield Line(int(Decimal(match[1].decode()) * 10**9), match[2])
        elif match := re.match(rb"(http\S+) -> (\d+\.\d+): (.*)", line, re.DOTALL):
            yield Line(int(Decimal(match[2].decode()) * 10**9), match[3], match[1].decode())


def _cryptofeed_json(name: str) -> Iterator[Line]:
    """One JSON object a line, with the frame as a string in it."""
    for line in _open(name).splitlines():
        record = msgspec.json.decode(line, type=_Record)
        if record.t in ("recv", "http"):
            yield Line(int(record.ts * 10**9), record.data.encode(), record.url)


def _hftbacktest(name: str) -> Iterator[Line]:
    """`<local time> <frame>`; a REST snapshot is a frame with lastUpdateId at its top level."""
    to_ns = 1000 if name.endswith(".dat.gz") else 1
    for line in _open(name).split(b"\n"):
        if line:
            stamp, frame = line.split(b" ", 1)
            url = "?symbol=BTCUSDT" if frame.startswith(b'{"lastUpdateId"') else ""
            yield Line(int(stamp) * to_ns, frame, url)


def _crossbook(name: str) -> Iterator[Line]:
    """`<ns> <count of bytes>` and the frame, again and again, after a line of heading."""
    raw = _open(name)
    at = raw.index(b"\n") + 1
    while at < len(raw):
        end = raw.index(b"\n", at)
        stamp, size = raw[at:end].split()
        yield Line(int(stamp), raw[end + 1 : end + 1 + int(size)])
        at = end + 2 + int(size)


def _plain(name: str) -> Iterator[Line]:
    """One frame a line."""
    for line in _open(name).splitlines():
        yield Line(0, line)


# By what the name of a file contains.
_READERS = (
    (r"hftbacktest__", _hftbacktest),
    (r"crossbook__", _crossbook),
    (r"cryptofeed__.*\.jsonl", _cryptofeed_json),
    (r"cryptofeed__", _cryptofeed),
    (r"", _plain),
)
