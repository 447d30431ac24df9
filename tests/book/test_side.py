"""One side of a book, held against two simpler books that cannot be wrong in the same way."""

import math
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sortedcontainers import SortedDict

import book.side
from book.side import Dust, Side

Number = Callable[[str], Any]
NUMBERS = pytest.mark.parametrize("number", [float, Decimal])
SIDES = pytest.mark.parametrize("bids", [True, False], ids=["bids", "asks"])


class SortedOracle:
    """The whole side in a SortedDict."""

    def __init__(self, *, bids: bool) -> None:
        self._levels: Any = SortedDict((lambda price: -price) if bids else (lambda price: price))

    def set(self, price: Any, amount: Any) -> bool:
        """Returns whether it was the removal of a level that is not there."""
        if amount:
            self._levels[price] = amount
            return False
        return self._levels.pop(price, None) is None

    def top(self, n: int) -> list[tuple[Any, Any]]:
        return list(self._levels.items())[:n]


class NaiveOracle:
    """The whole side in an unordered list of Decimals, sorted anew for each question."""

    def __init__(self, *, bids: bool) -> None:
        self._bids = bids
        self._levels: list[tuple[Decimal, Decimal]] = []

    def set(self, price: Any, amount: Any) -> bool:
        wanted, size = Decimal(str(price)), Decimal(str(amount))
        kept = [level for level in self._levels if level[0] != wanted]
        unknown = size == 0 and len(kept) == len(self._levels)
        self._levels = kept + ([(wanted, size)] if size else [])
        return unknown

    def top(self, n: int) -> list[tuple[Decimal, Decimal]]:
        return sorted(self._levels, reverse=self._bids)[:n]


def script(seed: int, steps: int, number: Number, bids: bool) -> Any:
    """Batches of updates around a drifting middle, in ticks of 0.01: most near the touch, some far, some massive."""
    rng = random.Random(seed)
    middle = 6_000_000
    known: list[int] = []
    for _ in range(steps):
        middle += rng.choice((-300, -20, -1, 0, 0, 1, 20, 300))
        batch: list[tuple[int, int]] = []
        kind = rng.random()
        if kind < 0.06 and known:  # the market runs through: everything near goes at once
            known.sort(reverse=bids)
            batch = [(tick, 0) for tick in known[: rng.randint(1, 250)]]
        elif kind < 0.12:  # a far quote machine
            batch = [(middle - (1 if bids else -1) * rng.randint(500, 90_000), rng.randint(1, 9)) for _ in range(80)]
        else:
            for _ in range(rng.randint(1, 12)):
                near = middle - (1 if bids else -1) * int(rng.expovariate(1 / 40))
                batch.append((rng.choice([near, *known[-1:]]), rng.choice((0, 0, rng.randint(1, 999)))))
        known = list({*known, *(tick for tick, _ in batch)})[-1500:]
        rng.shuffle(known)
        yield [(number(f"{tick // 100}.{tick % 100:02}"), number(f"{units / 1000}")) for tick, units in batch]


@NUMBERS
@SIDES
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("oracle", [SortedOracle, NaiveOracle])
def test_equals_the_oracle_after_every_batch(number: Number, bids: bool, seed: int, oracle: Any) -> None:
    """Best price, top N, size and unknown removals are those of the simple book at every moment."""
    side, truth, rng = Side(bids=bids), oracle(bids=bids), random.Random(seed)
    for batch in script(seed, 120 if oracle is NaiveOracle else 300, number, bids):
        unknown = side.apply(batch)
        assert unknown == sum([truth.set(price, amount) for price, amount in batch])
        side.check()
        whole = truth.top(10**9)
        assert len(side) == len(whole)
        best = side.best()
        assert (None if best is None else Decimal(str(best))) == (Decimal(str(whole[0][0])) if whole else None)
        n = rng.choice((1, 2, 5, 20, 64, 65, 130))
        told = side.top(n)
        assert [(Decimal(str(price)), Decimal(str(amount))) for price, amount in told] == [
            (Decimal(str(price)), Decimal(str(amount))) for price, amount in whole[:n]
        ]
        side.check()


