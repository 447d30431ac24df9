"""One venue's book: its levels and what it tells of its own trustworthiness."""

import random
from typing import Any

import pytest

from book import Check, Connections, Dust, Pair, PairBooks, Stamps, State, VenueBook

PAIR = Pair("BTC", "USDT")
BIDS, ASKS = [(100.0, 1.0), (99.0, 2.0)], [(101.0, 1.5), (102.0, 0.5)]


def live_book() -> VenueBook:
    """A live book at position 10."""
    book = VenueBook("binance", PAIR, "BTCUSDT")
    book.become(State.SYNCING, "subscribing", 5)
    book.load(BIDS, ASKS, 10, Stamps(1, 2, 3))
    book.become(State.LIVE, "", 6)
    return book


def test_a_new_book_says_why_it_is_empty() -> None:
    """Before anything has happened it is connecting, with a reason."""
    book = VenueBook("binance", PAIR)
    view = book.view(5)
    assert (view.state, view.bids, view.asks) == (State.CONNECTING, (), ())
    assert view.reason
    book.check()


def test_a_live_book_shows_its_levels() -> None:
    """Best first, up to as many as were asked for, with position and stamps."""
    view = live_book().view(1)
    assert (view.bids, view.asks) == (((100.0, 1.0, 0),), ((101.0, 1.5, 0),))
    assert (view.position, view.stamps, view.since_ns) == (10, Stamps(1, 2, 3), 6)
    assert live_book().view(0).bids == ()
    assert live_book().view(9).asks == tuple((*level, 0) for level in ASKS)


def test_loaded_is_not_yet_live() -> None:
    """A snapshot alone shows nothing: the state says when the book may be believed."""
    book = VenueBook("binance", PAIR)
    book.load(BIDS, ASKS, 10, Stamps())
    assert book.view(5).bids == ()


@pytest.mark.parametrize("state", [state for state in State if state is not State.LIVE])
def test_leaving_live_clears_the_levels(state: State) -> None:
    """In every other state there is nothing to show, why is said, and the loss is counted."""
    book = live_book()
    book.load(BIDS, ASKS, 11, Stamps(), 99.0, 102.0)
    assert book.become(state, "because", 77, 99)
    book.check()
    view = book.view(5)
    assert (view.state, view.reason, view.since_ns, view.next_try_ns) == (state, "because", 77, 99)
    assert (view.bids, view.asks, view.known_bid, view.known_ask) == ((), (), None, None)
    assert view.counters.resyncs == 1
    assert len(book.bids) == len(book.asks) == 0


def test_an_empty_book_that_leaves_live_forgets_its_horizon() -> None:
    """Also when no level was left: the known depth is that of a book which is no more."""
    book = live_book()
    book.load([(100.0, 1.0)], [], 11, Stamps(), 100.0, None)
    book.apply([(100.0, 0.0)], [], 12, Stamps())
    book.become(State.GAP, "lost", 1)
    assert book.view(5).known_bid is None


def test_since_tells_when_the_state_began() -> None:
    """A new reason for the same state does not make it younger; the same news twice is no news."""
    book = live_book()
    assert book.become(State.DOWN, "cut", 10, 50)
    assert book.become(State.DOWN, "refused", 20, 60)
    assert (book.since_ns, book.reason, book.next_try_ns) == (10, "refused", 60)
    assert not book.become(State.DOWN, "refused", 30, 60)
    assert book.become(State.DOWN, "refused", 30, 70), "another next try is news"
    assert book.counters.resyncs == 1, "lost once, however long it takes"


def test_resyncs_count_losses_of_a_live_book() -> None:
    """Each time that a live book was lost; states in between do not count."""
    book = VenueBook("binance", PAIR)
    for round_ in range(1, 4):
        book.become(State.SYNCING, "x", round_)
        book.load(BIDS, ASKS, round_, Stamps())
        book.become(State.LIVE, "", round_)
        book.become(State.GAP, "lost", round_)
        book.become(State.SYNCING, "y", round_)
        assert book.counters.resyncs == round_


