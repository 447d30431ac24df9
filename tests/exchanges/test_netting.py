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


def test_where_changes_are_netted_one_book_within_a_diff_condemns_nothing() -> None:
    """A REST book of a moment within a diff may have a level that came and went: by itself it proves nothing."""
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


def within(desk: Desk, *bids: tuple[float, float], touched: float = 1.0) -> None:
    """Two more diffs, then a REST book of a moment within the first of them."""
    position = desk.book.position
    desk.frame(told(position + 10, (touched, position)))
    desk.frame(told(position + 20, (touched, position + 1)))
    desk.note(desk.feed._carry_out(desk.protocol.probe("A"), 0))
    desk.answer(told(position + 5, *bids))


def test_levels_of_a_moment_within_a_diff_are_compared_all_the_same() -> None:
    """Where all agree that the diff does not tell of, the book is confirmed."""
    desk = live(Netting)
    for number in range(1, 5):
        within(desk, (10.0, 1.0), (1.0, 77.0))
        assert (desk.state, desk.book.counters.audits_passed) == (State.LIVE, number)


def test_a_level_that_is_wrong_at_three_moments_is_an_error() -> None:
    """No diff has told of it, and it cannot have come and gone within each of them."""
    desk = live(Netting)
    for _ in range(2):
        within(desk, (10.0, 1.0), (8.0, 5.0))
        assert (desk.state, desk.book.counters.audits_passed, desk.book.counters.audits_failed) == (State.LIVE, 0, 0)
    within(desk, (10.0, 1.0), (8.0, 5.0))
    assert desk.book.state is State.GAP
    assert "bid 8.0 is missing, the venue says x 5.0, not for the first time" in desk.book.reason
    assert desk.book.counters.audits_failed == 1


def test_a_level_too_many_is_one_too() -> None:
    """Ours has it, and the venue's book has not."""
    desk = live(Netting)
    for _ in range(3):
        within(desk)
    assert desk.state is State.GAP
    assert "bid 10.0 x 1.0 is not in the venue's book, not for the first time" in desk.book.reason


def test_levels_that_come_and_go_are_no_error() -> None:
    """Orders that flicker: another amount, or another price, or nothing in between."""
    desk = live(Netting)
    for amount in range(1, 9):
        within(desk, (10.0, 1.0), (8.0, float(amount)))
        within(desk, (10.0, 1.0), (9.0 - amount / 10, 5.0))
    for _ in range(4):
        for _ in range(2):
            within(desk, (10.0, 1.0), (8.0, 5.0))
        within(desk, (10.0, 1.0))
    assert (desk.state, desk.book.counters.audits_failed) == (State.LIVE, 0)


def test_a_level_that_a_diff_tells_of_is_in_doubt_no_more() -> None:
    """What was thought before of it does not count."""
    desk = live(Netting)
    for touched in (1.0, 1.0, 8.0, 1.0, 1.0):
        within(desk, (10.0, 1.0), (8.0, 5.0), *([(7.0, 1.0)] if touched == 8.0 else []), touched=touched)
        desk.frame(told(desk.book.position + 10, (8.0, 0.0)) if touched == 8.0 else told(desk.book.position + 10))
    assert (desk.state, desk.book.counters.audits_failed) == (State.LIVE, 0)
    within(desk, (10.0, 1.0), (8.0, 5.0))
    assert desk.book.state is State.GAP


def test_one_book_told_three_times_is_one() -> None:
    """A cache; so are two books within one diff, in which an order stood for a moment."""
    desk = live(Netting)
    desk.frame(told(110, (1.0, 1.0)))
    desk.frame(told(120, (1.0, 2.0)))
    for position in (105, 105, 106, 107, 103):
        desk.note(desk.feed._carry_out(desk.protocol.probe("A"), 0))
        desk.answer(told(position, (10.0, 1.0), (8.0, 5.0)))
    assert (desk.state, desk.book.counters.audits_failed) == (State.LIVE, 0)


def test_what_is_in_doubt_is_asked_about_in_each_round() -> None:
    """Not only when the next comparison is due; a book that agrees ends it."""
    desk = live(Netting)
    within(desk, (10.0, 1.0), (8.0, 5.0))
    for bids in ([(8.0, 6.0)], [(8.0, 6.0)], []):
        desk.frame(told(desk.book.position + 10, (1.0, 5.0)))
        desk.expire("probe")
        assert len(desk.fetches) == 1
        desk.answer(told(desk.book.position - 5, (10.0, 1.0), *bids))
    desk.frame(told(desk.book.position + 10, (1.0, 6.0)))
    desk.expire("probe")
    assert desk.fetches == []


def test_a_failed_audit_beside_it_is_healed_as_ever() -> None:
    """At our own position a difference is an error of the book."""
    desk = live(Netting)
    desk.expire("probe")
    desk.answer(told(100, (10.0, 2.0)))
    assert (desk.state, desk.reconnects) == (State.GAP, [])
    assert desk.book.reason.startswith("audit failed: bid 10.0 is x 1.0")
