"""The keys: one table feeds the bindings, the footer, the help, the command palette and remapping.

One printable key a function; a letter means one thing on all screens; Escape closes, and never leaves.
"""

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dashboard.market import DashboardError


class BadKeys(DashboardError):
    """The table of remapped keys cannot be right; the text names the action, the key and the way out."""


class Action(NamedTuple):
    """Something that a key does: its id for remapping, its keys in Textual's names, and how it is told.

    `panels`: those that it works on while they are focused; none: it works everywhere. `rank`: its place in the
    footer, 0: not there. `beside`: an action whose key the footer writes with it.
    """

    id: str
    keys: str
    sign: str
    label: str
    about: str
    group: str
    panels: tuple[str, ...] = ()
    rank: int = 0
    beside: str = ""


_LISTS = ("book", "venues", "health", "log", "symbols")
_BOOK = ("book",)
_CHARTS = ("book", "depth")

ACTIONS = (
    Action(
        "pause",
        "space",
        "space",
        "Pause",
        "freeze the picture; what arrives is counted, and the same key goes to the newest",
        "Book",
        rank=1,
    ),
    Action("step.back", "comma", ",", "Back", "one kept update back, of the last 600; freezes first", "Book"),
    Action("step.forward", "full_stop", ".", "Forward", "one kept update forward while frozen", "Book"),
    Action("symbol", "slash", "/", "Symbol", "another pair, found by a few of its letters", "Book", rank=2),
    Action("symbol.next", "n", "n", "Next", "the next pair of this server", "Book"),
    Action("symbol.previous", "N", "N", "Previous", "the previous pair", "Book"),
    Action("reconnect", "r", "r", "Retry", "connect now instead of waiting for the next try", "Book", rank=40),
    Action("address", "A", "A", "Address", "connect to another server", "Book"),
    Action("cursor.down", "j,down", "j", "Down", "one line down", "Moving", _LISTS),
    Action("cursor.up", "k,up", "k", "Up", "one line up", "Moving", _LISTS),
    Action("top", "g,home", "g", "Top", "the first line", "Moving", _LISTS),
    Action("bottom", "G,end", "G", "Bottom", "the last line", "Moving", _LISTS),
    Action("page.down", "pagedown,ctrl+d", "PgDn", "Page down", "a page down", "Moving", _LISTS),
    Action("page.up", "pageup,ctrl+u", "PgUp", "Page up", "a page up", "Moving", _LISTS),
    Action(
        "side.left",
        "h,left",
        "h",
        "Left",
        "the crosshair; the other side where bids are beside asks",
        "Moving",
        _CHARTS,
    ),
    Action("side.right", "l,right", "l", "Right", "the crosshair to the right; the other side", "Moving", _CHARTS),
    Action(
        "inspect",
        "enter",
        "enter",
        "Open",
        "what is under the cursor in full",
        "Moving",
        ("book", "venues", "symbols"),
    ),
    Action("centre", "c", "c", "Center", "back to the best prices, after scrolling", "Ladder", _BOOK, 4),
    Action("autocentre", "C", "C", "Auto", "whether the price axis follows the market", "Ladder", _BOOK),
    Action(
        "group.coarser",
        "plus,equals_sign",
        "+",
        "Group",
        "a coarser price step; a greater reach of the depth",
        "Ladder",
        _CHARTS,
        3,
        "group.finer",
    ),
    Action("group.finer", "minus", "-", "Finer", "a finer price step, a smaller reach", "Ladder", _CHARTS),
    Action("group.tick", "0", "0", "Tick", "back to one tick; to all levels", "Ladder", _CHARTS),
    Action("depth.more", "d", "d", "Depth", "more levels a side: 10, 25, 50, 100", "Ladder", _BOOK, 16),
    Action("depth.fewer", "D", "D", "Less", "fewer levels a side", "Ladder", _BOOK),
    Action("total", "t", "t", "Total", "amounts: cumulative, of the level, both", "Ladder", _BOOK, 9),
    Action("bars", "b", "b", "Bars", "bars tell the total, the size, or are off", "Ladder", _BOOK, 10),
    Action("bars.scale", "B", "B", "Scale", "a full bar: of the book, of its side, fixed", "Ladder", _BOOK),
    Action("unit", "u", "u", "Unit", "sizes and totals in base or in quote", "Ladder", _BOOK, 11),
    Action("venues.cols", "v", "v", "Venues", "who stands at a price: letters, sizes, off", "Ladder", _BOOK, 5),
    Action("venues.pick", "V", "V", "Mute", "mute venues, or hear one alone", "Ladder", (), 15),
    Action("rowmodel", "M", "M", "Rows", "a row a level, or a row a price step", "Ladder", _BOOK, 17),
    Action("orient", "backslash", "\\", "Sides", "asks above bids, or bids beside asks", "Ladder", _BOOK, 18),
    Action("overlay", "o", "o", "Venues", "the depth by venue: stacked, or over each other", "Ladder", ("depth",), 4),
    Action("alerts", "exclamation_mark", "!", "Alert", "alert rules: what each is doing, new ones", "Alerts", (), 6),
    Action("alerts.acknowledge", "x", "x", "Seen", "acknowledge all alerts", "Alerts"),
    Action("copy", "y", "y", "Copy", "copy what is in sight as a table (OSC 52)", "Book", ("book", "trades")),
    Action("copy.best", "Y", "Y", "Copy best", "copy the best prices in one line", "Book", _BOOK),
    Action("sort", "s", "s", "Sort", "by another column", "Symbols", ("symbols",), 3),
    Action("aggregate", "a", "a", "Whole", "what one order took at once in one line", "Trades", ("trades",), 3),
    Action("filter", "f", "f", "Filter", "only trades of some size", "Trades", ("trades",), 4),
    Action("net", "F", "F", "Fees", "prices with the venues' taker fees in them", "Ladder", _BOOK, 19),
    Action("screen.1", "1", "1", "Book", "the book; on a wide terminal all panels", "Screens"),
    Action("screen.2", "2", "2", "Depth", "the depth of both sides as a chart", "Screens"),
    Action("screen.3", "3", "3", "Trades", "the trades of all venues", "Screens"),
    Action("screen.4", "4", "4", "Venues", "how far each venue's book can be trusted, and why", "Screens", rank=20),
    Action("screen.5", "5", "5", "Health", "ages and lags of late, and what drawing costs", "Screens", rank=22),
    Action("screen.6", "6", "6", "Symbols", "all pairs of this server", "Screens", rank=23),
    Action("log", "e", "e", "Log", "what happened: states of feed and venues, gaps, errors", "Screens", rank=21),
    Action("focus.next", "tab", "Tab", "Focus", "the next panel", "Screens"),
    Action("focus.previous", "shift+tab", "Shift+Tab", "Focus back", "the previous panel", "Screens"),
    Action("maximise", "m", "m", "Max", "the focused panel alone, and back", "Screens", rank=12),
    Action("close", "escape", "Esc", "Close", "back to where you were; it never leaves", "Screens"),
    Action("help", "question_mark,f1", "?", "Help", "this page", "Program", rank=7),
    Action("palette", "colon,ctrl+p", ":", "Cmd", "every action, pair and theme by its name", "Program", rank=8),
    Action("settings", "semicolon", ";", "Settings", "what is kept from run to run", "Program", rank=13),
    Action("theme", "T", "T", "Theme", "the next theme", "Program", rank=24),
    Action("screenshot", "P", "P", "Shot", "a picture of this screen: SVG, and PNG", "Program", rank=14),
    Action("suspend", "ctrl+z", "Ctrl+Z", "Suspend", "to the shell; fg comes back", "Program"),
    Action("quit", "q,ctrl+q", "q", "Quit", "leave (also Ctrl+C twice); Escape never leaves", "Program", rank=8),
)

