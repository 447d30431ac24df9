"""The venue's admin endpoint: makes strikes and tells what became of them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from tests.truth.faces import FACES
from tests.truth.strikes import Strike

END_S = 40.0  # by which a fault must have struck and ended, or it is taken back
POLL_S = 0.2
_WIDE_KINDS = ("half_open", "life", "refuse")  # these take no symbol
_FORBIDDEN_S = 2.0  # of a snapshot that is forbidden, before a cut makes the client ask anew


class Admin:
    """All faces' endpoints. `check` is called while something is waited for, and may raise."""

    def __init__(
        self, http: aiohttp.ClientSession, rests: Mapping[str, str], check: Callable[[], None] = lambda: None
    ) -> None:
        self.http = http
        self.rests = rests
        self.check = check

    async def strike(self, strike: Strike) -> list[dict[str, Any]]:
        """Makes all faults of a strike; their last rows once all have ended, the strike's own first."""
        first = await self._begin(strike.face, strike.fault, strike.pair)
        rows = []
        if strike.after is not None:
            rows.append(await self.fault(strike.face, strike.after, strike.pair))
        rows.insert(0, await self._ended(strike.face, first))
        if strike.healed_by_cut:
            await asyncio.sleep(_FORBIDDEN_S)
            rows.append(await self.cut(strike.face))
        return rows

    async def cut(self, face: str) -> dict[str, Any]:
        """Cuts all connections; its row."""
        return await self.fault(face, {"kind": "cut", "count": 1})

    async def fault(self, face: str, fault: Mapping[str, Any], pair: str | None = None) -> dict[str, Any]:
        """Makes one fault; its last row once it has ended."""
        return await self._ended(face, await self._begin(face, fault, pair))

    async def _begin(self, face: str, fault: Mapping[str, Any], pair: str | None) -> int:
        wanted = dict(fault)
        if wanted["kind"] not in _WIDE_KINDS:
            wanted["symbol"] = FACES[face].symbol(pair) if pair else "*"
        number: int = (await self._ask("POST", face, "/admin/fault", wanted))["id"]
        return number

    async def _ended(self, face: str, number: int) -> dict[str, Any]:
        deadline = time.monotonic() + END_S
        while True:
            told = await self._ask("GET", face, "/admin/faults")
            row: dict[str, Any] | None = next((row for row in told["ended"] if row["id"] == number), None)
            if row is not None:
                return row
            if time.monotonic() > deadline + END_S:
                raise RuntimeError(f"{face}: fault {number} does not end: {told['active']}")
            if time.monotonic() > deadline:
                await self._ask("DELETE", face, f"/admin/fault/{number}")
            self.check()
            await asyncio.sleep(POLL_S)

    async def _ask(self, method: str, face: str, path: str, body: dict[str, Any] | None = None) -> Any:
        async with self.http.request(method, self.rests[face] + path, json=body) as reply:
            told = await reply.json()
            if reply.status not in (200, 201, 404):
                raise RuntimeError(f"{face} {path} {body}: {told}")
            return told
