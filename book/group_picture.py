"""One picture of a quote group: the levels of all members in the unit, and how they were converted."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from msgspec.structs import replace

from book.analytics.exact import ExactLevel, units_of
from book.analytics.figure import decimal
from book.conversion import Conversion
from book.converting import Composed, Ladder, Scale, Step, compose, ordering_decimals, rate
from book.group import Leg, Plan
from book.instrument import EXACT_DIGITS
from book.merged import merge
from book.pair import Pair
from book.pair_books import PairView
from book.side import Level
from book.state import State
from book.venue_book import VenueView

_MORE_DIGITS = 2  # of a price than the finest member has: rounding costs a hundredth of a tick at most
_MILLION = 1e6


def entry_name(venue: str, member: Pair) -> str:
    """How a venue's book of a member is called in a group: binance/usdt."""
    return f"{venue}/{member.quote.lower()}"


class Side(NamedTuple):
    """One side of a member, of all venues: its levels laid along the steps by which they are converted."""

    levels: list[Composed]
    left: Sequence[ExactLevel]  # from where the books of conversion take no more
    by: Ladder

    @property
    def cut(self) -> bool:
        """Whether a deeper look at the books of conversion may take more."""
        return bool(self.left) and self.by.goes_on

    @property
    def worst(self) -> Step:
        """The last step that is needed."""
        return self.levels[-1].step if self.levels else self.by.steps[0]

    @property
    def used(self) -> tuple[Step, ...]:
        """All steps that are needed."""
        return tuple(dict.fromkeys(level.step for level in self.levels)) or self.by.steps[:1]


@dataclass(frozen=True)
class Part:
    """One leg of a group, pictured, and how its quote is sold and bought; a ladder without steps: it cannot be."""

    leg: Leg
    own: PairView
    by: tuple[tuple[PairView, bool], ...]  # the books of conversion; True: the inverse, UNIT/QUOTE
    sold: Ladder
    bought: Ladder

    @property
    def converts(self) -> bool:
        """Whether there is a price for either direction."""
        return bool(self.sold.steps and self.bought.steps)

    @property
    def deeper(self) -> bool:
        """Whether a deeper look at the books of conversion is needed."""
        return self.converts and (self.bids.cut or self.asks.cut)

    @cached_property
    def bids(self) -> Side:
        """What is sold to these is paid in the quote, which is then sold."""
        return self._side(0, self.sold)

    @cached_property
    def asks(self) -> Side:
        """What is bought from these costs the quote, which is bought first."""
        return self._side(1, self.bought)

    @cached_property
    def _numbers(self) -> tuple[tuple[list[ExactLevel], list[ExactLevel]], int, int, bool]:
        """Bids and asks as integers, the digits of prices and amounts, and whether they are Decimals."""
        most = max((len(side) for each in self.own.venues for side in (each.bids, each.asks)), default=0)
        merged = merge(self.own, most * len(self.own.venues))
        levels = (*merged.bids, *merged.asks)
        prices, price_decimals = units_of([level[0] for level in levels], self.own.price_decimals)
        amounts, amount_decimals = units_of([level[1] for level in levels], self.own.amount_decimals)
        exact = [(p, a, level[2]) for p, a, level in zip(prices, amounts, levels, strict=True)]
        split = len(merged.bids)
        decimals = any(isinstance(level[0], Decimal) for level in levels)
        return (exact[:split], exact[split:]), price_decimals, amount_decimals, decimals

    def _side(self, which: int, by: Ladder) -> Side:
        sides, price_decimals, amount_decimals, _ = self._numbers
        return Side(*compose(sides[which], by, price_decimals + amount_decimals), by)

    @property
    def price_decimals(self) -> int:
        """Digits after the point of the integers in `bids` and `asks`."""
        return self._numbers[1]

    def decimals(self, least: int) -> int:
        """Digits after the point that converted prices need, so that no two of them become one; `least` or more."""
        if self.converts and self.leg.by:
            for step in (self.sold.steps[0], self.bought.steps[0]):
                least = ordering_decimals(least, self.price_decimals, step)
        return least

    def scale(self, decimals: int) -> Scale:
        """How the integers become numbers of the group."""
        _, price_decimals, amount_decimals, exact = self._numbers
        scale = Scale(price_decimals, amount_decimals, decimals, exact)
        largest = max((level.price for side in (self.bids, self.asks) for level in side.levels), default=0)
        steps = (self.sold.steps[0], self.asks.worst)
        if any(scale.units(largest, step, down=False) >= 10**EXACT_DIGITS for step in steps):
            return scale._replace(exact=True)
        return scale

    @property
    def mid(self) -> float | None:
        """Of the member itself, in its own quote."""
        (bids, asks), price_decimals, *_ = self._numbers
        return (bids[0][0] + asks[0][0]) / 2 / 10**price_decimals if bids and asks else None

    @cached_property
    def converters(self) -> tuple[VenueView, ...]:
        """The venues' books of conversion."""
        return tuple(venue for view, _ in self.by for venue in view.venues if venue.state is not State.UNLISTED)

    def view_of(self, step: Step) -> VenueView:
        """The venue's book whose level the step is."""
        return self.by[step.picture][0].venues[step.venue]

    @property
    def why_not(self) -> str:
        """Why it does not convert, in words."""
        names = " and ".join(str(way) for way in self.leg.by)
        if any(venue.state is State.LIVE for venue in self.converters):
            sides = [name for name, each in (("bought", self.bought), ("sold", self.sold)) if not each.steps]
            return f"{self.leg.pair.quote} cannot be {' or '.join(sides)}: a side of {names} is empty"
        told = "; ".join(f"{venue.venue} is {_worded(venue.state.value, venue.reason)}" for venue in self.converters)
        return f"no live book of {names}" + (f": {told}" if told else "")


