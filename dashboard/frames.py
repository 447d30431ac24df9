"""Frames around panels: a title above, a hint below, brighter where the keys go. Pure."""

from typing import NamedTuple

from dashboard.rows import Role, Row, Span, fitted


class Frame(NamedTuple):
    """What is written into a panel's frame. A note stands at the right end of the upper edge."""

    title: str
    hint: str = ""
    focused: bool = False
    note: tuple[Span, ...] = ()


def edge_role(focused: bool) -> Role:
    """The focused panel's frame is brighter."""
    return Role.KEY if focused else Role.RULE


def edges(frame: Frame, width: int) -> tuple[Row, Row]:
    """The upper and the lower edge, each exactly `width` cells."""
    role = edge_role(frame.focused)
    title = f" {frame.title} " if frame.title else ""
    title = title[: max(0, width - 4)]
    note = sum(len(span.text) for span in frame.note)
    room = width - 3 - len(title)
    top = [Span("╭─", role), Span(title, Role.STRONG if frame.focused else Role.QUIET)]
    if note and note + 3 <= room:
        top += [Span("─" * (room - note - 3), role), Span(" "), *frame.note, Span(" "), Span("─╮", role)]
    else:
        top.append(Span("─" * room + "╮", role))
    hint = f" {frame.hint} " if frame.hint else ""
    if len(hint) + 4 > width:
        hint = ""
    bottom = [Span("╰" + "─" * max(0, width - len(hint) - 3), role), Span(hint, Role.QUIET), Span("─╯", role)]
    return Row(fitted(top, width)), Row(fitted(bottom, width))
