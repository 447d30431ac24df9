"""One client's stream: a slot that holds the newest message until the client takes it."""

import asyncio
from collections.abc import Callable
from enum import Enum


class Kind(Enum):
    """What a message means for a slot that holds one already."""

    STATE = 1  # levels: a newer one takes the place of an older, which is counted as spared
    HEARTBEAT = 2  # nothing changed: never takes the place of a state
    CLOSING = 3  # the present state, and the last message


class ViewFailed(Exception):
    """The view that a stream watches could not be computed or encoded."""


class Stream:
    """A conflating slot between a view and one client.

    It holds at most one message, so a client that stops reading costs this one and what HTTP/2 has taken. The
    newest state always takes the place of an older one: the last of a burst is never lost. Everything here
    happens in the publisher's loop.
    """

    __slots__ = (
        "_catch_up",
        "_conflated",
        "_failure",
        "_interval_s",
        "_kind",
        "_last",
        "_loop",
        "_message",
        "_not_before",
        "_slot",
        "_tail",
        "_timer",
        "_waiter",
        "total_conflated",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tail: Callable[[int], bytes],
        min_interval_s: float = 0.0,
        catch_up: Callable[[], object] | None = None,
        slot: Callable[[float], float] | None = None,
    ) -> None:
        """`tail` makes what is appended to a message to say how many states were spared before it.

        `catch_up` is called before a message is taken: a view leaves out computing what no stream has room for.
        `slot` is called when one is, and tells the loop time before which its client allows this stream no other.
        """
        self._loop = loop
        self._tail = tail
        self._catch_up = catch_up
        self._slot = slot
        self._interval_s = min_interval_s
        self._message: bytes | None = None  # the slot
        self._kind = Kind.STATE  # of the message in the slot
        self._conflated = 0  # states spared since the previous message
        self._last = False  # the closing message was put in: nothing comes after it
        self._failure: ViewFailed | None = None
        self._waiter: asyncio.Future[None] | None = None  # of the task in next()
        self._not_before = 0.0  # loop time at which min_interval and the client's rate allow the next message
        self._timer: asyncio.TimerHandle | None = None  # rings at _not_before, only while a message waits for it
        self.total_conflated = 0

    def pace(self, min_interval_s: float) -> None:
        """From its next message on there are at least so many seconds between two."""
        self._interval_s = min_interval_s

    @property
    def has_room(self) -> bool:
        """Whether a new state would not take the place of another."""
        return self._message is None or self._kind is Kind.HEARTBEAT

    def offer(self, message: bytes, kind: Kind = Kind.STATE) -> None:
        """Puts a message in the slot; a heartbeat only where it displaces no state."""
        if self._last:
            return
        if self._message is not None and self._kind is Kind.STATE:
            if kind is Kind.HEARTBEAT:
                return
            self._conflated += 1
            self.total_conflated += 1
        self._message = message
        self._kind = kind
        if kind is Kind.CLOSING:
            self._last = True
        self._ring_when_due()

    def fail(self, failure: ViewFailed) -> None:
        """Ends the stream: next() raises `failure`."""
        self._failure = failure
        self._ring()

    async def next(self) -> bytes | None:
        """The newest message, waiting until there is one and min_interval allows it; None after the closing one.

        Raises ViewFailed when the view cannot go on. One task may wait.
        """
        while True:
            if self._failure is not None:
                raise self._failure
            if self._message is None:
                if self._last:
                    return None
            elif self._is_due():
                if self._catch_up is not None:
                    self._catch_up()
                return self._take(self._message)
            self._waiter = self._loop.create_future()
            self._ring_when_due()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def close(self) -> None:
        """Lets go of the timer; the stream is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take(self, message: bytes) -> bytes:
        self._message = None
        if self._interval_s or self._slot:
            now = self._loop.time()
            self._not_before = now + self._interval_s
            if self._slot:
                self._not_before = max(self._not_before, self._slot(now))
        if not self._conflated:
            return message  # the bytes that all streams of the view share
        tail = self._tail(self._conflated)
        self._conflated = 0
        return message + tail

    def _is_due(self) -> bool:
        return self._last or not self._not_before or self._loop.time() >= self._not_before

    def _ring_when_due(self) -> None:
        """Wakes the waiting task now, or by a timer when min_interval is over."""
        if self._waiter is None or self._message is None:
            return
        if self._is_due():
            self._ring()
        elif self._timer is None:
            self._timer = self._loop.call_at(self._not_before, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._ring()

    def _ring(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
