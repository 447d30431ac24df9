"""A quote group promises nothing that executing its levels and converting would not give."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from book import Instrument, Pair, PairBooks, Policy, State, merge
from book.analytics import ExactBook, fees_in, fill, net_view
from book.group import parse_group
from book.group_books import GroupBooks
from services.view import first_prices
from tests.book import quotes
from tests.book.quotes import by_name, executed, grouped, levels_of, load, lose, naive_rates, naive_side, usual

DEEP = 1000


def sides(price: st.SearchStrategy[float], amount: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.dictionaries(price, amount, max_size=6).map(lambda levels: list(levels.items()))


def numbers(low: int, high: int, decimals: int) -> st.SearchStrategy[float]:
    return st.integers(low, high).map(lambda units: units / 10**decimals)


@st.composite
def markets(draw: st.DrawFn) -> tuple[GroupBooks, dict[str, PairBooks]]:
    """Books of BTC against USD and USDT, and of USDT against USD both ways; each live or not, crossed or not."""
    made = {
        "USD": quotes.pair_books("BTC/USD", "ab"),
        "USDT": quotes.pair_books("BTC/USDT", "abc"),
        "USDT/USD": quotes.pair_books("USDT/USD", "ab", "0.001", "0.1"),
    }
    if draw(st.booleans()):
        made["USD/USDT"] = quotes.pair_books("USD/USDT", "ac", "0.001", "0.1")
    scale = draw(st.sampled_from([1, 100]))  # of conversion: rates about 1, and about 0.01
    for name, books in made.items():
        converts = "/" in name
        price = numbers(500, 1500, 3) if converts else numbers(9000, 11000, 2)
        if converts and scale > 1:
            price = numbers(5, 15, 3) if name == "USDT/USD" else numbers(50_000, 150_000, 3)
        amount = numbers(1, 100_000, 1) if converts else numbers(1, 3000, 3)
        for venue, book in books.books.items():
            if book.instrument and draw(st.integers(0, 9)):
                load(books, venue, draw(sides(price, amount)), draw(sides(price, amount)))
    return grouped(*made.values()), made


@given(markets(), st.integers(1, 8))
def test_no_level_promises_more_than_executing_and_converting(market: Any, levels: int) -> None:
    """At any depth; and no less than rounding costs, and what no step takes of less than the smallest amount."""
    group, made = market
    view = group.view(levels)
    merge(view, DEEP).check()
    unit = Fraction(1, 10**view.price_decimals)
    for bids in (True, False):
        own = naive_side(made["USDT"], bids)
        rates = naive_rates(made["USDT/USD"], made.get("USD/USDT"), sell=bids)
        base, claimed = Fraction(0), Fraction(0)
        whole = sum(amount for _, amount in own[:levels])  # beyond, better levels of other venues may not be shown
        for price, amount in levels_of(view, Pair("BTC", "USDT"), bids):
            base, claimed = base + amount, claimed + price * amount
            if base > whole:
                break
            notional = executed(own, base)
            assert notional is not None, "more than there is"
            true = executed(rates, notional)
            assert true is not None, "more than can be converted"
            spread = abs(rates[0][0] - rates[-1][0])
            given_up = len(rates) * Fraction(1, 1000) * max(price for price, _ in own) * spread
            assert 0 <= (true - claimed if bids else claimed - true) <= base * unit + given_up


@given(markets())
def test_a_member_is_in_with_both_rates_and_out_without(market: Any) -> None:
    """Out: no level, its own state says so, and the reason names the books. Never is it taken at par instead."""
    group, made = market
    view = group.view(5)
    ways = [made[name] for name in ("USDT/USD", "USD/USDT") if name in made]
    rates = [naive_rates(made["USDT/USD"], made.get("USD/USDT"), sell=sell) for sell in (True, False)]
    (conversion,) = view.conversions
    assert (conversion.quote, conversion.unit, conversion.par) == ("USDT", "USD", False)
    assert conversion.pairs == tuple(books.pair for books in ways)
    live = all(rates)
    assert bool(conversion.reason) is not live
    if live:
        bid, ask = Fraction(conversion.bid), Fraction(conversion.ask)
        assert 0 <= rates[0][0][0] - bid < Fraction(1, 10**12)
        assert 0 <= ask - rates[1][0][0] < Fraction(1, 10**12)
    else:
        assert "USDT/USD" in conversion.reason
    for entry in view.venues:
        book = made["USD" if entry.member == Pair("BTC", "USD") else "USDT"].books[entry.venue.partition("/")[0]]
        if entry.member == Pair("BTC", "USDT") and not live and book.state is State.LIVE:
            assert (entry.state, entry.reason) == (State.UNCONVERTED, conversion.reason)
            assert (entry.bids, entry.asks, entry.known_bid, entry.known_ask) == ((), (), None, None)
        else:
            assert entry.state is book.state


@given(markets(), st.integers(1, 3))
def test_what_is_shown_does_not_depend_on_how_much_is_asked_for(market: Any, levels: int) -> None:
    group, _ = market
    shown, whole = merge(group.view(levels), DEEP), merge(group.view(DEEP), DEEP)
    assert shown.price_decimals == whole.price_decimals
    assert first_prices(shown.bids, levels) == first_prices(whole.bids, levels)
    assert first_prices(shown.asks, levels) == first_prices(whole.asks, levels)


@given(markets())
def test_the_unit_is_left_as_it_is(market: Any) -> None:
    group, made = market
    view = group.view(DEEP)
    for bids in (True, False):
        assert levels_of(view, Pair("BTC", "USD"), bids) == naive_side(made["USD"], bids)


def filled() -> dict[str, PairBooks]:
    """A plain market: 100.00 to 101.00 in USD; USDT at 0.99 to 1.01 USD, USDC at 1.00 to 1.02."""
    made = usual()
    load(made["USD"], "a", [(100.0, 1.0)], [(101.0, 1.0)])
    load(made["USDT"], "a", [(100.0, 2.0), (99.0, 1.0)], [(101.0, 2.0)], 3000)
    load(made["USDT"], "b", [(100.0, 1.0)], [(101.0, 1.0)])
    load(made["USDC"], "c", [(100.0, 1.0)], [(101.0, 1.0)])
    load(made["USDT/USD"], "a", [(0.99, 250.0), (0.98, 1000.0)], [(1.01, 10_000.0)], 900)
    load(made["USDT/USD"], "b", [], [(1.02, 10_000.0)], 800)
    load(made["USDC/USD"], "b", [(1.0, 10_000.0)], [(1.02, 50.0)], 700)
    return made


def test_a_level_is_told_at_each_rate_for_as_much_as_it_takes() -> None:
    """3 BTC at 100 USDT are 300 USDT: 250 of them are sold for 0.99, the rest for 0.98."""
    view = grouped(*filled().values()).view(10)
    assert [each.venue for each in view.venues] == ["a/usd", "b/usd", "a/usdt", "b/usdt", "c/usdt", "c/usdc"]
    entries = by_name(view)
    assert entries["a/usdt"].bids == ((99.0, 2.0, 2), (97.02, 1.0, 2))
    assert entries["b/usdt"].bids == ((99.0, 0.5, 3), (98.0, 0.5, 3))
    assert entries["a/usdt"].asks == ((102.01, 2.0, 2),)
    assert (view.price_decimals, view.amount_decimals, view.unit) == (4, 3, "USD")
    assert entries["a/usdt"].member == Pair("BTC", "USDT")
    assert entries["c/usdt"].state is State.CONNECTING


def test_steps_of_one_rate_are_one_level() -> None:
    """Of each venue, whichever of the books of conversion they are from."""
    made = filled()
    load(made["USDT/USD"], "b", [(0.99, 250.0)], [(1.02, 10_000.0)])
    entries = by_name(grouped(*made.values()).view(10))
    assert entries["b/usdt"].bids == ((99.0, 1.0, 3),)
    assert entries["a/usdt"].bids == ((99.0, 2.0, 2), (98.01, 1.0, 2))


def test_what_cannot_be_converted_is_not_told_and_the_horizon_says_so() -> None:
    """50 USDC can be bought, 101 are needed for the whole ask: 0.495 BTC of it, and nothing is known beyond."""
    entry = by_name(grouped(*filled().values()).view(10))["c/usdc"]
    assert entry.asks == ((103.02, 0.495, 5),)
    assert (entry.known_bid, entry.known_ask, entry.more_asks) == (None, 103.02, False)


def test_the_facts_of_a_conversion() -> None:
    usdt, usdc = grouped(*filled().values()).view(10).conversions
    assert (usdt.bid, usdt.ask, usdt.bid_amount, usdt.ask_amount) == tuple(
        map(Decimal, ("0.99", "1.01", "250", "10000"))
    )
    assert (usdt.received_ns, usdt.used) == (900, frozenset("a"))
    assert (usdt.par_ppm, usdt.basis_ppm) == (0, 0)
    assert (usdc.par_ppm, usdc.basis_ppm, usdc.used) == (10_000, 10_000, frozenset("b"))
    assert [venue.venue for venue in usdt.venues] == ["a", "b"]


def test_a_conversion_that_is_lost_takes_its_member_out_in_the_very_next_picture() -> None:
    made = filled()
    group = grouped(*made.values())
    before = group.view(10)
    lose(made["USDC/USD"], "b", "two updates are missing", 5000)
    view = group.view(10)
    entry = by_name(view)["c/usdc"]
    assert (entry.state, entry.since_ns, entry.bids, entry.asks) == (State.UNCONVERTED, 5000, (), ())
    assert entry.reason == "no live book of USDC/USD: b is gap: two updates are missing"
    assert view.conversions[1].reason == entry.reason
    assert (view.conversions[1].bid, view.conversions[1].basis_ppm) == (None, None)
    assert view.version == before.version + 1
    assert by_name(view)["a/usdt"] == by_name(before)["a/usdt"]
    load(made["USDC/USD"], "b", [(1.0, 10_000.0)], [], 6000)
    entry = by_name(group.view(10))["c/usdc"]
    assert (entry.state, entry.reason) == (State.UNCONVERTED, "USDC cannot be bought: a side of USDC/USD is empty")


def test_par_is_told_and_needs_no_book() -> None:
    made = filled()
    group = grouped(made["USD"], made["USDT"], group=parse_group("USD~", "USD,USDT:par"))
    view = group.view(10)
    (conversion,) = view.conversions
    assert (conversion.par, conversion.bid, conversion.ask) == (True, Decimal(1), Decimal(1))
    assert (conversion.pairs, conversion.bid_amount, conversion.reason, conversion.basis_ppm) == ((), None, "", 0)
    assert by_name(view)["a/usdt"].bids == ((100.0, 2.0, 2), (99.0, 1.0, 2))
    assert view.price_decimals == 2


def test_a_member_without_books_of_conversion_is_told_and_not_carried() -> None:
    made = filled()
    group = grouped(*(books for name, books in made.items() if name != "USDC/USD"))
    assert Pair("BTC", "USDC") not in group.parts
    assert [(each.quote, each.reason) for each in group.view(1).conversions] == [
        ("USDT", ""),
        ("USDC", "no venue trades USDC/USD or USD/USDC"),
    ]


def test_one_book_of_a_venue_for_two_members_counts_once() -> None:
    """As on Coinbase, where BTC-USDC is another name of BTC-USD."""
    made = filled()
    for name, symbol, alias in (("USD", "BTC-USD", ""), ("USDC", "BTC-USDC", "BTC-USD")):
        pair = Pair("BTC", name)
        made[name].add("c", Instrument("c", symbol, pair, Decimal("0.01"), Decimal("0.001"), alias_of=alias))
        load(made[name], "c", [(90.0, 1.0)], [(110.0, 1.0)])
    merged = merge(grouped(*made.values()).view(10), 10)
    entries = by_name(merged)
    assert entries["c/usd"].bids == ((90.0, 1.0, 2),)
    assert (entries["c/usdc"].state, entries["c/usdc"].bids) == (State.LIVE, ((90.0, 1.0, 6),))
    assert entries["c/usdc"].left_out == "c has one book for BTC/USD and BTC/USDC: merged as BTC/USD"
    assert "c/usdc" not in {merged.venues[rank].venue for *_, rank in merged.bids}


def test_a_venue_that_trades_no_member_says_so_once() -> None:
    made = {name: books for name, books in filled().items() if name in ("USD", "USDC", "USDC/USD")}
    made["USDC"] = quotes.pair_books("BTC/USDC", "b")
    entries = [(each.venue, each.state) for each in grouped(*made.values()).view(1).venues]
    assert entries == [
        ("a/usd", State.LIVE),
        ("b/usd", State.CONNECTING),
        ("c/usd", State.UNLISTED),
        ("b/usdc", State.CONNECTING),
    ]


def test_horizons_are_told_in_the_unit_at_the_best_rate() -> None:
    """What lies beyond the venue's own horizon can be told at no better price than that."""
    made = filled()
    made["USDT"].books["a"].bids.horizon = 98.0
    made["USDT"].books["a"].asks.horizon = 102.0
    entry = by_name(grouped(*made.values()).view(10))["a/usdt"]
    assert (entry.known_bid, entry.known_ask) == (97.02, 103.02)


