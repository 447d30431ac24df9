"""A captured session through a feed with an unchanged protocol object, and what there is to be seen of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from book import Counters, Instrument, PairBooks, State, VenueBook
from exchanges.actions import Fetch, NetworkAction, Send, Timer
from exchanges.feed import Feed
from exchanges.protocol import Protocol
from tests.captures.files import Line

Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]  # bids and asks: price to amount


class Recording(NamedTuple):
    """What one connection received, and what it takes to follow it."""

    raw: list[Line]  # as they came
    lines: list[Line]  # the same in the venue's present dialect
    instruments: Sequence[Instrument]
    protocol: Callable[[Sequence[Instrument]], Protocol]
    proof: str  # by what the venue proves these books; "": by nothing that could be counted
    links: frozenset[int] = frozenset()  # of the lines: those that name, or number, the one before them
    reply: Callable[[str], bytes] | None = None  # to a subscription; None: the streams tell enough by beginning
    whole: bool = True  # the books begin with the venue's snapshots, not with nothing

    @property
    def symbols(self) -> list[str]:
        """Of its books."""
        return [instrument.symbol for instrument in self.instruments]

    def new_protocol(self) -> Protocol:
        """For its books."""
        return self.protocol(self.instruments)


class Session:
    """Drives a feed through a recording, answering its fetches with the recorded snapshots."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        protocol = recording.new_protocol()
        self.pairs: dict[str, tuple[PairBooks, VenueBook]] = {}
        for instrument in protocol.instruments:
            pair_books = PairBooks(instrument.pair)
            self.pairs[instrument.symbol] = pair_books, pair_books.add(instrument.venue, instrument)
        self.now_ns = 0
        self.links_right = 0  # after them nothing had been missed, and every book that had begun was live
        self._begun: dict[str, VenueBook] = {}
        self._fetches: dict[str, Fetch] = {}
        self._timers: dict[str, Timer] = {}
        self.feed = Feed(protocol, self.pairs, lambda: self.now_ns)
        self._acknowledge(self.feed.opened())

    @property
    def books(self) -> dict[str, VenueBook]:
        """By symbol."""
        return {symbol: book for symbol, (_, book) in self.pairs.items()}

    @property
    def proofs(self) -> tuple[int, int]:
        """How many were checked, and how many of them were right."""
        if self.recording.links:
            return len(self.recording.links), self.links_right
        sums = total(self.books.values())
        return sums.audits_passed + sums.audits_failed, sums.audits_passed

    def run(self) -> "Session":
        """All lines in order."""
        for number, line in enumerate(self.recording.lines):
            self.now_ns = line.received_ns
            linked = number in self.recording.links
            before = self._missed() if linked else 0
            if line.url:
                self._answer(line)
            else:
                self._note(self.feed.frame(line.body, line.received_ns))
            if linked:
                self._look(before)
        return self

    def _look(self, missed: int) -> None:
        """Counts a link as right or not."""
        self._begun |= {symbol: book for symbol, book in self.books.items() if book.generation}
        live = all(book.state is State.LIVE for book in self._begun.values())
        self.links_right += live and self._missed() == missed

    def _missed(self) -> int:
        sums = total(self.books.values())
        return sums.gaps + sums.ignored + sums.garbage

    def _answer(self, line: Line) -> None:
        symbol = next((symbol for symbol in self.pairs if re.search(rf"[=/]{symbol}\b", line.url)), None)
        if symbol is None:
            return
        if symbol not in self._fetches and symbol in self._timers:
            self._note(self.feed.timeout(self._timers.pop(symbol)))  # no diff has come so far: a quiet pair
        fetch = self._fetches.pop(symbol, None)
        if fetch:
            self._note(self.feed.snapshot(fetch, line.body, line.received_ns))

    def _note(self, actions: list[NetworkAction]) -> None:
        for action in actions:
            if isinstance(action, Fetch):
                self._fetches[action.symbol] = action
            elif isinstance(action, Timer) and action.purpose == "first diff":
                self._timers[action.symbol] = action

    def _acknowledge(self, actions: list[NetworkAction]) -> None:
        for action in actions:
            if isinstance(action, Send) and self.recording.reply:
                self._note(self.feed.frame(self.recording.reply(action.text), 0))


def total(books: Iterable[VenueBook]) -> Counters:
    """The sums of all books' counters."""
    sums = Counters()
    for book in books:
        for name in sums.__struct_fields__:
            setattr(sums, name, getattr(sums, name) + getattr(book.counters, name))
    return sums


def shown(book: VenueBook) -> Sides:
    """All levels of a book of ours, in Decimal."""
    bids, asks = (
        {Decimal(str(price)): Decimal(str(amount)) for price, amount in side.amounts.items()}
        for side in (book.bids, book.asks)
    )
    return bids, asks


def assert_equal(book: VenueBook, truth: Sides) -> None:
    """The book is the true one, level by level over its whole depth, and sound."""
    assert shown(book) == truth, book.symbol
    book.bids.check()
    book.asks.check()
