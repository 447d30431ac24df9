"""What drawing costs, and how long a message waits for it."""

from dashboard.pace import Pace
from tests.dashboard.conftest import HandClock

MS = 1_000_000


class Drawing:
    """A pace with clocks that are moved by hand."""

    def __init__(self) -> None:
        self.clock, self.cpu = HandClock(), HandClock()
        self.pace = Pace(20, self.clock, self.cpu)

    def wait(self, ms: int) -> None:
        self.clock.ns += ms * MS

    def draws(self) -> list[int]:
        return [value // MS for _, value in self.pace.draws._samples]


def test_it_is_the_time_from_the_message_to_the_terminal() -> None:
    drawing = Drawing()
    drawing.pace.arrived()
    drawing.wait(3)
    drawing.pace.begins()
    drawing.wait(4)
    drawing.pace.written()
    assert drawing.draws() == [7]


def test_a_message_that_was_replaced_before_it_was_drawn_does_not_count() -> None:
    """Five messages in one frame: the picture is of the last one, and so is its age."""
    drawing = Drawing()
    for _ in range(5):
        drawing.pace.arrived()
        drawing.wait(10)
    drawing.pace.begins()
    drawing.wait(1)
    drawing.pace.written()
    assert drawing.draws() == [11]


def test_a_message_that_changes_nothing_is_not_waited_for() -> None:
    """A heartbeat is drawn and nothing is to be written; the next write comes a quarter of a second later."""
    drawing = Drawing()
    drawing.pace.arrived()
    drawing.pace.begins()
    drawing.wait(250)
    drawing.pace.begins()
    drawing.pace.written()
    assert drawing.draws() == []


def test_what_comes_while_a_picture_is_made_belongs_to_the_next() -> None:
    drawing = Drawing()
    drawing.pace.arrived()
    drawing.pace.begins()
    drawing.wait(5)
    drawing.pace.arrived()
    drawing.wait(1)
    drawing.pace.written()
    drawing.pace.begins()
    drawing.wait(2)
    drawing.pace.written()
    assert drawing.draws() == [6, 3]


def test_the_cost_of_a_picture_is_its_own() -> None:
    """Not what was read since the one before, which changed nothing."""
    drawing = Drawing()
    drawing.pace.begins()
    drawing.cpu.ns += 90 * MS
    drawing.pace.begins()
    drawing.cpu.ns += 4 * MS
    drawing.pace.written()
    assert drawing.pace.figures().frame_ns == 4 * MS


def test_slow_pictures_halve_the_cap_and_quick_ones_bring_it_back() -> None:
    drawing = Drawing()
    for _ in range(3):
        drawing.pace.drew(30 * MS)
    assert drawing.pace.halved
    assert drawing.pace.frame_s == 0.1
    for _ in range(100):
        drawing.pace.drew(3 * MS)
    assert not drawing.pace.halved
