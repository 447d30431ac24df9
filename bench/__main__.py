"""`python -m bench`: each hot path against its rivals in the same run; exit code 1 when a gated bar is missed."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import books, exactness, latency, pauses, pipeline, reading
from bench.chain import end_on_sigterm
from bench.children import ChildFailed
from bench.market import Stream, load_stream
from bench.measure import TRIES, Plan, Row
from bench.report import environment, print_environment, ratio_table, write_json

_HELP = f"""ratios:
  A ratio compares CPU times taken in the same run: ours and its rivals take turns on the same small chunks of work,
  each round gives one ratio, their median counts. Where a bar stands, the run fails (exit code 1) when a ratio
  misses it {TRIES} times in a row. "rival" over "ours" must be at least a bar of ">=", "ours" over "rival" at most
  one of "<=". What runs against the wall clock (relay) is shown and never fails a run.

examples:
  python -m bench
  python -m bench --only decode --only pipeline
  python -m bench --rounds 45 --json figures.json
  ONEBOOK_CAPTURES=/data/captures python -m bench --only decode
"""


_PLAN = Plan()


class Entry(NamedTuple):
    """One thing that --only can name."""

    about: str
    run: Callable[[str, Plan, Stream], list[Row]]


def _plain(run: Callable[[str, Plan], list[Row]]) -> Callable[[str, Plan, Stream], list[Row]]:
    """An entry that needs no frames."""
    return lambda name, plan, _: run(name, plan)


ENTRIES = {
    "exact": Entry("correctness beside speed: books, numbers, bursts", exactness.checks),
    "decode": Entry("frame bytes to floats: orjson + float()", pipeline.decode),
    "book": Entry("apply and read a deep book: SortedDict", _plain(books.against_sorteddict)),
    "order-book": Entry("the same: the order-book C extension", _plain(books.against_extension_deep)),
    "order-book-100": Entry("the same at 100 levels a side", _plain(books.against_extension_shallow)),
    "depth": Entry("our deep book over our book of 100 levels", _plain(books.depth)),
    "pipeline": Entry("frame bytes to the best ten: three usual stacks", pipeline.pipeline),
    "feed": Entry("the same, ours with all that the server keeps for each book", pipeline.feed),
    "merge": Entry("three venues into one ladder: heapq.merge", _plain(pipeline.merging)),
    "encode": Entry("a merged book to bytes: protobuf objects; bytes equal", _plain(pipeline.encoding)),
    "reader": Entry("a frame of 20 kB off a WebSocket: a bare socket", _plain(reading.reader)),
    "gc": Entry("a full collection after server.py's set-up: before it", _plain(pauses.collector)),
    "relay": Entry("venue to client over processes: a bare relay (wall clock)", _plain(latency.against_relay)),
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bench",
        description="How fast each hot path is, against rivals in the same run.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("--only", action="append", choices=ENTRIES, metavar="NAME", help="run this one; repeatable")
    p.add_argument("--list", action="store_true", help="say what there is, and end")
    p.add_argument(
        "--seed", type=int, default=_PLAN.seed, metavar="N", help="of everything random (default: %(default)s)"
    )
    p.add_argument(
        "--rounds", type=int, default=_PLAN.rounds, metavar="N", help="of a measurement (default: %(default)s)"
    )
    p.add_argument(
        "--report",
        action="store_true",
        help="a missed ratio is told but fails nothing: for machines shared with others",
    )
    p.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code."""
    told = parser().parse_args(argv)
    if told.list:
        print("\n".join(f"{name:<16}{entry.about}" for name, entry in ENTRIES.items()))
        return 0
    if told.rounds < 1:
        parser().error("--rounds: at least 1")
    plan = Plan(seed=told.seed, rounds=told.rounds)
    stream = load_stream(plan.seed)
    facts = {**environment(), "seed": str(plan.seed), "frames": stream.source}
    print_environment(facts)
    rows: list[Row] = []
    end_on_sigterm()
    try:
        for name in told.only or ENTRIES:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += ENTRIES[name].run(name, plan, stream)
    except ChildFailed as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(ratio_table(rows))
    if told.json:
        write_json(told.json, facts, rows)
    missed = [row for row in rows if row.ok is False]
    for row in missed:
        figure = "" if row.ratio is None else f"{row.ratio:.2f} is not {row.bar}"
        print(f"missed: {row.name}, {row.what}: {figure or row.note}", file=sys.stderr)
    if told.report:
        missed = [row for row in missed if row.ratio is None]  # what must be exact must be so everywhere
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