def _worded(state: str, reason: str) -> str:
    """A state with its reason, which may begin with the same word: `disabled by the operator`."""
    if not reason:
        return state
    return reason if reason.startswith(state) else f"{state}: {reason}"


def picture(plan: Plan, parts: Sequence[Part]) -> PairView:
    """The group's picture; the parts are those of the plan's usable legs, in their order."""
    decimals = max(part.price_decimals for part in parts)
    if any(part.leg.by for part in parts):
        decimals += _MORE_DIGITS
    for part in parts:
        decimals = part.decimals(decimals)
    entries: list[VenueView] = []
    for part, ranks in zip(parts, _kept(parts), strict=True):
        entries += _entries(part, {rank: len(entries) + at for at, rank in enumerate(ranks)}, decimals)
    unit_mid = next((part.mid for part in parts if part.leg.pair.quote == plan.unit), None)
    told = {part.leg: _conversion(part, unit_mid) for part in parts if part.leg.pair.quote != plan.unit}
    return PairView(
        plan.pair,
        sum(view.version for part in parts for view in (part.own, *(view for view, _ in part.by))),
        decimals,
        max(part.own.amount_decimals for part in parts),
        tuple(entries),
        plan.unit,
        tuple(
            told.get(leg) or Conversion(leg.pair.quote, leg.unit, leg.par, leg.by, (), leg.no_books)
            for leg in plan.legs
            if leg.pair.quote != plan.unit
        ),
    )


def _kept(parts: Sequence[Part]) -> list[list[int]]:
    """Which venues of each part have an entry: those that trade it. A venue that trades no member has the first's."""
    kept = [[rank for rank, view in enumerate(part.own.venues) if _trades(view)] for part in parts]
    found = {part.own.venues[rank].venue for part, ranks in zip(parts, kept, strict=True) for rank in ranks}
    kept[0] += [rank for rank, view in enumerate(parts[0].own.venues) if view.venue not in found]
    return kept


def _trades(view: VenueView) -> bool:
    return view.state is not State.UNLISTED or bool(view.symbol)


def _entries(part: Part, place: dict[int, int], decimals: int) -> list[VenueView]:
    """The venues of one member, in the unit. `place`: from their rank in the member to that in the group."""
    named = {
        rank: replace(view, venue=entry_name(view.venue, part.leg.pair), member=part.leg.pair)
        for rank, view in enumerate(part.own.venues)
        if rank in place
    }
    if not part.converts:
        return [_unconverted(view, part) for view in named.values()]
    scale = part.scale(decimals)
    bids, asks = _Placed.of(part.bids, scale, place, bids=True), _Placed.of(part.asks, scale, place, bids=False)
    return [
        replace(
            view,
            bids=bids.levels_of(rank, view, place[rank]),
            asks=asks.levels_of(rank, view, place[rank]),
            known_bid=bids.horizon(rank, view.known_bid),
            known_ask=asks.horizon(rank, view.known_ask),
            more_bids=view.more_bids and rank not in bids.cut,
            more_asks=view.more_asks and rank not in asks.cut,
        )
        for rank, view in named.items()
    ]


