"""Feeds: what drives a market in real time and tells its face when something became public.

A `MarketFeed` is one market as its face sees it. The synthetic feed runs all venues of a pair on one virtual
clock; it steps finely only while somebody watches. The steady feed makes frames on an absolute schedule.
Everything here runs on the event loop's thread.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from venue.clock import VenueClock, wall_us
from venue.flow import PairFlow
from venue.listing import Listing
from venue.market import Market, Published
from venue.steady import SteadyPattern

LOG = logging.getLogger(__name__)

REALTIME_US = 10_000  # step while somebody watches trades or the best price
IDLE_US = 1_000_000  # step while nobody watches
SLICE_US = 3_000_000  # longest step at once, so that a late loop catches up without blocking for long
BEHIND_US = 1_000_000  # further behind than this, the next step follows at once


class Listener(Protocol):
    """What a face does with its markets' news."""

    def on_published(self, feed: "MarketFeed", news: Published, now_us: int) -> None:
        """Take what became public; ``now_us`` is the venue's wall time."""

    def on_flush(self, feed: "MarketFeed", now_us: int) -> None:
        """Send what was gathered: an interval has ended."""

    def on_idle(self, feed: "MarketFeed") -> None:
        """Drop what was gathered: nobody has watched, and somebody is about to."""


class MarketFeed:
    """One market of one face, with the clock that its times are on.

    ``immediate`` tells that every flush ends the long intervals too, not only the short ones.
    """

    immediate = False

    def __init__(self, market: Market) -> None:
        self.market = market
        self.listener: Listener | None = None
        self.depth_watchers = 0
        self.realtime_watchers = 0

    @property
    def listing(self) -> Listing:
        """What is traded here."""
        return self.market.listing

    def watch(self, depth: int = 0, realtime: int = 0) -> None:
        """Add (or with negative numbers remove) watchers of interval and of real-time streams."""
        self.depth_watchers += depth
        self.realtime_watchers += realtime

    def settle(self) -> None:
        """Bring everything up to now before somebody begins to watch: a stream must not begin with old news."""

    def position(self) -> int:
        """Bring the market up to date and return what "now" is on its clock, in µs."""
        raise NotImplementedError

    def stamp(self, time_us: int) -> int:
        """Turn a time on the market's clock into wall time, both in µs."""
        raise NotImplementedError

    def unstamp(self, wall: int) -> int:
        """Turn wall time into the market's clock, both in µs."""
        raise NotImplementedError

    def span(self, wall_span_us: int) -> int:
        """Turn a span of wall time into a span of the market's clock."""
        raise NotImplementedError

    def stamp_now(self) -> int:
        """Return the venue's wall time in µs, for an event that leaves now."""
        raise NotImplementedError

    def tell(self, news: Published, now_us: int) -> None:
        """Hand news to the listener."""
        if self.listener is not None:
            self.listener.on_published(self, news, now_us)

    def flush(self, now_us: int) -> None:
        """Tell the listener that an interval has ended."""
        if self.listener is not None:
            self.listener.on_flush(self, now_us)


