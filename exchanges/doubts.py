"""What REST books of a moment within a diff show otherwise than ours.

Where a diff says nothing of changes that cancel each other out within it, a single such book proves nothing: a level
may have come and gone. One that differs in the same way within several diffs, none of which tells of it, is wrong.
"""

from collections.abc import Mapping

from book.venue_book import Levels

Place = tuple[str, float]  # "bid" or "ask", and the price

_PROOF = 3  # books, each within a diff of its own


class Doubts:
    """The levels of one book that are in doubt. Owned by the thread of its connection."""

    def __init__(self) -> None:
        self._seen: dict[Place, tuple[object, int]] = {}  # the amount told (None: no level), how often in a row
        self._until = 0  # the end of the diff within which the latest such book was

    def __bool__(self) -> bool:
        return bool(self._seen)

    def clear(self) -> None:
        """The book is new, or confirmed as a whole."""
        self._seen.clear()
        self._until = 0

    def touched(self, bids: Levels, asks: Levels) -> None:
        """A diff tells of these levels: what was thought of them before does not matter any more."""
        if self._seen:
            for name, levels in (("bid", bids), ("ask", asks)):
                for price, _ in levels:
                    self._seen.pop((name, price), None)

    def news(self, position: int, until: int) -> bool:
        """Whether a book at `position`, in a diff that ends at `until`, is of a later diff than the one before."""
        if position <= self._until:
            return False
        self._until = until
        return True

    def weigh(self, found: Mapping[Place, object]) -> Place | None:
        """Takes the levels that one more book shows otherwise; returns one that is proven to be wrong."""
        seen = {}
        for place, amount in found.items():
            before, times = self._seen.get(place, (None, 0))
            seen[place] = (amount, times + 1 if times and before == amount else 1)
        self._seen = seen
        return next((place for place, (_, times) in seen.items() if times >= _PROOF), None)
