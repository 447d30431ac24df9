"""Bitfinex's catalog: the spot pairs among its tickers, under the names that others give their assets."""

import re
from decimal import Decimal

import msgspec

from book import Instrument, Pair
from exchanges.decode import UNREADABLE, is_step
from exchanges.errors import GarbageFrame

_NAMES = {"UST": "USDT", "UDC": "USDC", "ALG": "ALGO", "ATO": "ATOM", "DSH": "DASH", "IOT": "IOTA"}
_DIGITS, _DECIMALS = 5, 8  # of prices: significant, and after the point
_LOT = Decimal("1e-8")
_SYMBOL = re.compile(r"t([A-Z0-9]{3})([A-Z0-9]{3})|t([A-Z0-9]+):([A-Z0-9]+)")


class _Ticker(msgspec.Struct, array_like=True):
    """Of a pair; those of funding currencies have other fields behind the symbol."""

    symbol: str
    bid: Decimal | None = None
    bid_size: Decimal | None = None
    ask: Decimal | None = None
    ask_size: Decimal | None = None
    change: Decimal | None = None
    relative: Decimal | None = None
    last: Decimal | None = None


def read_catalog(body: bytes, venue: str) -> list[Instrument]:
    """No funding, no perpetuals, no markets in play money; raises GarbageFrame."""
    try:
        told = msgspec.json.decode(body, type=list[_Ticker])
    except UNREADABLE as error:
        raise GarbageFrame(f"bitfinex: no catalog: {error}") from error
    return [found for each in told if (found := _instrument(each, venue))]


def _instrument(told: _Ticker, venue: str) -> Instrument | None:
    found = _SYMBOL.fullmatch(told.symbol)
    if found is None:
        return None
    assets = [asset for asset in found.groups() if asset]
    if any(asset.endswith("F0") or asset.startswith("TEST") for asset in assets):
        return None
    base, quote = (_NAMES.get(asset, asset) for asset in assets)
    try:
        pair = Pair.parse(f"{base}/{quote}")
    except ValueError:
        return None
    tick = _tick(told)
    return Instrument(venue, told.symbol, pair, tick, _LOT) if is_step(tick) else None


def _tick(told: _Ticker) -> Decimal:
    """The step of five digits at a tenth of the price: a book reaches across powers of ten, as that of USDT/USD."""
    price = next((each for each in (told.last, told.bid, told.ask) if each and each > 0), None)
    power = -_DECIMALS if price is None else max(price.adjusted() - _DIGITS, -_DECIMALS)
    return Decimal(1).scaleb(power)
