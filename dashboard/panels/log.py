"""The event log: states of the feed and the venues, gaps, errors, the newest at the end."""

from dashboard.journal import Event
from dashboard.numbers import clock
from dashboard.panels.base import Host, Scene, Scrolling
from dashboard.rows import Role, Row, Span, fitted
from dashboard.tables import filled


class LogPanel(Scrolling):
    """Every event that is kept; it follows the newest until it is scrolled."""

    id = "log"
    title = "Log"

    def __init__(self) -> None:
        super().__init__()
        self._following = True

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """One line an event."""
        events = scene.events
        if self._following:
            self.place = max(0, len(events) - 1)
        head = Row(fitted([Span(f" {len(events)} events, UTC", Role.HEAD), Span(" " * width, Role.HEAD)], width))
        first, last = self.window(len(events), max(1, height - 1))
        return filled([head, *(told(event, width) for event in events[first:last])], width, height)

    def move(self, lines: int) -> None:
        """Leaves the end, or comes back to it."""
        super().move(lines)
        self._following = self.place >= self._count - 1

    def on_top(self, host: Host) -> None:
        """The oldest."""
        super().on_top(host)
        self._following = False

    def on_bottom(self, host: Host) -> None:
        """The newest, from now on."""
        super().on_bottom(host)
        self._following = True

    def dimmed(self, scene: Scene) -> bool:
        """What happened stays true."""
        return False


def told(event: Event, width: int) -> Row:
    """One event as a line."""
    stamp = clock(event.at_ns)[:8]
    return Row(fitted([Span(f" {stamp} ", Role.QUIET), Span(event.glyph, event.role), Span(f" {event.text}")], width))
