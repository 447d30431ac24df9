"""Levels put together by a coarser price step, without ever promising a better price than their content. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from dashboard.market import Book, Level
from dashboard.numbers import scaled

FACTORS = (1, 2, 5)
KNOWN = 4_096  # levels that are kept as groups: most of a book stays as it was
MOST = 27  # of the steps: up to 1,000,000,000 ticks


class Part(NamedTuple):
    """What one venue has in a group: its amount, and the sum of price x amount."""

    venue: int
    amount: int
    value: int


class Group(NamedTuple):
    """Levels under one price. Bids are rounded down and asks up, so `price` is the worst of what may be in it."""

    price: int
    amount: int
    value: int  # sum of price x amount of the levels in it, exactly
    parts: tuple[Part, ...]  # larger first


@dataclass(frozen=True, slots=True)
class Groups:
    """Both sides of a book at one step. Prices are in the units of the book, multiples of `step`."""

    book: Book  # as it came: the header's figures and crossing are never rounded
    step: int
    decimals: int  # that a price of this step needs
    bids: tuple[Group, ...]
    asks: tuple[Group, ...]
    cut_bids: bool  # the deepest group may have more in it than was asked for
    cut_asks: bool

    def side(self, bid: bool) -> tuple[Group, ...]:
        """One side, best first."""
        return self.bids if bid else self.asks

    def cut(self, bid: bool) -> bool:
        """Whether the deepest group of the side may be incomplete."""
        return self.cut_bids if bid else self.cut_asks


def step_of(group: int, tick: int = 1) -> int:
    """The step of that number, in units of price: 1, 2, 5, 10, 20, 50, ... ticks."""
    power, factor = divmod(max(0, min(group, MOST)), len(FACTORS))
    return FACTORS[factor] * int(10**power) * tick


def tick_of(sizes: Iterable[str], decimals: int) -> int:
    """The tick of the finest venue in units of price; 1 where none tells it, or one is finer than the unit."""
    ticks = []
    for text in sizes:
        try:
            ticks.append(scaled(text, decimals))
        except ValueError:
            continue  # this venue does not tell
    return max(1, min(ticks, default=1))


_new = tuple.__new__  # what a named tuple does in the end


def rounded(price: int, step: int, *, bid: bool) -> int:
    """The price of the group that a price belongs to: down for a bid, up for an ask."""
    return price // step * step if bid else -(-price // step) * step


def grouped(book: Book, step: int = 1, requested: int = 0, received: Book | None = None) -> Groups:
    """The book at this step. `requested`: levels a side that were asked for; 0: all there are.

    `received`: the book before somebody was muted, whose last level tells how far it reaches.
    """
    whole = received or book
    decimals = book.price_decimals
    rest = step
    while decimals and rest % 10 == 0:
        rest //= 10
        decimals -= 1
    return Groups(
        book=book,
        step=step,
        decimals=decimals,
        bids=_side(book.bids, step, bid=True),
        asks=_side(book.asks, step, bid=False),
        cut_bids=len(whole.bids) >= requested > 0 and _is_cut(book.bids, whole.bids, step, bid=True),
        cut_asks=len(whole.asks) >= requested > 0 and _is_cut(book.asks, whole.asks, step, bid=False),
    )


def _is_cut(levels: tuple[Level, ...], whole: tuple[Level, ...], step: int, *, bid: bool) -> bool:
    worst = whole[-1].price
    label = rounded(worst, step, bid=bid)
    # At the label itself nothing more of this group can follow.
    return worst != label and bool(levels) and rounded(levels[-1].price, step, bid=bid) == label


def _side(levels: tuple[Level, ...], step: int, *, bid: bool) -> tuple[Group, ...]:
    if step == 1 or not any(level.price % step for level in levels):
        return tuple(_alone(level) for level in levels)
    out: list[Group] = []
    gathered: dict[int, list[int]] = {}  # venue: [amount, value]
    label: int | None = None
    for level in levels:
        price = rounded(level.price, step, bid=bid)
        if price != label:
            if label is not None:
                out.append(_closed(label, gathered))
            label, gathered = price, {}
        for venue, amount in level.amounts:
            sums = gathered.setdefault(venue, [0, 0])
            sums[0] += amount
            sums[1] += amount * level.price
    if label is not None:
        out.append(_closed(label, gathered))
    return tuple(out)


@lru_cache(maxsize=KNOWN)
def _alone(level: Level) -> Group:
    """Hundreds of them in every picture: made as plain tuples are, which takes half as long."""
    price, total, amounts = level
    parts = tuple([_new(Part, (venue, amount, amount * price)) for venue, amount in amounts])
    return _new(Group, (price, total, total * price, parts))


def _closed(price: int, gathered: dict[int, list[int]]) -> Group:
    parts = sorted(
        (Part(venue, *sums) for venue, sums in gathered.items()), key=lambda part: (-part.amount, part.venue)
    )
    return Group(price, sum(part.amount for part in parts), sum(part.value for part in parts), tuple(parts))
