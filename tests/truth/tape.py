"""The venue's own account of its books: every published change, kept for a while, and the book at any kept position.

Positions are ids where a venue's books carry ids, and microtimestamps where they carry times. Numbers are integers in
units of 10^-12, made of the venue's decimal text, so that nothing is ever rounded. Everything here runs on one event
loop.
"""

import asyncio
import contextlib
import time
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import aiohttp

from tests.truth.faces import FACES, Face
from tests.truth.numbers import Numbers

DECIMALS = 12  # of the integers here; no venue is finer
KEPT_S = 120.0  # of changes
POLL_S = 0.2
REACH_S = 10.0  # a snapshot may be ahead of the stream, and of the public truth with it
_STALLED = (
    6  # times that, where the venue itself does not answer meanwhile: a machine that stands still proves nothing
)
_IMPATIENT_S = 0.5
_MOST = 10_000  # changes in a page
_SKEW_S = 300.0  # for so long positions may still carry a clock shift that is over
_LEAD_US = 1_500_000  # by which a position may be ahead of what has been read


class Unplaced(Exception):
    """A position that the venue's book never had, or that is older than anything that is kept."""


class Change(NamedTuple):
    """One change: the level's total before and after it; 0: no such level."""

    position: int
    time_us: int
    side: int  # 0: bid, 1: ask
    key: int  # the price, negative for bids, so that the best of either side is the smallest
    before: int
    after: int


class Tape:
    """The true book of one symbol on one face; asks for the changes a few times a second while it runs."""

    def __init__(self, http: aiohttp.ClientSession, rest: str, symbol: str, face: Face = FACES["binance"]) -> None:
        self._http = http
        self._rest = rest
        self._symbol = symbol
        self._face = face
        self._by_stamp = bool(face.stamp_parts)
        self._numbers = Numbers(contiguous=face.contiguous)
        self.changes: list[Change] = []
        self.positions: list[int] = []  # of the changes
        self.dropped = 0  # changes that are no longer kept
        self.start = 0  # the position before the first kept change
        self.head: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.public = 0  # the venue has published everything up to here
        self._skews: deque[tuple[float, int]] = deque()  # (until when it may matter, shift in µs), newest first
        self._moved = asyncio.Event()
        self._asked = self._answered = 0  # pages
        self._reach_s = REACH_S  # less while it waits in vain: other books of the same stream wait along
        self._task: asyncio.Task[None] | None = None
        self.restarts = 0  # times the venue no longer kept what we had not read yet

    async def begin(self) -> None:
        """Takes the present book and goes on reading."""
        await self._take_book()
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Reads no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def place(self, position: int, *, lower: bool = False, before: int = 0) -> int:
        """The true position of one that a book tells; waits until the venue has published it.

        Where times are positions, a clock that was wrong has shifted them. Where a venue may count anew, numbers come
        again: one that is not `lower` than the one told last is not of an earlier counting than that was, whose place
        is `before`; and of one that is lower nothing read up to now can tell which is meant. Raises Unplaced.
        """
        deadline = time.monotonic() + self._reach_s
        fresh = self._asked + 1 if lower and self._face.counts_anew else 0
        least = before if self._face.counts_anew and not lower else 0
        last = 0  # the page, asked for after the deadline, whose answer settles it
        while True:
            placed = self.placed(position) if self._answered >= fresh else None
            if placed is not None and placed < least:
                placed = None
            if placed is not None:
                self._reach_s = REACH_S
                if placed < self.start:
                    raise Unplaced(f"{self._symbol}: {position} is older than the {KEPT_S:.0f} s that are kept")
                return placed
            if time.monotonic() > deadline and not last:
                last = self._asked + 1
            if last and (self._answered >= last or time.monotonic() > deadline + _STALLED * REACH_S):
                self._reach_s = _IMPATIENT_S
                raise Unplaced(f"{self._symbol}: the book was never at {position} (public is {self.public})")
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):  # wait_for may swallow a cancellation
                    await self._moved.wait()

    def first_after(self, position: int) -> Change | None:
        """The oldest change that a book at `position` lacks."""
        index = bisect_right(self.positions, position)
        return self.changes[index] if index < len(self.changes) else None

    def between(self, after: int, until: int) -> list[Change]:
        """The changes after one position and up to another."""
        return self.changes[bisect_right(self.positions, after) : bisect_right(self.positions, until)]

    def position_at(self, time_us: int) -> int:
        """The position of the newest change that was made by then."""
        index = bisect_right(self.changes, time_us, key=lambda change: change.time_us)
        return self.positions[index - 1] if index else self.start

    def next_change(self, side: int, key: int, after: int) -> int | None:
        """The position at which a level changes next."""
        for change in self.changes[bisect_right(self.positions, after) :]:
            if change.side == side and change.key == key:
                return change.position
        return None

    def next_told(self, side: int, key: int, after: int, told: Sequence[int]) -> int | None:
        """The first of some positions at which a level is not what it was at `after`."""
        changes = [each for each in self.changes if (each.side, each.key) == (side, key)]
        earlier = [each for each in changes if each.position <= after]
        later = changes[len(earlier) :]
        if not later:
            return None
        amount = was = earlier[-1].after if earlier else later[0].before
        for position in told:
            while later and later[0].position <= position:
                amount = later.pop(0).after
            if amount != was:
                return position
        return None

    def placed(self, position: int) -> int | None:
        """The same at once; None: the venue has not published it, as far as is known."""
        if not self._by_stamp:
            found = self._numbers.find(position, self.start, self.public)
            older = self._numbers.newest(position) < self.start and not self._face.counts_anew
            return self._numbers.newest(position) if found is None and older else found
        position //= self._face.stamp_parts
        now = time.monotonic()
        for until, shift in self._skews:
            true = position - shift
            if 0 < true - self.public < _LEAD_US:
                return None  # most likely it is just not read yet: an older shift must not claim it by accident
            if until > now and true <= self.public and self._is_stamp(true):
                return true
        return None

    def _is_stamp(self, position: int) -> bool:
        index = bisect_left(self.positions, position)
        found = index < len(self.positions) and self.positions[index] == position
        return found or position <= self.start

    async def _run(self) -> None:
        while True:
            try:
                more = await self._page()
            except (aiohttp.ClientError, TimeoutError):
                more = False  # the venue is busy, or about to end; whoever waits for a position has a deadline
            self._moved.set()
            if not more:
                await asyncio.sleep(POLL_S)

    async def _page(self) -> bool:
        after = self.positions[-1] if self.positions else self.start
        self._asked += 1
        asked = self._asked
        number = after if self._by_stamp else self._numbers.number(after)
        status, told = await self._get("changes", after=number, limit=_MOST)
        if status == 410:
            self.restarts += 1
            await self._take_book()
            return True
        for update_id, stamp, word, price, total in told["changes"]:
            time_us = int(stamp)
            side = 0 if word == "bid" else 1
            key = units(price) if side else -units(price)
            after_ = units(total)
            position = time_us if self._by_stamp else self._numbers.read(update_id)
            before = self.head[side].pop(key, 0)
            if after_:
                self.head[side][key] = after_
            self.changes.append(Change(position, time_us, side, key, before, after_))
            self.positions.append(position)
        stamp, number = int(told["public_microtimestamp"]), int(told["public_update_id"])
        self.public = max(stamp if self._by_stamp else self._numbers.newest(number), self.public)
        self._note_skew(int(told["skew_us"]))
        self._trim()
        more: bool = told["more"]
        if not more:
            self._answered = asked
        return more

    def _note_skew(self, shift: int) -> None:
        until = time.monotonic() + _SKEW_S
        kept = [each for each in self._skews if each[1] != shift and each[0] > time.monotonic()]
        self._skews = deque([(until, shift), *kept])

    def _trim(self) -> None:
        """Forgets what is old, now and then."""
        if not self.changes:
            return
        limit_us = self.changes[-1].time_us - int(KEPT_S * 1e6)
        if self.changes[0].time_us > limit_us - 10_000_000:
            return
        count = bisect_left(self.changes, limit_us, key=lambda change: change.time_us)
        self.start = self.positions[count - 1]
        self.dropped += count
        del self.changes[:count]
        del self.positions[:count]

    async def _take_book(self) -> None:
        status, told = await self._get("book", levels=0)
        if status == 200 and self._face.by_messages:  # the present may be ahead of the last message
            status, told = await self._get("book", levels=0, at=told["update_id"])
        if status != 200:
            raise RuntimeError(f"{self._symbol}: /admin/book answers {status}: {told}")
        self.head = (
            {-units(price): units(amount) for price, amount in told["bids"]},
            {units(price): units(amount) for price, amount in told["asks"]},
        )
        self.start = int(told["microtimestamp"]) if self._by_stamp else self._numbers.read(told["update_id"])
        self.dropped += len(self.changes) + 1  # every cursor begins anew
        self.changes, self.positions = [], []
        self._note_skew(0)

    async def _get(self, what: str, **parameters: int) -> tuple[int, Any]:
        wanted = {"symbol": self._symbol, **{name: str(value) for name, value in parameters.items()}}
        timeout = aiohttp.ClientTimeout(total=10)
        async with self._http.get(f"{self._rest}/admin/{what}", params=wanted, timeout=timeout) as reply:
            return reply.status, await reply.json()


