"""A fault's parameters: their types, ranges and defaults, and how a value is read from JSON or a command line."""

from dataclasses import dataclass
from typing import Final

Value = int | float | bool | str

LONGEST_S: Final = 86_400.0
MOST: Final = 1_000_000_000


class FaultError(ValueError):
    """A fault that cannot be: the message names the fault, the parameter and the value."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. The type is that of ``default``: int, float, bool or str (one of ``choices``)."""

    name: str
    default: Value
    meaning: str
    low: float = 0
    high: float = MOST
    choices: tuple[str, ...] = ()

    def check(self, value: object) -> Value:
        """Return a decoded JSON value in the parameter's type. Raises FaultError."""
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise FaultError(f"{self.name}: {value!r} is neither true nor false")
            return value
        if isinstance(self.default, str):
            if value not in self.choices:
                raise FaultError(f"{self.name}: {value!r} is none of {', '.join(self.choices)}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise FaultError(f"{self.name}: {value!r} is not a number")
        whole = isinstance(self.default, int)
        if whole and value != value // 1:
            raise FaultError(f"{self.name}: {value!r} is not a whole number")
        if not self.low <= value <= self.high:
            raise FaultError(f"{self.name}: {value!r} is not between {self.low:.12g} and {self.high:.12g}")
        return int(value) if whole else float(value)

    def read(self, text: str) -> Value:
        """Return a value written on a command line. Raises FaultError."""
        if isinstance(self.default, str):
            return self.check(text)
        if isinstance(self.default, bool):
            return self.check({"true": True, "false": False}.get(text.lower(), text))
        return self.check(_number(text))

    def describe(self) -> dict[str, object]:
        """Return what a user needs to know, for the list of kinds."""
        told: dict[str, object] = {"type": type(self.default).__name__, "default": self.default}
        if self.choices:
            told["choices"] = self.choices
        elif not isinstance(self.default, bool):
            told["low"], told["high"] = self.low, self.high
        return {**told, "meaning": self.meaning}


def _number(text: str) -> object:
    for form in (int, float):
        try:
            return form(text)
        except ValueError:
            continue
    return text


def every() -> Parameter:
    """Return the parameter that spares all but each n-th."""
    return Parameter("every", 1, "strike each n-th only (frames are counted per client and stream)", 1)
