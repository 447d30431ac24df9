"""How long to wait before the next attempt. No clock: times are passed in."""

import random

_STABLE_S = 10.0
_SHARE = 0.1  # of the time without success so far: a wait may prolong an outage by no more than this


class Backoff:
    """Waits that grow with the outage, jittered, which forgets its failures only after a stable period.

    A wait is drawn evenly between half and the whole of a tenth of the time that the outage has lasted, at least
    `first_s` and at most `cap_s`. So a venue that comes back is found soon after, whether it was away for seconds
    or hours, and one that stays away is asked ever more seldom.
    """

    def __init__(self, first_s: float = 0.5, cap_s: float = 30.0, rng: random.Random | None = None) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._rng = rng or random.Random()
        self.outage_s = 0.0  # of attempts and waits since the last stable period

    def next_s(self, lasted_s: float = 0.0) -> float:
        """The wait after an attempt that held for `lasted_s` seconds."""
        self.outage_s = 0.0 if lasted_s >= _STABLE_S else self.outage_s + lasted_s
        wait = min(max(self._first_s, self.outage_s * _SHARE), self._cap_s) * self._rng.uniform(0.5, 1.0)
        self.outage_s += wait
        return wait
