"""What all faces share: a listener for REST and WebSocket alike, its clients, their streams, and their faults."""

import asyncio
import logging
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp import WSCloseCode, web

from venue.budget import Budget, Budgets
from venue.faces.connection import LARGEST_INBOUND, Connection, ConnectionRules, frame_text
from venue.faces.egress import Egress
from venue.faces.truth import Truth
from venue.faces.usage import Usage, UsageAdmin
from venue.faces.wording import Wording
from venue.faults.admin import FaultAdmin
from venue.faults.board import Board
from venue.faults.fault import Target
from venue.faults.links import is_upgrade
from venue.feed import MarketFeed
from venue.market import Copy, Published, Update

LOG = logging.getLogger(__name__)

MOST_CLIENTS = 1000

encode = msgspec.json.Encoder().encode


class Face(ABC):
    """One dialect on one port. Everything runs on the event loop's thread."""

    name: str
    wording: Wording

    def __init__(
        self, feeds: Iterable[MarketFeed], rules: ConnectionRules, seed: str, budgets: Budgets | None = None
    ) -> None:
        self.feeds = {feed.listing.symbol: feed for feed in feeds}
        self.rules = rules
        self.seed = seed
        self.board = Board(self)
        self.egress = Egress(self.board)
        self.budgets = budgets or Budgets()
        self.usage = Usage(self.name)
        self.connections: dict[Connection, None] = {}  # a dict keeps the order of arrival
        self.subscribers: dict[str, dict[Connection, None]] = {}
        self._runner: web.AppRunner | None = None
        self._stopping = False
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

    @abstractmethod
    def stream_target(self, stream: str) -> Target:
        """Tell what a stream or channel carries."""

    @abstractmethod
    def request_target(self, request: web.Request) -> Target:
        """Tell what a REST request asks for."""

    @abstractmethod
    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write the snapshot that a request asks for, of the copy chosen for the feed at its position.

        None when the request's form cannot be made of a copy.
        """

    @abstractmethod
    def too_many(self, budget: Budget, wait_s: int) -> web.Response:
        """Write the refusal of a connect or request that is beyond a budget; it would be accepted after a wait."""

    @abstractmethod
    def goodbye(self, connection: Connection, notice_s: float | None) -> None:
        """Announce the end as the venue does and close after the notice (None: the venue's own)."""

    @abstractmethod
    def copy_for(self, feed: MarketFeed, at: int) -> Copy:
        """Copy the book at a position in the face's own terms. Raises HistoryGone."""

    def present(self, feed: MarketFeed) -> Copy:
        """Copy the newest book that has a position; it may be a little ahead of what was told."""
        return feed.market.copy_at(feed.position())

    @abstractmethod
    def changes_for(self, feed: MarketFeed, after: int, limit: int) -> list[Update]:
        """Return the published changes after a position in the face's own terms. Raises HistoryGone."""

    def number(self, feed: MarketFeed, update_id: int, time_us: int, near: int) -> int:
        """Return the position of an update, by its id and time on the market's clock, as this face numbers them.

        ``near`` is the position that was asked for, 0 for none: it tells apart streams that number for themselves.
        """
        return update_id

    def stamp(self, feed: MarketFeed, update_id: int, time_us: int) -> int:
        """Return the wall time in µs at which this face says that an update was made; ``time_us`` is the market's."""
        return feed.stamp(time_us)

    def told(self, feed: MarketFeed, near: int) -> tuple[int, int]:
        """Return id and time of the newest update that can be asked for."""
        return feed.market.public_update_id, feed.market.public_time_us

    @web.middleware
    async def middleware(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        """Refuse what budgets and faults refuse, and pass each REST reply through the egress, all counted.

        The admin endpoint is spared.
        """
        if request.path.startswith("/admin/"):
            admin: web.StreamResponse = await handler(request)
            return admin
        upgrade = is_upgrade(request)
        refused = self._over_budget(request, upgrade=upgrade)
        if refused is None and self.board.connects:
            refused = await self.board.refused(request)
        if refused is not None:
            self._count(refused, upgrade=upgrade, refused=True)
            return refused
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:  # no such path
            self._count(error, upgrade=upgrade)
            raise
        if isinstance(response, web.WebSocketResponse):
            return response
        response = await self.egress.reply(request, response)
        self._count(response, upgrade=upgrade)
        return response

    def _over_budget(self, request: web.Request, *, upgrade: bool) -> web.Response | None:
        now_s = time.monotonic()
        for budget in (self.budgets.connects,) if upgrade else self.budgets.requests:
            wait_s = budget.admit(request.remote or "?", now_s)
            if wait_s:
                return self.too_many(budget, wait_s)
        return None

    def _count(self, response: web.StreamResponse, *, upgrade: bool, refused: bool = False) -> None:
        if upgrade:
            self.usage.connect(accepted=False)  # an accepted one is counted with its handshake
        else:
            self.usage.request(refused=refused or response.status in (418, 429))

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen, and return the port (useful when 0 was asked for). Raises OSError when it is taken."""
        app = web.Application(middlewares=[self.middleware], client_max_size=64 * 1024)
        admin = FaultAdmin(self.name, self.board, (feed.listing for feed in self.feeds.values()))
        usage = UsageAdmin(self.usage, self._limits())
        app.add_routes([*Truth(self).routes(), *admin.routes(), *usage.routes(), *self.routes()])
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=tls, reuse_address=True)
        await site.start()
        return int(self._runner.addresses[0][1])

    def _limits(self) -> list[tuple[str, Budget]]:
        """Return all budgets by name, for the endpoint."""
        requests = [(f"requests in {budget.window_s} s", budget) for budget in self.budgets.requests]
        return [("connects", self.budgets.connects), *requests]

    async def stop(self) -> None:
        """Say goodbye to the clients with 1001 and close the port."""
        self._stopping = True
        self.board.clear()
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
        if self._stopping or len(self.connections) >= MOST_CLIENTS:
            return web.Response(status=503, text="too many clients")
        # Compression would need the frames to be made per client.
        socket = web.WebSocketResponse(
            timeout=2.0, autoping=False, autoclose=False, compress=False, max_msg_size=LARGEST_INBOUND
        )
        if not socket.can_prepare(request):
            return web.Response(status=426, text="WebSocket upgrade expected")
        await socket.prepare(request)
        self.usage.connect(accepted=True)

        def on_text(raw: bytes) -> None:
            handle(raw)

        connection = Connection(
            request,
            socket,
            self.rules,
            on_text=on_text,
            on_end_of_life=lambda: on_end_of_life(connection),
            on_inbound=self.usage.frame,
        )
        self.connections[connection] = None
        handle = greet(connection)
        self.board.connected(connection)
        LOG.info("%s: client %s connected", self.name, connection.remote)
        try:
            await connection.run()
        finally:
            del self.connections[connection]
            for stream in [s for s, clients in self.subscribers.items() if connection in clients]:
                self.unsubscribe(connection, stream)
            self.board.gone(connection)
            LOG.info("%s: client %s gone", self.name, connection.remote)
        return socket

    def subscribe(self, connection: Connection, stream: str) -> None:
        """Add a client to a stream; a stream that nobody serves is left silent."""
        served = self.wants(stream)
        if served is None or connection in self.subscribers.get(stream, ()):
            return
        served[0].settle()
        self.join(connection, stream)

    def join(self, connection: Connection, stream: str) -> None:
        """Add a client to a stream that is served and has been settled."""
        served = self.wants(stream)
        assert served is not None
        feed, depth, realtime = served
        self.subscribers.setdefault(stream, {})[connection] = None
        feed.watch(depth, realtime)

    def unsubscribe(self, connection: Connection, stream: str) -> None:
        """Take a client off a stream."""
        clients = self.subscribers.get(stream)
        if clients is None or connection not in clients:
            return
        del clients[connection]
        self.board.left(connection, stream)
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

    def carriers(self, symbol: str) -> list[Connection]:
        """Return the clients that have subscribed anything of a symbol, or all for `*`."""
        if symbol == "*":
            return list(self.connections)
        streams = [stream for stream in self.subscribers if self.stream_target(stream).symbol == symbol]
        return [c for c in self.connections if any(c in self.subscribers[stream] for stream in streams)]
