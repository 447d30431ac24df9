"""The steps of the ladder: groups, what lies between them and the best price, and what is not known. Pure."""

from typing import NamedTuple

from dashboard.grouping import Group, Groups, rounded
from dashboard.market import Book, Touch


class Rung(NamedTuple):
    """One group of one side, seen from the best price."""

    bid: bool
    rank: int  # 0: the best
    group: Group
    total: int  # amounts up to here
    value: int  # price x amount up to here
    bound: bool  # a venue's known depth ended before: there may be more than `total`
    cut: bool  # more of this group may lie beyond what was asked for
    crossed: bool  # a price of it is better than the other side's best

    @property
    def price(self) -> int:
        """Of the group."""
        return self.group.price


_new = tuple.__new__  # what a named tuple does in the end, in half the time


def rungs(groups: Groups, bid: bool, away: frozenset[int] = frozenset()) -> tuple[Rung, ...]:
    """One side, best first; totals are summed as integers. `away`: venues that are not counted."""
    book = groups.book
    side = groups.side(bid)
    horizon = nearest_horizon(book, bid, away)
    overlap = _overlap(groups, bid)
    last = len(side) - 1 if groups.cut(bid) else -1
    out = []
    total = value = 0
    for rank, group in enumerate(side):
        total += group.amount
        value += group.value
        price = group.price
        bound = horizon is not None and beyond(price, horizon, bid)
        crossed = overlap is not None and not beyond(price, overlap, bid)
        out.append(_new(Rung, (bid, rank, group, total, value, bound, rank == last, crossed)))
    return tuple(out)


def beyond(price: int, limit: int, bid: bool) -> bool:
    """Whether a price is worse than a limit: lower for a bid, higher for an ask."""
    return price < limit if bid else price > limit


def horizons(book: Book, bid: bool, away: frozenset[int] = frozenset()) -> dict[int, int]:
    """By venue: the price beyond which its side is unknown. Only of venues that are counted."""
    found = ((index, venue, venue.known_bid if bid else venue.known_ask) for index, venue in enumerate(book.venues))
    return {index: price for index, venue, price in found if price is not None and venue.live and index not in away}


def nearest_horizon(book: Book, bid: bool, away: frozenset[int] = frozenset()) -> int | None:
    """Where the first of the venues' known depths ends; None: every side is wholly known."""
    found = horizons(book, bid, away).values()
    return (max if bid else min)(found, default=None)


def _overlap(groups: Groups, bid: bool) -> int | None:
    """The worst group of this side that reaches over the other side's best price."""
    book = groups.book
    if book.touch is not Touch.CROSSED:
        return None
    other = (book.asks if bid else book.bids)[0].price
    reach = [level.price for level in (book.bids if bid else book.asks) if beyond(other, level.price, bid)]
    return rounded(reach[-1], groups.step, bid=bid)
