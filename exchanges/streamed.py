"""A protocol whose streams begin with a snapshot: each symbol is subscribed, loaded, and subscribed anew when lost.

    idle -> waiting (for the snapshot) -> live -> (something is wrong) -> waiting

No I/O and no clock.
"""

import itertools
from abc import abstractmethod
from collections.abc import Sequence
from enum import Enum, auto

from book import Instrument, State
from exchanges.actions import Action, Become, Count, Fetch, Garbage, Load, Reconnect, Send, Snapshot, Timer
from exchanges.decode import UNREADABLE
from exchanges.probe import PROBE, PROBE_DUE, Diff, Prober
from exchanges.protocol import Protocol

SNAPSHOT, KEEPALIVE = "snapshot", "keepalive"  # purposes of timers
_TRIES = 4  # subscriptions that bring no snapshot; then another connection
_RETRY_GROWS = 1.25  # from then on, with each further one
_GARBLED = 2  # snapshots in a row that could not be read and are asked for again at once


class Phase(Enum):
    """Where a symbol stands."""

    IDLE = auto()
    WAITING = auto()
    LIVE = auto()


class StreamedBook:
    """What the protocol knows of one symbol. Owned by the thread of its connection."""

    def __init__(self, symbol: str, prober: Prober | None) -> None:
        self.symbol = symbol
        self.phase = Phase.IDLE
        self.position = 0
        self.epoch = 0  # of the subscription; timers of earlier ones are stale
        self.batch = 0  # books that were subscribed together have the same
        self.tries = 0  # subscriptions in a row that brought no snapshot
        self.garbled = 0  # of those, whose snapshot could not be read
        self.waited_s = 0.0  # for the latest one
        self.arrivals = 0  # snapshots of the connection, at the last look
        self.deaths = 0  # times that the stream was found dead on this connection
        self.prober = prober


