"""The help page: keys, glyphs, definitions."""

from importlib.metadata import version
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from dashboard.keys import ACTIONS, GROUPS
from dashboard.pages.base import Page
from dashboard.panels.base import Scene

LEGEND = (
    (
        "Signs and colours",
        (
            (
                "bids, asks",
                "by place and heads first; green and red, or blue and orange in the cvd themes; swap exchanges them",
            ),
            (
                "fill",
                "the bar behind the numbers: the total up to the row, or its size (b), both sides by one scale (B)",
            ),
            ("bold", "the best price of a side; a size that just changed, for a moment"),
            ("◆", "a size or a trade of at least the setting `large`"),
            ("dim", "not of now: the feed is stale, lost or paused"),
            ("reversed", "the line under the cursor; a crossed spread row"),
            ("▲ ▼", "the mid went up or down; of a trade: the taker bought or sold"),
            ("≥", "a venue's known depth ends before: there may be more"),
            ("?", "in a venue's column: unknown there; in its state: far from all others for long"),
            ("…", "the deepest group may go on beyond the levels that were asked for"),
            ("·", "not this venue"),
        ),
    ),
    (
        "Venues",
        (
            ("● live", "its levels are in the book; the age is that of its newest update"),
            ("◐ stale", "connected and silent for too long: left out"),
            ("↻ resync", "updates were lost, a new snapshot is being fetched: left out"),
            ("◌ snapshot", "first snapshot under way"),
            ("✕ down", "no connection: left out"),
            ("◐ unconverted", "in a group: nobody knows what its quote is worth"),
            ("— disabled", "switched off, or does not list the pair"),
            ("— left out", "live, and the server does not merge it"),
            ("○ muted", "by you (V): nothing is wrong with it"),
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
            ("mid", "(best bid + best ask) / 2;  × while venues cross"),
            ("bp", "spread / mid, in hundredths of a per cent"),
            ("imb", "(bids - asks) / (bids + asks) over the displayed levels, equal depth on both sides"),
            ("TOTAL", "amount from the best price to this row"),
            ("NOTIONAL", "price × amount from the best price to this row"),
            ("group", "bids are rounded down and asks up: a group promises no better price than is in it"),
            (
                "avg, bp",
                "of a selected level: the average price of everything up to it, and how far it is from the mid",
            ),
            ("CROSSED", "best bid above best ask, with the two venues and the ages of their quotes"),
            ("LOCKED", "best bid equals best ask"),
            ("AUTO, HELD", "the rows follow the best prices; you scrolled, and c goes back"),
            ("age", "now - the venue's stamp on the newest update drawn"),
            ("lag", "of a venue: the server's reception - the venue's stamp, p50 and p99 of a minute"),
            ("wire", "from the server to here, above the fastest of this session"),
            ("draw", "from a message to the terminal"),
            ("conflated", "states that were replaced by newer ones before they were sent"),
        ),
    ),
)


def page(scene: Scene) -> Table:
    """The help as two columns, so that long lines wrap under their own beginning."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=14, no_wrap=True)
    grid.add_column(ratio=1)
    chapters = [
        (group, tuple((scene.keys.sign(key.id), key.about) for key in ACTIONS if key.group == group))
        for group in GROUPS
    ]
    chapters += [*LEGEND, ("Versions", versions(scene))]
    for number, (title, entries) in enumerate(chapters):
        if number:
            grid.add_row("", "")
        grid.add_row(Text(title, style="bold"), "")
        for sign, about in entries:
            grid.add_row(f"  {sign}", about)
    return grid


def versions(scene: Scene) -> tuple[tuple[str, str], ...]:
    """What runs here, and there."""
    server = scene.status.version if scene.status is not None else ""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("textual", "rich", "grpcio"))
    return (("client", libraries), ("server", f"{server or 'not told'} at {scene.view.address}"))


class HelpPage(Page[None]):
    """Over the book, which goes on behind it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "close", "Close"),
        Binding("q", "app.quit", "Quit"),  # a page hides the keys of the panels
        Binding("j,down", "scroll_page(1)", "Down", show=False),
        Binding("k,up", "scroll_page(-1)", "Up", show=False),
        Binding("pagedown,space", "scroll_page(20)", "Page down", show=False),
        Binding("pageup", "scroll_page(-20)", "Page up", show=False),
    ]

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll(classes="box") as box:
            box.border_title = "Help"
            box.border_subtitle = "Escape closes"
            yield Static(page(self._scene), id="help-text")

    def action_scroll_page(self, lines: int) -> None:
        """Scrolls where the terminal is small."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
