"""`client.py --web` without a browser: who is let in, how many, and how programs end that do not want to."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from textual.drivers.web_driver import WebDriver

import client
from dashboard import web as page
from dashboard.tab import TabDriver
from dashboard.web import Address, CannotServe, WebServer, bounded, number, serve

# Programs that speak the driver's language: a greeting, then packets of a kind, a length and a text.
ECHO = """
import json, os, struct, sys
sys.stdout.buffer.write(b"__GANGLION__\\n"); sys.stdout.flush()
def tell(kind, text): os.write(1, kind + struct.pack(">I", len(text)) + text)
tell(b"D", ("size " + os.environ["COLUMNS"] + "x" + os.environ["ROWS"]).encode())
while head := sys.stdin.buffer.read(5):
    text = sys.stdin.buffer.read(struct.unpack(">I", head[1:])[0])
    if head[:1] == b"M" and json.loads(text)["type"] == "quit":
        sys.exit()
    if text == b"q":
        tell(b"M", b'{"type": "exit"}')
    elif text == b"!":
        sys.exit(3)
    else:
        tell(b"D", text)
"""
DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout.buffer.write(b"__GANGLION__\\n"); sys.stdout.flush()
sys.stdout.buffer.write(b"D\\0\\0\\0\\4deaf"); sys.stdout.flush()
time.sleep(600)
"""
BROKEN = "raise SystemExit('no such setting')"


