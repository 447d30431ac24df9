"""How long to wait before the next attempt. No clock: times are passed in."""

import random

_STABLE_S = 60.0


class Backoff:
    """Capped exponential backoff with jitter, which forgets its failures only after a stable period.

    The n-th wait in a row is drawn evenly between half and the whole of `first_s` * 2^n, at most `cap_s`.
    """

    def __init__(self, first_s: float = 0.5, cap_s: float = 30.0, rng: random.Random | None = None) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._rng = rng or random.Random()
        self.failures = 0

    def next_s(self, lasted_s: float = 0.0) -> float:
        """The wait after an attempt that held for `lasted_s` seconds."""
        if lasted_s >= _STABLE_S:
            self.failures = 0
        wait = min(self._first_s * 2.0 ** min(self.failures, 30), self._cap_s)
        self.failures += 1
        return wait * self._rng.uniform(0.5, 1.0)
