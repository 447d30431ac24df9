"""The depth chart: how much stands between the mid and each price, as steps. Pure; integers to the last division."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from dashboard.feed import View
from dashboard.market import Book, Level
from dashboard.numbers import Format, amounts_of, divided, grouped, signed_points
from dashboard.options import Glyphs
from dashboard.rows import Part, Role, Row, Span, blank, centred, fitted, line, merged
from dashboard.rungs import nearest_horizon
from dashboard.venues import letters_of, venue_role

RANGES = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)  # 1/100 of a basis point
BLOCKS = " ▁▂▃▄▅▆▇█"
LEFT_DOTS, RIGHT_DOTS = (0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08)  # of a braille cell, from below
GUTTER_FROM = 76  # cells: a chart that wide has its amounts written at the left
GUTTER = 11


class Curves(StrEnum):
    """What is drawn."""

    TOTAL = "total"
    STACKED = "stacked"  # the total, split by venue
    OVERLAID = "overlaid"  # the total, and each venue's own steps over it


@dataclass(frozen=True, slots=True)
class Frame:
    """What part of the book is looked at, and how."""

    reach: int = 0  # on both sides of the mid, in 1/100 of a basis point; 0: as far as the levels go
    curves: Curves = Curves.TOTAL
    cross: int | None = None  # the crosshair: columns from the middle, below 0 among the bids; None: none


def wider(frame: Frame, seen: int = 0) -> Frame:
    """A greater reach. `seen`: what an automatic one amounts to at the moment."""
    reach = frame.reach or seen
    return replace(frame, reach=next((each for each in RANGES if each > reach), RANGES[-1]))


def narrower(frame: Frame, seen: int = 0) -> Frame:
    """A smaller reach."""
    reach = frame.reach or seen or RANGES[-1]
    return replace(frame, reach=next((each for each in reversed(RANGES) if each < reach), RANGES[0]))


def shifted(frame: Frame, columns: int) -> Frame:
    """The crosshair moved; a first step puts it beside the middle. There is no column 0."""
    if frame.cross is None:
        return replace(frame, cross=1 if columns > 0 else -1)
    cross = frame.cross + columns
    if cross == 0 or (cross > 0) != (frame.cross > 0):
        cross += 1 if columns > 0 else -1
    return replace(frame, cross=cross)


class Point(NamedTuple):
    """The book between the mid and one column's price."""

    bid: bool
    amount: int
    value: int
    parts: tuple[int, ...]  # by venue
    known: bool  # nothing more can stand there than is counted


@dataclass(frozen=True, slots=True)
class Curve:
    """One point a column, from the lowest price to the highest."""

    points: tuple[Point, ...]
    twice_mid: int
    twice_reach: int  # from the mid to either end
    most: int


def seen_reach(book: Book) -> int:
    """How far the levels go, in 1/100 of a basis point: what a frame with reach 0 shows."""
    centre = _twice_mid(book)
    return divided(_twice_reach(book, 0, centre) * 1_000_000, centre) if centre else 0


def _twice_mid(book: Book) -> int:
    """Of one side alone when the other is empty; 0 without any level."""
    if book.twice_mid is not None:
        return book.twice_mid
    best = book.bids or book.asks
    return 2 * best[0].price if best else 0


def _twice_reach(book: Book, reach: int, twice_mid: int) -> int:
    if reach:
        return max(1, divided(abs(twice_mid) * reach, 1_000_000))
    ends = [abs(2 * side[-1].price - twice_mid) for side in (book.bids, book.asks) if side]
    return max(1, *ends) if ends else 1


def curve(book: Book, columns: int, reach: int, requested: int = 0, away: frozenset[int] = frozenset()) -> Curve:
    """The steps of both sides in `columns` columns. `requested`: levels a side that were asked for; `away`: muted."""
    centre = _twice_mid(book)
    span = _twice_reach(book, reach, centre)
    half = columns // 2
    # The price at the outer edge of a column, times 2 * columns: whole numbers throughout.
    edges = [columns * (centre - span) + 2 * span * index for index in range(columns + 1)]
    bids = _steps(book, edges[:half][::-1], 2 * columns, requested, away, bid=True)[::-1]
    asks = _steps(book, edges[half + 1 :], 2 * columns, requested, away, bid=False)
    points = (*bids, *asks)
    return Curve(points, centre, span, max((point.amount for point in points), default=0))


def _steps(
    book: Book, prices: Sequence[int], scale: int, requested: int, away: frozenset[int], *, bid: bool
) -> list[Point]:
    """Points from the mid outwards; a column holds every level that is not worse than its price."""
    side = book.bids if bid else book.asks
    end = _known_until(book, side, requested, away, bid=bid)
    sums = [0] * len(book.venues)
    amount = value = at = 0
    out = []
    for price in prices:
        while at < len(side) and (side[at].price * scale >= price if bid else side[at].price * scale <= price):
            amount += side[at].amount
            value += side[at].amount * side[at].price
            for venue, part in side[at].amounts:
                sums[venue] += part
            at += 1
        known = end is None or (price >= end * scale if bid else price <= end * scale)
        out.append(Point(bid, amount, value, tuple(sums), known))
    return out


