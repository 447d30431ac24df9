"""Quote groups: several quotes that are shown as one by a declared rule, such as USD~ = USD, USDT, USDC.

A group never says that its quotes are worth the same. Each but the first, which is the unit, has a rule: by the books
in which it is traded against the unit, or at par, where the operator has said so in so many words.
"""

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from book.pair import GROUP_MARK, BadPair, Pair

_AT_PAR, _BY_BOOK = "par", "book"
_MOST_MEMBERS = 8


class BadGroup(ValueError):
    """The text declares no group; the message says why, and how to write it."""


class Member(NamedTuple):
    """One quote of a group, and the rule by which it is converted into the unit."""

    quote: str
    par: bool = False  # taken as worth exactly one unit; otherwise by the books


class Group(NamedTuple):
    """A declared group of quotes; the first is the unit in which its prices are told."""

    name: str  # with its mark: USD~
    members: tuple[Member, ...]

    @property
    def unit(self) -> str:
        """The quote into which the others are converted."""
        return self.members[0].quote

    def __str__(self) -> str:
        return f"{self.name}={','.join(f'{quote}:{_AT_PAR}' if par else quote for quote, par in self.members)}"

    def plan(self, base: str, known: Container[Pair]) -> "Plan | None":
        """The books that `base` in this group is made of, of the pairs that are `known`; None where there are none.

        Raises BadGroup where some venue trades the base against a member, but none can be told in the unit.
        """
        legs = tuple(
            leg for member in self.members if (leg := self._leg(Pair(base, member.quote), member, known)) is not None
        )
        if not legs:
            return None
        if not any(leg.usable for leg in legs):
            reasons = "; ".join(leg.no_books for leg in legs)
            raise BadGroup(f"{base}/{self.name} cannot be told in {self.unit}: {reasons}")
        return Plan(Pair(base, self.name), self.unit, legs)

    def _leg(self, pair: Pair, member: Member, known: Container[Pair]) -> "Leg | None":
        if pair.base == pair.quote or pair not in known:
            return None
        if member.par or member.quote == self.unit:
            return Leg(pair, self.unit, member.par)
        ways = (Pair(member.quote, self.unit), Pair(self.unit, member.quote))
        return Leg(pair, self.unit, False, tuple(way for way in ways if way in known))


class Leg(NamedTuple):
    """One pair of a group, with the pairs by whose books its quote is converted into the unit."""

    pair: Pair
    unit: str
    par: bool = False
    by: tuple[Pair, ...] = ()  # QUOTE/UNIT and the inverse, UNIT/QUOTE: those that some venue trades

    @property
    def usable(self) -> bool:
        """Whether its prices can ever be told in the unit."""
        return self.par or self.pair.quote == self.unit or bool(self.by)

    @property
    def no_books(self) -> str:
        """Why it is not usable."""
        return f"no venue trades {self.pair.quote}/{self.unit} or {self.unit}/{self.pair.quote}"


class Plan(NamedTuple):
    """What one base in one group is made of."""

    pair: Pair  # of the group: BTC/USD~
    unit: str
    legs: tuple[Leg, ...]

    @property
    def usable(self) -> tuple[Leg, ...]:
        """The legs whose prices can be told in the unit."""
        return tuple(leg for leg in self.legs if leg.usable)

    @property
    def parts(self) -> tuple[Pair, ...]:
        """The pairs whose books are needed, each once."""
        usable = self.usable
        return tuple(dict.fromkeys([leg.pair for leg in usable] + [way for leg in usable for way in leg.by]))


def parse_group(name: str, members: str) -> Group:
    """The group that is declared as NAME~ = QUOTE,QUOTE,QUOTE:par; raises BadGroup."""
    form = "write it as USD~=USD,USDT,USDC; the first is the unit, and USDT:par takes USDT as worth one of it"
    wanted = name.strip().upper()
    found: dict[str, Member] = {}
    for text in members.split(","):
        quote, colon, rule = (part.strip() for part in text.partition(":"))
        if rule.lower() not in (_AT_PAR, _BY_BOOK) and colon:
            known = f"{_BY_BOOK} (the default) and {_AT_PAR}"
            raise BadGroup(f"{wanted}: unknown rule {rule!r} of {quote}; known are {known}")
        if not _is_asset(quote):
            raise BadGroup(f"{wanted}: {quote!r} is no quote; {form}")
        if quote.upper() in found:
            raise BadGroup(f"{wanted}: {quote.upper()} is given twice")
        found[quote.upper()] = Member(quote.upper(), rule.lower() == _AT_PAR)
    if not wanted.endswith(GROUP_MARK) or not _is_asset(wanted.removesuffix(GROUP_MARK)):
        raise BadGroup(f"{name!r} is no name of a group; {form}")
    told = tuple(found.values())
    if not 2 <= len(told) <= _MOST_MEMBERS:
        raise BadGroup(f"{wanted} has {len(told)} members; allowed are 2 to {_MOST_MEMBERS}")
    if told[0].par:
        raise BadGroup(f"{wanted}: {told[0].quote} is the unit, which needs no rule")
    return Group(wanted, told)


def _is_asset(text: str) -> bool:
    try:
        return Pair.parse(f"A/{text}").quote.isalnum()  # neither a group nor a contract
    except BadPair:
        return False


DEFAULT_GROUPS = (parse_group("USD~", "USD,USDT,USDC"),)


def groups_of(told: Mapping[str, str], defaults: Iterable[Group] = DEFAULT_GROUPS) -> tuple[Group, ...]:
    """The defaults with what was told (name -> members) in their place or beside them; raises BadGroup."""
    groups = {group.name: group for group in defaults}
    for name, members in told.items():
        group = parse_group(name, members)
        groups[group.name] = group
    return tuple(groups.values())


class Groups:
    """The declared groups over the pairs that venues trade. Immutable; any thread."""

    def __init__(self, groups: Iterable[Group] = (), known: Iterable[Pair] = ()) -> None:
        self.declared = {group.name: group for group in groups}
        self._known = frozenset(known)

    def plan(self, pair: Pair) -> Plan | None:
        """What `pair` is made of; None where it is no group's, or no venue trades its base in it.

        Raises BadGroup as Group.plan.
        """
        group = self.declared.get(pair.quote)
        return None if group is None else group.plan(pair.base, self._known)

    def parts(self, pairs: Iterable[Pair]) -> list[Pair]:
        """The pairs that venues trade of which these are made; raises BadGroup as Group.plan."""
        plans = [(pair, self.plan(pair)) for pair in pairs]
        return list(dict.fromkeys(part for pair, plan in plans for part in (plan.parts if plan else (pair,))))

    @property
    def pairs(self) -> list[Pair]:
        """Every pair of a group that some venue trades a member of, in the order of their names."""
        quotes = {member.quote: None for group in self.declared.values() for member in group.members}
        bases: dict[str, set[str]] = {quote: set() for quote in quotes}
        for pair in self._known:
            if pair.quote in bases:
                bases[pair.quote].add(pair.base)
        return sorted(
            Pair(base, group.name)
            for group in self.declared.values()
            for base in set().union(*(bases[member.quote] for member in group.members))
        )
