"""What all clients of a stream get: the same frames; and the views that can be compared at equal positions."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.venue.clients import Client, Wire, running, wire

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 60}
OPENING: dict[str, tuple[str, tuple[str, ...]]] = {
    "binance": ("/ws/btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@depth5@100ms", ()),
    "bitstamp": ("/", ("diff_order_book_btcusdt", "order_book_btcusdt")),
}


@asynccontextmanager
async def subscribed(client: Client, face: str) -> AsyncIterator[Wire]:
    path, channels = OPENING[face]
    async with wire(client, face, path) as socket:
        for channel in channels:
            socket.send(0x1, json.dumps({"event": "bts:subscribe", "data": {"channel": channel}}).encode())
            while b"subscription_succeeded" not in (await socket.frame())[1]:
                pass  # of the channel before
        yield socket


@pytest.mark.parametrize("flow", ["synthetic", "steady"])
@pytest.mark.parametrize("face", ["binance", "bitstamp"])
async def test_all_clients_of_a_stream_get_the_same_bytes(face: str, flow: str) -> None:
    """Whenever they have come, two connections get equal frames in equal order from there on: ids, times, zeros."""
    options = {**FAST, "flow": flow, "rate": 50.0}
    async with (
        running("BTC/USDT", **options) as client,
        subscribed(client, face) as early,
        subscribed(client, face) as late,
    ):
        first = await late.frame()
        seen = [await early.frame()]
        while seen[-1] != first:
            seen.append(await early.frame())
            assert len(seen) < 2000, "the first frame of the later client never came to the earlier one"
        for _ in range(120):
            assert await early.frame() == await late.frame()


async def test_binance_views_can_be_compared_at_equal_ids() -> None:
    """Every partial book carries the id of the diff of its interval; the best price often has an equal one too."""
    channels = [f"depth{levels}{end}" for levels in (5, 10, 20) for end in ("", "@100ms")]
    streams = "/".join(f"btcusdt@{name}" for name in ("depth", "depth@100ms", "bookTicker", *channels))
    async with (
        running("BTC/USDT@binance", **FAST) as client,
        wire(client, "binance", f"/stream?streams={streams}") as socket,
    ):
        ids: dict[str, list[int]] = {}
        while len(ids.get("depth", ())) < 6:
            got = await socket.text()
            data = got["data"]
            ids.setdefault(got["stream"].partition("@")[2], []).append(data.get("u", data.get("lastUpdateId")))
    assert len(ids["depth@100ms"]) >= 50
    for levels in (5, 10, 20):
        for end in ("", "@100ms"):
            # What begins within an interval may see it one frame earlier or later: the first and last are left out.
            diffs, books = ids[f"depth{end}"], ids[f"depth{levels}{end}"]
            assert books[1:5] == diffs[1:5] if not end else books[1:50] == diffs[1:50]
    best = set(ids["bookTicker"])
    assert sum(last in best for last in ids["depth@100ms"]) >= 3


async def test_bitstamp_views_can_be_compared_at_equal_times() -> None:
    """Every diff has a top hundred of its very microtimestamp."""
    async with running("BTC/USD@bitstamp", **FAST) as client, wire(client, "bitstamp") as socket:
        times: dict[str, list[str]] = {"diff_order_book_btcusd": [], "order_book_btcusd": []}
        for channel in times:
            socket.send(0x1, json.dumps({"event": "bts:subscribe", "data": {"channel": channel}}).encode())
        while len(times["order_book_btcusd"]) < 30:
            got = await socket.text()
            if got["event"] == "data":
                times[got["channel"]].append(got["data"]["microtimestamp"])
    diffs, tops = times.values()
    start = diffs.index(tops[0])  # its subscription came a moment later
    assert diffs[start : start + 30] == tops[:30]
