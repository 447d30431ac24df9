"""How a venue speaks: frames, answers and timers in, actions out. No I/O, no clock."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from book import Instrument, State
from exchanges.actions import Action, Fetch, Send, Snapshot
from exchanges.trades import TradeStreams

ACKNOWLEDGED = "acknowledged"  # the purpose of the timers that wait for the reply to a subscription
ACKNOWLEDGED_S = 5.0


class Protocol(ABC):
    """One connection to one venue, carrying `instruments`.

    Owned by the connection's thread; tests, replay and fuzzers drive the same object. No method raises on what a
    venue may send: what cannot be understood becomes a Garbage action.
    """

    crossed_tolerance_s = 2.0  # a book crossed in itself for longer is resynchronised

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        """Last of what a protocol's own __init__ does: it calls `carry` for each instrument.

        All instruments of a connection are `wide`, or none: that decides how numbers are decoded.
        """
        self.wide = any(instrument.needs_decimal for instrument in instruments)
        self.instruments: tuple[Instrument, ...] = ()
        self.is_open = False
        self.trades = TradeStreams(self.subscribe_trades, self.unsubscribe_trades)
        self.add(instruments)

    def opened(self) -> list[Action]:
        """The connection stands: subscribe."""
        self.is_open = True
        symbols = [each.symbol for each in self.instruments]
        # Trades are a request of their own, so that their refusal hurts no book, and a later one.
        return [*self.begin(symbols), *self.trades.begin(symbols)]

    def closed(self) -> None:
        """The connection is gone; `opened` may follow."""
        self.is_open = False
        self.trades.closed()

    def add(self, instruments: Sequence[Instrument]) -> list[Action]:
        """Carries these too, and subscribes them where the connection stands."""
        self.instruments += tuple(instruments)
        for instrument in instruments:
            self.carry(instrument)
        symbols = [each.symbol for each in instruments]
        return [*self.begin(symbols), *self.trades.add(symbols)] if self.is_open else []

    def remove(self, symbols: Sequence[str]) -> list[Action]:
        """Carries these no longer. What still comes for them is ignored."""
        actions = [*self.end(symbols), *self.trades.end(symbols)] if self.is_open else []
        self.instruments = tuple(each for each in self.instruments if each.symbol not in symbols)
        for symbol in symbols:
            self.drop(symbol)
        return actions

    # What a venue says. `carry` and `drop` keep what belongs to a symbol, `begin` and `end` speak to the venue.

    @abstractmethod
    def carry(self, instrument: Instrument) -> None:
        """Makes what belongs to one symbol."""

    @abstractmethod
    def drop(self, symbol: str) -> None:
        """Forgets all that belonged to it."""

    @abstractmethod
    def begin(self, symbols: Sequence[str]) -> list[Action]:
        """Subscribes these."""

    @abstractmethod
    def end(self, symbols: Sequence[str]) -> list[Action]:
        """Unsubscribes them."""

    def subscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """The requests for the trades of these, apart from those for books; none: the venue's are not read.

        What comes of them goes to `self.trades`: `acknowledged`, `refused`, `traded`, `missed`.
        """
        return []

    def unsubscribe_trades(self, symbols: Sequence[str]) -> list[Send]:
        """The requests that end them."""
        return []

    @property
    @abstractmethod
    def path(self) -> str:
        """Path and query of the WebSocket below the venue's address."""

    @abstractmethod
    def frame(self, frame: bytes) -> list[Action]:
        """One text frame, whole."""

    @abstractmethod
    def snapshot(self, fetch: Fetch, body: bytes) -> list[Action]:
        """The answer to a Fetch."""

    @abstractmethod
    def inherit(self, fetch: Fetch, snapshot: Snapshot) -> list[Action]:
        """A Fetch is answered out of the live book that another connection keeps."""

    @abstractmethod
    def failed(self, fetch: Fetch, reason: str, retry_s: float, *, postponed: bool = False) -> list[Action]:
        """A Fetch got no answer of use. `postponed`: it was not even made, for want of budget."""

    @abstractmethod
    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """A Timer ran out."""

    @abstractmethod
    def resync(self, symbol: str, state: State, reason: str) -> list[Action]:
        """Somebody who compares found that the book of `symbol` cannot be believed: build it anew."""

    @abstractmethod
    def refresh(self, symbol: str) -> list[Action]:
        """Extend what is known of the book of `symbol` by a fresh snapshot, without leaving live."""

    def resumed(self) -> list[Action]:
        """The connection speaks again after a silence that was long enough to be asked about."""
        return []

    @abstractmethod
    def probe(self, symbol: str) -> list[Action]:
        """The stream of `symbol` may have fallen behind: hold it against the venue's REST book."""
