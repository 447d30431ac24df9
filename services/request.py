"""Reading requests: what they name must exist and lie in the allowed range, or they are refused with the reason."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from decimal import Decimal
from typing import TypeVar, cast

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from grpc import StatusCode

from book import BadPair, Dust, Pair, UnknownPair, resolve_pair
from book.analytics import Analytic, BadAnalytic
from book.fees import percent
from book.group_books import GroupBooks
from proto import orderbook_pb2 as pb
from services.analysed import Analysed
from services.errors import Refused
from services.market import Books, Market
from services.options import MAX_ANALYTICS, MAX_INTERVAL_MS, MAX_LEVELS, GrpcOptions
from services.trades import MAX_RECENT, QUEUED
from services.view import Cut, MergedBookView, SummaryView, ViewKey

_M = TypeVar("_M", bound=Message)

_DECIMAL = re.compile(r"\d{1,20}(\.\d{1,20})?", re.ASCII)
_MAX_NAME = 64  # characters of a pair in a request
_MAX_NAMED = 20  # pairs that a refusal lists


def read(kind: type[_M], data: bytes) -> _M:
    """The request in `data`; raises Refused for bytes that are none and for fields that this server does not know."""
    try:
        request = kind.FromString(data)
    except DecodeError as error:
        raise Refused(StatusCode.INVALID_ARGUMENT, f"this is no {kind.DESCRIPTOR.name}: {error}") from error
    fields = UnknownFieldSet(request)
    unknown = sorted({fields[index].field_number for index in range(len(fields))})
    if unknown:
        known = ", ".join(f"{field.number} {field.name}" for field in kind.DESCRIPTOR.fields) or "none"
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"unknown fields {', '.join(map(str, unknown))} in {kind.DESCRIPTOR.name}; known are: {known}",
        )
    return request


async def find_pair(name: str, market: Market, searcher: Executor) -> Pair:
    """The pair of `name` among those that this server carries, or can carry.

    Raises Refused: INVALID_ARGUMENT for what is no pair or may be several, NOT_FOUND for one that no venue trades
    (with the nearest names) or that this server does not carry. A name that needs a search through the venues'
    catalogs is looked up by `searcher`, since that takes too long for the loop of the streams.
    """
    if len(name) > _MAX_NAME:
        raise Refused(StatusCode.INVALID_ARGUMENT, f"a pair has at most {_MAX_NAME} characters, not {len(name)}")
    try:
        pair = Pair.parse(name)
    except BadPair:
        pair = None
    if pair is not None and pair in market.books:
        return pair
    return await asyncio.get_running_loop().run_in_executor(searcher, _search, name, market)


def summary_view(pair: Pair, market: Market, options: GrpcOptions) -> ViewKey:
    """The view of the plain summaries."""
    return ViewKey(SummaryView, pair, Cut(options.levels, _dust(pair, market, options.dust, Decimal(0))))


def book_view(request: pb.BookRequest, pair: Pair, market: Market, options: GrpcOptions) -> ViewKey:
    """The view that `request` asks for; raises Refused for what is out of range."""
    if request.levels > MAX_LEVELS:
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"levels is {request.levels}; allowed are 1 to {MAX_LEVELS}, or 0 for {options.levels}",
        )
    if request.min_interval_ms > MAX_INTERVAL_MS:
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"min_interval_ms is {request.min_interval_ms}; allowed are 0 to {MAX_INTERVAL_MS}",
        )
    if pair.grouped and request.min_notional:
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"min_notional is {request.min_notional[:50]!r}, but the members of {pair} have different quotes; use "
            "min_amount, which counts the base",
        )
    dust = _dust(
        pair,
        market,
        decimal_field("min_amount", request.min_amount),
        decimal_field("min_notional", request.min_notional),
    )
    books = market.books[pair]
    configured = tuple(books.books)
    only = wanted_venues(request.venues, configured, pair)
    cut = Cut(request.levels or options.levels, dust, only)
    analytics = _analytics(request.analytics, configured, market)
    if request.net_of_fees:
        require_fees(books, only, market)
    if not analytics and not request.net_of_fees:
        return ViewKey(MergedBookView, pair, cut)
    return ViewKey(Analysed(analytics, request.net_of_fees, market.fees, market.failed_analytics), pair, cut)


def refuse_groups(pairs: Iterable[Pair]) -> None:
    """Raises Refused for a quote group: its trades are those of its members, each in its own quote."""
    for pair in pairs:
        if pair.grouped:
            raise Refused(
                StatusCode.INVALID_ARGUMENT,
                f"{pair} is a group of quotes, which has no trades of its own; name the pairs that it is made of",
            )


def check_trades(request: pb.TradesRequest, pairs: int) -> None:
    """Raises Refused for more recent trades of so many pairs than a stream may begin with."""
    if request.recent > MAX_RECENT:
        raise Refused(
            StatusCode.INVALID_ARGUMENT, f"recent is {request.recent}; allowed are 0 to {MAX_RECENT} of each pair"
        )
    if request.recent * pairs > QUEUED:
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"recent is {request.recent}; of {pairs} pairs allowed are at most {QUEUED // pairs} each",
        )


def require_fees(books: Books, only: frozenset[str] | None, market: Market) -> None:
    """Raises Refused unless the taker fee of every venue that counts is known; of a group, where it converts too."""
    counting = {book.venue: None for name, book in books.books.items() if only is None or name in only}
    if isinstance(books, GroupBooks):
        counting |= dict.fromkeys(sorted(books.converters))
    unknown = [name for name in counting if name not in market.fees]
    if unknown:
        known = ", ".join(f"{venue} {percent(fee)}" for venue, fee in market.fees.items()) or "none"
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"no taker fee is known for {', '.join(unknown)}, which net_of_fees needs: leave the venue out by "
            f"`venues`, or start the server with --fee {unknown[0]}=0.1%; known are: {known}",
        )


def _analytics(names: Sequence[str], configured: Sequence[str], market: Market) -> tuple[Analytic, ...]:
    """Each once, in the order asked for."""
    if len(names) > MAX_ANALYTICS:
        raise Refused(
            StatusCode.INVALID_ARGUMENT, f"{len(names)} analytics; allowed are at most {MAX_ANALYTICS} in one stream"
        )
    try:
        return tuple(dict.fromkeys(market.analytics.parse(name, configured) for name in names))
    except BadAnalytic as error:
        raise Refused(StatusCode.INVALID_ARGUMENT, f"analytics: {error}") from error


def _search(name: str, market: Market) -> Pair:
    try:
        pair = resolve_pair(name, market.names)
    except BadPair as error:
        raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error
    except UnknownPair as error:
        hint = "" if error.nearest else f"; this server carries {_carried(market)}"
        raise Refused(StatusCode.NOT_FOUND, f"{error}{hint}") from error
    if pair in market.books or (market.hold is not None and market.on_demand):
        return pair
    raise Refused(StatusCode.NOT_FOUND, f"this server does not carry {pair}; it carries {_carried(market)}")


def _carried(market: Market) -> str:
    pairs = list(map(str, market.books))
    more = f" and {len(pairs) - _MAX_NAMED} more" if len(pairs) > _MAX_NAMED else ""
    return ", ".join(pairs[:_MAX_NAMED]) + more


def wanted_venues(names: Iterable[str], configured: tuple[str, ...], pair: Pair) -> frozenset[str] | None:
    """The venues that count; None where all of them do, so that both ways to say so are one view.

    In a quote group a venue's name stands for all of its entries: binance for binance/usdt and binance/usdc.
    """
    asked = frozenset(name.strip().lower() for name in names)
    found = {name: [each for each in configured if each == name or each.startswith(f"{name}/")] for name in asked}
    wanted = frozenset(each for those in found.values() for each in those)
    unknown = sorted(name for name, those in found.items() if not those)
    if unknown:
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"unknown venues {', '.join(unknown)[:200]}; {pair} has: {', '.join(configured)}",
        )
    return None if not wanted or len(wanted) == len(configured) else wanted


def decimal_field(field: str, text: str) -> Decimal:
    """The number in `text`, 0 where it is empty; raises Refused for what is none."""
    if not text:
        return Decimal(0)
    if not _DECIMAL.fullmatch(text):
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"{field} is {text[:50]!r}; allowed are decimals from 0, with at most 20 digits before and 20 after "
            "the point, such as 0.001",
        )
    return Decimal(text)


def _dust(pair: Pair, market: Market, amount: Decimal, notional: Decimal) -> Dust:
    """The limits in the kind of number that the pair's books hold: a Decimal compares exactly only with its own."""
    if pair in market.decimal_pairs:
        return Dust(cast(float, amount), cast(float, notional))
    return Dust(float(amount), float(notional))