@contextlib.asynccontextmanager
async def serving(program: str = ECHO) -> AsyncIterator[tuple[WebServer, str, ClientSession]]:
    """The server of a program on a free port, and who talks to it."""
    server = WebServer([sys.executable, "-c", program], Address(port=0))
    runner = web.AppRunner(await server._make_app(), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as session:
            yield server, f"http://127.0.0.1:{runner.addresses[0][1]}", session
    finally:
        await runner.cleanup()


async def told(opened: ClientWebSocketResponse) -> bytes:
    """The next that the program writes."""
    message = await opened.receive(30)
    assert message.type is WSMsgType.BINARY, message
    return bytes(message.data)


async def end(opened: ClientWebSocketResponse) -> tuple[int | None, str]:
    """Code and reason of the end."""
    while True:
        message = await opened.receive(30)
        if message.type is WSMsgType.CLOSE:
            return message.data, str(message.extra)
        assert message.type is not WSMsgType.CLOSED


async def test_keys_go_in_and_the_picture_comes_out() -> None:
    async with serving() as (server, url, session), session.ws_connect(f"{url}/ws?width=100&height=30") as opened:
        assert await told(opened) == b"size 100x30"
        await opened.send_json(["stdin", "ü"])
        assert await told(opened) == "ü".encode()
        await opened.send_json(["resize", {"width": 10**9, "height": 20}])
        assert json.loads(await told(opened)) == {"type": "resize", "width": page.WIDEST, "height": 20}
        assert len(server._tabs) == 1
        await opened.close()
        while server._tabs:
            await asyncio.sleep(0.01)


async def test_the_page_says_why_it_ended() -> None:
    async with serving() as (_, url, session):
        for key, reason in (("q", "You closed the dashboard."), ("!", "ended by itself")):
            opened = await session.ws_connect(f"{url}/ws")
            await told(opened)
            await opened.send_json(["stdin", key])
            assert reason in (await end(opened))[1]


async def test_a_program_that_does_not_start_ends_its_tab(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(BROKEN) as (server, url, session):
        assert "ended by itself" in (await end(await session.ws_connect(f"{url}/ws")))[1]
        while server._tabs:
            await asyncio.sleep(0.01)
    assert "no such setting" in capsys.readouterr().out


async def test_a_program_that_does_not_want_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "QUIT_S", 0.1)
    async with serving(DEAF) as (server, url, session):
        opened = await session.ws_connect(f"{url}/ws")
        assert await told(opened) == b"deaf"
        (tab,) = server._tabs
        await opened.close()
        while server._tabs:
            await asyncio.sleep(0.01)
        assert tab._process is not None
        assert tab._process.returncode == -9


async def test_no_more_tabs_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more waits a moment, as at a reload, and is then told why it is refused."""
    monkeypatch.setattr(page, "MOST_TABS", 1)
    monkeypatch.setattr(page, "PLACE_S", 0.05)
    async with serving() as (_, url, session):
        first = await session.ws_connect(f"{url}/ws")
        await told(first)
        code, reason = await end(await session.ws_connect(f"{url}/ws"))
        assert (code, reason) == (1013, "1 tabs are open, which is the most. Close one, then open this one again.")
        monkeypatch.setattr(page, "PLACE_S", 30)
        second = asyncio.create_task(session.ws_connect(f"{url}/ws"))
        await first.close()
        assert (await told(await second)).startswith(b"size")


async def test_the_end_of_the_server_is_told() -> None:
    async with serving() as (server, url, session):
        opened = await session.ws_connect(f"{url}/ws")
        await told(opened)
        closing = asyncio.create_task(server.on_shutdown(web.Application()))
        assert await end(opened) == (1001, "client.py --web was stopped.")
        await closing
        late = await session.ws_connect(f"{url}/ws")
        assert (await late.receive(30)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)


@pytest.mark.parametrize("text", ['["resize", 5]', '["resize"]', '{"a": 1}', "[]", "no json"])
async def test_a_page_that_sends_nonsense_is_cut(text: str) -> None:
    async with serving() as (server, url, session):
        opened = await session.ws_connect(f"{url}/ws")
        await opened.send_str(text)
        assert (await end(opened))[0] == 1007
        while server._tabs:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://{host}"}, 200),
        ({"Origin": "http://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "rebound.example.org"}, 403),
        ({"Host": "rebound.example.org", "Origin": "http://rebound.example.org"}, 403),
    ],
)
async def test_strangers_are_refused(headers: dict[str, str], status: int) -> None:
    """Another site's page must not open the socket, nor one whose name was made to point here."""
    async with serving() as (_, url, session):
        host = url.removeprefix("http://")
        told_headers = {key: text.format(host=host, port=host.rpartition(":")[2]) for key, text in headers.items()}
        async with session.get(url, headers=told_headers) as answer:
            assert answer.status == status
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        async with session.get(
            f"{url}/ws", headers={**told_headers, **upgrade, "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        ) as answer:
            assert answer.status == (101 if status == 200 else 403)


@pytest.mark.parametrize(
    ("query", "size"), [("", 16), ("?fontsize=20", 20), ("?fontsize=999", 48), ("?fontsize=x", 16)]
)
async def test_the_page_is_our_own(query: str, size: int) -> None:
    """Nothing in it comes from another address."""
    async with serving() as (_, url, session):
        async with session.get(f"{url}/{query}") as answer:
            text = await answer.text()
        assert f'data-font-size="{size}"' in text
        assert "http://" not in text
        assert "https://" not in text
        assert "{{" not in text
        for name in ("js/textual.js", "css/xterm.css", "fonts/RobotoMono-VariableFont_wght.ttf"):
            assert f"static/{name}" in text
            async with session.get(f"{url}/static/{name}") as answer:
                assert answer.status == 200


def test_addresses() -> None:
    assert Address().url == "http://127.0.0.1:8000"
    assert Address("::1", 1).url == "http://[::1]:1"
    assert [Address(host).loopback for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "book.lan")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_sizes() -> None:
    assert bounded(80, 24) == (80, 24)
    assert bounded(0, 10**9) == (1, page.TALLEST)
    assert [number(text, 80) for text in ("5", "-5", "", None)] == [5, 80, 80, 80]


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotServe, match=rf"127\.0\.0\.1:{port}.*--web {port + 1}"):
            await serve(["false"], Address(port=port))


async def test_it_serves_until_it_is_told_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    serving = asyncio.create_task(serve(["false"], Address("0.0.0.0", 0)))
    said = ""
    while "there is no password" not in said:
        await asyncio.sleep(0.01)
        said += capsys.readouterr().err
    assert said.startswith("dashboard on http://0.0.0.0:")
    os.kill(os.getpid(), signal.SIGTERM)
    await serving


@pytest.mark.parametrize("ended", [True, False])
def test_a_program_without_its_server_ends(ended: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the pipe ends before the application does, nobody would ever end it."""
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(WebDriver, "run_input_thread", lambda _: None)
    driver = TabDriver.__new__(TabDriver)
    driver.exit_event = threading.Event()
    if ended:
        driver.exit_event.set()
    driver.run_input_thread()
    assert left == ([] if ended else [1])


class Asked:
    """In the place of the server: with what it was started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.command: list[str] = []
        self.address: Any = None
        monkeypatch.setattr(page, "run", self.run)

    def run(self, command: list[str], address: Address) -> int:
        """Remembers."""
        self.command, self.address = command, address
        return 0


@pytest.mark.parametrize(
    ("words", "address"),
    [
        (["--web"], ("127.0.0.1", 8000)),
        (["--web", "--symbol", "ETH/BTC"], ("127.0.0.1", 8000)),
        (["--web", "8001"], ("127.0.0.1", 8001)),
        (["--web=0"], ("127.0.0.1", 0)),
        (["--web", "0.0.0.0:80"], ("0.0.0.0", 80)),
        (["--theme", "cvd", "--web", "[::1]:8001"], ("::1", 8001)),
    ],
)
def test_the_other_options_are_passed_on(
    words: list[str], address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    assert client.main(words) == 0
    assert asked.address == address
    assert asked.command == [sys.executable, str(Path(client.__file__).resolve()), *words]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--web", "70000"], "'70000' is not PORT nor HOST:PORT"),
        (["--web", "--format", "csv"], "leave --format"),
        (["--web", "--theme", "pink"], "pink"),
        (["--web", "--server", "nowhere"], "nowhere"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_served(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    with pytest.raises(SystemExit) as left:
        client.main(words)
    assert left.value.code == 2
    assert said in capsys.readouterr().err
    assert not asked.command


def test_without_the_extra_the_way_out_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "dashboard.web")
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    monkeypatch.setitem(sys.modules, "textual_serve.app_service", None)
    assert client.main(["--web"]) == 1
    said = capsys.readouterr().err
    assert "pip install -r requirements-web.txt" in said
    assert "textual_serve" in said


def test_a_server_that_cannot_listen_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_command: list[str], _address: Address) -> int:
        raise CannotServe("cannot serve the page")

    monkeypatch.setattr(page, "run", fail)
    assert client.main(["--web"]) == 1
    assert capsys.readouterr().err == "client.py: cannot serve the page\n"
