"""The server as a process: its exit codes, its words, its way from real sockets to a client."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from proto import orderbook_pb2 as pb
from tests import rpc
from tests.processes import DEADLINE_S, ROOT, listening_port, running, server, venue

CLOSED = "http://127.0.0.1:9"  # nothing listens on the discard port
_CORE = re.compile(r"WARNING: All log messages before absl|[IWEF]\d{4} ")  # what gRPC's core says where it may


@pytest.fixture(scope="module")
def endpoints() -> Iterator[list[str]]:
    """One venue for all tests of this module."""
    with venue("--seed", "server") as arguments:
        yield arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--levels", "0"], "--levels 0"),
        (["--levels", "-3"], "--levels -3"),
        (["--levels", "1000000000"], "--levels 1000000000"),
        (["--levels", "ten"], "--levels ten"),
        (["--port", "65536"], "--port 65536"),
        (["--dust_amount", "-1"], "--dust_amount -1"),
        (["--dust-amount", "nan"], "--dust_amount nan"),
        (["--pair", "BTC/USDT/X"], "'BTC/USDT/X' is not a pair"),
        (["--exchanges", "binance,mtgox"], "unknown exchange 'mtgox'; known are binance, bitstamp"),
        (["--endpoint", "binance.ws=http://x:1"], "bad ws address 'http://x:1'"),
        (["--endpoint", "binance.ftp=http://x:1"], "unknown endpoint kind 'ftp'"),
        (["--endpoint", "mtgox.ws=ws://x:1"], "names no venue"),
        (["--endpoint", "binance.ws"], "write it as NAME=VALUE"),
        (["--hosts", "binance=moon"], "binance knows default, main, us"),
        (["--option", "bitstamp.books=all"], "bitstamp.books=diff|snapshot"),
        (["--fee", "binance=0.1"], "binance: '0.1' is no fee: write it with its unit, such as 0.1% or 10bps"),
        (["--fee", "mtgox=0.1%"], "--fee mtgox: no such venue; known are binance, bitstamp"),
        (["--fee", "0.1%"], "--fee '0.1%': write it as NAME=VALUE"),
        (["--group", "USD~"], "--group 'USD~': write it as NAME=VALUE"),
        (["--group", "USD~=USD"], "--group USD~ has 1 members; allowed are 2 to 8"),
        (["--group", "USD~=USD,USDT:peg"], "unknown rule 'peg' of USDT; known are book (the default) and par"),
        (["--analytic", "no_such_module:f"], "--analytic no_such_module:f: ModuleNotFoundError"),
        (["--analytic", "examples.pressure"], "write it as [NAME=]MODULE:FUNCTION"),
        (["--ca", "/no/such/file"], "no such file"),
        (["--log-level", "loud"], "--log-level 'loud'"),
        (["--suspect", "hang"], "--suspect 'hang': choose from show, exclude"),
        (["--config", "/no/such/file"], "/no/such/file"),
    ],
)
def test_bad_arguments_are_refused_in_one_line_with_code_2(arguments: list[str], words: str) -> None:
    with running("server.py", *arguments) as process:
        assert process.wait() == 2
        assert len(process.err) == 1, process.err
        assert words in process.err[0]


def test_a_config_file_with_an_unknown_key_names_it(tmp_path: Path) -> None:
    config = tmp_path / "onebook.toml"
    config.write_text("levles = 10\n")
    with running("server.py", "--config", str(config)) as process:
        assert process.wait() == 2
        assert "unknown key 'levles'" in process.err[0]


def test_a_config_file_serves_and_the_command_line_wins(tmp_path: Path, endpoints: list[str]) -> None:
    *addresses, exchanges = endpoints
    tables: dict[str, str] = dict(each.removeprefix("--endpoint=").split("=", 1) for each in addresses)
    lines = ['pairs = ["ETH/BTC"]', "levels = 3", 'log_format = "json"']
    lines += [f'exchanges = "{exchanges.removeprefix("--exchanges=")}"', "[endpoints]"]
    lines += [f'{name} = "{url}"' for name, url in tables.items()]
    config = tmp_path / "onebook.toml"
    config.write_text("\n".join(lines))
    with server("--config", str(config), "--levels", "2") as (process, port):
        book = _live(port, pb.BookRequest())
        assert book.pair == "ETH/BTC"
        assert len(book.bids) == 2
        assert process.end() == 0
        assert any(line.startswith('{"time"') for line in process.err)


def test_no_venue_reachable_ends_with_one_line_and_code_1() -> None:
    venues = (f"--endpoint=binance.rest={CLOSED}", f"--endpoint=bitstamp.rest={CLOSED}")
    with running("server.py", "--port", "0", *venues, "--exchanges=binance,bitstamp") as process:
        assert process.wait() == 1
        [told] = [line for line in process.err if not _CORE.match(line)]
        assert "no venue reachable" in told
        assert "Connection refused" in told
        assert "--endpoint" in told


def test_an_unknown_pair_ends_with_the_nearest_names_and_code_1(endpoints: list[str]) -> None:
    with running("server.py", "--base_asset", "BTX", "--port", "0", *endpoints) as process:
        assert process.wait() == 1
        assert "unknown pair 'BTX/USDT'; did you mean BTC/USDT" in process.err[-1]


def test_a_taken_port_is_told_with_the_way_out_and_code_1(endpoints: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("server.py", "--port", str(port), *endpoints) as process:
            assert process.wait() == 1
            [told] = [line for line in process.err if not _CORE.match(line)]
            assert f"127.0.0.1:{port} is taken" in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_stream_with_a_last_message_and_code_0(
    number: signal.Signals, endpoints: list[str]
) -> None:
    with server(*endpoints) as (process, port), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stream = rpc.book_summary(channel, DEADLINE_S)
        next(stream)
        process.popen.send_signal(number)
        last = list(stream)[-1]  # ends with OK: any other status would raise
        assert last.closing
        assert process.wait() == 0


def test_a_signal_during_the_start_ends_it_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with running(
            "server.py", f"--endpoint=binance.rest={url}", "--exchanges", "binance", "--port", "0"
        ) as process:
            silent.settimeout(DEADLINE_S)
            silent.accept()[0].close()
            process.popen.send_signal(signal.SIGTERM)
            assert process.wait() in (0, 1)  # 1 where the closed connection was noticed first


def test_both_venues_are_merged_exactly_and_in_order(endpoints: list[str]) -> None:
    with server(*endpoints, "--levels", "7") as (_, port), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        _live(port, pb.BookRequest())
        stream = rpc.book_summary(channel, DEADLINE_S)
        exchanges = set()
        for _ in range(30):
            summary = next(stream)
            assert len(summary.bids) == len(summary.asks) == 7
            assert [level.price for level in summary.bids] == sorted((x.price for x in summary.bids), reverse=True)
            assert [level.price for level in summary.asks] == sorted(x.price for x in summary.asks)
            assert summary.spread == round(summary.asks[0].price - summary.bids[0].price, 8)
            assert 0 < summary.arrival_time <= summary.sent_time
            exchanges |= {level.exchange for level in (*summary.bids, *summary.asks)}
        assert exchanges == {"binance", "bitstamp"}


def test_a_pair_that_one_venue_lacks_runs_on_the_other(endpoints: list[str]) -> None:
    with server(*endpoints, "--base_asset", "BTC", "--quote_asset", "USD") as (_, port):
        book = _live(port, pb.BookRequest(), venues=1)
        states = {each.trust.venue: each.trust.state for each in book.venues}
        assert states == {"binance": pb.UNLISTED, "bitstamp": pb.LIVE}


def test_a_venue_that_is_away_at_the_start_is_told_and_the_other_serves(endpoints: list[str]) -> None:
    arguments = [*endpoints, f"--endpoint=bitstamp.rest={CLOSED}"]
    with server(*arguments) as (_, port):
        book = _live(port, pb.BookRequest(), venues=1)
        away = book.venues[1].trust
        assert (away.venue, away.state) == ("bitstamp", pb.DOWN)
        assert "Connection refused" in away.reason


def test_a_certificate_that_does_not_verify_is_told_and_a_ca_file_helps(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    with venue("--tls-cert", str(cert), "--tls-key", str(key)) as endpoints:
        with running("server.py", "--port", "0", *endpoints) as process:
            assert process.wait() == 1
            assert "certificate does not verify" in process.err[-1]
            assert "--ca FILE" in process.err[-1]
        with server("--ca", str(cert), *endpoints) as (process, port):
            assert len(_live(port, pb.BookRequest()).bids) == 10
            assert process.end() == 0


def test_help_teaches() -> None:
    with running("server.py", "--help") as process:
        assert process.wait() == 0
        text = "\n".join(process.out)
        for word in ("--base_asset", "--pair", "--levels", "--endpoint", "--config", "--dust_amount", "examples:"):
            assert word in text


def test_options_in_dashes_are_taken_too(endpoints: list[str]) -> None:
    with running("server.py", "--base-asset", "ETH", "--quote-asset", "BTC", "--port", "0", *endpoints) as process:
        assert _live(listening_port(process), pb.BookRequest()).pair == "ETH/BTC"
        assert process.end() == 0


def _live(port: int, request: pb.BookRequest, venues: int = 2) -> pb.Book:
    """The first book in which so many venues are live."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for book in rpc.stream_book(channel, request, DEADLINE_S):
            if sum(each.trust.state == pb.LIVE for each in book.venues) >= venues and book.bids:
                return book
    raise AssertionError("the stream ended")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")
def test_memory_is_given_back_after_a_full_collection() -> None:
    """Pieces of a long message that were kept between pieces that stay: in a process of its own."""
    code = (
        "import gc, pathlib, server; server.keep_memory_flat()\n"
        "def pages(): return int(pathlib.Path('/proc/self/statm').read_text().split()[1])\n"
        "blocks = [bytes(60_000) for _ in range(2000)]; most = pages()\n"
        "kept = blocks[::50]; del blocks; gc.collect()\n"
        "print(most - pages())\n"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(told.stdout) * 4096 > 80e6
