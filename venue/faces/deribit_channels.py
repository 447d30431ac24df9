"""Deribit's channel names: which are served, which are real and silent here, and which do not exist."""

import re
from collections.abc import Container
from typing import Final, NamedTuple

# Intervals between messages, of 100 ms each by default.
INTERVALS: Final = {"100ms": 1, "agg2": 10}
GROUPED_DEPTHS: Final = (1, 10, 20)

_BOOK: Final = re.compile(r"book\.([^.]+)\.(raw|100ms|agg2)")
_GROUPED: Final = re.compile(r"book\.([^.]+)\.none\.(\d+)\.(100ms|agg2)")
_TRADES: Final = re.compile(r"trades\.([^.]+)\.(raw|100ms|agg2)")
_QUOTE: Final = re.compile(r"quote\.([^.]+)")
_SILENT: Final = re.compile(
    r"(?:(?:incremental_)?ticker\.([^.]+)(?:\.(?:raw|100ms|agg2))?|chart\.trades\.([^.]+)\.\w+"
    r"|platform_state(?:\.public_methods_state)?|instrument\.state\.\w+\.\w+|deribit_price_index\.\w+)"
)


class Channel(NamedTuple):
    """A channel that exists. ``kind`` is book, grouped, trades, quote or silent; ``depth`` 0 is the whole book."""

    kind: str
    symbol: str = ""
    depth: int = 0
    every: int = 1
    raw: bool = False


def read_channel(name: str, symbols: Container[str]) -> Channel | None:
    """Return what a name means; None when there is no such channel."""
    for pattern, kind in ((_BOOK, "book"), (_TRADES, "trades")):
        found = pattern.fullmatch(name)
        if found:
            every = INTERVALS.get(found[2], 1)
            return Channel(kind, found[1], 0, every, found[2] == "raw") if found[1] in symbols else None
    found = _GROUPED.fullmatch(name)
    if found:
        known = found[1] in symbols and int(found[2]) in GROUPED_DEPTHS
        return Channel("grouped", found[1], int(found[2]), INTERVALS[found[3]]) if known else None
    found = _QUOTE.fullmatch(name)
    if found:
        return Channel("quote", found[1]) if found[1] in symbols else None
    found = _SILENT.fullmatch(name)
    if found and all(symbol in symbols for symbol in found.groups() if symbol is not None):
        return Channel("silent", raw=name.endswith(".raw"))
    return None
