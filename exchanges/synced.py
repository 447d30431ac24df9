"""A protocol whose books are all made of snapshots and diffs: each symbol's events go to its synchroniser."""

from abc import abstractmethod
from collections.abc import Mapping

from book import State
from exchanges.actions import Action, Fetch, Garbage, Snapshot
from exchanges.decode import UNREADABLE
from exchanges.protocol import Protocol
from exchanges.sync import Phase, Synchroniser

_UNREADABLE_AGAIN_S = 0.5  # before a snapshot is asked again whose body was none


class SyncedProtocol(Protocol):
    """What the venues with snapshots and diffs share."""

    syncs: Mapping[str, Synchroniser]  # by symbol

    @abstractmethod
    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        """Decodes the body of a snapshot of which `levels` a side were asked for; raises one of UNREADABLE."""

    def snapshot(self, fetch: Fetch, body: bytes) -> list[Action]:
        """Hands the snapshot over, or says what is the matter with it."""
        try:
            told = self.read_snapshot(body, fetch.levels)
        except UNREADABLE as error:
            garbage = Garbage(fetch.symbol, f"snapshot: {error}", body)
            return [garbage, *self.failed(fetch, "the answer is no snapshot", _UNREADABLE_AGAIN_S)]
        return self.inherit(fetch, told)

    def inherit(self, fetch: Fetch, snapshot: Snapshot) -> list[Action]:
        """To the synchronisation, or to the comparison that asked for it."""
        sync = self.syncs[fetch.symbol]
        if fetch.probe:
            return sync.prober.told(fetch.generation, snapshot)
        return sync.snapshot(fetch.generation, snapshot)

    def failed(self, fetch: Fetch, reason: str, retry_s: float, *, postponed: bool = False) -> list[Action]:
        """Asks again, sooner or later."""
        sync = self.syncs[fetch.symbol]
        if fetch.probe:
            return sync.prober.failed(fetch.generation, postponed=postponed)
        return sync.failed(fetch, reason, retry_s)

    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """Timers belong to the synchronisation of a symbol."""
        return self.syncs[symbol].timeout(generation, purpose)

    def resync(self, symbol: str, state: State, reason: str) -> list[Action]:
        """Starts the symbol over."""
        return self.syncs[symbol].resync(state, reason)

    def refresh(self, symbol: str) -> list[Action]:
        """A fresh snapshot while live."""
        return self.syncs[symbol].refresh()

    def probe(self, symbol: str) -> list[Action]:
        """Holds a live book against the venue's REST book."""
        sync = self.syncs[symbol]
        return sync.prober.now() if sync.phase is Phase.LIVE else []
