"""What a panel is, what it may show, and what it may ask of the application."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from dashboard.feed import Failure, View
from dashboard.history import History
from dashboard.journal import Event
from dashboard.keys import Keys
from dashboard.options import Options
from dashboard.pace import Figures
from dashboard.rows import Role, Row, Span
from dashboard.settings import Settings
from dashboard.status import Catalog, Status
from dashboard.trades import TradeList


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a panel may show, at one moment. Nothing in it is changed in place."""

    view: View
    heard: View  # without the amounts of muted venues
    options: Options
    tick: int  # of the finest venue, in units of price
    depth: int  # levels a side that figures count: those that the ladder displays
    settings: Settings
    keys: Keys
    status: Status | None
    status_age_ns: int  # since it arrived
    catalog: Catalog
    figures: Figures
    trades: TradeList  # it grows; nobody but the desk writes it
    trades_lost: Failure | None  # why none come
    badge: tuple[str, Role] | None  # alerts that wait to be acknowledged
    events: tuple[Event, ...]  # oldest first
    quotes: Mapping[str, View]  # the tops of other pairs
    ages: History  # of the picture's newest update, by the venue's stamp; histories grow, as trades do
    wires: History  # from the server to here, above the fastest seen
    draws: History  # from a message to the terminal
    lags: Mapping[str, History]  # by venue: from its stamp to the server
    now_ns: int  # monotonic
    wide: bool = False
    mini: bool = False
    mono: bool = False

    @property
    def skewed(self) -> bool:
        """The clocks of a venue and of the server disagree."""
        told = self.view.age
        return told is not None and not told[1]

    @property
    def dimmed(self) -> bool:
        """What is drawn is not the present."""
        return self.view.frozen and self.view.had_book


class Host(Protocol):
    """What a panel may ask of the application when a key is pressed."""

    def scene(self) -> Scene:
        """What is known now."""

    def change(self, **values: Any) -> None:
        """Other settings, shown at once and kept in the file."""

    def say(self, text: str) -> None:
        """A short word in a corner."""

    def copy(self, text: str, what: str) -> None:
        """Text into the clipboard of the terminal; `what` it is, for the word that tells."""

    def open_pair(self, pair: str) -> None:
        """The book of another pair."""

    def show_screen(self, name: str) -> None:
        """Another screen."""

    def show_card(self, title: str, rows: Callable[[int], list[Row]]) -> None:
        """A card over the panels, drawn anew as time goes by; `rows` for a width."""

    def ask(
        self, title: str, text: str, about: str, check: Callable[[str], object], take: Callable[[str], None]
    ) -> None:
        """A line to write in. `check` raises a DashboardError for what cannot be taken."""

    def hear(self, options: Options) -> None:
        """Other venues muted, or one alone."""


class Panel:
    """A part of the screen. Its own state is what its keys change: a cursor, a place in a list.

    A method `on_cursor_down(host)` takes the key of the action `cursor.down` while the panel has the focus; a method
    `clicked` takes the mouse.
    """

    id: ClassVar[str] = ""
    title: ClassVar[str] = ""
    slow: ClassVar[bool] = True  # at most four pictures a second

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """Exactly `height` rows of exactly `width` cells."""
        raise NotImplementedError

    def heading(self, scene: Scene) -> str:
        """What is written into the upper edge of its frame."""
        return self.title

    def note(self, scene: Scene) -> tuple[Span, ...]:
        """What is written at the right end of the upper edge."""
        return ()

    def hint(self, scene: Scene) -> str:
        """What is written into the lower edge."""
        return ""

    def dimmed(self, scene: Scene) -> bool:
        """Whether its numbers are not those of now."""
        return scene.dimmed

    def takes(self, action: str) -> bool:
        """Whether it has a key for that action."""
        return hasattr(self, f"on_{action.replace('.', '_')}")

    def act(self, action: str, host: Host) -> bool:
        """Does it; False: there was nothing to do, and the application may."""
        return getattr(self, f"on_{action.replace('.', '_')}")(host) is not False

    def clicked(self, x: int, y: int, times: int, host: Host) -> None:
        """A click on its rows; `times`: 2 for the second of a double click."""

    def rolled(self, lines: int, ctrl: bool, host: Host) -> None:
        """The wheel was turned; `lines` is negative upwards."""


class Scrolling(Panel):
    """A list that is longer than its panel. `place` is the line that stays in view."""

    def __init__(self) -> None:
        self.place = 0
        self.first = 0  # the line that is shown at the top
        self._height = 1
        self._count = 0

    def window(self, count: int, height: int) -> tuple[int, int]:
        """First and last line (excluded) of what is shown of `count` lines, the place among them."""
        self._count, self._height = count, max(1, height)
        self.place = max(0, min(self.place, count - 1))
        self.first = max(0, min(self.place - height // 2, count - height))
        return self.first, min(count, self.first + height)

    def move(self, lines: int) -> None:
        """Up or down, to the end at most."""
        self.place = max(0, min(self.place + lines, self._count - 1))

    def on_cursor_down(self, host: Host) -> None:
        """One line down."""
        self.move(1)

    def on_cursor_up(self, host: Host) -> None:
        """One line up."""
        self.move(-1)

    def on_page_down(self, host: Host) -> None:
        """A page down."""
        self.move(self._height)

    def on_page_up(self, host: Host) -> None:
        """A page up."""
        self.move(-self._height)

    def on_top(self, host: Host) -> None:
        """The first line."""
        self.place = 0

    def on_bottom(self, host: Host) -> None:
        """The last line."""
        self.place = max(0, self._count - 1)

    def rolled(self, lines: int, ctrl: bool, host: Host) -> None:
        """Three lines a turn."""
        self.move(lines)
