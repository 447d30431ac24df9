"""One connection takes the books over from another: no reader sees a hole or a step back."""

import contextlib
from typing import Any

import msgspec
import pytest

from book import Pair, PairBooks, State
from exchanges.actions import Fetch, Send
from exchanges.feed import Feed
from exchanges.session import VenueSession
from tests.exchanges.desk import (
    BINANCE,
    Desk,
    acknowledgement,
    binance,
    binance_snapshot,
    bitstamp,
    bitstamp_snapshot,
    depth,
    diff,
    instrument,
    plain,
)
from tests.exchanges.sockets import TEXT, Gone, Peer, Sockets, quick
from tests.exchanges.web import Web, reply
from tests.waiting import until


def live(position: int = 100) -> Desk:
    """The connection that is to be relieved, live."""
    desk = Desk(binance()).open()
    desk.frame(depth(position, position))
    desk.answer(binance_snapshot(position, [("100.00", "1"), ("99.00", "5")]))
    assert desk.state is State.LIVE
    return desk


class Successor:
    """A warming feed on the books of a desk; requests for snapshots go to those books first."""

    def __init__(self, old: Desk, protocol: Any = None) -> None:
        self.old = old
        self.public = old.pairs
        self.feed = Feed.warming(protocol or binance(), old.pairs, lambda: old.now_ns)
        self.asked: list[Fetch] = []
        for action in self.feed.opened():
            if isinstance(action, Send):
                self.frame(acknowledgement(msgspec.json.decode(action.text)))

    def note(self, actions: list[Any]) -> None:
        for action in actions:
            if isinstance(action, Fetch):
                answered = self.feed.inherit(action) if not action.delay_s else None
                if answered is None:
                    self.asked.append(action)
                else:
                    self.note(answered)

    def frame(self, body: bytes) -> None:
        self.note(self.feed.frame(body, self.old.now_ns))

    def again(self) -> None:
        """What was to be asked later is asked now."""
        asked, self.asked = self.asked, []
        self.note([fetch._replace(delay_s=0.0) for fetch in asked])

    def shown(self, symbol: str = BINANCE) -> Any:
        """What readers see."""
        return self.public[symbol].view(10).venues[0]


def test_the_books_are_handed_over_without_a_snapshot() -> None:
    """The new connection builds on the old one's book, and takes its place when it is as far."""
    old = live(100)
    new = Successor(old)
    before = new.shown()
    new.frame(depth(100, 100))
    assert not new.asked, "nothing is asked of REST"
    assert new.feed.take_over(orphaned=False)
    after = new.shown()
    assert (after.state, after.position, after.since_ns) == (State.LIVE, 100, before.since_ns)
    assert (plain(after.bids), plain(after.asks)) == (plain(before.bids), plain(before.asks))
    assert after.counters.rotations == 1
    assert after.counters.resyncs == 0
    new.frame(depth(101, 101, [("98.00", "7")]))
    assert new.shown().position == 101
    old.frame(depth(101, 105, [("97.00", "9")]))
    assert new.shown().position == 101, "the old connection writes to nothing that anybody sees"
    old.pairs[BINANCE].check()


def test_no_step_back() -> None:
    """While the old connection is ahead the new one waits."""
    old = live(100)
    new = Successor(old)
    new.frame(depth(100, 100))
    old.frame(depth(101, 110))
    assert not new.feed.take_over(orphaned=False, ahead=True)
    new.frame(depth(101, 110))
    assert new.feed.take_over(orphaned=False)


def test_no_step_left_out() -> None:
    """Nor does it take over while it is ahead, unless that is all there is."""
    old = live(100)
    new = Successor(old)
    new.frame(depth(100, 100))
    new.frame(depth(101, 103))
    assert not new.feed.take_over(orphaned=False)
    assert new.shown().position == 100
    old.frame(depth(101, 103))
    new.frame(depth(104, 105))
    assert not new.feed.take_over(orphaned=False)
    assert new.feed.take_over(orphaned=False, ahead=True)
    assert new.shown().position == 105


