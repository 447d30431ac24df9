"""The thread of one WebSocket connection. It does nothing but I/O and time; the feed does everything else."""

import contextlib
import heapq
import itertools
import logging
import math
import select
import socket
import ssl
import threading
import time
from collections import deque
from typing import NamedTuple

import websocket

from exchanges.actions import Fetch, NetworkAction, Reconnect, Send, Timer
from exchanges.backoff import Backoff
from exchanges.budget import Budget
from exchanges.errors import Forbidden, RateLimited
from exchanges.feed import Feed
from exchanges.rest import DEFAULT_BAN_S, Answer, RestClient
from exchanges.venue import Venue

log = logging.getLogger(__name__)

_CONNECT_S = 10.0
_READ_BYTES = 65_536  # from the kernel at once
_FRAME_S = 5.0  # for the rest of a frame whose beginning has come
_MAX_MESSAGE = 16 * 1024 * 1024  # bytes of one message; the largest real ones have some 10,000
_AT_ONCE_AFTER_S = 10.0  # a connection that lasted less is followed by a wait, whoever asked to reconnect
_FORBIDDEN_S = 3600.0  # before a snapshot is asked again that the venue forbids


class _Closed(Exception):
    """The connection is over, for a reason in words.

    `at_once`: the next one need not wait. `wait_s`: the venue wants at least so long a pause.
    """

    def __init__(self, reason: str, *, at_once: bool = False, wait_s: float = 0.0) -> None:
        self.at_once = at_once
        self.wait_s = wait_s
        super().__init__(reason)


class _Delivery(NamedTuple):
    """An answer on its way from a REST thread to ours."""

    fetch: Fetch
    answer: Answer
    received_ns: int


