"""client.py with stamps: `python -m bench.dashboard_watch FILE [arguments of client.py]`.

The program is the real one; what is added are stamps of the monotonic clock, which all processes of a machine share:
when a message is about to be decoded, when the terminal has the picture that it is the newest of, when a key has been
done, and which state of the feed a picture shows. They are written to FILE at the end.
"""

import sys
import time
from pathlib import Path
from typing import IO, Any, cast

import msgspec
from textual.drivers import _writer_thread
from textual.drivers.linux_driver import LinuxDriver

import client
from dashboard import market, stream
from dashboard.app import Dashboard

_NO_PICTURE = ("\x1b[?2026h", "\x1b[?2026l")  # the frame around one


class Stamps(msgspec.Struct):
    """What one run saw, ns."""

    pictures: list[tuple[int, int, str]] = []  # on the terminal when; after its newest message; state of the feed
    keys: list[int] = []  # done when
    writes: list[int] = []  # anything on the terminal when


class Watch:
    """Where the stamps are taken. One thread draws, another writes; each list has one writer."""

    def __init__(self) -> None:
        self.stamps = Stamps()
        self._newest: int | None = None  # reception of the newest message that is in no picture yet
        self._picture: tuple[int | None, str] | None = None  # drawn, not handed to the writer yet
        self._handed: list[tuple[int | None, str]] = []

    def begin(self) -> None:
        """Puts the stamps into the program."""
        decode, draw, act = market.decode, Dashboard.draw, Dashboard.action_act
        write, opened = LinuxDriver.write, _writer_thread.WriterThread.__init__

        def decoded(*arguments: Any) -> Any:
            self._newest = time.monotonic_ns()
            return decode(*arguments)

        def drawn(app: Dashboard, everything: bool = False) -> None:
            self._picture, self._newest = (self._newest, app.desk.feed.present().state.name), None
            draw(app, everything)

        def acted(app: Dashboard, name: str) -> None:
            act(app, name)
            self.stamps.keys.append(time.monotonic_ns())

        def handed(driver: LinuxDriver, data: str) -> None:
            if self._picture is not None and data not in _NO_PICTURE:
                self._handed.append(self._picture)
                self._picture = None
            write(driver, data)

        def stamped(thread: _writer_thread.WriterThread, file: Any) -> None:
            opened(thread, cast(IO[str], _Stamped(file, self.written)))

        for place, name, ours in (
            (stream, "decode", decoded),
            (Dashboard, "draw", drawn),
            (Dashboard, "action_act", acted),
            (LinuxDriver, "write", handed),
            (_writer_thread.WriterThread, "__init__", stamped),
        ):
            setattr(place, name, ours)

    def written(self) -> None:
        """The terminal has everything so far."""
        now = time.monotonic_ns()
        self.stamps.writes.append(now)
        while self._handed:
            received, state = self._handed.pop(0)
            self.stamps.pictures.append((now, -1 if received is None else now - received, state))


class _Stamped:
    """A file that tells when it has been flushed."""

    def __init__(self, file: Any, told: Any) -> None:
        self._file, self._told = file, told
        self.write, self.fileno = file.write, file.fileno

    def flush(self) -> None:
        self._file.flush()
        self._told()


def main() -> None:
    """Runs the client."""
    watch = Watch()
    watch.begin()
    code = 1
    try:
        code = client.main(sys.argv[2:])
    finally:
        Path(sys.argv[1]).write_bytes(msgspec.json.encode(watch.stamps))
    sys.exit(code)


if __name__ == "__main__":
    main()
