"""Gives the parts of the screen the places of a plan."""

from collections.abc import Iterable

from textual.screen import Screen

from dashboard.layout import Plan
from dashboard.painting import Painting


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
