"""Which pairs the venue lists, and on which faces."""

from typing import Final

from venue.faces.registry import FACES
from venue.listing import ASSETS, Pair

FIRST_FACES: Final = ("binance", "bitstamp")
DEFAULT_PAIRS: Final = (
    "BTC/USDT",
    "ETH/USDT",
    "ETH/BTC",
    "BTC/USDC@binance,deribit",
    "XRP/USD@bitstamp,kraken,coinbase,bitfinex",
    "BTC/USD@bitstamp,kraken,coinbase,bitfinex",
    "USDT/USD@bitstamp,kraken",
    "USDC/USD@bitstamp,kraken",
)

# Share of a pair's usual activity that quotes other than the big dollar ones see.
_QUIET_QUOTES: Final = {"BTC": 0.2, "EUR": 0.4, "GBP": 0.3, "USDC": 0.4}


class CatalogError(ValueError):
    """A pair that the venue cannot list; the message says why and what would do."""


def named_faces(text: str) -> tuple[str, ...]:
    """Return the faces that a pair's text names behind its ``@``. Raises CatalogError for an unknown one."""
    _, at, where = text.partition("@")
    named = tuple(dict.fromkeys(word.strip().lower() for word in where.split(","))) if at else ()
    for face in named:
        if face not in FACES:
            raise CatalogError(f"pair {text!r}: unknown venue {face!r}; known are {', '.join(FACES)}")
    return named


def parse_pair(text: str, faces: tuple[str, ...] = FIRST_FACES) -> Pair | None:
    """Read ``BASE/QUOTE`` or ``BASE/QUOTE@face[,face]``; None when no served face lists it.

    Raises CatalogError for a malformed pair, an unknown asset or an unknown face, and for a face that is named and
    never lists pairs of this quote.
    """
    base, slash, quote = text.partition("@")[0].strip().upper().partition("/")
    if not slash or not base or not quote or base == quote:
        raise CatalogError(f"pair {text!r}: expected BASE/QUOTE such as BTC/USDT or BTC/USDC@binance,deribit")
    for asset in (base, quote):
        if asset not in ASSETS:
            raise CatalogError(f"pair {text!r}: unknown asset {asset}; known are {', '.join(ASSETS)}")
    named = named_faces(text)
    price = ASSETS[base].usd / ASSETS[quote].usd
    for face in named:
        if not FACES[face].lists(quote):
            raise CatalogError(f"pair {text!r}: {face} lists nothing against {quote}")
    wanted = [face for face in FACES if face in (named or faces) and face in faces and FACES[face].lists(quote)]
    listings = tuple(FACES[face].listing(base, quote, price) for face in wanted)
    if not listings:
        return None
    activity = ASSETS[base].activity * _QUIET_QUOTES.get(quote, 1.0)
    return Pair(base, quote, price, activity, listings)