def test_a_view_never_changes() -> None:
    """What a reader has taken stays as it was, whatever the writer does afterwards."""
    book = live_book()
    view = book.view(5)
    copied = (view.bids, view.asks, view.state, view.counters.updates, view.counters.unknown_removals, view.stamps)
    book.apply([(100.0, 9.0), (50.0, 0.0)], [(101.0, 0.0)], 11, Stamps(7, 8, 9))
    book.become(State.DOWN, "gone", 9)
    assert copied == (
        view.bids, view.asks, view.state, view.counters.updates, view.counters.unknown_removals, view.stamps,
    )  # fmt: skip
    assert view.bids == tuple((*level, 0) for level in BIDS)
    with pytest.raises(AttributeError):
        view.state = State.LIVE  # type: ignore[misc]


def test_a_diff_is_applied_to_both_sides() -> None:
    """Absolute amounts; 0 removes; removals of unknown levels are counted over both sides."""
    book = live_book()
    book.apply([(100.0, 0.0), (98.0, 4.0), (1.0, 0.0)], [(101.0, 7.0), (1000.0, 0.0)], 12, Stamps(4, 5, 6))
    view = book.view(5)
    assert view.bids == ((99.0, 2.0, 0), (98.0, 4.0, 0))
    assert view.asks == ((101.0, 7.0, 0), (102.0, 0.5, 0))
    assert (view.position, view.stamps) == (12, Stamps(4, 5, 6))
    assert (view.counters.updates, view.counters.unknown_removals) == (2, 2)


@pytest.mark.parametrize(
    ("bids", "asks", "crossed"),
    [
        ([(100.0, 1.0)], [(101.0, 1.0)], False),
        ([(101.0, 1.0)], [(101.0, 1.0)], True),
        ([(102.0, 1.0)], [(101.0, 1.0)], True),
        ([], [(101.0, 1.0)], False),
        ([(102.0, 1.0)], [], False),
        ([], [], False),
    ],
)
def test_crossed(bids: Any, asks: Any, crossed: bool) -> None:
    """A best bid not below the best ask is marked with the moment at which it began."""
    book = VenueBook("x", PAIR)
    book.load(bids, asks, 1, Stamps(0, 500, 501))
    book.check()
    assert bool(book.crossed_since_ns) is crossed
    assert book.counters.crossed == int(crossed)
    if crossed:
        book.apply([(103.0, 1.0)], [], 2, Stamps(0, 900, 901))
        assert book.crossed_since_ns == 500, "it began with the first crossed update"
        book.apply([(103.0, 0.0), *((price, 0.0) for price, _ in bids)], [], 3, Stamps(0, 950, 951))
        assert book.crossed_since_ns == 0
        book.check()


def test_crossed_without_a_clock() -> None:
    """An update without a time of receipt is marked all the same."""
    book = VenueBook("x", PAIR)
    book.load([(2.0, 1.0)], [(1.0, 1.0)], 1, Stamps())
    assert book.crossed_since_ns
    book.check()


@pytest.mark.parametrize(
    ("bid", "ask", "worn"),
    [
        (100.0, 101.0, 0.0),
        (95.0, 101.0, 0.5),
        (100.0, 103.5, 0.25),
        (90.0, 101.0, 1.0),
        (85.0, 101.0, 1.5),
        (100.5, 100.9, 0.0),
        (95.0, 103.5, 0.5),
        (None, 101.0, 1.0),
    ],
)
def test_horizon_worn(bid: float | None, ask: float, worn: float) -> None:
    """The share of the known depth that the best price has walked through; the worse side counts."""
    book = live_book()
    book.load([(100.0, 1.0), (90.0, 1.0)], [(101.0, 1.0), (111.0, 1.0)], 1, Stamps(), 90.0, 111.0)
    bids = [(100.0, 0.0), (90.0, 0.0), *([(bid, 1.0)] if bid else [])]
    book.apply(bids, [(101.0, 0.0), (ask, 1.0)], 2, Stamps())
    assert book.horizon_worn() == pytest.approx(worn)


def test_no_horizon_no_wear() -> None:
    """Where the whole side is known, or nothing was loaded, nothing wears."""
    assert VenueBook("x", PAIR).horizon_worn() == 0.0
    book = live_book()
    book.apply([(100.0, 0.0)], [], 11, Stamps())
    assert book.horizon_worn() == 0.0


def test_dust_is_left_out_of_the_view() -> None:
    """By amount and by price * amount."""
    book = live_book()
    assert book.view(5, Dust(amount=1.2)).bids == ((99.0, 2.0, 0),)
    assert book.view(5, Dust(notional=100.0)).asks == ((101.0, 1.5, 0),)


