"""An analytic of one's own: how the amounts near the best prices lean, weighted by how near they are.

The server loads it by name:           python3 server.py --analytic examples.pressure:pressure
and clients ask for it like any other: python3 client.py --format jsonl --analytics pressure:25
A package announces it in its pyproject.toml instead:
    [project.entry-points."onebook.analytics"]
    pressure = "examples.pressure:pressure"
"""

from decimal import Decimal
from itertools import islice

from book.analytics import ExactBook, Figure, Levels


def pressure(book: ExactBook, levels: Levels = 10) -> Figure | None:
    """(B - A) / (B + A), -1 to 1, where B and A sum amount / (1 + rank) over the best `levels` prices."""
    sides = [list(islice(side.prices(), levels)) for side in (book.bids, book.asks)]
    bids, asks = (sum(Decimal(amount) / (1 + rank) for rank, (_, amount) in enumerate(side)) for side in sides)
    if not bids or not asks:
        return None  # an empty side: nothing leans
    for side, best in zip((book.bids, book.asks), sides, strict=True):
        if unknown := side.beyond(best[-1][0]) if len(best) == levels else side.limits:
            return Figure.none("ratio", book.told(side, unknown), deeper=any(limit.cut for limit in unknown))
    return Figure(((bids - asks) / (bids + asks)).quantize(Decimal("0.000001")), "ratio")
