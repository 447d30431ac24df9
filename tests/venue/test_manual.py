"""The manual's commands for users who test their own clients, run as they stand there."""

import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.venue.test_process import ROOT, process
from venue.config import parse

MANUAL = (ROOT / "docs" / "venue.md").read_text()
EXAMPLES = MANUAL.partition("### Three examples")[2].partition("\n## ")[0]
USAGE = MANUAL.partition("## What clients have asked")[2].partition("\n## ")[0]

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs the curl program")


def blocks(text: str) -> list[str]:
    """Return the blocks of shell commands, without those that are tagged as something else."""
    return [body for tag, body in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE) if not tag]


def run(command: str, endpoints: dict[str, Any]) -> str:
    """Run commands of the manual against the faces' real ports; they must succeed."""
    for name, port in (("binance", "18081"), ("bitstamp", "18082")):
        command = command.replace(f"http://127.0.0.1:{port}", endpoints[name]["rest"])
    done = subprocess.run(["sh", "-ec", command], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Diffs:
    """A client of the diffs of BTC/USDT, as a user has one beside the commands."""

    def __init__(self, endpoints: dict[str, Any]) -> None:
        self.socket = websocket.create_connection(endpoints["binance"]["ws"] + "/ws/btcusdt@depth@100ms", timeout=5)

    def read(self, number: int) -> list[Any]:
        return [json.loads(self.socket.recv()) for _ in range(number)]

    def close(self) -> None:
        self.socket.shutdown()  # type: ignore[no-untyped-call]


@needs_curl
def test_a_dropped_diff_can_be_seen() -> None:
    """The first example: one strike is told, and the client's ids have one hole."""
    begin, show, true = blocks(EXAMPLES)[0].splitlines()
    with process("--pair", "BTC/USDT", "--deep-levels", "50") as (_, endpoints):
        diffs = Diffs(endpoints)
        seen = diffs.read(2)
        run(begin, endpoints)
        seen += diffs.read(12)
        assert '"struck": 1' in run(show, endpoints) and len(json.loads(run(true, endpoints))["bids"]) == 10
        assert sum(a["u"] + 1 != b["U"] for a, b in pairwise(seen)) == 1
        diffs.close()


def test_the_storm_can_be_started(tmp_path: Path) -> None:
    """The second example: the file that its commands write is a scenario with what the text says, on both faces."""
    script, _, start = blocks(EXAMPLES)[1].strip().rpartition("\n")
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, timeout=30)
    words = start.replace("storm.toml", str(tmp_path / "storm.toml")).split()
    assert words[:3] == ["python", "-m", "venue"]
    planned = parse(words[3:]).faults
    for face in ("binance", "bitstamp"):
        ours = [(plan.at_s, plan.spec.kind.kind) for plan in planned if plan.face == face]
        assert ours == [(20.0, "status"), (21.0, "cut"), (21.0, "refuse")]


@needs_curl
def test_a_lost_diff_can_be_told_from_the_changes() -> None:
    """The third example: the ids are whole, `last` names the lost ones, and the endpoint of changes tells them."""
    begin, show = blocks(EXAMPLES)[2].splitlines()
    with process("--pair", "BTC/USDT", "--deep-levels", "50") as (_, endpoints):
        diffs = Diffs(endpoints)
        seen = diffs.read(2)
        run(begin, endpoints)
        seen += diffs.read(12)
        last = json.loads(run(show, endpoints).replace("'", '"'))
        assert all(a["u"] + 1 == b["U"] for a, b in pairwise(seen))
        first, final = last["U"], last["u"]
        (path,) = re.findall(r"`(/admin/changes[^`]*)`", EXAMPLES)
        path = path.replace("<U minus 1>", str(first - 1)).replace("<u minus U plus 1>", str(final - first + 1))
        rows = json.loads(run(f"curl -s '{endpoints['binance']['rest']}{path}'", endpoints))["changes"]
        assert [row[0] for row in rows] == list(range(first, final + 1))
        diffs.close()


@needs_curl
def test_usage_can_be_shown_as_a_table() -> None:
    """The cut and the table: the connects of the client that was cut and came again are in it."""
    cut, table = blocks(USAGE)[0].splitlines()
    with process("--pair", "BTC/USDT", "--deep-levels", "50") as (_, endpoints):
        old = Diffs(endpoints)
        run(cut, endpoints)
        new = Diffs(endpoints)
        head, *rows = [line.split() for line in run(table, endpoints).splitlines()]
        assert head[:3] == ["second", "connects", "connects_refused"]
        assert sum(int(row[1]) for row in rows) == 2 and len({len(row) for row in rows}) == 1
        for one in (old, new):
            one.close()
