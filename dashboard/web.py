"""The dashboard in a browser: `client.py --web`. Each tab is a process of its own, which ends with the tab.

textual-serve brings the terminal for the page and the packets between it and a program; the page, the number of tabs,
who may open one, and how all of it ends are ours. Nothing is loaded from anywhere else.
"""

import asyncio
import contextlib
import ipaddress
import logging
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp_jinja2
from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.server import Server

from dashboard.market import DashboardError
from dashboard.tab import DRIVER

log = logging.getLogger(__name__)

MOST_TABS = 8  # each is a process and a stream of its own
PLACE_S = 3.0  # a tab waits so long for another to end: at a reload the old one is still ending
QUIT_S = 3.0  # a program that was asked to end gets so long, then SIGTERM, then SIGKILL
WIDEST, TALLEST = 500, 200  # cells, whatever a page asks for
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class CannotServe(DashboardError):
    """The page cannot be served; the text names the address and the reason."""


class Address(NamedTuple):
    """Where the page is served; port 0: a free one."""

    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def url(self) -> str:
        """What a browser is given."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host == "localhost"


class Tab(AppService):
    """One browser tab's program."""

    def __init__(self, command: Sequence[str], socket: web.WebSocketResponse, server: "WebServer") -> None:
        super().__init__(
            "",
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=self._closed,
            download_manager=server.download_manager,
        )
        self.socket = socket
        self._arguments = command

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        """Runs the program without a shell between."""
        self._process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**self._build_environment(*bounded(width, height)), "TEXTUAL_DRIVER": DRIVER},
        )
        self._stdin = self._process.stdin
        return self._process

    async def set_terminal_size(self, width: int, height: int) -> None:
        """The page has another size."""
        await super().set_terminal_size(*bounded(width, height))

    async def _closed(self) -> None:
        await self.socket.close(message=b"You closed the dashboard.")

    async def watch(self) -> None:
        """Closes the page's socket when the program is over, for whatever reason."""
        if self._task is not None:
            await asyncio.wait({self._task})
            await self.socket.close(message=b"The dashboard ended by itself; client.py --web says why.")

    async def end(self) -> None:
        """Ends the program: asked, then told, then killed."""
        process = self._process
        if process is None:
            return
        await self.send_meta({"type": "quit"})
        for force in (process.terminate, process.kill):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), QUIT_S)
            if process.returncode is None:
                force()
        await process.wait()
        if self._task is not None:
            await self._task


class WebServer(Server):
    """The page and its sockets."""

    def __init__(self, command: Sequence[str], address: Address) -> None:
        super().__init__(
            "", host=address.host, port=address.port, title="Onebook", templates_path=Path(__file__).parent
        )
        self.address = address
        self._arguments = command
        self._tabs: set[Tab] = set()
        self._places = asyncio.Semaphore(MOST_TABS)
        self._stopping = False

    async def on_startup(self, app: web.Application) -> None:
        """Nothing: `serve` says where the page is, once it is there."""

    async def on_shutdown(self, app: web.Application) -> None:
        """Ends all tabs."""
        self._stopping = True
        await asyncio.gather(
            *(
                tab.socket.close(code=WSCloseCode.GOING_AWAY, message=b"client.py --web was stopped.")
                for tab in self._tabs
            )
        )

    @aiohttp_jinja2.template("web.html")
    async def handle_index(self, request: web.Request) -> dict[str, Any]:
        """The page; `?fontsize=20` makes its letters larger."""
        self._refuse_strangers(request)
        size = request.query.get("fontsize", "")
        return {
            "application": {"name": self.title},
            "font_size": min(48, max(6, int(size))) if size.isascii() and size.isdigit() else 16,
        }

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """One tab, for as long as it is open."""
        self._refuse_strangers(request)
        socket = web.WebSocketResponse(heartbeat=15)
        await socket.prepare(request)
        try:
            await asyncio.wait_for(self._places.acquire(), PLACE_S)
        except TimeoutError:
            full = f"{MOST_TABS} tabs are open, which is the most. Close one, then open this one again."
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=full.encode())
            return socket
        try:
            if not self._stopping and not socket.closed:
                await self._run(Tab(self._arguments, socket, self), request)
        finally:
            self._places.release()
        return socket

    async def _run(self, tab: Tab, request: web.Request) -> None:
        self._tabs.add(tab)
        watch: asyncio.Task[None] | None = None
        try:
            await tab.start(number(request.query.get("width"), 80), number(request.query.get("height"), 24))
            watch = asyncio.create_task(tab.watch())
            await self._process_messages(tab.socket, tab)
        except (ValueError, TypeError, LookupError, AssertionError) as error:
            log.warning("a page sent what no page of ours sends: %r", error)
            await tab.socket.close(code=WSCloseCode.INVALID_TEXT, message=b"The page sent what makes no sense.")
        finally:
            await tab.end()
            if watch is not None:
                await watch
            self._tabs.discard(tab)

    def _refuse_strangers(self, request: web.Request) -> None:
        """Other sites' pages must not drive the dashboard, nor a name that somebody let point to this machine."""
        origin = request.headers.get("Origin")
        host = urlsplit(f"//{request.host}").hostname
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text=f"the page of {origin} may not use the dashboard at {request.host}\n")
        if self.address.loopback and host not in (*LOOPBACK, self.address.host):
            raise web.HTTPForbidden(text=f"this is not {host}: open {self.address.url}\n")


def bounded(width: object, height: object) -> tuple[int, int]:
    """A size in cells that a program can draw."""
    return max(1, min(WIDEST, int(str(width)))), max(1, min(TALLEST, int(str(height))))


def number(text: str | None, default: int) -> int:
    """The number in an address's query."""
    return int(text) if text and text.isascii() and text.isdigit() else default


async def serve(command: Sequence[str], address: Address) -> None:
    """Serves `command`, a Textual program, until SIGINT or SIGTERM. Raises CannotServe."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    server = WebServer(command, address)
    runner = web.AppRunner(
        await server._make_app(), access_log=None, handle_signals=False, shutdown_timeout=2 * QUIT_S
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            raise CannotServe(
                f"cannot serve the page at {address.url}: {error.strerror}; another port: --web {address.port + 1}"
            ) from error
        server.address = Address(address.host, runner.addresses[0][1])
        print(f"dashboard on {server.address.url}, Ctrl-C ends it", file=sys.stderr, flush=True)
        if not address.loopback:
            print("whoever reaches this port can use it: there is no password", file=sys.stderr, flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def run(command: Sequence[str], address: Address) -> int:
    """The process's exit code. Raises CannotServe."""
    asyncio.run(serve(command, address))
    return 0
