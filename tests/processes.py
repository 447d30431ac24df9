"""The real programs as processes, on free loopback ports, for tests that look at them from outside."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
DEADLINE_S = 30.0


class Process:
    """A running program whose lines can be waited for."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._lines: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._readers = [self._reader(self.popen.stdout, self.out), self._reader(self.popen.stderr, self.err)]

    def wait_line(self, lines: list[str], wanted: Callable[[str], bool], what: str) -> str:
        """The first of `lines` (out or err) that is wanted; fails with all that was said."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            found = next((line for line in list(lines) if wanted(line)), None)
            if found is not None:
                return found
            if time.monotonic() > deadline or (self.popen.poll() is not None and not self._alive()):
                raise AssertionError(f"{what} never came; out: {self.out}, err: {self.err}")
            with contextlib.suppress(queue.Empty):
                self._lines.get(timeout=0.2)

    def end(self) -> int:
        """SIGTERM; returns the exit code."""
        self.popen.terminate()
        return self.wait()

    def wait(self) -> int:
        """The exit code, once it has ended by itself."""
        code = self.popen.wait(DEADLINE_S)
        for reader in self._readers:
            reader.join(DEADLINE_S)
        return code

    def close(self) -> None:
        """Makes sure that nothing is left."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.wait()
        for pipe in (self.popen.stdout, self.popen.stderr):
            assert pipe is not None
            pipe.close()

    def _alive(self) -> bool:
        return any(reader.is_alive() for reader in self._readers)

    def _reader(self, pipe: IO[str] | None, lines: list[str]) -> threading.Thread:
        def read() -> None:
            assert pipe is not None
            for line in pipe:
                lines.append(line.rstrip("\n"))
                self._lines.put(None)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Process]:
    """A program of ours for as long as the block lasts."""
    process = Process(arguments)
    try:
        yield process
    finally:
        process.close()


@contextlib.contextmanager
def venue(*arguments: str) -> Iterator[list[str]]:
    """A running venue; yields the server's arguments that lead to it."""
    options = ("--print-endpoints", "--binance-port", "0", "--bitstamp-port", "0", "--deep-levels", "200")
    with running("-m", "venue", *options, *arguments) as process:
        faces = json.loads(process.wait_line(process.out, lambda line: line.startswith("{"), "the venue"))
        yield [f"--endpoint={name}.{kind}={url}" for name, face in faces.items() for kind, url in face.items()]


@contextlib.contextmanager
def server(*arguments: str) -> Iterator[tuple[Process, int]]:
    """A running server and its port."""
    with running("server.py", "--port", "0", *arguments) as process:
        yield process, listening_port(process)


def listening_port(process: Process) -> int:
    """The port that the server says it listens on."""
    line = process.wait_line(process.err, lambda line: line.startswith("listening on "), "the server")
    return int(line.rsplit(":", 1)[1])
