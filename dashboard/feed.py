"""How far the stream can be trusted at this moment: the state of the feed, by the client's own clock.

Two axes that are never merged into one light: the *feed* (this client and the server), here; and each *venue* (the
server and the exchange), which the messages carry. A hung server raises no error on its channel, so staleness is
measured on the time since the last message; the server sends at least one a second.
"""

from array import array
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from dashboard.market import Book, Level, Touch
from dashboard.numbers import SECOND_NS

STALE_AFTER_NS = 1_500_000_000  # the contract promises a message a second; half a second of grace
RATE_WINDOW_NS = 2 * SECOND_NS
RATE_SAMPLES = 256
KEPT_BOOKS = 600  # half a minute at twenty a second
SKEW_NS = 5_000_000  # a venue's stamp this far in our future shows that the clocks disagree

Clock = Callable[[], int]  # monotonic ns


class FeedState(Enum):
    """The link between this client and its server."""

    CONNECTING = "connecting"  # first attempts, nothing ever received
    WAITING = "waiting"  # connected, no book yet
    LIVE = "live"
    STALE = "stale"  # connected, and silent for too long
    DISCONNECTED = "disconnected"  # the stream ended; the next attempt has a time
    RECONNECTING = "reconnecting"  # an attempt is being made


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a stream ended: the status code in words, its detail, and whether asking again can help by itself."""

    code: str
    detail: str
    refused: bool = False  # the server answered and does not serve this request

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


@dataclass(frozen=True, slots=True)
class Pause:
    """A frozen picture: how long, how much has arrived behind it, and how many kept updates it was taken back."""

    for_ns: int
    behind: int
    back: int = 0


class _Kept(NamedTuple):
    """One update that can be gone back to.

    Its levels are kept as plain numbers: as objects those of all updates would be most of what this program holds,
    and the collector of cycles would stop it for a tenth of a second to look through them.
    """

    number: int  # counts the updates
    weight: int  # updates up to this one, with those that the server skipped
    trend: int
    bare: Book
    bids: Sequence[int]
    asks: Sequence[int]

    def book(self) -> Book:
        """As it came."""
        return replace(self.bare, bids=_unpacked(self.bids), asks=_unpacked(self.asks))


class _Frozen(NamedTuple):
    """What a pause shows."""

    number: int
    weight: int
    trend: int
    book: Book
    elapsed_ns: int  # of the book, when the pause began
    since_ns: int


def _packed(levels: Sequence[Level]) -> Sequence[int]:
    """Of each level: price, amount, how many venues, and of each its index and its amount."""
    numbers: list[int] = []
    for price, amount, amounts in levels:
        numbers += (price, amount, len(amounts))
        for part in amounts:
            numbers += part
    try:
        return array("q", numbers)
    except OverflowError:  # an amount beyond 63 bits, in the units of an asset that is counted in billions
        return tuple(numbers)


def _unpacked(numbers: Sequence[int]) -> tuple[Level, ...]:
    levels, at = [], 0
    while at < len(numbers):
        price, amount, count = numbers[at : at + 3]
        parts = numbers[at + 3 : at + 3 + 2 * count]
        levels.append(Level(price, amount, tuple(zip(parts[::2], parts[1::2], strict=True))))
        at += 3 + 2 * count
    return tuple(levels)


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a drawing shows, at one moment. Durations in ns."""

    address: str
    pair: str  # as asked, until the server names it; empty: the server's default
    state: FeedState
    book: Book | None = None
    elapsed_ns: int = 0  # since `book` arrived: what its ages have grown by
    silent_ns: int = 0  # since the last message of any kind
    trend: int = 0  # of the mid price: 1 up, -1 down, 0 not changed yet
    rate: int = 0  # updates a second
    failure: Failure | None = None  # of the last attempt
    cause: Failure | None = None  # what ended the last stream: later attempts fail for other reasons
    attempt: int = 0
    retry_ns: int = 0  # until the next attempt
    down_ns: int = 0  # since the stream was lost, or since the first attempt failed
    waiting_ns: int = 0  # since the connection stands without a book
    had_book: bool = False  # `book` is worth showing: some venue was live in it
    fresh: bool = False  # `book` belongs to the present stream
    pause: Pause | None = None
    conflated: int = 0  # states that this client was spared, since it began with this pair
    crossings: int = 0  # times that the best prices came to cross

    @property
    def frozen(self) -> bool:
        """What is drawn is not the present: everything is dimmed."""
        return self.state is not FeedState.LIVE or self.pause is not None

    @property
    def age(self) -> tuple[int, bool] | None:
        """How old the newest update drawn is, and whether the venue's own stamp tells it; None before the first.

        Where the venue's stamp lies in the future, the clocks disagree: the age is then counted from the reception.
        """
        if self.book is None:
            return None
        clocks = self.book.clocks
        if clocks.venue_ns and clocks.sent_ns - clocks.venue_ns > -SKEW_NS:
            return max(0, clocks.sent_ns - clocks.venue_ns + self.elapsed_ns), True
        if clocks.received_ns:
            return max(0, clocks.sent_ns - clocks.received_ns + self.elapsed_ns), False
        return None

    def venue_age(self, index: int) -> int:
        """Time since the newest update of that venue; grows between messages."""
        assert self.book is not None
        return self.book.venues[index].age_ns + self.elapsed_ns

    def since(self, stamp_ns: int) -> int:
        """Time from a stamp of the server's clock to now, without comparing two machines' clocks."""
        assert self.book is not None
        return max(0, self.book.clocks.sent_ns - stamp_ns + self.elapsed_ns) if stamp_ns else 0

    def until(self, stamp_ns: int) -> int:
        """Time from now to a stamp of the server's clock."""
        assert self.book is not None
        return max(0, stamp_ns - self.book.clocks.sent_ns - self.elapsed_ns)


