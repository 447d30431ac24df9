"""Who is let in: the limits on streams, on pairs and messages of one client, and on the levels of all views together.

A client is a connection, as gRPC tells its peers apart: address and port. So a thousand clients behind one address
are a thousand clients, and one that opens many streams on its connection is one.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from grpc import StatusCode

from book import Pair
from services.errors import Refused
from services.options import DEEP, GrpcOptions

_BURST_S = 0.1  # of a client's messages that may come at once
_LEAST_LEVELS = 50  # that any view counts for: also a small one has to be merged and encoded


class Client:
    """What one connection has open."""

    __slots__ = ("name", "next_slot", "pairs", "streams")

    def __init__(self, name: str) -> None:
        self.name = name
        self.streams = 0
        self.next_slot = 0.0  # loop time: its messages so far are paid for then
        self.pairs: Counter[Pair] = Counter()  # watched by how many of its streams


class Admission:
    """Counts what is open, and refuses what is beyond the limits. Lives in the publisher's loop.

    `streams` and `refused` are written there alone and may be read from any thread. `options` may be replaced there.
    """

    def __init__(self, options: GrpcOptions) -> None:
        self.streams = 0  # open now
        self.refused = 0  # since the start, beyond a limit
        # A side, of all views that differ; deep ones apart, so that they cannot keep the others out.
        self.levels = {False: 0, True: 0}
        self.closing = False
        self.options = options
        self._clients: dict[str, Client] = {}  # with open streams
        self._drained = asyncio.Event()
        self._drained.set()

    @contextmanager
    def stream(self, peer: str) -> Iterator[Client]:
        """Counts one stream of the connection `peer` for as long as it is open; yields whose it is.

        Raises Refused above a limit (RESOURCE_EXHAUSTED) and while the server stops (UNAVAILABLE).
        """
        if self.closing:
            raise Refused(StatusCode.UNAVAILABLE, "the server is stopping")
        options = self.options
        if self.streams >= options.max_streams:
            raise self._beyond(
                f"all {options.max_streams} streams of this server are taken; try again later (--max-streams)"
            )
        client = self._clients.get(peer) or Client(peer)
        if client.streams >= options.max_streams_per_client:
            raise self._beyond(
                f"this connection has {client.streams} streams open, all that one may have; end one of them first "
                "(--max-streams-per-client)"
            )
        self._clients[peer] = client
        client.streams += 1
        self.streams += 1
        self._drained.clear()
        try:
            yield client
        finally:
            client.streams -= 1
            self.streams -= 1
            if not client.streams:
                del self._clients[peer]
            if not self.streams:
                self._drained.set()

    @contextmanager
    def pair(self, client: Client, pair: Pair) -> Iterator[None]:
        """Counts a pair that `client` watches; raises Refused for one too many."""
        most = self.options.max_pairs_per_client
        if pair not in client.pairs and len(client.pairs) >= most:
            raise self._beyond(
                f"this connection watches {most} pairs already, all that one may watch; end the streams of one of "
                "them first (--max-pairs-per-client)"
            )
        client.pairs[pair] += 1
        try:
            yield
        finally:
            client.pairs[pair] -= 1
            if not client.pairs[pair]:
                del client.pairs[pair]

    def slot(self, client: Client, now: float) -> float:
        """A stream of `client` takes a message: until when that stream waits, so that all of them keep to the rate.

        Each message takes its share of a second of the client's time. Where all of them took more than there was,
        beyond a burst, a stream that is busy waits its turn; one that was idle goes first.
        """
        client.next_slot = max(client.next_slot, now) + 1 / self.options.max_messages_per_client
        return client.next_slot - _BURST_S

    def add_view(self, levels: int) -> None:
        """Counts a view that no other stream watches yet; raises Refused where the server has too many of them."""
        deep, most, counted = levels > DEEP, self.options.max_view_levels, max(levels, _LEAST_LEVELS)
        if self.levels[deep] + counted > most:
            kind, way_out = ("deep views", f"at most {DEEP} levels") if deep else ("views", "fewer levels")
            raise self._beyond(
                f"all {kind} that clients watch have {self.levels[deep]} levels together; "
                f"{counted} more would be beyond the {most} that this server computes; ask for {way_out}, or for the "
                "same pair, levels, venues and minima as another client does (--max-view-levels)"
            )
        self.levels[deep] += counted

    def remove_view(self, levels: int) -> None:
        """Nobody watches it any more."""
        self.levels[levels > DEEP] -= max(levels, _LEAST_LEVELS)

    async def drained(self) -> None:
        """Waits until no stream is open."""
        await self._drained.wait()

    def _beyond(self, reason: str) -> Refused:
        self.refused += 1
        return Refused(StatusCode.RESOURCE_EXHAUSTED, reason)
