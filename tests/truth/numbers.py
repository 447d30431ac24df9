"""The numbers by which venues place their books, turned into positions that never fall."""

from collections import deque
from typing import Final

_APART: Final = 10**9  # between the positions of two countings whose numbers cannot be joined exactly
_KEPT: Final = 4  # countings that may still be shown


class Numbers:
    """Positions of one stream of truth, read in order.

    A venue may count anew: after a row with a lower number than the one before, numbers mean later positions than
    they did. `contiguous`: the rows of one counting follow each other without a hole, so that the first of the next
    one is known to follow the last of this one.
    """

    def __init__(self, *, contiguous: bool) -> None:
        self._contiguous = contiguous
        self._shift = self._last = 0  # what numbers lack to be positions; the newest row's position
        self._before: deque[tuple[int, int]] = deque(maxlen=_KEPT)  # the same of earlier countings, newest first

    def read(self, number: int) -> int:
        """The position of the next row."""
        if number + self._shift < self._last:
            self._before.appendleft((self._shift, self._last))
            self._shift = self._last + (1 if self._contiguous else _APART) - number
        self._last = number + self._shift
        return self._last

    def newest(self, number: int) -> int:
        """The position of a number of the present counting, which may be of a moment after the last row."""
        return number + self._shift

    def number(self, position: int) -> int:
        """The number of the last row's position."""
        return position - self._shift

    def find(self, number: int, start: int, public: int) -> int | None:
        """The position of any number, of the newest counting that has it between these two; None: none has."""
        for shift, last in ((self._shift, public), *self._before):
            if start <= number + shift <= last:
                return number + shift
        return None
