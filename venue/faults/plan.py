"""Faults that are known before the start: from the command line, and from a scenario file with times."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from venue.faults.kinds import KINDS, kinds_of
from venue.faults.parameters import LONGEST_S, FaultError
from venue.faults.spec import ALL, Spec, make_spec, read_words
from venue.listing import Listing

MOST_ENTRIES = 10_000


class Planned(NamedTuple):
    """A fault that begins on a face, ``at_s`` seconds after the venue is ready."""

    at_s: float
    face: str
    spec: Spec


def plan_words(text: str, listings: Mapping[str, Iterable[Listing]]) -> list[Planned]:
    """Read one ``--fault``: effective from the start, on ``face=`` or on all served faces. Raises FaultError."""
    return _plan(0.0, read_words(text), listings, text=True)


def plan_file(path: Path, listings: Mapping[str, Iterable[Listing]]) -> list[Planned]:
    """Read a scenario: TOML with ``[[fault]]`` tables (`.toml`), else a JSON object a line.

    Each entry has ``at`` (seconds after the venue is ready) and what the endpoint takes, and may name a ``face``.
    Returns them in the order of their times. Raises FaultError, naming the entry.
    """
    entries = _toml(path) if path.suffix == ".toml" else _lines(path)
    if len(entries) > MOST_ENTRIES:
        raise FaultError(f"{path}: {len(entries)} entries are more than {MOST_ENTRIES}")
    planned: list[Planned] = []
    for where, entry in entries:
        try:
            planned.extend(_entry(entry, listings))
        except FaultError as error:
            raise FaultError(f"{path}, {where}: {error}") from None
    return sorted(planned, key=lambda one: one.at_s)


def _entry(entry: object, listings: Mapping[str, Iterable[Listing]]) -> list[Planned]:
    if not isinstance(entry, dict):
        raise FaultError(f"{entry!r:.100} is not an object")
    asked = dict(entry)
    at_s = asked.pop("at", None)
    if isinstance(at_s, bool) or not isinstance(at_s, (int, float)) or not 0 <= at_s <= LONGEST_S:
        raise FaultError(f"at: {at_s!r} is not a number of seconds between 0 and {LONGEST_S:.0f}")
    return _plan(float(at_s), asked, listings, text=False)


def _plan(
    at_s: float, asked: Mapping[str, object], listings: Mapping[str, Iterable[Listing]], *, text: bool
) -> list[Planned]:
    wanted = dict(asked)
    face = wanted.pop("face", None)
    if face is not None and face not in listings:
        raise FaultError(f"face: {face!r} is not served; served are {', '.join(listings)}")
    faces = [str(face)] if face is not None else list(listings)
    symbol = wanted.get("symbol", ALL)
    if face is None and symbol != ALL:
        # Without a face a symbol or pair means every face that lists it.
        faces = [name for name in faces if any(_names(symbol, listing) for listing in listings[name])]
        if not faces:
            known = [listing.symbol for name in listings for listing in listings[name]]
            raise FaultError(f"symbol: {symbol!r} is not listed; known are {ALL}, {', '.join(known)}")
    kind = wanted.get("kind")
    if face is None and isinstance(kind, str) and kind in KINDS:
        faces = _where(kind, faces)
    return [Planned(at_s, name, make_spec(wanted, kinds_of(name), listings[name], text=text)) for name in faces]


def _where(kind: str, faces: list[str]) -> list[str]:
    found = [name for name in faces if kind in kinds_of(name)]
    if not found:
        raise FaultError(f"{kind}: only on {', '.join(KINDS[kind].faces)}, not on {', '.join(faces)}")
    return found


def _names(symbol: object, listing: Listing) -> bool:
    return isinstance(symbol, str) and (symbol == listing.symbol or symbol.upper() == listing.pair)


def _toml(path: Path) -> list[tuple[str, object]]:
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FaultError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    entries = content.pop("fault", [])
    if content or not isinstance(entries, list):
        raise FaultError(f"{path}: only [[fault]] tables are expected, not {', '.join(content) or 'fault = ...'}")
    return [(f"fault {number}", entry) for number, entry in enumerate(entries, 1)]


def _lines(path: Path) -> list[tuple[str, object]]:
    entries: list[tuple[str, object]] = []
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FaultError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entries.append((f"line {number}", msgspec.json.decode(line)))
        except (msgspec.DecodeError, RecursionError) as error:
            raise FaultError(f"{path}, line {number}: {error}") from None
    return entries
