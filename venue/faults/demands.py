"""What a venue does rarely and rightly, done on demand: the face does it itself, for all clients alike."""

from typing import ClassVar

from venue.faults.fault import Fault


class Demand(Fault):
    """Something that a face does at the end of its next interval that has something to tell, once for each strike.

    The face asks the board whether it is wanted; nothing is done to frames.
    """

    default_count = 1


class Resnapshot(Demand):
    """A snapshot that nobody has asked for."""

    kind = "resnapshot"
    summary = "instead of the next diff comes a snapshot, unasked for: it replaces the book"
    faces: ClassVar[tuple[str, ...]] = ("bybit",)


class Restart(Demand):
    """A restart of the venue's service, after which its numbers begin anew."""

    kind = "restart"
    summary = "instead of the next diff comes a snapshot with u = 1, as after a restart of the service"
    faces: ClassVar[tuple[str, ...]] = ("bybit",)


class Renumber(Demand):
    """Numbers that begin again lower, while the chain stays whole."""

    kind = "renumber"
    summary = "the next diff has a lower id than the one before, to which it refers rightly, as after maintenance"
    faces: ClassVar[tuple[str, ...]] = ("okx",)