@pytest.mark.parametrize("seed", range(3))
def test_random_life(seed: int) -> None:
    """Through a random life every invariant holds, and only a live book shows anything."""
    rng = random.Random(seed)
    book = VenueBook("x", PAIR)
    for step in range(1, 400):
        what = rng.random()
        levels = [(float(rng.randint(90, 110)), float(rng.randint(0, 3))) for _ in range(rng.randint(0, 30))]
        if what < 0.15:
            book.load(levels, levels[::-1], step, Stamps(0, step, step), *rng.choice([(None, None), (90.0, 110.0)]))
        elif what < 0.3:
            book.become(rng.choice(list(State)), "some reason", step)
        elif book.state is State.LIVE:
            book.apply(levels[:15], levels[15:], step, Stamps(0, step, step))
        if book.state is State.LIVE or what >= 0.15:
            book.check()
        view = book.view(rng.randint(0, 40))
        assert view.state is State.LIVE or not (view.bids or view.asks)
        assert book.horizon_worn() >= 0.0


def test_check_finds_what_is_broken() -> None:
    """A state without a reason and a wrong mark are found."""
    book = live_book()
    book.crossed_since_ns = 5
    with pytest.raises(AssertionError, match="crossed"):
        book.check()
    book = VenueBook("x", PAIR)
    book.reason = ""
    with pytest.raises(AssertionError, match="reason"):
        book.check()


@pytest.mark.parametrize(
    ("levels", "dust", "more"),
    [
        (0, Dust(), False),  # none were asked for
        (1, Dust(), True),
        (2, Dust(), True),
        (3, Dust(), False),
        (9, Dust(), False),
        (2, Dust(amount=2.0), True),  # the third is dust, but to know it takes a deeper look ...
        (3, Dust(amount=2.0), False),  # ... such as this
        (1, Dust(amount=2.0), True),
    ],
)
def test_a_view_tells_whether_the_book_goes_on(levels: int, dust: Dust, more: bool) -> None:
    """A reader can tell the end of a side from the end of the picture of it."""
    book = VenueBook("binance", PAIR)
    book.load([(100.0, 2.0), (99.0, 1.0), (98.0, 3.0)], [(101.0, 2.0)], 1, Stamps())
    book.become(State.LIVE, "", 1)
    view = book.view(levels, dust)
    assert (view.more_bids, view.more_asks) == (more, False)


def test_what_confirms_a_book_is_told_until_it_is_lost() -> None:
    """By what and when; a book that is built anew has not been confirmed yet."""
    book = live_book()
    assert (book.view(0).trust.checked_by, book.view(0).trust.checked_ns) == (Check.NONE, 0)
    book.confirm(Check.CHECKSUM, 70)
    book.confirm(Check.REST_BOOK, 80)
    book.apply([(100.0, 3.0)], [], 11, Stamps(7, 90, 91))
    trust = book.view(0).trust
    assert (trust.checked_by, trust.checked_ns, book.counters.audits_passed) == (Check.REST_BOOK, 80, 2)
    book.become(State.GAP, "lost", 95)
    assert (book.view(0).trust.checked_by, book.view(0).trust.checked_ns) == (Check.NONE, 0)


@pytest.mark.parametrize(
    ("state", "checked_ns", "told"), [(State.LIVE, 80, 80), (State.LIVE, 0, 70), (State.GAP, 80, 80)]
)
def test_a_successor_goes_on_with_what_is_known(state: State, checked_ns: int, told: int) -> None:
    """Counters, place, rate, lag and threshold; what confirmed the present book only where both are live."""
    pair_books = PairBooks(PAIR)
    venue = Connections()
    present = pair_books.add("binance", None, venue, 5)
    present.load(BIDS, ASKS, 10, Stamps(1, 2, 3))
    present.become(State.LIVE, "", 6)
    present.confirm(Check.REST_BOOK, 70)
    present.least_lag_ns, present.rate = 44, 9.0
    book = live_book()
    book.become(state, "so", 7)
    book.checked_ns = checked_ns
    with pair_books:
        assert pair_books.replace(book, present)
    trust = pair_books.view(0).venues[0].trust
    assert (trust.least_lag_ns, trust.threshold_ns, trust.rate) == (44, 5, 9.0)
    assert trust.checked_ns == told
    venue.opened()
    assert pair_books.view(0).venues[0].trust.connections == 1
