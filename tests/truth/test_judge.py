"""The server under faults, judged by what the venue says its books really were."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
import requests

from proto import orderbook_pb2 as pb
from tests import rpc
from tests.processes import server, venue
from tests.truth.judge import Judge, Truth

LEVELS = 10
THRESHOLD_S = 11.0  # a connection on which nothing is heard for 10 s is given up
HEAL_S = 40.0
SYMBOLS = {"binance": "BTCUSDT", "bitstamp": "btcusdt"}

# What a client can notice or shrug off: none of these may ever put a wrong level on the stream.
KINDS: list[dict[str, Any]] = [
    {"kind": "drop", "face": "binance", "channel": "diff", "count": 1},
    {"kind": "duplicate", "channel": "diff", "count": 3},
    {"kind": "reorder", "face": "binance", "channel": "diff", "count": 1},
    {"kind": "delay", "channel": "diff", "ms": 300, "count": 2},
    {"kind": "garbage", "face": "binance", "form": "text", "count": 1},
    {"kind": "garbage", "form": "truncated", "channel": "diff", "count": 1},
    {"kind": "garbage", "form": "nan", "channel": "diff", "count": 1},
    {"kind": "garbage", "form": "negative", "channel": "diff", "count": 1},
    {"kind": "binary", "channel": "diff", "count": 2},
    {"kind": "fragmented", "channel": "diff", "pieces": 3, "count": 3},
    {"kind": "cut", "code": 1006, "count": 1},
    {"kind": "cut", "code": 1001, "count": 1},
    {"kind": "cut", "code": 1008, "count": 1},
    {"kind": "late", "delay_s": 0.5, "count": 1},
    {"kind": "ancient", "age_s": 5, "count": 1},
    {"kind": "truncated", "count": 1},
    {"kind": "status", "code": 503, "count": 1},
    {"kind": "html", "count": 1},
    {"kind": "no_reply", "count": 1},
]
REST_KINDS = {"late", "ancient", "truncated", "status", "html", "no_reply"}


class Stage:
    """A venue, a server on it, a stream of its book, and the judge of that stream."""

    def __init__(self, rests: dict[str, str], stream: Iterator[pb.Book], judge: Judge) -> None:
        self._rests = rests
        self._stream = stream
        self.judge = judge
        self.book = pb.Book()

    def until(self, wanted: Callable[[pb.Book], bool], what: str, timeout_s: float = HEAL_S) -> None:
        """Judges message after message until one is wanted."""
        deadline = time.monotonic() + timeout_s
        for book in self._stream:
            self.judge.see(book)
            self.book = book
            if wanted(book):
                return
            assert time.monotonic() < deadline, f"{what} did not come: {book.venues}"

    def fault(self, fault: dict[str, Any]) -> None:
        """Switches a fault on at its face (or one of them)."""
        told = {"symbol": "*", **fault}
        face = told.pop("face")
        reply = requests.post(f"{self._rests[face]}/admin/fault", json=told, timeout=10)
        assert reply.status_code == 201, reply.text

    def struck(self, face: str) -> int:
        """How often faults have struck on a face."""
        told = requests.get(f"{self._rests[face]}/admin/faults", timeout=10).json()
        return sum(told["struck"].values())


def all_live(book: pb.Book) -> bool:
    """Whether every venue is live."""
    return all(each.trust.state == pb.LIVE for each in book.venues)


@contextmanager
def stage(seed: str) -> Iterator[Stage]:
    """Everything up, both books live."""
    with venue("--seed", seed, "--pair", "BTC/USDT") as endpoints:
        rests = {
            name: argument.split("=", 2)[2]
            for argument in endpoints
            for name in SYMBOLS
            if argument.startswith(f"--endpoint={name}.rest=")
        }
        truths = {
            name: Truth(rest, SYMBOLS[name], by_microtimestamp=name == "bitstamp") for name, rest in rests.items()
        }
        with server(*endpoints) as (_, port), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stream = rpc.stream_book(channel, pb.BookRequest(levels=LEVELS), 3600)
            made = Stage(rests, stream, Judge(truths, LEVELS, THRESHOLD_S))
            made.until(all_live, "two live books")
            yield made
        for truth in truths.values():
            truth.close()


def run_faults(count: int, seed: int) -> tuple[Stage, int]:
    """So many faults in random order, each healed before the next; the stage, and how often they struck."""
    rng = random.Random(seed)
    with stage(f"judge-{seed}") as made:
        for _ in range(count):
            fault = dict(rng.choice(KINDS))
            fault.setdefault("face", rng.choice(sorted(SYMBOLS)))
            before = made.struck(fault["face"])
            made.fault(fault)
            if fault["kind"] in REST_KINDS:  # a snapshot is asked for only after a cut
                made.fault({"kind": "cut", "face": fault["face"], "count": 1})
            done = time.monotonic() + HEAL_S

            def over(book: pb.Book, face: str = fault["face"], before: int = before, done: float = done) -> bool:
                if not all_live(book) or time.monotonic() > done:
                    return False
                return made.struck(face) > before

            made.until(over, f"healing of {fault}")
        struck = sum(made.struck(face) for face in SYMBOLS)
        made.until(all_live, "two live books at the end")
    return made, struck


def test_a_dozen_faults_put_nothing_wrong_on_the_stream() -> None:
    """No wrong, missing or foreign level, none of a venue that is not live, nothing old that is said to be live."""
    made, struck = run_faults(12, seed=3)
    assert made.judge.faults == []
    assert struck >= 12
    assert made.judge.seen["levels"] > 1000


@pytest.mark.slow
@pytest.mark.timeout(900)  # a guard against hanging, for a run of some minutes
def test_many_faults_put_nothing_wrong_on_the_stream() -> None:
    """The same, longer."""
    made, struck = run_faults(40, seed=11)
    print(f"{struck} faults, {dict(made.judge.seen)}")
    assert made.judge.faults == []
    assert struck >= 40


def test_the_judge_sees_what_is_wrong() -> None:
    """Each way in which a message could lie is found, or the verdict above would be worth nothing."""
    with stage("lies") as made:
        made.until(lambda book: not book.heartbeat and len(book.bids) == LEVELS, "a whole book")
        honest, judge = made.book, made.judge
        assert judge.faults == []

        def amount(book: pb.Book) -> None:
            book.bids[3].amounts[0].amount += 1

        def price(book: pb.Book) -> None:
            book.asks[0].price += 1

        def missing(book: pb.Book) -> None:
            del book.asks[5]

        def foreign(book: pb.Book) -> None:
            venues = {each.venue for level in book.bids for each in level.amounts}
            book.venues[min(venues)].trust.state = pb.DOWN

        def old(book: pb.Book) -> None:
            book.venues[0].trust.age_ns = 60 * 10**9

        def order(book: pb.Book) -> None:
            book.bids.reverse()

        def backwards(book: pb.Book) -> None:
            book.sequence = 0

        for lie in (amount, price, missing, foreign, old, order, backwards):
            told = pb.Book()
            told.CopyFrom(honest)
            lie(told)
            judge.faults.clear()
            judge.see(told)
            assert judge.faults, lie.__name__
            judge.faults.clear()
            judge._sequence = 0
            judge.see(honest)
            assert judge.faults == [], lie.__name__
