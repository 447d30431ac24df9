"""Faces whose book streams begin with a snapshot at the moment a client subscribes.

Who comes in the middle of an interval ends it: those who are there get what was gathered, then the newcomer gets the
snapshot, so that all stand at the same point and get the same frames from there on.
"""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from venue.budget import Budgets
from venue.faces.connection import Connection, ConnectionRules, frame_text
from venue.faces.face import Face
from venue.faces.window import Window
from venue.feed import MarketFeed
from venue.ladder import Ladder
from venue.market import Print, Published, Update


@dataclass(slots=True)
class Topic:
    """One book stream that somebody has subscribed, and what it has gathered since its last message.

    ``every`` counts intervals between its messages; ``depth`` 0 is the whole book.
    """

    stream: str
    feed: MarketFeed
    depth: int
    every: int
    window: Window
    last_id: int  # of the newest change that has been told, as the face numbers them
    last_us: int  # its time on the market's clock
    touched: tuple[dict[int, None], dict[int, None]] = field(default_factory=lambda: ({}, {}))
    flushes: int = 0

    def add(self, updates: Iterable[Update]) -> None:
        """Gather."""
        for update in updates:
            self.touched[update.side][update.tick] = None

    def clear(self) -> None:
        """Begin a new interval."""
        for side in self.touched:
            side.clear()


class SnapshotFace(Face):
    """Keeps the topics, and tells a dialect when to write what.

    ``windowed``: the dialect asks a topic's window for what has changed; else the window stays empty.
    """

    windowed: ClassVar[bool] = True

    def __init__(
        self, feeds: Iterable[MarketFeed], rules: ConnectionRules, seed: str, budgets: Budgets | None = None
    ) -> None:
        super().__init__(feeds, rules, seed, budgets)
        self.topics: dict[str, dict[str, Topic]] = {symbol: {} for symbol in self.feeds}

    @abstractmethod
    def shape(self, stream: str) -> tuple[int, int]:
        """Return the depth of a book stream that is served, and how many intervals lie between its messages."""

    @abstractmethod
    def write_snapshot(self, topic: Topic) -> bytes:
        """Write the book as it was last told."""

    @abstractmethod
    def write_changes(self, topic: Topic) -> bytes | None:
        """Write what was gathered, with the public position as ``last_id`` and ``last_us``; None: nothing to tell.

        The window is still the one of the message before.
        """

    def on_prints(self, feed: MarketFeed, prints: list[Print], now_us: int) -> None:
        """Send trades."""

    def begin(self, connection: Connection, stream: str, *, snapshot: bool = True) -> None:
        """Add a client to a book stream that is served, and send the snapshot if wanted."""
        served = self.wants(stream)
        assert served is not None
        feed = served[0]
        feed.settle()
        topics = self.topics[feed.listing.symbol]
        topic = topics.get(stream)
        if topic is None:
            depth, every = self.shape(stream)
            market = feed.market
            window = Window(depth, market.view if self.windowed else Ladder())
            topic = Topic(stream, feed, depth, every, window, market.public_update_id, market.public_time_us)
            topics[stream] = topic
            self.opened(topic)
        else:
            self.tell(topic)
        self.join(connection, stream)
        if snapshot:
            payload = self.write_snapshot(topic)
            connection.allow(len(payload))  # a whole book may be larger than what a slow reader may let pile up
            self.deliver(connection, stream, payload)

    def deliver(self, connection: Connection, stream: str, payload: bytes) -> None:
        """Send one message of a stream to one client."""
        self.egress.frame(connection, stream, frame_text(payload))

    def opened(self, topic: Topic) -> None:
        """Take note of a topic that begins."""

    def unsubscribe(self, connection: Connection, stream: str) -> None:
        """Take a client off a stream; a topic ends with its last client."""
        super().unsubscribe(connection, stream)
        if stream not in self.subscribers:
            served = self.wants(stream)
            if served is not None:
                self.topics[served[0].listing.symbol].pop(stream, None)

    def tell(self, topic: Topic) -> None:
        """Send what a topic has gathered, if anything."""
        if not topic.touched[0] and not topic.touched[1]:
            return
        message = self.write_changes(topic)
        topic.clear()
        if message is not None:
            self.broadcast(topic.stream, message)

    def on_published(self, feed: MarketFeed, news: Published, now_us: int) -> None:
        """Gather book changes, send trades."""
        if news.updates:
            for topic in self.topics[feed.listing.symbol].values():
                topic.add(news.updates)
        if news.prints:
            self.on_prints(feed, news.prints, now_us)

    def on_idle(self, feed: MarketFeed) -> None:
        """Drop what was gathered; there is no topic without a watcher."""

    def on_flush(self, feed: MarketFeed, now_us: int) -> None:
        """End an interval of those topics for which it is time."""
        for topic in list(self.topics[feed.listing.symbol].values()):
            topic.flushes += 1
            if feed.immediate or topic.flushes % topic.every == 0:
                self.tell(topic)
