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
    gc.enable()


def let_go() -> None:
    """Frees what is left of pages and notices that were closed: once a minute, some hundredths of a second.

    Textual 8.2 holds them: a cache of one of its methods has each widget's cache of lines in its keys, of the last
    1,024 widgets, up to some hundred kilobytes each. Emptied, it fills again in one frame. The rest are cycles.
    """
    with suppress(AttributeError):  # another version of Textual
        StylesCache.get_inner_outer.cache_clear()
    gc.collect()
