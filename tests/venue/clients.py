"""Plain clients for the faces, written from the venues' documentation and sharing nothing with the project."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import fields, replace
from typing import Any

import aiohttp

from venue.catalog import FIRST_FACES, named_faces, parse_pair
from venue.config import Settings
from venue.faces.registry import FACES
from venue.service import Venue

Levels = dict[str, str]
BUDGETS = ("connects", "requests", "messages", "credits")


def settings(*pairs: str, **changes: Any) -> Settings:
    """Return settings for a small venue on free ports, with the first two faces and those that pairs name.

    A change is a field of the settings, or a face's option as on the command line: ``kraken_idle_s``.
    """
    texts = pairs or ("BTC/USDT",)
    faces = changes.pop("faces", FIRST_FACES)
    served = tuple(face for face in FACES if face in faces or any(face in named_faces(text) for text in texts))
    chosen = tuple(pair for text in texts if (pair := parse_pair(text, served)) is not None)
    common = {each.name for each in fields(Settings)}
    ports = {face: changes.pop(f"{face}_port", 0) for face in FACES}
    options = {face: FACES[face].options(**_options(face, changes)) for face in FACES}
    assert changes.keys() <= common, changes
    base = Settings(pairs=chosen, faces=served, ports=ports, options=options, deep_levels=60, seed="7", batch_ms=50)
    return replace(base, **changes)


def _options(face: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Take a face's options out of the changes; what is no rule of a test should not get in its way."""
    found: dict[str, Any] = {}
    for each in fields(FACES[face].options):
        flag = each.metadata["flag"].removeprefix("--").replace("-", "_") or f"{face}_{each.name}"
        if flag in changes:
            found[each.name] = changes.pop(flag)
        elif each.name == "batch_ms":
            found[each.name] = changes.get("batch_ms", 50)
        elif each.name == "burst" or (
            each.name in ("connects", "requests", "messages", "credits") and face not in FIRST_FACES
        ):
            found[each.name] = 0  # some tests ask in a loop until something has happened
    return found


class Client:
    """A running venue and a session to talk to it."""

    def __init__(self, venue: Venue, session: aiohttp.ClientSession) -> None:
        self.venue = venue
        self.session = session
        self.sockets: list[aiohttp.ClientWebSocketResponse] = []

    def rest(self, face: str, path: str) -> str:
        return self.venue.endpoints()[face]["rest"] + path

    async def get(self, face: str, path: str) -> tuple[int, Any, Any]:
        """Return status, headers and the decoded (or raw) body."""
        async with self.session.get(self.rest(face, path)) as reply:
            text = await reply.text()
            kind = reply.headers.get("Content-Type", "")
            return reply.status, reply.headers, json.loads(text) if "json" in kind else text

    async def body(self, face: str, path: str) -> Any:
        status, _, body = await self.get(face, path)
        assert status == 200, body
        return body

    async def fault(self, face: str, kind: str, /, **asked: Any) -> Any:
        """Begin a fault; return its row."""
        async with self.session.post(self.rest(face, "/admin/fault"), json={"kind": kind, **asked}) as reply:
            body = await reply.json()
            assert reply.status == 201, body
            return body

    async def end(self, face: str, number: int) -> Any:
        """End a fault; return its last row."""
        async with self.session.delete(self.rest(face, f"/admin/fault/{number}")) as reply:
            body = await reply.json()
            assert reply.status == 200, body
            return body

    async def struck(self, face: str, kind: str) -> int:
        """Return how often a kind has struck."""
        return int((await self.body(face, "/admin/faults"))["struck"][kind])

    async def ws(self, face: str, path: str = "/", **options: Any) -> aiohttp.ClientWebSocketResponse:
        url = self.venue.endpoints()[face]["ws"] + path
        socket: aiohttp.ClientWebSocketResponse = await self.session.ws_connect(url, **options)
        self.sockets.append(socket)
        return socket


@asynccontextmanager
async def running(*pairs: str, **changes: Any) -> AsyncIterator[Client]:
    """Run a venue in this event loop."""
    venue = Venue(settings(*pairs, **changes))
    await venue.start()
    try:
        async with aiohttp.ClientSession() as session:
            client = Client(venue, session)
            try:
                yield client
            finally:
                for socket in client.sockets:
                    await socket.close()
    finally:
        await venue.stop()


class Wire:
    """A WebSocket client without a library, which shows frames as they are and answers nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def frame(self, timeout_s: float = 20.0) -> tuple[int, bytes]:
        """Return the first byte and the payload of the next frame. Raises IncompleteReadError at the end."""
        async with asyncio.timeout(timeout_s):
            first, size = await self.reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
            return first, await self.reader.readexactly(size)

    async def text(self) -> Any:
        """Return the next text message; pings are passed over."""
        while True:
            first, payload = await self.frame()
            if first == 0x81:
                return json.loads(payload)

    def send(self, opcode: int, payload: bytes) -> None:
        """Send a short frame, masked with zeros."""
        assert len(payload) < 126
        self.writer.write(bytes((0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload)


@asynccontextmanager
async def wire(client: Client, face: str, path: str = "/") -> AsyncIterator[Wire]:
    """Open such a client."""
    place = client.venue.endpoints()[face]["ws"].removeprefix("ws://")
    host, _, port = place.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {place}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def message(socket: aiohttp.ClientWebSocketResponse, timeout_s: float = 20.0) -> Any:
    """Return the next JSON message."""
    got = await asyncio.wait_for(socket.receive(), timeout_s)
    assert got.type is aiohttp.WSMsgType.TEXT, got
    return json.loads(got.data)


async def until(
    socket: aiohttp.ClientWebSocketResponse, wanted: Callable[[Any], bool], timeout_s: float = 20.0
) -> Any:
    """Return the next message that is wanted; others are dropped."""
    async with asyncio.timeout(timeout_s):
        while True:
            got = await message(socket, timeout_s)
            if wanted(got):
                return got


async def closed(socket: aiohttp.ClientWebSocketResponse, timeout_s: float = 20.0) -> int | None:
    """Read until the other side closes; return the close code."""
    async with asyncio.timeout(timeout_s):
        while True:
            got = await socket.receive()
            if got.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                return socket.close_code


def apply(book: Levels, rows: list[list[str]]) -> None:
    """Apply changed levels: an amount of zero, however spelled, deletes."""
    for price, amount in rows:
        if float(amount):
            book[price] = amount
        else:
            book.pop(price, None)


def numbers(rows: list[list[str]] | Levels) -> dict[float, float]:
    """Return levels as numbers, so that spellings do not matter."""
    pairs = rows.items() if isinstance(rows, dict) else rows
    return {float(price): float(amount) for price, amount in pairs}
