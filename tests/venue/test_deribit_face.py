"""The Deribit face over real sockets: the chain of change ids, results, heartbeats, credits; wrong clients too."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, closed, message, running, until
from venue.faces.deribit_messages import number

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 60}
PAIR = "BTC/USDC@deribit"
NAME = "BTC_USDC"
BOOK = f"book.{NAME}.100ms"
PATH = "/ws/api/v2"
Side = dict[Decimal, Decimal]


class Replica:
    """A book kept by the documented recipe. ``step``: the wrong client that wants ids to rise by one."""

    def __init__(self, *, step: bool = False) -> None:
        self.sides: tuple[Side, Side] = ({}, {})
        self.step = step
        self.last = 0
        self.gaps = self.messages = self.snapshots = self.unknown = 0
        self.actions: set[str] = set()

    def feed(self, data: Any) -> None:
        self.messages += 1
        if data["type"] == "snapshot":
            assert "prev_change_id" not in data
            self.snapshots += 1
            self.sides = ({}, {})
        elif data["prev_change_id"] != self.last or (self.step and data["change_id"] != self.last + 1):
            self.gaps += 1
        self.last = data["change_id"]
        for side, rows in zip(self.sides, (data["bids"], data["asks"]), strict=True):
            for action, price, amount in rows:
                self.actions.add(action)
                self.unknown += (action == "new") == (price in side)
                if action == "delete":
                    assert amount == 0
                    side.pop(price, None)
                else:
                    side[price] = amount


class Rpc:
    """A JSON-RPC client on one connection: replies apart from notifications."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.number = 0

    async def read(self) -> Any:
        got = await asyncio.wait_for(self.socket.receive(), 5)
        assert got.type is aiohttp.WSMsgType.TEXT, got
        return json.loads(got.data, parse_float=Decimal, parse_int=int)

    async def call(self, method: str, **params: Any) -> Any:
        """Return the whole reply; notifications before it are dropped."""
        self.number += 1
        await self.socket.send_json({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        while True:
            got = await self.read()
            if got.get("id") == self.number:
                return got

    async def subscribe(self, *channels: str) -> Any:
        return (await self.call("public/subscribe", channels=list(channels)))["result"]

    async def follow(self, replica: Replica, wanted: Callable[[], bool], channel: str = BOOK) -> None:
        async with asyncio.timeout(20):
            while not wanted():
                got = await self.read()
                if got.get("method") == "subscription" and got["params"]["channel"] == channel:
                    replica.feed(got["params"]["data"])


async def rpc(client: Client) -> Rpc:
    return Rpc(await client.ws("deribit", PATH, max_msg_size=0))


async def wrong(client: Client, replica: Replica, name: str = NAME) -> int:
    true = await client.body("deribit", f"/admin/book?symbol={name}&levels=0&at={replica.last}")
    found = 0
    for ours, rows in zip(replica.sides, (true["bids"], true["asks"]), strict=True):
        found += len(set(ours.items()) ^ {(Decimal(price), Decimal(amount)) for price, amount in rows})
    return found


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (612500, 1, "61250.0"),
        (22000, 1, "2.2e3"),
        (640000, 1, "6.4e4"),
        (75, 2, "0.75"),
        (0, 4, "0.0"),
        (1, 4, "0.0001"),
        (1, 8, "1.0e-8"),
        (5, 0, "5.0"),
        (300000, 0, "3.0e5"),
    ],
)
def test_floats_are_written_in_the_shorter_form(value: int, decimals: int, text: str) -> None:
    assert number(value, decimals) == text
    assert Decimal(text) == Decimal(value).scaleb(-decimals)


@pytest.mark.parametrize("flow", ["synthetic", "steady"])
@pytest.mark.parametrize("interval", ["100ms", "agg2"])
async def test_a_correct_client_holds_the_true_book(interval: str, flow: str) -> None:
    """A snapshot of the whole book, then changes, each linked to the one before; the true book at each id."""
    channel = f"book.{NAME}.{interval}"
    async with running(PAIR, flow=flow, rate=40.0, **FAST) as client:
        one = await rpc(client)
        assert await one.subscribe(channel) == [channel]
        replica = Replica()
        for seen in range(1, 6):
            await one.follow(replica, lambda seen=seen: replica.messages >= seen * 4, channel)  # type: ignore[misc]
            assert await wrong(client, replica) == 0
        await one.follow(replica, lambda: replica.actions == {"new", "change", "delete"}, channel)
        assert replica.snapshots == 1 and replica.gaps == 0 and replica.unknown == 0


