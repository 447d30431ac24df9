"""A card over the book: rows that are drawn anew as the book goes on."""

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from dashboard.pages.base import Page
from dashboard.painting import Painting
from dashboard.rows import Row, fitted
from dashboard.themes import Look

AGAIN_S = 0.25


class CardPage(Page[None]):
    """Shows what `rows` gives for a width."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,q", "close", "Close")]
    DEFAULT_CSS = """
    CardPage > .box { max-width: 68; height: 20; }
    CardPage #card { height: 1fr; }
    """

    def __init__(self, title: str, rows: Callable[[int], list[Row]], look: Look) -> None:
        super().__init__()
        self._title = title
        self._rows = rows
        self._look = look

    def compose(self) -> ComposeResult:
        """One painting."""
        with Vertical(classes="box") as box:
            box.border_title = self._title
            box.border_subtitle = "Escape closes"
            yield Painting(self._look, id="card")

    def on_mount(self) -> None:
        """Drawn now, and as time goes by."""
        self.call_after_refresh(self.show_card)
        self.set_interval(AGAIN_S, self.show_card)

    def on_resize(self, _: events.Resize) -> None:
        """Another width."""
        self.call_after_refresh(self.show_card)

    def show_card(self) -> None:
        """As it is now."""
        painting = self.query_one("#card", Painting)
        width, height = painting.size
        rows = self._rows(width)
        self.query_one(".box").styles.height = len(rows) + 2
        painting.show((rows + [Row(fitted([], width))] * height)[:height])
