"""Connections that stay open and of which nothing comes: subscriptions that are stuck, and peers that are gone."""

from collections.abc import Mapping
from typing import ClassVar, Final

from aiohttp import web

from venue.faces.connection import Connection
from venue.faults.fault import Outgoing, concerns
from venue.faults.frames import FrameFault
from venue.faults.links import hang_up, is_upgrade
from venue.faults.parameters import FaultError, Parameter, Value

MOST_HANGING: Final = 1000  # handshakes that one fault keeps waiting; more are answered

_CLIENTS: Final = Parameter(
    "clients",
    "all",
    "all: also those who connect while it lasts; present: those of its beginning",
    choices=("all", "present"),
)


class Grip(FrameFault):
    """A fault that holds whole connections from its beginning to its end, and counts them."""

    parameters: ClassVar[tuple[Parameter, ...]] = (_CLIENTS,)
    countable = False
    stage = 4

    def begin(self) -> None:
        """Take hold of those who are there."""
        super().begin()
        self._held: dict[Connection, None] = {}
        for connection in self.host.carriers(self.spec.symbol):
            self._hold(connection)

    def connected(self, connection: Connection) -> None:
        """Take hold of a new client; with a symbol its first frame decides."""
        if self.word("clients") == "all" and not self.spent and self.spec.symbol == "*":
            self._hold(connection)

    def concerns(self, out: Outgoing) -> bool:
        """Frames of the symbol, and for `*` replies to the client too."""
        return concerns(self.spec.symbol, out.target)

    def release(self) -> None:
        """Let all go."""
        held, self._held = self._held, {}
        for connection in held:
            self.let_go(connection)

    def gone(self, connection: Connection) -> None:
        """Forget a client."""
        super().gone(connection)
        self._held.pop(connection, None)

    def has(self, connection: Connection) -> bool:
        """Tell whether a connection is held."""
        return connection in self._held

    def grip(self, connection: Connection) -> None:
        """Do it to a connection."""

    def let_go(self, connection: Connection) -> None:
        """Undo it."""

    def holds(self, connection: Connection) -> bool:
        """Tell whether a client whose frame is on its way is held, having subscribed the symbol since, too."""
        if connection not in self._held and self.word("clients") == "all":
            self._hold(connection)
        return connection in self._held

    def _hold(self, connection: Connection) -> None:
        self._held[connection] = None
        self.grip(connection)
        self.strike()


class Silence(Grip):
    """Nothing is said any more, though the connection is open and what the client says is read.

    With ``cure`` it is a subscription that is stuck, as on real venues: a client that unsubscribes a stream and
    subscribes it again hears it, on the same connection. Replies to the client are then never withheld.
    """

    kind = "silence"
    summary = "no more frames; the connection stays open and is read. With a symbol only its frames stop"
    parameters = (
        *Grip.parameters,
        Parameter("pings", True, "pings and pongs still go out"),
        Parameter("cure", False, "a stream that is unsubscribed and subscribed again is heard again"),
    )

    @classmethod
    def check(cls, symbol: str, values: Mapping[str, Value]) -> None:
        """Pings belong to no symbol, and a connection that is wholly silent cannot be cured."""
        if symbol != "*" and not values["pings"]:
            raise FaultError(f"pings: False needs symbol *, not {symbol!r}: pings belong to the whole connection")
        if values["cure"] and not values["pings"]:
            raise FaultError("cure: True needs pings True: where nothing goes out no subscription can be cured")

    def begin(self) -> None:
        """Begin with nothing cured."""
        self._cured: set[tuple[Connection, str]] = set()
        super().begin()

    def concerns(self, out: Outgoing) -> bool:
        """Frames of the symbol; replies to the client unless it may be cured."""
        return super().concerns(out) and not (self.flag("cure") and out.target.kind == "control")

    def take(self, out: Outgoing) -> None:
        """Withhold the frames of those who are held."""
        if (out.connection, out.stream) in self._cured or not self.holds(out.connection):
            self.desk.pass_on(out, self)

    def left(self, connection: Connection, stream: str) -> None:
        """Cure a stream that is unsubscribed: when it is subscribed again it is heard."""
        if (
            self.flag("cure")
            and connection in self._held
            and concerns(self.spec.symbol, self.host.stream_target(stream))
        ):
            self._cured.add((connection, stream))
            self.last = {"cured": len(self._cured)}

    def gone(self, connection: Connection) -> None:
        """Forget a client."""
        super().gone(connection)
        self._cured = {key for key in self._cured if key[0] is not connection}

    def grip(self, connection: Connection) -> None:
        """Stop pings too, if wanted."""
        if not self.flag("pings"):
            connection.mute()

    def let_go(self, connection: Connection) -> None:
        """Let it speak again."""
        if not self.flag("pings"):
            connection.unmute()


class HalfOpen(Grip):
    """The peer is gone and nobody has been told: nothing is sent, nothing read, the socket stays open."""

    kind = "half_open"
    summary = "nothing is sent and nothing is read; the socket stays open. With a symbol: of those that carry it"
    parameters = (
        *Grip.parameters,
        Parameter(
            "connects",
            "held",
            "new connects: held when the handshake is done, or hang: it is not answered before the end",
            choices=("held", "hang"),
        ),
    )

    @classmethod
    def check(cls, symbol: str, values: Mapping[str, Value]) -> None:
        """A handshake belongs to no symbol, and to no client who is present."""
        if values["connects"] == "hang" and (symbol != "*" or values["clients"] != "all"):
            raise FaultError("connects: 'hang' needs symbol * and clients all: a new connect has no symbol yet")

    def begin(self) -> None:
        """Begin with no handshake waiting."""
        self._hanging = 0
        super().begin()

    async def connecting(self, request: web.Request) -> web.Response | None:
        """Leave a handshake without an answer until the end; None lets it be answered then."""
        hang = self.word("connects") == "hang" and is_upgrade(request)
        if self.spent or not hang or self._hanging >= MOST_HANGING:
            return None
        self.strike()
        self._hanging += 1
        try:
            await self.over.wait()
        finally:
            self._hanging -= 1
        transport = request.transport
        return hang_up(request) if transport is None or transport.is_closing() else None

    def take(self, out: Outgoing) -> None:
        """Frames of those who are held go nowhere by themselves."""
        self.holds(out.connection)
        self.desk.pass_on(out, self)

    def grip(self, connection: Connection) -> None:
        """Neither speak nor listen."""
        connection.mute()
        connection.pause_reading()

    def let_go(self, connection: Connection) -> None:
        """Speak and listen again."""
        connection.resume_reading()
        connection.unmute()
