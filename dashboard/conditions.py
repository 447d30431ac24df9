"""What the alert rules watch, measured on a view: a figure for each thing that may be wrong. Pure."""

from typing import NamedTuple

from dashboard import venues
from dashboard.feed import FeedState, View
from dashboard.market import Book, Touch
from dashboard.numbers import age, basis_points, decimal, divided, grouped, half, imbalance, signed_points
from dashboard.rules import PLACES, Rule, Subject

# A price that does not move any more says nothing; these wait until the feed is live again.
SUSPENDED = frozenset({Subject.PRICE, Subject.SPREAD, Subject.IMBALANCE, Subject.SIZE, Subject.CROSSED, Subject.AGE})
LOST = frozenset({FeedState.STALE, FeedState.DISCONNECTED, FeedState.RECONNECTING})


class Figure(NamedTuple):
    """A measured value in the unit of the rule's bound, and what it says."""

    value: int
    text: str


Figures = dict[str, Figure]  # by what they are about: a venue's name, or empty


def measured(rule: Rule, view: View, depth: int, crossed_ns: int | None, age_p99_ns: int | None) -> Figures | None:
    """The figures of a rule; without one there is nothing to say. None: it cannot be told now.

    `crossed_ns`: for how long the book has been crossed; None: it is not.
    """
    if rule.subject is Subject.FEED:
        return _feed(view)
    book = view.book
    if book is None or (rule.pair and rule.pair != book.pair):
        return None
    if view.state is not FeedState.LIVE and rule.subject in SUSPENDED:
        return None
    if rule.subject is Subject.VENUE:
        return _venues(rule, book) if view.fresh else None
    if rule.subject is Subject.CROSSED:
        return (
            {} if crossed_ns is None else {"": Figure(crossed_ns, f"crossed for {age(crossed_ns)}: {_quotes(view)}")}
        )
    if rule.subject is Subject.AGE:
        return {} if age_p99_ns is None else {"": Figure(age_p99_ns, f"age p99 {age(age_p99_ns)}")}
    if rule.subject is Subject.IMBALANCE:
        return _imbalance(book, depth)
    if book.twice_mid is None:
        return {}
    if rule.subject is Subject.SPREAD:
        return _spread(book)
    return _price(rule, book) if rule.subject is Subject.PRICE else _size(rule, book)


def _feed(view: View) -> Figures:
    if view.state not in LOST:
        return {}
    if view.state is FeedState.STALE:
        return {"": Figure(1, f"feed stale for {age(view.silent_ns)}")}
    return {"": Figure(1, f"server lost: {view.cause or view.failure or 'no reason told'}")}


def _venues(rule: Rule, book: Book) -> Figures:
    out: Figures = {}
    for venue in book.venues:
        state = venues.state_name(venue.state)
        if rule.name and rule.name not in (venue.name, venue.name.partition("/")[0]):  # in a group: all its entries
            continue
        if state == rule.state if rule.state else venue.wanted and not venue.live:
            word = venues.state_of(venue)[1]
            name = f"{venue.name}:{venue.symbol}" if venue.name in out else venue.name
            out[name] = Figure(1, f"{name} {venues.worded(word, venues.why(venue))}")
    return out


def _quotes(view: View) -> str:
    book = view.book
    assert book is not None
    if book.touch is not Touch.CROSSED:
        return ""
    marks = venues.marks(view)
    bid, ask = book.bids[0], book.asks[0]
    prices = [grouped(level.price, book.price_decimals) for level in (bid, ask)]
    return f"{marks[bid.amounts[0][0]]} bid {prices[0]} > {marks[ask.amounts[0][0]]} ask {prices[1]}"


def _imbalance(book: Book, depth: int) -> Figures:
    bid, ask = book.sums(depth)
    if not bid + ask:
        return {}
    return {"": Figure(abs(bid - ask) * 10_000 // (bid + ask), f"imbalance {imbalance(bid, ask)}")}


def _price(rule: Rule, book: Book) -> Figures:
    assert book.twice_mid is not None
    value = divided(book.twice_mid * int(10**PLACES), 2 * int(10**book.price_decimals))
    mid = half(book.twice_mid, book.price_decimals).rstrip()
    way = "above" if rule.above else "below"
    return {"": Figure(value, f"{book.pair} {mid} crossed {way} {_short(rule.bound)}")}


def _spread(book: Book) -> Figures:
    assert book.twice_mid is not None
    assert book.spread is not None
    if book.twice_mid <= 0:
        return {}
    value = book.spread * 2_000_000 // book.twice_mid
    return {"": Figure(value, f"spread {basis_points(book.spread, book.twice_mid)} bp")}


def _size(rule: Rule, book: Book) -> Figures:
    """The largest level near the mid."""
    twice = book.twice_mid
    assert twice is not None
    near = [
        (level.amount, name, level.price)
        for name, side in (("bid", book.bids), ("ask", book.asks))
        for level in side
        if abs(2 * level.price - twice) * 1_000_000 <= rule.within * abs(twice)
    ]
    if not near:
        return {}
    amount, name, price = max(near)
    value = divided(amount * int(10**PLACES), int(10**book.amount_decimals))
    away = signed_points(abs(2 * price - twice), abs(twice)).lstrip("+")
    told = f"{name} of {decimal(amount, book.amount_decimals)} {book.base}".rstrip()
    return {"": Figure(value, f"{told} at {grouped(price, book.price_decimals)}, {away} bp from the mid")}


def _short(value: int) -> str:
    text = grouped(value, PLACES).rstrip("0")
    return text.removesuffix(".")