class Connection:
    """Keeps one connection to a venue alive for ever: connects, reads, pings, reconnects with backoff.

    Everything with no comment belongs to the connection's own thread.
    """

    def __init__(
        self, venue: Venue, url: str, feed: Feed, rest: RestClient, connects: Budget, ca: str | None = None
    ) -> None:
        self._venue = venue
        self._url = url + feed.protocol.path
        self._feed = feed
        self._rest = rest
        self._connects = connects  # shared by all connections of the venue; thread-safe
        self._ssl = {"ca_certs": ca} if ca else {}
        self._backoff = Backoff()
        self._fetch_backoff: dict[str, Backoff] = {}  # by symbol
        self._ws: _Socket | None = None
        self._due: list[tuple[float, int, Timer | Fetch]] = []  # heap of what is to be done later
        self._order = itertools.count()  # breaks ties in the heap
        # Filled by REST threads, emptied by ours. A symbol has at most one fetch under way, so it stays small.
        self._inbox: deque[_Delivery] = deque()
        self._stopping = threading.Event()  # set by any thread
        self._wake_read, self._wake_write = socket.socketpair()  # any thread writes to wake ours
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"{venue.name}-ws", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Asks the thread to end; any thread may call this."""
        self._stopping.set()
        self._wake()

    def join(self, timeout_s: float) -> None:
        """Waits for the thread's end after `stop`."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._pay()
            if self._stopping.is_set():
                break
            began = time.monotonic()
            at_once = False
            wanted_s = 0.0
            try:
                self._session()
                reason = "stopped"
            except _Closed as closed:
                reason, at_once, wanted_s = str(closed), closed.at_once, closed.wait_s
            except Exception as error:
                # A defect of ours must not end the feed in silence: it is logged whole, and the next session
                # starts with fresh protocol state.
                log.exception("the connection to %s failed", self._venue.name)
                reason = f"internal error: {type(error).__name__}: {error}"
            self._drop_socket()
            self._due.clear()
            lasted_s = time.monotonic() - began
            wait = 0.0 if at_once and lasted_s > _AT_ONCE_AFTER_S else self._backoff.next_s(lasted_s)
            wait = max(wait, wanted_s)
            if self._stopping.is_set():
                break
            self._feed.closed(reason, time.time_ns() + int(wait * 1e9))
            log.warning("%s: %s; next try in %.1f s", self._venue.name, reason, wait)
            self._stopping.wait(wait)
        self._feed.closed("stopped", 0)
        self._wake_read.close()
        self._wake_write.close()

    def _pay(self) -> None:
        """Waits until the venue's limit allows one more connect."""
        while (wait := self._connects.delay_s(1, time.monotonic())) > 0:
            reason = "the venue allows no more connects for now"
            self._feed.closed(reason, time.time_ns() + int(wait * 1e9))
            log.warning("%s: %s; next try in %.1f s", self._venue.name, reason, wait)
            if self._stopping.wait(wait):
                return

    def _session(self) -> None:
        """From connecting until the connection is over, which raises _Closed."""
        self._feed.connecting()
        ws = self._ws = self._connect()
        opened = heard = time.monotonic()
        pinged = False
        limits = self._venue.limits
        ws_fd: int = ws.fileno()  # type: ignore[no-untyped-call]
        readable = select.poll()
        readable.register(ws_fd, select.POLLIN)
        readable.register(self._wake_read.fileno(), select.POLLIN)
        self._perform(self._feed.opened())
        while not self._stopping.is_set():
            now = time.monotonic()
            silent = now - heard
            if silent >= limits.dead_s:
                self._feed.stale(f"nothing heard for {silent:.0f} s")
                raise _Closed(f"nothing heard for {silent:.0f} s, ping unanswered")
            if silent >= limits.quiet_s and not pinged:
                self._ping(ws)
                pinged = True
            if now - opened >= limits.max_age_s:
                raise _Closed("planned reconnect before the venue cuts the connection", at_once=True)
            self._run_due(now)
            wait = min(limits.dead_s - silent if pinged else limits.quiet_s - silent, 1.0)
            if self._due:
                wait = min(wait, self._due[0][0] - now)
            ready = [] if ws.pending() else [fd for fd, _ in readable.poll(max(0.0, wait * 1000))]
            if self._inbox or self._wake_read.fileno() in ready:
                self._take_deliveries()
            if ws_fd in ready or ws.pending():
                self._read(ws)
                heard, pinged = time.monotonic(), False

    def _connect(self) -> "_Socket":
        try:
            ws = websocket.create_connection(
                self._url,
                timeout=_CONNECT_S,
                class_=_Socket,
                # The JSON decoder validates UTF-8; doing it in Python first costs 0.16 us a byte.
                skip_utf8_validation=True,
                enable_multithread=False,
                sslopt=self._ssl,
                sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
                header={"User-Agent": "onebook"},
                suppress_origin=True,
            )
        except websocket.WebSocketBadStatusException as error:
            words = f"{self._url} answered HTTP {error.status_code} instead of opening a WebSocket"
            raise _Closed(words, wait_s=_told_to_wait(error)) from error
        except (websocket.WebSocketException, OSError) as error:
            raise _Closed(f"{self._url}: {_words(error)}") from error
        ws.settimeout(_FRAME_S)
        assert isinstance(ws, _Socket)  # as asked for by class_
        return ws

    def _read(self, ws: "_Socket") -> None:
        """One frame. Pings are answered by the library."""
        try:
            opcode, data = ws.recv_data(control_frame=True)
        except websocket.WebSocketTimeoutException as error:
            raise _Closed(f"a frame was not complete after {_FRAME_S:.0f} s") from error
        except (websocket.WebSocketException, OSError) as error:
            raise _Closed(_words(error)) from error
        received_ns = time.time_ns()
        if opcode == websocket.ABNF.OPCODE_TEXT or opcode == websocket.ABNF.OPCODE_BINARY:
            self._perform(self._feed.frame(data, received_ns))
        elif opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
            words = data[2:].decode("utf-8", "replace")
            raise _Closed(f"closed by the venue ({code}{' ' + words if words else ''})")

    def _perform(self, actions: list[NetworkAction]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._send(action.text)
            elif isinstance(action, Reconnect):
                raise _Closed(f"reconnecting: {action.reason}", at_once=True)
            elif action.delay_s > 0:
                heapq.heappush(self._due, (time.monotonic() + action.delay_s, next(self._order), action))
            elif isinstance(action, Fetch):
                self._fetch(action)
            else:
                self._perform(self._feed.timeout(action))

    def _send(self, text: str) -> None:
        if self._ws is None:
            return
        try:
            self._ws.send(text)
        except (websocket.WebSocketException, OSError) as error:
            raise _Closed(_words(error)) from error

    def _ping(self, ws: websocket.WebSocket) -> None:
        try:
            ws.ping(b"onebook")
        except (websocket.WebSocketException, OSError) as error:
            raise _Closed(_words(error)) from error

    def _fetch(self, fetch: Fetch) -> None:
        def deliver(answer: Answer) -> None:  # in a REST thread
            self._inbox.append(_Delivery(fetch, answer, time.time_ns()))
            self._wake()

        self._rest.submit(fetch.path, fetch.weight, deliver)

    def _take_deliveries(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the delivery is here, its wake-up call is still to come
            self._wake_read.recv(4096)  # before the inbox is looked at: whoever adds to it later wakes us again
        while self._inbox:
            (symbol, generation, _, _, _), answer, received_ns = self._inbox.popleft()
            if isinstance(answer, bytes):
                self._fetch_backoff.pop(symbol, None)
                self._perform(self._feed.snapshot(symbol, generation, answer, received_ns))
                continue
            log.warning("%s: no snapshot of %s: %s", self._venue.name, symbol, answer)
            retry_s = self._fetch_backoff.setdefault(symbol, Backoff()).next_s()
            if isinstance(answer, RateLimited):
                retry_s = max(retry_s, answer.retry_after_s)
            elif isinstance(answer, Forbidden):
                retry_s = _FORBIDDEN_S
            self._perform(self._feed.failed(symbol, generation, str(answer), retry_s))

    def _run_due(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            action = heapq.heappop(self._due)[2]
            if isinstance(action, Fetch):
                self._fetch(action)
            else:
                self._perform(self._feed.timeout(action))

    def _wake(self) -> None:
        # Full: a wake-up is waiting already. Closed: the thread has ended.
        with contextlib.suppress(OSError):
            self._wake_write.send(b"!")

    def _drop_socket(self) -> None:
        ws, self._ws = self._ws, None
        if ws is None:
            return
        try:
            if self._stopping.is_set():
                ws.send_close()
            ws.shutdown()  # type: ignore[no-untyped-call]
        except (websocket.WebSocketException, OSError):
            log.debug("closing the socket to %s failed", self._venue.name, exc_info=True)


class _Socket(websocket.WebSocket):
    """Reads from the kernel as much as there is, and bounds what one message may take, whatever its header claims.

    The library asks for a frame's header, length and payload one by one; a buffer between makes one system call of
    them. A message must fit the memory, and be whole in time.
    """

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._buffer = b""
        self._at = 0  # how much of the buffer has been handed out
        self._room = _MAX_MESSAGE
        self._until = math.inf

    def recv_data(self, control_frame: bool = False) -> tuple[int, bytes]:
        """One message, or one control frame: those may come between the parts of a message."""
        if self.cont_frame.cont_data is None:
            self._room = _MAX_MESSAGE
            self._until = time.monotonic() + _FRAME_S
        answer: tuple[int, bytes] = super().recv_data(control_frame)
        return answer

    def pending(self) -> bool:
        """Whether bytes are here that the kernel no longer shows as readable: in our buffer, or decrypted by TLS."""
        if self._at < len(self._buffer):
            return True
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def _recv(self, bufsize: int) -> bytes:
        at = self._at
        if at == len(self._buffer):
            if time.monotonic() > self._until:
                raise websocket.WebSocketTimeoutException
            self._buffer = super()._recv(_READ_BYTES)  # type: ignore[no-untyped-call]
            at = 0
        data = self._buffer[at : at + bufsize]
        self._at = at + len(data)
        self._room -= len(data)
        if self._room < 0:
            raise websocket.WebSocketProtocolException(f"a message of more than {_MAX_MESSAGE} bytes")
        return data


def _told_to_wait(error: websocket.WebSocketBadStatusException) -> float:
    """Seconds that a handshake answered 429 or 418 tells us to stay away."""
    if error.status_code not in DEFAULT_BAN_S:
        return 0.0
    told = (error.resp_headers or {}).get("retry-after", "")
    return float(told) if told.isdecimal() else DEFAULT_BAN_S[error.status_code]


def _words(error: BaseException) -> str:
    """What happened, for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate does not verify ({error.verify_message}); --ca FILE names roots"
    if isinstance(error, websocket.WebSocketConnectionClosedException):
        return "the connection was lost without a close frame"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
