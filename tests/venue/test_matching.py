"""The matching book against a naive oracle: what a trader would notice, command by command."""

from dataclasses import dataclass
from random import Random

import pytest

from venue.matching import ASK, BID, Change, MatchingBook, MatchingError, Top, Trade


@dataclass
class Resting:
    """An order of the oracle."""

    order_id: int
    side: int
    tick: int
    lots: int


class Oracle:
    """Price-time priority by scanning one list in order of arrival: slow, and simple enough to be believed."""

    def __init__(self) -> None:
        self.resting: list[Resting] = []

    def best(self, side: int) -> int | None:
        ticks = [order.tick for order in self.resting if order.side == side]
        if not ticks:
            return None
        return max(ticks) if side == BID else min(ticks)

    def total(self, side: int, tick: int) -> int:
        return sum(o.lots for o in self.resting if o.side == side and o.tick == tick)

    def enter(self, order_id: int, side: int, tick: int | None, lots: int, ioc: bool) -> list[Trade]:
        trades: list[Trade] = []
        while lots:
            best = self.best(1 - side)
            if best is None or (tick is not None and (best > tick if side == BID else best < tick)):
                break
            maker = next(o for o in self.resting if o.side != side and o.tick == best)
            fill = min(lots, maker.lots)
            trades.append(Trade(maker.order_id, order_id, side, best, fill))
            maker.lots -= fill
            lots -= fill
            if not maker.lots:
                self.resting.remove(maker)
        if lots and tick is not None and not ioc:
            self.resting.append(Resting(order_id, side, tick, lots))
        return trades

    def cancel(self, order_id: int) -> bool:
        found = [order for order in self.resting if order.order_id == order_id]
        if found:
            self.resting.remove(found[0])
        return bool(found)

    def levels(self, side: int) -> list[tuple[int, int]]:
        ticks = {order.tick for order in self.resting if order.side == side}
        return [(tick, self.total(side, tick)) for tick in sorted(ticks, reverse=side == BID)]


def run_script(seed: int, commands: int, prices: int) -> None:
    """Run a random script through both books and compare after every command."""
    rng = Random(seed)
    book, oracle = MatchingBook(), Oracle()
    totals: dict[tuple[int, int], int] = {}
    for order_id in range(1, commands + 1):
        draw = rng.random()
        if draw < 0.35 and order_id > 1:
            # Any id ever issued: at rest, filled, cancelled, or never at rest.
            victim = rng.randrange(1, order_id)
            if oracle.cancel(victim):
                changes = [book.cancel(victim)]
            else:
                changes = []
                with pytest.raises(MatchingError):
                    book.cancel(victim)
        else:
            side, lots = rng.choice((BID, ASK)), rng.randint(1, 9)
            tick = None if draw > 0.95 else 100 + rng.randrange(prices)
            ioc = tick is not None and draw > 0.85
            expected = oracle.enter(order_id, side, tick, lots, ioc)
            outcome = (
                book.market(order_id, side, lots) if tick is None else book.limit(order_id, side, tick, lots, ioc=ioc)
            )
            assert outcome.trades == expected
            changes = outcome.changes
        for change in changes:
            totals[change.side, change.tick] = change.lots
        assert (book.best(BID), book.best(ASK)) == (oracle.best(BID), oracle.best(ASK))
        for change in changes:
            assert change.lots <= oracle.total(change.side, change.tick) or change is not changes[-1]
    book.check()
    for side in (BID, ASK):
        assert list(book.levels(side)) == oracle.levels(side)
        told = sorted(((t, n) for (s, t), n in totals.items() if s == side and n), reverse=side == BID)
        assert told == oracle.levels(side), "the changes that were told do not add up to the book"
        assert [o.order_id for o in book.orders(side)] == [
            o.order_id
            for o in sorted(
                (o for o in oracle.resting if o.side == side), key=lambda o: -o.tick if side == BID else o.tick
            )
        ]


@pytest.mark.parametrize("prices", [12, 2, 1], ids=["many prices", "two prices", "one price"])
def test_random_scripts_equal_the_oracle(prices: int) -> None:
    """800 scripts of 50 commands each: same trades, same best prices after every command, same queue at the end."""
    for seed in range(800):
        run_script(seed, 50, prices)


