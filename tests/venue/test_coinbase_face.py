"""The Coinbase face over real sockets: one number for a connection, sides, heartbeats, the deadline, REST."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, Levels, closed, message, numbers, running

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 60}
PAIR = "BTC/USD@coinbase"
SIDES = ("bid", "offer")


def micro(text: str) -> int:
    moment = datetime.fromisoformat(text)
    assert text.endswith("Z")
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


class Reader:
    """A client that keeps its books by the documented recipe, and the numbers of its connection.

    ``sides`` can be those of a wrong client.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, sides: tuple[str, str] = SIDES) -> None:
        self.socket, self.sides = socket, sides
        self.books: dict[str, tuple[Levels, Levels]] = {}
        self.last: dict[str, int] = {}  # event time, by product
        self.number = -1
        self.gaps = self.snapshots = self.updates = self.unknown_zeros = 0
        self.seen: dict[str, list[Any]] = {}

    async def read(self) -> Any:
        got = await message(self.socket)
        if "sequence_num" in got:
            self.gaps += got["sequence_num"] != self.number + 1
            self.number = got["sequence_num"]
            self.seen.setdefault(got["channel"], []).append(got)
        if got.get("channel") == "l2_data":
            for event in got["events"]:
                self.apply(event)
        return got

    def apply(self, event: Any) -> None:
        if event["type"] == "snapshot":
            self.books[event["product_id"]] = ({}, {})
            self.snapshots += 1
        else:
            self.updates += 1
        book = self.books[event["product_id"]]
        for row in event["updates"]:
            if row["side"] not in self.sides:
                continue
            side = book[self.sides.index(row["side"])]
            if float(row["new_quantity"]):
                side[row["price_level"]] = row["new_quantity"]
            elif side.pop(row["price_level"], None) is None:
                self.unknown_zeros += 1
            self.last[event["product_id"]] = max(self.last.get(event["product_id"], 0), micro(row["event_time"]))

    async def until(self, wanted: Callable[[], bool], timeout_s: float = 10) -> None:
        async with asyncio.timeout(timeout_s):
            while not wanted():
                await self.read()

    async def subscribe(self, channel: str, *products: str, leave: bool = False) -> None:
        kind = "unsubscribe" if leave else "subscribe"
        body = {"type": kind, "product_ids": list(products or ("BTC-USD",)), "channel": channel}
        await self.socket.send_json(body)


async def reader(client: Client, *channels: str) -> Reader:
    made = Reader(await client.ws("coinbase", max_msg_size=0))
    for channel in channels:
        await made.subscribe(channel)
    return made


async def wrong(client: Client, made: Reader, product: str = "BTC-USD") -> int:
    true = await client.body("coinbase", f"/admin/book?symbol={product}&levels=0&at={made.last[product]}")
    pairs = zip(made.books[product], (true["bids"], true["asks"]), strict=True)
    return sum(len(set(numbers(ours).items()) ^ set(numbers(rows).items())) for ours, rows in pairs)


@pytest.mark.parametrize("flow", ["synthetic", "steady"])
async def test_a_correct_client_holds_the_true_book(flow: str) -> None:
    """The whole book at the event time of each message, with numbers that rise by one."""
    async with running(PAIR, flow=flow, rate=50.0, **FAST) as client:
        made = await reader(client, "level2")
        for number in range(1, 7):
            await made.until(lambda number=number: made.updates >= number * 8)  # type: ignore[misc]
            assert await wrong(client, made) == 0
        assert made.snapshots == 1 and made.gaps == 0
        if flow == "synthetic":
            assert made.unknown_zeros, "levels born and gone within a batch are told as zeros"


async def test_one_number_counts_all_channels() -> None:
    """Books of two products, trades, heartbeats and acknowledgements share it; who counts a channel sees gaps."""
    options = {**FAST, "speed": 20.0}
    async with running(PAIR, "ETH/USD@coinbase", **options) as client:
        made = await reader(client, "heartbeats", "market_trades")
        await made.subscribe("level2", "BTC-USD", "ETH-USD")
        wanted = ("l2_data", "market_trades", "heartbeats", "subscriptions")
        await made.until(lambda: all(len(made.seen.get(name, ())) > 2 for name in wanted))
        assert made.gaps == 0 and made.snapshots == 2
        books = [got["sequence_num"] for got in made.seen["l2_data"]]
        assert any(b != a + 1 for a, b in pairwise(books)), "the books' own numbers have holes"
        products = {got["events"][0]["product_id"] for got in made.seen["l2_data"]}
        assert products == {"BTC-USD", "ETH-USD"}
        assert made.seen["subscriptions"][-1]["events"] == [
            {
                "subscriptions": {
                    "heartbeats": ["heartbeats"],
                    "level2": ["BTC-USD", "ETH-USD"],
                    "market_trades": ["BTC-USD"],
                }
            }
        ]


