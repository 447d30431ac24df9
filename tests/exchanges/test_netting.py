"""What the venues share whose streams begin with a snapshot, on a venue of two words."""

from collections.abc import Sequence

import msgspec

from book import State
from exchanges.actions import Action, Apply, Send, Snapshot
from exchanges.probe import Diff
from exchanges.streamed import StreamedProtocol
from tests.exchanges.desk import Desk, instrument


class Told(msgspec.Struct):
    """A message: a whole book, or one bid."""

    symbol: str
    position: int
    bids: list[tuple[float, float]]
    whole: bool = False


class Plain(StreamedProtocol):
    """A venue that sends what a test says."""

    probes = True

    @property
    def path(self) -> str:
        return ""

    def subscribe(self, symbols: Sequence[str]) -> list[Send]:
        return [Send(msgspec.json.encode({"on": list(symbols)}).decode())]

    def unsubscribe(self, symbols: Sequence[str]) -> list[Send]:
        return [Send(msgspec.json.encode({"off": list(symbols)}).decode())]

    def request(self, symbol: str, *, deep: bool) -> tuple[str, int, int]:
        return f"/{symbol}", 1, 0

    def read_snapshot(self, body: bytes, levels: int) -> Snapshot:
        told = msgspec.json.decode(body, type=Told)
        return Snapshot(told.position, told.bids, [], 0, None, None)

    def frame(self, frame: bytes) -> list[Action]:
        told = msgspec.json.decode(frame, type=Told)
        if told.whole:
            return self.loaded(told.symbol, Snapshot(told.position, told.bids, [], 0, None, None))
        probe = self.applied(told.symbol, Diff(told.position, told.position, told.bids, [], 0))
        return [Apply(told.symbol, told.bids, [], told.position, 0), *probe]


class Netting(Plain):
    """The same, which says nothing of changes that cancel each other out."""

    netting = True


class Patient(Plain):
    """The same, which renews nothing at once."""

    def anew(self, symbols: Sequence[str]) -> list[Action]:
        return []


def told(position: int, *bids: tuple[float, float], whole: bool = False) -> bytes:
    """A message, or a REST book."""
    return msgspec.json.encode(Told("A", position, list(bids), whole))


def live(kind: type[Plain]) -> Desk:
    """A live book of one bid at position 100."""
    desk = Desk(kind([instrument("A")])).open(acknowledge=False)
    desk.frame(told(100, (10.0, 1.0), whole=True))
    assert desk.state is State.LIVE
    return desk


def overdue(desk: Desk, body: bytes) -> None:
    """A quiet round, a REST book that is ahead, and nothing that follows."""
    desk.expire("probe")
    desk.answer(body)
    assert desk.state is State.LIVE, "what is missing may be on its way"
    desk.expire("probe due")


def test_a_lost_stream_is_begun_anew() -> None:
    """Ended and subscribed, for that symbol alone."""
    desk = live(Plain)
    desk.sent.clear()
    desk.note(desk.feed._carry_out(desk.protocol.resync("A", State.GAP, "lost"), 0))
    assert desk.sent == [{"off": ["A"]}, {"on": ["A"]}]


def test_how_a_stream_is_renewed_is_the_venues_to_say() -> None:
    """It may wait, so as to renew several together."""
    desk = live(Patient)
    desk.sent.clear()
    desk.note(desk.feed._carry_out(desk.protocol.resync("A", State.GAP, "lost"), 0))
    assert (desk.sent, desk.state) == ([], State.GAP)


def test_ids_alone_condemn_where_every_id_is_told() -> None:
    """The REST book has gone on, and the stream has told nothing of it."""
    desk = live(Plain)
    overdue(desk, told(101, (10.0, 1.0)))
    assert desk.state is State.STALE


def test_ids_alone_do_not_condemn_where_changes_are_netted() -> None:
    """An order came and went within one message: the ids have risen, the book has not changed, and it stays live."""
    desk = live(Netting)
    for _ in range(3):
        overdue(desk, told(101, (10.0, 1.0)))
        assert (desk.state, desk.book.position, desk.reconnects) == (State.LIVE, 100, [])
    assert desk.book.counters.audits_passed == 3
    desk.frame(told(110, (9.0, 1.0)))
    assert desk.book.position == 110


def test_other_levels_condemn_where_changes_are_netted() -> None:
    """A level that the stream has not told of: it is dead; at the second time another connection is made."""
    desk = live(Netting)
    overdue(desk, told(101, (10.0, 1.0), (9.0, 5.0)))
    assert desk.book.state is State.STALE
    assert desk.book.reason.startswith("the stream has not reached 101, where the REST book was 3 s ago; ")
    assert "bid 9.0 is missing, the venue says x 5.0" in desk.book.reason
    assert (desk.levels(), desk.reconnects, desk.book.counters.audits_failed) == (((), ()), [], 1)
    desk.frame(told(101, (10.0, 1.0), (9.0, 5.0), whole=True))
    overdue(desk, told(102, (10.0, 7.0)))
    assert desk.book.state is State.STALE
    assert len(desk.reconnects) == 1


def test_a_netting_stream_that_lags_is_no_live_one() -> None:
    """Diffs come, but four seconds late: what the REST book had is still missing."""
    desk = live(Netting)
    desk.expire("probe")
    desk.answer(told(105, (10.0, 1.0), (9.0, 5.0), (8.0, 1.0)))
    desk.frame(told(102, (9.0, 5.0)))
    desk.expire("probe due")
    assert desk.state is State.STALE
    assert "bid 8.0 is missing" in desk.book.reason


def test_where_changes_are_netted_only_books_between_diffs_are_compared() -> None:
    """A REST book of a moment within a diff may have a level that came and went: nothing is made of it."""
    desk = live(Netting)
    desk.frame(told(110, (9.0, 1.0)))
    for position, passed in ((105, 0), (110, 1), (100, 2)):
        desk.note(desk.feed._carry_out(desk.protocol.probe("A"), 0))
        bids = [(10.0, 1.0), *([(8.0, 5.0)] if position == 105 else [])]
        desk.answer(told(position, *bids, *([(9.0, 1.0)] if position == 110 else [])))
        assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, passed)
    desk.note(desk.feed._carry_out(desk.protocol.probe("A"), 0))
    desk.answer(told(115, (10.0, 1.0), (9.0, 1.0), (8.0, 5.0)))
    desk.frame(told(120, (7.0, 1.0)))
    assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, 2)


def test_a_failed_audit_beside_it_is_healed_as_ever() -> None:
    """At our own position a difference is an error of the book."""
    desk = live(Netting)
    desk.expire("probe")
    desk.answer(told(100, (10.0, 2.0)))
    assert (desk.state, desk.reconnects) == (State.GAP, [])
    assert desk.book.reason.startswith("audit failed: bid 10.0 is x 1.0")
