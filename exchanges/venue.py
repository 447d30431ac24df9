"""What is to be known of a venue before one talks to it: addresses, limits, catalog, protocol."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar
from urllib.parse import urlsplit

from book import Instrument
from exchanges.errors import BadEndpoint
from exchanges.protocol import Protocol


@dataclass(frozen=True, slots=True)
class Address:
    """Where a venue answers: scheme, host and port only; the venue's own paths are appended."""

    rest: str
    ws: str

    def with_endpoint(self, kind: str, url: str) -> "Address":
        """The same with the `rest` or `ws` address replaced; raises BadEndpoint naming what is wrong with `url`."""
        schemes = {"rest": ("http", "https"), "ws": ("ws", "wss")}.get(kind)
        if schemes is None:
            raise BadEndpoint(f"unknown endpoint kind {kind!r}: write VENUE.rest=URL or VENUE.ws=URL")
        try:
            parts = urlsplit(url)
            usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is no number
            usable = False
        if not usable:
            raise BadEndpoint(f"bad {kind} address {url!r}: write it as {schemes[0]}://HOST:PORT")
        clean = url.rstrip("/")
        return replace(self, rest=clean) if kind == "rest" else replace(self, ws=clean)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a venue allows and how its silence is read."""

    weight: int  # REST weight in a window
    window_s: float
    connects: int  # WebSocket connects in a window
    connect_window_s: float
    pairs_per_connection: int = 500
    quiet_s: float = 5.0  # no frame for so long: send a ping
    dead_s: float = 10.0  # no frame for so long, ping answered or not: the connection is dead
    max_age_s: float = 86_000.0  # reconnect by ourselves before the venue cuts
    sends_per_s: int = 0  # messages of ours on one connection; 0: as many as there are


# What the user may choose of every venue, with the allowed values; the first is the default.
COMMON_OPTIONS: Mapping[str, tuple[str, ...]] = {"trades": ("on", "off")}


class Venue(ABC):
    """One venue. Adding a venue means writing one of these in a file of its own."""

    name: ClassVar[str]  # lower case, as on the wire
    hosts: ClassVar[Mapping[str, Address]]  # by name; "default" is used unless told otherwise
    limits: ClassVar[Limits]
    catalog_path: ClassVar[str]
    catalog_weight: ClassVar[int]
    # What else the user may choose of this one, likewise.
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @abstractmethod
    def parse_catalog(self, body: bytes) -> list[Instrument]:
        """Every pair that the venue lists; raises GarbageFrame for a body that is no catalog."""

    @abstractmethod
    def protocol(self, instruments: Sequence[Instrument], options: Mapping[str, str]) -> Protocol:
        """A fresh protocol object for one connection."""

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """The REST weight that the venue counts as used in the present window, where its replies tell."""
        return None

    def ban_s(self, status: int, body: bytes) -> float:
        """How long a refused request bans us, where it is told otherwise than by 429 or 418; 0: it does not."""
        return 0.0

    def refusal(self, status: int, body: bytes) -> str:
        """The venue's own words in the body of a refused request, cut to a line."""
        return body[:200].decode("utf-8", "replace").split("\n", 1)[0].strip() or f"HTTP {status}"
