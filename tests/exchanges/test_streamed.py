"""What venues share whose streams begin with a snapshot, on the smallest venue that could be."""

from collections.abc import Sequence
from typing import Any

import msgspec

from book import State
from exchanges.actions import Action, Apply, Garbage, Send, Snapshot
from exchanges.decode import UNREADABLE
from exchanges.probe import Diff
from exchanges.streamed import StreamedProtocol
from tests.exchanges.desk import Desk, instrument

Levels = list[tuple[float, float]]


class Minimal(StreamedProtocol):
    """`[symbol, kind, id, bids, asks]`: kind "s" a snapshot, "u" the update that follows id - 1."""

    keepalive_s = 20.0

    def __init__(self, *symbols: str) -> None:
        super().__init__([instrument(each, venue="minimal") for each in symbols or ("A",)])

    @property
    def path(self) -> str:
        return "/"

    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        return [Send(f"sub {' '.join(symbols)}")]

    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        return [Send(f"unsub {' '.join(symbols)}")]

    def keepalive(self) -> list[Send]:
        return [Send("ping")]

    def frame(self, frame: bytes) -> list[Action]:
        try:
            symbol, kind, number, bids, asks = msgspec.json.decode(frame)
            bids, asks = ([(float(price), float(amount)) for price, amount in side] for side in (bids, asks))
        except (*UNREADABLE, TypeError) as error:
            return [Garbage("", str(error), frame)]
        if kind == "s":
            return self.loaded(symbol, Snapshot(number, bids, asks, 0, None, None))
        book = self.books[symbol]
        if number != book.position + 1:
            return self.lost(symbol, State.GAP, f"{book.position + 1} is missing")
        more = self.applied(symbol, Diff(number, number, bids, asks, 0))
        return [Apply(symbol, bids, asks, number, 0), *more]


class Probing(Minimal):
    """The same with REST books that carry the ids of the stream."""

    probes = True

    def request(self, symbol: str, *, deep: bool) -> tuple[str, int, int]:
        return f"/book/{symbol}", 1, 100 if deep else 10

    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        number, bids, asks = msgspec.json.decode(
            body, type=tuple[int, list[tuple[float, float]], list[tuple[float, float]]]
        )
        return Snapshot(number, bids, asks, 0, None, None)


def frame(symbol: str, kind: str, number: int, bids: Any = (), asks: Any = ()) -> bytes:
    """A message of the venue."""
    return msgspec.json.encode([symbol, kind, number, bids, asks])


def opened(protocol: StreamedProtocol) -> Desk:
    """The connection stands."""
    return Desk(protocol).open(acknowledge=False)


def live(protocol: StreamedProtocol) -> Desk:
    """Every book has its snapshot."""
    desk = opened(protocol)
    for symbol in protocol.books:
        desk.frame(frame(symbol, "s", 100, [[10, 1]], [[11, 1]]))
    assert desk.state is State.LIVE
    desk.sent.clear()
    return desk


def test_from_subscription_to_live() -> None:
    """All symbols are asked for at once; each is live with its snapshot."""
    desk = opened(Minimal("A", "B"))
    assert desk.sent == ["sub A B"]
    assert [book.state for book in desk.books.values()] == [State.SYNCING, State.SYNCING]
    desk.frame(frame("B", "s", 7, [[10, 1]], [[11, 1]]))
    assert [book.state for book in desk.books.values()] == [State.SYNCING, State.LIVE]
    assert desk.books["B"].position == 7


def test_a_gap_begins_one_stream_anew() -> None:
    """The book is hidden, its stream is subscribed again, and nobody else notices."""
    desk = live(Minimal("A", "B"))
    desk.frame(frame("A", "u", 102))
    assert [book.state for book in desk.books.values()] == [State.GAP, State.LIVE]
    assert desk.sent == ["unsub A", "sub A"]
    assert desk.book.counters.gaps == 1
    desk.frame(frame("A", "s", 300, [[9, 1]]))
    assert (desk.state, desk.levels()[0]) == (State.LIVE, ((9.0, 1.0),))


def test_a_snapshot_replaces_the_book_at_any_time() -> None:
    """Some venues send one of their own accord."""
    desk = live(Minimal())
    desk.frame(frame("A", "s", 50, [[9, 3]]))
    assert (desk.state, desk.book.position, desk.levels()[0]) == (State.LIVE, 50, ((9.0, 3.0),))


def test_a_snapshot_that_does_not_come() -> None:
    """Asked for again after two seconds, three times, then on another connection; what came means nothing later."""
    desk = opened(Minimal())
    for _ in range(3):
        desk.sent.clear()
        assert [timer.delay_s for timer in desk.timers if timer.purpose == "snapshot"] == [2.0]
        desk.expire("snapshot")
        assert (desk.sent, desk.reconnects) == (["unsub A", "sub A"], [])
        assert "no snapshot" in desk.book.reason
    desk.expire("snapshot")
    assert desk.reconnects == ["no snapshot of A came"]
    assert [timer.delay_s for timer in desk.timers if timer.purpose == "snapshot"] == [2.5], "ever more seldom"
    desk.frame(frame("A", "s", 1))
    desk.expire("snapshot")
    assert (desk.state, len(desk.reconnects)) == (State.LIVE, 1)


