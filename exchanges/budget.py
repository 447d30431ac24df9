"""What a venue's limits leave to us: one account of weight in a window, visible to all. No clock."""

import threading
from collections import deque

_SHARE = 0.9  # of the venue's limit: others may use the same address


class Budget:
    """Weight used in a sliding window, and bans. Times are seconds of one monotonic clock. Thread-safe.

    The venue's own figure, where its replies tell one, counts when it is higher than ours: other programs
    behind the same address spend from the same account.
    """

    def __init__(self, limit: int, window_s: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self.banned_until = 0.0
        self._lock = threading.Lock()
        self._spent: deque[tuple[float, int]] = deque()  # (when, weight) of ours within the window
        self._others = 0  # weight used by others, as the venue's last reply implied
        self._others_until = 0.0

    def used(self, now: float) -> int:
        """Weight used in the window that ends now."""
        with self._lock:
            return self._used(now)

    def delay_s(self, weight: int, now: float, share: float = 1.0) -> float:
        """Spends `weight` and returns 0 if it fits now; otherwise spends nothing and returns the time to wait.

        `share`: of what is ours, how much may be used with it.
        """
        with self._lock:
            wait_s = self._wait_s(weight, now, share)
            if wait_s == 0:
                self._spent.append((now, weight))
            return wait_s

    def fits(self, weight: int, now: float, share: float = 1.0) -> bool:
        """Whether `delay_s` would return 0; spends nothing."""
        with self._lock:
            return self._wait_s(weight, now, share) == 0

    def told(self, used: int, now: float) -> None:
        """The venue says that `used` weight is used in the present window."""
        with self._lock:
            self._others = 0
            ours = self._used(now)
            if used > ours:
                self._others, self._others_until = used - ours, now + self.window_s

    def ban(self, seconds: float, now: float) -> None:
        """Nothing may be asked for so long."""
        with self._lock:
            self.banned_until = max(self.banned_until, now + seconds)

    def _wait_s(self, weight: int, now: float, share: float) -> float:
        if now < self.banned_until:
            return self.banned_until - now
        if self._used(now) + weight <= max(self.limit * _SHARE, weight) * share:
            return 0.0
        if self._spent:
            return max(0.01, self._spent[0][0] + self.window_s - now)
        return max(0.01, self._others_until - now)

    def _used(self, now: float) -> int:
        while self._spent and self._spent[0][0] <= now - self.window_s:
            self._spent.popleft()
        if now >= self._others_until:
            self._others = 0
        return sum(weight for _, weight in self._spent) + self._others
