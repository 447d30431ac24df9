"""A face's options: declared once, as fields of a dataclass; the command line is made of them.

Times are in seconds unless the name says otherwise; 0 switches a rule off.
"""

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from venue.feed import MarketFeed

if TYPE_CHECKING:
    from venue.faces.face import Face


@dataclass(frozen=True, slots=True)
class FaceOptions(ABC):
    """What can be chosen for one face; it knows how to build the face."""

    name: ClassVar[str]

    @property
    def interval_ms(self) -> int:
        """The interval of the book streams; 0: the common one of ``--batch-ms``."""
        return 0

    @property
    def snapshot_lead_ms(self) -> int:
        """How far the market must run ahead of the streams, for snapshots that lead."""
        return 0

    @abstractmethod
    def face(self, feeds: Iterable[MarketFeed], seed: str, send_buffer: int) -> "Face":
        """Build the face; ``send_buffer`` in bytes."""


def option(default: Any, read: Callable[[str], Any], text: str, metavar: str = "N", *, flag: str = "") -> Any:
    """Declare an option; its flag is ``--NAME-field-name`` unless another is given."""
    return field(default=default, metadata={"read": read, "help": text, "metavar": metavar, "flag": flag})


def switch(text: str) -> Any:
    """Declare an option that is on when it is given."""
    return field(default=False, metadata={"help": text, "flag": ""})


def add_options(parser: argparse.ArgumentParser, kind: type[FaceOptions]) -> None:
    """Put a face's options on a command line, in a group of their own."""
    group = parser.add_argument_group(f"{kind.name} (0 switches a time limit off)")
    for each in fields(kind):
        told = each.metadata
        flag = told["flag"] or f"--{kind.name}-{each.name.replace('_', '-')}"
        place = f"{kind.name}.{each.name}"
        if "read" not in told:
            group.add_argument(flag, dest=place, action="store_true", help=told["help"])
            continue
        assert each.default is not MISSING
        group.add_argument(
            flag, dest=place, type=told["read"], default=each.default, metavar=told["metavar"], help=told["help"]
        )


def read_options(chosen: dict[str, Any], kind: type[FaceOptions]) -> FaceOptions:
    """Take a face's options out of a parsed command line."""
    return kind(**{each.name: chosen.pop(f"{kind.name}.{each.name}") for each in fields(kind)})


# What a value may be


def _number(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g}")
    return value


def _integer(text: str, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
    return value


def port(text: str) -> int:
    """Read a port; 0 takes a free one."""
    return _integer(text, 0, 65_535)


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    return _integer(text, 1, 10_000_000)


def whole(text: str) -> int:
    """Read a whole number of at least 0."""
    return _integer(text, 0, 1_000_000)


def seconds(text: str) -> float:
    """Read a time in seconds."""
    return _number(text, 0.0, 1e9)


def positive(text: str) -> float:
    """Read a number above 0."""
    return _number(text, 0.001, 1e5)


def activity(text: str) -> float:
    """Read a factor for the arrivals of orders."""
    return _number(text, 0.01, 100.0)


def share(text: str) -> float:
    """Read a share between 0 and 1."""
    return _number(text, 0.0, 1.0)


def share_or_more(text: str) -> float:
    """Read a factor that may be 0."""
    return _number(text, 0.0, 1000.0)
