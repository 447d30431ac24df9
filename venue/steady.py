"""The steady load pattern: frames that change exactly L levels near a touch that never crosses.

No order stands behind these levels; what is true is the sum of all frames, which the market keeps, so that
snapshots agree with the frames at every moment. Meant for measuring, where the load must be known exactly.
"""

from random import Random

from venue.listing import Listing
from venue.market import Market
from venue.matching import ASK, BID, Change, Top


class SteadyPattern:
    """Makes frame after frame: half of the levels are bids, half asks (an odd one more bid)."""

    NEAR = 4  # times the levels of a frame: how deep the changing zone reaches

    def __init__(self, listing: Listing, price: float, *, levels: int, deep_levels: int, seed: str) -> None:
        self._rng = Random(f"{seed}/{listing.face}/{listing.symbol}/steady")
        bid: int = max(2, round(price * 10**listing.price_decimals))
        self._counts = (levels - levels // 2, levels // 2)
        self._zone = max(8, self.NEAR * max(self._counts)) | 1  # odd: each level gets its turn to vanish
        depth = max(deep_levels, self._zone + 1)
        if bid <= depth:
            raise ValueError(f"{listing.pair}: {depth} levels do not fit below a price of {bid} ticks")
        self._touch = (bid, bid + 1)
        self._lot: int = max(1, 10**listing.lot_decimals // 1000)
        self._lots: tuple[list[int], list[int]] = (
            [self._draw() for _ in range(depth)],
            [self._draw() for _ in range(depth)],
        )
        self._cursor = [0, 0]  # per side: where in the zone the next frame begins

    def first_book(self) -> tuple[list[Change], Top]:
        """Return the changes that make the book before the first frame."""
        changes = [self._change(side, i, lots) for side in (BID, ASK) for i, lots in enumerate(self._lots[side])]
        return changes, self._top()

    def next_frame(self) -> tuple[list[Change], Top]:
        """Return one frame's changes: distinct levels, each with an amount that differs from before."""
        changes: list[Change] = []
        for side in (BID, ASK):
            lots, zone = self._lots[side], self._zone
            start = self._cursor[side]
            for step in range(self._counts[side]):
                index = (start + step) % zone
                before = lots[index]
                # One level in eight vanishes, to come back when its turn comes again.
                after = 0 if before and (start + step) % 8 == 7 else self._draw()
                if after == before:
                    after += self._lot
                lots[index] = after
                changes.append(self._change(side, index, after))
            self._cursor[side] = (start + self._counts[side]) % (zone * 8)
        return changes, self._top()

    def _tick(self, side: int, index: int) -> int:
        return self._touch[BID] - index if side == BID else self._touch[ASK] + index

    def _change(self, side: int, index: int, lots: int) -> Change:
        # Each level counts as one order of a fixed id.
        return Change(side, self._tick(side, index), lots, 1 + 2 * index + side, lots)

    def _draw(self) -> int:
        return self._lot * (1 + int(self._rng.random() * 2000))

    def _top(self) -> Top:
        found: list[tuple[int, int]] = []
        for side in (BID, ASK):
            # The levels below the zone never vanish, so this always finds one.
            index = next(i for i, lots in enumerate(self._lots[side]) if lots)
            found.append((self._tick(side, index), self._lots[side][index]))
        return Top(*found[BID], *found[ASK])


def fill(market: Market, pattern: SteadyPattern, time_us: int) -> None:
    """Put the pattern's first book into a market."""
    changes, top = pattern.first_book()
    market.write(time_us, changes, top)
