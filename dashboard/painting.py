"""The widget that draws rows: cached strips, and only the lines that changed."""

from collections.abc import Sequence
from itertools import groupby

from rich.segment import Segment
from textual import events
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from dashboard.frames import Frame, edge_role, edges
from dashboard.rows import Row, blank
from dashboard.themes import Look

ROLLED = 3
CACHED_STRIPS = 128  # two screens: levels that move by a row keep their strip. A strip takes some kilobytes


class Painting(Widget):
    """Draws rows as they are given. Each row is the key of its strip, so an unchanged line costs nothing.

    With a frame the rows are those inside of it, two fewer and two cells narrower.
    """

    ALLOW_SELECT = False
    can_focus = False

    class Clicked(Message):
        """A click on a row, counted inside the frame; `times`: 2 for the second of a double click."""

        def __init__(self, name: str, x: int, y: int, times: int) -> None:
            super().__init__()
            self.name, self.x, self.y, self.times = name, x, y, times

    class Rolled(Message):
        """The wheel was turned over it, by so many lines; negative: upwards."""

        def __init__(self, name: str, lines: int, ctrl: bool) -> None:
            super().__init__()
            self.name, self.lines, self.ctrl = name, lines, ctrl

    def __init__(self, look: Look, *, id: str) -> None:
        super().__init__(id=id)
        self._look = look
        self._rows: list[Row] = []
        self._strips: dict[int, Strip] = {}  # by line, for as long as its row stays the same
        self._strips_width = 0
        self._dimmed = False
        self._frame: Frame | None = None
        self._cache: dict[tuple[Row, bool, int, bool, bool], Strip] = {}  # the newest; a row takes long to hash

    def wear(self, look: Look) -> None:
        """Another look: every line is drawn anew."""
        if look != self._look:
            self._look = look
            self.forget()

    def forget(self) -> None:
        """Every line is drawn anew."""
        self._cache.clear()
        self._anew()

    def _anew(self) -> None:
        self._strips.clear()
        self.refresh()

    def room(self, framed: bool) -> tuple[int, int]:
        """Width and height of the rows to give."""
        width, height = self.size
        return (max(0, width - 2), max(0, height - 2)) if framed else (width, height)

    def show(self, rows: Sequence[Row], dimmed: bool = False, frame: Frame | None = None) -> int:
        """Takes the picture's rows; asks for the changed lines only. Answers how many changed."""
        rows = list(rows)
        if frame is not None:
            top, bottom = edges(frame, self.size.width)
            rows = [top, *rows, bottom]
        before, self._rows = self._rows, rows
        edge_changed = (frame is None) != (self._frame is None) or (
            frame is not None and self._frame is not None and frame.focused != self._frame.focused
        )
        self._frame = frame
        if dimmed != self._dimmed or len(before) != len(self._rows) or edge_changed:
            self._dimmed = dimmed
            self._anew()
            return len(self._rows)
        changed = [y for y, (old, new) in enumerate(zip(before, self._rows, strict=True)) if old != new]
        if changed:
            width = self.size.width
            for y in changed:
                self._strips.pop(y, None)
            # Neighbouring lines have the same distance to their place in the list: one region for each run.
            runs = (list(run) for _, run in groupby(enumerate(changed), lambda entry: entry[1] - entry[0]))
            self.refresh(*(Region(0, run[0][1], width, len(run)) for run in runs))
        return len(changed)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines as they are.

        There are no borders, paddings or backgrounds of Textual's to be put around each line anew in every frame, and
        its filters have been applied when the strip was made: that is a third of what a frame costs.
        """
        width = self.size.width
        known = self._strips
        if width != self._strips_width:
            known.clear()
            self._strips_width = width
        strips = [known.get(y) or self._line(y, width) for y in crop.line_range]
        if crop.column_span == (0, width):
            return strips
        return [strip.crop(*crop.column_span) for strip in strips]

    def render_line(self, y: int) -> Strip:
        """One line, exactly as wide as the widget."""
        return self._line(y, self.size.width)

    def _line(self, y: int, width: int) -> Strip:
        edge = self._frame is not None and 0 < y < len(self._rows) - 1
        row = self._rows[y] if y < len(self._rows) else blank(width)
        focused = edge and self._frame is not None and self._frame.focused
        key = (row, self._dimmed, width, edge, focused)
        strip = self._cache.get(key)
        if strip is None:
            strip = self._strip(row, width, edge, focused)
            for each in self._filters():
                strip = strip.apply_filter(each, self.background_colors[1])
            self._cache[key] = strip
            if len(self._cache) > CACHED_STRIPS:
                del self._cache[next(iter(self._cache))]
        self._strips[y] = strip
        return strip

    def _filters(self) -> list[LineFilter]:
        """Of a theme with colours of its own, none is the terminal's: these need no translation."""
        plain = self._look.palette is None
        return [each for each in self.app.get_line_filters() if plain or not isinstance(each, ANSIToTruecolor)]

    def _strip(self, row: Row, width: int, edge: bool = False, focused: bool = False) -> Strip:
        look, dimmed = self._look, self._dimmed
        segments = [Segment(text, look.style(role, fill, dimmed)) for text, role, fill in row.pieces()]
        at = sum([len(segment.text) for segment in segments])
        inner = width - 2 if edge else width
        if at != inner:
            segments = list(Strip(segments, at).adjust_cell_length(max(0, inner)))
        if edge and width >= 2:
            side = Segment("│", look.style(edge_role(focused), None, False))
            segments = [side, *segments, side]
        return Strip(segments, width)

    def on_click(self, event: events.Click) -> None:
        """Tells where, as the panel counts."""
        edge = int(self._frame is not None)
        self.post_message(self.Clicked(self.id or "", event.x - edge, event.y - edge, event.chain))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows a turn."""
        self.post_message(self.Rolled(self.id or "", ROLLED, event.ctrl))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows a turn."""
        self.post_message(self.Rolled(self.id or "", -ROLLED, event.ctrl))
