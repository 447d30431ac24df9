"""One symbol of one venue: its matching book, and what of it has been made public so far.

Commands carry a time (whole microseconds on one clock, never decreasing) and may lie a little ahead of the
public position: a copy of the book can then lead the streams as well as lag behind them, as a real venue's
REST replicas do. `publish` moves the public position forward and returns what became public.

What is kept by the ten thousand is hidden from the garbage collector (``gc=False``): it holds
numbers only, and to walk it would stop the venue for a second at a time.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, TypeVar

import msgspec

from venue.ladder import Ladder
from venue.listing import Listing
from venue.matching import BID, Change, MatchingBook, Outcome, Top, Trade

T = TypeVar("T", "Update", "TopUpdate", "Print")


class HistoryGone(LookupError):
    """The position asked for lies before the history that is kept, or ahead of the market."""


class Update(msgspec.Struct, frozen=True, gc=False):
    """One primitive change with its update id (consecutive per symbol) and its time in µs."""

    update_id: int
    time_us: int
    side: int
    tick: int
    lots: int
    order_id: int
    order_lots: int


class _Past(msgspec.Struct, frozen=True, gc=False):
    """An update that can be undone: with the level's total before it."""

    update: Update
    before: int


class TopUpdate(msgspec.Struct, frozen=True, gc=False):
    """A new best price or best amount, with the update id and time of the change that made it."""

    update_id: int
    time_us: int
    top: Top


class Print(msgspec.Struct, frozen=True, gc=False):
    """One trade as it goes out: ids rise by one per symbol; ``taker_id`` tells fills of one command apart."""

    trade_id: int
    time_us: int
    tick: int
    lots: int
    taker_side: int
    maker_id: int
    taker_id: int


class Published(NamedTuple):
    """What became public in one step, oldest first."""

    updates: list[Update]
    tops: list[TopUpdate]
    prints: list[Print]


class OrderView(msgspec.Struct, frozen=True, gc=False):
    """One order as the public sees it."""

    side: int
    tick: int
    lots: int


class Copy(NamedTuple):
    """The whole book at one position: its last update id and the time of that update in µs."""

    ladder: Ladder
    update_id: int
    time_us: int