class StreamedProtocol(Protocol):
    """One connection to a venue whose book channels send a snapshot first.

    A venue says how to subscribe, unsubscribe and read, and calls `loaded`, `applied` and `lost`. Where its REST book
    can be compared with a silent stream (`probes`), quiet is told from dead; where it carries the ids of the stream
    (`audits`), busy books are compared too, now and then.
    """

    probes = False
    audits = True
    netting = False  # whether the stream says nothing of changes that cancel each other out within one message
    retry_s = 2.0  # before a stream that brought no snapshot is subscribed again
    patience_s = 10.0  # the same, at most, while snapshots of others keep coming
    keepalive_s = 0.0  # between messages of ours that keep the connection open; 0: none are needed

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.books: dict[str, StreamedBook] = {}
        self._arrivals = 0  # snapshots that have come on this connection
        self._batches = itertools.count(1)
        self._epochs = itertools.count(1)  # of all books: one that goes and comes again must not hear its old timers
        super().__init__(instruments)

    # What a venue says.

    @abstractmethod
    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        """The requests that begin the streams of these symbols."""

    @abstractmethod
    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        """The requests that end them."""

    def anew(self, symbols: Sequence[str]) -> list[Action]:
        """What begins the streams of these symbols again. A venue that bounds the rate of requests spreads it."""
        return [*self.unsubscribe(symbols), *self.subscribe(symbols)]

    def unsent(self, symbol: str) -> bool:
        """Whether the request that `anew` was called for has yet to go out."""
        return False

    def keepalive(self) -> list[Send]:
        """What keeps the connection open."""
        return []

    def request(self, symbol: str, *, deep: bool) -> tuple[str, int, int]:
        """Path, weight and levels of the REST book to compare with; only where `probes`."""
        raise NotImplementedError(f"{type(self).__name__} compares with no REST book")

    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        """Decodes such a REST book; raises one of UNREADABLE."""
        raise NotImplementedError(f"{type(self).__name__} compares with no REST book")

    # Events.

    def opened(self) -> list[Action]:
        """Subscribes to everything."""
        actions = super().opened()
        if self.keepalive_s:
            actions.append(Timer("", 0, KEEPALIVE, self.keepalive_s))
        return actions

    def carry(self, instrument: Instrument) -> None:
        """What is to be known of a symbol."""
        self.books[instrument.symbol] = StreamedBook(instrument.symbol, self._prober(instrument.symbol))

    def drop(self, symbol: str) -> None:
        """Forgets it."""
        del self.books[symbol]

    def begin(self, symbols: Sequence[str]) -> list[Action]:
        """Subscribes, and waits for the snapshots."""
        actions: list[Action] = []
        batch = next(self._batches)
        for symbol in symbols:
            actions.append(Become(symbol, State.SYNCING, "subscribing"))
            actions.append(self._await(self.books[symbol], batch))
        return [*actions, *self.subscribe(symbols)] if symbols else []

    def end(self, symbols: Sequence[str]) -> list[Action]:
        """Ends the streams."""
        return list(self.unsubscribe(symbols)) if symbols else []

    def loaded(self, symbol: str, snapshot: Snapshot) -> list[Action]:
        """The snapshot of a stream has come; at any time it replaces the book.

        The actions on the book are the last ones, so that a Verify may follow them under the same lock.
        """
        book = self.books[symbol]
        actions = book.prober.start(snapshot.position)[::-1] if book.prober else []
        actions.append(Load(symbol, snapshot))
        if book.phase is not Phase.LIVE:
            actions.append(Become(symbol, State.LIVE))
        book.phase, book.position, book.tries, book.garbled = Phase.LIVE, snapshot.position, 0, 0
        self._arrivals += 1
        return actions

    def applied(self, symbol: str, diff: Diff) -> list[Action]:
        """A diff that continues the book was applied."""
        book = self.books[symbol]
        book.position = diff.last
        return book.prober.applied(diff) if book.prober else []

    def garbled(self, symbols: Sequence[str], reason: str = "a message could not be read") -> list[Action]:
        """A message of one of these could not be read: live ones are lost, awaited snapshots asked for again."""
        books = [self.books[each] for each in symbols]
        live = [book.symbol for book in books if book.phase is Phase.LIVE]
        again = [book for book in books if book.phase is Phase.WAITING and book.garbled < _GARBLED]
        for book in again:  # the others have their timer
            book.garbled += 1
            book.tries -= 1
        waiting = [book.symbol for book in again]
        return [*self.all_lost(live, State.GAP, reason), *self.restart(waiting, State.SYNCING, reason)]

    def lost(self, symbol: str, state: State, reason: str) -> list[Action]:
        """The book of `symbol` cannot be continued: it is hidden, and its stream begun anew."""
        return self.all_lost([symbol], state, reason)

    def all_lost(self, symbols: Sequence[str], state: State, reason: str) -> list[Action]:
        """The same for several at once, where what was missed may have been for each of them."""
        gaps: list[Action] = [Count(each, "gaps") for each in symbols] if state is State.GAP else []
        return [*gaps, *self.restart(symbols, state, reason)]

    def resync(self, symbol: str, state: State, reason: str) -> list[Action]:
        """Hides the book and subscribes anew."""
        return self.restart([symbol], state, reason)

    def restart(self, symbols: Sequence[str], state: State, reason: str) -> list[Action]:
        """Hides these books and subscribes to all of them anew, in as few requests as may be."""
        begun = [each for each in symbols if self.books[each].phase is not Phase.IDLE]
        actions: list[Action] = []
        batch = next(self._batches)
        for each in begun:
            actions += [Become(each, state, reason), self._await(self.books[each], batch)]
        return [*actions, *self.anew(begun)] if begun else []

    def refused(self, symbol: str, reason: str) -> list[Action]:
        """The venue will not send this stream."""
        book = self.books[symbol]
        book.phase = Phase.IDLE
        book.epoch = next(self._epochs)
        return [Become(symbol, State.DOWN, reason)]

    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """A timer of ours ran out."""
        if purpose == KEEPALIVE:
            return [*self.keepalive(), Timer("", 0, KEEPALIVE, self.keepalive_s)]
        book = self.books[symbol]
        if purpose in (PROBE, PROBE_DUE) and book.prober:
            return book.prober.timeout(generation, purpose)
        if purpose != SNAPSHOT or book.phase is not Phase.WAITING or generation != book.epoch:
            return []
        return self._overdue(book)

    def snapshot(self, fetch: Fetch, body: bytes) -> list[Action]:
        """A REST book to compare with."""
        prober = self.books[fetch.symbol].prober
        if prober is None:
            return []
        try:
            told = self.read_snapshot(body, fetch.levels)
        except UNREADABLE as error:
            garbage = Garbage(fetch.symbol, f"snapshot: {error}", body)
            return [garbage, *prober.failed(fetch.generation, postponed=False)]
        return prober.told(fetch.generation, self.placed(fetch.symbol, told))

    def placed(self, symbol: str, told: Snapshot) -> Snapshot:
        """A REST book at its position, where its body alone does not tell that."""
        return told

    def inherit(self, fetch: Fetch, snapshot: Snapshot) -> list[Action]:
        """Never asked for: a new connection begins with snapshots of its own."""
        return []

    def failed(self, fetch: Fetch, reason: str, retry_s: float, *, postponed: bool = False) -> list[Action]:
        """The REST book to compare with could not be had."""
        prober = self.books[fetch.symbol].prober
        return prober.failed(fetch.generation, postponed=postponed) if prober else []

    def refresh(self, symbol: str) -> list[Action]:
        """The venue keeps the depth of its stream: there is nothing to extend."""
        return []

    def probe(self, symbol: str) -> list[Action]:
        """Holds a live book against the venue's REST book."""
        book = self.books[symbol]
        return book.prober.now() if book.prober and book.phase is Phase.LIVE else []

    def closed(self) -> None:
        """Forgets all that belonged to the connection."""
        super().closed()
        for book in self.books.values():
            book.phase, book.position, book.tries, book.garbled, book.deaths = Phase.IDLE, 0, 0, 0, 0
            book.epoch = next(self._epochs)
            if book.prober:
                book.prober.stop()

    # Within.

    def _await(self, book: StreamedBook, batch: int) -> Timer:
        book.batch = batch
        book.phase, book.position, book.waited_s = Phase.WAITING, 0, 0.0
        book.epoch = next(self._epochs)
        book.tries += 1
        if book.prober:
            book.prober.stop()
        return self._look_later(book)

    def _look_later(self, book: StreamedBook) -> Timer:
        book.arrivals = self._arrivals
        return Timer(book.symbol, book.epoch, SNAPSHOT, self._wait_s(book))

    def _wait_s(self, book: StreamedBook) -> float:
        return float(min(self.retry_s * _RETRY_GROWS ** max(0, book.tries - _TRIES), self.patience_s))

    def _overdue(self, book: StreamedBook) -> list[Action]:
        """No snapshot yet. Where the request has not gone out, or others come one after the other, its turn will."""
        if self.unsent(book.symbol):
            return [self._look_later(book)]
        book.waited_s += self._wait_s(book)
        if self._arrivals > book.arrivals and book.waited_s < self.patience_s:
            return [self._look_later(book)]
        if book.tries >= _TRIES:
            return [self._await(book, 0), Reconnect(f"no snapshot of {book.symbol} came", overlap=True)]
        waiting = [each for each in self.books.values() if each.phase is Phase.WAITING and each.batch == book.batch]
        late = [each.symbol for each in waiting if not self.unsent(each.symbol)]
        return self.restart(late, State.SYNCING, "no snapshot came; subscribing again")

    def _prober(self, symbol: str) -> Prober | None:
        if not self.probes:
            return None

        def ask(number: int, deep: bool) -> Fetch:
            path, weight, levels = self.request(symbol, deep=deep)
            return Fetch(symbol, number, path, weight, levels, probe=True)

        def dead(reason: str) -> list[Action]:
            return self._dead(self.books[symbol], reason)

        def unsure(reason: str) -> list[Action]:
            return self.resync(symbol, State.STALE, reason)  # the snapshot of a stream costs no budget

        return Prober(symbol, ask, dead, unsure, netting=self.netting, audits=self.audits)

    def _dead(self, book: StreamedBook, reason: str) -> list[Action]:
        """The stream tells nothing of what happens: begun anew, and at the second time on another connection."""
        book.deaths += 1
        actions = self.resync(book.symbol, State.STALE, reason)
        return actions if book.deaths < 2 else [*actions, Reconnect(f"{book.symbol}: {reason}", overlap=True)]
