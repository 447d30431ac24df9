"""The code in docs/adding-a-venue.md works: the connectors come to live books, and the page's own tests pass."""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from book import State
from exchanges import VENUES, Venue
from tests.exchanges.desk import Desk, instrument
from tests.processes import ROOT

PAGE = ROOT / "docs" / "adding-a-venue.md"


def files() -> dict[str, str]:
    """By path: all blocks of code that begin with its name, one after the other."""
    found: dict[str, str] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        path, code = re.fullmatch(r"# (\S+\.py)\n(.*)", block, re.DOTALL).groups()  # type: ignore[union-attr]
        found[path] = f"{found[path]}\n\n{code}" if path in found else code
    return found


FILES = files()
CONNECTOR, REST_CONNECTOR, TESTS = "exchanges/plain.py", "exchanges/plainer.py", "tests/exchanges/test_plain.py"
TRADES, TRADE_TESTS = "exchanges/plain_trades.py", "tests/exchanges/test_plain_trades.py"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The files as modules, as if they stood in their folders."""
    modules = {}
    for path, code in FILES.items():
        name = path.removesuffix(".py").replace("/", ".")
        modules[path] = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, modules[path])
        exec(compile(code, f"{PAGE.name}: {path}", "exec"), modules[path].__dict__)
    yield modules


def test_the_files() -> None:
    """The connector comes before the tests that import it."""
    assert list(FILES) == [CONNECTOR, TESTS, TRADES, TRADE_TESTS, REST_CONNECTOR]


def test_a_stream_that_begins_with_a_snapshot(example: dict[str, ModuleType]) -> None:
    """From the catalog to a live book, with nothing but what the page says."""
    venue: Any = example[CONNECTOR].Plain()
    assert isinstance(venue, Venue)
    assert venue.name not in VENUES
    market = {"symbol": "ETH-BTC", "base": "ETH", "quote": "BTC", "tick": "0.001", "lot": "0.1", "trading": True}
    (listed,) = venue.parse_catalog(msgspec.json.encode([market]))
    assert (str(listed.pair), listed.price_decimals, listed.trading) == ("ETH/BTC", 3, True)
    desk = Desk(venue.protocol([listed], {})).open(acknowledge=False)
    assert desk.sent == [{"op": "subscribe", "symbols": ["ETH-BTC"]}]
    book = {"symbol": "ETH-BTC", "ts": 1, "bids": [["0.05", "1"]], "asks": [["0.06", "1"]]}
    desk.frame(msgspec.json.encode({"type": "snapshot", "seq": 1, **book}))
    desk.frame(msgspec.json.encode({"type": "change", "seq": 2, **book, "bids": [["0.051", "2.5"]]}))
    assert (desk.state, desk.book.position) == (State.LIVE, 2)
    assert desk.levels() == (((0.051, 2.5), (0.05, 1.0)), ((0.06, 1.0),))
    desk.frame(b'{"error":"no such market","symbol":"ETH-BTC"}')
    assert (desk.state, desk.book.reason) == (State.DOWN, "subscription refused: no such market")


def test_a_snapshot_by_rest(example: dict[str, ModuleType]) -> None:
    """A first change, the snapshot joined to it, a gap, and back."""
    desk = Desk(example[REST_CONNECTOR].PlainerProtocol([instrument("A", venue="plainer")])).open(acknowledge=False)

    def change(first: int, last: int, price: str) -> None:
        told = {"symbol": "A", "first": first, "last": last, "bids": [[price, "1"]], "asks": []}
        desk.frame(msgspec.json.encode(told))

    change(5, 7, "10")
    assert (desk.state, desk.fetches[-1].path) == (State.SYNCING, "/book?symbol=A")
    desk.answer(b'{"last":3,"bids":[],"asks":[]}')
    assert desk.state is State.SYNCING, "too old"
    desk.answer(b'{"last":4,"bids":[["9","1"]],"asks":[["20","1"]]}')
    assert (desk.state, desk.levels()[0]) == (State.LIVE, ((10.0, 1.0), (9.0, 1.0)))
    change(5, 7, "10")
    assert (desk.state, desk.book.counters.ignored) == (State.LIVE, 1)
    change(9, 9, "11")
    assert (desk.state, desk.book.counters.gaps) == (State.GAP, 1)
    desk.answer(b'{"last":8,"bids":[],"asks":[["20","1"]]}')
    assert (desk.state.value, desk.book.position, desk.levels()[0]) == ("live", 9, ((11.0, 1.0),))


def test_the_tests_of_the_page(example: dict[str, ModuleType]) -> None:
    """Each passes, with all its cases."""
    run = 0
    for file in (TESTS, TRADE_TESTS):
        for name, test in inspect.getmembers(example[file], inspect.isfunction):
            if name.startswith("test_"):
                for case in _cases(test):
                    test(**case)
                    run += 1
    assert run == 23


def test_the_code_of_the_page_keeps_the_rules(tmp_path: Path) -> None:
    """Those of ruff, of the project."""
    for path, code in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
        for what in (["check"], ["format", "--check"]):
            command = [sys.executable, "-m", "ruff", *what, "--no-cache", "--config", str(ROOT / "pyproject.toml")]
            done = subprocess.run([*command, str(file)], capture_output=True, text=True, cwd=ROOT)
            assert done.returncode == 0, done.stdout + done.stderr


def _cases(test: Any) -> list[dict[str, Any]]:
    """The arguments of each case of a test."""
    (mark,) = getattr(test, "pytestmark", [None])
    if mark is None:
        return [{}]
    names, values = mark.args
    if isinstance(names, str):
        return [{names: value} for value in values]
    return [dict(zip(names, each, strict=True)) for each in values]
