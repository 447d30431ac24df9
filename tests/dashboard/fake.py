"""A scripted server: the MarketData service over real sockets, with whatever messages a test wants.

By hand: `python -m tests.dashboard.fake --port 50052 --rate 10` serves a synthetic market to look at.
"""

import argparse
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from functools import partial
from typing import Any

import grpc

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as pb_grpc

EPOCH_NS = 1_795_176_046_113_000_000  # 2026-11-20T12:00:46.113Z
KEPT = 1_000  # messages; a stream slower than that misses some
VENUES = ("binance", "bitstamp", "kraken", "coinbase")


def venue(name: str, state: int = pb.LIVE, **facts: Any) -> pb.VenueBook:
    """A venue's entry; `facts` are fields of VenueState."""
    known = {"received_ns": EPOCH_NS - 12_000_000, "age_ns": 12_000_000, "since_ns": EPOCH_NS - 60_000_000_000}
    return pb.VenueBook(trust=pb.VenueState(venue=name, state=pb.State.Name(state), **{**known, **facts}))


def book(
    bids: Sequence[tuple[int, dict[int, int]]] = (),
    asks: Sequence[tuple[int, dict[int, int]]] = (),
    venues: Sequence[pb.VenueBook] = (),
    **fields: Any,
) -> pb.Book:
    """A message; a level is (price, {venue index: amount})."""
    given: dict[str, Any] = {
        "pair": "BTC/USDT",
        "sequence": 1,
        "price_decimals": 2,
        "amount_decimals": 4,
        "clocks": pb.Clocks(
            venue_ns=EPOCH_NS - 38_000_000, received_ns=EPOCH_NS - 12_000_000, applied_ns=EPOCH_NS, sent_ns=EPOCH_NS
        ),
    } | fields
    message = pb.Book(venues=venues or [venue("binance"), venue("bitstamp", age_ns=34_000_000)], **given)
    for side, levels in ((message.bids, bids), (message.asks, asks)):
        for price, amounts in levels:
            entry = side.add(price=price)
            for index, amount in sorted(amounts.items(), key=lambda item: -item[1]):
                entry.amounts.add(venue=index, amount=amount)
    if bids and asks:
        message.spread = asks[0][0] - bids[0][0]
    return message


def market(
    levels: int = 25, seed: int = 7, mid: int = 6_412_330, venues: Sequence[pb.VenueBook] = (), **fields: Any
) -> pb.Book:
    """A plausible book of `levels` a side around `mid`, the same for the same seed."""
    entries = list(venues) or [venue("binance"), venue("bitstamp", age_ns=34_000_000)]
    dice = random.Random(seed)
    live = [index for index, entry in enumerate(entries) if entry.trust.state == pb.LIVE]

    def side(step: int) -> list[tuple[int, dict[int, int]]]:
        return [
            (
                mid + step * 10 * (depth + 1),
                {index: dice.randint(400, 25_000) for index in dice.sample(live, dice.randint(1, len(live)))},
            )
            for depth in range(levels)
        ]

    return book(side(-1) if live else (), side(1) if live else (), entries, **fields)


def heartbeat(message: pb.Book, later_ns: int = 1_000_000_000) -> pb.Book:
    """A heartbeat after `message`: states and clocks only."""
    beat = pb.Book(pair=message.pair, sequence=message.sequence, heartbeat=True, venues=message.venues)
    beat.price_decimals, beat.amount_decimals = message.price_decimals, message.amount_decimals
    beat.clocks.CopyFrom(message.clocks)
    beat.clocks.sent_ns += later_ns
    for entry in beat.venues:
        entry.trust.age_ns += later_ns
    return beat


