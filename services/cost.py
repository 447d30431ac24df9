"""CostToFill: what buying or selling an amount at once would cost, now."""

import time
from decimal import Decimal

from grpc import StatusCode

from book import Pair, PairView
from book.analytics import ExactBook, Fill, fees_in, fill
from book.analytics.parameters import Side
from proto import orderbook_pb2 as pb
from services.errors import Refused
from services.market import Market
from services.messages import conversion_message, venue_state_message
from services.options import MAX_LEVELS
from services.request import decimal_field, require_fees, wanted_venues

_LOOK = 200  # levels a side that are looked at first
_DEEPER = 5  # times as many when they do not suffice


def cost(request: pb.CostRequest, pair: Pair, market: Market) -> pb.Cost:
    """The answer, of the books as they are; any thread. Raises Refused for what is out of range."""
    books = market.books[pair]
    side = _side(request.side)
    amount = _amount(request)
    configured = tuple(books.books)
    only = wanted_venues(request.venues, configured, pair)
    if request.net_of_fees:
        require_fees(books, only, market)
    look = _LOOK
    while True:
        picture = books.view(look, venues=only)
        found = fill(
            ExactBook.of(picture, fees_in(picture, market.fees)),
            side,
            amount,
            in_quote=bool(request.notional),
            net=request.net_of_fees,
        )
        if isinstance(found, str):  # a venue was added in between whose fee is not known
            raise Refused(StatusCode.INVALID_ARGUMENT, found)
        if not found.cut or look >= MAX_LEVELS:
            return _message(found, picture)
        look = min(MAX_LEVELS, look * _DEEPER)


def _side(text: str) -> Side:
    if text == "buy":
        return "buy"
    if text == "sell":
        return "sell"
    raise Refused(StatusCode.INVALID_ARGUMENT, f"side is {text[:50]!r}; known are buy, sell")


def _amount(request: pb.CostRequest) -> Decimal:
    if bool(request.amount) == bool(request.notional):
        raise Refused(StatusCode.INVALID_ARGUMENT, "tell one of amount (in base) and notional (in quote), above 0")
    field = "amount" if request.amount else "notional"
    amount = decimal_field(field, request.amount or request.notional)
    if not amount:
        raise Refused(StatusCode.INVALID_ARGUMENT, f"{field} is 0; allowed are decimals above 0")
    return amount


def _message(found: Fill, picture: PairView) -> pb.Cost:
    sent_ns = time.time_ns()
    return pb.Cost(
        pair=str(picture.pair),
        sequence=picture.version,
        base=_text(found.base),
        quote=_text(found.quote),
        unfilled=_text(found.unfilled),
        average=_text(found.average),
        worst=_text(found.worst),
        slippage_bps=_text(found.slippage_bps),
        fee=_text(found.fee),
        route=[
            pb.VenueCost(
                venue=each.venue,
                base=_text(each.base),
                quote=_text(each.quote),
                average=_text(each.average),
                worst=_text(each.worst),
                fee=_text(each.fee),
            )
            for each in found.venues
        ],
        bound=found.bound,
        reason=found.reason,
        venues=[venue_state_message(view, sent_ns) for view in picture.venues],
        sent_ns=sent_ns,
        conversions=[conversion_message(each, sent_ns) for each in picture.conversions],
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else format(number, "f")
