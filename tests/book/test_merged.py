"""The merged book against one that is too simple to be wrong."""

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from book import MergedBook, Pair, PairView, Stamps, State, VenueView, merge
from book.merged import MOST_UNITS, units
from book.venue_book import Counters

PAIR = Pair("BTC", "USDT")
Levels = list[Any]


def venue(name: str, bids: Levels, asks: Levels, state: State = State.LIVE, received_ns: int = 0) -> VenueView:
    """A venue's view with these levels."""
    stamps = Stamps(0, received_ns, received_ns)
    return VenueView(
        name, "S", state, "", 0, 0, 0, stamps, Counters(), None, None, tuple(bids), tuple(asks),
    )  # fmt: skip


def view(*venues: VenueView, price_decimals: int = 2) -> PairView:
    """A pair's view of these venues, each level with its venue's rank."""
    ranked = tuple(
        msgspec.structs.replace(
            each,
            bids=tuple((price, amount, rank) for price, amount, *_ in each.bids),
            asks=tuple((price, amount, rank) for price, amount, *_ in each.asks),
        )
        for rank, each in enumerate(venues)
    )
    return PairView(PAIR, 7, price_decimals, 8, ranked)


def oracle(venues: list[VenueView], n: int, side: str) -> Levels:
    """Everything in one list, sorted by price, then by falling amount, then by the venue's place."""
    sign = -1 if side == "bids" else 1
    levels = [
        (Decimal(str(price)), Decimal(str(amount)), index)
        for index, each in enumerate(venues)
        for price, amount, *_ in getattr(each, side)
    ]
    return sorted(levels, key=lambda level: (sign * level[0], -level[1], level[2]))[:n]


def told(levels: Any) -> Levels:
    """The same in Decimal."""
    return [(Decimal(str(price)), Decimal(str(amount)), index) for price, amount, index in levels]


SIDE = st.dictionaries(st.integers(1, 12), st.integers(1, 3), max_size=12)


@settings(max_examples=300)
@given(
    books=st.lists(st.tuples(SIDE, SIDE, st.sampled_from([float, Decimal])), max_size=4),
    n=st.integers(0, 15),
)
def test_equals_the_oracle(books: list[tuple[Any, Any, Any]], n: int) -> None:
    """Exactly N levels or all there are, in the order promised, whatever kind of number each venue sends."""
    venues = [
        venue(
            f"v{index}",
            [
                (kind(f"0.{price:02}"), kind(f"{amount}.1"))
                for price, amount in sorted(bids.items(), reverse=True)[:n]
            ],
            [(kind(f"0.{price:02}"), kind(f"{amount}.1")) for price, amount in sorted(asks.items())[:n]],
        )
        for index, (bids, asks, kind) in enumerate(books)
    ]
    merged = merge(view(*venues), n)
    merged.check()
    assert told(merged.bids) == oracle(venues, n, "bids")
    assert told(merged.asks) == oracle(venues, n, "asks")
    bid, ask = oracle(venues, 1, "bids"), oracle(venues, 1, "asks")
    expected = ask[0][0] - bid[0][0] if n and bid and ask else None
    assert merged.spread() == (None if expected is None else float(expected))


@pytest.mark.parametrize("seed", range(3))
def test_random_books(seed: int) -> None:
    """The same on books of realistic size."""
    rng = random.Random(seed)
    for _ in range(60):
        venues = []
        for name in "abcd"[: rng.randint(1, 4)]:
            prices = rng.sample(range(600_000, 600_300), rng.randint(0, 80))
            levels = [(price / 100, rng.randint(1, 20) / 8) for price in sorted(prices)]
            cut = rng.randint(0, len(levels))
            venues.append(venue(name, levels[:cut][::-1], levels[cut:]))
        n = rng.choice((1, 5, 20, 100, 1000))
        merged = merge(view(*venues), n)
        merged.check()
        assert told(merged.bids) == oracle(venues, n, "bids")
        assert told(merged.asks) == oracle(venues, n, "asks")


def test_equal_prices_stay_two_levels() -> None:
    """The larger amount first; of equal amounts the venue configured first, on both sides."""
    a = venue("a", [(100.0, 1.0), (99.0, 5.0)], [(101.0, 2.0)])
    b = venue("b", [(100.0, 3.0), (99.0, 5.0)], [(101.0, 2.0)])
    merged = merge(view(a, b), 10)
    assert merged.bids == ((100.0, 3.0, 1), (100.0, 1.0, 0), (99.0, 5.0, 0), (99.0, 5.0, 1))
    assert merged.asks == ((101.0, 2.0, 0), (101.0, 2.0, 1))
    assert merge(view(a, b), 1).bids == ((100.0, 3.0, 1),), "a cut through equal prices keeps the larger"


