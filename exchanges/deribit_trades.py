"""Deribit's trades: the channels `trades.(instrument_name).(interval)`, a message of several.

`direction` is the taker's; `trade_seq` rises by one from trade to trade of an instrument; amounts are in what the
instrument's book counts: dollars where it is inverse.
"""

from decimal import Decimal
from typing import Annotated, Any, Generic

import msgspec

from book import Print, Taker
from exchanges.decode import Amount, N, TradeNumber, check_wide, decoder

TRADES = "trades."
_TAKERS = {"buy": Taker.BUYER, "sell": Taker.SELLER}
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=10**12 * 9)]  # fits an int64 in ns


class _Trade(msgspec.Struct, Generic[N], gc=False):
    instrument_name: str
    trade_seq: TradeNumber
    trade_id: str
    price: N
    amount: N
    timestamp: _Milliseconds
    direction: str = ""


class _Told(msgspec.Struct, Generic[N], gc=False):
    data: list[_Trade[N]]


class _Frame(msgspec.Struct, Generic[N], gc=False):
    params: _Told[N]


class TradeReader:
    """Decodes the messages of these channels."""

    def __init__(self, *, wide: bool) -> None:
        number: Any = Decimal if wide else Amount
        self._wide = wide
        self._decode = decoder(_Frame[number]).decode

    def read(self, frame: bytes) -> dict[str, list[Print]]:
        """The trades of a message by instrument, oldest first; raises one of UNREADABLE."""
        prints: dict[str, list[Print]] = {}
        for each in sorted(self._decode(frame).params.data, key=lambda one: one.trade_seq):
            if self._wide:
                check_wide([(each.price, each.amount)])
            taker, venue_ns = _TAKERS.get(each.direction, Taker.UNKNOWN), each.timestamp * 1_000_000
            made = Print(each.price, each.amount, taker, each.trade_id, venue_ns, each.trade_seq)
            prints.setdefault(each.instrument_name, []).append(made)
        return prints
