"""Which columns the ladder has at a width, and how its numbers print: stable from frame to frame."""

from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.market import Book
from dashboard.numbers import Format, amounts_of, grouped, significant

WIDE = 120  # from here on each venue's amount has a column of its own
STANDARD = 80
MAX_VENUE_COLUMNS = 8
SHRINK = 10  # numbers this many times smaller get their digits back
MIN_BAR, MAX_BAR = 4, 60  # cells of the bar column of a monochrome screen


@dataclass(frozen=True, slots=True)
class Formats:
    """How the numbers of one book print.

    Widths and suffixes only grow while the same book is shown, so that columns stand still.
    """

    key: tuple[str, int, int, int]  # pair, decimals, depth: another book starts afresh
    size: Format
    total: Format
    notional: Format
    price_cells: int
    size_cells: int
    total_cells: int
    notional_cells: int
    largest: tuple[int, int, int]  # size, total, notional that the formats were made for

    @classmethod
    def measure(cls, book: Book, depth: int, held: "Formats | None") -> "Formats":
        """Formats that hold `book` to `depth` levels a side, and everything that `held` was made for."""
        key = (book.pair, book.price_decimals, book.amount_decimals, depth)
        sides = (book.bids[:depth], book.asks[:depth])
        largest = (
            max((level.amount for side in sides for level in side), default=0),
            max((sum(level.amount for level in side) for side in sides), default=0),
            max((sum(level.amount * level.price for level in side) for side in sides), default=0),
        )
        price = max((abs(level.price) for side in sides for level in side), default=0)
        if held is not None and held.key == key:
            if (
                all(new <= old for new, old in zip(largest, held.largest, strict=True))
                and _wide(price, book) <= held.price_cells
            ):
                if largest[2] * SHRINK > held.largest[2]:
                    return held
            else:
                largest = tuple(map(max, largest, held.largest))  # type: ignore[assignment]
        return cls._made(
            key, largest, max(_wide(2 * price, book), held.price_cells if held and held.key == key else 0)
        )

    @classmethod
    def _made(cls, key: tuple[str, int, int, int], largest: tuple[int, int, int], price_cells: int) -> "Formats":
        _, price_decimals, amount_decimals, _ = key
        roomy = tuple(value * 2 for value in largest)  # room for the market to grow before a column must
        size = amounts_of(roomy[0], amount_decimals)
        total = size if not size.suffix else significant(roomy[1], amount_decimals)
        if len(total.text(roomy[1])) > 12:
            total = significant(roomy[1], amount_decimals)
        notional = significant(largest[2], price_decimals + amount_decimals)
        return cls(
            key=key,
            size=size,
            total=total,
            notional=notional,
            price_cells=price_cells,
            size_cells=max(len(size.text(roomy[0])), len(size.text(1))),
            total_cells=max(len(total.text(roomy[1])), len(total.text(1))),
            notional_cells=max(len(notional.text(roomy[2])), len(notional.text(1))),
            largest=largest,
        )


def _wide(price: int, book: Book) -> int:
    return len(grouped(price, book.price_decimals))


@dataclass(frozen=True, slots=True)
class Columns:
    """The cells of each column; 0: left out. `venues`: sizes, letters, count or none."""

    gap: int
    size: int
    price: int
    total: int
    notional: int
    venues: str
    venue_cells: int  # of one venue in `sizes`, of the whole column otherwise
    bar: int  # glyph bars of a monochrome screen, in a column of their own

    @property
    def numbers(self) -> int:
        """Cells up to the end of the last column of numbers: where the venues begin, without the gap."""
        ends = [self.size, self.price + 1, self.total, self.notional]
        return sum(self.gap + cells for cells in ends if cells)

    def width(self, count: int) -> int:
        """Cells in use with `count` venues."""
        last = {"sizes": count * (self.gap + self.venue_cells), "none": 0}.get(
            self.venues, self.gap + self.venue_cells
        )
        return self.numbers + last + (self.bar + 2 if self.bar else 0)


def choose(book: Book, formats: Formats, width: int, *, mini: bool, mono: bool) -> Columns:
    """The columns that fit.

    As width shrinks, the venues' sizes go first, then their letters shrink, then the notional goes, then the total;
    size and price never do.
    """
    count = len(book.venues)
    chosen = next(
        (found for found in _candidates(book, formats, width, mini) if found.width(count) <= width - 1),
        Columns(1, formats.size_cells, formats.price_cells, 0, 0, "none", 0, 0),
    )
    if mono:
        room = width - 1 - chosen.width(count) - 2
        return _with(chosen, chosen.gap, min(room, MAX_BAR) if room >= MIN_BAR else 0)
    gaps = 2 + bool(chosen.total) + bool(chosen.notional) + (count if chosen.venues == "sizes" else 1)
    spare = (width - 1 - chosen.width(count)) // gaps
    return _with(chosen, chosen.gap + max(0, min(spare, 8 if width >= WIDE else 1)), 0)


def _with(columns: Columns, gap: int, bar: int) -> Columns:
    return Columns(
        gap, columns.size, columns.price, columns.total, columns.notional, columns.venues, columns.venue_cells, bar
    )


def _candidates(book: Book, formats: Formats, width: int, mini: bool) -> Iterator[Columns]:
    """From the richest to the barest."""
    count = len(book.venues)
    gap = 3 if width >= STANDARD else 2
    size, price, total, notional = (
        formats.size_cells,
        formats.price_cells,
        formats.total_cells,
        formats.notional_cells,
    )
    if not mini:  # as wide as their heads
        size, price = max(size, len(f"SIZE {book.base}")), max(price, len(f"PRICE {book.quote}"))
        total, notional = max(total, len("TOTAL")), max(notional, len("NOTIONAL"))
    if width >= WIDE and 1 < count <= MAX_VENUE_COLUMNS:
        yield Columns(gap, size, price, total, notional, "sizes", formats.size_cells, 0)
    manners = [("letters", max(count, 1))] + ([("count", len(f"A+{count - 1}"))] if count > 3 else [])
    for drop in range(3):
        if mini and not drop:
            continue  # the small layout has no notional
        for manner, cells in (*manners, ("none", 0)) if drop == 2 else manners:
            yield Columns(gap, size, price, total if drop < 2 else 0, notional if drop < 1 else 0, manner, cells, 0)
