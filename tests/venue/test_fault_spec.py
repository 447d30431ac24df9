"""What may be asked for, and how a wrong request is told: on the command line, in a scenario, at the endpoint."""

import re
from pathlib import Path
from typing import Any

import pytest

from venue.config import Settings, parse
from venue.faults.kinds import KINDS
from venue.faults.parameters import FaultError
from venue.faults.plan import plan_file, plan_words
from venue.faults.spec import make_spec

PAIRS = ("--pair", "BTC/USDT", "--pair", "BTC/USD@bitstamp")


def settings(*arguments: str) -> Settings:
    return parse([*PAIRS, *arguments])


LISTINGS = {
    face: [listing for pair in settings().pairs for listing in pair.listings if listing.face == face]
    for face in ("binance", "bitstamp")
}


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        ("drop", [("binance", "*"), ("bitstamp", "*")]),
        ("drop symbol=BTC/USDT", [("binance", "BTCUSDT"), ("bitstamp", "btcusdt")]),
        ("drop,symbol=btcusdt", [("bitstamp", "btcusdt")]),
        ("drop, symbol=btc/usd", [("bitstamp", "btcusd")]),
        ("drop face=binance symbol=BTCUSDT", [("binance", "BTCUSDT")]),
        ("drop face=bitstamp", [("bitstamp", "*")]),
    ],
)
def test_a_symbol_means_every_face_that_lists_it(text: str, begun: list[tuple[str, str]]) -> None:
    """A face's own spelling, a pair, or all; without a face on every face where it is listed."""
    assert [(plan.face, plan.spec.symbol) for plan in settings("--fault", text).faults] == begun


def test_values_get_their_types_and_defaults() -> None:
    spec = plan_words("fragmented face=binance ping=TRUE pieces=7 every=2 for_s=1.5", LISTINGS)[0].spec
    assert spec.values == {"channel": "any", "every": 2, "pieces": 7, "ping": True}
    assert spec.count is None and spec.for_s == 1.5
    assert plan_words("lost face=binance", LISTINGS)[0].spec.count == 1, "one, unless a limit is given"
    assert plan_words("lost face=binance for_s=3", LISTINGS)[0].spec.count is None
    assert plan_words("drop face=binance", LISTINGS)[0].spec.count is None


