"""One venue for the whole program: its catalog, its REST pool, its connections."""

import logging
import threading
import time
from collections.abc import Mapping, Sequence

from book import Connections, Instrument, Pair, PairBooks, State, VenueBook
from exchanges.backoff import Backoff
from exchanges.budget import Budget
from exchanges.connection import Connection
from exchanges.errors import ExchangeError
from exchanges.feed import Feed
from exchanges.protocol import Protocol
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
        self.standing = Connections()
        # Guards what follows: connections replace each other in their own threads, pairs come and go in others.
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self._carriers: dict[str, Connection] = {}  # by symbol: the connection that carries it
        self._streams: dict[str, str] = {}  # by symbol: the name of the stream that feeds it
        self._pairs: dict[Pair, PairBooks] = {}
        self._catalog: Sequence[Instrument] | None = None
        self._problem = ""  # why there is no catalog
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
        self._catalog, self._problem = catalog, problem
        self._pairs = dict(books)
        if catalog is not None:
            self._connect([(each, self._add(each, _listed(catalog, pair))) for pair, each in books.items()])
            return
        for pair_books in books.values():
            book = self._add(pair_books, None)
            with pair_books:
                book.become(State.DOWN, problem, time.time_ns())
        self._catalog_thread = threading.Thread(
            target=self._retry_catalog, name=f"{self.venue.name}-catalog", daemon=True
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

    def add(self, pair_books: PairBooks) -> None:
        """Adds this venue's book to a pair, and keeps it fed; any thread may call this."""
        with self._lock:
            self._pairs[pair_books.pair] = pair_books
            catalog = self._catalog
            if catalog is None:
                book = self._add(pair_books, None)
                with pair_books:
                    book.become(State.DOWN, self._problem, time.time_ns())
                return
        self._connect([(pair_books, self._add(pair_books, _listed(catalog, pair_books.pair)))])

    def remove(self, pair: Pair) -> None:
        """Feeds the book of a pair no longer; any thread may call this."""
        with self._lock:
            pair_books = self._pairs.pop(pair, None)
            symbol = pair_books.books[self.venue.name].symbol if pair_books else ""
            connection = self._carriers.pop(symbol, None)
            empty = connection is not None and connection not in self._carriers.values()
        if connection is None:
            return
        if empty:
            connection.stop()
        else:
            connection.remove([symbol])

    def _add(self, pair_books: PairBooks, instrument: Instrument | None) -> VenueBook:
        """Adds our book to a pair; until it has a threshold of its own, that of the connection's silence counts."""
        threshold_ns = round(self.venue.limits.dead_s * 1e9) if instrument else 0
        return pair_books.add(self.venue.name, instrument, self.standing, threshold_ns)

    def _connect(self, listed: Sequence[tuple[PairBooks, VenueBook]]) -> None:
        """Spreads books over connections: those that have room, and new ones."""
        for wide in (False, True):
            part = [
                (pair_books, book)
                for pair_books, book in listed
                if book.instrument and book.instrument.needs_decimal is wide
            ]
            while part:
                with self._lock:
                    streams = {_stream(book) for _, book in part}
                    connection, room = self._room(wide, streams)
                    chosen, part = part[:room], part[room:]
                    self._carry([(pair_books, book) for pair_books, book in chosen], connection)

    def _room(self, wide: bool, streams: set[str]) -> tuple[Connection | None, int]:
        """A connection that can carry more, and how many more; None: a new one is needed. The lock is held.

        One that has one of the `streams` already, under another name, will not do: to subscribe it again brings no
        snapshot.
        """
        most = self.venue.limits.pairs_per_connection
        carried: dict[Connection, set[str]] = {}
        for symbol, connection in self._carriers.items():
            carried.setdefault(connection, set()).add(self._streams[symbol])
        for connection, theirs in carried.items():
            if len(theirs) < most and connection.feed.protocol.wide is wide and not theirs & streams:
                return connection, most - len(theirs)
        return None, most

    def _carry(self, chosen: Sequence[tuple[PairBooks, VenueBook]], connection: Connection | None) -> None:
        """Gives books to a connection. The lock is held."""
        instruments = [book.instrument for _, book in chosen if book.instrument]
        books = {book.symbol: (pair_books, book) for pair_books, book in chosen}
        if connection is None:
            feed = Feed(self._protocol(instruments), books, time.time_ns)
            connection = self._start(feed, None, 0.0)
        else:
            connection.add(instruments, books)
        if connection is not None:
            self._carriers.update(dict.fromkeys(books, connection))
            self._streams.update({book.symbol: _stream(book) for _, book in chosen})

    def _succeed(self, connection: Connection, after_s: float) -> Connection | None:
        """Starts the connection that is to take over from this one; called in the latter's thread."""
        feed = connection.feed
        protocol = self._protocol(feed.protocol.instruments)
        public = {symbol: pair_books for symbol, (pair_books, _) in feed.books.items()}
        with self._lock:
            successor = self._start(Feed.warming(protocol, public, time.time_ns), connection, after_s)
            if successor is not None:
                self._carriers = {
                    symbol: successor if carrier is connection else carrier
                    for symbol, carrier in self._carriers.items()
                }
        return successor

    def _protocol(self, instruments: Sequence[Instrument]) -> Protocol:
        protocol = self.venue.protocol(instruments, self._options)
        protocol.trades.wanted = self._options.get("trades", "on") == "on"
        return protocol

    def _start(self, feed: Feed, predecessor: Connection | None, after_s: float) -> Connection | None:
        """Makes and starts a connection, unless all are to end. The lock is held."""
        if self._stopping.is_set():
            return None
        connection = Connection(
            self.venue, self.address.ws, feed, self.rest, self.connects, self._ca,
            standing=self.standing, succeed=self._succeed, predecessor=predecessor,
        )  # fmt: skip
        self._connections = [each for each in self._connections if each.alive] + [connection]
        connection.start(after_s)
        return connection

    def _retry_catalog(self) -> None:
        backoff = Backoff(first_s=2.0, cap_s=60.0)
        while True:
            wait = backoff.next_s()
            with self._lock:
                pairs = list(self._pairs.values())
            for pair_books in pairs:
                with pair_books:
                    book = pair_books.books[self.venue.name]
                    book.become(State.DOWN, self._problem, time.time_ns(), time.time_ns() + int(wait * 1e9))
            if self._stopping.wait(wait):
                return
            try:
                catalog = self.load_catalog()
            except ExchangeError as error:
                self._problem = str(error)
                log.warning("%s: no catalog: %s", self.venue.name, self._problem)
                continue
            if self._stopping.is_set():  # told to end while the catalog was on its way
                return
            with self._lock:  # pairs that are added from now on find the catalog
                self._catalog = catalog
                pairs = list(self._pairs.values())
            self._connect([(each, self._add(each, _listed(catalog, each.pair))) for each in pairs])
            return


def _stream(book: VenueBook) -> str:
    """The name of the stream that feeds a book; several names of a pair may share one."""
    instrument = book.instrument
    return instrument.alias_of or instrument.symbol if instrument else ""


def _listed(catalog: Sequence[Instrument], pair: Pair) -> Instrument | None:
    """The instrument of `pair`, one that trades rather than one that does not."""
    found = [instrument for instrument in catalog if instrument.pair == pair]
    return next((instrument for instrument in found if instrument.trading), None)
