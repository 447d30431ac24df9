"""What a server tells of itself beside the books: its pairs, the states of all venues, and their budgets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dashboard.market import Venue, plain, venue_of
from proto import orderbook_pb2 as pb


class Budget(NamedTuple):
    """What one venue's limits leave to the server."""

    venue: str
    weight_used: int
    weight_limit: int
    window_s: int
    banned_until_ns: int  # 0: not banned
    waiting: int
    connects_used: int
    connects_limit: int
    connects_window_s: int


@dataclass(frozen=True, slots=True)
class Status:
    """One `Status` message. Stamps: ns since the epoch by the server's clock."""

    pairs: dict[str, tuple[Venue, ...]]  # never changed
    sent_ns: int
    started_ns: int
    version: str
    streams: int
    budgets: tuple[Budget, ...]

    def venues(self, pair: str) -> tuple[Venue, ...]:
        """The venues of a pair; none when the server does not carry it."""
        return self.pairs.get(pair, ())


class Listing(NamedTuple):
    """A venue that trades a pair."""

    venue: str
    symbol: str
    tick_size: str  # decimal
    lot_size: str


class Pair(NamedTuple):
    """A pair that the server carries."""

    name: str
    base: str
    quote: str
    price_decimals: int
    amount_decimals: int
    listings: tuple[Listing, ...]


class Catalog(NamedTuple):
    """What the server carries."""

    pairs: tuple[Pair, ...] = ()
    default: str = ""
    groups: tuple[tuple[str, str], ...] = ()  # pairs of quote groups, carried or not: name and what it is

    def find(self, name: str) -> Pair | None:
        """The pair of that name."""
        return next((pair for pair in self.pairs if pair.name == name), None)

    def beside(self, name: str, step: int) -> str | None:
        """The pair `step` places after that one, around the end; None when there is no other."""
        names = [pair.name for pair in self.pairs]
        if (len(names) < 2 and name in names) or not names:
            return None
        return names[(names.index(name) + step) % len(names)] if name in names else names[0]


def status_of(message: pb.Status) -> Status:
    """A message as a `Status`."""
    return Status(
        pairs={plain(entry.pair): tuple(venue_of(trust) for trust in entry.venues) for entry in message.pairs},
        sent_ns=message.sent_ns,
        started_ns=message.started_ns,
        version=plain(message.version),
        streams=message.streams,
        budgets=tuple(
            Budget(
                plain(entry.venue),
                entry.weight_used,
                entry.weight_limit,
                entry.window_s,
                entry.banned_until_ns,
                entry.waiting,
                entry.connects_used,
                entry.connects_limit,
                entry.connects_window_s,
            )
            for entry in message.budgets
        ),
    )


def catalog_of(message: pb.Pairs) -> Catalog:
    """A message as a `Catalog`."""
    return Catalog(
        tuple(
            Pair(
                plain(entry.pair),
                plain(entry.base),
                plain(entry.quote),
                entry.price_decimals,
                entry.amount_decimals,
                tuple(
                    Listing(plain(each.venue), plain(each.symbol), plain(each.tick_size), plain(each.lot_size))
                    for each in entry.listings
                ),
            )
            for entry in message.pairs
        ),
        plain(message.default_pair),
        tuple(_groups(message)),
    )


def _groups(message: pb.Pairs) -> Iterator[tuple[str, str]]:
    """Of each base that is carried against some member."""
    for group in message.groups:
        quotes = [each.quote for each in group.members]
        par = [each.quote for each in group.members if each.rule == pb.AT_PAR]
        told = f"{'+'.join(quotes)} in {group.unit}" + (f", {','.join(par)} at PAR" if par else "")
        bases = dict.fromkeys(entry.base for entry in message.pairs if entry.quote in quotes)
        yield from ((plain(f"{base}/{group.name}"), plain(told)) for base in bases if base not in quotes)
