"""Participants with a purpose: the maker at the touch, the owners of the standing book, the arbitrageur.

Each acts on a `Desk`: one market, the scales that turn money into ticks and lots, and the current fair value.
"""

import math
from collections.abc import Callable
from random import Random

from venue.market import Market
from venue.matching import ASK, BID, Order
from venue.processes import log_normal

Schedule = Callable[[int, Callable[[int, int], None], int], None]


class Desk:
    """A market seen by its participants; ``fair_ticks`` is the fair value in (fractional) ticks."""

    def __init__(self, market: Market, fair: float, unit: float) -> None:
        listing = market.listing
        self.market = market
        self.book = market.book
        self.ticks_per_quote = float(10**listing.price_decimals)
        self.lots_per_base = float(10**listing.lot_decimals)
        self.unit = unit  # base amount worth as much as one bitcoin
        self.fair_ticks = fair * self.ticks_per_quote

    def lots(self, bitcoins: float) -> int:
        """Turn an amount of bitcoin's worth into lots, at least one."""
        return max(1, int(bitcoins * self.unit * self.lots_per_base))

    def bps_to_ticks(self, bps: float) -> float:
        """Turn a distance at the fair value into (fractional) ticks."""
        return self.fair_ticks * bps * 1e-4


class Maker:
    """Quotes round the fair value, ``half_spread_bps`` to either side but at least one tick apart.

    When the value leaves its band, it pulls its quotes and most stale orders of others, and comes back a little
    later.
    """

    def __init__(
        self,
        desk: Desk,
        rng: Random,
        schedule: Schedule,
        *,
        bitcoins: float,
        band_bps: float,
        half_spread_bps: float,
        wait_us: tuple[int, int],
    ) -> None:
        self._desk = desk
        self._rng = rng
        self._schedule = schedule
        self._lots = desk.lots(bitcoins)
        # A band below half a tick would re-quote at every step on coarse ticks.
        self._band = max(desk.bps_to_ticks(band_bps), 0.6)
        self._half_spread = desk.bps_to_ticks(half_spread_bps)
        self._wait_us = wait_us
        self._waiting = False
        self._centre = 0.0
        # The book's own order objects: their lots fall to 0 as they are filled. Nobody else cancels them.
        self._quotes: tuple[list[Order], list[Order]] = ([], [])
        self._ticks = (0, 0)

    def on_fair(self, time_us: int) -> None:
        """Look at the new fair value: stay and refill, or pull and come back a little later."""
        if self._waiting:
            return
        if abs(self._desk.fair_ticks - self._centre) <= self._band:
            self._refill(time_us)
            return
        self._pull(time_us)
        self._waiting = True
        self._schedule(time_us + self._rng.randint(*self._wait_us), self._requote, 0)

    def _pull(self, time_us: int) -> None:
        market = self._desk.market
        for quotes in self._quotes:
            for quote in quotes:
                market.cancel(time_us, quote.order_id)
            quotes.clear()
        fair, rng = self._desk.fair_ticks, self._rng
        side = ASK if fair > self._centre else BID
        stale: list[int] = []
        for order in self._desk.book.orders(side):
            if (order.tick > fair) if side == ASK else (order.tick < fair):
                break
            if rng.random() < 0.9:
                stale.append(order.order_id)
        for order_id in stale:
            market.cancel(time_us, order_id)

    def _requote(self, time_us: int, _: int) -> None:
        self._waiting = False
        self._centre = self._desk.fair_ticks
        bid = max(1, math.floor(self._centre - self._half_spread))
        self._ticks = (bid, max(bid + 1, math.ceil(self._centre + self._half_spread)))
        self._refill(time_us)

    def _refill(self, time_us: int) -> None:
        for side in (BID, ASK):
            quotes = self._quotes[side]
            left = sum([order.lots for order in quotes])
            if left < 0.6 * self._lots:
                self._quote(time_us, side, left)

    def _quote(self, time_us: int, side: int, left: int) -> None:
        """Add an order at the touch; forget those that have been filled."""
        wanted = int(self._lots * self._rng.uniform(0.8, 1.2)) - left
        order_id = self._desk.market.limit(time_us, side, self._ticks[side], max(1, wanted))
        order = self._desk.book.find(order_id)
        self._quotes[side][:] = [quote for quote in self._quotes[side] if quote.lots]
        if order is not None:
            self._quotes[side].append(order)


