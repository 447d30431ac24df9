"""Which levels light up for a moment because they changed. Pure: what was seen goes in, what is lit comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dashboard.grouping import Groups
from dashboard.options import Flash

LIT_NS = 330_000_000
REST_NS = 340_000_000  # from one flash of a level to its next: at most three a second
NOTABLE = 4  # a change of a fourth of the size before it


class Seen(NamedTuple):
    """What a level was worth when it was looked at last, and when it lit up last; None: never."""

    amount: int
    lit_ns: int | None


@dataclass(frozen=True, slots=True)
class Flashes:
    """The displayed levels of the last picture, by side and price."""

    key: tuple[str, int] = ("", 0)  # pair and step: another one starts without a flash
    best: tuple[int | None, int | None] = (None, None)  # bid, ask
    seen: Mapping[tuple[bool, int], Seen] = field(default_factory=dict)

    def lit(self, bid: bool, price: int, now_ns: int) -> bool:
        """Whether this level is bright at this moment."""
        seen = self.seen.get((bid, price))
        return seen is not None and seen.lit_ns is not None and now_ns - seen.lit_ns < LIT_NS

    def until(self, now_ns: int) -> int | None:
        """How long until the next level goes dark, when a picture is due without news; None: none is lit."""
        lit = [seen.lit_ns + LIT_NS - now_ns for seen in self.seen.values() if seen.lit_ns is not None]
        return min((rest for rest in lit if rest > 0), default=None)


def watched(before: Flashes, groups: Groups, depth: int, mode: Flash, now_ns: int) -> Flashes:
    """What is lit after this picture of `depth` levels a side."""
    key = (groups.book.pair, groups.step)
    known = before if before.key == key else None
    best: list[int | None] = []
    seen: dict[tuple[bool, int], Seen] = {}
    for bid in (True, False):
        side = groups.side(bid)
        best.append(side[0].price if side else None)
        for rank, group in enumerate(side[:depth]):
            old = known.seen.get((bid, group.price)) if known is not None else None
            lit_ns = old.lit_ns if old is not None else None
            fresh = known is not None and not rank and known.best[0 if bid else 1] not in (None, group.price)
            rested = lit_ns is None or now_ns - lit_ns >= REST_NS
            if mode is not Flash.OFF and rested and (fresh or _notable(old, group.amount, mode)):
                lit_ns = now_ns
            seen[bid, group.price] = Seen(group.amount, lit_ns)
    return Flashes(key, (best[0], best[1]), seen)


def _notable(old: Seen | None, amount: int, mode: Flash) -> bool:
    if old is None:
        return False  # it came into sight, which is no change
    change = abs(amount - old.amount)
    return change > 0 if mode is Flash.ALL else change * NOTABLE >= old.amount
