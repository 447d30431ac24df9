"""Analytics of users: found, loaded, and kept from hurting anybody."""

import sys
from collections.abc import Iterator
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from book.analytics import CannotLoad, Panel, Registry, built_in, load_entry_points, load_function
from book.analytics.plugins import GROUP
from tests.book.analytics.markets import KINDS, Quotes, book, told

BOOK = book(a=Quotes("99*1", "101*1"))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A user's module, with good and bad in it."""
    (tmp_path / "mine.py").write_text(
        "from decimal import Decimal\n"
        "def twice(book, times: int = 2):\n    return Decimal(times) * book.touch.bid\n"
        "twice.unit = 'units'\n"
        "class inner:\n    @staticmethod\n    def deep(book):\n        return 7\n"
        "number = 5\n"
    )
    (tmp_path / "broken.py").write_text("import no_such_module_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "mine"
    for name in ("mine", "broken"):
        sys.modules.pop(name, None)


def test_by_module_and_function(module: str) -> None:
    registry = built_in()
    assert load_function(registry, "mine:twice").usage == "twice[:TIMES]"
    assert load_function(registry, "other=mine:inner.deep").name == "other"
    (figure,) = registry.parse("twice:3").figures(BOOK)
    assert (figure.value, figure.unit) == (Decimal(29700), "units")
    assert registry.parse("other").figures(BOOK)[0].value == 7


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "write it as [NAME=]MODULE:FUNCTION"),
        ("mine", "write it as [NAME=]MODULE:FUNCTION"),
        ("mine:", "write it as"),
        (":twice", "write it as"),
        ("=mine:twice", "write it as"),
        ("mine:thrice", "mine:thrice: AttributeError: module 'mine' has no attribute 'thrice'"),
        ("mine:number", "mine:number: number: the int 5 is no function"),
        ("mid=mine:twice", "mid=mine:twice: there is an analytic 'mid' already"),
        ("broken:twice", "broken:twice: ModuleNotFoundError: No module named 'no_such_module_at_all'"),
    ],
)
def test_what_cannot_be_loaded(text: str, error: str, module: str) -> None:
    with pytest.raises(CannotLoad) as caught:
        load_function(built_in(), text)
    assert error in str(caught.value)


def test_by_entry_point(module: str) -> None:
    """What is broken is told; the others work."""
    registry = built_in()
    points = [
        EntryPoint("bad", "broken:twice", GROUP),
        EntryPoint("mid", "mine:twice", GROUP),
        EntryPoint("good", "mine:twice", GROUP),
    ]
    problems = [str(problem) for problem in load_entry_points(registry, points)]
    assert problems == [
        "entry point bad = broken:twice: ModuleNotFoundError: No module named 'no_such_module_at_all'",
        "entry point mid = mine:twice: there is an analytic 'mid' already: choose another name",
    ]
    assert registry.parse("good:1").figures(BOOK)[0].value == 9900


def test_installed_packages_are_looked_through(module: str, tmp_path: Path) -> None:
    """As pip leaves them: a folder of metadata beside the module."""
    (tmp_path / "mine-1.dist-info").mkdir()
    (tmp_path / "mine-1.dist-info" / "METADATA").write_text("Name: mine\nVersion: 1\n")
    (tmp_path / "mine-1.dist-info" / "entry_points.txt").write_text(f"[{GROUP}]\ndouble = mine:twice\n")
    registry = built_in()
    assert load_entry_points(registry) == []
    assert registry.parse("double").definition.name == "double"


def fails(book: Any, how: str) -> Any:
    """Raises what is asked for."""
    raise {"value": ValueError("no luck"), "exit": SystemExit(3), "deep": RecursionError("too deep")}[how]


def dusty(book: Any) -> Any:
    """Returns what may not be returned."""
    return 0.1


def test_a_broken_analytic_hurts_nobody_and_is_told_once() -> None:
    registry = built_in()
    registry.add("fails", fails, "bps")
    registry.add("dusty", dusty)
    asked = ("fails:value", "mid", "fails:exit", "fails:deep", "dusty", "spread")
    failures: list[str] = []
    panel = Panel([registry.parse(each) for each in asked], lambda which, _: failures.append(which.name))
    for _ in range(3):
        figures = panel.figures(BOOK)
        assert tuple(figures) == asked
        assert (told(figures["mid"]), told(figures["spread"])) == ({"": "100"}, {"": "2"})
        (failed,) = figures["fails:value"]
        assert (failed.value, failed.unit, failed.complete) == (None, "bps", False)
        assert failed.reason == "the analytic failed: ValueError: no luck"
        assert "SystemExit: 3" in figures["fails:exit"][0].reason
        assert "it returned the float 0.1" in figures["dusty"][0].reason
    assert failures == ["fails:value", "fails:exit", "fails:deep", "dusty"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_example(kind: Any) -> None:
    registry = Registry()
    load_function(registry, "examples.pressure:pressure")
    pressure = registry.parse("pressure:2")
    venues: dict[str, Any] = {"a": Quotes("99*3 98*2", "101*1 102*2"), "b": Quotes("99*1", "103*9")}
    # 4 + 2/2 against 1 + 2/2
    assert pressure.figures(book(kind, **venues))[0].value == Decimal("0.428571")
    assert pressure.figures(book(kind, a=Quotes("99*3")))[0].value is None
    figure = pressure.figures(book(kind, a=Quotes("99*3", "101*1", more_bids=True)))[0]
    assert (figure.reason, figure.deeper) == ("a's bids below 99 were not looked at", True)
