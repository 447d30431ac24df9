"""Where each panel stands, by the size of the terminal. Pure."""

from typing import NamedTuple

MINI_WIDTH, MINI_HEIGHT = 60, 16  # a terminal smaller than either has the small layout
WIDE = 120  # from here on panels have frames, and the first screen shows them all
MIN_WIDTH, MIN_HEIGHT = 40, 8
SCREENS = ("book", "depth", "trades", "venues", "health", "symbols")  # of the keys 1 to 6
SIDE = ("venues", "depth", "trades", "health")  # beside the book, from above

# Rows of a panel beside the book with its frame: the least that says something, and what it would like to have.
_LEAST = {"venues": 6, "health": 7, "trades": 6, "depth": 8}
_WISH = {"depth": 14, "trades": 12, "health": 8}


class Place(NamedTuple):
    """A panel on the screen. `width` or `height` 0: all that is left."""

    panel: str
    width: int = 0
    height: int = 0


class Plan(NamedTuple):
    """The parts of one screen."""

    header: int  # lines
    pressure: int
    footer: int
    left: Place | None
    side: tuple[Place, ...]  # in a column; beside `left` where there is one
    framed: bool

    @property
    def panels(self) -> tuple[str, ...]:
        """What is to be seen, in the order of the Tab key."""
        return ((self.left.panel,) if self.left else ()) + tuple(place.panel for place in self.side)


def mini(width: int, height: int) -> bool:
    """Whether the small layout is used."""
    return width < MINI_WIDTH or height < MINI_HEIGHT


def plan(width: int, height: int, screen: str, alone: bool, *, venues: int = 2, told: bool = False) -> Plan:
    """The screen of that name. `alone`: one panel only. `venues`: lines of the list of venues.

    `told`: the second line of the header is needed even where a panel lists the venues.
    """
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return Plan(0, 0, 0, Place("book"), (), False)
    small = mini(width, height)
    wide = width >= WIDE and not small
    side: tuple[Place, ...] = ()
    pressure = int(not small)
    if wide and screen == "book" and not alone:
        header = 1 + told
        side = _side(width, height - header - 2, venues)
        if side:
            left = Place("book", width - side[0].width)
            return Plan(header, pressure, 1, left, side, True)
    lone = Place(screen)
    return Plan(2, pressure, 1, lone if screen == "book" else None, () if screen == "book" else (lone,), wide)


def _side(width: int, height: int, venues: int) -> tuple[Place, ...]:
    """The column beside the book: as many panels as have room, the last ones to go being venues and health."""
    cells = min(90, max(54, width * 64 // 140))
    wish = {"venues": max(_LEAST["venues"], venues + 4), **_WISH}
    chosen: dict[str, int] = {}
    room = height
    for panel in ("venues", "health", "trades", "depth"):
        if _LEAST[panel] <= room:
            chosen[panel] = _LEAST[panel]
            room -= _LEAST[panel]
    for panel in ("venues", "depth", "trades", "health"):
        if panel in chosen:
            more = min(room, wish[panel] - chosen[panel])
            chosen[panel] += max(0, more)
            room -= max(0, more)
    shown = [panel for panel in SIDE if panel in chosen]
    if room and shown:
        chosen[shown[-1]] += room
    return tuple(Place(panel, cells, chosen[panel]) for panel in shown)
