"""The Bybit face over real sockets: topics, numbers, snapshots at any time, limits, REST; right and wrong clients."""

import asyncio
import json
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, Levels, apply, closed, message, numbers, running, until
from venue.budget import CONNECTS_WINDOW_S
from venue.faces import bybit
from venue.faces.registry import FACES

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 60}
PAIR = "BTC/USDT@bybit"
PATH = "/v5/public/spot"


class Replica:
    """A book kept by the documented recipe; ``replace`` false: a client that takes a later snapshot for a delta."""

    def __init__(self, *, replace: bool = True) -> None:
        self.sides: tuple[Levels, Levels] = ({}, {})
        self.replace = replace
        self.last = 0
        self.gaps = self.messages = self.snapshots = 0

    def feed(self, told: Any) -> None:
        data = told["data"]
        self.messages += 1
        if told["type"] == "snapshot":
            self.snapshots += 1
            if self.replace or not self.last:
                self.sides = ({}, {})
        elif data["u"] != self.last + 1:
            self.gaps += 1
        self.last = data["u"]
        for side, rows in zip(self.sides, (data["b"], data["a"]), strict=True):
            apply(side, rows)


async def subscribe(socket: aiohttp.ClientWebSocketResponse, *topics: str) -> Any:
    await socket.send_json({"req_id": "b1", "op": "subscribe", "args": list(topics)})
    return await until(socket, lambda m: m.get("op") == "subscribe")


async def follow(
    socket: aiohttp.ClientWebSocketResponse, replica: Replica, wanted: Callable[[], bool], topic: str = "orderbook"
) -> None:
    async with asyncio.timeout(20):
        while not wanted():
            got = await message(socket)
            if got.get("topic", "").startswith(topic):
                replica.feed(got)


async def wrong(client: Client, replica: Replica, depth: int) -> int:
    """Count the levels that are not those of the true book at the replica's own number."""
    true = await client.body("bybit", f"/admin/book?symbol=BTCUSDT&levels={depth}&at={replica.last}")
    pairs = zip(replica.sides, (true["bids"], true["asks"]), strict=True)
    return sum(len(set(numbers(ours).items()) ^ set(numbers(rows).items())) for ours, rows in pairs)


@pytest.mark.parametrize("flow", ["synthetic", "steady"])
@pytest.mark.parametrize("depth", [50, 200, 1000])
async def test_a_correct_client_holds_the_true_book(depth: int, flow: str) -> None:
    """Snapshot and deltas with numbers rising by one; never more levels than subscribed: deletes are sent."""
    options = {**FAST, "batch_ms": 10, "deep_levels": 300}
    async with running(PAIR, flow=flow, rate=50.0, **options) as client:
        socket = await client.ws("bybit", PATH, max_msg_size=0)
        assert (await subscribe(socket, f"orderbook.{depth}.BTCUSDT"))["success"] is True
        replica = Replica()
        for number in range(1, 6):
            await follow(socket, replica, lambda number=number: replica.messages >= number * 6)  # type: ignore[misc]
            assert await wrong(client, replica, depth) == 0
            assert max(map(len, replica.sides)) <= depth
        assert replica.gaps == 0 and replica.snapshots == 1


async def test_messages_have_the_documented_fields() -> None:
    """Strings with the tick's decimals, amounts without trailing zeros, both times in ms, the shared sequence."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        ack = await subscribe(socket, "orderbook.50.BTCUSDT", "orderbook.200.BTCUSDT")
        assert list(ack) == ["success", "ret_msg", "conn_id", "req_id", "op"] and ack["ret_msg"] == "subscribe"
        last: dict[str, Any] = {}
        for _ in range(60):
            got = await message(socket)
            assert list(got) == ["topic", "type", "ts", "data", "cts"]
            assert list(got["data"]) == ["s", "b", "a", "u", "seq"] and got["cts"] <= got["ts"]
            assert abs(got["ts"] / 1000 - time.time()) < 5 and abs(got["cts"] / 1000 - time.time()) < 5
            for price, amount in (*got["data"]["b"], *got["data"]["a"]):
                assert len(price.partition(".")[2]) == 2
                assert "." not in amount or not amount.endswith("0")
            before = last.get(got["topic"])
            assert (before is None) == (got["type"] == "snapshot")
            assert before is None or got["data"]["seq"] > before["data"]["seq"]
            last[got["topic"]] = got
        assert len(last) == 2


async def test_one_level_is_always_a_snapshot_and_said_again() -> None:
    """Its number stays when nothing has changed for three seconds (of the market's standstill)."""
    async with running(PAIR, **{**FAST, "speed": 0.001}) as client:
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "orderbook.1.BTCUSDT")
        first, again = [await until(socket, lambda m: "topic" in m) for _ in range(2)]
        assert first["type"] == again["type"] == "snapshot" and first["data"] == again["data"]
        assert 2900 < again["ts"] - first["ts"] < 4000
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "orderbook.1.BTCUSDT")
        seen = [await until(socket, lambda m: "topic" in m) for _ in range(20)]
        assert {got["type"] for got in seen} == {"snapshot"}
        assert all(b["data"]["u"] == a["data"]["u"] + 1 for a, b in pairwise(seen))
        assert all(len(got["data"]["b"]) == len(got["data"]["a"]) == 1 for got in seen)
        true = await client.body("bybit", f"/admin/book?symbol=BTCUSDT&levels=1&at={seen[-1]['data']['u']}")
        assert numbers(true["bids"]) == numbers(seen[-1]["data"]["b"])


