"""The thread of one WebSocket connection. It does nothing but I/O and time; the feed does everything else."""

import contextlib
import gc
import heapq
import itertools
import logging
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import websocket

from book import Connections, Instrument
from exchanges.actions import Fetch, NetworkAction, Reconnect, Send, Timer
from exchanges.backoff import Backoff
from exchanges.budget import Budget
from exchanges.errors import ExchangeError, Forbidden, NoBudget, RateLimited
from exchanges.feed import Books, Feed
from exchanges.frames import FRAME_S, FrameSocket
from exchanges.outbox import Outbox
from exchanges.rest import DEFAULT_BAN_S, Answer, Request, RestClient
from exchanges.venue import Venue

log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_AT_ONCE_AFTER_S = 10.0  # a connection that lasted less is followed by a wait, whoever asked to reconnect
_PONG_S = 1.0  # a ping that was answered within this was no silence
_LEVEL_WITHIN_S = 3.0  # two connections stand at the same update; after this the new one may also be ahead
_LOOK_EVERY_S = 0.02  # whether they do
_ROTATE_AT_ONCE_AFTER_S = 2.0  # likewise for one that is taken over while it stands: the successor waits
_FORBIDDEN_S, _FORBIDDEN_CAP_S = 60.0, 3600.0  # before a snapshot is asked again that the venue forbids


class _Closed(Exception):
    """The connection is over, for a reason in words.

    `at_once`: the next one need not wait. `wait_s`: the venue wants at least so long a pause.
    """

    def __init__(self, reason: str, *, at_once: bool = False, wait_s: float = 0.0) -> None:
        self.at_once = at_once
        self.wait_s = wait_s
        super().__init__(reason)


class _Order(NamedTuple):
    """What another thread wants of ours: to carry more symbols, or fewer."""

    added: Sequence[Instrument]
    books: Books  # of those that are added
    removed: Sequence[str]


class _Delivery(NamedTuple):
    """An answer on its way from a REST thread to ours."""

    fetch: Fetch
    answer: Answer
    received_ns: int


