"""The calls of both services: bytes in, bytes out, through generic handlers that leave them as they are."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from book import Instrument, Pair
from book.group import Group
from book.group_books import GroupBooks
from book.group_picture import entry_name
from proto import orderbook_pb2 as pb
from services.admission import Client
from services.cost import cost
from services.errors import Refused
from services.market import Market
from services.options import MAX_PAIRS, GrpcOptions
from services.publisher import Publisher
from services.request import book_view, check_trades, find_pair, read, refuse_groups, summary_view, wanted_venues
from services.stream import Stream, ViewFailed
from services.trades import TradeStream

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[bytes, bytes]

_logger = logging.getLogger(__name__)

AGGREGATOR: str = pb.DESCRIPTOR.services_by_name["OrderbookAggregator"].full_name
MARKET_DATA: str = pb.DESCRIPTOR.services_by_name["MarketData"].full_name


class Handlers:
    """One method a call. They run in the publisher's loop, in which `options` may be replaced."""

    def __init__(self, market: Market, options: GrpcOptions, publisher: Publisher, searcher: Executor) -> None:
        self._market = market
        self.options = options
        self._publisher = publisher
        self._searcher = searcher

    def generic(self) -> "tuple[grpc.GenericRpcHandler[bytes, bytes], ...]":
        """What the gRPC server takes."""
        stream, unary = grpc.unary_stream_rpc_method_handler, grpc.unary_unary_rpc_method_handler
        aggregator = {
            "BookSummary": stream(guarded(self.book_summary)),
            "BookSummaryForSymbol": stream(guarded(self.book_summary_for_symbol)),
        }
        market_data = {
            "StreamBook": stream(guarded(self.stream_book)),
            "StreamStatus": stream(guarded(self.stream_status)),
            "StreamTrades": stream(guarded(self.stream_trades)),
            "ListPairs": unary(guarded(self.list_pairs)),
            "CostToFill": unary(guarded(self.cost_to_fill)),
        }
        return (
            grpc.method_handlers_generic_handler(AGGREGATOR, aggregator),
            grpc.method_handlers_generic_handler(MARKET_DATA, market_data),
        )

    async def book_summary(self, data: bytes, context: "Context") -> None:
        """OrderbookAggregator.BookSummary: the summaries of the server's default pair."""
        with self._publisher.admitted(context.peer()) as client:
            read(pb.Empty, data)
            pair = self._market.default_pair
            async with self._held(pair):
                await self._send_summaries(pair, client, context)

    async def book_summary_for_symbol(self, data: bytes, context: "Context") -> None:
        """OrderbookAggregator.BookSummaryForSymbol: the summaries of any pair that this server carries."""
        with self._publisher.admitted(context.peer()) as client:
            request = read(pb.SummaryRequest, data)
            pair = await find_pair(request.symbol, self._market, self._searcher)
            async with self._held(pair):
                await self._send_summaries(pair, client, context)

    async def stream_book(self, data: bytes, context: "Context") -> None:
        """MarketData.StreamBook: the merged book as the request wants it."""
        with self._publisher.admitted(context.peer()) as client:
            request = read(pb.BookRequest, data)
            pair = self._market.default_pair
            if request.pair:
                pair = await find_pair(request.pair, self._market, self._searcher)
            async with self._held(pair):
                key = book_view(request, pair, self._market, self.options)
                with self._publisher.watch_book(key, client, request.min_interval_ms) as stream:
                    await self._send(stream, context)

    async def stream_status(self, data: bytes, context: "Context") -> None:
        """MarketData.StreamStatus: the states of all venues of the pairs asked for."""
        with self._publisher.admitted(context.peer()) as client:
            request = read(pb.StatusRequest, data)
            pairs = await self._named(request.pairs)
            async with AsyncExitStack() as held:
                for pair in pairs:
                    await held.enter_async_context(self._held(pair))
                with self._publisher.watch_status(pairs, client) as stream:
                    await self._send(stream, context)

    async def stream_trades(self, data: bytes, context: "Context") -> None:
        """MarketData.StreamTrades: every trade of the pairs asked for, and where some are missing."""
        with self._publisher.admitted(context.peer()) as client:
            request = read(pb.TradesRequest, data)
            pairs = await self._named(request.pairs) or (self._market.default_pair,)
            refuse_groups(pairs)
            check_trades(request, len(pairs))
            async with AsyncExitStack() as held:
                for pair in pairs:
                    await held.enter_async_context(self._held(pair))
                configured = tuple(self._market.books[pairs[0]].books)
                only = wanted_venues(request.venues, configured, pairs[0])
                interval_s = self.options.interval_s()
                watch = self._publisher.trades.watch(pairs, client, only, request.recent, interval_s)
                async with watch as stream:
                    await self._send(stream, context)

    async def _named(self, names: Sequence[str]) -> tuple[Pair, ...]:
        """The pairs that a request names, each once."""
        if len(names) > MAX_PAIRS:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{len(names)} pairs; allowed are at most {MAX_PAIRS}")
        return tuple(dict.fromkeys([await find_pair(name, self._market, self._searcher) for name in names]))

    async def list_pairs(self, data: bytes, context: "Context") -> bytes:
        """MarketData.ListPairs: what this server carries."""
        read(pb.PairsRequest, data)
        pairs = [pair_info(pair, self._market) for pair in self._market.books]
        groups = [quote_group(group) for group in self._market.groups]
        told = pb.Pairs(pairs=pairs, default_pair=str(self._market.default_pair), groups=groups)
        return told.SerializeToString()

    @asynccontextmanager
    async def _held(self, pair: Pair) -> AsyncIterator[None]:
        """Has the pair carried for as long as the block lasts; raises Refused where that is one too many."""
        market = self._market
        if market.hold is None or market.release is None:
            yield
            return
        release = market.release
        # In another thread, since a pair that is new waits for the venues' sessions. Where the client has gone before
        # that is done, the pair is released all the same.
        holding = asyncio.get_running_loop().run_in_executor(self._searcher, market.hold, pair)
        try:
            await asyncio.shield(holding)
        except asyncio.CancelledError:
            holding.add_done_callback(lambda done: None if done.exception() else release(pair))
            raise
        try:
            yield
        finally:
            release(pair)

    async def cost_to_fill(self, data: bytes, context: "Context") -> bytes:
        """MarketData.CostToFill: computed beside the loop, since a walk through deep books takes its time."""
        request = read(pb.CostRequest, data)
        pair = self._market.default_pair
        if request.pair:
            pair = await find_pair(request.pair, self._market, self._searcher)
        async with self._held(pair):
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._searcher, cost, request, pair, self._market)
        return answer.SerializeToString()

    async def _send_summaries(self, pair: Pair, client: Client, context: "Context") -> None:
        key = summary_view(pair, self._market, self.options)
        with self._publisher.watch_book(key, client) as stream:
            await self._send(stream, context)

    async def _send(self, stream: Stream | TradeStream, context: "Context") -> None:
        """Hands over message after message; a client that takes none holds up nobody but this task."""
        publisher = self._publisher
        while (message := await stream.next()) is not None:
            await context.write(message)
            publisher.sent += 1


