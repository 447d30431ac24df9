"""A merged book with what was computed from it, as messages carry it."""

from book import MergedBook
from book.analytics import Figure
from book.analytics.figure import MILLISECONDS


class AnalysedBook(MergedBook, frozen=True, gc=False):
    """A merged book with figures, each with the name of its analytic; `net`: its prices have fees in them."""

    figures: tuple[tuple[str, Figure], ...] = ()
    net: bool = False

    def tells_the_same(self, other: "AnalysedBook") -> bool:
        """Whether the figures are alike, but for ages: those grow by themselves."""
        return len(self.figures) == len(other.figures) and all(
            one == another or one[1].unit == another[1].unit == MILLISECONDS
            for one, another in zip(self.figures, other.figures, strict=True)
        )
