"""Two hundred pairs on the face of Binance: `python -m bench.pairs`.

Tells how long it takes until every book is live, what that costs of the venue's limits, and what the server takes of
this machine then.
"""

import argparse
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from bench.chain import end_on_sigterm, start_server, start_venue
from bench.children import ChildFailed, Children
from bench.cpu import cpu_seconds, status_number
from bench.report import environment, print_environment, table, write_json
from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs

_HELP = """what is measured:
  Our venue keeps Binance's limits: 6000 of REST weight in a minute, 300 connects in five, 1024 streams on a
  connection. A pair takes three: its diffs, the best quotes that they are compared with, and its trades. A shallow
  snapshot makes a book live; its depth is completed later, as the budget allows. The time counts from the start of
  the server's process.

  The command fails (exit code 1) when a book is not live after --within seconds, or when the venue refused anything.

examples:
  python -m bench.pairs
  python -m bench.pairs --pairs 50 --seconds 10
  python -m bench.pairs --twice
"""

_BASES = (
    "BTC", "ETH", "BNB", "SOL", "XRP", "LTC", "ADA", "DOGE", "DOT", "LINK", "AVAX", "UNI", "ATOM", "TRX", "BCH",
    "XLM", "NEAR", "APT", "ARB", "OP", "FIL", "AAVE", "SUI", "TON", "ETC", "ALGO", "INJ", "MKR",
)  # fmt: skip
_QUOTES = ("USDT", "USDC", "BTC", "EUR", "ETH", "USD", "GBP", "BNB")
_NEVER = {("BTC", "ETH"), ("BTC", "BNB"), ("ETH", "BNB")}  # these are quoted the other way round
PAIRS = [
    f"{base}/{quote}" for quote, base in product(_QUOTES, _BASES) if base != quote and (base, quote) not in _NEVER
]
_STREAMS_OF_A_PAIR = 3
_WEIGHT, _WINDOW_S = 6000, 60
_TELL_S = 5.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One run."""

    pairs: int
    load_before: float  # of the machine, one minute's mean
    load_after: float
    live_s: float  # from the start of the server until every book was live
    weight_until_live: int
    most_weight: int  # in any minute
    refused: int  # connects and requests
    connects: int
    connections: int
    live_rss_mib: float
    cpu_percent: float
    updates_per_s: float
    resyncs: int
    seconds: float
    rss_mib: float

    def rows(self) -> list[tuple[str, str]]:
        """What and how much, for a person."""
        return [
            ("books live", f"{self.pairs} of {self.pairs} after {self.live_s:.1f} s"),
            ("weight until then", f"{self.weight_until_live}"),
            ("most weight in a minute", f"{self.most_weight} of {_WEIGHT}"),
            ("refused by the venue", f"{self.refused}"),
            ("connections", f"{self.connections} ({self.connects} connects)"),
            ("streams on a connection", f"{self.pairs * _STREAMS_OF_A_PAIR / max(1, self.connections):.0f}"),
            ("memory when all were live", f"{self.live_rss_mib:.0f} MiB"),
            (f"memory {self.seconds:.0f} s later", f"{self.rss_mib:.0f} MiB"),
            (f"CPU in these {self.seconds:.0f} s", f"{self.cpu_percent:.0f} % of one core"),
            ("updates", f"{self.updates_per_s:.0f} a second"),
            ("resyncs", f"{self.resyncs}"),
            ("load of the machine", f"{self.load_before:.1f} before, {self.load_after:.1f} after"),
        ]


class Told(NamedTuple):
    """What a status tells of all books together."""

    live: int
    books: int
    updates: int
    resyncs: int
    connects: int
    connections: int
    waiting: int


def read_status(status: pb.Status) -> Told:
    """The sums."""
    books = [venue for pair in status.pairs for venue in pair.venues]
    return Told(
        sum(book.state == pb.LIVE for book in books),
        len(books),
        sum(book.updates for book in books),
        sum(book.resyncs for book in books),
        max((book.connects for book in books), default=0),
        max((book.connections for book in books), default=0),
        sum(budget.waiting for budget in status.budgets),
    )


def most_in_a_window(seconds: Sequence[tuple[int, int]], window_s: int) -> int:
    """The most of what was counted by seconds that any window held."""
    return max((sum(n for at, n in seconds if start <= at < start + window_s) for start, _ in seconds), default=0)


def until_live(statuses: Iterator[pb.Status], within_s: float) -> Told:
    """The first status in which every book is live; tells of it now and then. Raises ChildFailed."""
    began = told_at = time.monotonic()
    for status in statuses:
        told = read_status(status)
        now = time.monotonic()
        if told.live == told.books:
            return told
        if now - began > within_s:
            raise ChildFailed(f"only {told.live} of {told.books} books are live after {within_s:.0f} s")
        if now - told_at > _TELL_S:
            told_at = now
            print(f"  {told.live}/{told.books} live, {told.waiting} requests waiting", file=sys.stderr, flush=True)
    raise ChildFailed("the stream of states ended")


def run(told: argparse.Namespace) -> Figures:
    """The whole measurement."""
    wanted = PAIRS[: told.pairs]
    pairs = [argument for pair in wanted for argument in ("--pair", pair)]
    load_before = os.getloadavg()[0]
    with ExitStack() as stack:
        children = stack.enter_context(Children())
        flow = ("--activity", str(told.activity), "--deep-levels", str(told.deep_levels), "--seed", told.seed)
        _, endpoints = start_venue(children, "--faces", "binance", *flow, *pairs)
        began = time.monotonic()
        server, port = start_server(children, endpoints, "--log-level", "warning", *pairs)
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}"))
        stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        statuses = stub.StreamStatus(pb.StatusRequest(), timeout=told.within + told.seconds + 60)
        stack.enter_context(closing(_Call(statuses)))
        first = until_live(statuses, told.within)
        live_s = time.monotonic() - began
        weight_until_live = _usage(endpoints["binance"]["rest"])["sum"]["weight"]
        live_rss, cpu, measured = status_number(server.pid, "VmRSS"), cpu_seconds(server.pid), time.monotonic()
        last = first
        for status in statuses:
            last = read_status(status)
            if time.monotonic() - measured >= told.seconds:
                break
        lasted = time.monotonic() - measured
        cpu_percent = 100 * (cpu_seconds(server.pid) - cpu) / lasted
        rss = status_number(server.pid, "VmRSS")
        usage = _usage(endpoints["binance"]["rest"])
    at = usage["columns"].index("weight")
    return Figures(
        pairs=last.books,
        load_before=load_before,
        load_after=os.getloadavg()[0],
        live_s=live_s,
        weight_until_live=weight_until_live,
        most_weight=most_in_a_window([(row[0], row[at]) for row in usage["rows"]], _WINDOW_S),
        refused=usage["sum"]["connects_refused"] + usage["sum"]["requests_refused"],
        connects=usage["sum"]["connects"],
        connections=last.connections,
        live_rss_mib=live_rss / 1024,
        cpu_percent=cpu_percent,
        updates_per_s=(last.updates - first.updates) / lasted,
        resyncs=last.resyncs,
        seconds=lasted,
        rss_mib=rss / 1024,
    )


class _Call:
    """A running stream, to be cancelled when it is left."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def close(self) -> None:
        self._call.cancel()


