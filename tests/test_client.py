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
from collections.abc import Callable, Iterator, Sequence
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
        (["--venues", ","], "nothing is named; write --venues binance"),
        (["--format", "xml"], "invalid choice"),
        (["--analytics", "mid"], "--analytics are printed by --format jsonl"),
        (["--analytics", ",", "--format", "jsonl"], "nothing is named; write --analytics mid"),
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


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Whoever runs the tests may have settings of their own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def drawn(
    server: FakeServer, *wanted: tuple[bytes, bytes], arguments: Sequence[str] = (), size: str = "80x24", **env: str
) -> bytes:
    """What the dashboard writes to a terminal of its own. Each text is waited for, then its key is pressed."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    columns, lines = size.split("x")
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port), *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": columns, "LINES": lines, **env},
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
    """The SGR parameters of the output that choose a colour, the terminal's own among them."""
    found = set()
    for sequence in re.findall(rb"\x1b\[([\d;:]*)m", output):
        for parameter in re.split("[;:]", sequence.decode()):
            if re.fullmatch(r"3[0-9]|4[0-9]|5[89]|9[0-7]|10[0-7]", parameter):
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
    assert colours(drawn(server, (b"64,123.40", b"q"), arguments=["--color", "none"])) == set()
    text = output.decode()
    for sign in ("█", "● LIVE", "✕ down"):
        assert sign in text


def test_no_color_on_every_screen_and_page(server: FakeServer) -> None:
    """An empty value counts, as no-color.org has it."""
    server.put(market())
    output = drawn(
        server,
        (b"64,123.40", b":"),
        (b"a few letters", b"theme nord\r"),
        (b"64,123", b";"),
        (b"Enter writes", b"\x1b"),
        (b"64,123", b"V"),
        (b"mutes", b"\x1b"),
        (b"64,123", b"e"),
        (b"venues live", b"6"),
        (b"no pair known", b"A"),
        (b"HOST:PORT", b"\x1b"),
        (b"no pair known", b"q"),
        NO_COLOR="",
    )
    assert colours(output) == set()


def test_sixteen_colours_are_the_terminals_own(server: FakeServer) -> None:
    server.put(market())
    output = drawn(server, (b"64,123.40", b"q"), arguments=["--color", "16"])
    assert {"31", "32"} <= colours(output)
    assert not {"38", "48"} & colours(output)
    assert "█" in output.decode(), "bars are glyphs"


def test_256_colours(server: FakeServer) -> None:
    server.put(market())
    output = drawn(server, (b"64,123.40", b"q"), arguments=["--color", "256"])
    assert b"38;5;" in output
    assert b"38;2;" not in output


def test_a_locale_without_utf8_is_drawn_in_ascii(server: FakeServer) -> None:
    """On the panels and on the pages."""
    server.put(market())
    output = drawn(server, (b"64,123.40", b"?"), (b"Escape closes", b"q"), size="140x45", LC_ALL="C", PYTHONUTF8="1")
    shown = re.sub(rb"\x1b[^a-zA-Z]*[a-zA-Z]", b"", output)
    assert not [sign for sign in shown.decode() if sign > "~"]
    assert b"* LIVE" in output or b"o LIVE" in output


def test_the_mouse_is_left_to_the_terminal(server: FakeServer) -> None:
    server.put(market())
    assert b"\x1b[?1000h" in drawn(server, (b"64,123.40", b"q"))
    assert b"\x1b[?1000h" not in drawn(server, (b"64,123.40", b"q"), arguments=["--no-mouse"])


def test_settings_are_kept_from_run_to_run(server: FakeServer, no_settings: Path) -> None:
    """What a key toggles is in the file, and the file is in the next run."""
    server.put(market())
    drawn(server, (b"64,123.40", b"u"), (b"SIZE USDT", b"q"))
    path = no_settings / "onebook" / "config.toml"
    assert path.read_text(encoding="utf-8") == 'unit = "quote"\n'
    path.write_text('unit = "quote"\ntheme = "mono"\n[keys]\nquit = "z"\n', encoding="utf-8")
    output = drawn(server, (b"SIZE USDT", b"z"))
    assert colours(output) <= {"39", "49"}
    assert {"38"} <= colours(drawn(server, (b"SIZE USDT", b"z"), arguments=["--theme", "dark"])), "line over file"


def test_a_home_that_cannot_be_written_does_not_end_it(server: FakeServer, no_settings: Path) -> None:
    server.put(market())
    (no_settings / "onebook").write_text("a file where a folder should be", encoding="utf-8")
    output = drawn(server, (b"64,123.40", b"u"), (b"settings are not kept", b"q"))
    assert b"SIZE USDT" in output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fps = 100", "fps = 100.0 is not a number from 1 to 60"),
        ('theme = "dracola"', "did you mean dracula?"),
        ('[keys]\npause = "q"', "'q' is both 'pause' and 'quit'"),
        ('[colors]\nbid = "reddish"', "colors.bid = 'reddish' is no colour"),
    ],
)
def test_bad_settings_are_named_before_anything_is_drawn(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text, encoding="utf-8")
    done = run("--config", str(path), "--screenshot", str(tmp_path / "x.svg"), "--exit-after", "1")
    assert done.returncode == 2
    assert told in done.stderr


def test_a_picture_needs_no_terminal(server: FakeServer, tmp_path: Path) -> None:
    server.put(market())
    path = tmp_path / "book.svg"
    done = run(
        *("--port", str(server.port), "--screenshot", str(path), "--exit-after", "1.5", "--theme", "light"),
        env={**os.environ, "COLUMNS": "140", "LINES": "45"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = path.read_text(encoding="utf-8")
    assert "64,123.40" in text
    assert "Trades" in text
    done = run("--port", "1", "--screenshot", str(tmp_path / "no" / "x.svg"), "--exit-after", "0.1")
    assert done.returncode == 1
    assert "no picture" in done.stderr + done.stdout


def test_a_suspended_dashboard_gives_the_terminal_back_and_comes_again(server: FakeServer) -> None:
    server.put(market())
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*CLIENT, "--port", str(server.port)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        start_new_session=True,
    )
    os.close(slave)
    seen = b""

    def read_until(done: Callable[[], bool]) -> None:
        nonlocal seen
        deadline = time.monotonic() + DEADLINE_S
        while not done():
            assert time.monotonic() < deadline, seen[-300:]
            if select.select([master], [], [], 0.05)[0]:
                seen += os.read(master, 65536)

    try:
        read_until(lambda: b"64,123.40" in seen)
        os.write(master, b"\x1a")
        read_until(lambda: b"\x1b[?1049l" in seen and _state(process.pid) == "T")
        server.put(*(market(mid=7_000_010 + step) for step in range(5)))
        process.send_signal(signal.SIGCONT)
        read_until(lambda: b"70,000.24" in seen)
        os.write(master, b"q")
        read_until(lambda: process.poll() is not None or seen.count(b"\x1b[?1049l") == 2)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()
        process.wait(DEADLINE_S)
        os.close(master)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


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
