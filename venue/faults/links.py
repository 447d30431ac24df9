"""Connections that fall silent, hang, break or are refused, and goodbyes at a chosen time."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import ClassVar, Final

from aiohttp import web

from venue.faces.connection import Connection, abort
from venue.faults.fault import Fault, Outgoing, concerns
from venue.faults.frames import FrameFault
from venue.faults.parameters import LONGEST_S, FaultError, Parameter, Value
from venue.faults.statuses import refusal

ABNORMAL: Final = 1006
CODES: Final = (1000, 1001, 1002, 1003, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)

_CLIENTS: Final = Parameter(
    "clients",
    "all",
    "all: also those who connect while it lasts; present: those of its beginning",
    choices=("all", "present"),
)


class _Grip(FrameFault):
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
        """Take hold of a new client."""
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

    def grip(self, connection: Connection) -> None:
        """Do it to a connection."""

    def let_go(self, connection: Connection) -> None:
        """Undo it."""

    def _hold(self, connection: Connection) -> None:
        self._held[connection] = None
        self.grip(connection)
        self.strike()


class Silence(_Grip):
    """Nothing is said any more, though the connection is open and what the client says is read."""

    kind = "silence"
    summary = "no more frames; the connection stays open and is read. With a symbol only its frames stop"
    parameters = (*_Grip.parameters, Parameter("pings", True, "pings and pongs still go out"))

    @classmethod
    def check(cls, symbol: str, values: Mapping[str, Value]) -> None:
        """Pings belong to no symbol."""
        if symbol != "*" and not values["pings"]:
            raise FaultError(f"pings: False needs symbol *, not {symbol!r}: pings belong to the whole connection")

    def take(self, out: Outgoing) -> None:
        """Withhold the frames of those who are held."""
        if out.connection not in self._held and self.word("clients") == "all":
            self._hold(out.connection)  # has subscribed the symbol since
        if out.connection not in self._held:
            self.desk.pass_on(out, self)

    def grip(self, connection: Connection) -> None:
        """Stop pings too, if wanted."""
        if not self.flag("pings"):
            connection.mute()

    def let_go(self, connection: Connection) -> None:
        """Let it speak again."""
        if not self.flag("pings"):
            connection.unmute()


class HalfOpen(_Grip):
    """The peer is gone and nobody has been told: nothing is sent, nothing read, the socket stays open."""

    kind = "half_open"
    summary = "nothing is sent and nothing is read; the socket stays open"
    per_symbol = False

    def take(self, out: Outgoing) -> None:
        """Frames of those who are held go nowhere by themselves."""
        self.desk.pass_on(out, self)

    def grip(self, connection: Connection) -> None:
        """Neither speak nor listen."""
        connection.mute()
        connection.pause_reading()

    def let_go(self, connection: Connection) -> None:
        """Speak and listen again."""
        connection.resume_reading()
        connection.unmute()


class Cut(Fault):
    """Connections that end at once, all together: those that carry the symbol, or all."""

    kind = "cut"
    summary = "all connections (of a symbol) end at once; counted are connections, `count` counts rounds"
    parameters = (
        Parameter(
            "code",
            ABNORMAL,
            f"of the close frame, one of {', '.join(map(str, CODES))} or 3000 to 4999; 1006: none",
            1000,
            4999,
        ),
        Parameter("reset", False, "with 1006: a TCP reset instead of a plain end"),
        Parameter("every_s", 5.0, "time between rounds, when there is more than one", 0.01, LONGEST_S),
    )
    default_count = 1

    @classmethod
    def check(cls, symbol: str, values: Mapping[str, Value]) -> None:
        """Only codes that may stand in a close frame."""
        code = values["code"]
        if code not in CODES and int(code) < 3000:
            raise FaultError(f"code: {code} is no close code; 1006 cuts without a close frame")

    def begin(self) -> None:
        """Cut now; further rounds follow."""
        self._rounds = 0
        self._timer: asyncio.TimerHandle | None = None
        self._round()

    def release(self) -> None:
        """Plan no further round."""
        if self._timer is not None:
            self._timer.cancel()

    def _round(self) -> None:
        code = self.whole("code")
        for connection in self.host.carriers(self.spec.symbol):
            if code == ABNORMAL:
                connection.abort(reset=self.flag("reset"))
            else:
                connection.close(code, "fault")
            self.strikes += 1
        self._rounds += 1
        if self.spec.count is not None and self._rounds >= self.spec.count:
            self.spent = True
            self.settle()
            return
        self._timer = asyncio.get_running_loop().call_later(self.number_of("every_s"), self._round)


class Shutdown(Fault):
    """The venue's own announcement to all clients, and the close after the notice."""

    kind = "shutdown"
    summary = "`serverShutdown` (Binance) or `bts:request_reconnect` (Bitstamp) to all, then the close with 1001"
    parameters = (Parameter("notice_s", -1.0, "from the announcement to the close; -1: as the venue does", -1, 3600),)
    default_count = 1
    countable = False

    def begin(self) -> None:
        """Announce and end: the closes follow by themselves."""
        notice_s = self.number_of("notice_s")
        for connection in self.host.carriers(self.spec.symbol):
            self.strikes += 1
            self.host.goodbye(connection, None if notice_s < 0 else notice_s)
        self.spent = True
        self.settle()


