"""From a venue's stamp to a client's hands over real processes, next to a bare relay: `python -m bench.latency`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.chain import Load, end_on_sigterm, run_track
from bench.children import ChildFailed
from bench.client import Samples
from bench.measure import Bar, Plan, Row
from bench.report import environment, print_environment, table, write_json

_HELP = """what is measured:
  The venue stamps each depth frame immediately before it hands it to the socket. Our connector asks for the stamp in
  microseconds; server.py carries it through the book into its messages; a client in a third process subtracts it
  from the clock after it has decoded the message. So the figures hold the venue's write, two sockets, decoding,
  book, merging, encoding, gRPC, and the client's own reading. The bare relay is the same chain with the same
  WebSocket set-up and the same gRPC transport, but hands the frame's bytes through as they came.

  The server sends what changes the best ten levels a side; of the steady flow's frames about half do, so "got/s" is
  about half of what is offered. The relay passes every frame on. One chain runs at a time: relay, StreamBook, relay,
  BookSummary at each rate.

  Latencies are of the wall clock and of this machine; the ratio to the relay is what can be compared between
  machines. Nothing here fails a run.

examples:
  python -m bench.latency
  python -m bench.latency --rate 1000 --seconds 20 --track book
"""

# Targets in ms that figures are reported against: rate -> (p50, p99).
_TARGETS = {10.0: (1.0, 5.0), 1000.0: (0.4, None)}
_RATIO = Bar(2.0, at_least=False, gated=False, note="wall clock: shown, not gated")
_LEVELS = 20
_SHARES = (0.5, 0.9, 0.99, 0.999)
_GIVEN_RATE = 200.0  # of the short comparison in `python -m bench`


# The parts of the way that the stamps in a Book tell apart.
STAGES = ("stamped -> read", "read -> in the book", "in the book -> message made", "made -> decoded by the client")


@dataclass(frozen=True, slots=True)
class Figures:
    """One track at one rate. Latencies in us."""

    track: str
    rate: float
    received: float  # updates a second
    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    first_half_p50: float
    second_half_p50: float
    first_half_p99: float
    second_half_p99: float
    conflated: int
    to_relay: float | None = None  # p50 over the relay's
    stages_p50: tuple[float, ...] = ()  # see STAGES; empty where the messages do not tell


def figures(track: str, rate: float, parts: Sequence[Samples], relay: "Figures | None" = None) -> Figures:
    """The percentiles of all parts together; their halves are of the time order."""
    latencies = [ns / 1000 for part in parts for ns in part.latencies_ns]
    if not latencies:
        raise ChildFailed(f"the client of {track} got no updates")
    half = max(1, len(latencies) // 2)
    first, second = sorted(latencies[:half]), sorted(latencies[half:] or latencies)
    ordered = sorted(latencies)
    p50, p90, p99, p999 = (quantile(ordered, share) for share in _SHARES)
    return Figures(
        track,
        rate,
        len(latencies) / sum(part.elapsed_s for part in parts),
        len(latencies),
        p50,
        p90,
        p99,
        p999,
        ordered[-1],
        quantile(first, 0.5),
        quantile(second, 0.5),
        quantile(first, 0.99),
        quantile(second, 0.99),
        sum(part.conflated for part in parts),
        None if relay is None else p50 / relay.p50,
        tuple(quantile(sorted(stage), 0.5) / 1000 for stage in zip(*parts[0].stages, strict=True)),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def compare(load: Load, seconds: float, tracks: Sequence[str]) -> Iterator[Figures]:
    """A part of the relay's time before each track, so that it sees the machine in the same moods."""
    relay: list[Samples] = []
    ours: list[tuple[str, Samples]] = []
    for track in tracks:
        relay.append(run_track("relay", load, seconds / len(tracks)))
        ours.append((track, run_track(track, load, seconds)))
    bare = figures("relay", load.rate, relay)
    yield bare
    for track, samples in ours:
        yield figures(track, load.rate, [samples], bare)


