"""What the choosers offer for a few letters: pairs, and commands of all kinds. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from dashboard import search
from dashboard.keys import Action, Keys
from dashboard.status import Catalog
from dashboard.wardrobe import theme_names


class Choice(NamedTuple):
    """One line: what is chosen, how it is written, and what stands beside it. `at`: the letters that were found."""

    value: str
    label: str
    about: str = ""
    at: tuple[int, ...] = ()


def pairs_found(catalog: Catalog, recent: Sequence[str], text: str) -> list[Choice]:
    """The pairs of the server that match, those that were open of late first; with the venues that trade each."""
    pairs = [
        search.Pair(pair.name, tuple(sorted({listing.venue for listing in pair.listings}))) for pair in catalog.pairs
    ]
    about = dict(catalog.groups)
    pairs += [search.Pair(name, ()) for name in about if catalog.find(name) is None]
    found = [
        Choice(
            entry.pair.name,
            entry.pair.name,
            ("recent  " if entry.recent else "")
            + (about.get(entry.pair.name) or f"{len(entry.pair.venues)}  {' '.join(entry.pair.venues)}"),
            entry.hits,
        )
        for entry in search.ranked(pairs, text, recent)
    ]
    known = {pair.name for pair in pairs}
    wish = text.upper().replace("-", "/").replace("_", "/")
    if "/" in wish.strip("/") and wish not in known:
        found.append(Choice(wish, wish, "ask the server for it"))
    return found


def everything_found(keys: Keys, catalog: Catalog, actions: Sequence[Action], text: str) -> list[Choice]:
    """Actions with their keys, then pairs, then themes."""
    choices = [
        Choice(f"action {action.id}", action.about.partition(";")[0], keys.sign(action.id)) for action in actions
    ]
    choices += [Choice(f"pair {pair.name}", pair.name, "pair") for pair in catalog.pairs]
    choices += [
        Choice(f"pair {name}", name, "quote group") for name, _ in catalog.groups if catalog.find(name) is None
    ]
    choices += [Choice(f"theme {name}", f"theme {name}", "theme") for name in theme_names()]
    return narrowed(choices, text)


def narrowed(choices: Sequence[Choice], text: str) -> list[Choice]:
    """Those whose label has the letters in this order, the closest together first."""
    if not text:
        return list(choices)
    found = []
    for choice in choices:
        at = letters_in(choice.label, text)
        if at is not None:
            found.append((at[-1] - at[0], at[0], len(choice.label), choice._replace(at=at)))
    return [entry[-1] for entry in sorted(found, key=lambda entry: entry[:3])]


def letters_in(label: str, text: str) -> tuple[int, ...] | None:
    """Where the letters stand in the label, as close together as may be; None: it lacks one."""
    low, wanted = label.lower(), text.lower().replace(" ", "")
    best: tuple[int, ...] | None = None
    for start in (at for at, sign in enumerate(low) if wanted and sign == wanted[0]):
        places = [start]
        for sign in wanted[1:]:
            at = low.find(sign, places[-1] + 1)
            if at < 0:
                break
            places.append(at)
        if len(places) == len(wanted) and (best is None or places[-1] - places[0] < best[-1] - best[0]):
            best = tuple(places)
    return best
