"""What all faces share: a listener for REST and WebSocket alike, its clients, their streams, the admin endpoint."""

import asyncio
import logging
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp import WSCloseCode, web

from venue.catalog import Listing, decimal_text
from venue.faces.connection import LARGEST_INBOUND, Connection, ConnectionRules, frame_text
from venue.faces.egress import Egress
from venue.feed import MarketFeed
from venue.ladder import Ladder
from venue.market import Copy, HistoryGone, Published
from venue.matching import ASK, BID

LOG = logging.getLogger(__name__)

MOST_CLIENTS = 1000
AMOUNT_DECIMALS = 8

encode = msgspec.json.Encoder().encode


class Face(ABC):
    """One dialect on one port. Everything runs on the event loop's thread."""

    name: str

    def __init__(self, feeds: Iterable[MarketFeed], rules: ConnectionRules, seed: str) -> None:
        self.feeds = {feed.listing.symbol: feed for feed in feeds}
        self.rules = rules
        self.seed = seed
        self.egress = Egress()
        self.connections: dict[Connection, None] = {}  # a dict keeps the order of arrival
        self.subscribers: dict[str, dict[Connection, None]] = {}
        self._runner: web.AppRunner | None = None
        for feed in self.feeds.values():
            feed.listener = self

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """Return the face's REST and WebSocket routes."""

    @abstractmethod
    def on_published(self, feed: MarketFeed, news: Published, now_us: int) -> None:
        """Gather news and send what goes out in real time."""

    @abstractmethod
    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        """Send what was gathered."""

    @abstractmethod
    def on_idle(self, feed: MarketFeed) -> None:
        """Drop what was gathered."""

    @abstractmethod
    def wants(self, stream: str) -> tuple[MarketFeed, int, int] | None:
        """Return the feed that serves a stream, or None.

        With it come two numbers: how many interval watchers and how many real-time watchers a subscriber is.
        """

    @web.middleware
    async def middleware(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Pass each REST reply through the egress."""
        response: web.StreamResponse = await handler(request)
        if isinstance(response, web.WebSocketResponse) or request.path.startswith("/admin/"):
            return response
        return await self.egress.reply(request, response)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen, and return the port (useful when 0 was asked for). Raises OSError when it is taken."""
        app = web.Application(middlewares=[self.middleware], client_max_size=64 * 1024)
        app.add_routes([web.get("/admin/book", self.admin_book), *self.routes()])
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=tls, reuse_address=True)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Say goodbye to the clients with 1001 and close the port."""
        for connection in list(self.connections):
            connection.close(WSCloseCode.GOING_AWAY, "venue is shutting down")
        deadline = asyncio.get_running_loop().time() + 2.0
        while self.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        if self._runner is not None:
            await self._runner.cleanup()

    async def serve(
        self,
        request: web.Request,
        greet: Callable[[Connection], Callable[[bytes], None]],
        on_end_of_life: Callable[[Connection], None],
    ) -> web.StreamResponse:
        """Do the handshake and serve one client; ``greet`` is told of it and returns who gets its messages."""
        if len(self.connections) >= MOST_CLIENTS:
            return web.Response(status=503, text="too many clients")
        # Compression would need the frames to be made per client.
        socket = web.WebSocketResponse(
            timeout=2.0, autoping=False, autoclose=False, compress=False, max_msg_size=LARGEST_INBOUND
        )
        if not socket.can_prepare(request):
            return web.Response(status=426, text="WebSocket upgrade expected")
        await socket.prepare(request)

        def on_text(raw: bytes) -> None:
            handle(raw)

        connection = Connection(
            request, socket, self.rules, on_text=on_text, on_end_of_life=lambda: on_end_of_life(connection)
        )
        self.connections[connection] = None
        handle = greet(connection)
        LOG.info("%s: client %s connected", self.name, connection.remote)
        try:
            await connection.run()
        finally:
            del self.connections[connection]
            for stream in [s for s, clients in self.subscribers.items() if connection in clients]:
                self.unsubscribe(connection, stream)
            LOG.info("%s: client %s gone", self.name, connection.remote)
        return socket

    def subscribe(self, connection: Connection, stream: str) -> None:
        """Add a client to a stream; a stream that nobody serves is left silent."""
        served = self.wants(stream)
        if served is None or connection in self.subscribers.get(stream, ()):
            return
        feed, depth, realtime = served
        feed.settle()
        self.subscribers.setdefault(stream, {})[connection] = None
        feed.watch(depth, realtime)

    def unsubscribe(self, connection: Connection, stream: str) -> None:
        """Take a client off a stream."""
        clients = self.subscribers.get(stream)
        if clients is None or connection not in clients:
            return
        del clients[connection]
        if not clients:
            del self.subscribers[stream]
        served = self.wants(stream)
        if served is not None:
            feed, depth, realtime = served
            feed.watch(-depth, -realtime)

    def send(self, connection: Connection, payload: bytes) -> None:
        """Send a control reply to one client."""
        self.egress.frame(connection, "", frame_text(payload))

    def broadcast(self, stream: str, payload: bytes) -> None:
        """Send one message to all clients of a stream."""
        clients = self.subscribers.get(stream)
        if clients:
            framed = frame_text(payload)
            for connection in list(clients):
                self.egress.frame(connection, stream, framed)

    async def admin_book(self, request: web.Request) -> web.Response:
        """Answer what the true book is, or was: ``symbol``, ``levels`` (0: all), ``at`` (a position)."""
        feed = self.feeds.get(request.query.get("symbol", ""))
        if feed is None:
            known = ", ".join(self.feeds)
            return web.json_response({"error": f"unknown symbol; known are {known}"}, status=404)
        levels, at = request.query.get("levels", "20"), request.query.get("at")
        if not levels.isdecimal() or not (at is None or at.isdecimal()):
            return web.json_response({"error": "levels and at are whole numbers"}, status=400)
        position = feed.position()
        try:
            copy = self.copy_for(feed, int(at)) if at else feed.market.copy_at(position)
        except HistoryGone as error:
            return web.json_response({"error": str(error)}, status=410)
        body = {
            "symbol": feed.listing.symbol,
            "update_id": copy.update_id,
            "microtimestamp": str(feed.stamp(copy.time_us)),
            **book_texts(feed.listing, copy.ladder, int(levels)),
        }
        return web.Response(body=encode(body), content_type="application/json")

    @abstractmethod
    def copy_for(self, feed: MarketFeed, at: int) -> Copy:
        """Copy the book at a position in the face's own terms. Raises HistoryGone."""


def level_texts(listing: Listing, levels: Iterable[tuple[int, int]], width: int) -> list[tuple[str, str]]:
    """Write levels as the venue's strings: price with ``width`` decimals, amount with eight."""
    price_decimals, lot_decimals = listing.price_decimals, listing.lot_decimals
    return [
        (decimal_text(tick, price_decimals, width), decimal_text(lots, lot_decimals, AMOUNT_DECIMALS))
        for tick, lots in levels
    ]


def book_texts(
    listing: Listing, ladder: Ladder, limit: int, width: int | None = None
) -> dict[str, list[tuple[str, str]]]:
    """Write both sides, best first, at most ``limit`` levels each (0: all)."""
    width = listing.price_decimals if width is None else width
    return {
        "bids": level_texts(listing, ladder.levels(BID, limit), width),
        "asks": level_texts(listing, ladder.levels(ASK, limit), width),
    }
