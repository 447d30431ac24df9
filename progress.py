"""Tells in the log how far many books are, while they come up."""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from book import Pair, PairBooks, State

log = logging.getLogger(__name__)

_MANY = 10  # books; of fewer each one's own line tells enough
_LOOK_S = 1.0
_TELL_S = 10.0  # at last, also where nothing has moved
_NEVER_LIVE = (State.UNLISTED, State.DISABLED)


class Progress:
    """A thread that sleeps until it is told that books were added, and looks at them until all are live."""

    def __init__(self, books: Callable[[], Mapping[Pair, PairBooks]], waiting: Callable[[], int]) -> None:
        """`books`: those that are carried now. `waiting`: REST requests for which a budget is used up."""
        self._books = books
        self._waiting = waiting
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        """Begins with what is carried now."""
        self._wanted.set()
        self._thread.start()

    def watch(self) -> None:
        """Books have come, or come back; any thread."""
        self._wanted.set()

    def stop(self) -> None:
        """Nothing is told any more."""
        self._stopping.set()
        self._wanted.set()

    def counts(self) -> tuple[int, int]:
        """How many books are live, and how many can be."""
        states = [book.state for books in self._books().values() for book in books.books.values()]
        able = [state for state in states if state not in _NEVER_LIVE]
        return able.count(State.LIVE), len(able)

    def _run(self) -> None:
        while self._wanted.wait() and not self._stopping.is_set():
            self._wanted.clear()
            self._follow()

    def _follow(self) -> None:
        """Until all are live, or nothing that is not moves any more."""
        began = time.monotonic()
        told, told_at, many = -1, began, False
        while not self._stopping.wait(_LOOK_S):
            live, able = self.counts()
            many = many or able - live >= _MANY
            if not many:
                return
            lasted_s = time.monotonic() - began
            if live == able:
                log.info("synced %d/%d books after %.0f s", live, able, lasted_s)
                return
            still = live == told
            if not still or time.monotonic() - told_at >= _TELL_S:
                waiting = self._waiting()
                log.info("synced %d/%d books%s", live, able, f", {waiting} waiting for weight" if waiting else "")
                if still:
                    return  # what is left is told by its own lines
                told, told_at = live, time.monotonic()
