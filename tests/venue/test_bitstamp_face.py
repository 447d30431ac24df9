"""The Bitstamp face over real sockets: channels, times, snapshots, the edge cache, and the venue's refusals."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, Levels, apply, closed, message, numbers, running, until
from venue.faces.bitstamp import BitstampFace

DIFF, TOP = "diff_order_book_btcusd", "order_book_btcusd"


async def subscribe(socket: aiohttp.ClientWebSocketResponse, *channels: str) -> None:
    for channel in channels:
        await socket.send_str(json.dumps({"event": "bts:subscribe", "data": {"channel": channel}}))


async def snapshot(client: Client, query: str = "?group=1") -> Any:
    return await client.body("bitstamp", f"/api/v2/order_book/btcusd/{query}")


def micro(data: Any) -> int:
    assert data["timestamp"] == str(int(data["microtimestamp"]) // 1_000_000)
    return int(data["microtimestamp"])


class Replica:
    """A book kept by the documented recipe."""

    def __init__(self, data: Any) -> None:
        self.last = micro(data)
        self.bids: Levels = {}
        self.asks: Levels = {}
        apply(self.bids, data["bids"])
        apply(self.asks, data["asks"])

    def feed(self, data: Any) -> None:
        if micro(data) > self.last:
            self.last = micro(data)
            apply(self.bids, data["bids"])
            apply(self.asks, data["asks"])


async def same_as_truth(client: Client, replica: Replica) -> None:
    true = await client.body("bitstamp", f"/admin/book?symbol=btcusd&levels=0&at={replica.last}")
    assert int(true["microtimestamp"]) == replica.last
    assert numbers(replica.bids) == numbers(true["bids"])
    assert numbers(replica.asks) == numbers(true["asks"])


@pytest.mark.parametrize("speed", [1.0, 20.0])
async def test_replay_from_any_snapshot_equals_the_true_book(speed: float) -> None:
    """Whenever the snapshot is taken, snapshot and newer diffs give the true book at each diff's time."""
    async with running("BTC/USD@bitstamp", speed=speed, batch_ms=30) as client:
        socket = await client.ws("bitstamp")
        await subscribe(socket, DIFF)
        assert (await message(socket))["event"] == "bts:subscription_succeeded"
        diffs = [(await message(socket))["data"]]
        snapshots: list[Any] = []
        for number in range(30):
            if number % 5 == 0:
                snapshots.append(await snapshot(client, f"?group=1&_={number}"))
            diffs.append((await message(socket))["data"])
        times = [micro(d) for d in diffs]
        assert all(a < b for a, b in pairwise(times)), "strictly increasing"
        assert len({micro(s) for s in snapshots}) == len(snapshots)
        for data in snapshots:
            replica = Replica(data)
            for diff in diffs:
                replica.feed(diff)
            while replica.last < times[-1]:
                replica.feed((await message(socket))["data"])
            await same_as_truth(client, replica)


async def test_the_top_hundred_equals_the_diffs_at_equal_times() -> None:
    """`order_book_` comes at the diffs' microtimestamps and holds the best hundred levels of the same book."""
    async with running("BTC/USD@bitstamp", deep_levels=300) as client:
        socket = await client.ws("bitstamp")
        await subscribe(socket, DIFF, TOP)
        await until(socket, lambda m: m["event"] == "data" and m["channel"] == DIFF)
        replica = Replica(await snapshot(client))
        compared = 0
        while compared < 15:
            got = await message(socket)
            if got["channel"] == DIFF:
                replica.feed(got["data"])
            elif micro(got["data"]) == replica.last:
                for name, book, reverse in (("bids", replica.bids, True), ("asks", replica.asks, False)):
                    best = sorted(book.items(), key=lambda row: float(row[0]), reverse=reverse)[:100]
                    assert [tuple(row) for row in got["data"][name]] == best
                compared += 1
            else:
                assert micro(got["data"]) < replica.last, "a top without its diff"


async def test_zeros_are_spelled_in_two_ways() -> None:
    """Both spellings of zero occur; no frame carries a sequence number."""
    async with running("BTC/USD@bitstamp", batch_ms=20, speed=5) as client:
        socket = await client.ws("bitstamp")
        await subscribe(socket, DIFF)
        await message(socket)
        zeros: set[str] = set()
        async with asyncio.timeout(20):
            while len(zeros) < 2:
                got = await message(socket)
                assert list(got) == ["data", "channel", "event"]
                assert list(got["data"]) == ["timestamp", "microtimestamp", "bids", "asks"]
                zeros |= {q for side in ("bids", "asks") for _, q in got["data"][side] if not float(q)}
        assert zeros == {"0", "0.00000000"}