class FakeServer(pb_grpc.MarketDataServicer):
    """Serves the messages that were put into it: to each stream the newest one first, then every new one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: list[pb.Book] = []
        self._dropped = 0  # older than the first of _messages
        self._streams = 0
        self._stopping = False
        self._refusal: tuple[grpc.StatusCode, str] | None = None
        self._server: grpc.Server | None = None
        self._status: pb.Status | None = None
        self._statuses = 0
        self._status_refusal: tuple[grpc.StatusCode, str] | None = None
        self.status_calls = 0
        self.peers: list[str] = []  # of every call, in the order of the calls
        self._trades: list[pb.Trades] = []
        self._pairs: list[pb.PairInfo] | None = None
        self.by_pair: dict[str, pb.Book] = {}  # what streams of other pairs are sent, once
        self.requests: list[pb.BookRequest] = []
        self.trade_requests: list[pb.TradesRequest] = []
        self.port = 0

    def start(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> "FakeServer":
        """Listens on loopback; port 0 takes a free one."""
        self._stopping = False
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=24), options=[("grpc.so_reuseport", 0)])
        pb_grpc.add_MarketDataServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        address = f"127.0.0.1:{port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self._server.start()
        return self

    def tell(self, status: pb.Status) -> None:
        """The status that every stream of states begins with and is sent now."""
        with self._changed:
            self._status = status
            self._statuses += 1
            self._changed.notify_all()

    def cut_status(self, code: grpc.StatusCode | None, details: str) -> None:
        """Ends every stream of states with this status; None: no longer."""
        with self._changed:
            self._status_refusal = (code, details) if code is not None else None

    def trade(self, *messages: pb.Trades) -> None:
        """Sends trades to every stream of trades; without any the server does not know that call."""
        with self._changed:
            self._trades.extend(messages)
            self._changed.notify_all()

    def carry(self, *pairs: pb.PairInfo) -> None:
        """The pairs of this server, the first being its default."""
        with self._changed:
            self._pairs = list(pairs)

    def put(self, *messages: pb.Book) -> None:
        """Sends messages to every stream; the last one greets later streams."""
        with self._changed:
            self._messages.extend(messages)
            spare = max(0, len(self._messages) - KEPT)
            self._dropped += spare
            del self._messages[:spare]
            self._changed.notify_all()

    def refuse(self, code: grpc.StatusCode | None, details: str) -> None:
        """Ends every stream of books with this status; None: no longer."""
        with self._changed:
            self._refusal = (code, details) if code is not None else None
            self._changed.notify_all()

    def stop(self) -> None:
        """Cuts every stream and closes the port."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._server is not None:
            self._server.stop(0).wait(5)
            self._server = None

    @property
    def streams(self) -> int:
        """Open at this moment."""
        with self._changed:
            return self._streams

    def StreamBook(self, request: pb.BookRequest, context: grpc.ServicerContext) -> Iterator[pb.Book]:  # noqa: N802
        """The scripted stream."""
        with self._changed:
            self.requests.append(request)
            self.peers.append(context.peer())
            self._streams += 1
            at = self._dropped + max(0, len(self._messages) - 1)
        context.add_callback(self._left)
        if request.pair in self.by_pair:
            yield self.by_pair[request.pair]
            self._wait(context, lambda: False)
            return
        while True:
            with self._changed:
                while at >= self._dropped + len(self._messages) and not (self._stopping or self._refusal):
                    if not context.is_active():
                        return
                    self._changed.wait(0.2)
                if self._refusal:
                    context.abort(*self._refusal)
                if self._stopping:
                    return
                at = max(at, self._dropped)
                message = self._messages[at - self._dropped]
                at += 1
            yield message
            if message.closing:
                return

    def _wait(self, context: grpc.ServicerContext, done: Callable[[], bool]) -> bool:
        """Until that is so; False when the stream is over before."""
        with self._changed:
            while not done():
                if self._stopping or not context.is_active():
                    return False
                self._changed.wait(0.2)
        return True

    def _newer(self, told: int) -> bool:
        return self._statuses != told

    def _traded(self, at: int) -> bool:
        return at < len(self._trades)

    def StreamStatus(self, request: pb.StatusRequest, context: grpc.ServicerContext) -> Iterator[pb.Status]:  # noqa: N802
        """The status of now, then each that is told."""
        self.status_calls += 1
        if self._status_refusal is not None:
            context.abort(*self._status_refusal)
        if self._status is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server does not tell its status")
        told = -1
        while self._wait(context, partial(self._newer, told)):
            told, status = self._statuses, self._status
            assert status is not None
            yield status

    def StreamTrades(self, request: pb.TradesRequest, context: grpc.ServicerContext) -> Iterator[pb.Trades]:  # noqa: N802
        """Every message of trades, from the first."""
        self.trade_requests.append(request)
        self.peers.append(context.peer())
        if not self._trades:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server does not tell trades")
        at = 0
        while self._wait(context, partial(self._traded, at)):
            yield self._trades[at]
            at += 1

    def ListPairs(self, request: pb.PairsRequest, context: grpc.ServicerContext) -> pb.Pairs:  # noqa: N802
        """The pairs that are carried."""
        if self._pairs is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server does not list its pairs")
            raise AssertionError
        return pb.Pairs(pairs=self._pairs, default_pair=self._pairs[0].pair)

    def _left(self) -> None:
        with self._changed:
            self._streams -= 1
            self._changed.notify_all()


