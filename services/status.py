"""The state of all venues and pairs as a stream: changes of state at once, counters once a second."""

import asyncio
import time
from collections.abc import Callable, Iterable

from book import Pair
from services.encode import conversions
from services.market import Books, Budget, Market
from services.stream import Kind
from services.view import HEARTBEAT_S, View
from services.wire import block, number, stamp, tag, text, venue_state

_MAX_UINT32 = (1 << 32) - 1

# Fields of Status.
_PAIRS, _SENT, _STARTED, _VERSION = tag(1, 2), tag(2, 0), tag(3, 0), tag(4, 2)
_STREAMS, _BUDGETS, _CLOSING = tag(5, 0), tag(6, 2), tag(15, 0) + b"\x01"
# Fields of PairStatus.
_PAIR, _SEQUENCE, _VENUES, _CONVERSIONS = tag(1, 2), tag(2, 0), tag(3, 2), tag(4, 2)
# Fields of VenueBudget.
_VENUE, _USED, _LIMIT, _WINDOW, _BANNED, _WAITING = (tag(1, 2), *(tag(field, 0) for field in range(2, 7)))
_CONNECTS, _CONNECTS_LIMIT, _CONNECTS_WINDOW = (tag(field, 0) for field in range(7, 10))


class StatusView(View):
    """A Status of some pairs. All changes of one turn of the loop go into one message."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        market: Market,
        pairs: tuple[Pair, ...],
        streams_open: Callable[[], int],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """`pairs`: those that it tells of; none: all that the server carries at the time. `streams_open` counts its
        streams.
        """
        super().__init__(loop, heartbeat_s)
        self._pairs = pairs
        self._market = market
        self._streams_open = streams_open
        self.before_beat: Callable[[], None] = _nothing
        self._touched = False  # a message is on its way at the end of this turn

    def touch(self) -> None:
        """A state changed: says so at the end of this turn of the loop."""
        if not self._touched:
            self._touched = True
            self.loop.call_soon(self._tell)

    def beat(self) -> None:
        """The counters of now."""
        self.before_beat()
        self.send(self.present(), Kind.STATE)

    def close(self) -> None:
        """The last message of every stream."""
        self.send(self.present(closing=True), Kind.CLOSING)

    def tail(self, conflated: int) -> bytes:
        """Nothing: every Status is whole, and it does not count."""
        return b""

    def present(self, *, closing: bool = False) -> bytes:
        """A Status as of now."""
        self.encoded += 1
        sent_ns = time.time_ns()
        parts = [block(_PAIRS, _pair_status(books, sent_ns)) for books in self._books()]
        parts.append(number(_SENT, sent_ns))
        parts.append(number(_STARTED, stamp(self._market.started_ns)))
        parts.append(text(_VERSION, self._market.version))
        parts.append(number(_STREAMS, self._streams_open()))
        parts += _budgets(self._market.budgets())
        if closing:
            parts.append(_CLOSING)
        return b"".join(parts)

    def _books(self) -> list[Books]:
        carried = self._market.books
        return [carried[pair] for pair in self._pairs or self._market.traded if pair in carried]

    def _tell(self) -> None:
        self._touched = False
        if self.streams:
            self.attempt(self.beat)


def _nothing() -> None:
    """Nothing is to be done first."""


def _pair_status(books: Books, sent_ns: int) -> bytes:
    picture = books.view(0)
    parts = [text(_PAIR, str(picture.pair)), number(_SEQUENCE, picture.version)]
    parts += [block(_VENUES, venue_state(view, sent_ns)) for view in picture.venues]
    parts += conversions(_CONVERSIONS, picture.conversions, sent_ns)
    return b"".join(parts)


def _budgets(budgets: Iterable[Budget]) -> list[bytes]:
    return [
        block(
            _BUDGETS,
            text(_VENUE, each.venue)
            + number(_USED, _uint32(each.weight_used))
            + number(_LIMIT, _uint32(each.weight_limit))
            + number(_WINDOW, _uint32(each.window_s))
            + number(_BANNED, stamp(each.banned_until_ns))
            + number(_WAITING, _uint32(each.waiting))
            + number(_CONNECTS, _uint32(each.connects_used))
            + number(_CONNECTS_LIMIT, _uint32(each.connects_limit))
            + number(_CONNECTS_WINDOW, _uint32(each.connects_window_s)),
        )
        for each in budgets
    ]


def _uint32(count: int) -> int:
    return max(0, min(count, _MAX_UINT32))
