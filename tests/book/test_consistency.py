"""Who is suspect when venues disagree: far from all others, for long, while two of the others agree."""

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from book import Pair, PairBooks, Stamps, State, merge
from book.consistency import DEFAULT_RULE, NO_DISTANCE, Distance, Policy, Rule, Top, compare, far

SECOND = 10**9
START = 10**18
RULE = Rule(far_bps=50.0, long_ns=10 * SECOND)
Quotes = Sequence[tuple[float, float] | None]


def tops(quotes: Quotes) -> list[Top | None]:
    """Venues a, b, c ... with these best prices; None: not live, or a side is empty."""
    return [quote and Top("abcdefgh"[rank], *quote) for rank, quote in enumerate(quotes)]


def after(quotes: Quotes, seconds: float = 60.0, rule: Rule = RULE) -> list[Distance]:
    """What is told when they have stood like this for so long."""
    first = compare(tops(quotes), [NO_DISTANCE] * len(quotes), START, rule)
    return compare(tops(quotes), first, START + round(seconds * SECOND), rule)


NEAR, NEAR_TOO, HIGH, LOW = (99.9, 100.1), (100.0, 100.2), (101.4, 101.6), (98.4, 98.6)


@pytest.mark.parametrize(
    ("quotes", "far_ones", "suspects"),
    [
        ([], "", ""),
        ([None], "", ""),
        ([NEAR], "", ""),
        ([NEAR, NEAR_TOO], "", ""),
        ([NEAR, HIGH], "ab", ""),  # two that differ: nobody can say which is wrong
        ([NEAR, None, HIGH], "ac", ""),
        ([NEAR, NEAR_TOO, HIGH], "c", "c"),
        ([LOW, NEAR, NEAR_TOO], "a", "a"),
        ([NEAR, NEAR_TOO, None, HIGH], "d", "d"),
        ([LOW, NEAR, HIGH], "abc", ""),  # no two agree
        ([LOW, NEAR, HIGH, NEAR_TOO], "ac", "ac"),  # two agree, and both of the others contradict them
        ([NEAR, NEAR_TOO, HIGH, HIGH], "", ""),  # two against two: each has a witness
        ([NEAR, NEAR_TOO, (95.0, 107.0)], "", ""),  # mid 101, but its spread holds both others
        ([NEAR, NEAR_TOO, (100.15, 103.0)], "", ""),  # mid 101.6, its bid is below an ask
        ([NEAR, NEAR_TOO, (100.3, 103.0)], "c", "c"),
        ([NEAR, NEAR_TOO, (100.3, 100.5)], "", ""),  # they would trade, but are near
        ([NEAR, NEAR_TOO, (math.inf, math.inf)], "", ""),
        ([NEAR, NEAR_TOO, (0.0, 0.0)], "", ""),
    ],
)
def test_who_is_far_and_who_is_accused(quotes: Quotes, far_ones: str, suspects: str) -> None:
    told = after(quotes)
    assert "".join("abcdefgh"[rank] for rank, each in enumerate(told) if each.far_since_ns) == far_ones
    assert "".join("abcdefgh"[rank] for rank, each in enumerate(told) if each.suspect) == suspects


@pytest.mark.parametrize(
    ("rule", "seconds", "since", "suspect"),
    [
        (Rule(50.0, 10 * SECOND), 9.9, True, False),
        (Rule(50.0, 10 * SECOND), 10.0, True, True),
        (Rule(50.0, 2 * SECOND), 2.0, True, True),
        (Rule(50.0, 30 * SECOND), 29.9, True, False),
        (Rule(138.0, 10 * SECOND), 60.0, True, True),  # it is 139 bps from the next one
        (Rule(141.0, 10 * SECOND), 60.0, False, False),
    ],
)
def test_the_rule_says_what_is_far_and_what_is_long(rule: Rule, seconds: float, since: bool, suspect: bool) -> None:
    """Both are the operator's to choose."""
    told = after([NEAR, NEAR_TOO, HIGH], seconds, rule)[2]
    assert (bool(told.far_since_ns), told.suspect) == (since, suspect)


def test_the_figures() -> None:
    """How far, in millionths of the nearest other mid; against whom; since when."""
    told = after([NEAR, NEAR_TOO, HIGH])
    assert [(each.ppm, each.against, each.others) for each in told] == [
        (-999, "b", 2),
        (1000, "a", 2),
        (13986, "b", 2),
    ]
    assert [each.far_since_ns for each in told] == [0, 0, START]


def test_two_venues_are_both_told_the_distance() -> None:
    told = after([NEAR, HIGH])
    assert [(each.ppm, each.against, each.others, each.suspect) for each in told] == [
        (-14778, "b", 1, False),
        (15000, "a", 1, False),
    ]


@pytest.mark.parametrize(("seconds", "suspect"), [(0, False), (9.9, False), (10, True), (60, True)])
def test_it_takes_long(seconds: float, suspect: bool) -> None:
    assert after([NEAR, NEAR_TOO, HIGH], seconds)[2].suspect is suspect


def test_who_comes_back_is_free_at_once_and_the_time_begins_anew() -> None:
    away, back = [NEAR, NEAR_TOO, HIGH], [NEAR, NEAR_TOO, NEAR]
    told = after(away)
    assert told[2].suspect
    told = compare(tops(back), told, START + 61 * SECOND, RULE)
    assert (told[2].far_since_ns, told[2].suspect) == (0, False)
    told = compare(tops(away), told, START + 62 * SECOND, RULE)
    assert (told[2].far_since_ns, told[2].suspect) == (START + 62 * SECOND, False)


