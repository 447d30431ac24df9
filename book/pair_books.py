"""All venues' books of one pair, under one lock, with a signal when anything changed."""

import threading
from collections.abc import Callable, Iterable, Set
from types import TracebackType
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from book.connections import Connections
from book.consistency import DEFAULT_POLICY, Policy, compare
from book.conversion import Conversion
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
    unit: str = ""  # of a quote group: what its prices are told in
    conversions: tuple[Conversion, ...] = ()  # of a quote group: all members but the unit


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

    def __init__(self, pair: Pair, policy: Policy = DEFAULT_POLICY) -> None:
        self.pair = pair
        self.trades = TradeTape()  # under a lock and with listeners of its own
        self._policy = policy
        self._routed: tuple[str, ...] = ()  # the venues whose books are those of others
        self._compare_at_ns = 0
        self.version = 0  # rises with every write
        self.price_decimals = 0
        self.amount_decimals = 0
        # By venue, in configured order. Replaced, never mutated: readers iterate it without the lock.
        self.books: dict[str, VenueBook] = {}
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
        entered: tuple[State, str, int] | None = None,
    ) -> VenueBook:
        """Adds the book of a venue, or begins it anew; without an instrument it is one that the venue does not trade.

        `connections`: the count that all books of the venue share. `threshold_ns`: of silence, until the book has one
        of its own. `entered`: the state that it is in from the beginning, why, and since when.
        """
        book = VenueBook(venue, self.pair, instrument.symbol if instrument else "", instrument)
        book.connections = connections or book.connections
        book.threshold_ns = threshold_ns
        with self:
            if instrument:
                self._widen(instrument)
            if entered or not instrument:
                book.become(*(entered or (State.UNLISTED, f"{venue} does not trade {self.pair}", 0)))
            known = self.books.get(venue)
            if known:  # told anew, the venue keeps its rank
                book.follow(known)
            else:
                book.rank = len(self.books)
            self._put(book)
        return book

    def replace(self, book: VenueBook, present: VenueBook) -> bool:
        """Puts `book` in the place of `present`, its venue's book; False where that is not in its place any more.

        It goes on with what is known of the present one, and stays in its state since then where both are alike.
        The lock is held.
        """
        if self.books[book.venue] is not present:
            return False
        book.succeed(present)
        self._put(book)
        return True

    def describe(self, instrument: Instrument) -> None:
        """The venue's catalog says something else of the pair now. The lock is held."""
        book = self.books[instrument.venue]
        book.describe(instrument)
        self._put(book)
        self._widen(instrument)

    def judge_by(self, policy: Policy, now_ns: int) -> None:
        """What is merged, and who is suspect, follows this from now on; any thread."""
        with self:
            self._policy = policy
            self.compare(now_ns, at_once=True)

    def _put(self, book: VenueBook) -> None:
        self.books = {**self.books, book.venue: book}
        self._routed = tuple(name for name, each in self.books.items() if each.routed_from)

    def _widen(self, instrument: Instrument) -> None:
        """Scales never shrink: what was said at the finer ones may still be on its way."""
        self.price_decimals = max(self.price_decimals, instrument.price_decimals)
        self.amount_decimals = max(self.amount_decimals, instrument.amount_decimals)

    def compare(self, now_ns: int, *, at_once: bool = False) -> None:
        """Holds the venues' prices against each other, now and then, or `at_once`. The lock is held."""
        if not at_once and 0 <= self._compare_at_ns - now_ns <= _COMPARE_EVERY_NS:
            return
        self._compare_at_ns = now_ns + _COMPARE_EVERY_NS
        books = list(self.books.values())
        # A book that is another venue's must not vouch for it.
        tops = [None if self._twin(book.venue) else book.top() for book in books]
        found = compare(tops, [book.distance for book in books], now_ns, self._policy.rule)
        for book, distance in zip(books, found, strict=True):
            if distance.suspect and self._policy.leave_out_suspects:
                distance = replace(distance, left_out=True)
            book.distance = distance

    def _twin(self, venue: str) -> str:
        """The venue whose live book this one shows, where it is at hand as well; empty: there is none."""
        source = self.books.get(self.books[venue].routed_from) if venue in self._routed else None
        return source.venue if source and source.state is State.LIVE and not source.distance.left_out else ""

    def _left_out(self, venue: str, wanted: Set[str] | None) -> str:
        """Why a venue's book is not merged although it is live; empty: it is."""
        if self.books[venue].distance.left_out:
            return "it is suspect: far from all other venues for long (--suspect exclude)"
        source = self._twin(venue) if self._policy.leave_out_routed else ""
        if source and (wanted is None or source in wanted):
            return f"it is the book of {source}, which is merged (--routed exclude)"
        return ""

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
                book.view(
                    levels if wanted is None or venue in wanted else 0,
                    dust,
                    self._left_out(venue, wanted) if book.state is State.LIVE else "",
                )
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
