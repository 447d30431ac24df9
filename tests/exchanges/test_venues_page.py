"""docs/venues.md says of each venue what its connector has: addresses, limits, options."""

import re

import pytest

from book import BadPair, Pair
from exchanges import VENUES
from settings import read_settings
from tests.processes import ROOT

PAGE = (ROOT / "docs" / "venues.md").read_text(encoding="utf-8")


def rows() -> dict[str, dict[str, str]]:
    """The first table: by its first column, by venue."""
    lines = [line for line in PAGE.split("\n## ")[0].splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert [name.lower() for name in head[1:]] == list(VENUES)
    assert {len(cells) for cells in body} == {len(head)}
    return {cells[0]: dict(zip(VENUES, cells[1:], strict=True)) for cells in body}


ROWS = rows()


def plain(number: float) -> str:
    """Without a point where it is whole."""
    return f"{number:g}" if number < 10**5 else str(int(number))


@pytest.mark.parametrize("name", VENUES)
def test_limits(name: str) -> None:
    """The numbers of both budgets, of a connection, and of its silence."""
    limits = VENUES[name].limits
    rest = re.sub(r"(weight|credits) ?", "", ROWS["REST limit"][name])
    assert rest == f"{limits.weight} in {plain(limits.window_s)} s"
    assert ROWS["connects"][name] == f"{limits.connects} in {plain(limits.connect_window_s)} s"
    assert ROWS["books a connection"][name] == str(limits.pairs_per_connection)
    silence = ROWS["ping, given up (s without a frame)"][name]
    assert silence == f"{plain(limits.quiet_s)}, {plain(limits.dead_s)}"


@pytest.mark.parametrize("name", VENUES)
def test_hosts_and_options(name: str) -> None:
    """All that one may choose, and nothing else."""
    hosts = [f"`{host}`" for host in VENUES[name].hosts if host != "default"]
    assert ROWS["other hosts (`--hosts`)"][name] == (", ".join(hosts) or "-")
    options = [f"`{name}.{key}={'|'.join(values)}`" for key, values in VENUES[name].options.items()]
    assert ROWS["options (`--option`)"][name].replace("\\|", "|") == (", ".join(options) or "-")


def test_every_venue_has_its_rules() -> None:
    """One section each, in the same order, and a line on what cannot be known."""
    assert re.findall(r"^## (\w+), rule by rule$", PAGE, re.MULTILINE) == [
        name.capitalize() if name != "okx" else "OKX" for name in VENUES
    ]
    assert [name.lower() for name in re.findall(r"^- \*\*(\w+)\*\*: ", PAGE, re.MULTILINE)] == list(VENUES)


def test_the_commands_of_the_page() -> None:
    """The server takes them, and reads the pairs as they are meant."""
    commands = [line for line in PAGE.splitlines() if line.startswith("python3 server.py")]
    assert len(commands) == 1
    settings = read_settings(commands[0].split()[2:])
    assert [Pair.parse(text) for text in settings.wanted] == [("BTC", "USDC-PERP"), ("BTC", "USD-INVERSE")]
    with pytest.raises(BadPair):
        Pair.parse("BTC/USD-OTHER")
