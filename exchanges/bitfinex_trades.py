"""Bitfinex's trades: channels of their own, which begin with the last thirty.

Each trade is told twice, with the same id and numbers: `te` when it is executed, `tu` a moment later. The first is
taken. Ids are the venue's, of all markets together: nothing rises by one, but the numbers of the connection. The
amount is positive where the taker has bought.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from book import Print, Taker
from exchanges.decode import Price, TradeNumber, decoder

_Ms = Annotated[int, msgspec.Meta(ge=0, lt=9 * 10**12)]
_Signed = Annotated[float, msgspec.Meta(gt=-1e15, lt=1e15)]


class _Trade(msgspec.Struct, array_like=True, gc=False):
    id: TradeNumber
    time: _Ms
    amount: _Signed
    price: Price


class Executed(msgspec.Struct, array_like=True, gc=False):
    """One trade, told for the first or for the second time."""

    channel: int
    kind: Literal["te", "tu"]
    trade: _Trade
    number: TradeNumber
    time: _Ms


class Recent(msgspec.Struct, array_like=True, gc=False):
    """The last trades, newest first."""

    channel: int
    trades: list[_Trade]
    number: TradeNumber
    time: _Ms


read_executed = decoder(Executed).decode
read_recent = decoder(Recent).decode


def prints(trades: Sequence[_Trade], *, past: bool = False) -> list[Print]:
    """Oldest first. Raises ValueError where the sign, which tells the taker, is missing."""
    made = []
    for each in sorted(trades, key=lambda one: one.id):
        if not each.amount:
            raise ValueError("an amount of 0, which is of no side")
        taker = Taker.BUYER if each.amount > 0 else Taker.SELLER
        made.append(Print(each.price, abs(each.amount), taker, str(each.id), each.time * 1_000_000, past=past))
    return made


class TradeChannels:
    """Which channel brings which symbol's trades, on one connection."""

    def __init__(self) -> None:
        self._symbols: dict[int, str] = {}  # by channel
        self._channels: dict[str, int] = {}  # the other way round

    def symbol(self, channel: int) -> str | None:
        """Whose trades come on it; None: it is no channel of ours for trades."""
        return self._symbols.get(channel)

    def open(self, symbol: str, channel: int) -> None:
        """The answer to a subscription has told the channel."""
        self.close(symbol)
        self.close(self._symbols.get(channel, ""))
        self._symbols[channel], self._channels[symbol] = symbol, channel

    def close(self, symbol: str) -> int | None:
        """What still comes on the channel is nobody's; None: there was none."""
        channel = self._channels.pop(symbol, None)
        if channel is not None:
            del self._symbols[channel]
        return channel

    def clear(self) -> None:
        """The connection is gone."""
        self._symbols.clear()
        self._channels.clear()
