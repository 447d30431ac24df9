"""The trades of one pair on all venues, and where some are missing: a bounded tape with one sequence.

Connections write, each for its venue; readers take what came after the sequence that they know. A trade that two
connections bring, or one connection twice, is on the tape once.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from enum import IntEnum
from itertools import islice
from typing import NamedTuple

import msgspec

KEPT = 2_000  # trades and gaps of a pair that are remembered
_RECENT_IDS = 256  # of a venue whose ids do not rise by one: by these a trade that comes twice is known
_LATE_NUMBERS = 1_024  # that are missing and may still come
_ANEW_NS = 10 * 10**9  # a known id with a stamp so much later is another trade: the venue counts anew


class Taker(IntEnum):
    """Who took what rested in the book."""

    UNKNOWN = 0
    BUYER = 1
    SELLER = 2


class Print(NamedTuple):
    """One trade as a venue tells it."""

    price: float
    amount: float  # in base
    taker: Taker
    id: str  # the venue's own; "": it gives none
    venue_ns: int  # its stamp; 0: it gives none
    number: int | None = None  # rises by one from trade to trade of the pair on this venue; None: nothing does
    span: int = 1  # so many trades are told as this one, which has the number of the last of them
    past: bool = False  # told with the subscription, as what had been before it


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One trade on the tape. Times are ns since the epoch."""

    sequence: int
    venue: str
    price: float
    amount: float
    taker: Taker
    id: str
    venue_ns: int
    received_ns: int
    applied_ns: int


class TradeGap(msgspec.Struct, frozen=True, gc=False):
    """Trades of one venue that we did not see, or may not have seen."""

    sequence: int
    venue: str
    from_ns: int  # the newest trade before it was received; 0: there was none
    until_ns: int  # it was told
    missing: int | None  # how many, where the venue's ids tell
    reason: str


Entry = Trade | TradeGap


class _Source:
    """What is known of one venue's trades."""

    __slots__ = ("away", "late", "number", "received_ns", "recent", "stands", "told", "venue_ns")

    def __init__(self) -> None:
        self.stands = False  # a connection brings every trade
        self.away = ""  # why none has done so since the newest trade; "": one has
        self.told = ""  # the reason of a gap that was told since the newest trade
        self.number: int | None = None  # the highest yet
        self.late: dict[int, None] = {}  # the latest numbers that are missing
        self.recent: deque[str] = deque(maxlen=_RECENT_IDS)
        self.received_ns = 0  # the newest trade was
        self.venue_ns = 0  # the latest stamp yet

    def note(self, told: Print) -> None:
        """Knows a trade from now on, on the tape or not."""
        if told.number is not None:
            self.number = max(told.number, self.number or 0)
        if told.id:
            self.recent.append(told.id)
        self.venue_ns = max(self.venue_ns, told.venue_ns)


