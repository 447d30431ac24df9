"""What a server said for a while, kept: the input of the pictures, so that they come out the same every time."""

import json
import lzma
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.message import Message

from proto import orderbook_pb2 as pb

KINDS: dict[int, type[Message]] = {1: pb.Book, 2: pb.Trades, 3: pb.Status, 4: pb.Pairs}
NUMBERS = {kind: number for number, kind in KINDS.items()}
_HEAD = struct.Struct(">QBI")  # when, kind, length


class Entry(NamedTuple):
    """One message; `at_ns`: when it arrived, since the tape's start."""

    at_ns: int
    message: Any


def write(path: Path, facts: dict[str, Any], entries: Iterable[Entry]) -> None:
    """A line of JSON, then the messages in the order of their arrival."""
    parts = [json.dumps(facts).encode() + b"\n"]
    for entry in entries:
        body = entry.message.SerializeToString(deterministic=True)
        parts += [_HEAD.pack(entry.at_ns, NUMBERS[type(entry.message)], len(body)), body]
    path.write_bytes(lzma.compress(b"".join(parts), preset=9 | lzma.PRESET_EXTREME))


def read(path: Path) -> tuple[dict[str, Any], list[Entry]]:
    """What `write` wrote."""
    facts, _, rest = lzma.decompress(path.read_bytes()).partition(b"\n")
    return json.loads(facts), list(_entries(rest))


def _entries(data: bytes) -> Iterator[Entry]:
    at = 0
    while at < len(data):
        at_ns, kind, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        yield Entry(at_ns, KINDS[kind].FromString(data[at : at + length]))
        at += length
