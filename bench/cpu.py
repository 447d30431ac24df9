"""What a running server takes: `python -m bench.cpu`."""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.chain import Endpoints, end_on_sigterm, samples_of, start_client, start_server, start_venue
from bench.children import Child, ChildFailed, Children
from bench.market import instrument
from bench.reading import tap
from bench.report import environment, print_environment, table, write_json
from exchanges import VENUES

_HELP = """what is measured:
  User and system time of server.py from /proc/PID/stat, in percent of one core, with BTC/USDT from the venue's
  synthetic market on the faces of Binance and Bitstamp: first without a client, then with one client of StreamBook
  that takes at most 10 messages a second. The frames that come in are counted beside it on a second connection with
  the same subscriptions. Resident memory and threads are those at the end of each part.

targets: 1.5 % without a client, 3 % with one. Nothing here fails a run.

examples:
  python -m bench.cpu
  python -m bench.cpu --seconds 20 --seed 3
"""

_IDLE_TARGET, _CLIENT_TARGET = 1.5, 3.0
_INTERVAL_MS = 100
_FIRST_FRAME_S = 30.0
_SETTLE_S = 3.0
_JOIN_S = 5.0
_SYMBOLS = {"binance": "BTCUSDT", "bitstamp": "btcusdt"}


@dataclass(frozen=True, slots=True)
class Cost:
    """One part of the measurement."""

    part: str
    seconds: float
    cpu_percent: float
    target_percent: float
    frames_in: float  # a second, both venues
    messages_out: float  # a second
    rss_mib: float
    threads: int


class Counter:
    """Counts the frames of one venue as the server's connection gets them."""

    def __init__(self) -> None:
        self.frames = 0  # written by the connection's thread alone

    def add(self, _: bytes) -> None:
        """One frame came."""
        self.frames += 1


@contextmanager
def counting(endpoints: Endpoints) -> Iterator[list[Counter]]:
    """Connections beside the server's for as long as the block lasts."""
    counters = []
    with ExitStack() as stack:
        for venue, face in endpoints.items():
            counter = Counter()
            listed = replace(instrument(venue), symbol=_SYMBOLS[venue])
            connection = stack.enter_context(tap(VENUES[venue], face["ws"], [listed], counter.add))
            connection.start()
            stack.callback(connection.join, _JOIN_S)
            stack.callback(connection.stop)
            counters.append(counter)
        yield counters


def cpu_seconds(pid: int) -> float:
    """User and system time so far. The name, which may hold spaces, ends at the last parenthesis."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def status_number(pid: int, name: str) -> int:
    """A number out of /proc/PID/status: VmRSS in KiB, Threads."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


class Meter:
    """From its making to `cost`: what the server took and what came in."""

    def __init__(self, server: Child, counters: Sequence[Counter]) -> None:
        self._pid = server.pid
        self._counters = counters
        self._began, self._cpu, self._frames = time.monotonic(), cpu_seconds(server.pid), self._counted()

    def cost(self, part: str, target: float, messages: int) -> Cost:
        """What it was."""
        seconds = time.monotonic() - self._began
        return Cost(
            part,
            seconds,
            100 * (cpu_seconds(self._pid) - self._cpu) / seconds,
            target,
            (self._counted() - self._frames) / seconds,
            messages / seconds,
            status_number(self._pid, "VmRSS") / 1024,
            status_number(self._pid, "Threads"),
        )

    def _counted(self) -> int:
        return sum(counter.frames for counter in self._counters)


def run(seconds: float, seed: int) -> list[Cost]:
    """Both parts, one after the other, on one server."""
    with Children() as children:
        _, endpoints = start_venue(children, "--seed", str(seed))
        server, port = start_server(children, endpoints)
        with counting(endpoints) as counters:
            deadline = time.monotonic() + _FIRST_FRAME_S
            while not all(counter.frames for counter in counters):
                children.watch(0.05)
                if time.monotonic() > deadline:
                    raise ChildFailed(f"no frames within {_FIRST_FRAME_S:.0f} s")
            children.watch(_SETTLE_S)  # the snapshots and what follows upon them
            meter = Meter(server, counters)
            children.watch(seconds)
            idle = meter.cost("no client", _IDLE_TARGET, 0)
            client = start_client(children, port, "book", seconds, f"--min-interval-ms={_INTERVAL_MS}")
            meter = Meter(server, counters)
            samples = samples_of(client, seconds)
            return [idle, meter.cost("one client, at most 10 messages/s", _CLIENT_TARGET, samples.messages)]


def cost_table(rows: Sequence[Cost]) -> str:
    """One line a part."""
    heading = (
        "part", "seconds", "CPU %", "target %", "frames in/s", "messages out/s", "RSS MiB", "threads", "",
    )  # fmt: skip
    return table([heading, *map(_cells, rows)])


def _cells(row: Cost) -> tuple[str, ...]:
    return (
        row.part,
        f"{row.seconds:.0f}",
        f"{row.cpu_percent:.2f}",
        f"{row.target_percent:g}",
        f"{row.frames_in:.1f}",
        f"{row.messages_out:.1f}",
        f"{row.rss_mib:.1f}",
        str(row.threads),
        "on target" if row.cpu_percent <= row.target_percent else "above",
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bench.cpu",
        description="The CPU time, memory and threads of server.py with one pair on two venues.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of each part (default: 60)")
    p.add_argument("--seed", type=int, default=1, metavar="N", help="of the venue's market (default: 1)")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 whatever the figures say, 1 when a process failed, 130 after Ctrl-C."""
    told = parser().parse_args(argv)
    end_on_sigterm()
    facts = {**environment(), "seed": str(told.seed)}
    print_environment(facts)
    try:
        rows = run(told.seconds, told.seed)
    except ChildFailed as error:
        print(f"bench.cpu: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(cost_table(rows))
    if told.json:
        write_json(told.json, facts, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
