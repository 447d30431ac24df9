"""The connection over real loopback sockets: refused, delivered, lost, restarted, hung, encrypted."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from dashboard import stream as stream_module
from dashboard.feed import Failure
from dashboard.market import Book
from dashboard.stream import Stream, Target, backoff_s, failure_of
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import until
from tests.dashboard.fake import FakeServer, heartbeat, market


class Heard:
    """A listener that writes down what it is told."""

    def __init__(self) -> None:
        self.attempts: list[int] = []
        self.connections = 0
        self.books: list[Book] = []
        self.failures: list[Failure] = []

    def connecting(self, attempt: int) -> None:
        self.attempts.append(attempt)

    def connected(self) -> None:
        self.connections += 1

    def received(self, book: Book) -> None:
        self.books.append(book)

    def ended(self, failure: Failure, retry_in_ns: int) -> None:
        assert 0 < retry_in_ns <= 5e9
        self.failures.append(failure)


@asynccontextmanager
async def listening(target: Target, pair: str = "") -> AsyncIterator[tuple[Heard, Stream]]:
    heard = Heard()
    stream = Stream(target, pb.BookRequest(pair=pair), heard)
    task = asyncio.ensure_future(stream.run())
    try:
        yield heard, stream
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_books_arrive_decoded(server: FakeServer) -> None:
    first = market(5)
    server.put(first)
    async with listening(Target("127.0.0.1", server.port), "eth-btc") as (heard, _):
        await until(lambda: heard.books)
        server.put(heartbeat(first))
        await until(lambda: len(heard.books) == 2)
    assert heard.books[1].heartbeat
    assert heard.books[1].bids == heard.books[0].bids
    assert server.requests[0].pair == "eth-btc"
    assert heard.connections == 1


async def test_nobody_there_then_there(server: FakeServer) -> None:
    """Each try fails at once and is counted; when the server comes, no key is needed."""
    port = server.port
    server.stop()
    async with listening(Target("127.0.0.1", port)) as (heard, stream):
        await until(lambda: len(heard.failures) >= 2)
        assert heard.failures[0] == Failure("UNAVAILABLE", "connection refused")
        assert heard.attempts[:2] == [1, 2]
        server.start(port)
        server.put(market(2))
        began = time.monotonic()
        await until(lambda: heard.books)
        assert time.monotonic() - began < 3
        stream.retry_now()  # without effect on a stream that stands


async def test_retry_now_ends_the_wait(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "BACKOFF_FIRST_S", 3.0)
    monkeypatch.setattr(stream_module, "BACKOFF_CAP_S", 3.0)
    port = server.port
    server.stop()
    async with listening(Target("127.0.0.1", port)) as (heard, stream):
        await until(lambda: heard.failures)
        began = time.monotonic()
        stream.retry_now()
        await until(lambda: len(heard.failures) == 2)
        assert time.monotonic() - began < 2


async def test_a_cut_stream_is_taken_up_again(server: FakeServer) -> None:
    server.put(market(2))
    async with listening(Target("127.0.0.1", server.port)) as (heard, _):
        await until(lambda: heard.books)
        port = server.port
        server.stop()
        await until(lambda: heard.failures)
        server.start(port)
        await until(lambda: len(heard.books) == 2)
        assert heard.attempts[0] == 1


async def test_a_farewell_is_no_failure(server: FakeServer) -> None:
    server.put(market(2))
    async with listening(Target("127.0.0.1", server.port)) as (heard, _):
        await until(lambda: heard.books)
        server.put(pb.Book(pair="BTC/USDT", closing=True))
        await until(lambda: heard.failures)
    assert heard.failures[0] == Failure("OK", "the server stopped")
    assert heard.books[1].bids, "the last levels are kept"


async def test_a_refusal_is_told(server: FakeServer) -> None:
    server.refuse(grpc.StatusCode.NOT_FOUND, "no pair X/Y here; near: X/Z")
    async with listening(Target("127.0.0.1", server.port)) as (heard, _):
        await until(lambda: heard.failures)
    assert heard.failures[0] == Failure("NOT_FOUND", "no pair X/Y here; near: X/Z", True)


async def test_a_broken_message_ends_the_stream_and_is_named(server: FakeServer) -> None:
    server.put(pb.Book(pair="A/B", bids=[pb.MergedLevel(price=1)]))
    async with listening(Target("127.0.0.1", server.port)) as (heard, _):
        await until(lambda: heard.failures)
    assert heard.failures[0].code == "MALFORMED"


async def test_a_black_hole_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that accepts and never speaks HTTP/2 must not hold the client for ever."""
    monkeypatch.setattr(stream_module, "CONNECT_TIMEOUT_S", 0.3)

    with socket.create_server(("127.0.0.1", 0)) as hole:
        async with listening(Target("127.0.0.1", hole.getsockname()[1])) as (heard, _):
            await until(lambda: heard.failures)
    assert heard.failures[0].code == "DEADLINE_EXCEEDED"
    assert heard.connections == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[bytes, bytes]]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is needed to make a certificate")
    folder: Path = tmp_path_factory.mktemp("tls")
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    named = "-addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout key.pem -out cert.pem"
    command = ["openssl", *made.split(), *named.split()]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    yield (folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes()


async def test_mutual_tls(certificate: tuple[bytes, bytes]) -> None:
    """Encrypted, both sides known to each other; without our certificate the server refuses."""
    cert, key = certificate
    credentials = grpc.ssl_server_credentials([(key, cert)], root_certificates=cert, require_client_auth=True)
    server = FakeServer().start(credentials=credentials)
    server.put(market(2))
    try:
        known = Target("127.0.0.1", server.port, tls=True, root=cert, cert=cert, key=key)
        async with listening(known) as (heard, _):
            await until(lambda: heard.books)
        for stranger in (
            Target("127.0.0.1", server.port, tls=True, root=cert),
            Target("127.0.0.1", server.port, tls=True),
        ):
            async with listening(stranger) as (heard, _):
                await until(lambda: heard.failures)
            assert not heard.books
            assert heard.failures[0].code == "UNAVAILABLE"
    finally:
        server.stop()


def test_backoff_is_capped() -> None:
    waits = [backoff_s(failures) for failures in range(40)]
    assert all(0.2 <= wait <= 2.0 for wait in waits)
    assert waits[0] < 0.26
    assert min(waits[5:]) > 1.5


@pytest.mark.parametrize(
    ("details", "text"),
    [
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: connect: Connection refused",
            "connection refused",
        ),
        ("failed to connect to all addresses; last error: UNKNOWN: something odd", "something odd"),
        ("Socket closed", "socket closed"),
        (None, ""),
    ],
)
def test_failures_in_words(details: str | None, text: str) -> None:
    assert failure_of(grpc.StatusCode.UNAVAILABLE, details).detail == text


def test_addresses() -> None:
    assert Target("127.0.0.1", 50052).address == "127.0.0.1:50052"
    assert Target("::1", 50052).address == "[::1]:50052"
