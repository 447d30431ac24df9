"""The venue as a process: its command line, its start, its end."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import websocket

from venue.config import parse

ROOT = Path(__file__).parents[2]
FAST = ("--deep-levels", "50", "--pair", "BTC/USDT")


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Start the venue on free ports and wait for its endpoints."""
    command = [sys.executable, "-m", "venue", "--free-ports", "--print-endpoints"]
    running = subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None and running.stderr is not None
        yield running, json.loads(running.stdout.readline())
    finally:
        running.kill()
        running.communicate(timeout=10)


def refused(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "venue", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_serves_and_ends_cleanly(number: signal.Signals) -> None:
    """Both faces answer at the printed addresses; a signal closes the clients with 1001 and the status is 0."""
    with process(*FAST) as (running, endpoints):
        assert set(endpoints) == {"binance", "bitstamp"}
        with urllib.request.urlopen(endpoints["binance"]["rest"] + "/api/v3/depth?symbol=BTCUSDT") as reply:
            assert json.load(reply)["bids"]
        with urllib.request.urlopen(endpoints["bitstamp"]["rest"] + "/api/v2/order_book/btcusdt/") as reply:
            assert json.load(reply)["asks"]
        client = websocket.create_connection(endpoints["binance"]["ws"] + "/ws/btcusdt@depth@100ms", timeout=5)
        assert json.loads(client.recv())["e"] == "depthUpdate"
        running.send_signal(number)
        code = b""
        while not code:
            opcode, data = client.recv_data()
            code = data[:2] if opcode == websocket.ABNF.OPCODE_CLOSE else b""
        assert int.from_bytes(code) == 1001
        client.shutdown()  # type: ignore[no-untyped-call]
        _, errors = running.communicate(timeout=10)
        assert running.returncode == 0
        assert errors.splitlines() == [
            f"{name} listening on {endpoints[name]['rest']}" for name in ("binance", "bitstamp")
        ]


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, errors = refused(*FAST, "--binance-port", str(port), "--bitstamp-port", "0")
    assert status == 1
    assert errors.count("\n") == 1 and f"127.0.0.1:{port}" in errors and "in use" in errors


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--pair", "BTCUSDT"], "BASE/QUOTE"),
        (["--pair", "BTC/USDT", "--pair", "btc/usdt@binance"], "twice"),
        (["--faces", "nowhere"], "nowhere"),
        (["--faces", "binance", "--pair", "BTC/USD@bitstamp"], "none of the pairs"),
        (["--binance-port", "70000"], "65535"),
        (["--speed", "0"], "between"),
        (["--speed", "nan"], "between"),
        (["--rate", "fast"], "not a number"),
        (["--levels", "0"], "between"),
        (["--tls-cert", "x.pem"], "belong together"),
    ],
)
def test_bad_arguments_end_with_status_2(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(arguments)
    assert end.value.code == 2
    assert says in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    """The examples of the help are real: each of them parses."""
    with pytest.raises(SystemExit) as end:
        parse(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    examples = [line.split()[3:] for line in text.splitlines() if line.strip().startswith("python -m venue")]
    assert len(examples) >= 5
    for arguments in examples:
        assert parse(arguments).pairs


def test_the_default_pairs_cover_every_kind_of_listing() -> None:
    """Pairs on both venues, on one only, and the dollar on Bitstamp only."""
    listed = {pair.name: [listing.face for listing in pair.listings] for pair in parse([]).pairs}
    assert listed["BTC/USDT"] == listed["ETH/USDT"] == listed["ETH/BTC"] == ["binance", "bitstamp"]
    assert listed["BTC/USDC"] == ["binance"]
    assert listed["BTC/USD"] == listed["XRP/USD"] == ["bitstamp"]


def test_tls(tmp_path: Path) -> None:
    """With a certificate both faces speak TLS on their ports."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
        ),
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("needs the openssl program")
    with process(*FAST, "--tls-cert", str(cert), "--tls-key", str(key)) as (_, endpoints):
        assert endpoints["binance"]["rest"].startswith("https://")
        assert endpoints["bitstamp"]["ws"].startswith("wss://")
        trust = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(endpoints["binance"]["rest"] + "/api/v3/ping", context=trust) as reply:
            assert reply.read() == b"{}"
        client = websocket.create_connection(endpoints["bitstamp"]["ws"], timeout=5, sslopt={"ca_certs": str(cert)})
        client.send('{"event":"bts:heartbeat"}')
        assert json.loads(client.recv())["data"] == {"status": "success"}
        client.shutdown()  # type: ignore[no-untyped-call]
    status, errors = refused(*FAST, "--tls-cert", str(key), "--tls-key", str(cert))
    assert status == 1 and errors.count("\n") == 1


def test_the_venue_imports_nothing_of_the_project() -> None:
    """It meets the rest of the project on the wire only."""
    ours = {"book", "exchanges", "proto", "services", "dashboard", "tape", "execution", "bench", "server", "client"}
    for path in (ROOT / "venue").rglob("*.py"):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]):
                assert words[1].split(".")[0] not in ours, f"{path}: {line}"
