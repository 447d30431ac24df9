"""The widget that draws rows: cached strips, and only the lines that changed."""

from collections.abc import Sequence
from itertools import groupby

from rich.segment import Segment
from textual.cache import LRUCache
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from dashboard.rows import Row, blank
from dashboard.themes import Look

CACHED_STRIPS = 1024  # a few screens: levels that move by a row keep their strip


class Painting(Widget):
    """Draws rows as they are given. Each row is the key of its strip, so an unchanged line costs nothing."""

    ALLOW_SELECT = False
    can_focus = False

    def __init__(self, look: Look, *, id: str) -> None:
        super().__init__(id=id)
        self._look = look
        self._rows: list[Row] = []
        self._dimmed = False
        self._cache: LRUCache[tuple[Row, bool, int], Strip] = LRUCache(CACHED_STRIPS)

    def show(self, rows: Sequence[Row], dimmed: bool = False) -> int:
        """Takes the picture's rows; asks for the changed lines only. Answers how many changed."""
        before, self._rows = self._rows, list(rows)
        if dimmed != self._dimmed or len(before) != len(self._rows):
            self._dimmed = dimmed
            self.refresh()
            return len(self._rows)
        changed = [y for y, (old, new) in enumerate(zip(before, self._rows, strict=True)) if old != new]
        if changed:
            width = self.size.width
            # Neighbouring lines have the same distance to their place in the list: one region for each run.
            runs = (list(run) for _, run in groupby(enumerate(changed), lambda entry: entry[1] - entry[0]))
            self.refresh(*(Region(0, run[0][1], width, len(run)) for run in runs))
        return len(changed)

    def render_line(self, y: int) -> Strip:
        """One line, exactly as wide as the widget."""
        width = self.size.width
        row = self._rows[y] if y < len(self._rows) else blank(width)
        key = (row, self._dimmed, width)
        strip = self._cache.get(key)
        if strip is None:
            strip = self._strip(row, width)
            self._cache.set(key, strip)
        return strip

    def _strip(self, row: Row, width: int) -> Strip:
        look, dimmed = self._look, self._dimmed
        segments: list[Segment] = []
        at = 0
        for text, role in row.spans:
            cut = min(max(row.fill - at, 0), len(text))
            if cut:
                segments.append(Segment(text[:cut], look.style(role, row.fill_role, dimmed)))
            if cut < len(text):
                segments.append(Segment(text[cut:], look.style(role, None, dimmed)))
            at += len(text)
        strip = Strip(segments, at)
        return strip if at == width else strip.adjust_cell_length(width)
