"""`/admin/usage`: what clients have asked of a face, second by second."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, closed, message, running
from venue.faces import usage as usages
from venue.faces.usage import COLUMNS, KEPT_S, Usage

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 20}
BTC = "/ws/btcusdt@depth@100ms"
NOTHING = dict.fromkeys(COLUMNS[1:], 0)


async def used(client: Client, face: str = "binance", seconds: int = 600) -> Any:
    return await client.body(face, f"/admin/usage?seconds={seconds}")


async def test_everything_that_clients_ask_is_counted() -> None:
    """Connects, refused ones, requests, weights, frames; sums are those of the rows; each face counts apart."""
    async with running("BTC/USDT", **FAST) as client:
        began_s = int(time.time())
        assert (await used(client))["sum"] == NOTHING and not (await used(client))["rows"]
        socket = await client.ws("binance", BTC)
        await socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        await socket.ping(b"x")
        await client.body("binance", "/api/v3/depth?symbol=BTCUSDT&limit=5000")
        await client.body("binance", "/api/v3/exchangeInfo")
        await client.get("binance", "/api/v3/depth?symbol=NOPE")
        await client.get("binance", "/nowhere")
        await client.fault("binance", "refuse", status=503, count=1)
        await client.fault("binance", "status", code=429, count=1)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws("binance", BTC)
        await client.get("binance", "/api/v3/depth?symbol=BTCUSDT")
        async with asyncio.timeout(20):
            while (told := await used(client))["sum"]["frames_in"] < 2:
                pass
        assert told["sum"] == {
            "connects": 1,
            "connects_refused": 1,
            "requests": 5,
            "requests_refused": 1,
            "weight": 250 + 20 + 1 + 5,  # a wrong request weighs 1
            "frames_in": 2,
        }
        assert told["columns"] == list(COLUMNS) and told["face"] == "binance"
        assert [sum(column) for column in zip(*told["rows"], strict=True)][1:] == list(told["sum"].values())
        seconds = [row[0] for row in told["rows"]]
        assert seconds == sorted(set(seconds)) and began_s <= seconds[0] and seconds[-1] <= told["now"]
        assert told["limits"] == {"connects": {"limit": 300, "window_s": 300}}
        other = await used(client, "bitstamp")
        assert other["sum"] == NOTHING
        assert other["limits"]["requests in 600 s"] == {"limit": 10_000, "window_s": 600}


async def test_reconnects_after_a_common_cut_can_be_shown() -> None:
    """The table that a judge of a storm needs: how many connects came in which second."""
    async with running("BTC/USD@bitstamp", **FAST) as client:
        sockets = [await client.ws("bitstamp") for _ in range(5)]
        before = (await used(client, "bitstamp"))["sum"]["connects"]
        await client.fault("bitstamp", "cut", code=1012)
        assert [await closed(socket) for socket in sockets] == [1012] * 5
        for _ in range(5):
            await client.ws("bitstamp")
        assert before == 5 and (await used(client, "bitstamp"))["sum"]["connects"] == 10


async def test_a_frame_that_ends_the_connection_counts() -> None:
    """The sixth message in a second, for which Binance closes, is in the table as well."""
    async with running("BTC/USDT@binance", **FAST) as client:
        socket = await client.ws("binance", BTC)
        await message(socket)
        for number in range(6):
            await socket.send_str(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        assert await closed(socket) == 1008
        assert (await used(client))["sum"]["frames_in"] == 6


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "3601", "9" * 30, ""])
async def test_bad_spans_are_told(seconds: str) -> None:
    async with running("BTC/USDT@binance", **FAST) as client:
        status, _, body = await client.get("binance", f"/admin/usage?seconds={seconds}")
        assert status == 400 and "between 1 and 3600" in body["error"]


def test_rows_are_bounded_and_cut_to_the_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of busy seconds is kept; seconds without anything have no row; a clock set back adds to the newest."""
    now = 1_000_000
    monkeypatch.setattr(usages, "wall_us", lambda: now * 1_000_000)
    usage = Usage("x")
    usage.frame()
    now += 100
    for _ in range(KEPT_S + 50):
        now += 1
        usage.request(refused=False)
    told = usage.tell(KEPT_S, ())
    assert isinstance(told["rows"], list) and len(told["rows"]) == KEPT_S
    assert told["since"] == told["rows"][0][0] == now - KEPT_S + 1
    now += 5
    usage.weight(7)
    told = usage.tell(8, ())
    assert told["rows"] == [
        [now - 7, 0, 0, 1, 0, 0, 0],
        *([now - 6 + i, 0, 0, 1, 0, 0, 0] for i in range(2)),
        *[[now, 0, 0, 0, 0, 7, 0]],
    ]
    now -= 3
    usage.weight(1)
    assert usage.tell(20, ())["rows"][-1] == [now + 3, 0, 0, 0, 0, 8, 0]  # type: ignore[index]
