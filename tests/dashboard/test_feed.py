"""The state of the feed, by a clock that is moved by hand."""

import pytest
from hypothesis import given

from dashboard.feed import Failure, Feed, FeedState
from dashboard.market import decode
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import SECOND, HandClock
from tests.dashboard.fake import EPOCH_NS, book, heartbeat, market, venue
from tests.dashboard.shown import messages

LOST = Failure("UNAVAILABLE", "connection refused")


@pytest.fixture
def feed(hand_clock: HandClock) -> Feed:
    return Feed("127.0.0.1:50052", "BTC/USDT", hand_clock)


def test_from_the_start_to_live(feed: Feed) -> None:
    assert feed.view().state is FeedState.CONNECTING
    feed.connecting(1)
    assert feed.view().state is FeedState.CONNECTING
    feed.connected()
    assert feed.view().state is FeedState.WAITING
    feed.received(decode(market(), None))
    assert feed.view().state is FeedState.LIVE


def test_a_book_without_a_live_venue_is_waited_for(feed: Feed) -> None:
    """Venue states come, but no book: connected and waiting, with the states."""
    feed.received(decode(book(venues=[venue("binance", pb.CONNECTING)]), None))
    view = feed.view()
    assert (view.state, view.had_book) == (FeedState.WAITING, False)
    assert view.book is not None
    assert view.book.venues[0].name == "binance"


def test_silence_is_stale(feed: Feed, hand_clock: HandClock) -> None:
    first = market()
    feed.received(decode(first, None))
    hand_clock.forward(1.5)
    assert feed.view().state is FeedState.LIVE
    hand_clock.forward(0.1)
    assert feed.view().state is FeedState.STALE
    assert feed.view().silent_ns == int(1.6 * SECOND)
    feed.received(decode(heartbeat(first), decode(first, None)))
    assert feed.view().state is FeedState.LIVE


