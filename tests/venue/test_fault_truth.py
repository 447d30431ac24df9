"""Faults that only an audit shows, a clock that is wrong, and the changes by which a judge keeps the true book."""

import asyncio
import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, Levels, apply, message, numbers, running, until

FAST: dict[str, Any] = {"batch_ms": 10, "speed": 5.0, "deep_levels": 60}
DEPTH = "/api/v3/depth?symbol=BTCUSDT&limit=5000"


class Book:
    """A book kept as a client would."""

    def __init__(self, bids: list[Any], asks: list[Any], last: int) -> None:
        self.bids: Levels = {}
        self.asks: Levels = {}
        self.apply(bids, asks, last)

    def apply(self, bids: list[Any], asks: list[Any], last: int) -> None:
        for book, rows in ((self.bids, bids), (self.asks, asks)):
            apply(book, [[str(Decimal(price).normalize()), amount] for price, amount in rows])
        self.last = last

    def differences(self, true: Any) -> int:
        """Count levels that are not as in a reply of the admin endpoint."""
        found = 0
        for book, rows in ((self.bids, true["bids"]), (self.asks, true["asks"])):
            found += len(set(numbers(book).items()) ^ set(numbers(rows).items()))
        return found


async def truth(client: Client, face: str, symbol: str, at: int) -> Any:
    return await client.body(face, f"/admin/book?symbol={symbol}&levels=0&at={at}")


async def synchronised(client: Client, socket: aiohttp.ClientWebSocketResponse) -> Book:
    """Follow Binance's recipe; ids are checked from here on by `follow`."""
    event = await message(socket)
    while True:
        snapshot = await client.body("binance", DEPTH)
        if snapshot["lastUpdateId"] >= event["U"] - 1:
            break
    book = Book(snapshot["bids"], snapshot["asks"], snapshot["lastUpdateId"])
    while True:
        if event["u"] > book.last:
            assert event["U"] <= book.last + 1
            book.apply(event["b"], event["a"], event["u"])
            return book
        event = await message(socket)


async def follow(book: Book, socket: aiohttp.ClientWebSocketResponse, events: int) -> list[Any]:
    """Apply events; the chain of ids must be whole."""
    seen = []
    for _ in range(events):
        event = await message(socket)
        assert event["U"] == book.last + 1, "a hole"
        book.apply(event["b"], event["a"], event["u"])
        seen.append(event)
    return seen


@pytest.mark.parametrize("count", [1, 3])
async def test_a_lost_diff_shows_only_in_an_audit(count: int) -> None:
    """The chain of ids is whole, the book is wrong, and a new snapshot heals it; late snapshots connect as well."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", depth_lag_ms=0, **FAST) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        book = await synchronised(client, socket)
        await follow(book, socket, 3)
        assert not book.differences(await truth(client, "binance", "BTCUSDT", book.last))
        await client.fault("binance", "lost", symbol="BTC/USDT", count=count)
        seen = await follow(book, socket, 8)
        assert book.differences(await truth(client, "binance", "BTCUSDT", book.last))
        lengths = [event["u"] - event["U"] for event in seen]
        told = await client.body("binance", "/admin/faults")
        assert not told["active"] and told["struck"]["lost"] == count, lengths
        last = told["ended"][-1]["last"]
        joined = next(event for event in seen if event["U"] <= last["U"] <= event["u"])
        assert last["stream"] == "btcusdt@depth@100ms" and last["u"] < joined["u"]
        healed = await synchronised(client, socket)
        await follow(healed, socket, 3)
        assert not healed.differences(await truth(client, "binance", "BTCUSDT", healed.last))


async def test_a_lost_diff_is_joined_even_when_the_fault_is_deleted_at_once() -> None:
    """Ended before the next frame, the fault still owes the joined id: no gap shows; then it is gone."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", **{**FAST, "batch_ms": 200}) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        first = await message(socket)
        row = await client.fault("binance", "lost", symbol="BTCUSDT", for_s=60)
        async with asyncio.timeout(20):
            while not await client.struck("binance", "lost"):
                pass
        ended = await client.end("binance", row["id"])
        assert ended["state"] == "ending"
        assert (await message(socket))["U"] == first["u"] + 1
        async with asyncio.timeout(20):
            while (await client.body("binance", "/admin/faults"))["active"]:
                pass


