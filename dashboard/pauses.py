"""What Python and Textual would do now and then at the wrong moment, done seldom: collecting, and letting go."""

import gc
from contextlib import suppress

from textual._styles_cache import StylesCache

LET_GO_EVERY_S = 60.0
_THRESHOLDS = 5_000, 10, 20  # a message makes hundreds of objects that die with it, and few in cycles


def seldom_collected() -> None:
    """Rare pauses: what is loaded by now is never looked through again, and each key that waited for it did."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def let_go() -> None:
    """Frees what Textual 8.2 holds of widgets that have gone.

    A cache of one of its methods has each widget's cache of lines in its keys, of the last 1,024 widgets: pages and
    notices that were closed long ago, up to some hundred kilobytes each. Emptied, it fills again in one frame.
    """
    with suppress(AttributeError):  # another version of Textual
        StylesCache.get_inner_outer.cache_clear()
