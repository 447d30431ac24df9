"""Records a tape: our own venue and a server for under a minute, with faults on the way.

python -m img.record [--seed 1]. The market follows from the seed; when what of it arrives, from the machine. So what
is recorded is kept in the repository, and pictures are made of that.
"""

import argparse
import json
import queue
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from demo import Demo, Failed
from img import tape
from img.tape import Entry
from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as pb_grpc

TAPE = Path(__file__).parent / "session.xz"
PAIR = "SOL/USDT"  # its tick is coarse enough for venues that agree not to cross all the time
FACES = ("binance", "bitstamp", "kraken", "coinbase")
LEVELS = 36
READY_S = 60.0
LENGTH_S = 35.0
# Seconds from the tape's start: the venue whose connections are cut and refused for a while, and the one whose
# frames are late for a while, so that its old prices cross the others' new ones.
CUT_S, CUT_FOR_S = 20.0, 3.0
LATE_S, LATE_FOR_S, LATE_MS = 26.0, 8.0, 6_000
FAULTS: tuple[tuple[float, str, dict[str, object]], ...] = (
    (CUT_S, "coinbase", {"kind": "refuse", "status": 503, "for_s": CUT_FOR_S}),
    (CUT_S, "coinbase", {"kind": "cut"}),
    (LATE_S, "kraken", {"kind": "delay", "ms": LATE_MS, "for_s": LATE_FOR_S}),
)


class Reader:
    """Reads the streams of a server into one list, each in a thread of its own."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub: Any = pb_grpc.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        self.messages: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._calls: list[Any] = []

    def read(self, call: Any) -> None:
        """Keeps what this stream brings."""
        self._calls.append(call)
        threading.Thread(target=self._keep, args=(call,), daemon=True).start()

    def _keep(self, call: Iterator[Any]) -> None:
        try:
            for message in call:
                self.messages.put((time.monotonic_ns(), message))
        except grpc.RpcError:
            return  # it was cancelled, or the server ended: the tape is as long as it is

    def stop(self) -> None:
        """Ends all streams."""
        for call in self._calls:
            call.cancel()


def venue_arguments(seed: str) -> list[str]:
    """Four venues of one calm market."""
    return ["--seed", seed, "--faces", ",".join(FACES), "--pair", PAIR, "--volatility", "0.5"]


def record(seed: str, folder: Path) -> tuple[dict[str, Any], list[Entry]]:
    """Facts and messages. Raises Failed when a process does not come up or a venue does not get live."""
    demo = Demo(folder)
    try:
        arguments = demo.venue(venue_arguments(seed))
        addresses = dict(word.removeprefix("--endpoint=").split("=", 1) for word in arguments)
        port = demo.server([*arguments, "--exchanges", ",".join(FACES), "--pair", PAIR])
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            reader = Reader(channel)
            _wait_live(reader.stub)
            began, wall_ns = time.monotonic_ns(), time.time_ns()
            reader.messages.put((began, reader.stub.ListPairs(pb.PairsRequest())))
            reader.read(reader.stub.StreamBook(pb.BookRequest(pair=PAIR, levels=LEVELS, min_interval_ms=100)))
            reader.read(reader.stub.StreamTrades(pb.TradesRequest(pairs=[PAIR], recent=50)))
            reader.read(reader.stub.StreamStatus(pb.StatusRequest()))
            timers = [
                threading.Timer(at_s, partial(_strike, addresses[f"{face}.rest"], fault))
                for at_s, face, fault in FAULTS
            ]
            for timer in timers:
                timer.start()
            time.sleep(LENGTH_S)
            reader.stop()
            for timer in timers:
                timer.join()
    finally:
        demo.stop()
    entries = []
    while not reader.messages.empty():
        at_ns, message = reader.messages.get()
        entries.append(Entry(at_ns - began, message))
    facts = {"seed": seed, "wall_ns": wall_ns, "pair": PAIR, "address": "127.0.0.1:50052"}
    return facts, sorted(entries, key=lambda entry: entry.at_ns)


def _wait_live(stub: Any) -> None:
    deadline = time.monotonic() + READY_S
    for book in stub.StreamBook(pb.BookRequest(pair=PAIR, levels=LEVELS)):
        if all(venue.trust.state == pb.LIVE for venue in book.venues):
            return
        if time.monotonic() > deadline:
            told = ", ".join(f"{venue.trust.venue}: {venue.trust.reason}" for venue in book.venues)
            raise Failed(f"not all venues got live: {told}")


def _strike(rest: str, fault: dict[str, object]) -> None:
    """Begins a fault of the venue."""
    request = urllib.request.Request(f"{rest}/admin/fault", json.dumps(fault).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        answer.read()


def main(argv: list[str] | None = None, say: Callable[[str], object] = print) -> int:
    """The exit code: 1 when nothing could be recorded."""
    parser = argparse.ArgumentParser(prog="img.record", description=__doc__)
    parser.add_argument("--seed", default="1", help="of the venue's market (default 1)")
    parser.add_argument("--out", type=Path, default=TAPE, metavar="FILE")
    told = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="onebook-record-") as folder:
        try:
            facts, entries = record(told.seed, Path(folder))
        except Failed as error:
            print(f"record: {error}", file=sys.stderr)
            return 1
    tape.write(told.out, facts, entries)
    say(f"{told.out}: {len(entries)} messages, {told.out.stat().st_size // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
