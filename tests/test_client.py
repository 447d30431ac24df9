"""client.py as a script meets it: a process with pipes, signals and exit codes."""

import array
import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import client
from proto import orderbook_pb2 as pb
from tests.dashboard.fake import FakeServer, book, heartbeat, market, venue

ROOT = Path(__file__).parent.parent
CLIENT = [sys.executable, str(ROOT / "client.py")]
DEADLINE_S = 20
FULL_PIPE = 50_000  # bytes: of the 64 KiB that Linux gives a pipe, less a line


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer().start()
    yield fake
    fake.stop()


def run(*arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*CLIENT, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_S,
        env={**os.environ, **(env or {})},
        check=False,
    )


def wait_for_stream(server: FakeServer) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not server.streams:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_help_teaches() -> None:
    done = run("--help")
    assert done.returncode == 0
    for word in ("examples:", "jsonl", "exit codes", "--symbol", "50052", "jq"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--port", "0"], "whole number"),
        (["--port", "x"], "whole number"),
        (["--levels", "5001"], "5000"),
        (["--count", "0"], "whole number"),
        (["--timeout", "nan"], "not a number"),
        (["--timeout", "-1"], "--timeout"),
        (["--fps", "0"], "from 1 to 60"),
        (["--venues", ","], "no venue"),
        (["--format", "xml"], "invalid choice"),
        (["--analytics", "mid"], "--analytics are printed by --format jsonl"),
        (["--analytics", ",", "--format", "jsonl"], "no analytic named"),
        (["--ca", "/no/such/file"], "cannot read /no/such/file"),
        (["--cert", str(ROOT / "client.py")], "belong together"),
        (["--frobnicate"], "unrecognized"),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        client.main(arguments)
    assert ended.value.code == 2
    assert word in capsys.readouterr().err


def test_no_terminal_prints_a_table(server: FakeServer) -> None:
    server.put(market(3))
    done = run(
        "--port",
        str(server.port),
        "--count",
        "1",
        "--levels",
        "3",
        "--venues",
        "Binance,bitstamp",
        "--symbol",
        "btc-usdt",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "spread 0.20 (0.03 bp)" in done.stdout
    assert re.search(r"^  bid  64123\.20 : \d+\.\d{4} \[", done.stdout, re.MULTILINE)
    request = server.requests[0]
    assert (request.pair, request.levels, list(request.venues)) == ("btc-usdt", 3, ["binance", "bitstamp"])


def test_jsonl_counts_updates_and_leaves_heartbeats_out(server: FakeServer) -> None:
    first = market(2)
    server.put(first)
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port), "--format", "jsonl", "--count", "2"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["heartbeat"] is False, "flushed at once"
    server.put(heartbeat(first), market(2, sequence=9))
    rest = process.stdout.read()
    assert process.wait(DEADLINE_S) == 0
    assert json.loads(rest)["sequence"] == 9
    process.stdout.close()


def test_analytics_are_asked_for_and_printed(server: FakeServer) -> None:
    """As the server tells them; a figure that is not defined is null, with the reason."""
    message = market(2, net_of_fees=True)
    message.analytics.add(name="mid", value="64123.30", unit="USDT")
    message.analytics.add(
        name="depth_bps:9", part="bids", value="1.5", unit="BTC", reason="at least", incomplete=True
    )
    message.analytics.add(name="spread", unit="USDT", reason="no asks", incomplete=True)
    server.put(message)
    wanted = ("--net", "--analytics", "mid, depth_bps:9,spread")
    done = run("--port", str(server.port), "--format", "jsonl", "--count", "1", *wanted)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["net_of_fees"] is True
    assert told["analytics"] == [
        {"name": "mid", "part": "", "value": "64123.30", "unit": "USDT", "reason": "", "complete": True},
        {
            "name": "depth_bps:9",
            "part": "bids",
            "value": "1.5",
            "unit": "BTC",
            "reason": "at least",
            "complete": False,
        },
        {"name": "spread", "part": "", "value": None, "unit": "USDT", "reason": "no asks", "complete": False},
    ]
    request = server.requests[0]
    assert (list(request.analytics), request.net_of_fees) == (["mid", "depth_bps:9", "spread"], True)


def test_heartbeats_by_wish(server: FakeServer) -> None:
    first = market(2)
    server.put(first)
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port), "--format", "csv", "--count", "2", "--heartbeats"],
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_for_stream(server)
    assert process.stdout is not None
    header, line = process.stdout.readline(), process.stdout.readline()
    assert header.startswith("time,pair,")
    assert ",0,2,2,bid,1," in line
    server.put(heartbeat(first))
    out = process.stdout.read()
    assert process.wait(DEADLINE_S) == 0
    assert ",1,2,2,bid,1," in out
    process.stdout.close()


def test_a_book_without_live_venues_is_not_printed(server: FakeServer) -> None:
    server.put(book(venues=[venue("binance", pb.CONNECTING)]))
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port), "--format", "jsonl", "--count", "1"], stdout=subprocess.PIPE, text=True
    )
    wait_for_stream(server)
    server.put(market(2))
    out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert json.loads(out)["venues"][0]["state"] == "live"


