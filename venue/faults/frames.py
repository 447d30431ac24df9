"""Frames that go missing, come twice, change places or come late."""

import asyncio
from collections import deque
from typing import ClassVar, Final

from venue.faces.connection import Connection
from venue.faults.fault import Fault, Outgoing, concerns
from venue.faults.parameters import Parameter, every

MOST_HELD: Final = 20_000  # frames that one delay holds; then the oldest leaves early

CHANNEL: Final = Parameter(
    "channel",
    "any",
    "which frames: book differences, the best prices or partial books, trades, replies to the client, or all streams",
    choices=("any", "diff", "top", "trade", "control"),
)


class FrameFault(Fault):
    """A fault on frames of chosen channels. ``stage`` orders faults: what reads comes before what breaks."""

    parameters: ClassVar[tuple[Parameter, ...]] = (CHANNEL, every())
    stage: ClassVar[int] = 1

    def begin(self) -> None:
        """Begin to count."""
        self._seen: dict[tuple[Connection, str], int] = {}

    def concerns(self, out: Outgoing) -> bool:
        """Tell whether a frame may be struck."""
        channel = self.values.get("channel", "any")
        kind = out.target.kind
        return concerns(self.spec.symbol, out.target) and (
            kind == channel or (channel == "any" and kind != "control")
        )

    def take(self, out: Outgoing) -> None:
        """Do with a frame what is to be done; each frame that concerns this fault comes here."""
        if self.spent or not self.able(out) or not self._turn(out):
            self.desk.pass_on(out, self)
            return
        self.strike()
        self.disturb(out)
        self.settle()

    def able(self, out: Outgoing) -> bool:
        """Tell whether this frame can be struck at all; others are not counted."""
        return True

    def disturb(self, out: Outgoing) -> None:
        """Strike a frame."""
        raise NotImplementedError

    def gone(self, connection: Connection) -> None:
        """Forget a client."""
        for key in [key for key in self._seen if key[0] is connection]:
            del self._seen[key]

    def _turn(self, out: Outgoing) -> bool:
        period = int(self.values.get("every", 1))
        if period == 1:
            return True
        key = (out.connection, out.stream)
        seen = self._seen[key] = self._seen.get(key, 0) + 1
        return seen % period == 0


class Drop(FrameFault):
    """Frames that are never sent."""

    kind = "drop"
    summary = "the frame is not sent"

    def disturb(self, out: Outgoing) -> None:
        """Send nothing."""


class Duplicate(FrameFault):
    """Frames that are sent more than once."""

    kind = "duplicate"
    summary = "the frame is sent again, right after itself"
    parameters = (*FrameFault.parameters, Parameter("times", 1, "how many more times", 1, 1000))

    def disturb(self, out: Outgoing) -> None:
        """Send the frame and its copies."""
        for _ in range(1 + self.whole("times")):
            self.desk.pass_on(out, self)


class Reorder(FrameFault):
    """Frames that change places with the next of their stream."""

    kind = "reorder"
    summary = "the frame changes places with the next one of the same stream and client"

    def begin(self) -> None:
        """Begin with nothing held."""
        super().begin()
        self._held: dict[tuple[Connection, str], Outgoing] = {}

    @property
    def busy(self) -> bool:
        """Whether a frame waits for the next one."""
        return bool(self._held)

    def take(self, out: Outgoing) -> None:
        """Let the frame after a held one overtake it."""
        held = self._held.pop((out.connection, out.stream), None)
        if held is None:
            super().take(out)
            return
        self.desk.pass_on(out, self)
        self.desk.pass_on(held, self)
        self.settle()

    def disturb(self, out: Outgoing) -> None:
        """Hold the frame until the next one."""
        self._held[out.connection, out.stream] = out

    def release(self) -> None:
        """Send what is held."""
        held, self._held = self._held, {}
        for out in held.values():
            self.desk.pass_on(out, self)

    def gone(self, connection: Connection) -> None:
        """Drop what was held for a client."""
        super().gone(connection)
        for key in [key for key in self._held if key[0] is connection]:
            del self._held[key]
        self.settle()

    def left(self, connection: Connection, stream: str) -> None:
        """Drop what was held of a stream that is unsubscribed: a new subscription begins with new frames."""
        self._held.pop((connection, stream), None)
        self.settle()


