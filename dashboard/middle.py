"""The row between the sides: mid and spread, the two venues when they lock or cross, and where the user looks."""

from dashboard import venues
from dashboard.feed import View
from dashboard.header import spread_text
from dashboard.market import Book, Touch
from dashboard.numbers import grouped, half, two_ages
from dashboard.rows import Role, Row, Span, cells, centred, fitted

AUTO = " AUTO  "  # the rows follow the best prices
HELD = " HELD  "  # the user scrolled: nothing moves by itself
FIXED = " FIXED "  # centring is switched off


def spread_row(view: View, width: int, *, mini: bool = False, tail: str = AUTO) -> Row:
    """Mid, spread, basis points; the two venues and their quotes' ages when they lock or cross."""
    book = view.book
    assert book is not None
    spread, points = spread_text(view)
    if book.touch in (Touch.LOCKED, Touch.CROSSED):
        return _touching(view, book, spread, points, width, tail)
    if mini:
        text = [Span(f" {spread} ")]
        return Row((Span(" "), *centred(text, width - 1, "─", Role.RULE)))
    mid = half(book.twice_mid, book.price_decimals).strip() if book.twice_mid is not None else spread
    inner = max(0, width - len(tail))
    body = [
        Span("  "),
        Span(mid, Role.STRONG),
        Span(" mid  ·  spread ", Role.QUIET),
        Span(spread),
        Span("  ·  ", Role.QUIET),
        Span(f"{points} bp  "),
    ]
    if book.net_of_fees:
        body.append(Span("·  net of fees  ", Role.QUIET))
    word = Span(tail, Role.QUIET if tail == AUTO else Role.WARN)
    return Row(fitted([*centred(body, inner, "─", Role.RULE), word], width))


def _touching(view: View, book: Book, spread: str, points: str, width: int, tail: str) -> Row:
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
    for end in (tail, ""):
        for pieces in ((long_amount, quotes, ages), (amount, quotes, ages)):
            body = f"{rule} " + f" {rule} ".join(pieces) + " "
            if len(body) + 1 + len(end) <= width:
                return Row(_ruled(body, rule, width, end, role))
    body = f"{rule} " + f" {rule} ".join((amount, short, ages)) + " "
    return Row(_ruled(body, rule, width, "", role))


def _ruled(body: str, rule: str, width: int, tail: str, role: Role) -> tuple[Span, ...]:
    room = max(0, width - cells([Span(body), Span(tail)]))
    return fitted([Span(body + rule * room + tail, role)], width)


def away_row(book: Book, rows: int, width: int, word: str, *, above: bool) -> Row:
    """Where the market is when it is out of sight, and how to come back."""
    side = book.asks if above else book.bids
    side = side or book.bids or book.asks
    name = "ask" if side is book.asks else "bid"
    price = grouped(side[0].price, book.price_decimals) if side else "─"
    told = f"{rows:,} {'row' if rows == 1 else 'rows'} {'above' if above else 'below'}"
    head = [Span(f"{'▲' if above else '▼'} {word.strip()}  ", Role.WARN), Span(f"best {name} {price} is {told}, ")]
    return Row(fitted([*head, Span("c", Role.KEY), Span(" to centre", Role.QUIET)], width))