def test_snapshots_that_come_one_after_the_other() -> None:
    """While others come its own turn may be yet to come: waited for, but no longer than the venue's patience."""
    symbols = [f"S{number}" for number in range(9)]
    desk = opened(Minimal(*symbols))
    for symbol in symbols[:4]:
        desk.sent.clear()
        desk.frame(frame(symbol, "s", 1))
        desk.expire("snapshot")
        assert desk.sent == []
    desk.frame(frame("S4", "s", 1))
    desk.expire("snapshot")
    assert desk.sent == ["unsub S5 S6 S7 S8", "sub S5 S6 S7 S8"], "in one request, as at first"
    desk.sent.clear()
    desk.expire("snapshot")
    assert len(desk.sent) == 2, "nothing has come since: it is not waited any more"


def test_a_snapshot_that_cannot_be_read() -> None:
    """Asked for again at once, but not for ever: the third in a row waits for its timer."""
    protocol = Minimal("A", "B")
    desk = live(protocol)
    again = ["unsub A", "sub A"]
    for sent, state in ((again, State.GAP), (again, State.SYNCING), (again, State.SYNCING), ([], State.SYNCING)):
        desk.sent.clear()
        desk.note(desk.feed._carry_out(protocol.garbled(["A"]), 0))
        assert (desk.sent, desk.books["A"].state) == (sent, state)
    assert [timer.delay_s for timer in desk.timers if timer.purpose == "snapshot"] == [2.0] * 5
    desk.expire("snapshot")
    assert desk.sent == again
    desk.frame(frame("A", "s", 5))
    assert [book.state for book in desk.books.values()] == [State.LIVE, State.LIVE]
    desk.close()
    assert protocol.garbled(["A"]) == []


def test_timers_of_an_earlier_subscription_mean_nothing() -> None:
    """The patience begins anew with each."""
    desk = opened(Minimal())
    old = list(desk.timers)
    desk.frame(frame("A", "s", 1))
    desk.frame(frame("A", "u", 9))
    desk.sent.clear()
    for timer in old:
        if timer.purpose == "snapshot":
            desk.note(desk.feed.timeout(timer))
    assert desk.sent == []


def test_keepalive() -> None:
    """Sent every twenty seconds for as long as the connection stands."""
    desk = live(Minimal())
    for _ in range(3):
        desk.expire("keepalive")
    assert desk.sent == ["ping"] * 3


def test_after_the_connection() -> None:
    """Nothing is left of it; the next one begins from the start."""
    desk = live(Minimal())
    desk.close()
    assert desk.protocol.resync("A", State.GAP, "x") == []
    desk.open(acknowledge=False)
    assert desk.sent == ["sub A"]
    assert desk.state is State.SYNCING


def test_refused() -> None:
    """A stream that the venue will not send is down, with the reason, and is not asked for again."""
    protocol = Minimal()
    desk = opened(protocol)
    desk.note(desk.feed._carry_out(protocol.refused("A", "unknown symbol"), 0))
    assert (desk.state, desk.book.reason) == (State.DOWN, "unknown symbol")
    desk.expire("snapshot")
    assert (desk.state, desk.reconnects) == (State.DOWN, [])


def test_quiet_and_dead() -> None:
    """As for every venue; a dead stream is begun anew, and at the second time on another connection."""
    desk = live(Probing())
    desk.expire("probe")
    assert desk.fetches[-1].path == "/book/A"
    desk.answer(msgspec.json.encode([100, [[10, 1]], [[11, 1]]]))
    assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, 1)
    for number in (1, 2):
        desk.expire("probe")
        desk.answer(msgspec.json.encode([900, [], []]))
        desk.expire("probe due")
        assert desk.state is State.STALE
        assert len(desk.reconnects) == number - 1
        desk.frame(frame("A", "s", 100, [[10, 1]], [[11, 1]]))
        assert desk.book.state.value == "live"


def test_a_rest_book_that_is_none() -> None:
    """Is counted as garbage and as a failure."""
    desk = live(Probing())
    for _ in range(10):
        desk.expire("probe")
        desk.answer(b"<html>")
    assert desk.book.counters.garbage == 10
    desk.expire("probe")
    assert desk.state is State.STALE


def test_without_rest_books() -> None:
    """Nothing is asked, and an answer that comes all the same means nothing."""
    desk = live(Minimal())
    assert not [timer for timer in desk.timers if timer.purpose == "probe"]
    assert desk.protocol.probe("A") == []
    assert desk.protocol.refresh("A") == []


def test_a_symbol_that_goes_and_comes_again() -> None:
    """The timers of its first life do not disturb the second."""
    protocol = Minimal("A", "B")
    desk = opened(protocol)
    old = [timer for timer in desk.timers if timer.symbol == "A"]
    books = {"A": (desk.pairs["A"], desk.books["A"])}
    desk.note(desk.feed.remove(["A"]))
    assert desk.sent[-1] == "unsub A"
    desk.note(desk.feed.add([instrument("A", venue="minimal")], books))
    desk.sent.clear()
    for timer in old:
        desk.note(desk.feed.timeout(timer))
    assert desk.sent == []
    desk.frame(frame("A", "s", 5))
    assert desk.books["A"].position == 5