async def test_the_side_of_asks_is_called_offer() -> None:
    """A client that waits for `ask` has an empty side."""
    async with running(PAIR, **FAST) as client:
        made = await reader(client, "level2")
        made.sides = ("bid", "ask")
        await made.until(lambda: made.updates > 3)
        assert made.books["BTC-USD"][0] and not made.books["BTC-USD"][1]


async def test_messages_have_the_documented_fields() -> None:
    async with running(PAIR, **FAST) as client:
        made = await reader(client, "level2")
        await made.until(lambda: made.updates > 5)
        for got in made.seen["l2_data"]:
            assert list(got) == ["channel", "timestamp", "sequence_num", "events"]
            (event,) = got["events"]
            assert list(event) == ["type", "product_id", "updates"]
            times = set()
            for row in event["updates"]:
                assert list(row) == ["side", "event_time", "price_level", "new_quantity"]
                times.add(row["event_time"])
                for text in (row["price_level"], row["new_quantity"]):
                    assert "." not in text or not text.endswith("0")
            assert len(times) == 1 and micro(times.pop()) <= micro(got["timestamp"])


async def test_large_snapshots() -> None:
    """A book of many thousand levels is one frame of megabytes, larger than what a slow reader may let wait."""
    options = {"deep_levels": 20_000, "send_buffer_kib": 64, "speed": 1.0, "batch_ms": 50}
    async with running(PAIR, flow="steady", rate=20.0, **options) as client:
        made = await reader(client, "level2")
        await made.until(lambda: made.updates > 3, 30)
        assert sum(map(len, made.books["BTC-USD"])) > 39_000 and made.gaps == 0
        assert await wrong(client, made) == 0


async def test_heartbeats() -> None:
    """One each second, with a counter that rises by one, until they are unsubscribed."""
    async with running(PAIR, **{**FAST, "speed": 0.001}) as client:
        made = await reader(client, "heartbeats")
        start = asyncio.get_running_loop().time()
        await made.until(lambda: len(made.seen.get("heartbeats", ())) == 3)
        assert 2.5 < asyncio.get_running_loop().time() - start < 5
        events = [got["events"][0] for got in made.seen["heartbeats"]]
        assert all(b["heartbeat_counter"] == a["heartbeat_counter"] + 1 for a, b in pairwise(events))
        assert " +0000 UTC m=+" in events[0]["current_time"]
        await made.subscribe("heartbeats", leave=True)
        await made.until(lambda: made.seen["subscriptions"][-1]["events"] == [{"subscriptions": {}}])
        with pytest.raises(TimeoutError):
            await message(made.socket, 1.3)


async def test_the_first_subscription_has_a_deadline() -> None:
    """Who subscribes nothing in time is cut; a wrong request does not count."""
    async with running(PAIR, coinbase_deadline_s=2.0, **FAST) as client:
        silent, wrong_one = [await client.ws("coinbase") for _ in range(2)]
        made = await reader(client, "level2")
        await wrong_one.send_str("nonsense")
        assert await closed(silent) is not None and await closed(wrong_one) is not None
        await made.until(lambda: made.updates > 3)


async def test_connections_without_updates_are_closed() -> None:
    """A quiet book alone does not keep it; heartbeats do."""
    options = {**FAST, "speed": 0.001, "coinbase_idle_s": 1.5}
    async with running(PAIR, **options) as client:
        quiet, beating = await reader(client, "level2"), await reader(client, "level2", "heartbeats")
        ended = asyncio.create_task(closed(quiet.socket))
        await beating.until(lambda: len(beating.seen.get("heartbeats", ())) >= 3)
        assert await ended is not None


REFUSED = [
    ("not json", "failed to parse"),
    ("[]", "failed to parse"),
    ('{"type":"dance"}', "failed to parse"),
    ('{"type":"subscribe","product_ids":["BTC-USD"],"channel":"nonsense"}', "'nonsense' is not supported"),
    ('{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2"]}', "None is not supported"),
    ('{"type":"subscribe","product_ids":"BTC-USD","channel":"level2"}', "failed to parse"),
    ('{"type":"subscribe","product_ids":["FOO-BAR"],"channel":"level2"}', "FOO-BAR is not a valid product"),
]


