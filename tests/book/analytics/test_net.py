"""Books in prices net of fees."""

from decimal import Decimal
from typing import Any

import pytest

from book import merge
from book.analytics import NetLevel, net_ladder, net_view
from tests.book.analytics.markets import FEES, KINDS, Quotes, book, view

both = pytest.mark.parametrize("kind", KINDS)


@both
def test_a_net_view_merges_into_the_order_of_net_prices(kind: Any) -> None:
    """Prices are exact names of decimals again, amounts stay; b's better prices are worse after its fee."""
    picture = view(kind, a=Quotes("100*1", "101*1"), b=Quotes("100.2*2 90*1", "100.8*2", "90", "102"))
    merged = merge(net_view(picture, FEES), 5)
    assert (merged.price_decimals, merged.amount_decimals, merged.version) == (5, 3, 7)
    assert merged.bids == (
        (kind("99.9"), kind("1"), 0), (kind("99.7992"), kind("2"), 1), (kind("89.64"), kind("1"), 1),
    )  # fmt: skip
    assert merged.asks == ((kind("101.101"), kind("1"), 0), (kind("101.2032"), kind("2"), 1))
    assert (merged.venues[1].known_bid, merged.venues[1].known_ask) == (kind("89.64"), kind("102.408"))
    assert merged.venues[0].known_bid is None
    assert all(type(price) is kind and type(amount) is kind for price, amount, _ in merged.bids)


def test_prices_beyond_fifteen_digits_become_decimals() -> None:
    """All numbers of the book: the kinds are never mixed."""
    picture = view(float, price_decimals=8, a=Quotes("64123.12345678*0.5", ""))
    merged: Any = merge(net_view(picture, {"a": Decimal("0.00123")}), 5)
    assert merged.bids == ((Decimal("64044.2520149281606"), Decimal("0.5"), 0),)
    assert merged.price_decimals == 13


def test_the_scale_does_not_depend_on_who_is_live() -> None:
    """Otherwise a client would see it jump when a venue is lost."""
    fees = {"a": Decimal("0.001"), "b": Decimal("0.00075")}
    live = net_view(view(a=Quotes("100*1"), b=Quotes("100*1")), fees)
    lost = net_view(view(a=Quotes("100*1"), b=Quotes()), fees)
    assert live.price_decimals == lost.price_decimals == 7


def test_a_fee_must_be_known_of_who_has_prices() -> None:
    with pytest.raises(KeyError, match="z"):
        net_view(view(z=Quotes("100*1")), FEES)
    assert net_view(view(z=Quotes()), FEES).venues[0].bids == ()


@both
def test_the_ladder(kind: Any) -> None:
    made = book(kind, FEES, a=Quotes("100*1", "101*1"), b=Quotes("100.2*2", "100.8*2"))
    assert net_ladder(made, "sell", 1) == (NetLevel(Decimal("99.9"), Decimal(100), Decimal(1), "a"),)
    assert net_ladder(made, "buy", 9) == (
        NetLevel(Decimal("101.101"), Decimal(101), Decimal(1), "a"),
        NetLevel(Decimal("101.2032"), Decimal("100.8"), Decimal(2), "b"),
    )
    assert net_ladder(book(kind, z=Quotes("1*1")), "buy", 9) == "no taker fee is known for z"
