"""Our own venue, the server and the dashboard, as three processes: `make run`. No network, no keys.

Without a terminal the client prints the merged ladder a few times and everything ends.
"""

import argparse
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent

_READY_S = 60.0
_END_S = 10.0


class Failed(Exception):
    """A process did not come up; the message holds the end of what it said."""


class Demo:
    """The two processes in the background, each with its log in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[str]] = []

    def venue(self, arguments: Sequence[str]) -> list[str]:
        """Starts the venue on free ports; returns the server's arguments that lead to it."""
        command = ["-m", "venue", "--print-endpoints", "--free-ports", *arguments]
        process = self._start("venue", command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        faces = json.loads(self._line(process, process.stdout, "venue"))
        return [f"--endpoint={name}.{kind}={url}" for name, address in faces.items() for kind, url in address.items()]

    def server(self, arguments: Sequence[str]) -> int:
        """Starts the server on a free port and returns it."""
        log = self.folder / "server.log"
        process = self._start("server", ["server.py", "--port", "0", *arguments])
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("listening on "):
                    return int(line.rsplit(":", 1)[1])
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                break
        raise Failed(self._failure("server"))

    def stop(self) -> None:
        """Ends what is running, the latest first, and waits for it."""
        for process in reversed(self._running):
            process.terminate()
        for process in reversed(self._running):
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self._running.clear()

    def _start(self, name: str, command: Sequence[str], stdout: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        with (self.folder / f"{name}.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=HERE,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for the dashboard alone; we end the others in order
            )
        self._running.append(process)
        return process

    def _line(self, process: subprocess.Popen[str], pipe: IO[str], name: str) -> str:
        """The first line that the process prints, which it does when it is ready."""
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            line = pipe.readline() if selector.select(_READY_S) else ""
        if not line:
            raise Failed(self._failure(name))
        return line

    def _failure(self, name: str) -> str:
        said = (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip()
        return f"the {name} did not come up:\n{said[-2000:] or '(it said nothing)'}"


def main(argv: Sequence[str] | None = None) -> int:
    """The client's exit code."""
    parser = argparse.ArgumentParser(prog="demo.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("--pair", default="BTC/USDT", help="(default: BTC/USDT)")
    parser.add_argument(
        "--faces", default="binance,bitstamp", help="venues to play, or all (default: binance,bitstamp)"
    )
    parser.add_argument("--seed", default="1", help="of the synthetic market (default: 1)")
    parser.add_argument("--count", default="10", help="how many ladders to print without a terminal (default: 10)")
    told = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="onebook-") as folder:
        demo = Demo(Path(folder))
        for number in (signal.SIGTERM, signal.SIGHUP):  # a terminal that is closed ends all three too
            signal.signal(number, _interrupt)
        try:
            print("starting the venue and the server ...", file=sys.stderr, flush=True)
            endpoints = demo.venue(["--seed", told.seed, "--faces", told.faces])
            port = demo.server(["--pair", told.pair, "--exchanges", ",".join(_venues(endpoints)), *endpoints])
            client = [sys.executable, "client.py", "--port", str(port), "--symbol", told.pair]
            if not (sys.stdin.isatty() and sys.stdout.isatty()):
                client += ["--format", "table", "--count", told.count]
            return _client(client)
        except Failed as error:
            print(f"demo.py: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 0
        finally:
            demo.stop()


def _venues(endpoints: Sequence[str]) -> list[str]:
    """The venues that the addresses are of: no real one shall come among them."""
    return list(dict.fromkeys(each.removeprefix("--endpoint=").partition(".")[0] for each in endpoints))


def _client(command: Sequence[str]) -> int:
    """Runs the client in the foreground; Ctrl-C is its to handle."""
    process = subprocess.Popen(command, cwd=HERE, env=os.environ)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
