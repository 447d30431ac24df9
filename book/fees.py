"""What venues charge whoever takes from their books.

A taker fee is a fraction of the notional, paid in the quote asset: 0.001 is 0.1 %. Buying costs price * (1 + fee),
selling brings price * (1 - fee). (A venue that keeps its fee in base from what is bought charges price / (1 - fee),
which differs by the square of the fee: 0.01 bps at 0.1 %.)
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

Fees = Mapping[str, Decimal]  # taker fee by venue, a fraction of the notional; a venue that is missing is unknown

NO_FEES: Fees = MappingProxyType({})

# Everybody's lowest tier of volume, spot, without discounts. An account's own fees are its venue's to tell: an
# operator who knows better says so, and dated values grow old.
DEFAULT_TAKER_FEES: Fees = MappingProxyType(
    {
        # 0.10 %; paying in BNB takes a quarter off. Secondary pages only, 2023 to 2026: the official schedule was
        # not at hand.
        "binance": Decimal("0.001"),
        # Nothing, on every market: "zero fee trading" since 2025-12-17, no end named (the venue's fee page, 2026-09).
        "bitfinex": Decimal(0),
        # 0.40 % below 10,000 USD in 30 days. Bitstamp's unified schedule, valid from 2026-09-01, first row.
        "bitstamp": Decimal("0.004"),
        # 0.10 %. Secondary pages, 2024 and later; not confirmed by the venue.
        "bybit": Decimal("0.001"),
        # 0.60 % below 10,000 USD. The exchange-fees page of help.coinbase.com, an undated copy; Coinbase Exchange,
        # not Advanced, whose fees are on a page of each account.
        "coinbase": Decimal("0.006"),
        # 0.40 %. The field `fees` of Kraken's own AssetPairs, seen in 2025 and 2026.
        "kraken": Decimal("0.004"),
        # 0.10 %. Secondary pages, undated; not confirmed by the venue.
        "okx": Decimal("0.001"),
        # Deribit is not here: its catalog tells taker_commission for each instrument, and only its perpetuals' fee
        # (0.035 %, support article of 2026-09) is published as one number.
    }
)

_LOWEST, _HIGHEST = Decimal("-0.01"), Decimal("0.1")
_FORM = "write it with its unit, such as 0.1% or 10bps, from -1% to 10%"


class BadFee(ValueError):
    """The text is no fee."""


def parse_fee(text: str) -> Decimal:
    """The fraction in `0.1%` or `10bps`; raises BadFee. A bare number is refused: 0.1 may be meant as either."""
    wanted = text.strip().lower()
    for unit, exponent in (("%", -2), ("bps", -4)):
        if wanted.endswith(unit):
            try:
                fee = Decimal(wanted.removesuffix(unit).strip()).scaleb(exponent)
            except InvalidOperation:
                break
            if fee.is_finite() and _LOWEST <= fee <= _HIGHEST:
                return fee
            break
    raise BadFee(f"{text[:50]!r} is no fee: {_FORM}")


def percent(fee: Decimal) -> str:
    """The fee as a person writes it: 0.001 is 0.1%."""
    return f"{(fee * 100).normalize():f}%"


def fees_of(told: Mapping[str, str], defaults: Fees = DEFAULT_TAKER_FEES) -> Fees:
    """The defaults with what was told (venue -> text) in their place; raises BadFee naming the venue."""
    fees = dict(defaults)
    for venue, text in told.items():
        try:
            fees[venue] = parse_fee(text)
        except BadFee as error:
            raise BadFee(f"{venue}: {error}") from error
    return MappingProxyType(fees)
