"""Faults that no rule of the protocol shows, only a comparison with the true book: an audit.

On Binance a lost diff would break the chain of update ids. Here the next diff of the same stream is made to begin
where the lost one began (its "U" is moved back, nothing else), so that the chain looks whole. All other numbers stay
true: "u", snapshots, best prices. A client that takes a new snapshot is therefore right again at once. Bitstamp's
diffs carry no sequence number, so there a lost diff needs no disguise.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, ClassVar, Final

import msgspec

from venue.faces.connection import Connection, frame_text
from venue.faults.fault import Outgoing, concerns
from venue.faults.frames import FrameFault
from venue.faults.framing import payload_of
from venue.faults.parameters import Parameter, every

_FIRST_ID: Final = re.compile(rb'"U":(\d+)')
_POSITION: Final = re.compile(rb'"(U|u|microtimestamp)":"?(\d+)')
_SCALE: Final = Decimal("1.00000000")


class _DiffFault(FrameFault):
    parameters: ClassVar[tuple[Parameter, ...]] = (every(),)
    stage = 0  # before anything that makes frames unreadable
    default_count = 1

    def concerns(self, out: Outgoing) -> bool:
        """Only book differences."""
        return out.target.kind == "diff" and concerns(self.spec.symbol, out.target)


class Lost(_DiffFault):
    """A diff that is not sent, and a chain of ids that hides it."""

    kind = "lost"
    summary = "a diff is not sent, and the ids look whole: only an audit can tell"

    def begin(self) -> None:
        """Begin with no chain to mend."""
        super().begin()
        self._joins: dict[tuple[Connection, str], bytes] = {}  # the first id of what was lost

    @property
    def busy(self) -> bool:
        """Whether a chain is still to be joined; even when the fault is ended early this is done first."""
        return bool(self._joins)

    def disturb(self, out: Outgoing) -> None:
        """Lose the diff; on Binance remember where it began."""
        self.last = position(out)
        first = _FIRST_ID.search(payload_of(out.framed))
        if first is not None:
            self._joins.setdefault((out.connection, out.stream), first[1])

    def take(self, out: Outgoing) -> None:
        """Lose it, or let the first one that is sent again begin where the lost ones began."""
        if not self.spent and self._turn(out):
            self.strike()
            self.disturb(out)
        else:
            first = self._joins.pop((out.connection, out.stream), None)
            if first is not None:
                joined = _FIRST_ID.sub(b'"U":' + first, payload_of(out.framed), count=1)
                out = out._replace(framed=frame_text(joined))
            self.desk.pass_on(out, self)
        self.settle()

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
        return bool(self._candidates(msgspec.json.decode(payload_of(out.framed)), out))

    def disturb(self, out: Outgoing) -> None:
        """Falsify one amount."""
        message = msgspec.json.decode(payload_of(out.framed))
        candidates = self._candidates(message, out)
        row, amount = candidates[0] if self.word("level") == "best" else self.random.choice(candidates)
        self.last = {**position(out), "price": row[0], "true": row[1], "sent": amount}
        row[1] = amount
        self.desk.pass_on(out._replace(framed=frame_text(msgspec.json.encode(message))), self)

    def _candidates(self, message: Any, out: Outgoing) -> list[tuple[list[str], str]]:
        """Return the rows that can be falsified, each with its false amount, the best of each side first."""
        data = message.get("data", message)
        step = self.host.feeds[out.target.symbol].listing.lot_decimals
        found: list[tuple[int, list[str], str]] = []
        for bids, asks in (("b", "a"), ("bids", "asks")):
            for rows in (data.get(bids, ()), data.get(asks, ())):
                for place, row in enumerate(rows):
                    amount = self._false(row[1], step)
                    if Decimal(row[1]) and Decimal(amount) != Decimal(row[1]):
                        found.append((place, row, amount))
        found.sort(key=lambda candidate: candidate[0])  # stable: a bid comes before the ask of its rank
        return [(row, amount) for _, row, amount in found]

    def _false(self, amount: str, lot_decimals: int) -> str:
        """Return the false amount, on the symbol's lot grid, with eight decimals."""
        exact = Decimal(amount) * Decimal(repr(self.number_of("factor")))
        lot = Decimal(1).scaleb(-lot_decimals)
        return str(exact.quantize(lot, ROUND_HALF_EVEN).quantize(_SCALE))


def position(out: Outgoing) -> dict[str, Any]:
    """Tell where a diff stands: the stream, and its first and last update id or its microtimestamp."""
    found = _POSITION.findall(payload_of(out.framed))
    return {"stream": out.stream, **{name.decode(): int(value) for name, value in found}}
