"""One venue for the whole program: its catalog, its REST pool, its connections."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from book import Connections, Instrument, Pair, PairBooks, State, VenueBook
from exchanges.budget import Budget
from exchanges.connection import Connection
from exchanges.feed import Feed
from exchanges.listings import DEFAULT_EVERY_S, Listings
from exchanges.protocol import Protocol
from exchanges.rest import RestClient
from exchanges.venue import Address, Venue

log = logging.getLogger(__name__)

_CONNECTION_ENDS_S = 3.0
_READING = "reading the venue's list of pairs"


class VenueSession:
    """Runs one venue. Started and stopped by the program's main thread; all else may be called from any thread."""

    def __init__(
        self,
        venue: Venue,
        address: Address,
        options: Mapping[str, str] | None = None,
        ca: str | None = None,
        *,
        catalog_every_s: float = DEFAULT_EVERY_S,
        on_catalog: Callable[[], None] = lambda: None,
    ) -> None:
        """`catalog_every_s`: how often the list of pairs is read again; 0: never by itself.

        `on_catalog` is called in a thread of ours after each list that was read again.
        """
        self.venue = venue
        self.address = address
        self.rest = RestClient(venue, address.rest, ca)
        self.options = options or {}
        self._ca = ca
        self._catalog_every_s = catalog_every_s
        self._on_catalog = on_catalog
        self.connects = Budget(venue.limits.connects, venue.limits.connect_window_s)
        self.standing = Connections()
        # Guards what follows: connections replace each other in their own threads, pairs and the whole venue come and
        # go in others. The lock of a pair may be taken under it, never the other way round.
        self._lock = threading.RLock()
        self._connections: list[Connection] = []
        self._carriers: dict[str, Connection] = {}  # by symbol: the connection that carries it
        self._streams: dict[str, str] = {}  # by symbol: the name of the stream that feeds it
        self._pairs: dict[Pair, PairBooks] = {}
        self._trading: dict[Pair, Instrument] | None = None  # what the catalog lists and the venue trades
        self._catalog: tuple[Instrument, ...] = ()
        self._traded: set[Pair] = set()  # the pairs that are carried and that the venue trades, or has traded
        self._problem = ""  # why there is no catalog
        self._disabled = ""  # why the venue is switched off; empty: it is not
        self._stopping = threading.Event()
        self._listings: Listings | None = None

    def load_catalog(self) -> list[Instrument]:
        """Every pair that the venue lists; blocks; raises an ExchangeError."""
        return self.venue.parse_catalog(self.rest.get(self.venue.catalog_path, self.venue.catalog_weight))

    def start(self, books: Mapping[Pair, PairBooks], catalog: Sequence[Instrument] | None, problem: str) -> None:
        """Adds this venue's book to each pair of `books` and keeps them fed.

        `catalog` None: it could not be loaded because of `problem`; the books are DOWN and it is tried again. Without
        a problem it has not been tried: that is done at once.
        """
        with self._lock:
            self._pairs = dict(books)
            if self._disabled:
                self._enter(State.DISABLED, self._disabled)
                return
            self.rest.start()
            if catalog is None:
                self._enter(State.DOWN if problem else State.CONNECTING, problem or _READING)
            else:
                self._trading, self._catalog = _by_pair(catalog), tuple(catalog)
                self._connect([(each, self._add(each)) for each in books.values()])
            self._watch_listings(have=catalog is not None, problem=problem)

    def stop(self) -> None:
        """Ends all threads of this venue; returns when the connections are closed."""
        self._stopping.set()
        with self._lock:  # no connection is added after this: _stopping is set
            self.rest.stop()
            listings, connections = self._listings, list(self._connections)
        if listings:
            listings.stop()
            listings.join(_CONNECTION_ENDS_S)
        for connection in connections:
            connection.stop()
        for connection in connections:
            connection.join(_CONNECTION_ENDS_S)

    @property
    def disabled(self) -> str:
        """Why the venue is switched off; empty: it is not."""
        return self._disabled

    @property
    def catalog(self) -> Sequence[Instrument]:
        """All that the venue lists; empty while that is not known."""
        return self._catalog

    def disable(self, reason: str) -> bool:
        """Switches the venue off: its books are empty at once, connections and requests end. False: it was off."""
        with self._lock:
            if self._disabled:
                return False
            self._disabled = reason
            self._enter(State.DISABLED, reason)
            self.rest.stop()
            if self._listings:
                self._listings.stop()
            self._listings, self._trading, self._catalog = None, None, ()
            self._carriers.clear()
            self._streams.clear()
            for connection in self._connections:  # what they still write goes into books that nobody sees any more
                connection.relieve()
        log.warning("%s: %s", self.venue.name, reason)
        return True

    def enable(self) -> bool:
        """Switches it on again, from its catalog on. False: it was on."""
        with self._lock:
            if not self._disabled:
                return False
            self._disabled = ""
            self.rest = RestClient(self.venue, self.address.rest, self._ca, self.rest.budget)
            self.rest.start()
            self._enter(State.CONNECTING, _READING)
            self._watch_listings(have=False, problem="")
        log.info("%s: enabled", self.venue.name)
        return True

    def read_catalog(self, every_s: float | None = None) -> None:
        """Reads the list of pairs again, now. `every_s`: and from now on so often."""
        with self._lock:
            if every_s is not None:
                self._catalog_every_s = every_s
            if self._listings:
                self._listings.every(self._catalog_every_s)
                self._listings.look()

    def banned_until_ns(self) -> int:
        """Until when the venue has told us to ask nothing, ns since the epoch; 0: not banned."""
        left = self.rest.budget.banned_until - time.monotonic()
        return time.time_ns() + int(left * 1e9) if left > 0 else 0

    def add(self, *books: PairBooks) -> None:
        """Adds this venue's book to some pairs, and keeps them fed."""
        with self._lock:
            self._pairs.update({each.pair: each for each in books})
            if self._disabled:
                self._enter(State.DISABLED, self._disabled, books)
            elif self._trading is None:
                self._enter(State.DOWN if self._problem else State.CONNECTING, self._problem or _READING, books)
            else:
                self._connect([(each, self._add(each)) for each in books])

    def remove(self, pair: Pair) -> None:
        """Feeds the book of a pair no longer."""
        with self._lock:
            pair_books = self._pairs.pop(pair, None)
            if pair_books:
                self._traded.discard(pair)
                self._take_off(pair_books.books[self.venue.name].symbol)
                self._enter(State.DOWN, f"this server does not carry {pair} any more", [pair_books])

    # Books and what carries them; the lock is held.

    def _take_off(self, symbol: str) -> None:
        """No connection carries the symbol any more."""
        connection = self._carriers.pop(symbol, None)
        if connection is None:
            return
        if connection in self._carriers.values():
            connection.remove([symbol])
        else:
            connection.stop()

    def _enter(self, state: State, reason: str, books: Sequence[PairBooks] | None = None) -> None:
        """Begins books anew that nobody feeds: those of all pairs, or some."""
        now_ns = time.time_ns()
        for pair_books in self._pairs.values() if books is None else books:
            present = pair_books.books.get(self.venue.name)
            instrument = present.instrument if present else None
            pair_books.add(self.venue.name, instrument, self.standing, entered=(state, reason, now_ns))
            pair_books.trades.lose(self.venue.name, reason)
            with pair_books:
                pair_books.compare(now_ns, at_once=True)

    def _add(self, pair_books: PairBooks) -> VenueBook:
        """Adds our book to a pair; until it has a threshold of its own, that of the connection's silence counts."""
        instrument = (self._trading or {}).get(pair_books.pair)
        if instrument:
            self._traded.add(pair_books.pair)
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
                streams = {_stream(book) for _, book in part}
                connection, room = self._room(wide, streams)
                chosen, part = part[:room], part[room:]
                self._carry(chosen, connection)

    def _room(self, wide: bool, streams: set[str]) -> tuple[Connection | None, int]:
        """A connection that can carry more, and how many more; None: a new one is needed.

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
        """Gives books to a connection."""
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

    def _protocol(self, instruments: Sequence[Instrument]) -> Protocol:
        protocol = self.venue.protocol(instruments, self.options)
        protocol.trades.wanted = self.options.get("trades", "on") == "on"
        return protocol

    def _start(self, feed: Feed, predecessor: Connection | None, after_s: float) -> Connection | None:
        """Makes and starts a connection, unless all are to end."""
        if self._stopping.is_set() or self._disabled:
            return None
        connection = Connection(
            self.venue, self.address.ws, feed, self.rest, self.connects, self._ca,
            standing=self.standing, succeed=self._succeed, predecessor=predecessor,
        )  # fmt: skip
        self._connections = [each for each in self._connections if each.alive] + [connection]
        connection.start(after_s)
        return connection

    def _succeed(self, connection: Connection, after_s: float) -> Connection | None:
        """Starts the connection that is to take over from this one; called in the latter's thread."""
        feed = connection.feed
        public = {symbol: pair_books for symbol, (pair_books, _) in feed.books.items()}
        with self._lock:
            # As the catalog tells of them by now.
            present = [public[each.symbol].books[self.venue.name].instrument for each in feed.protocol.instruments]
            protocol = self._protocol(
                [
                    now if now and now.symbol == then.symbol else then
                    for then, now in zip(feed.protocol.instruments, present, strict=True)
                ]
            )
            successor = self._start(Feed.warming(protocol, public, time.time_ns), connection, after_s)
            if successor is not None:
                self._carriers = {
                    symbol: successor if carrier is connection else carrier
                    for symbol, carrier in self._carriers.items()
                }
        return successor

    # The catalog.

    def _watch_listings(self, *, have: bool, problem: str) -> None:
        self._problem = problem
        self._listings = Listings(
            self.venue.name, self.load_catalog, self._had_catalog, self._no_catalog, self._catalog_every_s
        )
        self._listings.start(have=have, problem=problem)

    def _no_catalog(self, listings: Listings, problem: str, again_s: float) -> None:
        """There is still none."""
        with self._lock:
            if listings is self._listings:
                self._problem = problem
                now_ns = time.time_ns()
                for pair_books in self._pairs.values():
                    with pair_books:
                        book = pair_books.books[self.venue.name]  # which nobody feeds
                        book.become(State.DOWN, problem, now_ns, now_ns + int(again_s * 1e9))

    def _had_catalog(self, listings: Listings, catalog: Sequence[Instrument]) -> bool:
        """Follows what the venue lists now; whether pairs are gone that are carried."""
        with self._lock:
            if listings is not self._listings or self._stopping.is_set():
                return False
            before, self._trading = self._trading, _by_pair(catalog)
            self._catalog = tuple(catalog)
            fresh = [
                (pair_books, self._add(pair_books))
                for pair_books in self._pairs.values()
                if before is None or self._differs(pair_books, before.get(pair_books.pair))
            ]
            self._connect(fresh)
            gone = not self._traded <= self._trading.keys()
        self._on_catalog()
        return gone

    def _differs(self, pair_books: PairBooks, then: Instrument | None) -> bool:
        """Whether the book of a pair must begin anew, since its listing is not what it was."""
        now = (self._trading or {}).get(pair_books.pair)
        if now == then:
            return False
        name, pair = self.venue.name, pair_books.pair
        if now and then and _alike(now, then):
            log.info("%s %s: the venue's list says something else of it now", name, pair)
            with pair_books:
                pair_books.describe(now)
            return False
        if then:
            self._take_off(then.symbol)
            pair_books.trades.lose(name, "the venue's listing has changed")
        if not now:
            log.warning("%s does not trade %s any more", name, pair)
        elif not then:
            log.info("%s trades %s now", name, pair)
        else:
            log.warning("%s %s begins anew: its symbol or its steps have changed", name, pair)
        return True


def _stream(book: VenueBook) -> str:
    """The name of the stream that feeds a book; several names of a pair may share one."""
    instrument = book.instrument
    return instrument.alias_of or instrument.symbol if instrument else ""


def _by_pair(catalog: Sequence[Instrument]) -> dict[Pair, Instrument]:
    """What trades; the first one of a pair that is listed twice."""
    found: dict[Pair, Instrument] = {}
    for each in catalog:
        if each.trading:
            found.setdefault(each.pair, each)
    return found


def _alike(now: Instrument, then: Instrument) -> bool:
    """Whether a connection that carries `then` may go on: it knows symbol and steps, and how to decode numbers."""
    return (now.symbol, now.alias_of, now.tick_size, now.lot_size, now.needs_decimal) == (
        then.symbol, then.alias_of, then.tick_size, then.lot_size, then.needs_decimal
    )  # fmt: skip
