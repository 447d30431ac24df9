"""REST requests to one venue: a small pool of threads under one weight budget."""

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import requests
import urllib3

from exchanges.budget import Budget
from exchanges.errors import ExchangeError, Forbidden, GarbageFrame, NoBudget, RateLimited, Refused, Unreachable
from exchanges.venue import Venue

log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_READ_S = 10.0  # between two bytes
_TOTAL_S = 30.0  # for a whole body
_MAX_BODY = 64 * 1024 * 1024
_CHUNK = 256 * 1024
DEFAULT_BAN_S = {429: 10.0, 418: 120.0}  # where the reply does not tell
_WORKERS = 4  # a reply that drips must not hold up the other symbols
_DEAR_SHARE = 0.6  # of the budget that requests may use for which a cheaper one would do
_MAX_WAITING = 4096  # requests in the queue; one more is answered with a failure at once

Answer = bytes | ExchangeError


class Request(NamedTuple):
    """A path with its weight. `share` below 1: not waited for where more than this share would be used.

    `cheaper`: another path and its weight, asked for instead where the budget runs short.
    """

    path: str
    weight: int
    share: float = 1.0
    cheaper: tuple[str, int] | None = None


class _Job(NamedTuple):
    """A request in the queue; the most urgent is taken first, and of those the oldest."""

    urgency: float  # smaller is sooner
    order: int
    request: Request
    answer: Callable[[Answer, str], None]


