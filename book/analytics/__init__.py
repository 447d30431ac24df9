"""Analytics: pure functions of the immutable merged book, exact, with a unit, and silent where they are undefined."""

from book.analytics.arbitrage import Arbitrage, arbitrages
from book.analytics.builtin import built_in
from book.analytics.depth import Depth, SideDepth, depth
from book.analytics.exact import ExactBook, ExactSide, ExactVenue, Limit, Touch
from book.analytics.figure import Figure
from book.analytics.fill import Fill, VenueFill, fill
from book.analytics.net import NetLevel, fees_in, net_ladder, net_view
from book.analytics.panel import Panel
from book.analytics.parameters import Amount, Between, Bps, Levels, Side, Venue
from book.analytics.plugins import CannotLoad, load_entry_points, load_function
from book.analytics.registry import Analytic, BadAnalytic, BadDefinition, BadResult, Definition, Registry

__all__ = [
    "Amount",
    "Analytic",
    "Arbitrage",
    "BadAnalytic",
    "BadDefinition",
    "BadResult",
    "Between",
    "Bps",
    "CannotLoad",
    "Definition",
    "Depth",
    "ExactBook",
    "ExactSide",
    "ExactVenue",
    "Figure",
    "Fill",
    "Levels",
    "Limit",
    "NetLevel",
    "Panel",
    "Registry",
    "Side",
    "SideDepth",
    "Touch",
    "Venue",
    "VenueFill",
    "arbitrages",
    "built_in",
    "depth",
    "fees_in",
    "fill",
    "load_entry_points",
    "load_function",
    "net_ladder",
    "net_view",
]
