"""Faults on connections, over real sockets."""

import asyncio
import json
import socket as sockets
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, closed, message, running, until, wire

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 20}
BTC, ETH = "btcusdt@depth@100ms", "ethusdt@depth@100ms"
PONG = 0xA
PING_SENT, PONG_SENT = 0x89, 0x8A


async def subscribe(socket: aiohttp.ClientWebSocketResponse, *channels: str) -> None:
    for channel in channels:
        await socket.send_str(json.dumps({"event": "bts:subscribe", "data": {"channel": channel}}))


async def test_silence_of_one_symbol() -> None:
    """Its frames stop, for late subscribers too, the other symbol's go on; afterwards they come again after a gap."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        first = await client.ws("binance", f"/ws/{BTC}/{ETH}")
        last = (await until(first, lambda m: m["s"] == "BTCUSDT"))["u"]
        row = await client.fault("binance", "silence", symbol="BTC/USDT")
        second = await client.ws("binance", f"/ws/{ETH}/{BTC}")
        assert {(await message(second))["s"] for _ in range(12)} == {"ETHUSDT"}
        ended = await client.end("binance", row["id"])
        assert ended["struck"] == 2 and ended["state"] == "ended"
        for socket in (first, second):
            got = await until(socket, lambda m: m["s"] == "BTCUSDT" and m["U"] > last + 1)
            assert (await until(socket, lambda m: m["s"] == "BTCUSDT"))["U"] == got["u"] + 1


@pytest.mark.parametrize("pings", [True, False])
async def test_silence_with_and_without_pings(pings: bool) -> None:
    """Nothing comes but pings and pongs, or nothing at all; no client is cut for it, and all is heard again after."""
    options = {"binance_ping_s": 0.22, "binance_pong_s": 0.5, **FAST}
    async with (
        running("BTC/USDT@binance", **options) as client,
        wire(client, "binance", f"/ws/{BTC}") as old,
        wire(client, "binance", f"/ws/{BTC}") as new,
    ):
        await old.text()
        row = await client.fault("binance", "silence", pings=pings, clients="present")
        async with wire(client, "binance", f"/ws/{BTC}") as other:
            assert (await other.text())["e"] == "depthUpdate", "those who came later are spared"
        old.send(0x9, b"hello")
        seen: list[int] = []
        with suppress(TimeoutError):
            while seen.count(PING_SENT) < 3:
                first, payload = await old.frame(0.6)
                seen.append(first)
                if first == PING_SENT:
                    old.send(PONG, payload)
        silent = seen[seen.count(0x81) :]  # after what was in the pipe when it began
        assert (PING_SENT in silent) == pings and (PONG_SENT in silent) == pings
        assert 0x81 not in silent and 0x88 not in seen
        assert (await client.end("binance", row["id"]))["struck"] == 2
        assert (await old.text())["e"] == "depthUpdate"
        if not pings:
            assert (await new.text())["e"] == "depthUpdate", "not cut for pongs that nobody asked for"


async def test_half_open_reads_nothing_and_stays_open() -> None:
    """No byte comes, what is sent is not answered, the socket is open; old and new clients alike, until it ends."""
    async with running("BTC/USD@bitstamp", bitstamp_ping_s=0.05, **FAST) as client, wire(client, "bitstamp") as old:
        old.send(0x1, b'{"event":"bts:heartbeat"}')
        assert (await old.text())["event"] == "bts:heartbeat"
        row = await client.fault("bitstamp", "half_open")
        async with wire(client, "bitstamp") as new:
            for one in (old, new):
                one.send(0x1, b'{"event":"bts:heartbeat"}')
            with pytest.raises(TimeoutError):
                while (await old.frame(0.2))[0] == PING_SENT:
                    pass  # was in the pipe
            with pytest.raises(TimeoutError):
                await new.frame(0.1)
            assert (await client.end("bitstamp", row["id"]))["struck"] == 2
            for one in (old, new):
                assert (await one.text())["event"] == "bts:heartbeat", "what was sent meanwhile is read now"


async def test_half_open_of_one_symbol() -> None:
    """Only connections that carry it hang, those that subscribe it later too; the others do not notice."""
    async with (
        running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client,
        wire(client, "binance", f"/ws/{BTC}") as struck,
        wire(client, "binance", f"/ws/{ETH}") as spared,
    ):
        await struck.text()
        row = await client.fault("binance", "half_open", symbol="BTC/USDT")
        async with wire(client, "binance", f"/stream?streams={BTC}/{ETH}") as new:
            for one in (struck, new):
                with pytest.raises(TimeoutError):
                    while True:
                        await one.frame(0.1)  # was in the pipe
            assert (await spared.text())["s"] == "ETHUSDT"
            assert (await client.end("binance", row["id"]))["struck"] == 2
            assert (await struck.text())["s"] == "BTCUSDT"
            assert "stream" in await new.text()


async def test_half_open_leaves_handshakes_without_an_answer() -> None:
    """New connects hang until the end; who has waited is served then, who has gone is forgotten."""
    async with running("BTC/USDT@binance", **FAST) as client, wire(client, "binance", f"/ws/{BTC}") as old:
        await old.text()
        row = await client.fault("binance", "half_open", connects="hang")
        gone_ = asyncio.create_task(client.ws("binance", f"/ws/{BTC}"))
        waiting = asyncio.create_task(client.ws("binance", f"/ws/{BTC}"))
        async with asyncio.timeout(20):
            while await client.struck("binance", "half_open") < 3:
                pass
        await client.body("binance", "/api/v3/ping")
        gone_.cancel()
        assert not waiting.done()
        with pytest.raises(asyncio.CancelledError):
            await gone_
        await client.end("binance", row["id"])
        assert (await message(await waiting))["e"] == "depthUpdate"
        assert (await old.text())["e"] == "depthUpdate"
        assert len(client.venue.faces["binance"].connections) == 2


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999])
async def test_cut_with_a_close_frame(code: int) -> None:
    """Everybody is told the same code at once; who connects again is served."""
    async with running("BTC/USDT@binance", **FAST) as client:
        both = [await client.ws("binance", f"/ws/{BTC}") for _ in range(2)]
        for socket in both:
            await message(socket)
        row = await client.fault("binance", "cut", code=code)
        assert row["state"] == "ended" and row["struck"] == 2
        assert [await closed(socket) for socket in both] == [code, code]
        assert (await message(await client.ws("binance", f"/ws/{BTC}")))["e"] == "depthUpdate"


async def test_cut_with_an_empty_close_frame() -> None:
    """1005 is what a client calls a close frame without a code; then the connection ends."""
    async with running("BTC/USD@bitstamp", **FAST) as client, wire(client, "bitstamp") as socket:
        await client.fault("bitstamp", "cut", code=1005)
        assert await socket.frame() == (0x88, b"")
        socket.send(0x8, b"")
        with pytest.raises(asyncio.IncompleteReadError):
            await socket.frame()


@pytest.mark.parametrize("reset", [False, True])
async def test_cut_without_a_close_frame(reset: bool) -> None:
    """Of one symbol only its clients; the TCP connection just ends, by FIN or by RST."""
    async with (
        running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client,
        wire(client, "binance", f"/ws/{BTC}") as struck,
        wire(client, "binance", f"/ws/{ETH}") as spared,
    ):
        await struck.text()
        await spared.text()
        assert (await client.fault("binance", "cut", symbol="BTCUSDT", reset=reset))["struck"] == 1
        with pytest.raises(ConnectionResetError if reset else asyncio.IncompleteReadError):
            while True:
                assert (await struck.frame())[0] != 0x88
        assert (await spared.text())["s"] == "ETHUSDT"


async def test_cut_again_and_again() -> None:
    """With a count it strikes in rounds."""
    async with running("BTC/USDT@binance", **FAST) as client:
        row = await client.fault("binance", "cut", code=1012, count=3, every_s=0.15)
        assert row["state"] == "active"
        for _ in range(2):
            assert await closed(await client.ws("binance", f"/ws/{BTC}")) == 1012
        async with asyncio.timeout(20):
            while (await client.body("binance", "/admin/faults"))["active"]:
                pass
        assert (await message(await client.ws("binance", f"/ws/{BTC}")))["e"] == "depthUpdate"


@pytest.mark.parametrize("status", [429, 451, 503])
async def test_refused_with_a_status(status: int) -> None:
    """The handshake fails with the status and Retry-After, as often as asked; REST is not concerned."""
    async with running("BTC/USDT@binance", **FAST) as client:
        await client.fault("binance", "refuse", status=status, retry_after_s=7, count=2)
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws("binance", f"/ws/{BTC}")
            assert refused.value.status == status
            assert refused.value.headers is not None and refused.value.headers["Retry-After"] == "7"
        await client.body("binance", "/api/v3/ping")
        assert (await message(await client.ws("binance", f"/ws/{BTC}")))["e"] == "depthUpdate"


@pytest.mark.parametrize("reset", [False, True])
async def test_refused_without_an_answer(reset: bool) -> None:
    """Connects and requests are cut; only the admin endpoint answers, so that it can be ended."""
    async with running("BTC/USD@bitstamp", **FAST) as client:
        row = await client.fault("bitstamp", "refuse", what="all", reset=reset)
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.ws("bitstamp")
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.body("bitstamp", "/api/v2/markets/")
        assert (await client.end("bitstamp", row["id"]))["struck"] >= 2
        await client.body("bitstamp", "/api/v2/markets/")
        await client.ws("bitstamp")


async def test_a_reset_is_a_reset() -> None:
    async with running("BTC/USD@bitstamp", **FAST) as client:
        await client.fault("bitstamp", "refuse", count=1)
        host, port = client.venue.settings.host, client.venue.ports["bitstamp"]
        with sockets.create_connection((host, port), timeout=5) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(raw.recv, 100)


@pytest.mark.parametrize("notice", [True, False])
async def test_a_shortened_life(notice: bool) -> None:
    """Old connections end at once, new ones at the age; announced or not. Afterwards they live on."""
    async with running("BTC/USDT@binance", **FAST) as client:
        old = await client.ws("binance", f"/ws/{BTC}")
        row = await client.fault("binance", "life", s=0.15, notice=notice)
        new = await client.ws("binance", f"/ws/{BTC}")
        if notice:
            for socket in (old, new):
                assert list(await until(socket, lambda m: m["e"] == "serverShutdown")) == ["e", "E"]
        else:
            assert [await closed(old), await closed(new)] == [1001, 1001]
        last = await client.ws("binance", f"/ws/{BTC}")
        assert (await client.end("binance", row["id"]))["struck"] == 2
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 0.2
        while loop.time() < until_s:
            assert (await message(last))["e"] == "depthUpdate"


async def test_shutdown_on_both_faces() -> None:
    """The venue's own announcement, then the close with 1001 after the notice."""
    async with running("BTC/USDT", **FAST) as client:
        first = await client.ws("binance", f"/stream?streams={BTC}")
        second = await client.ws("bitstamp")
        await client.fault("binance", "shutdown", notice_s=0.2)
        await client.fault("bitstamp", "shutdown", notice_s=0.1)
        warned = await until(first, lambda m: m["stream"] == "!serverShutdown")
        assert warned["data"]["e"] == "serverShutdown"
        assert await message(second) == {"event": "bts:request_reconnect", "channel": "", "data": ""}
        assert [await closed(first), await closed(second)] == [1001, 1001]
        assert await client.struck("binance", "shutdown") == await client.struck("bitstamp", "shutdown") == 1