class Market:
    """A listed symbol. Only the venue's event loop touches it.

    ``history`` bounds how many updates can be undone; older ones are forgotten. The updates that are not
    public yet are bounded by how far the owner runs ahead of `publish`. ``keep_orders`` lets `orders_at` answer.
    """

    def __init__(
        self,
        listing: Listing,
        *,
        first_update_id: int = 1,
        first_trade_id: int = 1,
        history: int = 100_000,
        keep_orders: bool = False,
    ) -> None:
        self.listing = listing
        self.book = MatchingBook()
        self.view = Ladder()
        self.recent: deque[Print] = deque(maxlen=1000)
        self.session = Session()
        self._history = history
        self._past: deque[_Past] = deque()
        self._orders: dict[int, OrderView] | None = {} if keep_orders else None
        self._future: deque[Update] = deque()
        self._future_tops: deque[TopUpdate] = deque()
        self._future_prints: deque[Print] = deque()
        self._base = (first_update_id - 1, 0)  # id and time of the newest update that cannot be undone
        self._public = self._base
        self._next_update_id = first_update_id
        self._next_trade_id = first_trade_id
        self._next_order_id = 1
        self._top = Top(None, 0, None, 0)

    # Commands

    def limit(self, time_us: int, side: int, tick: int, lots: int, *, ioc: bool = False) -> int:
        """Enter a limit order and return its id. Raises MatchingError like the book."""
        order_id = self._new_order_id()
        self._record(time_us, self.book.limit(order_id, side, tick, lots, ioc=ioc))
        return order_id

    def take(self, time_us: int, side: int, lots: int) -> Outcome:
        """Enter a market order: it takes what there is and never rests. Raises MatchingError like the book."""
        outcome = self.book.market(self._new_order_id(), side, lots)
        self._record(time_us, outcome)
        return outcome

    def cancel(self, time_us: int, order_id: int) -> bool:
        """Cancel an order; False when it is no longer in the book."""
        if self.book.find(order_id) is None:
            return False
        self._record(time_us, Outcome([], [self.book.cancel(order_id)], 0))
        return True

    def write(self, time_us: int, changes: list[Change], top: Top) -> None:
        """Enter changes that no order made (a load pattern); ``top`` is the best after them."""
        self._append(time_us, [], changes, top)

    # Public position

    def publish(self, until_us: int) -> Published:
        """Make everything public up to and including a time."""
        updates = _pop(self._future, until_us)
        past, view, orders = self._past, self.view, self._orders
        for update in updates:
            past.append(_Past(update, view.set(update.side, update.tick, update.lots)))
            if orders is not None:
                _apply(orders, update)
        if updates:
            self._public = (updates[-1].update_id, updates[-1].time_us)
        while len(past) > self._history:
            forgotten = past.popleft().update
            self._base = (forgotten.update_id, forgotten.time_us)
        prints = _pop(self._future_prints, until_us)
        if prints:
            self.recent.extend(prints)
            self.session.add(prints)
        return Published(updates, _pop(self._future_tops, until_us), prints)

    def forget(self) -> None:
        """Drop the history: what was public so far (the warm-up) can no longer be asked for."""
        self._past.clear()
        self._base = self._public

    @property
    def public_update_id(self) -> int:
        """The id of the newest update that is public."""
        return self._public[0]

    @property
    def public_time_us(self) -> int:
        """The time of the newest update that is public."""
        return self._public[1]

    @property
    def head_update_id(self) -> int:
        """The id of the newest update that was entered, public or not."""
        return self._next_update_id - 1

    # Copies

    def copy_at(self, time_us: int) -> Copy:
        """Copy the book as it was, or will be, at a time; clamped to what is kept."""
        return self._copy(lambda update: update.time_us <= time_us, *self._public)

    def copy_at_id(self, update_id: int) -> Copy:
        """Copy the book right after an update. Raises HistoryGone when that is not kept or not yet known."""
        if not self._base[0] <= update_id <= self.head_update_id:
            raise HistoryGone(f"update {update_id} is not kept: ask for {self._base[0]} to {self.head_update_id}")
        return self._copy(lambda update: update.update_id <= update_id, *self._public)

    def copy_at_time(self, time_us: int) -> Copy:
        """Copy the book with all updates up to a time. Raises HistoryGone when that is before the history."""
        if time_us < self._base[1]:
            raise HistoryGone(f"time {time_us} is not kept: the oldest is {self._base[1]}")
        return self.copy_at(time_us)

    def changes_after(self, update_id: int, limit: int) -> list[Update]:
        """Return at most ``limit`` published updates after an id, oldest first.

        Raises HistoryGone when not all are kept.
        """
        if update_id < self._base[0]:
            raise HistoryGone(f"changes after {update_id} are not kept: ask for {self._base[0]} or later")
        start = update_id - self._base[0]  # ids are consecutive
        return [entry.update for entry in islice(self._past, start, start + limit)]

    def changes_since(self, time_us: int, limit: int) -> list[Update]:
        """Return published updates later than a time, oldest first: ``limit`` and the others of the last one's time.

        Raises HistoryGone when not all are kept.
        """
        if time_us < self._base[1]:
            raise HistoryGone(f"changes after time {time_us} are not kept: ask for {self._base[1]} or later")
        start = bisect_right(self._past, time_us, key=lambda entry: entry.update.time_us)
        found: list[Update] = []
        for entry in islice(self._past, start, None):
            update = entry.update
            if len(found) >= limit and update.time_us != found[-1].time_us:
                break
            found.append(update)
        return found

    def orders_at(self, time_us: int) -> dict[int, OrderView]:
        """Copy all orders, oldest first, at a time that is not before the public position.

        Raises HistoryGone when this market does not keep orders.
        """
        if self._orders is None:
            raise HistoryGone(f"{self.listing.symbol}: single orders are not kept")
        orders = self._orders.copy()
        for update in self._future:
            if update.time_us > time_us:
                break
            _apply(orders, update)
        return orders

    def _copy(self, included: Callable[[Update], bool], update_id: int, time_us: int) -> Copy:
        ladder = self.view.copy()
        for entry in reversed(self._past):
            update = entry.update
            if included(update):
                update_id, time_us = update.update_id, update.time_us
                break
            ladder.set(update.side, update.tick, entry.before)
        else:
            update_id, time_us = self._base
        if update_id == self._public[0]:
            for update in self._future:
                if not included(update):
                    break
                ladder.set(update.side, update.tick, update.lots)
                update_id, time_us = update.update_id, update.time_us
        return Copy(ladder, update_id, time_us)

    def _new_order_id(self) -> int:
        order_id = self._next_order_id
        self._next_order_id += 1
        return order_id

    def _record(self, time_us: int, outcome: Outcome) -> None:
        self._append(time_us, outcome.trades, outcome.changes, self.book.top())

    def _append(self, time_us: int, trades: list[Trade], changes: list[Change], top: Top) -> None:
        update_id = self._next_update_id
        for change in changes:
            self._future.append(
                Update(update_id, time_us, change.side, change.tick, change.lots, change.order_id, change.order_lots)
            )
            update_id += 1
        self._next_update_id = update_id
        if top != self._top:
            self._top = top
            self._future_tops.append(TopUpdate(update_id - 1, time_us, top))
        for trade in trades:
            self._future_prints.append(
                Print(
                    self._next_trade_id,
                    time_us,
                    trade.tick,
                    trade.lots,
                    trade.taker_side,
                    trade.maker_id,
                    trade.taker_id,
                )
            )
            self._next_trade_id += 1


class Session:
    """Figures since the venue started, for the tickers: prices in ticks, amounts in lots."""

    def __init__(self) -> None:
        self.open = self.high = self.low = self.last = 0
        self.last_side = BID
        self.lots = 0
        self.tick_lots = 0  # sum of tick * lots, for the volume-weighted price

    def add(self, prints: list[Print]) -> None:
        """Count trades."""
        for trade in prints:
            if not self.open:
                self.open = self.high = self.low = trade.tick
            self.high = max(self.high, trade.tick)
            self.low = min(self.low, trade.tick)
            self.lots += trade.lots
            self.tick_lots += trade.tick * trade.lots
        self.last, self.last_side = prints[-1].tick, prints[-1].taker_side


def _apply(orders: dict[int, OrderView], update: Update) -> None:
    # A dict keeps the place of a key whose value is replaced: a partly filled order keeps its turn.
    if update.order_lots:
        orders[update.order_id] = OrderView(update.side, update.tick, update.order_lots)
    else:
        orders.pop(update.order_id, None)


def _pop(queue: deque[T], until_us: int) -> list[T]:
    taken: list[T] = []
    while queue and queue[0].time_us <= until_us:
        taken.append(queue.popleft())
    return taken
