"""Every kind of fault, on each face, for one symbol where it can be: by the endpoint, at the start, and at a time."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, running
from tests.venue.dialects import DIALECTS
from tests.venue.test_fault_process import FAST, get
from tests.venue.test_process import process
from venue.faults.kinds import KINDS, kinds_of

FACES = tuple(DIALECTS)
ALL = ("--faces", ",".join(FACES))
CASES = [(face, kind) for face in FACES for kind in kinds_of(face)]

# What makes each kind end soon, once it has struck; the others end after one strike.
QUICK: dict[str, dict[str, Any]] = {
    "delay": {"ms": 60, "count": 2},
    "duplicate": {"count": 2},
    "oversized": {"bytes": 100_000, "count": 1},
    "silence": {"for_s": 0.3},
    "half_open": {"for_s": 0.3},
    "skew": {"ms": 60_000, "for_s": 0.3},
    "cut": {"code": 1012},
    "life": {"s": 0.05, "notice": False, "count": 1},
    "shutdown": {"notice_s": 0.05},
    "late": {"delay_s": 0.05, "count": 1},
    "cached": {"count": 2},
    "drip": {"bytes": 5000, "interval_s": 0.01, "count": 1},
}


def asked(kind: str, symbol: str) -> dict[str, Any]:
    """Return parameters that let a kind strike soon and end, for one symbol if it takes one."""
    limits = QUICK.get(kind) or ({} if KINDS[kind].default_count else {"count": 1})
    return {**limits, **({"symbol": symbol} if KINDS[kind].per_symbol else {})}


async def connect(client: Client, face: str) -> aiohttp.ClientWebSocketResponse | None:
    """Subscribe the books of both symbols; None when the connect is refused."""
    try:
        return await DIALECTS[face].subscribe(client)
    except (aiohttp.ClientError, ConnectionError):
        return None


async def snapshot(client: Client, face: str) -> None:
    """Ask for a snapshot of the first symbol, whatever comes of it."""
    path = DIALECTS[face].rest.format(DIALECTS[face].symbols[0])
    with suppress(aiohttp.ClientError, TimeoutError):
        async with client.session.get(client.rest(face, path), timeout=aiohttp.ClientTimeout(total=0.3)) as reply:
            await reply.read()


@pytest.mark.parametrize(("face", "kind"), CASES)
async def test_every_kind_strikes_on_every_face(face: str, kind: str) -> None:
    """Begun at the endpoint it strikes, says when, ends, and the streams of both symbols flow again."""
    options = {"batch_ms": 20, "speed": 5.0, "deep_levels": 20, "bitstamp_cache_s": 0.0}
    async with running(f"BTC/USDT@{face}", f"ETH/USDT@{face}", faces=(face,), **options) as client:
        socket = await connect(client, face)
        row = await client.fault(face, kind, **asked(kind, "BTC/USDT"))
        assert row["symbol"] == (DIALECTS[face].symbols[0] if KINDS[kind].per_symbol else "*")
        async with asyncio.timeout(20):
            while True:
                if socket is None or socket.closed or kind == "refuse":
                    socket = await connect(client, face)
                await snapshot(client, face)
                if socket is not None:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(socket.receive(), 0.02)
                told = await client.body(face, "/admin/faults")
                if not told["active"]:
                    break
        (row,) = told["ended"]
        assert row["kind"] == kind and row["struck"] >= 1 and told["struck"][kind] == row["struck"]
        assert row["began_us"] <= row["first_struck_us"] <= row["last_struck_us"] <= row["ended_us"]
        await both_flow(client, face)


async def both_flow(client: Client, face: str) -> None:
    """A new client hears both symbols."""
    socket = await connect(client, face)
    assert socket is not None
    missing = set(DIALECTS[face].symbols)
    async with asyncio.timeout(20):
        while missing:
            missing.discard(DIALECTS[face].symbol(json.loads((await socket.receive()).data)))


def begun(endpoints: dict[str, Any], face: str) -> dict[str, dict[str, Any]]:
    """Return the rows of all faults that have begun on a face."""
    told = get(endpoints[face]["rest"] + "/admin/faults")
    return {row["kind"]: row for row in (*told["active"], *told["ended"])}


def test_every_kind_from_the_command_line() -> None:
    """Each is begun on every face where it makes sense by the time the venue is ready, for the face's own symbol."""
    words = [f"--fault={kind}{',symbol=BTC/USDT' if kind_.per_symbol else ''}" for kind, kind_ in KINDS.items()]
    with process(*FAST, *ALL, *words) as (_, endpoints):
        for face in FACES:
            rows = begun(endpoints, face)
            assert set(rows) == set(kinds_of(face))
            for kind, row in rows.items():
                assert row["symbol"] == (DIALECTS[face].symbols[0] if KINDS[kind].per_symbol else "*"), kind


def test_every_kind_from_a_scenario(tmp_path: Path) -> None:
    """Each begins on every face at its time: in the file's order, at the file's distances."""
    step_s = 0.02
    lines = [
        {"at": step_s * (number + 1), "kind": kind, **({"symbol": "BTC/USDT"} if KINDS[kind].per_symbol else {})}
        for number, kind in enumerate(KINDS)
    ]
    path = tmp_path / "all.jsonl"
    path.write_text("\n".join(map(json.dumps, reversed(lines))))
    with process(*FAST, *ALL, "--scenario", str(path)) as (_, endpoints):
        for face in FACES:
            kinds = list(kinds_of(face))
            while len(rows := begun(endpoints, face)) < len(kinds):
                pass  # the test's own time limit ends this
            times = [rows[kind]["began_us"] for kind in kinds]
            assert times == sorted(times)
            assert times[-1] - times[0] >= 0.8 * step_s * 1e6 * (len(kinds) - 1)