class Connection:
    """Keeps one connection to a venue alive: connects, reads, pings, reconnects with backoff.

    It lives until it is stopped, or until a successor has taken over its books: on a planned rotation the new
    connection is made, subscribed and level with the old one before that is closed.
    Everything with no comment belongs to the connection's own thread.
    """

    def __init__(
        self,
        venue: Venue,
        url: str,
        feed: Feed,
        rest: RestClient,
        connects: Budget,
        ca: str | None = None,
        *,
        standing: Connections | None = None,
        succeed: "Callable[[Connection, float], Connection | None] | None" = None,
        predecessor: "Connection | None" = None,
    ) -> None:
        """`standing` counts the venue's connections; None: nobody wants to know.

        `succeed` makes the successor of a connection and starts it after some seconds; None: it only reconnects.
        `predecessor`: whose books `feed` is to take over.
        """
        self._venue = venue
        self._url = url + feed.protocol.path
        self.feed = feed  # of our thread; a successor is made from its instruments and books there
        self._rest = rest
        self._connects = connects  # shared by all connections of the venue; thread-safe
        self._standing = standing or Connections()  # thread-safe
        self._ssl = {"ca_certs": ca} if ca else {}
        self._succeed = succeed
        self._successor: Connection | None = None
        self._predecessor = predecessor
        # Of the whole line of connections, so that those that are rotated again and again slow down too. A
        # predecessor that has a successor does not use it any more.
        self._backoff: Backoff = predecessor._backoff if predecessor else Backoff()
        self._fetch_backoff: dict[str, Backoff] = {}  # by symbol
        self._ws: FrameSocket | None = None
        self._start_after_s = 0.0
        self._opened = 0.0  # when it was, on the monotonic clock
        self._due: list[tuple[float, int, Timer | Fetch]] = []  # heap of what is to be done later
        self._order = itertools.count()  # breaks ties in the heap
        # Filled by REST threads, emptied by ours. A symbol has at most one fetch under way, so it stays small.
        self._inbox: deque[_Delivery] = deque()
        self._orders: deque[_Order] = deque()  # filled by any thread, emptied by ours
        self._outbox = Outbox(venue.limits.sends_per_s)
        self._stopping = threading.Event()  # set by any thread
        self._relieved = False  # set by the successor, before it sets _stopping: the books are its own now
        self._wake_read, self._wake_write = socket.socketpair()  # any thread writes to wake ours
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"{venue.name}-ws", daemon=True)

    def start(self, after_s: float = 0.0) -> None:
        """Starts the thread, which connects after so many seconds."""
        self._start_after_s = after_s
        self._thread.start()

    def stop(self) -> None:
        """Asks the thread to end; any thread may call this."""
        self._stopping.set()
        self._wake()

    def add(self, instruments: Sequence[Instrument], books: Books) -> None:
        """Has it carry these too; any thread may call this."""
        self._orders.append(_Order(instruments, books, ()))
        self._wake()

    def remove(self, symbols: Sequence[str]) -> None:
        """Has it carry these no longer; any thread may call this."""
        self._orders.append(_Order((), {}, symbols))
        self._wake()

    @property
    def alive(self) -> bool:
        """Whether its thread runs; any thread may ask."""
        return self._thread.is_alive()

    def relieve(self) -> None:
        """The successor has taken over all books: ends this connection, whose thread touches none any more."""
        self._relieved = True
        self.stop()

    def join(self, timeout_s: float) -> None:
        """Waits for the thread's end after `stop`."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        self._stopping.wait(self._start_after_s)
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
                # A defect of ours must not end the feed in silence: it is logged whole and counted, and the next
                # session starts with fresh protocol state.
                log.exception("the connection to %s failed", self._venue.name)
                self.feed.crashed()
                reason = f"internal error: {type(error).__name__}: {error}"
            self._drop_socket()
            self._due.clear()
            self._outbox.clear()
            if self._stopping.is_set():
                break
            if self._successor is not None:  # it was to take over, and now has to begin anew
                log.warning("%s: %s; its successor goes on", self._venue.name, reason)
                self.feed.closed(reason, time.time_ns())
                break
            lasted_s = time.monotonic() - began
            wait = 0.0 if at_once and lasted_s > _AT_ONCE_AFTER_S else self._backoff.next_s(lasted_s)
            wait = max(wait, wanted_s)
            self.feed.closed(reason, time.time_ns() + int(wait * 1e9))
            log.warning("%s: %s; next try in %.1f s", self._venue.name, reason, wait)
            self._stopping.wait(wait)
        if not self._relieved and self._successor is None:
            self.feed.closed("stopped", 0)
        self._wake_read.close()
        self._wake_write.close()

    def _pay(self) -> None:
        """Waits until the venue's limit allows one more connect."""
        while (wait := self._connects.delay_s(1, time.monotonic())) > 0:
            reason = "the venue allows no more connects for now"
            self.feed.closed(reason, time.time_ns() + int(wait * 1e9))
            log.warning("%s: %s; next try in %.1f s", self._venue.name, reason, wait)
            if self._stopping.wait(wait):
                return

    def _session(self) -> None:
        """From connecting until the connection is over, which raises _Closed."""
        self._take_orders()
        self.feed.connecting()
        ws = self._ws = self._connect()
        self._standing.opened()
        opened = heard = time.monotonic()
        pinged = False
        limits = self._venue.limits
        ws_fd: int = ws.fileno()  # type: ignore[no-untyped-call]
        readable = select.poll()
        readable.register(ws_fd, select.POLLIN)
        readable.register(self._wake_read.fileno(), select.POLLIN)
        self._opened = opened
        self._perform(self.feed.opened())
        while not self._stopping.is_set():
            if self._predecessor is not None:
                self._relieve(self._predecessor)
            self._flush()
            self._take_orders()
            now = time.monotonic()
            silent = now - heard
            if silent >= limits.dead_s:
                self.feed.stale(f"nothing heard for {silent:.0f} s")
                raise _Closed(f"nothing heard for {silent:.0f} s, ping unanswered")
            if silent >= limits.quiet_s and not pinged:
                self._ping(ws)
                pinged = True
            if now - opened >= limits.max_age_s:
                self._rotate("planned reconnect before the venue cuts the connection")
            self._run_due(now)
            wait = min(limits.dead_s - silent if pinged else limits.quiet_s - silent, 1.0)
            if self._due:
                wait = min(wait, self._due[0][0] - now)
            if self._predecessor is not None:
                wait = min(wait, _LOOK_EVERY_S)
            if (until := self._outbox.wait_s(now)) is not None:
                wait = min(wait, until)
            ready = [] if ws.pending() else [fd for fd, _ in readable.poll(max(0.0, wait * 1000))]
            if self._inbox or self._wake_read.fileno() in ready:
                self._take_deliveries()
            if ws_fd in ready or ws.pending():
                self._read(ws)
                if pinged and time.monotonic() - heard > limits.quiet_s + _PONG_S:
                    self._perform(self.feed.resumed())
                heard, pinged = time.monotonic(), False

    def _rotate(self, reason: str) -> None:
        """Has another connection take over; at once, unless this one is young itself."""
        if self._successor is not None:
            return
        if self._predecessor is not None or self._succeed is None:
            raise _Closed(f"reconnecting: {reason}", at_once=True)
        lasted_s = time.monotonic() - self._opened
        log.info("%s: another connection is to take over: %s", self._venue.name, reason)
        pause_s = 0.0 if lasted_s > _ROTATE_AT_ONCE_AFTER_S else self._backoff.next_s(lasted_s)
        self._successor = self._succeed(self, pause_s)

    def _relieve(self, predecessor: "Connection") -> None:
        """Takes over what can be taken over by now; the predecessor ends when that is all."""
        late = time.monotonic() - self._opened > _LEVEL_WITHIN_S
        if self.feed.take_over(orphaned=not predecessor.alive, ahead=late):
            self._predecessor = None
            predecessor.relieve()
            log.info("%s: this connection has taken over", self._venue.name)

    def _connect(self) -> FrameSocket:
        try:
            ws = websocket.create_connection(
                self._url,
                timeout=_CONNECT_S,
                class_=FrameSocket,
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
        ws.settimeout(FRAME_S)
        assert isinstance(ws, FrameSocket)  # as asked for by class_
        return ws

    def _read(self, ws: FrameSocket) -> None:
        """One frame. Pings are answered by the library."""
        try:
            opcode, data = ws.recv_data(control_frame=True)
        except websocket.WebSocketTimeoutException as error:
            raise _Closed("a frame was not complete in time") from error
        except (websocket.WebSocketException, OSError) as error:
            raise _Closed(_words(error)) from error
        received_ns = time.time_ns()
        if opcode == websocket.ABNF.OPCODE_TEXT or opcode == websocket.ABNF.OPCODE_BINARY:
            self._perform(self.feed.frame(data, received_ns))
        elif opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
            words = data[2:].decode("utf-8", "replace")
            raise _Closed(f"closed by the venue ({code}{' ' + words if words else ''})")

    def _perform(self, actions: list[NetworkAction]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._outbox.put(action.text)
                self._flush()
            elif isinstance(action, Reconnect):
                if not action.overlap:
                    raise _Closed(f"reconnecting: {action.reason}", at_once=True)
                self._rotate(action.reason)
            elif action.delay_s > 0:
                heapq.heappush(self._due, (time.monotonic() + action.delay_s, next(self._order), action))
            elif isinstance(action, Fetch):
                self._fetch(action)
            else:
                self._perform(self.feed.timeout(action))

    def _take_orders(self) -> None:
        """Carries out what others want of us, unless messages of ours still wait for their turn.

        Then what comes gathers, and is subscribed together: a hundred pairs one by one would take a hundred turns,
        and the last ones would be given up as not acknowledged before they were asked for.
        """
        if self._outbox.wait_s(time.monotonic()) is not None:
            return
        while self._orders:
            order = self._orders.popleft()
            while order.added and self._orders and self._orders[0].added:
                more = self._orders.popleft()
                order = _Order((*order.added, *more.added), {**order.books, **more.books}, ())
            if self._successor is not None:  # it carries what is to come; what is to go is here too
                self._successor.add(order.added, order.books)
                self._successor.remove(order.removed)
            elif order.added:
                self._perform(self.feed.add(order.added, order.books))
            self._perform(self.feed.remove(order.removed))

    def _flush(self) -> None:
        for text in self._outbox.due(time.monotonic()):
            self._send(text)

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
        inherited = self.feed.inherit(fetch)
        if inherited is not None:
            self._perform(inherited)
            return

        def deliver(answer: Answer, path: str) -> None:  # in a REST thread
            asked = fetch
            if fetch.cheaper and path == fetch.cheaper[0]:
                asked = fetch._replace(levels=fetch.cheaper[2])
            self._inbox.append(_Delivery(asked, answer, time.time_ns()))
            self._wake()

        cheaper = fetch.cheaper[:2] if fetch.cheaper else None
        self._rest.submit(Request(fetch.path, fetch.weight, fetch.share, cheaper), deliver)

    def _take_deliveries(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the delivery is here, its wake-up call is still to come
            self._wake_read.recv(4096)  # before the inbox is looked at: whoever adds to it later wakes us again
        while self._inbox:
            fetch, answer, received_ns = self._inbox.popleft()
            if isinstance(answer, bytes):
                if not fetch.probe:
                    self._fetch_backoff.pop(fetch.symbol, None)
                self._perform(self.feed.snapshot(fetch, answer, received_ns))
            elif isinstance(answer, NoBudget):
                self._perform(self.feed.failed(fetch, str(answer), 0.0, postponed=True))
            elif fetch.probe:
                log.info("%s: no book of %s to compare with: %s", self._venue.name, fetch.symbol, answer)
                self._perform(self.feed.failed(fetch, str(answer), 0.0))
            else:
                log.warning("%s: no snapshot of %s: %s", self._venue.name, fetch.symbol, answer)
                self._perform(self.feed.failed(fetch, str(answer), self._again_s(fetch.symbol, answer)))

    def _again_s(self, symbol: str, problem: ExchangeError) -> float:
        """How long to wait before the snapshot of `symbol` is asked for again."""
        backoff = self._fetch_backoff.get(symbol)
        if backoff is None:
            forbidden = isinstance(problem, Forbidden)
            backoff = Backoff(first_s=_FORBIDDEN_S, cap_s=_FORBIDDEN_CAP_S) if forbidden else Backoff()
            self._fetch_backoff[symbol] = backoff
        wait = backoff.next_s()
        return max(wait, problem.retry_after_s) if isinstance(problem, RateLimited) else wait

    def _run_due(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            action = heapq.heappop(self._due)[2]
            if isinstance(action, Fetch):
                self._fetch(action)
            else:
                self._perform(self.feed.timeout(action))

    def _wake(self) -> None:
        # Full: a wake-up is waiting already. Closed: the thread has ended.
        with contextlib.suppress(OSError):
            self._wake_write.send(b"!")

    def _drop_socket(self) -> None:
        ws, self._ws = self._ws, None
        if ws is None:
            return
        self._standing.closed()
        try:
            if self._stopping.is_set():
                ws.send_close()
            ws.shutdown()  # type: ignore[no-untyped-call]
        except (websocket.WebSocketException, OSError):
            log.debug("closing the socket to %s failed", self._venue.name, exc_info=True)
        finally:
            ws.forget()
            gc.collect()  # sockets and their errors leave cycles, and by itself the server looks for them very seldom


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
