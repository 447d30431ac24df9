"""Bitfinex's books over real sockets, and from one connection to the next."""

from typing import Any

import msgspec
import pytest

from book import State
from exchanges.bitfinex import Bitfinex
from exchanges.feed import Feed
from tests.exchanges.bitfinex_desk import BTC, START_MS, BitfinexDesk, bitfinex, crc, live, subscribed
from tests.exchanges.sockets import Peer, quick, talking
from tests.exchanges.web import Web
from tests.waiting import until


class Successor(BitfinexDesk):
    """A second connection, whose books nobody sees before they take the place of those of the first."""

    def __init__(self, old: BitfinexDesk) -> None:
        super().__init__(bitfinex(*old.books))
        self.public = old.pairs
        self.feed = Feed.warming(self.protocol, old.pairs, lambda: self.now_ns)
        self.books = {symbol: book for symbol, (_, book) in self.feed.books.items()}
        self.note(self.feed.opened())
        self.answer_to()

    def shown(self) -> Any:
        """What readers see of the first book."""
        return next(iter(self.public.values())).view(10).venues[0]


@pytest.mark.parametrize(("ms", "relieved"), [(-1, False), (0, True), (7, True)])
def test_a_book_changes_places_when_it_is_as_far(ms: int, relieved: bool) -> None:
    """No reader sees a step back in the venue's time."""
    old = live()
    old.level("61249", 1, "3")
    told = old.ms - 1
    new = Successor(old)
    assert not new.feed.take_over(orphaned=False)
    new.ms = told + ms
    new.snapshot()
    assert new.feed.take_over(orphaned=False, ahead=True) is relieved
    assert (new.shown().state, new.shown().counters.resyncs) == (State.LIVE, 0)
    assert new.shown().position == (told + max(ms, 0)) * 10**6


def test_over_a_socket(web: Web) -> None:
    """Flags, subscription, snapshot, levels, checksum; a number that is missing, and the way back."""
    asked: list[Any] = []

    def next_request(peer: Peer, wanted: str) -> Any:
        while True:
            told = msgspec.json.decode(peer.receive()[1])
            asked.append(told)
            if told["event"] == wanted:
                return told

    def venue(peer: Peer) -> None:
        peer.frame(b'{"event":"info","version":2,"serverId":"x","platform":{"status":1}}')
        for channel, number in ((17, 1), (18, 7)):
            next_request(peer, "subscribe")
            peer.frame(subscribed(BTC, channel))
            peer.frame(b"[%d,[[61250,2,0.5],[61251,1,-0.025]],%d,%d]" % (channel, number, START_MS + number))
            peer.frame(b"[%d,[61249,1,3],%d,%d]" % (channel, number + 1, START_MS + number + 1))
            check = crc("61250:0.5:61251:-0.025:61249:3")
            peer.frame(b'[%d,"cs",%d,%d,%d]' % (channel, check, number + 2, START_MS + number + 2))
            if channel == 17:
                peer.frame(b'[%d,"hb",6,%d]' % (channel, START_MS + 6))
        peer.until_gone()

    with talking(venue, web, venue=quick(Bitfinex), protocol=bitfinex()) as (_, line):
        until(lambda: line.view().counters.audits_passed == 2, "both checksums")
        view = line.view()
        assert (view.state, view.counters.gaps, view.counters.connects, view.counters.garbage) == (
            State.LIVE,
            1,
            1,
            0,
        )
        assert [level[:2] for level in view.bids] == [(61250.0, 0.5), (61249.0, 3.0)]
        assert view.position == (START_MS + 8) * 10**6
    assert [each["event"] for each in asked] == ["conf", "subscribe", "unsubscribe", "subscribe"]
    assert asked[2]["chanId"] == 17
