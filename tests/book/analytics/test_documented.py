"""The page about analytics says what is true."""

import re
from pathlib import Path

import pytest

from book.analytics import built_in
from tests.book.analytics.markets import FEES, Quotes, book

PAGE = (Path(__file__).parents[3] / "docs" / "analytics.md").read_text(encoding="utf-8")
ROWS = [re.split(r" \| ", line.strip("| ")) for line in PAGE.splitlines() if line.startswith("| `")]
MARKET = book(float, FEES, a=Quotes("99*1", "101*1"), b=Quotes("98*2", "102*2"))


def test_every_analytic_is_there() -> None:
    assert [row[0].strip("`").partition(":")[0] for row in ROWS] == [each.name for each in built_in()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_its_worked_numbers(row: list[str]) -> None:
    figures = built_in().parse(row[0].strip("`")).figures(MARKET)
    values = ", ".join(f"{each.part} {each.value:f}".strip() for each in figures if each.value is not None)
    assert row[3] == (values or f"not defined: {figures[0].reason}")
    units = {figure.unit for figure in figures}
    words = {"quote": {"USDT"}, "bps": {"bps"}, "ratio": {"ratio"}, "base, quote": {"BTC", "USDT"}}
    assert units == words.get(row[2], units)
