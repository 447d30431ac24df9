"""The Bitfinex face over real sockets: channels, numbers, checksums, lengths, heartbeats, REST; wrong clients too."""

import asyncio
import json
import zlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, closed, message, running, until
from venue.faces.bitfinex_messages import checksum, number, spell
from venue.faces.milliseconds import KEPT, Milliseconds
from venue.habits import Habits
from venue.ladder import Ladder
from venue.listing import Listing
from venue.market import HistoryGone
from venue.matching import ASK, BID

FAST: dict[str, Any] = {"speed": 2.0, "deep_levels": 60}
PAIR, BTC = "BTC/USD@bitfinex", "tBTCUSD"
FLAGS = 32_768 + 65_536 + 131_072
Side = dict[Decimal, Decimal]


class Reader:
    """A client that keeps its books by the documented recipe, and counts what it sees."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.channels: dict[int, str] = {}
        self.sides: dict[str, tuple[Side, Side]] = {}
        self.texts: dict[str, str] = {}  # of all numbers that were seen
        self.ms = self.number = self.gaps = 0
        self.levels = self.snapshots = self.unknown = self.checked = self.wrong = self.beats = 0
        self.longest = 0

    async def read(self) -> Any:
        raw = str((await asyncio.wait_for(self.socket.receive(), 5)).data)
        got = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
        if isinstance(got, dict):
            if got["event"] == "subscribed":
                self.channels[int(got["chanId"])] = got["symbol"]
            return json.loads(raw)
        channel, payload, *more, told, ms = got
        self.gaps += told != self.number + 1
        self.number, self.ms = int(told), int(ms)
        symbol = self.channels[channel]
        if payload == "hb":
            self.beats += 1
        elif payload == "cs":
            self.checked += 1
            self.wrong += int(more[0]) != self.checksum(symbol)
        else:
            self.apply(symbol, payload, raw)
        return got

    def apply(self, symbol: str, payload: Any, raw: str) -> None:
        whole = not payload or isinstance(payload[0], list)
        if whole:
            self.snapshots += 1
            self.sides[symbol] = ({}, {})
        for price, count, amount in payload if whole else [payload]:
            self.levels += not whole
            side = self.sides[symbol][0 if amount > 0 else 1]
            if count:
                side[price] = abs(amount)
            else:
                assert abs(amount) == 1
                self.unknown += side.pop(price, None) is None
            self.longest = max(self.longest, len(side))

    def checksum(self, symbol: str) -> int:
        """Of the numbers as they came: this venue's Decimals are never padded."""
        bids, asks = self.sides[symbol]
        best = [(price, bids[price], "") for price in sorted(bids, reverse=True)[:25]]
        others = [(price, asks[price], "-") for price in sorted(asks)[:25]]
        words = []
        for rank in range(25):
            words += [f"{p}:{sign}{a}" for side in (best, others) for p, a, sign in side[rank : rank + 1]]
        found = zlib.crc32(":".join(words).encode())
        return found - 2**32 if found >= 2**31 else found

    async def until(self, wanted: Callable[[], bool], timeout_s: float = 10) -> None:
        async with asyncio.timeout(timeout_s):
            while not wanted():
                await self.read()

    async def ask(self, event: str, **more: Any) -> None:
        await self.socket.send_json({"event": event, **more})

    async def book(self, symbol: str = BTC, length: int = 25) -> None:
        await self.ask("subscribe", channel="book", symbol=symbol, prec="P0", freq="F0", len=str(length))


async def reader(client: Client, *symbols: str, length: int = 25) -> Reader:
    made = Reader(await client.ws("bitfinex", "/ws/2", max_msg_size=0))
    await made.ask("conf", flags=FLAGS)
    for symbol in symbols:
        await made.book(symbol, length)
    return made


