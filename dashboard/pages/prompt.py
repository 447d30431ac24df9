"""A question with one line for the answer, which is checked before it is taken."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from dashboard.market import DashboardError
from dashboard.pages.base import Page


class Prompt(Page[str]):
    """Answers with the text; None: it was closed. `check` raises a DashboardError that says what is wrong."""

    DEFAULT_CSS = """
    Prompt > .box { max-width: 70; }
    Prompt #wrong { height: auto; }
    """

    def __init__(self, title: str, text: str, about: str, check: Callable[[str], object]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._about = about
        self._check = check

    def compose(self) -> ComposeResult:
        """The line, and a place for what is wrong with it."""
        with Vertical(classes="box") as box:
            box.border_title = self._title
            box.border_subtitle = "Enter takes it · Escape closes"
            yield Input(self._text, select_on_focus=True, id="answer")
            yield Static(self._about, id="wrong", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes the answer, or says why not."""
        try:
            self._check(event.value)
        except DashboardError as error:
            self.query_one("#wrong", Static).update(str(error))
            return
        self.dismiss(event.value)
