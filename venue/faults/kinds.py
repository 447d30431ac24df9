"""All kinds of faults, by name, and where each makes sense."""

from typing import Final

from venue.faults.bodies import Drip, Endless
from venue.faults.checksums import Checksum
from venue.faults.demands import Renumber, Resnapshot, Restart
from venue.faults.fault import Fault, table
from venue.faults.frames import Delay, Drop, Duplicate, Reorder
from venue.faults.links import Cut, Life, Refuse, Shutdown
from venue.faults.replies import Cached, Html, Late, NoReply, Status, Truncated
from venue.faults.shapes import Binary, Fragmented, Garbage, Oversized
from venue.faults.silence import HalfOpen, Silence
from venue.faults.skew import Skew
from venue.faults.snapshots import Ancient, Crossed
from venue.faults.truth import Lost, Wrong

KINDS: Final[dict[str, type[Fault]]] = table(
    (
        *(Drop, Duplicate, Reorder, Delay, Garbage, Oversized, Binary, Fragmented),
        *(Silence, HalfOpen, Cut, Refuse, Life, Shutdown),
        *(Late, Ancient, Crossed, Cached, Truncated, Status, Html, Drip, Endless, NoReply),
        *(Lost, Wrong, Skew, Checksum),
        *(Resnapshot, Restart, Renumber),
    )
)


def kinds_of(face: str) -> dict[str, type[Fault]]:
    """Return the kinds that make sense on a face."""
    return {name: kind for name, kind in KINDS.items() if not kind.faces or face in kind.faces}
