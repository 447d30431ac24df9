"""Time: the wall clock in whole microseconds, and where on it a moment of the virtual market lies."""

import time


def wall_us() -> int:
    """Return the wall clock in µs since the epoch."""
    return time.time_ns() // 1000


class VenueClock:
    """Maps virtual microseconds to wall microseconds at a fixed speed.

    The wall side is anchored once and then follows the monotonic clock, so that a step of the system clock
    never makes the venue's times run backwards. Integers only: ``stamp`` rounds up and ``virtual`` down, hence
    ``stamp(v) <= w`` exactly when ``v <= virtual(w)``, and whatever carries a time up to w is in a copy taken at w.
    """

    def __init__(self, speed: float = 1.0, virtual_us: int = 0) -> None:
        self._milli = max(1, round(speed * 1000))
        self._virtual_us = virtual_us
        self._epoch_us = wall_us()
        self._monotonic_ns = time.monotonic_ns()

    def now_us(self) -> int:
        """Return the venue's wall time in µs."""
        return self._epoch_us + (time.monotonic_ns() - self._monotonic_ns) // 1000

    def virtual(self, wall: int) -> int:
        """Return the last virtual microsecond that has happened at a wall time."""
        return self._virtual_us + (wall - self._epoch_us) * self._milli // 1000

    def stamp(self, virtual_us: int) -> int:
        """Return the wall time at which a virtual moment happens."""
        return self._epoch_us - (self._virtual_us - virtual_us) * 1000 // self._milli

    def span(self, wall_span_us: int) -> int:
        """Return how much virtual time passes in a span of wall time."""
        return wall_span_us * self._milli // 1000
