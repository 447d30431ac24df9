"""The Binance face over real sockets: ids, snapshots, framings, limits, and goodbyes."""

import asyncio
import json
from itertools import pairwise
from typing import Any

from tests.venue.clients import Client, Levels, apply, message, numbers, running, until


class Replica:
    """A book kept by the documented recipe; every continuity rule is asserted."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.last = snapshot["lastUpdateId"]
        self.bids: Levels = {}
        self.asks: Levels = {}
        apply(self.bids, snapshot["bids"])
        apply(self.asks, snapshot["asks"])
        self.started = False

    def feed(self, event: dict[str, Any]) -> None:
        if event["u"] <= self.last:
            return
        if self.started:
            assert event["U"] == self.last + 1
        assert event["U"] <= self.last + 1 <= event["u"], "the first event must connect"
        self.started = True
        apply(self.bids, event["b"])
        apply(self.asks, event["a"])
        self.last = event["u"]
        assert max(map(float, self.bids)) < min(map(float, self.asks))


async def truth(client: Client, update_id: int, symbol: str = "BTCUSDT") -> Any:
    return await client.body("binance", f"/admin/book?symbol={symbol}&levels=0&at={update_id}")


async def same_as_truth(client: Client, replica: Replica) -> None:
    true = await truth(client, replica.last)
    assert true["update_id"] == replica.last
    assert numbers(replica.bids) == numbers(true["bids"])
    assert numbers(replica.asks) == numbers(true["asks"])


async def test_replay_from_any_snapshot_equals_the_true_book() -> None:
    """Snapshots that lag and lead the stream all lead to the same, true book, event by event."""
    async with running("BTC/USDT@binance", batch_ms=30) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        events = [await message(socket)]
        snapshots: list[Any] = []
        while len(events) < 50:
            if len(events) % 5 == 0:
                snapshots.append(await client.body("binance", "/api/v3/depth?symbol=BTCUSDT&limit=5000"))
            events.append(await message(socket))
        assert all(a["u"] + 1 == b["U"] for a, b in pairwise(events))
        assert all(e["U"] <= e["u"] and (e["b"] or e["a"]) for e in events)
        usable = [s for s in snapshots if s["lastUpdateId"] >= events[0]["U"] - 1]
        assert len(usable) >= 5
        lasts = [s["lastUpdateId"] for s in usable]
        assert lasts != sorted(lasts), "some copy should lag behind an earlier one"
        for snapshot in usable:
            replica = Replica(snapshot)
            for event in events:
                replica.feed(event)
            while replica.last < snapshot["lastUpdateId"] or not replica.started:
                replica.feed(await message(socket))
            await same_as_truth(client, replica)


async def test_a_snapshot_may_end_exactly_at_an_event() -> None:
    """With a snapshot taken at an event's last id the next event begins one above it, and the book is whole."""
    async with running("BTC/USDT@binance") as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        first, second = await message(socket), await message(socket)
        at = await truth(client, first["u"])
        replica = Replica({"lastUpdateId": at["update_id"], "bids": at["bids"], "asks": at["asks"]})
        # The admin endpoint writes prices shorter than the stream: compare as the stream spells them.
        replica.bids = {f"{float(p):.8f}": q for p, q in at["bids"]}
        replica.asks = {f"{float(p):.8f}": q for p, q in at["asks"]}
        assert second["U"] == replica.last + 1
        replica.feed(second)
        await same_as_truth(client, replica)


async def test_slow_and_fast_streams_carry_the_same_ids() -> None:
    """`@depth` covers exactly ten intervals of `@depth@100ms`; its first id is one of theirs."""
    async with running("BTC/USDT@binance", batch_ms=20) as client:
        socket = await client.ws("binance", "/stream?streams=btcusdt@depth/btcusdt@depth@100ms")
        fast: list[Any] = []
        slow: list[Any] = []
        while len(slow) < 3:
            got = await message(socket)
            (fast if got["stream"].endswith("100ms") else slow).append(got["data"])
        assert slow[0]["u"] + 1 == slow[1]["U"] and slow[1]["u"] + 1 == slow[2]["U"]
        assert {e["u"] for e in slow[1:]} <= {e["u"] for e in fast}
        covered = [e for e in fast if slow[1]["U"] <= e["U"] and e["u"] <= slow[1]["u"]]
        merged: dict[str, str] = {}
        for event in covered:
            merged.update(dict(event["b"]))
        assert merged == dict(slow[1]["b"]), "net changes, zeros of levels born and gone included"


async def test_best_price_equals_the_diff_book_at_the_same_id() -> None:
    """Whenever a bookTicker's `u` is the diff book's id, prices and amounts are equal; that happens often."""
    async with running("BTC/USDT@binance") as client:
        socket = await client.ws("binance", "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker")
        await until(socket, lambda m: m["stream"].endswith("@depth@100ms"))
        snapshot = await client.body("binance", "/api/v3/depth?symbol=BTCUSDT&limit=5000")
        replica, compared, tickers = Replica(snapshot), 0, {}
        async with asyncio.timeout(15):
            while compared < 3:
                got = await message(socket)
                if got["stream"].endswith("@bookTicker"):
                    tickers[got["data"]["u"]] = got["data"]
                    continue
                replica.feed(got["data"])
                ticker = tickers.get(replica.last)
                if replica.started and ticker:
                    best_bid = max(replica.bids, key=float)
                    best_ask = min(replica.asks, key=float)
                    assert [ticker[k] for k in "bBaA"] == [
                        best_bid,
                        replica.bids[best_bid],
                        best_ask,
                        replica.asks[best_ask],
                    ]
                    compared += 1