def test_equal_prices_in_two_kinds_of_number() -> None:
    """0.1 of a venue that sends doubles and 0.1 of one that sends Decimals are one price."""
    a = venue("a", [(0.1, 1.0)], [])
    b = venue("b", [(Decimal("0.1"), Decimal("2.5"))], [])
    assert told(merge(view(a, b), 5).bids) == [(Decimal("0.1"), Decimal("2.5"), 1), (Decimal("0.1"), Decimal(1), 0)]


@pytest.mark.parametrize(
    ("bid", "ask", "spread"),
    [
        (99.90, 100.10, 0.2),  # the doubles differ by 0.19999999999998863
        (100.10, 99.90, -0.2),
        (100.0, 100.0, 0.0),
        (0.1, 0.3, 0.2),
        (61250.30, 61250.31, 0.01),
        (None, 1.0, None),
        (1.0, None, None),
        (None, None, None),
    ],
)
def test_spread(bid: float | None, ask: float | None, spread: float | None) -> None:
    """The exact decimal difference; negative when venues cross; None with an empty side."""
    a = venue("a", [(bid, 1.0)] if bid else [], [])
    b = venue("b", [], [(ask, 1.0)] if ask else [])
    merged = merge(view(a, b), 3)
    assert merged.spread() == spread
    assert merged.spread_units() == (None if spread is None else round(spread * 100))
    merged.check()


def test_no_venue() -> None:
    """Nothing configured, nothing shown."""
    merged = merge(view(), 5)
    assert (merged.bids, merged.asks, merged.spread(), merged.newest()) == ((), (), None, Stamps())


def test_newest_is_of_the_live() -> None:
    """The age of the merged book is that of its newest live part."""
    a = venue("a", [], [], received_ns=5)
    b = venue("b", [], [], received_ns=9)
    c = venue("c", [], [], State.DOWN, received_ns=50)
    assert merge(view(a, b, c), 1).newest().received_ns == 9
    assert merge(view(c), 1).newest() == Stamps()


@pytest.mark.parametrize(
    ("number", "decimals", "expected"),
    [
        (0.29, 2, 29),
        (1.15, 2, 115),
        (61250.3, 8, 6125030000000),
        (123456789012345.0, 0, 123456789012345),
        (Decimal("123456789012345678.12"), 2, 12345678901234567812),
        (Decimal("0.1"), 3, 100),
    ],
)
def test_units(number: Any, decimals: int, expected: int) -> None:
    """The integer that the decimal names at that scale."""
    assert units(number, decimals) == expected


@given(st.integers(1, 10**15 - 1), st.integers(0, 12), st.integers(0, 12))
@example(79_407_085_470, 6, 5)
@example(85_794_395_640_176, 9, 2)
def test_units_are_exact_for_fifteen_digits(mantissa: int, decimals: int, finer: int) -> None:
    """Every decimal of at most 15 digits is counted exactly through its double, however fine its pair is scaled."""
    assert units(float(Decimal(mantissa).scaleb(-decimals)), decimals + finer) == mantissa * 10**finer


@given(st.integers(1, MOST_UNITS), st.integers(0, 22))
@example(MOST_UNITS, 11)
def test_units_that_a_double_can_tell_apart_are_exact(number: int, decimals: int) -> None:
    """The bound is where this ends to be sure."""
    assert units(float(Decimal(number).scaleb(-decimals)), decimals) == number


@pytest.mark.parametrize(
    "broken",
    [
        {"bids": ((1.0, 1.0, 0), (2.0, 1.0, 0))},
        {"asks": ((2.0, 1.0, 0), (1.0, 1.0, 0))},
        {"asks": ((1.0, 1.0, 0), (1.0, 2.0, 0))},
        {"bids": ((1.0, 1.0, 0), (1.0, 1.0, 0))},
        {"bids": ((1.0, 0.0, 0),)},
        {"bids": ((1.0, 1.0, 1),)},
    ],
)
def test_check_finds_what_is_broken(broken: Any) -> None:
    """Disorder, a level twice, an empty one and one of a venue that is not live are found."""
    levels: Any = {"bids": (), "asks": (), **broken}
    venues = (venue("a", [], []), venue("b", [], [], State.STALE))
    with pytest.raises(AssertionError):
        MergedBook(PAIR, 1, 2, 8, venues, levels["bids"], levels["asks"]).check()
