"""The analytics that everybody has."""

from book.analytics.arbitrage import arbitrage
from book.analytics.depth import depth_bps, imbalance, imbalance_bps
from book.analytics.fill import cost, cost_quote, net_cost, net_cost_quote, vwap
from book.analytics.registry import Registry, define
from book.analytics.top import microprice, mid, net_ask, net_bid, net_spread_bps, spread, spread_bps

_BUILT_IN = tuple(
    define(function.__name__, function)
    for function in (
        mid,
        microprice,
        spread,
        spread_bps,
        imbalance,
        imbalance_bps,
        depth_bps,
        vwap,
        cost,
        cost_quote,
        net_bid,
        net_ask,
        net_spread_bps,
        net_cost,
        net_cost_quote,
        arbitrage,
    )
)


def built_in() -> Registry:
    """A registry of all built-in analytics, to which users' own may be added."""
    return Registry(_BUILT_IN)
