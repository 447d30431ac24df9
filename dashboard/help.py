"""The help page: keys, glyphs, definitions."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from dashboard.keys import KEYS

LEGEND = (
    (
        "Venues",
        (
            ("● live", "its levels are in the book; the age is that of its newest update"),
            ("◐ stale", "connected and silent for too long: left out"),
            ("↻ resync", "updates were lost, a new snapshot is being fetched: left out"),
            ("◌ snapshot", "first snapshot under way"),
            ("✕ down", "no connection: left out"),
            ("— disabled", "switched off, or does not list the pair"),
        ),
    ),
    (
        "Feed",
        (
            ("● LIVE", "messages come; the age is that of the newest update drawn, ~ when clocks disagree"),
            ("◐ STALE", "the server is connected and silent"),
            ("✕ FROZEN", "the server is lost: the last book stays, dimmed"),
            ("‖ PAUSED", "you froze the picture; updates are counted"),
        ),
    ),
    (
        "Figures",
        (
            ("mid", "(best bid + best ask) / 2;  ▲ ▼ its last change,  × venues cross"),
            ("bp", "spread / mid, in hundredths of a per cent"),
            ("imb", "(bids - asks) / (bids + asks) over the displayed levels, equal depth on both sides"),
            ("TOTAL", "amount from the best price to this row; the bars show it, both sides by one scale"),
            ("NOTIONAL", "price × amount from the best price to this row"),
            ("VENUE", "who stands at this price; a dot: not this venue"),
            ("CROSSED", "best bid above best ask, with the two venues and the ages of their quotes"),
            ("LOCKED", "best bid equals best ask"),
            ("AUTO", "the rows follow the best prices"),
        ),
    ),
)


def page() -> Table:
    """The help as two columns, so that long lines wrap under their own beginning."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=12, no_wrap=True)
    grid.add_column(ratio=1)
    chapters = [("Keys", tuple((key.sign, key.about) for key in KEYS)), *LEGEND]
    for number, (title, entries) in enumerate(chapters):
        if number:
            grid.add_row("", "")
        grid.add_row(Text(title, style="bold"), "")
        for sign, about in entries:
            grid.add_row(f"  {sign}", about)
    return grid


class HelpPage(ModalScreen[None]):
    """Over the book, which goes on behind it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1", "dismiss_page", "Close", id="help.close"),
        Binding("q", "app.quit", "Quit", id="help.quit"),  # a modal page hides the application's keys
        Binding("ctrl+c", "app.help_quit", show=False, id="help.interrupt"),
        Binding("j,down", "scroll_page(1)", "Down", show=False, id="help.down"),
        Binding("k,up", "scroll_page(-1)", "Up", show=False, id="help.up"),
    ]
    DEFAULT_CSS = """
    HelpPage { align: center middle; background: $background 60%; }
    HelpPage VerticalScroll {
        width: 100%; max-width: 108; height: auto; max-height: 100%;
        border: round $foreground 50%; padding: 0 1; background: $background; scrollbar-size-vertical: 1;
    }
    HelpPage:nocolor, HelpPage:ansi { background: ansi_default; }
    """

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll() as box:
            box.border_title = "Help"
            box.border_subtitle = "Escape closes"
            yield Static(page(), id="help-text")

    def action_dismiss_page(self) -> None:
        """Back to the book."""
        self.dismiss()

    def action_scroll_page(self, lines: int) -> None:
        """Scrolls where the terminal is small."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