def test_a_suspect_that_is_left_out_takes_no_part_and_tells_its_prices() -> None:
    made = filled()
    made["USDT"] = quotes.pair_books("BTC/USDT", policy=Policy(leave_out_suspects=True))
    for venue, price in (("a", 100.0), ("b", 100.0), ("c", 120.0)):
        load(made["USDT"], venue, [(price, 2.0)], [(price + 1, 2.0)])
    for now_ns in (1, 20_000_000_000):
        with made["USDT"]:
            made["USDT"].compare(now_ns, at_once=True)
    view = grouped(*made.values()).view(10)
    entry = by_name(view)["c/usdt"]
    assert entry.left_out.startswith("it is suspect")
    assert (entry.bids, entry.asks) == (((118.8, 2.0, 4),), ((122.21, 2.0, 4),))
    assert "c/usdt" not in {view.venues[rank].venue for *_, rank in merge(view, 10).bids}
    assert by_name(view)["a/usdt"].bids[0] == (99.0, 2.0, 2)


def test_an_inverse_book_is_exact_but_for_the_one_rounding() -> None:
    """1 USD = 3 USDT: 100 USDT are 33.3333 USD to who sells, 33.3334 to who buys."""
    made = [quotes.pair_books("BTC/USDT"), quotes.pair_books("USD/USDT")]
    load(made[0], "a", [(100.0, 1.0)], [(100.0, 1.0)])
    load(made[1], "a", [(3.0, 100.0)], [(3.0, 100.0)])
    view = grouped(*made).view(1)
    assert (view.venues[0].bids[0][0], view.venues[0].asks[0][0]) == (33.3333, 33.3334)
    assert (str(view.conversions[0].bid), str(view.conversions[0].ask)) == ("0.333333333333", "0.333333333334")
    assert (view.conversions[0].bid_amount, view.conversions[0].basis_ppm) == (Decimal(300), None)