class Cursor:
    """The true book at one position after another, mostly forwards. Each stream that is judged has its own."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self._done = -1  # changes of the tape, since its beginning, that are inside
        self.amounts: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.keys: tuple[list[int], list[int]] = ([], [])  # sorted: the best first

    def move(self, position: int) -> None:
        """Makes `amounts` and `keys` the book at `position`, which `Tape.place` has found."""
        tape = self.tape
        wanted = tape.dropped + bisect_right(tape.positions, position)
        if self._done < tape.dropped:
            self._done = tape.dropped + len(tape.changes)
            self.amounts = (dict(tape.head[0]), dict(tape.head[1]))
            self.keys = (sorted(self.amounts[0]), sorted(self.amounts[1]))
        here, there = self._done - tape.dropped, wanted - tape.dropped
        for change in tape.changes[here:there]:
            self._set(change.side, change.key, change.after)
        for change in reversed(tape.changes[there:here]):
            self._set(change.side, change.key, change.before)
        self._done = wanted

    def _set(self, side: int, key: int, amount: int) -> None:
        amounts, keys = self.amounts[side], self.keys[side]
        if amount:
            if key not in amounts:
                insort(keys, key)
            amounts[key] = amount
        elif key in amounts:
            del amounts[key]
            del keys[bisect_left(keys, key)]


def units(text: str) -> int:
    """A decimal text in units of 10^-DECIMALS; exact, or it raises."""
    whole, _, part = text.partition(".")
    if len(part) > DECIMALS:
        exact = Decimal(text).scaleb(DECIMALS)
        if exact != int(exact):
            raise ValueError(f"{text} has more than {DECIMALS} decimals")
        return int(exact)
    return int(whole + part.ljust(DECIMALS, "0"))
