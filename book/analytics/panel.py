"""Several analytics of one book at once, none of which can hurt the others."""

from collections.abc import Callable, Sequence
from traceback import format_exception_only

from book.analytics.exact import ExactBook
from book.analytics.figure import Figure
from book.analytics.registry import Analytic

Failed = Callable[[Analytic, BaseException], None]


class Panel:
    """The analytics that somebody asked for together.

    What one of them raises stays with it: its figure says so, and `failed` is told, once for each analytic
    however often it fails. One thread at a time.
    """

    def __init__(self, analytics: Sequence[Analytic], failed: Failed) -> None:
        self.analytics = tuple(analytics)
        self._failed = failed
        self._told: set[str] = set()

    def figures(self, book: ExactBook) -> dict[str, tuple[Figure, ...]]:
        """The figures of each analytic by its name, in the order in which they were asked for."""
        return {each.name: self._figures(each, book) for each in self.analytics}

    def _figures(self, analytic: Analytic, book: ExactBook) -> tuple[Figure, ...]:
        try:
            return analytic.figures(book)
        # A user's function may raise anything, even ask the program to end: it is not the program's function.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            if analytic.name not in self._told:
                self._told.add(analytic.name)
                self._failed(analytic, error)
            what = format_exception_only(error)[-1].strip()  # also of an exception whose text fails too
            return (Figure.none(analytic.definition.unit, f"the analytic failed: {what}"[:300]),)
