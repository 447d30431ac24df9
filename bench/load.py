"""A thousand clients on one server: `python -m bench.load`."""

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import msgspec

from bench.chain import Load, end_on_sigterm, start_server, start_venue, steady
from bench.children import Child, ChildFailed, Children
from bench.cpu import cpu_seconds, status_number
from bench.crowd import METHODS, Seen
from bench.load_figures import Cost, Outcome, Row, load_table, outcome_of, row_of, sentences
from bench.report import environment, print_environment, write_json
from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs

_HELP = """what is measured:
  Each client is a stream on a connection of its own. The venue stamps an update immediately before it hands it to
  the socket; "way" is from that stamp to the receipt by the client, in ms: venue, server and every client run here,
  so all of their queueing is in it. "made" is from the making of the message in the server to the receipt; against
  other venues look at this one, since their clocks are not ours. Heartbeats and what a client is told when it comes
  are not counted there.

  With --stuck the same clients are measured by turns while the others read and while they read nothing, so that the
  ratio of both can be believed even where the figures depend on the machine. The stuck clients have a window of
  8 KiB, so that they hold the server up within seconds. At the end our venue stands still, the stuck clients read on,
  and every client must have the levels that a newcomer is told.

  Memory is the resident size of the server's process: of our own, or of --server-pid on this machine. The memory of
  stuck clients is what HTTP/2 lets a server hand over to them, and one message.

examples:
  python -m bench.load
  python -m bench.load --clients 1000 --stuck 100 --seconds 30
  python -m bench.load --clients 200 --churn 50 --track summary
  python -m bench.load --port 50052 --server-pid $(pgrep -f server.py) --pair BTC/USDT
"""

_CHANGED_LEVELS = 4  # in a frame of the steady flow: so few lie within the best ten, so each frame is a message
_OPEN_S = 120.0  # for all clients to be there
_DONE_S = 60.0  # for what a crowd says at the end
_LEFT_S = 20.0  # for the server to notice that all are gone
_SETTLE_S = 2.0
_ALL_READ = "all read"


