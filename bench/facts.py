"""What a crowd of clients reads out of its messages, each of which is decoded once."""

from typing import Any, NamedTuple

from proto import orderbook_pb2 as pb

KNOWN = 256  # messages whose facts are at hand


class Facts(NamedTuple):
    """What is read out of a message."""

    venue_ns: int
    sent_ns: int
    sequence: int
    conflated: int
    heartbeat: bool


class Decoder:
    """The facts of messages; the same bytes are decoded once."""

    def __init__(self, track: str) -> None:
        self.kind: Any = pb.Book if track == "book" else pb.Summary
        self.decoded = 0
        self._known: dict[bytes, Facts] = {}
        self._last = b""
        self._facts = Facts(0, 0, 0, 0, False)

    def facts(self, data: bytes) -> Facts:
        """Of one message."""
        if data == self._last:
            return self._facts
        facts = self._known.get(data)
        if facts is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            facts = self._known[data] = self._decode(data)
        self._last, self._facts = data, facts
        return facts

    def levels(self, data: bytes) -> bytes:
        """The levels alone: what two messages of the same state have in common."""
        message = self.kind.FromString(data)
        kept: bytes = self.kind(bids=message.bids, asks=message.asks).SerializeToString(deterministic=True)
        return kept

    def _decode(self, data: bytes) -> Facts:
        self.decoded += 1
        message = self.kind.FromString(data)
        if self.kind is pb.Book:
            venue_ns, sent_ns = message.clocks.venue_ns, message.clocks.sent_ns
        else:
            venue_ns = max((venue.venue_time_ns for venue in message.venues), default=0)
            sent_ns = message.sent_time
        return Facts(venue_ns, sent_ns, message.sequence, message.conflated, message.heartbeat)
