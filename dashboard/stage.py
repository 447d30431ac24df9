"""What the parts of the screen stand on, and the places that a plan gives them."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

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
    """The book and what stands beside it. Nothing of its own is ever seen."""

    BLANK = True  # not drawn line by line in every frame


class Side(Vertical):
    """The panels beside the book."""

    BLANK = True


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
