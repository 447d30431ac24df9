"""What all pages have in common: Escape closes them, and Ctrl+C leaves as everywhere."""

from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Page(ModalScreen[Answer]):
    """Over the book, which goes on behind it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("ctrl+c", "app.help_quit", show=False),
    ]
    DEFAULT_CSS = """
    Page { align: center middle; background: $background 60%; }
    Page > .box {
        width: 100%; max-width: 108; height: auto; max-height: 100%;
        border: round $foreground 50%; padding: 0 1; background: $background; scrollbar-size-vertical: 1;
    }
    Page Input { border: none; height: 1; padding: 0; background: $background; }
    Page Input:focus { border: none; }
    Page:nocolor, Page:ansi { background: ansi_default; }
    """

    def action_close(self) -> None:
        """Back to the book, without an answer."""
        self.dismiss(None)
