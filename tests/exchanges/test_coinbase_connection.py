"""Coinbase's books over real sockets, and from one connection to the next."""

from typing import Any

import msgspec
import pytest

from book import State
from exchanges.coinbase import Coinbase
from exchanges.feed import Feed
from tests.exchanges.coinbase_desk import BTC, START_NS, CoinbaseDesk, coinbase, event, live, message
from tests.exchanges.sockets import Peer, quick, talking
from tests.exchanges.web import Web
from tests.waiting import until

DEEP = 27_236, 18_764  # asks and bids of the largest book that was recorded


class Successor(CoinbaseDesk):
    """A second connection, whose books nobody sees before they take the place of those of the first."""

    def __init__(self, old: CoinbaseDesk) -> None:
        super().__init__(coinbase(*old.books))
        self.public = old.pairs
        self.feed = Feed.warming(self.protocol, old.pairs, lambda: self.now_ns)
        self.books = {symbol: book for symbol, (_, book) in self.feed.books.items()}
        self.note(self.feed.opened())

    def shown(self) -> Any:
        """What readers see of the first book."""
        return next(iter(self.public.values())).view(10).venues[0]


@pytest.mark.parametrize(
    ("micros", "relieved"),
    [(4, False), (5, True), (6, True)],
)
def test_a_book_changes_places_when_it_is_as_far(micros: int, relieved: bool) -> None:
    """Both connections tell the same times of the same events, so that no reader sees a step back."""
    old = live()
    old.update(5, [("99", "1")])
    new = Successor(old)
    assert not new.feed.take_over(orphaned=False)
    new.snapshot(micros=micros)
    assert new.feed.take_over(orphaned=False, ahead=True) is relieved
    assert new.shown().state is State.LIVE
    if not relieved:
        new.update(7, [("98", "1")])
        assert new.feed.take_over(orphaned=False, ahead=True)
    assert (new.shown().position - START_NS) // 1000 == (micros if relieved else 7)
    assert new.shown().counters.resyncs == 0


def test_a_book_that_is_hidden_by_a_gap() -> None:
    """Is shown again by whichever connection has a snapshot first."""
    old = live()
    new = Successor(old)
    old.lose()
    old.heartbeat()
    assert new.shown().state is State.GAP
    new.snapshot(micros=1)
    assert new.feed.take_over(orphaned=False)
    assert (new.shown().state, new.shown().position) == (State.LIVE, START_NS + 1000)


def test_a_deep_book_over_a_socket(web: Web) -> None:
    """One frame of 5 million bytes, asked for within the 5 s that the venue gives; updates follow it."""
    asks = [(f"{65_000 + number / 100:.2f}", "0.00012345") for number in range(DEEP[0])]
    bids = [(f"{64_999 - number / 100:.2f}", "0.00012345") for number in range(DEEP[1])]
    asked: list[Any] = []

    def deep(peer: Peer) -> None:
        asked.extend(msgspec.json.decode(peer.receive()[1]) for _ in range(2))
        peer.frame(message(0, [{"subscriptions": {"heartbeats": ["heartbeats"]}}], "subscriptions"))
        body = message(1, [event("snapshot", bids, asks, 1)])
        assert len(body) > 5_000_000
        peer.frame(body)
        peer.frame(message(2, [event("update", [("64999.50", "3")], [], 2)]))
        peer.until_gone()

    with talking(deep, web, venue=quick(Coinbase), protocol=coinbase()) as (_, line):
        until(lambda: line.view().position == START_NS + 2000, "the update behind the snapshot")
        view = line.view()
        assert (view.state, view.counters.connects, view.counters.garbage) == (State.LIVE, 1, 0)
        assert (view.bids[0][:2], view.asks[0][:2]) == ((64_999.5, 3.0), (65_000.0, 0.00012345))
        whole = next(iter(line.pairs.values())).whole("coinbase")
        assert whole and (len(whole.asks), len(whole.bids)) == (DEEP[0], DEEP[1] + 1)
    assert [(each["channel"], each.get("product_ids")) for each in asked] == [("heartbeats", None), ("level2", [BTC])]
