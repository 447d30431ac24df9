"""Faults on frames, over real sockets: what each does, that it ends, is counted, and leaves others alone."""

import asyncio
import json
from itertools import pairwise
from random import Random
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, running, wire
from venue.faults.shapes import damaged

FAST: dict[str, Any] = {"batch_ms": 10, "speed": 5.0, "deep_levels": 20}
BTC, ETH, TOP = "btcusdt@depth@100ms", "ethusdt@depth@100ms", "btcusdt@bookTicker"
Socket = aiohttp.ClientWebSocketResponse


async def both(client: Client) -> Socket:
    """Return a socket with the diffs of two symbols."""
    return await client.ws("binance", f"/stream?streams={BTC}/{ETH}", max_msg_size=0)


async def raw(socket: Socket) -> aiohttp.WSMessage:
    return await asyncio.wait_for(socket.receive(), 5)


def stream_of(got: aiohttp.WSMessage) -> str:
    """Tell whose frame it is, even when it is damaged."""
    text = got.data if isinstance(got.data, bytes) else got.data.encode()
    return BTC if b"btcusdt" in text[:100] else ETH if b"ethusdt" in text[:100] else ""


async def ids(socket: Socket, stream: str, number: int) -> list[tuple[int, int]]:
    """Return first and last ids of the next frames of a stream."""
    found: list[tuple[int, int]] = []
    while len(found) < number:
        got = json.loads((await raw(socket)).data)
        if got["stream"] == stream:
            found.append((got["data"]["U"], got["data"]["u"]))
    return found


def whole(seen: list[tuple[int, int]]) -> bool:
    return all(before[1] + 1 == after[0] for before, after in pairwise(seen))


async def check_faithful(client: Client, socket: Socket) -> None:
    """No fault is left, and both streams are whole."""
    assert not (await client.body("binance", "/admin/faults"))["active"]
    for stream in (BTC, ETH):
        async with asyncio.timeout(20):
            while not whole(await ids(socket, stream, 4)):
                pass  # frames from before the end are still in the pipe


async def until_over(client: Client, face: str = "binance") -> dict[str, Any]:
    """Wait until nothing is active; return the last fault's row."""
    async with asyncio.timeout(20):
        while True:
            told = await client.body(face, "/admin/faults")
            if not told["active"]:
                return dict(told["ended"][-1])


async def test_drop_loses_the_next_frames_of_one_symbol() -> None:
    """Two frames of one symbol are missing, the other symbol is whole, and then all is well."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        socket = await both(client)
        first = (await ids(socket, BTC, 1))[0]
        row = await client.fault("binance", "drop", symbol="BTC/USDT", count=2, channel="diff")
        assert row["id"] == 1 and row["symbol"] == "BTCUSDT" and row["state"] == "active"
        seen: dict[str, list[tuple[int, int]]] = {BTC: [first], ETH: []}
        while len(seen[BTC]) < 12:
            got = json.loads((await raw(socket)).data)
            seen[got["stream"]].append((got["data"]["U"], got["data"]["u"]))
        holes = [(a, b) for a, b in pairwise(seen[BTC]) if a[1] + 1 != b[0]]
        assert len(holes) == 1 and whole(seen[ETH])
        assert (await until_over(client))["struck"] == 2
        await check_faithful(client, socket)


async def test_every_nth_is_counted_per_client_and_stream() -> None:
    """Each client misses exactly each third frame of each stream."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        row = await client.fault("binance", "drop", every=3)
        sockets = [await both(client), await both(client)]
        for socket in sockets:
            for stream in (BTC, ETH):
                seen = await ids(socket, stream, 9)
                holes = [place for place, (a, b) in enumerate(pairwise(seen)) if a[1] + 1 != b[0]]
                assert all(b - a == 2 for a, b in pairwise(holes)) and len(holes) >= 4
        ended = await client.end("binance", row["id"])
        assert ended["state"] == "ended" and ended["struck"] >= 10
        for socket in sockets:
            await check_faithful(client, socket)


async def test_duplicate_sends_again() -> None:
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        socket = await both(client)
        await client.fault("binance", "duplicate", symbol="BTCUSDT", count=2, times=2)
        seen = await ids(socket, BTC, 16)
        repeats = [a for a, b in pairwise(seen) if a == b]
        assert len(repeats) == 4 and len(set(repeats)) == 2 and whole(list(dict.fromkeys(seen)))
        assert await client.struck("binance", "duplicate") == 2
        await check_faithful(client, socket)