def _usage(rest: str) -> Any:
    with urllib.request.urlopen(f"{rest}/admin/usage?seconds=3600", timeout=30) as reply:
        return json.load(reply)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bench.pairs",
        description=__doc__,
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--pairs", type=int, default=200, help=f"1 to {len(PAIRS)} (default: 200)")
    p.add_argument("--within", type=float, default=90.0, metavar="S", help="every book must be live (default: 90)")
    p.add_argument("--seconds", type=float, default=60.0, metavar="S", help="measured after that (default: 60)")
    p.add_argument("--activity", type=float, default=0.1, help="of the venue's market (default: 0.1)")
    p.add_argument("--deep-levels", type=int, default=1000, metavar="N", help="of each book, a side (default: 1000)")
    p.add_argument("--seed", default="pairs", help="of the market (default: pairs)")
    p.add_argument("--twice", action="store_true", help="measure twice and show both")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code."""
    made = parser()
    told = made.parse_args(argv)
    if not 1 <= told.pairs <= len(PAIRS):
        made.error(f"--pairs {told.pairs}: from 1 to {len(PAIRS)}")
    end_on_sigterm()
    facts = environment()
    print_environment(facts)
    try:
        runs = [run(told) for _ in range(2 if told.twice else 1)]
    except (ChildFailed, grpc.RpcError) as error:
        print(f"bench.pairs: {error}", file=sys.stderr)
        return 1
    columns = [[value for _, value in figures.rows()] for figures in runs]
    names = [name for name, _ in runs[0].rows()]
    heading = ("what", *(f"run {number}" for number in range(1, len(runs) + 1)))
    print(table([heading, *zip(names, *columns, strict=True)]))
    if told.json:
        write_json(told.json, facts, runs)
    return 1 if any(figures.refused for figures in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
