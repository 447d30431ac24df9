"""What reading costs: our connection's own way to a frame against a bare socket, 20 kB a frame."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import websocket

from bench.children import READY_S, Children
from bench.market import instrument
from bench.measure import Bar, Contender, Contest, Plan, Rival, Row, rows_of
from book import Instrument, State
from exchanges.actions import Action, Fetch, Send, Snapshot
from exchanges.binance import Binance
from exchanges.budget import Budget
from exchanges.connection import Connection
from exchanges.feed import Feed
from exchanges.protocol import Protocol
from exchanges.rest import RestClient
from exchanges.venue import Venue

_FRAME_BYTES = 20_000
_READ_BYTES = 65_536


class Tap(Protocol):
    """Subscribes as `inner` does and hands every frame out as it came: no decoding, no books."""

    def __init__(self, inner: Protocol, on_frame: Callable[[bytes], None]) -> None:
        super().__init__(inner.instruments)
        self._inner = inner
        self._on_frame = on_frame

    @property
    def path(self) -> str:
        """The same streams."""
        return self._inner.path

    def opened(self) -> list[Action]:
        """The same subscriptions."""
        return [action for action in self._inner.opened() if isinstance(action, Send)]

    def frame(self, frame: bytes) -> list[Action]:
        """Hands it out."""
        self._on_frame(frame)
        return []

    def snapshot(self, fetch: Fetch, body: bytes) -> list[Action]:
        """None is ever asked for."""
        return []

    def inherit(self, fetch: Fetch, snapshot: Snapshot) -> list[Action]:
        """None is ever asked for."""
        return []

    def failed(self, fetch: Fetch, reason: str, retry_s: float, *, postponed: bool = False) -> list[Action]:
        """None is ever asked for."""
        return []

    def timeout(self, symbol: str, generation: int, purpose: str) -> list[Action]:
        """There are no timers."""
        return []

    def resync(self, symbol: str, state: State, reason: str) -> list[Action]:
        """There is no book."""
        return []

    def refresh(self, symbol: str) -> list[Action]:
        """There is no book."""
        return []

    def probe(self, symbol: str) -> list[Action]:
        """There is no book."""
        return []

    def closed(self) -> None:
        """Nothing is kept."""


@contextmanager
def tap(
    venue: Venue, url: str, instruments: Sequence[Instrument], on_frame: Callable[[bytes], None]
) -> Iterator[Connection]:
    """The connection that the server would make, with a Tap in the place of the books. Not started."""
    protocol = Tap(venue.protocol(instruments, {}), on_frame)
    rest = RestClient(venue, "http://127.0.0.1:9")  # nothing is ever asked of it
    connects = Budget(venue.limits.connects, venue.limits.connect_window_s)
    connection = Connection(venue, url, Feed(protocol, {}, time.time_ns), rest, connects)
    try:
        yield connection
    finally:
        for end in (connection._wake_read, connection._wake_write):
            end.close()


@contextmanager
def open_socket(url: str) -> Iterator[websocket.WebSocket]:
    """A WebSocket with the very options that the server connects with, subscribed to BTC/USDT on Binance."""
    venue, listed = Binance(), [instrument()]
    with tap(venue, url, listed, _drop) as connection, closing(connection._connect()) as ws:
        for action in venue.protocol(listed, {}).opened():
            if isinstance(action, Send):
                ws.send(action.text)
        yield ws


def reader(name: str, plan: Plan) -> list[Row]:
    """CPU of this process per frame of a burst: Connection's read over a socket read by hand, with no checks at all.

    What it watches for: UTF-8 validated in Python, which costs a hundred times the rest.
    """
    frames = max(1, plan.chunk // 3)
    seen: list[int] = []
    with (
        _burster(frames) as port,
        tap(Binance(), f"ws://127.0.0.1:{port}", [instrument()], lambda frame: seen.append(len(frame))) as connection,
    ):
        ws = connection._connect()
        with closing(ws), closing(socket.create_connection(("127.0.0.1", port))) as bare:
            bare.settimeout(READY_S)
            bare.sendall(b"RAW\r\n\r\n")

            def ours() -> None:
                ws.send("more")
                for _ in range(frames):
                    connection._read(ws)

            def raw() -> None:
                bare.sendall(b"more")
                read_frames(bare, frames)

            bar = Bar(4.0, at_least=False)  # 1.3 to 2.6 from run to run, and over 100 with the validation
            contest = Contest(
                f"read a frame of {_FRAME_BYTES // 1000} kB: ours / bare socket",
                Contender("Connection", ours, frames),
                [Rival(Contender("recv + slice", raw, frames), bar)],
            )
            rows = rows_of(name, contest, plan)
        assert seen and set(seen) == {_FRAME_BYTES}, "not every frame came whole"
    return rows


def read_frames(bare: socket.socket, count: int) -> list[bytes]:
    """`count` unmasked, unfragmented frames, each as bytes of its own."""
    frames: list[bytes] = []
    kept = b""
    while len(frames) < count:
        data = bare.recv(_READ_BYTES)
        if not data:
            raise ConnectionError("the sender of the burst has gone")
        kept = kept + data if kept else data
        start, end = 0, len(kept)
        while end - start >= 4:
            length, head = kept[start + 1], 2
            if length == 126:
                length, head = int.from_bytes(kept[start + 2 : start + 4], "big"), 4
            if end - start < head + length:
                break
            frames.append(kept[start + head : start + head + length])
            start += head + length
        kept = kept[start:]
    return frames


@contextmanager
def _burster(frames: int) -> Iterator[int]:
    """The process that sends the bursts; yields its port."""
    with Children() as children:
        child = children.start("burst", "-m", "bench.burst", str(_FRAME_BYTES), str(frames))
        yield int(child.wait_line(r"listening on (\d+)")[1])


def _drop(_: bytes) -> None:
    pass
