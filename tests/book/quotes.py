"""Books of several pairs by hand, and what a quote group makes of them by plain Decimal arithmetic."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from book import Instrument, MergedBook, Pair, PairBooks, PairView, Stamps, State
from book.group import Group, parse_group
from book.group_books import GroupBooks

Levels = Sequence[tuple[float, float]]
VENUES = ("a", "b", "c")
USD = parse_group("USD~", "USD,USDT,USDC")


def pair_books(
    name: str, venues: Sequence[str] = VENUES, tick: str = "0.01", lot: str = "0.001", **options: Any
) -> PairBooks:
    """The empty books of a pair at all venues, of which `venues` trade it."""
    pair = Pair.parse(name)
    books = PairBooks(pair, **options)
    for venue in VENUES:
        listed = Instrument(venue, str(pair), pair, Decimal(tick), Decimal(lot)) if venue in venues else None
        books.add(venue, listed)
    return books


def load(books: PairBooks, venue: str, bids: Levels, asks: Levels, received_ns: int = 1000) -> None:
    """Gives a venue these levels and makes it live."""
    with books:
        books.books[venue].load(list(bids), list(asks), 1, Stamps(received_ns, received_ns, received_ns))
        books.books[venue].become(State.LIVE, "in step", received_ns)


def lose(books: PairBooks, venue: str, reason: str = "an update is missing", now_ns: int = 2000) -> None:
    with books:
        books.books[venue].become(State.GAP, reason, now_ns)


def grouped(*books: PairBooks, group: Group = USD, base: str = "BTC") -> GroupBooks:
    """The group over these books."""
    by_pair = {each.pair: each for each in books}
    plan = group.plan(base, by_pair)
    assert plan is not None
    return GroupBooks(plan, by_pair)


def usual(**options: Any) -> dict[str, PairBooks]:
    """BTC against three dollars, and the two books of conversion; all of them empty."""
    return {
        "USD": pair_books("BTC/USD", "ab", **options),
        "USDT": pair_books("BTC/USDT", "abc", **options),
        "USDC": pair_books("BTC/USDC", "c"),
        "USDT/USD": pair_books("USDT/USD", "ab", "0.0001", "0.01"),
        "USDC/USD": pair_books("USDC/USD", "b", "0.0001", "0.01"),
    }


# ---------------------------------------------------------------- the same by plain arithmetic

Naive = list[tuple[Fraction, Fraction]]  # price, amount; best first


def naive_side(books: PairBooks, bids: bool) -> Naive:
    """All levels of a pair's live venues."""
    levels = [
        (Fraction(Decimal(str(price))), Fraction(Decimal(str(amount))))
        for book in books.books.values()
        if book.state is State.LIVE
        for price, amount in (book.bids if bids else book.asks).amounts.items()
    ]
    return sorted(levels, reverse=bids)


def naive_rates(direct: PairBooks | None, inverse: PairBooks | None, sell: bool) -> Naive:
    """What a quote is worth: (rate, how much of the quote), best first, for who sells or buys it."""
    rates = naive_side(direct, sell) if direct else []
    rates += [(1 / price, amount * price) for price, amount in (naive_side(inverse, not sell) if inverse else [])]
    return sorted(rates, reverse=sell)


def executed(levels: Naive, amount: Fraction) -> Fraction | None:
    """What taking so much from these levels costs, or brings; None where they do not hold it."""
    total = Fraction(0)
    for price, size in levels:
        taken = min(size, amount)
        total += taken * price
        amount -= taken
    return None if amount else total


def levels_of(view: PairView, member: Pair, bids: bool) -> Naive:
    """The levels of one member in a group's picture, best first."""
    levels = [
        (Fraction(Decimal(str(price))), Fraction(Decimal(str(amount))))
        for entry in view.venues
        if entry.member == member and not entry.left_out
        for price, amount, _ in (entry.bids if bids else entry.asks)
    ]
    return sorted(levels, reverse=bids)


def by_name(view: PairView | MergedBook) -> Mapping[str, Any]:
    """The entries of a picture."""
    return {each.venue: each for each in view.venues}
