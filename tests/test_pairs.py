"""Which pairs are carried, and for how long; sessions are stand-ins that only note what they are told."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from grpc import StatusCode

from book import Pair, PairBooks, Policy
from book.group import DEFAULT_GROUPS, Groups
from book.group_books import GroupBooks
from pairs import Pairs
from services.errors import Refused
from tests.waiting import until

BTC, ETH, SOL = Pair("BTC", "USDT"), Pair("ETH", "USDT"), Pair("SOL", "USDT")


class Session:
    """What a venue's session is told."""

    def __init__(self) -> None:
        self.pairs: list[Pair] = []
        self.told: list[tuple[str, Pair]] = []

    def start(self, books: Mapping[Pair, PairBooks], catalog: None, problem: str) -> None:
        self.pairs += books
        self.told += [("start", pair) for pair in books]

    def add(self, *books: PairBooks) -> None:
        for each in books:
            self.pairs.append(each.pair)
            self.told.append(("add", each.pair))

    def remove(self, pair: Pair) -> None:
        self.pairs.remove(pair)
        self.told.append(("remove", pair))


class Rig:
    """Pairs on two such sessions; BTC is pinned."""

    def __init__(self, most: int = 3, linger_s: float = 0.0) -> None:
        self.sessions: Any = [Session(), Session()]
        for session in self.sessions:
            session.pairs.append(BTC)
        self.pairs = Pairs(self.sessions, most, linger_s)
        self.pairs.start({BTC: PairBooks(BTC)})


@pytest.fixture
def make() -> Iterator[Any]:
    made: list[Rig] = []

    def rig(**options: Any) -> Rig:
        made.append(Rig(**options))
        return made[-1]

    yield rig
    for each in made:
        each.pairs.stop()


def test_held_and_released(make: Any) -> None:
    """A pair comes with its first stream, to all sessions, and goes with its last one."""
    rig = make()
    rig.pairs.hold(ETH)
    first = rig.pairs.books[ETH]
    rig.pairs.hold(ETH)
    assert rig.pairs.books[ETH] is first
    assert [session.pairs for session in rig.sessions] == [[BTC, ETH], [BTC, ETH]]
    rig.pairs.release(ETH)
    assert ETH in rig.pairs.books
    rig.pairs.release(ETH)
    until(lambda: ETH not in rig.pairs.books, "it goes")
    assert [session.pairs for session in rig.sessions] == [[BTC], [BTC]]


def test_who_comes_back_soon_finds_it_there(make: Any) -> None:
    """It lingers; a stream in the meantime keeps it."""
    rig = make(linger_s=0.3)
    rig.pairs.hold(ETH)
    books = rig.pairs.books[ETH]
    rig.pairs.release(ETH)
    rig.pairs.hold(ETH)
    rig.pairs.hold(SOL)
    rig.pairs.release(SOL)
    until(lambda: SOL not in rig.pairs.books, "another one goes later")
    assert rig.pairs.books[ETH] is books
    assert rig.sessions[0].told.count(("add", ETH)) == 1


def test_the_time_counts_from_the_last_release(make: Any) -> None:
    """An earlier one does not end it sooner."""
    rig = make(linger_s=0.4)
    rig.pairs.hold(ETH)
    rig.pairs.release(ETH)
    rig.pairs.hold(ETH)
    rig.pairs.release(ETH)
    with rig.pairs._lock:
        first, second = sorted(when for when, _ in rig.pairs._going)
        rig.pairs._going = [(first - 10.0, ETH), (second, ETH)]
        rig.pairs._drop_due(first)
    assert ETH in rig.pairs.books


def test_pinned_pairs_stay(make: Any) -> None:
    """Whoever watches them or not, until they are unpinned; and then for as long as somebody watches."""
    rig = make()
    rig.pairs.hold(BTC)
    rig.pairs.release(BTC)
    assert rig.pairs.pin([ETH, BTC, ETH]) == ([ETH], "")
    assert rig.pairs.pinned == [BTC, ETH]
    rig.pairs.hold(ETH)
    assert rig.pairs.unpin([ETH, SOL]) == [ETH]
    rig.pairs.hold(SOL)
    rig.pairs.release(SOL)
    until(lambda: SOL not in rig.pairs.books, "what nobody holds goes")
    assert set(rig.pairs.books) == {BTC, ETH}
    rig.pairs.release(ETH)
    until(lambda: ETH not in rig.pairs.books, "it goes after its stream")
    assert set(rig.pairs.books) == {BTC}


GROUP, USDT_USD = Pair("BTC", "USD~"), Pair("USDT", "USD")
BTC_USD = Pair("BTC", "USD")


