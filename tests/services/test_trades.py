"""Streams of trades: what they promise, in the publisher's loop and over a real socket."""

import asyncio
import time
from decimal import Decimal
from typing import Any

import grpc
import pytest

from book import PairBooks, Print, Taker
from proto import orderbook_pb2 as pb
from services import GrpcOptions
from services.admission import Client
from services.errors import Refused
from services.stream import ViewFailed
from services.trades import QUEUED, PairTrades, TradeStream, decimal_text
from tests.services.conftest import BTC, ETH, Rig, until, wait_until
from tests.services.stage import CLIENT, Stage, turn

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


def trade(
    books: PairBooks, *numbers: int, venue: str = "binance", price: Any = 100.5, amount: Any = 0.25, at_ns: int = 8
) -> None:
    """Trades in one message of the venue."""
    prints = [Print(price, amount, Taker.SELLER, str(number), 7, number) for number in numbers]
    books.trades.add(venue, prints, at_ns, at_ns + 1)


async def receive(stream: TradeStream) -> Any:
    message = await asyncio.wait_for(stream.next(), 5)
    assert message is not None
    return pb.Trades.FromString(message)


def ids(message: Any) -> list[str]:
    return [each.id for each in message.trades]


async def test_a_trade_as_the_contract_says() -> None:
    """The bytes are those of protobuf, field by field."""
    stage = Stage()
    async with stage.publisher.trades.watch([BTC], CLIENT) as stream:
        assert ids(await receive(stream)) == [], "the first message comes at once"
        trade(stage.books, 10)
        trade(stage.books, 13, at_ns=18)
        raw = await asyncio.wait_for(stream.next(), 5)
    assert raw is not None
    message = pb.Trades.FromString(raw)
    assert raw == message.SerializeToString()
    first = pb.Trade(
        venue="binance", pair="BTC/USDT", price="100.5", amount="0.25", taker=pb.SELLER, id="10", venue_ns=7,
        received_ns=8, applied_ns=9, sequence=1,
    )  # fmt: skip
    gap = pb.TradeGap(
        venue="binance", pair="BTC/USDT", sequence=2, from_ns=8, until_ns=19, missing=2,
        reason="trades 11 to 12 are missing",
    )  # fmt: skip
    assert message.trades[0] == first
    assert [(each.id, each.sequence) for each in message.trades] == [("10", 1), ("13", 3)]
    assert list(message.gaps) == [gap]
    assert time.time_ns() - message.sent_ns < 10 * 10**9


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (61250.4, "61250.4"), (61260.0, "61260"), (1e-08, "0.00000001"), (1e22, "10000000000000000000000"),
        (Decimal("12345678901234.56789000"), "12345678901234.56789"), (Decimal("1E-9"), "0.000000001"),
        (Decimal(300), "300"), (0.0, "0"),
    ],
)  # fmt: skip
def test_numbers(number: Any, text: str) -> None:
    """Without exponents, without zeros at the end."""
    assert decimal_text(number) == text


async def test_a_gap_of_unknown_size() -> None:
    """Zero is not the same as unknown."""
    stage = Stage()
    async with stage.publisher.trades.watch([BTC], CLIENT) as stream:
        await receive(stream)
        stage.books.trades.miss("bitstamp", "trades refused: no", 5)
        [gap] = (await receive(stream)).gaps
    assert (gap.HasField("missing"), gap.reason, gap.from_ns) == (False, "trades refused: no", 0)


async def test_every_stream_gets_every_trade_once() -> None:
    """Those that came late, and those of some venues alone; each is encoded once."""
    stage = Stage()
    watch = stage.publisher.trades.watch
    async with watch([BTC], CLIENT) as every, watch([BTC], CLIENT, frozenset({"bitstamp"})) as one:
        for stream in (every, one):
            await receive(stream)
        trade(stage.books, 1, 2)
        trade(stage.books, 7, venue="bitstamp")
        await turn()
        async with watch([BTC], CLIENT) as late:
            trade(stage.books, 3)
            await turn()
            assert ids(await receive(late)) == ["3"]
        assert ids(await receive(every)) == ["1", "2", "7", "3"]
        assert ids(await receive(one)) == ["7"]
        assert len(stage.publisher.trades.feeds[BTC]._told) == 4


