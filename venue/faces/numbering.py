"""Numbers that a stream gives its messages, and up to which update of the market each message goes."""

from bisect import bisect_left
from collections import deque
from typing import Final

from venue.market import HistoryGone

KEPT: Final = 50_000  # messages that can be asked for, in each run


class Numbering:
    """Counts messages one by one; a restart begins a new run at 1, and the run before is still known."""

    def __init__(self, first: int) -> None:
        self.number = first
        self._runs: deque[deque[tuple[int, int]]] = deque([deque(maxlen=KEPT)], maxlen=2)  # (number, update id)

    def next(self, update_id: int) -> int:
        """Number a message that tells everything up to an update."""
        self.number += 1
        self._runs[-1].append((self.number, update_id))
        return self.number

    def restart(self, update_id: int) -> int:
        """Number a message 1."""
        self._runs.append(deque(maxlen=KEPT))
        self.number = 0
        return self.next(update_id)

    @property
    def last_update_id(self) -> int:
        """The update up to which the newest message goes; 0 before the first."""
        return self._runs[-1][-1][1] if self._runs[-1] else 0

    def knows(self, number: int) -> bool:
        """Tell whether a message of this number is remembered."""
        return any(run and run[0][0] <= number <= run[-1][0] for run in self._runs)

    def update_of(self, number: int) -> int:
        """Return the update up to which a message goes, of the newest run that has it. Raises HistoryGone."""
        for run in reversed(self._runs):
            if run and run[0][0] <= number <= run[-1][0]:
                return run[number - run[0][0]][1]
        raise HistoryGone(f"message {number} is not kept, or not sent yet")

    def number_of(self, update_id: int) -> int:
        """Return the number of the first message that tells an update; the newest message's when none does yet."""
        for place in range(len(self._runs) - 1, -1, -1):
            run, before = self._runs[place], self._runs[place - 1] if place else None
            if run and (not before or before[-1][1] < update_id):  # not told before the numbers began anew
                return run[min(bisect_left(run, update_id, key=lambda entry: entry[1]), len(run) - 1)][0]
        return self.number