WRONG = [
    ("dorp", "unknown kind 'dorp'; known are drop, duplicate"),
    ("every=3", "does not begin with a kind"),
    ("drop every", "'every' is not name=value"),
    ("drop every=2 every=3", "every is given twice"),
    ("drop evry=3", "drop: unknown parameter 'evry'; known are symbol, channel, every, count, for_s"),
    ("drop every=0", "drop: every: 0 is not between 1 and"),
    ("drop every=2.5", "every: 2.5 is not a whole number"),
    ("drop every=often", "every: 'often' is not a number"),
    ("drop count=0", "count: 0 is not between"),
    ("drop for_s=nan", "for_s: nan is not between"),
    ("drop channel=depth", "channel: 'depth' is none of any, diff, top, trade, control"),
    ("drop symbol=DOGEUSDT", "symbol: 'DOGEUSDT' is not listed; known are *, BTCUSDT"),
    ("drop face=binance symbol=btcusd", "drop: symbol: 'btcusd' is not listed; known are *, BTCUSDT"),
    ("drop face=okx", "face: 'okx' is not served; served are binance, bitstamp"),
    ("fragmented ping=maybe", "ping: 'maybe' is neither true nor false"),
    ("cut code=1004", "cut: code: 1004 is no close code"),
    ("refuse status=200", "refuse: status: 200 refuses nothing"),
    ("life symbol=BTC/USDT", "life: symbol: 'BTCUSDT' cannot be chosen"),
    ("half_open connects=hang symbol=BTC/USDT", "connects: 'hang' needs symbol * and clients all"),
    ("half_open connects=hang clients=present", "connects: 'hang' needs symbol * and clients all"),
    ("silence cure=true pings=false", "cure: True needs pings True"),
    ("half_open count=3", "unknown parameter 'count'"),
    ("silence symbol=BTC/USDT pings=false", "pings: False needs symbol *"),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_bad_faults_end_with_status_2(text: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names the value."""
    with pytest.raises(SystemExit) as end:
        settings("--fault", text)
    assert end.value.code == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("value", [True, None, "2", [1], {}])
def test_json_values_must_have_the_type(value: Any) -> None:
    with pytest.raises(FaultError, match=re.escape(f"drop: every: {value!r} is not a number")):
        make_spec({"kind": "drop", "every": value}, KINDS, LISTINGS["binance"])


TOML = """
# comment
[[fault]]
at = 5
kind = "silence"
symbol = "BTC/USDT"
for_s = 2.5

[[fault]]
at = 1.5
face = "binance"
kind = "status"
code = 418
retry_after_s = 3
count = 2
"""

LINES = """
{"at": 5, "kind": "silence", "symbol": "BTC/USDT", "for_s": 2.5}

{"at": 1.5, "face": "binance", "kind": "status", "code": 418, "retry_after_s": 3, "count": 2}
"""


@pytest.mark.parametrize(("name", "text"), [("s.toml", TOML), ("s.jsonl", LINES)])
def test_scenarios_in_both_forms(tmp_path: Path, name: str, text: str) -> None:
    """TOML tables and JSON lines say the same; entries are put in the order of their times."""
    path = tmp_path / name
    path.write_text(text)
    first, second, third = settings("--scenario", str(path)).faults
    assert (first.at_s, first.face, first.spec.symbol, first.spec.count) == (1.5, "binance", "*", 2)
    assert first.spec.values == {"endpoint": "snapshot", "every": 1, "code": 418, "retry_after_s": 3}
    assert [(plan.at_s, plan.face, plan.spec.symbol, plan.spec.for_s) for plan in (second, third)] == [
        (5.0, "binance", "BTCUSDT", 2.5),
        (5.0, "bitstamp", "btcusdt", 2.5),
    ]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.toml", "[[fault]]\nkind='drop'\n", "fault 1: at: None is not a number of seconds"),
        ("a.toml", "[[fault]]\nat=1\nkind='drop'\n[[fault]]\nat=-1\nkind='drop'", "fault 2: at: -1 is not"),
        ("a.toml", "[[fault]]\nat=1\nkind='drop'\nevery='x'", "fault 1: drop: every: 'x' is not a number"),
        ("a.toml", "[[faults]]\nat=1", "only [[fault]] tables are expected, not faults"),
        ("a.toml", "[[fault]", "a.toml: "),
        ("a.jsonl", '{"at":1,"kind":"drop"}\n{"at":1', "line 2: "),
        ("a.jsonl", "[1]", "line 1: [1] is not an object"),
        ("a.jsonl", '{"at":true,"kind":"drop"}', "line 1: at: True is not"),
        ("a.jsonl", '{"at":1,"kind":7}', "line 1: unknown kind 7"),
        ("a.jsonl", '{"at":1,"kind":"drop","symbol":7}', "line 1: symbol: 7 is not listed"),
    ],
)
def test_bad_scenarios_name_the_entry(tmp_path: Path, name: str, text: str, says: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(FaultError, match=re.escape(says)):
        plan_file(path, LISTINGS)


def test_a_missing_scenario_is_named(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match=r"nothing\.toml: No such file"):
        plan_file(tmp_path / "nothing.toml", LISTINGS)


def test_every_kind_is_in_the_manual() -> None:
    """The manual's table has a row for each kind, and names each of its parameters."""
    text = (Path(__file__).parents[2] / "docs" / "venue.md").read_text()
    rows = {row.split("|")[1].strip().strip("`"): row for row in text.splitlines() if row.startswith("| `")}
    for name, kind in KINDS.items():
        assert name in rows, name
        for parameter in kind.parameters:
            assert f"`{parameter.name}`" in rows[name] or parameter.name in ("channel", "every", "endpoint"), name
