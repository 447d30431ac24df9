"""A protocol together with the books that it feeds: carries out what the protocol wants done to books.

No I/O: what is to be done on the network is handed back. The connection's thread drives it live; tests and
replay drive the very same object.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from book import Instrument, PairBooks, State, VenueBook
from book.instrument import decimals_of
from exchanges.actions import (
    Action,
    Apply,
    Audit,
    Become,
    BookAction,
    Compare,
    Count,
    Fetch,
    Garbage,
    Load,
    NetworkAction,
    Snapshot,
    Threshold,
    Timer,
    TradeAction,
    Traded,
    TradesMissed,
    TradesStand,
    Verify,
)
from exchanges.lag import LagWatch
from exchanges.protocol import Protocol
from exchanges.trades import TRADES, EarlyTrades

log = logging.getLogger(__name__)

_BOOK_ACTIONS = (Apply, Audit, Load, Become, Count, Compare, Verify, Threshold)
_TRADE_ACTIONS = (Traded, TradesStand, TradesMissed)
_HORIZON_EVERY_S = 5.0
_HORIZON_WORN = 0.5  # of the known depth that the best price may use up before a fresh snapshot extends it
_FINEST = 18  # decimals; no asset has more, and a price of 1e-300 must not set the scale of a pair
_KINDS_LOGGED = 64  # kinds of garbage that are logged once each; further ones are only counted

Books = Mapping[str, tuple[PairBooks, VenueBook]]  # by the venue's symbol


class Feed:
    """One connection's protocol and books. Owned by the connection's thread.

    A feed that is made by `warming` builds books that nobody sees, out of those that another connection keeps, and
    puts them in their place one by one as soon as they are as far.
    """

    def __init__(self, protocol: Protocol, books: Books, clock_ns: Callable[[], int]) -> None:
        self.protocol = protocol
        self.books = dict(books)
        self._clock_ns = clock_ns
        self._crossed: dict[str, int] = {}  # by symbol: the moment since which a running timer watches a cross
        self._kinds: set[str] = set()  # of garbage, that were logged
        self._lags = {symbol: LagWatch() for symbol in books}
        self._public: dict[str, PairBooks] = {}  # by symbol: where our book has yet to take its place
        self._early: dict[str, EarlyTrades] = {}  # by symbol: its trades, until then
        self._present: dict[str, VenueBook] = {}  # by symbol: that of the book which stands there now

    @classmethod
    def warming(cls, protocol: Protocol, public: Mapping[str, PairBooks], clock_ns: Callable[[], int]) -> "Feed":
        """A feed that is to take over the books of the venue in `public` (by symbol)."""
        books: dict[str, tuple[PairBooks, VenueBook]] = {}
        for instrument in protocol.instruments:
            private = PairBooks(instrument.pair)
            books[instrument.symbol] = private, private.add(instrument.venue, instrument)
        feed = cls(protocol, books, clock_ns)
        feed._public = dict(public)
        feed._present = {symbol: public[symbol].books[book.venue] for symbol, (_, book) in books.items()}
        return feed

    def inherit(self, fetch: Fetch) -> list[NetworkAction] | None:
        """Answers a request for a snapshot out of the live book that is to be taken over; None: there is none."""
        public = self._public.get(fetch.symbol)
        if public is None or fetch.probe or fetch.symbol not in self.books:
            return None
        whole = public.whole(self.books[fetch.symbol][1].venue)
        if whole is None:
            return None
        position, bids, asks, stamps, known_bid, known_ask = whole
        snapshot = Snapshot(position, bids, asks, stamps.venue_ns, known_bid, known_ask)
        return self._carry_out(self.protocol.inherit(fetch, snapshot), stamps.received_ns)

    def take_over(self, *, orphaned: bool, ahead: bool = False) -> bool:
        """Puts each book that stands where the present one does in its place; True when none is left to take over.

        `orphaned`: the connection that kept the present ones has ended. `ahead`: a book may also be further than the
        present one, whose readers then miss what lies between. Books that are live in neither keep nobody alive.
        """
        for symbol, public in list(self._public.items()):
            present = self._present[symbol]
            if public.books[present.venue] is not present:  # put aside meanwhile: nothing is left to take over
                del self._public[symbol], self._present[symbol]
                self._early.pop(symbol, None)
                continue
            if self.protocol.trades.is_awaited(symbol) and not (ahead or orphaned):
                continue  # the present connection's trades are still wanted
            if _may_replace(self.books[symbol][1], present, orphaned=orphaned, ahead=ahead):
                self._publish(symbol)
        if any(self._present[symbol].state is State.LIVE for symbol in self._public):
            return False
        for symbol in list(self._public):
            self._publish(symbol)
        return True

    def add(self, instruments: Sequence[Instrument], books: Books) -> list[NetworkAction]:
        """Keeps these books too."""
        self.books.update(books)
        self._lags.update({symbol: LagWatch() for symbol in books})
        return self._carry_out(self.protocol.add(instruments), self._clock_ns())

    def remove(self, symbols: Sequence[str]) -> list[NetworkAction]:
        """Keeps these no longer; nobody may see them any more."""
        known = [symbol for symbol in symbols if symbol in self.books]
        network = self._carry_out(self.protocol.remove(known), self._clock_ns())
        for symbol in known:
            del self.books[symbol], self._lags[symbol]
            self._public.pop(symbol, None)
            self._early.pop(symbol, None)
            self._present.pop(symbol, None)
            self._crossed.pop(symbol, None)
        return network

    def crashed(self) -> None:
        """A defect of ours ended the connection's session."""
        for pair_books, book in self.books.values():
            with pair_books:
                book.counters.restarts += 1

    def connecting(self, reason: str = "connecting") -> None:
        """A connection is being made."""
        for pair_books, book in self.books.values():
            with pair_books:
                book.counters.connects += 1
        self._all(State.CONNECTING, reason)

    def opened(self) -> list[NetworkAction]:
        """The connection stands."""
        return self._carry_out(self.protocol.opened(), self._clock_ns())

    def frame(self, frame: bytes, received_ns: int) -> list[NetworkAction]:
        """One text frame, read at `received_ns`."""
        return self._carry_out(self.protocol.frame(frame), received_ns)

    def snapshot(self, fetch: Fetch, body: bytes, received_ns: int) -> list[NetworkAction]:
        """The body of a fetched snapshot, read at `received_ns`."""
        if fetch.symbol not in self.books:
            return []  # removed meanwhile
        return self._carry_out(self.protocol.snapshot(fetch, body), received_ns)

    def failed(self, fetch: Fetch, reason: str, retry_s: float, *, postponed: bool = False) -> list[NetworkAction]:
        """A fetch got no answer of use. `postponed`: it was not even made, for want of budget."""
        if fetch.symbol not in self.books:
            return []
        actions = self.protocol.failed(fetch, reason, retry_s, postponed=postponed)
        return self._carry_out(actions, self._clock_ns())

    def timeout(self, timer: Timer) -> list[NetworkAction]:
        """A timer ran out: ours, or the protocol's."""
        symbol, generation, purpose, _ = timer
        if symbol and symbol not in self.books:
            return []
        if purpose == TRADES:
            actions = self.protocol.trades.timeout(generation)
        elif purpose == "crossed":
            actions = self._still_crossed(symbol, generation)
        elif purpose == "horizon":
            actions = self._horizon(timer)
        else:
            actions = self.protocol.timeout(symbol, generation, purpose)
        return self._carry_out(actions, self._clock_ns())

    def resumed(self) -> list[NetworkAction]:
        """The connection speaks again after a silence that was long enough to be asked about."""
        return self._carry_out(self.protocol.resumed(), self._clock_ns())

    def stale(self, reason: str) -> None:
        """Nothing is heard any more: no book of this connection may be shown."""
        self._all(State.STALE, reason)

    def closed(self, reason: str, next_try_ns: int) -> None:
        """The connection is gone; the next attempt is at `next_try_ns` (0: none is planned)."""
        self.protocol.closed()
        self._early.clear()
        for pair_books, book in self.books.values():
            if pair_books.books.get(book.venue) is book:  # else another connection has taken over its trades too
                pair_books.trades.lose(book.venue, f"connection lost: {reason}")
        self._crossed.clear()
        self._all(State.DOWN, reason, next_try_ns)

    def _carry_out(self, actions: Sequence[Action], received_ns: int) -> list[NetworkAction]:
        network: list[NetworkAction] = []
        todo = list(actions)
        while todo:
            if isinstance(todo[0], _BOOK_ACTIONS):
                symbol = todo[0].symbol
                count = 1
                while count < len(todo) and isinstance(todo[count], _BOOK_ACTIONS) and todo[count].symbol == symbol:  # type: ignore[union-attr]
                    count += 1
                more = self._on_book(symbol, todo[:count], received_ns)  # type: ignore[arg-type]
                todo = more + todo[count:]
            else:
                action = todo.pop(0)
                if isinstance(action, _TRADE_ACTIONS):
                    self._trades(action, received_ns)
                elif isinstance(action, Garbage):
                    self._garbage(action)
                else:
                    network.append(action)  # type: ignore[arg-type]
        return network

    def _trades(self, action: TradeAction, received_ns: int) -> None:
        """To the pair's tape, which has a lock of its own; of a feed that warms up, when its turn has come."""
        pair_books, book = self.books[action.symbol]
        if action.symbol in self._public:
            self._early.setdefault(action.symbol, EarlyTrades()).keep(action, received_ns)
        elif pair_books.books[book.venue] is book:  # else it was put aside: the venue is off, or the listing changed
            action.on(pair_books.trades, book.venue, received_ns, self._clock_ns())

    def _on_book(self, symbol: str, actions: Sequence[BookAction], received_ns: int) -> list[Action]:
        """Carries out all of one message under the pair's lock; returns what has to be done about the outcome."""
        pair_books, book = self.books[symbol]
        problem = None
        heal: Callable[[str], list[Action]] | None = None
        applied_ns = self._clock_ns()
        loads: list[Load] = []
        lags, venue_ns = self._lags[symbol], 0
        for action in actions:
            if isinstance(action, Apply):
                venue_ns = action.venue_ns
            elif isinstance(action, Load):
                loads.append(action)
        behind = venue_ns > 0 and lags.behind(venue_ns, received_ns)
        with pair_books:
            book.least_lag_ns = lags.least_ns  # told with the update that changed it
            before = book.state
            for action in actions:
                found = action.on(book, received_ns, applied_ns)
                if found:
                    problem, heal = found, action.heal if isinstance(action, Compare) else None
            if problem:  # no reader may see a book that is known to be wrong
                book.become(State.GAP, f"audit failed: {problem}", applied_ns)
            state, reason, crossed_ns = book.state, book.reason, book.crossed_since_ns
            pair_books.compare(applied_ns, at_once=state is not before)
        if state is not before:
            self._log_state(book, before, state, reason)
        more: list[Action] = []
        if problem:
            log.warning("%s %s: audit failed: %s", book.venue, book.pair, problem)
            more += heal(problem) if heal else self.protocol.resync(symbol, State.GAP, f"audit failed: {problem}")
        if crossed_ns and self._crossed.get(symbol) != crossed_ns:
            self._crossed[symbol] = crossed_ns
            more.append(Timer(symbol, crossed_ns, "crossed", self.protocol.crossed_tolerance_s))
        for load in loads:
            more += self._loaded(symbol, pair_books, book, load)
        if behind:
            more += self.protocol.probe(symbol)
        return more

    def _log_state(self, book: VenueBook, before: State, state: State, reason: str) -> None:
        level = logging.WARNING if before is State.LIVE else logging.INFO
        log.log(
            logging.DEBUG if book.symbol in self._public else level,  # nobody sees a book that is warming up
            "%s %s is %s%s", book.venue, book.pair, state.value, f": {reason}" if reason else "",
        )  # fmt: skip

    def _publish(self, symbol: str) -> None:
        """Readers see our book from now on; not where the present one was put aside, with all that would follow."""
        private, book = self.books[symbol]
        public, present = self._public.pop(symbol), self._present.pop(symbol)
        with public:
            if not public.replace(book, present):
                return
            public.price_decimals = max(public.price_decimals, private.price_decimals)
            public.amount_decimals = max(public.amount_decimals, private.amount_decimals)
            book.counters.rotations += 1
        self.books[symbol] = public, book
        if self.protocol.trades.wanted:
            self._early.pop(symbol, EarlyTrades()).tell(public.trades, book.venue, self._clock_ns())

    def _loaded(self, symbol: str, pair_books: PairBooks, book: VenueBook, load: Load) -> list[Action]:
        """After a snapshot: watch its horizon, and see that the pair's scales hold its numbers."""
        numbers = [level for side in (load.snapshot.bids, load.snapshot.asks) for level in side[:50]]
        if numbers:
            price = min(max(decimals_of(Decimal(str(price))) for price, _ in numbers), _FINEST)
            amount = min(max(decimals_of(Decimal(str(amount))) for _, amount in numbers), _FINEST)
            if price > pair_books.price_decimals or amount > pair_books.amount_decimals:
                log.warning("%s %s: finer steps than its catalog says", book.venue, book.pair)
                with pair_books:
                    pair_books.price_decimals = max(price, pair_books.price_decimals)
                    pair_books.amount_decimals = max(amount, pair_books.amount_decimals)
        if load.snapshot.known_bid is None and load.snapshot.known_ask is None:
            return []
        return [Timer(symbol, book.generation, "horizon", _HORIZON_EVERY_S)]

    def _still_crossed(self, symbol: str, since_ns: int) -> list[Action]:
        if self._crossed.get(symbol) == since_ns:
            del self._crossed[symbol]
        if self.books[symbol][1].crossed_since_ns != since_ns:
            return []
        return self.protocol.resync(symbol, State.GAP, "bids and asks are crossed")

    def _horizon(self, timer: Timer) -> list[Action]:
        book = self.books[timer.symbol][1]
        if book.generation != timer.generation:
            return []  # a later snapshot runs its own timer
        actions: list[Action] = [timer]
        if book.state is State.LIVE and book.horizon_worn() > _HORIZON_WORN:
            actions += self.protocol.refresh(timer.symbol)
        return actions

    def _garbage(self, garbage: Garbage) -> None:
        """Counts it; logs each kind once, with the beginning of the frame."""
        hit = [garbage.symbol] if garbage.symbol in self.books else list(self.books)
        for symbol in hit:
            pair_books, book = self.books[symbol]
            with pair_books:
                book.counters.garbage += 1
        kind = garbage.kind.split(":", 1)[0]
        if kind not in self._kinds and len(self._kinds) < _KINDS_LOGGED:
            self._kinds.add(kind)
            venue = next((book.venue for _, book in self.books.values()), "?")
            log.warning("%s sent garbage (logged once): %s: %r", venue, garbage.kind[:200], garbage.frame[:200])

    def _all(self, state: State, reason: str, next_try_ns: int = 0) -> None:
        now_ns = self._clock_ns()
        for pair_books, book in self.books.values():
            with pair_books:
                before = book.state
                book.become(state, reason, now_ns, next_try_ns)
                pair_books.compare(now_ns, at_once=state is not before)
            if before is State.LIVE and state is not before:
                level = logging.WARNING if next_try_ns or state is not State.DOWN else logging.INFO
                log.log(level, "%s %s is %s: %s", book.venue, book.pair, state.value, reason)


def _may_replace(book: VenueBook, present: VenueBook, *, orphaned: bool, ahead: bool) -> bool:
    """Whether `book` may be shown instead of `present`: no reader may see a step back, nor miss a step."""
    if present.state is not State.LIVE:
        return book.state is State.LIVE or orphaned
    if book.state is not State.LIVE:
        return False
    return book.position == present.position or (ahead and book.position > present.position)
