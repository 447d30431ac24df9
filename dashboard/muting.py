"""Venues that the user does not want to hear: their amounts leave the book, as if they had never come. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from dashboard.feed import View
from dashboard.market import Book, Level, Venue
from dashboard.numbers import NONE
from dashboard.options import Options
from dashboard.venues import letters_of

GLYPH = "○"  # of a muted venue: nothing is wrong with it


def silent(book: Book, options: Options) -> frozenset[int]:
    """The indices of the venues that are not to be counted. A name stands for all entries of that venue."""
    return frozenset(
        index
        for index, venue in enumerate(book.venues)
        if _names(venue) & options.muted or (options.solo and options.solo not in _names(venue))
    )


def _names(venue: Venue) -> frozenset[str]:
    return frozenset((venue.name, venue.name.partition("/")[0], entry_name(venue)))


def entry_name(venue: Venue) -> str:
    """The name of one entry where a venue has several: `kraken:BTC/USD`."""
    return f"{venue.name}:{venue.symbol}"


def heard(book: Book, options: Options) -> Book:
    """The book without the amounts of muted venues; levels that were theirs alone are gone."""
    away = silent(book, options)
    if not away:
        return book
    return replace(book, bids=_without(book.bids, away), asks=_without(book.asks, away))


def heard_view(view: View, options: Options) -> View:
    """The view with the book as it is heard: every figure follows."""
    if view.book is None or not (options.muted or options.solo):
        return view
    return replace(view, book=heard(view.book, options))


def _without(side: Iterable[Level], away: frozenset[int]) -> tuple[Level, ...]:
    out = []
    for level in side:
        left = tuple(part for part in level.amounts if part[0] not in away)
        if len(left) == len(level.amounts):
            out.append(level)
        elif left:
            out.append(Level(level.price, sum(amount for _, amount in left), left))
    return tuple(out)


def muted(options: Options, name: str) -> Options:
    """The options after a venue was muted, or heard again. It ends a solo."""
    before = options.muted
    return replace(options, muted=before - {name} if name in before else before | {name}, solo="")


def soloed(options: Options, name: str) -> Options:
    """The options after a venue was chosen as the only one, or no longer."""
    return replace(options, solo="" if options.solo == name else name)


def everybody(options: Options) -> Options:
    """The options with every venue counted."""
    return replace(options, muted=frozenset(), solo="")


def note(book: Book, options: Options) -> str:
    """What the header says while figures lack somebody: `○ K,C muted`, `○ only B`; empty: nobody is muted."""
    away = silent(book, options)
    if not away:
        return ""
    marks = letters_of(book.venues)
    left = [marks[index] for index in range(len(marks)) if index not in away]
    if options.solo:
        return f"{GLYPH} only {','.join(left) or NONE}"
    return f"{GLYPH} {','.join(marks[index] for index in sorted(away))} muted"
