"""How the quotes of a group become one: a line a member, with its rule, its rate and how good that is. Pure."""

from dashboard import venues
from dashboard.feed import View
from dashboard.market import Book, Conversion
from dashboard.numbers import NONE, short_age
from dashboard.rows import Part, Role, Row, Span, fitted, line
from dashboard.tables import Column, table

COLUMNS = (
    Column("quote", 0, right=False, least=9),
    Column("state", 1, right=False, least=10),
    Column("rule", 3, right=False, least=12),
    Column("brings", 2, least=8),
    Column("costs", 2, least=8),
    Column("off 1", 5, least=9),
    Column("basis", 4, least=9),
    Column("age", 6, least=6),
    Column("reason", 7, right=False, least=24, grows=True),
)
PAR = "at PAR"
WIDE = 120


def rows(view: View, width: int) -> list[Row]:
    """A head and a line for each member but the unit; none of a pair."""
    book = view.book
    if book is None or not book.conversions:
        return []
    head, body = table(COLUMNS, [_line(view, each) for each in book.conversions], width)
    title = Span(f"What one of each quote is worth in {book.unit}", Role.QUIET)
    whys = [
        Row(fitted([Span(f"   {each.quote}: {each.reason}", Role.WARN)], width))
        for each in book.conversions
        if not each.live and width < WIDE  # there the table has no room for it
    ]
    return [line(width, [Part(0, (title,))]), head, *body, *whys]


def height(book: Book) -> int:
    """Lines that `rows` gives at most."""
    return 2 + sum(2 - each.live for each in book.conversions) if book.conversions else 0


def hint(book: Book) -> str:
    """What a pair of a group is, so that nobody takes it for one of its members: `USD+USDT+USDC in USD`."""
    return f"{'+'.join((book.unit, *(each.quote for each in book.conversions)))} in {book.unit}" if book.unit else ""


def at_par(book: Book) -> str:
    """The quotes that count one for one, whatever books say."""
    quotes = ",".join(each.quote for each in book.conversions if each.par)
    return f"{quotes} {PAR}" if quotes else ""


def unconverted(book: Book) -> str:
    """The quotes that count for nothing, since nobody knows what they are worth."""
    quotes = ",".join(each.quote for each in book.conversions if not each.live)
    return f"{quotes} unconverted" if quotes else ""


def _line(view: View, told: Conversion) -> list[Span]:
    glyph, word, role = ("●", "live", Role.GOOD) if told.live else ("◐", "unconverted", Role.WARN)
    rule = Span(PAR, Role.WARN) if told.par else Span(f"by {' and '.join(told.pairs) or 'no pair'}")
    return [
        Span(f"{told.quote} → {told.unit}", Role.KEY),
        Span(f"{glyph} {word}", role),
        rule,
        Span(told.bid or NONE),
        Span(told.ask or NONE),
        Span(_points(told.par_ppm) if not told.par else NONE),
        Span(_points(told.basis_ppm)),
        Span(short_age(told.age_ns + view.elapsed_ns) if told.received_ns else NONE),
        Span(_reason(told), Role.QUIET if told.live else role),
    ]


def _points(ppm: int | None) -> str:
    return NONE if ppm is None else f"{ppm / 100:+.2f} bp"


def _reason(told: Conversion) -> str:
    """Why it is not live; else whose books they are, and how much they take at that rate."""
    if not told.live:
        return told.reason
    if told.par:
        return f"one {told.quote} counts as one {told.unit}: the operator says so, no book does"
    books = " ".join(
        name if state == venues.LIVE else f"{name} ({venues.state_name(state)})" for name, state in told.venues
    )
    return f"{books}; {told.bid_amount} and {told.ask_amount} at these"