def _known_until(
    book: Book, side: tuple[Level, ...], requested: int, away: frozenset[int], *, bid: bool
) -> int | None:
    """The worst price up to which the levels are all there is."""
    ends = [nearest_horizon(book, bid, away)]
    if side and 0 < requested <= len(side):
        ends.append(side[-1].price)
    return (max if bid else min)((end for end in ends if end is not None), default=None)


def chart(
    view: View,
    width: int,
    height: int,
    frame: Frame,
    glyphs: Glyphs = Glyphs.BLOCK,
    requested: int = 0,
    away: frozenset[int] = frozenset(),
) -> list[Row]:
    """Exactly `height` rows: with a crosshair its figures, then the steps, then the prices."""
    book = view.book
    if book is None or not (book.bids or book.asks) or height < 2:
        told = Row(centred([Span("no levels", Role.QUIET)], width))
        return [told if index == height // 2 else blank(width) for index in range(height)]
    gutter = GUTTER if width >= GUTTER_FROM else 0
    room = max(1, width - gutter)
    lines = height - 1 - (frame.cross is not None)
    dense = 2 if glyphs is Glyphs.BRAILLE else 1
    found = curve(book, room * dense, frame.reach, requested, away)
    grid = _Grid(book, found, room, lines, glyphs, frame)
    rows = [grid.row(index) for index in range(lines)]
    if gutter:
        rows = [_labelled(row, index, lines, found.most, book) for index, row in enumerate(rows)]
    if frame.cross is not None:
        rows.insert(0, _figures(book, found, grid.cross_at, room, width))
    return [*rows, _prices(book, found, width, gutter)]


class _Grid:
    """The cells of the chart; a column is one point, or two of half a width."""

    def __init__(self, book: Book, found: Curve, room: int, lines: int, glyphs: Glyphs, frame: Frame) -> None:
        self.found, self.room, self.lines, self.glyphs, self.frame = found, room, lines, glyphs, frame
        self.letters = letters_of(book.venues)
        self.dense = len(found.points) // room
        self.parts = 4 if glyphs is Glyphs.BRAILLE else 8
        most, full = max(1, found.most), lines * self.parts
        self.tops = [self._top(point.amount, most, full) for point in found.points]
        cross = frame.cross
        half = len(found.points) // 2 // self.dense
        plain = frame.curves is Curves.TOTAL and glyphs is Glyphs.BLOCK
        self.whole = [(top, self._role(at, 0)) for at, top in enumerate(self.tops)] if plain else []
        self.cross_at = None if cross is None else min(max(half + cross - (cross > 0), 0), room - 1)

    @staticmethod
    def _top(amount: int, most: int, full: int) -> int:
        return max(1, divided(amount * full, most)) if amount else 0

    def row(self, index: int) -> Row:
        """One line of cells, counted from above."""
        level = self.lines - 1 - index
        if self.whole and self.cross_at is None:
            return Row(fitted(self._columns(level), self.room))
        cell: Callable[[int, int], Span] = self._dots if self.glyphs is Glyphs.BRAILLE else self._block
        spans = [cell(column, level) for column in range(self.room)]
        if self.frame.curves is Curves.OVERLAID:
            self._overlay(spans, level)
        if self.cross_at is not None and spans[self.cross_at].text in (" ", "\u2800"):
            spans[self.cross_at] = Span("│", Role.AXIS)
        return Row(fitted(merged(spans), self.room))

    def _columns(self, level: int) -> Iterator[Span]:
        """The same for columns of one role each, which are most of what is ever drawn: a span for each run."""
        text, last = "", Role.NORMAL
        for top, role in self.whole:
            filled = top - level * 8
            sign, role = (BLOCKS[min(filled, 8)], role) if filled > 0 else (" ", Role.NORMAL)
            if role is not last:
                yield Span(text, last)
                text, last = "", role
            text += sign
        yield Span(text, last)

    def _block(self, column: int, level: int) -> Span:
        filled = min(max(self.tops[column] - level * 8, 0), 8)
        if not filled:
            return Span(" ")
        text = "#" if self.glyphs is Glyphs.ASCII else BLOCKS[filled]
        return Span(self._letter(column, level, text), self._role(column, level))

    def _dots(self, column: int, level: int) -> Span:
        bits = 0
        for dots, at in ((LEFT_DOTS, 2 * column), (RIGHT_DOTS, 2 * column + 1)):
            filled = min(max(self.tops[at] - level * 4, 0), 4)
            bits += sum(dots[:filled])
        if not bits:
            return Span(" ")
        return Span(chr(0x2800 + bits), self._role(2 * column, level))

    def _role(self, at: int, level: int) -> Role:
        point = self.found.points[at]
        if not point.known:
            return Role.QUIET  # more may stand there than is known
        if self.frame.curves is Curves.STACKED:
            return venue_role(self._owner(point, level))
        return Role.BID_BAR if point.bid else Role.ASK_BAR

    def _owner(self, point: Point, level: int) -> int:
        """The venue whose band the middle of a cell lies in; venues are stacked in their order, from below."""
        wanted = divided((2 * level + 1) * max(1, self.found.most), 2 * self.lines)
        total = 0
        for venue, amount in enumerate(point.parts):
            total += amount
            if amount and total >= min(wanted, point.amount):
                return venue
        return 0

    def _letter(self, column: int, level: int, text: str) -> str:
        """At both ends each venue's band begins with its letter: colours alone must not tell venues apart."""
        if self.frame.curves is not Curves.STACKED or column not in (0, self.room - 1) or text not in "█#":
            return text
        point = self.found.points[column * self.dense]
        owner = self._owner(point, level)
        below = self._owner(point, level - 1) if level else None
        return self.letters[owner][0] if owner != below else text

    def _overlay(self, spans: list[Span], level: int) -> None:
        """Each venue's own steps: a line at its height, and its letter at the ends."""
        most, full = max(1, self.found.most), self.lines * self.parts
        for column in range(self.room):
            point = self.found.points[column * self.dense]
            for venue, amount in enumerate(point.parts):
                if amount and (self._top(amount, most, full) - 1) // self.parts == level:
                    end = column in (0, self.room - 1)
                    rule = "-" if self.glyphs is Glyphs.ASCII else "─"
                    spans[column] = Span(self.letters[venue][0] if end else rule, venue_role(venue))


def _labelled(row: Row, index: int, lines: int, most: int, book: Book) -> Row:
    """The amounts at the left of the first row, the middle one and the last one."""
    form = amounts_of(most, book.amount_decimals, 9)
    named = {0: most, lines // 2: divided(most * (lines - lines // 2), lines), lines - 1: divided(most, lines)}
    text = form.text(named[index]) if index in named else ""
    return Row((Span(f"{text:>{GUTTER - 1}} ", Role.AXIS), *row.spans))


def _prices(book: Book, found: Curve, width: int, gutter: int) -> Row:
    """The line below: both ends and the mid, with the distance of the ends."""
    places = book.price_decimals
    points = signed_points(found.twice_reach, abs(found.twice_mid)).lstrip("+")
    room = width - gutter
    ends = [grouped(divided(found.twice_mid + sign * found.twice_reach, 2), places) for sign in (-1, 1)]
    left, right = f"{ends[0]} -{points}bp", f"+{points}bp {ends[1]}"
    middle = grouped(divided(found.twice_mid, 2), places)
    if len(left) + len(right) + len(middle) + 4 > room:
        left, right = ends
    if len(left) + len(right) + len(middle) + 4 > room:
        middle = ""
    half = room // 2 - len(middle) // 2 - len(left)
    text = left + " " * max(1, half) + middle
    text += " " * max(1, room - len(text) - len(right)) + right
    return Row(fitted([Span(" " * gutter), Span(text, Role.AXIS)], width))


def _figures(book: Book, found: Curve, at: int | None, room: int, width: int) -> Row:
    """What the crosshair is on: price, distance, what stands up to there, and whose it is."""
    assert at is not None
    dense = len(found.points) // room
    count = len(found.points)
    first = at * dense
    bid = found.points[first].bid
    index = first if bid else first + dense - 1  # the outer edge of the cell
    point = found.points[index]
    edge = index if bid else index + 1
    price = divided(count * (found.twice_mid - found.twice_reach) + 2 * found.twice_reach * edge, 2 * count)
    amount = amounts_of(max(1, found.most), book.amount_decimals)
    value = amounts_of(point.value, book.price_decimals + book.amount_decimals, 9)
    bound = "" if point.known else "≥"
    letters = letters_of(book.venues)
    role = Role.BEST_BID if point.bid else Role.BEST_ASK
    split = sorted(((part, venue) for venue, part in enumerate(point.parts) if part), key=lambda item: -item[0])
    return line(
        width,
        [
            Part(0, (Span("bid " if point.bid else "ask ", role), Span(grouped(price, book.price_decimals)))),
            Part(2, (Span(f"{signed_points(2 * price - found.twice_mid, abs(found.twice_mid))} bp"),)),
            Part(1, (Span(f"{bound}{amount.text(point.amount)} {book.base}".rstrip(), Role.STRONG),)),
            Part(3, (Span(f"{bound}{value.text(point.value)} {book.quote}".rstrip()),)),
            Part(4, tuple(_share(letters, venue, part, amount) for part, venue in split)),
        ],
    )


def _share(letters: Sequence[str], venue: int, part: int, amount: Format) -> Span:
    return Span(f"{letters[venue]} {amount.text(part)} ", venue_role(venue))


def foot(view: View, frame: Frame) -> str:
    """The line in the panel's lower border: what stands within reach on either side."""
    book = view.book
    if book is None or not (book.bids or book.asks):
        return ""
    found = curve(book, 2, frame.reach)
    sums = []
    for name, side in (("bid", book.bids), ("ask", book.asks)):
        reach = [level for level in side if abs(2 * level.price - found.twice_mid) <= found.twice_reach]
        total = sum(level.amount for level in reach)
        sums.append(f"{name} {amounts_of(total, book.amount_decimals, 5).text(total)} {book.base}".rstrip())
    return " | ".join(sums)
