"""The switcher: what is typed finds the pair that is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.finding import everything_found, letters_in, pairs_found
from dashboard.keys import ACTIONS, Keys
from dashboard.search import Pair, ranked, remembered
from dashboard.status import catalog_of
from proto import orderbook_pb2 as pb
from tests.dashboard.fake import pair_info

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


def test_what_was_shown_is_remembered() -> None:
    assert remembered(("a", "b"), "b") == ("b", "a")
    assert remembered(tuple("abcdefghijkl"), "z", 3) == ("z", "a", "b")


CATALOG = catalog_of(
    pb.Pairs(pairs=[pair_info("BTC/USDT"), pair_info("ETH/BTC", ["kraken"])], default_pair="BTC/USDT")
)


def test_the_switcher_tells_coverage_and_what_was_shown_of_late() -> None:
    found = pairs_found(CATALOG, ["ETH/BTC"], "")
    assert [choice.value for choice in found] == ["ETH/BTC", "BTC/USDT"]
    assert found[0].about == "recent  1  kraken"
    assert found[1].about == "4  binance bitstamp coinbase kraken"
    assert pairs_found(CATALOG, [], "ethb")[0].at == (0, 1, 2, 4)


def test_a_pair_that_is_not_listed_may_be_asked_for() -> None:
    assert [choice.value for choice in pairs_found(CATALOG, [], "sol-usdt")] == ["SOL/USDT"]
    assert pairs_found(CATALOG, [], "sol") == []
    assert [choice.value for choice in pairs_found(CATALOG, [], "btc/usdt")] == ["BTC/USDT"]


def test_the_palette_finds_actions_pairs_and_themes() -> None:
    def values(text: str) -> list[str]:
        return [choice.value for choice in everything_found(Keys(), CATALOG, ACTIONS, text)]

    everything = values("")
    assert {"action pause", "pair ETH/BTC", "theme nord"} <= set(everything)
    assert values("theme light")[0] == "theme light"
    assert values("picture")[0] in ("action pause", "action screenshot")
    assert values("ethbtc")[0] == "pair ETH/BTC"
    assert values("qqqq") == []


@given(st.text("abc ", max_size=12), st.text("abc", min_size=1, max_size=4))
def test_letters_are_found_in_their_order(label: str, text: str) -> None:
    at = letters_in(label, text)
    if at is None:
        rest = iter(label)
        assert not all(sign in rest for sign in text)
    else:
        assert "".join(label[place] for place in at) == text
        assert list(at) == sorted(set(at))
