"""How many updates a second a book gets, from the times at which they were received."""

from math import exp

FADES_NS = 5_000_000_000  # after which an update counts 1/e of what it did at first
_ONE = 1e9 / FADES_NS


def raised(rate: float, gap_ns: int) -> float:
    """The rate after one more update, `gap_ns` after the one before it; a clock that was set back counts as no gap.

    Every update counts for a time that fades, so that its whole weight over all time is one: the mean of a steady
    stream is its rate, whatever it did a minute ago.
    """
    return rate * exp(-gap_ns / FADES_NS) + _ONE if gap_ns > 0 else rate + _ONE


def faded(rate: float, age_ns: int) -> float:
    """The rate `age_ns` after the update by which it was raised last."""
    return rate * exp(-age_ns / FADES_NS) if age_ns > 0 else rate
