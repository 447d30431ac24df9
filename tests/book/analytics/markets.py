"""Books written down as text, in both kinds of number."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from book import Pair, PairView, Stamps, State, VenueView
from book.analytics import ExactBook, Figure
from book.fees import NO_FEES, Fees
from book.venue_book import Counters

PAIR = Pair("BTC", "USDT")
KINDS = (float, Decimal)
FEES: Fees = {"a": Decimal("0.001"), "b": Decimal("0.004"), "c": Decimal(0)}

Kind = Callable[[str], Any]
Venues = dict[str, Any]  # Quotes by name


class Quotes(NamedTuple):
    """One venue: its levels as `PRICE*AMOUNT ...`, best first, and what is not known of it."""

    bids: str = ""
    asks: str = ""
    known_bid: str = ""
    known_ask: str = ""
    more_bids: bool = False
    more_asks: bool = False
    state: State = State.LIVE
    received_ns: int = 0
    reason: str = ""


def levels(kind: Kind, side: str, rank: int = 0) -> tuple[Any, ...]:
    """The levels that the text names."""
    cut = (level.split("*") for level in side.split())
    return tuple((kind(price), kind(amount), rank) for price, amount in cut)


def view(kind: Kind = float, price_decimals: int = 2, amount_decimals: int = 3, **venues: Quotes) -> PairView:
    """A picture of these venues, in this order."""
    views = tuple(
        VenueView(
            name, "S", each.state, each.reason, 0, 0, 0, Stamps(0, each.received_ns, 0), Counters(),
            kind(each.known_bid) if each.known_bid else None, kind(each.known_ask) if each.known_ask else None,
            levels(kind, each.bids, rank), levels(kind, each.asks, rank), each.more_bids, each.more_asks,
        )
        for rank, (name, each) in enumerate(venues.items())
    )  # fmt: skip
    return PairView(PAIR, 7, price_decimals, amount_decimals, views)


def book(kind: Kind = float, fees: Fees = NO_FEES, at_ns: int = 0, **venues: Any) -> ExactBook:
    """The same, read exactly."""
    return ExactBook.of(view(kind, **venues), fees, at_ns)


def told(figures: Sequence[Figure]) -> dict[str, str | None]:
    """The values by part, as the wire would say them."""
    return {each.part: None if each.value is None else format(each.value, "f") for each in figures}


def value(figure: Figure) -> str | None:
    """The value, as the wire would say it."""
    return None if figure.value is None else format(figure.value, "f")