def grouped(make: Any, **options: Any) -> Rig:
    """A rig that can carry BTC/USD~, made of BTC/USD, BTC/USDT (which is pinned) and USDT/USD."""
    rig: Rig = make(**options)
    rig.pairs._groups = Groups(DEFAULT_GROUPS, [BTC, BTC_USD, USDT_USD, Pair("XRP", "USDC")])
    return rig


def test_a_group_has_its_parts_carried(make: Any) -> None:
    """As long as it is; they go with it, but for those that are pinned or held besides."""
    rig = grouped(make)
    rig.pairs.hold(GROUP)
    group = rig.pairs.books[GROUP]
    assert isinstance(group, GroupBooks)
    assert group.parts == {pair: rig.pairs.books[pair] for pair in (BTC_USD, BTC, USDT_USD)}
    assert rig.sessions[0].pairs == [BTC, BTC_USD, USDT_USD]
    rig.pairs.hold(BTC_USD)
    rig.pairs.hold(USDT_USD)
    rig.pairs.release(USDT_USD)
    rig.pairs.hold(GROUP)
    rig.pairs.release(GROUP)
    assert rig.pairs.books[GROUP] is group
    rig.pairs.release(GROUP)
    until(lambda: USDT_USD not in rig.pairs.books, "its last part goes")
    assert set(rig.pairs.books) == {BTC, BTC_USD}
    assert rig.sessions[1].pairs == [BTC, BTC_USD]


def test_a_part_is_not_let_go_before_its_group(make: Any) -> None:
    rig = grouped(make, most=4)
    assert rig.pairs.pin([GROUP]) == ([GROUP], "")
    rig.pairs.unpin([BTC])
    rig.pairs.hold(ETH)
    rig.pairs.release(ETH)
    until(lambda: ETH not in rig.pairs.books, "what is no part goes")
    assert set(rig.pairs.books) == {GROUP, BTC, BTC_USD, USDT_USD}
    rig.pairs.unpin([GROUP])
    until(lambda: not rig.pairs.books, "all of it goes")
    assert rig.sessions[0].pairs == []


def test_a_group_that_cannot_be_carried(make: Any) -> None:
    """For want of room, which is told before anything is carried; or because nobody trades what it would need."""
    rig = grouped(make, most=2)
    needs = "BTC/USD~ needs 2 pairs that are not carried yet; this server carries 1 of the 2"
    with pytest.raises(Refused, match=needs):
        rig.pairs.hold(GROUP)
    with pytest.raises(Refused, match="XRP/USD~ cannot be told in USD: no venue trades USDC/USD") as refused:
        rig.pairs.hold(Pair("XRP", "USD~"))
    assert refused.value.code is StatusCode.NOT_FOUND
    with pytest.raises(Refused, match="no venue trades what SOL/USD~ would be made of"):
        rig.pairs.hold(Pair("SOL", "USD~"))
    assert list(rig.pairs.books) == [BTC]


def test_one_too_many(make: Any) -> None:
    """Refused with the reason and the way out; those that are carried can be held as ever."""
    rig = make(most=2)
    rig.pairs.hold(ETH)
    with pytest.raises(Refused, match=r"carries 2 pairs, as many as it may.*--max-pairs") as refused:
        rig.pairs.hold(SOL)
    assert refused.value.code is StatusCode.RESOURCE_EXHAUSTED
    rig.pairs.hold(ETH)
    fresh, full = rig.pairs.pin([SOL, ETH])
    assert (fresh, "carries 2 pairs" in full) == ([ETH], True)
    assert rig.pairs.pinned == [BTC, ETH]
    rig.pairs.limit(1, 0.0)
    assert rig.pairs.pin([SOL])[0] == []


def test_pairs_are_made_as_the_operator_wants_them() -> None:
    """Those on demand too; what he wants later holds for all."""
    sessions: Any = [Session()]
    pairs = Pairs(sessions, 3, 0.0, Policy(leave_out_suspects=True))
    pairs.hold(ETH)
    assert pairs.traded[ETH]._policy.leave_out_suspects
    pairs.judge_by(Policy())
    pairs.hold(SOL)
    assert [books._policy for books in pairs.traded.values()] == [Policy(), Policy()]


def test_other_limits(make: Any) -> None:
    """For whatever comes from then on; what is carried stays."""
    rig = make(most=1)
    rig.pairs.limit(2, 0.0)
    rig.pairs.hold(ETH)
    assert (rig.pairs.watched(ETH), rig.pairs.watched(SOL)) == (1, 0)
    rig.pairs.limit(1, 0.0)
    with pytest.raises(Refused):
        rig.pairs.hold(SOL)
    assert set(rig.pairs.books) == {BTC, ETH}


def test_a_further_session(make: Any) -> None:
    """Gets all pairs that are carried, and those that come."""
    rig = make()
    session: Any = Session()
    rig.pairs.join(session)
    rig.pairs.hold(ETH)
    assert session.told == [("start", BTC), ("add", ETH)]