def _unconverted(view: VenueView, part: Part) -> VenueView:
    """A venue whose prices cannot be told in the unit now: none of them is."""
    if view.state is not State.LIVE:
        return view
    return replace(
        view,
        state=State.UNCONVERTED,
        reason=part.why_not,
        since_ns=max(view.since_ns, *(venue.since_ns for venue in part.converters)),
        known_bid=None,
        known_ask=None,
        bids=(),
        asks=(),
        more_bids=False,
        more_asks=False,
    )


@dataclass(frozen=True, slots=True)
class _Placed:
    """One side of a member in the unit, by venue."""

    side: Side
    scale: Scale
    bids: bool
    levels: dict[int, list[Level]]  # by the venue's rank in the member
    cut: frozenset[int]  # those of whose levels some were more than the books of conversion take
    end: int  # where these end: what is worse is not known

    @classmethod
    def of(cls, side: Side, scale: Scale, place: dict[int, int], *, bids: bool) -> "_Placed":
        levels: dict[int, list[Level]] = {}
        last: dict[int, tuple[int, int]] = {}  # price and amount of each venue's last level
        for price, amount, rank, step in side.levels:
            units = scale.units(price, step, down=bids)
            own = levels.setdefault(rank, [])
            before, together = last.get(rank, (0, 0))
            if units == before:  # steps of one rate are one level
                amount += together
                own.pop()
            last[rank] = units, amount
            own.append((scale.price(units), scale.amount(amount), place[rank]))
        # What is left could be told at this price at best.
        end = scale.units(side.left[0][0], side.by.steps[-1], down=bids) if side.left else 0
        return cls(side, scale, bids, levels, frozenset(rank for *_, rank in side.left), end)

    def levels_of(self, rank: int, view: VenueView, place: int) -> tuple[Level, ...]:
        """The levels of one venue; of one that is left out at the best rate, since they are not merged."""
        if not view.left_out:
            return tuple(self.levels.get(rank, ()))
        return tuple(
            (self.scale.price(self._at_best(price, down=self.bids)), amount, place)
            for price, amount, _ in (view.bids if self.bids else view.asks)
        )

    def horizon(self, rank: int, known: float | None) -> float | None:
        """Up to which price all of the venue is known; None: all of it.

        What its own horizon hides is told at no better rate than the best.
        """
        ends = [self.end] if rank in self.cut else []
        if known is not None:
            ends.append(self._at_best(known, down=not self.bids))
        if not ends:
            return None
        end: float = self.scale.price(max(ends) if self.bids else min(ends))
        return end

    def _at_best(self, price: float, *, down: bool) -> int:
        (units,), decimals = units_of([price], self.scale.price_decimals)
        return self.scale._replace(price_decimals=decimals).units(units, self.side.by.steps[0], down=down)


def _conversion(part: Part, unit_mid: float | None) -> Conversion:
    """What clients are told of how this member was converted."""
    leg = part.leg
    if not part.converts:
        return Conversion(leg.pair.quote, leg.unit, leg.par, leg.by, part.converters, part.why_not)
    sold, bought = part.sold.steps[0], part.bought.steps[0]
    middle = (sold.num / sold.den + bought.num / bought.den) / 2
    mid = part.mid
    told = Conversion(
        quote=leg.pair.quote,
        unit=leg.unit,
        par=leg.par,
        pairs=leg.by,
        venues=part.converters,
        bid=rate(sold, down=True),
        ask=rate(bought, down=False),
        par_ppm=round((middle - 1) * _MILLION),
        basis_ppm=None if mid is None or not unit_mid else round((mid * middle / unit_mid - 1) * _MILLION),
    )
    if leg.par:
        return told
    return replace(
        told,
        bid_amount=decimal(sold.size or 0, part.sold.size_decimals),
        ask_amount=decimal(bought.size or 0, part.bought.size_decimals),
        received_ns=min(part.view_of(step).stamps.received_ns for step in (sold, bought)),
        used=frozenset(part.view_of(step).venue for side in (part.bids, part.asks) for step in side.used),
    )