@pytest.mark.parametrize("kind", ["resnapshot", "restart"])
async def test_a_snapshot_may_come_at_any_time(kind: str) -> None:
    """It replaces the book; after a restart the numbers begin at 1. Who merges it or insists on +1 is wrong."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "orderbook.50.BTCUSDT")
        replica, merging = Replica(), Replica(replace=False)
        await follow(socket, replica, lambda: replica.messages == 1)
        merging.sides = ({**replica.sides[0], "1.00": "9"}, dict(replica.sides[1]))
        merging.last = replica.last
        await client.fault("bybit", "drop", symbol="BTCUSDT", channel="diff", count=1)
        await follow(socket, replica, lambda: replica.gaps == 1)
        before = replica.last
        await client.fault("bybit", kind, symbol="BTCUSDT")
        async with asyncio.timeout(20):
            while replica.snapshots < 2:
                got = await message(socket)
                replica.feed(got)
                merging.feed(got)
        if kind == "restart":
            assert replica.last == 1
        else:
            assert replica.last > before
        for _ in range(3):
            seen = replica.messages
            await follow(socket, replica, lambda seen=seen: replica.messages > seen + 3)  # type: ignore[misc]
            assert await wrong(client, replica, 50) == 0
        assert replica.gaps == 1 and "1.00" in merging.sides[0]
        assert (await client.body("bybit", "/admin/faults"))["struck"][kind] == 1


@pytest.mark.parametrize("kind", ["drop", "reorder", "duplicate"])
async def test_a_jump_of_the_number_tells_what_is_lost(kind: str) -> None:
    """The chain shows it; unsubscribing and subscribing again gives a snapshot that heals."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        topic = "orderbook.50.BTCUSDT"
        await subscribe(socket, topic)
        replica = Replica()
        await follow(socket, replica, lambda: replica.messages > 2)
        await client.fault("bybit", kind, symbol="BTCUSDT", channel="diff", count=1)
        await follow(socket, replica, lambda: replica.gaps > 0)
        await socket.send_json({"op": "unsubscribe", "args": [topic]})
        got = await until(socket, lambda m: m.get("op") == "unsubscribe")
        assert got["success"] is True
        await subscribe(socket, topic)
        healed = Replica()
        await follow(socket, healed, lambda: healed.messages > 5)
        assert healed.gaps == 0 and await wrong(client, healed, 50) == 0


