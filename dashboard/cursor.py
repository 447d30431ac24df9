"""The selected level: what taking the book up to it would cost. Pure; sums in integers, divided once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dashboard.rungs import Rung, beyond


class Cursor(NamedTuple):
    """A level by its side and its price, which it follows wherever it stands on the screen."""

    bid: bool
    price: int


class Both(NamedTuple):
    """The levels of one row that shows both sides."""

    left: Cursor | None
    right: Cursor | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What filling everything from the best price to one level costs."""

    amount: int
    value: int  # price x amount
    parts: tuple[tuple[int, int], ...]  # (venue, amount), larger first


def found(cursor: Cursor | None, bids: Sequence[Rung], asks: Sequence[Rung]) -> Rung | None:
    """The level of a cursor; the next deeper one when its price is gone, the deepest when nothing is beyond."""
    if cursor is None:
        return None
    side = bids if cursor.bid else asks
    last = side[-1] if side else None
    return next((rung for rung in side if not beyond(cursor.price, rung.price, cursor.bid)), last)


def moved(cursor: Cursor | None, bids: Sequence[Rung], asks: Sequence[Rung], rows: int) -> Cursor | None:
    """The cursor `rows` lines further down the screen (up: below 0); the first step is to a best price."""
    order = [*reversed(asks), *bids]
    if not order:
        return None
    at = found(cursor, bids, asks)
    if at is None:
        first = len(asks) if rows > 0 else len(asks) - 1
        return named(order[min(max(first, 0), len(order) - 1)])
    index = len(asks) - 1 - at.rank if not at.bid else len(asks) + at.rank
    return named(order[min(max(index + rows, 0), len(order) - 1)])


def across(cursor: Cursor | None, bids: Sequence[Rung], asks: Sequence[Rung]) -> Cursor | None:
    """The level of the same rank on the other side: what h and l do where the sides stand beside each other."""
    at = found(cursor, bids, asks)
    if at is None:
        return cursor
    other = asks if at.bid else bids
    return named(other[min(at.rank, len(other) - 1)]) if other else named(at)


def named(rung: Rung) -> Cursor:
    """The cursor on a level."""
    return Cursor(rung.bid, rung.price)


def cost(rung: Rung, side: Sequence[Rung]) -> Cost:
    """Of everything up to `rung`, with each venue's part."""
    parts: dict[int, int] = {}
    for each in side[: rung.rank + 1]:
        for part in each.group.parts:
            parts[part.venue] = parts.get(part.venue, 0) + part.amount
    return Cost(rung.total, rung.value, tuple(sorted(parts.items(), key=lambda item: (-item[1], item[0]))))
