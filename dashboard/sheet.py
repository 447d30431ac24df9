"""How a line of the ladder is written: numbers, marks, venues, bar. What lines share is computed once a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard import muting, venues
from dashboard.columns import Columns, Formats, figure, price_head, size_head
from dashboard.cursor import Cursor
from dashboard.feed import View
from dashboard.flashes import Flashes
from dashboard.grouping import Groups
from dashboard.numbers import divided, scaled
from dashboard.options import Bars, Options, RowModel, Scale, Unit
from dashboard.rows import Fill, Role, Row, Span, cells, fitted
from dashboard.rungs import Rung, beyond, horizons

Head = tuple[int, int, str]  # cells from, to, and the name of what stands there


@dataclass(frozen=True, slots=True)
class Marks:
    """What moves over the picture: the selected level, and what is bright."""

    cursor: Cursor | None
    flashes: Flashes
    now_ns: int


class Sheet:
    """The lines of one picture."""

    def __init__(
        self,
        view: View,
        groups: Groups,
        columns: Columns,
        formats: Formats,
        options: Options,
        marks: Marks,
        width: int,
    ) -> None:
        self.view, self.groups, self.book = view, groups, groups.book
        self.columns, self.formats, self.options, self.marks, self.width = columns, formats, options, marks, width
        self.letters = venues.letters_of(self.book.venues)
        self.letter_cells = max((len(letter) for letter in self.letters), default=1)
        self.away = muting.silent(self.book, options)
        self.gap = " " * columns.gap
        self.reach = min(width, columns.numbers + columns.gap // 2)  # of the longest fill
        self.large = scaled(options.large, self.book.amount_decimals) if options.large else None
        self.unknown = {bid: horizons(self.book, bid, self.away) for bid in (True, False)}
        self.full = {True: 1, False: 1}  # what a full bar is worth

    def measure(self, bids: Sequence[Rung], asks: Sequence[Rung]) -> None:
        """Takes the lines that are in sight: they say how long the bars are."""
        most = {bid: self._most(side) for bid, side in ((True, bids), (False, asks))}
        if self.options.scale is Scale.FIXED:
            # Bars of one scale count base or quote as the numbers do; a full bar of base cannot be told in quote.
            full = self.options.bar_full if self.options.unit is Unit.BASE else ""
            given = scaled(full, self.book.amount_decimals) if full else 0
            largest = given or self.formats.largest[0 if self.options.bars is Bars.SIZE else 1]
            most = dict.fromkeys(most, largest)
        elif self.options.scale is Scale.BOOK:
            most = dict.fromkeys(most, max(most.values()))
        self.full = {bid: max(1, value) for bid, value in most.items()}

    def _most(self, side: Sequence[Rung]) -> int:
        return max((self._worth(rung) for rung in side), default=0)

    def _worth(self, rung: Rung) -> int:
        """What the bar of a line tells."""
        if self.options.bars is Bars.SIZE:
            return figure(rung.group, self.options.unit)
        return rung.value if self.options.unit is Unit.QUOTE else rung.total

    def length(self, rung: Rung, room: int) -> int:
        """Of the bar, in `room` cells."""
        if self.options.bars is Bars.OFF:
            return 0
        worth = self._worth(rung)
        return min(room, max(1, divided(worth * room, self.full[rung.bid]))) if worth else 0

    # The pieces of a line, each with the gap before it.

    def size(self, rung: Rung) -> list[Span]:
        """The size, with a mark when it is large, bright when it has just changed."""
        columns, group = self.columns, rung.group
        if not columns.size:
            return []
        large = self.large is not None and group.amount >= self.large
        bright = self.marks.flashes.lit(rung.bid, rung.price, self.marks.now_ns)
        text = "◆" * large + self.formats.size.text(figure(group, self.options.unit))
        role = Role.LARGE if large else Role.FLASH if bright else Role.NORMAL
        if role is Role.NORMAL:
            return [Span(f"{self.gap[:-1]}{text:>{columns.size + 1}}")]
        return [Span(self.gap[:-1]), Span(f"{text:>{columns.size + 1}}", role)]

    def price(self, rung: Rung, before: str = "") -> list[Span]:
        """The price and the mark behind it. `before`: the price above, whose leading digits need no repeating."""
        text = f"{self.formats.price_text(rung.price):>{self.columns.price}}"
        role = Role.BID if rung.bid else Role.ASK
        if not rung.rank:
            role = Role.BEST_BID if rung.bid else Role.BEST_ASK
        same = common(before, text) if self.options.dim_prefix and rung.rank else 0
        sign, sign_role = ("×", Role.CROSSED) if rung.crossed else ("…" if rung.cut else " ", Role.QUIET)
        if not same:
            return [Span(self.gap), Span(text, role), Span(sign, sign_role)]
        return [Span(self.gap), Span(text[:same], Role.QUIET), Span(text[same:], role), Span(sign, sign_role)]

    def sums(self, rung: Rung) -> list[Span]:
        """Total and notional; a bound where a venue's depth is not known so far."""
        columns, formats = self.columns, self.formats
        total = rung.value if self.options.unit is Unit.QUOTE else rung.total
        sums = [(columns.total, formats.total.text(total)), (columns.notional, formats.notional.text(rung.value))]
        bound = "≥" if rung.bound else ""
        return [Span(f"{self.gap[:-1]}{bound + text:>{room + 1}}", Role.QUIET) for room, text in sums if room]

    def venues(self, rung: Rung) -> list[Span]:
        """Who stands there. A dot: not this venue; `?`: its depth is not known so far; a circle: muted."""
        columns, parts = self.columns, rung.group.parts
        if columns.venues == "none":
            return []
        if columns.venues == "count":
            first = self.letters[parts[0].venue]
            more = f"+{len(parts) - 1}" if len(parts) > 1 else ""
            rest = columns.venue_cells - len(first)
            return [
                Span(self.gap),
                Span(first, venues.venue_role(parts[0].venue)),
                Span(f"{more:<{rest}}", Role.QUIET),
            ]
        if columns.venues in ("sizes", "parts"):
            return [Span(self._parts(rung), Role.QUIET)]
        here = {part.venue for part in parts}
        spans = [Span(self.gap)]
        for index, letter in enumerate(self.letters):
            text, role = (
                (letter, venues.venue_role(index)) if index in here else (self._absent(index, rung), Role.QUIET)
            )
            spans.append(Span(f"{text:<{self.letter_cells}}", role))
        return spans

    def _parts(self, rung: Rung) -> str:
        columns = self.columns
        quote = self.options.unit is Unit.QUOTE
        amounts = {part.venue: part.value if quote else part.amount for part in rung.group.parts}
        form = self.formats.size if columns.venues == "sizes" else self.formats.part
        texts = (
            form.text(amounts[index]) if index in amounts else self._absent(index, rung)
            for index in range(len(self.letters))
        )
        return self.gap + self._part_gap().join(f"{text:>{columns.venue_cells}}" for text in texts)

    def _part_gap(self) -> str:
        return self.gap if self.columns.venues == "sizes" else " "

    def _absent(self, index: int, rung: Rung) -> str:
        if index in self.away:
            return muting.GLYPH
        horizon = self.unknown[rung.bid].get(index)
        return "?" if horizon is not None and beyond(rung.price, horizon, rung.bid) else "·"

    def bar(self, rung: Rung, *, mirror: bool = False) -> Span:
        """The bar as glyphs, where fills cannot be seen."""
        full, half = divmod(self.length(rung, self.columns.bar * 2), 2)
        text = "▐" * half + "█" * full if mirror else "█" * full + "▌" * half
        return Span(text, Role.BID_BAR if rung.bid else Role.ASK_BAR)

    # Whole lines.

    def line(self, rung: Rung, before: str = "") -> Row:
        """Size, price, total, notional, venues; the bar behind them."""
        spans = [*self.size(rung), *self.price(rung, before), *self.sums(rung), *self.venues(rung)]
        return self.finished(rung, spans)

    def mirrored(self, rung: Rung, before: str = "") -> Row:
        """The same from right to left: the price stands at the middle of the screen, the bar grows away from it."""
        spans = [*self.venues(rung), *self.sums(rung)[::-1], *self.size(rung), *self.price(rung, before)]
        bar = self.bar(rung, mirror=True).text if self.columns.bar else ""
        room = self.width - cells(spans) - 2 * bool(bar)
        lead = (
            [Span(bar.rjust(room), Role.BID_BAR if rung.bid else Role.ASK_BAR), Span("  ")]
            if bar
            else [Span(" " * room)]
        )
        length = 0 if bar else self.length(rung, self.reach)
        fills = (Fill(self.width - length, self.width, self.fill_role(rung)),) if length else ()
        return Row(fitted([*lead, *spans], self.width), fills=fills + self._cursor(rung))

    def finished(self, rung: Rung, spans: list[Span]) -> Row:
        """A line with its bar and, when it is the selected one, the cursor."""
        columns = self.columns
        fill = self.length(rung, self.reach)
        if columns.bar:
            room = self.width - columns.bar - 1 - cells(spans)
            spans = [*spans, Span(" " * min(2, max(0, room))), self.bar(rung)]
            fill = 0
        return Row(fitted(spans, self.width), fill, self.fill_role(rung), self._cursor(rung))

    def fill_role(self, rung: Rung) -> Role:
        """Of the bar behind a line."""
        if self.marks.flashes.lit(rung.bid, rung.price, self.marks.now_ns):
            return Role.BID_FLASH if rung.bid else Role.ASK_FLASH
        return Role.BID if rung.bid else Role.ASK

    def _cursor(self, rung: Rung) -> tuple[Fill, ...]:
        return (Fill(0, self.width, Role.CURSOR),) if self.selected(rung) else ()

    def selected(self, rung: Rung) -> bool:
        """Whether the cursor is on this line."""
        cursor = self.marks.cursor
        return cursor is not None and (cursor.bid, cursor.price) == (rung.bid, rung.price)

    def heads(self, *, mirror: bool = False) -> tuple[Row, list[Head]]:
        """The names of the columns, and where they stand; the last one tells which venues the totals lack."""
        pieces = self.head_pieces()
        if mirror:
            price = next(index for index, piece in enumerate(pieces) if piece[0] == "price")
            numbers = [piece for piece in pieces if piece[0] in ("size", "total", "notional")]
            rest = [piece for index, piece in enumerate(pieces) if index != price and piece not in numbers]
            pieces = [*rest, *reversed(numbers), pieces[price]]
            pieces.insert(0, ("", " " * max(0, self.width - sum(len(text) for _, text in pieces))))
        row, heads, at = "", [], 0
        for name, text in pieces:
            row += text
            heads.append((at, at + len(text), name))
            at += len(text)
        return Row(fitted([Span(row.ljust(self.width), Role.HEAD)], self.width)), heads

    def head_pieces(self) -> list[tuple[str, str]]:
        """Name and text of each head, in their order."""
        columns, book, gap = self.columns, self.book, self.gap
        axis = self.options.rows is RowModel.LADDER
        pieces = []
        if columns.size:
            pieces.append(("size", f"{gap}{size_head(book, self.options):>{columns.size}}"))
        pieces.append(("price", f"{gap}{price_head(book):>{columns.price}} "))
        if axis:
            pieces.append(("size", f"{gap}{'ASKS':>{columns.size}}"))
        if columns.total:
            pieces.append(("total", f"{gap}{'TOTAL':>{columns.total}}"))
        if columns.notional:
            pieces.append(("notional", f"{gap}{'NOTIONAL':>{columns.notional}}"))
        used = sum(len(text) for _, text in pieces)
        return pieces + self._venue_heads(self.width - used)

    def _venue_heads(self, room: int) -> list[tuple[str, str]]:
        columns = self.columns
        if columns.venues == "none":
            return []
        if columns.venues in ("sizes", "parts"):
            out = []
            for index, letter in enumerate(self.letters):
                lead = self._part_gap() if index else self.gap
                out.append((f"venue:{index}", f"{lead}{letter + self._sign(index):>{columns.venue_cells}}"))
            return out
        note = missing(self.view, self.options)
        text = self.gap + (f"VENUE ({note})" if note else "VENUE")
        return [("venues", text if len(text) <= room else (self.gap + "VENUE")[: max(room, 0)])]

    def _sign(self, index: int) -> str:
        venue = self.book.venues[index]
        if index in self.away:
            return muting.GLYPH
        return "" if venue.live else venues.state_of(venue)[0]


def missing(view: View, options: Options) -> str:
    """Which venues the figures lack, and why: `C,O excluded, K muted`; empty: none."""
    assert view.book is not None
    letters = venues.letters_of(view.book.venues)
    away = muting.silent(view.book, options)
    entries = enumerate(view.book.venues)
    out = [letters[index] for index, venue in entries if venue.wanted and not venue.live and index not in away]
    told = [f"{','.join(out)} excluded"] if out else []
    if away:
        told.append(f"{','.join(letters[index] for index in sorted(away))} muted")
    return ", ".join(told)


def common(first: str, second: str) -> int:
    """How many leading characters two texts share."""
    count = 0
    for one, two in zip(first, second, strict=False):
        if one != two:
            break
        count += 1
    return count
