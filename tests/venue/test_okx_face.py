"""The OKX face over real sockets: the chain of ids, keep-alives, numbers anew, duties, REST; wrong clients too."""

import asyncio
import time
import zlib
from collections.abc import Callable
from itertools import pairwise, zip_longest
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, Levels, apply, closed, message, numbers, running, until
from venue.faces.okx import NOTICE_S, OkxOptions
from venue.faces.registry import FACES

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 60}
PAIR = "BTC/USDT@okx"
PATH = "/ws/v5/public"
BOOKS = {"channel": "books", "instId": "BTC-USDT"}


class Replica:
    """A book kept by the documented recipe. ``rising``: the wrong client that wants ids to rise."""

    def __init__(self, *, rising: bool = False) -> None:
        self.sides: tuple[Levels, Levels] = ({}, {})
        self.rising = rising
        self.last = -1
        self.gaps = self.messages = self.snapshots = self.kept_alive = 0
        self.sum = 0

    def feed(self, told: Any) -> None:
        (data,) = told["data"]
        self.messages += 1
        if told["action"] == "snapshot":
            assert data["prevSeqId"] == -1
            self.snapshots += 1
            self.sides = ({}, {})
        elif data["prevSeqId"] != self.last or (self.rising and data["seqId"] < self.last):
            self.gaps += 1
        elif data["seqId"] == data["prevSeqId"]:
            assert not data["bids"] and not data["asks"]
            self.kept_alive += 1
        self.last, self.sum = data["seqId"], data["checksum"]
        for side, rows in zip(self.sides, (data["bids"], data["asks"]), strict=True):
            apply(side, [row[:2] for row in rows])

    def checksum(self) -> int:
        sides = [
            sorted(side.items(), key=lambda row: float(row[0]), reverse=back)[:25]
            for side, back in ((self.sides[0], True), (self.sides[1], False))
        ]
        text = ":".join(f"{row[0]}:{row[1]}" for pair in zip_longest(*sides) for row in pair if row)
        crc = zlib.crc32(text.encode())
        return crc - 2**32 if crc >= 2**31 else crc


async def subscribe(socket: aiohttp.ClientWebSocketResponse, *arguments: Any) -> None:
    await socket.send_json({"id": "1512", "op": "subscribe", "args": list(arguments or (BOOKS,))})


