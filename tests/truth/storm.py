"""All connections of all venues cut at once: `python -m tests.truth.storm --pairs 50`.

Prints what the venues counted, second by second: connects, REST requests and their weight, next to what they allow,
and how long it took until every book was live again.
"""

import argparse
import sys
import time
from itertools import product
from typing import Any

import grpc
import requests

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from tests.processes import server, venue

BASES = ("BTC", "ETH", "BNB", "SOL", "XRP", "LTC", "ADA", "DOGE")
QUOTES = ("USDT", "USDC", "USD", "EUR", "GBP", "BTC", "ETH")
PAIRS = [
    f"{base}/{quote}" for quote, base in product(QUOTES, BASES) if base != quote and (base, quote) != ("BTC", "ETH")
]
PATIENCE_S = 240.0
ALLOWED = {"binance": {"weight": (6000, 60), "connects": (300, 300)}, "bitstamp": {"requests": (10_000, 600)}}


def all_live(status: pb.Status) -> bool:
    """Whether every book of every pair is."""
    return all(venue.state == pb.LIVE for pair in status.pairs for venue in pair.venues)


def until_live(channel: grpc.Channel, began: float) -> float:
    """Waits for a status in which everything is live; seconds since `began`. Tells how many are, now and then."""
    told = time.monotonic()
    stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    for status in stub.StreamStatus(pb.StatusRequest(), timeout=PATIENCE_S):
        if all_live(status):
            return time.monotonic() - began
        if time.monotonic() - told > 5:
            told = time.monotonic()
            states = [venue.state for pair in status.pairs for venue in pair.venues]
            print(f"  {states.count(pb.LIVE)}/{len(states)} live", file=sys.stderr, flush=True)
    raise AssertionError("the stream of states ended")


def until_left(channel: grpc.Channel) -> None:
    """Waits for a status in which no book is live."""
    stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    for status in stub.StreamStatus(pb.StatusRequest(), timeout=PATIENCE_S):
        if not all_live(status):
            return


def most_in(rows: list[list[int]], column: int, window_s: int) -> int:
    """The most that any window of so many seconds held."""
    return max(
        (sum(row[column] for row in rows if start <= row[0] < start + window_s) for start, *_ in rows), default=0
    )


def run(pairs: int, seed: str) -> dict[str, dict[str, Any]]:
    """The storm; by venue: the rows counted since the cut, and the most in each window that has a limit."""
    wanted = PAIRS[:pairs]
    flow = [argument for pair in wanted for argument in ("--pair", pair)]
    with venue("--seed", seed, "--activity", "0.3", *flow) as endpoints:
        rests = {each.split(".", 1)[0].split("=")[1]: each.split("=", 2)[2] for each in endpoints if ".rest=" in each}
        with (
            server(*endpoints, "--log-level", "error", *flow) as (_, port),
            grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            start_s = until_live(channel, time.monotonic())
            print(f"{2 * len(wanted)} books live {start_s:.1f} s after the server listened", flush=True)
            cut = int(time.time())
            began = time.monotonic()
            for rest in rests.values():
                requests.post(f"{rest}/admin/fault", json={"kind": "cut"}, timeout=10).raise_for_status()
            until_left(channel)
            healed_s = until_live(channel, began)
            print(f"all live again {healed_s:.1f} s after all connections were cut", flush=True)
            return {name: _usage(name, rest, cut, healed_s) for name, rest in rests.items()}


def _usage(name: str, rest: str, cut: int, healed_s: float) -> dict[str, Any]:
    told = requests.get(f"{rest}/admin/usage?seconds=600", timeout=10).json()
    columns, rows = told["columns"], told["rows"]
    print(f"\n{name}, seconds since the cut")
    print(" ".join(f"{column:>16}" for column in columns))
    for row in rows:
        if row[0] >= cut:
            print(" ".join(f"{value:>16}" for value in (row[0] - cut, *row[1:])))
    most = {}
    for column, (limit, window_s) in ALLOWED[name].items():
        most[column] = most_in(rows, columns.index(column), window_s)
        print(f"most {column} in {window_s} s: {most[column]} of {limit} allowed")
    return {
        "most": most,
        "refused": told["sum"]["connects_refused"] + told["sum"]["requests_refused"],
        "healed": healed_s,
    }


def main() -> int:
    """1 when a limit was broken."""
    p = argparse.ArgumentParser(prog="python -m tests.truth.storm", description=__doc__)
    p.add_argument("--pairs", type=int, default=50, help=f"on each venue, at most {len(PAIRS)} (default: 50)")
    p.add_argument("--seed", default="storm", help="of the market (default: storm)")
    told = p.parse_args()
    verdict = 0
    for name, seen in run(told.pairs, told.seed).items():
        for column, most in seen["most"].items():
            if most > ALLOWED[name][column][0] or seen["refused"]:
                verdict = 1
                print(f"{name}: too many {column}", file=sys.stderr)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
