"""What the copy keys put into the clipboard: the visible book as a table, or one line. Pure; exact decimals."""

from dashboard.cursor import Both, Cursor
from dashboard.ladder import Picture
from dashboard.market import Book, Level
from dashboard.numbers import NONE, basis_points, decimal, instant
from dashboard.rungs import Rung

HEAD = "side\tprice\tsize\ttotal\tvalue\tvenues"


def table(picture: Picture) -> str:
    """The levels in sight, from above, as tab-separated values with a head."""
    book = picture.groups.book
    rungs = {(rung.bid, rung.price): rung for rung in (*picture.bids, *picture.asks)}
    lines = [HEAD]
    for target in picture.targets:
        cursors = (target.left, target.right) if isinstance(target, Both) else (target,)
        lines += [_line(rungs[each.bid, each.price], book) for each in cursors if isinstance(each, Cursor)]
    return "\n".join(lines) + "\n"


def _line(rung: Rung, book: Book) -> str:
    places = book.amount_decimals
    value = decimal(rung.value, book.price_decimals + places)
    who = " ".join(f"{book.venues[part.venue].name}:{decimal(part.amount, places)}" for part in rung.group.parts)
    numbers = (decimal(rung.group.amount, places), decimal(rung.total, places), value)
    return "\t".join(("bid" if rung.bid else "ask", decimal(rung.price, book.price_decimals), *numbers, who))


def best(book: Book) -> str:
    """The best prices in one line."""
    spread = points = NONE
    if book.spread is not None and book.twice_mid is not None:
        spread = decimal(book.spread, book.price_decimals)
        points = basis_points(book.spread, book.twice_mid)
    quotes = f"bid {_quote(book, book.bids)} ask {_quote(book, book.asks)}"
    fees = " net of fees" if book.net_of_fees else ""
    return f"{instant(book.clocks.sent_ns)} {book.pair} {quotes} spread {spread} {points}bp{fees}"


def _quote(book: Book, side: tuple[Level, ...]) -> str:
    if not side:
        return NONE
    names = ",".join(book.venues[venue].name for venue, _ in side[0].amounts)
    return f"{decimal(side[0].price, book.price_decimals)}x{decimal(side[0].amount, book.amount_decimals)}[{names}]"
