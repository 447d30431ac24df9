"""A synthetic server for one dashboard: `python -m bench.dashboard_feed --rate 10`.

Its book has 50 levels a side with the parts of two venues. In each update 16 % of the amounts change and in 15 % the
best prices move; totals being cumulative, most lines of a ladder change with every update. Trades and states come
beside it. The client's wish for fewer messages is not heard: what is measured is a client that gets them all.
"""

import argparse
import asyncio
import itertools
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs

_VENUES = ("binance", "bitstamp")
_PAIRS = ("BTC/USDT", "ETH/USDT", "ETH/BTC", "SOL/USDT")
_LEVELS, _UPDATES = 50, 600  # a side; prepared, then from the first again
_CHANGED, _MOVED = 0.16, 0.15  # of the amounts, in an update; of the updates, the best prices
_TRADES_A_SECOND = 5.0
_TICK, _MID = 10, 6_412_330
_LAG_NS = 12_000_000


def updates(seed: int) -> Iterator[pb.Book]:
    """Books of a market that drifts, without stamps."""
    dice = random.Random(seed)
    sides = [[_parts(dice) for _ in range(_LEVELS)] for _ in range(2)]
    mid = _MID
    for sequence in itertools.count(1):
        if dice.random() < _MOVED:
            step = dice.choice((-1, 1))
            mid += step * _TICK
            for way, side in zip((1, -1), sides, strict=True):  # up: bids get a new best, asks lose theirs
                if step == way:
                    side.insert(0, _parts(dice))
                    side.pop()
                else:
                    side.pop(0)
                    side.append(_parts(dice))
        for side in sides:
            for place in dice.sample(range(_LEVELS), round(_LEVELS * _CHANGED)):
                side[place] = _parts(dice)
        yield _book(sequence, mid, *sides)


def _parts(dice: random.Random) -> dict[int, int]:
    venues = dice.sample(range(len(_VENUES)), dice.choice((1, 1, 2)))
    return {venue: dice.randint(100, 25_000) for venue in venues}


def _book(sequence: int, mid: int, bids: list[dict[int, int]], asks: list[dict[int, int]]) -> pb.Book:
    made = pb.Book(pair=_PAIRS[0], sequence=sequence, price_decimals=2, amount_decimals=4)
    for name in _VENUES:
        trust = pb.VenueState(venue=name, state=pb.LIVE, lag_ns=_LAG_NS, rate_milli=9_800, threshold_ns=10**10)
        made.venues.add(trust=trust)
    for side, levels, way in ((made.bids, bids, -1), (made.asks, asks, 1)):
        for place, parts in enumerate(levels):
            level = side.add(price=mid + way * _TICK * (place + 1))
            for index, amount in sorted(parts.items(), key=lambda part: -part[1]):
                level.amounts.add(venue=index, amount=amount)
                field = "best_bid" if way < 0 else "best_ask"
                if not made.venues[index].HasField(field):
                    setattr(made.venues[index], field, level.price)
    made.spread = 2 * _TICK
    return made


class Feed(stubs.MarketDataServicer):
    """Serves every stream the same market at that rate."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._books = list(itertools.islice(updates(seed), _UPDATES))

    async def StreamBook(self, request: pb.BookRequest, context: Any) -> AsyncIterator[pb.Book]:  # noqa: N802
        """The book of the first pair, whatever is asked for."""
        books = itertools.cycle(self._books)
        async for _ in _beats(self._rate):
            book = next(books)
            now = time.time_ns()
            book.clocks.CopyFrom(
                pb.Clocks(venue_ns=now - 2 * _LAG_NS, received_ns=now - _LAG_NS, applied_ns=now, sent_ns=now)
            )
            for entry in book.venues:
                entry.trust.received_ns, entry.trust.age_ns = now - _LAG_NS, _LAG_NS
                entry.trust.since_ns = entry.trust.since_ns or now
            yield book

    async def StreamTrades(self, request: pb.TradesRequest, context: Any) -> AsyncIterator[pb.Trades]:  # noqa: N802
        """A few trades a second at the best prices."""
        dice = random.Random(1)
        number = 0
        async for _ in _beats(_TRADES_A_SECOND):
            number += 1
            now = time.time_ns()
            trade = pb.Trade(
                venue=_VENUES[number % len(_VENUES)], pair=_PAIRS[0], id=str(number), sequence=number,
                price=f"{(_MID + dice.choice((-1, 1)) * _TICK) / 100:.2f}", amount=f"{dice.uniform(0.001, 2):.4f}",
                taker=dice.choice((pb.BUYER, pb.SELLER)), venue_ns=now - _LAG_NS, received_ns=now,
            )  # fmt: skip
            yield pb.Trades(trades=[trade], sent_ns=now)

    async def StreamStatus(self, request: pb.StatusRequest, context: Any) -> AsyncIterator[pb.Status]:  # noqa: N802
        """All live, once a second."""
        started_ns = time.time_ns()
        async for _ in _beats(1.0):
            trusts = [entry.trust for entry in self._books[0].venues]
            pairs = [pb.PairStatus(pair=pair, venues=trusts) for pair in _PAIRS]
            yield pb.Status(pairs=pairs, sent_ns=time.time_ns(), started_ns=started_ns, version="bench")

    async def ListPairs(self, request: pb.PairsRequest, context: Any) -> pb.Pairs:  # noqa: N802
        """A few."""
        told = []
        for pair in _PAIRS:
            base, quote = pair.split("/")
            listings = [pb.Listing(venue=name, symbol=base + quote, tick_size="0.1") for name in _VENUES]
            told.append(pb.PairInfo(pair=pair, base=base, quote=quote, price_decimals=2, listings=listings))
        return pb.Pairs(pairs=told, default_pair=_PAIRS[0])


async def _beats(rate: float) -> AsyncIterator[None]:
    """So many a second; one that is late does not delay the others."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        yield
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - loop.time()))


async def serve(port: int, rate: float, seed: int) -> None:
    """Until SIGTERM; the line that names the port says that it is ready."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    stubs.add_MarketDataServicer_to_server(Feed(rate, seed), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print(f"serving on {port}", flush=True)
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    await asked.wait()
    await server.stop(0)


def main() -> None:
    """Serves until it is ended."""
    p = argparse.ArgumentParser(prog="python -m bench.dashboard_feed", description=__doc__)
    p.add_argument("--rate", type=float, default=10.0, help="updates a second (default %(default)s)")
    p.add_argument("--port", type=int, default=0, help="default: a free one")
    p.add_argument("--seed", type=int, default=1)
    told = p.parse_args()
    asyncio.run(serve(told.port, told.rate, told.seed))


if __name__ == "__main__":
    main()
