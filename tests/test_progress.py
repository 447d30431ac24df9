"""What the log tells while many books come up."""

import logging
from collections.abc import Callable, Iterator

import pytest

import progress
from book import Pair, PairBooks, State
from progress import Progress
from tests.waiting import until

Make = Callable[[int], dict[Pair, PairBooks]]


def books(count: int) -> dict[Pair, PairBooks]:
    made = {}
    for number in range(count):
        pair = Pair(f"A{number}", "X")
        made[pair] = PairBooks(pair)
        made[pair].add("binance", None, entered=(State.SYNCING, "so", 1))
        made[pair].add("kraken", None)  # unlisted
    return made


def become(carried: dict[Pair, PairBooks], live: int) -> None:
    for each in list(carried.values())[:live]:
        with each:
            each.books["binance"].become(State.LIVE, "", 2)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Progress]]:
    monkeypatch.setattr(progress, "_LOOK_S", 0.005)
    made: list[Progress] = []

    def begin(carried: dict[Pair, PairBooks], waiting: int = 0) -> Progress:
        made.append(Progress(lambda: carried, lambda: waiting))
        made[-1].start()
        return made[-1]

    yield begin
    for each in made:
        each.stop()


@pytest.fixture(autouse=True)
def level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_until_all_are_live(start: Callable[..., Progress], caplog: pytest.LogCaptureFixture) -> None:
    """Each time that something moved, and once at the end; what no venue lists does not count."""
    carried = books(20)
    made = start(carried, waiting=2)
    until(lambda: "synced 0/20 books, 2 waiting for weight" in caplog.text, "the beginning")
    become(carried, 12)
    until(lambda: "synced 12/20 books, 2 waiting" in caplog.text, "how far it is")
    become(carried, 20)
    until(lambda: "synced 20/20 books after" in caplog.text, "the end")
    assert made.counts() == (20, 20)
    carried.update({Pair(f"B{n}", "X"): each for n, each in enumerate(books(15).values())})
    made.watch()
    until(lambda: "synced 20/35 books" in caplog.text, "more have come")


def test_a_few_books_tell_by_themselves(start: Callable[..., Progress], caplog: pytest.LogCaptureFixture) -> None:
    """Each has a line of its own."""
    carried = books(3)
    made = start(carried)
    until(lambda: not made._wanted.is_set(), "it looks")
    made.stop()
    made._thread.join(10)
    assert "synced" not in caplog.text


def test_what_does_not_move_is_told_once_more(
    start: Callable[..., Progress], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And then left to its own lines."""
    monkeypatch.setattr(progress, "_TELL_S", 0.05)
    made = start(books(12))
    until(lambda: caplog.text.count("synced 0/12 books") == 2, "twice")
    made.watch()
    until(lambda: caplog.text.count("synced 0/12 books") == 4, "and again when something has come")
