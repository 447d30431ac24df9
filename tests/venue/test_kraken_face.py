"""The Kraken face over real sockets: acknowledgements, checksums, depths, heartbeats, REST; wrong clients too."""

import asyncio
import json
import zlib
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, closed, message, running, until
from venue.faces.kraken_messages import checksum
from venue.ladder import Ladder
from venue.matching import ASK, BID

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 60}
PAIR = "BTC/USD@kraken"
PRICE_DECIMALS, AMOUNT_DECIMALS = 1, 8
Side = dict[Decimal, Decimal]


def micro(text: str) -> int:
    moment = datetime.fromisoformat(text)
    assert text.endswith("Z") and len(text) == 27, "six digits of a second, UTC"
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def exact(raw: str) -> Any:
    """Decode as a client must that wants the checksum: numbers keep their digits."""
    return json.loads(raw, parse_float=Decimal)


async def receive(socket: aiohttp.ClientWebSocketResponse) -> Any:
    return exact((await asyncio.wait_for(socket.receive(), 5)).data)


class Replica:
    """A book kept by the documented recipe. ``cut`` and ``exact`` can be left out, as wrong clients do."""

    def __init__(self, depth: int, *, cut: bool = True) -> None:
        self.depth, self.cut = depth, cut
        self.sides: tuple[Side, Side] = ({}, {})
        self.last = 0
        self.checked = self.wrong = 0

    def feed(self, data: Any, *, snapshot: bool) -> None:
        if snapshot:
            self.sides = ({}, {})
        for side, rows in zip(self.sides, (data["bids"], data["asks"]), strict=True):
            for row in rows:
                if row["qty"]:
                    side[row["price"]] = row["qty"]
                else:
                    side.pop(row["price"], None)
            if self.cut:
                for price in self.sorted(side)[self.depth :]:
                    del side[price]
        self.last = micro(data["timestamp"])
        self.checked += 1
        self.wrong += self.checksum() != data["checksum"]

    def sorted(self, side: Side) -> list[Decimal]:
        return sorted(side, reverse=side is self.sides[0])

    def checksum(self) -> int:
        text = ""
        for side in (self.sides[1], self.sides[0]):
            for price in self.sorted(side)[:10]:
                for number, decimals in ((price, PRICE_DECIMALS), (side[price], AMOUNT_DECIMALS)):
                    text += f"{number:.{decimals}f}".replace(".", "").lstrip("0")
        return zlib.crc32(text.encode())


async def subscribe(socket: aiohttp.ClientWebSocketResponse, depth: int, *symbols: str, **more: Any) -> None:
    params = {"channel": "book", "symbol": list(symbols or ("BTC/USD",)), "depth": depth, **more}
    await socket.send_json({"method": "subscribe", "params": params, "req_id": 7})


async def follow(
    socket: aiohttp.ClientWebSocketResponse, replica: Replica, wanted: Callable[[], bool], timeout_s: float = 10
) -> None:
    """Feed a replica until something is so."""
    async with asyncio.timeout(timeout_s):
        while not wanted():
            got = await receive(socket)
            if got.get("channel") == "book":
                replica.feed(got["data"][0], snapshot=got["type"] == "snapshot")


async def truth(client: Client, at: int, depth: int) -> tuple[Side, Side]:
    true = await client.body("kraken", f"/admin/book?symbol=BTC/USD&levels={depth}&at={at}")
    bids, asks = ({Decimal(p): Decimal(q) for p, q in true[name]} for name in ("bids", "asks"))
    return bids, asks


def test_the_checksum_is_that_of_the_published_vector() -> None:
    """The vector of the venue's own guide."""
    asks = (
        "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660 "
        "45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"
    )
    bids = (
        "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586 "
        "45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"
    )
    ladder = Ladder()
    for side, text in ((BID, bids), (ASK, asks)):
        for word in text.split():
            price, amount = (int(part.replace(".", "")) for part in word.split("/"))
            ladder.set(side, price, amount)
    assert checksum(ladder) == 3310070434