class RestClient:
    """Asks one venue. `get` blocks its caller; `submit` answers through a callback from a thread of the pool."""

    def __init__(self, venue: Venue, base: str, ca: str | None = None, budget: Budget | None = None) -> None:
        """`budget`: that of an earlier client of the venue; None: nothing is spent yet."""
        self.venue = venue
        self.base = base
        self.budget = budget or Budget(venue.limits.weight, venue.limits.window_s)
        self._ca = ca  # given with each request: the environment's bundle would win over the session's
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue(_MAX_WAITING)
        self._order = itertools.count()
        self._stopped = threading.Event()
        self._local = threading.local()  # one requests.Session a thread: they are not thread-safe
        self._threads: list[threading.Thread] = []
        self._starved: set[int] = set()  # threads that wait for the budget

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._jobs.qsize()

    @property
    def starved(self) -> int:
        """Requests that wait because the budget is used up for now."""
        starved = len(self._starved)
        return starved + self._jobs.qsize() if starved else 0

    def start(self) -> None:
        """Starts the pool."""
        for number in range(_WORKERS):
            thread = threading.Thread(target=self._work, name=f"{self.venue.name}-rest-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ends the pool; requests that wait are dropped. Returns at once: a thread in a request ends after it."""
        self._stopped.set()
        for _ in self._threads:
            try:
                self._jobs.put_nowait(_Job(-2.0, next(self._order), Request("", 0), _nobody))  # wakes a worker
            except queue.Full:
                break  # a full queue wakes the workers by itself

    def submit(self, request: Request, answer: Callable[[Answer, str], None]) -> None:
        """Asks as soon as the budget allows, then calls `answer` in a thread of the pool, with the path asked for.

        Where the share of a request would be exceeded the answer is NoBudget: at once, since whoever asks has to know
        that nobody will answer, even while all threads of the pool wait for the budget themselves.
        """
        if request.share < 1 and not self.budget.fits(request.weight, time.monotonic(), request.share):
            answer(self._no_budget(), request.path)
            return
        try:
            self._jobs.put_nowait(_Job(-request.share, next(self._order), request, answer))
        except queue.Full:
            words = f"{_MAX_WAITING} requests to {self.venue.name} are waiting already"
            answer(Unreachable(words), request.path)

    def get(self, path: str, weight: int) -> bytes:
        """The body of a 200 reply, after waiting for the budget; raises an ExchangeError for anything else."""
        return self._ask(self._afford(Request(path, weight)))

    def _afford(self, request: Request) -> str:
        """Spends the weight, after waiting for the budget where need be; the path to ask for."""
        path, weight, share, cheaper = request
        if cheaper:
            if self.budget.delay_s(weight, time.monotonic(), _DEAR_SHARE) == 0:
                return path
            path, weight = cheaper
        while (delay := self.budget.delay_s(weight, time.monotonic(), share)) > 0:
            if share < 1:
                raise self._no_budget()
            self._starved.add(threading.get_ident())
            stopped = self._stopped.wait(min(delay, 60.0))
            self._starved.discard(threading.get_ident())
            if stopped:
                raise Unreachable("stopped")
        return path

    def _no_budget(self) -> NoBudget:
        return NoBudget(f"the budget of {self.venue.name} is wanted for others")

    def _ask(self, path: str) -> bytes:
        url = self.base + path
        try:
            with self._session().get(
                url, timeout=(_CONNECT_S, _READ_S), stream=True, allow_redirects=False, verify=self._ca
            ) as reply:
                headers = {name.lower(): value for name, value in reply.headers.items()}
                body = _read(reply)
        except requests.exceptions.SSLError as error:
            words = _root(error)
            if "certificate verify failed" in words:
                words = f"the certificate does not verify ({words}); --ca FILE names roots"
            raise Unreachable(f"{url}: {words}") from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{url}: {_root(error)}") from error
        now = time.monotonic()
        used = self.venue.used_weight(headers)
        if used is not None:
            self.budget.told(used, now)
        if reply.status_code == 200:
            return body
        raise self._refused(reply.status_code, headers, body, now)

    def _refused(self, status: int, headers: dict[str, str], body: bytes, now: float) -> Refused:
        words = f"{self.venue.name} answered {status}: {self.venue.refusal(status, body)}"
        retry_s = self.venue.ban_s(status, body)
        if status in DEFAULT_BAN_S:
            told = headers.get("retry-after", "")
            retry_s = float(told) if told.isdecimal() else DEFAULT_BAN_S[status]
        if retry_s > 0:
            self.budget.ban(retry_s, now)
            log.warning("%s; nothing is asked for %.0f s", words, retry_s)
            return RateLimited(status, words, retry_s)
        if status in (403, 451):
            return Forbidden(status, words)
        return Refused(status, words)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.headers["User-Agent"] = "onebook"
        return session

    def _work(self) -> None:
        while not self._stopped.is_set():
            _, _, request, answer = self._jobs.get()
            if self._stopped.is_set():
                return
            path = request.path
            result: Answer
            try:
                path = self._afford(request)
                result = self._ask(path)
            except ExchangeError as error:
                result = error
            except Exception as error:  # the requester must hear of it, and the pool must live on
                log.exception("request %s failed", path)
                result = GarbageFrame(f"{path}: {type(error).__name__}: {error}")
            if not self._stopped.is_set():
                answer(result, path)


def _nobody(answer: Answer, path: str) -> None:
    """Nobody waits for this answer."""


def _read(reply: requests.Response) -> bytes:
    """The whole body, within bounds of size and time."""
    deadline = time.monotonic() + _TOTAL_S
    chunks: list[bytes] = []
    size = 0
    # What has come so far, not a whole chunk: a body that drips would hold the thread far beyond the deadline.
    while chunk := reply.raw.read1(_CHUNK, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > _MAX_BODY:
            raise requests.exceptions.ContentDecodingError(f"a body of more than {_MAX_BODY} bytes")
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout(f"the body was not complete after {_TOTAL_S:.0f} s")
    return b"".join(chunks)


def _root(error: BaseException) -> str:
    """The innermost cause in words, without the library's wrapping."""
    while True:
        inner = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        if not inner and error.args and isinstance(error.args[0], BaseException):
            inner = error.args[0]
        if not isinstance(inner, BaseException):
            break
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