def test_rates_far_below_one_get_the_digits_that_keep_the_order() -> None:
    made = [quotes.pair_books("BTC/USDT"), quotes.pair_books("USDT/USD", tick="0.00001")]
    load(made[0], "a", [(100.01, 1.0), (100.0, 1.0)], [(101.0, 1.0)])
    load(made[1], "a", [(0.00009, 1000.0)], [(0.0001, 1000.0)])
    view = grouped(*made).view(2)
    assert view.price_decimals == 8
    assert [level[0] for level in view.venues[0].bids] == [0.0090009, 0.009]


def test_more_digits_than_doubles_have() -> None:
    """Decimal books stay exact, and so do products that are too long for a double."""
    made = [quotes.pair_books("BTC/USDT", tick="1e-12"), quotes.pair_books("USDT/USD", tick="0.0001")]
    exact: Any = (Decimal("1234567.123456789012"), Decimal("1.5"))
    load(made[1], "a", [(0.9999, 1e9)], [(1.0001, 1e9)])
    load(made[0], "a", [exact], [])
    load(made[0], "b", [(123456.789012345, 1.5)], [])
    view = grouped(*made).view(2)
    bids: Any = view.venues[0].bids
    assert bids == ((Decimal("1234443.66674444333309"), Decimal("1.5"), 0),)
    assert isinstance(view.venues[1].bids[0][0], Decimal)
    merge(view, 4).check()