@pytest.mark.parametrize("flow", ["synthetic", "steady"])
@pytest.mark.parametrize("depth", [10, 25, 100])
async def test_a_correct_client_holds_the_true_book(depth: int, flow: str) -> None:
    """Snapshot and updates, cut to the depth, give the true best levels at each message's time; checksums agree."""
    async with running(PAIR, flow=flow, rate=40.0, **FAST) as client:
        socket = await client.ws("kraken", "/v2")
        await subscribe(socket, depth)
        replica = Replica(depth)
        for number in range(1, 7):
            await follow(socket, replica, lambda number=number: replica.checked >= number * 8)  # type: ignore[misc]
            assert replica.sides == await truth(client, replica.last, depth)
        assert replica.wrong == 0


async def test_levels_beyond_the_depth_are_not_told_and_come_again() -> None:
    """No removal is sent for a level that is pushed out, and it is sent again when it returns."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("kraken", "/v2")
        await subscribe(socket, 10)
        careless, correct = Replica(10, cut=False), Replica(10)
        removed = returned = 0
        async with asyncio.timeout(20):
            while not (careless.wrong and returned > 3 and correct.checked > 100):
                got = await receive(socket)
                if got.get("channel") != "book":
                    continue
                data, snapshot = got["data"][0], got["type"] == "snapshot"
                for side, name in enumerate(("bids", "asks")):
                    for row in data[name]:
                        removed += not row["qty"] and row["price"] not in correct.sides[side]
                        known = careless.sides[side].get(row["price"])
                        hidden = row["price"] not in correct.sides[side]
                        returned += not snapshot and known == row["qty"] and hidden
                careless.feed(data, snapshot=snapshot)
                correct.feed(data, snapshot=snapshot)
        assert removed == 0, "nothing is removed that a correct client does not hold"
        assert correct.wrong == 0
        assert any(len(side) > 10 for side in careless.sides), "the client that never cuts keeps what is no more"


async def test_a_client_of_floats_fails_the_checksum() -> None:
    """Numbers are written in full precision, which `float` and `str` lose."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("kraken", "/v2")
        await subscribe(socket, 10)
        wrong = 0
        sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
        async with asyncio.timeout(20):
            while not wrong:
                raw = (await socket.receive()).data
                got = json.loads(raw)
                if got.get("channel") != "book":
                    continue
                data = got["data"][0]
                for row in (*data["bids"], *data["asks"]):
                    assert f'"price":{row["price"]:.1f},"qty":{row["qty"]:.8f}' in raw
                for side, rows in zip(sides, (data["bids"], data["asks"]), strict=True):
                    side.update((row["price"], row["qty"]) for row in rows)
                text = "".join(
                    str(number).replace(".", "").lstrip("0")
                    for side, back in ((sides[1], False), (sides[0], True))
                    for row in [item for item in sorted(side.items(), reverse=back) if item[1]][:10]
                    for number in row
                )
                wrong += zlib.crc32(text.encode()) != data["checksum"]


async def test_every_symbol_is_acknowledged_alone() -> None:
    """Success and failure symbol by symbol, each with the number of the request and both times; then snapshots."""
    async with running(PAIR, "ETH/USD@kraken", **FAST) as client:
        socket = await client.ws("kraken", "/v2")
        status = await message(socket)
        assert (status["channel"], status["type"]) == ("status", "update")
        assert status["data"][0]["system"] == "online" and status["data"][0]["api_version"] == "v2"
        await subscribe(socket, 25, "BTC/USD", "FOO/BAR", "ETH/USD")
        replies: dict[str, Any] = {}
        snapshots: list[Any] = []
        async with asyncio.timeout(20):
            while len(replies) < 3 or len(snapshots) < 2:
                got = await message(socket)
                if "method" in got:
                    assert got["req_id"] == 7 and micro(got["time_in"]) <= micro(got["time_out"])
                    replies[got["symbol"] if "error" in got else got["result"]["symbol"]] = got
                elif got["type"] == "snapshot":
                    assert got["data"][0]["symbol"] in replies, "the acknowledgement comes first"
                    snapshots.append(got["data"][0])
        assert list(replies) == ["BTC/USD", "FOO/BAR", "ETH/USD"]
        assert replies["BTC/USD"]["success"] is True
        assert replies["BTC/USD"]["result"] == {
            "channel": "book",
            "symbol": "BTC/USD",
            "depth": 25,
            "snapshot": True,
        }
        assert replies["FOO/BAR"]["success"] is False
        assert replies["FOO/BAR"]["error"] == "Currency pair not supported FOO/BAR"
        assert all(len(data["bids"]) == len(data["asks"]) == 25 for data in snapshots)
        await subscribe(socket, 10)
        again = await until(socket, lambda m: "method" in m)
        assert again["error"] == "Already subscribed", "one depth for each pair and connection"


