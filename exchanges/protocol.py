"""How a venue speaks: frames, answers and timers in, actions out. No I/O, no clock."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from book import Instrument, State
from exchanges.actions import Action, Fetch, Snapshot

ACKNOWLEDGED = "acknowledged"  # the purpose of the timers that wait for the reply to a subscription
ACKNOWLEDGED_S = 5.0


class Protocol(ABC):
    """One connection to one venue, carrying `instruments`.

    Owned by the connection's thread; tests, replay and fuzzers drive the same object. No method raises on what a
    venue may send: what cannot be understood becomes a Garbage action.
    """

    crossed_tolerance_s = 2.0  # a book crossed in itself for longer is resynchronised

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self.instruments = tuple(instruments)

    @property
    @abstractmethod
    def path(self) -> str:
        """Path and query of the WebSocket below the venue's address."""

    @abstractmethod
    def opened(self) -> list[Action]:
        """The connection stands: subscribe."""

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

    @abstractmethod
    def closed(self) -> None:
        """The connection is gone; `opened` may follow."""
