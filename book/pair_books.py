"""All venues' books of one pair, under one lock, with a signal when anything changed."""

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from book.connections import Connections
from book.consistency import compare
from book.instrument import Instrument
from book.pair import Pair
from book.side import NO_DUST, Dust
from book.state import State
from book.trades import TradeTape
from book.venue_book import Levels, Stamps, VenueBook, VenueView

_COMPARE_EVERY_NS = 250_000_000


class PairView(msgspec.Struct, frozen=True, gc=False):
    """An immutable picture of all venues' books of a pair, taken at one moment under the lock."""

    pair: Pair
    version: int
    price_decimals: int
    amount_decimals: int
    venues: tuple[VenueView, ...]  # every configured venue, whatever its state, in configured order


class Whole(NamedTuple):
    """A copy of one venue's live book: all levels, in no order, and its horizon."""

    position: int
    bids: Levels
    asks: Levels
    stamps: Stamps
    known_bid: float | None
    known_ask: float | None


class PairBooks:
    """The books of one pair, one per venue.

    Lock rule: `with pair_books:` around every write and around nothing slow (no I/O, logging, encoding or
    callback). Leaving the block raises the version and tells the listeners, after the lock is released. Views
    may be taken from any thread.
    """

    def __init__(self, pair: Pair, *, leave_out_suspects: bool = False) -> None:
        """`leave_out_suspects`: a venue that is far from all others for long is not merged, only told of."""
        self.pair = pair
        self.trades = TradeTape()  # under a lock and with listeners of its own
        self._leave_out = leave_out_suspects
        self._compare_at_ns = 0
        self.version = 0  # rises with every write
        self.price_decimals = 0
        self.amount_decimals = 0
        self.books: dict[str, VenueBook] = {}  # by venue, in configured order; filled before threads start
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting = 0  # threads in wait(); guarded by the lock
        # Replaced, never mutated, so that a writer may iterate it without the lock.
        self._listeners: tuple[Callable[[], None], ...] = ()

    def add(
        self,
        venue: str,
        instrument: Instrument | None,
        connections: Connections | None = None,
        threshold_ns: int = 0,
    ) -> VenueBook:
        """Adds the book of a venue; without an instrument it is one that the venue does not trade.

        `connections`: the count that all books of the venue share. `threshold_ns`: of silence, until the book has one
        of its own.
        """
        known = self.books.get(venue)  # told anew, the venue keeps its rank
        rank = known.rank if known else len(self.books)
        book = VenueBook(venue, self.pair, instrument.symbol if instrument else "", instrument, rank)
        book.connections = connections or book.connections
        book.threshold_ns = threshold_ns
        with self:
            if instrument:
                self.price_decimals = max(self.price_decimals, instrument.price_decimals)
                self.amount_decimals = max(self.amount_decimals, instrument.amount_decimals)
            else:
                book.become(State.UNLISTED, f"{venue} does not trade {self.pair}", 0)
            self.books[venue] = book
        return book

    def replace(self, book: VenueBook) -> VenueBook:
        """Puts `book` in the place of its venue's present book, which is returned. The lock is held.

        It goes on with what is known of the present one, and stays in its state since then where both are alike.
        """
        present = self.books[book.venue]
        book.succeed(present)
        self.books[book.venue] = book
        return present

    def compare(self, now_ns: int, *, at_once: bool = False) -> None:
        """Holds the venues' prices against each other, now and then, or `at_once`. The lock is held."""
        if not at_once and 0 <= self._compare_at_ns - now_ns <= _COMPARE_EVERY_NS:
            return
        self._compare_at_ns = now_ns + _COMPARE_EVERY_NS
        books = list(self.books.values())
        found = compare([book.top() for book in books], [book.distance for book in books], now_ns)
        for book, distance in zip(books, found, strict=True):
            if distance.suspect and self._leave_out:
                distance = replace(distance, left_out=True)
            book.distance = distance

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.version += 1
        if self._waiting:
            self._changed.notify_all()
        self._lock.release()
        for listener in self._listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after every write, in the writer's thread: it must be quick and must not raise.

        Returns a function that ends this.
        """

        def tell() -> None:  # a function of this call alone: a listener may be registered twice
            listener()

        with self._lock:
            self._listeners = (*self._listeners, tell)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not tell)

        return stop

    def wait(self, version: int, timeout_s: float) -> int:
        """Blocks until the version is above `version` or the time is over; returns the present version."""
        with self._lock:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: self.version > version, timeout_s)
            finally:
                self._waiting -= 1
            return self.version

    def view(self, levels: int, dust: Dust = NO_DUST, venues: Iterable[str] | None = None) -> PairView:
        """A picture of all books with the best `levels` of each side; levels only of `venues` when given."""
        wanted = None if venues is None else frozenset(venues)
        with self._lock:
            views = tuple(
                book.view(levels if wanted is None or venue in wanted else 0, dust)
                for venue, book in self.books.items()
            )
            return PairView(self.pair, self.version, self.price_decimals, self.amount_decimals, views)

    def whole(self, venue: str) -> "Whole | None":
        """All that a venue's live book holds; None while it is not live."""
        with self._lock:
            book = self.books[venue]
            if book.state is not State.LIVE:
                return None
            bids, asks = book.copy_levels()
            return Whole(book.position, bids, asks, book.stamps, book.bids.horizon, book.asks.horizon)

    def check(self) -> None:
        """Raises AssertionError when an invariant of any book is broken. For tests."""
        with self._lock:
            for book in self.books.values():
                book.check()
