"""A list that letters narrow: pairs, and the command palette."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from dashboard.finding import Choice
from dashboard.pages.base import Page
from dashboard.painting import Painting
from dashboard.rows import Role, Row, Span, cells, fitted
from dashboard.tables import cursor
from dashboard.themes import Look

SHOWN = 16  # lines


class Chooser(Page[str]):
    """Answers with the value of a choice; None: it was closed. `search` gives the choices for a text, best first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move(1)", "Next", show=False, priority=True),
        Binding("up,ctrl+p", "move(-1)", "Previous", show=False, priority=True),
        Binding("pagedown", f"move({SHOWN})", "Page down", show=False, priority=True),
        Binding("pageup", f"move(-{SHOWN})", "Page up", show=False, priority=True),
    ]
    DEFAULT_CSS = f"""
    Chooser {{ align: center top; }}
    Chooser > .box {{ max-width: 84; height: {SHOWN + 3}; max-height: 100%; margin-top: 1; }}
    Chooser #choices {{ height: 1fr; }}
    """

    def __init__(self, title: str, search: Callable[[str], Sequence[Choice]], look: Look) -> None:
        super().__init__()
        self._title = title
        self._search = search
        self._look = look
        self._choices: Sequence[Choice] = ()
        self._place = 0

    def compose(self) -> ComposeResult:
        """The line to write in, and the list."""
        with Vertical(classes="box") as box:
            box.border_title = self._title
            box.border_subtitle = "↑↓ Enter Escape"
            yield Input(placeholder="a few letters", id="letters")
            yield Painting(self._look, id="choices")

    def on_mount(self) -> None:
        """Everything is offered at first."""
        self._choices = self._search("")
        self.call_after_refresh(self._show)

    def on_resize(self, _: events.Resize) -> None:
        """Another width."""
        self.call_after_refresh(self._show)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Letters narrow the list."""
        self._choices, self._place = self._search(event.value.strip()), 0
        self._show()

    def on_input_submitted(self) -> None:
        """Takes the choice under the cursor."""
        if self._choices:
            self.dismiss(self._choices[self._place].value)

    def action_move(self, lines: int) -> None:
        """Moves the cursor; past an end it stays there."""
        self._place = max(0, min(self._place + lines, len(self._choices) - 1))
        self._show()

    def on_painting_clicked(self, event: Painting.Clicked) -> None:
        """Takes the choice that was clicked."""
        event.stop()
        at = self._first(self.query_one("#choices", Painting).size.height) + event.y
        if at < len(self._choices):
            self.dismiss(self._choices[at].value)

    def on_painting_rolled(self, event: Painting.Rolled) -> None:
        """The wheel moves the cursor."""
        event.stop()
        self.action_move(event.lines)

    def _first(self, height: int) -> int:
        return max(0, min(self._place - height // 2, len(self._choices) - height))

    def _show(self) -> None:
        painting = self.query_one("#choices", Painting)
        width, height = painting.size
        first = self._first(height)
        rows = [_row(choice, width) for choice in self._choices[first : first + height]]
        if not rows:
            rows = [Row(fitted([Span(" nothing of that name", Role.QUIET)], width))]
        elif self._place - first < len(rows):
            rows[self._place - first] = cursor(rows[self._place - first])
        painting.show((rows + [Row(fitted([], width))] * height)[:height])


def _row(choice: Choice, width: int) -> Row:
    spans: list[Span] = [Span(" ")]
    for at, sign in enumerate(choice.label):
        spans.append(Span(sign, Role.KEY if at in choice.at else Role.NORMAL))
    room = width - cells(spans) - 3
    about = choice.about if len(choice.about) <= room else choice.about[: max(0, room - 1)] + "…"
    return Row(fitted([*spans, Span(" " * max(2, room + 2 - len(about))), Span(about, Role.QUIET)], width))
