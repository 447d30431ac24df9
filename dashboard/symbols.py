"""The symbols table: one row a pair, in an order that does not change under the user's fingers. Pure."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial

from dashboard.feed import FeedState, View
from dashboard.header import GLYPHS, mid_text, spread_text
from dashboard.numbers import NONE, SECOND_NS, age, imbalance
from dashboard.rows import Role, Row, Span, blank, fitted

CALM_NS = 2 * SECOND_NS  # without a key, until rows may change places
PAIR, MID, SPREAD, POINTS, IMB, UP, AGE = 14, 16, 12, 9, 7, 8, 9  # cells


class Order(StrEnum):
    """What the rows are sorted by."""

    PAIR = "pair"
    SPREAD = "spread"  # in basis points, narrowest first
    IMBALANCE = "imbalance"  # most bid first
    VENUES = "venues"  # fewest live first
    AGE = "age"  # oldest first


def ordered(
    views: Mapping[str, View | None], order: Order, before: Sequence[str], idle_ns: int, depth: int = 10
) -> tuple[str, ...]:
    """The pairs in their order. While keys are pressed those of `before` stay where they are; new ones follow.

    `depth`: levels a side that the imbalance counts, as in the header.
    """
    if idle_ns < CALM_NS and before:
        kept = [pair for pair in before if pair in views]
        return (*kept, *(pair for pair in sorted(views) if pair not in before))
    key = partial(_imbalance, depth=depth) if order is Order.IMBALANCE else _KEYS[order]
    return tuple(sorted(views, key=lambda pair: (*key(views[pair]), pair)))


def _spread(view: View | None) -> tuple[int, ...]:
    book = view.book if view is not None else None
    if book is None or book.spread is None or not book.twice_mid:
        return (1, 0)  # without a figure: last
    return 0, book.spread * 10**12 // abs(book.twice_mid)


def _imbalance(view: View | None, depth: int) -> tuple[int, ...]:
    sums = view.book.sums(depth) if view is not None and view.book is not None else (0, 0)
    if not sum(sums):
        return (1, 0)
    return 0, -((sums[0] - sums[1]) * 10**6 // sum(sums))


def _venues(view: View | None) -> tuple[int, ...]:
    if view is None or view.book is None:
        return (1, 0)
    return 0, view.book.live_venues - view.book.wanted_venues


def _age(view: View | None) -> tuple[int, ...]:
    told = view.age if view is not None else None
    return (1, 0) if told is None else (0, -told[0])


_KEYS: dict[Order, Callable[[View | None], tuple[int, ...]]] = {
    Order.PAIR: lambda _: (),
    Order.SPREAD: _spread,
    Order.VENUES: _venues,
    Order.AGE: _age,
}


def rows(
    views: Mapping[str, View | None],
    pairs: Sequence[str],
    width: int,
    height: int,
    selected: int = 0,
    order: Order = Order.PAIR,
    depth: int = 10,
) -> list[Row]:
    """Exactly `height` rows: heads, then the pairs; the selected one stays in sight. Without a view: not asked."""
    if height < 1:
        return []
    room = height - 1
    first = max(0, min(selected - room + 1, len(pairs) - room))
    out = [_heads(width, order)]
    for index, pair in enumerate(pairs[first : first + room], first):
        out.append(_line(pair, views.get(pair), width, depth, chosen=index == selected))
    if not pairs:
        out.append(Row(fitted([Span("  no pair known yet", Role.QUIET)], width)))
    return (out + [blank(width)] * height)[:height]


def _heads(width: int, order: Order) -> Row:
    names = {
        Order.PAIR: f"{'PAIR':<{PAIR}}",
        None: f"{'MID':>{MID}}{'SPREAD':>{SPREAD}}",
        Order.SPREAD: f"{'BP':>{POINTS}}",
        Order.IMBALANCE: f"{'IMB':>{IMB}}",
        Order.VENUES: f"{'VENUES':>{UP}}",
        Order.AGE: f"{'AGE':>{AGE}}",
    }
    text = "  " + "".join(f"{name}{'▼' if key is order else ' '}" for key, name in names.items()) + " FEED"
    return Row(fitted([Span(text.ljust(width), Role.HEAD)], width))


def _line(pair: str, view: View | None, width: int, depth: int, *, chosen: bool) -> Row:
    mark = Span("> " if chosen else "  ")
    name = Span(f"{pair:<{PAIR}} ", Role.KEY)
    fill = width if chosen else 0
    if view is None:
        return Row(fitted([mark, name, Span(f"{NONE + '   ':>{MID}}", Role.QUIET)], width), fill, Role.CURSOR)
    spread, points = spread_text(view)
    book = view.book
    told = view.age
    up, role = (NONE, Role.QUIET)
    if book is not None:
        up = f"{book.live_venues}/{book.wanted_venues}"
        role = Role.NORMAL if book.live_venues == book.wanted_venues else Role.WARN
    mid = mid_text(view)
    mid += "   " * (mid == NONE)  # where the mark of its last change would stand
    glyph, feed = GLYPHS[view.state]
    quiet = Role.QUIET if view.state is not FeedState.LIVE else Role.NORMAL
    imb = imbalance(*book.sums(depth)) if book is not None else NONE
    spans = [
        mark,
        name,
        Span(f"{mid:>{MID}}", Role.STRONG if quiet is Role.NORMAL else quiet),
        Span(f"{spread:>{SPREAD}} {points:>{POINTS}} {imb:>{IMB}} ", quiet),
        Span(f"{up:>{UP}} ", role),
        Span(f"{age(told[0]) if told is not None else NONE:>{AGE}}  ", quiet),
        Span(f"{glyph} {view.state.value}", feed),
    ]
    return Row(fitted(spans, width), fill, Role.CURSOR)