async def test_several_pairs() -> None:
    """In the order in which they came."""
    stage = Stage()
    async with stage.publisher.trades.watch([BTC, ETH], CLIENT) as stream:
        for number in range(3):
            trade(stage.books, number)
            trade(stage.eth, number + 100)
            await turn()
        assert ids(await receive(stream)) == ["0", "100", "1", "101", "2", "102"]


async def test_recent_trades() -> None:
    """The newest of each pair, with the gaps between them; each of the later ones once."""
    stage = Stage()
    trade(stage.books, *range(10), 12, 13)
    trade(stage.books, 1, 2, 3, venue="bitstamp")
    watch = stage.publisher.trades.watch
    async with watch([BTC, ETH], CLIENT, None, 5) as stream:
        first = await receive(stream)
        assert (ids(first), first.missed) == (["12", "13", "1", "2", "3"], 0)
        trade(stage.books, 14)
        assert ids(await receive(stream)) == ["14"]
    async with watch([BTC], CLIENT, frozenset({"binance"}), 4) as stream:
        first = await receive(stream)
        assert (ids(first), [each.missing for each in first.gaps]) == (["9", "12", "13", "14"], [2])
    async with watch([BTC], CLIENT, None, 1000) as stream:
        trade(stage.books, 15)
        assert len(ids(await receive(stream))) == 17


async def test_a_slow_client() -> None:
    """Keeps the newest and is told how many went; nobody else waits for it."""
    stage = Stage()
    watch = stage.publisher.trades.watch
    async with watch([BTC], CLIENT) as slow, watch([BTC], CLIENT) as quick:
        for stream in (slow, quick):
            await receive(stream)
        for start in range(0, QUEUED + 700, 100):
            trade(stage.books, *range(start, start + 100))
            assert ids(await receive(quick)) == [str(each) for each in range(start, start + 100)]
        message = await receive(slow)
        assert (message.missed, len(message.trades), message.trades[0].id) == (700, QUEUED, "700")
        trade(stage.books, 9000)
        assert (await receive(slow)).missed == 0


async def test_a_loop_that_comes_too_late() -> None:
    """What the tape has forgotten by then is missed too."""
    stage = Stage()
    async with stage.publisher.trades.watch([BTC], CLIENT) as stream:
        await receive(stream)
        trade(stage.books, *range(2_500))
        message = await receive(stream)
    assert (message.missed, len(message.trades), message.trades[0].id) == (500, 2_000, "500")


async def test_a_message_now_and_then() -> None:
    """Also where nothing happens."""
    stage = Stage(heartbeat_s=0.02)
    async with stage.publisher.trades.watch([BTC], CLIENT) as stream:
        for _ in range(3):
            message = await receive(stream)
            assert (ids(message), message.sent_ns > 0, message.closing) == ([], True, False)


async def test_an_interval_between_messages() -> None:
    """Trades wait for it together; the end does not."""
    stage = Stage(heartbeat_s=100)
    async with stage.publisher.trades.watch([BTC], CLIENT, interval_s=0.05) as stream:
        await receive(stream)
        waiting = asyncio.ensure_future(receive(stream))
        began = asyncio.get_running_loop().time()
        for number in (1, 2, 3):
            trade(stage.books, number)
            await turn()
        assert ids(await waiting) == ["1", "2", "3"]
        assert asyncio.get_running_loop().time() - began >= 0.03
        trade(stage.books, 4)
        await turn()
        stage.publisher.close()
        last = await receive(stream)
        assert (ids(last), last.closing) == (["4"], True)
        assert await stream.next() is None
        assert await stream.next() is None


async def test_the_server_stops() -> None:
    """Who waits is told at once, who comes later at the beginning."""
    stage = Stage(heartbeat_s=100)
    async with stage.publisher.trades.watch([BTC], CLIENT) as stream:
        await receive(stream)
        waiting = asyncio.ensure_future(receive(stream))
        await turn()
        stage.publisher.close()
        assert (await waiting).closing
        async with stage.publisher.trades.watch([BTC], CLIENT) as late:
            assert (await receive(late)).closing


