"""A millisecond for each change of a book: for faces whose messages carry nothing finer by which to name the book."""

from bisect import bisect_right
from typing import Final

from venue.market import HistoryGone

KEPT: Final = 50_000  # changes that can be asked for, at least


class Milliseconds:
    """Strictly rising: a change has the first millisecond that is not before it and not taken.

    More than a thousand changes a second run ahead of the clock.
    """

    def __init__(self) -> None:
        self._first = 1  # id of the oldest change that is kept
        self._taken: list[int] = []

    @property
    def last(self) -> int:
        """The newest one that is taken; 0: none."""
        return self._taken[-1] if self._taken else 0

    def add(self, update_id: int, wall_us: int) -> int:
        """Take one for the next change; ids that leave a hole begin anew."""
        ms = max(-(-wall_us // 1000), self.last + 1)
        if update_id != self._first + len(self._taken):
            self._first = update_id
            self._taken.clear()
        self._taken.append(ms)
        if len(self._taken) > 2 * KEPT:
            del self._taken[:KEPT]
            self._first += KEPT
        return ms

    def of(self, update_id: int) -> int | None:
        """Return that of a change; None: it is not kept."""
        place = update_id - self._first
        return self._taken[place] if 0 <= place < len(self._taken) else None

    def update_of(self, ms: int) -> int:
        """Return the newest change up to a moment. Raises HistoryGone when that is before all that are kept."""
        place = bisect_right(self._taken, ms)
        if not place:
            raise HistoryGone(f"{ms} ms is not kept: the oldest is {self._taken[0] if self._taken else 'none'}")
        return self._first + place - 1