def drifting(rate: float, seed: int = 7, states: Sequence[int] = (pb.LIVE, pb.LIVE)) -> Iterator[pb.Book]:
    """A synthetic market with true clocks: about `rate` messages a second, for ever.

    From one to the next a sixth of the sizes changes, and the prices move by a tick in a seventh of them.
    """
    dice = random.Random(seed)
    made = market(50, seed, venues=[venue(name, state) for name, state in zip(VENUES, states, strict=False)])
    while True:
        now = time.time_ns()
        made.sequence += 1
        made.clocks.CopyFrom(
            pb.Clocks(venue_ns=now - 24_000_000, received_ns=now - 3_000_000, applied_ns=now, sent_ns=now)
        )
        move = dice.choice((-10, 10)) * (dice.random() < 0.15)
        for side in (made.bids, made.asks):
            for level in side:
                level.price += move
            for level in dice.sample(list(side), 8):
                level.amounts[0].amount = dice.randint(400, 25_000)
        for index, entry in enumerate(made.venues):
            _live(entry, index, made, now, dice)
        yield made
        time.sleep(1 / rate)


def _live(entry: pb.VenueBook, index: int, message: pb.Book, now: int, dice: random.Random) -> None:
    """The figures of one venue at this moment."""
    entry.trust.received_ns = now - 3_000_000
    entry.trust.age_ns = dice.randint(2, 60) * 1_000_000
    entry.trust.rate_milli = dice.randint(4_000, 12_000)
    entry.trust.lag_ns = dice.randint(5, 90) * 1_000_000
    for field, side in (("best_bid", message.bids), ("best_ask", message.asks)):
        best = next((level.price for level in side if any(part.venue == index for part in level.amounts)), None)
        if best is not None:
            setattr(entry, field, best)


def pair_info(pair: str, venues: Sequence[str] = VENUES) -> pb.PairInfo:
    """A pair as ListPairs tells it."""
    base, quote = pair.split("/")
    listings = [pb.Listing(venue=name, symbol=base + quote, tick_size="0.1", lot_size="0.0001") for name in venues]
    return pb.PairInfo(pair=pair, base=base, quote=quote, price_decimals=2, amount_decimals=4, listings=listings)


def status(message: pb.Book, pairs: Sequence[str], sequence: int = 1) -> pb.Status:
    """The states of a book's venues as those of all pairs, and a budget."""
    sent_ns = message.clocks.sent_ns
    return pb.Status(
        pairs=[
            pb.PairStatus(pair=pair, sequence=sequence, venues=[entry.trust for entry in message.venues])
            for pair in pairs
        ],
        sent_ns=sent_ns,
        started_ns=sent_ns - 3_723_000_000_000,
        version="0.1.0",
        streams=3,
        budgets=[
            pb.VenueBudget(
                venue="binance",
                weight_used=5_400,
                weight_limit=6_000,
                window_s=60,
                connects_used=3,
                connects_limit=300,
                connects_window_s=300,
            ),
            pb.VenueBudget(
                venue="coinbase",
                weight_used=1,
                weight_limit=10,
                window_s=1,
                waiting=4,
                banned_until_ns=sent_ns + 42_000_000_000,
            ),
        ],
    )


def _trade(message: pb.Book, number: int, dice: random.Random) -> pb.Trade:
    side = dice.choice((pb.BUYER, pb.SELLER))
    level = (message.asks if side == pb.BUYER else message.bids)[0]
    return pb.Trade(
        venue=VENUES[number % 2],
        pair=message.pair,
        price=f"{level.price / 100:.2f}",
        amount=f"{dice.randint(1, 25_000) / 10_000:.4f}",
        taker=pb.Taker.Name(side),
        id=str(number),
        venue_ns=message.clocks.venue_ns,
        received_ns=message.clocks.received_ns,
        sequence=number + 1,
    )


def main() -> None:
    """Serves a synthetic market until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=50052)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--states", default="3,3", help="numbers of the venues' states")
    options = parser.parse_args()
    server = FakeServer().start(options.port)
    print(f"listening on 127.0.0.1:{server.port}", flush=True)
    pairs = ("BTC/USDT", "ETH/USDT", "ETH/BTC", "SOL/USDT")
    server.carry(*(pair_info(pair) for pair in pairs))
    dice = random.Random(1)
    states = [int(part) for part in options.states.split(",")]
    for number, now in enumerate(drifting(options.rate, states=states)):
        message = pb.Book()
        message.CopyFrom(now)  # it goes on changing
        server.put(message)
        if not number % 7:
            server.trade(pb.Trades(trades=[_trade(message, number, dice)], sent_ns=message.clocks.sent_ns))
        if not number % 10:
            server.tell(status(message, pairs, number))


if __name__ == "__main__":
    main()
