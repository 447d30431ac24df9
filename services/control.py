"""The calls of the Control service: what whoever runs the server may change while it runs."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, NamedTuple, Protocol

import grpc
import grpc.aio

from proto import orderbook_pb2 as pb
from services.errors import Refused
from services.handlers import guarded
from services.options import MAX_PAIRS
from services.request import read

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[bytes, bytes]

CONTROL: str = pb.DESCRIPTOR.services_by_name["Control"].full_name


class Change(NamedTuple):
    """One thing (a pair, a venue, a setting, a file) and what has become of it, in words."""

    subject: str
    what: str


class Changes:
    """The answer to one call, filled by the operator."""

    def __init__(self, note: str = "") -> None:
        """`note`: for how long it holds."""
        self.note = note
        self.changed: list[Change] = []
        self.unchanged: list[Change] = []  # it was so already
        self.refused: list[Change] = []  # and why

    def message(self) -> pb.Changes:
        """As the wire carries it."""
        return pb.Changes(
            changed=map(_message, self.changed),
            unchanged=map(_message, self.unchanged),
            refused=map(_message, self.refused),
            note=self.note,
        )


class Operator(Protocol):
    """Carries out what is asked for; called in a thread of the server's own, one call at a time."""

    def add_pairs(self, names: Sequence[str]) -> Changes:
        """Carries these pairs whether somebody watches or not."""

    def remove_pairs(self, names: Sequence[str]) -> Changes:
        """Carries these only as long as somebody watches."""

    def disable_venues(self, names: Sequence[str]) -> Changes:
        """Switches these off."""

    def enable_venues(self, names: Sequence[str]) -> Changes:
        """Switches these on."""

    def reload(self) -> Changes:
        """Makes everything as the configuration says now."""


class ControlHandlers:
    """One method a call. `operator` None: nobody may call, for the reason that is given."""

    def __init__(self, operator: Operator | None, why_off: str, worker: Executor) -> None:
        """`worker`: has one thread, in which the operator works."""
        self._operator = operator
        self._why_off = why_off
        self._worker = worker

    def generic(self) -> "grpc.GenericRpcHandler[bytes, bytes]":
        """What the gRPC server takes."""
        calls = (self.add_pairs, self.remove_pairs, self.disable_venues, self.enable_venues, self.reload)
        names = [method.name for method in pb.DESCRIPTOR.services_by_name["Control"].methods]
        return grpc.method_handlers_generic_handler(
            CONTROL,
            {
                name: grpc.unary_unary_rpc_method_handler(guarded(call))
                for name, call in zip(names, calls, strict=True)
            },
        )

    async def add_pairs(self, data: bytes, context: "Context") -> bytes:
        """Control.AddPairs."""
        operator = self._allowed()
        return await self._named("pairs", read(pb.PairNames, data).pairs, operator.add_pairs)

    async def remove_pairs(self, data: bytes, context: "Context") -> bytes:
        """Control.RemovePairs."""
        operator = self._allowed()
        return await self._named("pairs", read(pb.PairNames, data).pairs, operator.remove_pairs)

    async def disable_venues(self, data: bytes, context: "Context") -> bytes:
        """Control.DisableVenues."""
        operator = self._allowed()
        return await self._named("venues", read(pb.VenueNames, data).venues, operator.disable_venues)

    async def enable_venues(self, data: bytes, context: "Context") -> bytes:
        """Control.EnableVenues."""
        operator = self._allowed()
        return await self._named("venues", read(pb.VenueNames, data).venues, operator.enable_venues)

    async def reload(self, data: bytes, context: "Context") -> bytes:
        """Control.Reload."""
        operator = self._allowed()
        read(pb.ReloadRequest, data)
        return await self._done(operator.reload)

    def _allowed(self) -> Operator:
        if self._operator is None:
            raise Refused(grpc.StatusCode.UNIMPLEMENTED, f"control is off on this server: {self._why_off}")
        return self._operator

    async def _named(self, kind: str, names: Sequence[str], call: Callable[[Sequence[str]], Changes]) -> bytes:
        wanted = list(dict.fromkeys(names))
        if not 1 <= len(wanted) <= MAX_PAIRS:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT, f"{len(wanted)} {kind}; allowed are 1 to {MAX_PAIRS} in one call"
            )
        return await self._done(lambda: call(wanted))

    async def _done(self, call: Callable[[], Changes]) -> bytes:
        # What was begun is carried through, also where the client has gone.
        changes = await asyncio.get_running_loop().run_in_executor(self._worker, call)
        return changes.message().SerializeToString()


def _message(change: Change) -> pb.Change:
    return pb.Change(subject=change.subject[:200], what=change.what)
