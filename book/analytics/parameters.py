"""Parameters in the name of an analytic, as a user types them: imbalance:5, cost:buy:1.5:binance.

A function's annotations say what its parameters are: int, Decimal and str, a Literal of words, or an Annotated of
int or Decimal with a Between. What does not fit is refused with the value and what is allowed.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?", re.ASCII)


class Between(NamedTuple):
    """The allowed range of a number, both ends included."""

    low: str
    high: str


class IsVenue:
    """Marks a text that must name one of the pair's venues."""


Levels = Annotated[int, Between("1", "5000")]
Bps = Annotated[Decimal, Between("0.01", "10000")]
Amount = Annotated[Decimal, Between("0.00000000000000000001", "99999999999999999999")]
Side = Literal["buy", "sell"]
Venue = Annotated[str, IsVenue]


class BadParameter(ValueError):
    """A parameter that cannot be; the text says which, why, and what is allowed."""


class Parameter(NamedTuple):
    """One parameter of an analytic."""

    name: str
    kind: Any  # its annotation
    optional: bool

    def read(self, text: str, venues: Sequence[str] | None) -> int | Decimal | str:
        """What `text` means; raises BadParameter. `venues`: the names that exist, None where that is not known."""
        kind: Any = self.kind
        marks: list[Any] = []
        if get_origin(kind) is Annotated:
            kind, *marks = get_args(kind)
        if get_origin(kind) is Literal:
            return self._one_of(text, get_args(kind))
        if kind is str:
            if IsVenue not in marks:
                return text
            return text.lower() if venues is None else self._one_of(text.lower(), venues)
        between = next((mark for mark in marks if isinstance(mark, Between)), None)
        fits = (_WHOLE if kind is int else _DECIMAL).fullmatch(text) is not None
        if not fits or (between and not Decimal(between.low) <= Decimal(text) <= Decimal(between.high)):
            what = "a whole number" if kind is int else "a decimal such as 2.5"
            bounds = f" from {between.low} to {between.high}" if between else ""
            raise BadParameter(f"{self.name} is {text[:50]!r}; it must be {what}{bounds}")
        return int(text) if kind is int else Decimal(text)

    def _one_of(self, text: str, allowed: Sequence[str]) -> str:
        if text not in allowed:
            raise BadParameter(f"{self.name} is {text[:50]!r}; known are {', '.join(allowed)}")
        return text


def parameters_of(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters after the first one, which is the book.

    Raises TypeError for a function that cannot be called so, or whose parameters are of another kind.
    """
    signature = inspect.signature(function)
    hints = get_type_hints(function, include_extras=True)
    taken = list(signature.parameters.values())
    if not taken or any(each.kind is not each.POSITIONAL_OR_KEYWORD for each in taken):
        raise TypeError("it must take the book, and then only parameters that have a place")
    found = []
    for each in taken[1:]:
        kind = hints.get(each.name, str)
        bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
        if get_origin(bare) is not Literal and bare not in (int, Decimal, str):
            raise TypeError(f"its parameter {each.name} must be int, Decimal, str or a Literal, not {kind}")
        found.append(Parameter(each.name, kind, each.default is not each.empty))
    return tuple(found)


def usage(name: str, parameters: Sequence[Parameter]) -> str:
    """How the analytic is written: cost:SIDE:AMOUNT[:VENUE]."""
    return name + "".join(
        f"[:{each.name.upper()}]" if each.optional else f":{each.name.upper()}" for each in parameters
    )


def read(parameters: Sequence[Parameter], texts: Sequence[str], venues: Sequence[str] | None) -> tuple[Any, ...]:
    """The arguments that `texts` mean, in order; raises BadParameter."""
    least = sum(not each.optional for each in parameters)
    if not least <= len(texts) <= len(parameters):
        many = str(least) if least == len(parameters) else f"{least} to {len(parameters)}"
        raise BadParameter(f"it has {len(texts)} parameters, not {many}")
    return tuple(each.read(text, venues) for each, text in zip(parameters, texts, strict=False))
