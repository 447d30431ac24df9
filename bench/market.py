"""What the benchmarks feed on: recorded frames of Binance BTCUSDT where they are at hand, a seeded market elsewhere.

The recording is no part of the project. It is looked for in ../shared/captures, or where ONEBOOK_CAPTURES says; the
seeded stream takes its place in the same wire format.
"""

import gzip
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec

from book import Instrument, Pair

CAPTURES = Path(os.environ.get("ONEBOOK_CAPTURES", Path(__file__).parents[2] / "shared" / "captures"))
RECORDING = "binance-spot/hftbacktest__spot_btcusdt_20240808.gz"

SYMBOL = "BTCUSDT"
PAIR = Pair("BTC", "USDT")
TICK, LOT = Decimal("0.01"), Decimal("0.00001")
LEVELS_A_MESSAGE = 20  # both sides together

_MID = 6_183_000  # the best bid, in ticks
_NEAR = 15.0  # ticks from the best price, the mean distance of four updates in five
_SNAPSHOT_LEVELS = 1000
_FRAMES = 3500
_US = 1_723_161_255_000_000  # an arbitrary beginning of time

Updates = tuple[list[tuple[float, float]], list[tuple[float, float]]]  # of bids and of asks


class Stream(NamedTuple):
    """A REST snapshot and the depth frames that follow it without a gap."""

    source: str  # in words
    snapshot: bytes
    frames: list[bytes]


def instrument(venue: str = "binance") -> Instrument:
    """BTC/USDT as every venue here lists it."""
    return Instrument(venue, SYMBOL, PAIR, TICK, LOT)


def load_stream(seed: int, captures: Path = CAPTURES, frames: int = _FRAMES) -> Stream:
    """The recording where it is present, the seeded stream otherwise."""
    path = captures / RECORDING
    return _recorded(path) if path.is_file() else _seeded(seed, frames)


def _recorded(path: Path) -> Stream:
    """Lines of `<received ns> <frame>`; the snapshot stands among them without a wrapper."""
    bodies = [line.split(b" ", 1)[1] for line in gzip.decompress(path.read_bytes()).split(b"\n") if line]
    snapshot = next(body for body in bodies if body.startswith(b'{"lastUpdateId"'))
    position = msgspec.json.decode(snapshot)["lastUpdateId"]
    frames = [
        body
        for body in bodies
        if b'"depthUpdate"' in body[:160] and msgspec.json.decode(body)["data"]["u"] > position
    ]
    return Stream(f"{len(frames)} recorded depth frames of Binance BTCUSDT, {path.name}", snapshot, frames)


def _seeded(seed: int, count: int) -> Stream:
    market = SeededMarket(seed, _SNAPSHOT_LEVELS)
    bids, asks = market.book()
    snapshot = {"lastUpdateId": 1000, "bids": _texts(bids), "asks": _texts(asks)}
    frames, last = [], 1000
    for number in range(count):
        bids, asks = market.message()
        event = {
            "e": "depthUpdate",
            "E": _US + 100_000 * number,
            "s": SYMBOL,
            "U": last + 1,
            "u": last + LEVELS_A_MESSAGE,
            "b": _texts(bids),
            "a": _texts(asks),
        }
        last += LEVELS_A_MESSAGE
        frames.append(msgspec.json.encode({"stream": f"{SYMBOL.lower()}@depth@100ms", "data": event}))
    return Stream(f"{count} seeded depth frames in the format of Binance", msgspec.json.encode(snapshot), frames)


def _texts(levels: list[tuple[float, float]]) -> list[tuple[str, str]]:
    """Numbers as Binance writes them."""
    return [(f"{price:.8f}", f"{amount:.8f}") for price, amount in levels]


class SeededMarket:
    """A book that keeps about as many levels as it began with, and never crosses.

    Each side is a band of ticks of which three in four hold a level. Of the updates four in five fall near the best
    price; one in four removes a level. Neighbouring prices are `spacing` ticks apart.
    """

    def __init__(self, seed: int, levels: int, spacing: int = 1, shift: int = 0) -> None:
        self._spacing = spacing
        self._shift = shift  # of the whole book, in ticks
        self._rng = Random(f"bench/{seed}/{levels}")
        self._band = levels * 4 // 3
        self._sides: tuple[dict[int, float], dict[int, float]] = ({}, {})  # distance from the touch -> amount
        for side in self._sides:
            for distance in sorted(self._rng.sample(range(self._band), levels)):
                side[distance] = self._amount()

    def book(self) -> Updates:
        """All levels, best first."""
        bids, asks = (sorted(side.items()) for side in self._sides)
        return self._priced(bids, asks)

    def message(self, count: int = LEVELS_A_MESSAGE) -> Updates:
        """The next `count` changes, half of them on either side; amount 0 removes."""
        bids, asks = (self._changes(side, count // 2) for side in self._sides)
        return self._priced(bids, asks)

    def messages(self, count: int) -> Iterator[Updates]:
        """The next `count` messages."""
        for _ in range(count):
            yield self.message()

    def _priced(self, bids: list[tuple[int, float]], asks: list[tuple[int, float]]) -> Updates:
        spacing, touch = self._spacing, _MID + self._shift
        return (
            [((touch - distance * spacing) / 100, amount) for distance, amount in bids],
            [((touch + 1 + distance * spacing) / 100, amount) for distance, amount in asks],
        )

    def _changes(self, side: dict[int, float], count: int) -> list[tuple[int, float]]:
        changes: dict[int, float] = {}
        while len(changes) < min(count, self._band // 2):
            distance = self._distance()
            if distance in changes:
                continue
            if distance in side and self._rng.random() < 1 / 3:
                del side[distance]
                changes[distance] = 0.0
            else:
                changes[distance] = side[distance] = self._amount()
        return list(changes.items())

    def _distance(self) -> int:
        if self._rng.random() < 0.8:
            return min(int(self._rng.expovariate(1 / _NEAR)), self._band - 1)
        return self._rng.randrange(self._band)

    def _amount(self) -> float:
        return (1 + int(self._rng.random() * 2_000_000)) / 100_000
