"""How each venue speaks: a protocol without I/O and a thread that does only I/O; one file per venue."""

from collections.abc import Mapping

from exchanges.binance import Binance
from exchanges.bitfinex import Bitfinex
from exchanges.bitstamp import Bitstamp
from exchanges.bybit import Bybit
from exchanges.coinbase import Coinbase
from exchanges.deribit import Deribit
from exchanges.errors import BadEndpoint, ExchangeError
from exchanges.kraken import Kraken
from exchanges.okx import Okx
from exchanges.session import VenueSession
from exchanges.venue import COMMON_OPTIONS, Address, Venue

_ALL = (Binance(), Bitstamp(), Coinbase(), Kraken(), Okx(), Bybit(), Deribit(), Bitfinex())

# Every venue that the program knows, in the order in which equal levels are shown.
VENUES: Mapping[str, Venue] = {venue.name: venue for venue in _ALL}

__all__ = ["COMMON_OPTIONS", "VENUES", "Address", "BadEndpoint", "ExchangeError", "Venue", "VenueSession"]
