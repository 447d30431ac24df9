"""The states in the life of one book (one venue, one pair)."""

from enum import Enum


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