async def test_a_lost_delta_shows_only_in_an_audit() -> None:
    """Its number comes, its levels do not; a new snapshot heals."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "orderbook.200.BTCUSDT")
        replica = Replica()
        await follow(socket, replica, lambda: replica.messages > 2)
        await client.fault("bybit", "lost", symbol="BTCUSDT")
        false = 0
        async with asyncio.timeout(20):
            while not false:
                seen = replica.messages
                await follow(socket, replica, lambda seen=seen: replica.messages > seen)  # type: ignore[misc]
                false = await wrong(client, replica, 200)
        assert replica.gaps == 0
        await client.fault("bybit", "resnapshot", symbol="BTCUSDT")
        await follow(socket, replica, lambda: replica.snapshots == 2)
        assert await wrong(client, replica, 200) == 0


REFUSED = [
    ("not json", "Params Error"),
    ("[]", "Params Error"),
    ('{"op":"dance"}', "Params Error"),
    ('{"op":"subscribe"}', "Params Error"),
    ('{"op":"subscribe","args":[7]}', "Params Error"),
    ('{"op":"subscribe","args":["orderbook.50.FOOBAR"]}', "Invalid topic: orderbook.50.FOOBAR"),
    ('{"op":"subscribe","args":["orderbook.51.BTCUSDT"]}', "Invalid topic: orderbook.51.BTCUSDT"),
    ('{"op":"subscribe","args":["orderbook.50.btcusdt"]}', "Invalid topic: orderbook.50.btcusdt"),
    ('{"op":"subscribe","args":["orderbook.050.BTCUSDT"]}', "Invalid topic: orderbook.050.BTCUSDT"),
    ('{"op":"subscribe","args":["orderbook.\u0665\u0660.BTCUSDT"]}', "Invalid topic: orderbook.\u0665\u0660.BTCUSDT"),
    ('{"op":"subscribe","args":["kline.7.BTCUSDT"]}', "Invalid topic: kline.7.BTCUSDT"),
    (
        json.dumps({"op": "subscribe", "args": [f"orderbook.{'5' * 5000}.BTCUSDT"]}),
        f"Invalid topic: orderbook.{'5' * 5000}.BTCUSDT",
    ),
    (json.dumps({"op": "subscribe", "args": ["tickers.BTCUSDT"] * 11}), "args size >10"),
]


async def test_control_messages() -> None:
    """Refusals, pong, topics without data here, and a topic that is subscribed twice."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        for sent, text in REFUSED:
            await socket.send_str(sent)
            got = await message(socket)
            assert got["success"] is False and got["ret_msg"] == text and got["conn_id"], sent
        await socket.send_json({"req_id": "9", "op": "ping"})
        got = await message(socket)
        assert (got["success"], got["ret_msg"], got["op"], got["req_id"]) == (True, "pong", "ping", "9")
        assert (await subscribe(socket, "tickers.BTCUSDT", "kline.1.BTCUSDT"))["success"] is True
        assert (await subscribe(socket, "orderbook.50.BTCUSDT"))["success"] is True
        got = await subscribe(socket, "orderbook.50.BTCUSDT")
        assert got["success"] is False and "already subscribed" in got["ret_msg"]
        names = {
            (await subscribe(each, "tickers.BTCUSDT"))["conn_id"] for each in (socket, await client.ws("bybit", PATH))
        }
        assert got["conn_id"] in names and len(names) == 2, "one name for each connection"


async def test_who_says_nothing_is_cut() -> None:
    """Data alone do not keep a connection; a ping does."""
    async with running(PAIR, bybit_idle_s=2.0, **FAST) as client:
        silent, talking = await client.ws("bybit", PATH), await client.ws("bybit", PATH)
        await subscribe(silent, "orderbook.50.BTCUSDT")
        ended = asyncio.create_task(closed(silent))
        while not ended.done():
            await talking.send_json({"op": "ping"})
            assert (await message(talking))["op"] == "ping"
            await asyncio.sleep(0.05)
        assert await ended == 1000


async def test_trades() -> None:
    async with running(PAIR, **{**FAST, "speed": 30.0}) as client:
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "publicTrade.BTCUSDT")
        found: list[Any] = []
        while len(found) < 20:
            got = await until(socket, lambda m: m.get("topic") == "publicTrade.BTCUSDT", 15)
            assert got["type"] == "snapshot" and got["ts"]
            found += got["data"]
        assert all(int(b["i"]) == int(a["i"]) + 1 for a, b in pairwise(found))
        takers = {
            each.trade_id: each.taker_side for each in client.venue.faces["bybit"].feeds["BTCUSDT"].market.recent
        }
        assert all(row["S"] == ("Buy", "Sell")[takers[int(row["i"])]] for row in found)
        assert found[0]["s"] == "BTCUSDT"


async def test_rest() -> None:
    """Catalog, book and errors; the book's number is that of the stream of a thousand levels, and so is the book."""
    async with running(PAIR, "ETH/BTC@bybit", **{**FAST, "batch_ms": 10}) as client:
        listed = await client.body("bybit", "/v5/market/instruments-info?category=spot")
        rows = {row["symbol"]: row for row in listed["result"]["list"]}
        assert set(rows) == {"BTCUSDT", "ETHBTC"} and rows["BTCUSDT"]["status"] == "Trading"
        assert rows["BTCUSDT"]["priceFilter"]["tickSize"] == "0.01"
        assert rows["BTCUSDT"]["lotSizeFilter"]["basePrecision"] == "0.000001"
        path = "/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit="
        first = (await client.body("bybit", path + "5"))["result"]
        assert len(first["b"]) == len(first["a"]) == 5
        true = await client.body("bybit", f"/admin/book?symbol=BTCUSDT&levels=5&at={first['u']}")
        assert numbers(true["bids"]) == numbers(first["b"]) and numbers(true["asks"]) == numbers(first["a"])
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "orderbook.1000.BTCUSDT")
        replica = Replica()
        equal = 0
        async with asyncio.timeout(15):
            while equal < 3:
                seen = replica.messages
                await follow(socket, replica, lambda seen=seen: replica.messages > seen)  # type: ignore[misc]
                book = (await client.body("bybit", path + "1000"))["result"]
                if book["u"] == replica.last:
                    equal += 1
                    assert numbers(book["b"]) == numbers(replica.sides[0])
                    assert numbers(book["a"]) == numbers(replica.sides[1])
        for query, text in (
            ("category=spot&symbol=FOOBAR", "Not supported symbols"),
            ("category=linear&symbol=BTCUSDT", "Illegal category"),
            ("category=spot&symbol=BTCUSDT&limit=1001", "params error: limit invalid"),
        ):
            got = await client.body("bybit", f"/v5/market/orderbook?{query}")
            assert got["retCode"] == 10001 and got["retMsg"] == text
        assert int((await client.body("bybit", "/v5/market/time"))["result"]["timeSecond"]) > 1_700_000_000


