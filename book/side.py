"""One side of a book: every level in a dict, the best prices besides in a short sorted window.

Nearly every update of a real market touches levels close to the best one, so a sorted list of the best 64 to
192 prices gives the order that readers need at the cost of a bisection in a list that fits the cache; deeper
levels are only counted in the dict. Invariant: a price is in the window exactly when it is in the dict and not
worse than the window's edge.
"""

import heapq
import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

_LOW = 64  # rebuild the window when fewer prices than this are left in it
_FILL = 128  # prices in it after a rebuild; it is cut back to this many above _FILL + _LOW
_MAX_LEVELS = 50_000  # of one side; beyond it the deepest are forgotten and the horizon says so


Level = tuple[float, float, int]  # price, amount, rank of the venue among the pair's venues


class Dust(NamedTuple):
    """Levels too small to show: an amount below `amount` or a price * amount below `notional` (0: keep all)."""

    amount: float = 0.0
    notional: float = 0.0
    decimals: int = 8  # at which price * amount is rounded once before it is compared


NO_DUST = Dust()


class Side:
    """Levels (price -> amount) of one side with the best ones in order.

    Prices and amounts are floats, each the exact name of a decimal of at most 15 digits; a pair that needs more
    digits uses Decimal for all of them, which every operation here treats alike. Not locked: one writer, and
    readers under the pair's lock.
    """

    __slots__ = ("_edge", "_fill", "_keys", "_low", "_max_levels", "_sign", "amounts", "horizon")

    def __init__(self, *, bids: bool, max_levels: int = _MAX_LEVELS) -> None:
        # Keys are price * sign, so that the best one of either side is the smallest.
        self._sign = -1 if bids else 1
        self._keys: list[float] = []
        self._edge = math.inf  # the window holds every key up to here
        self._low = _LOW
        self._fill = _FILL
        self._max_levels = max_levels
        self.amounts: dict[float, float] = {}
        # The worst price up to which the venue has told the whole side; None: all of it.
        self.horizon: float | None = None

    def __len__(self) -> int:
        return len(self.amounts)

    def load(self, levels: Iterable[tuple[float, float]], horizon: float | None) -> None:
        """Replaces all levels. `horizon`: the worst price that the snapshot tells of, None if it tells all."""
        self.amounts = {price: amount for price, amount in levels if amount}
        self.horizon = horizon
        self._rebuild()
        if len(self.amounts) > self._max_levels:
            self._forget_deepest()

    def clear(self) -> None:
        """Forgets everything."""
        self.load((), None)

    def apply(self, updates: Iterable[tuple[float, float]]) -> int:
        """Sets each price to its new total amount, removing those with 0; returns how many removals met no level.

        Such a removal is normal on most venues (born and gone within one batch, or outside the snapshot).
        """
        amounts, keys, edge, sign = self.amounts, self._keys, self._edge, self._sign
        unknown = 0
        for price, amount in updates:
            if amount:
                if price not in amounts:
                    key = sign * price
                    if key <= edge:
                        insort(keys, key)
                amounts[price] = amount
            elif price in amounts:
                del amounts[price]
                key = sign * price
                if key <= edge:
                    del keys[bisect_left(keys, key)]
            else:
                unknown += 1
        if len(amounts) > self._max_levels:
            self._forget_deepest()
        elif len(keys) > self._fill + _LOW:
            del keys[self._fill :]
            self._edge = keys[-1]
        elif len(keys) < self._low and edge != math.inf:
            self._rebuild()
        return unknown

    def cut(self, depth: int) -> None:
        """Forgets all but the best `depth` levels; when there are as many, nothing beyond the worst is known."""
        if len(self.amounts) < depth:
            self.horizon = None
            return
        self.prices(depth + 1)  # has the window hold them
        keys, sign = self._keys, self._sign
        for key in keys[depth:]:
            del self.amounts[sign * key]
        del keys[depth:]
        if len(self.amounts) > depth:  # the window ended before the side did
            kept = {sign * key: self.amounts[sign * key] for key in keys}
            self.amounts = kept
        self._edge = math.inf
        self.horizon = sign * keys[-1]

    def best(self) -> float | None:
        """The best price, None when the side is empty."""
        return self._sign * self._keys[0] if self._keys else None

    def prices(self, n: int) -> list[float]:
        """The best `n` prices, best first; fewer when there are no more."""
        keys = self._keys
        if n > len(keys) and len(keys) < len(self.amounts):
            self._low, self._fill = n, 2 * n
            self._rebuild()
            keys = self._keys
        return keys[:n] if self._sign > 0 else [-key for key in keys[:n]]

    def top(self, n: int) -> list[tuple[float, float]]:
        """The best `n` levels (price, amount), best first; fewer when there are no more."""
        amounts = self.amounts
        return [(price, amounts[price]) for price in self.prices(n)]

    def ladder(self, n: int, rank: int) -> list[Level]:
        """The same as (price, amount, rank), with the `rank` of the venue to tell them apart when merged."""
        amounts = self.amounts
        return [(price, amounts[price], rank) for price in self.prices(n)]

    def ladder_without(self, n: int, rank: int, dust: Dust) -> list[Level]:
        """The best `n` levels that are no dust, looking as deep as it takes to find them."""
        # In the kind of number that the levels are made of: a Decimal and a float compare by their binary values.
        kind = type(next(iter(self.amounts), 0.0))
        dust = Dust(kind(str(dust.amount)), kind(str(dust.notional)), dust.decimals)
        look = n
        while True:
            levels = self.ladder(look, rank)
            kept = [level for level in levels if not _is_dust(level, dust)]
            if len(kept) >= n or len(levels) < look:
                return kept[:n]
            look *= 4

    def beyond_horizon(self, price: float) -> bool:
        """Whether `price` is worse than the worst price that is known; False where the whole side is known."""
        return self.horizon is not None and self._sign * price > self._sign * self.horizon

    def check(self) -> None:
        """Raises AssertionError when an invariant is broken. For tests: it visits every level."""
        keys = sorted(self._sign * price for price in self.amounts)
        window = [key for key in keys if key <= self._edge]
        assert self._keys == window, "the window is not the best of the dict"
        assert len(self._keys) >= min(len(keys), self._low), "the window is too short"
        assert all(amount > 0 for amount in self.amounts.values()), "a level with no amount"
        assert all(math.isfinite(price) for price in self.amounts), "a price that is no number"

    def _rebuild(self) -> None:
        sign, fill = self._sign, self._fill
        keys = sorted(sign * price for price in self.amounts)
        self._edge = math.inf
        if len(keys) > fill:
            del keys[fill:]
            self._edge = keys[-1]
        self._keys = keys

    def _forget_deepest(self) -> None:
        """Keeps the better three quarters of the bound, so that a far price cannot fill the memory."""
        sign = self._sign
        kept = heapq.nsmallest(self._max_levels * 3 // 4, (sign * price for price in self.amounts))
        self.amounts = {sign * key: self.amounts[sign * key] for key in kept}
        worst = sign * kept[-1]
        if self.horizon is None or not self.beyond_horizon(worst):
            self.horizon = worst
        self._rebuild()


def _is_dust(level: Level, dust: Dust) -> bool:
    price, amount, _ = level
    if amount < dust.amount:
        return True
    if isinstance(price, Decimal):
        return price * amount < dust.notional  # exact as it is, and rounding it may need more digits than there are
    return bool(dust.notional) and round(price * amount, dust.decimals) < dust.notional
