"""How long a book usually stays as it is, and so after which silence it is suspicious."""

import math

_UPDATES = 16  # over which what is usual is learnt
_SECOND_NS = 10**9
_AFTER_A_SECOND_S = 2.5  # the silence that is suspicious where a second is usual; it grows with the square root
_LONGEST_S = 15.0  # whatever is usual
_LONGEST_GAP_S = 60.0  # a longer one teaches no more than this, so that busy times are known again soon


class Pace:
    """One book's gaps between updates, by the venue's own stamps.

    A question about a silence costs the same whatever the book, and the longer one waits with it the longer a dead
    stream is believed. So a book with long gaps is asked about later, but by less than its gaps are longer: the
    threshold is 2.5 s times the square root of the usual gap in seconds. Usual is the root of the mean square, so
    that a stream that comes in bursts is judged by the silences between them.
    """

    __slots__ = ("_last_ns", "_learnt", "shortest_s", "square")

    def __init__(self, shortest_s: float = 1.0) -> None:
        """`shortest_s`: no silence below it is suspicious, however busy the book: the questions are counted."""
        self.shortest_s = shortest_s
        self._last_ns = 0
        self._learnt = 0  # gaps
        self.square = square_of(3.0)  # the mean square of the gaps in seconds; before any is known

    def restart(self) -> None:
        """The stream begins anew: what lies between the last update and the next one is no gap of the book."""
        self._last_ns = 0

    def note(self, venue_ns: int) -> None:
        """The book has changed. Without a stamp, and at the same one, nothing is learnt."""
        gap_ns = venue_ns - self._last_ns
        if gap_ns > 0 and self._last_ns:
            gap_s = gap_ns / _SECOND_NS
            if gap_s > _LONGEST_GAP_S:
                gap_s = _LONGEST_GAP_S
            self.square += (gap_s * gap_s - self.square) / _UPDATES
            self._learnt += 1
        if venue_ns > 0:
            self._last_ns = venue_ns

    @property
    def usual_s(self) -> float:
        """The usual gap; without end while too little is known."""
        return math.sqrt(self.square) if self._learnt >= _UPDATES else math.inf

    @property
    def threshold_s(self) -> float:
        """The silence that is to be looked into, to a tenth of a second."""
        wanted = _AFTER_A_SECOND_S * float(self.square**0.25)
        return round(min(max(wanted, self.shortest_s), _LONGEST_S), 1)


def square_of(threshold_s: float) -> float:
    """The mean square of the gaps at which the threshold is this, but for its bounds."""
    return float((threshold_s / _AFTER_A_SECOND_S) ** 4)