async def test_reorder_swaps_with_the_next() -> None:
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        socket = await both(client)
        await client.fault("binance", "reorder", symbol="BTCUSDT", count=1)
        seen = await ids(socket, BTC, 12)
        assert not whole(seen) and whole(sorted(seen))
        swapped = [place for place, (a, b) in enumerate(pairwise(seen)) if a > b]
        assert len(swapped) == 1
        await check_faithful(client, socket)


async def test_a_held_frame_comes_out_when_the_fault_is_deleted() -> None:
    """Nothing is lost by ending a reorder or a delay early, and the order is right again."""
    options = {"batch_ms": 100, "speed": 5.0, "deep_levels": 20}  # time enough to end it before the next frame
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **options) as client:
        socket = await both(client)
        for kind, extra in (("reorder", {"count": 1}), ("delay", {"ms": 60_000})):
            seen = await ids(socket, BTC, 1)
            row = await client.fault("binance", kind, symbol="BTCUSDT", **extra)
            async with asyncio.timeout(20):
                while not await client.struck("binance", kind):
                    pass
            ended = await client.end("binance", row["id"])
            assert ended["state"] == "ended"
            seen += await ids(socket, BTC, 3)
            assert whole(seen), kind


async def test_delay_and_jitter_keep_the_streams_order() -> None:
    """Frames of one symbol come at least so much after their event time, in order; the other symbol is on time."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        socket = await both(client)
        row = await client.fault("binance", "delay", symbol="BTCUSDT", ms=150, jitter_ms=100)
        late: dict[str, list[int]] = {BTC: [], ETH: []}
        seen: list[tuple[int, int]] = []
        while sum(ms >= 150 for ms in late[BTC]) < 5:
            got = json.loads((await raw(socket)).data)
            now_ms = (await client.body("binance", "/api/v3/time"))["serverTime"]
            late[got["stream"]].append(now_ms - got["data"]["E"])
            if got["stream"] == BTC:
                seen.append((got["data"]["U"], got["data"]["u"]))
        assert whole(seen)
        assert sorted(late[ETH])[len(late[ETH]) // 2] < 150
        await client.end("binance", row["id"])
        await check_faithful(client, socket)


@pytest.mark.parametrize("form", ["text", "truncated", "types", "nan", "negative", "empty", "utf8"])
async def test_garbage(form: str) -> None:
    """One frame cannot be read, or not be believed; the rest is as ever."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        async with wire(client, "binance", f"/stream?streams={BTC}/{ETH}") as socket:
            await socket.frame()
            await client.fault("binance", "garbage", symbol="BTCUSDT", form=form, count=1)
            payloads = [(await socket.frame())[1]]
            async with asyncio.timeout(20):  # a frame without levels is none for it
                while all(map(_sane, payloads)):
                    payloads.append((await socket.frame())[1])
            payloads += [(await socket.frame())[1] for _ in range(24)]
        odd = [payload for payload in payloads if not _sane(payload)]
        assert len(odd) == 1, odd
        expected = {"nan": b'"NaN"', "negative": b'"-', "utf8": b"\xff\xfe"}.get(form, b"")
        assert expected in odd[0]
        assert await client.struck("binance", "garbage") == 1


def _sane(payload: bytes) -> bool:
    """Tell whether a frame is a diff as it should be."""
    try:
        data = json.loads(payload)["data"]
        rows = data["b"] + data["a"]
        numbers = all(isinstance(x, str) and 0 <= float(x) < 1e9 for row in rows for x in row)
        return numbers and all(isinstance(data[k], int) for k in "EUu") and data["s"] in ("BTCUSDT", "ETHUSDT")
    except (ValueError, KeyError, TypeError):
        return False


def test_a_negative_number_is_one() -> None:
    """A removal's amount with a minus before it would be what it was: nothing would have been struck."""
    payload = b'{"b":[["100.00","0.00000000"]]}'
    made = {damaged(payload, "negative", Random(seed)) for seed in range(50)}
    assert made == {b'{"b":[["-100.00","0.00000000"]]}'}