class Feed:
    """Takes what the stream tells and answers with a `View`.

    One event loop writes and reads it; it draws nothing and waits for nothing.
    """

    def __init__(self, address: str, pair: str, clock: Clock, kept: int = KEPT_BOOKS) -> None:
        self.address = address
        self.pair = pair
        self._clock = clock
        self._state = FeedState.CONNECTING
        self._book: Book | None = None
        self._arrived_ns = 0  # of _book
        self._heard_ns = 0  # any message
        self._had_book = False
        self._fresh = False
        self._trend = 0
        self._failure: Failure | None = None
        self._cause: Failure | None = None
        self._attempt = 0
        self._retry_at_ns = 0
        self._down_since_ns: int | None = None
        self._waiting_since_ns = clock()
        self._arrivals: deque[tuple[int, int]] = deque(maxlen=RATE_SAMPLES)  # (when, updates)
        self._arrival_sum = 0  # updates of all of them
        self._kept: deque[_Kept] = deque(maxlen=kept)
        self._weight = 0  # updates of this pair
        self._paused: _Frozen | None = None
        self._conflated = 0
        self._crossings = 0

    def connecting(self, attempt: int) -> None:
        """An attempt begins; `attempt` counts from 1 since the last stream that delivered."""
        self._attempt = attempt
        first = self._failure is None and self._book is None
        self._state = FeedState.CONNECTING if first else FeedState.RECONNECTING

    def connected(self) -> None:
        """The channel stands; no message yet."""
        if self._state in (FeedState.CONNECTING, FeedState.RECONNECTING):
            self._state = FeedState.WAITING
            self._waiting_since_ns = self._clock()
            self._heard_ns = self._waiting_since_ns
            self._fresh = False

    def received(self, book: Book) -> None:
        """A message of the present stream."""
        self.connected()
        now = self._clock()
        self._heard_ns = now
        self._failure = None
        self._attempt = 0
        self._down_since_ns = None
        if not book.heartbeat:
            self._arrive(now, 1 + book.conflated)
            self._weight += 1 + book.conflated
            self._conflated += book.conflated
        filled = bool(book.live_venues or book.bids or book.asks)
        if self._state is FeedState.WAITING:
            if not filled and self._had_book:
                return  # the server is back without a book: the last one stays, marked as not live
            if filled:
                self._state = FeedState.LIVE
        self._had_book = self._had_book or filled
        self._fresh = True
        self._follow_mid(book)
        if book.touch is Touch.CROSSED and (self._book is None or self._book.touch is not Touch.CROSSED):
            self._crossings += 1
        self._book, self._arrived_ns = book, now
        if not book.heartbeat or not self._kept:
            number = self._kept[-1].number + 1 if self._kept else 0
            bare = replace(book, bids=(), asks=())
            self._kept.append(_Kept(number, self._weight, self._trend, bare, _packed(book.bids), _packed(book.asks)))

    def ended(self, failure: Failure, retry_in_ns: int) -> None:
        """The stream or the attempt ended; the next attempt comes in `retry_in_ns`."""
        now = self._clock()
        self._state = FeedState.DISCONNECTED
        self._failure = failure
        self._retry_at_ns = now + retry_in_ns
        self._fresh = False
        if self._down_since_ns is None:
            self._down_since_ns, self._cause = now, failure

    def _follow_mid(self, book: Book) -> None:
        mid = book.twice_mid
        before = self._book.twice_mid if self._book is not None else None
        if mid is None or before is None or book.pair != (self._book.pair if self._book else ""):
            self._trend = 0 if mid is None else self._trend
        elif mid != before:
            self._trend = 1 if mid > before else -1

    def ask(self, pair: str) -> None:
        """Another pair from now on; nothing of the last one is shown with it."""
        self.pair = pair
        self._state = FeedState.CONNECTING
        self._book = self._failure = self._cause = self._paused = None
        self._had_book = self._fresh = False
        self._trend = self._weight = self._conflated = self._crossings = self._attempt = 0
        self._down_since_ns = None
        self._waiting_since_ns = self._clock()
        self._kept.clear()
        self._arrivals.clear()
        self._arrival_sum = 0

    def toggle_pause(self) -> None:
        """Freezes the picture, or goes back to the newest. There is nothing to freeze before the first book."""
        if self._paused is not None:
            self._paused = None
        elif self._had_book and self._book is not None and self._kept:
            now = self._clock()
            number = self._kept[-1].number
            self._paused = _Frozen(number, self._weight, self._trend, self._book, now - self._arrived_ns, now)

    def step(self, updates: int) -> bool:
        """Freezes, and goes so many kept updates on or back; False at the end of what is kept."""
        if self._paused is None:
            self.toggle_pause()
        if self._paused is None:
            return False
        wanted = self._paused.number + updates - self._kept[0].number
        at = max(0, min(wanted, len(self._kept) - 1))
        kept = self._kept[at]
        self._paused = _Frozen(kept.number, kept.weight, kept.trend, kept.book(), 0, self._paused.since_ns)
        return at == wanted

    @property
    def paused(self) -> bool:
        """The picture is frozen; the stream goes on."""
        return self._paused is not None

    def view(self) -> View:
        """What to draw now."""
        present = self.present()
        if self._paused is None:
            return present
        shown = self._paused
        back = self._kept[-1].number - shown.number
        return replace(
            present,
            pair=shown.book.pair,
            book=shown.book,
            elapsed_ns=shown.elapsed_ns,
            trend=0 if shown.book.touch is Touch.EMPTY else shown.trend,
            pause=Pause(self._clock() - shown.since_ns, self._weight - shown.weight, back),
        )

    def present(self) -> View:
        """The newest, whether the picture is paused or not."""
        now = self._clock()
        state = self._state
        silent = now - self._heard_ns if self._heard_ns else 0
        if state is FeedState.LIVE and silent > STALE_AFTER_NS:
            state = FeedState.STALE
        return View(
            address=self.address,
            pair=self._book.pair if self._book is not None else self.pair,
            state=state,
            book=self._book,
            elapsed_ns=now - self._arrived_ns if self._book is not None else 0,
            silent_ns=silent,
            trend=0 if self._book is None or self._book.touch is Touch.EMPTY else self._trend,
            rate=self._rate(now),
            failure=self._failure,
            cause=self._cause,
            attempt=self._attempt,
            retry_ns=max(0, self._retry_at_ns - now),
            down_ns=now - self._down_since_ns if self._down_since_ns is not None else 0,
            waiting_ns=now - self._waiting_since_ns,
            had_book=self._had_book,
            fresh=self._fresh,
            conflated=self._conflated,
            crossings=self._crossings,
        )

    def _arrive(self, now: int, count: int) -> None:
        if len(self._arrivals) == RATE_SAMPLES:
            self._arrival_sum -= self._arrivals.popleft()[1]
        self._arrivals.append((now, count))
        self._arrival_sum += count

    def _rate(self, now: int) -> int:
        full = len(self._arrivals) == RATE_SAMPLES  # their number, not the window, cut the oldest
        while self._arrivals and self._arrivals[0][0] < now - RATE_WINDOW_NS:
            self._arrival_sum -= self._arrivals.popleft()[1]
            full = False
        if not self._arrivals:
            return 0
        span = max(now - self._arrivals[0][0], 1) if full else RATE_WINDOW_NS
        return round(self._arrival_sum * SECOND_NS / span)
