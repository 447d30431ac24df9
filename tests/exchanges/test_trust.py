"""What a feed tells of a book besides its levels: lag, what confirmed it, its threshold, the venue's connections."""

import pytest

from book import Check, Distance, PairBooks, Stamps, State, VenueView
from book.venue_book import Trust
from exchanges import Address, VenueSession
from tests.exchanges.coinbase_desk import CoinbaseDesk, coinbase
from tests.exchanges.desk import (
    Desk,
    binance,
    binance_snapshot,
    bitstamp,
    bitstamp_snapshot,
    depth,
    diff,
    ticker,
    top,
)
from tests.exchanges.sockets import Sockets, quick, stay
from tests.exchanges.test_kraken import ASKS, BIDS, PUBLISHED, kraken, message
from tests.exchanges.test_session import BTC, CATALOG
from tests.exchanges.web import Web, reply
from tests.waiting import until

STAMP_NS = 1_790_000_000_145_000_000  # of the events on the desk
LEVELS = (("100.00", "1"), ("101.00", "1"))


def live() -> Desk:
    """A live book of Binance at 100."""
    desk = Desk(binance()).open()
    desk.now_ns = STAMP_NS + 40
    desk.frame(depth(100, 100))
    desk.answer(binance_snapshot(100))
    return desk


def trust(desk: Desk) -> Trust:
    return desk.book.view(0).trust


def test_the_least_lag_of_a_book() -> None:
    """None before the first diff is applied; then the least, with the sign that the two clocks make."""
    desk = live()
    assert trust(desk).least_lag_ns is None, "a snapshot tells no time"
    lags = []
    for number, lag_ns in enumerate((50, 20, 70, -15, 0), 101):
        desk.now_ns = STAMP_NS + lag_ns
        desk.frame(depth(number, number))
        lags.append(trust(desk).least_lag_ns)
    assert lags == [50, 20, 20, -15, -15]


def test_what_confirms_a_book_of_binance() -> None:
    """The best quote at the same update, and a REST book; each with the time at which it was received."""
    desk = live()
    assert (trust(desk).checked_by, trust(desk).checked_ns) == (Check.NONE, 0)
    desk.now_ns += 5
    desk.frame(ticker(100, *LEVELS))
    assert (trust(desk).checked_by, trust(desk).checked_ns) == (Check.SECOND_VIEW, desk.now_ns)
    desk.expire("probe")
    desk.now_ns += 5
    desk.answer(binance_snapshot(100))
    assert (trust(desk).checked_by, trust(desk).checked_ns) == (Check.REST_BOOK, desk.now_ns)
    desk.frame(ticker(100, ("100.00", "3"), LEVELS[1]))
    assert (trust(desk).checked_by, trust(desk).checked_ns) == (Check.NONE, 0)


def test_what_confirms_the_others() -> None:
    """Bitstamp's top 100 at the same microtimestamp, Kraken's checksum."""
    desk = Desk(bitstamp()).open()
    desk.frame(diff(100))
    desk.answer(bitstamp_snapshot(100))
    desk.frame(top(100))
    assert trust(desk).checked_by is Check.SECOND_VIEW
    desk = Desk(kraken()).open(acknowledge=False)
    desk.frame(message("snapshot", BIDS, ASKS, PUBLISHED))
    assert (trust(desk).checked_by, trust(desk).checked_ns) == (Check.CHECKSUM, desk.now_ns)


def test_what_could_not_be_compared_confirms_nothing() -> None:
    """A second view of another update, and a REST book that is too old."""
    desk = live()
    desk.frame(ticker(99, *LEVELS))
    desk.frame(ticker(105, *LEVELS))
    desk.expire("probe")
    desk.answer(binance_snapshot(5))
    assert trust(desk).checked_by is Check.NONE


def test_the_threshold_is_that_of_the_questions() -> None:
    """Three seconds at first; a book that nobody can ask about keeps the silence of its connection."""
    assert trust(live()).threshold_ns == 3 * 10**9
    desk = CoinbaseDesk(coinbase()).begin()
    desk.book.expect(6 * 10**9)
    desk.snapshot()
    assert (desk.state, trust(desk).threshold_ns) == (State.LIVE, 6 * 10**9)


@pytest.mark.parametrize("listed", [True, False])
def test_the_connections_of_a_venue(web: Web, listed: bool) -> None:
    """Those that stand now; and until the book is live the threshold is that of the connection's silence."""
    web.respond = lambda request: reply(binance_snapshot(100))(request)
    sockets = Sockets(stay)
    venue = quick(dead_s=7.0)
    books = PairBooks(BTC)
    session = VenueSession(venue, Address(web.url, sockets.url))

    def view() -> VenueView:
        return books.view(0).venues[0]

    session.start({BTC: books}, venue.parse_catalog(CATALOG) if listed else [], "")
    try:
        assert view().trust.threshold_ns == (7 * 10**9 if listed else 0) or view().state is State.LIVE
        if listed:
            until(lambda: view().state is State.LIVE, "the book is live")
            assert (view().trust.connections, view().trust.threshold_ns) == (1, 3 * 10**9)
    finally:
        session.stop()
        sockets.stop()
    assert view().trust.connections == 0


def test_the_feed_compares_its_book_with_those_of_other_venues() -> None:
    """With every message, now and then; at once when a book goes live or is lost."""
    desk = live()
    books = next(iter(desk.pairs.values()))
    for name in ("bitstamp", "kraken"):
        other = books.add(name, None)
        with books:
            other.load([(90.0, 1.0)], [(90.1, 1.0)], 1, Stamps())
            other.become(State.LIVE, "", desk.now_ns)

    def told() -> Distance:
        return books.view(0).venues[0].distance

    assert told().others == 0
    desk.now_ns += 10**9
    desk.frame(depth(101, 101))
    assert (told().others, told().suspect, told().far_since_ns) == (2, False, desk.now_ns)
    desk.now_ns += 10 * 10**9
    desk.frame(depth(102, 102))
    assert (told().suspect, told().against, told().ppm) == (True, "bitstamp", 116_047)
    desk.frame(depth(105, 106))
    assert books.view(0).venues[0].distance.others == 0, "it is lost"
    assert books.view(0).venues[1].distance.others == 1