class Life(Fault):
    """The limit on a connection's age, on a shortened clock."""

    kind = "life"
    summary = "each connection of this age is ended, as after 24 hours; those that are older at once"
    parameters = (
        Parameter("s", 10.0, "the age", 0.01, LONGEST_S),
        Parameter("notice", True, "announced as the venue does; else closed with 1001 unannounced"),
    )
    per_symbol = False

    def begin(self) -> None:
        """Shorten the lives there are."""
        for connection in list(self.host.connections):
            self.connected(connection)

    def connected(self, connection: Connection) -> None:
        """Shorten a life."""
        connection.live_for(self.number_of("s"), partial(self._end, connection))

    def release(self) -> None:
        """Give the others their full lives back."""
        for connection in list(self.host.connections):
            connection.live_for(self.host.rules.life_s)

    def _end(self, connection: Connection) -> None:
        if self.spent:
            return
        self.strike()
        if self.flag("notice"):
            self.host.goodbye(connection, None)
        else:
            connection.close(1001, "maximum connection age")
        self.settle()


class Refuse(Fault):
    """Connects that fail. The admin endpoint stays open, or nobody could end this."""

    kind = "refuse"
    summary = "new connects fail: the TCP connection is cut when the request has come, or the handshake gets a status"
    parameters = (
        Parameter("what", "ws", "ws: WebSocket connects; rest: requests; all: both", choices=("ws", "rest", "all")),
        Parameter("status", 0, "answer with this HTTP status (400 to 599); 0: cut without an answer", 0, 599),
        Parameter("retry_after_s", 0, "with a status: the Retry-After header; 0: none", 0, 86_400),
        Parameter("reset", True, "without a status: a TCP reset instead of a plain end"),
    )
    per_symbol = False

    @classmethod
    def check(cls, symbol: str, values: Mapping[str, Value]) -> None:
        """Success is no refusal."""
        if 0 < int(values["status"]) < 400:
            raise FaultError(f"status: {values['status']} refuses nothing; it is 0 or 400 to 599")

    def refused(self, request: web.Request) -> web.Response | None:
        """Return the answer to a connect that is refused, or None."""
        upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
        if self.spent or self.word("what") not in ("all", "ws" if upgrade else "rest"):
            return None
        self.strike()
        status = self.whole("status")
        if status:
            response = refusal(self.host.name, status, self.whole("retry_after_s"))
        else:
            response = hang_up(request, reset=self.flag("reset"))
        self.settle()
        return response


def hang_up(request: web.Request, *, reset: bool = False) -> web.Response:
    """Cut a request's TCP connection; what is returned can no longer be sent."""
    transport = request.transport
    if transport is not None:
        assert isinstance(transport, asyncio.Transport)
        abort(transport, reset=reset)
    return web.Response(status=503)
