"""Whether the venues of a pair agree on its price: one that is far from all others for long is suspect.

No clock: whoever compares passes the time in.
"""

from collections.abc import Sequence
from itertools import combinations
from math import inf
from typing import NamedTuple

import msgspec


class Top(NamedTuple):
    """The best prices of one live venue; both sides have some."""

    venue: str
    bid: float
    ask: float

    @property
    def mid(self) -> float:
        """Halfway between them."""
        return (self.bid + self.ask) / 2


class Rule(NamedTuple):
    """From when on a venue is far from another, and for how long it may be."""

    far_bps: float = 50.0
    long_ns: int = 10_000_000_000


class Distance(msgspec.Struct, frozen=True, gc=False):
    """How far one venue's mid is from that of the venue next to it, and what follows."""

    ppm: int = 0  # (its mid - the nearest other mid) / the latter, in millionths: 100 are a basis point
    against: str = ""  # the venue with the nearest mid; "": there is none to compare with
    others: int = 0  # live venues that it was compared with
    far_since_ns: int = 0  # far from all of them since; 0: it is not
    suspect: bool = False  # far for long, while at least two of the others agree
    left_out: bool = False  # its levels are not merged, as the operator wants it of suspects


class Policy(NamedTuple):
    """What is merged of the live books of a pair, as the operator wants it."""

    rule: Rule = Rule()  # by which a venue is suspect
    leave_out_suspects: bool = False  # else they are only told of
    leave_out_routed: bool = True  # a book that is another venue's, while that one is merged too


_MOST_PPM = 10**12  # what a venue sends as a price may be anything
NO_DISTANCE = Distance()
DEFAULT_RULE = Rule()
DEFAULT_POLICY = Policy()


def compare(
    tops: Sequence[Top | None], before: Sequence[Distance], now_ns: int, rule: Rule = DEFAULT_RULE
) -> list[Distance]:
    """The distance of each venue, in the order of `tops`; None there: it is not live, or a side of it is empty.

    `before`: what was told at the comparison before. Three venues are needed to accuse one: of two that differ nobody
    can say which is wrong, nor of three of which no two agree.
    """
    sound = [top if top is not None and 0 < top.mid < inf else None for top in tops]
    return [_distance(top, sound, was, now_ns, rule) for top, was in zip(sound, before, strict=True)]


def _distance(top: Top | None, tops: Sequence[Top | None], was: Distance, now_ns: int, rule: Rule) -> Distance:
    others = [other for other in tops if other is not None and other is not top]
    if top is None or not others:
        return NO_DISTANCE
    mid = top.mid
    nearest = min(others, key=lambda other: abs(mid - other.mid))
    ppm = round(max(-_MOST_PPM, min((mid - nearest.mid) / nearest.mid * 1e6, _MOST_PPM)))
    if not all(far(top, other, rule) for other in others):
        return Distance(ppm, nearest.venue, len(others))
    since_ns = min(was.far_since_ns or now_ns, now_ns)  # a clock that was set back makes nobody guilty
    agreed = any(not far(one, other, rule) for one, other in combinations(others, 2))
    return Distance(ppm, nearest.venue, len(others), since_ns, agreed and now_ns - since_ns >= rule.long_ns)


def far(one: Top, other: Top, rule: Rule = DEFAULT_RULE) -> bool:
    """Whether two venues contradict each other: they would trade with each other, and their mids are far apart.

    As long as the spread of one reaches into that of the other both may be right, however far apart the mids of
    thin books are.
    """
    if one.bid <= other.ask and other.bid <= one.ask:
        return False
    mid, other_mid = one.mid, other.mid
    return abs(mid - other_mid) > rule.far_bps * 1e-4 * min(mid, other_mid)
