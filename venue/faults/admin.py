"""The endpoint that begins, shows and ends faults while the venue runs."""

from collections.abc import Iterable, Mapping

import msgspec
from aiohttp import web

from venue.faults.board import Board
from venue.faults.fault import Fault
from venue.faults.kinds import kinds_of
from venue.faults.parameters import FaultError
from venue.faults.spec import COUNT, FOR_S, make_spec
from venue.listing import Listing


class FaultAdmin:
    """`/admin/faults` and `/admin/fault`, on the face whose faults they are."""

    def __init__(self, face: str, board: Board, listings: Iterable[Listing]) -> None:
        self._face = face
        self._board = board
        self._kinds = kinds_of(face)
        self._listings = tuple(listings)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/admin/faults", self._show),
            web.delete("/admin/faults", self._end_all),
            web.post("/admin/fault", self._begin),
            web.delete("/admin/fault/{number}", self._end),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        board = self._board
        body = {
            "face": self._face,
            "active": [board.row(fault) for fault in board.active.values()],
            "ended": list(board.ended_rows),
            "struck": board.totals(),
            "kinds": describe_kinds(self._kinds),
        }
        return _json(body)

    async def _begin(self, request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _json({"error": f"the body is no JSON: {error}"}, 400)
        if not isinstance(asked, dict):
            return _json({"error": f"the body is {asked!r:.100}, not an object"}, 400)
        face = asked.pop("face", self._face)
        if face != self._face:
            return _json({"error": f"face: {face!r} is not here; this is {self._face}"}, 400)
        try:
            fault = self._board.begin(make_spec(asked, self._kinds, self._listings))
        except FaultError as error:
            return _json({"error": str(error)}, 400)
        return _json(self._board.row(fault), 201)

    async def _end(self, request: web.Request) -> web.Response:
        text = request.match_info["number"]
        fault = self._board.end(int(text)) if text.isascii() and text.isdecimal() and len(text) < 19 else None
        if fault is None:
            known = ", ".join(map(str, self._board.active)) or "none"
            return _json({"error": f"no active fault {text!r}; active are: {known}"}, 404)
        return _json(self._board.row(fault))

    async def _end_all(self, request: web.Request) -> web.Response:
        return _json({"ended": [self._board.row(fault) for fault in self._board.clear()]})


def describe_kinds(kinds: Mapping[str, type[Fault]]) -> dict[str, object]:
    """Return kinds with their parameters, for users."""
    told: dict[str, object] = {}
    for name, kind in kinds.items():
        limits = (COUNT, FOR_S) if kind.countable else (FOR_S,)
        parameters = {parameter.name: parameter.describe() for parameter in kind.parameters}
        for limit in limits:
            default = kind.default_count if limit is COUNT else None
            parameters[limit.name] = {**limit.describe(), "default": default}
        told[name] = {"summary": kind.summary, "symbol": kind.per_symbol, "parameters": parameters}
    return told


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
