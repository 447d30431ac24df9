"""A quote group over the real processes: two venues' processes, the server, and clients."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import grpc

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from tests import rpc
from tests.processes import DEADLINE_S, ROOT, Process, running, server
from tests.waiting import until

COINS = ("--faces", "binance,bitstamp", "--pair", "BTC/USD@bitstamp", "--pair", "BTC/USDT@binance,bitstamp")


@contextmanager
def face(*arguments: str) -> Iterator[tuple[Process, list[str]]]:
    """A process of our venue, and the server's arguments that lead to its faces."""
    options = ("--print-endpoints", "--free-ports", "--deep-levels", "200", "--seed", "groups")
    with running("-m", "venue", *options, *arguments) as process:
        faces = json.loads(process.wait_line(process.out, lambda line: line.startswith("{"), "the venue"))
        addresses = [(name, kind, url) for name, told in faces.items() for kind, url in told.items()]
        yield process, [f"--endpoint={name}.{kind}={url}" for name, kind, url in addresses]


def carried(channel: grpc.Channel) -> set[str]:
    stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    return {each.pair for each in stub.ListPairs(pb.PairsRequest(), timeout=DEADLINE_S).pairs}


def states(book: pb.Book) -> dict[str, int]:
    return {each.trust.venue: each.trust.state for each in book.venues}


def shown(book: pb.Book) -> set[str]:
    """The entries that have a level."""
    return {book.venues[amount.venue].trust.venue for level in (*book.bids, *book.asks) for amount in level.amounts}


def test_a_group_lives_and_loses_its_conversion() -> None:
    """On demand, with all parts; when the one venue that converts dies, the members go with the next message."""
    with (
        face(*COINS) as (_, coins),
        face("--faces", "kraken", "--pair", "USDT/USD@kraken") as (kraken, dollars),
        server(*coins, *dollars, "--exchanges=binance,bitstamp,kraken", "--pair", "BTC/USDT", "--linger-s", "0") as (
            _,
            port,
        ),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        stream: Any = rpc.stream_book(channel, pb.BookRequest(pair="BTC/USD~", levels=500), DEADLINE_S)
        first = next(stream)
        assert (first.pair, first.unit) == ("BTC/USD~", "USD")
        assert carried(channel) == {"BTC/USD~", "BTC/USD", "BTC/USDT", "USDT/USD"}
        traded = ["bitstamp/usd", "binance/usdt", "bitstamp/usdt"]
        book = next(b for b in stream if all(states(b)[name] == pb.LIVE for name in traded))
        assert states(book) == {**dict.fromkeys(traded, pb.LIVE), "kraken/usd": pb.UNLISTED}
        assert {"bitstamp/usd", "binance/usdt"} <= shown(book)
        (usdt,) = book.conversions
        assert [(each.venue, each.state) for each in usdt.venues] == [("kraken", pb.LIVE)]
        assert Decimal("0.99") < Decimal(usdt.bid) < Decimal(usdt.ask) < Decimal("1.01")
        assert abs(usdt.basis_ppm) < 3000
        known = _line(port)
        assert (known["pair"], known["conversions"][0]["rule"]) == ("BTC/USD~", "book")
        kraken.popen.kill()
        book = next(b for b in stream if b.conversions[0].state != pb.LIVE)
        assert states(book)["binance/usdt"] == states(book)["bitstamp/usdt"] == pb.UNCONVERTED
        assert shown(book) == {"bitstamp/usd"}
        assert book.conversions[0].reason.startswith("no live book of USDT/USD: kraken is down")
        for _, later in zip(range(20), stream, strict=False):
            assert shown(later) <= {"bitstamp/usd"}, "never at par instead"
        stream.cancel()
        until(lambda: carried(channel) == {"BTC/USDT"}, "all of it goes", DEADLINE_S)


def _line(port: int) -> Any:
    """What the client prints of the group."""
    words = [sys.executable, "client.py", "--port", str(port), "--symbol", "BTC/USD~"]
    words += ["--format", "jsonl", "--count", "1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    return json.loads(done.stdout)


def test_a_group_can_be_the_default_pair_and_par_is_told() -> None:
    """Pinned by the command line, for old clients too."""
    with (
        face(*COINS) as (_, coins),
        server(
            *coins, "--exchanges=binance,bitstamp", "--pair", "BTC/USD~", "--group", "USD~=USD,USDT:par",
            "--on-demand", "off",
        ) as (_, port),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):  # fmt: skip
        for summary in rpc.book_summary(channel, DEADLINE_S):
            assert (summary.symbol, summary.unit) == ("BTC/USD~", "USD")
            assert [(each.quote, each.rule) for each in summary.conversions] == [("USDT", pb.AT_PAR)]
            if {level.exchange for level in (*summary.bids, *summary.asks)} >= {"binance/usdt", "bitstamp/usd"}:
                break
        assert carried(channel) == {"BTC/USD~", "BTC/USD", "BTC/USDT"}


def test_a_group_is_added_and_removed_while_the_server_runs() -> None:
    """By the operator; what no venue can convert is refused with the reason."""
    with (
        face("--faces", "bitstamp", "--pair", "BTC/USD@bitstamp", "--pair", "XRP/USDC@bitstamp") as (_, coins),
        server(*coins, "--exchanges=bitstamp", "--pair", "BTC/USD") as (_, port),
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        control = stubs.ControlStub(channel)  # type: ignore[no-untyped-call]
        changes = control.AddPairs(pb.PairNames(pairs=["BTC/USD~", "XRP/USD~"]), timeout=DEADLINE_S)
        assert [(each.subject, each.what) for each in changes.changed] == [("BTC/USD~", "carried")]
        assert "XRP/USD~ cannot be told in USD: no venue trades USDC/USD" in changes.refused[0].what
        assert carried(channel) == {"BTC/USD", "BTC/USD~"}
        control.RemovePairs(pb.PairNames(pairs=["BTC/USD~"]), timeout=DEADLINE_S)
        until(lambda: carried(channel) == {"BTC/USD"}, "it goes, and the default pair stays", DEADLINE_S)


def test_a_group_that_nobody_can_convert_is_refused_at_the_start() -> None:
    with (
        face("--faces", "binance", "--pair", "BTC/USDT@binance") as (_, coins),
        running("server.py", "--port", "0", *coins, "--exchanges=binance", "--pair", "BTC/USD~") as process,
    ):
        assert process.wait() == 1
        assert any(
            "BTC/USD~ cannot be told in USD: no venue trades USDT/USD or USD/USDT" in line for line in process.err
        )
