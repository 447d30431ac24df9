"""Rows of text with roles: what the pure functions give and the painting widgets draw. Nothing here knows Textual."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What a piece of text means; a theme gives each meaning its look."""

    NORMAL = "normal"
    QUIET = "quiet"
    STRONG = "strong"
    HEAD = "head"
    BID = "bid"
    ASK = "ask"
    BEST_BID = "best_bid"
    BEST_ASK = "best_ask"
    RULE = "rule"
    CROSSED = "crossed"
    GOOD = "good"
    WARN = "warn"
    BUSY = "busy"
    BAD = "bad"
    KEY = "key"
    BID_BAR = "bid_bar"
    ASK_BAR = "ask_bar"
    FLASH = "flash"  # a number that just changed: bold
    LARGE = "large"  # a size worth a second look: bold
    AXIS = "axis"  # labels and marks of a chart
    CURSOR = "cursor"  # as a fill: the selected line, reversed
    BID_FLASH = "bid_flash"  # as fills: a brighter bar, for a moment
    ASK_FLASH = "ask_flash"
    VENUE_0 = "venue_0"
    VENUE_1 = "venue_1"
    VENUE_2 = "venue_2"
    VENUE_3 = "venue_3"
    VENUE_4 = "venue_4"


VENUE_ROLES = (Role.VENUE_0, Role.VENUE_1, Role.VENUE_2, Role.VENUE_3, Role.VENUE_4)


class Span(NamedTuple):
    """Text of one meaning. Every character takes one cell."""

    text: str
    role: Role = Role.NORMAL


class Fill(NamedTuple):
    """A background from cell `start` up to `end`."""

    start: int
    end: int
    role: Role


class Row(NamedTuple):
    """One line: spans, and a fill behind the first `fill` cells. Equal rows look equal: a row is its own key.

    `fills` are further backgrounds, which lie over the first where they meet it.
    """

    spans: tuple[Span, ...]
    fill: int = 0
    fill_role: Role = Role.NORMAL
    fills: tuple[Fill, ...] = ()

    @property
    def text(self) -> str:
        """The line without its roles."""
        return "".join(span.text for span in self.spans)

    def _filled(self) -> Iterator[tuple[str, Role, Role | None]]:
        """The pieces of a row with the first fill alone, as nearly all are."""
        left = self.fill
        for text, role in self.spans:
            size = len(text)
            if left <= 0:
                yield text, role, None
            elif left >= size:
                yield text, role, self.fill_role
            else:
                yield text[:left], role, self.fill_role
                yield text[left:], role, None
            left -= size

    def pieces(self) -> Iterator[tuple[str, Role, Role | None]]:
        """What a painter draws: text, its role and the role of the fill behind it."""
        if not self.fills:
            yield from self._filled()
            return
        fills = [*self.fills[::-1], Fill(0, self.fill, self.fill_role)]
        cuts = sorted({cut for fill in fills for cut in (fill.start, fill.end)})
        at = 0
        for text, role in self.spans:
            begun, last = 0, None
            for cut in [at, *(cut for cut in cuts if at < cut < at + len(text))]:
                behind = next((fill.role for fill in fills if fill.start <= cut < fill.end), None)
                if cut > at and behind != last:
                    yield text[begun : cut - at], role, last
                    begun = cut - at
                last = behind
            yield text[begun:], role, last
            at += len(text)


class Part(NamedTuple):
    """A piece of a line that may be left out: higher `rank` goes first."""

    rank: int
    spans: tuple[Span, ...]


def cells(spans: Iterable[Span]) -> int:
    """The width of spans."""
    return sum(len(span.text) for span in spans)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Neighbours of one role joined and empty spans dropped: fewer segments to draw."""
    out: list[Span] = []
    for span in spans:
        if not span.text:
            continue
        if out and out[-1].role == span.role:
            out[-1] = Span(out[-1].text + span.text, span.role)
        else:
            out.append(span)
    return tuple(out)


_new = tuple.__new__  # what a named tuple does in the end, in half the time


def fitted(spans: Iterable[Span], width: int) -> tuple[Span, ...]:
    """Exactly `width` cells: blanks added, or the end cut with an ellipsis. Neighbours of one role are joined."""
    out: list[Span] = []
    text, role, room = "", Role.NORMAL, width  # the span that is being joined; cells that are left
    for more, kind in spans:
        over = len(more) > room
        if over and room:
            more = more[: room - 1] + "…"
        elif over:
            more, text = "", text[:-1] + "…" * bool(text)
        room -= len(more)
        if kind == role or not more:
            text += more
        else:
            if text:
                out.append(_new(Span, (text, role)))
            text, role = more, kind
        if over:
            break
    if room and role == Role.NORMAL:
        text += " " * room
    if text:
        out.append(_new(Span, (text, role)))
    if room and role != Role.NORMAL:
        out.append(Span(" " * room))
    return tuple(out)


def line(width: int, left: Sequence[Part], right: Sequence[Part] = (), gap: str = "  ") -> Row:
    """`left` and `right` parts set apart by `gap`; gaps shrink, then the highest ranks go, until the line fits."""
    left, right = list(left), list(right)
    while len(gap) > 2 and _needed(left, right, gap) > width:
        gap = gap[:-1]
    while len(left) + len(right) > 1 and _needed(left, right, gap) > width:
        last = max((*left, *right), key=lambda part: part.rank)
        (left if last in left else right).remove(last)
    head = [Span(" "), *_joined(left, gap)]
    tail = [*_joined(right, gap), Span(" ")]
    middle = Span(" " * max(0, width - cells(head) - cells(tail)))
    return Row(fitted([*head, middle, *tail], width))


def _joined(parts: Sequence[Part], gap: str) -> list[Span]:
    out: list[Span] = []
    for part in parts:
        if out:
            out.append(Span(gap))
        out.extend(part.spans)
    return out


def _needed(left: Sequence[Part], right: Sequence[Part], gap: str) -> int:
    apart = len(gap) if left and right else 0
    return 2 + cells(_joined(left, gap)) + apart + cells(_joined(right, gap))


def centred(spans: Sequence[Span], width: int, filler: str = " ", role: Role = Role.NORMAL) -> tuple[Span, ...]:
    """Spans in the middle of `width` cells of `filler`."""
    room = max(0, width - cells(spans))
    return fitted([Span(filler * (room // 2), role), *spans, Span(filler * (room - room // 2), role)], width)


def blank(width: int) -> Row:
    """An empty line."""
    return Row((Span(" " * width),))