@SIDES
@settings(max_examples=150, deadline=None)
@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(1, 60), st.integers(0, 2)), max_size=25),
        max_size=15,
    ),
    asked=st.lists(st.integers(1, 80), min_size=15, max_size=15),
)
def test_small_windows(bids: bool, batches: list[list[tuple[int, int]]], asked: list[int]) -> None:
    """With a window of a few prices every edge of it is met; the levels are those of the simple book all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book.side, "_LOW", 2)
        patch.setattr(book.side, "_FILL", 4)
        side, truth = Side(bids=bids), SortedOracle(bids=bids)
        for batch, n in zip(batches, asked, strict=False):
            levels = [(price / 4, float(amount)) for price, amount in batch]
            unknown = side.apply(levels)
            assert unknown == sum([truth.set(*level) for level in levels])
            side.check()
            assert side.top(n) == truth.top(n)
            side.check()


@NUMBERS
@SIDES
def test_top_of_every_depth(number: Number, bids: bool) -> None:
    """Asking deeper and deeper, beyond the end, gives every level once and in order."""
    side = Side(bids=bids)
    prices = [number(f"{100 + i}.5") for i in range(400)]
    side.load([(price, number("1.25")) for price in random.Random(1).sample(prices, 400)], None)
    best_first = sorted(prices, reverse=bids)
    for n in range(1, 420):
        assert side.top(n) == [(price, number("1.25")) for price in best_first[:n]]
        side.check()
    assert side.top(0) == []


@SIDES
def test_every_level_deleted_and_made_again(bids: bool) -> None:
    """Wherever the level stands, also at the very edge of what is kept in order."""
    side = Side(bids=bids)
    whole = [(float(price), 1.0) for price in (range(300, 0, -1) if bids else range(1, 301))]
    side.load(whole, None)
    for price, amount in whole:
        side.apply([(price, 0.0)])
        side.apply([(price, amount)])
        side.check()
    assert side.top(300) == whole


@SIDES
def test_the_window_stays_short(bids: bool) -> None:
    """However many levels come at the touch, few are kept in order: an update stays cheap."""
    side = Side(bids=bids)
    for price in range(1, 5001) if bids else range(5000, 0, -1):
        side.apply([(float(price), 1.0)])
        assert len(side._keys) <= 192
    side.check()
    assert len(side) == 5000


@SIDES
def test_stays_right_after_it_was_widened(bids: bool) -> None:
    """Once somebody has looked deep, updates at any depth are seen in the right place."""
    side, truth = Side(bids=bids), SortedOracle(bids=bids)
    levels = [(float(price), 1.0) for price in range(1, 1001)]
    side.load(levels, None)
    for level in levels:
        truth.set(*level)
    assert side.top(300) == truth.top(300)
    for batch in script(5, 60, lambda text: math.ceil(float(text) / 100), bids):
        side.apply(batch)
        for price, amount in batch:
            truth.set(price, amount)
        side.check()
        assert side.top(300) == truth.top(300)


def pairs(side: Side, n: int, dust: Dust) -> list[tuple[float, float]]:
    """The ladder without dust, and without the rank that each of its levels must carry."""
    ladder = side.ladder_without(n, 3, dust)
    assert {rank for *_, rank in ladder} <= {3}
    return [(price, amount) for price, amount, _ in ladder]


def test_an_empty_side() -> None:
    """Nothing is nothing: no sentinel price anywhere."""
    side = Side(bids=True)
    assert (side.best(), side.top(5), len(side)) == (None, [], 0)
    assert side.apply([(5.0, 0.0), (6.0, 0.0)]) == 2, "removals of levels that are not there are counted"
    side.apply([(5.0, 1.0)])
    assert side.apply([(5.0, 0.0)]) == 0
    side.check()
    assert (side.best(), side.top(1)) == (None, [])


def test_zero_amounts_of_a_snapshot_are_no_levels() -> None:
    """A level with amount 0 does not exist, in a snapshot either."""
    side = Side(bids=False)
    side.load([(1.0, 0.0), (2.0, 1.0)], None)
    assert side.top(5) == [(2.0, 1.0)]


def test_the_last_word_on_a_price_counts() -> None:
    """Updates of one batch are applied in their order: deleted and made again is there, made and deleted is not."""
    side = Side(bids=False)
    side.apply([(1.0, 3.0), (1.0, 0.0), (1.0, 2.0), (2.0, 1.0), (2.0, 0.0)])
    assert side.top(5) == [(1.0, 2.0)]


def test_clear() -> None:
    """A cleared side has neither levels nor horizon."""
    side = Side(bids=False)
    side.load([(float(price), 1.0) for price in range(1, 500)], 499.0)
    side.clear()
    side.check()
    assert (side.best(), side.top(9), side.horizon) == (None, [], None)


@SIDES
def test_the_deepest_levels_are_forgotten(bids: bool) -> None:
    """Beyond the bound the deepest go, never the best, and the horizon says from where on nothing is known."""
    side = Side(bids=bids, max_levels=1000)
    best, step = (10_000.0, -1.0) if bids else (1.0, 1.0)
    for start in range(0, 3000, 50):
        side.apply([(best + step * (start + i), 1.0) for i in range(50)])
        side.check()
        assert len(side) <= 1000
    assert [price for price, _ in side.top(700)] == [best + step * i for i in range(700)]
    assert side.horizon is not None
    assert not side.beyond_horizon(best + step * 749)
    assert side.beyond_horizon(best + step * 2900)


@SIDES
def test_a_snapshot_beyond_the_bound(bids: bool) -> None:
    """The same for one snapshot, whose own horizon stays when it is the nearer one."""
    prices = [float(price) for price in range(1, 2001)]
    far, near = (1.0, 1990.0) if bids else (2000.0, 11.0)
    side = Side(bids=bids, max_levels=1000)
    side.load([(price, 1.0) for price in prices], far)
    side.check()
    assert len(side) == 750
    assert side.horizon == (1251.0 if bids else 750.0)
    side.load([(price, 1.0) for price in prices], near)
    assert side.horizon == near


@SIDES
def test_beyond_the_horizon(bids: bool) -> None:
    """Only what is worse than the horizon is unknown; without one everything is known."""
    side = Side(bids=bids)
    side.load([(10.0, 1.0)], 10.0)
    worse, better = (9.0, 11.0) if bids else (11.0, 9.0)
    assert side.beyond_horizon(worse)
    assert not side.beyond_horizon(10.0)
    assert not side.beyond_horizon(better)
    side.load([(10.0, 1.0)], None)
    assert not side.beyond_horizon(worse)


@NUMBERS
@pytest.mark.parametrize(
    ("dust", "kept"),
    [
        (Dust(), ["1", "2", "3", "4"]),
        (Dust(amount=0.3), ["1", "3"]),
        (Dust(amount=0.1), ["1", "3", "4"]),  # 0.1 is not below 0.1
        (Dust(notional=0.4), ["3", "4"]),
        (Dust(notional=0.3), ["1", "3", "4"]),
        (Dust(amount=0.3, notional=1.0), ["3"]),
    ],
)
def test_dust(number: Number, dust: Dust, kept: list[str]) -> None:
    """Levels below the bounds are left out; a level exactly at a bound stays, in either kind of number."""
    side = Side(bids=False)
    amounts = {"1": "0.3", "2": "0.01", "3": "5", "4": "0.1"}
    side.load([(number(price), number(amount)) for price, amount in amounts.items()], None)
    assert pairs(side, 9, dust) == [(number(price), number(amounts[price])) for price in kept]


@NUMBERS
def test_the_product_is_compared_at_its_decimals(number: Number) -> None:
    """0.7 * 0.1 is 0.07 and no dust, although the product of the doubles is a little less."""
    side = Side(bids=False)
    side.load([(number("0.7"), number("0.1"))], None)
    assert pairs(side, 1, Dust(notional=0.07)) == [(number("0.7"), number("0.1"))]


@NUMBERS
@pytest.mark.parametrize("kind", [float, Decimal])
def test_dust_in_another_kind_of_number(number: Number, kind: Any) -> None:
    """A bound of 0.3 keeps a level of 0.3, whichever kind of number either is."""
    side = Side(bids=False)
    side.load([(number("2"), number("0.3"))], None)
    for dust in (Dust(amount=kind("0.3")), Dust(notional=kind("0.6"))):
        assert pairs(side, 1, dust) == [(number("2"), number("0.3"))]


def test_dust_of_large_decimals() -> None:
    """A product with more digits than Decimal arithmetic keeps is compared all the same."""
    side = Side(bids=True)
    level: Any = (Decimal("99999999999999.12345678"), Decimal("99999999999999.12345678"))
    side.load([level], None)
    assert pairs(side, 1, Dust(notional=5.0)) == [level]


@SIDES
def test_dust_is_looked_behind(bids: bool) -> None:
    """Behind however many levels of dust the wanted ones are found, and all of them when they are few."""
    side = Side(bids=bids)
    order = range(3000, 0, -1) if bids else range(1, 3001)
    levels = [(float(price), 1.0 if rank % 100 == 99 else 0.001) for rank, price in enumerate(order)]
    side.load(levels, None)
    solid = [level for level in levels if level[1] == 1.0]
    for n in (1, 2, 7, 30, 40):
        assert pairs(side, n, Dust(amount=0.5)) == solid[:n]
        side.check()


def test_check_finds_what_is_broken() -> None:
    """The invariants are really looked at."""
    side = Side(bids=False)
    side.load([(1.0, 1.0), (2.0, 1.0)], None)
    side.amounts[3.0] = 1.0
    with pytest.raises(AssertionError, match="window"):
        side.check()