async def truth(client: Client, at_ms: int, levels: int) -> tuple[Side, Side]:
    true = await client.body("bitfinex", f"/admin/book?symbol={BTC}&levels={levels}&at={at_ms * 1000}")
    bids, asks = ({Decimal(p): Decimal(q) for p, q in true[name]} for name in ("bids", "asks"))
    return bids, asks


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 8, "0"), (61250, 0, "61250"), (61000, 0, "61000"), (5, 1, "0.5"), (50_000_000, 8, "0.5"),
        (12345, 2, "123.45"),
        (-2_500_000, 8, "-0.025"), (110, 8, "0.0000011"), (100, 8, "0.000001"), (70, 8, "7e-7"), (66, 8, "6.6e-7"),
        (1, 8, "1e-8"), (-123, 9, "-1.23e-7"), (12_300_000_000, 8, "123"), (100_000_000, 8, "1"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_by_javascript(value: int, decimals: int, text: str) -> None:
    assert number(value, decimals) == text
    assert Decimal(text) == Decimal(value).scaleb(-decimals)


def test_the_checksum_of_an_example() -> None:
    """The example of our notes on the venue, and both sides cut to the length."""
    habits = Habits(1.0, 0.1, 1.0, 0.1, 0.1, 1.0, 0.1, 0.1, 0.1, (1, 2), 0.1)
    listing = Listing("bitfinex", "BTC", "USD", 0, 8, BTC, habits)
    ladder = Ladder()
    for side, tick, lots in ((BID, 61250, 50_000_000), (BID, 61249, 310_000), (ASK, 61251, 2_500_000)):
        ladder.set(side, tick, lots)
    ladder.set(ASK, 61252, 120_000_000)
    assert checksum(listing, ladder) == -1028591047
    assert checksum(listing, ladder, 1) != -1028591047


@pytest.mark.parametrize(
    ("base", "quote", "symbol"),
    [("BTC", "USD", "tBTCUSD"), ("BTC", "USDT", "tBTCUST"), ("DOGE", "USD", "tDOGE:USD"), ("ETH", "USDC", "tETHUDC")],
)
def test_spellings(base: str, quote: str, symbol: str) -> None:
    assert spell(base, quote) == symbol


@pytest.mark.parametrize("flow", ["synthetic", "steady"])
@pytest.mark.parametrize("length", [1, 25, 100, 250])
async def test_a_correct_client_holds_the_true_book(length: int, flow: str) -> None:
    """After every single message, at that message's time; numbers have no hole, checksums agree."""
    async with running(PAIR, flow=flow, rate=10.0, bitfinex_checksum_s=0.2, **FAST) as client:
        made = await reader(client, BTC, length=length)
        await made.until(lambda: made.snapshots == 1)
        assert made.sides[BTC] == await truth(client, made.ms, length)
        for count in range(1, 9):
            await made.until(lambda count=count: made.levels >= 15 * count)  # type: ignore[misc]
            held = tuple(
                dict(sorted(side.items(), reverse=which == 0)[:length]) for which, side in enumerate(made.sides[BTC])
            )
            for ours, true in zip(held, await truth(client, made.ms, length), strict=True):
                assert {price: true[price] for price in ours} == ours
                assert len(ours) >= len(true) - 1, "what comes into view is told after what lets it in"
        await made.until(lambda: made.checked >= 3)
        assert (made.gaps, made.wrong, made.unknown) == (0, 0, 0)
        assert made.longest <= length + 1, "what is pushed out is told after what pushes it"


async def test_numbers_count_all_channels_of_a_connection() -> None:
    """Books, trades and heartbeats; each connection for itself. A client that drops one notices at the next."""
    async with running(PAIR, "ETH/USD@bitfinex", bitfinex_heartbeat_s=0.05, **FAST) as client:
        made = await reader(client, BTC, "tETHUSD")
        other = await reader(client, BTC)
        await made.until(lambda: made.levels > 40 and made.beats > 4)
        await other.until(lambda: other.levels > 20)
        assert made.gaps == other.gaps == 0
        assert set(made.channels.values()) == {BTC, "tETHUSD"} and len(made.channels) == 2
        await client.fault("bitfinex", "drop", symbol="ETH/USD", channel="diff", count=1)
        await made.until(lambda: made.gaps == 1)
        before = other.levels
        await other.until(lambda: other.levels > before + 20)
        assert other.gaps == 0, "nobody else's number"


async def test_flags() -> None:
    """Without them a message is its channel and its payload; unknown ones are refused."""
    async with running(PAIR, bitfinex_checksum_s=0.05, **FAST) as client:
        socket = await client.ws("bitfinex", "/ws/2")
        assert (await message(socket))["platform"] == {"status": 1}
        await socket.send_json({"event": "conf", "flags": 536_870_912})
        assert await message(socket) == {"event": "conf", "status": "FAILED", "flags": 536_870_912}
        await socket.send_json({"event": "subscribe", "channel": "book", "symbol": BTC})
        answer = await message(socket)
        assert answer == {
            "event": "subscribed", "channel": "book", "chanId": answer["chanId"], "symbol": BTC, "prec": "P0",
            "freq": "F0", "len": "25", "pair": "BTCUSD",
        }  # fmt: skip
        for _ in range(30):
            assert len(await message(socket)) == 2
        await socket.send_json({"event": "conf", "flags": 65_536})
        assert (await until(socket, lambda m: isinstance(m, dict)))["status"] == "OK"
        assert [(await message(socket))[-1] for _ in range(3)] == [1, 2, 3]


ERRORS = [
    ({"event": "dance"}, 10000, "event: invalid (dance)"),
    ({"event": "subscribe", "channel": "nope", "symbol": BTC}, 10300, "channel: unknown"),
    ({"event": "subscribe", "channel": "book", "symbol": "tNOPE:USD"}, 10300, "symbol: invalid"),
    ({"event": "subscribe", "channel": "book"}, 10300, "symbol: invalid"),
    ({"event": "subscribe", "channel": "book", "symbol": BTC, "prec": "P9"}, 10300, "precision: invalid"),
    ({"event": "subscribe", "channel": "book", "symbol": BTC, "freq": "F1"}, 10300, "frequency: invalid"),
    ({"event": "subscribe", "channel": "book", "symbol": BTC, "len": 7}, 10300, "length: invalid"),
    ({"event": "unsubscribe", "chanId": 5}, 10400, "unsubscribe: invalid"),
]


async def test_events() -> None:
    """Errors, pong, silence for what is no JSON, a book twice, the limit, the end of a channel and a new one."""
    async with running(PAIR, bitfinex_channels=2, **FAST) as client:
        made = await reader(client)
        assert (await made.read())["event"] == "info" and (await made.read())["status"] == "OK"
        for text in ("no json", "[1]"):
            await made.socket.send_str(text)
        for sent, code, words in ERRORS:
            await made.socket.send_json(sent)
            got = await made.read()
            assert (got["event"], got["code"], got["msg"]) == ("error", code, words)
        await made.ask("ping", cid=42)
        assert (await made.read())["cid"] == 42
        await made.book()
        first = await made.read()
        await made.book()
        got = await until(made.socket, lambda m: isinstance(m, dict))
        assert (got["code"], got["chanId"], got["symbol"]) == (10301, first["chanId"], BTC)
        await made.ask("subscribe", channel="ticker", symbol=BTC)
        await until(made.socket, lambda m: isinstance(m, dict) and m["event"] == "subscribed")
        await made.ask("subscribe", channel="trades", symbol=BTC)
        assert (await until(made.socket, lambda m: isinstance(m, dict)))["code"] == 10305
        await made.ask("unsubscribe", chanId=first["chanId"])
        ended = await until(made.socket, lambda m: isinstance(m, dict))
        assert ended == {"event": "unsubscribed", "status": "OK", "chanId": first["chanId"]}
        with pytest.raises(TimeoutError):
            await message(made.socket, 0.2)
        await made.book()
        again = await message(made.socket)
        whole = await message(made.socket)
        assert again["chanId"] == whole[0] and len(whole[1]) == 50


async def test_trades() -> None:
    """The last thirty, then each twice, by its two names; the sign is the taker's side."""
    async with running(PAIR, **{**FAST, "speed": 30.0}) as client:
        made = await reader(client)
        await made.ask("subscribe", channel="trades", symbol=BTC)
        first = await until(made.socket, lambda m: isinstance(m, list))
        assert len(first[1]) <= 30 and all(len(row) == 4 for row in first[1])
        found: dict[str, list[Any]] = {"te": [], "tu": []}
        while len(found["tu"]) < 30:
            got = await until(made.socket, lambda m: isinstance(m, list) and m[1] in ("te", "tu"), 15)
            found[got[1]].append(got[2])
        assert found["te"][:30] == found["tu"][:30]
        assert {row[2] > 0 for row in found["te"]} == {True, False}
        ids = [row[0] for row in found["te"]]
        assert ids == sorted(ids)


async def test_connections_without_channels_end() -> None:
    """Without a word after a minute, whatever they say; who has a channel stays, who leaves it does not."""
    async with running(PAIR, bitfinex_idle_s=0.3, **FAST) as client:
        idle, listening = await client.ws("bitfinex", "/ws/2"), await reader(client, BTC)
        assert await closed(idle) == 1006
        await listening.until(lambda: listening.levels > 5)
        (channel,) = listening.channels
        await listening.ask("unsubscribe", chanId=channel)
        assert await closed(listening.socket) == 1006


async def test_the_end_is_announced() -> None:
    """By the notice to reconnect."""
    async with running(PAIR, **FAST) as client:
        socket = await client.ws("bitfinex", "/ws/2")
        await client.fault("bitfinex", "shutdown", notice_s=0.1)
        assert (await until(socket, lambda m: "code" in m))["code"] == 20051
        assert await closed(socket) == 1001


async def test_limits() -> None:
    """20 connects a minute by the edge; requests with the venue's word."""
    async with running(PAIR, bitfinex_connects=1, bitfinex_requests=1, **FAST) as client:
        await client.ws("bitfinex", "/ws/2")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
            await client.ws("bitfinex", "/ws/2")
        assert await client.body("bitfinex", "/v2/platform/status") == [1]
        status, _, body = await client.get("bitfinex", "/v2/platform/status")
        assert (status, body) == (429, {"error": "ERR_RATE_LIMIT"})


async def test_rest() -> None:
    """Tickers, pairs, the book; errors as the venue tells them."""
    async with running(PAIR, "DOGE/USDT@bitfinex", **{**FAST, "speed": 0.001}) as client:
        rows = await client.body("bitfinex", "/v2/tickers?symbols=ALL")
        assert [row[0] for row in rows] == [BTC, "tDOGE:UST"] and all(len(row) == 11 for row in rows)
        assert rows[0][1] < rows[0][3] and rows[0][2] > 0 and 50_000 < rows[0][7] < 80_000
        assert await client.body("bitfinex", f"/v2/tickers?symbols={BTC},tNOPE:USD") == rows[:1]
        assert await client.body("bitfinex", f"/v2/ticker/{BTC}") == rows[0][1:]
        pairs = await client.body("bitfinex", "/v2/conf/pub:list:pair:exchange")
        assert pairs == [["BTCUSD", "DOGE:UST"]]
        book = await client.body("bitfinex", f"/v2/book/{BTC}/P0?len=25")
        true = await client.body("bitfinex", f"/admin/book?symbol={BTC}&levels=25")
        for sign, name in ((1, "bids"), (-1, "asks")):
            shown = [(row[0], row[2] * sign) for row in book if row[2] * sign > 0]
            assert shown == [(float(price), float(amount)) for price, amount in true[name]]
        for path, words in (
            ("book/tNOPE:USD/P0", "symbol"),
            (f"book/{BTC}/P7", "prec"),
            (f"book/{BTC}/P0?len=3", "len"),
        ):
            status, _, body = await client.get("bitfinex", f"/v2/{path}")
            assert (status, body) == (500, ["error", 10020, f"{words}: invalid"])
        status, _, body = await client.get("bitfinex", "/v2/ticker/tNOPE:USD")
        assert (status, body[2]) == (500, "symbol: invalid")


def test_every_change_has_a_millisecond_of_its_own() -> None:
    """Not before its time, none twice; what was long ago is forgotten, and so is all when ids leave a hole."""
    clock = Milliseconds()
    assert clock.last == 0 and clock.of(7) is None
    with pytest.raises(HistoryGone):
        clock.update_of(5)
    assert [clock.add(update_id, us) for update_id, us in ((7, 1000), (8, 1001), (9, 1500), (10, 9000))] == [
        1,
        2,
        3,
        9,
    ]
    assert [clock.of(update_id) for update_id in (6, 7, 10, 11)] == [None, 1, 9, None]
    assert [clock.update_of(ms) for ms in (1, 3, 8, 9, 99)] == [7, 9, 9, 10, 10]
    assert clock.add(20, 0) == 10 and clock.of(10) is None
    for update_id in range(21, 21 + 2 * KEPT):
        clock.add(update_id, 0)
    assert clock.of(20) is None and clock.of(20 + 2 * KEPT) == clock.last
    with pytest.raises(HistoryGone, match="10 ms is not kept"):
        clock.update_of(10)
