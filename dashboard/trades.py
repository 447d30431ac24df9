"""The newest trades of one pair and where some are missing: bounded, in the server's order, in whole numbers."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dashboard.market import DashboardError, plain
from dashboard.numbers import SECOND_NS, scaled
from proto import orderbook_pb2 as pb

KEPT = 5_000  # trades and breaks
PLACES = 18  # of prices and amounts here: finer than any venue's
MINUTE_NS = 60 * SECOND_NS
MS_NS = 1_000_000
LOOK_BACK_NS = SECOND_NS  # parts of one order lie closer together than that


class MalformedTrades(DashboardError):
    """The server sent a trade that is none; the text says how."""


class Trade(NamedTuple):
    """One trade, or several that one order made within a millisecond. Numbers are integers of 10^-PLACES."""

    venue: str
    price: int  # of the last one
    amount: int
    value: int  # price x amount
    taker: int  # 1: bought, -1: sold, 0: the venue does not say
    time_ns: int  # the venue's stamp; where it gives none, when the server read it
    received_ns: int
    sequence: int
    id: str
    parts: int = 1


class Break(NamedTuple):
    """Trades are missing here, or may be."""

    venue: str  # empty: of all
    text: str
    missing: int | None
    time_ns: int
    sequence: int


Entry = Trade | Break


class TradeList:
    """What the trade stream told. One event loop writes and reads it."""

    def __init__(self, pair: str, kept: int = KEPT) -> None:
        self.pair = pair  # a group's are those of its members, each in its own quote
        self.largest = 0  # amount of all trades seen: columns only grow
        self.highest = 0  # price
        self.sent_ns = 0  # the server's clock in the last message
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._last: tuple[int, str, str] | None = None  # sequence, venue and id of the newest trade or gap
        self._rejoining: str | None = None

    def broken(self, reason: str) -> None:
        """The stream ended; what the next one brings may begin with what is known."""
        if self._last is not None:
            self._rejoining = reason

    def received(self, message: pb.Trades) -> None:
        """A message of the stream. Raises MalformedTrades and keeps nothing of a message that is wrong."""
        told: list[Entry] = [_trade(entry, self._name(entry)) for entry in message.trades]
        told += [_gap(entry, self._name(entry)) for entry in message.gaps]
        told.sort(key=_read_ns if self.pair.endswith("~") else _sequence)
        told = self._new(told, message.sent_ns)
        self.sent_ns = message.sent_ns or self.sent_ns
        if message.missed:
            first = told[0].sequence if told else (self._last[0] if self._last else 0)
            text = "this screen was too slow"
            self._entries.append(Break("", text, message.missed, message.sent_ns, first))
        for entry in told:
            self._entries.append(entry)
            if isinstance(entry, Trade):
                self.largest = max(self.largest, entry.amount)
                self.highest = max(self.highest, abs(entry.price))
        if told:
            self._last = _key(told[-1])

    def _name(self, entry: pb.Trade | pb.TradeGap) -> str:
        """The venue, as the book names it: in a group with the quote of the member."""
        quote = entry.pair.partition("/")[2] if self.pair.endswith("~") else ""
        return plain(f"{entry.venue}/{quote.lower()}" if quote else entry.venue)

    def _new(self, told: list[Entry], now_ns: int) -> list[Entry]:
        """Without what was known before the stream broke; a mark where it cannot be told what came between."""
        if self._rejoining is None or not told:
            return told
        reason, self._rejoining = self._rejoining, None
        keys = [_key(entry) for entry in told]
        if self._last in keys:
            return told[keys.index(self._last) + 1 :]
        return [Break("", reason, None, now_ns, told[0].sequence), *told]

    def __iter__(self) -> Iterator[Entry]:
        """Newest first."""
        return reversed(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def minute(self, names: frozenset[str] = frozenset()) -> "Minute":
        """What was traded in the last minute of the server's clock, but for the venues of these `names`."""
        begin = self.sent_ns - MINUTE_NS
        sums = {1: 0, -1: 0, 0: 0}
        reached = len(self._entries) < (self._entries.maxlen or 0)
        broke = False
        for entry in self:
            if isinstance(entry, Break):
                broke = broke or entry.time_ns > begin
            elif entry.received_ns <= begin:
                reached = True
                break
            elif entry.venue not in names:
                sums[entry.taker] += entry.amount
        return Minute(sums[1], sums[-1], sums[0], reached and not broke)


@dataclass(frozen=True, slots=True)
class Minute:
    """Amounts of one minute."""

    bought: int
    sold: int
    unknown: int
    whole: bool  # nothing is missing in it

    @property
    def volume(self) -> int:
        """All of it."""
        return self.bought + self.sold + self.unknown


def _key(entry: Entry) -> tuple[int, str, str]:
    return entry.sequence, entry.venue, entry.id if isinstance(entry, Trade) else ""


def _sequence(entry: Entry) -> int:
    return entry.sequence


def _trade(entry: pb.Trade, venue: str) -> Trade:
    try:
        price, amount = scaled(entry.price, PLACES), scaled(entry.amount, PLACES)
    except ValueError as error:
        raise MalformedTrades(f"trade {entry.id!r} of {entry.venue!r}: {error}") from None
    return Trade(
        venue=venue,
        price=price,
        amount=amount,
        value=price * amount,
        taker={pb.BUYER: 1, pb.SELLER: -1}.get(entry.taker, 0),
        time_ns=entry.venue_ns or entry.received_ns,
        received_ns=entry.received_ns,
        sequence=entry.sequence,
        id=plain(entry.id),
    )


def _gap(entry: pb.TradeGap, venue: str) -> Break:
    missing = entry.missing if entry.HasField("missing") else None
    return Break(venue, plain(entry.reason), missing, entry.until_ns, entry.sequence)


def shown(entries: Iterable[Entry], count: int, least: int, aggregate: bool, names: frozenset[str]) -> list[Entry]:
    """The newest `count` entries, newest first: of at least that amount, without the venues of `names`.

    With `aggregate` the trades of one venue, side and millisecond are one: what one order took at once.
    """
    if count < 1:
        return []
    out: list[Entry] = []
    places: dict[tuple[str, int, int], int] = {}
    for entry in entries:
        if entry.venue in names:
            continue
        if isinstance(entry, Break):
            places.clear()
        else:
            if not least and len(out) >= count and entry.received_ns < _read_ns(out[count - 1]) - LOOK_BACK_NS:
                break  # no more rows are wanted, and nothing so old belongs to the last one
            key = (entry.venue, entry.taker, entry.time_ns // MS_NS)
            if aggregate and key in places:
                out[places[key]] = _joined(out[places[key]], entry)
                continue
            places[key] = len(out)
        out.append(entry)
    return [entry for entry in out if isinstance(entry, Break) or entry.amount >= least][:count]


def _read_ns(entry: Entry) -> int:
    return entry.time_ns if isinstance(entry, Break) else entry.received_ns


def _joined(newer: Entry, older: Trade) -> Trade:
    assert isinstance(newer, Trade)
    return newer._replace(
        amount=newer.amount + older.amount, value=newer.value + older.value, parts=newer.parts + older.parts
    )