def test_a_deep_need_looks_deeper_into_the_books_of_conversion() -> None:
    """200 small levels are needed for one large bid."""
    made = [quotes.pair_books("BTC/USDT"), quotes.pair_books("USDT/USD", tick="0.0001", lot="0.01")]
    load(made[0], "a", [(100.0, 2.0)], [(101.0, 2.0)])
    load(made[1], "a", [(round(1 - n / 10_000, 4), 1.0) for n in range(300)], [(1.01, 1000.0)])
    view = grouped(*made).view(1)
    assert sum(amount for _, amount, _ in view.venues[0].bids) == pytest.approx(2.0)
    assert view.venues[0].known_bid is None


def test_venues_are_named_by_their_entries() -> None:
    made = filled()
    group = grouped(*made.values())
    assert list(group.books)[:4] == ["a/usd", "b/usd", "c/usd", "a/usdt"]
    assert group.converters == frozenset("ab")
    view = group.view(5, venues=["a/usdt"])
    assert [each.venue for each in view.venues if each.bids] == ["a/usdt"]
    assert by_name(view)["a/usdt"].bids[0] == (99.0, 2.0, 2)
    assert (group.price_decimals, group.amount_decimals) == (4, 3)


def test_every_part_is_listened_to() -> None:
    made = filled()
    told: list[int] = []
    stop = grouped(*made.values()).listen(lambda: told.append(1))
    for count, books in enumerate(made.values(), 1):
        lose(books, "a")
        assert len(told) == count
    stop()
    lose(made["USD"], "b")
    assert len(told) == len(made)


