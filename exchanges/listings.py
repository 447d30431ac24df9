"""When a venue's list of pairs is read: until it is had, then now and then, and whenever somebody wants it."""

import logging
import threading
from collections.abc import Callable, Sequence

from book import Instrument
from exchanges.backoff import Backoff
from exchanges.errors import ExchangeError

log = logging.getLogger(__name__)

DEFAULT_EVERY_S = 3600.0
_MISSING_FIRST_S, _MISSING_CAP_S = 2.0, 60.0  # between two tries to have a first one
_LOST_FIRST_S = 30.0  # after a list without pairs that were in the one before: it may be the venue's maintenance


class Listings:
    """A thread that reads the list. What it calls is called in that thread.

    `had` is told each list and answers whether pairs are gone that are wanted: then it is read again soon. `failed`
    is told why there is none yet, and in how many seconds it is tried again.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], list[Instrument]],
        had: Callable[["Listings", Sequence[Instrument]], bool],
        failed: Callable[["Listings", str, float], None],
        every_s: float,
    ) -> None:
        """`every_s`: between two readings; 0: only when somebody wants it."""
        self._name = name
        self._load = load
        self._had = had
        self._failed = failed
        self._every_s = every_s
        self._changed = threading.Condition()  # guards what follows
        self._wanted = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"{name}-catalog", daemon=True)
        # Of the thread alone.
        self._missing: Backoff | None = Backoff(first_s=_MISSING_FIRST_S, cap_s=_MISSING_CAP_S)
        self._lost: Backoff | None = None

    def start(self, *, have: bool, problem: str = "") -> None:
        """`have`: a list was read just now. Otherwise it is tried after a while because of `problem`, or at once."""
        if have:
            self._missing = None
        elif not problem:
            self._wanted = True
        self._problem = problem
        self._thread.start()

    def look(self) -> None:
        """Reads it as soon as possible; any thread."""
        with self._changed:
            self._wanted = True
            self._changed.notify_all()

    def every(self, every_s: float) -> None:
        """From now on so often; any thread."""
        with self._changed:
            self._every_s = every_s
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing is read any more; any thread. What is being read comes to nothing."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Waits for the thread's end after `stop`."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        again_s: float | None = None
        if self._missing is not None and self._problem:
            again_s = self._missing.next_s()
            self._failed(self, self._problem, again_s)
        while self._due(again_s):
            try:
                catalog = self._load()
                if not any(each.trading for each in catalog):
                    raise ExchangeError(f"{self._name} lists no pair that trades")
            except ExchangeError as error:
                again_s = self._unread(error)
                continue
            if self._stopping:  # told to end while the list was on its way
                return
            self._missing = None
            if self._had(self, catalog):
                self._lost = self._lost or Backoff(first_s=_LOST_FIRST_S, cap_s=max(_LOST_FIRST_S, self._every_s))
                again_s = self._lost.next_s()
            else:
                self._lost, again_s = None, None

    def _unread(self, error: ExchangeError) -> float:
        """Tells why there was no list; seconds until the next try."""
        log.warning("%s: no catalog: %s", self._name, error)
        if self._missing is None:  # the one before holds on
            self._lost = self._lost or Backoff(first_s=_LOST_FIRST_S, cap_s=max(_LOST_FIRST_S, self._every_s))
            return self._lost.next_s()
        again_s = self._missing.next_s()
        self._failed(self, str(error), again_s)
        return again_s

    def _due(self, again_s: float | None) -> bool:
        """Waits until the list is to be read; False when the thread is to end. `again_s`: at last after so long."""
        with self._changed:
            while not (self._wanted or self._stopping):
                every_s = self._every_s
                wait_s = again_s if again_s is not None else every_s or None
                told = self._changed.wait(wait_s)
                if not told:
                    break
                # Told of another interval: it counts from now on.
            self._wanted = False
            return not self._stopping