def test_a_clock_that_is_set_back_makes_nobody_guilty() -> None:
    told = compare(tops([NEAR, NEAR_TOO, HIGH]), [NO_DISTANCE] * 3, START, RULE)
    told = compare(tops([NEAR, NEAR_TOO, HIGH]), told, START - 3600 * SECOND, RULE)
    told = compare(tops([NEAR, NEAR_TOO, HIGH]), told, START - 3595 * SECOND, RULE)
    assert (told[2].far_since_ns, told[2].suspect) == (START - 3600 * SECOND, False)


def test_an_absurd_price_is_a_distance_that_the_wire_can_carry() -> None:
    told = after([(1e-300, 2e-300), NEAR, NEAR_TOO, (1e300, 1e300)])
    assert [abs(each.ppm) <= 10**12 for each in told] == [True] * 4
    assert [each.suspect for each in told] == [True, False, False, True]


QUOTE = st.none() | st.tuples(st.floats(90, 110), st.floats(0, 3)).map(lambda each: (each[0], each[0] + each[1]))
QUOTES = st.lists(QUOTE, max_size=6)


@given(QUOTES)
def test_nobody_is_accused_without_two_witnesses(quotes: Quotes) -> None:
    """A suspect contradicts every other live venue, of which two agree; so there are three at least."""
    venues = tops(quotes)
    live = [top for top in venues if top]
    for top, each in zip(venues, after(quotes), strict=True):
        if top is None or len(live) == 1:
            assert each == NO_DISTANCE
            continue
        others = [other for other in live if other is not top]
        witnesses = any(one is not other and not far(one, other, RULE) for one in others for other in others)
        assert each.suspect == (all(far(top, other, RULE) for other in others) and witnesses)
        assert each.others == len(others)
        assert each.against in [other.venue for other in others]
        if each.suspect:
            assert len(live) >= 3


@given(QUOTES, st.randoms(use_true_random=False))
def test_the_order_of_the_venues_does_not_matter(quotes: Quotes, dice: random.Random) -> None:
    order = list(range(len(quotes)))
    dice.shuffle(order)
    told, shuffled = after(quotes), after([quotes[rank] for rank in order])
    assert [told[rank].suspect for rank in order] == [each.suspect for each in shuffled]
    assert [abs(told[rank].ppm) for rank in order] == [abs(each.ppm) for each in shuffled]


@given(QUOTES, st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**20]))
def test_the_unit_of_the_price_does_not_matter(quotes: Quotes, factor: float) -> None:
    scaled: Quotes = [quote and (quote[0] * factor, quote[1] * factor) for quote in quotes]
    assert after(scaled) == after(quotes)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=40))
def test_suspect_is_who_was_far_all_the_time(steps: list[tuple[bool, int]]) -> None:
    """Against a history that is kept whole."""
    told, now_ns, since = [NO_DISTANCE] * 3, START, None
    for away, seconds in steps:
        now_ns += seconds * SECOND
        told = compare(tops([NEAR, NEAR_TOO, HIGH if away else NEAR]), told, now_ns, RULE)
        since = (since or now_ns) if away else None
        assert told[2].suspect == (since is not None and now_ns - since >= RULE.long_ns)
        assert not (told[0].suspect or told[1].suspect)


def pair_books(*quotes: tuple[float, float], **options: Any) -> PairBooks:
    """Live books of one pair with these best prices."""
    books = PairBooks(Pair("BTC", "USDT"), **options)
    for rank, (bid, ask) in enumerate(quotes):
        book = books.add("abcdefgh"[rank], None)
        with books:
            book.load([(bid, 1.0)], [(ask, 1.0)], 1, Stamps(1, START, 3))
            book.become(State.LIVE, "", START)
            books.compare(START, at_once=True)
    return books


def later(books: PairBooks, seconds: float) -> list[Distance]:
    with books:
        books.compare(START + round(seconds * SECOND))
    return [view.distance for view in books.view(1).venues]


@pytest.mark.parametrize(("leave_out", "best_ask"), [(False, 98.6), (True, 100.1)])
def test_a_suspect_is_merged_or_not(leave_out: bool, best_ask: float) -> None:
    """Its own best prices are shown in both cases; what is merged of it is what the operator wants."""
    books = pair_books(NEAR, NEAR_TOO, LOW, policy=Policy(leave_out_suspects=leave_out))
    assert merge(books.view(5), 5).asks[0][0] == 98.6, "not yet"
    assert [each.left_out for each in later(books, 11)] == [False, False, leave_out]
    view = books.view(5)
    assert view.venues[2].distance.suspect
    assert view.venues[2].asks[0][0] == 98.6
    merged = merge(view, 5)
    merged.check()
    assert merged.asks[0][0] == best_ask
    assert len(merged.bids) == (2 if leave_out else 3)


def test_comparisons_are_made_now_and_then() -> None:
    """Four times a second; at once where a state has changed, and where the clock was set back."""
    books = pair_books(NEAR, NEAR_TOO, LOW)
    with books:
        books.books["c"].apply([(98.4, 0.0), (99.9, 1.0)], [(98.6, 0.0), (100.1, 1.0)], 2, Stamps(1, START, 3))
    assert later(books, 0.2)[2].far_since_ns, "too soon to look again"
    assert not later(books, 0.26)[2].far_since_ns
    with books:
        books.books["c"].become(State.GAP, "lost", START)
    assert books.view(0).venues[2].distance == NO_DISTANCE, "no book, no distance"
    with books:
        books.compare(START + SECOND // 4 + 1, at_once=True)
    assert books.view(0).venues[0].distance.others == 1
    with books:
        books.books["a"].become(State.GAP, "lost", START)
    assert later(books, -3600)[1] == NO_DISTANCE


def test_defaults() -> None:
    """Half a percent, ten seconds."""
    assert Rule(50.0, 10 * SECOND) == DEFAULT_RULE
