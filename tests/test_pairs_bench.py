"""`python -m bench.pairs`: the sums, and a small run of the whole."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench import pairs
from bench.children import ChildFailed
from proto import orderbook_pb2 as pb


def test_there_are_two_hundred_pairs() -> None:
    """Each once, none the other way round of another."""
    assert len(set(pairs.PAIRS)) == len(pairs.PAIRS) >= 200
    assert not [pair for pair in pairs.PAIRS if "/".join(reversed(pair.split("/"))) in pairs.PAIRS]


def status(*states: pb.State) -> pb.Status:
    books = [
        pb.VenueState(venue="binance", state=state, updates=3, resyncs=1, connects=2, connections=1)
        for state in states
    ]
    return pb.Status(
        pairs=[pb.PairStatus(pair="A/B", venues=[book]) for book in books], budgets=[pb.VenueBudget(waiting=4)]
    )


def test_all_books_live() -> None:
    """The first status of which that is so counts; too late is a failure, and so is an end."""
    half, whole = status(pb.LIVE, pb.SYNCING), status(pb.LIVE, pb.LIVE)
    assert pairs.until_live(iter([half, whole]), 60) == pairs.Told(2, 2, 6, 2, 2, 1, 4)
    with pytest.raises(ChildFailed, match="only 1 of 2 books are live"):
        pairs.until_live(iter([half]), 0)
    with pytest.raises(ChildFailed, match="ended"):
        pairs.until_live(iter([half]), 60)


def test_it_tells_how_far_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then."""
    monkeypatch.setattr(pairs, "_TELL_S", -1)

    def statuses() -> Iterator[pb.Status]:
        yield status(pb.LIVE, pb.SYNCING)
        yield status(pb.LIVE, pb.LIVE)

    pairs.until_live(statuses(), 60)
    assert "1/2 live, 4 requests waiting" in capsys.readouterr().err


def test_the_worst_minute() -> None:
    """Of what was counted second by second."""
    assert pairs.most_in_a_window([(0, 5), (30, 5), (59, 1), (60, 4), (89, 9)], 60) == 19
    assert pairs.most_in_a_window([], 60) == 0


def test_a_small_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Over the real processes."""
    figures = tmp_path / "figures.json"
    assert pairs.main(["--pairs", "4", "--seconds", "1", "--deep-levels", "100", "--json", str(figures)]) == 0
    out = capsys.readouterr().out
    assert "4 of 4 after" in out
    assert "1 (1 connects)" in out
    assert msgspec.json.decode(figures.read_bytes())["rows"][0]["refused"] == 0


def test_what_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments, and books that are never live."""
    with pytest.raises(SystemExit) as ended:
        pairs.main(["--pairs", "0"])
    assert ended.value.code == 2
    assert pairs.main(["--pairs", "4", "--within", "0"]) == 1
    assert "books are live after 0 s" in capsys.readouterr().err
