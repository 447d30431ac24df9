"""What a dashboard takes and how quick it is, in a terminal of tmux: `python -m bench.dashboard`."""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import NamedTuple

import msgspec

from bench.chain import end_on_sigterm
from bench.children import ROOT, Child, ChildFailed, Children
from bench.dashboard_watch import Stamps
from bench.report import environment, print_environment, table, write_json

_HELP = """what is measured:
  The real client.py in a terminal of tmux, 140x45, against a synthetic server in another process: 2 x 50 levels of
  two venues of which 16 % change with an update, trades and states beside them (bench/dashboard_feed.py).
  cpu         user and system time of client.py over the time that went by, in percent of one core
  latency     from a message's reception, before it is decoded, to the moment when the terminal has its picture
  keys        from the key that tmux is told to send to the end of what it does, under 100 updates a second
  hung        from SIGSTOP of the server to STALE on the terminal
  killed      from SIGKILL of the server to DISCONNECTED on the terminal
  recovery    from the moment when a server listens again on the port to LIVE on the terminal, without a key
  first       from the start of client.py, without a server, to its first picture

Each figure is the middle of its rounds. Nothing here fails a run; on a busy machine the figures are too high.

examples:
  python -m bench.dashboard
  python -m bench.dashboard --seconds 5 --rounds 1 --only rates
"""

_WIDTH, _HEIGHT = 140, 45
_SETTLE_S = 3.0
_READY_S = 30.0
_POLL_S = 0.01
_KEYS = 100
_KEY_PAUSE_S = (0.03, 0.13)
_OUTAGE_S = 3.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Rate(NamedTuple):
    """Updates a second, the cap of pictures, and the targets: percent of a core, ms."""

    updates: int
    fps: int
    cpu: float
    p50: float | None = None
    p95: float | None = None


