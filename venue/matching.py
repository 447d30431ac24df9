"""The matching book: price-time priority over integer ticks and lots, for one symbol.

Per side there is a dict from key to level and one sorted list of keys whose *last* element is the best
price (``key = tick`` for bids, ``-tick`` for asks), so that the best is read and removed in O(1).
A level keeps its orders in an ``OrderedDict``: first in, first out, and O(1) cancel anywhere. (A plain
dict would be a trap: ``next(iter(d))`` after many deletions at the head scans their tombstones.)

The book knows no time, no money and no text, and it draws nothing at random.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

BID = 0
ASK = 1


class MatchingError(Exception):
    """A command that the book cannot accept; the book is unchanged."""


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One fill: ``tick`` is the maker's price; ``taker_side`` is BID when the taker bought."""

    maker_id: int
    taker_id: int
    taker_side: int
    tick: int
    lots: int


class Change(msgspec.Struct, frozen=True, gc=False):
    """One primitive change of the book: the level's new total, 0 when the level is gone.

    Each is caused by one order at rest; ``order_lots`` is what is left of that order.
    """

    side: int
    tick: int
    lots: int
    order_id: int
    order_lots: int


class Outcome(NamedTuple):
    """What one command did, in the order in which it happened; ``rested`` are the lots now in the book."""

    trades: list[Trade]
    changes: list[Change]
    rested: int


class Order:
    """An order at rest; ``lots`` is what is left of it."""

    __slots__ = ("lots", "order_id", "side", "tick")

    def __init__(self, order_id: int, side: int, tick: int, lots: int) -> None:
        self.order_id = order_id
        self.side = side
        self.tick = tick
        self.lots = lots


class Level:
    """All orders at one price, oldest first, and the sum of their lots."""

    __slots__ = ("lots", "orders")

    def __init__(self) -> None:
        self.lots = 0
        self.orders: OrderedDict[int, Order] = OrderedDict()


class Top(msgspec.Struct, frozen=True, gc=False):
    """Best prices in ticks and their lots; ``None`` where a side is empty."""

    bid: int | None
    bid_lots: int
    ask: int | None
    ask_lots: int


