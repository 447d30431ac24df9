"""The ladder as rows of text: asks above, the spread row fixed in the middle, bids below. Pure."""

from itertools import accumulate
from typing import NamedTuple

from dashboard import venues
from dashboard.columns import Columns, Formats, choose
from dashboard.feed import View
from dashboard.header import spread_text
from dashboard.market import Book, Level, Touch
from dashboard.numbers import divided, grouped, half, two_ages
from dashboard.rows import Role, Row, Span, blank, cells, centred, fitted, merged

MINI_WIDTH, MINI_HEIGHT = 60, 16  # a screen smaller than either has the small layout
AUTO = " AUTO  "  # the rows follow the best prices


class Shape(NamedTuple):
    """How the ladder is laid out: small or with heads, with background fills or glyph bars."""

    mini: bool = False
    mono: bool = False


def depth_of(height: int, shape: Shape) -> int:
    """Levels a side that `height` rows show."""
    return max(0, (height - (0 if shape.mini else 1) - 1) // 2)


def rows(view: View, width: int, height: int, formats: Formats, shape: Shape) -> list[Row]:
    """Exactly `height` rows of exactly `width` cells."""
    book = view.book
    assert book is not None
    depth = depth_of(height, shape)
    columns = choose(book, formats, width, mini=shape.mini, mono=shape.mono)
    sheet = _Sheet(view, book, columns, formats, width, depth)
    out = [] if shape.mini else [sheet.heads()]
    asks = sheet.side(book.asks[:depth], bid=False)
    out += [*sheet.empty(depth - len(asks), "asks", bool(book.asks), above=True), *reversed(asks)]
    out.append(spread_row(view, width, mini=shape.mini))
    bids = sheet.side(book.bids[:depth], bid=True)
    out += [*bids, *sheet.empty(depth - len(bids), "bids", bool(book.bids), above=False)]
    return (out + [blank(width)] * height)[:height]


class _Sheet:
    """One frame's rows: what they share is computed once."""

    def __init__(self, view: View, book: Book, columns: Columns, formats: Formats, width: int, depth: int) -> None:
        self.view, self.book, self.columns, self.formats, self.width = view, book, columns, formats, width
        self.letters = venues.marks(view)
        self.gap = " " * columns.gap
        totals = (sum(level.amount for level in side[:depth]) for side in (book.bids, book.asks))
        self.largest = max(1, *totals)
        self.reach = min(width, columns.numbers + columns.gap // 2)  # of the longest fill

    def heads(self) -> Row:
        """The names of the columns; the last one tells which venues are missing from the totals."""
        columns, book = self.columns, self.book
        text = f"{self.gap}{f'SIZE {book.base}'.strip():>{columns.size}}"
        text += f"{self.gap}{f'PRICE {book.quote}'.strip():>{columns.price}} "
        if columns.total:
            text += f"{self.gap[1:]}{'TOTAL':>{columns.total + 1}}"
        if columns.notional:
            text += f"{self.gap}{'NOTIONAL':>{columns.notional}}"
        left_out = venues.excluded(self.view)
        note = f" ({left_out} excluded)" if left_out else ""
        if columns.venues == "sizes":
            for letter, venue in zip(self.letters, book.venues, strict=True):
                sign = "" if venue.live else venues.state_of(venue)[0]
                text += f"{self.gap}{letter + sign:>{columns.venue_cells}}"
        elif columns.venues != "none":
            text += self.gap
            room = self.width - len(text)
            text += f"VENUE{note}" if len(f"VENUE{note}") <= room else "VENUE"[: max(room, 0)]
        return Row(fitted([Span(text.ljust(self.width), Role.HEAD)], self.width))

    def side(self, levels: tuple[Level, ...], *, bid: bool) -> list[Row]:
        """Rows of one side, best first; totals from the best price outwards, summed as integers."""
        totals = accumulate(level.amount for level in levels)
        values = accumulate(level.amount * level.price for level in levels)
        return [
            self._level(level, total, value, bid=bid, best=not index)
            for index, (level, total, value) in enumerate(zip(levels, totals, values, strict=True))
        ]

    def _level(self, level: Level, total: int, value: int, *, bid: bool, best: bool) -> Row:
        columns, formats, gap = self.columns, self.formats, self.gap
        role = Role.BID if bid else Role.ASK
        price_role = (Role.BEST_BID if bid else Role.BEST_ASK) if best else role
        price = grouped(level.price, self.book.price_decimals)
        rest = "×" if self._overlaps(level.price, bid=bid) else " "
        quiet = ""
        if columns.total:
            quiet += f"{gap}{formats.total.text(total):>{columns.total}}"
        if columns.notional:
            quiet += f"{gap}{formats.notional.text(value):>{columns.notional}}"
        fill = max(1, divided(total * self.reach, self.largest))
        spans = [
            Span(f"{gap}{formats.size.text(level.amount):>{columns.size}}{gap}"),
            Span(f"{price:>{columns.price}}", price_role),
            Span(rest, Role.CROSSED if rest == "×" else Role.QUIET),
            Span(quiet, Role.QUIET),
            *self._venues(level),
        ]
        if columns.bar:
            bar = divided(total * columns.bar * 2, self.largest)
            spans += [Span("  "), Span("█" * (bar // 2) + "▌" * (bar % 2), Role.BID_BAR if bid else Role.ASK_BAR)]
            fill = 0
        return Row(fitted(spans, self.width), fill, role)

    def _overlaps(self, price: int, *, bid: bool) -> bool:
        book = self.book
        if book.touch is not Touch.CROSSED:
            return False
        return price > book.asks[0].price if bid else price < book.bids[0].price

    def _venues(self, level: Level) -> list[Span]:
        columns = self.columns
        if columns.venues == "none":
            return []
        if columns.venues == "count":
            first = level.amounts[0][0]
            more = f"+{len(level.amounts) - 1}" if len(level.amounts) > 1 else ""
            return [Span(self.gap), Span(self.letters[first], venues.venue_role(first)), Span(more, Role.QUIET)]
        amounts = dict(level.amounts)
        if columns.venues == "sizes":
            texts = (
                self.formats.size.text(amounts[index]) if index in amounts else "·"
                for index in range(len(self.letters))
            )
            return [Span("".join(f"{self.gap}{text:>{columns.venue_cells}}" for text in texts), Role.QUIET)]
        return [
            Span(self.gap),
            *(
                Span(letter, venues.venue_role(index)) if index in amounts else Span("·", Role.QUIET)
                for index, letter in enumerate(self.letters)
            ),
        ]

    def empty(self, count: int, name: str, some: bool, *, above: bool) -> list[Row]:
        """Rows beyond the last level: blank. An empty side says so beside the spread row."""
        out = [blank(self.width)] * count
        if count and not some:
            out[-1 if above else 0] = Row(centred([Span(f"no {name}", Role.QUIET)], self.width))
        return out


def spread_row(view: View, width: int, *, mini: bool = False) -> Row:
    """The middle: mid, spread, basis points; the two venues and their quotes' ages when they lock or cross."""
    book = view.book
    assert book is not None
    spread, points = spread_text(view)
    if book.touch in (Touch.LOCKED, Touch.CROSSED):
        return _touching(view, book, spread, points, width)
    if mini:
        text = [Span(f" {spread} ")]
        return Row((Span(" "), *centred(text, width - 1, "─", Role.RULE)))
    mid = half(book.twice_mid, book.price_decimals).strip() if book.twice_mid is not None else spread
    inner = width - len(AUTO)
    body = [
        Span("  "),
        Span(mid, Role.STRONG),
        Span(" mid  ·  spread ", Role.QUIET),
        Span(spread),
        Span("  ·  ", Role.QUIET),
        Span(f"{points} bp  "),
    ]
    return Row(merged([*centred(body, inner, "─", Role.RULE), Span(AUTO, Role.QUIET)]))


def _touching(view: View, book: Book, spread: str, points: str, width: int) -> Row:
    bid, ask = book.bids[0], book.asks[0]
    bidder, asker = bid.amounts[0][0], ask.amounts[0][0]
    signs = venues.marks(view)
    crossed = book.touch is Touch.CROSSED
    word, rule, sign = ("CROSSED", "═", ">") if crossed else ("LOCKED", "─", "=")
    ages = two_ages(view.venue_age(bidder), view.venue_age(asker))
    amount = f"{word} {spread}"
    long_amount = f"{amount} ({points} bp)" if crossed else amount
    prices = [grouped(level.price, book.price_decimals) for level in (bid, ask)]
    quotes = f"{signs[bidder]} bid {prices[0]} {sign} {signs[asker]} ask {prices[1]}"
    short = f"{signs[bidder]}{sign}{signs[asker]}"
    role = Role.BAD if crossed and bidder == asker else Role.CROSSED
    for tail in (AUTO, ""):
        for pieces in ((long_amount, quotes, ages), (amount, quotes, ages)):
            body = f"{rule} " + f" {rule} ".join(pieces) + " "
            if len(body) + 1 + len(tail) <= width:
                return Row(_ruled(body, rule, width, tail, role))
    body = f"{rule} " + f" {rule} ".join((amount, short, ages)) + " "
    return Row(_ruled(body, rule, width, "", role))


def _ruled(body: str, rule: str, width: int, tail: str, role: Role) -> tuple[Span, ...]:
    room = max(0, width - cells([Span(body), Span(tail)]))
    return fitted([Span(body + rule * room + tail, role)], width)
