"""A WebSocket server on loopback that can break every rule, and a connection of ours that talks to it."""

import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from book import PairBooks, State, VenueBook, VenueView
from exchanges.binance import Binance
from exchanges.budget import Budget
from exchanges.connection import Connection
from exchanges.feed import Feed
from exchanges.protocol import Protocol
from exchanges.rest import RestClient
from exchanges.venue import Limits, Venue
from tests.exchanges.desk import acknowledgement, binance, binance_snapshot, depth
from tests.exchanges.web import Web, reply
from tests.waiting import until

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MANY = 1_000_000  # of whatever a venue limits


class Gone(Exception):
    """The client has hung up."""


class Peer:
    """One accepted connection, seen from the server; used by one thread."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")
        self.path = ""

    def handshake(self) -> bytes:
        """Reads the request; returns the answer that accepts it."""
        lines = []
        while (line := self._file.readline()) not in (b"\r\n", b""):
            lines.append(line.decode().strip())
        if not lines:
            raise Gone
        self.path = lines[0].split(" ")[1]
        key = next(line.split(": ")[1] for line in lines if line.lower().startswith("sec-websocket-key"))
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )

    def raw(self, data: bytes) -> None:
        """Any bytes."""
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def frame(self, payload: bytes, opcode: int = TEXT, *, last: bool = True) -> None:
        """One frame."""
        self.raw(header(len(payload), opcode, last=last) + payload)

    def close(self, code: int, reason: bytes = b"") -> None:
        """A close frame; the connection itself stays."""
        self.frame(struct.pack("!H", code) + reason, CLOSE)

    def receive(self) -> tuple[int, bytes]:
        """The client's next frame: opcode and payload."""
        try:
            first, second = self._exactly(2)
            length = second & 0x7F
            if length == 126:
                length = int.from_bytes(self._exactly(2), "big")
            mask = self._exactly(4)
            data = self._exactly(length)
        except (OSError, ValueError) as error:  # ValueError: the connection was cut on this side
            raise Gone from error
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))

    def cut(self, *, reset: bool = False) -> None:
        """Hangs up without a close frame; `reset`: rudely."""
        with contextlib.suppress(OSError):
            if reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.sock.shutdown(socket.SHUT_RDWR)
        self._file.close()
        self.sock.close()

    def until_gone(self) -> list[tuple[int, bytes]]:
        """Everything that the client sends until it hangs up."""
        received = []
        with contextlib.suppress(Gone):
            while True:
                received.append(self.receive())
        return received

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise Gone
        return data


def header(length: int, opcode: int = TEXT, *, last: bool = True) -> bytes:
    """The beginning of a frame."""
    first = (0x80 if last else 0) | opcode
    if length < 126:
        return struct.pack("!BB", first, length)
    return struct.pack("!BBH", first, 126, length) if length < 65536 else struct.pack("!BBQ", first, 127, length)


class Sockets:
    """Runs `script` for each client, in a thread of its own. `answer` replaces the answer to the handshake."""

    def __init__(self, script: Callable[[Peer], None], tls: tuple[Path, Path] | None = None) -> None:
        self.script = script
        self.answer: bytes | None = None
        self.accepted = 0
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme, host = ("wss", "localhost") if tls else ("ws", "127.0.0.1")
        self.url = f"{scheme}://{host}:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hangs up on everybody and ends all threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(Gone, OSError):
            if self._context:
                sock = self._context.wrap_socket(sock, server_side=True)
            self._open.add(sock)
            peer = Peer(sock)
            try:
                accept = peer.handshake()
                peer.raw(accept if self.answer is None else self.answer)
                if self.answer is None:
                    self.script(peer)
            finally:
                peer.cut()
        self._open.discard(sock)
        sock.close()


def quick(kind: type[Venue] = Binance, **limits: Any) -> Venue:
    """A venue with no limits but these."""
    allowed = {"weight": MANY, "window_s": 60.0, "connects": MANY, "connect_window_s": 60.0, **limits}

    class Quick(kind):  # type: ignore[valid-type, misc]
        """The same venue."""

    Quick.limits = Limits(**allowed)
    venue: Venue = Quick()
    return venue


def greet(peer: Peer) -> None:
    """Acknowledges every subscription and sends the first event at 100."""
    opcode, sent = peer.receive()
    assert opcode == TEXT
    peer.frame(acknowledgement(msgspec.json.decode(sent)))
    peer.frame(depth(100, 100))


def stay(peer: Peer) -> None:
    """A normal session: greets, then stays until the client goes."""
    greet(peer)
    peer.until_gone()


class Line:
    """One connection of ours to the scripted server, from thread to book."""

    def __init__(
        self, sockets_url: str, web: Web, venue: Venue | None = None, protocol: Protocol | None = None,
        ca: str | None = None,
    ) -> None:  # fmt: skip
        self.venue = venue or quick()
        protocol = protocol or binance()
        self.pairs: dict[str, PairBooks] = {}
        books: dict[str, tuple[PairBooks, VenueBook]] = {}
        for each in protocol.instruments:
            self.pairs[each.symbol] = PairBooks(each.pair)
            books[each.symbol] = self.pairs[each.symbol], self.pairs[each.symbol].add(self.venue.name, each)
        self.clock = iter(range(10**18, 2 * 10**18))
        self.feed = Feed(protocol, books, lambda: next(self.clock))
        self.rest = RestClient(self.venue, web.url)
        limits = self.venue.limits
        connects = Budget(limits.connects, limits.connect_window_s)
        self.connection = Connection(self.venue, sockets_url, self.feed, self.rest, connects, ca)
        self.seen: list[tuple[State, str]] = []
        self._books = next(iter(self.pairs.values()))
        self._books.listen(self._look)

    def __enter__(self) -> Self:
        self.rest.start()
        self.connection.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.stop()
        self.rest.stop()
        self.connection.join(10)

    def view(self) -> VenueView:
        """What a reader sees now of the first book."""
        return self._books.view(10).venues[0]

    def until(self, state: State, words: str = "", connects: int = 0) -> VenueView:
        """Waits until the book was in this state, for a reason with these words, in its n-th connection or later."""

        def there() -> bool:
            view = self.view()
            seen = any(each is state and words in reason for each, reason in list(self.seen))
            now = view.state is state and words in view.reason
            return (now if state is State.LIVE else seen) and view.counters.connects >= connects

        until(there, f"{state.value} {words}; seen: {self.seen[-12:]}")
        return self.view()

    def _look(self) -> None:
        view = self._books.view(0).venues[0]
        if (view.state, view.reason) not in self.seen[-1:]:
            self.seen.append((view.state, view.reason))


@contextlib.contextmanager
def talking(
    script: Callable[[Peer], None], web: Web, tls: tuple[Path, Path] | None = None, **line: Any
) -> Iterator[tuple[Sockets, Line]]:
    """A scripted server and a connection to it; snapshots are answered at 100."""
    web.respond = reply(binance_snapshot(100))
    sockets = Sockets(script, tls)
    try:
        with Line(sockets.url, web, **line) as ours:
            yield sockets, ours
    finally:
        sockets.stop()
