"""Coinbase's catalog of spot products."""

from decimal import Decimal

import msgspec

from book import Instrument, Pair
from exchanges.decode import UNREADABLE, is_step
from exchanges.errors import GarbageFrame


class _Product(msgspec.Struct):
    product_id: str
    base_currency_id: str
    quote_currency_id: str
    price_increment: Decimal
    base_increment: Decimal
    quote_min_size: Decimal | None = None
    product_type: str = "SPOT"
    status: str = "online"
    alias: str = ""
    trading_disabled: bool = False
    is_disabled: bool = False
    view_only: bool = False
    cancel_only: bool = False
    auction_mode: bool = False  # orders are gathered, and the book is crossed until the auction


class _Products(msgspec.Struct):
    products: list[_Product]


def read_catalog(body: bytes, venue: str) -> list[Instrument]:
    """The spot products, each with the market whose book it shares; raises GarbageFrame."""
    try:
        told = msgspec.json.decode(body, type=_Products, strict=False)
    except UNREADABLE as error:
        raise GarbageFrame(f"coinbase: no catalog: {error}") from error
    return [found for each in told.products if (found := _instrument(each, venue))]


def _instrument(told: _Product, venue: str) -> Instrument | None:
    tick, lot = told.price_increment, told.base_increment
    if told.product_type != "SPOT" or not (is_step(tick) and is_step(lot)):
        return None
    try:
        pair = Pair.parse(f"{told.base_currency_id}/{told.quote_currency_id}")
    except ValueError:
        return None
    halted = (told.trading_disabled, told.is_disabled, told.view_only, told.cancel_only, told.auction_mode)
    return Instrument(
        venue,
        told.product_id,
        pair,
        tick,
        lot,
        told.quote_min_size,
        None,
        told.status == "online" and not any(halted),
        alias_of=told.alias,
    )
