"""Analytics of users: plain Python functions, found by entry point or named as MODULE:FUNCTION.

The one module of this package that looks at what is outside. It runs what it loads, so the names are the
operator's to give, at the start, and never a client's.
"""

import importlib
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from book.analytics.registry import BadDefinition, Definition, Registry

GROUP = "onebook.analytics"


class CannotLoad(Exception):
    """A user's analytic is not there or cannot be one; the message names it and the reason."""


def load_entry_points(registry: Registry, found: Iterable[EntryPoint] | None = None) -> list[CannotLoad]:
    """Registers every installed entry point of the group `onebook.analytics` under its own name.

    Returns what could not be loaded: one broken package must not keep the others from working. `found`: the
    entry points; None: those of the installed packages.
    """
    problems = []
    for point in entry_points(group=GROUP) if found is None else found:
        try:
            function = point.load()
            registry.add(point.name, function, getattr(function, "unit", ""))
        # Importing runs a stranger's module, which may raise anything.
        except Exception as error:  # noqa: BLE001
            problems.append(CannotLoad(f"entry point {point.name} = {point.value}: {_why(error)}"))
    return problems


def load_function(registry: Registry, text: str) -> Definition:
    """Registers the function that `text` names: [NAME=]MODULE:FUNCTION; raises CannotLoad.

    Without NAME it is known by the function's own name. Modules are looked for as by `import`.
    """
    name, equals, place = text.strip().rpartition("=")
    module, colon, path = place.partition(":")
    if not (module and colon and path) or (equals and not name):
        raise CannotLoad(f"{text!r}: write it as [NAME=]MODULE:FUNCTION, such as examples.pressure:pressure")
    try:
        function: Any = importlib.import_module(module)
        for part in path.split("."):
            function = getattr(function, part)
        return registry.add(name or path.rpartition(".")[2], function, getattr(function, "unit", ""))
    # Importing runs a stranger's module, which may raise anything.
    except Exception as error:
        raise CannotLoad(f"{text}: {_why(error)}") from error


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, BadDefinition) else f"{type(error).__name__}: {error}"
