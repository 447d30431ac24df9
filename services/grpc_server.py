"""The gRPC server: one thread with an event loop, in which every stream lives."""

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.control import CONTROL, ControlHandlers, Operator
from services.errors import BadCredentials, CannotListen, LoopDied, PortTaken, ServicesError
from services.handlers import AGGREGATOR, MARKET_DATA, Handlers
from services.loop import new_loop
from services.market import Market
from services.options import GrpcOptions
from services.publisher import Publisher

_logger = logging.getLogger(__name__)

_HEALTH: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_LAST_CALLS_S = 0.25  # for the statuses of ended streams to leave, and for calls that do not end by themselves
_JOIN_S = 10.0  # beyond the grace; a thread that takes longer is stuck


class GrpcServer:
    """Serves a market over gRPC: open() listens, serve() answers, stop() says goodbye.

    open, serve and stop may be called from any thread but the server's own, stop as often as one likes.
    `on_death` is called, in the dying thread, when the loop ends without stop().
    """

    def __init__(self, options: GrpcOptions, on_death: Callable[[BaseException], None] | None = None) -> None:
        self.options = options
        self._on_death = on_death
        self._lock = threading.Lock()  # guards the start and the stop of the thread
        self._thread: threading.Thread | None = None
        self._stopping = False  # guarded by _lock
        self._opened: Future[int] = Future()  # set by the loop's thread, waited for by open()
        # Below: written by the loop's thread before _opened is set; call_soon_threadsafe apart, used in it alone.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_asked: asyncio.Future[float] | None = None
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # unknown to the stubs
        self._handlers: Handlers | None = None
        self._publisher: Publisher | None = None  # written once by serve(); its counts may be read anywhere
        # Looks names up; one thread, so that clients who guess cannot take the interpreter from the streams.
        self._searcher = ThreadPoolExecutor(1, thread_name_prefix="grpc-names")
        self._control = ThreadPoolExecutor(1, thread_name_prefix="grpc-control")

    def open(self) -> int:
        """Listens and returns the port. Clients that connect wait until serve().

        Raises PortTaken, CannotListen or BadCredentials; ServicesError when it was opened before.
        """
        with self._lock:
            if self._thread is not None or self._stopping:
                raise ServicesError("a GrpcServer can be opened only once: make another")
            self._thread = threading.Thread(target=self._run, name="grpc", daemon=True)
            self._thread.start()
        return self._opened.result()

    def serve(self, market: Market, operator: Operator | None = None, control_off: str = "nobody may") -> None:
        """Begins to answer. Raises ServicesError unless it is open and serves nothing yet.

        `operator` carries out the calls of Control; without one they are refused because of `control_off`.
        """
        loop = self._loop
        if loop is None or not self._opened.done():
            raise ServicesError("open the server before it serves")
        start = self._start(market, ControlHandlers(operator, control_off, self._control), operator is not None)
        try:
            started = asyncio.run_coroutine_threadsafe(start, loop)
        except RuntimeError as error:
            start.close()
            raise LoopDied("the server has ended already") from error
        started.result()

    def retune(self, options: GrpcOptions) -> None:
        """Other limits hold from now on; what belongs to the port and to the whole process stays as it is."""

        def take() -> None:
            self.options = options
            if self._handlers is not None and self._publisher is not None:
                self._handlers.options = options
                self._publisher.retune(options)

        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(take)

    def stop(self, grace_s: float = 2.0) -> None:
        """Ends every stream: announced and with OK where the client takes it within `grace_s`, else UNAVAILABLE.

        Returns when all is closed. Raises LoopDied when the thread does not end.
        """
        with self._lock:
            first, self._stopping = not self._stopping, True
            thread, loop = self._thread, self._loop
        if thread is None:
            self._end_workers()
            return
        if first and loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(self._ask_stop, grace_s)
        if thread is not threading.current_thread():
            thread.join(grace_s + _JOIN_S)
            if thread.is_alive():
                raise LoopDied(f"the gRPC thread does not end, {_JOIN_S:.0f} s after its grace")

    @property
    def publisher(self) -> Publisher | None:
        """Its counts (streams, sent, conflated, refused) may be read from any thread; None before serve()."""
        return self._publisher

    # ------------------------------------------------------------------ in the loop's thread

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(self._main())
        except BaseException as error:
            if not self._opened.done():
                self._opened.set_exception(LoopDied(f"the gRPC thread did not come up: {error!r}"))
            _logger.exception("the gRPC thread died")
            if self._on_death is not None:
                self._on_death(error)
        finally:
            self._end_workers()

    def _end_workers(self) -> None:
        for worker in (self._searcher, self._control):
            worker.shutdown(wait=False, cancel_futures=True)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop_asked = self._loop.create_future()
        self._server = grpc.aio.server(
            options=self.options.channel_arguments(), maximum_concurrent_rpcs=self.options.max_calls
        )
        try:
            port = self._bind(self._server)
        except ServicesError as error:
            await self._server.stop(None)
            self._opened.set_exception(error)
            return
        self._opened.set_result(port)
        grace_s = 0.0  # where the loop dies, nobody waits
        try:
            grace_s = await self._stop_asked
        finally:
            await self._wind_down(grace_s)

    def _bind(self, server: grpc.aio.Server) -> int:
        options = self.options
        credentials = _credentials(options)
        try:
            if credentials is None:
                return server.add_insecure_port(options.address)
            return server.add_secure_port(options.address, credentials)
        except RuntimeError as error:  # gRPC does not tell why
            raise _why_not(options) from error

    async def _start(self, market: Market, control: ControlHandlers, controlled: bool) -> None:
        server = self._server
        if self._publisher is not None or server is None:
            raise ServicesError("the server serves already, or has stopped")
        loop = asyncio.get_running_loop()
        self._publisher = Publisher(loop, market, self.options)
        self._handlers = Handlers(market, self.options, self._publisher, self._searcher)
        server.add_generic_rpc_handlers((*self._handlers.generic(), control.generic()))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        ours = (AGGREGATOR, MARKET_DATA, CONTROL) if controlled else (AGGREGATOR, MARKET_DATA)
        reflection.enable_server_reflection((*ours, _HEALTH, reflection.SERVICE_NAME), server)
        for service in ("", *ours):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        await server.start()

    async def _wind_down(self, grace_s: float) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        deadline = asyncio.get_running_loop().time() + grace_s
        await self._health.enter_graceful_shutdown()
        if self._publisher is not None:
            self._publisher.close()
            try:
                await asyncio.wait_for(self._publisher.drained(), grace_s)
            except TimeoutError:
                _logger.info("%d streams did not end within %.1f s and are cut", self._publisher.streams, grace_s)
        left = deadline - asyncio.get_running_loop().time()
        await server.stop(max(0.0, min(left, _LAST_CALLS_S)) or None)

    def _ask_stop(self, grace_s: float) -> None:
        if self._stop_asked is not None and not self._stop_asked.done():
            self._stop_asked.set_result(grace_s)


def _credentials(options: GrpcOptions) -> grpc.ServerCredentials | None:
    """What TLS needs; None without. Raises BadCredentials."""
    if options.tls_cert is None or options.tls_key is None:
        return None
    chain = (_read(options.tls_key), _read(options.tls_cert))
    if options.tls_client_ca is None:
        return grpc.ssl_server_credentials([chain])
    return grpc.ssl_server_credentials([chain], _read(options.tls_client_ca), require_client_auth=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadCredentials(f"{path} cannot be read: {error.strerror}") from error


def _why_not(options: GrpcOptions) -> ServicesError:
    """The reason why gRPC could not listen, found by trying the same address with a plain socket."""
    host, port = options.host.strip("[]"), options.port
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return PortTaken(host, port)
        return CannotListen(f"cannot listen on {options.address}: {error.strerror}")
    if options.tls_cert is not None:
        return BadCredentials(f"{options.tls_cert} and {options.tls_key} are no certificate with its key")
    return CannotListen(f"cannot listen on {options.address}; gRPC gives no reason, and the port is free now")