async def test_partial_books_and_trades_have_the_venues_fields() -> None:
    """Every stream's fields, in the venue's order, with eight decimals."""
    streams = "btcusdt@depth5@100ms/btcusdt@depth20/btcusdt@trade/btcusdt@aggTrade/btcusdt@bookTicker"
    async with running("BTC/USDT@binance", batch_ms=20, speed=5) as client:
        socket = await client.ws("binance", f"/stream?streams={streams}&timeUnit=MICROSECOND")
        seen: dict[str, Any] = {}
        async with asyncio.timeout(20):
            while len(seen) < 5:
                got = await message(socket)
                assert list(got) == ["stream", "data"]
                seen.setdefault(got["stream"].partition("@")[2], got["data"])
        assert list(seen["depth5@100ms"]) == ["lastUpdateId", "bids", "asks"]
        assert len(seen["depth5@100ms"]["bids"]) == 5 and len(seen["depth20"]["asks"]) == 20
        assert list(seen["trade"]) == ["e", "E", "s", "t", "p", "q", "T", "m", "M"]
        assert list(seen["aggTrade"]) == ["e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"]
        assert list(seen["bookTicker"]) == ["u", "s", "b", "B", "a", "A"]
        trade = seen["trade"]
        assert trade["s"] == "BTCUSDT" and 10**15 < trade["T"] <= trade["E"]
        assert len(trade["p"].partition(".")[2]) == 8 == len(trade["q"].partition(".")[2])


async def test_raw_and_combined_framing_can_be_switched() -> None:
    """`/ws` is raw; SET_PROPERTY combined wraps every frame; several raw streams can stand in the path."""
    async with running("BTC/USDT@binance", "ETH/USDT@binance") as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms/ethusdt@depth@100ms")
        symbols = {(await message(socket))["s"] for _ in range(8)}
        assert symbols == {"BTCUSDT", "ETHUSDT"}
        await socket.send_str('{"method":"SET_PROPERTY","params":["combined",true],"id":4}')
        await until(socket, lambda m: m.get("id") == 4)
        got = await message(socket)
        assert got["stream"] in ("btcusdt@depth@100ms", "ethusdt@depth@100ms") and "U" in got["data"]
        other = await client.ws("binance", "/ws")
        await other.send_str('{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":"a"}')
        assert await message(other) == {"result": None, "id": "a"}
        assert (await message(other))["e"] == "depthUpdate"


async def test_unknown_and_upper_case_streams_are_acknowledged_and_silent() -> None:
    """The acknowledgement comes, data do not, and other streams are not disturbed."""
    silent = ["nopeusdt@depth@100ms", "BTCUSDT@depth@100ms", "btcusdt@kline_1m", "btcusdt@BOOKTICKER"]
    async with running("BTC/USDT@binance", batch_ms=20) as client:
        socket = await client.ws("binance", f"/stream?streams={'/'.join(silent)}")
        await socket.send_str(json.dumps({"method": "SUBSCRIBE", "params": silent, "id": 1}))
        assert await message(socket) == {"result": None, "id": 1}
        await socket.send_str('{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":2}')
        got = [await message(socket) for _ in range(10)]
        assert {m.get("stream") for m in got} == {None, "btcusdt@depth@100ms"}


async def test_unsubscribing_ends_a_stream() -> None:
    """After the acknowledgement no frame of the stream follows."""
    async with running("BTC/USDT@binance", batch_ms=20) as client:
        socket = await client.ws("binance", "/stream?streams=btcusdt@depth@100ms/btcusdt@depth5@100ms")
        await message(socket)
        await socket.send_str('{"method":"UNSUBSCRIBE","params":["btcusdt@depth@100ms"],"id":7}')
        await until(socket, lambda m: m.get("id") == 7)
        assert {(await message(socket))["stream"] for _ in range(10)} == {"btcusdt@depth5@100ms"}


