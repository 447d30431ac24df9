"""What the parts of the screen stand on, and the places that a plan gives them."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from dashboard.keys import ACTIONS
from dashboard.layout import Plan
from dashboard.painting import Painting


class MainScreen(Screen[None], inherit_bindings=False):
    """Where the panels are. Pages above it hide its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key.keys, f"app.act('{key.id}')", key.label, id=key.id, show=False) for key in ACTIONS),
        Binding("ctrl+c", "app.help_quit", show=False),
    ]


class Body(Horizontal):
    """The book and what stands beside it."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """Nothing of its own is ever seen, and the screen lies below: no line to be cut up in every frame."""
        return []


class Side(Vertical):
    """The panels beside the book."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """As the body."""
        return []


def arrange(screen: Screen[None], plan: Plan, panels: Iterable[str]) -> None:
    """Shows the parts that the plan has, at their sizes, and hides the others."""
    for name, lines in (("header", plan.header), ("pressure", plan.pressure), ("footer", plan.footer)):
        part = screen.query_one(f"#{name}", Painting)
        part.display = bool(lines)
        part.styles.height = max(1, lines)
    places = {place.panel: place for place in (plan.left, *plan.side) if place is not None}
    beside = bool(plan.left and plan.side)
    for name in panels:
        part = screen.query_one(f"#{name}", Painting)
        part.display = name in places
        if name in places:
            part.styles.width = places[name].width if name == "book" and beside else "1fr"
            part.styles.height = places[name].height or "1fr"
    screen.query_one("#side").display = bool(plan.side)
