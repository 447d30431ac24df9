"""Faults on REST replies, over real sockets."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, Levels, apply, message, numbers, running

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 60}
DEPTH = "/api/v3/depth?symbol=BTCUSDT&limit=100"
BOOK = "/api/v2/order_book/btcusd/?group=1"


async def other_is_fine(client: Client) -> None:
    """The other symbol, other endpoints and the admin endpoint are spared."""
    assert (await client.body("binance", "/api/v3/depth?symbol=ETHUSDT"))["bids"]
    assert (await client.body("binance", "/api/v3/exchangeInfo"))["symbols"]
    assert (await client.body("binance", "/admin/book?symbol=BTCUSDT"))["bids"]


async def test_late_is_old_on_arrival_and_comes_when_the_fault_ends() -> None:
    async with running("BTC/USDT@binance", "ETH/USDT@binance", depth_lag_ms=0, depth_lead_ms=0, **FAST) as client:
        loop = asyncio.get_running_loop()
        await client.fault("binance", "late", symbol="BTCUSDT", delay_s=0.3, count=1)
        began = loop.time()
        asked = asyncio.create_task(client.body("binance", DEPTH))
        await other_is_fine(client)
        got = await asked
        assert loop.time() - began >= 0.3
        assert (await client.body("binance", "/admin/book?symbol=BTCUSDT"))["update_id"] > got["lastUpdateId"]
        row = await client.fault("binance", "late", delay_s=3600)
        asked = asyncio.create_task(client.body("binance", DEPTH))
        async with asyncio.timeout(20):
            while await client.struck("binance", "late") < 2:
                pass
        await client.end("binance", row["id"])
        assert (await asked)["bids"]


@pytest.mark.parametrize(
    ("face", "code", "says"),
    [
        ("binance", 429, '"code":-1003'),
        ("binance", 418, "IP banned until"),
        ("binance", 451, "restricted location"),
        ("binance", 403, "<html>"),
        ("binance", 500, "<html>"),
        ("binance", 502, "<html>"),
        ("binance", 503, "<html>"),
        ("bitstamp", 429, '"status":"error"'),
    ],
)
async def test_status(face: str, code: int, says: str) -> None:
    """The status, Retry-After and the venue's words; once, then no more."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", "BTC/USD@bitstamp", **FAST) as client:
        path = DEPTH if face == "binance" else BOOK
        await client.fault(face, "status", code=code, retry_after_s=9, count=1)
        async with client.session.get(client.rest(face, path)) as reply:
            assert reply.status == code and reply.headers["Retry-After"] == "9"
            assert says in await reply.text()
            assert ("X-MBX-USED-WEIGHT-1M" in reply.headers) == (face == "binance")
        assert await client.body(face, path) and await client.struck(face, "status") == 1


async def test_html_with_status_200() -> None:
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        row = await client.fault("binance", "html", symbol="BTCUSDT", every=2)
        kinds = []
        for _ in range(4):
            async with client.session.get(client.rest("binance", DEPTH)) as reply:
                assert reply.status == 200
                kinds.append(reply.content_type)
        assert kinds == ["application/json", "text/html"] * 2
        await other_is_fine(client)
        assert (await client.end("binance", row["id"]))["struck"] == 2


