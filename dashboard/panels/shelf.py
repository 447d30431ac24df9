"""All panels, made once for one application."""

from dashboard.panels.base import Panel
from dashboard.panels.book import BookPanel
from dashboard.panels.depth import DepthPanel
from dashboard.panels.health import HealthPanel
from dashboard.panels.log import LogPanel
from dashboard.panels.symbols import SymbolsPanel
from dashboard.panels.trades import TradesPanel
from dashboard.panels.venues import VenuesPanel


def all_panels() -> dict[str, Panel]:
    """By their ids; those beside the book from above."""
    made: tuple[Panel, ...] = (
        BookPanel(),
        VenuesPanel(),
        DepthPanel(),
        TradesPanel(),
        HealthPanel(),
        LogPanel(),
        SymbolsPanel(),
    )
    return {panel.id: panel for panel in made}
