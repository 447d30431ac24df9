"""Rotation again and again while the market moves: no client misses an update or a moment of a live book."""

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import grpc
import msgspec
import pytest
import requests
import websocket

from proto import orderbook_pb2 as pb
from tests import rpc
from tests.processes import server, venue

PATIENCE_S = 30.0
PATHS = {"binance": "/ws/btcusdt@depth@100ms", "bitstamp": ""}
UPDATES_BETWEEN = 22  # rotations
LEVELS = 1000  # deeper than the flow changes, so that every diff changes what is asked for


class Witness:
    """A client of the venue itself: the position (update id, microtimestamp) of every diff that was sent."""

    def __init__(self, face: str, ws: str) -> None:
        self.positions: list[int] = []
        self._face = face
        self._socket = websocket.create_connection(ws + PATHS[face], timeout=10)
        if face == "bitstamp":
            self._socket.send('{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusdt"}}')
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hangs up."""
        self._stopping.set()
        self._thread.join(PATIENCE_S)
        self._socket.close()

    def _read(self) -> None:
        while not self._stopping.is_set():
            message = msgspec.json.decode(self._socket.recv())
            if message.get("e") == "depthUpdate":
                self.positions.append(message["u"])
            elif message.get("event") == "data":
                self.positions.append(int(message["data"]["microtimestamp"]))


class Step(NamedTuple):
    """Between two messages: from position to position, and how many updates were applied to the book."""

    since: int
    until: int
    applied: int


class Client:
    """A client of the server: every position that it was shown, and every moment without a live book."""

    def __init__(self, stream: Iterator[pb.Book]) -> None:
        self.positions: list[int] = []
        self.updates: list[int] = []  # applied to the book that readers see, by the same message
        self.rotations = 0
        self.not_live: list[str] = []
        self.live = threading.Event()
        self.done = threading.Event()
        self.changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def until_rotated(self, wanted: int) -> None:
        """Waits for the n-th rotation."""
        self._until(lambda: self.rotations >= wanted, f"rotation {wanted}")

    def until_older(self) -> None:
        """Lets the present connection live for some updates: one that is young is relieved after a pause only."""
        count = len(self.positions) + UPDATES_BETWEEN
        self._until(lambda: len(self.positions) >= count, "more updates")

    def until_shown(self, position: int) -> None:
        """Waits for a position."""
        self._until(lambda: self.positions[-1] >= position, f"position {position}")

    def _until(self, wanted: Callable[[], bool], what: str) -> None:
        with self.changed:
            assert self.changed.wait_for(wanted, PATIENCE_S), f"{what} never came"

    def steps(self) -> list[Step]:
        """From each message to the next one."""
        told = list(zip(self.positions, self.updates, strict=True))
        return [Step(since, until, after - before) for (since, before), (until, after) in itertools.pairwise(told)]

    def join(self) -> None:
        """Ends with the next message."""
        self.done.set()
        self._thread.join(PATIENCE_S)

    def _read(self, stream: Iterator[pb.Book]) -> None:
        for book in stream:
            trust = book.venues[0].trust
            if trust.state == pb.LIVE:
                self.live.set()
                self.updates.append(trust.updates)
                self.positions.append(trust.position)
            elif self.live.is_set():
                self.not_live.append(trust.reason)
            with self.changed:
                self.rotations = trust.rotations
                self.changed.notify_all()
            if self.done.is_set():
                return


def rotate(face: str, times: int) -> None:
    """So many announced shutdowns at 10 updates a second, each once the last rotation is done.

    A busy machine makes one message of several updates. That none is missing between two messages the count of what
    was applied to the readers' book tells: it goes on from connection to connection.
    """
    flow = ("--flow", "steady", "--rate", "10", "--levels", "20", "--pair", f"BTC/USDT@{face}", "--faces", face)
    with venue(*flow) as endpoints:
        rest, ws = (next(each for each in endpoints if f".{kind}=" in each) for kind in ("rest", "ws"))
        rest, ws = rest.split("=", 2)[2], ws.split("=", 2)[2]
        with (
            server("--exchanges", face, *endpoints) as (_, port),
            grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            client = Client(rpc.stream_book(channel, pb.BookRequest(levels=LEVELS), 3600))
            assert client.live.wait(PATIENCE_S)
            witness = Witness(face, ws)
            try:
                for number in range(1, times + 1):
                    client.until_older()
                    reply = requests.post(f"{rest}/admin/fault", json={"kind": "shutdown"}, timeout=10)
                    assert reply.status_code == 201, reply.text
                    client.until_rotated(number)
                last = witness.positions[-1]
                client.until_shown(last)
            finally:
                witness.stop()
                client.join()
    sent = [position for position in witness.positions if position <= last]
    assert client.not_live == [], "a moment without a live book"
    assert client.positions == sorted(client.positions), "a step back"
    missed = sorted(set(sent) - set(client.positions))
    lost = [step for step in client.steps() if step.applied < sum(step.since < each <= step.until for each in sent)]
    print(f"{face}: {client.rotations} rotations, {len(sent)} updates, {len(missed)} told with a later one, {lost=}")
    assert lost == [], "updates that readers' book never had"
    assert len(missed) <= len(sent) // 10, f"{len(missed)} of {len(sent)} told with a later one"


@pytest.mark.parametrize("face", PATHS)
def test_some_rotations(face: str) -> None:
    """Three of them."""
    rotate(face, 3)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("face", PATHS)
def test_a_hundred_rotations(face: str) -> None:
    """A hundred of them."""
    rotate(face, 100)
