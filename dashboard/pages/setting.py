"""The settings: each with what it is for; a change is seen at once and kept."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from dashboard.pages.base import Page
from dashboard.pages.prompt import Prompt
from dashboard.painting import Painting
from dashboard.rows import Role, Row, Span, fitted
from dashboard.settings import SETTINGS, Settings, checked, following, read, written
from dashboard.tables import Column, cursor, table

if TYPE_CHECKING:
    from dashboard.app import Dashboard

COLUMNS = (
    Column("setting", 0, right=False, least=14),
    Column("value", 0, right=False, least=12),
    Column("", 1, right=False, grows=True, least=20),
)


class SettingsPage(Page[None]):
    """Left and right go through what is offered; Enter asks for a text where any is allowed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down,ctrl+n", "move(1)", "Down", show=False),
        Binding("k,up,ctrl+p", "move(-1)", "Up", show=False),
        Binding("l,right,space", "turn(1)", "Next value", show=False),
        Binding("h,left", "turn(-1)", "Previous value", show=False),
        Binding("enter", "write", "Write", show=False),
        Binding("semicolon,q", "close", "Close", show=False),
    ]
    DEFAULT_CSS = """
    SettingsPage > .box { max-width: 100; }
    SettingsPage #settings { height: 1fr; }
    """

    def __init__(self, app: "Dashboard") -> None:
        super().__init__()
        self._host = app
        self._place = 0

    def compose(self) -> ComposeResult:
        """One line a setting."""
        with Vertical(classes="box") as box:
            box.border_title = "Settings"
            box.border_subtitle = "j k move · h l change · Enter writes · Escape closes"
            box.styles.height = len(SETTINGS) + 4
            yield Painting(self._host.wardrobe.look, id="settings")

    def on_mount(self) -> None:
        """The first picture."""
        self.call_after_refresh(self.show_settings)

    def on_resize(self, _: events.Resize) -> None:
        """Another width."""
        self.call_after_refresh(self.show_settings)

    def show_settings(self) -> None:
        """All settings as they are now."""
        painting = self.query_one("#settings", Painting)
        painting.wear(self._host.wardrobe.look)
        width, height = painting.size
        head, rows = table(COLUMNS, [_line(self._host.desk.settings, at) for at in range(len(SETTINGS))], width)
        rows[self._place] = cursor(rows[self._place])
        path = self._host.keeper.path
        where = f" kept in {path}" if path is not None else " not kept: there is no file to write to"
        room = max(1, height - 2)
        first = max(0, min(self._place - room // 2, len(rows) - room))
        foot = Row(fitted([Span(where, Role.QUIET)], width))
        blank = Row(fitted([], width))
        shown = (rows[first : first + room] + [blank] * room)[:room]
        painting.show([head, *shown, foot][:height])

    def action_move(self, lines: int) -> None:
        """Up or down."""
        self._place = max(0, min(self._place + lines, len(SETTINGS) - 1))
        self.show_settings()

    def action_turn(self, step: int) -> None:
        """The next or the previous value."""
        setting = SETTINGS[self._place]
        if not setting.offered:
            self.action_write()
            return
        value = following(setting.name, getattr(self._host.desk.settings, setting.name), step)
        self._host.change(**{setting.name: value})
        self.show_settings()

    def action_write(self) -> None:
        """Any value, where more than the offered ones are allowed."""
        setting = SETTINGS[self._place]
        if not setting.free and setting.low is None:
            self.action_turn(1)
            return
        value = getattr(self._host.desk.settings, setting.name)

        def check(text: str) -> None:
            self._host.try_on(checked({setting.name: read(setting.name, text)}, "settings", self._host.desk.settings))

        def take(text: str | None) -> None:
            if text is not None:
                self._host.change(**{setting.name: read(setting.name, text)})
                self.show_settings()

        self.app.push_screen(Prompt(setting.name, written(value), setting.about, check), take)

    def on_painting_clicked(self, event: Painting.Clicked) -> None:
        """Selects a setting; a second click changes it."""
        event.stop()
        at = event.y - 1
        if 0 <= at < len(SETTINGS):
            self._place = at
            if event.times > 1:
                self.action_turn(1)
            self.show_settings()


def _line(settings: Settings, at: int) -> list[Span]:
    setting = SETTINGS[at]
    value = getattr(settings, setting.name)
    return [Span(setting.name), Span(written(value) or "─", Role.KEY), Span(setting.about, Role.QUIET)]
