"""What the venue must know of a face to list pairs on it, open its port and build it: one entry for each face."""

from collections.abc import Callable
from dataclasses import dataclass

from venue.faces.options import FaceOptions
from venue.habits import Habits
from venue.listing import Listing


@dataclass(frozen=True, slots=True)
class Entry:
    """One face.

    ``spell`` makes its symbol of base and quote, ``scales`` gives the decimals of price and amount for a base and a
    price. ``quotes`` are those it lists pairs against (empty: all). ``keeps_orders``: it shows single orders.
    """

    options: type[FaceOptions]
    port: int
    habits: Habits
    spell: Callable[[str, str], str]
    scales: Callable[[str, float], tuple[int, int]]
    quotes: frozenset[str] = frozenset()
    keeps_orders: bool = False

    @property
    def name(self) -> str:
        """The face's name."""
        return self.options.name

    def lists(self, quote: str) -> bool:
        """Tell whether pairs of this quote can be listed."""
        return not self.quotes or quote in self.quotes

    def listing(self, base: str, quote: str, price: float) -> Listing:
        """List a pair whose price is about ``price``."""
        price_decimals, lot_decimals = self.scales(base, price)
        return Listing(self.name, base, quote, price_decimals, lot_decimals, self.spell(base, quote), self.habits)
