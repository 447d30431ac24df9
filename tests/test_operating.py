"""A server is operated while it runs: over the real processes, their sockets and signals."""

import contextlib
import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

import control
from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs
from tests import rpc
from tests.processes import DEADLINE_S, Process, server, venue

FACES = ("binance", "bitstamp", "deribit", "coinbase")
OFF = "disabled by the operator"


@pytest.fixture(scope="module")
def endpoints() -> Iterator[list[str]]:
    pairs = ("BTC/USDT", "ETH/USDT", "ETH/BTC", "SOL/USDT@deribit,coinbase")
    options = [f"--pair={pair}" for pair in pairs]
    with venue("--faces", ",".join(FACES), "--free-ports", "--deribit-routed", "--seed", "operate", *options) as told:
        yield told


class Config:
    """A configuration file that leads to the venue."""

    def __init__(self, path: Path, endpoints: Sequence[str]) -> None:
        self.path = path
        *addresses, exchanges = endpoints
        self.exchanges = exchanges.removeprefix("--exchanges=")
        told = dict(each.removeprefix("--endpoint=").split("=", 1) for each in addresses)
        self.table = ["[endpoints]", *(f'"{name}" = "{url}"' for name, url in told.items())]

    def write(self, *lines: str, exchanges: str = "") -> str:
        """Writes it; its path."""
        text = [f'exchanges = "{exchanges or self.exchanges}"', *lines, *self.table]
        self.path.write_text("\n".join(text))
        return str(self.path)


@pytest.fixture
def config(tmp_path: Path, endpoints: list[str]) -> Config:
    return Config(tmp_path / "onebook.toml", endpoints)


@contextlib.contextmanager
def operated(*arguments: str) -> Iterator[tuple[Process, int, grpc.Channel]]:
    with server(*arguments) as (process, port), grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield process, port, channel


def statuses(channel: grpc.Channel) -> Iterator[pb.Status]:
    stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    stream: Iterator[pb.Status] = stub.StreamStatus(pb.StatusRequest(), timeout=DEADLINE_S)
    return stream


def told(status: pb.Status) -> dict[tuple[str, str], pb.VenueState]:
    return {(pair.pair, each.venue): each for pair in status.pairs for each in pair.venues}


def until(channel: grpc.Channel, wanted: Any) -> dict[tuple[str, str], pb.VenueState]:
    """The states of all books, by pair and venue, as soon as `wanted` holds of them."""
    found = {}
    with contextlib.closing(_Cancelling(statuses(channel))) as stream:
        for status in stream.call:
            found = told(status)
            if wanted(found):
                return found
    raise AssertionError(found)


class _Cancelling:
    def __init__(self, call: Any) -> None:
        self.call = call

    def close(self) -> None:
        self.call.cancel()


def settled(found: dict[tuple[str, str], pb.VenueState]) -> bool:
    """Every book is live, or will not be."""
    return all(each.state in (pb.LIVE, pb.UNLISTED, pb.DISABLED) for each in found.values())


def run(port: int, *arguments: str) -> int:
    return control.main(["--port", str(port), *arguments])


def hang_up(process: Process, words: str) -> str:
    """SIGHUP; the line of the log that says so."""
    before = len(process.err)
    process.popen.send_signal(signal.SIGHUP)
    return process.wait_line(process.err, lambda line: words in line and line in process.err[before:], words)


