"""What the selected level tells: one line below the ladder, and a card with each venue's share. Pure."""

from dashboard import venues
from dashboard.cursor import cost
from dashboard.ladder import Picture
from dashboard.market import Book
from dashboard.numbers import NONE, Format, amounts_of, divided, grouped, per_cent, signed_points
from dashboard.rows import Part, Role, Row, Span, blank, fitted, line
from dashboard.rungs import Rung, beyond, horizons


def average(rung: Rung, book: Book, decimals: int) -> str:
    """The average price of everything up to a level, with a decimal more than prices have."""
    spare = max(0, decimals + 1 - book.price_decimals)
    worth = divided(rung.value * int(10**spare), rung.total * int(10 ** max(0, book.price_decimals - decimals - 1)))
    return grouped(worth, decimals + 1)


def slippage(rung: Rung, book: Book) -> str:
    """Of the average price against the mid, in basis points; above 0 is worse for the taker."""
    twice = book.twice_mid
    if twice is None:
        return NONE
    part = 2 * rung.value - twice * rung.total
    return signed_points(-part if rung.bid else part, twice * rung.total)


def distance(price: int, bid: bool, book: Book) -> str:
    """Of a price from the mid, in basis points, away from the market above 0."""
    twice = book.twice_mid
    if twice is None:
        return NONE
    part = 2 * price - twice
    return signed_points(-part if bid else part, twice)


def readout(picture: Picture, width: int) -> Row | None:
    """The line below the ladder while a level is selected; None: none is. The split goes first where room lacks."""
    rung = picture.selected
    if rung is None:
        return None
    groups, book = picture.groups, picture.groups.book
    amount = _amounts(rung.total, book)
    value = amounts_of(rung.value, book.price_decimals + book.amount_decimals, 9)
    bound = "≥" if rung.bound else ""
    name = Span(f"{'BID' if rung.bid else 'ASK'} {rung.rank + 1}", Role.BEST_BID if rung.bid else Role.BEST_ASK)
    price = grouped(rung.price // 10 ** (book.price_decimals - groups.decimals), groups.decimals)
    split = cost(rung, picture.bids if rung.bid else picture.asks).parts
    letters = venues.letters_of(book.venues)
    return line(
        width,
        [
            Part(0, (name, Span(f"  {price}", Role.STRONG))),
            Part(4, (Span("size ", Role.QUIET), Span(amount.text(rung.group.amount)))),
            Part(1, (Span("total ", Role.QUIET), Span(f"{bound}{amount.text(rung.total)} {book.base}".rstrip()))),
            Part(3, (Span(f"{bound}{value.text(rung.value)} {book.quote}".rstrip()),)),
            Part(2, (Span("avg ", Role.QUIET), Span(average(rung, book, groups.decimals)))),
            Part(2, (Span(f"{slippage(rung, book)} bp"),)),
            Part(5, tuple(span for part in split for span in _share(part, amount, letters))),
        ],
    )


def _share(part: tuple[int, int], amount: Format, letters: tuple[str, ...]) -> tuple[Span, ...]:
    venue, total = part
    return Span(letters[venue], venues.venue_role(venue)), Span(f" {amount.text(total)} ")


def _amounts(largest: int, book: Book) -> Format:
    return amounts_of(largest, book.amount_decimals)


def card(picture: Picture, width: int) -> list[Row]:
    """The level in full: each venue's size and share of the level and of everything up to it, what it would cost."""
    rung = picture.selected
    if rung is None:
        return []
    groups, book = picture.groups, picture.groups.book
    amount = _amounts(rung.total, book)
    value = amounts_of(rung.value, book.price_decimals + book.amount_decimals, 12)
    side = picture.bids if rung.bid else picture.asks
    shares = dict(cost(rung, side).parts)
    here = {part.venue: part.amount for part in rung.group.parts}
    price = grouped(rung.price // 10 ** (book.price_decimals - groups.decimals), groups.decimals)
    name = f"{'BID' if rung.bid else 'ASK'} {rung.rank + 1}"
    bound = "≥" if rung.bound else ""
    rows = [
        _text(f" {name}  {price} {book.quote}", width, Role.BEST_BID if rung.bid else Role.BEST_ASK),
        blank(width),
        _text(f" {'venue':<14}{'size':>13}{'share':>7}{'up to here':>14}{'share':>7}", width, Role.HEAD),
        *_venue_rows(book, rung, here, shares, amount, width),
        _text(f" {'all':<14}{amount.text(rung.group.amount):>13}{'':>7}{bound + amount.text(rung.total):>14}", width),
        blank(width),
        _fact("cost", f"{bound}{value.text(rung.value)} {book.quote}", width),
        _fact("average", average(rung, book, groups.decimals), width),
        _fact("slippage", f"{slippage(rung, book)} bp of the average, against the mid", width),
        _fact("distance", f"{distance(rung.price, rung.bid, book)} bp of the price, from the mid", width),
    ]
    if book.net_of_fees:
        rows.append(_fact("fees", "in all prices", width))
    if rung.cut:
        rows.append(_fact("…", "more of this group may lie beyond the levels that were asked for", width))
    if rung.bound:
        rows.append(_fact("≥", "a venue's known depth ends before this price: there may be more", width))
    return rows


def _venue_rows(
    book: Book, rung: Rung, here: dict[int, int], shares: dict[int, int], amount: Format, width: int
) -> list[Row]:
    unknown = horizons(book, rung.bid)
    letters = venues.letters_of(book.venues)
    rows = []
    for index in sorted(shares, key=lambda index: (-shares[index], index)):
        venue = book.venues[index]
        size, share = "·", ""
        if index in here:
            size, share = amount.text(here[index]), per_cent(here[index], rung.group.amount)
        elif index in unknown and beyond(rung.price, unknown[index], rung.bid):
            size = "?"
        total = f"{amount.text(shares[index]):>14}{per_cent(shares[index], rung.total):>7}"
        head = Span(f" {letters[index]} ", venues.venue_role(index))
        name = f"{venue.name[: 13 - len(letters[index])]:<{13 - len(letters[index])}}"
        rows.append(Row(fitted([head, Span(f"{name}{size:>13}{share:>7}{total}")], width)))
    return rows


def _fact(name: str, text: str, width: int) -> Row:
    return Row(fitted([Span(f" {name:<10}", Role.QUIET), Span(text)], width))


def _text(text: str, width: int, role: Role = Role.NORMAL) -> Row:
    return Row(fitted([Span(text, role)], width))
