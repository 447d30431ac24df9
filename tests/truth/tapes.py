"""Tapes that no venue feeds, for tests."""

from tests.truth.tape import Tape, units


def still_tape(levels: list[tuple[int, str, str]]) -> Tape:
    """A tape that never moves, at position 5."""
    tape = Tape(None, "", "")  # type: ignore[arg-type]
    for side, price, amount in levels:
        tape.head[side][units(price) if side else -units(price)] = units(amount)
    tape.public = tape.start = 5
    tape.dropped = 1
    return tape