@pytest.mark.parametrize(("level", "factor"), [("any", 2.0), ("best", 0.5), ("any", 0.0)])
async def test_a_wrong_amount_shows_only_in_an_audit(level: str, factor: float) -> None:
    """One level differs from the truth right after the diff, ids and all other levels are right."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance", depth_lag_ms=0, **FAST) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        book = await synchronised(client, socket)
        await client.fault("binance", "wrong", symbol="BTCUSDT", level=level, factor=factor)
        for _ in range(20):
            await follow(book, socket, 1)
            true = await truth(client, "binance", "BTCUSDT", book.last)
            if differences := book.differences(true):
                break
        assert differences == (1 if factor == 0 else 2)
        assert await client.struck("binance", "wrong") == 1
        if level == "best":
            wrong = set(numbers(book.bids).items()) ^ set(numbers(true["bids"]).items())
            wrong |= set(numbers(book.asks).items()) ^ set(numbers(true["asks"]).items())
            (price,) = {price for price, _ in wrong}
            amounts = sorted(amount for _, amount in wrong)
            assert abs(amounts[0] / amounts[1] - factor) < 0.01
            last = (await client.body("binance", "/admin/faults"))["ended"][-1]["last"]
            assert float(last["price"]) == price and float(last["sent"]) == amounts[0]
            assert float(last["true"]) == amounts[1] and last["u"] == book.last


async def test_on_bitstamp_both_leave_the_top_of_the_book_right() -> None:
    """A lost and a wrong diff are seen by comparing with `order_book_` at equal times, or with the truth."""
    async with running("BTC/USD@bitstamp", bitstamp_cache_s=0.0, **FAST) as client:
        socket = await client.ws("bitstamp")
        await socket.send_str('{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusd"}}')
        data = (await until(socket, lambda m: m["event"] == "data"))["data"]
        for kind in ("lost", "wrong"):
            snapshot = await client.body("bitstamp", "/api/v2/order_book/btcusd/")
            book = Book(snapshot["bids"], snapshot["asks"], int(snapshot["microtimestamp"]))
            await client.fault("bitstamp", kind, symbol="BTC/USD")
            wrong = 0
            for _ in range(20):
                data = (await until(socket, lambda m: m["event"] == "data"))["data"]
                if int(data["microtimestamp"]) > book.last:
                    book.apply(data["bids"], data["asks"], int(data["microtimestamp"]))
                    wrong = book.differences(await truth(client, "bitstamp", "btcusd", book.last))
                    if wrong:
                        break
            assert wrong and await client.struck("bitstamp", kind) == 1, kind


async def test_constant_skew_on_both_faces() -> None:
    """Frames and replies are an hour ahead, both units; on Bitstamp streams and snapshots still fit together."""
    hour = 3_600_000
    async with running("BTC/USDT", "ETH/USDT@binance", bitstamp_cache_s=0.0, **FAST) as client:
        milli = await client.ws("binance", "/ws/btcusdt@depth@100ms/ethusdt@depth@100ms")
        micro = await client.ws("binance", "/ws/btcusdt@depth@100ms?timeUnit=MICROSECOND")
        rows = [await client.fault("binance", "skew", symbol="BTCUSDT", ms=hour)]
        true = (await client.body("binance", "/api/v3/time"))["serverTime"]
        assert abs((await until(milli, lambda m: m["s"] == "ETHUSDT"))["E"] - true) < 5000
        shifted = await until(
            milli, lambda m: m["s"] == "BTCUSDT" and m["E"] > true + hour / 2
        )  # what was in the pipe
        fine = await until(micro, lambda m: m["E"] / 1000 > true + hour / 2)
        assert abs(shifted["E"] - true - hour) < 5000 and abs(fine["E"] / 1000 - true - hour) < 5000
        rows.append(await client.fault("binance", "skew", ms=-2 * hour))
        assert abs((await client.body("binance", "/api/v3/time"))["serverTime"] - true + 2 * hour) < 5000
        changes = await client.body("binance", f"/admin/changes?symbol=BTCUSDT&after={shifted['u']}&limit=1")
        assert changes["skew_us"] == -hour * 1000
        for row in rows:
            assert (await client.end("binance", row["id"]))["struck"] >= 1
        assert abs((await client.body("binance", "/api/v3/time"))["serverTime"] - true) < 5000
        socket = await client.ws("bitstamp")
        await client.fault("bitstamp", "skew", ms=hour)
        await socket.send_str('{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusdt"}}')
        data = (await until(socket, lambda m: m["event"] == "data"))["data"]
        snapshot = await client.body("bitstamp", "/api/v2/order_book/btcusdt/")
        assert int(snapshot["microtimestamp"]) >= int(data["microtimestamp"]) > (true + hour) * 1000
        assert data["timestamp"] == str(int(data["microtimestamp"]) // 1_000_000)
        assert (
            int((await client.body("bitstamp", "/api/v2/ticker/btcusdt/"))["timestamp"]) * 1000 > true + hour - 5000
        )


async def test_a_jumping_clock_runs_backwards() -> None:
    async with running("BTC/USDT@binance", **FAST) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        await client.fault("binance", "skew", jump_ms=60_000, period_s=0.05)
        times = [(await message(socket))["E"] for _ in range(30)]
        assert any(b < a for a, b in pairwise(times)) and max(times) - min(times) > 10_000


async def watch(client: Client, face: str) -> None:
    """Subscribe, so that the market publishes at short intervals."""
    if face == "binance":
        await client.ws("binance", "/ws/btcusdt@depth@100ms")
    else:
        socket = await client.ws("bitstamp")
        await socket.send_str('{"event":"bts:subscribe","data":{"channel":"diff_order_book_btcusdt"}}')


@pytest.mark.parametrize("face", ["binance", "bitstamp"])
async def test_changes_rebuild_the_book_at_every_position(face: str) -> None:
    """A book and the pages of changes after it give the true book at any later position, in small pages too."""
    symbol = "BTCUSDT" if face == "binance" else "btcusdt"
    place = 0 if face == "binance" else 1
    async with running("BTC/USDT", **FAST) as client:
        await watch(client, face)
        start = await client.body(face, f"/admin/book?symbol={symbol}&levels=0")
        position = start["update_id"] if face == "binance" else int(start["microtimestamp"])
        book = Book(start["bids"], start["asks"], position)
        seen: list[int] = []
        checked = 0
        async with asyncio.timeout(20):
            while checked < 5:
                path = f"/admin/changes?symbol={symbol}&after={book.last}&limit=40"
                page = await client.body(face, path)
                for row in page["changes"]:
                    assert row[2] in ("bid", "ask")
                    levels = [[row[3], row[4]]]
                    book.apply(*((levels, []) if row[2] == "bid" else ([], levels)), int(row[place]))
                    seen.append(row[0])
                if page["changes"]:
                    assert not book.differences(await truth(client, face, symbol, book.last))
                    checked += 1
                    assert page["public_update_id"] >= seen[-1] and page["more"] == (
                        page["public_update_id"] > seen[-1]
                    )
        assert seen == list(range(start["update_id"] + 1, start["update_id"] + 1 + len(seen)))


async def test_changes_are_bounded() -> None:
    """410 for what is no longer kept, 404 and 400 for what cannot be asked; nothing after the newest."""
    async with running("BTC/USDT", history=200, **FAST) as client:
        for face, symbol in (("binance", "BTCUSDT"), ("bitstamp", "btcusdt")):
            await watch(client, face)
            start = await client.body(face, f"/admin/book?symbol={symbol}")
            position = start["update_id"] if face == "binance" else start["microtimestamp"]
            path = f"/admin/changes?symbol={symbol}&after="
            async with asyncio.timeout(20):
                while (await client.get(face, f"{path}{position}"))[0] != 410:
                    pass
            _, _, body = await client.get(face, f"{path}{position}")
            assert "not kept" in body["error"]
            assert (await client.body(face, f"{path}{9 * 10**17}"))["changes"] == []
            for query, status, says in (
                ("symbol=NOPE&after=1", 404, symbol),
                (f"symbol={symbol}", 400, "after is missing"),
                (f"symbol={symbol}&after=x", 400, "'x'"),
                (f"symbol={symbol}&after=1&limit=0", 400, "limit: 0"),
                (f"symbol={symbol}&after=1&limit=10001", 400, "10001"),
            ):
                got, _, body = await client.get(face, f"/admin/changes?{query}")
                assert got == status and says in body["error"]


@pytest.mark.parametrize(("face", "symbol", "stream"), [
    ("binance", "BTCUSDT", "/ws/btcusdt@trade"), ("bitstamp", "btcusdt", "/"),
])  # fmt: skip
async def test_the_true_trades(face: str, symbol: str, stream: str) -> None:
    """Are those that the streams tell; 410 for what is no longer kept."""
    async with running("BTC/USDT", **FAST) as client:
        socket = await client.ws(face, stream)
        if face == "bitstamp":
            await socket.send_json({"event": "bts:subscribe", "data": {"channel": f"live_trades_{symbol}"}})
            await message(socket)
        events = [await message(socket) for _ in range(5)]
        told = [
            [event["t"], str(event["T"]), "sell" if event["m"] else "buy", event["p"], event["q"]]
            if face == "binance"
            else [
                event["data"]["id"], event["data"]["microtimestamp"], ("buy", "sell")[event["data"]["type"]],
                event["data"]["price_str"], event["data"]["amount_str"],
            ]
            for event in events
        ]  # fmt: skip
        path = f"/admin/trades?symbol={symbol}"
        rows = (await client.body(face, f"{path}&after={told[0][0] - 1}"))["trades"][:5]
        assert [row[0] for row in rows] == list(range(told[0][0], told[0][0] + 5))
        for row, seen in zip(rows, told, strict=True):
            assert (row[0], row[2]) == (seen[0], seen[2])
            assert [Decimal(text) for text in row[3:]] == [Decimal(text) for text in seen[3:]]
            assert int(row[1]) // 1000 == int(seen[1]) // (1 if face == "binance" else 1000)
        assert (await client.body(face, f"{path}&after={rows[-1][0] + 10**6}"))["trades"] == []
        assert (await client.body(face, path))["trades"][0][0] <= told[0][0]
        async with asyncio.timeout(20):
            while (await client.get(face, f"{path}&after={told[0][0] - 1000}"))[0] != 410:
                await message(socket)
        for query, status in ((f"symbol={symbol}&after=x", 400), ("symbol=NOPE", 404)):
            assert (await client.get(face, f"/admin/trades?{query}"))[0] == status


BAD_BODIES = [
    (b"{", "the body is no JSON"),
    (b"\xff", "the body is no JSON"),
    (b"[]", "not an object"),
    (b"{}", "unknown kind None"),
    (b'{"kind":"dorp"}', "unknown kind 'dorp'"),
    (b'{"kind":["drop"]}', "unknown kind ['drop']"),
    (b'{"kind":"drop","symbol":"DOGE"}', "'DOGE' is not listed; known are *, BTCUSDT"),
    (b'{"kind":"drop","every":"2"}', "every: '2' is not a number"),
    (b'{"kind":"drop","every":1e300}', "every: 1e+300 is not between 1 and 1000000000"),
    (b'{"kind":"drop","every":1e400}', "the body is no JSON"),
    (b'{"kind":"drop","colour":2}', "unknown parameter 'colour'"),
    (b'{"kind":"drop","face":"bitstamp"}', "face: 'bitstamp' is not here; this is binance"),
]


async def test_the_endpoint() -> None:
    """Bad bodies are 400 with the value, unknown ids 404; the list tells kinds, active ones and what has been."""
    async with running("BTC/USDT@binance", **FAST) as client:
        url = client.rest("binance", "/admin/fault")
        for body, says in BAD_BODIES:
            async with client.session.post(url, data=body) as reply:
                assert reply.status == 400, body
                assert says in (await reply.json())["error"]
        for number in ("1", "x", "-1", "9" * 30):
            async with client.session.delete(f"{url}/{number}") as reply:
                assert reply.status == 404
        row = await client.fault("binance", "drop", face="binance", symbol="btc/usdt", every=7.0, for_s=30)
        assert row.pop("left_s") <= 30 and row.pop("began_us") > 10**15
        assert row == {
            "id": 1,
            "kind": "drop",
            "symbol": "BTCUSDT",
            "channel": "any",
            "every": 7,
            "for_s": 30.0,
            "state": "active",
            "struck": 0,
        }
        told = await client.body("binance", "/admin/faults")
        assert [row["id"] for row in told["active"]] == [1] and told["face"] == "binance"
        assert told["kinds"]["delay"]["parameters"]["ms"]["default"] == 500
        assert set(told["struck"]) == set(told["kinds"]) and len(told["kinds"]) == 27
        await client.fault("binance", "drop", for_s=0.05)
        async with asyncio.timeout(20):
            while not (told := await client.body("binance", "/admin/faults"))["ended"]:
                pass
        (gone,) = told["ended"]
        assert gone["id"] == 2 and gone["state"] == "ended" and gone["ended_us"] - gone["began_us"] >= 50_000
        for _ in range(99):
            await client.fault("binance", "drop")
        async with client.session.post(url, data=json.dumps({"kind": "drop"})) as reply:
            assert reply.status == 400 and "100 faults are active" in (await reply.json())["error"]