def against_relay(name: str, plan: Plan) -> list[Row]:
    """The short form for `python -m bench`: p50 of StreamBook over p50 of the relay. Wall clock, so not gated."""
    bare, book = compare(Load(_GIVEN_RATE, _LEVELS, plan.seed), plan.seconds, ["book"])
    ratio = book.p50 / bare.p50
    what = f"venue stamp -> client, p50 at {_GIVEN_RATE:g}/s: ours / bare relay"
    return [
        Row(
            name,
            what,
            f"StreamBook {book.p50:.0f} us",
            f"relay {bare.p50:.0f} us",
            ratio,
            str(_RATIO),
            None,
            _RATIO.note,
        )
    ]


def latency_table(rows: Sequence[Figures]) -> str:
    """One line a track and rate."""
    heading = (
        "offered/s", "track", "got/s", "updates", "p50", "p90", "p99", "p99.9", "max",
        "p50 halves", "p99 halves", "conflated", "p50/relay", "",
    )  # fmt: skip
    return table([heading, *map(_cells, rows)])


def stage_table(rows: Sequence[Figures]) -> str:
    """Where the time of StreamBook goes: the median of each part of the way."""
    known = [row for row in rows if row.stages_p50]
    return table(
        [("offered/s", *STAGES), *((f"{row.rate:g}", *(f"{us:.0f}" for us in row.stages_p50)) for row in known)]
    )


def _cells(row: Figures) -> tuple[str, ...]:
    return (
        f"{row.rate:g}",
        row.track,
        f"{row.received:.1f}",
        str(row.count),
        *(f"{us:.0f}" for us in (row.p50, row.p90, row.p99, row.p999, row.max)),
        f"{row.first_half_p50:.0f} {row.second_half_p50:.0f}",
        f"{row.first_half_p99:.0f} {row.second_half_p99:.0f}",
        str(row.conflated),
        "" if row.to_relay is None else f"{row.to_relay:.2f}",
        against_targets(row),
    )


def against_targets(row: Figures) -> str:
    """What is said beside a row of ours."""
    if row.to_relay is None:
        return ""
    wants = [("p50/relay", row.to_relay, _RATIO.limit)]
    p50, p99 = _TARGETS.get(row.rate, (None, None))
    if p50 is not None:
        wants.append(("p50", row.p50 / 1000, p50))
    if p99 is not None:
        wants.append(("p99", row.p99 / 1000, p99))
    missed = [f"{name} > {limit:g}{'' if '/' in name else ' ms'}" for name, value, limit in wants if value > limit]
    return "; ".join(missed) or "on target"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bench.latency",
        description="Venue to client over three processes, next to a bare relay on the same transport.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("--rate", type=float, action="append", metavar="R", help="updates a second (default: 10 and 1000)")
    p.add_argument("--seconds", type=float, default=60.0, metavar="S", help="of each track (default: 60)")
    p.add_argument(
        "--track", action="append", choices=("book", "summary"), help="StreamBook or BookSummary (default: both)"
    )
    p.add_argument(
        "--levels", type=int, default=_LEVELS, metavar="N", help=f"changed in a frame (default: {_LEVELS})"
    )
    p.add_argument("--seed", type=int, default=1, metavar="N", help="of the venue's market (default: 1)")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 whatever the figures say, 1 when a process failed, 130 after Ctrl-C."""
    told = parser().parse_args(argv)
    end_on_sigterm()
    facts = {**environment(), "seed": str(told.seed), "unit": f"us; {told.levels} changed levels a frame"}
    print_environment(facts)
    rows: list[Figures] = []
    try:
        for rate in told.rate or [10.0, 1000.0]:
            rows += compare(Load(rate, told.levels, told.seed), told.seconds, told.track or ["book", "summary"])
    except ChildFailed as error:
        print(f"bench.latency: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(latency_table(rows))
    if any(row.stages_p50 for row in rows):
        print("\nwhere the time of StreamBook goes, p50:\n" + stage_table(rows))
    if told.json:
        write_json(told.json, facts, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
