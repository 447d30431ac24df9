"""What the user chose: plain, frozen and printable values that a settings file can hold."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from dashboard.numbers import scaled

DEPTHS = (10, 25, 50, 100)  # levels a side that can be asked for


class RowModel(StrEnum):
    """What a row of the book stands for."""

    BOOK = "book"  # the n-th best level
    LADDER = "ladder"  # a price: the market moves, the prices stay


class Orientation(StrEnum):
    """How the two sides stand to each other."""

    STACKED = "stacked"  # asks above bids
    BESIDE = "beside"  # bids left, mirrored; asks right


class Totals(StrEnum):
    """Which amounts have a column: of the level, from the best price outwards, or both."""

    BOTH = "both"
    CUMULATIVE = "cumulative"
    SIZE = "size"


class Bars(StrEnum):
    """What the length of a bar tells."""

    TOTAL = "total"
    SIZE = "size"
    OFF = "off"


class Scale(StrEnum):
    """What a full bar is worth: the most of both sides, of its own side, or an amount that stays."""

    BOOK = "book"
    SIDE = "side"
    FIXED = "fixed"


class Unit(StrEnum):
    """What sizes and totals count."""

    BASE = "base"
    QUOTE = "quote"


class VenueColumns(StrEnum):
    """How a level's venues are shown; AUTO: sizes on a wide screen, letters on a narrow one."""

    AUTO = "auto"
    LETTERS = "letters"
    SIZES = "sizes"
    OFF = "off"


class Flash(StrEnum):
    """Which changes light up for a moment; BEST: new best prices, and sizes that change by a quarter or more."""

    BEST = "best"
    ALL = "all"
    OFF = "off"


class Comma(StrEnum):
    """What stands between thousands."""

    COMMA = "comma"
    THIN = "thin"
    NONE = "none"

    @property
    def sign(self) -> str:
        """The character itself."""
        return {"comma": ",", "thin": "\u2009", "none": ""}[self.value]


class Glyphs(StrEnum):
    """What bars and curves are made of; no program can find out what a terminal's font has."""

    BLOCK = "block"
    BRAILLE = "braille"
    ASCII = "ascii"


Choice = TypeVar("Choice", bound=StrEnum)


def following(choice: Choice) -> Choice:
    """The next value of its kind, the first one after the last: what a key that cycles does."""
    values = list(type(choice))
    return values[(values.index(choice) + 1) % len(values)]


def deeper(depth: int) -> int:
    """The next greater depth that can be asked for."""
    return next((each for each in DEPTHS if each > depth), DEPTHS[-1])


def shallower(depth: int) -> int:
    """The next smaller depth that can be asked for."""
    return next((each for each in reversed(DEPTHS) if each < depth), DEPTHS[0])


@dataclass(frozen=True, slots=True)
class Options:
    """How the book is shown. Amounts are decimal text in base, because their scale is the pair's."""

    group: int = 0  # which of the steps 1, 2, 5, 10, 20, ... ticks
    depth: int = 25  # levels a side that are asked for
    rows: RowModel = RowModel.BOOK
    sides: Orientation = Orientation.STACKED
    totals: Totals = Totals.BOTH
    bars: Bars = Bars.TOTAL
    scale: Scale = Scale.BOOK
    bar_full: str = ""  # a full bar of the fixed scale; empty: the most that was seen
    unit: Unit = Unit.BASE
    venues: VenueColumns = VenueColumns.AUTO
    muted: frozenset[str] = frozenset()  # venues whose amounts are not counted
    solo: str = ""  # the only venue that is counted; empty: all
    flash: Flash = Flash.BEST
    autocentre: bool = True
    dim_prefix: bool = False  # digits of a price that the row above has too are quiet
    fold_zeros: bool = False  # 0.00007350 as 0.0₄7350
    comma: Comma = Comma.COMMA
    glyphs: Glyphs = Glyphs.BLOCK
    large: str = ""  # a size from here on is marked; empty: none is

    def __post_init__(self) -> None:
        """Raises ValueError, naming the value, where an amount is no number."""
        for text in (self.bar_full, self.large):
            if text:
                scaled(text, 0)
