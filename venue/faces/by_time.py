"""Faces whose streams carry times and no ids: positions of the truth are microtimestamps."""

from venue.feed import MarketFeed
from venue.market import Copy, Update


class ByTime:
    """Finds books and changes by wall times in µs."""

    def copy_for(self, feed: MarketFeed, at: int) -> Copy:
        """Copy the book with all changes up to a microtimestamp."""
        return feed.market.copy_at_time(feed.unstamp(at))

    def changes_for(self, feed: MarketFeed, after: int, limit: int) -> list[Update]:
        """Return the changes after a microtimestamp; those of one time stay together."""
        return feed.market.changes_since(feed.unstamp(after), limit)
