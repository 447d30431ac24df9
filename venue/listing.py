"""What is traded: assets, pairs, and a pair's listing on one face with its spelling and its scales."""

from dataclasses import dataclass
from typing import Final

from venue.habits import Habits


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
    "DOT": Asset(6.4, 1.5, 0.1, "Polkadot"),
    "LINK": Asset(14.2, 1.5, 0.15, "Chainlink"),
    "AVAX": Asset(27.0, 1.6, 0.12, "Avalanche"),
    "UNI": Asset(8.1, 1.6, 0.08, "Uniswap"),
    "ATOM": Asset(7.3, 1.5, 0.06, "Cosmos"),
    "TRX": Asset(0.14, 1.0, 0.1, "TRON"),
    "BCH": Asset(390.0, 1.4, 0.08, "Bitcoin Cash"),
    "XLM": Asset(0.11, 1.5, 0.06, "Stellar"),
    "NEAR": Asset(5.2, 1.7, 0.08, "NEAR Protocol"),
    "APT": Asset(8.8, 1.7, 0.06, "Aptos"),
    "ARB": Asset(0.74, 1.7, 0.07, "Arbitrum"),
    "OP": Asset(1.75, 1.7, 0.06, "Optimism"),
    "FIL": Asset(4.4, 1.6, 0.05, "Filecoin"),
    "AAVE": Asset(118.0, 1.6, 0.06, "Aave"),
    "SUI": Asset(1.1, 1.9, 0.1, "Sui"),
    "TON": Asset(6.6, 1.3, 0.07, "Toncoin"),
    "ETC": Asset(21.5, 1.4, 0.05, "Ethereum Classic"),
    "ALGO": Asset(0.15, 1.5, 0.04, "Algorand"),
    "INJ": Asset(22.0, 1.8, 0.06, "Injective"),
    "MKR": Asset(2_450.0, 1.5, 0.03, "Maker"),
    "USD": Asset(1.0, 0.0, 0.1, "U.S. dollar"),
    "USDT": Asset(1.0, 0.03, 0.1, "Tether"),
    "USDC": Asset(1.0, 0.03, 0.1, "USD Coin"),
    "EUR": Asset(1.08, 0.1, 0.1, "Euro"),
    "GBP": Asset(1.27, 0.1, 0.1, "Pound sterling"),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """One pair on one face. One tick is ``10**-price_decimals`` quote, one lot ``10**-lot_decimals`` base.

    ``symbol`` is the face's own spelling, ``habits`` are those of the face's public.
    """

    face: str
    base: str
    quote: str
    price_decimals: int
    lot_decimals: int
    symbol: str
    habits: Habits

    @property
    def pair(self) -> str:
        """The pair as people write it."""
        return f"{self.base}/{self.quote}"


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


def magnitude(price: float) -> int:
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
