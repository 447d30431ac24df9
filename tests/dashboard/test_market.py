"""Messages as immutable integers."""

import pytest

from dashboard.market import MalformedBook, Touch, decode
from proto import orderbook_pb2 as pb
from tests.dashboard.fake import book, heartbeat, market, venue


def test_figures_come_from_the_levels() -> None:
    found = decode(book([(6412320, {0: 100, 1: 50})], [(6412340, {1: 70})]), None)
    assert (found.spread, found.twice_mid, found.touch) == (20, 12824660, Touch.OPEN)
    assert found.bids[0].amount == 150
    assert found.bids[0].amounts == ((0, 100), (1, 50))
    assert (found.base, found.quote) == ("BTC", "USDT")
    assert found.sums(10) == (150, 70)


@pytest.mark.parametrize(
    ("bid", "ask", "touch"), [(100, 101, Touch.OPEN), (100, 100, Touch.LOCKED), (101, 100, Touch.CROSSED)]
)
def test_touch(bid: int, ask: int, touch: Touch) -> None:
    assert decode(book([(bid, {0: 1})], [(ask, {1: 1})]), None).touch is touch


def test_an_empty_side_has_no_figures() -> None:
    found = decode(book([(100, {0: 1})]), None)
    assert (found.touch, found.spread, found.twice_mid) == (Touch.EMPTY, None, None)


def test_imbalance_counts_both_sides_to_the_same_depth() -> None:
    assert decode(book([(100, {0: 5}), (99, {0: 70})], [(101, {0: 4})]), None).sums(9) == (5, 4)


def test_a_heartbeat_keeps_the_levels_and_renews_the_clocks() -> None:
    first = market(5)
    held = decode(first, None)
    beat = decode(heartbeat(first), held)
    assert (beat.bids, beat.asks, beat.price_decimals) == (held.bids, held.asks, 2)
    assert beat.heartbeat
    assert beat.venues[0].age_ns == held.venues[0].age_ns + 1_000_000_000


def test_a_bare_farewell_keeps_the_levels() -> None:
    held = decode(market(5), None)
    last = decode(pb.Book(pair="BTC/USDT", closing=True), held)
    assert last.closing
    assert last.bids == held.bids


@pytest.mark.parametrize(
    "message",
    [
        pb.Book(pair="A/B", bids=[pb.MergedLevel(price=1)]),
        pb.Book(pair="A/B", asks=[pb.MergedLevel(price=1, amounts=[pb.VenueAmount(venue=3, amount=1)])]),
    ],
)
def test_a_broken_message_is_refused(message: pb.Book) -> None:
    with pytest.raises(MalformedBook):
        decode(message, None)


def test_an_amount_beyond_all_measure_is_refused() -> None:
    """Each part fits its field; their sum has no room in the books that are kept."""
    with pytest.raises(MalformedBook, match="amount of 18446744073709551614"):
        decode(book([(1, {0: 2**63 - 1, 1: 2**63 - 1})]), None)
    assert decode(book([(1, {0: 2**63 - 1})]), None).bids[0].amount == 2**63 - 1


def test_a_heartbeat_of_other_venues_is_refused() -> None:
    with pytest.raises(MalformedBook):
        decode(pb.Book(heartbeat=True, venues=[venue("one")]), decode(market(2), None))


def test_text_from_the_wire_cannot_steer_the_terminal() -> None:
    found = decode(book(venues=[venue("evil\x1b[2J", pb.DOWN, reason="dünn\n漢")]), None)
    assert found.venues[0].name == "evil?[2J"
    assert found.venues[0].reason == "d?nn??"


def test_live_and_wanted_venues() -> None:
    states = [pb.LIVE, pb.DOWN, pb.UNLISTED, pb.DISABLED, 77]
    message = pb.Book()
    for state in states:
        message.venues.add().trust.state = state  # type: ignore[assignment]  # 77: of a newer server
    found = decode(message, None)
    assert (found.live_venues, found.wanted_venues) == (1, 3)
