"""A scripted server: the MarketData service over real sockets, with whatever messages a test wants.

By hand: `python -m tests.dashboard.fake --port 50052 --rate 10` serves a synthetic market to look at.
"""

import argparse
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent import futures
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
        self.requests: list[pb.BookRequest] = []
        self.port = 0

    def start(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> "FakeServer":
        """Listens on loopback; port 0 takes a free one."""
        self._stopping = False
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=[("grpc.so_reuseport", 0)])
        pb_grpc.add_MarketDataServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        address = f"127.0.0.1:{port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self._server.start()
        return self

    def put(self, *messages: pb.Book) -> None:
        """Sends messages to every stream; the last one greets later streams."""
        with self._changed:
            self._messages.extend(messages)
            spare = max(0, len(self._messages) - KEPT)
            self._dropped += spare
            del self._messages[:spare]
            self._changed.notify_all()

    def refuse(self, code: grpc.StatusCode, details: str) -> None:
        """Ends every stream with this status."""
        with self._changed:
            self._refusal = (code, details)
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
            self._streams += 1
            at = self._dropped + max(0, len(self._messages) - 1)
        context.add_callback(self._left)
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

    def _left(self) -> None:
        with self._changed:
            self._streams -= 1
            self._changed.notify_all()


def drifting(rate: float, seed: int = 7, states: Sequence[int] = (pb.LIVE, pb.LIVE)) -> Iterator[pb.Book]:
    """A synthetic market with true clocks: about `rate` messages a second, for ever."""
    dice = random.Random(seed)
    mid, sequence = 6_412_330, 0
    while True:
        mid += dice.choice((0, 0, 0, -10, 10))
        sequence += 1
        now = time.time_ns()
        names = zip(VENUES, states, strict=False)
        entries = [
            venue(name, state, received_ns=now - 3_000_000, age_ns=dice.randint(2, 60) * 1_000_000, since_ns=now)
            for name, state in names
        ]
        clocks = pb.Clocks(venue_ns=now - 24_000_000, received_ns=now - 3_000_000, applied_ns=now, sent_ns=now)
        yield market(50, seed=sequence // 3, mid=mid, venues=entries, sequence=sequence, clocks=clocks)
        time.sleep(1 / rate)


def main() -> None:
    """Serves a synthetic market until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=50052)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--states", default="3,3", help="numbers of the venues' states")
    options = parser.parse_args()
    server = FakeServer().start(options.port)
    print(f"listening on 127.0.0.1:{server.port}", flush=True)
    for message in drifting(options.rate, states=[int(state) for state in options.states.split(",")]):
        server.put(message)


if __name__ == "__main__":
    main()
