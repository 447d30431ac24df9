"""Faces whose streams can all be listed beforehand, and whose REST half is an object of its own."""

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Protocol

from aiohttp import web

from venue.budget import Budgets
from venue.faces.connection import ConnectionRules
from venue.faces.snapshot_face import SnapshotFace
from venue.faults.fault import CONTROL, Target
from venue.feed import MarketFeed
from venue.market import Copy


class Rest(Protocol):
    """The REST half of a dialect."""

    def routes(self) -> list[web.RouteDef]:
        """Return its endpoints."""

    def target(self, request: web.Request) -> Target:
        """Tell what a request is about; what it names may be none that is listed."""

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write the book of the copy that is chosen for the feed at its position; None for a bad request."""


class ListedFace(SnapshotFace):
    """A dialect fills `served` and `rest` when it is made, and says what a stream of its carries."""

    rest: Rest

    def __init__(
        self, feeds: Iterable[MarketFeed], rules: ConnectionRules, seed: str, budgets: Budgets | None = None
    ) -> None:
        super().__init__(feeds, rules, seed, budgets)
        self.served: dict[str, tuple[MarketFeed, int, int]] = {}  # by stream, as `wants` tells it

    @abstractmethod
    def kind(self, stream: str) -> str:
        """Tell what a stream that is served carries: diff, top or trade."""

    def wants(self, stream: str) -> tuple[MarketFeed, int, int] | None:
        """Look a stream up."""
        return self.served.get(stream)

    def stream_target(self, stream: str) -> Target:
        """Tell symbol and kind by the stream's name; whatever else is said is control."""
        served = self.served.get(stream)
        return CONTROL if served is None else Target(served[0].listing.symbol, self.kind(stream))

    def request_target(self, request: web.Request) -> Target:
        """Tell symbol and kind of what a request asks for."""
        return self.rest.target(request)

    def snapshot(self, request: web.Request, choose: Callable[[MarketFeed, int], Copy]) -> bytes | None:
        """Write a book of a chosen copy."""
        return self.rest.snapshot(request, choose)
