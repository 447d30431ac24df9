"""All faces: a new one is a file (or a few) of its own and one line here."""

from typing import Final

from venue.faces import binance, bitfinex, bitstamp, bybit, coinbase, deribit, kraken, okx
from venue.faces.entry import Entry

FACES: Final[dict[str, Entry]] = {
    entry.name: entry
    for entry in (
        binance.ENTRY,
        bitstamp.ENTRY,
        kraken.ENTRY,
        deribit.ENTRY,
        coinbase.ENTRY,
        okx.ENTRY,
        bybit.ENTRY,
        bitfinex.ENTRY,
    )
}
