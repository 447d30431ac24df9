"""Analytics against an oracle that is too simple to be wrong: lists of Decimals with 80 digits."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book.analytics import ExactBook, Fill, arbitrages, depth, fill, net_ladder
from book.analytics.depth import imbalance, imbalance_bps
from book.analytics.fill import cost
from book.analytics.top import microprice, mid, spread_bps
from tests.book.analytics.markets import FEES, KINDS, Quotes, Venues, book

NAMES = ("a", "b", "c")


class Case(NamedTuple):
    """A market in text, and the same as plain levels: (price, amount, venue)."""

    exact: ExactBook
    bids: list[tuple[Decimal, Decimal, str]]
    asks: list[tuple[Decimal, Decimal, str]]
    edges: dict[str, Decimal]  # of the asks, by venue


@st.composite
def cases(draw: st.DrawFn, cross: bool = True, edges: bool = False) -> Case:
    """One to three venues of up to six levels a side, in either kind of number."""
    kind = draw(st.sampled_from(KINDS))
    venues: Venues = {}
    bids, asks, known = [], [], {}
    for name in NAMES[: draw(st.integers(1, 3))]:
        low = draw(st.integers(9000, 10000))
        high = draw(st.integers(9900 if cross else 10001, 10200))
        sides = []
        for best, step in ((low, -1), (high, 1)):
            prices = [best]
            for gap in draw(st.lists(st.integers(1, 40), max_size=5)):
                prices.append(prices[-1] + step * gap)
            sides.append([(Decimal(price) / 100, Decimal(draw(st.integers(1, 5000))) / 1000) for price in prices])
        edge = draw(st.none() | st.integers(high - 20, high + 100)) if edges else None
        if edge is not None:
            known[name] = Decimal(edge) / 100
        texts = [" ".join(f"{price}*{amount}" for price, amount in side) for side in sides]
        venues[name] = Quotes(texts[0], texts[1], known_ask=str(known.get(name, "")))
        bids += [(*level, name) for level in sides[0]]
        asks += [(*level, name) for level in sides[1]]
    bids.sort(key=lambda level: -level[0])
    asks.sort(key=lambda level: level[0])
    return Case(book(kind, FEES, **venues), bids, asks, known)


@pytest.fixture(autouse=True)
def _wide() -> Any:
    """The oracle calculates with 80 digits."""
    with localcontext() as context:
        context.prec = 80
        yield


def near(number: Decimal, digits: int) -> Decimal:
    """Rounded once, half to even."""
    return number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)


def middle(case: Case) -> Decimal:
    return (case.bids[0][0] + case.asks[0][0]) / 2


AMOUNTS = st.integers(1, 30_000).map(lambda units: Decimal(units) / 1000)


@settings(max_examples=200)
@given(cases())
def test_top(case: Case) -> None:
    """Mid, microprice and spread are those of the plain formulas."""
    (bid, *_), (ask, *_) = case.bids[0], case.asks[0]
    assert mid(case.exact).value == middle(case)
    assert spread_bps(case.exact).value == near((ask - bid) / middle(case) * 10_000, 4)
    bid_amount = sum(amount for price, amount, _ in case.bids if price == bid)
    ask_amount = sum(amount for price, amount, _ in case.asks if price == ask)
    micro = microprice(case.exact).value
    if bid > ask:
        assert micro is None
    else:
        assert micro == near((bid * ask_amount + ask * bid_amount) / (bid_amount + ask_amount), 6)
        assert bid <= micro <= ask


@settings(max_examples=200)
@given(cases(), st.integers(1, 8), st.integers(1, 60_000).map(lambda units: Decimal(units) / 100))
def test_depth_and_imbalance(case: Case, levels: int, bps: Decimal) -> None:
    """Sums over plain lists; ratios within -1 and 1."""
    within = middle(case) * bps / 10_000
    bids = [level for level in case.bids if level[0] >= middle(case) - within]
    asks = [level for level in case.asks if level[0] <= middle(case) + within]
    found = depth(case.exact, bps)
    assert not isinstance(found, str)
    for side, plain in ((found.bids, bids), (found.asks, asks)):
        assert side.base == sum(amount for _, amount, _ in plain)
        assert side.quote == sum(price * amount for price, amount, _ in plain)
        assert side.complete_bps is None
    best_bids = sorted({level[0] for level in case.bids})[-levels:]
    best_asks = sorted({level[0] for level in case.asks})[:levels]
    for ratio, some_bids, some_asks in (
        (imbalance_bps(case.exact, bps).value, bids, asks),
        (
            imbalance(case.exact, levels).value,
            [level for level in case.bids if level[0] in best_bids],
            [level for level in case.asks if level[0] in best_asks],
        ),
    ):
        b, a = (sum((amount for _, amount, _ in side), Decimal(0)) for side in (some_bids, some_asks))
        if not a + b:
            assert ratio is None
        else:
            assert ratio == near((b - a) / (b + a), 6)
            assert -1 <= ratio <= 1


def walk(levels: list[tuple[Decimal, Decimal]], wanted: Decimal, in_quote: bool) -> tuple[Decimal, ...]:
    """Base, quote and what is left, level by level."""
    base = quote = Decimal(0)
    for price, amount in levels:
        take = min(amount, (wanted - quote) / price if in_quote else wanted - base)
        base += take
        quote += take * price
    return base, quote, wanted - (quote if in_quote else base)


@settings(max_examples=300)
@given(cases(), AMOUNTS, st.sampled_from(["buy", "sell"]), st.booleans(), st.booleans())
def test_cost_to_fill(case: Case, amount: Decimal, side: Any, in_quote: bool, net: bool) -> None:
    """The walk over plain levels, sorted by the price that counts; what is left is told; the average lies within."""
    wanted = amount * 100 if in_quote else amount
    sign = 1 if side == "buy" else -1
    plain = [
        (price * (1 + sign * FEES[venue] if net else 1), size)
        for price, size, venue in (case.asks if side == "buy" else case.bids)
    ]
    plain.sort(key=lambda level: sign * level[0])
    base, quote, left = walk(plain, wanted, in_quote)
    found = fill(case.exact, side, wanted, in_quote=in_quote, net=net)
    assert isinstance(found, Fill)
    exact = case.exact.net if net else case.exact
    digits = exact.price_decimals + 4
    assert found.average == near(quote / base, digits)
    assert found.base == near(base, exact.amount_decimals + 4)
    assert found.quote == near(quote, exact.price_decimals + exact.amount_decimals + 4)
    assert found.unfilled == near(left, exact.price_decimals + exact.amount_decimals + 4)
    assert found.filled + found.unfilled == wanted
    better, worse = sorted((plain[0][0], found.worst or Decimal(0)))
    assert near(better, digits) <= found.average <= near(worse, digits)
    slip = sign * (quote / base - middle(case)) / middle(case) * 10_000
    assert found.slippage_bps == near(slip, 4)
    assert abs(sum(each.base for each in found.venues) - found.base) < Decimal("1e-6")
    if net:
        own = sum(each.quote - sign * (each.fee or 0) for each in found.venues)
        assert abs(own - (found.quote - sign * (found.fee or 0))) < Decimal("1e-6")
        for each in found.venues:
            bare = (each.quote - sign * (each.fee or 0)) * FEES[each.venue]
            assert abs(bare - (each.fee or 0)) < Decimal("1e-6"), "a fee is the venue's part of its notional"


@settings(max_examples=200)
@given(cases(), AMOUNTS, st.sampled_from(["buy", "sell"]), st.booleans())
def test_all_venues_are_never_worse_than_one(case: Case, amount: Decimal, side: Any, net: bool) -> None:
    """Whatever the best single venue can fill, all of them together fill at no worse an average."""
    merged = fill(case.exact, side, amount, net=net)
    assert isinstance(merged, Fill)
    for venue in case.exact.venues:
        single = fill(case.exact, side, amount, venue=venue.name, net=net)
        assert isinstance(single, Fill)
        assert merged.filled >= single.filled
        if not single.unfilled and single.average is not None:
            assert merged.average is not None
            assert merged.average <= single.average if side == "buy" else merged.average >= single.average


@settings(max_examples=200)
@given(cases(edges=True), AMOUNTS)
def test_no_price_beyond_a_horizon_is_told(case: Case, amount: Decimal) -> None:
    """Told is only what no unseen level could change: the worst price taken is known of every venue."""
    found = fill(case.exact, "buy", amount)
    assert isinstance(found, Fill)
    passed = [name for name, edge in case.edges.items() if found.worst is not None and found.worst > edge]
    assert found.bound == bool(passed)
    average = cost(case.exact, "buy", amount)[0].value
    assert (average is not None) == (not passed and not found.unfilled)
    for name in passed:
        assert f"{name}'s asks above {case.edges[name].normalize():f} are unknown" in found.reason


@settings(max_examples=200)
@given(cases(edges=True), st.integers(1, 40_000).map(lambda units: Decimal(units) / 100))
def test_depth_is_complete_where_every_horizon_says_so(case: Case, bps: Decimal) -> None:
    """Complete to exactly the tightest horizon that the range reaches beyond."""
    found = depth(case.exact, bps)
    if isinstance(found, str):
        assert any(edge < case.asks[0][0] for edge in case.edges.values()), found
        return
    reach = (middle(case) * (1 + bps / 10_000)).quantize(Decimal("0.01"), "ROUND_FLOOR")
    passed = [edge for edge in case.edges.values() if edge < reach]
    assert (found.asks.complete_bps is None) == (not passed)
    if passed:
        assert found.asks.complete_bps == near((min(passed) - middle(case)) / middle(case) * 10_000, 4)


@settings(max_examples=200)
@given(cases(), st.sampled_from(["buy", "sell"]))
def test_the_net_ladder_is_sorted(case: Case, side: Any) -> None:
    """Every level is there once, at its own price and at the price with its venue's fee, the best first."""
    ladder = net_ladder(case.exact, side, 100)
    assert not isinstance(ladder, str)
    sign = 1 if side == "buy" else -1
    prices = [sign * level.net_price for level in ladder]
    assert prices == sorted(prices)
    plain = case.asks if side == "buy" else case.bids
    assert sorted((level.price, level.amount, level.venue) for level in ladder) == sorted(plain)
    assert all(level.net_price == level.price * (1 + sign * FEES[level.venue]) for level in ladder)


