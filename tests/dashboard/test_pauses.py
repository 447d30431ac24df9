"""What would grow or stop the dashboard for a moment."""

import gc
import subprocess
import sys

import pytest
from textual._styles_cache import StylesCache

from dashboard import pauses
from tests.dashboard.conftest import HandClock, dashboard


def caches() -> int:
    """Caches of lines that are still held."""
    gc.collect()
    return sum(isinstance(each, StylesCache) for each in gc.get_objects())


async def test_nothing_stays_of_pages_that_were_closed(hand_clock: HandClock) -> None:
    app = dashboard(connect=False, clock=hand_clock)
    async with app.run_test(size=(80, 24)) as pilot:

        async def open_and_close() -> None:
            for key in ("question_mark", "semicolon", "exclamation_mark", "V"):
                await pilot.press(key)
                await pilot.press("escape")
            pauses.let_go()
            await pilot.pause()

        await open_and_close()
        before = caches()
        for _ in range(3):
            await open_and_close()
        assert caches() <= before


def test_another_textual_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(StylesCache, "get_inner_outer")
    pauses.let_go()


def test_what_is_loaded_is_never_looked_through_again() -> None:
    """In a process of its own: the tests' own collector stays as it is."""
    told = "import gc; from dashboard import pauses; pauses.seldom_collected(); "
    told += "print(gc.get_freeze_count(), gc.get_threshold()[0])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    frozen, threshold = map(int, done.stdout.split())
    assert frozen > 10_000
    assert threshold > 700
