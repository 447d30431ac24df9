"""What is asked for: a kind, a symbol, parameters and limits, read from JSON or from one command-line word list."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from venue.faults.fault import Fault
from venue.faults.parameters import LONGEST_S, FaultError, Parameter, Value
from venue.listing import Listing

ALL: Final = "*"
COUNT: Final = Parameter("count", 1, "end after so many strikes", 1)
FOR_S: Final = Parameter("for_s", 1.0, "end after so many seconds", 0.001, LONGEST_S)


@dataclass(frozen=True, slots=True)
class Spec:
    """One fault on one face. ``symbol`` is the face's own spelling or `*`; without limits it lasts until ended."""

    kind: type[Fault]
    symbol: str
    values: Mapping[str, Value]
    count: int | None
    for_s: float | None

    def describe(self) -> dict[str, object]:
        """Return it as the endpoint shows it."""
        limits = {"count": self.count, "for_s": self.for_s}
        shown = {name: value for name, value in limits.items() if value is not None}
        return {"kind": self.kind.kind, "symbol": self.symbol, **self.values, **shown}


def read_words(text: str) -> dict[str, str]:
    """Split ``KIND name=value ...`` (blanks or commas between) into a mapping. Raises FaultError."""
    words = [word for word in re.split(r"[\s,]+", text) if word]
    if not words or "=" in words[0]:
        raise FaultError(f"{text!r} does not begin with a kind of fault")
    asked = {"kind": words[0]}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals or not name or not value:
            raise FaultError(f"{words[0]}: {word!r} is not name=value")
        if name in asked:
            raise FaultError(f"{words[0]}: {name} is given twice")
        asked[name] = value
    return asked


def make_spec(
    asked: Mapping[str, object], kinds: Mapping[str, type[Fault]], listings: Iterable[Listing], *, text: bool = False
) -> Spec:
    """Check what was asked for on one face. With ``text`` all values are words of a command line.

    Raises FaultError naming what is wrong: the kind, a parameter, its value, or the symbol.
    """
    name = asked.get("kind")
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise FaultError(f"unknown kind {name!r}; known are {', '.join(kinds)}")
    try:
        return _spec(kind, asked, listings, text=text)
    except FaultError as error:
        raise FaultError(f"{kind.kind}: {error}") from None


def _spec(kind: type[Fault], asked: Mapping[str, object], listings: Iterable[Listing], *, text: bool) -> Spec:
    limits = (COUNT, FOR_S) if kind.countable else (FOR_S,)
    known = {parameter.name: parameter for parameter in (*kind.parameters, *limits)}
    given: dict[str, Value] = {}
    for name, value in asked.items():
        if name in ("kind", "symbol"):
            continue
        parameter = known.get(name)
        if parameter is None:
            raise FaultError(f"unknown parameter {name!r}; known are {', '.join(['symbol', *known])}")
        given[name] = parameter.read(str(value)) if text else parameter.check(value)
    count, for_s = given.pop("count", None), given.pop("for_s", None)
    if count is None and for_s is None:
        count = kind.default_count
    values = {parameter.name: given.get(parameter.name, parameter.default) for parameter in kind.parameters}
    symbol = symbol_of(asked.get("symbol", ALL), listings)
    if symbol != ALL and not kind.per_symbol:
        raise FaultError(f"symbol: {symbol!r} cannot be chosen, whole connections are concerned; leave it out")
    kind.check(symbol, values)
    return Spec(kind, symbol, values, None if count is None else int(count), None if for_s is None else float(for_s))


def symbol_of(asked: object, listings: Iterable[Listing]) -> str:
    """Return the face's spelling of a symbol, a pair (BTC/USDT) or `*`. Raises FaultError when it is not listed."""
    if asked == ALL:
        return ALL
    known: list[str] = []
    for listing in listings:
        if isinstance(asked, str) and (asked == listing.symbol or asked.upper() == listing.pair):
            return listing.symbol
        known.append(listing.symbol)
    raise FaultError(f"symbol: {asked!r} is not listed; known are {ALL}, {', '.join(known)}")
