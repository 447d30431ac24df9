"""What a market is: one venue's book, the books of a pair under their lock, the merged book.

No I/O and no clock: whoever writes passes the times in.
"""

from book.connections import Connections
from book.consistency import Distance, Policy, Rule
from book.conversion import Conversion
from book.instrument import Instrument
from book.merged import MergedBook, merge
from book.pair import BadPair, Pair, UnknownPair, resolve_pair
from book.pair_books import PairBooks, PairView
from book.side import Dust, Level, Side
from book.state import Check, State
from book.trades import Print, Taker, Trade, TradeGap, TradeTape
from book.venue_book import Counters, Stamps, Trust, VenueBook, VenueView

__all__ = [
    "BadPair",
    "Check",
    "Connections",
    "Conversion",
    "Counters",
    "Distance",
    "Dust",
    "Instrument",
    "Level",
    "MergedBook",
    "Pair",
    "PairBooks",
    "PairView",
    "Policy",
    "Print",
    "Rule",
    "Side",
    "Stamps",
    "State",
    "Taker",
    "Trade",
    "TradeGap",
    "TradeTape",
    "Trust",
    "UnknownPair",
    "VenueBook",
    "VenueView",
    "merge",
    "resolve_pair",
]
