"""Calls of both services with their types, which the generated stubs do not tell."""

from collections.abc import Iterator

import grpc

from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as stubs


def book_summary(channel: grpc.Channel, timeout_s: float) -> Iterator[pb.Summary]:
    """OrderbookAggregator.BookSummary."""
    stub = stubs.OrderbookAggregatorStub(channel)  # type: ignore[no-untyped-call]
    stream: Iterator[pb.Summary] = stub.BookSummary(pb.Empty(), timeout=timeout_s)
    return stream


def stream_book(channel: grpc.Channel, request: pb.BookRequest, timeout_s: float) -> Iterator[pb.Book]:
    """MarketData.StreamBook."""
    stub = stubs.MarketDataStub(channel)  # type: ignore[no-untyped-call]
    stream: Iterator[pb.Book] = stub.StreamBook(request, timeout=timeout_s)
    return stream