class StandingBook:
    """Patient orders on a grid, ``levels`` a side, from a few bps to far away; renewed as the price wanders.

    The depth stays below half the price: fewer levels stand where the tick is too coarse for all.
    """

    GAP_BPS = 4.0
    SPACING_BPS = 0.5
    WIDEST = 0.3  # of the price, unless the tick forces more
    LIMIT = 0.5
    NEAR = 32

    def __init__(self, desk: Desk, rng: Random, levels: int) -> None:
        self._desk = desk
        self._rng = rng
        spacing = desk.bps_to_ticks(self.SPACING_BPS)
        if levels:
            spacing = min(spacing, desk.fair_ticks * self.WIDEST / levels)
        self._step = max(1, int(spacing))
        self.levels = min(levels, int(desk.fair_ticks * self.LIMIT / self._step))
        self._orders: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._windows = [(0, 0), (0, 0)]

    def on_timer(self, time_us: int) -> None:
        """Move both windows to the fair value and renew what was taken near the touch."""
        if not self.levels:
            return
        fair, step = self._desk.fair_ticks, self._step
        gap = max(self._desk.bps_to_ticks(self.GAP_BPS), 2.0)
        high = math.floor((fair - gap) / step)
        self._move(time_us, BID, high - self.levels + 1, high + 1)
        low = math.ceil((fair + gap) / step)
        self._move(time_us, ASK, low, low + self.levels)

    def _move(self, time_us: int, side: int, low: int, high: int) -> None:
        orders = self._orders[side]
        old_low, old_high = self._windows[side]
        market = self._desk.market
        for index in (*range(old_low, min(low, old_high)), *range(max(high, old_low), old_high)):
            market.cancel(time_us, orders.pop(index, 0))
        near = range(high - self.NEAR, high) if side == BID else range(low, low + self.NEAR)
        fresh = (*range(low, min(high, old_low)), *range(max(low, old_high), high))
        for index in dict.fromkeys((*fresh, *near)):
            if low <= index < high and market.book.find(orders.get(index, 0)) is None:
                self._place(time_us, side, index)
        self._windows[side] = (low, high)

    def _place(self, time_us: int, side: int, index: int) -> None:
        # Grid points are jittered inside their step, so that prices do not look like a comb.
        tick = index * self._step + (index * 2_654_435_761 >> 7) % self._step
        if tick < 1:
            return
        best = self._desk.book.best(1 - side)
        if best is not None and (tick >= best if side == BID else tick <= best):
            return  # would trade: the book has not caught up with the fair value
        lots = self._desk.lots(log_normal(self._rng, 0.05, 1.3))
        self._orders[side][index] = self._desk.market.limit(time_us, side, tick, lots)


class Arbitrageur:
    """Buys where it is cheap and sells where it is dear when two venues differ by more than the effort."""

    EVERY_US = 40_000
    THRESHOLD = 1.0e-4

    def __init__(self, desks: list[Desk]) -> None:
        self._desks = desks
        self.deals = 0

    def on_timer(self, time_us: int) -> None:
        """Compare the tops of each two venues once."""
        for seller in self._desks:
            for buyer in self._desks:
                if seller is not buyer:
                    self._compare(time_us, seller, buyer)

    def _compare(self, time_us: int, dear: Desk, cheap: Desk) -> None:
        high, low = dear.book.top(), cheap.book.top()
        if high.bid is None or low.ask is None:
            return
        bid, ask = high.bid / dear.ticks_per_quote, low.ask / cheap.ticks_per_quote
        if bid / ask - 1.0 <= self.THRESHOLD:
            return
        amount = min(high.bid_lots / dear.lots_per_base, low.ask_lots / cheap.lots_per_base)
        sold, bought = int(amount * dear.lots_per_base), int(amount * cheap.lots_per_base)
        if sold and bought:
            dear.market.limit(time_us, ASK, high.bid, sold, ioc=True)
            cheap.market.limit(time_us, BID, low.ask, bought, ioc=True)
            self.deals += 1
