"""How late a stream's updates come, at best and just now: whether it falls behind."""

_BEHIND_NS = 3 * 10**9  # more than this above the best of late: the stream may have fallen behind
_WINDOW_NS = 60 * 10**9  # the best of this window and of the one before count, so that clocks may drift
_ASK_EVERY_NS = 5 * 10**9


class LagWatch:
    """One book's lags: received minus the venue's stamp. The venue's clock is not ours, so only changes tell."""

    __slots__ = ("_asked_ns", "_former", "_least", "_until_ns", "least_ns")

    def __init__(self) -> None:
        # The least of this window and the one before; None: no update yet. It is how far the venue's clock is behind
        # ours, and the fastest transit of late besides; the two cannot be told apart from one side.
        self.least_ns: int | None = None
        self._least = self._former = 1 << 62
        self._until_ns = 0
        self._asked_ns = 0

    def behind(self, venue_ns: int, received_ns: int) -> bool:
        """Takes one update; True when the lag has grown so much that it should be looked into, now and then."""
        lag = received_ns - venue_ns
        if received_ns >= self._until_ns:
            self._former, self._least = self._least, lag
            self._until_ns = received_ns + _WINDOW_NS
        elif lag < self._least:
            self._least = lag
        least = self.least_ns = min(self._least, self._former)
        if lag - least <= _BEHIND_NS or received_ns - self._asked_ns < _ASK_EVERY_NS:
            return False
        self._asked_ns = received_ns
        return True
