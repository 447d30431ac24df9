"""Messages that wait until the venue's limit allows them. No clock: times are passed in."""

from collections import deque
from collections.abc import Iterator


class Outbox:
    """At most `per_s` messages in any second, in their order; 0: as many as there are."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._waiting: deque[str] = deque()
        self._sent: deque[float] = deque()  # when the latest were sent, within a second

    def put(self, text: str) -> None:
        """Adds one."""
        self._waiting.append(text)

    def due(self, now: float) -> Iterator[str]:
        """Takes out what may be sent now."""
        while self._sent and self._sent[0] <= now - 1.0:
            self._sent.popleft()
        while self._waiting and (not self._per_s or len(self._sent) < self._per_s):
            if self._per_s:
                self._sent.append(now)
            yield self._waiting.popleft()

    def wait_s(self, now: float) -> float | None:
        """Seconds until more may be sent; None: nothing waits."""
        if not self._waiting:
            return None
        return max(0.0, self._sent[0] + 1.0 - now) if self._sent else 0.0

    def clear(self) -> None:
        """Forgets what waits; what was sent counts on."""
        self._waiting.clear()
