"""The faults of one face: what is active, what has been, and the way of frames, replies and connects through them."""

import asyncio
from collections import Counter, deque
from typing import Final, Protocol, runtime_checkable

from aiohttp import web

from venue.faces.connection import Connection
from venue.faults.demands import Demand
from venue.faults.fault import Fault, Host, Outgoing, Target
from venue.faults.frames import FrameFault
from venue.faults.kinds import kinds_of
from venue.faults.parameters import FaultError
from venue.faults.silence import Grip
from venue.faults.skew import Skew
from venue.faults.spec import Spec

MOST_ACTIVE: Final = 100
REMEMBERED: Final = 200  # ended faults that are still shown


@runtime_checkable
class _Replying(Protocol):
    """A fault that has a say in REST replies."""

    def concerns_request(self, target: Target) -> bool: ...

    async def reply(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse: ...


@runtime_checkable
class _Connecting(Protocol):
    """A fault that has a say in connects."""

    async def connecting(self, request: web.Request) -> web.Response | None: ...


class Board:
    """Begins and ends faults, and leads what leaves the face through them. Only the event loop's thread calls it.

    Faults act in the order of their stage, then of their beginning. `frames`, `replies` and `connects` tell whether
    there is anything to do: without faults nothing but these is looked at.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._next_number = 1
        self.active: dict[int, Fault] = {}
        self.ended_rows: deque[dict[str, object]] = deque(maxlen=REMEMBERED)
        self.struck: Counter[str] = Counter()  # of the ended ones
        self._ends: dict[int, tuple[float, asyncio.TimerHandle]] = {}
        self.frames: tuple[FrameFault, ...] = ()
        self.replies: tuple[_Replying, ...] = ()
        self.connects: tuple[_Connecting, ...] = ()

    # Faults

    def begin(self, spec: Spec) -> Fault:
        """Let a fault take effect. Raises FaultError when too many are active."""
        if len(self.active) >= MOST_ACTIVE:
            raise FaultError(f"{MOST_ACTIVE} faults are active already; end one first")
        fault = spec.kind(self._next_number, spec, self._host, self)
        self._next_number += 1
        self.active[fault.number] = fault
        if spec.for_s is not None:
            loop = asyncio.get_running_loop()
            self._ends[fault.number] = (loop.time() + spec.for_s, loop.call_later(spec.for_s, fault.stop))
        self._sort()
        fault.begin()
        return fault

    def end(self, number: int) -> Fault | None:
        """End a fault: at once, or as soon as it owes nothing. None when it is not active."""
        fault = self.active.get(number)
        if fault is not None:
            fault.stop()
        return fault

    def demanded(self, kind: type[Demand], symbol: str) -> bool:
        """Tell whether something is wanted of the face now, which then does it; it counts as a strike."""
        for fault in self.active.values():
            if isinstance(fault, kind) and not fault.spent and fault.spec.symbol in ("*", symbol):
                fault.strike()
                fault.settle()
                return True
        return False

    def holds(self, connection: Connection) -> bool:
        """Tell whether a fault keeps a connection from hearing what the face has to say."""
        return any(isinstance(fault, Grip) and fault.has(connection) for fault in self.active.values())

    def clear(self) -> list[Fault]:
        """End all faults and return them."""
        faults = list(self.active.values())
        for fault in faults:
            fault.stop()
        return faults

    def ended(self, fault: Fault) -> None:
        """Take a fault off the board. Faults call this themselves."""
        del self.active[fault.number]
        timer = self._ends.pop(fault.number, None)
        if timer is not None:
            timer[1].cancel()
        self.struck[fault.kind] += fault.strikes
        self.ended_rows.append(self.row(fault))
        self._sort()

    def row(self, fault: Fault) -> dict[str, object]:
        """Describe a fault as the endpoint shows it."""
        row = {"id": fault.number, **fault.spec.describe(), "state": fault.state, "struck": fault.strikes}
        row["began_us"] = fault.began_us
        if fault.strikes:
            row["first_struck_us"], row["last_struck_us"] = fault.first_struck_us, fault.last_struck_us
        if fault.ended_us:
            row["ended_us"] = fault.ended_us
        if fault.last:
            row["last"] = fault.last
        timer = self._ends.get(fault.number)
        if timer is not None:
            row["left_s"] = max(0.0, round(timer[0] - asyncio.get_running_loop().time(), 3))
        return row

    def totals(self) -> dict[str, int]:
        """Return how often each kind has struck since the start, active ones included."""
        total = Counter(dict.fromkeys(kinds_of(self._host.name), 0))
        total.update(self.struck)
        for fault in self.active.values():
            total[fault.kind] += fault.strikes
        return dict(total)

    def skew_us(self, symbol: str) -> int:
        """Return by how much the times of a symbol are shifted now, in µs."""
        skews = (fault for fault in self.frames if isinstance(fault, Skew))
        return sum(fault.offset_us for fault in skews if fault.spec.symbol in ("*", symbol))

    def _sort(self) -> None:
        faults = list(self.active.values())
        self.frames = tuple(sorted((f for f in faults if isinstance(f, FrameFault)), key=_place))
        # A body that drips or is cut can no longer be read: the clock comes first.
        self.replies = tuple(
            sorted((f for f in faults if isinstance(f, _Replying)), key=lambda f: not isinstance(f, Skew))
        )
        self.connects = tuple(f for f in faults if isinstance(f, _Connecting))

    # What passes

    def frame(self, connection: Connection, stream: str, framed: bytes) -> None:
        """Lead a framed message through the faults, to the client."""
        self._lead(Outgoing(connection, stream, self._host.stream_target(stream), framed), self.frames)

    def pass_on(self, out: Outgoing, after: Fault) -> None:
        """Lead a message through the faults after one, which may have ended meanwhile."""
        assert isinstance(after, FrameFault)
        place = _place(after)
        self._lead(out, tuple(fault for fault in self.frames if _place(fault) > place))

    def _lead(self, out: Outgoing, faults: tuple[FrameFault, ...]) -> None:
        for fault in faults:
            if fault.concerns(out):
                fault.take(out)  # passes on what it lets through
                return
        out.connection.write(out.framed)

    async def reply(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Lead a reply through the faults."""
        target = self._host.request_target(request)
        for fault in self.replies:
            if fault.concerns_request(target):
                response = await fault.reply(request, response)
        return response

    async def refused(self, request: web.Request) -> web.Response | None:
        """Return the answer to a request that is refused, or None when it may go on, which may take its time."""
        for fault in self.connects:
            response = await fault.connecting(request)
            if response is not None:
                return response
        return None

    # Clients

    def connected(self, connection: Connection) -> None:
        """Tell the faults of a new client."""
        for fault in list(self.active.values()):
            fault.connected(connection)

    def gone(self, connection: Connection) -> None:
        """Tell the faults that a client has gone."""
        for fault in list(self.active.values()):
            fault.gone(connection)

    def left(self, connection: Connection, stream: str) -> None:
        """Tell the faults that a client has unsubscribed."""
        for fault in list(self.active.values()):
            fault.left(connection, stream)


def _place(fault: FrameFault) -> tuple[int, int]:
    return fault.stage, fault.number
