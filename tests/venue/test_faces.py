"""What holds on every face: duties under faults, stuck subscriptions, the steady flow, usage, positions."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import closed, running
from tests.venue.dialects import DIALECTS
from venue.config import parse
from venue.faces.registry import FACES

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 40}


def pairs(face: str) -> tuple[str, str]:
    return f"BTC/USDT@{face}", f"ETH/USDT@{face}"


async def heard(face: str, socket: aiohttp.ClientWebSocketResponse, span_s: float) -> dict[str, int]:
    """Count messages of each symbol's book for a while."""
    found: dict[str, int] = dict.fromkeys(DIALECTS[face].symbols, 0)
    end_s = asyncio.get_running_loop().time() + span_s
    while (left_s := end_s - asyncio.get_running_loop().time()) > 0:
        try:
            got = await asyncio.wait_for(socket.receive(), left_s)
        except TimeoutError:
            break
        assert got.type is aiohttp.WSMsgType.TEXT, got
        symbol = DIALECTS[face].symbol(json.loads(got.data))
        if symbol:
            found[symbol] += 1
    return found


def test_every_face_has_an_entry_and_a_dialect_for_tests() -> None:
    assert set(DIALECTS) == set(FACES)
    assert len({entry.port for entry in FACES.values()}) == len(FACES)
    assert [entry.port for entry in FACES.values()] == list(range(18081, 18081 + len(FACES)))


def test_faces_that_a_pair_names_are_served() -> None:
    """The first two by default and those that are named, in the registry's order; `all` means all."""
    assert parse([]).faces == ("binance", "bitstamp")
    assert parse(["--pair", "BTC/USD@okx,kraken"]).faces == ("binance", "bitstamp", "kraken", "okx")
    assert parse(["--faces", "all"]).faces == tuple(FACES)
    assert parse(["--faces", "bybit", "--pair", "BTC/USDT"]).faces == ("bybit",)
    ports = parse(["--free-ports", "--kraken-port", "7", "--faces", "all"])
    assert ports.port("kraken") == 7 and ports.port("bybit") == 0 and parse([]).port("bybit") == 18087


@pytest.mark.parametrize("face", FACES)
async def test_a_stuck_subscription_is_cured_by_subscribing_again(face: str) -> None:
    """One symbol is silent, the other goes on; leaving and subscribing again on the same connection helps."""
    btc, eth = DIALECTS[face].symbols
    async with running(*pairs(face), faces=(face,), **FAST) as client:
        socket = await DIALECTS[face].subscribe(client)
        await client.fault(face, "silence", symbol=btc, cure=True, for_s=60)
        await heard(face, socket, 0.3)
        found = await heard(face, socket, 0.5)
        assert found[btc] == 0 and found[eth] > 0
        gone, again = DIALECTS[face].leaving(btc)
        for request in (*gone, *again):
            await socket.send_json(request)
        await heard(face, socket, 0.2)
        found = await heard(face, socket, 0.6)
        assert found[btc] > 0 and found[eth] > 0


@pytest.mark.parametrize("kind", ["silence", "half_open"])
@pytest.mark.parametrize("face", [face for face in FACES if face not in ("binance", "bitstamp")])
async def test_a_withheld_connection_is_not_cut_for_being_idle(face: str, kind: str) -> None:
    """The rules about idle connections and unanswered heartbeats do not end what a fault holds."""
    limits = {"okx_idle_s": 0.3, "kraken_idle_s": 0.3, "deribit_idle_s": 0.3, "coinbase_idle_s": 0.3}
    options = {name: value for name, value in limits.items() if name.startswith(face)}
    async with running(*pairs(face), faces=(face,), deribit_second_s=0.06, **options, **FAST) as client:
        socket = await DIALECTS[face].subscribe(client)
        if face == "deribit":
            await socket.send_json({"id": 1, "method": "public/set_heartbeat", "params": {"interval": 10}})
        await heard(face, socket, 0.3)
        row = await client.fault(face, kind, for_s=60)
        await heard(face, socket, 0.2)
        assert not any((await heard(face, socket, 1.0)).values())
        await client.end(face, row["id"])
        assert all((await heard(face, socket, 0.6)).values()), "it goes on"


@pytest.mark.parametrize("face", FACES)
async def test_the_steady_flow_has_its_rate_on_every_face(face: str) -> None:
    """Each book stream has so many frames a second, on the absolute schedule."""
    options = {"flow": "steady", "rate": 50.0, "levels": 20, "deep_levels": 60}
    async with running(pairs(face)[0], faces=(face,), **options) as client:
        socket = await client.ws(face, DIALECTS[face].path, max_msg_size=0)
        for request in DIALECTS[face].leaving(DIALECTS[face].symbols[0])[1]:
            await socket.send_json(request)
        await heard(face, socket, 0.3)
        feed = client.venue.faces[face].feeds[DIALECTS[face].symbols[0]]
        before = feed.market.public_update_id
        start = asyncio.get_running_loop().time()
        await heard(face, socket, 1.0)
        passed = asyncio.get_running_loop().time() - start
        assert abs((feed.market.public_update_id - before) / 20 - 50 * passed) < 8


@pytest.mark.parametrize("face", FACES)
async def test_usage_goodbye_and_truth_are_on_every_face(face: str) -> None:
    """What clients ask is counted, the book can be had, the end is told with 1001."""
    async with running(*pairs(face), faces=(face,), **FAST) as client:
        socket = await DIALECTS[face].subscribe(client)
        await heard(face, socket, 0.3)
        await client.get(face, DIALECTS[face].rest.format(DIALECTS[face].symbols[0]))
        usage = await client.body(face, "/admin/usage")
        assert usage["sum"]["connects"] == 1 and usage["sum"]["requests"] == 1 and usage["sum"]["frames_in"] >= 1
        book = await client.body(face, f"/admin/book?symbol={DIALECTS[face].symbols[0]}&levels=3")
        assert len(book["bids"]) == len(book["asks"]) == 3
        ended = asyncio.create_task(closed(socket))
        await client.venue.stop()
        assert await ended == 1001
