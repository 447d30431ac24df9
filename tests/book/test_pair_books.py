"""The books of a pair: one lock, whole messages, a signal for those who wait."""

import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from book import Instrument, Pair, PairBooks, Stamps, State, VenueBook, merge

PAIR = Pair("BTC", "USDT")


def instrument(venue: str, tick: str = "0.01", lot: str = "0.001") -> Instrument:
    return Instrument(venue, venue.upper(), PAIR, Decimal(tick), Decimal(lot))


@pytest.fixture
def books() -> PairBooks:
    books = PairBooks(PAIR)
    for name in ("a", "b"):
        book = books.add(name, instrument(name))
        with books:
            fill(book, 1)
            book.become(State.LIVE, "", 1)
    return books


def fill(book: VenueBook, n: int) -> None:
    """Levels whose amounts are all `n`, so that half a message would show."""
    book.load(
        [(100.0 - i, float(n)) for i in range(30)], [(101.0 + i, float(n)) for i in range(30)], n, Stamps(n, n, n)
    )


def test_every_write_raises_the_version(books: PairBooks) -> None:
    """Readers can tell that something changed; taking a view is no change."""
    before = books.version
    with books:
        pass
    assert books.version == before + 1
    assert books.view(5).version == before + 1
    assert books.version == before + 1


def test_a_failing_write_frees_the_lock(books: PairBooks) -> None:
    """An exception inside a write reaches the writer, and the next one is not locked out."""
    before = books.version
    with pytest.raises(RuntimeError, match="oops"), books:
        raise RuntimeError("oops")
    assert books.version == before + 1
    books.check()


def test_views_hold_all_venues_in_their_order(books: PairBooks) -> None:
    """Whatever their states; levels only of those asked for."""
    books.add("c", None)
    view = books.view(2, venues=["b", "nobody"])
    assert [each.venue for each in view.venues] == ["a", "b", "c"]
    assert [len(each.bids) for each in view.venues] == [0, 2, 0]
    unlisted = view.venues[2]
    assert (unlisted.state, unlisted.reason) == (State.UNLISTED, "c does not trade BTC/USDT")


def test_scales_are_the_finest(books: PairBooks) -> None:
    """The merged book is told at the finest steps of its venues."""
    books.add("c", instrument("c", "0.5", "0.00000001"))
    assert (books.price_decimals, books.amount_decimals) == (2, 8)
    assert (books.view(1).price_decimals, books.view(1).amount_decimals) == (2, 8)


def test_a_dead_venue_is_out_of_the_merged_book_at_once(books: PairBooks) -> None:
    """The very next view after leaving live has none of its levels."""
    assert {index for *_, index in merge(books.view(3), 6).bids} == {0, 1}
    with books:
        books.books["a"].become(State.STALE, "nothing heard", 9)
    merged = merge(books.view(3), 6)
    merged.check()
    assert {index for *_, index in (*merged.bids, *merged.asks)} == {1}


def test_wait_returns_at_once_when_behind(books: PairBooks) -> None:
    """Whoever has an older version need not wait; whoever has the newest gets it back when the time is over."""
    assert books.wait(books.version - 1, 60.0) == books.version
    assert books.wait(books.version, 0.01) == books.version


def test_wait_wakes_on_a_write(books: PairBooks) -> None:
    """A sleeping reader is woken by the next write, with its version."""
    seen: list[int] = []
    version = books.version
    readers = [threading.Thread(target=lambda: seen.append(books.wait(version, 60.0))) for _ in range(3)]
    for reader in readers:
        reader.start()
    with books:
        pass
    for reader in readers:
        reader.join(10)
    assert [number > version for number in seen] == [True] * 3


def test_listeners_are_called_after_the_lock_is_free(books: PairBooks) -> None:
    """A listener may take a view and sees the write that called it, once for each write, until it is removed."""
    seen: list[int] = []
    stop = books.listen(lambda: seen.append(books.view(1).version))
    other: list[None] = []
    stop_other = books.listen(lambda: other.append(None))
    for _ in range(2):
        with books:
            pass
    assert seen == [books.version - 1, books.version]
    stop()
    stop()
    with books:
        pass
    assert (len(seen), len(other)) == (2, 3)
    stop_other()
    with books:
        pass
    assert len(other) == 3


def test_one_listener_twice(books: PairBooks) -> None:
    """Two registrations of one function are two: ending one leaves the other."""
    seen: list[None] = []

    def listener() -> None:
        seen.append(None)

    stop_first, stop_second = books.listen(listener), books.listen(listener)
    stop_first()
    stop_first()
    with books:
        pass
    assert len(seen) == 1
    stop_second()
    with books:
        pass
    assert len(seen) == 1


def test_readers_never_see_half_a_message(books: PairBooks) -> None:
    """While a writer applies whole messages, every view of every reader is one of the written states."""
    done = threading.Event()
    failures: list[str] = []
    looked = [0, 0]

    def check(number: int, look: Callable[[], None]) -> None:
        try:
            while not done.is_set():
                look()
                looked[number] += 1
        except AssertionError as error:
            failures.append(str(error))

    versions: list[int] = []

    def look_at_all() -> None:
        view = books.view(40)
        versions.append(view.version)
        for each in view.venues:
            amounts = {amount for _, amount, _ in (*each.bids, *each.asks)}
            assert amounts == {float(each.position)}, f"{each.venue} at {each.position} shows {amounts}"
            assert each.stamps == Stamps(each.position, each.position, each.position)
            assert len(each.bids) == len(each.asks) == 30

    readers = [
        threading.Thread(target=check, args=(0, look_at_all)),
        threading.Thread(target=check, args=(1, books.check)),
    ]
    for reader in readers:
        reader.start()
    n = 1
    while n < 300 or (min(looked) < 20 and not failures):
        n += 1
        for book in books.books.values():
            with books:
                if n % 7 == 0:
                    book.become(State.GAP, "lost", n)
                    fill(book, n)
                    book.become(State.LIVE, "", n)
                else:
                    bids = [(100.0 - i, float(n)) for i in range(30)]
                    asks = [(101.0 + i, float(n)) for i in range(30)]
                    book.apply(bids, asks, n, Stamps(n, n, n))
    done.set()
    for reader in readers:
        reader.join(10)
    assert not failures
    assert versions == sorted(versions)


def test_a_book_that_begins_anew_keeps_its_place_and_its_counts(books: PairBooks) -> None:
    """Whoever writes to the former one goes on unseen, and cannot put another in its place."""
    former = books.books["a"]
    former.counters.connects = 7
    book = books.add("a", instrument("a"))
    assert (book.rank, book.counters.connects, book.counters.resyncs) == (0, 7, 1)
    assert book.stamps == former.stamps
    with books:
        former.become(State.GAP, "of the former one", 5)
        former.counters.gaps += 1
        assert not books.replace(VenueBook("a", PAIR), former)
    assert books.books["a"] is book
    assert books.view(1).venues[0].counters.gaps == 0
    with books:
        assert books.replace(VenueBook("a", PAIR), book)
