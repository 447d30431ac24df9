"""What all faults share: parameters, strikes, limits and the end; and what they need to know of a face.

A fault is *active*, then *ending* when it strikes no more but owes something (a held frame, a numbering to be
joined, a reply under way), then *ended*. Everything runs on the event loop's thread.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from aiohttp import web

from venue.clock import wall_us
from venue.faces.connection import Connection, ConnectionRules
from venue.faces.wording import Wording
from venue.faults.parameters import Parameter, Value
from venue.feed import MarketFeed
from venue.market import Copy

if TYPE_CHECKING:
    from venue.faults.spec import Spec


class Target(NamedTuple):
    """What a frame or a request is about: its symbol ("" for none) and which kind of thing it is.

    Of frames: ``diff``, ``top``, ``trade`` or ``control``. Of requests: ``snapshot``, ``catalog`` or ``other``.
    """

    symbol: str
    kind: str


CONTROL = Target("", "control")  # replies, status, heartbeats


class Outgoing(NamedTuple):
    """One framed message on its way to one client."""

    connection: Connection
    stream: str
    target: Target
    framed: bytes


class Host(Protocol):
    """The face, as far as faults need to know it."""

    name: str
    seed: str
    rules: ConnectionRules
    wording: Wording
    feeds: dict[str, MarketFeed]
    connections: dict[Connection, None]

    def stream_target(self, stream: str) -> Target:
        """Tell what a stream or channel carries."""

    def request_target(self, request: web.Request) -> Target:
        """Tell what a request asks for."""

    def carriers(self, symbol: str) -> list[Connection]:
        """Return the clients that have subscribed anything of a symbol, or all for `*`."""

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write the snapshot that a request asks for, of the copy chosen for the feed at its position.

        None when the request's form cannot be made of a copy.
        """

    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Announce the end as the venue does and close after the notice (None: the venue's own)."""


class Desk(Protocol):
    """What a fault asks of the board that it stands on."""

    def pass_on(self, out: Outgoing, after: "Fault") -> None:
        """Hand a frame to the faults that stand after this one, then to the client."""

    def ended(self, fault: "Fault") -> None:
        """Take note that a fault has ended."""


class Fault:
    """One active fault. ``number`` is its id on the face."""

    kind: ClassVar[str]
    summary: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    default_count: ClassVar[int | None] = None
    countable: ClassVar[bool] = True
    per_symbol: ClassVar[bool] = True
    faces: ClassVar[tuple[str, ...]] = ()  # where it makes sense; empty: everywhere

    def __init__(self, number: int, spec: "Spec", host: Host, desk: Desk) -> None:
        self.number = number
        self.spec = spec
        self.host = host
        self.desk = desk
        self.values: Mapping[str, Value] = spec.values
        self.strikes = 0
        self.spent = False  # strikes no more
        self.over = asyncio.Event()  # set when nothing may be held back any longer
        self.random = Random(f"{host.seed}/{host.name}/faults/{number}/{self.kind}")
        self.last: dict[str, object] = {}  # what a judge should know of the newest strike
        # Wall clock; 0 as long as it has not happened.
        self.began_us = wall_us()
        self.first_struck_us = self.last_struck_us = self.ended_us = 0
        self._done = False

    @classmethod
    def check(cls, symbol: str, values: Mapping[str, Value]) -> None:
        """Check values against each other. Raises FaultError."""

    @property
    def state(self) -> str:
        """In one word: active, ending or ended."""
        return "ended" if self._done else "ending" if self.spent else "active"

    @property
    def busy(self) -> bool:
        """Whether something is still owed."""
        return False

    def begin(self) -> None:
        """Take effect."""

    def stop(self) -> None:
        """Strike no more, give out what is held, and end as soon as nothing is owed."""
        self.spent = True
        self.over.set()
        self.release()
        self.settle()

    def release(self) -> None:
        """Give out what is held and undo what was done to connections."""

    def connected(self, connection: Connection) -> None:
        """Take note of a new client."""

    def gone(self, connection: Connection) -> None:
        """Forget a client."""

    def left(self, connection: Connection, stream: str) -> None:
        """Forget a client's stream: it has unsubscribed."""

    def note(self) -> None:
        """Count a strike and remember when it was."""
        self.strikes += 1
        self.last_struck_us = wall_us()
        self.first_struck_us = self.first_struck_us or self.last_struck_us

    def strike(self) -> None:
        """Count a strike; the last one of ``count`` makes the fault spent."""
        self.note()
        if self.spec.count is not None and self.strikes >= self.spec.count:
            self.spent = True

    def settle(self) -> None:
        """End when spent and nothing is owed."""
        if self.spent and not self.busy and not self._done:
            self._done = True
            self.over.set()
            self.release()
            self.ended_us = wall_us()
            self.desk.ended(self)

    def whole(self, name: str) -> int:
        """Return a parameter that is a whole number."""
        return int(self.values[name])

    def number_of(self, name: str) -> float:
        """Return a parameter that is a number."""
        return float(self.values[name])

    def flag(self, name: str) -> bool:
        """Return a parameter that is true or false."""
        return bool(self.values[name])

    def word(self, name: str) -> str:
        """Return a parameter that is a word."""
        return str(self.values[name])


def concerns(symbol: str, target: Target) -> bool:
    """Tell whether a fault on ``symbol`` is about a target; `*` takes those without a symbol too."""
    return symbol in ("*", target.symbol)


def table(kinds: Iterable[type[Fault]]) -> dict[str, type[Fault]]:
    """Return kinds by name."""
    return {kind.kind: kind for kind in kinds}
