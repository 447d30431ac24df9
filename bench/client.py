"""One client in a process of its own: `python -m bench.client PORT TRACK --seconds S`.

It reads a stream with Python's ordinary grpcio client and takes, after each message is decoded, the time since the
venue stamped the newest update in it. Both stamps are of this machine's clock. It prints `measuring` when the first
update after the settling time has come, and at the end its samples as one line of JSON.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import grpc
import msgspec

from bench.relay import METHOD
from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs

_CALL_S = 60.0  # beyond what is measured, for the first message
_NS_A_MICROSECOND = 1000


class Samples(msgspec.Struct):
    """What one client saw."""

    latencies_ns: list[int]  # of each update that was new, in the order of their coming
    elapsed_s: float
    messages: int  # all of them, heartbeats too
    conflated: int  # states that the server spared us
    # Of each update, ns: stamped -> read by the server -> in its book -> message made -> decoded here.
    stages: list[list[int]] = []


class Facts(NamedTuple):
    """What is read out of a message."""

    venue_ns: int
    conflated: int
    stamps: tuple[int, ...] = ()  # between the venue's and ours: read, applied, made


def book_facts(message: pb.Book) -> Facts:
    """MarketData.StreamBook."""
    clocks = message.clocks
    return Facts(clocks.venue_ns, message.conflated, (clocks.received_ns, clocks.applied_ns, clocks.sent_ns))


def summary_facts(message: pb.Summary) -> Facts:
    """OrderbookAggregator.BookSummary; the newest of its venues counts."""
    return Facts(max((venue.venue_time_ns for venue in message.venues), default=0), message.conflated)


def frame_facts(frame: bytes) -> Facts:
    """A depth frame as the relay passes it on: E in microseconds."""
    start = frame.index(b'"E":') + 4
    return Facts(int(frame[start : frame.index(b",", start)]) * _NS_A_MICROSECOND, 0)


FACTS: dict[str, Callable[[Any], Facts]] = {"book": book_facts, "summary": summary_facts, "relay": frame_facts}


def open_stream(channel: grpc.Channel, track: str, min_interval_ms: int, timeout_s: float) -> Iterator[Any]:
    """The messages of `track`, decoded as its users decode them."""
    if track == "relay":
        return iter(channel.unary_stream(METHOD, bytes, bytes)(b"", timeout=timeout_s))
    if track == "summary":
        aggregator = stubs.OrderbookAggregatorStub(channel)  # type: ignore[no-untyped-call]
        summaries: Iterator[pb.Summary] = aggregator.BookSummary(pb.Empty(), timeout=timeout_s)
        return summaries
    market_data = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    request = pb.BookRequest(min_interval_ms=min_interval_ms)
    books: Iterator[pb.Book] = market_data.StreamBook(request, timeout=timeout_s)
    return books


def measure(messages: Iterator[Any], track: str, seconds: float, settle_s: float) -> Samples:
    """Reads until `seconds` after the settling time; raises EOFError where the stream ends before."""
    facts = FACTS[track]
    samples = Samples([], 0.0, 0, 0, [])
    newest = began = 0
    start = None
    for message in messages:
        now = time.time_ns()
        venue_ns, conflated, stamps = facts(message)
        if not venue_ns:
            continue  # not live yet
        began = began or now
        if start is None:
            if now - began >= settle_s * 1e9 and venue_ns > newest > 0:
                start = now
                print("measuring", flush=True)
            newest = venue_ns
            continue
        samples.messages += 1
        samples.conflated += conflated
        if venue_ns > newest:
            newest = venue_ns
            samples.latencies_ns.append(now - venue_ns)
            if stamps:
                samples.stages.append([after - before for before, after in pairwise((venue_ns, *stamps, now))])
        samples.elapsed_s = (now - start) / 1e9
        if samples.elapsed_s >= seconds:
            return samples
    raise EOFError("the stream ended before the measurement did")


def main() -> None:
    """Measures once."""
    p = argparse.ArgumentParser(prog="python -m bench.client", description=__doc__)
    p.add_argument("port", type=int)
    p.add_argument("track", choices=FACTS)
    p.add_argument("--seconds", type=float, default=10.0)
    p.add_argument("--settle-s", type=float, default=2.0)
    p.add_argument("--min-interval-ms", type=int, default=0)
    told = p.parse_args()
    gc.collect()
    gc.freeze()
    with grpc.insecure_channel(f"127.0.0.1:{told.port}") as channel:
        timeout_s = told.seconds + told.settle_s + _CALL_S
        messages = open_stream(channel, told.track, told.min_interval_ms, timeout_s)
        samples = measure(messages, told.track, told.seconds, told.settle_s)
    sys.stdout.write(msgspec.json.encode(samples).decode() + "\n")


if __name__ == "__main__":
    main()
