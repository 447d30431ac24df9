"""What the venue lists: pairs, the spelling and the scales of each face, and how busy each market is."""

from dataclasses import dataclass
from typing import Final

BINANCE: Final = "binance"
BITSTAMP: Final = "bitstamp"
FACES: Final = (BINANCE, BITSTAMP)


class CatalogError(ValueError):
    """A pair that the venue cannot list; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset's value at the start in US dollars and how it moves.

    ``volatility`` multiplies the walk of the fair value (1 is bitcoin's); ``activity`` multiplies the
    arrival rate of orders in pairs of which it is the base.
    """

    usd: float
    volatility: float
    activity: float
    name: str


ASSETS: Final[dict[str, Asset]] = {
    "BTC": Asset(64_000.0, 1.0, 1.0, "Bitcoin"),
    "ETH": Asset(3_200.0, 1.2, 0.6, "Ether"),
    "BNB": Asset(580.0, 1.1, 0.25, "BNB"),
    "SOL": Asset(148.0, 1.6, 0.4, "Solana"),
    "XRP": Asset(0.62, 1.5, 0.3, "XRP"),
    "LTC": Asset(72.0, 1.3, 0.2, "Litecoin"),
    "ADA": Asset(0.41, 1.5, 0.2, "Cardano"),
    "DOGE": Asset(0.12, 1.8, 0.3, "Dogecoin"),
    "USD": Asset(1.0, 0.0, 0.1, "U.S. dollar"),
    "USDT": Asset(1.0, 0.03, 0.1, "Tether"),
    "USDC": Asset(1.0, 0.03, 0.1, "USD Coin"),
    "EUR": Asset(1.08, 0.1, 0.1, "Euro"),
    "GBP": Asset(1.27, 0.1, 0.1, "Pound sterling"),
}

DEFAULT_PAIRS: Final = (
    "BTC/USDT",
    "ETH/USDT",
    "ETH/BTC",
    "BTC/USDC@binance",
    "XRP/USD@bitstamp",
    "BTC/USD@bitstamp",
)

# Share of a pair's usual activity that quotes other than the big dollar ones see.
_QUIET_QUOTES: Final = {"BTC": 0.2, "EUR": 0.4, "GBP": 0.3, "USDC": 0.4}


@dataclass(frozen=True, slots=True)
class Listing:
    """One pair on one face. One tick is ``10**-price_decimals`` quote, one lot ``10**-lot_decimals`` base."""

    face: str
    base: str
    quote: str
    price_decimals: int
    lot_decimals: int

    @property
    def pair(self) -> str:
        """The pair as people write it."""
        return f"{self.base}/{self.quote}"

    @property
    def symbol(self) -> str:
        """The face's own spelling: upper case on Binance, lower case on Bitstamp."""
        joined = self.base + self.quote
        return joined if self.face == BINANCE else joined.lower()


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair, its start price, its activity (1 is BTC/USDT) and where it is listed."""

    base: str
    quote: str
    price: float
    activity: float
    listings: tuple[Listing, ...]

    @property
    def name(self) -> str:
        """The pair as people write it."""
        return f"{self.base}/{self.quote}"


def parse_pair(text: str, faces: tuple[str, ...] = FACES) -> Pair | None:
    """Read ``BASE/QUOTE`` or ``BASE/QUOTE@face[,face]``; None when no served face lists it.

    Raises CatalogError for a malformed pair, an unknown asset or an unknown face.
    """
    names, at, where = text.partition("@")
    base, slash, quote = names.strip().upper().partition("/")
    if not slash or not base or not quote or base == quote:
        raise CatalogError(f"pair {text!r}: expected BASE/QUOTE such as BTC/USDT or BTC/USDC@binance")
    for asset in (base, quote):
        if asset not in ASSETS:
            raise CatalogError(f"pair {text!r}: unknown asset {asset}; known are {', '.join(ASSETS)}")
    wanted = tuple(dict.fromkeys(w.strip().lower() for w in where.split(","))) if at else FACES
    for face in wanted:
        if face not in FACES:
            raise CatalogError(f"pair {text!r}: unknown venue {face!r}; known are {', '.join(FACES)}")
    price = ASSETS[base].usd / ASSETS[quote].usd
    listings = tuple(_list(face, base, quote, price) for face in wanted if face in faces)
    if not listings:
        return None
    activity = ASSETS[base].activity * _QUIET_QUOTES.get(quote, 1.0)
    return Pair(base, quote, price, activity, listings)


def _list(face: str, base: str, quote: str, price: float) -> Listing:
    """Choose scales as the venues do: Binance ticks are fine, Bitstamp's about a hundred times coarser."""
    magnitude = _magnitude(price)  # 64,000 -> 4
    if face == BINANCE:
        # 64,000 -> 0.01, 3,200 -> 0.01, 0.05 -> 0.00001, 0.62 -> 0.0001
        price_decimals = 2 if magnitude >= 2 else min(8, 3 - magnitude)
        lot_decimals = max(0, min(5, 1 + _magnitude(ASSETS[base].usd)))
        return Listing(face, base, quote, price_decimals, lot_decimals)
    # 64,000 -> 1, 3,200 -> 0.1, 0.62 -> 0.0001; amounts always have eight decimals.
    return Listing(face, base, quote, max(0, min(8, 4 - magnitude)), 8)


def _magnitude(price: float) -> int:
    """Return the power of ten below ``price``, without the rounding of a logarithm."""
    return int(f"{price:e}".partition("e")[2])


def decimal_text(value: int, decimals: int, width: int) -> str:
    """Write ``value * 10**-decimals`` with exactly ``width`` decimals (``width >= decimals``)."""
    text = str(value)
    if not decimals:
        return f"{text}.{'0' * width}" if width else text
    if len(text) <= decimals:
        text = text.zfill(decimals + 1)
    # Slices beat divmod and a format with a width in it; this is the hottest function when books are written.
    text = f"{text[:-decimals]}.{text[-decimals:]}"
    return text if width == decimals else text + "0" * (width - decimals)