_MINI = ("pause", "symbol", "help", "quit")
GROUPS = ("Book", "Moving", "Ladder", "Trades", "Symbols", "Alerts", "Screens", "Program")
BY_ID = {action.id: action for action in ACTIONS}

# Where Textual names a character otherwise than Unicode does.
_NAMES = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}


class Keys:
    """The table with the user's keys in it."""

    def __init__(self, remapped: Mapping[str, str] | None = None) -> None:
        """Raises BadKeys for an id that does not exist, an empty list, or a key that two actions share."""
        self.map = {name: _normal(name, keys) for name, keys in (remapped or {}).items()}
        held: dict[str, Action] = {}
        for action in ACTIONS:
            for key in self.map.get(action.id, action.keys).split(","):
                other = held.setdefault(key, action)
                if other is not action and (action.id in self.map or other.id in self.map):
                    raise BadKeys(
                        f"keys: {_sign(key)!r} is both {other.id!r} and {action.id!r}; give one of them another key"
                    )

    def sign(self, name: str) -> str:
        """How the first key of an action is written on the screen."""
        keys = self.map.get(name)
        return _sign(keys.split(",")[0]) if keys else BY_ID[name].sign

    def footer(self, panel: str, mini: bool = False) -> list[Action]:
        """What the footer offers while `panel` is focused, the most used first; on a small screen the way out too."""
        offered = [action for action in ACTIONS if action.rank and (not action.panels or panel in action.panels)]
        return sorted(offered, key=lambda action: (mini and action.id not in _MINI, action.rank))


def _normal(name: str, keys: str) -> str:
    if name not in BY_ID:
        near = difflib.get_close_matches(name, BY_ID, 1)
        way = f"did you mean {near[0]!r}?" if near else f"the ids are {', '.join(BY_ID)}"
        raise BadKeys(f"keys: there is no action {name!r}; {way}")
    names = [key_name(key) for key in _split(keys)]
    if not names or not all(names):
        raise BadKeys(f"keys.{name}: {keys!r} names no key; write one as x, ctrl+x or f2, several with commas")
    return ",".join(names)


def _split(keys: str) -> Iterable[str]:
    return [","] if keys.strip() == "," else keys.split(",")


def key_name(key: str) -> str:
    """Textual's name of a key that may be written as its character; empty: it names none."""
    key = key.strip()
    if len(key) != 1 or key.isalnum():
        return key if key and key.replace("+", "").replace("_", "").isalnum() else ""
    name = unicodedata.name(key, "").lower().replace("-", "_").replace(" ", "_")
    return _NAMES.get(name, name)


def _sign(key: str) -> str:
    """The name of a key as people read it."""
    for action in ACTIONS:
        if key == action.keys.split(",")[0]:
            return action.sign
    return "+".join(part.capitalize() if len(part) > 1 else part for part in key.split("+"))