async def test_trades_have_numbers_and_string_twins() -> None:
    """A trade's fields, their types, and the taker's side against the order ids."""
    async with running("BTC/USD@bitstamp", speed=30) as client:
        socket = await client.ws("bitstamp")
        await subscribe(socket, "live_trades_btcusd")
        got = await until(socket, lambda m: m["event"] == "trade")
        data = got["data"]
        assert got["channel"] == "live_trades_btcusd"
        assert float(data["amount_str"]) == data["amount"] and float(data["price_str"]) == data["price"]
        assert data["id_str"] == str(data["id"]) and data["type"] in (0, 1)
        taker = max(data["buy_order_id"], data["sell_order_id"])
        assert (taker == data["buy_order_id"]) == (data["type"] == 0), "the taker's order is the younger one"
        assert micro(data)


ERRORS = {
    "not json": "Incorrect JSON format.",
    "[1]": "Bad subscription string.",
    "{}": "Bad subscription string.",
    '{"event":"bts:dance"}': "Bad subscription string.",
    '{"event":"bts:subscribe"}': "Bad subscription string.",
    '{"event":"bts:subscribe","data":{}}': "Bad subscription string.",
    '{"event":"bts:subscribe","data":{"channel":7}}': "Bad subscription string.",
    '{"event":"bts:subscribe","data":{"channel":"diff_order_book_BTCUSD"}}': "Invalid channel provided.",
    '{"event":"bts:subscribe","data":{"channel":"diff_order_book_btc/usd"}}': "Invalid channel provided.",
    '{"event":"bts:subscribe","data":{"channel":"nonsense_btcusd"}}': "Invalid channel provided.",
}


async def test_control_frames() -> None:
    """Heartbeats, acknowledgements and errors are answered as the venue does, on one connection."""
    async with running("BTC/USD@bitstamp") as client:
        socket = await client.ws("bitstamp")
        await socket.send_str('{"event":"bts:heartbeat"}')
        assert await message(socket) == {"event": "bts:heartbeat", "channel": "", "data": {"status": "success"}}
        for sent, text in ERRORS.items():
            await socket.send_str(sent)
            got = await message(socket)
            assert got == {"event": "bts:error", "channel": "", "data": {"code": None, "message": text}}, sent
        await subscribe(socket, "diff_order_book_nopeusd")
        assert await message(socket) == {
            "event": "bts:subscription_succeeded",
            "channel": "diff_order_book_nopeusd",
            "data": {},
        }
        with pytest.raises(TimeoutError):
            await message(socket, 0.3)
        await subscribe(socket, DIFF)
        await until(socket, lambda m: m["event"] == "data")
        await socket.send_str(json.dumps({"event": "bts:unsubscribe", "data": {"channel": DIFF}}))
        got = await until(socket, lambda m: m["event"] != "data")
        assert got == {"event": "bts:unsubscription_succeeded", "channel": DIFF, "data": {}}
        with pytest.raises(TimeoutError):
            await message(socket, 0.3)


async def test_large_frames_close_with_1009() -> None:
    """511 bytes are answered, 512 and more close the connection."""
    async with running("BTC/USD@bitstamp") as client:
        socket = await client.ws("bitstamp")
        await socket.send_str("x" * 511)
        assert (await message(socket))["event"] == "bts:error"
        for size in (512, 700, 70_000):
            socket = await client.ws("bitstamp")
            await socket.send_str("x" * size)
            assert await closed(socket) == 1009, size


async def test_the_1025th_channel_closes_the_connection() -> None:
    """1024 channels are acknowledged; one more ends the connection without an error message."""
    async with running("BTC/USD@bitstamp") as client:
        socket = await client.ws("bitstamp")
        for number in range(1024):
            await subscribe(socket, f"live_orders_m{number}")
        for _ in range(1024):
            assert (await message(socket))["event"] == "bts:subscription_succeeded"
        await subscribe(socket, "live_orders_m0")
        assert (await message(socket))["event"] == "bts:subscription_succeeded", "the same again is no new channel"
        await subscribe(socket, "live_orders_m1024")
        got = await asyncio.wait_for(socket.receive(), 5)
        assert got.type is aiohttp.WSMsgType.CLOSE


async def test_the_edge_cache_is_keyed_by_the_whole_url() -> None:
    """The same URL repeats the same book for a while; another query goes past the cache."""
    async with running("BTC/USD@bitstamp", speed=20, bitstamp_cache_s=30.0) as client:
        first = await snapshot(client)
        async with asyncio.timeout(20):
            while micro(await snapshot(client, f"?group=1&_={asyncio.get_running_loop().time()}")) == micro(first):
                pass
        assert await snapshot(client) == first
    async with running("BTC/USD@bitstamp", speed=20, bitstamp_cache_s=0.05) as client:
        first = await snapshot(client)
        async with asyncio.timeout(20):
            while micro(await snapshot(client)) == micro(first):
                pass


