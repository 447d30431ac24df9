"""Snapshots that are crossed for a moment, as a venue sends them when its copies of the two sides differ in age."""

from venue.feed import MarketFeed
from venue.market import Copy
from venue.matching import ASK, BID

STEP_S = 0.05
FINE_S = 2.0


def crossed(feed: MarketFeed, copy: Copy, position: int, reach_s: float = FINE_S) -> Copy | None:
    """Return a book whose sides are of different moments and cross, with the older moment's id and time.

    All changes since then reach the diff stream, so the cross corrects itself, as on the venue. None when the price
    has not moved enough within ``reach_s`` before ``position``. The steps back are fine at first, then they double.
    """
    age_s = STEP_S
    while age_s <= reach_s:
        old = feed.market.copy_at(position - feed.span(round(age_s * 1e6)))
        for side in (BID, ASK):
            mixed = old.ladder.copy()
            mixed.replace_side(side, copy.ladder)
            bid, ask = mixed.best(BID), mixed.best(ASK)
            if bid is not None and ask is not None and bid >= ask:
                return Copy(mixed, old.update_id, old.time_us)
        age_s += STEP_S if age_s < FINE_S else age_s
    return None
