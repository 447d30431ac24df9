"""Pairs: what is read as one, and what is found by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from book import BadPair, Pair, UnknownPair, resolve_pair

BTC_USDT, ETH_BTC, ETH_USDT = Pair("BTC", "USDT"), Pair("ETH", "BTC"), Pair("ETH", "USDT")
KNOWN = [BTC_USDT, ETH_BTC, ETH_USDT, Pair("1INCH", "USDT"), Pair("A", "BC"), Pair("AB", "C")]


@pytest.mark.parametrize("text", ["ETH/BTC", "ETH-BTC", "ETH_BTC", "eth-btc", "Eth/bTc", "  eth/btc\n"])
def test_parse(text: str) -> None:
    """Every usual spelling means the same pair."""
    assert Pair.parse(text) == ETH_BTC
    assert str(Pair.parse(text)) == "ETH/BTC"


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("BTC/USDC-PERP", Pair("BTC", "USDC-PERP")),
        ("btc-usdc-perp", Pair("BTC", "USDC-PERP")),
        ("BTC_USD_INVERSE", Pair("BTC", "USD-INVERSE")),
        ("PERP/USDT", Pair("PERP", "USDT")),  # an asset of that name
        ("BTC/PERP", Pair("BTC", "PERP")),
    ],
)
def test_perpetuals(text: str, pair: Pair) -> None:
    """A contract is part of the pair, which reads back as it is written, and is never the pair of spot."""
    assert Pair.parse(text) == pair
    assert Pair.parse(str(pair)) == pair
    assert resolve_pair(text, [*KNOWN, pair]) == pair


@pytest.mark.parametrize("text", ["BTC/USD~", "btc-usd~", "btcusd~", " BTC_USD~\n"])
def test_groups_of_quotes(text: str) -> None:
    """A group is part of the pair, and never the pair of its unit."""
    pair = Pair("BTC", "USD~")
    assert resolve_pair(text, [*KNOWN, Pair("BTC", "USD"), pair]) == pair
    assert Pair.parse(str(pair)) == pair
    assert (pair.grouped, Pair("BTC", "USD").grouped) == (True, False)


@pytest.mark.parametrize("text", ["btcusdc", "BTC/USDC", "btcusdcperp"])
def test_a_perpetual_is_not_found_by_the_name_of_spot(text: str) -> None:
    """Nor by one without separators; the hint names it."""
    with pytest.raises(UnknownPair, match="BTC/USDC-PERP"):
        resolve_pair(text, [Pair("BTC", "USDC-PERP")])


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "/", "BTC/USD/PERP/PERP", "/USD-PERP", "BTC/-PERP", "BTC/USD-PERPS",
        "BTC/USD-PERP-INVERSE", "BTC/USD-",
        "BTC~", "~", "BTC~/USD", "BTC/USD~~", "BTC/~", "BTC/USD~-PERP", "~/USD", "BTC/U~SD",
        "ETH", "ETH/", "/BTC", "ETH//BTC", "ETH/BTC/USDT", "ETH BTC", "ETH / BTC", "ETH:BTC", "ETH/B.C",
        "ETH/BTC;", "A" * 21 + "/BTC", "ETH/\u0000", "ÉTH/BTC", "币安/USDT", "ＥＴＨ/BTC", "ETH∕BTC", "١/BTC",
        "ſol/usdt",  # a long s, whose capital is an S
        "ıcp/usdt",  # a dotless i, whose capital is an I
        "ß/btc",  # whose capital is SS
    ],
)  # fmt: skip
def test_no_pair(text: str) -> None:
    """Anything else is refused, and the message says how to write it."""
    with pytest.raises(BadPair, match="BASE/QUOTE"):
        Pair.parse(text)
    with pytest.raises((BadPair, UnknownPair)):
        resolve_pair(text, KNOWN)


@pytest.mark.parametrize("text", ["ETH/BTC", "eth_btc", "ethbtc", "EthBtc", " ETHBTC "])
def test_resolve(text: str) -> None:
    """Both assets together are enough where only one known pair reads so."""
    assert resolve_pair(text, KNOWN) == ETH_BTC
    assert resolve_pair(text, iter(KNOWN + KNOWN)) == ETH_BTC, "a pair listed twice is still one pair"


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_resolve_nothing(text: str) -> None:
    """No text is told apart from a wrong one."""
    with pytest.raises(BadPair, match="no pair given"):
        resolve_pair(text, KNOWN)


def test_resolve_ambiguous() -> None:
    """Both readings are named, and the way out."""
    with pytest.raises(BadPair, match=r"A/BC or AB/C; write the slash"):
        resolve_pair("abc", KNOWN)
    assert resolve_pair("ab/c", KNOWN) == Pair("AB", "C")


@pytest.mark.parametrize("text", ["ETH BTC", "eth.btc", "ſolusdt", "ıcpusdt", "x" * 21, "🚀"])
def test_resolve_malformed(text: str) -> None:
    """What cannot be a pair is refused as such, not searched for."""
    with pytest.raises(BadPair, match="is not a pair"):
        resolve_pair(text, [*KNOWN, Pair("SOL", "USDT"), Pair("ICP", "USDT")])


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("BTC/USD", "BTC/USDT"),
        ("btcusd", "BTC/USDT"),
        ("ETH/BTX", "ETH/BTC"),
        ("INCHUSDT", "1INCH/USDT"),
    ],
)
def test_resolve_unknown(text: str, nearest: str) -> None:
    """An unknown pair is answered with the most similar names that exist."""
    with pytest.raises(UnknownPair, match=f"did you mean {nearest}") as caught:
        resolve_pair(text, KNOWN)
    assert caught.value.nearest[0] == nearest
    assert len(caught.value.nearest) <= 3


def test_resolve_unknown_without_anything_near() -> None:
    """Nothing similar: no hint."""
    with pytest.raises(UnknownPair) as caught:
        resolve_pair("QQQ/ZZZ", KNOWN)
    assert caught.value.nearest == []
    assert str(caught.value) == "unknown pair 'QQQ/ZZZ'"
    with pytest.raises(UnknownPair):
        resolve_pair("BTC/USDT", [])


@given(st.text(max_size=30))
def test_any_text(text: str) -> None:
    """Whatever is typed gives a known pair or one of the two errors."""
    try:
        assert resolve_pair(text, KNOWN) in KNOWN
    except (BadPair, UnknownPair) as error:
        assert str(error)