async def test_the_venue_stops_with_faults_active() -> None:
    """Faults do not keep the venue from saying goodbye."""
    async with running("BTC/USDT", **FAST) as client:
        socket = await client.ws("bitstamp")
        await subscribe(socket, "diff_order_book_btcusdt")
        await until(socket, lambda m: m["event"] == "data")
        for kind in ("half_open", "silence", "delay", "life", "skew", "reorder"):
            await client.fault("bitstamp", kind)
        await client.fault("bitstamp", "half_open", connects="hang")
        hanging = asyncio.create_task(client.ws("bitstamp"))
        async with asyncio.timeout(20):
            while await client.struck("bitstamp", "half_open") < 3:
                pass
        await client.fault("bitstamp", "silence", pings=False)
        loop = asyncio.get_running_loop()
        began = loop.time()
        stopping = asyncio.create_task(client.venue.stop())
        assert await closed(socket) == 1001
        await stopping
        with pytest.raises(aiohttp.ClientError):
            await hanging
        assert loop.time() - began < 2.0


async def gone(client: Client) -> None:
    async with asyncio.timeout(20):
        while client.venue.faces["binance"].connections:
            await asyncio.sleep(0.01)


async def test_nothing_of_a_client_that_has_gone_is_kept() -> None:
    """Held frames, joins and counts of a client end with it."""
    async with running("BTC/USDT@binance", **FAST) as client:
        for kind in ("lost", "delay", "reorder", "silence"):
            await client.fault("binance", kind, symbol="BTCUSDT", **({"count": 1} if kind != "silence" else {}))
            socket = await client.ws("binance", f"/ws/{BTC}")
            async with asyncio.timeout(20):
                while not await client.struck("binance", kind):
                    pass
            await socket.close()
            await gone(client)
            async with client.session.delete(client.rest("binance", "/admin/faults")) as reply:
                assert all(row["state"] == "ended" for row in (await reply.json())["ended"]), kind