async def test_ids_are_of_one_counter_for_all_instruments() -> None:
    """They rise over all books, no two are the same, and they jump: only the link proves that nothing is missing."""
    async with running(PAIR, "ETH/USDC@deribit", **FAST) as client:
        one = await rpc(client)
        names = ("BTC_USDC", "ETH_USDC")
        await one.subscribe(*(f"book.{name}.100ms" for name in names))
        books = {name: Replica() for name in names}
        stepping = Replica(step=True)
        ids: list[int] = []
        while len(ids) < 60:
            got = await one.read()
            if got.get("method") == "subscription":
                data = got["params"]["data"]
                books[data["instrument_name"]].feed(data)
                ids.append(data["change_id"])
                if data["instrument_name"] == NAME:
                    stepping.feed(data)
        assert len(set(ids)) == len(ids) and all(book.gaps == 0 for book in books.values())
        assert stepping.gaps > 10, "who wants +1 resynchronises for ever"
        assert await wrong(client, books["ETH_USDC"], "ETH_USDC") == 0


async def test_subscribing_again_gives_no_snapshot() -> None:
    """The channel is in the result and changes go on; unsubscribing and subscribing gives a snapshot."""
    async with running(PAIR, **FAST) as client:
        one = await rpc(client)
        await one.subscribe(BOOK)
        replica = Replica()
        await one.follow(replica, lambda: replica.messages > 2)
        assert await one.subscribe(BOOK) == [BOOK]
        for _ in range(5):
            got = await one.read()
            assert got["params"]["data"]["type"] == "change"
        assert (await one.call("public/unsubscribe", channels=[BOOK, "book.FOO.100ms"]))["result"] == [BOOK]
        with pytest.raises(TimeoutError):
            await message(one.socket, 0.3)
        await one.subscribe(BOOK)
        fresh = Replica()
        await one.follow(fresh, lambda: fresh.messages > 5)
        assert fresh.snapshots == 1 and fresh.gaps == 0 and await wrong(client, fresh) == 0
        assert (await one.call("public/unsubscribe_all"))["result"] == "ok"


async def test_unknown_channels_are_left_out() -> None:
    """Without an error, even if none is left; raw ones want a login."""
    async with running(PAIR, **FAST) as client:
        one = await rpc(client)
        asked = ["book.FOO_BAR.100ms", f"trades.{NAME}.100ms", "nonsense", f"ticker.{NAME}.100ms", f"book.{NAME}.1s"]
        assert await one.subscribe(*asked) == [f"trades.{NAME}.100ms", f"ticker.{NAME}.100ms"]
        assert await one.subscribe("nonsense") == []
        got = await one.call("public/subscribe", channels=[BOOK, f"book.{NAME}.raw"])
        assert got["error"] == {"code": 13778, "message": "raw_subscriptions_not_available_for_unauthorized"}


@pytest.mark.parametrize("kind", ["drop", "reorder"])
async def test_the_link_tells_what_is_lost(kind: str) -> None:
    """A broken chain; unsubscribing and subscribing heals."""
    async with running(PAIR, **FAST) as client:
        one = await rpc(client)
        await one.subscribe(BOOK)
        replica = Replica()
        await one.follow(replica, lambda: replica.messages > 2)
        await client.fault("deribit", kind, symbol=NAME, channel="diff", count=1)
        await one.follow(replica, lambda: replica.gaps > 0)
        await one.call("public/unsubscribe", channels=[BOOK])
        await one.subscribe(BOOK)
        healed = Replica()
        await one.follow(healed, lambda: healed.messages > 5)
        assert healed.gaps == 0 and await wrong(client, healed) == 0


async def test_a_lost_change_shows_only_in_an_audit() -> None:
    """The next change is linked to the one before the lost one; a new snapshot heals."""
    async with running(PAIR, **FAST) as client:
        one = await rpc(client)
        await one.subscribe(BOOK)
        replica = Replica()
        await one.follow(replica, lambda: replica.messages > 2)
        await client.fault("deribit", "lost", symbol=NAME, count=2)
        false = 0
        async with asyncio.timeout(20):
            while not false:
                seen = replica.messages
                await one.follow(replica, lambda seen=seen: replica.messages > seen)  # type: ignore[misc]
                false = await wrong(client, replica)
        assert replica.gaps == 0
        last = (await client.body("deribit", "/admin/faults"))["ended"][-1]["last"]
        assert last["prev_change_id"] < last["change_id"] <= replica.last


async def test_books_of_limited_depth_are_always_whole() -> None:
    """No action, no link: the best levels at the id."""
    async with running(PAIR, **FAST) as client:
        one = await rpc(client)
        channel = f"book.{NAME}.none.10.100ms"
        await one.subscribe(channel)
        for _ in range(5):
            got = (await one.read())["params"]["data"]
            assert list(got) == ["timestamp", "instrument_name", "change_id", "bids", "asks"]
        path = f"/admin/book?symbol={NAME}&levels=10&at={got['change_id']}"
        true = await client.body("deribit", path)
        for name in ("bids", "asks"):
            assert [[Decimal(p), Decimal(q)] for p, q in true[name]] == got[name]


