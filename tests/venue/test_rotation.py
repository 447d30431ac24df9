"""Connections that live for moments, again and again: nothing of them stays."""

import asyncio
import gc
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, running
from venue.faces.connection import Connection

FAST: dict[str, Any] = {"batch_ms": 10, "speed": 2.0, "deep_levels": 20, "binance_connects": 0}


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def live_and_go(client: Client, face: str, *, obey: bool) -> None:
    """Subscribe and stay until the end; with ``obey`` leave at the announcement."""
    path = "/ws/btcusdt@depth@100ms/btcusdt@bookTicker" if face == "binance" else "/"
    async with client.session.ws_connect(client.venue.endpoints()[face]["ws"] + path) as socket:
        if face == "bitstamp":
            await socket.send_json({"event": "bts:subscribe", "data": {"channel": "order_book_btcusdt"}})
        async for got in socket:
            if got.type is not aiohttp.WSMsgType.TEXT:
                return
            if obey and ("serverShutdown" in got.data or "request_reconnect" in got.data):
                return


async def emptied(client: Client) -> None:
    async with asyncio.timeout(20):
        while any(face.connections for face in client.venue.faces.values()):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("notice", [True, False])
async def test_short_lives_leave_nothing_behind(notice: bool) -> None:
    """After hundreds of rotations there are no more tasks, descriptors and connections than after the first."""
    lives: dict[str, Any] = {"binance_life_s": 0.05, "bitstamp_life_s": 0.05} if notice else {}
    async with running("BTC/USDT", **FAST, **lives) as client:
        client.venue.faces["bitstamp"].grace_s = (0.01, 0.02)  # type: ignore[attr-defined]
        for face in client.venue.faces:
            if not notice:
                await client.fault(face, "life", s=0.05, notice=False)

        async def generation() -> None:
            clients = [live_and_go(client, face, obey=obey) for face in client.venue.faces for obey in (True, False)]
            await asyncio.gather(*clients, *(live_and_go(client, face, obey=False) for face in client.venue.faces))
            await emptied(client)

        await generation()
        gc.collect()
        tasks, files = len(asyncio.all_tasks()), descriptors()
        for _ in range(40):
            await generation()
        gc.collect()
        assert len(asyncio.all_tasks()) <= tasks and descriptors() <= files
        assert not [one for one in gc.get_objects() if isinstance(one, Connection)]
        for served in client.venue.faces.values():
            assert not served.subscribers
            assert not any(feed.depth_watchers or feed.realtime_watchers for feed in served.feeds.values())
        assert not client.venue.faces["binance"]._sessions  # type: ignore[attr-defined]
        assert not client.venue.faces["bitstamp"]._channels  # type: ignore[attr-defined]