class _Queue:
    """The late frames of one stream of one client, with the times at which they are due, never decreasing."""

    __slots__ = ("late", "timer")

    def __init__(self) -> None:
        self.late: deque[tuple[float, Outgoing]] = deque()
        self.timer: asyncio.TimerHandle | None = None  # for the first

    def stop(self) -> None:
        """Wait for nothing any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Delay(FrameFault):
    """Frames that leave late. A stream keeps its order: what follows a late frame waits behind it."""

    kind = "delay"
    summary = "the frame leaves later; frames of the same stream stay in order, other streams are not held up"
    parameters = (
        *FrameFault.parameters,
        Parameter("ms", 500.0, "how much later", 0, 600_000),
        Parameter("jitter_ms", 0.0, "up to so much more, drawn for each frame", 0, 600_000),
    )

    def begin(self) -> None:
        """Begin with nothing held."""
        super().begin()
        self._queues: dict[tuple[Connection, str], _Queue] = {}
        self._held = 0

    @property
    def busy(self) -> bool:
        """Whether frames are held."""
        return bool(self._held)

    def take(self, out: Outgoing) -> None:
        """Hold a frame that is struck, and each that comes after a held one."""
        if not self.spent and self._turn(out):
            self.strike()
            self.disturb(out)
        elif (out.connection, out.stream) in self._queues:
            self._hold(out, 0.0)
        else:
            self.desk.pass_on(out, self)

    def disturb(self, out: Outgoing) -> None:
        """Hold a frame for its delay."""
        self._hold(out, (self.number_of("ms") + self.random.random() * self.number_of("jitter_ms")) / 1000)

    def _hold(self, out: Outgoing, delay_s: float) -> None:
        key = (out.connection, out.stream)
        if self._held >= MOST_HELD:
            self._send_first(next(iter(self._queues)))
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue()
        due_s = asyncio.get_running_loop().time() + delay_s
        if queue.late:
            due_s = max(due_s, queue.late[-1][0])
        queue.late.append((due_s, out))
        self._held += 1
        if queue.timer is None:
            self._arm(key, queue)

    def _arm(self, key: tuple[Connection, str], queue: _Queue) -> None:
        queue.timer = asyncio.get_running_loop().call_at(queue.late[0][0], self._on_due, key, queue)

    def _on_due(self, key: tuple[Connection, str], queue: _Queue) -> None:
        queue.timer = None
        # What is due within the clock's resolution leaves in the same packet.
        now = asyncio.get_running_loop().time() + 0.0005
        while queue.late and queue.late[0][0] <= now:
            self._send_first(key)
        if queue.late and queue.timer is None:
            self._arm(key, queue)
        self.settle()

    def _send_first(self, key: tuple[Connection, str]) -> None:
        queue = self._queues[key]
        out = queue.late.popleft()[1]
        self._held -= 1
        if not queue.late:
            queue.stop()
            del self._queues[key]
        self.desk.pass_on(out, self)

    def release(self) -> None:
        """Send all that is held, in order."""
        while self._queues:
            self._send_first(next(iter(self._queues)))

    def gone(self, connection: Connection) -> None:
        """Drop what was held for a client."""
        super().gone(connection)
        for key in [key for key in self._queues if key[0] is connection]:
            self._drop(key)
        self.settle()

    def left(self, connection: Connection, stream: str) -> None:
        """Drop what was held of a stream that is unsubscribed: a new subscription begins with new frames."""
        if (connection, stream) in self._queues:
            self._drop((connection, stream))
            self.settle()

    def _drop(self, key: tuple[Connection, str]) -> None:
        queue = self._queues.pop(key)
        queue.stop()
        self._held -= len(queue.late)
        queue.late.clear()
