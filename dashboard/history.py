"""The last minute of a figure: a cell a second for a sparkline, percentiles. Bounded; the caller has the clock."""

from collections import deque
from collections.abc import Sequence

from dashboard.numbers import SECOND_NS, age
from dashboard.options import Glyphs
from dashboard.rows import Part, Role, Row, Span, line

CELLS = 60
WINDOW_NS = CELLS * SECOND_NS
SAMPLES = 4_096  # of a minute; at a higher rate the percentiles are of less than a minute
BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-=+*%#"
MARK = "┊"  # something happened here: time was lost, a stream began anew


class History:
    """Samples of one figure. One event loop writes and reads it."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, int]] = deque(maxlen=SAMPLES)
        self._worst: deque[tuple[int, int]] = deque(maxlen=CELLS + 1)  # by second: the largest value
        self._marks: deque[int] = deque(maxlen=CELLS)

    def add(self, now_ns: int, value: int) -> None:
        """A sample. Time does not go back."""
        self._samples.append((now_ns, value))
        while self._samples[0][0] <= now_ns - WINDOW_NS:
            self._samples.popleft()
        second = now_ns // SECOND_NS
        if self._worst and self._worst[-1][0] == second:
            value = max(value, self._worst.pop()[1])
        self._worst.append((second, value))

    def mark(self, now_ns: int) -> None:
        """A break at this moment."""
        self._marks.append(now_ns // SECOND_NS)

    @property
    def last(self) -> int | None:
        """The newest sample."""
        return self._samples[-1][1] if self._samples else None

    def percentiles(self, now_ns: int, *wanted: int) -> tuple[int | None, ...]:
        """Of the samples of the last minute, by nearest rank: a value that occurred; None without any."""
        values = sorted(value for at, value in self._samples if at > now_ns - WINDOW_NS)
        if not values:
            return (None,) * len(wanted)
        return tuple(values[max(0, -(-per_cent * len(values) // 100) - 1)] for per_cent in wanted)

    def cells(self, now_ns: int, count: int = CELLS) -> list[int | None]:
        """The worst of each second, the present one last; None: no sample in that second."""
        present = now_ns // SECOND_NS
        worst = dict(self._worst)
        return [worst.get(second) for second in range(present - count + 1, present + 1)]

    def sparkline(self, now_ns: int, count: int = CELLS, glyphs: Glyphs = Glyphs.BLOCK) -> str:
        """The worst of each second as bars from 0 to the largest; a blank without any, a dotted line at a break."""
        text = sparkline(self.cells(now_ns, count), glyphs)
        present = now_ns // SECOND_NS
        marks = {second - (present - count + 1) for second in self._marks}
        return "".join(MARK if at in marks else sign for at, sign in enumerate(text))


def sparkline(values: Sequence[int | None], glyphs: Glyphs = Glyphs.BLOCK) -> str:
    """One sign a value."""
    bars = ASCII_BARS if glyphs is Glyphs.ASCII else BARS
    most = max((value for value in values if value is not None), default=0)
    out = ""
    for value in values:
        if value is None:
            out += " "
        else:
            out += bars[min(len(bars) - 1, max(0, value) * len(bars) // most)] if most > 0 else bars[0]
    return out


def row(name: str, history: History, now_ns: int, width: int, glyphs: Glyphs = Glyphs.BLOCK, room: int = 6) -> Row:
    """A line of the health panel: the newest value, the last minute, p50 and p99. `room`: cells of all names."""
    last = history.last
    half, worst = history.percentiles(now_ns, 50, 99)
    told = "─" if last is None else age(last)
    tail = "p50 ─  p99 ─" if half is None or worst is None else _both(half, worst)
    count = max(0, min(CELLS, width - len(tail) - room - 17))
    return line(
        width,
        [
            Part(0, (Span(f"{name:<{room}}", Role.QUIET), Span(f"{told:>7}", Role.STRONG))),
            Part(2, (Span(history.sparkline(now_ns, count, glyphs) if count else "", Role.AXIS),)),
        ],
        [Part(1, (Span(tail),))],
    )


def _both(half: int, worst: int) -> str:
    one, two = age(half), age(worst)
    if one.endswith(" ms") and two.endswith(" ms"):
        one = one[:-3]
    return f"p50 {one}  p99 {two}"
