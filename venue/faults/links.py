"""Connections that break or are refused, and goodbyes at a chosen time."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Final

from aiohttp import web

from venue.faces.connection import NO_STATUS, Connection, abort
from venue.faults.fault import Fault
from venue.faults.parameters import LONGEST_S, FaultError, Parameter, Value
from venue.faults.statuses import refusal

ABNORMAL: Final = 1006
CODES: Final = (1000, 1001, 1002, 1003, NO_STATUS, ABNORMAL, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)


class Cut(Fault):
    """Connections that end at once, all together: those that carry the symbol, or all."""

    kind = "cut"
    summary = "all connections (of a symbol) end at once; counted are connections, `count` counts rounds"
    parameters = (
        Parameter(
            "code",
            ABNORMAL,
            f"of the close frame, one of {', '.join(map(str, CODES))} or 3000 to 4999; "
            f"{NO_STATUS}: a frame without a code; {ABNORMAL}: no frame",
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
                connection.close(None if code == NO_STATUS else code, "fault")
            self.note()
        self._rounds += 1
        if self.spec.count is not None and self._rounds >= self.spec.count:
            self.spent = True
            self.settle()
            return
        self._timer = asyncio.get_running_loop().call_later(self.number_of("every_s"), self._round)


class _Farewell(Fault):
    """A fault that tells connections of their end. It has ended when the last of them has gone."""

    def begin(self) -> None:
        """Begin with nobody told."""
        self._told: dict[Connection, None] = {}

    @property
    def busy(self) -> bool:
        """Whether somebody who was told is still there."""
        return bool(self._told)

    def gone(self, connection: Connection) -> None:
        """Take note that a client has gone."""
        self._told.pop(connection, None)
        self.settle()


class Shutdown(_Farewell):
    """The venue's own announcement to all clients, and the close after the notice."""

    kind = "shutdown"
    summary = "`serverShutdown` (Binance) or `bts:request_reconnect` (Bitstamp) to all, then the close with 1001"
    parameters = (Parameter("notice_s", -1.0, "from the announcement to the close; -1: as the venue does", -1, 3600),)
    default_count = 1
    countable = False

    def begin(self) -> None:
        """Announce: the closes follow by themselves."""
        super().begin()
        notice_s = self.number_of("notice_s")
        for connection in self.host.carriers(self.spec.symbol):
            self.note()
            self._told[connection] = None
            self.host.goodbye(connection, None if notice_s < 0 else notice_s)
        self.spent = True
        self.settle()


class Life(_Farewell):
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
        super().begin()
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
        self._told[connection] = None
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

    async def connecting(self, request: web.Request) -> web.Response | None:
        """Return the answer to a connect that is refused, or None."""
        if self.spent or self.word("what") not in ("all", "ws" if is_upgrade(request) else "rest"):
            return None
        self.strike()
        status = self.whole("status")
        if status:
            response = refusal(self.host.wording, status, self.whole("retry_after_s"))
        else:
            response = hang_up(request, reset=self.flag("reset"))
        self.settle()
        return response


def is_upgrade(request: web.Request) -> bool:
    """Tell whether a request asks for a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def hang_up(request: web.Request, *, reset: bool = False) -> web.Response:
    """Cut a request's TCP connection; what is returned can no longer be sent."""
    transport = request.transport
    if transport is not None:
        assert isinstance(transport, asyncio.Transport)
        abort(transport, reset=reset)
    return web.Response(status=503)
