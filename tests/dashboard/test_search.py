"""The switcher: what is typed finds the pair that is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.rows import Role, cells
from dashboard.search import Pair, pairs_of, ranked, remembered, rows
from proto import orderbook_pb2 as pb

PAIRS = (
    Pair("BTC/USDT", ("binance", "kraken", "okx")),
    Pair("BTC/USD", ("kraken",)),
    Pair("ETH/BTC", ("binance", "kraken")),
    Pair("ETH/USDT", ("binance", "okx")),
    Pair("WBTC/ETH", ("binance",)),
    Pair("BCH/USDT", ("binance",)),
    Pair("BTC/USD~", ("kraken", "okx", "coinbase")),
)


def names(typed: str, *recent: str) -> list[str]:
    return [found.pair.name for found in ranked(PAIRS, typed, recent)]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("btc", ["BTC/USDT", "BTC/USD~", "BTC/USD", "ETH/BTC", "WBTC/ETH"]),
        ("btcusdt", ["BTC/USDT"]),
        ("BTC-USD", ["BTC/USD~", "BTC/USD", "BTC/USDT"]),
        ("ethbtc", ["ETH/BTC"]),
        ("eth", ["ETH/BTC", "ETH/USDT", "WBTC/ETH"]),
        ("bu", ["BTC/USDT", "BTC/USD~", "BCH/USDT", "BTC/USD"]),
        ("bct", ["BTC/USDT", "BCH/USDT"]),
        ("xyz", []),
    ],
)
def test_the_likeliest_is_first(typed: str, first: list[str]) -> None:
    found = names(typed)
    assert found[: len(first)] == first
    assert bool(found) == bool(first)


def test_recent_pairs_come_first_among_equals() -> None:
    assert names("", "ETH/BTC", "BCH/USDT")[:2] == ["ETH/BTC", "BCH/USDT"]
    assert names("", "ETH/BTC", "ETH/BTC")[:2] == ["ETH/BTC", "BTC/USDT"]
    assert names("btc", "BTC/USD")[0] == "BTC/USD"
    assert names("btcusdt", "BTC/USD")[0] == "BTC/USDT"


@given(st.text(alphabet="btcehusdw/- x", max_size=6), st.lists(st.sampled_from([pair.name for pair in PAIRS])))
def test_what_is_found_holds_what_was_typed(typed: str, recent: list[str]) -> None:
    found = ranked(PAIRS, typed, recent)
    wanted = [sign for sign in typed.upper() if sign.isalnum()]
    for entry in found:
        assert [entry.pair.name[at] for at in entry.hits] == wanted
        assert list(entry.hits) == sorted(set(entry.hits))
    assert wanted or len(found) == len(PAIRS)


def test_coverage_and_the_typed_letters_are_shown() -> None:
    found = rows(ranked(PAIRS, "btcusdt", ["BTC/USDT"]), 70, 5)
    assert [cells(row.spans) for row in found] == [70] * 5
    assert found[0].text.rstrip() == "> BTC/USDT        recent  3 venues  binance kraken okx"
    assert [span.text for span in found[0].spans if span.role is Role.KEY] == ["BTC", "USDT"]
    assert found[0].fill_role is Role.CURSOR
    assert "1 venue  kraken" in rows(ranked(PAIRS, "", ["BTC/USD"]), 70, 5)[0].text
    assert "no such pair" in rows([], 70, 3)[0].text


@pytest.mark.parametrize("selected", range(7))
def test_the_selected_line_stays_in_sight(selected: int) -> None:
    found = rows(ranked(PAIRS, ""), 40, 3, selected)
    assert sum(row.text.startswith("> ") for row in found) == 1


def test_the_servers_list() -> None:
    listings = [pb.Listing(venue="kraken"), pb.Listing(venue="kraken"), pb.Listing(venue="okx\x1b")]
    message = pb.Pairs(pairs=[pb.PairInfo(pair="A/B", listings=listings), pb.PairInfo(pair="C/D")])
    assert pairs_of(message) == (Pair("A/B", ("kraken", "okx?")), Pair("C/D", ()))


def test_what_was_shown_is_remembered() -> None:
    assert remembered(("a", "b"), "b") == ("b", "a")
    assert remembered(tuple("abcdefghijkl"), "z", 3) == ("z", "a", "b")
