"""A protocol together with the books that it feeds: carries out what the protocol wants done to books.

No I/O: what is to be done on the network is handed back. The connection's thread drives it live; tests and
replay drive the very same object.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from book import PairBooks, State, VenueBook
from book.instrument import decimals_of
from exchanges.actions import (
    Action,
    Apply,
    Audit,
    Become,
    BookAction,
    Count,
    Garbage,
    Load,
    NetworkAction,
    Timer,
)
from exchanges.protocol import Protocol

log = logging.getLogger(__name__)

_BOOK_ACTIONS = (Apply, Audit, Load, Become, Count)
_HORIZON_EVERY_S = 5.0
_HORIZON_WORN = 0.5  # of the known depth that the best price may use up before a fresh snapshot extends it
_FINEST = 18  # decimals; no asset has more, and a price of 1e-300 must not set the scale of a pair
_KINDS_LOGGED = 64  # kinds of garbage that are logged once each; further ones are only counted

Books = Mapping[str, tuple[PairBooks, VenueBook]]  # by the venue's symbol


class Feed:
    """One connection's protocol and books. Owned by the connection's thread."""

    def __init__(self, protocol: Protocol, books: Books, clock_ns: Callable[[], int]) -> None:
        self.protocol = protocol
        self.books = books
        self._clock_ns = clock_ns
        self._crossed: dict[str, int] = {}  # by symbol: the moment since which a running timer watches a cross
        self._kinds: set[str] = set()  # of garbage, that were logged

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

    def snapshot(self, symbol: str, generation: int, body: bytes, received_ns: int) -> list[NetworkAction]:
        """The body of a fetched snapshot, read at `received_ns`."""
        return self._carry_out(self.protocol.snapshot(symbol, generation, body), received_ns)

    def failed(self, symbol: str, generation: int, reason: str, retry_s: float) -> list[NetworkAction]:
        """A fetch got no answer of use."""
        return self._carry_out(self.protocol.failed(symbol, generation, reason, retry_s), self._clock_ns())

    def timeout(self, timer: Timer) -> list[NetworkAction]:
        """A timer ran out: ours, or the protocol's."""
        symbol, generation, purpose, _ = timer
        if purpose == "crossed":
            actions = self._still_crossed(symbol, generation)
        elif purpose == "horizon":
            actions = self._horizon(timer)
        else:
            actions = self.protocol.timeout(symbol, generation, purpose)
        return self._carry_out(actions, self._clock_ns())

    def stale(self, reason: str) -> None:
        """Nothing is heard any more: no book of this connection may be shown."""
        self._all(State.STALE, reason)

    def closed(self, reason: str, next_try_ns: int) -> None:
        """The connection is gone; the next attempt is at `next_try_ns` (0: none is planned)."""
        self.protocol.closed()
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
                if isinstance(action, Garbage):
                    self._garbage(action)
                else:
                    network.append(action)  # type: ignore[arg-type]
        return network

    def _on_book(self, symbol: str, actions: Sequence[BookAction], received_ns: int) -> list[Action]:
        """Carries out all of one message under the pair's lock; returns what has to be done about the outcome."""
        pair_books, book = self.books[symbol]
        problem = None
        applied_ns = self._clock_ns()
        with pair_books:
            before = book.state
            for action in actions:
                problem = action.on(book, received_ns, applied_ns) or problem
            if problem:  # no reader may see a book that is known to be wrong
                book.become(State.GAP, f"audit failed: {problem}", applied_ns)
            state, reason, crossed_ns = book.state, book.reason, book.crossed_since_ns
        if state is not before:
            log.log(
                logging.WARNING if before is State.LIVE else logging.INFO,
                "%s %s is %s%s", book.venue, book.pair, state.value, f": {reason}" if reason else "",
            )  # fmt: skip
        more: list[Action] = []
        if problem:
            log.warning("%s %s: audit failed: %s", book.venue, book.pair, problem)
            more += self.protocol.resync(symbol, State.GAP, f"audit failed: {problem}")
        if crossed_ns and self._crossed.get(symbol) != crossed_ns:
            self._crossed[symbol] = crossed_ns
            more.append(Timer(symbol, crossed_ns, "crossed", self.protocol.crossed_tolerance_s))
        for action in actions:
            if isinstance(action, Load):
                more += self._loaded(symbol, pair_books, book, action)
        return more

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
            if before is State.LIVE and state is not before:
                level = logging.WARNING if next_try_ns or state is not State.DOWN else logging.INFO
                log.log(level, "%s %s is %s: %s", book.venue, book.pair, state.value, reason)
