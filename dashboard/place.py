"""Where in the book the user looks: with the market, or at a place of their own. Pure."""

from dataclasses import dataclass, replace

from dashboard.grouping import Groups, rounded


@dataclass(frozen=True, slots=True)
class Place:
    """The rows that are in sight. `scroll` serves rows of levels, `top` the fixed price axis."""

    scroll: int = 0  # rows that the picture was moved by: above 0 towards the asks
    top: int | None = None  # price of the axis' first row; None: not chosen yet
    step: int = 1  # of the axis
    held: bool = False  # the user moved it: nothing re-centres by itself


CENTRED = Place()


def scrolled(place: Place, rows: int) -> Place:
    """The place after scrolling up (rows above 0) or down."""
    top = None if place.top is None else place.top + rows * place.step
    return replace(place, scroll=place.scroll + rows, top=top, held=True)


def clamped(place: Place, groups: Groups) -> Place:
    """Rows of levels: one level of a side stays in sight, however far the user scrolls."""
    scroll = max(-len(groups.bids), min(len(groups.asks), place.scroll))
    return place if scroll == place.scroll else replace(place, scroll=scroll)


def followed(place: Place, groups: Groups, height: int, autocentre: bool) -> Place:
    """The axis for this picture: it stands while the mid is in the middle half of `height` rows, unless it is held.

    Another step, or a market beyond a held axis of another pair, cannot keep the old rows.
    """
    twice = _twice_mid(groups)
    if twice is None:
        return place
    step = groups.step
    centre = rounded(twice // 2, step, bid=True)
    top = place.top
    if top is not None and place.step != step:
        top = None if not place.held else rounded(top, step, bid=False)
    if top is not None and not place.held and autocentre:
        first, last = limits(height)
        row = (top - centre) // step
        if not first <= row <= last:
            top = None
    if top is None:
        top = centre + height // 2 * step
    return replace(place, top=top, step=step)


def limits(height: int) -> tuple[int, int]:
    """The first and the last row of the middle half: a mid beyond them moves the axis."""
    return height // 4, max(height // 4, height - 1 - height // 4)


def _twice_mid(groups: Groups) -> int | None:
    """Of the best prices as they are shown; of one side alone when the other is empty."""
    best = [side[0].price for side in (groups.bids, groups.asks) if side]
    return sum(best) * (3 - len(best)) if best else None
