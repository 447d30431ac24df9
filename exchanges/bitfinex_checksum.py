"""Bitfinex's checksum, and the text of numbers that it is made of."""

import zlib
from decimal import Decimal

from book.venue_book import Levels

CHECKED_LEVELS = 25  # a side


def checksum(bids: Levels, asks: Levels) -> int:
    """CRC-32, signed, over `price:amount` of bids and asks in turn, amounts of asks negative."""
    texts = []
    for rank in range(max(len(bids), len(asks))):
        for side, sign in ((bids, ""), (asks, "-")):
            if rank < len(side):
                price, amount = side[rank]
                texts.append(f"{text(price)}:{sign}{text(amount)}")
    found = zlib.crc32(":".join(texts).encode())
    return found - (1 << 32) if found >> 31 else found


def text(number: float) -> str:
    """A number as JavaScript writes it: with an exponent below 0.000001 alone, none of it padded."""
    plain = repr(number)
    mantissa, exponent, power = plain.partition("e")
    if not exponent:
        return plain.removesuffix(".0")
    return f"{mantissa}e{int(power)}" if int(power) < -6 else format(Decimal(plain), "f")
