"""The steady load pattern."""

import pytest

from venue.catalog import parse_pair
from venue.ladder import Ladder
from venue.matching import ASK, BID, Top
from venue.steady import SteadyPattern


@pytest.mark.parametrize("levels", [1, 2, 7, 20, 200])
def test_each_frame_changes_exactly_its_levels(levels: int) -> None:
    """Half bids, half asks, each level once and to a different amount; never crossed, never empty."""
    pair = parse_pair("BTC/USDT@binance")
    assert pair is not None
    pattern = SteadyPattern(pair.listings[0], pair.price, levels=levels, deep_levels=50, seed="1")
    ladder = Ladder()
    changes, top = pattern.first_book()
    for change in changes:
        ladder.set(change.side, change.tick, change.lots)
    bests = set()
    for _ in range(1000):
        changes, top = pattern.next_frame()
        assert len({(c.side, c.tick) for c in changes}) == levels
        assert sum(c.side == BID for c in changes) == levels - levels // 2
        for change in changes:
            assert ladder.set(change.side, change.tick, change.lots) != change.lots
        bid, ask = ladder.best(BID), ladder.best(ASK)
        assert bid is not None and ask is not None and bid < ask
        assert top == Top(bid, ladder.lots[BID][bid], ask, ladder.lots[ASK][ask])
        bests.add(bid)
    assert len(bests) > 1, "the best price should move"


def test_levels_that_do_not_fit_are_refused() -> None:
    pair = parse_pair("ETH/BTC@binance")
    assert pair is not None
    with pytest.raises(ValueError, match="do not fit"):
        SteadyPattern(pair.listings[0], pair.price, levels=20, deep_levels=10_000, seed="1")
