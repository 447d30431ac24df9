"""The table of actions: every row is done by somebody, no key means two things, and remapping tells what is wrong."""

from pathlib import Path

import pytest

from dashboard.commands import Commands
from dashboard.keys import ACTIONS, BY_ID, GROUPS, Action, BadKeys, Keys, key_name
from dashboard.panels.shelf import all_panels
from dashboard.settings import SETTINGS

PANELS = all_panels()


@pytest.mark.parametrize("row", ACTIONS, ids=lambda row: row.id)
def test_every_action_is_done_by_somebody(row: Action) -> None:
    takers = [name for name, panel in PANELS.items() if panel.takes(row.id)]
    method = f"do_{row.id.replace('.', '_')}"
    assert hasattr(Commands, method) or takers, f"nobody does {row.id}"
    assert set(row.panels) <= set(PANELS)
    for name in row.panels:
        assert hasattr(Commands, method) or name in takers, f"{name} does not take {row.id}"
    assert row.group in GROUPS


def test_what_panels_and_commands_do_has_a_key() -> None:
    methods = [name[3:] for name in dir(Commands) if name.startswith("do_")]
    for panel in PANELS.values():
        methods += [name[3:] for name in dir(panel) if name.startswith("on_")]
    known = {action.id.replace(".", "_") for action in ACTIONS}
    assert set(methods) <= known


def test_the_documentation_has_every_key_and_setting() -> None:
    text = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")
    for action in ACTIONS:
        where = ", ".join(action.panels) or "everywhere"
        assert f"| `{action.sign}` | `{action.id}` | {action.about} | {where} |" in text
    for setting in SETTINGS:
        assert f"| `{setting.name}` |" in text
        assert f"| {setting.about} |" in text


def test_ids_and_keys_are_unique() -> None:
    assert len(BY_ID) == len(ACTIONS)
    keys = [key for action in ACTIONS for key in action.keys.split(",")]
    assert len(set(keys)) == len(keys)


def test_every_action_has_a_printable_key_or_one_that_every_terminal_has() -> None:
    for action in ACTIONS:
        first = action.keys.split(",")[0]
        assert "ctrl" not in first or action.id == "suspend"


def test_the_footer_offers_the_most_used_first() -> None:
    offered = [action.id for action in Keys().footer("book")]
    assert offered[:3] == ["pause", "symbol", "group.coarser"]
    assert "overlay" not in offered
    assert "overlay" in [action.id for action in Keys().footer("depth")]
    assert [action.id for action in Keys().footer("book", mini=True)][:4] == ["pause", "symbol", "help", "quit"]


def test_remapped_keys_are_shown_everywhere() -> None:
    keys = Keys({"pause": "p", "help": "ctrl+h,?"})
    assert keys.map == {"pause": "p", "help": "ctrl+h,question_mark"}
    assert keys.sign("pause") == "p"
    assert keys.sign("help") == "Ctrl+h"
    assert keys.sign("quit") == "q"


@pytest.mark.parametrize(
    ("remapped", "told"),
    [
        ({"pouse": "p"}, "there is no action 'pouse'; did you mean 'pause'?"),
        ({"xyzzy": "p"}, "there is no action 'xyzzy'; the ids are pause,"),
        ({"pause": ""}, "keys.pause: '' names no key"),
        ({"pause": "p,,x"}, "names no key"),
        ({"pause": "q"}, "'q' is both 'pause' and 'quit'"),
        ({"pause": "p", "help": "p"}, "'p' is both 'pause' and 'help'"),
    ],
)
def test_what_cannot_be_remapped_is_named(remapped: dict[str, str], told: str) -> None:
    with pytest.raises(BadKeys) as caught:
        Keys(remapped)
    assert told in str(caught.value)


def test_two_actions_may_exchange_their_keys() -> None:
    keys = Keys({"pause": "q", "quit": "space"})
    assert keys.sign("quit") == "space"
    assert keys.sign("pause") == "q"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("x", "x"),
        ("?", "question_mark"),
        ("/", "slash"),
        (";", "semicolon"),
        ("\\", "backslash"),
        (" f2 ", "f2"),
        ("ctrl+x", "ctrl+x"),
        ("+", "plus"),
        ("-", "minus"),
        ("", ""),
        ("!!", ""),
        (",", "comma"),
    ],
)
def test_keys_may_be_written_as_their_signs(written: str, name: str) -> None:
    assert key_name(written) == name
