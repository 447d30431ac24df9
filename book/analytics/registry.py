"""Analytics by name: what a user types becomes a function of the book."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from book.analytics.exact import ExactBook
from book.analytics.figure import Figure, text
from book.analytics.parameters import BadParameter, Parameter, parameters_of, read, usage

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_MOST_TEXT = 100  # characters of an analytic with its parameters
_MOST_FIGURES = 64  # of one analytic
_MOST_DIGITS = 60  # of a figure, before and after its point


class BadAnalytic(ValueError):
    """The text names no analytic, or its parameters cannot be; the message says what is known."""


class BadDefinition(TypeError):
    """A function that cannot be an analytic; the message says why."""


class BadResult(TypeError):
    """An analytic has returned what is no figure."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A named function whose first parameter is an ExactBook.

    It returns a Figure, several of them, or simply a Decimal, an int or None (not defined), whose unit is `unit`.
    """

    name: str
    function: Callable[..., Any]
    unit: str
    parameters: tuple[Parameter, ...]

    @property
    def usage(self) -> str:
        """How it is written."""
        return usage(self.name, self.parameters)

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.function.__doc__ or "").strip().partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Analytic:
    """An analytic with its parameters read; `name` is the text that asked for it."""

    name: str
    definition: Definition
    arguments: tuple[Any, ...]

    def figures(self, book: ExactBook) -> tuple[Figure, ...]:
        """Its figures of `book`. Raises what the function raises, and BadResult for a result that is none."""
        result = self.definition.function(book, *self.arguments)
        if result is None or isinstance(result, (Decimal, int, Figure)):
            return (self._figure(result),)
        if not isinstance(result, (tuple, list)):
            raise BadResult(f"it returned {_shown(result)}: return Decimal, int, None, Figure or a tuple of Figures")
        if not 1 <= len(result) <= _MOST_FIGURES:
            raise BadResult(f"it returned {len(result)} figures; allowed are 1 to {_MOST_FIGURES}")
        figures = tuple(self._figure(each) for each in result)
        parts = [figure.part for figure in figures]
        if len(set(parts)) < len(parts):
            raise BadResult(f"it returned two figures of the same part: {', '.join(map(repr, parts))[:200]}")
        return figures

    def _figure(self, result: Any) -> Figure:
        if result is None:
            return Figure.none(self.definition.unit, "not defined for this book")
        figure = result if isinstance(result, Figure) else Figure(result, self.definition.unit)
        value = figure.value
        if isinstance(value, int) and not isinstance(value, bool):
            value = Decimal(value)
        if value is None:
            return figure
        if not isinstance(value, Decimal):  # a float would carry binary dust to whoever reads it
            raise BadResult(f"it returned {_shown(value)} as a value: return Decimal, int or None")
        if not value.is_finite():
            raise BadResult(f"it returned {value}: return None where there is no value")
        # The exponent first: written out, 1E+999999999 would fill the memory.
        if abs(value.adjusted()) > _MOST_DIGITS or len(text(value)) > _MOST_DIGITS:
            raise BadResult(f"it returned a number of more than {_MOST_DIGITS} digits")
        return figure._replace(value=value)


class Registry:
    """The analytics that are known. Filled at the start, then only read: by any thread."""

    def __init__(self, definitions: Iterable[Definition] = ()) -> None:
        self._definitions = {each.name: each for each in definitions}

    def __iter__(self) -> Iterator[Definition]:
        return iter(self._definitions.values())

    def add(self, name: str, function: Callable[..., Any], unit: str = "") -> Definition:
        """Registers a function; raises BadDefinition for one that cannot be an analytic, or a name that is taken."""
        made = define(name, function, unit)
        if name in self._definitions:
            raise BadDefinition(f"there is an analytic {name!r} already: choose another name")
        self._definitions[name] = made
        return made

    def parse(self, asked: str, venues: Sequence[str] | None = None) -> Analytic:
        """The analytic that `asked` means: NAME[:PARAMETER]...; raises BadAnalytic.

        `venues`: those that a parameter may name; None: any.
        """
        wanted = asked.strip()
        if len(wanted) > _MOST_TEXT:
            raise BadAnalytic(f"an analytic has at most {_MOST_TEXT} characters: {wanted[:40]!r}...")
        name, *texts = wanted.split(":")
        definition = self._definitions.get(name)
        if definition is None:
            raise BadAnalytic(f"unknown analytic {name!r}{self._nearest(name)}; known are {self.usages()}")
        try:
            return Analytic(wanted, definition, read(definition.parameters, texts, venues))
        except BadParameter as error:
            raise BadAnalytic(f"{wanted!r}: {error}; write {definition.usage}") from error

    def usages(self) -> str:
        """How each is written."""
        return ", ".join(each.usage for each in self._definitions.values())

    def _nearest(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._definitions, n=1, cutoff=0.6)
        return f", did you mean {self._definitions[close[0]].usage}?" if close else ""


def define(name: str, function: Callable[..., Any], unit: str = "") -> Definition:
    """A definition; raises BadDefinition for what cannot be one."""
    if not _NAME.fullmatch(name):
        raise BadDefinition(f"{name!r} is no name for an analytic: a to z, 0 to 9 and _, at most 40, a letter first")
    if not callable(function):
        raise BadDefinition(f"{name}: {_shown(function)} is no function")
    try:
        parameters = parameters_of(function)
    except (TypeError, ValueError, NameError) as error:
        raise BadDefinition(f"{name}: {error}") from error
    return Definition(name, function, unit, parameters)


def _shown(thing: Any) -> str:
    return f"the {type(thing).__name__} {repr(thing)[:60]}"
