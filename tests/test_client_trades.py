"""client.py --trades as a script meets it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from book import Print, Taker
from services import GrpcOptions
from tests.processes import running
from tests.services.conftest import Rig, wait_until

ROOT = Path(__file__).parent.parent
CLIENT = [sys.executable, str(ROOT / "client.py")]
DEADLINE_S = 30


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def trade(rig: Rig, *numbers: int) -> None:
    prints = [Print(100.5, 0.25, Taker.SELLER, str(number), 7, number) for number in numbers]
    rig.books.trades.add("binance", prints, 8, 9)


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*CLIENT, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.mark.parametrize(("form", "header"), [("table", 0), ("jsonl", 0), ("csv", 1)])
def test_recent_trades(rig: Rig, form: str, header: int) -> None:
    """So many, and the gap between them; then the end."""
    trade(rig, 1, 2, 5, 6, 7)
    done = run("--trades", "--port", str(rig.port), "--format", form, "--recent", "4", "--count", "3")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()[header:]
    assert len(lines) == 4
    assert "trades 3 to 4 are missing" in lines[1]
    assert all("100.5" in line for line in (lines[0], *lines[2:]))


def test_trades_from_now_on(rig: Rig) -> None:
    """The table is the default; a server that comes back is followed."""
    with running("client.py", "--trades", "--port", str(rig.port), "--timeout", "20") as client:
        wait_until(lambda: rig.publisher.streams == 1, "the stream")
        trade(rig, 1)
        client.wait_line(client.out, lambda line: "sell" in line, "a trade")
        rig.server.stop(1.0)
        client.wait_line(client.err, lambda line: "ended (OK: the server stopped); trying again" in line, "the end")
        again = Rig(GrpcOptions(port=rig.port))
        try:
            client.wait_line(client.err, lambda line: "is back; trades in between are not printed" in line, "back")
            trade(again, 9)
            client.wait_line(client.out, lambda line: line.endswith("9"), "another trade")
        finally:
            again.close()
        assert client.end() == 0


def test_the_reader_hangs_up(rig: Rig) -> None:
    """Also where nothing is traded."""
    command = " ".join([*CLIENT, "--trades", "--recent", "1", "--port", str(rig.port), "| head -n 1"])
    trade(rig, 1)
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_is_refused(rig: Rig) -> None:
    """In the server's words."""
    done = run("--trades", "--port", str(rig.port), "--symbol", "QQQ/ZZZ")
    assert done.returncode == 1
    assert "refuses the trades of QQQ/ZZZ: NOT_FOUND" in done.stderr or "unknown pair" in done.stderr


def test_nobody_answers(rig: Rig) -> None:
    """The time is over."""
    rig.close()
    done = run("--trades", "--port", str(rig.port), "--timeout", "0.5")
    assert done.returncode == 1
    assert "cannot reach 127.0.0.1" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--trades", "--net"], "--net is of books"),
        (["--trades", "--analytics", "mid"], "--analytics is of books"),
        (["--trades", "--recent", "1001"], "not a whole number from 1 to 1000"),
        (["--recent", "5"], "--recent is of --trades"),
    ],
)
def test_wrong_arguments(arguments: list[str], says: str) -> None:
    """Say so."""
    done = run(*arguments)
    assert (done.returncode, says in done.stderr) == (2, True)


def test_numbers_stay_exact(rig: Rig) -> None:
    """As the venue wrote them."""
    rig.books.trades.add("bitstamp", [Print(1e-07, 12.0, Taker.BUYER, "x", 0)], 8, 9)
    done = run("--trades", "--port", str(rig.port), "--format", "jsonl", "--recent", "1", "--count", "1")
    told = json.loads(done.stdout)
    assert (told["price"], told["amount"], told["taker"]) == ("0.0000001", "12", "buyer")
