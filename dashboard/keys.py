"""The keys: one table feeds the bindings, the footer and the help. One printable key a function."""

from typing import NamedTuple


class Key(NamedTuple):
    """A function: its id for remapping, its keys in Textual's names, its sign on the screen, label, meaning."""

    action: str
    keys: str
    sign: str
    label: str
    about: str


KEYS = (
    Key(
        "pause",
        "space",
        "space",
        "Pause",
        "freeze the picture; what arrives is counted, and the same key goes to the newest",
    ),
    Key("help", "question_mark,f1", "?", "Help", "this page; Escape or ? closes it"),
    Key("quit", "q", "q", "Quit", "leave (also Ctrl+Q, or Ctrl+C twice); Escape never leaves"),
    Key("retry", "r", "r", "Retry", "connect now instead of waiting for the next try"),
)
