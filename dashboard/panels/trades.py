"""The trades of all venues, the newest first."""

from dashboard import muting, trade_rows, venues
from dashboard.feed import Failure
from dashboard.market import Book
from dashboard.numbers import scaled
from dashboard.panels.base import Host, Panel, Scene
from dashboard.rows import Part, Role, Row, Span, line
from dashboard.settings import checked
from dashboard.tables import filled
from dashboard.trade_rows import Show
from dashboard.trades import PLACES, shown


class TradesPanel(Panel):
    """What was traded, and where some is missing."""

    id = "trades"
    title = "Trades"

    def __init__(self) -> None:
        self._room = 1

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """The newest trades; without a stream of them, why."""
        self._room = max(1, height - 1)
        if scene.trades_lost is not None:
            told = lost(scene.trades_lost)
            lines = [line(width, [Part(0, (Span(text, Role.WARN),))]) for text in told]
            if not len(scene.trades):
                return filled(lines, width, height)
        book = scene.view.book
        if book is None:
            return filled([line(width, [Part(0, (Span("no book yet", Role.QUIET),))])], width, height)
        letters = trade_rows.letters_by_name([venue.name for venue in book.venues], venues.marks(scene.view))
        return trade_rows.rows(scene.trades, width, height, self._show(scene), _decimals(scene, book), letters)

    def _show(self, scene: Scene) -> Show:
        settings = scene.settings
        book, muted = scene.view.book, scene.options.muted
        if book is not None:
            muted = frozenset(book.venues[index].name for index in muting.silent(book, scene.options))
        return Show(settings.aggregate, settings.least, settings.large, muted)

    def heading(self, scene: Scene) -> str:
        """What is left out."""
        parts = ["Trades"]
        if scene.view.book is not None and scene.view.book.unit:
            parts.append("of its members, each in its own quote")
        if not scene.settings.aggregate:
            parts.append("each part")
        if scene.settings.least:
            parts.append(f"of {scene.settings.least} or more")
        return "  ".join(parts)

    def hint(self, scene: Scene) -> str:
        """Who was the more eager of late."""
        if scene.trades_lost is not None or not len(scene.trades):
            return ""
        return trade_rows.foot(scene.trades, self._show(scene).muted)

    def on_aggregate(self, host: Host) -> None:
        """What one order took at once is one line, or one a part."""
        on = not host.scene().settings.aggregate
        host.change(aggregate=on)
        host.say("trades of one order in one line" if on else "every part of an order in a line of its own")

    def on_copy(self, host: Host) -> None:
        """The trades in sight as a table."""
        scene = host.scene()
        show = self._show(scene)
        least = scaled(show.least, PLACES) if show.least else 0
        entries = shown(scene.trades, self._room, least, show.aggregate, show.muted)
        host.copy(trade_rows.tail(entries), "the trades in sight")

    def on_filter(self, host: Host) -> None:
        """Only trades of some size."""
        settings = host.scene().settings

        def check(text: str) -> None:
            checked({"least": text.strip()}, "filter", settings)

        def take(text: str) -> None:
            host.change(least=text.strip())

        host.ask("Smallest trade", settings.least, "an amount in base; empty: all trades", check, take)


def _decimals(scene: Scene, book: Book) -> int:
    """Of prices: the finest member's, where they are of a group, whose own are finer than any trade."""
    members = (scene.catalog.find(pair) for pair in book.members)
    return max((each.price_decimals for each in members if each is not None), default=book.price_decimals)


def lost(failure: Failure) -> tuple[str, ...]:
    """Why there are no trades, in words."""
    if failure.code == "UNIMPLEMENTED":
        return ("this server does not tell trades", "a newer one does")
    return (f"no trades: {failure}",)