def test_a_stream_that_begins_ahead_of_the_old_book() -> None:
    """The first diff does not join what the old connection has: asked again when it has come as far."""
    old = live(100)
    new = Successor(old)
    new.frame(depth(105, 110, [("98.00", "7")]))
    assert [fetch.delay_s for fetch in new.asked] == [0.25]
    assert not new.feed.take_over(orphaned=False)
    old.frame(depth(101, 104))
    new.again()
    assert new.feed.take_over(orphaned=False, ahead=True)
    assert new.shown().position == 110
    assert (98.0, 7.0) in plain(new.shown().bids)


def test_an_old_book_that_is_not_live_is_no_source() -> None:
    """REST is asked then, and the old one is not waited for."""
    old = live(100)
    new = Successor(old)
    old.frame(depth(200, 200))
    assert old.state is State.GAP
    new.frame(depth(200, 200))
    assert [fetch.probe for fetch in new.asked] == [False]
    assert new.feed.take_over(orphaned=False), "there is nothing live to lose"
    assert new.shown().state is State.SYNCING


def test_an_orphan_is_taken_as_it_is() -> None:
    """The old connection has ended: what the new one is doing about the book is what readers see."""
    old = live(100)
    new = Successor(old)
    old.close()
    assert new.feed.take_over(orphaned=True)
    assert (new.shown().state, new.shown().reason) == (State.SYNCING, "waiting for the first diff")


def test_books_are_taken_over_one_by_one() -> None:
    """One that is late keeps the old connection alive, and is not touched."""
    old = Desk(binance("AUSDT", "BUSDT")).open()
    for symbol in ("AUSDT", "BUSDT"):
        old.frame(depth(100, 100, symbol=symbol))
        old.answer(binance_snapshot(100))
    new = Successor(old, binance("AUSDT", "BUSDT"))
    new.frame(depth(100, 100, symbol="AUSDT"))
    assert not new.feed.take_over(orphaned=False)
    assert new.shown("AUSDT").counters.rotations == 1
    old.frame(depth(101, 101, symbol="BUSDT"))
    assert (new.shown("BUSDT").position, new.shown("BUSDT").counters.rotations) == (101, 0)
    new.frame(depth(101, 101, symbol="BUSDT"))
    assert new.feed.take_over(orphaned=False)


def test_bitstamp() -> None:
    """The same by microtimestamps: the copy must reach the first diff of the new connection."""
    old = Desk(bitstamp()).open()
    old.frame(diff(100))
    old.answer(bitstamp_snapshot(100))
    new = Successor(old, bitstamp())
    new.frame(diff(200, [("99", "2")]))
    assert [fetch.delay_s for fetch in new.asked] == [0.25]
    old.frame(diff(200, [("99", "2")]))
    new.again()
    assert new.feed.take_over(orphaned=False)
    assert plain(new.shown("btcusd").bids) == ((100.0, 1.0), (99.0, 2.0))


def test_counters_go_on() -> None:
    """They are of the book, whoever keeps it; the connects of both are counted."""
    old = live(100)
    old.frame(depth(99, 99))
    counters = old.book.counters
    new = Successor(old)
    new.feed.connecting()
    new.frame(depth(100, 100))
    new.feed.take_over(orphaned=False)
    shown = new.shown().counters
    assert (shown.updates, shown.ignored, shown.connects) == (counters.updates, 1, 2)


class Stream:
    """A venue's side of the sockets: every client of it gets the same diffs, ten times a second and more."""

    def __init__(self) -> None:
        self.last = 100
        self.peers: list[Peer] = []

    def script(self, peer: Peer) -> None:
        peer.frame(acknowledgement(msgspec.json.decode(peer.receive()[1])))
        self.peers.append(peer)
        peer.frame(depth(self.last, self.last))
        with contextlib.suppress(Gone):
            while True:
                opcode, sent = peer.receive()
                if opcode == TEXT:
                    peer.frame(acknowledgement(msgspec.json.decode(sent)))
        self.peers.remove(peer)

    def tick(self) -> None:
        """One diff to all."""
        self.last += 1
        for peer in list(self.peers):
            with contextlib.suppress(Gone):  # it is being relieved
                peer.frame(depth(self.last, self.last, [("99.00", str(self.last))]))

    def announce(self) -> None:
        """The venue says that it will close the latest connection."""
        self.peers[-1].frame(b'{"e":"serverShutdown","E":1790000000123}')