async def test_truncated() -> None:
    """A shorter body that is well framed, or a connection that ends in the middle."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        await client.fault("binance", "truncated", symbol="BTCUSDT", share=0.3, count=1)
        async with client.session.get(client.rest("binance", DEPTH)) as reply:
            with pytest.raises(ValueError):
                json.loads(await reply.text())
        await client.fault("binance", "truncated", symbol="BTCUSDT", close=True, count=1)
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.body("binance", DEPTH)
        await other_is_fine(client)
        assert (await client.body("binance", DEPTH))["bids"]


async def test_cached_whatever_the_query() -> None:
    """The same book for a time, on Bitstamp even past a query that would bypass the edge; then a new one."""
    async with running("BTC/USD@bitstamp", bitstamp_cache_s=0.0, **FAST) as client:
        await client.fault("bitstamp", "cached", symbol="BTC/USD", s=0.4, for_s=5)
        loop = asyncio.get_running_loop()
        began = loop.time()
        first = await client.body("bitstamp", BOOK)
        async with asyncio.timeout(20):
            while await client.body("bitstamp", f"{BOOK}&_={loop.time()}") == first:
                pass
        assert loop.time() - began >= 0.38


async def test_ancient_is_a_true_book_of_the_past() -> None:
    async with running("BTC/USDT", depth_lag_ms=0, depth_lead_ms=0, bitstamp_cache_s=0.0, **FAST) as client:
        before = await client.body("binance", "/admin/book?symbol=BTCUSDT")
        async with asyncio.timeout(20):
            while (await client.body("binance", "/admin/book?symbol=BTCUSDT"))["update_id"] < before[
                "update_id"
            ] + 500:
                pass
        await client.fault("binance", "ancient", age_s=3600, count=1)
        got = await client.body("binance", "/api/v3/depth?symbol=BTCUSDT&limit=5000")
        assert got["lastUpdateId"] <= before["update_id"]
        true = await client.body("binance", f"/admin/book?symbol=BTCUSDT&levels=0&at={got['lastUpdateId']}")
        assert numbers(got["bids"]) == numbers(true["bids"]) and numbers(got["asks"]) == numbers(true["asks"])
        await client.fault("bitstamp", "ancient", age_s=0.2, count=1)
        got = await client.body("bitstamp", "/api/v2/order_book/btcusdt/")
        true = await client.body("bitstamp", f"/admin/book?symbol=btcusdt&levels=0&at={got['microtimestamp']}")
        assert numbers(got["bids"]) == numbers(true["bids"]) and numbers(got["asks"]) == numbers(true["asks"])
        async with client.session.get(client.rest("binance", "/api/v3/depth?symbol=NOPE")) as reply:
            assert reply.status == 400


@pytest.mark.parametrize("flow", ["synthetic", "steady"])
async def test_crossed(flow: str) -> None:
    """Crossed in any market; in a moving one the diffs since then lead to the true book."""
    options: dict[str, Any] = {"depth_lag_ms": 0, "depth_lead_ms": 0, "batch_ms": 30, "speed": 20.0, "rate": 50.0}
    async with running("BTC/USDT@binance", flow=flow, **options) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        events = [await message(socket) for _ in range(20)]
        await client.fault("binance", "crossed", count=1)
        got = await client.body("binance", "/api/v3/depth?symbol=BTCUSDT&limit=5000")
        assert float(got["bids"][0][0]) >= float(got["asks"][0][0])
        again = await client.body("binance", "/api/v3/depth?symbol=BTCUSDT&limit=5000")
        assert float(again["bids"][0][0]) < float(again["asks"][0][0])
        if flow == "steady":
            return
        bids: Levels = {}
        asks: Levels = {}
        apply(bids, got["bids"])
        apply(asks, got["asks"])
        assert events[0]["U"] <= got["lastUpdateId"] + 1
        while events[-1]["u"] <= again["lastUpdateId"]:
            events.append(await message(socket))
        for event in events:
            if event["u"] > got["lastUpdateId"]:
                apply(bids, event["b"])
                apply(asks, event["a"])
        true = await client.body("binance", f"/admin/book?symbol=BTCUSDT&levels=0&at={events[-1]['u']}")
        assert numbers(bids) == numbers(true["bids"]) and numbers(asks) == numbers(true["asks"])


async def test_drip_is_slow_and_whole_and_ends_with_the_fault() -> None:
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        loop = asyncio.get_running_loop()
        await client.fault("binance", "drip", symbol="BTCUSDT", bytes=1000, interval_s=0.05, count=1)
        began = loop.time()
        asked = asyncio.create_task(client.body("binance", DEPTH))
        await other_is_fine(client)
        assert len((await asked)["bids"]) >= 60 and loop.time() - began > 0.15
        row = await client.fault("binance", "drip", bytes=1, interval_s=10)
        asked = asyncio.create_task(client.body("binance", DEPTH))
        async with asyncio.timeout(20):
            while await client.struck("binance", "drip") < 2:
                pass
        await client.end("binance", row["id"])
        assert len((await asked)["bids"]) >= 60


async def test_endless_until_the_client_or_the_fault_ends() -> None:
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        row = await client.fault("binance", "endless", symbol="BTCUSDT", bytes_per_s=10_000_000)
        async with client.session.get(client.rest("binance", DEPTH)) as reply:
            assert reply.status == 200
            assert len(await reply.content.readexactly(1_000_000)) == 1_000_000
        async with client.session.get(client.rest("binance", DEPTH)) as reply:
            assert (await reply.content.readexactly(20)).startswith(b'{"lastUpdateId"')
            await other_is_fine(client)
            ended = await client.end("binance", row["id"])
            assert ended["struck"] == 2
            with pytest.raises(aiohttp.ClientPayloadError):
                await reply.read()
        async with asyncio.timeout(20):
            while (await client.body("binance", "/admin/faults"))["active"]:
                pass
        assert (await client.body("binance", DEPTH))["bids"]


@pytest.mark.parametrize("reset", [False, True])
async def test_no_reply(reset: bool) -> None:
    """The request is read and the connection ends; once."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        host, port = client.venue.settings.host, client.venue.ports["binance"]
        await client.fault("binance", "no_reply", symbol="BTCUSDT", reset=reset, count=1)
        for struck in (True, False):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"GET {DEPTH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            try:
                async with asyncio.timeout(20):
                    got = await reader.read()
                assert not reset or not struck
                assert (got == b"") == struck
            except ConnectionResetError:
                assert reset and struck
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        await other_is_fine(client)


async def test_endpoints_are_told_apart() -> None:
    """The catalog, snapshots, or all: what is not meant is spared."""
    async with running("BTC/USDT", **FAST) as client:
        paths = {
            "binance": ("/api/v3/exchangeInfo", DEPTH, "/api/v3/time"),
            "bitstamp": ("/api/v2/markets/", "/api/v2/order_book/btcusdt/", "/api/v2/ticker/btcusdt/"),
        }
        for face, (catalog, snapshot, other) in paths.items():
            for endpoint, struck in (("catalog", [catalog]), ("snapshot", [snapshot]), ("any", paths[face])):
                row = await client.fault(face, "status", code=503, endpoint=endpoint)
                for path in (catalog, snapshot, other):
                    status, _, _ = await client.get(face, path)
                    assert status == (503 if path in struck else 200), (face, endpoint, path)
                await client.end(face, row["id"])
