"""How the quote of a group's member was converted into the group's unit: the facts, as clients are told them."""

from decimal import Decimal

import msgspec

from book.pair import Pair
from book.venue_book import VenueView


class Conversion(msgspec.Struct, frozen=True, gc=False):
    """What one member's quote is worth in the unit of its group at one moment, and by which rule."""

    quote: str
    unit: str
    par: bool  # at par, as the operator has it; otherwise by the books of `pairs`
    pairs: tuple[Pair, ...]
    venues: tuple[VenueView, ...]  # that trade these pairs: the books behind the rates
    reason: str = ""  # why there is none, so that the member is not merged; empty: there is
    bid: Decimal | None = None  # what one of the quote brings at best, and costs at best
    ask: Decimal | None = None
    bid_amount: Decimal | None = None  # of the quote, for which that holds; None: any
    ask_amount: Decimal | None = None
    received_ns: int = 0  # of the older of the two books that these are from
    par_ppm: int | None = None  # (the middle of bid and ask - 1), in millionths
    basis_ppm: int | None = None  # the member's mid, converted at the middle, against that of the unit's own books
    used: frozenset[str] = frozenset()  # the venues whose levels were needed for the levels that are shown

    def tells_the_same(self, other: "Conversion") -> bool:
        """Whether a client that knows one of them learns nothing but ages and figures of the moment."""
        return (
            self.quote == other.quote
            and self.reason == other.reason
            and self.bid == other.bid
            and self.ask == other.ask
            and self.pairs == other.pairs
        )