async def test_wrong_requests() -> None:
    """Errors have no number; too many messages in a second are told so."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("coinbase")
        for sent, text in REFUSED:
            await socket.send_str(sent)
            got = await message(socket)
            assert got["type"] == "error" and text in got["message"] and "sequence_num" not in got, sent
    async with running(PAIR, coinbase_messages=8, **FAST) as client:
        made = await reader(client, *["status"] * 9)
        replies = [await made.read() for _ in range(9)]
        assert [reply.get("channel", reply.get("message")) for reply in replies] == [
            *["subscriptions"] * 8,
            "rate limit exceeded",
        ]


async def test_a_dollar_product_has_two_names() -> None:
    """What is subscribed under the USDC name comes under the dollar's; both stand in the catalog."""
    async with running(PAIR, **FAST) as client:
        made = Reader(await client.ws("coinbase"))
        await made.subscribe("level2", "BTC-USDC")
        await made.until(lambda: made.updates > 2)
        assert set(made.books) == {"BTC-USD"}
        rows = (await client.body("coinbase", "/api/v3/brokerage/market/products"))["products"]
        aliases = {row["product_id"]: (row["alias"], row["alias_to"]) for row in rows}
        assert aliases == {"BTC-USD": ("", ["BTC-USDC"]), "BTC-USDC": ("BTC-USD", [])}


@pytest.mark.parametrize("kind", ["drop", "reorder", "duplicate"])
async def test_the_number_tells_what_is_lost(kind: str) -> None:
    """A hole in the connection's number; unsubscribing and subscribing again heals."""
    async with running(PAIR, **FAST) as client:
        made = await reader(client, "level2")
        await made.until(lambda: made.updates > 3)
        await client.fault("coinbase", kind, symbol="BTC-USD", channel="diff", count=1)
        await made.until(lambda: made.gaps > 0)
        await made.subscribe("level2", leave=True)
        await made.until(lambda: made.seen["subscriptions"][-1]["events"] == [{"subscriptions": {}}])
        await made.subscribe("level2")
        await made.until(lambda: made.snapshots == 2)
        gaps, updates = made.gaps, made.updates
        await made.until(lambda: made.updates > updates + 5)
        assert made.gaps == gaps and await wrong(client, made) == 0


async def test_lost_levels_show_only_in_an_audit() -> None:
    """The number comes, the levels do not."""
    async with running(PAIR, **FAST) as client:
        made = await reader(client, "level2")
        await made.until(lambda: made.updates > 3)
        await client.fault("coinbase", "lost", symbol="BTC-USD", count=2)
        false = 0
        async with asyncio.timeout(20):
            while not false:
                updates = made.updates
                await made.until(lambda updates=updates: made.updates > updates)  # type: ignore[misc]
                false = await wrong(client, made)
        assert made.gaps == 0
        last = (await client.body("coinbase", "/admin/faults"))["ended"][-1]["last"]
        assert last["sequence_num"] <= made.number and last["event_time"].endswith("Z")


async def test_trades() -> None:
    """A snapshot, then batches, newest first; the side is the maker's."""
    async with running(PAIR, **{**FAST, "speed": 30.0}) as client:
        made = await reader(client, "market_trades")
        await made.until(lambda: len(made.seen.get("market_trades", ())) > 6)
        events = [got["events"][0] for got in made.seen["market_trades"]]
        assert [event["type"] for event in events] == ["snapshot", *["update"] * (len(events) - 1)]
        ids = [int(row["trade_id"]) for event in events for row in event["trades"][::-1]]
        assert all(b == a + 1 for a, b in pairwise(ids))
        assert {row["side"] for event in events for row in event["trades"]} == {"BUY", "SELL"}


async def test_rest() -> None:
    """Products, one product, the book, the time; errors; paths that want a key."""
    async with running(PAIR, "ETH/BTC@coinbase", **{**FAST, "speed": 0.001}) as client:
        base = "/api/v3/brokerage"
        product = await client.body("coinbase", f"{base}/market/products/BTC-USD")
        assert (product["price_increment"], product["base_increment"]) == ("0.01", "0.00000001")
        assert product["status"] == "online" and product["product_type"] == "SPOT"
        for limit, levels in (("&limit=7", 7), ("", 0)):
            path = f"{base}/market/product_book?product_id=BTC-USD{limit}"
            book = (await client.body("coinbase", path))["pricebook"]
            true = await client.body("coinbase", f"/admin/book?symbol=BTC-USD&levels={levels}")
            for name in ("bids", "asks"):
                assert numbers([[row["price"], row["size"]] for row in book[name]]) == numbers(true[name])
            assert str(micro(book["time"])) == true["microtimestamp"]
        for path, status in (
            (f"{base}/market/products/FOO-BAR", 404),
            (f"{base}/market/product_book?product_id=FOO-BAR", 404),
            (f"{base}/market/product_book?product_id=BTC-USD&limit=x", 400),
            (f"{base}/products", 401),
        ):
            assert (await client.get("coinbase", path))[0] == status, path
        assert int((await client.body("coinbase", f"{base}/time"))["epochSeconds"]) > 1_700_000_000


async def test_limits() -> None:
    async with running(PAIR, coinbase_requests=2, coinbase_connects=1, **FAST) as client:
        path = "/api/v3/brokerage/time"
        assert [(await client.get("coinbase", path))[0] for _ in range(3)] == [200, 200, 429]
        await client.ws("coinbase")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws("coinbase")
        assert refused.value.status == 429