async def test_limits() -> None:
    """Too many requests get 403 in the edge's words, too many connects too."""
    async with running(PAIR, bybit_requests=2, bybit_connects=1, **FAST) as client:
        statuses = [(await client.get("bybit", "/v5/market/time"))[0] for _ in range(3)]
        assert statuses == [200, 200, 403]
        await client.ws("bybit", PATH)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws("bybit", PATH)
        assert refused.value.status == 403


async def test_an_ancient_book_has_the_number_of_then() -> None:
    """Its number, its sequence and its levels belong together; a crossed one is put right by what came after it."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        await subscribe(socket, "orderbook.1000.BTCUSDT")
        replica = Replica()
        await follow(socket, replica, lambda: replica.messages > 8)
        path = "/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit=1000"
        now = (await client.body("bybit", path))["result"]
        await client.fault("bybit", "ancient", symbol="BTCUSDT", age_s=0.5)
        old = (await client.body("bybit", path))["result"]
        assert old["u"] < now["u"] and old["seq"] < now["seq"] and old["cts"] < now["cts"]
        true = await client.body("bybit", f"/admin/book?symbol=BTCUSDT&levels=0&at={old['u']}")
        assert numbers(true["bids"]) == numbers(old["b"]) and numbers(true["asks"]) == numbers(old["a"])
        await client.fault("bybit", "crossed", symbol="BTCUSDT")
        mixed = (await client.body("bybit", path))["result"]
        assert float(mixed["b"][0][0]) >= float(mixed["a"][0][0]) and mixed["u"] <= now["u"] + 1


async def test_a_wrong_clock_is_wrong_alike() -> None:
    """All times of a reply are shifted by the same."""
    async with running(PAIR, **FAST) as client:
        await client.fault("bybit", "skew", ms=600_000)
        told = await client.body("bybit", "/v5/market/time")
        seconds = int(told["result"]["timeSecond"])
        assert abs(int(told["result"]["timeNano"]) / 1e9 - seconds) < 2 and abs(told["time"] / 1e3 - seconds) < 2
        assert seconds > time.time() + 500


async def test_a_connection_has_room_for_so_many_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """All topics of a connection count, until they are unsubscribed."""
    assert bybit.MOST_ARGUMENT_CHARACTERS == 21_000
    monkeypatch.setattr(bybit, "MOST_ARGUMENT_CHARACTERS", 45)
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH)
        first, second, third = (f"kline.{interval}.BTCUSDT" for interval in (1, 3, 60))  # 15, 15 and 16 characters
        assert (await subscribe(socket, first, second))["success"] is True
        got = await subscribe(socket, third)
        assert (got["success"], got["ret_msg"]) == (False, "args too long")
        await socket.send_json({"op": "unsubscribe", "args": [first]})
        await until(socket, lambda m: m.get("op") == "unsubscribe")
        assert (await subscribe(socket, third))["success"] is True


async def test_deeper_topics_have_fewer_messages() -> None:
    """200 levels take five intervals of 50 levels, 1000 take ten."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bybit", PATH, max_msg_size=0)
        await subscribe(socket, *(f"orderbook.{depth}.BTCUSDT" for depth in (50, 200, 1000)))
        counts = dict.fromkeys((50, 200, 1000), 0)
        while counts[50] < 100:
            got = await until(socket, lambda m: m.get("type") == "delta")
            counts[int(got["topic"].split(".")[1])] += 1
        assert 10 <= counts[200] <= 30 and 5 <= counts[1000] <= 15


def test_the_documented_duties_are_the_defaults() -> None:
    """A client that is tested without options meets what the venue demands."""
    told = FACES["bybit"].options()
    assert isinstance(told, bybit.BybitOptions)
    assert (told.batch_ms, told.idle_s, told.connects, told.requests) == (20, 600, 500, 600)
    assert (bybit.REPEAT_US, CONNECTS_WINDOW_S, bybit.REQUESTS_WINDOW_S) == (3_000_000, 300, 5)
