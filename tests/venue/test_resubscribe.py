"""One symbol is unsubscribed and subscribed again on a live connection: the stream, and the faults upon it."""

import asyncio
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, Levels, apply, message, numbers, running, until

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 60, "bitstamp_cache_s": 0.0}
FACES = ("binance", "bitstamp")
SYMBOLS = {"binance": ("BTCUSDT", "ETHUSDT"), "bitstamp": ("btcusdt", "ethusdt")}


class Subscriber:
    """A client of one connection that subscribes diffs of symbols on either face."""

    def __init__(self, client: Client, face: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.client, self.face, self.socket = client, face, socket

    async def ask(self, symbol: str, *, leave: bool = False) -> None:
        """Subscribe or unsubscribe, and wait for the reply."""
        if self.face == "binance":
            method = "UNSUBSCRIBE" if leave else "SUBSCRIBE"
            params = [f"{symbol.lower()}@depth@100ms"]
            await self.socket.send_json({"method": method, "params": params, "id": 7})
            assert (await until(self.socket, lambda m: m.get("id") == 7))["result"] is None
        else:
            event = "unsubscri" if leave else "subscri"
            await self.socket.send_json({"event": f"bts:{event}be", "data": {"channel": f"diff_order_book_{symbol}"}})
            done = f"bts:{event}ption_succeeded"
            await until(self.socket, lambda m: m["event"] == done and m["channel"].endswith(symbol))

    async def again(self, symbol: str) -> None:
        await self.ask(symbol, leave=True)
        await self.ask(symbol)

    def symbol(self, told: Any) -> str:
        return str(told["s"]) if self.face == "binance" else str(told["channel"]).rpartition("_")[2]

    async def diff(self, symbol: str) -> dict[str, Any]:
        """Return the next diff of a symbol."""
        told = await until(self.socket, lambda m: self.symbol(m) == symbol)
        return dict(told if self.face == "binance" else told["data"])

    async def heard(self, frames: int = 30) -> set[str]:
        """Return the symbols of the next frames."""
        return {self.symbol(await message(self.socket)) for _ in range(frames)}


async def subscriber(client: Client, face: str, *symbols: str) -> Subscriber:
    one = Subscriber(client, face, await client.ws(face, "/ws" if face == "binance" else "/"))
    for symbol in symbols:
        await one.ask(symbol)
    return one


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("face", FACES)
async def test_the_stream_is_whole_from_the_resubscription_on(face: str, others: int) -> None:
    """Nothing comes in between but the other symbol; then a snapshot and the diffs give the truth."""
    btc, eth = SYMBOLS[face]
    async with running("BTC/USDT", "ETH/USDT", depth_lag_ms=0, depth_lead_ms=0, **FAST) as client:
        for _ in range(others):
            await subscriber(client, face, btc)  # keeps the batches going
        one = await subscriber(client, face, btc, eth)
        await one.diff(btc)
        await one.ask(btc, leave=True)
        assert await one.heard() == {eth}
        await one.ask(btc)
        diffs = [await one.diff(btc)]
        bids, asks, last = await snapshot(client, face, at_least=position(face, diffs[0]))
        while len(diffs) < 12 or position(face, diffs[-1]) <= last:
            diffs.append(await one.diff(btc))
        if face == "binance":
            assert all(a["u"] + 1 == b["U"] for a, b in pairwise(diffs))
        for diff in diffs:
            if position(face, diff) > last:
                apply(bids, [normal(row) for row in diff["b" if face == "binance" else "bids"]])
                apply(asks, [normal(row) for row in diff["a" if face == "binance" else "asks"]])
        path = f"/admin/book?symbol={btc}&levels=0&at={position(face, diffs[-1])}"
        true = await client.body(face, path)
        assert numbers(bids) == numbers(true["bids"]) and numbers(asks) == numbers(true["asks"])


def position(face: str, diff: dict[str, Any]) -> int:
    return int(diff["u"] if face == "binance" else diff["microtimestamp"])


def normal(row: list[str]) -> list[str]:
    return [f"{float(row[0]):.8f}", row[1]]


async def snapshot(client: Client, face: str, at_least: int) -> tuple[Levels, Levels, int]:
    """Return a snapshot that is not older than a position."""
    path = "/api/v3/depth?symbol=BTCUSDT&limit=5000" if face == "binance" else "/api/v2/order_book/btcusdt/"
    async with asyncio.timeout(20):
        while True:
            body = await client.body(face, path)
            last = int(body.get("lastUpdateId", 0) or body["microtimestamp"])
            if last >= at_least:
                bids: Levels = {}
                asks: Levels = {}
                apply(bids, [normal(row) for row in body["bids"]])
                apply(asks, [normal(row) for row in body["asks"]])
                return bids, asks, last


@pytest.mark.parametrize("face", FACES)
async def test_a_stuck_subscription_is_cured_by_subscribing_again(face: str) -> None:
    """With `cure` only that stream of that connection is heard again; those who do not resubscribe stay stuck."""
    btc, eth = SYMBOLS[face]
    async with running("BTC/USDT", "ETH/USDT", **FAST) as client:
        cured, stuck = [await subscriber(client, face, btc, eth) for _ in range(2)]
        row = await client.fault(face, "silence", symbol="BTC/USDT", clients="present", cure=True)
        while btc in await cured.heard():
            pass  # was in the pipe
        await cured.again(eth)
        assert await cured.heard() == {eth}, "another symbol's resubscription cures nothing"
        await cured.again(btc)
        assert await cured.heard() == {btc, eth}
        while btc in await stuck.heard():
            pass  # was in the pipe
        fresh = await subscriber(client, face, btc)
        await fresh.diff(btc)
        told = (await client.body(face, "/admin/faults"))["active"][0]
        assert told["id"] == row["id"] and told["last"] == {"cured": 1} and told["struck"] == 2
        await client.end(face, row["id"])
        await stuck.diff(btc)


@pytest.mark.parametrize("symbol", ["BTC/USDT", "*"])
@pytest.mark.parametrize("clients", ["all", "present"])
@pytest.mark.parametrize("face", FACES)
async def test_cure_decides_with_any_symbol_and_clients(face: str, clients: str, symbol: str) -> None:
    """A resubscription helps, and the client hears the replies; a new connection helps with `present` only."""
    btc, eth = SYMBOLS[face]
    async with running("BTC/USDT", "ETH/USDT", **FAST) as client:
        one = await subscriber(client, face, btc, eth)
        await client.fault(face, "silence", symbol=symbol, clients=clients, cure=True)
        await one.again(btc)
        await one.diff(btc)
        new = await subscriber(client, face, eth, btc)
        if clients == "present":
            await new.diff(btc)
            return
        if symbol == "*":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(new.socket.receive(), 0.3)
        else:
            assert await new.heard() == {eth}
        await new.again(btc)
        await new.diff(btc)


@pytest.mark.parametrize("face", FACES)
async def test_without_cure_a_resubscription_does_not_help(face: str) -> None:
    btc, eth = SYMBOLS[face]
    async with running("BTC/USDT", "ETH/USDT", **FAST) as client:
        one = await subscriber(client, face, btc, eth)
        await client.fault(face, "silence", symbol="BTC/USDT", clients="present")
        await one.again(btc)
        assert await one.heard() == {eth}


@pytest.mark.parametrize("kind", ["lost", "wrong", "drop", "delay", "reorder"])
@pytest.mark.parametrize("face", FACES)
async def test_faults_on_frames_see_the_new_subscription(face: str, kind: str) -> None:
    """Begun before it, they strike after it; what they owed the old subscription does not reach the new one."""
    btc, eth = SYMBOLS[face]
    async with running("BTC/USDT", "ETH/USDT", **{**FAST, "batch_ms": 50}) as client:
        one = await subscriber(client, face, btc, eth)
        await one.diff(btc)
        extra = {"ms": 60_000} if kind == "delay" else {}
        # Every second diff of the stream: the first is spared, the second is struck.
        row = await client.fault(face, kind, symbol="BTC/USDT", every=2, for_s=60, **extra)
        async with asyncio.timeout(20):
            while not await client.struck(face, kind):
                pass
        await one.ask(btc, leave=True)
        left = position(face, await truth(client, face, btc))
        before = await client.struck(face, kind)
        await one.ask(btc)
        if kind == "delay":
            await client.end(face, row["id"])  # would let go what it holds
        diffs = [await one.diff(btc) for _ in range(2)]
        assert all(position(face, diff) > left for diff in diffs), "a frame of the old subscription"
        if face == "binance":
            assert diffs[0]["U"] > left, "ids of the old subscription"
        if kind != "delay":
            async with asyncio.timeout(20):
                while await client.struck(face, kind) <= before:
                    await message(one.socket)


async def truth(client: Client, face: str, symbol: str) -> dict[str, Any]:
    """Return the position that is public now, as a diff would carry it."""
    book = await client.body(face, f"/admin/book?symbol={symbol}&levels=1")
    position_ = book["update_id" if face == "binance" else "microtimestamp"]
    page = await client.body(face, f"/admin/changes?symbol={symbol}&after={position_}")
    return {"u": page["public_update_id"], "microtimestamp": page["public_microtimestamp"]}


async def test_a_lost_diff_is_not_joined_to_a_new_subscription() -> None:
    """The first diff after a resubscription begins where it does: ids that were lost before are not claimed."""
    async with running("BTC/USDT@binance", **{**FAST, "batch_ms": 100}) as client:
        one = await subscriber(client, "binance", "BTCUSDT")
        await one.diff("BTCUSDT")
        await client.fault("binance", "lost", symbol="BTCUSDT")
        async with asyncio.timeout(20):
            while not await client.struck("binance", "lost"):
                pass
        await one.ask("BTCUSDT", leave=True)
        told = await client.body("binance", "/admin/faults")
        assert not told["active"], "nothing is owed to a subscription that is gone"
        await one.ask("BTCUSDT")
        assert (await one.diff("BTCUSDT"))["U"] > told["ended"][-1]["last"]["u"]
