"""Health: what the messages and the pictures cost, and what happened of late."""

from dashboard import history
from dashboard.numbers import NONE, duration
from dashboard.panels.base import Scene, Scrolling
from dashboard.panels.log import told
from dashboard.rows import Part, Role, Row, Span, line
from dashboard.tables import filled

MUCH = 14  # rows from here on hold a line for each venue


class HealthPanel(Scrolling):
    """Figures above, events below."""

    id = "health"
    title = "Health"

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """The figures, and as many of the newest events as have room."""
        rows = [*self._histories(scene, width, height), self._feed(scene, width), self._drawing(scene, width)]
        rows.append(self._server(scene, width))
        if scene.skewed:
            rows.append(_skew(width))
        room = max(0, height - len(rows))
        events = scene.events
        if self._count != len(events) and self.place >= self._count - 1:
            self.place = max(0, len(events) - 1)
        first, last = self.window(len(events), room) if room else (0, 0)
        return filled([*rows, *(told(event, width) for event in events[first:last])], width, height)

    def _histories(self, scene: Scene, width: int, height: int) -> list[Row]:
        names = ["age", "wire", "draw", *sorted(scene.lags)] if height >= MUCH else ["age"]
        known = {"age": scene.ages, "wire": scene.wires, "draw": scene.draws, **scene.lags}
        glyphs = scene.options.glyphs
        room = max(6, *(len(name) for name in names))
        return [history.row(name, known[name], scene.now_ns, width, glyphs, room) for name in names]

    def _feed(self, scene: Scene, width: int) -> Row:
        view, book = scene.view, scene.view.book
        gaps = sum(venue.gaps for venue in book.venues) if book is not None else 0
        return line(
            width,
            [
                _figure(0, "feed", f"{view.rate:,} msg/s"),
                _figure(1, "drawn", f"{scene.figures.fps:.0f} fps"),
                _figure(2, "conflated", f"{view.conflated:,}"),
                _figure(3, "gaps", str(gaps)),
                _figure(4, "crossed", str(view.crossings)),
            ],
        )

    def _drawing(self, scene: Scene, width: int) -> Row:
        figures = scene.figures
        cap = _figure(2, "cap", f"{figures.cap:g} fps")
        if figures.cap < figures.asked:
            cap = Part(2, (Span(f"frames are slow: cap {figures.cap:g} of {figures.asked:g} fps", Role.WARN),))
        return line(
            width,
            [
                _figure(0, "frame", f"{figures.frame_ns / 1e6:.1f} ms" if figures.frame_ns is not None else NONE),
                _figure(1, "cpu", f"{figures.cpu:.0f} %" if figures.cpu is not None else NONE),
                cap,
            ],
        )

    def _server(self, scene: Scene, width: int) -> Row:
        parts = [Part(0, (Span("server ", Role.QUIET), Span(scene.view.address)))]
        status = scene.status
        if status is not None:
            up = duration(status.sent_ns - status.started_ns + scene.status_age_ns) if status.started_ns else NONE
            parts += [
                _figure(1, "version", status.version or NONE),
                _figure(2, "up", up),
                _figure(3, "pairs", str(len(status.pairs))),
                _figure(4, "streams", str(status.streams)),
            ]
        return line(width, parts)

    def hint(self, scene: Scene) -> str:
        """Where all of it is."""
        return f"{scene.keys.sign('log')} log"

    def dimmed(self, scene: Scene) -> bool:
        """These are figures of this program, not of the market."""
        return False


def _figure(rank: int, name: str, value: str) -> Part:
    return Part(rank, (Span(f"{name} ", Role.QUIET), Span(value)))


def _skew(width: int) -> Row:
    told = "age ~: a venue's stamp lies in our future, so ages are counted from the server's reception"
    return line(width, [Part(0, (Span(told, Role.WARN),))])