def test_invariants_hold_after_every_command() -> None:
    """`check` passes after each of 60 x 80 random commands."""
    for seed in range(60):
        rng, book = Random(seed), MatchingBook()
        for order_id in range(1, 81):
            if rng.random() < 0.3:
                live = [o.order_id for side in (BID, ASK) for o in book.orders(side)]
                if live:
                    book.cancel(rng.choice(live))
            else:
                book.limit(order_id, rng.choice((BID, ASK)), rng.randint(95, 105), rng.randint(1, 5))
            book.check()


@pytest.mark.parametrize("cancelled", [0, 2, 4], ids=["head", "middle", "tail"])
def test_cancel_anywhere_keeps_the_queue(cancelled: int) -> None:
    """After a cancel at the head, in the middle or at the tail a sweep meets the others in order of arrival."""
    book = MatchingBook()
    for order_id in range(5):
        book.limit(order_id, ASK, 100, 2)
    book.cancel(cancelled)
    book.limit(10, ASK, 100, 2)
    outcome = book.limit(20, BID, 100, 10)
    assert [t.maker_id for t in outcome.trades] == [i for i in range(5) if i != cancelled] + [10]
    assert [c.lots for c in outcome.changes] == [8, 6, 4, 2, 0]
    assert len(book) == 0


def test_partly_filled_maker_keeps_its_place() -> None:
    """An order that was filled in part is still first when the next aggressors come."""
    book = MatchingBook()
    book.limit(1, BID, 100, 10)
    book.limit(2, BID, 100, 10)
    for taker, left in ((3, 7), (4, 4), (5, 1)):
        assert [t.maker_id for t in book.market(taker, ASK, 3).trades] == [1]
        order = book.find(1)
        assert order is not None
        assert order.lots == left
    assert [(t.maker_id, t.lots) for t in book.market(6, ASK, 3).trades] == [(1, 1), (2, 2)]


@pytest.mark.parametrize(("side", "maker", "taker"), [(BID, 100, 105), (ASK, 100, 95)])
def test_trades_happen_at_the_makers_price(side: int, maker: int, taker: int) -> None:
    """Price improvement belongs to the taker, in both directions."""
    book = MatchingBook()
    book.limit(1, 1 - side, maker, 5)
    outcome = book.limit(2, side, taker, 7)
    assert outcome.trades == [Trade(1, 2, side, maker, 5)]
    assert outcome.changes == [Change(1 - side, maker, 0, 1, 0), Change(side, taker, 2, 2, 2)]
    assert outcome.rested == 2


def test_market_and_ioc_never_rest() -> None:
    """What cannot trade at once is dropped."""
    book = MatchingBook()
    assert book.market(1, BID, 5).changes == []
    assert book.limit(2, BID, 100, 5, ioc=True).changes == []
    book.limit(3, ASK, 101, 2)
    assert book.limit(4, BID, 101, 5, ioc=True).rested == 0
    assert len(book) == 0
    book.check()


def test_refused_commands_change_nothing() -> None:
    """Bad ticks, lots, sides and ids in use are refused before anything trades."""
    book = MatchingBook()
    book.limit(1, ASK, 100, 5)
    for call in (
        lambda: book.limit(1, BID, 100, 5),
        lambda: book.limit(2, BID, 0, 5),
        lambda: book.limit(2, BID, 100, 0),
        lambda: book.market(2, BID, -1),
        lambda: book.limit(2, 7, 100, 1),
        lambda: book.cancel(99),
    ):
        with pytest.raises(MatchingError):
            call()
    assert list(book.levels(ASK)) == [(100, 5)]
    book.check()


def test_ids_can_be_used_again_after_the_end_of_an_order() -> None:
    """A filled or cancelled order leaves nothing behind."""
    book = MatchingBook()
    book.limit(1, ASK, 100, 5)
    book.cancel(1)
    book.limit(1, ASK, 101, 5)
    book.market(2, BID, 5)
    book.limit(1, BID, 99, 1)
    book.check()
    assert book.top() == Top(99, 1, None, 0)