@settings(max_examples=300)
@given(cases())
def test_arbitrage(case: Case) -> None:
    """Amount and profit are the most that dealing between the two venues can bring."""
    found = {(each.buy, each.sell): each for each in arbitrages(case.exact)}
    for buy in case.exact.venues:
        for sell in case.exact.venues:
            asks = [level[:2] for level in case.asks if level[2] == buy.name]
            bids = [level[:2] for level in case.bids if level[2] == sell.name]
            if buy is sell or bids[0][0] <= asks[0][0]:
                assert (buy.name, sell.name) not in found
                continue
            each = found[buy.name, sell.name]
            assert (each.amount, each.profit) == deal(asks, bids)
            cost_factor, gain_factor = 1 + FEES[buy.name], 1 - FEES[sell.name]
            net = deal(
                [(price * cost_factor, size) for price, size in asks],
                [(price * gain_factor, size) for price, size in bids],
            )
            assert (each.net_amount, each.net_profit) == net
            assert each.gross_bps == near((bids[0][0] / asks[0][0] - 1) * 10_000, 4)
            assert each.net_bps == near((bids[0][0] * gain_factor / (asks[0][0] * cost_factor) - 1) * 10_000, 4)


def deal(asks: list[tuple[Decimal, Decimal]], bids: list[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    """Amount and profit, lot by lot of 0.001: the cheapest lot meets the highest bid."""
    lot = Decimal("0.001")
    bought = [price for price, size in asks for _ in range(int(size / lot))]
    sold = [price for price, size in bids for _ in range(int(size / lot))]
    won = [bid - ask for ask, bid in zip(bought, sold, strict=False) if bid > ask]
    return len(won) * lot, sum(won, Decimal(0)) * lot
