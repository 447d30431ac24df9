"""The synthetic order flow of one pair on the venues that list it: deterministic under a seed.

A fair value walks; on each venue self-exciting arrivals bring limit orders that mostly die young, and market
orders in runs; a maker holds the touch, patient orders hold the depth, arbitrageurs tie the venues.
Time is a virtual clock in whole microseconds from 0; what happens is a function of the seed alone, however
`advance` is sliced. The heap's key is (time, sequence), every participant draws from a random stream of its
own, and nothing iterates over a set.
"""

import heapq
import math
from collections.abc import Callable
from random import Random

from venue.agents import Arbitrageur, Desk, Maker, StandingBook
from venue.listing import ASSETS, Pair
from venue.market import Market
from venue.matching import ASK, BID
from venue.processes import GRID_US, AssetValue, Hawkes, Offset, Signs, log_normal

Handler = Callable[[int, int], None]
STANDING_US = 1_000_000


class VenueFlow:
    """The public of one market: who sends limit and market orders, and when they cancel."""

    MARKET_MEDIAN = 0.0012
    MARKET_SIGMA = 2.0
    SWEEP_SHARE = 0.04
    BURST_SHARE = 0.30
    BURST_MORE = 0.6  # chance of one more order in a burst: 1.5 more in the mean

    def __init__(self, flow: "PairFlow", market: Market, deep_levels: int) -> None:
        habits = market.listing.habits
        pair = flow.pair
        stream = f"{flow.seed}/{pair.name}/{market.listing.face}"
        self._flow = flow
        self._habits = habits
        self.market = market
        self.book = market.book
        self.desk = Desk(market, pair.price, ASSETS["BTC"].usd / ASSETS[pair.base].usd)
        self.offset = Offset(Random(f"{stream}/offset"), habits.offset_sigma)
        self._rng = Random(f"{stream}/orders")
        self._lives = Random(f"{stream}/lives")
        self._signs = Signs(Random(f"{stream}/signs"))
        rate = habits.rate * pair.activity
        self._hawkes = Hawkes(Random(f"{stream}/arrivals"), rate, habits.branching, habits.decay)
        self._maker = Maker(
            self.desk,
            Random(f"{stream}/maker"),
            flow.schedule,
            bitcoins=habits.maker_bitcoins * math.sqrt(pair.activity),
            band_bps=habits.maker_band_bps,
            half_spread_bps=habits.maker_half_spread_bps,
            wait_us=habits.maker_wait_us,
        )
        self._standing = StandingBook(self.desk, Random(f"{stream}/standing"), deep_levels)
        self.placed = self.cancelled = 0

    def start(self) -> None:
        """Set the standing book and wait for the first arrival."""
        self._standing.on_timer(0)
        self._flow.schedule(self._hawkes.candidate(0, busy=False), self._arrive, 0)
        self._flow.schedule(STANDING_US, self._stand, 0)

    def on_fair(self, time_us: int, fair: float) -> None:
        """Take the common fair value into this market."""
        self.offset.step()
        self.desk.fair_ticks = fair * self.offset.factor * self.desk.ticks_per_quote
        self._maker.on_fair(time_us)

    def _stand(self, time_us: int, _: int) -> None:
        self._standing.on_timer(time_us)
        self._flow.schedule(time_us + STANDING_US, self._stand, 0)

    def _arrive(self, time_us: int, _: int) -> None:
        busy = self._flow.busy
        if self._hawkes.accept(time_us, busy):
            if self._rng.random() < self._habits.market_share:
                self._market_order(time_us)
            else:
                self._limit_order(time_us)
        self._flow.schedule(self._hawkes.candidate(time_us, busy), self._arrive, 0)

    def _limit_order(self, time_us: int) -> None:
        rng = self._rng
        side = BID if rng.random() < 0.5 else ASK
        sign = -1 if side == BID else 1  # away from the other side
        touch, opposite = self.book.best(side), self.book.best(1 - side)
        if touch is None:
            touch = round(self.desk.fair_ticks) + sign
        draw = rng.random()
        spread = abs(opposite - touch) if opposite is not None else 0
        distance = 0.0
        if draw < 0.05 and spread > 1:
            tick = touch - sign * rng.randint(1, spread - 1)
        elif draw < 0.15:
            tick = touch
        else:
            distance = log_normal(rng, 1.6, 1.0)
            tick = touch + sign * round(self.desk.bps_to_ticks(distance))
        habits = self._habits
        lots = self.desk.lots(log_normal(rng, habits.limit_median, habits.limit_sigma))
        order_id = self.market.limit(time_us, side, max(1, tick), lots)
        self.placed += 1
        self._flow.schedule(time_us + self._lifetime_us(distance), self._expire, order_id)

    def _lifetime_us(self, distance_bps: float) -> int:
        if self._lives.random() < 0.03:
            life = self._lives.expovariate(1 / 120.0)
        else:
            life = log_normal(self._lives, 0.15 * (1.0 + 0.4 * distance_bps), 1.9)
        return max(1, int(min(life, 3600.0) * 1e6))

    def _expire(self, time_us: int, order_id: int) -> None:
        if self.market.cancel(time_us, order_id):
            self.cancelled += 1

    def _market_order(self, time_us: int) -> None:
        bid, ask = self.book.best(BID), self.book.best(ASK)
        if bid is None or ask is None:
            return
        mispricing = (2.0 * self.desk.fair_ticks / (bid + ask) - 1.0) * 1e4
        side = BID if self._signs.next_is_buy(mispricing) else ASK
        if self._rng.random() < self.SWEEP_SHARE:
            self._sweep(time_us, side)
        else:
            self._take(time_us, side)
        if self._rng.random() < self.BURST_SHARE:
            when = time_us
            while self._rng.random() < self.BURST_MORE:
                when += int(self._rng.uniform(200, 3_000))
                self._flow.schedule(when, self._take, side)

    def _take(self, time_us: int, side: int) -> None:
        lots = self.desk.lots(log_normal(self._rng, self.MARKET_MEDIAN, self.MARKET_SIGMA))
        self.market.take(time_us, side, lots)

    def _sweep(self, time_us: int, side: int) -> None:
        """Take the whole touch and a tenth of it more."""
        touch = self.book.best(1 - side)
        if touch is not None:
            lots = self.book.lots_at(1 - side, touch)
            self.market.take(time_us, side, lots + lots // 10 + 1)


class PairFlow:
    """All venues of one pair on one virtual clock. ``markets`` are in the pair's listing order."""

    def __init__(
        self, seed: str, pair: Pair, markets: list[Market], *, deep_levels: int = 1000, volatility: float = 1.0
    ) -> None:
        self.seed = seed
        self.pair = pair
        self.now_us = 0
        self._heap: list[tuple[int, int, Handler, int]] = []
        self._sequence = 0
        self._base, self._quote = (
            AssetValue(seed, name, ASSETS[name].usd, ASSETS[name].volatility * volatility)
            for name in (pair.base, pair.quote)
        )
        self.venues = [VenueFlow(self, market, deep_levels) for market in markets]
        circles = {venue.market.listing.habits.circle: None for venue in self.venues}
        self._arbitrageurs = [
            Arbitrageur([venue.desk for venue in self.venues if venue.market.listing.habits.circle == circle])
            for circle in circles
        ]
        for venue in self.venues:
            venue.start()
        self.schedule(0, self._on_fair, 0)
        if len(self.venues) > 1:
            self.schedule(Arbitrageur.EVERY_US, self._arbitrage, 0)

    @property
    def fair(self) -> float:
        """The common fair value in quote units."""
        return self._base.usd / self._quote.usd

    @property
    def busy(self) -> bool:
        """Whether the base asset is in its busy regime."""
        return self._base.busy

    def schedule(self, time_us: int, handler: Handler, argument: int) -> None:
        """Call ``handler(time_us, argument)`` at a time; equal times run in the order of scheduling."""
        self._sequence += 1
        heapq.heappush(self._heap, (time_us, self._sequence, handler, argument))

    def advance(self, until_us: int) -> None:
        """Run the market up to and including a virtual time."""
        heap = self._heap
        while heap[0][0] <= until_us:
            time_us, _, handler, argument = heapq.heappop(heap)
            handler(time_us, argument)
        self.now_us = max(self.now_us, until_us)

    def _on_fair(self, time_us: int, _: int) -> None:
        self._base.step()
        self._quote.step()
        fair = self.fair
        for venue in self.venues:
            venue.on_fair(time_us, fair)
        self.schedule(time_us + GRID_US, self._on_fair, 0)

    def _arbitrage(self, time_us: int, _: int) -> None:
        for arbitrageur in self._arbitrageurs:
            arbitrageur.on_timer(time_us)
        self.schedule(time_us + Arbitrageur.EVERY_US, self._arbitrage, 0)