@pytest.fixture
def stream() -> Stream:
    return Stream()


def session(sockets: Sockets, web: Web, **limits: Any) -> tuple[VenueSession, PairBooks]:
    """A started session with one pair."""
    venue = quick(**limits)
    address = venue.hosts["default"].with_endpoint("ws", sockets.url).with_endpoint("rest", web.url)
    ours = VenueSession(venue, address)
    pair = Pair("BTCUSDT", "X")
    books = PairBooks(pair)
    ours.start({pair: books}, [instrument(BINANCE)], "")
    return ours, books


@pytest.mark.parametrize("cause", ["announced", "old age"])
def test_rotation_over_sockets(web: Web, stream: Stream, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five rotations while diffs keep coming: never anything but live, never a step back, one snapshot in all."""
    web.respond = reply(binance_snapshot(100))
    monkeypatch.setattr("exchanges.connection._ROTATE_AT_ONCE_AFTER_S", 0.0)
    sockets = Sockets(stream.script)
    ours, books = session(sockets, web, **({"max_age_s": 0.3} if cause == "old age" else {}))
    seen: list[tuple[State, int]] = []

    def look() -> None:
        view = books.view(0).venues[0]
        seen.append((view.state, view.position))

    try:
        until(lambda: books.view(0).venues[0].state is State.LIVE, "live")
        books.listen(look)
        for wanted in range(1, 6):
            if cause == "announced":
                stream.announce()

            def rotated(wanted: int = wanted) -> bool:
                stream.tick()
                return books.view(0).venues[0].counters.rotations >= wanted

            until(rotated, f"rotation {wanted}")
        until(lambda: len(stream.peers) <= 2, "the old connections are closed")
        stream.tick()
        until(lambda: books.view(0).venues[0].position == stream.last, "the last diff")
    finally:
        ours.stop()
        sockets.stop()
    while_running = seen[: next((i for i, (state, _) in enumerate(seen) if state is State.DOWN), len(seen))]
    assert {state for state, _ in while_running} == {State.LIVE}
    positions = [position for _, position in while_running]
    assert positions == sorted(positions)
    assert len(web.paths) == 1, "handed over, not asked for"


def test_a_successor_goes_on_when_the_old_connection_is_cut(web: Web, stream: Stream) -> None:
    """The venue hangs up before the new one is level: readers see what the new one does."""
    web.respond = reply(binance_snapshot(100))
    sockets = Sockets(stream.script)
    ours, books = session(sockets, web)
    try:
        until(lambda: books.view(0).venues[0].state is State.LIVE, "live")
        stream.announce()
        stream.peers[0].cut()

        def again() -> bool:
            stream.tick()
            view = books.view(0).venues[0]
            return view.state is State.LIVE and view.position == stream.last and len(stream.peers) == 1

        web.respond = lambda path: reply(binance_snapshot(stream.last))(path)
        until(again, "live on the new connection")
        assert sockets.accepted == 2
    finally:
        ours.stop()
        sockets.stop()


def test_no_successor_after_the_end(web: Web, stream: Stream) -> None:
    """A session that is stopped starts no connection any more, and all of its threads end."""
    web.respond = reply(binance_snapshot(100))
    sockets = Sockets(stream.script)
    ours, books = session(sockets, web)
    until(lambda: books.view(0).venues[0].state is State.LIVE, "live")
    connection = ours._connections[0]
    ours.stop()
    assert ours._succeed(connection, 0.0) is None
    until(lambda: not connection.alive, "the thread ends")
    sockets.stop()