def test_a_venue_is_switched_off_and_on(endpoints: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line in a shell. Its levels leave the merged book in the next message; the others do not notice."""
    with operated(*endpoints, "--pair", "BTC/USDT", "--pair", "ETH/USDT") as (_, port, channel):
        until(channel, settled)
        stream: Any = rpc.stream_book(channel, pb.BookRequest(), DEADLINE_S)
        assert run(port, "--disable", "bitstamp") == 0
        for book in stream:
            state = book.venues[1].trust
            if state.state == pb.DISABLED:
                break
        assert (state.venue, state.reason) == ("bitstamp", OFF)
        assert 1 not in {amount.venue for level in (*book.bids, *book.asks) for amount in level.amounts}
        found = until(channel, lambda found: found["BTC/USDT", "bitstamp"].connections == 0)
        assert found["ETH/USDT", "bitstamp"].state == pb.DISABLED
        assert "changed    bitstamp: disabled" in capsys.readouterr().out
        assert run(port, "--disable", "bitstamp") == 0
        assert "as before  bitstamp: is disabled" in capsys.readouterr().out
        assert run(port) == 0
        assert f"bitstamp   {OFF}" in capsys.readouterr().out
        assert run(port, "--enable", "bitstamp,kraken") == 0  # kraken was not read by this server, and is by now
        found = until(channel, lambda found: settled({key: found[key] for key in found if key[1] != "kraken"}))
        assert {venue: each.resyncs for (pair, venue), each in found.items() if pair == "BTC/USDT"} == {
            "binance": 0, "bitstamp": 1, "coinbase": 0, "deribit": 0, "kraken": 0,
        }  # fmt: skip
        assert found["BTC/USDT", "binance"].connects == 1
        assert found["BTC/USDT", "bitstamp"].connects == 2
        assert run(port, "--disable", "kraken") == 0
        stream.cancel()


def test_the_trades_of_a_venue_that_is_off_are_missing(endpoints: list[str]) -> None:
    """None comes meanwhile; the gap is told with the reason when they flow again."""
    with operated(*endpoints, "--pair", "BTC/USDT") as (_, port, channel):
        until(channel, settled)
        stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        stream = stub.StreamTrades(pb.TradesRequest(venues=["bitstamp", "binance"]), timeout=DEADLINE_S)
        assert next(each for message in stream for each in message.trades if each.venue == "bitstamp")
        run(port, "--disable", "bitstamp")
        run(port, "--enable", "bitstamp")
        gaps = (gap for message in stream for gap in message.gaps)
        gap = next(gaps)
        assert (gap.venue, OFF in gap.reason) == ("bitstamp", True)
        stream.cancel()


def test_what_is_refused_is_told_apart(endpoints: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One bad name does not stop the others; the exit code tells that there was one."""
    with operated(*endpoints, "--max-pairs", "2", "--linger-s", "0") as (_, port, channel):
        assert run(port, "--add", "ETH/USDT,XXX/YYY,ETH/BTC,BTC/USDT") == 1
        said = capsys.readouterr().out
        assert "changed    ETH/USDT: carried" in said
        assert "as before  BTC/USDT: is carried" in said
        assert "REFUSED    XXX/YYY: unknown pair" in said
        assert "REFUSED    ETH/BTC: this server carries 2 pairs, as many as it may (--max-pairs)" in said
        assert "not written to the configuration file" in said
        stream: Any = rpc.stream_book(channel, pb.BookRequest(pair="ETH/USDT"), DEADLINE_S)
        next(stream)
        assert run(port, "--remove", "ETH/USDT,BTC/USDT,ETH/BTC") == 1
        said = capsys.readouterr().out
        assert "changed    ETH/USDT: carried as long as 1 stream watch it" in said
        assert "REFUSED    BTC/USDT: it is the default pair" in said
        assert "as before  ETH/BTC: is not carried" in said
        assert run(port, "--remove", "eth-usdt") == 0
        assert "as before  ETH/USDT: is carried only because 1 stream watch it" in capsys.readouterr().out
        stream.cancel()
        until(channel, lambda found: ("ETH/USDT", "binance") not in found)
        assert run(port, "--disable", "mtgox,kraken") == 1
        said = capsys.readouterr().out
        assert "REFUSED    mtgox: no such venue; known are binance" in said
        assert "as before  kraken: is not read by this server" in said


def test_a_hang_up_reads_the_file_again(config: Config) -> None:
    """Pairs, venues, limits and fees follow it; what needs a restart is named; who was there does not notice."""
    path = config.write('pairs = ["BTC/USDT", "ETH/USDT"]')
    with operated("--config", path) as (process, _port, channel):
        found = until(channel, settled)
        assert found["BTC/USDT", "deribit"].left_out
        config.write(
            'pairs = ["BTC/USDT", "ETH/BTC", "XXX/YYY"]',
            'disabled = ["bitstamp"]',
            'suspect = "exclude"\nsuspect_bps = 20\nrouted = "show"\nmin_interval_ms = 100\nlog_level = "debug"',
            'levels = 7\nfees.binance = "0.05%"\nfees.deribit = "0.04%"',
        )
        line = hang_up(process, "reload: changed")
        for words in (
            "ETH/BTC: carried", "ETH/USDT: not carried any more", "bitstamp: disabled", "min_interval_ms: 0 -> 100",
            "suspect_bps: 50.0 -> 20.0", "fees: none -> binance 0.05%",
        ):  # fmt: skip
            assert words in line
        line = process.wait_line(process.err, lambda line: "reload: refused" in line, "what is refused")
        assert "XXX/YYY: unknown pair" in line
        assert "levels: 10 -> 7: only after a restart" in line
        found = until(channel, lambda found: settled(found) and ("ETH/USDT", "binance") not in found)
        assert found["ETH/BTC", "binance"].state == pb.LIVE
        assert found["BTC/USDT", "bitstamp"].state == pb.DISABLED
        assert not found["BTC/USDT", "deribit"].left_out
        assert found["BTC/USDT", "binance"].resyncs == found["BTC/USDT", "coinbase"].resyncs == 0
        assert found["BTC/USDT", "binance"].connects == 1
        stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        cost = stub.CostToFill(
            pb.CostRequest(side="buy", amount="0.01", net_of_fees=True, venues=["binance"]), timeout=DEADLINE_S
        )
        assert float(cost.fee) / float(cost.quote) == pytest.approx(0.0005, rel=0.01)
        config.write('pairs = ["ETH/BTC", "BTC/USDT"]', exchanges=config.exchanges.replace("bitstamp,", ""))
        line = hang_up(process, "reload: changed")
        assert "default pair: BTC/USDT -> ETH/BTC" in line
        assert next(rpc.book_summary(channel, DEADLINE_S)).symbol == "ETH/BTC"
        assert process.end() == 0


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['pairs = ["BTC/USDT"]', "max_pairs = 0"], "line 3: --max-pairs 0: it must be a whole number from 1"),
        (["pairs = ["], "no TOML: Invalid value (at line"),
        (["levles = 3"], "line 2: unknown key 'levles'"),
        (['pairs = "BTC/USDT"'], "line 2: pairs 'BTC/USDT': it must be a list"),
        (['disabled = ["mtgox"]'], "line 2: unknown exchange 'mtgox'"),
    ],
)
def test_a_bad_file_changes_nothing(config: Config, lines: list[str], words: str) -> None:
    """The line, the key and the value are told, in the log and to who asked; then a good one is followed."""
    path = config.write('pairs = ["BTC/USDT"]')
    with operated("--config", path) as (process, port, channel):
        config.write(*lines)
        assert words in hang_up(process, "reload: nothing has changed")
        assert run(port, "--reload") == 1
        config.path.unlink()
        assert run(port, "--reload") == 1
        config.write('pairs = ["BTC/USDT", "ETH/USDT"]')
        assert run(port, "--reload") == 0
        assert run(port, "--reload") == 0
        until(channel, lambda found: ("ETH/USDT", "binance") in found and settled(found))