class SyntheticFeed:
    """Runs one pair's flow against the wall clock and publishes its markets; ``batch_us`` is each one's interval."""

    def __init__(
        self,
        flow: PairFlow,
        markets: list[Market],
        clock: VenueClock,
        *,
        batch_us: Sequence[int],
        lead_us: int,
        phase: int,
    ) -> None:
        self._flow = flow
        self._clock = clock
        self._batch_us = batch_us
        self._lead_us = clock.span(lead_us)
        self.feeds = [_SyntheticMarketFeed(market, self, clock) for market in markets]
        start = clock.now_us() // REALTIME_US * REALTIME_US
        # Symbols end their intervals at different moments, which spreads the work as real venues do; all on the
        # grid of the real-time steps, so that frames of one moment leave in one packet.
        self._flush_due = [
            start + (phase * 3 + i * 5) * REALTIME_US % max(REALTIME_US, each) for i, each in enumerate(batch_us)
        ]
        self._timer: asyncio.TimerHandle | None = None
        self._behind = False

    def start(self) -> None:
        """Begin to run. Must be called on the event loop."""
        self._arm()

    def stop(self) -> None:
        """Stop for good."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def position(self) -> int:
        """Bring the flow up to date (at most one slice) and return the virtual now."""
        target = self._clock.virtual(self._clock.now_us())
        slice_us = max(self._lead_us, self._clock.span(SLICE_US))
        reached = min(target + self._lead_us, self._flow.now_us + slice_us)
        self._flow.advance(reached)
        return min(target, reached)

    def settle(self) -> None:
        """Publish up to now, and begin new intervals where nobody has watched."""
        now = self._publish()
        for index, feed in enumerate(self.feeds):
            if not feed.depth_watchers and feed.listener is not None:
                feed.listener.on_idle(feed)
                self._flush_due[index] = (now + self._batch_us[index]) // REALTIME_US * REALTIME_US

    def rearm(self) -> None:
        """Look again at when to wake: the watchers changed."""
        if self._timer is not None:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        now = self._clock.now_us()
        due = now if self._behind else now + IDLE_US
        for feed, flush_due in zip(self.feeds, self._flush_due, strict=True):
            if feed.realtime_watchers:
                due = min(due, now - now % REALTIME_US + REALTIME_US)
            if feed.depth_watchers:
                due = min(due, flush_due)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + max(0, due - now) / 1e6, self._on_timer)

    def _publish(self) -> int:
        position = self.position()
        now = self._clock.now_us()
        was_behind = self._behind
        self._behind = self._clock.virtual(now) - position > self._clock.span(BEHIND_US)
        if self._behind and not was_behind:
            LOG.warning("%s runs behind the wall clock: catching up", self._flow.pair.name)
        for feed in self.feeds:
            feed.tell(feed.market.publish(position), now)
        return now

    def _on_timer(self) -> None:
        now = self._publish()
        for index, feed in enumerate(self.feeds):
            if now >= self._flush_due[index]:
                feed.flush(now)
                late = (now - self._flush_due[index]) // self._batch_us[index]
                self._flush_due[index] += (late + 1) * self._batch_us[index]
        self._arm()


class _SyntheticMarketFeed(MarketFeed):
    def __init__(self, market: Market, owner: SyntheticFeed, clock: VenueClock) -> None:
        super().__init__(market)
        self._owner = owner
        self._clock = clock

    def watch(self, depth: int = 0, realtime: int = 0) -> None:
        super().watch(depth, realtime)
        self._owner.rearm()

    def settle(self) -> None:
        self._owner.settle()

    def position(self) -> int:
        return self._owner.position()

    def stamp(self, time_us: int) -> int:
        return self._clock.stamp(time_us)

    def unstamp(self, wall: int) -> int:
        return self._clock.virtual(wall)

    def span(self, wall_span_us: int) -> int:
        return self._clock.span(wall_span_us)

    def stamp_now(self) -> int:
        return self._clock.now_us()


class SteadyFeed(MarketFeed):
    """Exactly ``rate`` frames a second while somebody watches, for measurements; times are the wall clock's.

    Frame k of a run is due at start + k / rate, so that nothing drifts. A late loop sends one frame per turn until it
    has caught up; more than `GIVE_UP_S` behind, the schedule starts anew and the frames not made are counted.
    """

    GIVE_UP_S = 5.0
    immediate = True

    def __init__(self, market: Market, pattern: SteadyPattern, *, rate: float, phase: float) -> None:
        super().__init__(market)
        self._pattern = pattern
        self._period_s = 1.0 / rate
        self._phase_s = phase * self._period_s
        self._timer: asyncio.TimerHandle | None = None
        self._run_start_s = 0.0
        self._run_frames = 0
        self._last_us = 0
        self.frames = 0
        self.skipped = 0

    def watch(self, depth: int = 0, realtime: int = 0) -> None:
        """Start the schedule with the first watcher, stop it with the last."""
        super().watch(depth, realtime)
        watched = self.depth_watchers + self.realtime_watchers > 0
        if watched and self._timer is None:
            self._begin()
        elif not watched:
            self.stop()

    def stop(self) -> None:
        """Stop the schedule; the book stays as it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def position(self) -> int:
        """Return the wall time: the book changes with the frames only."""
        return max(wall_us(), self._last_us)

    def stamp(self, time_us: int) -> int:
        """Return the time itself."""
        return time_us

    def unstamp(self, wall: int) -> int:
        """Return the time itself."""
        return wall

    def span(self, wall_span_us: int) -> int:
        """Return the span itself."""
        return wall_span_us

    def stamp_now(self) -> int:
        """Return the wall time, never earlier than the newest update's."""
        return max(wall_us(), self._last_us)

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._run_start_s = loop.time() + self._phase_s
        self._run_frames = 0
        self._timer = loop.call_at(self._run_start_s, self._on_timer)

    def _on_timer(self) -> None:
        loop = asyncio.get_running_loop()
        self._last_us = max(wall_us(), self._last_us + 1)
        changes, top = self._pattern.next_frame()
        self.market.write(self._last_us, changes, top)
        self.tell(self.market.publish(self._last_us), self._last_us)
        self.flush(self._last_us)
        self.frames += 1
        self._run_frames += 1
        if self._timer is None:
            return  # the last watcher was cut while this frame went out
        due = self._run_start_s + self._run_frames * self._period_s
        if loop.time() - due > self.GIVE_UP_S:
            missed = int((loop.time() - due) / self._period_s)
            self.skipped += missed
            LOG.warning("%s: %d frames were not made, the loop was too late", self.listing.pair, missed)
            self._begin()
            return
        self._timer = loop.call_at(due, self._on_timer)
