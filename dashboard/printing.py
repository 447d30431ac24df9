"""Lines for scripts: every update printed and flushed, until the count, a signal or a closed pipe ends it."""

import asyncio
import io
import os
import select
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TextIO

from dashboard.feed import Failure
from dashboard.formats import CSV_HEADER, FORMATS
from dashboard.market import Book, DashboardError
from dashboard.stream import Stream, Target
from dashboard.venues import state_of
from proto import orderbook_pb2 as pb


class NoBook(DashboardError):
    """No book came in time, or the server refuses; the text says what was tried and the way out."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a script asked for. `count` 0: without end; `timeout_s` 0: wait for ever."""

    form: str
    count: int
    timeout_s: float
    heartbeats: bool


class Printer:
    """The stream's listener that prints. Nothing is printed before some venue is live: an empty book is no answer."""

    def __init__(self, target: Target, pair: str, wish: Wish, out: TextIO, complain: Callable[[str], None]) -> None:
        self.done = asyncio.Event()
        self.error: NoBook | None = None
        self._target = target
        self._pair = pair
        self._wish = wish
        self._out = out
        self._complain = complain
        self._form = FORMATS[wish.form]
        self._printed = 0
        self._last: Book | None = None  # the newest message, printed or not
        self._failure: Failure | None = None
        self._connected = False
        self._lost = False

    def connecting(self, attempt: int) -> None:
        """An attempt begins; scripts are not told of it."""

    def connected(self) -> None:
        """The channel stands."""
        self._connected = True

    def received(self, book: Book) -> None:
        """Prints the book, unless it is a heartbeat that nobody asked for."""
        if self._lost:
            self._complain(f"the stream from {self._target.address} is back")
            self._lost = False
        self._last, self._failure = book, None
        if not self._printed and not book.live_venues and not book.bids and not book.asks:
            return
        if book.heartbeat and not self._wish.heartbeats:
            if reader_gone(self._out):
                raise BrokenPipeError
            return
        if not self._printed and self._wish.form == "csv":
            self._out.write(CSV_HEADER + "\n")
        self._out.write(self._form(book))
        self._out.flush()
        self._printed += 1
        if self._printed == self._wish.count:
            self.done.set()

    def ended(self, failure: Failure, retry_in_ns: int) -> None:
        """After data the stream is taken up again; a refusal before any is final."""
        self._connected = False
        self._failure = failure
        if failure.refused and not self._printed:
            self._fail(f"{self._target.address} refuses {self._asked()}: {failure}")
        elif self._printed and not self._lost:
            self._complain(f"the stream from {self._target.address} ended ({failure}); trying again")
            self._lost = True

    @property
    def waiting(self) -> bool:
        """Nothing printed yet."""
        return not self._printed

    def give_up(self) -> None:
        """The time is over and no book came."""
        waited = f"within {self._wish.timeout_s:g} s"
        address = self._target.address
        if self._connected or self._last is not None:
            states = (
                "; ".join(f"{venue.name} {state_of(venue)[1]}" for venue in self._last.venues) if self._last else ""
            )
            self._fail(
                f"connected to {address}, but no book of {self._asked()} {waited}" + (f": {states}" * bool(states))
            )
        else:
            why = f" ({self._failure})" if self._failure else ""
            self._fail(
                f"cannot reach {address} {waited}{why}: start the server, or name another with --host and --port"
            )

    def _asked(self) -> str:
        return self._pair or "the server's default pair"

    def _fail(self, text: str) -> None:
        self.error = NoBook(text)
        self.done.set()


def print_stream(target: Target, request: pb.BookRequest, wish: Wish) -> int:
    """Prints to standard output; the process's exit code. A closed pipe, SIGINT and SIGTERM are good ends."""
    return printing(lambda: _print(target, request, wish))


def printing(run: Callable[[], Coroutine[None, None, None]]) -> int:
    """Runs what prints to standard output; the process's exit code."""
    if sys.stdout is None:
        complain("standard output is closed: nothing can be printed")
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a glyph that the locale lacks must not end the program
    try:
        with _signals():
            asyncio.run(run())
            sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
    except OSError as error:
        complain(f"cannot write to standard output: {error.strerror}")
        _forget_output()
        return 1
    except (_Stopped, KeyboardInterrupt):
        return 0
    except NoBook as error:
        complain(str(error))
        return 1
    return 0


def _forget_output() -> None:
    """Python flushes standard output again when it ends; what cannot be written any more must not complain then."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _print(target: Target, request: pb.BookRequest, wish: Wish) -> None:
    printer = Printer(target, request.pair, wish, sys.stdout, complain)
    reading = asyncio.ensure_future(Stream(target, request, printer).run())
    done = asyncio.ensure_future(printer.done.wait())
    try:
        await asyncio.wait({reading, done}, timeout=wish.timeout_s or None, return_when=asyncio.FIRST_COMPLETED)
        if printer.waiting and not printer.done.is_set() and not reading.done():
            printer.give_up()
        await asyncio.wait({reading, done}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()  # only an error ends it: a closed pipe, most likely
        if printer.error is not None:
            raise printer.error
    finally:
        reading.cancel()
        done.cancel()
        await asyncio.wait({reading, done})


def complain(text: str) -> None:
    """One line on standard error."""
    print(f"client.py: {text}", file=sys.stderr, flush=True)


def reader_gone(out: TextIO) -> bool:
    """Whether the pipe's other end is closed, found without writing: a quiet market must not keep us alive."""
    poll = select.poll()
    poll.register(out.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


class _Stopped(SystemExit):
    """A signal: raised wherever the program is, even in a write to a pipe that nobody reads."""


@contextmanager
def _signals() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Stopped(0)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
