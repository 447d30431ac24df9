"""The processes of a measurement: started, waited for by the lines that they print, and ended by their id."""

import contextlib
import ctypes
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO

ROOT = Path(__file__).parents[1]
READY_S = 30.0
_END_S = 5.0  # for an end by SIGTERM; then it is killed

_PR_SET_PDEATHSIG = 1  # of prctl
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: a fork must do no more than call it


def _end_with_parent() -> None:
    """In the child, before its program: asks the kernel to end it when we are killed and can end nothing."""
    if _LIBC:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class ChildFailed(Exception):
    """A process ended, or said nothing in time; the message holds the end of what it said."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.others: list[str] = []  # what is to be said of others that had ended before: often the cause

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *self.others])


class Child:
    """One running process. Its lines are collected by two threads; everything else is called by the owner."""

    def __init__(
        self, name: str, arguments: tuple[str, ...], changed: threading.Condition, commanded: bool = False
    ) -> None:
        self.name = name
        self.lines: list[str] = []  # of both outputs; guarded by the condition
        self.popen = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE if commanded else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us: we end the others in order
            preexec_fn=_end_with_parent if _LIBC else None,
        )
        self._changed = changed
        self._open = 2  # pipes; guarded by the condition
        self._readers = [
            threading.Thread(target=self._read, args=(pipe,), name=f"{name}-lines", daemon=True)
            for pipe in (self.popen.stdout, self.popen.stderr)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.popen.pid

    @property
    def ended(self) -> bool:
        """Whether nothing more will come. The condition is held."""
        return self._open == 0

    def wait_line(self, pattern: str, deadline_s: float = READY_S) -> re.Match[str]:
        """The first line that begins with `pattern`; raises ChildFailed."""
        found: re.Match[str] | None = None

        def arrived() -> bool:
            nonlocal found
            found = next((match for line in self.lines if (match := re.match(pattern, line))), None)
            return found is not None or self.ended

        with self._changed:
            self._changed.wait_for(arrived, deadline_s)
        if found is None:
            raise ChildFailed(f"{self.name} never said {pattern!r}; {self.last_words()}")
        return found

    def tell(self, command: str) -> None:
        """A line to its standard input; it was started as one that is commanded. Raises ChildFailed."""
        assert self.popen.stdin is not None
        try:
            self.popen.stdin.write(command + "\n")
            self.popen.stdin.flush()
        except OSError as error:
            raise ChildFailed(f"{self.name} does not listen: {error}; {self.last_words()}") from error

    def last_words(self) -> str:
        """The end of what it said, for an error message."""
        with self._changed:
            said = "\n".join(line[:500] for line in self.lines[-15:])
        return f"it said:\n{said}" if said else "it said nothing"

    def end(self) -> None:
        """Ends it if it runs, and waits for it."""
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            self.popen.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        if self.popen.stdin is not None:
            with contextlib.suppress(OSError):  # a line that it did not take
                self.popen.stdin.close()
        for reader in self._readers:
            reader.join(_END_S)

    def _read(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()


class Children:
    """All processes of one measurement; leaving the block ends them, the latest first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: list[Child] = []

    def __enter__(self) -> "Children":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ChildFailed):
            error.others = [
                f"{child.name} had ended with {child.popen.returncode}; {child.last_words()}"
                for child in self._running
                if child.popen.poll() is not None and child.name not in str(error)
            ]
        while self._running:
            self._running[-1].end()
            self._running.pop()

    def start(self, name: str, *arguments: str, commanded: bool = False) -> Child:
        """Runs this Python with `arguments` in the project's folder. `commanded`: it reads lines from tell()."""
        child = Child(name, arguments, self._changed, commanded)
        self._running.append(child)
        return child

    def end(self, child: Child) -> None:
        """Ends one of them now."""
        child.end()
        self._running.remove(child)

    def watch(self, seconds: float) -> None:
        """Lets `seconds` pass; raises ChildFailed as soon as one of them ends before."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: any(child.ended for child in self._running), seconds)
        if time.monotonic() < deadline:
            gone = next(child for child in self._running if child.ended)
            raise ChildFailed(f"{gone.name} ended; {gone.last_words()}")
