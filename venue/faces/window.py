"""The part of a book that a stream shows: its best N levels a side, or all of it; what changes in it, and how."""

from collections.abc import Iterable
from typing import NamedTuple

from venue.ladder import Ladder
from venue.matching import ASK, BID


class Row(NamedTuple):
    """A level that changed: its total now (0: gone) and what was shown before (0: it was not shown)."""

    tick: int
    lots: int
    before: int


class Shift(NamedTuple):
    """What changed on one side, best first, and the ticks that were pushed out of the window: they still exist."""

    rows: list[Row]
    pushed_out: list[int]


class Window:
    """What clients of a stream have been told. The work of an update goes with the changes, not with the depth."""

    __slots__ = ("_depth", "_edges", "shown")

    def __init__(self, depth: int, ladder: Ladder) -> None:
        """``depth`` 0 shows the whole book."""
        self._depth = depth
        self._edges = [ladder.edge(side, depth) for side in (BID, ASK)]
        self.shown: tuple[dict[int, int], dict[int, int]] = (
            dict(ladder.levels(BID, depth)),
            dict(ladder.levels(ASK, depth)),
        )

    def levels(self, side: int) -> list[tuple[int, int]]:
        """Return what is shown of a side, best first."""
        return sorted(self.shown[side].items(), reverse=side == BID)

    def update(self, side: int, ladder: Ladder, touched: Iterable[int]) -> Shift:
        """Move on to a ladder that differs from the last one at the touched ticks only."""
        shown, totals = self.shown[side], ladder.lots[side]
        sign = 1 if side == BID else -1
        old, new = self._edges[side], ladder.edge(side, self._depth)
        self._edges[side] = new
        rows: list[Row] = []
        for tick in touched:
            lots = totals.get(tick, 0)
            if lots and sign * tick < new:
                continue  # outside, or pushed out: see below
            before = shown.get(tick, 0)
            if lots != before:
                rows.append(Row(tick, lots, before))
                if lots:
                    shown[tick] = lots
                else:
                    del shown[tick]
        if new < old:  # levels come into view that nobody touched
            for tick in ladder.between(side, new, old):
                if tick not in shown:
                    shown[tick] = totals[tick]
                    rows.append(Row(tick, totals[tick], 0))
        pushed = [tick for tick in ladder.between(side, old, new) if tick in shown] if new > old else []
        for tick in pushed:
            del shown[tick]
        rows.sort(reverse=side == BID)
        return Shift(rows, pushed)
