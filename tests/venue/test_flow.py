"""The synthetic flow: determinism, consistency, and (slow) likeness to real markets."""

import hashlib
import os
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from venue.catalog import parse_pair
from venue.flow import PairFlow
from venue.market import Market
from venue.matching import ASK, BID

ROOT = Path(__file__).parents[2]


class CountingMarket(Market):
    """A market that counts its cancels."""

    cancels = 0

    def cancel(self, time_us: int, order_id: int) -> bool:
        done = super().cancel(time_us, order_id)
        self.cancels += done
        return done


def make(seed: str, text: str = "BTC/USDT", deep_levels: int = 200) -> tuple[PairFlow, list[CountingMarket]]:
    pair = parse_pair(text)
    assert pair is not None
    markets = [CountingMarket(listing, history=1000) for listing in pair.listings]
    return PairFlow(seed, pair, list(markets), deep_levels=deep_levels), markets


def digest(seed: str, seconds: int, slice_us: int = 100_000) -> str:
    """Hash everything that becomes public."""
    flow, markets = make(seed)
    found = hashlib.sha256()
    for now in range(0, seconds * 1_000_000 + 1, slice_us):
        flow.advance(now)
    for market in markets:
        news = market.publish(flow.now_us)
        for rows in news:
            for row in rows:
                found.update(repr(row).encode())
    return found.hexdigest()


def test_the_market_is_a_function_of_the_seed() -> None:
    """The same seed gives the same market however it is sliced; another seed another one."""
    reference = digest("7", 5)
    assert digest("7", 5, slice_us=7_000 * 125 // 7) == reference
    assert digest("7", 5, slice_us=5_000_000) == reference
    assert digest("8", 5) != reference


def test_processes_with_other_hash_seeds_agree() -> None:
    """No set or hash order decides anything."""
    program = "from tests.venue.test_flow import digest; print(digest('7', 5))"
    found = set()
    for hash_seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        found.add(done.stdout.strip())
    assert found == {digest("7", 5)}


@pytest.mark.parametrize("text", ["BTC/USDT", "ETH/BTC", "XRP/USD@bitstamp", "DOGE/EUR"])
def test_books_stay_sound(text: str) -> None:
    """For cheap and dear, fine and coarse pairs: invariants hold, both sides are there, the view equals the book."""
    flow, markets = make("3", text)
    for now in range(0, 20_000_001, 1_000_000):
        flow.advance(now)
        for market in markets:
            market.book.check()
            market.publish(now)
            assert dict(market.book.levels(BID)) == market.view.lots[BID]
            assert dict(market.book.levels(ASK)) == market.view.lots[ASK]
            top = market.book.top()
            assert top.bid is not None and top.ask is not None
            mid = (top.bid + top.ask) / 2 / 10**market.listing.price_decimals
            assert abs(mid / flow.fair - 1) < 0.002


@pytest.mark.parametrize("levels", [50, 6000])
def test_the_standing_book_is_as_deep_as_asked(levels: int) -> None:
    """At the start and after the price has wandered, at least nine tenths stand on each side."""
    flow, markets = make("1", "BTC/USDT@binance", deep_levels=levels)
    for seconds in (1, 15):
        flow.advance(seconds * 1_000_000)
        markets[0].publish(flow.now_us)
        for side in (BID, ASK):
            assert len(markets[0].view.lots[side]) >= 0.9 * levels
    assert min(markets[0].view.lots[BID]) >= 1


def test_levels_that_the_tick_cannot_hold_are_left_out() -> None:
    """A coarse tick gets fewer levels, never prices below one tick or beyond half the price."""
    flow, markets = make("1", "ETH/BTC@binance", deep_levels=6000)
    flow.advance(1_000_000)
    markets[0].publish(1_000_000)
    bids = markets[0].view.lots[BID]
    assert 2000 < len(bids) < 6000
    assert min(bids) > 1000


def test_pairs_with_a_common_asset_move_together() -> None:
    """BTC/USDT and BTC/USD see the same bitcoin: their fair values differ by the dollar pegs only."""
    first, _ = make("5", "BTC/USDT")
    second, _ = make("5", "BTC/USD@bitstamp")
    for flow in (first, second):
        flow.advance(30_000_000)
    assert abs(first.fair / second.fair - 1) < 2e-4


def autocorrelation(values: list[int]) -> float:
    mean = statistics.fmean(values)
    var = sum((v - mean) ** 2 for v in values)
    return sum((a - mean) * (b - mean) for a, b in pairwise(values)) / var


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "7"])
def test_likeness_to_real_markets(seed: str) -> None:
    """Ten minutes stay within bands that were read off captures of both venues."""
    flow, markets = make(seed, deep_levels=1000)
    flow.advance(5_000_000)
    one_tick = samples = 0
    mids: list[list[float]] = [[], []]
    signs: list[int] = []
    dead = 0
    for market in markets:
        market.publish(5_000_000)
    cancels_before = markets[0].cancels
    for step in range(1, 120_001):
        # Read in the middle between two moves of the fair value, not at the moment of the maker's pull.
        flow.advance(5_000_000 + step * 5_000)
        top = markets[0].book.top()
        assert top.bid is not None and top.ask is not None
        samples += 1
        one_tick += top.ask - top.bid == 1
        if step % 200 == 0:
            for index, market in enumerate(markets):
                best = market.book.top()
                assert best.bid is not None and best.ask is not None
                mids[index].append((best.bid + best.ask) / 2 / 10**market.listing.price_decimals)
                news = market.publish(flow.now_us)
                if index == 0:
                    signs.extend(p.taker_side for p in news.prints)
                    dead += sum(not update.order_lots for update in news.updates)
    moves = [b / a - 1 for a, b in zip(mids[0], mids[0][1:], strict=False)]
    spread = statistics.pstdev(moves)
    kurtosis = statistics.fmean(((m - statistics.fmean(moves)) / spread) ** 4 for m in moves)
    apart = sorted((b / a - 1) * 1e4 for a, b in zip(mids[0], mids[1], strict=True))
    cancelled = markets[0].cancels - cancels_before
    assert 0.95 < cancelled / dead < 1
    assert one_tick / samples >= 0.85
    assert kurtosis > 4
    assert autocorrelation(signs) > 0.5
    assert abs(apart[len(apart) // 20]) < 5 and abs(apart[-len(apart) // 20]) < 5
    assert 0.5e-4 < spread < 4e-4
    assert 15 < len(signs) / 600 < 80