async def test_a_failure_ends_the_streams_of_its_pair() -> None:
    """And no other's."""
    stage = Stage(heartbeat_s=100)
    watch = stage.publisher.trades.watch
    async with watch([BTC], CLIENT) as broken, watch([ETH], CLIENT) as whole:
        for stream in (broken, whole):
            await receive(stream)
        waiting = asyncio.ensure_future(receive(broken))
        await turn()
        trade(stage.books, -1, price=None, amount="x" * 3, at_ns=-5)
        trade(stage.books, 5, venue=None)  # type: ignore[arg-type]
        with pytest.raises(ViewFailed):
            await waiting
        trade(stage.eth, 1)
        assert ids(await receive(whole)) == ["1"]


async def test_nobody_watches() -> None:
    """Nothing is listened to and nothing kept."""
    stage = Stage()
    tape = stage.books.trades
    async with stage.publisher.trades.watch([BTC], CLIENT), stage.publisher.trades.watch([BTC, ETH], CLIENT):
        assert len(tape._listeners) == 1
    assert not (tape._listeners or stage.publisher.trades.feeds or CLIENT.pairs)


async def test_too_many_pairs_of_one_client() -> None:
    """Refused, and nothing of it stays."""
    stage = Stage(GrpcOptions(max_pairs_per_client=1))
    with pytest.raises(Refused, match="watches 1 pairs already"):
        async with stage.publisher.trades.watch([BTC, ETH], Client("b")):
            raise AssertionError("let in")
    assert stage.publisher.trades.feeds == {}


async def test_a_pair_that_goes_and_comes_again() -> None:
    """Its streams follow it to its new tape as soon as somebody asks for it again."""
    stage = Stage()
    watch = stage.publisher.trades.watch
    async with watch([BTC], CLIENT) as old:
        await receive(old)
        stage.books = PairBooks(BTC)
        async with watch([BTC], CLIENT):
            trade(stage.books, 5)
            assert ids(await receive(old)) == ["5"]


async def test_a_trade_after_the_end() -> None:
    """The loop is closed: nothing happens."""
    loop = asyncio.new_event_loop()
    stage = Stage()
    PairTrades(loop, BTC, stage.books.trades)
    loop.close()
    trade(stage.books, 1)


def trades(rig: Rig, **request: Any) -> Any:
    """A running StreamTrades."""
    return rig.stream("MarketData/StreamTrades", pb.TradesRequest(**request), pb.Trades)


@pytest.mark.parametrize(
    ("request_fields", "code", "says"),
    [
        ({"pairs": ["QQQ/ZZZ"]}, NOT_FOUND, "carries BTC/USDT, ETH/BTC"),
        ({"pairs": ["???"]}, INVALID, "write it as BASE/QUOTE"),
        ({"pairs": ["BTC/USDT"] * 1001}, INVALID, "1001 pairs; allowed are at most 1000"),
        ({"venues": ["mtgox"]}, INVALID, "unknown venues mtgox; BTC/USDT has: binance, bitstamp"),
        ({"recent": 1001}, INVALID, "recent is 1001; allowed are 0 to 1000 of each pair"),
    ],
)
def test_what_is_refused(rig: Rig, request_fields: dict[str, Any], code: grpc.StatusCode, says: str) -> None:
    """With the value and the way out."""
    stream = trades(rig, **request_fields)
    with pytest.raises(grpc.RpcError):
        next(stream)
    assert stream.code() is code
    assert says in stream.details()


def test_too_many_recent_trades_of_many_pairs(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    """A stream begins with no more than it may wait with."""
    monkeypatch.setattr("services.request.QUEUED", 1500)
    stream = trades(rig, pairs=["BTC/USDT", "ETH/BTC"], recent=800)
    with pytest.raises(grpc.RpcError):
        next(stream)
    assert "of 2 pairs allowed are at most 750 each" in stream.details()


def test_over_a_socket(rig: Rig) -> None:
    """The default pair; a pair by name; the end is announced."""
    trade(rig.books, 1)
    default, named = trades(rig, recent=1), trades(rig, pairs=["eth-btc", "ETH/BTC"], venues=["Binance"])
    assert ids(next(default)) == ["1"]
    assert ids(next(named)) == []
    trade(rig.eth, 5)
    assert ids(until(named, lambda message: bool(message.trades))) == ["5"]
    assert rig.publisher.streams == 2
    default.cancel()
    wait_until(lambda: list(rig.publisher.trades.feeds) == [ETH], "it is let go")
    rig.server.stop(2.0)
    assert until(named, lambda message: message.closing).closing
    assert list(named) == []
    assert named.code() is grpc.StatusCode.OK
