"""One venue for the whole program: its catalog, its REST pool, its connections."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence

from book import Instrument, Pair, PairBooks, State, VenueBook
from exchanges.backoff import Backoff
from exchanges.budget import Budget
from exchanges.connection import Connection
from exchanges.errors import ExchangeError
from exchanges.feed import Feed
from exchanges.rest import RestClient
from exchanges.venue import Address, Venue

log = logging.getLogger(__name__)

_CONNECTION_ENDS_S = 3.0


class VenueSession:
    """Runs one venue. Built, started and stopped by the program's main thread."""

    def __init__(
        self,
        venue: Venue,
        address: Address,
        options: Mapping[str, str] | None = None,
        ca: str | None = None,
    ) -> None:
        self.venue = venue
        self.address = address
        self.rest = RestClient(venue, address.rest, ca)
        self._options = options or {}
        self._ca = ca
        self.connects = Budget(venue.limits.connects, venue.limits.connect_window_s)
        self._lock = threading.Lock()  # guards the list: connections replace each other in their own threads
        self._connections: list[Connection] = []
        self._stopping = threading.Event()
        self._catalog_thread: threading.Thread | None = None

    def load_catalog(self) -> list[Instrument]:
        """Every pair that the venue lists; blocks; raises an ExchangeError."""
        return self.venue.parse_catalog(self.rest.get(self.venue.catalog_path, self.venue.catalog_weight))

    def start(self, books: Mapping[Pair, PairBooks], catalog: Sequence[Instrument] | None, problem: str) -> None:
        """Adds this venue's book to each pair of `books` and keeps them fed.

        `catalog` None: it could not be loaded because of `problem`; the books are DOWN and it is tried again.
        """
        self.rest.start()
        if catalog is not None:
            self._connect(
                {pair: pair_books.add(self.venue.name, _listed(catalog, pair)) for pair, pair_books in books.items()}
                , books,
            )  # fmt: skip
            return
        for pair_books in books.values():
            book = pair_books.add(self.venue.name, None)
            with pair_books:
                book.become(State.DOWN, problem, time.time_ns())
        self._catalog_thread = threading.Thread(
            target=self._retry_catalog, args=(books, problem), name=f"{self.venue.name}-catalog", daemon=True
        )
        self._catalog_thread.start()

    def stop(self) -> None:
        """Ends all threads of this venue; returns when the connections are closed."""
        self._stopping.set()
        self.rest.stop()
        if self._catalog_thread:
            self._catalog_thread.join(_CONNECTION_ENDS_S)
        with self._lock:  # none is added after this: _stopping is set
            connections = list(self._connections)
        for connection in connections:
            connection.stop()
        for connection in connections:
            connection.join(_CONNECTION_ENDS_S)

    def banned_until_ns(self) -> int:
        """Until when the venue has told us to ask nothing, ns since the epoch; 0: not banned."""
        left = self.rest.budget.banned_until - time.monotonic()
        return time.time_ns() + int(left * 1e9) if left > 0 else 0

    def _connect(self, venue_books: Mapping[Pair, VenueBook], books: Mapping[Pair, PairBooks]) -> None:
        """One connection for as many listed pairs as it may carry."""
        listed = [book for book in venue_books.values() if book.instrument is not None]
        size = self.venue.limits.pairs_per_connection
        for start in range(0, len(listed), size):
            part = listed[start : start + size]
            protocol = self.venue.protocol([book.instrument for book in part if book.instrument], self._options)
            feed = Feed(protocol, {book.symbol: (books[book.pair], book) for book in part}, time.time_ns)
            self._start(feed, None, 0.0)

    def _succeed(self, connection: Connection, after_s: float) -> Connection | None:
        """Starts the connection that is to take over from this one; called in the latter's thread."""
        feed = connection.feed
        protocol = self.venue.protocol(feed.protocol.instruments, self._options)
        public = {symbol: pair_books for symbol, (pair_books, _) in feed.books.items()}
        return self._start(Feed.warming(protocol, public, time.time_ns), connection, after_s)

    def _start(self, feed: Feed, predecessor: Connection | None, after_s: float) -> Connection | None:
        """Makes and starts a connection, unless all are to end."""
        with self._lock:
            if self._stopping.is_set():
                return None
            connection = Connection(
                self.venue, self.address.ws, feed, self.rest, self.connects, self._ca,
                succeed=self._succeed, predecessor=predecessor,
            )  # fmt: skip
            self._connections = [each for each in self._connections if each.alive] + [connection]
            connection.start(after_s)
        return connection

    def _retry_catalog(self, books: Mapping[Pair, PairBooks], problem: str) -> None:
        backoff = Backoff(first_s=2.0, cap_s=60.0)
        while True:
            wait = backoff.next_s()
            for pair_books in books.values():
                with pair_books:
                    book = pair_books.books[self.venue.name]
                    book.become(State.DOWN, problem, time.time_ns(), time.time_ns() + int(wait * 1e9))
            if self._stopping.wait(wait):
                return
            try:
                catalog = self.load_catalog()
            except ExchangeError as error:
                problem = str(error)
                log.warning("%s: no catalog: %s", self.venue.name, problem)
                continue
            if self._stopping.is_set():  # told to end while the catalog was on its way
                return
            self._connect(
                {pair: each.add(self.venue.name, _listed(catalog, pair)) for pair, each in books.items()}, books
            )
            return


def _listed(catalog: Sequence[Instrument], pair: Pair) -> Instrument | None:
    """The instrument of `pair`, one that trades rather than one that does not."""
    found = [instrument for instrument in catalog if instrument.pair == pair]
    return next((instrument for instrument in found if instrument.trading), None)
