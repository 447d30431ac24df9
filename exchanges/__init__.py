"""How each venue speaks: a protocol without I/O and a thread that does only I/O; one file per venue."""

from collections.abc import Mapping

from exchanges.binance import Binance
from exchanges.bitstamp import Bitstamp
from exchanges.errors import BadEndpoint, ExchangeError
from exchanges.session import VenueSession
from exchanges.venue import Address, Venue

# Every venue that the program knows, in the order in which equal levels are shown.
VENUES: Mapping[str, Venue] = {venue.name: venue for venue in (Binance(), Bitstamp())}

__all__ = ["VENUES", "Address", "BadEndpoint", "ExchangeError", "Venue", "VenueSession"]