class Gauge:
    """What the server's process takes, where it runs on this machine."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid if pid is not None and Path(f"/proc/{pid}/stat").exists() else None
        self._began, self._cpu = time.monotonic(), self._cpu_s()

    def restart(self) -> None:
        """Begins a part."""
        self._began, self._cpu = time.monotonic(), self._cpu_s()

    def cpu_percent(self) -> float | None:
        """Of one core, since restart()."""
        if self._pid is None:
            return None
        return 100 * (self._cpu_s() - self._cpu) / (time.monotonic() - self._began)

    def rss_kib(self) -> int | None:
        """Now."""
        return None if self._pid is None else status_number(self._pid, "VmRSS")

    def _cpu_s(self) -> float:
        return 0.0 if self._pid is None else cpu_seconds(self._pid)


class Crowds:
    """The client processes, commanded together."""

    def __init__(self, children: Children, address: str, told: argparse.Namespace) -> None:
        self._children = [
            children.start(f"crowd {index + 1}", "-m", "bench.crowd", address, *arguments, commanded=True)
            for index, arguments in enumerate(_crowd_arguments(told))
        ]
        self._all = children
        self._orders = 0  # given so far

    def wait_open(self) -> int:
        """How many clients have their first message."""
        counts = [int(child.wait_line(r"open (\d+)", _OPEN_S)[1]) for child in self._children]
        return sum(counts)

    def order(self, command: str) -> None:
        """Returns when all have done it."""
        self._orders += 1
        for child in self._children:
            child.tell(command)
        for child in self._children:
            child.wait_line(f"did {self._orders}$")

    def finish(self) -> list[Seen]:
        """What they have seen. Ends them."""
        for child in self._children:
            child.tell("finish")
        seen = [_decode(child) for child in self._children]
        for child in self._children:
            self._all.end(child)
        return seen


def _decode(child: Child) -> Seen:
    line = child.wait_line(r"seen (.*)", _DONE_S)[1]
    try:
        return msgspec.json.decode(line, type=Seen)
    except msgspec.DecodeError as error:
        code = child.popen.poll()
        raise ChildFailed(f"{child.name} ended with {code} amid its words, {line[-60:]!r}: {error}") from error


def _crowd_arguments(told: argparse.Namespace) -> Iterator[list[str]]:
    """Of each process: its share of the clients."""
    for index in range(told.processes):
        clients, stuck = (
            count * (index + 1) // told.processes - count * index // told.processes
            for count in (told.clients, told.stuck)
        )
        yield [
            f"--clients={clients}", f"--stuck={stuck}",
            f"--churn={told.churn / told.processes}", f"--share={told.share}", f"--track={told.track}",
            f"--pair={told.pair}", f"--levels={told.levels}", f"--min-interval-ms={told.min_interval_ms}",
            f"--seed={told.seed + index}",
        ]  # fmt: skip


@dataclass(slots=True)
class Target:
    """The server that is put under load."""

    address: str
    pid: int | None
    venue: Child | None = None  # ours, which can be made to stand still

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """No updates come for as long as the block lasts, where the venue is ours."""
        if self.venue is None:
            yield
            return
        self.venue.popen.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.venue.popen.send_signal(signal.SIGCONT)


def _target(children: Children, told: argparse.Namespace) -> Target:
    if told.port is not None:
        host = f"[{told.host}]" if ":" in told.host else told.host
        return Target(f"{host}:{told.port}", told.server_pid)
    load = Load(told.rate, _CHANGED_LEVELS, told.seed)
    venue, endpoints = start_venue(children, *steady(load))
    limits = [f"--{name}={told.clients + 100}" for name in ("max-streams", "max-streams-per-client")]
    server, port = start_server(children, endpoints, *limits, *told.server_option)
    return Target(f"127.0.0.1:{port}", server.pid, venue)


def _status(address: str) -> Iterator[pb.Status]:
    with grpc.insecure_channel(address) as channel:
        yield from stubs.MarketDataStub(channel).StreamStatus(pb.StatusRequest(), timeout=_LEFT_S)  # type: ignore[no-untyped-call]


def _wait_live(address: str) -> None:
    """Returns when a book is live."""
    try:
        for status in _status(address):
            if any(venue.state == pb.LIVE for pair in status.pairs for venue in pair.venues):
                return
    except grpc.RpcError as error:
        raise ChildFailed(f"{address} does not serve a live book: {error.code().name}: {error.details()}") from error
    raise ChildFailed(f"{address} ended before a book was live")


def _wait_gone(address: str, before: int) -> None:
    """Returns when the server has noticed that the clients are gone, or after a while."""
    try:
        for status in _status(address):
            if status.streams <= before:
                return
    except grpc.RpcError as error:
        print(f"bench.load: streams are left on the server: {error.code().name}", file=sys.stderr)


def run(told: argparse.Namespace) -> tuple[list[Row], Outcome]:
    """The whole measurement."""
    with Children() as children:
        target = _target(children, told)
        _wait_live(target.address)
        streams = next(iter(_status(target.address))).streams
        children.watch(_SETTLE_S)
        gauge = Gauge(target.pid)
        before = gauge.rss_kib()
        crowds = Crowds(children, target.address, told)
        opened = crowds.wait_open()
        if opened < told.clients:
            print(f"bench.load: {opened} of {told.clients} clients were let in", file=sys.stderr)
        children.watch(_SETTLE_S)
        costs = _parts(children, crowds, gauge, told)
        with target.standing_still():
            seen = crowds.finish()
        _wait_gone(target.address, streams)
        rows = []
        for name, cost in costs.items():
            parts = [part for each in seen for part in each.parts if part.name == name]
            rows.append(row_of(parts, told.clients - told.stuck, cost))
        return rows, outcome_of(seen, before, gauge.rss_kib())


def _parts(children: Children, crowds: Crowds, gauge: Gauge, told: argparse.Namespace) -> dict[str, list[Cost]]:
    """Measures all parts, by turns where there are two; what the server took in each turn, by part."""
    costs: dict[str, list[Cost]] = {}
    for turn in range(told.turns if told.stuck else 1):
        for name in (_ALL_READ, f"{told.stuck} stuck")[: 2 if told.stuck else 1]:
            if name != _ALL_READ:
                crowds.order("stick")
                children.watch(told.fill)
            elif turn:
                crowds.order("read")
                children.watch(_SETTLE_S)
            crowds.order(f"measure {name}")
            gauge.restart()
            children.watch(told.seconds / (told.turns if told.stuck else 1))
            costs.setdefault(name, []).append(Cost(gauge.cpu_percent(), gauge.rss_kib()))
            crowds.order("rest")
    return costs


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bench.load",
        description="Many clients on one server: rates, times, memory, and what stuck clients cost the others.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("--clients", type=int, default=1000, metavar="N", help="(default: 1000)")
    p.add_argument("--seconds", type=float, default=30.0, metavar="S", help="of each part (default: 30)")
    p.add_argument("--stuck", type=int, default=0, metavar="K", help="of the clients stop reading in a second part")
    p.add_argument("--turns", type=int, default=3, metavar="N", help="of both parts, with --stuck (default: 3)")
    p.add_argument("--fill", type=float, default=4.0, metavar="S", help="until they count as stuck (default: 4)")
    p.add_argument("--churn", type=float, default=0.0, metavar="R", help="clients a second leave and come back")
    p.add_argument("--share", type=int, default=1, metavar="N", help="streams on one connection (default: 1)")
    p.add_argument("--track", choices=METHODS, default="book", help="StreamBook or BookSummary (default: book)")
    p.add_argument("--levels", type=int, default=10, metavar="N", help="a side, of StreamBook (default: 10)")
    p.add_argument("--min-interval-ms", type=int, default=0, metavar="MS", help="that clients ask for (default: 0)")
    p.add_argument("--pair", default="BTC/USDT", metavar="PAIR", help="(default: BTC/USDT)")
    p.add_argument("--processes", type=int, default=1, metavar="P", help="for the clients (default: 1)")
    ours = p.add_argument_group("the server of our own, fed by our own venue")
    ours.add_argument("--rate", type=float, default=10.0, metavar="R", help="updates a second (default: 10)")
    ours.add_argument("--seed", type=int, default=1, metavar="N", help="of the venue's market (default: 1)")
    ours.add_argument(
        "--server-option", action="append", default=[], metavar="--OPTION=VALUE", help="for server.py; repeatable"
    )
    other = p.add_argument_group("a server that runs already")
    other.add_argument("--host", default="127.0.0.1", metavar="H", help="(default: 127.0.0.1)")
    other.add_argument("--port", type=int, metavar="P", help="its port; without it we start our own")
    other.add_argument("--server-pid", type=int, metavar="PID", help="its process, to see its CPU and memory")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return p


def _told(argv: Sequence[str] | None) -> argparse.Namespace:
    p = parser()
    told = p.parse_args(argv)
    if min(told.clients, told.processes, told.share, told.turns) < 1 or told.seconds <= 0 or told.churn < 0:
        p.error("--clients, --processes, --share, --turns and --seconds must be above 0, --churn at least 0")
    if not 0 <= told.stuck < told.clients:
        p.error("--stuck: at least one client must go on reading")
    told.processes = min(told.processes, told.clients)
    return told


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 whatever the figures say, 1 when a process failed, 130 after Ctrl-C."""
    told = _told(argv)
    end_on_sigterm()
    facts = {**environment(), "seed": str(told.seed)}
    print_environment(facts)
    try:
        rows, outcome = run(told)
    except ChildFailed as error:
        print(f"bench.load: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(load_table(rows), *sentences(rows, outcome), sep="\n")
    if told.json:
        write_json(told.json, facts, [*rows, outcome])
    return 0


if __name__ == "__main__":
    sys.exit(main())
