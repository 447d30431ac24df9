"""The dashboard on a terminal, in front of a server that hangs, dies and comes back: all of it real processes.

How long each takes is measured by `python -m bench.dashboard`; here nothing is held to a time.
"""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import Process, running, server, venue
from tests.terminal import Terminal, terminal

SIZES = ((140, 45), (40, 8), (80, 24), (200, 60), (39, 7), (120, 16), (60, 15), (40, 10), (20, 3), (79, 23))


def serving(port: int = 0) -> tuple[Process, int]:
    """A synthetic server on that port, ready."""
    process = Process(("-m", "bench.dashboard_feed", "--port", str(port)))
    line = process.wait_line(process.out, lambda line: line.startswith("serving on "), "the server")
    return process, int(line.rsplit(" ", 1)[1])


@pytest.fixture
def feed() -> Iterator[tuple[Process, int]]:
    process, port = serving()
    yield process, port
    process.close()


def front_of(port: int, folder: Path, *arguments: str, width: int = 140, height: int = 45) -> "Terminal":
    """A dashboard with settings of its own."""
    return Terminal("--port", str(port), "--config", _settings(folder), *arguments, width=width, height=height)


def test_a_server_that_hangs_dies_and_comes_back(feed: tuple[Process, int], tmp_path: Path) -> None:
    """Stale, live again, lost with its book kept, and live again without a key."""
    process, port = feed
    screen = front_of(port, tmp_path)
    try:
        screen.until_text("● LIVE")
        screen.forget()
        process.popen.send_signal(signal.SIGSTOP)
        screen.until_text("◐ STALE")
        screen.forget()
        process.popen.send_signal(signal.SIGCONT)
        screen.until_text("● LIVE")
        screen.forget()
        process.close()
        screen.until_text("✕ FROZEN")
        screen.until_text("values below are NOT live")
        screen.forget()
        screen.resize(139, 45)  # everything is drawn anew: what is on the screen now is what is kept
        screen.until(lambda seen: len(re.findall(rb"64,[0-9]{3}\.[0-9]", seen)) > 20, "the prices of the last book")
        screen.forget()
        again, _ = serving(port)
        try:
            screen.until_text("● LIVE")
            screen.press(b"q")
            assert screen.end() == 0
        finally:
            again.close()
    finally:
        screen.close()


def test_a_storm_of_sizes(feed: tuple[Process, int], tmp_path: Path) -> None:
    """Any size, as quickly as a window is dragged, while books come; in the end it draws as ever."""
    _, port = feed
    screen = front_of(port, tmp_path)
    try:
        screen.until_text("● LIVE")
        for _ in range(8):
            for size in SIZES:
                screen.resize(*size)
        screen.forget()
        screen.resize(40, 8)
        screen.until_text("spr ")
        screen.forget()
        screen.resize(140, 45)
        screen.until_text("NOTIONAL")
        screen.press(b"q")
        assert screen.end() == 0
    finally:
        screen.close()


def test_the_real_server_is_killed_and_comes_back(tmp_path: Path) -> None:
    """The same of server.py on our own venue, as a user has it."""
    with (
        venue("--pair", "BTC/USDT") as endpoints,
        server(*endpoints) as (first, port),
        terminal("--port", str(port), "--config", _settings(tmp_path)) as screen,
    ):
        screen.until_text("● LIVE")
        screen.forget()
        first.popen.kill()
        screen.until_text("✕ FROZEN")
        first.wait()
        screen.forget()
        with running("server.py", "--port", str(port), *endpoints):
            screen.until_text("● LIVE")
            screen.press(b"q")
            assert screen.end() == 0


def _settings(folder: Path) -> str:
    path = folder / "config.toml"
    path.touch()
    return str(path)