def quote_group(group: Group) -> pb.QuoteGroup:
    """A group of quotes as it is declared."""
    rules = [pb.RULE_UNSPECIFIED, *(pb.AT_PAR if member.par else pb.BY_BOOK for member in group.members[1:])]
    members = [
        pb.GroupMember(quote=member.quote, rule=rule) for member, rule in zip(group.members, rules, strict=True)
    ]
    return pb.QuoteGroup(name=group.name, unit=group.unit, members=members)


def _listings(pair: Pair, market: Market) -> list[tuple[str, Instrument]]:
    """The venues that trade the pair, by the names that their books have in it."""
    books = market.books[pair]
    if not isinstance(books, GroupBooks):
        return [(each.venue, each) for each in market.listings.get(pair, ())]
    members = [leg.pair for leg in books.plan.usable]
    return [(entry_name(each.venue, member), each) for member in members for each in market.listings.get(member, ())]


def pair_info(pair: Pair, market: Market) -> pb.PairInfo:
    """One pair with the venues that trade it."""
    books = market.books[pair]
    return pb.PairInfo(
        pair=str(pair),
        base=pair.base,
        quote=pair.quote,
        price_decimals=books.price_decimals,
        amount_decimals=books.amount_decimals,
        listings=[
            pb.Listing(
                venue=name,
                symbol=each.symbol,
                tick_size=format(each.tick_size, "f"),
                lot_size=format(each.lot_size, "f"),
                min_notional="" if each.min_notional is None else format(each.min_notional, "f"),
                routed_from=each.routed_from,
            )
            for name, each in _listings(pair, market)
        ],
    )


def guarded(call: "Callable[[bytes, Context], Awaitable[bytes | None]]") -> Any:
    """The call with its failures turned into statuses: none of them reaches another stream."""

    @wraps(call)
    async def guarded(data: bytes, context: "Context") -> bytes | None:
        try:
            return await call(data, context)
        except Refused as refused:
            await context.abort(refused.code, str(refused))
        except ViewFailed as failure:  # logged where it failed
            await context.abort(grpc.StatusCode.INTERNAL, str(failure))
        except grpc.aio.InternalError:
            # A message could not be handed over because the client is gone: nobody is left to tell.
            _logger.debug("a client of %s left", call.__name__)
            return None
        except Exception:
            _logger.exception("%s failed; this stream ends", call.__name__)
            await context.abort(grpc.StatusCode.INTERNAL, "an error of the server ended this call; its log says more")

    return guarded
