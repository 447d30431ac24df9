"""Tables of text: columns that fit, the least important ones left out first. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from dashboard.rows import Role, Row, Span, fitted, merged

GAP = 2


class Column(NamedTuple):
    """One column. Higher `rank` goes first where width is short; `least` cells keep it from jumping.

    A column that `grows` takes what is left, and is cut to it; at most one does.
    """

    head: str
    rank: int = 0
    right: bool = True
    least: int = 0
    grows: bool = False


def table(columns: Sequence[Column], lines: Sequence[Sequence[Span]], width: int) -> tuple[Row, list[Row]]:
    """The heads and a row a line, each exactly `width` cells; a line has a span a column."""
    sizes = [
        max([column.least, len(column.head), *(0 if column.grows else len(line[at].text) for line in lines)])
        for at, column in enumerate(columns)
    ]
    shown = sorted(range(len(columns)), key=lambda at: columns[at].rank)
    while len(shown) > 1 and sum(sizes[at] + GAP for at in shown) > width:
        shown.pop()
    shown.sort()
    spare = max(0, width - sum(sizes[at] + GAP for at in shown))
    for at in shown:
        if columns[at].grows:
            sizes[at] += spare
    heads = [Span(column.head, Role.HEAD) for column in columns]
    head = _row(columns, heads, shown, sizes, width)
    head = Row(fitted([Span(head.text, Role.HEAD)], width))
    return head, [_row(columns, line, shown, sizes, width) for line in lines]


def _row(
    columns: Sequence[Column], line: Sequence[Span], shown: Sequence[int], sizes: Sequence[int], width: int
) -> Row:
    spans: list[Span] = []
    for at in shown:
        text, role = line[at]
        if len(text) > sizes[at]:
            text = text[: max(0, sizes[at] - 1)] + "…"
        pad = Span(" " * (sizes[at] - len(text)))
        spans += [Span(" "), *((pad, Span(text, role)) if columns[at].right else (Span(text, role), pad)), Span(" ")]
    return Row(fitted(spans, width))


def cursor(row: Row) -> Row:
    """The line under the cursor: a mark at its beginning, reversed."""
    if not row.text:
        return row
    first, *rest = row.spans
    marked = (Span(">", Role.STRONG), Span(first.text[1:], first.role), *rest)
    return Row(merged(marked), len(row.text), Role.CURSOR)


def filled(rows: list[Row], width: int, height: int) -> list[Row]:
    """Exactly `height` rows."""
    return (rows + [Row((Span(" " * width),))] * height)[:height]