@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
def test_a_closed_pipe_is_a_quiet_end(server: FakeServer, form: str) -> None:
    """As `client.py | head -1`: no traceback, exit 0, also when the market is quiet and nothing is written."""
    first = market(3)
    server.put(first)
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port), "--format", form], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    server.put(heartbeat(first))
    assert process.wait(DEADLINE_S) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_a_quiet_end(server: FakeServer, number: signal.Signals) -> None:
    server.put(market(3))
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port), "--format", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(number)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, b"")


def test_a_signal_ends_it_while_nobody_reads_the_pipe(server: FakeServer) -> None:
    """Blocked in a write to a full pipe, it still ends at once."""
    server.put(market(100))
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port), "--format", "jsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for_stream(server)
    server.put(*(market(100, seed=step) for step in range(60)))
    assert process.stdout is not None
    held, deadline = array.array("i", [0]), time.monotonic() + DEADLINE_S
    while held[0] < FULL_PIPE:  # then the next line does not fit
        assert time.monotonic() < deadline
        fcntl.ioctl(process.stdout, termios.FIONREAD, held)
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()


def test_nobody_there_names_the_way_out() -> None:
    done = run("--port", "1", "--timeout", "0.6")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    for word in ("127.0.0.1:1", "connection refused", "start the server", "--host", "--port"):
        assert word in done.stderr


def test_a_server_that_starts_later_is_found() -> None:
    fake = FakeServer().start()
    port = fake.port
    fake.stop()
    process = subprocess.Popen(
        [*CLIENT, "--port", str(port), "--format", "jsonl", "--count", "1"], stdout=subprocess.PIPE, text=True
    )
    fake.start(port)
    fake.put(market(2))
    out, _ = process.communicate(timeout=DEADLINE_S)
    fake.stop()
    assert process.returncode == 0
    assert json.loads(out)["pair"] == "BTC/USDT"


def test_connected_without_a_book_says_so(server: FakeServer) -> None:
    server.put(book(venues=[venue("binance", pb.DOWN), venue("bitstamp", pb.SYNCING)]))
    done = run("--port", str(server.port), "--timeout", "1.5", "--symbol", "BTC/USDT")
    assert done.returncode == 1
    assert "no book of BTC/USDT within 1.5 s: binance down; bitstamp snapshot" in done.stderr


def test_a_refusal_ends_at_once(server: FakeServer) -> None:
    server.refuse(grpc.StatusCode.NOT_FOUND, "no pair X/Y here; near: X/Z")
    done = run("--port", str(server.port), "--symbol", "X/Y", "--timeout", "0")
    assert done.returncode == 1
    assert "NOT_FOUND: no pair X/Y here; near: X/Z" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_lost_stream_is_taken_up_again(server: FakeServer) -> None:
    server.put(market(2))
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port), "--format", "jsonl", "--count", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    port = server.port
    server.stop()
    server.start(port)
    out, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert json.loads(out)["pair"] == "BTC/USDT"
    assert "trying again" in errors
    assert "is back" in errors


def test_a_full_disk_is_named(server: FakeServer) -> None:
    server.put(market(2))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*CLIENT, "--port", str(server.port), "--format", "csv"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "client.py: cannot write to standard output: No space left on device\n"


def test_an_ascii_locale_does_not_end_the_table(server: FakeServer) -> None:
    server.put(market(2, venues=[venue("binance"), venue("bitstamp", pb.GAP)]))
    done = run("--port", str(server.port), "--count", "1", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "? bitstamp resync" in done.stdout


def drawn(server: FakeServer, *wanted: tuple[bytes, bytes], **env: str) -> bytes:
    """What the dashboard writes to a terminal of its own. Each text is waited for, then its key is pressed."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "80", "LINES": "24", **env},
    )
    os.close(slave)
    seen, at, steps = b"", 0, list(wanted)
    deadline = time.monotonic() + DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
        if steps and steps[0][0] in seen[at:]:
            at = len(seen)
            os.write(master, steps.pop(0)[1])
    if steps:
        process.kill()
    code = process.wait(DEADLINE_S)
    os.close(master)
    assert not steps, f"{steps[0][0]!r} never came"
    assert code == 0
    return seen


def colours(output: bytes) -> set[str]:
    """The SGR parameters of the output that choose a colour."""
    found = set()
    for sequence in re.findall(rb"\x1b\[([\d;]*)m", output):
        for parameter in sequence.decode().split(";"):
            if re.fullmatch(r"3[0-8]|4[0-8]|9[0-7]|10[0-7]", parameter):
                found.add(parameter)
    return found


def test_a_terminal_is_drawn_on_in_colour(server: FakeServer) -> None:
    server.put(market())
    output = drawn(server, (b"64,123.40", b"q"))
    assert {"38", "48"} <= colours(output)
    assert output.count(b"\x1b[?1049h") == output.count(b"\x1b[?1049l") == 1, "the terminal is given back"


def test_no_color_means_none(server: FakeServer) -> None:
    """No SGR colour at all, neither in the book nor in the help, and every fact still there."""
    server.put(market(venues=[venue("binance"), venue("bitstamp", pb.DOWN)]))
    output = drawn(server, (b"64,123.40", b"?"), (b"Escape closes", b"\x03"), (b"to quit", b"q"), NO_COLOR="1")
    assert colours(output) == set()
    text = output.decode()
    for sign in ("█", "● LIVE", "✕ down"):
        assert sign in text


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    for name in ("stdin", "stdout", "__stderr__"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert client.drawable()
    monkeypatch.setenv("TERM", "dumb")
    assert not client.drawable()