class MatchingBook:
    """Both sides of one symbol. One owner calls it; it is not safe across threads."""

    __slots__ = ("_keys", "_levels", "_orders")

    def __init__(self) -> None:
        self._levels: tuple[dict[int, Level], dict[int, Level]] = ({}, {})
        self._keys: tuple[list[int], list[int]] = ([], [])
        self._orders: dict[int, Order] = {}

    def __len__(self) -> int:
        """Return the number of orders at rest."""
        return len(self._orders)

    def limit(self, order_id: int, side: int, tick: int, lots: int, *, ioc: bool = False) -> Outcome:
        """Match up to ``tick``, then rest what is left, or drop it when ``ioc``.

        Raises MatchingError for an id that is at rest, and for a tick or lots below 1.
        """
        if tick < 1:
            raise MatchingError(f"price of {tick} ticks: must be at least 1")
        self._refuse(order_id, side, lots)
        # In the opposite side's key space every key at or above this one may trade.
        bound = -tick if side == BID else tick
        trades, changes, left = self._take(order_id, side, lots, bound)
        if left and not ioc:
            changes.append(self._rest(Order(order_id, side, tick, left)))
            return Outcome(trades, changes, left)
        return Outcome(trades, changes, 0)

    def market(self, order_id: int, side: int, lots: int) -> Outcome:
        """Take up to ``lots`` at whatever prices there are; nothing rests. Raises like `limit`."""
        self._refuse(order_id, side, lots)
        trades, changes, _ = self._take(order_id, side, lots, None)
        return Outcome(trades, changes, 0)

    def cancel(self, order_id: int) -> Change:
        """Remove an order at rest. Raises MatchingError for an id that is not: filled, cancelled or never seen."""
        order = self._orders.pop(order_id, None)
        if order is None:
            raise MatchingError(f"order {order_id} is not in the book")
        side, tick = order.side, order.tick
        key = tick if side == BID else -tick
        level = self._levels[side][key]
        del level.orders[order_id]
        level.lots -= order.lots
        if not level.orders:
            self._drop_level(side, key)
        return Change(side, tick, level.lots, order_id, 0)

    def find(self, order_id: int) -> Order | None:
        """Return the order at rest, or None."""
        return self._orders.get(order_id)

    def best(self, side: int) -> int | None:
        """Return the best tick of a side, or None when it is empty."""
        keys = self._keys[side]
        if not keys:
            return None
        return keys[-1] if side == BID else -keys[-1]

    def lots_at(self, side: int, tick: int) -> int:
        """Return the lots at a price, 0 when there is no such level."""
        level = self._levels[side].get(tick if side == BID else -tick)
        return level.lots if level else 0

    def top(self) -> Top:
        """Return both best prices with their lots."""
        bids, asks = self._keys
        bid_lots = self._levels[BID][bids[-1]].lots if bids else 0
        ask_lots = self._levels[ASK][asks[-1]].lots if asks else 0
        return Top(bids[-1] if bids else None, bid_lots, -asks[-1] if asks else None, ask_lots)

    def levels(self, side: int) -> Iterator[tuple[int, int]]:
        """Yield ``(tick, lots)``, best first. The book must not change meanwhile."""
        levels = self._levels[side]
        for key in reversed(self._keys[side]):
            yield abs(key), levels[key].lots

    def orders(self, side: int) -> Iterator[Order]:
        """Yield the orders of a side in the order in which they would trade. The book must not change meanwhile."""
        levels = self._levels[side]
        for key in reversed(self._keys[side]):
            yield from levels[key].orders.values()

    def check(self) -> None:
        """Raise AssertionError unless every invariant holds: uncrossed, sums right, ids once, no empty level."""
        bid, ask = self.best(BID), self.best(ASK)
        assert bid is None or ask is None or bid < ask, f"crossed: bid {bid}, ask {ask}"
        seen: set[int] = set()
        for side in (BID, ASK):
            levels, keys = self._levels[side], self._keys[side]
            assert keys == sorted(levels), "the key list and the levels differ"
            for key, level in levels.items():
                assert level.orders, f"empty level at {abs(key)}"
                assert level.lots == sum(o.lots for o in level.orders.values()), f"wrong sum at {abs(key)}"
                for order_id, order in level.orders.items():
                    assert order_id == order.order_id and order.side == side and order.tick == abs(key)
                    assert order.lots > 0, f"order {order_id} has {order.lots} lots"
                    assert order_id not in seen, f"order {order_id} stands twice"
                    assert self._orders.get(order_id) is order, f"order {order_id} is not indexed"
                    seen.add(order_id)
        assert len(seen) == len(self._orders), "the index holds orders that are in no level"

    def _refuse(self, order_id: int, side: int, lots: int) -> None:
        if side not in (BID, ASK):
            raise MatchingError(f"side {side}: must be {BID} (bid) or {ASK} (ask)")
        if lots < 1:
            raise MatchingError(f"{lots} lots: must be at least 1")
        if order_id in self._orders:
            raise MatchingError(f"order {order_id} is in the book already")

    def _take(self, taker_id: int, side: int, lots: int, bound: int | None) -> tuple[list[Trade], list[Change], int]:
        other = 1 - side
        keys, levels, orders = self._keys[other], self._levels[other], self._orders
        trades: list[Trade] = []
        changes: list[Change] = []
        while lots and keys and (bound is None or keys[-1] >= bound):
            key = keys[-1]
            level = levels[key]
            tick = abs(key)
            while lots and level.orders:
                maker = next(iter(level.orders.values()))
                fill = min(lots, maker.lots)
                lots -= fill
                level.lots -= fill
                maker.lots -= fill
                if not maker.lots:
                    del level.orders[maker.order_id]
                    del orders[maker.order_id]
                trades.append(Trade(maker.order_id, taker_id, side, tick, fill))
                changes.append(Change(other, tick, level.lots, maker.order_id, maker.lots))
            if not level.orders:
                keys.pop()
                del levels[key]
        return trades, changes, lots

    def _rest(self, order: Order) -> Change:
        key = order.tick if order.side == BID else -order.tick
        level = self._levels[order.side].get(key)
        if level is None:
            level = self._levels[order.side][key] = Level()
            insort(self._keys[order.side], key)
        level.orders[order.order_id] = order
        level.lots += order.lots
        self._orders[order.order_id] = order
        return Change(order.side, order.tick, level.lots, order.order_id, order.lots)

    def _drop_level(self, side: int, key: int) -> None:
        keys = self._keys[side]
        del self._levels[side][key]
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]