class TradeTape:
    """The newest trades and gaps of a pair. Every method may be called from any thread.

    The lock is its own, not that of the books, and held for moments: trades cost the books nothing.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._lock = threading.Lock()  # guards what follows
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._sequence = 0
        self._sources: dict[str, _Source] = {}  # by venue
        # Replaced, never mutated, so that a writer may iterate it without the lock.
        self._listeners: tuple[Callable[[], None], ...] = ()

    # Writers, each for its own venue.

    def add(self, venue: str, prints: Iterable[Print], received_ns: int, applied_ns: int) -> None:
        """Trades of one message; those that are on the tape already are left out."""
        with self._lock:
            self._take_all(self._source(venue), venue, ((each, received_ns) for each in prints), applied_ns)
        self._tell()

    def stand(self, venue: str, since_ns: int) -> None:
        """From `since_ns` on every trade comes; what came in between is missing, unless numbers will tell.

        A stream that stood before another one ended, whose newest trade is later, lacks nothing.
        """
        with self._lock:
            source = self._source(venue)
            source.stands = True
            missed = source.away and source.number is None and since_ns > source.received_ns
            if missed:
                self._gap(source, venue, since_ns, None, source.away)
            if missed or source.number is None:
                source.away = ""
        self._tell()

    def lose(self, venue: str, reason: str) -> None:
        """The connection that brought the trades is gone. The gap is told when they flow again."""
        with self._lock:
            source = self._source(venue)
            if source.stands:
                source.stands, source.away = False, reason

    def miss(self, venue: str, reason: str, now_ns: int) -> None:
        """Trades may be missing, for a reason that is told at once, and once until the next trade."""
        with self._lock:
            source = self._source(venue)
            if source.told == reason:
                return
            source.told = reason
            if not source.stands:
                source.away = reason
            self._gap(source, venue, now_ns, None, reason)
        self._tell()

    def adopt(self, venue: str, early: Iterable[tuple[Print, int]], applied_ns: int) -> None:
        """Trades, each with its receipt, of a connection that takes over from the one that has written yet.

        Both had the same stream for a while: what comes before the newest on the tape is on it already.
        """
        kept = list(early)
        with self._lock:
            source = self._source(venue)
            newest = source.recent[-1] if source.recent else None
            start = 0
            if newest and source.number is None:  # numbers tell by themselves
                start = next((at for at in range(len(kept), 0, -1) if kept[at - 1][0].id == newest), 0)
            self._take_all(source, venue, kept[start:], applied_ns)
        self._tell()

    # Readers.

    @property
    def sequence(self) -> int:
        """Of the newest entry; 0: there is none."""
        return self._sequence

    def since(self, sequence: int) -> tuple[Entry, ...]:
        """All that came after `sequence` and is remembered, oldest first; what is not shows in the sequences."""
        with self._lock:
            return tuple(islice(reversed(self._entries), max(0, self._sequence - sequence)))[::-1]

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after every write, in the writer's thread: it must be quick and must not raise.

        Returns a function that ends this.
        """

        def tell() -> None:  # a function of this call alone: a listener may be registered twice
            listener()

        with self._lock:
            self._listeners = (*self._listeners, tell)

        def stop() -> None:
            with self._lock:
                self._listeners = tuple(each for each in self._listeners if each is not tell)

        return stop

    # Within; the lock is held.

    def _source(self, venue: str) -> _Source:
        source = self._sources.get(venue)
        if source is None:
            source = self._sources[venue] = _Source()
        return source

    def _take_all(self, source: _Source, venue: str, told: Iterable[tuple[Print, int]], applied_ns: int) -> None:
        """What was before we listened fills gaps; where nothing is known, it only says where the numbers stand."""
        begins = source.number is None and not source.recent
        told = list(told)
        if source.away and source.number is None and not begins:
            self._reach_back(source, venue, [each.id for each, _ in told if each.past], applied_ns)
        for each, received_ns in told:
            if begins and each.past:
                source.note(each)
            else:
                self._take(source, venue, each, received_ns, applied_ns)

    def _reach_back(self, source: _Source, venue: str, past: list[str], applied_ns: int) -> None:
        """What was traded before now lacks nothing where it reaches back to what is on the tape."""
        if past:
            if not any(each in source.recent for each in past):
                self._gap(source, venue, applied_ns, None, source.away)
            source.away = ""

    def _take(self, source: _Source, venue: str, told: Print, received_ns: int, applied_ns: int) -> None:
        """Puts one trade on the tape, after the gap that it shows, unless it is there."""
        if _is_known(source, told):
            if told.venue_ns <= source.venue_ns + _ANEW_NS:
                return
            self._gap(source, venue, applied_ns, None, "the venue counts its trades anew")
            source.number = told.number
            source.late.clear()
            source.recent.clear()
        if told.number is not None:
            self._count(source, venue, told.number, told.span, applied_ns)
            source.away = ""
        source.note(told)
        source.told = ""
        source.received_ns = max(source.received_ns, received_ns)
        self._sequence += 1
        self._entries.append(
            Trade(
                self._sequence,
                venue,
                told.price,
                told.amount,
                told.taker,
                told.id,
                told.venue_ns,
                received_ns,
                applied_ns,
            )
        )

    def _count(self, source: _Source, venue: str, number: int, span: int, now_ns: int) -> None:
        """Numbers rise by one: what is left out is missing. The `span` that end with `number` are here."""
        highest = source.number
        if highest is None:
            return
        first = number - span + 1
        if number <= highest:
            for late in [each for each in source.late if first <= each <= number]:
                del source.late[late]
            return
        missing = first - highest - 1
        if missing > 0:
            which = f"trade {first - 1} is" if missing == 1 else f"trades {highest + 1} to {first - 1} are"
            why = f": {source.away}" if source.away else ""
            self._gap(source, venue, now_ns, missing, f"{which} missing{why}")
            source.late.update(dict.fromkeys(range(max(highest + 1, first - _LATE_NUMBERS), first)))
            while len(source.late) > _LATE_NUMBERS:
                del source.late[next(iter(source.late))]

    def _gap(self, source: _Source, venue: str, now_ns: int, missing: int | None, reason: str) -> None:
        self._sequence += 1
        self._entries.append(TradeGap(self._sequence, venue, source.received_ns, now_ns, missing, reason))

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _is_known(source: _Source, told: Print) -> bool:
    """Whether a trade is on the tape, or too far behind its newest to say so."""
    if told.number is not None:
        return source.number is not None and told.number <= source.number and told.number not in source.late
    return bool(told.id) and told.id in source.recent
