"""When faults began and ended: what a judge needs to measure how long a client took to be right again."""

import asyncio
import json
import time
from typing import Any

import pytest

from tests.venue.clients import Client, closed, message, running, until

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 20}
BTC = "btcusdt@depth@100ms"
# What lies between two frames at least, however late a busy machine is with the first; at once is some 20 µs.
NEXT_FRAME_US = 100
DEPTH = "/api/v3/depth?symbol=BTCUSDT&limit=100"


def now_us() -> int:
    return time.time_ns() // 1000


async def ended(client: Client, face: str = "binance") -> Any:
    """Wait until nothing is active; return the last fault's row, whose times must be in order."""
    async with asyncio.timeout(20):
        while (told := await client.body(face, "/admin/faults"))["active"]:
            assert "ended_us" not in told["active"][0]
    row = told["ended"][-1]
    assert row["began_us"] <= row["ended_us"] <= now_us()
    if row["struck"]:
        assert row["began_us"] <= row["first_struck_us"] <= row["last_struck_us"] <= row["ended_us"]
    return row


async def test_a_fault_without_a_strike_has_no_time_of_one() -> None:
    async with running("BTC/USDT@binance", **FAST) as client:
        before = now_us()
        row = await client.fault("binance", "drop")
        assert before <= row["began_us"] <= now_us()
        assert not row.keys() & {"first_struck_us", "last_struck_us", "ended_us"}
        row = await client.end("binance", row["id"])
        assert row["state"] == "ended" and row["began_us"] < row["ended_us"] <= now_us()
        assert row == await ended(client) and "first_struck_us" not in row


async def test_a_count_ends_with_its_last_strike() -> None:
    """Its end is the moment of the last dropped frame, not of the next that passes."""
    async with running("BTC/USDT@binance", **{**FAST, "batch_ms": 100}) as client:
        socket = await client.ws("binance", f"/ws/{BTC}")
        await message(socket)
        await client.fault("binance", "drop", count=3)
        row = await ended(client)
        assert row["struck"] == 3
        assert row["last_struck_us"] - row["first_struck_us"] > NEXT_FRAME_US
        assert row["ended_us"] - row["last_struck_us"] < 50_000


async def test_a_limit_in_time_ends_then() -> None:
    async with running("BTC/USDT@binance", **FAST) as client:
        await client.fault("binance", "silence", for_s=0.25)
        row = await ended(client)
        assert 250_000 <= row["ended_us"] - row["began_us"] < 2_000_000


async def test_a_late_reply_ends_when_it_is_sent() -> None:
    """Not when the request came: the old snapshot arrives right after the end."""
    async with running("BTC/USDT@binance", **FAST) as client:
        await client.fault("binance", "late", delay_s=0.3, count=1)
        await client.body("binance", DEPTH)
        arrived = now_us()
        row = await ended(client)
        assert row["ended_us"] - row["last_struck_us"] >= 290_000
        assert row["ended_us"] <= arrived


@pytest.mark.parametrize(
    ("kind", "extra", "at_least_us"), [("delay", {"ms": 300}, 290_000), ("reorder", {}, NEXT_FRAME_US)]
)
async def test_a_held_frame_ends_it_when_it_is_let_go(kind: str, extra: dict[str, Any], at_least_us: int) -> None:
    async with running("BTC/USDT@binance", **FAST) as client:
        socket = await client.ws("binance", f"/ws/{BTC}")
        await message(socket)
        await client.fault("binance", kind, count=1, **extra)
        assert (row := await ended(client))["ended_us"] - row["last_struck_us"] >= at_least_us


async def test_a_lost_diff_ends_when_the_ids_are_joined() -> None:
    """With the next diff: from then on a client that takes a new snapshot is right."""
    async with running("BTC/USDT@binance", **{**FAST, "batch_ms": 100}) as client:
        socket = await client.ws("binance", f"/ws/{BTC}")
        await message(socket)
        await client.fault("binance", "lost")
        row = await ended(client)
        assert row["ended_us"] - row["last_struck_us"] >= NEXT_FRAME_US


@pytest.mark.parametrize("kind", ["shutdown", "life"])
@pytest.mark.parametrize(("notice_s", "leaves"), [(0.4, False), (10.0, True)])
async def test_an_announced_end_ends_with_the_close(kind: str, notice_s: float, leaves: bool) -> None:
    """Between the announcement and the close the fault is ending; a client that leaves earlier ends it earlier."""
    extra = {"notice_s": notice_s} if kind == "shutdown" else {"s": 0.05, "count": 1}
    async with running("BTC/USDT@binance", binance_life_s=10 * notice_s, **FAST) as client:
        socket = await client.ws("binance", f"/ws/{BTC}")
        row = await client.fault("binance", kind, **extra)
        await until(socket, lambda m: m["e"] == "serverShutdown")
        (active,) = (await client.body("binance", "/admin/faults"))["active"]
        assert active["state"] == "ending" and active["id"] == row["id"]
        if leaves:
            await socket.close()
        else:
            assert await closed(socket) == 1001
        took_us = (row := await ended(client))["ended_us"] - row["last_struck_us"]
        assert took_us < 9_500_000 if leaves else took_us >= 390_000


async def test_a_cut_ends_with_its_last_round() -> None:
    async with running("BTC/USDT@binance", **FAST) as client:
        socket = await client.ws("binance", f"/ws/{BTC}")
        await client.fault("binance", "cut", code=1012, count=2, every_s=0.2)
        assert await closed(socket) == 1012
        row = await ended(client)
        assert row["struck"] == 1 and row["ended_us"] - row["last_struck_us"] >= 190_000


async def test_the_list_of_ended_faults_is_bounded() -> None:
    async with running("BTC/USDT@binance", **FAST) as client:
        for _ in range(205):
            await client.fault("binance", "shutdown")
        told = await client.body("binance", "/admin/faults")
        assert len(told["ended"]) == 200 and told["ended"][-1]["id"] == 205
        assert json.dumps(told["ended"]).count("ended_us") == 200
