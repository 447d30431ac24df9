"""The depth: how much stands between the mid and each price."""

from collections.abc import Callable
from dataclasses import replace

from dashboard import depth, muting
from dashboard.depth import Frame
from dashboard.options import following
from dashboard.panels.base import Host, Panel, Scene
from dashboard.rows import Part, Role, Row, Span, line
from dashboard.tables import filled


class DepthPanel(Panel):
    """The chart, with what part of the book is looked at."""

    id = "depth"
    title = "Depth"

    def __init__(self) -> None:
        self._frame = Frame()
        self._room = 1

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """The chart of the present book."""
        view = scene.heard
        self._room = width
        if view.book is None or not view.had_book:
            return filled([line(width, [Part(0, (Span("─", Role.QUIET),))])], width, height)
        away = muting.silent(view.book, scene.options)
        return depth.chart(view, width, height, self._frame, scene.options.glyphs, scene.options.depth, away)

    def heading(self, scene: Scene) -> str:
        """What is drawn."""
        return f"Depth ({'cumulative' if self._frame.curves is depth.Curves.TOTAL else self._frame.curves})"

    def hint(self, scene: Scene) -> str:
        """The sums of both sides."""
        return depth.foot(scene.heard, self._frame) if scene.view.book is not None and scene.view.had_book else ""

    def on_group_coarser(self, host: Host) -> None:
        """A greater reach."""
        self._reach(host, depth.wider)

    def on_group_finer(self, host: Host) -> None:
        """A smaller reach."""
        self._reach(host, depth.narrower)

    def on_group_tick(self, host: Host) -> None:
        """As far as the levels go."""
        self._frame = replace(self._frame, reach=0)

    def _reach(self, host: Host, step: Callable[[Frame, int], Frame]) -> None:
        book = host.scene().heard.book
        if book is not None:
            self._frame = step(self._frame, depth.seen_reach(book))

    def on_overlay(self, host: Host) -> None:
        """The total, split by venue, or each venue over it."""
        self._frame = replace(self._frame, curves=following(self._frame.curves))
        host.say(f"depth: {self._frame.curves}")

    def on_side_left(self, host: Host) -> None:
        """The crosshair goes left."""
        self._frame = depth.shifted(self._frame, -1)

    def on_side_right(self, host: Host) -> None:
        """The crosshair goes right."""
        self._frame = depth.shifted(self._frame, 1)

    def on_close(self, host: Host) -> bool:
        """The crosshair goes away."""
        if self._frame.cross is None:
            return False
        self._frame = replace(self._frame, cross=None)
        return True

    def rolled(self, lines: int, ctrl: bool, host: Host) -> None:
        """A greater reach, or a smaller one."""
        self._reach(host, depth.wider if lines > 0 else depth.narrower)
