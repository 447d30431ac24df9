"""How fast pictures are drawn, and what that costs. Everything by clocks that are handed in."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from dashboard.history import History
from dashboard.numbers import SECOND_NS

SLOW_NS = 25_000_000  # a frame that takes longer makes the rest of the machine wait
SLOW_FRAMES = 3  # in a row, before the cap is halved: one alone is somebody else's doing
EASY_NS = 8_000_000
EASY_FRAMES = 100  # in a row, before the cap is doubled again
LEAST_FPS = 2.0
SAMPLES = 600
TOLD_NS = 200_000_000


class Figures(NamedTuple):
    """What drawing costs. Times in ns; None: nothing measured yet."""

    fps: float  # drawn in the last second
    cap: float  # pictures a second at most, now
    asked: float  # and as it was set
    frame_ns: int | None  # the middle one of late
    cpu: float | None  # per cent of one core


class Pace:
    """The frame cap: as asked, halved while frames are slow."""

    def __init__(self, fps: float, clock: Callable[[], int], cpu: Callable[[], int]) -> None:
        """`clock`: monotonic ns; `cpu`: ns of processor time of this process."""
        self._asked = self._cap = fps
        self._clock = clock
        self._cpu = cpu
        self._slow = self._easy = 0
        self._frames: deque[tuple[int, int]] = deque(maxlen=SAMPLES)  # when, how long
        self.draws = History()
        self._began: int | None = None  # processor time when the picture that is not on the terminal yet was begun
        self._arrived: int | None = None  # when the newest message came that is in no picture yet
        self._pictured: int | None = None  # and that of the picture that is being made
        self._told: tuple[int, Figures] | None = None
        self._cpu_at = (clock(), cpu())
        self._cpu_share: float | None = None

    def ask(self, fps: float) -> None:
        """Another cap."""
        if fps != self._asked:
            self._asked = self._cap = fps

    @property
    def frame_s(self) -> float:
        """Seconds between two pictures."""
        return 1 / self._cap

    @property
    def halved(self) -> bool:
        """Fewer pictures than asked for, since each takes too long."""
        return self._cap < self._asked

    def arrived(self) -> None:
        """A message came. One that replaces another before it was drawn is the one that is seen."""
        self._arrived = self._clock()

    def begins(self) -> None:
        """A picture is being made. If the one before changed nothing, it never came to the terminal."""
        self._began = self._cpu()
        self._pictured, self._arrived = self._arrived, None

    @property
    def under_way(self) -> bool:
        """A picture was begun that the terminal does not have yet."""
        return self._began is not None

    def unchanged(self) -> None:
        """What was begun is what the terminal shows already."""
        self._began = self._pictured = None

    def written(self) -> None:
        """The terminal has what was drawn: what it cost is known now."""
        if self._began is not None:
            self.drew(self._cpu() - self._began)
            self._began = None
        if self._pictured is not None:
            now = self._clock()
            self.draws.add(now, now - self._pictured)
            self._pictured = None

    def drew(self, took_ns: int) -> None:
        """A picture was made in `took_ns` of processor time."""
        self._frames.append((self._clock(), took_ns))
        self._slow = self._slow + 1 if took_ns > SLOW_NS else 0
        self._easy = self._easy + 1 if took_ns < EASY_NS else 0
        if self._slow >= SLOW_FRAMES and self._cap > LEAST_FPS:
            self._cap, self._slow = max(LEAST_FPS, self._cap / 2), 0
        elif self._easy >= EASY_FRAMES and self.halved:
            self._cap, self._easy = min(self._asked, self._cap * 2), 0

    def figures(self) -> Figures:
        """The figures of now; they are told at most so often that a person can read them."""
        now = self._clock()
        if self._told is not None and now - self._told[0] < TOLD_NS:
            return self._told[1]
        self._told = (now, self._figures(now))
        return self._told[1]

    def _figures(self, now: int) -> Figures:
        at, used = self._cpu_at
        if now - at >= SECOND_NS:
            spent = self._cpu()
            self._cpu_share = 100 * (spent - used) / (now - at)
            self._cpu_at = (now, spent)
        took = sorted(took for _, took in self._frames)
        return Figures(
            fps=float(sum(when > now - SECOND_NS for when, _ in self._frames)),
            cap=self._cap,
            asked=self._asked,
            frame_ns=took[len(took) // 2] if took else None,
            cpu=self._cpu_share,
        )
