"""Waiting for something that other threads do: on the condition, with a deadline."""

import threading
import time
from collections.abc import Callable

DEADLINE_S = 20.0
_pause = threading.Event()  # never set: a wait on it is a pause that blocks nobody


def until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Returns as soon as `condition` holds; fails, naming `what` never came, after `deadline_s`."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline_s:.0f} s")
        _pause.wait(0.002)
