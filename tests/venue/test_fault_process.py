"""Faults of the venue as a process: from the command line and from a scenario file."""

import json
import urllib.error
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.venue.test_process import process, refused

FAST = ("--deep-levels", "50", "--pair", "BTC/USDT", "--batch-ms", "30", "--speed", "3")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return json.load(reply)


def test_faults_from_the_command_line() -> None:
    """They are active from the first request on, on the faces that they name."""
    faults = (
        *("--fault", "status,face=binance,code=429,retry_after_s=11,count=1"),
        *("--fault", "drop symbol=BTC/USDT channel=diff every=4"),
    )
    with process(*FAST, *faults) as (_, endpoints):
        binance, bitstamp = endpoints["binance"]["rest"], endpoints["bitstamp"]["rest"]
        with pytest.raises(urllib.error.HTTPError) as status:
            get(f"{binance}/api/v3/depth?symbol=BTCUSDT")
        with status.value as answer:
            assert answer.code == 429 and answer.headers["Retry-After"] == "11"
        assert get(f"{binance}/api/v3/depth?symbol=BTCUSDT")["bids"]
        assert [row["kind"] for row in get(f"{binance}/admin/faults")["active"]] == ["drop"]
        assert [row["symbol"] for row in get(f"{bitstamp}/admin/faults")["active"]] == ["btcusdt"]
        client = websocket.create_connection(endpoints["binance"]["ws"] + "/ws/btcusdt@depth@100ms", timeout=5)
        events = [json.loads(client.recv()) for _ in range(9)]
        client.shutdown()  # type: ignore[no-untyped-call]
        holes = [a["u"] + 1 != b["U"] for a, b in pairwise(events)]
        assert holes[2::3].count(True) == sum(holes) == len(holes[2::3])


SCENARIO = """
[[fault]]
at = 0.4
face = "binance"
kind = "cut"
code = 1012

[[fault]]
at = 0
kind = "silence"
face = "bitstamp"
symbol = "BTC/USDT"
"""


def test_a_scenario_file(tmp_path: Path) -> None:
    """Its faults begin at their times, each on its face."""
    path = tmp_path / "storm.toml"
    path.write_text(SCENARIO)
    with process(*FAST, "--scenario", str(path)) as (_, endpoints):
        client = websocket.create_connection(endpoints["binance"]["ws"] + "/ws/btcusdt@depth@100ms", timeout=5)
        opcode, data = websocket.ABNF.OPCODE_TEXT, b""
        while opcode != websocket.ABNF.OPCODE_CLOSE:
            opcode, data = client.recv_data()
        client.shutdown()  # type: ignore[no-untyped-call]
        assert int.from_bytes(data[:2]) == 1012
        (row,) = get(f"{endpoints['binance']['rest']}/admin/faults")["ended"]
        assert row["kind"] == "cut" and row["struck"] == 1
        (row,) = get(f"{endpoints['bitstamp']['rest']}/admin/faults")["active"]
        assert row["kind"] == "silence"


def test_bad_faults_are_refused_at_the_start(tmp_path: Path) -> None:
    """Status 2 and a line that names the value, before anything is opened."""
    status, errors = refused(*FAST, "--fault", "drop,every=often")
    assert status == 2 and errors.splitlines()[-1].endswith("fault drop: every: 'often' is not a number")
    path = tmp_path / "bad.jsonl"
    path.write_text('{"at": 1, "kind": "cut"}\n{"at": 2, "kind": "cut", "code": 999}\n')
    status, errors = refused(*FAST, "--scenario", str(path))
    assert status == 2 and "bad.jsonl, line 2: cut: code: 999 is not between" in errors
