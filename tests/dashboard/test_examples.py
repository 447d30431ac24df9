"""The examples run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proto import orderbook_pb2 as pb
from tests.dashboard.fake import FakeServer, market, venue
from tests.dashboard.test_rows import crossed

ROOT = Path(__file__).parent.parent.parent
DEADLINE_S = 20


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.*")), ids=lambda path: path.name)
def test_an_example_is_short_and_says_how_to_run_it(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) < 30
    assert any(path.stem in line for line in lines[:6])


def test_watch_tells_of_states_and_crossings(server: FakeServer) -> None:
    server.put(market(2))
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.watch", f"127.0.0.1:{server.port}", "BTC/USDT"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        while not server.streams:
            assert process.poll() is None
        down = market(2, venues=[venue("binance"), venue("bitstamp", pb.DOWN, reason="closed: 1006")])
        server.put(market(2), down, market(2), crossed(), market(2))
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(4)]
    finally:
        process.kill()
        process.communicate()
    assert told == [
        "BTC/USDT bitstamp DOWN closed: 1006",
        "BTC/USDT bitstamp LIVE",
        "BTC/USDT CROSSED by 1.2",
        "BTC/USDT no longer crossed",
    ]
    assert server.requests[0].levels == 1


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_spread_with_jq(server: FakeServer) -> None:
    server.put(market(1))
    done = subprocess.run(
        [str(ROOT / "examples" / "spread.sh"), "--port", str(server.port), "--count", "1"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"BTC/USDT\t64123\.20\t[a-z+]+\t64123\.40\t[a-z+]+\t0\.20\n", done.stdout)


def test_grpcurl_says_how_to_get_it() -> None:
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "examples" / "grpcurl.sh")],
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "grpcurl is missing: go install" in done.stderr