async def test_heartbeats_want_an_answer() -> None:
    """The client that answers test requests stays, the one that does not is closed with 4000."""
    async with running(PAIR, deribit_second_s=0.04, **{**FAST, "speed": 0.001}) as client:
        good, bad = await rpc(client), await rpc(client)
        for one in (good, bad):
            assert (await one.call("public/set_heartbeat", interval=10))["result"] == "ok"
        start = asyncio.get_running_loop().time()
        ended = asyncio.create_task(closed(bad.socket))
        kinds: list[str] = []
        async with asyncio.timeout(20):
            while not ended.done() or kinds.count("test_request") < 4:
                got = await good.read()
                if got.get("method") == "heartbeat":
                    kinds.append(got["params"]["type"])
                    if kinds[-1] == "test_request":
                        assert (await good.call("public/test"))["result"]["version"]
        assert await ended == 4000
        assert 0.8 < asyncio.get_running_loop().time() - start < 6, "12 s, then 10 s, on the shortened clock"
        assert kinds[0] == "heartbeat" and "test_request" in kinds
        assert (await good.call("public/disable_heartbeat"))["result"] == "ok"
        with pytest.raises(TimeoutError):
            await message(good.socket, 0.8)
        for interval in (9, "x", True):
            got = await good.call("public/set_heartbeat", interval=interval)
            assert got["error"]["code"] == -32602


async def test_idle_connections_end_without_a_close_frame() -> None:
    """Without channels and heartbeats; a quiet book with heartbeats is no reason."""
    options = {**FAST, "speed": 0.001, "deribit_second_s": 0.02}
    async with running(PAIR, deribit_idle_s=0.5, **options) as client:
        idle, quiet = await rpc(client), await rpc(client)
        await quiet.subscribe(BOOK)
        await quiet.call("public/set_heartbeat", interval=10)
        snapshots = changes = beats = 0
        ended = asyncio.create_task(closed(idle.socket))
        async with asyncio.timeout(20):
            while not ended.done() or beats < 8:
                got = await quiet.read()
                if got.get("method") == "heartbeat":
                    beats += 1
                    if got["params"]["type"] == "test_request":
                        await quiet.call("public/test")
                elif got.get("method") == "subscription":
                    snapshots += got["params"]["data"]["type"] == "snapshot"
                    changes += got["params"]["data"]["type"] == "change"
        assert await ended == 1006
        assert snapshots <= 1


async def test_errors() -> None:
    """Codes and data of JSON-RPC, over both ways."""
    async with running(PAIR, **FAST) as client:
        one = await rpc(client)
        for sent, code in (("not json", 11050), ("[]", -32600), ('{"method":7}', -32600)):
            await one.socket.send_str(sent)
            got = await one.read()
            assert got["error"]["code"] == code and got["usDiff"] == got["usOut"] - got["usIn"], sent
        for method, params, code in (
            ("public/nonsense", {}, -32601),
            ("private/get_position", {}, 13009),
            ("public/subscribe", {}, -32602),
            ("public/subscribe", {"channels": [BOOK] * 501}, -32602),
            ("public/get_order_book", {"instrument_name": "FOO"}, -32602),
            ("public/get_order_book", {"instrument_name": NAME, "depth": 7}, -32602),
        ):
            assert (await one.call(method, **params))["error"]["code"] == code, method
        status, _, got = await client.get("deribit", "/api/v2/public/get_order_book?instrument_name=FOO")
        assert status == 400
        assert got["error"]["data"] == {"reason": "instrument not found", "param": "instrument_name"}
        status, _, got = await client.get("deribit", f"/api/v2/public/subscribe?channels={BOOK}")
        assert status == 400 and got["error"]["code"] == 10030