async def test_rest_catalog_and_market_data() -> None:
    """The catalog names every symbol with its filters; lists of trades and best prices have the venue's fields."""
    async with running("BTC/USDT@binance", "ETH/BTC@binance", "BTC/USD@bitstamp") as client:
        info = await client.body("binance", "/api/v3/exchangeInfo")
        assert [s["symbol"] for s in info["symbols"]] == ["BTCUSDT", "ETHBTC"]
        filters = {f["filterType"]: f for f in info["symbols"][0]["filters"]}
        assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
        assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
        assert info["rateLimits"][0] == {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": 6000,
        }
        two = await client.body("binance", '/api/v3/exchangeInfo?symbols=["ETHBTC","BTCUSDT"]')
        assert [s["symbol"] for s in two["symbols"]] == ["ETHBTC", "BTCUSDT"]
        one = await client.body("binance", "/api/v3/ticker/bookTicker?symbol=ETHBTC")
        assert list(one) == ["symbol", "bidPrice", "bidQty", "askPrice", "askQty"]
        assert len(await client.body("binance", "/api/v3/ticker/bookTicker")) == 2
        trades = await client.body("binance", "/api/v3/trades?symbol=BTCUSDT&limit=3")
        assert len(trades) == 3 and trades[0]["id"] + 2 == trades[2]["id"]
        assert await client.body("binance", "/api/v3/ping") == {}
        assert (await client.body("binance", "/api/v3/time"))["serverTime"] > 1_600_000_000_000


BAD_REQUESTS = {
    "/api/v3/depth?symbol=NOPE": -1121,
    "/api/v3/depth": -1102,
    "/api/v3/depth?symbol=": -1102,
    "/api/v3/depth?symbol=btc/usdt": -1100,
    "/api/v3/depth?symbol=BTCUSDT&limit=x": -1100,
    "/api/v3/depth?symbol=BTCUSDT&limit=0": -1130,
    "/api/v3/depth?symbol=BTCUSDT&foo=1": -1104,
    "/api/v3/depth?symbol=BTCUSDT&symbolStatus=HALT": -1220,
    "/api/v3/exchangeInfo?symbol=NOPE": -1121,
    "/api/v3/exchangeInfo?symbols=nonsense": -1100,
    '/api/v3/exchangeInfo?symbol=BTCUSDT&symbols=["BTCUSDT"]': -1128,
    "/api/v3/trades?symbol=NOPE": -1121,
}


async def test_bad_requests_get_the_venues_codes() -> None:
    """Status 400, the code, and some text."""
    async with running("BTC/USDT@binance") as client:
        for path, code in BAD_REQUESTS.items():
            status, _, body = await client.get("binance", path)
            assert (status, body["code"]) == (400, code), path
            assert body["msg"]


async def test_depth_is_clipped_and_charged() -> None:
    """A snapshot has at most `limit` levels a side, never more than 5000, and costs what the documentation says."""
    async with running("BTC/USDT@binance", deep_levels=5200) as client:
        used = 0
        for limit, weight in ((5, 5), (100, 5), (101, 25), (500, 25), (1000, 50), (5000, 250), (9999, 250)):
            used += weight
            status, headers, body = await client.get("binance", f"/api/v3/depth?symbol=BTCUSDT&limit={limit}")
            assert (status, headers["X-MBX-USED-WEIGHT-1M"]) in ((200, str(used)), (200, str(weight)))
            used = int(headers["X-MBX-USED-WEIGHT-1M"])  # a new minute may have begun
            bids, asks = list(numbers(body["bids"])), list(numbers(body["asks"]))
            assert bids == sorted(bids, reverse=True) and asks == sorted(asks)
            assert len(bids) == len(asks) == min(limit, 5000)
        assert len((await client.body("binance", "/api/v3/depth?symbol=BTCUSDT"))["bids"]) == 100


async def test_steady_frames_agree_with_snapshots() -> None:
    """The steady flow keeps a true state: snapshot plus frames is the book, and each frame has its levels."""
    async with running("BTC/USDT@binance", flow="steady", rate=200.0, levels=20) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms")
        events = [await message(socket) for _ in range(20)]
        snapshot = await client.body("binance", "/api/v3/depth?symbol=BTCUSDT&limit=5000")
        events += [await message(socket) for _ in range(150)]
        replica = Replica(snapshot)
        for event in events:
            assert (len(event["b"]), len(event["a"]), event["u"] - event["U"]) == (10, 10, 19)
            replica.feed(event)
        assert replica.started
        await same_as_truth(client, replica)


async def test_steady_frames_follow_an_absolute_schedule() -> None:
    """Frame n leaves at start + n / rate: nothing drifts, and nothing leaves early."""
    async with running("BTC/USDT@binance", flow="steady", rate=200.0, levels=4) as client:
        socket = await client.ws("binance", "/ws/btcusdt@depth@100ms?timeUnit=MICROSECOND")
        times = [(await message(socket))["E"] for _ in range(201)]
        late = sorted(time - times[0] - 5000 * number for number, time in enumerate(times))
        # The first frame itself may have been late, which makes the others look early by as much.
        assert abs(late[len(late) // 2]) < 20_000
        assert min(late) > -50_000


async def test_admin_answers_errors_plainly() -> None:
    """Unknown symbols, bad numbers and forgotten positions are told apart."""
    async with running("BTC/USDT@binance") as client:
        for query, status in (("symbol=NOPE", 404), ("symbol=BTCUSDT&levels=x", 400), ("symbol=BTCUSDT&at=5", 410)):
            got, _, body = await client.get("binance", f"/admin/book?{query}")
            assert got == status and body["error"]
        body = await client.body("binance", "/admin/book?symbol=BTCUSDT&levels=3")
        assert len(body["bids"]) == len(body["asks"]) == 3
