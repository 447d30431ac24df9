"""Merged books with analytics beside them, and in prices net of fees."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from book import MergedBook, PairView, VenueView, merge
from book.analytics import Analytic, ExactBook, Figure, Panel, fees_in, net_view
from book.fees import Fees
from services.figures import AnalysedBook
from services.options import MAX_LEVELS
from services.view import HEARTBEAT_S, Cut, MergedBookView, first_prices

_logger = logging.getLogger(__name__)

_LOOK = 100  # levels a side that are looked at first, however few are shown
_DEEPER = 4  # times as many when an analytic needs more


@dataclass(frozen=True, slots=True)
class Analysed:
    """Makes views with these analytics; those that are equal are one view."""

    analytics: tuple[Analytic, ...]
    net: bool
    fees: Fees = field(compare=False)  # the server's, the same for all
    failed: set[str] = field(compare=False)  # the analytics whose failure was told already, by name

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        cut: Cut,
        picture: Callable[[Cut], PairView],
        heartbeat_s: float = HEARTBEAT_S,
    ) -> "AnalysedView":
        """As the constructors of the plain views."""
        return AnalysedView(loop, cut, picture, heartbeat_s, self)


class AnalysedView(MergedBookView):
    """Books with analytics, which are computed once for each state, of more levels than are shown where need be."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        cut: Cut,
        picture: Callable[[Cut], PairView],
        heartbeat_s: float,
        wish: Analysed,
    ) -> None:
        look = max(cut.levels, _LOOK) if wish.analytics else cut.levels
        super().__init__(loop, cut._replace(levels=look), picture, heartbeat_s)
        self._levels = cut.levels  # that are shown
        self._wish = wish
        self._panel = Panel(wish.analytics, self._tell)
        self._made: AnalysedBook | None = None  # of the newest picture

    def merge(self, picture: PairView) -> MergedBook:
        """The levels that are shown, and the figures of all that are looked at; computed once for each version."""
        if self._made is None or self._made.version != picture.version:
            self._made = self._make(picture)
        return self._made

    def _make(self, picture: PairView) -> AnalysedBook:
        figures = self._figures(picture)
        while self.cut.levels < MAX_LEVELS and any(figure.deeper for _, figure in figures):
            # It stays so deep: what was needed once will be needed again.
            self.cut = self.cut._replace(levels=min(MAX_LEVELS, self.cut.levels * _DEEPER))
            picture = self._picture(self.cut)
            figures = self._figures(picture)
        n = self._levels
        shown = msgspec.structs.replace(picture, venues=tuple(_first(venue, n) for venue in picture.venues))
        if self._wish.net:
            shown = net_view(shown, fees_in(picture, self._wish.fees))
        merged = merge(shown, n * max(1, len(shown.venues)))
        return AnalysedBook(
            merged.pair,
            merged.version,
            merged.price_decimals,
            merged.amount_decimals,
            merged.venues,
            first_prices(merged.bids, n),
            first_prices(merged.asks, n),
            merged.unit,
            merged.conversions,
            figures,
            self._wish.net,
        )

    def _figures(self, picture: PairView) -> tuple[tuple[str, Figure], ...]:
        if not self._wish.analytics:
            return ()
        fees = fees_in(picture, self._wish.fees)
        found = self._panel.figures(ExactBook.of(picture, fees, time.time_ns()))
        return tuple((name, figure) for name, figures in found.items() for figure in figures)

    def _tell(self, analytic: Analytic, error: BaseException) -> None:
        """Once for each function, however many views, parameters and books it fails for."""
        name = analytic.definition.name
        if name not in self._wish.failed:
            self._wish.failed.add(name)
            _logger.error(
                "the analytic %s failed; its figures say so, all others go on", analytic.name, exc_info=error
            )


def _first(venue: VenueView, levels: int) -> VenueView:
    if len(venue.bids) <= levels and len(venue.asks) <= levels:
        return venue
    return msgspec.structs.replace(venue, bids=venue.bids[:levels], asks=venue.asks[:levels])
