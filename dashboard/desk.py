"""What the dashboard knows: it listens to the stream and its branches, and answers with a scene. Draws nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dashboard.alerts import LEVEL_ROLES, Alert, Engine
from dashboard.branches import Branches
from dashboard.feed import Clock, Failure, Feed, View
from dashboard.grouping import tick_of
from dashboard.history import History
from dashboard.journal import Journal
from dashboard.keys import Keys
from dashboard.market import Book
from dashboard.muting import heard_view
from dashboard.pace import Pace
from dashboard.panels.base import Scene
from dashboard.rows import Role
from dashboard.rules import Subject, parse
from dashboard.settings import Settings
from dashboard.status import Catalog, Status, catalog_of, status_of
from dashboard.trades import MalformedTrades, TradeList
from proto import orderbook_pb2 as pb

WORST_AGE_EVERY_NS = 250_000_000
RECENT_TRADES = 200  # of the past, to begin with


class Desk:
    """The state of one dashboard. Everything happens in the event loop of the application."""

    def __init__(
        self,
        address: str,
        pair: str,
        settings: Settings,
        *,
        clock: Clock,
        wall: Callable[[], int],
        cpu: Callable[[], int],
    ) -> None:
        """`wall`: ns since the epoch; `cpu`: ns of processor time of this process."""
        self.settings = settings
        self.keys = Keys(settings.keys)
        self.alerts = Engine([parse(text) for text in settings.alerts], clock)
        self.alerted: Callable[[Alert], None] = lambda _: None  # who tells the user
        self.feed = Feed(address, pair, clock)
        self.journal = Journal(wall)
        self.pace = Pace(settings.fps, clock, cpu)
        self.catalog = Catalog()
        self.status: Status | None = None
        self.depth = 10  # levels a side that are displayed
        self.muted: frozenset[str] = frozenset()
        self.solo = ""
        self.wake: Callable[[], None] = lambda: None  # something changed that ought to be drawn
        self._clock = clock
        self._status_ns = 0
        self.trades = TradeList(pair)
        self.trades_lost: Failure | None = None
        self._members: tuple[str, ...] = ()  # of a quote group: whose trades are read
        self._quotes: dict[str, Feed] = {}
        self._lags: dict[str, History] = {}
        self.ages, self.wires = History(), History()
        self._wall = wall
        self._offset_ns: int | None = None  # the least difference of the server's clock and ours, transit included
        self._worst_age: tuple[int, int | None] | None = None  # when it was looked for last
        self.branches = Branches(self)

    # The stream's listener.

    def connecting(self, attempt: int) -> None:
        """An attempt begins."""
        self.feed.connecting(attempt)
        self.wake()

    def connected(self) -> None:
        """The channel stands."""
        self.feed.connected()
        self.wake()

    def received(self, book: Book) -> None:
        """A message: it replaces the one that was not drawn yet."""
        self.feed.received(book)
        self._measure(book)
        if book.members != self._members:
            self._members = book.members
            self.trades.pair = book.pair
            self.branches.trades.again()
        self.journal.received(book)
        self.watch()
        self.pace.arrived()
        self.wake()

    def watch(self) -> None:
        """Holds the alert rules against the newest, whether the picture is paused or not."""
        if self.alerts.rules:
            for alert in self.alerts.watch(self.feed.present(), self.depth, self._age_p99()):
                self.journal.note(f"alert: {alert.text}", "!", LEVEL_ROLES[alert.rule.level])
                self.alerted(alert)

    def _age_p99(self) -> int | None:
        """Of the last minute; ordering its samples for every message would cost more than drawing it."""
        if all(rule.subject is not Subject.AGE for rule in self.alerts.rules):
            return None
        now = self._clock()
        if self._worst_age is None or now - self._worst_age[0] >= WORST_AGE_EVERY_NS:
            self._worst_age = now, self.ages.percentiles(now, 99)[0]
        return self._worst_age[1]

    def _measure(self, book: Book) -> None:
        """What the message tells of clocks and ways."""
        now = self._clock()
        age = self.feed.present().age
        if age is not None:
            self.ages.add(now, age[0])
        if book.clocks.sent_ns:
            difference = self._wall() - book.clocks.sent_ns
            self._offset_ns = difference if self._offset_ns is None else min(difference, self._offset_ns)
            self.wires.add(now, difference - self._offset_ns)
        if not book.heartbeat:
            for venue in book.venues:
                if venue.live and venue.lag_ns is not None:
                    self._lags.setdefault(venue.name, History()).add(now, venue.lag_ns)

    def ended(self, failure: Failure, retry_in_ns: int) -> None:
        """The stream ended; it comes back by itself."""
        self.feed.ended(failure, retry_in_ns)
        self.ages.mark(self._clock())
        self.journal.ended(failure)
        self.wake()

    # The branches' listener: none of it is drawn at once.

    def status_came(self, message: pb.Status) -> None:
        """The states of all pairs."""
        self.status, self._status_ns = status_of(message), self._clock()

    def pairs_came(self, message: pb.Pairs) -> None:
        """The pairs of the server."""
        self.catalog = catalog_of(message)

    def trades_came(self, message: pb.Trades) -> None:
        """Trades of the pair, and where some are missing."""
        self.trades_lost = None
        try:
            self.trades.received(message)
        except MalformedTrades as error:
            self.journal.note(str(error), "✕", Role.BAD)
        self.trades.pair = self.feed.view().pair or self.trades.pair

    def trades_wanted(self) -> pb.TradesRequest:
        """Those of the present pair, with some of the past; of a group those of its members: it has none."""
        pairs = self._members or ((self.feed.pair,) if self.feed.pair else ())
        return pb.TradesRequest(pairs=pairs, recent=RECENT_TRADES)

    def quote_came(self, book: Book) -> None:
        """The top of some pair's book."""
        if book.pair not in self._quotes:
            self._quotes[book.pair] = Feed(self.feed.address, book.pair, self._clock, kept=1)
        self._quotes[book.pair].received(book)

    def branch_lost(self, what: str, failure: Failure) -> None:
        """A branch ended."""
        if what == "status":
            self.status = None
        elif what == "trades" and (self._members or not self.feed.pair.endswith("~")):  # else they are asked for soon
            self.trades_lost = failure
            self.trades.broken("the stream was lost")

    def move(self, address: str) -> None:
        """Another server: nothing of the last one is shown with it."""
        self.feed.address = address
        self.status, self.catalog, self._quotes, self._offset_ns = None, Catalog(), {}, None
        self.ask(self.feed.pair)

    def ask(self, pair: str) -> None:
        """Another pair."""
        self.feed.ask(pair)
        self.ages.mark(self._clock())
        self._lags, self._members = {}, ()
        self.journal.switched()
        self.trades = TradeList(pair)
        self.branches.trades.again()

    def change(self, values: dict[str, Any]) -> None:
        """Other settings."""
        self.settings = replace(self.settings, **values)
        self.pace.ask(self.settings.fps)
        if "alerts" in values:
            self.alerts.replace([parse(text) for text in self.settings.alerts])

    def _tick(self, view: View) -> int:
        """Of the finest venue that trades the pair; one unit before it is known."""
        entry = self.catalog.find(view.pair)
        if entry is None or view.book is None or view.book.net_of_fees:
            return 1
        return tick_of((listing.tick_size for listing in entry.listings), view.book.price_decimals)

    def scene(self, *, wide: bool, mini: bool, mono: bool) -> Scene:
        """What is known at this moment."""
        now = self._clock()
        view = self.feed.view()
        options = self.settings.options(view.pair, self.muted, self.solo)
        return Scene(
            view=view,
            heard=heard_view(view, options),
            options=options,
            tick=self._tick(view),
            depth=self.depth,
            settings=self.settings,
            keys=self.keys,
            status=self.status,
            status_age_ns=now - self._status_ns if self.status is not None else 0,
            badge=self.alerts.badge,
            catalog=self.catalog,
            figures=self.pace.figures(),
            trades=self.trades,
            trades_lost=self.trades_lost,
            events=self.journal.events,
            quotes={pair: feed.view() for pair, feed in self._quotes.items()},
            ages=self.ages,
            wires=self.wires,
            draws=self.pace.draws,
            lags=self._lags,
            now_ns=now,
            wide=wide,
            mini=mini,
            mono=mono,
        )
