"""What venues share whose streams begin with a snapshot: several streams begun anew together."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from book import State
from exchanges.actions import Action, Send, Snapshot
from exchanges.streamed import StreamedProtocol
from tests.exchanges.desk import Desk, instrument


class Together(StreamedProtocol):
    """A venue whose only message is a snapshot, told as the symbol."""

    @property
    def path(self) -> str:
        return "/"

    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        return [Send(f"sub {' '.join(symbols)}")]

    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        return [Send(f"unsub {' '.join(symbols)}")]

    def frame(self, frame: bytes) -> list[Action]:
        return self.loaded(msgspec.json.decode(frame), Snapshot(1, [(10, 1)], [(11, 1)], 0, None, None))


class Waiting(Together):
    """It is asked for nothing again before somebody allows it."""

    def anew(self, symbols: Sequence[str]) -> list[Action]:
        return []


def live(kind: type[Together] = Together) -> Desk:
    """Three live books."""
    desk = Desk(kind([instrument(each, venue="together") for each in "ABC"])).open(acknowledge=False)
    for symbol in "ABC":
        desk.frame(f'"{symbol}"'.encode())
    desk.sent.clear()
    return desk


def do(desk: Desk, actions: list[Action]) -> None:
    """Carries out what the protocol wants."""
    desk.note(desk.feed._carry_out(actions, 0))


def states(desk: Desk) -> list[Any]:
    """Of all books."""
    return [book.state for book in desk.books.values()]


@pytest.mark.parametrize(("state", "gaps"), [(State.GAP, [1, 0, 1]), (State.STALE, [0, 0, 0])])
def test_several_are_lost_together(state: State, gaps: list[int]) -> None:
    """One request for all of them, and a gap is counted for each; the others stay live."""
    desk = live()
    protocol: Any = desk.protocol
    do(desk, protocol.all_lost(["A", "C"], state, "lost"))
    assert states(desk) == [state, State.LIVE, state]
    assert desk.sent == ["unsub A C", "sub A C"]
    assert [book.counters.gaps for book in desk.books.values()] == gaps


def test_what_the_venue_refused_is_not_asked_for_again() -> None:
    """Neither with others nor alone."""
    desk = live()
    protocol: Any = desk.protocol
    do(desk, protocol.refused("B", "no such market"))
    do(desk, protocol.restart(["A", "B"], State.STALE, "maintenance"))
    assert states(desk) == [State.STALE, State.DOWN, State.LIVE]
    assert desk.sent == ["unsub A", "sub A"]
    assert protocol.restart(["B"], State.STALE, "maintenance") == []


def test_a_venue_may_wait_before_it_asks_again() -> None:
    """The book is hidden at once, whenever the requests follow."""
    desk = live(Waiting)
    do(desk, desk.protocol.resync("A", State.GAP, "wrong"))
    assert (states(desk)[0], desk.sent) == (State.GAP, [])
