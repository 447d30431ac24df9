"""What the Binance face demands of its clients, and what it owes them: limits, pings, cuts and goodbyes."""

import asyncio

import aiohttp
import pytest

from tests.venue.clients import closed, message, running, until
from venue.service import Venue


async def test_spent_weight_is_429_and_insisting_is_418() -> None:
    """The limit, its Retry-After, and the ban for going on; the stream is not touched by it."""
    async with running("BTC/USDT@binance", binance_weight=500) as client:
        path = "/api/v3/depth?symbol=BTCUSDT&limit=5000"
        replies = [await client.get("binance", path) for _ in range(14)]
        statuses = [status for status, _, _ in replies]
        # A minute may end between two requests, which frees two more.
        assert statuses[:2] == [200, 200] and statuses[-1] == 418 and 429 in statuses
        _, headers, body = replies[statuses.index(429)]
        assert body["code"] == -1003 and 1 <= int(headers["Retry-After"]) <= 60
        _, headers, body = replies[-1]
        assert "banned until" in body["msg"] and 100 <= int(headers["Retry-After"]) <= 120
        assert (await client.get("binance", "/api/v3/ping"))[0] == 418
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        assert (await message(socket))["e"] == "depthUpdate"


async def test_more_than_five_frames_a_second_close_with_1008() -> None:
    """Pongs and messages count alike; five are fine."""
    async with running("BTC/USDT@binance") as client:
        socket = await client.ws("binance", "/ws")
        for _ in range(3):
            await socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":1}')
            await socket.pong()
        assert await closed(socket) == 1008


async def test_pings_carry_a_payload_and_silence_is_cut() -> None:
    """A client that copies the payload lives on; one that answers something else is closed in time."""
    async with running("BTC/USDT@binance", binance_ping_s=0.25, binance_pong_s=0.5) as client:
        good = await client.ws("binance", "/ws", autoping=False)
        bad = await client.ws("binance", "/ws", autoping=False)
        await bad.pong(b"something else")
        payloads = set()
        for _ in range(5):
            got = await asyncio.wait_for(good.receive(), 3)
            assert got.type is aiohttp.WSMsgType.PING and got.data
            payloads.add(bytes(got.data))
            await good.pong(got.data)
        assert len(payloads) == 5
        assert not good.closed
        assert await closed(bad) == 1008


async def test_the_end_of_life_is_announced() -> None:
    """`serverShutdown` comes first, then the close; wrapped on combined connections."""
    async with running("BTC/USDT@binance", binance_life_s=0.5) as client:
        raw = await client.ws("binance", "/ws")
        combined = await client.ws("binance", "/stream?streams=")
        got = await message(raw)
        assert got["e"] == "serverShutdown" and isinstance(got["E"], int)
        wrapped = await message(combined)
        assert (wrapped["stream"], wrapped["data"]["e"]) == ("!serverShutdown", "serverShutdown")
        assert await closed(raw) == 1001


async def test_a_slow_reader_is_cut_and_others_are_not() -> None:
    """Whoever lets more than the buffer pile up is reset; a reading client of the same stream goes on."""
    changes = {"flow": "steady", "rate": 500.0, "levels": 200, "send_buffer_kib": 64}
    async with running("BTC/USDT@binance", **changes) as client:
        face = client.venue.faces["binance"]
        good = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        reader, writer = await asyncio.open_connection("127.0.0.1", client.venue.ports["binance"], limit=1024)
        writer.write(
            b"GET /ws/btcusdt@depth@100ms HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        assert len(face.connections) == 2
        async with asyncio.timeout(15):
            while len(face.connections) == 2:
                await message(good)
        last = (await message(good))["u"]
        assert (await message(good))["U"] == last + 1
        writer.close()


async def test_an_untouched_pair_sends_nothing() -> None:
    """A steady market at one frame in five seconds: no frame for intervals without changes."""
    async with running("BTC/USDT@binance", flow="steady", rate=0.2, levels=4) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        first = await message(socket)
        assert len(first["b"]) == len(first["a"]) == 2
        with pytest.raises(TimeoutError):
            await message(socket, 0.3)


async def test_an_idle_stream_begins_with_fresh_news() -> None:
    """The first event after a quiet time covers one interval, not all that happened while nobody watched."""
    async with running("BTC/USDT@binance", batch_ms=20) as client:
        face, loop = client.venue.faces["binance"], asyncio.get_running_loop()
        first = await client.body("binance", "/admin/book?symbol=BTCUSDT&levels=1")
        async with asyncio.timeout(20):
            now = first
            while now["update_id"] < first["update_id"] + 100:
                await asyncio.sleep(0.02)
                now = await client.body("binance", "/admin/book?symbol=BTCUSDT&levels=1")
        socket = await client.ws("binance", "/ws/btcusdt@depth/btcusdt@trade")
        event = await until(socket, lambda m: m["e"] == "depthUpdate")
        assert event["U"] > now["update_id"]
        assert list(face.subscribers) == ["btcusdt@depth", "btcusdt@trade"]
        await socket.close()
        deadline = loop.time() + 5
        while face.subscribers and loop.time() < deadline:
            await asyncio.sleep(0.01)
        assert not face.subscribers and not face.connections


async def test_stopping_says_goodbye(unused_tcp_port: int) -> None:
    """Clients are closed with 1001 and the port is free again at once."""
    async with running("BTC/USDT@binance", binance_port=unused_tcp_port) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        stop = asyncio.create_task(client.venue.stop())
        assert await closed(socket) == 1001
        await stop
        again = Venue(client.venue.settings)
        await again.start()
        await again.stop()
