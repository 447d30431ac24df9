"""A side-by-side view of level totals, which can be walked best first and copied cheaply."""

from bisect import bisect_left, insort
from math import inf

from venue.matching import BID


class Ladder:
    """Totals per price of both sides, in ticks and lots; no orders."""

    __slots__ = ("_keys", "lots")

    def __init__(self) -> None:
        self.lots: tuple[dict[int, int], dict[int, int]] = ({}, {})
        # Sorted; the best is the last: tick for bids, -tick for asks.
        self._keys: tuple[list[int], list[int]] = ([], [])

    def set(self, side: int, tick: int, lots: int) -> int:
        """Set a level's total (0 removes it) and return what it was."""
        totals = self.lots[side]
        before = totals.get(tick, 0)
        if lots:
            totals[tick] = lots
            if not before:
                insort(self._keys[side], tick if side == BID else -tick)
        elif before:
            del totals[tick]
            keys = self._keys[side]
            key = tick if side == BID else -tick
            if keys[-1] == key:
                keys.pop()
            else:
                del keys[bisect_left(keys, key)]
        return before

    def best(self, side: int) -> int | None:
        """Return the best tick, or None when the side is empty."""
        keys = self._keys[side]
        return abs(keys[-1]) if keys else None

    def levels(self, side: int, limit: int = 0) -> list[tuple[int, int]]:
        """Return ``(tick, lots)``, best first, at most ``limit`` of them (0 means all)."""
        keys = self._keys[side]
        chosen = keys[-limit:] if limit else keys
        totals = self.lots[side]
        return [(abs(key), totals[abs(key)]) for key in reversed(chosen)]

    def edge(self, side: int, limit: int) -> float:
        """Return the key of the worst of the ``limit`` best levels; minus infinity when there are not more (0: all).

        Keys rise towards the best: the tick of a bid, minus the tick of an ask.
        """
        keys = self._keys[side]
        return keys[-limit] if limit and len(keys) > limit else -inf

    def between(self, side: int, low: float, high: float) -> list[int]:
        """Return the ticks of the levels whose keys are at least ``low`` and below ``high``."""
        keys = self._keys[side]
        return [abs(key) for key in keys[bisect_left(keys, low) : bisect_left(keys, high)]]

    def replace_side(self, side: int, other: "Ladder") -> None:
        """Take one side as a copy from another ladder."""
        lots, keys = other.lots[side].copy(), other._keys[side].copy()
        self.lots = (lots, self.lots[1]) if side == BID else (self.lots[0], lots)
        self._keys = (keys, self._keys[1]) if side == BID else (self._keys[0], keys)

    def copy(self) -> "Ladder":
        """Return an independent copy."""
        twin = Ladder()
        twin.lots = (self.lots[0].copy(), self.lots[1].copy())
        twin._keys = (self._keys[0].copy(), self._keys[1].copy())
        return twin

    def __eq__(self, other: object) -> bool:
        """Compare level by level."""
        return isinstance(other, Ladder) and self.lots == other.lots

    __hash__ = None  # type: ignore[assignment]  # mutable
