"""Snapshots that are well written and consistent in themselves, but old or crossed."""

from typing import ClassVar

from aiohttp import web

from venue.crossing import crossed
from venue.faults.parameters import LONGEST_S, Parameter, every
from venue.faults.replies import ReplyFault
from venue.feed import MarketFeed
from venue.market import Copy
from venue.matching import ASK, BID


class _SnapshotFault(ReplyFault):
    parameters: ClassVar[tuple[Parameter, ...]] = (every(),)

    def word(self, name: str) -> str:
        """Only snapshots are concerned."""
        return "snapshot" if name == "endpoint" else super().word(name)

    async def disturb(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Put another copy of the book into the reply; one of single orders stays as it is."""
        body = self.host.snapshot(request, self.choose)
        if body is not None:
            response.body = body
        return response

    def choose(self, feed: MarketFeed, position: int) -> Copy:
        """Return the copy to send instead of the one at ``position``."""
        raise NotImplementedError


class Ancient(_SnapshotFault):
    """A consistent snapshot of long ago, with the id or time of then."""

    kind = "ancient"
    summary = "the snapshot is a consistent one of the past, at most as old as the history"
    parameters = (*_SnapshotFault.parameters, Parameter("age_s", 10.0, "how old", 0, LONGEST_S))

    def choose(self, feed: MarketFeed, position: int) -> Copy:
        """Go back."""
        return feed.market.copy_at(position - feed.span(round(self.number_of("age_s") * 1e6)))


class Crossed(_SnapshotFault):
    """A snapshot whose best bid is not below its best ask."""

    kind = "crossed"
    summary = (
        "the snapshot is crossed: its sides are of different moments, and the diffs since then put it right. "
        "In a market that has not moved a false bid at the best ask is added, which only a new snapshot removes"
    )

    def choose(self, feed: MarketFeed, position: int) -> Copy:
        """Cross the present."""
        copy = feed.market.copy_at(position)
        mixed = crossed(feed, copy, position, reach_s=60.0)
        if mixed is not None:
            return mixed
        ladder = copy.ladder.copy()
        ask = ladder.best(ASK)
        if ask is not None:
            ladder.set(BID, ask, ladder.lots[ASK][ask])
        return Copy(ladder, copy.update_id, copy.time_us)