def test_a_reload_undoes_what_control_changed(endpoints: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file too: everything is as the command line said."""
    with operated(*endpoints) as (_, port, channel):
        assert run(port, "--add", "ETH/BTC", "--disable", "bitstamp") == 0
        capsys.readouterr()
        assert run(port, "--reload") == 0
        said = capsys.readouterr().out
        assert "changed    bitstamp: enabled" in said
        assert "changed    ETH/BTC: not carried any more" in said
        assert "what Control had changed besides is undone" in said
        until(channel, lambda found: settled(found) and found["BTC/USDT", "bitstamp"].state == pb.LIVE)


def test_a_routed_book_is_marked_and_left_out(endpoints: list[str]) -> None:
    """On the wire, in every place; with the reason, and merged where its source is not."""
    with operated(*endpoints, "--pair", "SOL/USDT") as (_, port, channel):
        until(channel, settled)
        stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
        listings = stub.ListPairs(pb.PairsRequest(), timeout=DEADLINE_S).pairs[0].listings
        assert {each.venue: each.routed_from for each in listings} == {"deribit": "coinbase", "coinbase": ""}
        stream: Any = rpc.stream_book(channel, pb.BookRequest(), DEADLINE_S)
        book = next(stream)
        trust = {each.trust.venue: each.trust for each in book.venues}
        assert (trust["deribit"].state, trust["deribit"].routed_from) == (pb.LIVE, "coinbase")
        assert "it is the book of coinbase, which is merged" in trust["deribit"].left_out
        assert not trust["coinbase"].left_out
        names = [each.trust.venue for each in book.venues]
        assert {names[amount.venue] for level in book.bids for amount in level.amounts} == {"coinbase"}
        run(port, "--disable", "coinbase")
        for book in stream:
            if book.venues[names.index("coinbase")].trust.state == pb.DISABLED and not book.heartbeat:
                break
        assert {names[amount.venue] for level in book.bids for amount in level.amounts} == {"deribit"}
        stream.cancel()


@pytest.mark.parametrize(
    ("arguments", "on"),
    [
        (["--host", "0.0.0.0"], False),
        (["--host", "0.0.0.0", "--control", "on"], True),
        (["--control", "off"], False),
        (["--host", "localhost"], True),
    ],
)
def test_where_control_is_served(
    endpoints: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], on: bool
) -> None:
    """On this machine, unless it is told otherwise; the refusal says how."""
    with server(*endpoints, *arguments) as (_, port):
        assert run(port, "--disable", "bitstamp") == (0 if on else 1)
        if not on:
            assert "UNIMPLEMENTED: control is off on this server: " in capsys.readouterr().err


def test_one_bad_pair_does_not_keep_the_server_from_starting(endpoints: list[str]) -> None:
    """It is told of, and carried as soon as a venue lists it; disabled venues are not asked."""
    arguments = ("--pair", "XXX/YYY", "--pair", "SOL/USDT", "--disabled", "coinbase")
    with operated(*endpoints, *arguments) as (process, _port, channel):
        assert any("unknown pair 'XXX/YYY'" in line for line in process.err)
        found = until(channel, settled)
        assert [(key[1], each.state) for key, each in found.items() if each.state != pb.UNLISTED] == [
            ("deribit", pb.LIVE), ("coinbase", pb.DISABLED),
        ]  # fmt: skip


def test_a_hang_up_while_it_starts_is_followed_then(config: Config) -> None:
    """The file may have changed since it was read."""
    path = config.write('pairs = ["BTC/USDT"]', "suspect_s = 2.5", "catalog_s = 0")
    with operated("--config", path) as (process, _, _channel):
        hang_up(process, "reload: nothing has changed")
        hang_up(process, "reload: nothing has changed")


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 with the reason; wrong arguments 2."""
    assert control.main(["--port", "9", "--reload"]) == 1
    assert "UNAVAILABLE" in capsys.readouterr().err
    for arguments, words in (
        (["--disable", ","], "nothing is named; write --disable A,B"),
        (["--cert", __file__], "belong together"),
        (["--ca", "/no/such/file"], "cannot read /no/such/file"),
        (["--port", "x"], "'x' is not a whole number"),
        (["--port", "99999"], "'99999' is not a whole number from 1 to 65535"),
    ):
        with pytest.raises(SystemExit) as ended:
            control.main(arguments)
        assert ended.value.code == 2
        assert words in capsys.readouterr().err


def test_what_lacks_is_told(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """A venue that cannot be reached, with the reason and the pairs."""
    config.table = [line for line in config.table if "bitstamp" not in line]
    path = config.write('endpoints."bitstamp.rest" = "http://127.0.0.1:9"', 'pairs = ["BTC/USDT", "ETH/BTC"]')
    text = Path(path).read_text().replace("[endpoints]\n", "")
    lines = [f"endpoints.{line}" if line.startswith('"') else line for line in text.splitlines()]
    Path(path).write_text("\n".join(lines))
    with operated("--config", path) as (_, port, channel):
        until(channel, lambda found: found["BTC/USDT", "binance"].state == pb.LIVE)
        assert run(port) == 0
        said = capsys.readouterr().out
        assert "bitstamp   0/2 books live" in said
        assert "down: BTC/USDT, ETH/BTC: http://127.0.0.1:9" in said
        assert json.dumps(said)
