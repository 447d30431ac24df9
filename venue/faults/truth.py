"""Faults that no rule of the protocol shows, only a comparison with the true book: an audit.

A lost diff would break the chain of ids. Where a diff says what it follows (Binance's "U"), the next diff of the same
stream is made to follow what the lost one followed, and nothing else is touched: all other numbers stay true, and a
client that takes a new snapshot is right again at once. Where diffs are numbered one by one, the lost one is sent
without its levels. Where they carry no number, it needs no disguise.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import ClassVar

from venue.faces.connection import Connection, frame_text
from venue.faces.wording import LevelText, Wording
from venue.faults.fault import Outgoing, concerns
from venue.faults.frames import FrameFault
from venue.faults.framing import payload_of
from venue.faults.parameters import Parameter, every


class _DiffFault(FrameFault):
    parameters: ClassVar[tuple[Parameter, ...]] = (every(),)
    stage = 0  # before anything that makes frames unreadable
    default_count = 1

    def concerns(self, out: Outgoing) -> bool:
        """Only book differences."""
        return out.target.kind == "diff" and concerns(self.spec.symbol, out.target)

    def able(self, out: Outgoing) -> bool:
        """Spare snapshots on the same stream."""
        return self.host.wording.is_diff(payload_of(out.framed))


class Lost(_DiffFault):
    """A diff that is not sent, and a chain of ids that hides it."""

    kind = "lost"
    summary = "a diff is not sent, and the ids look whole: only an audit can tell"

    def begin(self) -> None:
        """Begin with no chain to mend."""
        super().begin()
        self._joins: dict[tuple[Connection, str], bytes] = {}  # what the lost one followed

    @property
    def busy(self) -> bool:
        """Whether a chain is still to be joined; even when the fault is ended early this is done first."""
        return bool(self._joins)

    def disturb(self, out: Outgoing) -> None:
        """Lose the diff, and hide it: send an empty one, or remember what it followed."""
        wording, payload = self.host.wording, payload_of(out.framed)
        self.last = position(out, wording)
        hollow = wording.hollow(payload)
        if hollow is not None:
            self.desk.pass_on(out._replace(framed=frame_text(hollow)), self)
        first = wording.follows.search(payload) if wording.follows else None
        if first is not None:
            self._joins.setdefault((out.connection, out.stream), first[1])

    def take(self, out: Outgoing) -> None:
        """Lose it, or let the first one that is sent again follow what the lost ones followed."""
        if not self.spent and self.able(out) and self._turn(out):
            self.strike()
            self.disturb(out)
        elif self.able(out):
            first = self._joins.pop((out.connection, out.stream), None)
            if first is not None:
                out = out._replace(framed=frame_text(self._joined(payload_of(out.framed), first)))
            self.desk.pass_on(out, self)
        else:  # a snapshot: nothing has to be joined any more
            self._forget([(out.connection, out.stream)])
            self.desk.pass_on(out, self)
        self.settle()

    def _joined(self, payload: bytes, first: bytes) -> bytes:
        follows = self.host.wording.follows
        found = follows.search(payload) if follows else None
        return payload if found is None else payload[: found.start(1)] + first + payload[found.end(1) :]

    def gone(self, connection: Connection) -> None:
        """Forget a client."""
        super().gone(connection)
        self._forget([key for key in self._joins if key[0] is connection])

    def left(self, connection: Connection, stream: str) -> None:
        """Forget a stream: who subscribes again begins a new chain."""
        self._forget([(connection, stream)])

    def _forget(self, keys: list[tuple[Connection, str]]) -> None:
        for key in keys:
            self._joins.pop(key, None)
        self.settle()


class Wrong(_DiffFault):
    """A diff in which one level's amount is not the true one; the book behind it is right."""

    kind = "wrong"
    summary = "one level's amount in a diff is false, all else is right: only an audit can tell"
    parameters = (
        *_DiffFault.parameters,
        Parameter("factor", 2.0, "the false amount is the true one times this; 0 takes the level away", 0, 1000),
        Parameter("level", "any", "any: drawn; best: the one nearest the touch", choices=("any", "best")),
    )

    def able(self, out: Outgoing) -> bool:
        """Need a level with an amount, which the factor changes."""
        return super().able(out) and bool(self._candidates(out))

    def disturb(self, out: Outgoing) -> None:
        """Falsify one amount."""
        candidates = self._candidates(out)
        level, false = candidates[0] if self.word("level") == "best" else self.random.choice(candidates)
        payload = payload_of(out.framed)
        told = position(out, self.host.wording)
        self.last = {**told, "price": level.price, "true": level.amount, "sent": false}
        payload = payload[: level.start] + false.encode() + payload[level.end :]
        self.desk.pass_on(out._replace(framed=frame_text(payload)), self)

    def _candidates(self, out: Outgoing) -> list[tuple[LevelText, str]]:
        """Return the levels that can be falsified, each with its false amount, the best of each side first."""
        listing = self.host.feeds[out.target.symbol].listing
        found: list[tuple[LevelText, str]] = []
        for level in self.host.wording.levels(payload_of(out.framed)):
            true = Decimal(level.amount)
            false = self.host.wording.amount(listing, self._false(true, listing.lot_decimals))
            if true and Decimal(false) != true:
                found.append((level, false))
        found.sort(key=lambda candidate: candidate[0].rank)  # stable: the sides take turns
        return found

    def _false(self, true: Decimal, lot_decimals: int) -> int:
        """Return the false amount in lots."""
        exact = true * Decimal(repr(self.number_of("factor")))
        return int(exact.scaleb(lot_decimals).to_integral_value(ROUND_HALF_EVEN))


def position(out: Outgoing, wording: Wording) -> dict[str, object]:
    """Tell where a diff stands: the stream, and the numbers that it carries."""
    return {"stream": out.stream, **wording.position(payload_of(out.framed))}
