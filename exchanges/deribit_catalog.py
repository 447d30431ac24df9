"""Deribit's catalog: spot and perpetuals, and how their pairs are spelled."""

from decimal import Decimal

import msgspec

from book import Instrument, Pair
from book.pair import INVERSE, PERPETUAL
from exchanges.decode import UNREADABLE, is_step
from exchanges.errors import GarbageFrame

_GONE = frozenset(("delivered", "inactive", "archivized"))  # states of an instrument that does not come back


class _Step(msgspec.Struct):
    tick_size: Decimal


class _Listing(msgspec.Struct):
    instrument_name: str
    kind: str = ""
    base_currency: str = ""
    quote_currency: str = ""
    tick_size: Decimal | None = None
    tick_size_steps: list[_Step] | None = None
    contract_size: Decimal | None = None
    min_trade_amount: Decimal | None = None
    settlement_period: str | None = None
    instrument_type: str | None = None
    future_type: str | None = None  # the former name of instrument_type
    is_active: bool = True
    state: str = "open"
    # Two names of one flag, present only where orders are matched on Coinbase Exchange, whose whole book is shown.
    is_cbe_routed: bool | None = None
    is_csr: bool | None = None


class _Catalog(msgspec.Struct):
    result: list[_Listing]


def read_catalog(body: bytes, venue: str) -> list[Instrument]:
    """Spot and perpetuals; raises GarbageFrame."""
    try:
        told = msgspec.json.decode(body, type=_Catalog, strict=False)
    except UNREADABLE as error:
        raise GarbageFrame(f"deribit: no catalog: {error}") from error
    return [found for each in told.result if (found := _instrument(each, venue))]


def _instrument(told: _Listing, venue: str) -> Instrument | None:
    """The price step may grow with the price, and the smallest order be less than a contract: the finest count.

    An inverse perpetual is one whose amounts, and so its amount step, are in the quote currency.
    """
    contract = _contract(told)
    ticks = [told.tick_size, *(step.tick_size for step in told.tick_size_steps or ())]
    steps = [step for step in ticks if is_step(step)]
    lots = [step for step in (told.contract_size, told.min_trade_amount) if is_step(step)]
    if contract is None or not steps or not lots:
        return None
    try:
        pair = Pair.parse(f"{told.base_currency}/{told.quote_currency}{contract}")
    except ValueError:
        return None
    trading = told.is_active and told.state not in _GONE
    source = "coinbase" if told.is_cbe_routed or told.is_csr else ""
    return Instrument(venue, told.instrument_name, pair, min(steps), min(lots), trading=trading, routed_from=source)


def _contract(told: _Listing) -> str | None:
    """How the pair of an instrument ends; None: it is neither spot nor a perpetual."""
    if told.kind == "spot":
        return ""
    if told.kind != "future" or told.settlement_period != "perpetual":
        return None
    # Old lists do not say; BTC-PERPETUAL is inverse, BTC_USDC-PERPETUAL linear.
    kind = told.instrument_type or told.future_type or ("linear" if "_" in told.instrument_name else "reversed")
    return {"linear": f"-{PERPETUAL}", "reversed": f"-{INVERSE}"}.get(kind)
