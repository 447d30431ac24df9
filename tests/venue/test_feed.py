"""Feeds against the wall clock: catching up, and what a late loop does."""

import asyncio
import time
from typing import Any

import pytest

from venue import feed as feeds
from venue.catalog import parse_pair
from venue.clock import VenueClock
from venue.feed import MarketFeed, SyntheticFeed
from venue.flow import PairFlow
from venue.market import Market, Published


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.flushes: list[int] = []
        self.idle = 0

    def on_published(self, feed: MarketFeed, news: Published, now_us: int) -> None:
        self.ids.extend(update.update_id for update in news.updates)
        assert all(feed.stamp(update.time_us) <= now_us for update in news.updates), "news from the future"

    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        self.flushes.append(now_us)

    def on_idle(self, feed: MarketFeed) -> None:
        self.idle += 1


def make(speed: float = 1.0, lead_us: int = 0) -> tuple[SyntheticFeed, MarketFeed, Listener]:
    pair = parse_pair("BTC/USDT@binance")
    assert pair is not None
    market = Market(pair.listings[0])
    flow = PairFlow("1", pair, [market], deep_levels=20)
    flow.advance(1_000_000)
    clock = VenueClock(speed, 1_000_000)
    synthetic = SyntheticFeed(flow, [market], clock, batch_us=[20_000], lead_us=lead_us, phase=0)
    listener = Listener()
    synthetic.feeds[0].listener = listener
    return synthetic, synthetic.feeds[0], listener


async def wait_for(condition: Any, timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


async def test_watched_markets_flush_at_the_interval() -> None:
    """With a watcher intervals end on their grid; without, the market still goes on."""
    synthetic, feed, listener = make()
    synthetic.start()
    feed.settle()
    feed.watch(depth=1)
    await wait_for(lambda: len(listener.flushes) >= 10)
    synthetic.stop()
    assert listener.idle == 1
    assert listener.ids == list(range(listener.ids[0], listener.ids[-1] + 1))
    steps = [b - a for a, b in zip(listener.flushes, listener.flushes[1:], strict=False)]
    assert sorted(steps)[len(steps) // 2] < 40_000


async def test_an_idle_market_does_not_fall_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Step after step without watchers, the market stays at the wall clock."""
    monkeypatch.setattr(feeds, "IDLE_US", 20_000)
    synthetic, feed, listener = make()
    synthetic.start()
    await wait_for(lambda: len(listener.flushes) >= 20)
    await wait_for(lambda: feed.unstamp(feed.stamp_now()) - feed.position() < 20_000)
    synthetic.stop()


@pytest.mark.slow
async def test_a_late_loop_catches_up_in_slices(caplog: pytest.LogCaptureFixture) -> None:
    """A loop that was blocked for several slices of market time says so, and ends up at the wall clock again."""
    synthetic, feed, _listener = make(speed=80.0)
    synthetic.start()
    time.sleep(0.01)  # the market has not run meanwhile
    behind = feeds.SLICE_US
    try:
        feeds.SLICE_US = 5_000  # 0.2 s of this market
        time.sleep(0.6)
        assert feed.unstamp(feed.stamp_now()) - feed.position() > 30_000_000
        synthetic.rearm()
        feed.settle()
        await wait_for(lambda: any("behind" in record.message for record in caplog.records))
    finally:
        feeds.SLICE_US = behind
    await wait_for(lambda: feed.unstamp(feed.stamp_now()) - feed.market.public_time_us < 60_000_000)
    await wait_for(lambda: feed.unstamp(feed.stamp_now()) - feed.position() < 4_000_000)
    synthetic.stop()


async def test_a_lead_is_not_published() -> None:
    """A market that runs ahead keeps its lead to itself: only copies may see it."""
    synthetic, feed, _listener = make(lead_us=500_000)
    synthetic.start()
    await wait_for(lambda: feed.position() and feed.market.head_update_id > 100)
    feed.settle()
    now = feed.position()
    ahead = feed.market.copy_at(now + 500_000)
    assert ahead.update_id > feed.market.public_update_id
    assert feed.market.public_time_us <= now
    synthetic.stop()