def test_lost_and_back(feed: Feed, hand_clock: HandClock) -> None:
    """After data the book is kept; the way back needs no key."""
    feed.received(decode(market(), None))
    feed.ended(LOST, 2 * SECOND)
    hand_clock.forward(0.5)
    view = feed.view()
    assert (view.state, view.retry_ns, view.down_ns) == (FeedState.DISCONNECTED, int(1.5 * SECOND), SECOND // 2)
    assert view.had_book
    assert not view.fresh
    feed.connecting(2)
    assert feed.view().state is FeedState.RECONNECTING
    feed.connected()
    assert feed.view().state is FeedState.WAITING
    feed.received(decode(book(venues=[venue("binance", pb.SYNCING), venue("bitstamp", pb.SYNCING)]), None))
    kept = feed.view()
    assert kept.state is FeedState.WAITING
    assert kept.book is not None
    assert kept.book.bids, "the last book stays until there is a new one"
    feed.received(decode(market(seed=8), None))
    assert (feed.view().state, feed.view().fresh, feed.view().down_ns) == (FeedState.LIVE, True, 0)


def test_every_venue_down_is_still_live(feed: Feed) -> None:
    """The feed and the venues are two axes."""
    feed.received(decode(market(), None))
    feed.received(decode(book(venues=[venue("binance", pb.DOWN), venue("bitstamp", pb.DOWN)]), None))
    assert feed.view().state is FeedState.LIVE


def test_ages_grow_by_our_own_clock(feed: Feed, hand_clock: HandClock) -> None:
    feed.received(decode(market(), None))
    hand_clock.forward(0.25)
    view = feed.view()
    assert view.age == (288_000_000, True)
    assert view.venue_age(0) == 262_000_000
    assert view.since(EPOCH_NS - SECOND) == SECOND + SECOND // 4
    assert view.until(EPOCH_NS + SECOND) == SECOND - SECOND // 4


@pytest.mark.parametrize(
    ("clocks", "age"),
    [
        (
            pb.Clocks(venue_ns=EPOCH_NS + 50_000_000, received_ns=EPOCH_NS - 7_000_000, sent_ns=EPOCH_NS),
            (7_000_000, False),
        ),
        (pb.Clocks(venue_ns=EPOCH_NS + 3_000_000, received_ns=EPOCH_NS, sent_ns=EPOCH_NS), (0, True)),
        (pb.Clocks(received_ns=EPOCH_NS - 9, sent_ns=EPOCH_NS), (9, False)),
        (pb.Clocks(sent_ns=EPOCH_NS), None),
    ],
)
def test_a_venue_with_a_wrong_clock(feed: Feed, clocks: pb.Clocks, age: tuple[int, bool] | None) -> None:
    """A stamp in the future cannot be an age: the reception counts then, and it is said."""
    feed.received(decode(market(clocks=clocks), None))
    assert feed.view().age == age


def test_pause_counts_what_it_hides(feed: Feed, hand_clock: HandClock) -> None:
    feed.received(decode(market(mid=6412330), None))
    feed.toggle_pause()
    hand_clock.forward(8)
    feed.received(decode(market(mid=6499930), None))
    feed.received(decode(market(mid=6499950, conflated=4), None))
    paused = feed.view()
    assert paused.pause is not None
    assert (paused.pause.behind, paused.pause.for_ns) == (6, 8 * SECOND)
    assert paused.book is not None
    assert paused.book.twice_mid == 2 * 6412330
    assert paused.venue_age(0) == 12_000_000, "the ages of a frozen picture are frozen"
    feed.toggle_pause()
    resumed = feed.view()
    assert resumed.pause is None
    assert resumed.book is not None
    assert resumed.book.twice_mid == 2 * 6499950


def test_heartbeats_are_no_updates(feed: Feed) -> None:
    first = market()
    held = decode(first, None)
    feed.received(held)
    feed.toggle_pause()
    feed.received(decode(heartbeat(first), held))
    pause = feed.view().pause
    assert pause is not None
    assert pause.behind == 0


def test_nothing_to_freeze_before_a_book(feed: Feed) -> None:
    feed.toggle_pause()
    assert not feed.paused


@given(messages())
def test_kept_updates_come_back_as_they_were(message: pb.Book) -> None:
    """They are kept as plain numbers, and shown as books again."""
    clock = HandClock()
    feed = Feed("127.0.0.1:1", "BTC/USDT", clock)
    feed.connected()
    told = decode(message, None)
    feed.received(told)
    feed.received(decode(market(3, sequence=2), None))
    feed.step(-1)
    if feed.paused:
        assert feed.view().book == told


def test_a_kept_update_holds_the_largest_amounts(feed: Feed) -> None:
    """Each part fills its field, and their sum is beyond it."""
    told = decode(book([(1, {0: 2**64 - 1, 1: 2**64 - 1})]), None)
    feed.received(told)
    feed.received(decode(market(3, sequence=2), None))
    feed.step(-1)
    shown = feed.view().book
    assert shown is not None and shown.bids == told.bids


def test_a_server_lost_while_paused_is_told(feed: Feed) -> None:
    feed.received(decode(market(), None))
    feed.toggle_pause()
    feed.ended(LOST, SECOND)
    assert feed.view().state is FeedState.DISCONNECTED
    assert feed.view().pause is not None


def test_trend_is_the_last_change_of_the_mid(feed: Feed) -> None:
    trends = []
    for mid in (100_000, 100_000, 100_010, 100_010, 99_990):
        feed.received(decode(market(mid=mid), None))
        trends.append(feed.view().trend)
    assert trends == [0, 0, 1, 1, -1]


def test_rate_counts_updates_with_those_spared(feed: Feed, hand_clock: HandClock) -> None:
    for _ in range(20):
        feed.received(decode(market(2, conflated=1), None))
        hand_clock.forward(0.1)
    assert feed.view().rate == 20
    hand_clock.forward(5)
    assert feed.view().rate == 0
