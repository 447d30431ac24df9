"""The plan of the screen: everything fits, at every size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.layout import MIN_HEIGHT, MIN_WIDTH, SCREENS, plan
from dashboard.panels.shelf import all_panels


@given(
    st.integers(1, 300), st.integers(1, 120), st.sampled_from((*SCREENS, "log")), st.booleans(), st.integers(0, 12)
)
def test_everything_fits(width: int, height: int, screen: str, alone: bool, venues: int) -> None:
    found = plan(width, height, screen, alone, venues=venues)
    room = height - found.header - found.pressure - found.footer
    assert found.panels
    assert set(found.panels) <= set(all_panels())
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        assert found.panels == ("book",)
        return
    assert room >= 3
    heights = [place.height for place in found.side]
    if len(found.side) > 1:
        assert sum(heights) == room
        assert min(heights) >= 6
    if found.left is not None and found.side:
        assert found.framed
        assert found.left.width + found.side[0].width == width
        assert found.left.width >= 60


def test_the_drawing_of_140_by_45() -> None:
    found = plan(140, 45, "book", False, venues=4)
    assert (found.header, found.pressure, found.footer, found.framed) == (1, 1, 1, True)
    assert found.panels == ("book", "venues", "depth", "trades", "health")
    assert found.left is not None
    assert (found.left.width, found.side[0].width) == (76, 64)


def test_a_frozen_book_says_so_in_a_second_line() -> None:
    assert plan(140, 45, "book", False, told=True).header == 2


@pytest.mark.parametrize(
    ("width", "height", "panels"),
    [
        (140, 29, ("book", "venues", "trades", "health")),
        (140, 20, ("book", "venues", "health")),
        (140, 16, ("book", "venues", "health")),
        (119, 45, ("book",)),
        (80, 24, ("book",)),
    ],
)
def test_panels_go_as_room_does(width: int, height: int, panels: tuple[str, ...]) -> None:
    assert plan(width, height, "book", False, venues=2).panels == panels


def test_one_panel_alone_has_all_of_it() -> None:
    found = plan(140, 45, "trades", True)
    assert found.panels == ("trades",)
    assert found.left is None
    assert found.framed