async def follow(socket: aiohttp.ClientWebSocketResponse, replica: Replica, wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not wanted():
            got = await message(socket)
            if "action" in got:
                replica.feed(got)


async def wrong(client: Client, replica: Replica) -> int:
    true = await client.body("okx", f"/admin/book?symbol=BTC-USDT&levels=400&at={replica.last}")
    pairs = zip(replica.sides, (true["bids"], true["asks"]), strict=True)
    return sum(len(set(numbers(ours).items()) ^ set(numbers(rows).items())) for ours, rows in pairs)


@pytest.mark.parametrize(("flow", "levels"), [("synthetic", 60), ("synthetic", 600), ("steady", 450)])
async def test_a_correct_client_holds_the_true_book(flow: str, levels: int) -> None:
    """Snapshot, then a whole chain; never more than 400 levels, checksum 0."""
    async with running(PAIR, flow=flow, rate=50.0, **{**FAST, "deep_levels": levels}) as client:
        socket = await client.ws("okx", PATH, max_msg_size=0)
        await subscribe(socket)
        replica = Replica()
        for number in range(1, 6):
            await follow(socket, replica, lambda number=number: replica.messages >= number * 6)  # type: ignore[misc]
            assert await wrong(client, replica) == 0
            assert max(map(len, replica.sides)) <= 400
        assert replica.gaps == 0 and replica.snapshots == 1 and replica.sum == 0


async def test_the_checksum_of_older_days() -> None:
    """By option every message carries the signed CRC-32 over 25 levels of the strings as they were sent."""
    async with running(PAIR, okx_checksum=True, **FAST) as client:
        socket = await client.ws("okx", PATH)
        await subscribe(socket)
        replica = Replica()
        sums = set()
        for number in range(1, 20):
            await follow(socket, replica, lambda number=number: replica.messages >= number)  # type: ignore[misc]
            assert replica.checksum() == replica.sum
            sums.add(replica.sum < 0)
        assert sums == {True, False}, "signed"


async def test_messages_have_the_documented_fields() -> None:
    """Strings without trailing zeros, four to a level, times in ms as strings."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("okx", PATH)
        await subscribe(socket)
        ack = await message(socket)
        assert list(ack) == ["id", "event", "arg", "connId"]
        assert (ack["id"], ack["event"], ack["arg"]) == ("1512", "subscribe", BOOKS)
        for _ in range(20):
            got = await message(socket)
            assert list(got) == ["arg", "action", "data"] and got["arg"] == BOOKS
            (data,) = got["data"]
            assert list(data) == ["asks", "bids", "ts", "checksum", "seqId", "prevSeqId"]
            assert abs(int(data["ts"]) / 1000 - time.time()) < 5
            for price, size, old, orders in (*data["bids"], *data["asks"]):
                assert not any("." in text and text.endswith("0") for text in (price, size))
                assert old == "0" and (orders == "0") == (size == "0")


async def test_a_quiet_book_is_kept_alive() -> None:
    """An empty update with equal ids: no gap, and no change."""
    options = {**FAST, "speed": 0.001, "okx_keepalive_s": 0.2}
    async with running(PAIR, **options) as client:
        socket = await client.ws("okx", PATH)
        await subscribe(socket)
        replica = Replica()
        await follow(socket, replica, lambda: replica.kept_alive >= 3)
        assert replica.gaps == 0 and await wrong(client, replica) == 0


async def test_ids_may_begin_anew() -> None:
    """On demand the next id is lower, with a chain that is whole: a client that wants rising ids is wrong."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("okx", PATH)
        await subscribe(socket)
        replica, rising = Replica(), Replica(rising=True)
        await follow(socket, replica, lambda: replica.messages == 3)
        rising.last = before = replica.last
        await client.fault("okx", "renumber", symbol="BTC-USDT")
        async with asyncio.timeout(20):
            while replica.last >= before:
                before = max(before, replica.last)
                got = await message(socket)
                replica.feed(got)
                rising.feed(got)
        assert await wrong(client, replica) == 0
        seen = replica.messages
        await follow(socket, replica, lambda: replica.messages > seen + 5)
        assert replica.gaps == 0 and rising.gaps == 1 and await wrong(client, replica) == 0
        again = await client.ws("okx", PATH)
        await subscribe(again)
        late = Replica()
        await follow(again, late, lambda: late.messages > 3)
        assert late.gaps == 0 and late.last < before and await wrong(client, late) == 0


@pytest.mark.parametrize("kind", ["drop", "reorder"])
async def test_the_chain_tells_what_is_lost(kind: str) -> None:
    """A broken chain; unsubscribing and subscribing again heals."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("okx", PATH)
        await subscribe(socket)
        replica = Replica()
        await follow(socket, replica, lambda: replica.messages > 2)
        await client.fault("okx", kind, symbol="BTC/USDT", channel="diff", count=1)
        await follow(socket, replica, lambda: replica.gaps > 0)
        await socket.send_json({"op": "unsubscribe", "args": [BOOKS]})
        await until(socket, lambda m: m.get("event") == "unsubscribe")
        await subscribe(socket)
        healed = Replica()
        await follow(socket, healed, lambda: healed.messages > 5)
        assert healed.gaps == 0 and await wrong(client, healed) == 0


async def test_a_lost_update_shows_only_in_an_audit() -> None:
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("okx", PATH)
        await subscribe(socket)
        replica = Replica()
        await follow(socket, replica, lambda: replica.messages > 2)
        await client.fault("okx", "lost", symbol="BTC-USDT")
        false = 0
        async with asyncio.timeout(20):
            while not false:
                seen = replica.messages
                await follow(socket, replica, lambda seen=seen: replica.messages > seen)  # type: ignore[misc]
                false = await wrong(client, replica)
        assert replica.gaps == 0


async def test_the_other_channels() -> None:
    """Five levels and the best prices are always whole and true at their id; trades rise by one."""
    async with running(PAIR, **{**FAST, "speed": 20.0}) as client:
        socket = await client.ws("okx", PATH)
        await subscribe(socket, *({**BOOKS, "channel": name} for name in ("books5", "bbo-tbt", "trades")))
        seen: dict[str, list[Any]] = {}
        async with asyncio.timeout(15):
            while any(len(seen.get(name, ())) < 10 for name in ("books5", "bbo-tbt", "trades")):
                got = await message(socket)
                if "data" in got:
                    seen.setdefault(got["arg"]["channel"], []).extend(got["data"])
        for name, levels in (("books5", 5), ("bbo-tbt", 1)):
            data = seen[name][-1]
            path = f"/admin/book?symbol=BTC-USDT&levels={levels}&at={data['seqId']}"
            true = await client.body("okx", path)
            assert numbers([row[:2] for row in data["bids"]]) == numbers(true["bids"]), name
            assert numbers([row[:2] for row in data["asks"]]) == numbers(true["asks"]), name
        ids = [int(row["tradeId"]) for row in seen["trades"]]
        assert all(b == a + 1 for a, b in pairwise(ids))
        takers = {
            each.trade_id: each.taker_side for each in client.venue.faces["okx"].feeds["BTC-USDT"].market.recent
        }
        assert all(row["side"] == ("buy", "sell")[takers[int(row["tradeId"])]] for row in seen["trades"])


REFUSED = [
    ("not json", "60012"),
    ("[]", "60012"),
    ("{}", "60012"),
    ('{"op":"dance","args":[{}]}', "60019"),
    ('{"op":"subscribe"}', "60013"),
    ('{"op":"subscribe","args":["books"]}', "60013"),
    ('{"op":"subscribe","args":[{"channel":7}]}', "60013"),
    ('{"op":"subscribe","args":[{"channel":"books","instId":"btc-usdt"}]}', "60018"),
    ('{"op":"subscribe","args":[{"channel":"nonsense","instId":"BTC-USDT"}]}', "60018"),
    ('{"op":"subscribe","args":[{"channel":"tickers","instId":"FOO-BAR"}]}', "60018"),
    ('{"words":"' + "x" * 187 + "\u00e9" * 9 + '"}', "60012"),
    ('{"op":"subscribe","args":[{"channel":"books-l2-tbt","instId":"BTC-USDT"}]}', "60029"),
    ('{"op":"subscribe","args":[{"channel":"candle1m","instId":"BTC-USDT"}]}', "64001"),
]


async def test_control_messages() -> None:
    """Codes, the text ping, and arguments that are answered one by one."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("okx", PATH)
        for sent, code in REFUSED:
            await socket.send_str(sent)
            got = await message(socket)
            assert (got["event"], got["code"]) == ("error", code) and got["connId"], sent
        await socket.send_str("ping")
        assert (await socket.receive()).data == "pong"
        await subscribe(socket, {"channel": "books", "instId": "FOO-BAR"}, BOOKS)
        refused, got = got, await message(socket)
        assert got["code"] == "60018" and got["id"] == "1512" and got["connId"] == refused["connId"]
        assert got["msg"].startswith("Wrong URL or channel:books,instId:FOO-BAR doesn't exist.")
        got = await message(socket)
        assert got["event"] == "subscribe" and got["connId"] == refused["connId"]
        assert (await message(socket))["action"] == "snapshot"
        await subscribe(socket)
        await until(socket, lambda m: m.get("event") == "subscribe")
        for _ in range(5):
            assert (await message(socket))["action"] == "update", "acknowledged again, without a snapshot"


async def test_silence_ends_with_4004() -> None:
    """Neither data nor a ping for so long; one of both keeps a connection."""
    async with running(PAIR, okx_idle_s=2.0, **FAST) as client:
        silent, pinging, reading = [await client.ws("okx", PATH) for _ in range(3)]
        await subscribe(reading)
        ended, kept = asyncio.create_task(closed(silent)), asyncio.create_task(closed(reading))
        while not ended.done():
            await pinging.send_str("ping")
            assert (await pinging.receive()).data == "pong"
            await asyncio.sleep(0.05)
        assert await ended == 4004
        await asyncio.wait([kept], timeout=2.5)
        assert not kept.done(), "data alone keep a connection"
        kept.cancel()


async def test_the_notice_before_an_upgrade() -> None:
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("okx", PATH)
        await client.fault("okx", "shutdown", notice_s=0.2)
        got = await message(socket)
        assert (got["event"], got["code"]) == ("notice", "64008") and got["connId"]
        assert await closed(socket) == 1001


async def test_limits() -> None:
    """Connects in a second, subscriptions in an hour, requests in two seconds."""
    async with running(PAIR, okx_connects=2, okx_operations=3, okx_requests=2, **FAST) as client:
        socket = await client.ws("okx", PATH)
        for number in range(4):
            await socket.send_json({"id": str(number), "op": "unsubscribe", "args": [BOOKS]})
        replies = [await message(socket) for _ in range(4)]
        assert [reply["event"] for reply in replies] == ["unsubscribe"] * 3 + ["error"]
        assert replies[-1]["code"] == "60014"
        statuses = []
        for _ in range(3):
            status, _, body = await client.get("okx", "/api/v5/public/time")
            statuses.append((status, body["code"]))
        assert statuses == [(200, "0"), (200, "0"), (429, "50011")]
    async with running(PAIR, okx_connects=1, **FAST) as client:
        await client.ws("okx", PATH)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws("okx", PATH)
        assert refused.value.status == 429


async def test_rest() -> None:
    """Catalog, books with the id of the stream, errors with their codes."""
    async with running(PAIR, "ETH/BTC@okx", **FAST) as client:
        listed = await client.body("okx", "/api/v5/public/instruments?instType=SPOT")
        rows = {row["instId"]: row for row in listed["data"]}
        assert listed["code"] == "0" and set(rows) == {"BTC-USDT", "ETH-BTC"}
        assert (rows["BTC-USDT"]["tickSz"], rows["BTC-USDT"]["lotSz"]) == ("0.1", "0.00000001")
        assert rows["BTC-USDT"]["state"] == "live"
        for path in ("books", "books-full"):
            (book,) = (await client.body("okx", f"/api/v5/market/{path}?instId=BTC-USDT&sz=7"))["data"]
            true = await client.body("okx", f"/admin/book?symbol=BTC-USDT&levels=7&at={book['seqId']}")
            assert numbers([row[:2] for row in book["bids"]]) == numbers(true["bids"])
            assert numbers([row[:2] for row in book["asks"]]) == numbers(true["asks"])
        got = await client.body("okx", "/api/v5/market/books?instId=FOO-BAR")
        assert got["code"] == "51001" and got["data"] == []
        status, _, got = await client.get("okx", "/api/v5/market/books?instId=BTC-USDT&sz=401")
        assert status == 400 and got["code"] == "51000"
        assert len((await client.body("okx", "/api/v5/public/time"))["data"][0]["ts"]) == 13


async def test_changes_lead_across_ids_that_begin_anew() -> None:
    """Page after page, from a book with an id of before it to the true book at an id of after it."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("okx", PATH)
        await subscribe(socket)
        replica = Replica()
        await follow(socket, replica, lambda: replica.messages == 3)
        start = after = replica.last
        book = await client.body("okx", f"/admin/book?symbol=BTC-USDT&levels=0&at={start}")
        sides: tuple[Levels, Levels] = ({}, {})
        for side, name in zip(sides, ("bids", "asks"), strict=True):
            apply(side, book[name])
        await client.fault("okx", "renumber", symbol="BTC-USDT")
        await follow(socket, replica, lambda: replica.last < start)
        seen = replica.messages
        await follow(socket, replica, lambda: replica.messages > seen + 5)
        while not replica.last <= after < start:
            page = await client.body("okx", f"/admin/changes?symbol=BTC-USDT&after={after}&limit=15")
            assert page["changes"], "nothing is told of what came after it"
            for after, _, word, price, total in page["changes"]:
                if after > start or after <= replica.last:
                    apply(sides[word == "ask"], [[price, total]])
        true = await client.body("okx", f"/admin/book?symbol=BTC-USDT&levels=0&at={replica.last}")
        assert numbers(true["bids"]) == numbers(sides[0]) and numbers(true["asks"]) == numbers(sides[1])


def test_the_documented_duties_are_the_defaults() -> None:
    """A client that is tested without options meets what the venue demands."""
    told = FACES["okx"].options()
    assert isinstance(told, OkxOptions) and NOTICE_S == 60
    assert (told.batch_ms, told.idle_s, told.keepalive_s, told.checksum) == (100, 30, 60, False)
    assert (told.connects, told.operations, told.requests) == (3, 480, 40)