async def test_requests_over_http() -> None:
    """Catalog, book with its change id, time; by GET and by POST."""
    async with running(PAIR, "ETH/BTC@deribit", **FAST) as client:
        listed = await client.body("deribit", "/api/v2/public/get_instruments?currency=any&kind=spot")
        rows = {row["instrument_name"]: row for row in listed["result"]}
        assert set(rows) == {"BTC_USDC", "ETH_BTC"} and listed["testnet"] is False
        row = rows["BTC_USDC"]
        assert (row["base_currency"], row["quote_currency"], row["kind"]) == ("BTC", "USDC", "spot")
        assert (row["tick_size"], row["min_trade_amount"], row["state"]) == (0.1, 0.0001, "open")
        assert "is_cbe_routed" not in row
        one = await client.body("deribit", "/api/v2/public/get_instruments?currency=USDC&kind=spot")
        assert [row["instrument_name"] for row in one["result"]] == ["BTC_USDC"]
        assert (await client.body("deribit", "/api/v2/public/get_instruments?currency=BTC&kind=future"))[
            "result"
        ] == []
        path = f"/api/v2/public/get_order_book?instrument_name={NAME}&depth=20"
        book = (await client.body("deribit", path))["result"]
        true = await client.body("deribit", f"/admin/book?symbol={NAME}&levels=20&at={book['change_id']}")
        for name in ("bids", "asks"):
            assert [[float(p), float(q)] for p, q in true[name]] == book[name]
        assert book["best_bid_price"] == book["bids"][0][0] and book["state"] == "open"
        body = {"jsonrpc": "2.0", "id": 5, "method": "public/get_time", "params": {}}
        async with client.session.post(client.rest("deribit", "/api/v2"), json=body) as reply:
            got = await reply.json()
        assert got["id"] == 5 and got["result"] > 1_700_000_000_000


async def test_routed_spot() -> None:
    """By option the catalog says that the book is another venue's, and there are no trades channels."""
    async with running(PAIR, deribit_routed=True, **FAST) as client:
        (row,) = (await client.body("deribit", "/api/v2/public/get_instruments?currency=any"))["result"]
        assert row["is_cbe_routed"] is True and row["is_csr"] is True
        one = await rpc(client)
        assert await one.subscribe(f"trades.{NAME}.100ms", BOOK) == [BOOK]


async def test_trades_and_quotes() -> None:
    async with running(PAIR, **{**FAST, "speed": 40.0}) as client:
        one = await rpc(client)
        trades, quote = f"trades.{NAME}.100ms", f"quote.{NAME}"
        await one.subscribe(trades, quote)
        found: list[Any] = []
        quotes: list[Any] = []
        async with asyncio.timeout(15):
            while len(found) < 12 or len(quotes) < 10:
                got = (await one.read())["params"]
                if got["channel"] == trades:
                    found += got["data"]
                else:
                    quotes.append(got["data"])
        assert all(b["trade_seq"] == a["trade_seq"] + 1 for a, b in pairwise(found))
        assert {row["direction"] for row in found} <= {"buy", "sell"}
        assert all(row["best_bid_price"] < row["best_ask_price"] for row in quotes)


async def test_limits() -> None:
    """Credits, then the end of the connection; a number of connections for each address."""
    async with running(PAIR, deribit_credits=1.0, deribit_connections=2, **FAST) as client:
        one = await rpc(client)
        codes = [(await one.call("public/subscribe", channels=[])).get("error") for _ in range(10)]
        assert codes == [None] * 10
        async with asyncio.timeout(20):
            while (got := await one.call("public/subscribe", channels=[])).get("error") is None:
                pass
        assert got["error"] == {"code": 10028, "message": "too_many_requests"}
        assert await closed(one.socket) is not None
        for _ in range(2):
            await client.ws("deribit", PATH)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws("deribit", PATH)
        assert refused.value.status == 429


async def test_maintenance_is_told_to_those_who_listen() -> None:
    async with running(PAIR, **FAST) as client:
        one = await rpc(client)
        await one.subscribe("platform_state")
        await client.fault("deribit", "shutdown", notice_s=0.2)
        got = await until(one.socket, lambda m: m.get("method") == "subscription")
        assert got["params"] == {"channel": "platform_state", "data": {"maintenance": True}}
        assert await closed(one.socket) == 1001


async def test_changes_go_by_change_ids() -> None:
    """Pages of changes after an id give the true book at every later one."""
    async with running(PAIR, **FAST) as client:
        one = await rpc(client)
        await one.subscribe(BOOK)
        replica = Replica()
        await one.follow(replica, lambda: replica.messages > 2)
        start = Replica()
        start.sides, start.last = (dict(replica.sides[0]), dict(replica.sides[1])), replica.last
        await one.follow(replica, lambda: replica.messages > 15)
        after = start.last
        async with asyncio.timeout(20):
            while after < replica.last:
                path = f"/admin/changes?symbol={NAME}&after={after}&limit=7"
                page = await client.body("deribit", path)
                for change_id, _, side, price, total in page["changes"]:
                    assert change_id > start.last
                    if change_id > replica.last:
                        continue
                    levels = start.sides[side == "ask"]
                    if Decimal(total):
                        levels[Decimal(price)] = Decimal(total)
                    else:
                        levels.pop(Decimal(price), None)
                if page["changes"]:
                    after = page["changes"][-1][0]
        assert start.sides == replica.sides and page["public_update_id"] >= replica.last
