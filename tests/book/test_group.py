"""Which quotes are shown as one, by which rule, and what a pair of such a group is made of."""

import pytest

from book import Pair
from book.group import DEFAULT_GROUPS, BadGroup, Group, Groups, Member, groups_of, parse_group

PAIRS = [Pair.parse(text) for text in ("BTC/USD", "BTC/USDT", "ETH/USDC", "USDT/USD", "USD/EUR", "BTC/EUR")]


def test_what_is_declared_by_default() -> None:
    """USD, and two stablecoins by the books: nothing is at par that nobody has declared so."""
    (group,) = DEFAULT_GROUPS
    assert str(group) == "USD~=USD,USDT,USDC"
    assert (group.unit, [member.par for member in group.members]) == ("USD", [False, False, False])


def test_how_a_group_is_declared() -> None:
    group = parse_group(" usd~", "usd, usdt:par ,USDC:book")
    assert group == Group("USD~", (Member("USD"), Member("USDT", True), Member("USDC")))
    assert str(group) == "USD~=USD,USDT:par,USDC"


@pytest.mark.parametrize(
    ("name", "members", "says"),
    [
        ("USD", "USD,USDT", "'USD' is no name of a group; write it as USD~=USD,USDT,USDC"),
        ("~", "USD,USDT", "'~' is no name"),
        ("U/S~", "USD,USDT", "'U/S~' is no name"),
        ("USD~~", "USD,USDT", "'USD~~' is no name"),
        ("USD~", "USD", "has 1 members; allowed are 2 to 8"),
        ("USD~", "A,B,C,D,E,F,G,H,I", "has 9 members"),
        ("USD~", "USD,,USDT", "'' is no quote"),
        ("USD~", "USD,U-PERP", "'U-PERP' is no quote"),
        ("USD~", "USD,EUR~", "'EUR~' is no quote"),
        ("USD~", "USD,usdt,USDT", "USDT is given twice"),
        ("USD~", "USD,USDT:peg", "unknown rule 'peg' of USDT; known are book (the default) and par"),
        ("USD~", "USD,USDT:", "unknown rule '' of USDT"),
        ("USD~", "USD:par,USDT", "USD is the unit, which needs no rule"),
    ],
)
def test_what_is_no_group(name: str, members: str, says: str) -> None:
    with pytest.raises(BadGroup) as refused:
        parse_group(name, members)
    assert says in str(refused.value)


def test_what_is_told_comes_over_the_default() -> None:
    told = groups_of({"usd~": "USD,USDT:par", "EUR~": "EUR,USD"})
    assert [str(group) for group in told] == ["USD~=USD,USDT:par", "EUR~=EUR,USD"]


def test_a_plan() -> None:
    """The members that are traded, with the books of conversion: direct, inverse or both."""
    groups = Groups(groups_of({"EUR~": "EUR,USD,USDT", "PAR~": "USD,USDT:par"}), [*PAIRS, Pair("USD", "USDT")])
    plan = groups.plan(Pair.parse("btc/usd~"))
    assert plan is not None
    assert (str(plan.pair), plan.unit) == ("BTC/USD~", "USD")
    assert [(str(leg.pair), [str(way) for way in leg.by]) for leg in plan.legs] == [
        ("BTC/USD", []),
        ("BTC/USDT", ["USDT/USD", "USD/USDT"]),
    ]
    assert [str(part) for part in plan.parts] == ["BTC/USD", "BTC/USDT", "USDT/USD", "USD/USDT"]
    plan = groups.plan(Pair.parse("BTC/EUR~"))
    assert plan is not None
    assert [(str(leg.pair), leg.usable, leg.no_books) for leg in plan.legs][2] == (
        "BTC/USDT", False, "no venue trades USDT/EUR or EUR/USDT",
    )  # fmt: skip
    assert [str(part) for part in plan.parts] == ["BTC/EUR", "BTC/USD", "USD/EUR"]
    plan = groups.plan(Pair.parse("BTC/PAR~"))
    assert plan is not None
    assert [(leg.par, leg.by) for leg in plan.legs] == [(False, ()), (True, ())]


def test_what_has_no_plan() -> None:
    """No group's pair, a group of no such name, and a base that nobody trades in it; or one that cannot be told."""
    groups = Groups(DEFAULT_GROUPS, PAIRS)
    assert [groups.plan(Pair.parse(text)) for text in ("BTC/USD", "BTC/XYZ~", "XRP/USD~")] == [None, None, None]
    with pytest.raises(BadGroup, match="ETH/USD~ cannot be told in USD: no venue trades USDC/USD or USD/USDC"):
        groups.plan(Pair.parse("ETH/USD~"))


def test_the_parts_of_several_pairs() -> None:
    """Each once; a pair that venues trade is its own part."""
    wanted = [Pair.parse(text) for text in ("BTC/EUR", "BTC/USD~", "BTC/USDT")]
    parts = [str(part) for part in Groups(DEFAULT_GROUPS, PAIRS).parts(wanted)]
    assert parts == ["BTC/EUR", "BTC/USD", "BTC/USDT", "USDT/USD"]


def test_every_pair_that_a_group_has() -> None:
    """Of the bases that are traded against one of its members, but for the members against themselves."""
    assert [str(pair) for pair in Groups(DEFAULT_GROUPS, PAIRS).pairs] == ["BTC/USD~", "ETH/USD~", "USDT/USD~"]
    plan = Groups(DEFAULT_GROUPS, PAIRS).plan(Pair.parse("USDT/USD~"))
    assert plan is not None
    assert [str(leg.pair) for leg in plan.legs] == ["USDT/USD"]
