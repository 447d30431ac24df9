"""The states in the life of one book (one venue, one pair), and what confirms it."""

from enum import Enum, IntEnum


class State(Enum):
    """Only LIVE books are merged; every other state carries a reason in words.

    connecting -> syncing -> live -> (stale | gap) -> syncing ...
    """

    CONNECTING = "connecting"  # no connection yet
    SYNCING = "syncing"  # connected; snapshot and diffs are being aligned
    LIVE = "live"
    STALE = "stale"  # nothing heard for longer than the venue's threshold
    GAP = "gap"  # updates were lost; a resync is under way
    DOWN = "down"  # no connection
    DISABLED = "disabled"  # switched off by the operator
    UNLISTED = "unlisted"  # the venue does not trade the pair
    UNCONVERTED = "unconverted"  # in a quote group alone: live, but what its quote is worth is not known


class Check(IntEnum):
    """What a live book was held against last, and found equal. Numbers, since they are hashed with every message."""

    NONE = 0  # nothing yet, since it was built
    SECOND_VIEW = 1  # another stream of the venue, at the same update
    CHECKSUM = 2  # the venue's own, over the top of its book
    REST_BOOK = 3  # all that no update has touched in between
