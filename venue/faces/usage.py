"""What clients have asked of a face, second by second: connects, requests, weight, frames. For `/admin/usage`."""

from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec
from aiohttp import web

from venue.budget import Budget
from venue.clock import wall_us

KEPT_S: Final = 3600  # seconds in which something happened; older ones are forgotten
COLUMNS: Final = ("second", "connects", "connects_refused", "requests", "requests_refused", "weight", "frames_in")
_CONNECTS, _CONNECTS_REFUSED, _REQUESTS, _REQUESTS_REFUSED, _WEIGHT, _FRAMES = range(1, len(COLUMNS))


class Usage:
    """Counts per wall-clock second, all addresses together; only seconds in which something happened have a row.

    A row is made with the first event of its second: nothing runs where nothing happens. The admin endpoint is not
    counted.
    """

    def __init__(self, face: str) -> None:
        self._face = face
        self._since_s = wall_us() // 1_000_000
        self._rows: deque[list[int]] = deque(maxlen=KEPT_S)

    def connect(self, *, accepted: bool) -> None:
        """Count a WebSocket connect."""
        self._row()[_CONNECTS if accepted else _CONNECTS_REFUSED] += 1

    def request(self, *, refused: bool) -> None:
        """Count a REST request; ``refused`` are those for which the client asks too much, or a fault says so."""
        row = self._row()
        row[_REQUESTS] += 1
        row[_REQUESTS_REFUSED] += refused

    def weight(self, weight: int) -> None:
        """Count the weight of a request, refused ones included, as the venue does."""
        self._row()[_WEIGHT] += weight

    def frame(self) -> None:
        """Count a frame from a client: messages, pings and pongs."""
        self._row()[_FRAMES] += 1

    def _row(self) -> list[int]:
        second = wall_us() // 1_000_000
        rows = self._rows
        # A wall clock that was set back adds to the newest row, so that rows stay in order.
        if not rows or rows[-1][0] < second:
            rows.append([second, *(0 for _ in COLUMNS[1:])])
        return rows[-1]

    def tell(self, seconds: int, budgets: Iterable[tuple[str, Budget]]) -> dict[str, object]:
        """Return the rows of the last seconds, their sums, and the limits."""
        now_s = wall_us() // 1_000_000
        rows = [row for row in self._rows if row[0] > now_s - seconds]
        sums = [sum(column) for column in zip(*rows, strict=True)][1:] or [0] * (len(COLUMNS) - 1)
        return {
            "face": self._face,
            "now": now_s,
            "since": max(self._since_s, now_s - seconds + 1),
            "columns": COLUMNS,
            "rows": rows,
            "sum": dict(zip(COLUMNS[1:], sums, strict=True)),
            "limits": {name: {"limit": budget.limit, "window_s": budget.window_s} for name, budget in budgets},
        }


class UsageAdmin:
    """`/admin/usage`."""

    def __init__(self, usage: Usage, budgets: Iterable[tuple[str, Budget]]) -> None:
        self._usage = usage
        self._budgets = tuple(budgets)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoint."""
        return [web.get("/admin/usage", self._show)]

    async def _show(self, request: web.Request) -> web.Response:
        text = request.query.get("seconds", "600")
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= KEPT_S and len(text) < 9):
            return _json({"error": f"seconds: {text!r:.40} is not a whole number between 1 and {KEPT_S}"}, 400)
        return _json(self._usage.tell(int(text), self._budgets))


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
