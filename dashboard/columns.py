"""Which columns the ladder has at a width, and how its numbers print: stable from frame to frame."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dashboard.grouping import Group, Groups, grouped
from dashboard.market import Book
from dashboard.numbers import Format, amounts_of, folded, significant
from dashboard.options import Options, RowModel, Totals, Unit, VenueColumns
from dashboard.venues import letters_of

WIDE = 120  # from here on each venue's amount has a column of its own
STANDARD = 80
MAX_VENUE_COLUMNS = 8
SHRINK = 10  # numbers this many times smaller get their digits back
MIN_BAR, MAX_BAR = 4, 60  # cells of the bar column of a monochrome screen
PART_CELLS = 6  # of one venue's amount where room is scarce
DEFAULT = Options()

Key = tuple[str, int, int, int, int, str, str, bool]


@dataclass(frozen=True, slots=True)
class Formats:
    """How the numbers of one book print.

    Widths and suffixes only grow while the same book is shown, so that columns stand still.
    """

    key: Key  # pair, decimals, depth, step, unit and manner of writing: another one starts afresh
    price: Format
    size: Format
    part: Format  # one venue's amount in a narrow column
    total: Format
    notional: Format
    fold: bool
    price_cells: int
    size_cells: int
    part_cells: int
    total_cells: int
    notional_cells: int
    largest: tuple[int, int, int]  # size, total, notional that the formats were made for

    @classmethod
    def measure(
        cls, source: Book | Groups, depth: int, held: "Formats | None", options: Options = DEFAULT
    ) -> "Formats":
        """Formats that hold `source` to `depth` levels a side, and everything that `held` was made for."""
        groups = grouped(source) if isinstance(source, Book) else source
        book = groups.book
        places = (book.price_decimals, book.amount_decimals)
        unit, comma = options.unit, options.comma
        key = (book.pair, *places, depth, groups.step, unit.value, comma.value, options.fold_zeros)
        sides = (groups.bids[:depth], groups.asks[:depth])
        largest = (
            max((figure(group, unit) for side in sides for group in side), default=0),
            max((sum(figure(group, unit) for group in side) for side in sides), default=0),
            max((sum(group.value for group in side) for side in sides), default=0),
        )
        price = max((abs(group.price) for side in sides for group in side), default=0)
        shown = Format(book.price_decimals, groups.decimals, comma=comma.sign)
        if held is not None and held.key == key:
            if (
                all(new <= old for new, old in zip(largest, held.largest, strict=True))
                and _wide(price, shown, options) <= held.price_cells
            ):
                if largest[2] * SHRINK > held.largest[2]:
                    return held
            else:
                largest = tuple(map(max, largest, held.largest))  # type: ignore[assignment]
        cells = max(_wide(2 * price, shown, options), held.price_cells if held and held.key == key else 0)
        return cls._made(key, largest, shown, cells, options)

    @classmethod
    def _made(
        cls, key: Key, largest: tuple[int, int, int], price: Format, price_cells: int, options: Options
    ) -> "Formats":
        value_places = key[1] + key[2]
        places = value_places if options.unit is Unit.QUOTE else key[2]
        comma = options.comma.sign
        roomy = tuple(value * 2 for value in largest)  # room for the market to grow before a column must
        size = amounts_of(roomy[0], places, comma=comma)
        part = amounts_of(roomy[0], places, PART_CELLS, comma)
        total = size if not size.suffix else significant(roomy[1], places, comma)
        if len(total.text(roomy[1])) > 12:
            total = significant(roomy[1], places, comma)
        notional = significant(largest[2], value_places, comma)
        return cls(
            key=key,
            price=price,
            size=size,
            part=part,
            total=total,
            notional=notional,
            fold=options.fold_zeros,
            price_cells=price_cells,
            size_cells=_room(size, roomy[0]),
            part_cells=_room(part, roomy[0]),
            total_cells=_room(total, roomy[1]),
            notional_cells=_room(notional, roomy[2]),
            largest=largest,
        )

    def price_text(self, price: int) -> str:
        """A price of the ladder."""
        text = self.price.text(price)
        return folded(text) if self.fold else text


def figure(group: Group, unit: Unit) -> int:
    """What the size column counts of a group."""
    return group.value if unit is Unit.QUOTE else group.amount


def _room(form: Format, largest: int) -> int:
    return max(len(form.text(largest)), len(form.text(1)))


def _wide(price: int, shown: Format, options: Options) -> int:
    return len(folded(shown.text(price)) if options.fold_zeros else shown.text(price))


@dataclass(frozen=True, slots=True)
class Columns:
    """The cells of each column; 0: left out. `venues`: sizes, parts, letters, count or none."""

    gap: int
    size: int
    price: int
    total: int
    notional: int
    venues: str
    venue_cells: int  # of one venue in `sizes` and `parts`, of the whole column otherwise
    bar: int = 0  # glyph bars of a monochrome screen, in a column of their own
    sides: int = 1  # columns of sizes: the fixed price axis has one for each side

    @property
    def numbers(self) -> int:
        """Cells up to the end of the last column of numbers: where the venues begin, without the gap."""
        ends = [*[self.size] * self.sides, self.price + 1, self.total, self.notional]
        return sum(self.gap + cells for cells in ends if cells)

    def width(self, count: int) -> int:
        """Cells in use with `count` venues."""
        last = {
            "sizes": count * (self.gap + self.venue_cells),
            "parts": count * (1 + self.venue_cells) + self.gap - 1,
            "none": 0,
        }.get(self.venues, self.gap + self.venue_cells)
        return self.numbers + last + (self.bar + 2 if self.bar else 0)


def choose(
    book: Book,
    formats: Formats,
    width: int,
    *,
    mini: bool,
    mono: bool,
    options: Options = DEFAULT,
    wide: bool = False,
) -> Columns:
    """The columns that fit.

    As width shrinks, the venues' sizes go first, then their letters shrink, then the notional goes, then the total;
    size and price never do. `wide`: the screen is, though the ladder may be one of several panels.
    """
    count = len(book.venues)
    wide = wide or width >= WIDE
    axis = 2 if options.rows is RowModel.LADDER else 1
    bare = Columns(1, formats.size_cells, formats.price_cells, 0, 0, "none", 0, sides=axis)
    found = (
        replace(each, sides=axis) for each in _candidates(book, formats, width, mini=mini, wide=wide, options=options)
    )
    chosen = next((each for each in found if each.width(count) <= width - 1), bare)
    if mono:
        room = width - 1 - chosen.width(count) - 2
        return replace(chosen, bar=min(room, MAX_BAR) if room >= MIN_BAR and options.bars.value != "off" else 0)
    gaps = 2 + bool(chosen.total) + bool(chosen.notional) + (count if chosen.venues == "sizes" else 1)
    spare = (width - 1 - chosen.width(count)) // gaps
    return replace(chosen, gap=chosen.gap + max(0, min(spare, 8 if width >= WIDE else 1)))


def _candidates(
    book: Book, formats: Formats, width: int, *, mini: bool, wide: bool, options: Options
) -> Iterator[Columns]:
    """From the richest to the barest."""
    count = len(book.venues)
    gap = 3 if width >= STANDARD else 2
    size, price, total, notional = _cells(book, formats, mini, options)
    letters = [
        ("letters", count * max((len(mark) for mark in letters_of(book.venues)), default=1) or 1),
        *([("count", _count_cells(book))] if count > 3 else []),
    ]
    sizes = []
    if 1 < count <= MAX_VENUE_COLUMNS and (
        options.venues is VenueColumns.SIZES or (options.venues is VenueColumns.AUTO and wide)
    ):
        sizes = [("sizes", formats.size_cells), ("parts", formats.part_cells)]
    if options.venues is VenueColumns.OFF:
        letters, sizes = [("none", 0)], []
    for drop in range(3):
        if mini and not drop:
            continue  # the small layout has no notional
        manners = [*(sizes if not drop else ()), *letters, *([("none", 0)] if drop == 2 else [])]
        for manner, cells in manners:
            for tight in dict.fromkeys((gap, 2) if manner == "parts" else (gap,)):
                yield Columns(
                    tight,
                    size or (formats.size_cells if drop == 2 else 0),
                    price,
                    total if drop < 2 else 0,
                    notional if drop < 1 else 0,
                    manner,
                    cells,
                )


def _count_cells(book: Book) -> int:
    marks = letters_of(book.venues)
    return max(len(mark) for mark in marks) + len(f"+{len(marks) - 1}")


def _cells(book: Book, formats: Formats, mini: bool, options: Options) -> tuple[int, int, int, int]:
    """Size, price, total and notional: as wide as their numbers and, but in the small layout, as their heads."""
    size, price, total, notional = (
        formats.size_cells,
        formats.price_cells,
        formats.total_cells,
        formats.notional_cells,
    )
    if not mini:
        size, price = max(size, len(size_head(book, options))), max(price, len(price_head(book)))
        total, notional = max(total, len("TOTAL")), max(notional, len("NOTIONAL"))
    if options.totals is Totals.SIZE:
        total = notional = 0
    elif options.totals is Totals.CUMULATIVE:
        size = 0
    if options.unit is Unit.QUOTE:
        notional = 0  # the total says it
    if options.rows is RowModel.LADDER:
        size = size or formats.size_cells  # the sides are told apart by their columns
    return size, price, total, notional


def size_head(book: Book, options: Options) -> str:
    """The head of the size column: with what it counts."""
    asset = book.quote if options.unit is Unit.QUOTE else book.base
    return f"{'BIDS' if options.rows is RowModel.LADDER else 'SIZE'} {asset}".strip()


def price_head(book: Book) -> str:
    """The head of the price column; it says when fees are in the prices."""
    return f"{'NET' if book.net_of_fees else 'PRICE'} {book.quote}".strip()
