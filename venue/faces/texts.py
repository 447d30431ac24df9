"""Levels and books as the venues' decimal strings."""

from collections.abc import Iterable
from typing import Final

from venue.ladder import Ladder
from venue.listing import Listing, decimal_text
from venue.matching import ASK, BID

AMOUNT_DECIMALS: Final = 8


def level_texts(listing: Listing, levels: Iterable[tuple[int, int]], width: int) -> list[tuple[str, str]]:
    """Write levels as the venue's strings: price with ``width`` decimals, amount with eight."""
    price_decimals, lot_decimals = listing.price_decimals, listing.lot_decimals
    return [
        (decimal_text(tick, price_decimals, width), decimal_text(lots, lot_decimals, AMOUNT_DECIMALS))
        for tick, lots in levels
    ]


def book_texts(
    listing: Listing, ladder: Ladder, limit: int, width: int | None = None
) -> dict[str, list[tuple[str, str]]]:
    """Write both sides, best first, at most ``limit`` levels each (0: all)."""
    width = listing.price_decimals if width is None else width
    return {
        "bids": level_texts(listing, ladder.levels(BID, limit), width),
        "asks": level_texts(listing, ladder.levels(ASK, limit), width),
    }


def short_text(value: int, decimals: int) -> str:
    """Write a decimal without trailing zeros."""
    text = decimal_text(value, decimals, decimals)
    return text.rstrip("0").rstrip(".") if decimals else text
