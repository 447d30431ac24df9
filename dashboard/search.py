"""The symbol switcher: pairs that fit what was typed, the likeliest first. Pure."""

from collections.abc import Sequence
from typing import NamedTuple


class Pair(NamedTuple):
    """A pair that the server carries, and the venues that trade it."""

    name: str
    venues: tuple[str, ...]


class Found(NamedTuple):
    """A pair that fits; `hits`: which of its characters were typed."""

    pair: Pair
    hits: tuple[int, ...]
    recent: bool


def ranked(pairs: Sequence[Pair], typed: str, recent: Sequence[str] = ()) -> list[Found]:
    """What fits: the typed letters in their order. Separators and case do not matter.

    Better fits first (a beginning, a whole asset, letters together), then what was shown recently, newest first, then
    what more venues trade.
    """
    wanted = [sign for sign in typed.upper() if sign.isalnum()]
    order = {name: rank for rank, name in reversed(list(enumerate(recent)))}
    found: list[tuple[tuple[int, int, int, str], Found]] = []
    for pair in pairs:
        fit = _fit(pair.name, wanted)
        if fit is None:
            continue
        gaps, hits = fit
        key = (gaps, order.get(pair.name, len(order)), -len(pair.venues), pair.name)
        found.append((key, Found(pair, hits, pair.name in order)))
    return [entry for _, entry in sorted(found, key=lambda item: item[0])]


def _fit(name: str, wanted: Sequence[str]) -> tuple[int, tuple[int, ...]] | None:
    """How badly the letters fit, 0 the best, and where they are; None: they do not."""
    if not wanted:
        return 0, ()
    letters = [(sign, at) for at, sign in enumerate(name.upper()) if sign.isalnum()]
    plain_name = "".join(sign for sign, _ in letters)
    together = plain_name.find("".join(wanted))
    if together >= 0:
        hits = tuple(at for _, at in letters[together : together + len(wanted)])
        begins = together > 0 and name[hits[0] - 1].isalnum()
        whole = hits[-1] + 1 < len(name) and name[hits[-1] + 1].isalnum()
        return (0 if together == 0 else 2 if not begins else 4) + whole, hits
    return _scattered(letters, wanted)


def _scattered(letters: Sequence[tuple[str, int]], wanted: Sequence[str]) -> tuple[int, tuple[int, ...]] | None:
    """The letters in their order with others between: few gaps and an early beginning are better."""
    hits: list[int] = []
    for sign, at in letters:
        if len(hits) < len(wanted) and sign == wanted[len(hits)]:
            hits.append(at)
    if len(hits) < len(wanted):
        return None
    return 10 + hits[-1] - hits[0] + 1 - len(hits) + 3 * hits[0], tuple(hits)


def remembered(recent: Sequence[str], name: str, most: int = 12) -> tuple[str, ...]:
    """The recent pairs after this one was shown: it comes first."""
    return (name, *(other for other in recent if other != name))[:most]
