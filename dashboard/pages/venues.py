"""The picker of venues: who is counted in the book that is shown."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from dashboard import muting, venues
from dashboard.pages.base import Page
from dashboard.painting import Painting
from dashboard.rows import Role, Row, Span, fitted
from dashboard.tables import cursor

if TYPE_CHECKING:
    from dashboard.app import Dashboard


class VenuesPage(Page[None]):
    """Space mutes, Enter leaves one alone, a hears all of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down,ctrl+n", "move(1)", "Down", show=False),
        Binding("k,up,ctrl+p", "move(-1)", "Up", show=False),
        Binding("space", "mute", "Mute", show=False),
        Binding("enter", "solo", "Solo", show=False),
        Binding("a", "all", "All", show=False),
        Binding("V,q", "close", "Close", show=False),
    ]
    DEFAULT_CSS = """
    VenuesPage > .box { max-width: 52; }
    VenuesPage #who { height: 1fr; }
    """

    def __init__(self, app: "Dashboard") -> None:
        super().__init__()
        self._host = app
        self._place = 0

    def compose(self) -> ComposeResult:
        """One line a venue."""
        with Vertical(classes="box") as box:
            box.border_title = "Venues"
            box.border_subtitle = "space mutes · Enter solo · a all · Escape"
            box.styles.height = max(3, len(self._names()) + 2)
            yield Painting(self._host.wardrobe.look, id="who")

    def on_mount(self) -> None:
        """The first picture."""
        self.call_after_refresh(self.show_venues)

    def on_resize(self, _: events.Resize) -> None:
        """Another width."""
        self.call_after_refresh(self.show_venues)

    def _names(self) -> list[str]:
        book = self._host.scene().view.book
        return [venue.name for venue in book.venues] if book is not None else []

    def show_venues(self) -> None:
        """Who is heard now."""
        scene = self._host.scene()
        painting = self.query_one("#who", Painting)
        width, height = painting.size
        book = scene.view.book
        rows: list[Row] = []
        if book is not None:
            away = muting.silent(book, scene.options)
            signs = venues.marks(scene.view)
            for index, venue in enumerate(book.venues):
                glyph, word, role = (muting.GLYPH, "muted", Role.QUIET) if index in away else venues.state_of(venue)
                name = Span(f"  {signs[index]} {venue.name:<14}", venues.venue_role(index))
                solo = "  only this" if venue.name == scene.options.solo else ""
                rows.append(Row(fitted([name, Span(f"{glyph} {word}", role), Span(solo)], width)))
        if rows:
            self._place = min(self._place, len(rows) - 1)
            rows[self._place] = cursor(rows[self._place])
        painting.show((rows + [Row(fitted([], width))] * height)[:height])

    def action_move(self, lines: int) -> None:
        """Up or down."""
        self._place = max(0, min(self._place + lines, len(self._names()) - 1))
        self.show_venues()

    def action_mute(self) -> None:
        """The venue is not counted, or counted again."""
        if names := self._names():
            self._host.hear(muting.muted(self._host.scene().options, names[self._place]))
            self.show_venues()

    def action_solo(self) -> None:
        """The only venue that is counted, or one of all again."""
        if names := self._names():
            self._host.hear(muting.soloed(self._host.scene().options, names[self._place]))
            self.show_venues()

    def action_all(self) -> None:
        """Every venue is counted."""
        self._host.hear(muting.everybody(self._host.scene().options))
        self.show_venues()

    def on_painting_clicked(self, event: Painting.Clicked) -> None:
        """A click mutes, a double click leaves one alone."""
        event.stop()
        if 0 <= event.y < len(self._names()):
            self._place = event.y
            if event.times > 1:
                self.action_solo()
            else:
                self.action_mute()