ERRORS = [
    ("not json", "Malformed request"),
    ("[1]", "Malformed request"),
    ("{}", "Event(s) not found"),
    ('{"method":"dance","req_id":3}', "Event(s) not found"),
    ('{"method":"subscribe"}', "Malformed request"),
    ('{"method":"subscribe","params":{"channel":"nonsense"}}', "Subscription name invalid"),
    ('{"method":"subscribe","params":{"channel":"book","symbol":"BTC/USD"}}', "Malformed request"),
    ('{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":11}}', "depth not supported"),
    ('{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"]}}', "Subscription Not Found"),
]


async def test_control_messages() -> None:
    """Errors, pong, unsubscribing, and a subscription anew with its snapshot, on one connection."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("kraken", "/v2")
        await message(socket)
        for sent, text in ERRORS:
            await socket.send_str(sent)
            got = await message(socket)
            assert got["success"] is False and text in got["error"], sent
        await socket.send_json({"method": "ping", "req_id": 9})
        pong = await message(socket)
        assert (pong["method"], pong["req_id"]) == ("pong", 9) and micro(pong["time_in"])
        for _ in range(2):
            await subscribe(socket, 10)
            await until(socket, lambda m: m.get("type") == "snapshot")
            await until(socket, lambda m: m.get("type") == "update")
            params = {"channel": "book", "symbol": ["BTC/USD"], "depth": 10}
            await socket.send_json({"method": "unsubscribe", "params": params})
            got = await until(socket, lambda m: "method" in m)
            assert got["success"] is True and got["method"] == "unsubscribe" and got["result"]["depth"] == 10
            with pytest.raises(TimeoutError):
                await message(socket, 0.2)
        await subscribe(socket, 10, snapshot=False)
        await until(socket, lambda m: m.get("method") == "subscribe")
        assert (await until(socket, lambda m: m.get("channel") == "book"))["type"] == "update"


async def test_heartbeats_come_in_idle_seconds_only() -> None:
    """After something is subscribed, and only when nothing else was sent; a quiet book is no lost one."""
    options = {**FAST, "kraken_heartbeat_s": 0.1}
    async with running(PAIR, "XRP/USD@kraken", **{**options, "speed": 0.001}) as client:
        socket = await client.ws("kraken", "/v2")
        await message(socket)
        with pytest.raises(TimeoutError):
            await message(socket, 0.3)
        await subscribe(socket, 10, "XRP/USD")
        beats = [await until(socket, lambda m: m.get("channel") == "heartbeat") for _ in range(5)]
        assert beats == [{"channel": "heartbeat"}] * 5
    async with running(PAIR, **options) as client:
        socket = await client.ws("kraken", "/v2")
        await subscribe(socket, 1000)
        seen = [await message(socket) for _ in range(60)]
        assert sum(got.get("channel") == "heartbeat" for got in seen) < 5, "a busy book needs none"


async def test_idle_connections_are_closed() -> None:
    """Without a subscription and without a word; who pings or listens to a book stays."""
    async with running(PAIR, kraken_idle_s=2.0, kraken_heartbeat_s=0.1, **FAST) as client:
        idle, talking, listening = [await client.ws("kraken", "/v2") for _ in range(3)]
        await subscribe(listening, 10)
        start = asyncio.get_running_loop().time()
        ended = asyncio.create_task(closed(idle))
        while not ended.done():
            await talking.send_json({"method": "ping"})
            await until(talking, lambda m: m.get("method") == "pong")
            await asyncio.sleep(0.05)
        assert asyncio.get_running_loop().time() - start > 1.5 and await ended is not None
        await talking.send_json({"method": "ping"})
        await until(talking, lambda m: m.get("method") == "pong")
        await until(listening, lambda m: m.get("type") == "update")


async def test_trades() -> None:
    """A snapshot of the last fifty, then updates; ids rise by one, the side is the taker's."""
    async with running(PAIR, **{**FAST, "speed": 30.0}) as client:
        socket = await client.ws("kraken", "/v2")
        params = {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": True}
        await socket.send_json({"method": "subscribe", "params": params})
        first = await until(socket, lambda m: m.get("channel") == "trade")
        assert first["type"] == "snapshot"
        found = list(first["data"])
        while len(found) < 80:
            got = await until(socket, lambda m: m.get("channel") == "trade", 15)
            assert got["type"] == "update"
            found += got["data"]
        assert all(b["trade_id"] == a["trade_id"] + 1 for a, b in pairwise(found))
        assert all(micro(a["timestamp"]) <= micro(b["timestamp"]) for a, b in pairwise(found))
        assert {row["side"] for row in found} == {"buy", "sell"} and found[0]["symbol"] == "BTC/USD"


async def test_the_instrument_channel_tells_the_precisions() -> None:
    async with running(PAIR, "XRP/USD@kraken", **FAST) as client:
        socket = await client.ws("kraken", "/v2")
        await socket.send_json({"method": "subscribe", "params": {"channel": "instrument"}})
        got = await until(socket, lambda m: m.get("channel") == "instrument")
        pairs = {row["symbol"]: (row["price_precision"], row["qty_precision"]) for row in got["data"]["pairs"]}
        assert pairs == {"BTC/USD": (1, 8), "XRP/USD": (5, 8)}
        assert {row["id"] for row in got["data"]["assets"]} == {"BTC", "USD", "XRP"}


async def test_rest() -> None:
    """Errors have status 200 and an array; the catalog has the old names; the book is the true one."""
    async with running(PAIR, "ETH/BTC@kraken", "DOGE/USDT@kraken", **{**FAST, "speed": 0.001}) as client:
        pairs = (await client.body("kraken", "/0/public/AssetPairs"))["result"]
        assert set(pairs) == {"XXBTZUSD", "XETHXXBT", "XDGUSDT"}
        row = pairs["XXBTZUSD"]
        assert (row["altname"], row["wsname"], row["pair_decimals"], row["lot_decimals"]) == (
            *("XBTUSD", "XBT/USD"),
            *(PRICE_DECIMALS, AMOUNT_DECIMALS),
        )
        assert row["tick_size"] == "0.1" and row["status"] == "online"
        one = await client.body("kraken", "/0/public/AssetPairs?pair=XBTUSD")
        assert list(one["result"]) == ["XXBTZUSD"]
        for pair in ("XBTUSD", "XXBTZUSD", "XBT/USD", "BTC/USD"):
            book = (await client.body("kraken", f"/0/public/Depth?pair={pair}&count=7"))["result"]["XXBTZUSD"]
            true = await client.body("kraken", "/admin/book?symbol=BTC/USD&levels=7")
            for name in ("bids", "asks"):
                assert [row[:2] for row in book[name]] == true[name]
        assert (await client.body("kraken", "/0/public/SystemStatus"))["result"]["status"] == "online"
        assert (await client.body("kraken", "/0/public/Time"))["result"]["unixtime"] > 1_700_000_000
        for path, says in (
            ("AssetPairs?pair=FOOBAR", "EQuery:Unknown asset pair"),
            ("Depth?pair=FOOBAR", "EQuery:Unknown asset pair"),
            ("Depth", "EGeneral:Invalid arguments"),
            ("Depth?pair=XBTUSD&count=x", "EGeneral:Invalid arguments"),
            ("Nonsense", "EGeneral:Unknown method"),
        ):
            assert await client.body("kraken", f"/0/public/{path}") == {"error": [says]}


async def test_limits() -> None:
    """Requests beyond the limit get the error with status 200, connects beyond theirs a page with 429."""
    async with running(PAIR, kraken_requests=2, kraken_connects=2, **FAST) as client:
        bodies = [await client.body("kraken", "/0/public/Time") for _ in range(3)]
        assert [body["error"] for body in bodies] == [[], [], ["EGeneral:Too many requests"]]
        for _ in range(2):
            await client.ws("kraken", "/v2")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws("kraken", "/v2")
        assert refused.value.status == 429
        usage = (await client.body("kraken", "/admin/usage"))["sum"]
        assert usage["connects"] == 2 and usage["connects_refused"] == 1


async def test_a_false_checksum_on_demand() -> None:
    """One message has a false checksum and true levels; `last` tells both."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("kraken", "/v2")
        await subscribe(socket, 25)
        replica = Replica(25)
        await follow(socket, replica, lambda: replica.checked > 5)
        assert replica.wrong == 0
        await client.fault("kraken", "checksum", symbol="BTC/USD")
        await follow(socket, replica, lambda: replica.wrong > 0)
        assert replica.sides == await truth(client, replica.last, 25), "the book is right all the same"
        told = (await client.body("kraken", "/admin/faults"))["ended"][-1]
        assert told["struck"] == 1 and told["last"]["true"] == replica.checksum() != told["last"]["sent"]
        seen = replica.checked
        await follow(socket, replica, lambda: replica.checked > seen + 10)
        assert replica.wrong == 1


@pytest.mark.parametrize("kind", ["drop", "lost", "wrong", "reorder"])
async def test_only_the_checksum_tells_what_was_lost(kind: str) -> None:
    """A change of the best levels that is lost, falsified or late fails the next checksums; a new snapshot heals."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("kraken", "/v2")
        await subscribe(socket, 10)
        replica = Replica(10)
        await follow(socket, replica, lambda: replica.checked > 3)
        await client.fault("kraken", kind, symbol="BTC/USD", count=3)
        await follow(socket, replica, lambda: replica.wrong > 0)
        params = {"channel": "book", "symbol": ["BTC/USD"], "depth": 10}
        await client.session.delete(client.rest("kraken", "/admin/faults"))
        await socket.send_json({"method": "unsubscribe", "params": params})
        await until(socket, lambda m: m.get("method") == "unsubscribe")
        await subscribe(socket, 10)
        healed = Replica(10)
        await follow(socket, healed, lambda: healed.checked > 10)
        assert healed.wrong == 0 and healed.sides == await truth(client, healed.last, 10)


async def test_maintenance_is_told_before_the_end() -> None:
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("kraken", "/v2")
        await client.fault("kraken", "shutdown", notice_s=0.2)
        told = await until(socket, lambda m: m["data"][0].get("system") == "maintenance")
        assert told["channel"] == "status"
        assert await closed(socket) == 1001


async def test_all_clients_of_a_depth_get_the_same_updates() -> None:
    """Whoever comes ends the interval for all; from the snapshot on updates are the same, byte for byte."""
    async with running(PAIR, **FAST) as client:
        sockets = [await client.ws("kraken", "/v2") for _ in range(2)]
        frames: list[list[str]] = [[], []]
        for socket in sockets:
            await subscribe(socket, 25)
            await until(socket, lambda m: m.get("type") == "snapshot")
        async with asyncio.timeout(20):
            for socket, seen in zip(sockets, frames, strict=True):
                while len(seen) < 40:
                    raw = (await socket.receive()).data
                    if '"update"' in raw[:40]:
                        seen.append(raw)
        start = frames[0].index(frames[1][0])
        assert frames[0][start:] == frames[1][: 40 - start]
