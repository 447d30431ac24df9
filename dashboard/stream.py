"""The connection to the server: one stream of books, kept up for ever, told to a listener.

Everything runs in the event loop that calls `Stream.run`: gRPC's asyncio objects belong to the loop that made them.
"""

import asyncio
import contextlib
import random
import re
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc

from dashboard.feed import Failure
from dashboard.market import Book, MalformedBook, decode, plain
from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as pb_grpc

CONNECT_TIMEOUT_S = 5.0
BACKOFF_FIRST_S = 0.25
BACKOFF_CAP_S = 2.0  # a server that comes back is seen within three seconds, without a key
REFUSED_RETRY_S = 5.0  # the server answers and says no: asking often is no use
STABLE_S = 5.0  # a stream that lived this long starts the backoff afresh

# All three belong together: without the ping timeout the transport waits for its own, far longer one.
CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.use_local_subchannel_pool", 1),  # each attempt connects anew instead of inheriting a backoff
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)

T = TypeVar("T")

_REFUSALS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where the server listens, and how its channel is secured. `root`, `cert` and `key` are PEM; None: not given."""

    host: str
    port: int
    tls: bool = False
    root: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = None

    @property
    def address(self) -> str:
        """host:port, with brackets around an IPv6 address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def channel(self) -> grpc.aio.Channel:
        """A new channel; to be made inside the running loop."""
        options = list(CHANNEL_OPTIONS)
        if not self.tls:
            return grpc.aio.insecure_channel(self.address, options=options)
        credentials = grpc.ssl_channel_credentials(self.root, self.key, self.cert)
        return grpc.aio.secure_channel(self.address, credentials, options=options)


class Listener(Protocol):
    """Who is told of the stream, in the loop's thread."""

    def connecting(self, attempt: int) -> None:
        """An attempt begins."""

    def connected(self) -> None:
        """The channel stands."""

    def received(self, book: Book) -> None:
        """A message came."""

    def ended(self, failure: Failure, retry_in_ns: int) -> None:
        """The attempt or the stream ended."""


class Branch(Protocol):
    """A further call on the channel of a `Stream`."""

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Never returns; it is cancelled when the channel goes."""


class Stream:
    """Opens the stream of books, reads it, and opens it again with a capped backoff whenever it ends.

    It owns the channel: a lost server gets a new one, a server that refuses keeps it, and so do the branches.
    """

    def __init__(
        self, target: Target, request: pb.BookRequest, listener: Listener, branches: Sequence[Branch] = ()
    ) -> None:
        self._target = target
        self._request = request
        self._listener = listener
        self._branches = branches
        self._growing: list[asyncio.Task[None]] = []  # the branches, once the channel stands
        self._retry = asyncio.Event()
        self._asked = False  # another request than the one that is being read
        self._call: Any = None
        self._held: Book | None = None

    def retry_now(self) -> None:
        """Ends the wait before the next attempt."""
        self._retry.set()

    def ask(self, request: pb.BookRequest) -> None:
        """Reads another book from now on, over the same channel."""
        self._request = request
        self._asked = True
        if self._call is not None:
            self._call.cancel()
        self._retry.set()

    async def run(self) -> None:
        """Never returns; cancel it. Whatever a stream ends with is told to the listener."""
        loop = asyncio.get_running_loop()
        channel: grpc.aio.Channel | None = None
        attempt, failures = 0, 0
        again = False  # another book over the channel that stands: nothing is lost, nothing is told
        try:
            while True:
                attempt += 1
                self._held = None
                self._asked = False
                if not again:
                    self._listener.connecting(attempt)
                began = loop.time()
                channel = channel or self._target.channel()
                failure = await self._attempt(channel)
                again = failure is None
                if failure is None:
                    attempt, failures = 0, 0
                    continue
                if not failure.refused:
                    await self._close(channel)
                    channel = None
                if self._held is not None:
                    attempt = 0
                    if loop.time() - began > STABLE_S:
                        failures = 0
                wait_s = REFUSED_RETRY_S if failure.refused else backoff_s(failures)
                failures += 1
                self._retry.clear()
                self._listener.ended(failure, int(wait_s * 1e9))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._retry.wait(), wait_s)
        finally:
            if channel is not None:
                await self._close(channel)

    async def _close(self, channel: grpc.aio.Channel) -> None:
        for branch in self._growing:
            branch.cancel()
        if self._growing:
            await asyncio.wait(self._growing)
        self._growing = []
        await channel.close(None)

    async def _attempt(self, channel: grpc.aio.Channel) -> Failure | None:
        """One stream from its opening to its end; None when another request ended it."""
        failure = await self._open(channel)
        if failure is not None:
            return failure
        return await self._read(channel)

    async def _open(self, channel: grpc.aio.Channel) -> Failure | None:
        """Waits until the channel stands; a black hole is given up after CONNECT_TIMEOUT_S."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                state = channel.get_state(try_to_connect=True)
                while state not in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError:
            return Failure("DEADLINE_EXCEEDED", f"no answer within {CONNECT_TIMEOUT_S:.0f} s")
        if state is grpc.ChannelConnectivity.READY:
            self._listener.connected()
            if not self._growing:
                self._growing = [asyncio.ensure_future(branch.run(channel)) for branch in self._branches]
        return None  # in TRANSIENT_FAILURE the call itself fails at once and tells why

    async def _read(self, channel: grpc.aio.Channel) -> Failure | None:
        """One call; None when another request ended it."""
        stub: Any = pb_grpc.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        call = self._call = stub.StreamBook(self._request)
        try:
            async for message in call:
                if self._asked:
                    return None
                self._held = decode(message, self._held)
                self._listener.received(self._held)
                if self._held.closing:
                    return Failure("OK", "the server stopped")
        except grpc.aio.AioRpcError as error:
            return failure_of(error.code(), error.details())
        except MalformedBook as error:
            return Failure("MALFORMED", str(error))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._asked or (task is not None and task.cancelling()):
                raise  # it is we who are to end, not the call
            return None
        finally:
            self._call = None
            call.cancel()
        return Failure("OK", "the server ended the stream")


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` gives; None, and the work cancelled, as soon as the event is set."""
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        waiting.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})


def backoff_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row; up to a fifth less, so that clients do not march in step."""
    return float(min(BACKOFF_CAP_S, BACKOFF_FIRST_S * 2 ** min(failures, 16)) * random.uniform(0.8, 1.0))


def failure_of(code: grpc.StatusCode, details: str | None) -> Failure:
    """A status in a person's words: the cause, not the layers around it."""
    text = plain(details or "")
    for pattern in (r"connection refused", r"no route to host", r"network is unreachable", r"socket closed"):
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            return Failure(code.name, found.group().lower())
    if code is grpc.StatusCode.UNAVAILABLE:
        text = re.sub(r"^failed to connect to all addresses; last error: ", "", text)
        text = re.sub(r"^UNKNOWN: ", "", text)
    return Failure(code.name, text[:300], code in _REFUSALS)
