"""client.py on a terminal of its own, for tests that sit in front of it: what it draws, keys, the window's size."""

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from tests.processes import DEADLINE_S, ROOT

KEPT = 200_000  # bytes of the newest output
TO_BE_LEFT_OUT = ("NO_COLOR", "COLUMNS", "LINES", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM")


class Terminal:
    """A running dashboard. A thread takes what it writes, as a terminal does; only the newest is kept."""

    def __init__(
        self, *arguments: str, width: int = 140, height: int = 45, env: Sequence[tuple[str, str]] = ()
    ) -> None:
        self._master, slave = pty.openpty()
        self._size(width, height)
        kept = {name: value for name, value in os.environ.items() if name not in TO_BE_LEFT_OUT}
        self.popen = subprocess.Popen(
            [sys.executable, str(ROOT / "client.py"), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", **dict(env)},
        )
        os.close(slave)
        self._changed = threading.Condition()
        self._seen = b""
        self._ended = False
        self.written = 0  # bytes, all of them
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65_536)
            except OSError:  # the other end was closed
                piece = b""
            with self._changed:
                self._seen = (self._seen + piece)[-KEPT:]
                self.written += len(piece)
                self._ended = not piece
                self._changed.notify_all()
            if not piece:
                return

    @property
    def seen(self) -> bytes:
        """The newest output since the last `press` or `forget`."""
        with self._changed:
            return self._seen

    def forget(self) -> None:
        """Only what comes from now on is looked at."""
        with self._changed:
            self._seen = b""

    def press(self, keys: bytes) -> None:
        """Keys, as a terminal sends them. What was written before is forgotten."""
        self.forget()
        os.write(self._master, keys)

    def until(self, wanted: Callable[[bytes], object], what: str) -> bytes:
        """Waits for output; answers with all that was written since the last key."""
        deadline = time.monotonic() + DEADLINE_S
        with self._changed:
            while not wanted(self._seen):
                left = deadline - time.monotonic()
                assert left > 0, f"{what} was not drawn; the end of what was: {self._seen[-600:]!r}"
                assert not self._ended, f"the client ended before {what}; it wrote {self._seen[-600:]!r}"
                self._changed.wait(left)
            return self._seen

    def until_text(self, text: str) -> bytes:
        """The same, for a text that stands in one piece."""
        return self.until(lambda seen: text.encode() in seen, repr(text))

    def resize(self, width: int, height: int) -> None:
        """Another size of the window."""
        self._size(width, height)
        self.popen.send_signal(signal.SIGWINCH)

    def _size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def end(self) -> int:
        """Waits for an end that was asked for; its exit code."""
        return self.popen.wait(DEADLINE_S)

    def close(self) -> None:
        """Makes sure that nothing is left."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        os.close(self._master)


@contextlib.contextmanager
def terminal(
    *arguments: str, width: int = 140, height: int = 45, env: Sequence[tuple[str, str]] = ()
) -> Iterator[Terminal]:
    """A dashboard on a terminal for as long as the block lasts."""
    made = Terminal(*arguments, width=width, height=height, env=env)
    try:
        yield made
    finally:
        made.close()