RATES = (Rate(10, 20, 10.0, 15.0, 40.0), Rate(60, 60, 30.0), Rate(100, 20, 20.0))


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report."""

    what: str
    name: str
    value: float
    unit: str
    target: float | None
    rounds: list[float]

    @property
    def verdict(self) -> str:
        """One word."""
        return "" if self.target is None else "ok" if self.value <= self.target else "MISSED"


class Tmux:
    """One terminal of tmux with a program in it, on a server of its own."""

    def __init__(self, *arguments: str, width: int = _WIDTH, height: int = _HEIGHT) -> None:
        self._name = f"onebook-bench-{os.getpid()}"
        size = ("-x", str(width), "-y", str(height))
        place = ("-c", str(ROOT), "-e", "COLORTERM=truecolor")
        self._do("new-session", "-d", "-s", "bench", *size, *place, sys.executable, *arguments)
        self.pid = int(self._do("display-message", "-p", "-t", "bench", "#{pane_pid}"))
        # Keys go through a client that stays, so that none waits for a process of its own.
        self._keys = subprocess.Popen(
            ["tmux", "-L", self._name, "-C", "attach", "-f", "ignore-size,no-output", "-t", "bench"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "Tmux":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["tmux", "-L", self._name, "kill-server"], capture_output=True, check=False)
        assert self._keys.stdin is not None
        self._keys.stdin.close()
        self._keys.wait()

    def _do(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        if done.returncode:
            raise ChildFailed(f"tmux {arguments[0]}: {done.stderr.strip() or 'no reason told'}")
        return done.stdout

    def press(self, key: str) -> int:
        """Sends a key; when that was asked for, monotonic ns."""
        assert self._keys.stdin is not None
        began = time.monotonic_ns()
        self._keys.stdin.write(f"send-keys -t bench -l '{key}'\n")
        self._keys.stdin.flush()
        return began

    def screen(self) -> str:
        """What a person would see now."""
        return self._do("capture-pane", "-p", "-t", "bench")

    def until(self, text: str) -> None:
        """Waits until the terminal shows it."""
        _until(lambda: text in self.screen(), lambda: f"{text!r} did not come; the terminal shows\n{self.screen()}")

    def cpu_s(self) -> float:
        """User and system time of the program so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def _until(done: Callable[[], object], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + _READY_S
    while not done():
        if time.monotonic() > deadline:
            raise ChildFailed(what())
        time.sleep(_POLL_S)


class Desk:
    """A client on a terminal, with its stamps at the end."""

    def __init__(self, port: int, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._stamps = Path(self._folder.name) / "stamps.json"
        config = Path(self._folder.name) / "config.toml"
        config.touch()
        told = ("--server", f"127.0.0.1:{port}", "--config", str(config), *arguments)
        self.terminal = Tmux("-m", "bench.dashboard_watch", str(self._stamps), *told)

    def __enter__(self) -> "Desk":
        self.terminal.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.terminal.__exit__(kind, error, trace)
        self._folder.cleanup()

    def leave(self) -> Stamps:
        """Presses the key that ends it; what was stamped."""
        self.terminal.press("q")
        _until(self._stamps.exists, lambda: f"the client does not end; its terminal shows\n{self.terminal.screen()}")
        _until(lambda: self._stamps.read_bytes().endswith(b"}"), lambda: "the stamps are not written")
        return msgspec.json.decode(self._stamps.read_bytes(), type=Stamps)


def _serving(children: Children, rate: int, port: int = 0) -> tuple[Child, int]:
    child = children.start("feed", "-m", "bench.dashboard_feed", "--rate", str(rate), "--port", str(port))
    return child, int(child.wait_line(r"serving on (\d+)")[1])


def rates(children: Children, rate: Rate, seconds: float) -> dict[str, float]:
    """One round at one rate: cpu, frames, latencies."""
    feed, port = _serving(children, rate.updates)
    with Desk(port, "--fps", str(rate.fps)) as desk:
        desk.terminal.until("LIVE")
        children.watch(_SETTLE_S)
        began, cpu_s = time.monotonic_ns(), desk.terminal.cpu_s()
        children.watch(seconds)
        took_s, cpu_s = (time.monotonic_ns() - began) / 1e9, desk.terminal.cpu_s() - cpu_s
        ended = time.monotonic_ns()
        stamps = desk.leave()
    children.end(feed)
    pictures = [(at, took) for at, took, _ in stamps.pictures if began <= at <= ended]
    latencies = sorted(took / 1e6 for _, took in pictures if took >= 0)
    return {
        "cpu": 100 * cpu_s / took_s,
        "frames": len(pictures) / took_s,
        "p50": _rank(latencies, 50),
        "p95": _rank(latencies, 95),
    }


def keys(children: Children) -> dict[str, float]:
    """One round of keys under 100 updates a second."""
    feed, port = _serving(children, 100)
    dice = Random(1)
    with Desk(port) as desk:
        desk.terminal.until("LIVE")
        children.watch(_SETTLE_S)
        pressed = []
        for number in range(_KEYS):
            pressed.append(desk.terminal.press("jk"[number % 2]))
            children.watch(dice.uniform(*_KEY_PAUSE_S))
        children.watch(1.0)
        stamps = desk.leave()
    children.end(feed)
    done = stamps.keys[:_KEYS]
    if len(done) < _KEYS:
        raise ChildFailed(f"of {_KEYS} keys {len(done)} came")
    handled = sorted((after - before) / 1e6 for before, after in zip(pressed, done, strict=True))
    shown = sorted(
        (next(at for at in stamps.writes if at > after) - before) / 1e6
        for before, after in zip(pressed, done, strict=True)
    )
    return {"p50": _rank(handled, 50), "p99": _rank(handled, 99), "shown p99": _rank(shown, 99)}


def outage(children: Children) -> dict[str, float]:
    """The server hangs, goes on, is killed, and comes back."""
    feed, port = _serving(children, 10)
    with Desk(port) as desk:
        desk.terminal.until("LIVE")
        children.watch(_SETTLE_S)
        hung = time.monotonic_ns()
        feed.popen.send_signal(signal.SIGSTOP)
        desk.terminal.until("STALE")
        feed.popen.send_signal(signal.SIGCONT)
        desk.terminal.until("LIVE")
        children.watch(1.0)
        killed = time.monotonic_ns()
        feed.popen.kill()
        children.end(feed)
        desk.terminal.until("FROZEN")
        if "NOT live" not in desk.terminal.screen() or "PRICE" not in desk.terminal.screen():
            raise ChildFailed(f"the book is not kept:\n{desk.terminal.screen()}")
        children.watch(_OUTAGE_S)
        feed, _ = _serving(children, 10, port)
        back = time.monotonic_ns()
        desk.terminal.until("LIVE")
        children.watch(1.0)
        stamps = desk.leave()
    children.end(feed)

    def first(state: str, since: int) -> float:
        return (next(at for at, _, told in stamps.pictures if told == state and at > since) - since) / 1e9

    return {"hung": first("STALE", hung), "killed": first("DISCONNECTED", killed), "recovery": first("LIVE", back)}


def first_picture() -> dict[str, float]:
    """The start without a server."""
    began = time.monotonic_ns()
    with Desk(1) as desk:
        desk.terminal.until("127.0.0.1:1")
        stamps = desk.leave()
    return {"first": (stamps.pictures[0][0] - began) / 1e9}


def _rank(values: Sequence[float], per_cent: int) -> float:
    """By nearest rank; values are sorted."""
    return values[max(0, -(-per_cent * len(values) // 100) - 1)] if values else float("nan")


def _figures(
    what: str, rounds: Sequence[dict[str, float]], told: Sequence[tuple[str, str, float | None]]
) -> list[Figure]:
    out = []
    for name, unit, target in told:
        values = [each[name] for each in rounds]
        out.append(Figure(what, name, statistics.median(values), unit, target, values))
    return out


_STARTS = 7


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    seconds: float = 10.0
    rounds: int = 3


def measure(plan: Plan, only: Sequence[str] = ()) -> list[Figure]:
    """All of it, or what is named."""
    out: list[Figure] = []
    with Children() as children:
        if not only or "rates" in only:
            for rate in RATES:
                what = f"{rate.updates}/s, cap {rate.fps}"
                found = [rates(children, rate, plan.seconds) for _ in range(plan.rounds)]
                told = (
                    ("cpu", "%", rate.cpu),
                    ("frames", "/s", None),
                    ("p50", "ms", rate.p50),
                    ("p95", "ms", rate.p95),
                )
                out += _figures(what, found, told)
        if not only or "keys" in only:
            found = [keys(children) for _ in range(plan.rounds)]
            out += _figures(
                "keys at 100/s", found, (("p50", "ms", None), ("p99", "ms", 50.0), ("shown p99", "ms", None))
            )
        if not only or "outage" in only:
            found = [outage(children) for _ in range(plan.rounds)]
            out += _figures("server", found, (("hung", "s", 2.0), ("killed", "s", 1.0), ("recovery", "s", 3.0)))
        if not only or "start" in only:
            out += _figures("start", [first_picture() for _ in range(_STARTS)], (("first", "s", 0.5),))
    return out


def report(figures: Sequence[Figure]) -> str:
    """The table."""
    rows = [("what", "figure", "measured", "target", "", "rounds")]
    for each in figures:
        target = "" if each.target is None else f"<= {each.target:g} {each.unit}"
        rounds = " ".join(f"{value:.2f}" for value in each.rounds)
        rows.append((each.what, each.name, f"{each.value:.2f} {each.unit}", target, each.verdict, rounds))
    return table(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when everything could be measured."""
    p = argparse.ArgumentParser(
        prog="python -m bench.dashboard",
        description=__doc__,
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--seconds", type=float, default=Plan.seconds, help="of a round at one rate (default %(default)s)")
    p.add_argument("--rounds", type=int, default=Plan.rounds, help="of each measurement (default %(default)s)")
    p.add_argument("--only", action="append", choices=("rates", "keys", "outage", "start"), default=[])
    p.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    told = p.parse_args(arguments)
    if shutil.which("tmux") is None:
        print("tmux is not installed, and the dashboard is measured in it: apt-get install tmux", file=sys.stderr)
        return 2
    end_on_sigterm()
    facts = environment()
    print_environment(facts)
    try:
        figures = measure(Plan(told.seconds, told.rounds), told.only)
    except ChildFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(report(figures))
    print(f"\nload at the end: {os.getloadavg()[0]:.2f}")
    if told.json is not None:
        write_json(told.json, facts, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
