"""The mapping between virtual and wall time."""

import pytest

from venue.clock import VenueClock, wall_us


@pytest.mark.parametrize("speed", [1.0, 0.37, 7.0, 50.0])
def test_stamp_and_virtual_are_adjoint(speed: float) -> None:
    """What carries a time up to w is exactly what has happened at w: no update can hide between the two."""
    clock = VenueClock(speed, 5_000_000)
    base = clock.now_us()
    for wall in range(base, base + 2000, 7):
        virtual = clock.virtual(wall)
        for moment in range(virtual - 3, virtual + 4):
            assert (clock.stamp(moment) <= wall) == (moment <= virtual)


def test_now_follows_the_wall_clock() -> None:
    """The venue's time is the wall time."""
    assert abs(VenueClock().now_us() - wall_us()) < 50_000
