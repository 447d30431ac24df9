"""Coinbase's trades: the channel `market_trades`, a message of several, newest first; its sides are the maker's.

The venue documents `side` as the maker's for the matches of its exchange, and not at all for this channel, whose
trades are those: in recorded sessions one with side SELL has the price of the best offer.
"""

import re
from decimal import Decimal
from typing import Any, Generic

import msgspec

from book import Print, Taker
from exchanges.decode import Amount, N, Stamp, TradeNumber, check_wide, decoder, stamp_ns

TRADES = "market_trades"
_MADE = {"SELL": Taker.BUYER, "BUY": Taker.SELLER}
_NUMBER = re.compile(rb'\{"channel": *"market_trades"[^\[]*"sequence_num": *(\d{1,15})[,}]')


class _Trade(msgspec.Struct, Generic[N], gc=False):
    product_id: str
    trade_id: TradeNumber  # rises by one from trade to trade of a market
    price: N
    size: N
    time: Stamp
    side: str = ""


class _Event(msgspec.Struct, Generic[N], gc=False):
    type: str
    trades: list[_Trade[N]]


class _Message(msgspec.Struct, Generic[N], gc=False):
    sequence_num: TradeNumber
    events: list[_Event[N]]


class TradeReader:
    """Decodes the messages of the channel."""

    def __init__(self, *, wide: bool) -> None:
        number: Any = Decimal if wide else Amount
        self._wide = wide
        self._decode = decoder(_Message[number]).decode

    def read(self, frame: bytes) -> tuple[int, dict[str, list[Print]]]:
        """A message's number, and its trades by market, oldest first; raises one of UNREADABLE."""
        told = self._decode(frame)
        made = [(each, event.type == "snapshot") for event in told.events for each in event.trades]
        prints: dict[str, list[Print]] = {}
        for each, past in sorted(made, key=lambda one: one[0].trade_id):
            if self._wide:
                check_wide([(each.price, each.size)])
            number, taker = each.trade_id, _MADE.get(each.side, Taker.UNKNOWN)
            made_ns = stamp_ns(each.time)
            found = Print(each.price, each.size, taker, str(number), made_ns, number, past=past)
            prints.setdefault(each.product_id, []).append(found)
        return told.sequence_num, prints


def number_of(frame: bytes) -> int | None:
    """The number of a message of trades that cannot be read, where that much of it can be."""
    found = _NUMBER.match(frame)
    return int(found[1]) if found else None
