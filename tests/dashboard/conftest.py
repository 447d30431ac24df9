"""What every test of the dashboard stands on: a clean environment, a clock moved by hand, a scripted server."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.app import Dashboard
from dashboard.settings import Settings
from dashboard.stream import Target
from proto import orderbook_pb2 as pb
from tests.dashboard.fake import EPOCH_NS, FakeServer

GOLDEN = Path(__file__).parent / "golden"
DEADLINE_S = 20.0
SECOND = 1_000_000_000


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures must not depend on the terminal that runs the tests."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("TERM", "xterm-256color")


class HandClock:
    """Monotonic ns that stand still until they are moved."""

    def __init__(self) -> None:
        self.ns = 1_000 * SECOND

    def __call__(self) -> int:
        return self.ns

    def forward(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND)


@pytest.fixture
def hand_clock() -> HandClock:
    return HandClock()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer().start()
    yield fake
    fake.stop()


def dashboard(
    port: int = 50052,
    *,
    connect: bool = True,
    clock: Callable[[], int] = time.monotonic_ns,
    theme: str = "dark",
    pair: str = "BTC/USDT",
    **settings: Any,
) -> Dashboard:
    """The application as client.py makes it."""
    target = Target("127.0.0.1", port)
    request = pb.BookRequest(pair=pair, levels=50)
    wall, cpu = (time.time_ns, time.process_time_ns) if connect else (lambda: EPOCH_NS, lambda: 0)
    chosen = Settings(theme=theme, **settings)
    return Dashboard(target, request, settings=chosen, clock=clock, wall=wall, cpu=cpu, connect=connect)


async def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Waits for a condition, with a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {DEADLINE_S} s"
        await asyncio.sleep(0.01)


def same_as_golden(name: str, text: str) -> None:
    """Compares with the stored text; UPDATE_GOLDEN=1 stores it."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no golden text {path}: look at the output, then run with UPDATE_GOLDEN=1\n{text}"
    assert text == path.read_text(encoding="utf-8")
