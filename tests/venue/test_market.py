"""The public position, the history and the copies of one market."""

import gc
from random import Random

import pytest

from venue.faces.registry import FACES
from venue.ladder import Ladder
from venue.market import HistoryGone, Market
from venue.matching import ASK, BID, Top

LISTING = FACES["bitstamp"].listing("BTC", "USD", 64_000.0)


def busy_market(history: int = 10_000) -> tuple[Market, list[tuple[int, int, dict[int, int], dict[int, int]]]]:
    """Run random commands; return the market and, per command, (time, id, bids, asks) after it."""
    market = Market(LISTING, first_update_id=500, history=history, keep_orders=True)
    rng = Random(3)
    live: list[int] = []
    states = []
    for time_us in range(10, 4010, 10):
        if live and rng.random() < 0.4:
            market.cancel(time_us, live.pop(rng.randrange(len(live))))
        else:
            side = rng.choice((BID, ASK))
            live.append(market.limit(time_us, side, rng.randint(95, 105), rng.randint(1, 9)))
        states.append((time_us, market.head_update_id, dict(market.book.levels(BID)), dict(market.book.levels(ASK))))
    return market, states


@pytest.mark.parametrize("public_us", [0, 1500, 4000])
def test_copies_equal_the_book_as_it_was(public_us: int) -> None:
    """Behind and ahead of the public position, by time and by update id, a copy is the true book."""
    market, states = busy_market()
    market.publish(public_us)
    for time_us, update_id, bids, asks in states:
        copy = market.copy_at(time_us)
        assert (copy.update_id, copy.ladder.lots) == (update_id, (bids, asks))
        if update_id >= 500:
            assert market.copy_at_id(update_id).ladder.lots == (bids, asks)


def test_published_updates_rebuild_the_book() -> None:
    """Ids are consecutive, slices do not matter, and the updates alone give the book."""
    market, states = busy_market()
    ladder, expected_id = Ladder(), 500
    for until in range(0, 4001, 70):
        for update in market.publish(until).updates:
            assert update.update_id == expected_id
            assert update.time_us <= until
            expected_id += 1
            ladder.set(update.side, update.tick, update.lots)
    market.publish(4000)
    assert market.public_update_id == states[-1][1]
    assert ladder.lots == market.view.lots or ladder != market.view
    assert market.view.lots == (states[-1][2], states[-1][3])


def test_orders_sum_to_levels_and_keep_their_turn() -> None:
    """Single orders, public or not yet, add up to the copy's levels and stand in the book's queue order."""
    market, states = busy_market()
    market.publish(2000)
    orders = market.orders_at(4000)
    for side, totals in ((BID, states[-1][2]), (ASK, states[-1][3])):
        sums: dict[int, int] = {}
        for order in orders.values():
            if order.side == side:
                sums[order.tick] = sums.get(order.tick, 0) + order.lots
        assert sums == totals
        queue = [i for i, order in orders.items() if order.side == side]
        queue.sort(key=lambda i: -orders[i].tick if side == BID else orders[i].tick)
        assert queue == [order.order_id for order in market.book.orders(side)]


def test_history_is_bounded_and_says_so() -> None:
    """What is older than the ring is refused by name, and a late copy is clamped to the oldest kept state."""
    market, states = busy_market(history=50)
    market.publish(4000)
    last = states[-1][1]
    assert market.copy_at_id(last - 50).update_id == last - 50
    with pytest.raises(HistoryGone, match="not kept"):
        market.copy_at_id(last - 51)
    with pytest.raises(HistoryGone):
        market.copy_at_id(last + 1)
    with pytest.raises(HistoryGone):
        market.copy_at_time(20)
    assert market.copy_at(20).update_id == last - 50


def test_tops_and_prints_carry_the_ids_of_their_changes() -> None:
    """A best-price update names the change that made it; a sweep is one taker with fills at each price."""
    market = Market(LISTING, first_update_id=1, first_trade_id=70)
    market.limit(10, ASK, 100, 5)
    market.limit(20, ASK, 101, 5)
    market.limit(30, BID, 101, 7)
    news = market.publish(30)
    assert [(u.update_id, u.lots) for u in news.updates] == [(1, 5), (2, 5), (3, 0), (4, 3)]
    assert [(t.update_id, t.top) for t in news.tops] == [(1, Top(None, 0, 100, 5)), (4, Top(None, 0, 101, 3))]
    assert [(p.trade_id, p.tick, p.lots) for p in news.prints] == [(70, 100, 5), (71, 101, 2)]
    assert len({p.taker_id for p in news.prints}) == 1
    assert (market.session.open, market.session.last, market.session.lots) == (100, 101, 7)


def test_the_garbage_collector_need_not_walk_the_history() -> None:
    """What is kept for each update is invisible to it: with fifty pairs it would stop the venue for seconds."""
    market = Market(LISTING, keep_orders=True)
    market.limit(10, ASK, 100, 5)
    market.limit(20, BID, 100, 7)
    news = market.publish(30)
    kept = (*market._past, *(market._orders or {}).values(), *market.recent, *news.updates, *news.tops, *news.prints)
    assert len(kept) >= 9
    assert not any(gc.is_tracked(one) for one in kept)
