"""Who may import whom. Each folder of ours has its rule here; a new one fails until it gets one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EVERYTHING = None  # no limit

# What the Python files of a folder may import of ours; the folder itself goes without saying.
FOLDERS: dict[str, set[str] | None] = {
    "book": set(),
    "proto": set(),
    "exchanges": {"book"},
    "services": {"book", "proto"},
    "dashboard": {"proto"},
    "venue": set(),  # it and the connectors meet on the wire alone
    "examples": {"book", "proto"},  # they are clients, and analytics that a server loads
    "img": {"dashboard", "demo", "proto"},
    "bench": EVERYTHING,
    "tests": EVERYTHING,
}
# What the modules beside the folders may import of ours.
MODULES: dict[str, set[str]] = {
    "server": {"arguments", "book", "exchanges", "operating", "pairs", "progress", "services", "settings"},
    "pairs": {"book", "exchanges", "services"},
    "progress": {"book"},
    "operating": {"book", "exchanges", "pairs", "services", "settings"},
    "settings": {"arguments", "book", "exchanges", "services"},
    "arguments": {"book", "exchanges", "services"},
    "client": {"dashboard", "proto", "reaching"},
    "control": {"proto", "reaching"},
    "reaching": set(),
    "demo": set(),
}
GPL = "order_book"  # GPL-3.0: used as a rival in bench/, and nowhere else


def imported(source: str) -> set[str]:
    """The top-level names that a module imports, anywhere in it; relative imports stay at home."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "importlib.import_module"):
            names |= {str(each.value).split(".")[0] for each in node.args[:1] if isinstance(each, ast.Constant)}
    return names


def folders() -> list[str]:
    """The folders of ours that hold Python code."""
    return sorted(
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and not path.name.startswith((".", "__")) and any(path.rglob("*.py"))
    )


def modules() -> list[str]:
    """The modules of ours beside the folders."""
    return sorted(path.stem for path in ROOT.glob("*.py"))


def files_of(name: str) -> Iterator[Path]:
    """The Python files of a folder, or the one file of a module."""
    folder = ROOT / name
    yield from sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{name}.py"]


def violations(file: Path, name: str, allowed: set[str] | None) -> set[str]:
    """What a file imports of ours although its rule does not allow it."""
    if allowed is EVERYTHING:
        return set()
    ours = set(FOLDERS) | set(MODULES) | set(folders()) | set(modules())
    return (imported(file.read_text()) & ours) - allowed - {name}


def test_every_folder_has_a_rule() -> None:
    """A new folder or module must say what it may import."""
    assert set(folders()) - set(FOLDERS) == set()
    assert set(modules()) - set(MODULES) == set()


@pytest.mark.parametrize("name", [*FOLDERS, *MODULES])
def test_only_what_is_allowed(name: str) -> None:
    """No file imports more of ours than its rule allows."""
    found = {
        str(file.relative_to(ROOT)): bad
        for file in files_of(name)
        if (bad := violations(file, name, {**FOLDERS, **MODULES}[name]))
    }
    assert found == {}


def test_nobody_imports_the_venue() -> None:
    """Beside itself and its own tests: a simulator must not share a connector's misunderstanding."""
    found = [
        str(file.relative_to(ROOT))
        for name in [*folders(), *modules()]
        for file in files_of(name)
        if "venue" in imported(file.read_text()) and name != "venue" and file.parent != ROOT / "tests" / "venue"
    ]
    assert found == []


def test_the_gpl_rival_stays_in_the_bench() -> None:
    """So that nothing that is served comes under its licence."""
    found = {
        name for name in [*folders(), *modules()] for file in files_of(name) if GPL in imported(file.read_text())
    }
    assert found <= {"bench"}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import book", {"book"}),
        ("import book.side as s, os", {"book", "os"}),
        ("from exchanges.feed import Feed", {"exchanges"}),
        ("from . import venue", set()),
        ("def f():\n    from services import wire", {"services"}),
        ("if x:\n    import dashboard", {"dashboard"}),
        ("importlib.import_module('venue.market')", {"venue"}),
        ("__import__('tape')", {"tape"}),
        ("text = 'import book'", set()),
    ],
)
def test_what_counts_as_an_import(source: str, names: set[str]) -> None:
    """Imports anywhere in a module, in every form."""
    assert imported(source) == names


def test_a_wrong_import_is_found(tmp_path: Path) -> None:
    """The rules can fail."""
    file = tmp_path / "wrong.py"
    file.write_text("import json\nfrom exchanges import VENUES\nfrom book import Side\n")
    assert violations(file, "services", FOLDERS["services"]) == {"exchanges"}
    assert violations(file, "book", FOLDERS["book"]) == {"exchanges"}
    assert violations(file, "exchanges", FOLDERS["exchanges"]) == set()
