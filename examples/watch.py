"""Prints a line whenever venues cross, or a venue leaves LIVE or comes back.

python -m examples.watch [HOST:PORT] [PAIR]      (default: 127.0.0.1:50052 and the server's default pair)
"""

import sys
from decimal import Decimal

import grpc

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as pb_grpc

address, pair = (*sys.argv[1:3], *("127.0.0.1:50052", "")[len(sys.argv) - 1 :])
states: dict[str, int] = {}
crossed = False
with grpc.insecure_channel(address) as channel:
    stream = pb_grpc.MarketDataStub(channel).StreamBook(pb.BookRequest(pair=pair, levels=1))  # type: ignore[no-untyped-call]
    for book in stream:
        for trust in (venue.trust for venue in book.venues):
            if states.get(trust.venue, pb.LIVE) != trust.state:
                print(f"{book.pair} {trust.venue} {pb.State.Name(trust.state)} {trust.reason}", flush=True)
            states[trust.venue] = trust.state
        if not book.heartbeat and crossed != (book.HasField("spread") and book.spread < 0):
            crossed = not crossed
            amount = Decimal(-book.spread).scaleb(-book.price_decimals)  # prices are integers: nothing is rounded
            print(f"{book.pair} " + (f"CROSSED by {amount}" if crossed else "no longer crossed"), flush=True)
