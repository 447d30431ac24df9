"""Trades for scripts: every one printed and flushed, until the count, a signal or a closed pipe ends it."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, TextIO

import grpc

from dashboard.feed import Failure
from dashboard.printing import NoBook, Wish, complain, printing, reader_gone
from dashboard.stream import REFUSED_RETRY_S, Target, backoff_s, failure_of
from dashboard.trade_lines import CSV_HEADER, FORMATS, entries
from proto import orderbook_pb2 as pb
from proto import orderbook_pb2_grpc as pb_grpc


class _Done(Exception):
    """As many were printed as are wanted."""


class TradePrinter:
    """Reads the stream and prints it; taken up again when it ends after its first message."""

    def __init__(
        self, target: Target, request: pb.TradesRequest, wish: Wish, out: TextIO, complain: Callable[[str], None]
    ) -> None:
        self._target = target
        self._request = request
        self._wish = wish
        self._out = out
        self._complain = complain
        self._form = FORMATS[wish.form]
        self._printed = 0  # trades
        self._heard = self._lost = False
        self._failures = 0  # attempts in a row that brought nothing
        self._failure: Failure | None = None

    async def run(self) -> None:
        """Until the count is reached; raises NoBook when the server refuses, or is not heard in time."""
        if self._wish.form == "csv":
            self._out.write(CSV_HEADER + "\n")
        try:
            async with asyncio.timeout(self._wish.timeout_s or None) as patience:
                await self._keep_reading(patience)
        except TimeoutError:
            why = f" ({self._failure})" if self._failure else ""
            raise NoBook(
                f"cannot reach {self._target.address} within {self._wish.timeout_s:g} s{why}: start the server, "
                "or name another with --host and --port"
            ) from None
        except _Done:
            return

    async def _keep_reading(self, patience: asyncio.Timeout) -> None:
        while True:
            failure = self._failure = await self._read(patience)
            if failure.refused and not self._heard:
                asked = self._request.pairs[0] if self._request.pairs else "the server's default pair"
                raise NoBook(f"{self._target.address} refuses the trades of {asked}: {failure}")
            if self._heard and not self._lost:
                self._lost = True
                self._complain(f"the stream from {self._target.address} ended ({failure}); trying again")
            await asyncio.sleep(REFUSED_RETRY_S if failure.refused else backoff_s(self._failures))
            self._failures += 1

    async def _read(self, patience: asyncio.Timeout) -> Failure:
        """One stream, from its opening to its end."""
        async with self._target.channel() as channel:
            stub: Any = pb_grpc.MarketDataStub(channel)  # type: ignore[no-untyped-call]
            call = stub.StreamTrades(self._request)
            try:
                async for message in call:
                    self._received(message, patience)
            except grpc.aio.AioRpcError as error:
                return failure_of(error.code(), error.details())
            finally:
                call.cancel()
        return Failure("OK", "the server stopped")

    def _received(self, message: pb.Trades, patience: asyncio.Timeout) -> None:
        self._failures = 0
        if not self._heard:
            self._heard = True
            patience.reschedule(None)
            self._request.recent = 0  # they were had: after an interruption they would come twice
        if self._lost:
            self._lost = False
            self._complain(f"the stream from {self._target.address} is back; trades in between are not printed")
        told = entries(message)
        if not told and reader_gone(self._out):
            raise BrokenPipeError
        for entry in told:
            self._out.write(self._form(entry))
            self._printed += isinstance(entry, pb.Trade)
            if self._printed == self._wish.count and self._wish.count:
                self._out.flush()
                raise _Done
        self._out.flush()


def print_trades(target: Target, request: pb.TradesRequest, wish: Wish) -> int:
    """Prints to standard output; the process's exit code. A closed pipe, SIGINT and SIGTERM are good ends."""
    return printing(lambda: TradePrinter(target, request, wish, sys.stdout, complain).run())