def test_a_converted_price_is_as_old_as_the_older_of_its_two_books() -> None:
    """And told in the unit."""
    book = ExactBook.of(grouped(*filled().values()).view(10))
    assert {each.name: each.received_ns for each in book.venues} == {
        "a/usd": 1000, "a/usdt": 900, "b/usdt": 900, "c/usdc": 700,
    }  # fmt: skip
    assert str(book.pair) == "BTC/USD"


FEES = {"a": Decimal("0.001"), "b": Decimal("0.004"), "c": Decimal("0.002")}


def test_fees_are_those_of_both_trades() -> None:
    """Of the venue, and of the dearest venue that converts; rounded up, so that what is told can be had."""
    view = grouped(*filled().values()).view(10)
    assert fees_in(view, FEES) == {
        "a/usd": Decimal("0.001"),
        "b/usd": Decimal("0.004"),
        "a/usdt": Decimal("0.002001"),
        "b/usdt": Decimal("0.005004"),
        "c/usdt": Decimal("0.003002"),
        "c/usdc": Decimal("0.006008"),
    }
    assert "a/usdt" not in fees_in(view, {"b": Decimal(0)})
    assert "c/usdc" not in fees_in(view, {"c": Decimal(0)})
    net = by_name(net_view(view, fees_in(view, FEES)))
    assert net["a/usdt"].bids[0][0] == pytest.approx(99 * (1 - 0.002001))
    lost = filled()
    lose(lost["USDT/USD"], "a")
    assert fees_in(grouped(*lost.values()).view(10), FEES)["a/usdt"] == Decimal("0.001")


def test_a_cost_goes_through_the_books_of_conversion() -> None:
    """Selling 4 BTC: 1 for USD at 100, 1 for USDC at 100, and 2 for 200 USDT, which are sold at 0.99."""
    view = grouped(*filled().values()).view(10)
    found = fill(ExactBook.of(view), "sell", Decimal(4))
    assert not isinstance(found, str)
    assert (found.quote, found.worst) == (Decimal(398), Decimal(99))
    assert {each.venue: each.base for each in found.venues} == {"a/usd": 1, "c/usdc": 1, "a/usdt": 2}
    assert not found.bound
