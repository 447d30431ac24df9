"""The measurement of the dashboard: what it feeds, what it tells, and that it runs. No figure is held to anything."""

import itertools
import shutil

import pytest

from bench import dashboard as bench
from bench.dashboard_feed import updates
from dashboard.market import Touch, decode


def test_the_feed_is_a_market_that_drifts() -> None:
    """The same for the same seed, never crossed, its amounts changing by a sixth an update."""
    books = [decode(message, None) for message in itertools.islice(updates(3), 200)]
    assert books == [decode(message, None) for message in itertools.islice(updates(3), 200)]
    assert {book.touch for book in books} == {Touch.OPEN}
    assert {len(side) for book in books for side in (book.bids, book.asks)} == {50}
    pairs = list(itertools.pairwise(books))
    same_mid = [(one, two) for one, two in pairs if one.twice_mid == two.twice_mid]
    assert 0.75 < len(same_mid) / len(pairs) < 0.95
    changed = [
        sum(before != after for before, after in zip(one.bids, two.bids, strict=True)) for one, two in same_mid
    ]
    assert max(changed) == 8


def test_the_middle_of_the_rounds_is_held_against_the_target() -> None:
    rounds = [{"cpu": 9.0, "p50": 4.0}, {"cpu": 30.0, "p50": 5.0}, {"cpu": 10.5, "p50": 6.0}]
    figures = bench._figures("10/s", rounds, (("cpu", "%", 10.0), ("p50", "ms", 15.0), ("cpu", "%", None)))
    assert [(each.value, each.verdict) for each in figures] == [(10.5, "MISSED"), (5.0, "ok"), (10.5, "")]
    assert "MISSED" in bench.report(figures)


def test_without_tmux_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert bench.main([]) == 2
    assert "apt-get install tmux" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed: apt-get install tmux")
def test_it_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every measurement once, as short as it may be."""
    monkeypatch.setattr(bench, "RATES", (bench.Rate(20, 20, 10.0, 15.0, 40.0),))
    for name, least in (("_SETTLE_S", 0.2), ("_KEYS", 5), ("_OUTAGE_S", 0.2), ("_STARTS", 1)):
        monkeypatch.setattr(bench, name, least)
    assert bench.main(["--seconds", "1", "--rounds", "1"]) == 0
    told = capsys.readouterr().out
    for figure in ("cpu", "p95", "p99", "hung", "killed", "recovery", "first"):
        assert f" {figure} " in told