async def test_oversized_frames_are_valid_and_do_not_cut_the_reader() -> None:
    """Twenty megabytes that are still the diff; the connection goes on."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        socket = await both(client)
        await client.fault("binance", "oversized", symbol="BTCUSDT", channel="diff", count=1)
        seen: list[tuple[int, int]] = []
        largest = 0
        while len(seen) < 10:
            got = await raw(socket)
            largest = max(largest, len(got.data))
            if stream_of(got) == BTC:
                data = json.loads(got.data)["data"]
                seen.append((data["U"], data["u"]))
        assert largest == 20_000_000 and whole(seen)
        await check_faithful(client, socket)


async def test_binary_frames_carry_the_same_bytes() -> None:
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        socket = await both(client)
        await client.fault("binance", "binary", symbol="BTCUSDT", count=1)
        seen: list[tuple[int, int]] = []
        binary = 0
        while len(seen) < 10:
            got = await raw(socket)
            binary += got.type is aiohttp.WSMsgType.BINARY
            if stream_of(got) == BTC:
                data = json.loads(got.data)["data"]
                seen.append((data["U"], data["u"]))
        assert binary == 1 and whole(seen)
        await check_faithful(client, socket)


@pytest.mark.parametrize(("pieces", "ping"), [(2, False), (5, True), (1000, True)])
async def test_fragments_are_legal(pieces: int, ping: bool) -> None:
    """A correct client sees nothing; on the wire there are pieces, with pings between if wanted."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        socket = await both(client)
        async with wire(client, "binance", f"/stream?streams={BTC}") as plain:
            row = await client.fault("binance", "fragmented", symbol="BTCUSDT", pieces=pieces, ping=ping)
            assert whole(await ids(socket, BTC, 10)) and whole(await ids(socket, ETH, 5))
            first, payload = await plain.frame()
            while first == 0x81:
                first, payload = await plain.frame()
            parts, pings = [payload], 0
            assert first == 0x01
            while not first & 0x80 or first == 0x89:
                first, payload = await plain.frame()
                if first == 0x89:
                    pings += 1
                else:
                    parts.append(payload)
        assert first == 0x80 and _sane(b"".join(parts))
        assert len(parts) == pieces or pieces == 1000
        assert pings == ping
        await client.end("binance", row["id"])
        await check_faithful(client, socket)


async def test_control_replies_are_struck_only_when_named() -> None:
    """`any` means streams; `control` means the replies, and those only."""
    async with running("BTC/USDT@binance", **FAST) as client:
        socket = await client.ws("binance", "/ws")
        row = await client.fault("binance", "drop")
        await socket.send_str('{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}')
        assert json.loads((await raw(socket)).data) == {"result": None, "id": 1}
        await client.end("binance", row["id"])
        await client.fault("binance", "drop", channel="control", count=1)
        await socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":2}')
        await socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":3}')
        async with asyncio.timeout(20):
            while "id" not in (got := json.loads((await raw(socket)).data)):
                pass
        assert got["id"] == 3


async def test_several_faults_act_together() -> None:
    """A delayed stream of which each second frame is repeated: order and content stay."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **FAST) as client:
        socket = await both(client)
        await client.fault("binance", "duplicate", symbol="BTCUSDT", every=2)
        await client.fault("binance", "delay", symbol="BTCUSDT", ms=80)
        await client.fault("binance", "fragmented", pieces=4)
        seen = await ids(socket, BTC, 20)
        assert whole(list(dict.fromkeys(seen))) and len(set(seen)) < 18
        async with client.session.delete(client.rest("binance", "/admin/faults")) as reply:
            assert len((await reply.json())["ended"]) == 3
        await check_faithful(client, socket)


async def test_the_other_symbols_frames_are_byte_identical() -> None:
    """The same market twice, once with faults on one symbol: the other's frames have the same content and order."""
    streams = f"/stream?streams={BTC}/{ETH}"

    async def record(faulty: bool) -> list[Any]:
        options = {"flow": "steady", "rate": 100.0, "levels": 6, "seed": "3"}
        async with running("BTC/USDT@binance", "ETH/USDT@binance", **options) as client:
            if faulty:
                for kind in ("lost", "wrong", "garbage", "duplicate", "reorder", "delay"):
                    await client.fault("binance", kind, symbol="BTCUSDT", for_s=30)
            socket = await client.ws("binance", streams)
            found: list[Any] = []
            while len(found) < 20:
                got = await raw(socket)
                text = got.data
                if stream_of(got) == ETH:
                    head, _, rest = text.partition('"E":')
                    found.append(head + rest.partition(",")[2])  # all but the time of sending
            return found

    assert await record(True) == await record(False)


async def test_bitstamp_frames_are_struck_by_channel() -> None:
    """Diffs are dropped, the top of the book goes on."""
    async with running("BTC/USDT@bitstamp", **FAST) as client:
        await client.fault("bitstamp", "drop", symbol="btcusdt", channel="diff")
        socket = await client.ws("bitstamp")
        for channel in ("diff_order_book_btcusdt", "order_book_btcusdt"):
            await socket.send_str(json.dumps({"event": "bts:subscribe", "data": {"channel": channel}}))
        seen = [json.loads((await raw(socket)).data) for _ in range(12)]
        assert {m["channel"] for m in seen if m["event"] == "data"} == {"order_book_btcusdt"}