@pytest.mark.parametrize("text", ["BTC/USD@bitstamp", "BTC/USD@bitstamp steady"])
async def test_groups_hold_the_same_book(text: str) -> None:
    """Single orders (0, and 2 with ids) sum to the aggregated levels (1 and any other number)."""
    pair, _, flow = text.partition(" ")
    async with running(pair, flow=flow or "synthetic", speed=0.001) as client:
        plain, grouped, ids = [await snapshot(client, f"?group={group}") for group in (0, 1, 2)]
        assert (await snapshot(client, "?group=7"))["bids"] == grouped["bids"]
        for name in ("bids", "asks"):
            sums: dict[float, float] = {}
            for price, amount in plain[name]:
                sums[float(price)] = sums.get(float(price), 0.0) + float(amount)
            expected = numbers(grouped[name])
            assert list(sums) == list(expected), "best first"
            assert all(abs(sums[price] - expected[price]) < 1e-7 for price in expected)
            assert [row[:2] for row in ids[name]] == plain[name]
            assert len({row[2] for row in ids[name]}) == len(ids[name])


async def test_crossed_snapshots_correct_themselves() -> None:
    """By option a snapshot is crossed now and then; the diffs since its time lead to the true book."""
    options = {"bitstamp_crossed": 1.0, "bitstamp_cache_s": 0.0, "speed": 20.0}
    async with running("BTC/USD@bitstamp", **options) as client:
        socket = await client.ws("bitstamp")
        await subscribe(socket, DIFF)
        await message(socket)
        diffs: list[Any] = []
        async with asyncio.timeout(15):
            while True:
                diffs.append((await message(socket))["data"])
                data = await snapshot(client)
                crossed = float(data["bids"][0][0]) >= float(data["asks"][0][0])
                if crossed and micro(data) >= micro(diffs[0]):
                    break
        diffs += [(await message(socket))["data"] for _ in range(8)]
        replica = Replica(data)
        for diff in diffs:
            replica.feed(diff)
        await same_as_truth(client, replica)


async def test_rest_catalogs_tickers_and_unknown_markets() -> None:
    """Both catalogs, the ticker, the HTML page, and the trap of the unknown ticker."""
    async with running("BTC/USD@bitstamp", "ETH/USDT") as client:
        markets = await client.body("bitstamp", "/api/v2/markets/")
        assert [m["market_symbol"] for m in markets] == ["btcusd", "ethusdt"]
        assert (markets[0]["name"], markets[0]["counter_decimals"]) == ("BTC/USD", 0)
        assert markets[0]["base_decimals"] == 8 and markets[0]["trading"] == "Enabled"
        pairs = await client.body("bitstamp", "/api/v2/trading-pairs-info/")
        assert [p["url_symbol"] for p in pairs] == ["btcusd", "ethusdt"]
        ticker = await client.body("bitstamp", "/api/v2/ticker/btcusd/")
        assert float(ticker["bid"]) < float(ticker["ask"])
        assert len(await client.body("bitstamp", "/api/v2/ticker/nope/")) == 2
        status, headers, body = await client.get("bitstamp", "/api/v2/order_book/nope/")
        assert status == 404 and "text/html" in headers["Content-Type"] and "nginx" in body
        data = await snapshot(client)
        assert len(data["bids"]) >= 50
        assert data["bids"][0][0].isdecimal(), "no decimals where the catalog says none"


async def test_rotation_asks_for_a_reconnect_and_closes_a_little_later() -> None:
    """`bts:request_reconnect`, then a few seconds of grace (here shorter) in which data go on."""
    async with running("BTC/USD@bitstamp", bitstamp_life_s=0.3) as client:
        face = client.venue.faces["bitstamp"]
        assert isinstance(face, BitstampFace)
        assert face.grace_s == (3.0, 5.0)
        face.grace_s = (0.5, 0.6)
        socket = await client.ws("bitstamp")
        await subscribe(socket, DIFF)
        got = await until(socket, lambda m: m["event"] == "bts:request_reconnect")
        assert got == {"event": "bts:request_reconnect", "channel": "", "data": ""}
        start = asyncio.get_running_loop().time()
        assert (await message(socket))["event"] == "data"
        assert await closed(socket) == 1001
        assert 0.4 < asyncio.get_running_loop().time() - start < 3


async def test_the_server_pings() -> None:
    """Pings come at the interval; by default nobody is cut for not answering."""
    async with running("BTC/USD@bitstamp", bitstamp_ping_s=0.1) as client:
        socket = await client.ws("bitstamp", autoping=False)
        for _ in range(4):
            got = await asyncio.wait_for(socket.receive(), 3)
            assert got.type is aiohttp.WSMsgType.PING
        await socket.ping(b"mine")
        while True:
            got = await asyncio.wait_for(socket.receive(), 3)
            if got.type is aiohttp.WSMsgType.PONG:
                assert got.data == b"mine"
                break
