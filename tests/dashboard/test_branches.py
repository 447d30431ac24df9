"""What is read beside the book: over one channel, each with its own retry, none in the way of another."""

import asyncio

import grpc
import pytest

from dashboard import branches as module
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import dashboard, until
from tests.dashboard.fake import EPOCH_NS, FakeServer, market, pair_info, status
from tests.dashboard.test_app import text_of

PAIRS = ("BTC/USDT", "ETH/BTC")


def stock(server: FakeServer) -> None:
    """A server that tells everything."""
    first = market()
    server.put(first)
    server.tell(status(first, PAIRS))
    server.carry(*(pair_info(pair) for pair in PAIRS))
    trade = pb.Trade(venue="binance", price="64123.4", amount="1.5", taker=pb.SELLER, sequence=1, id="1")
    trade.received_ns = trade.venue_ns = EPOCH_NS
    server.trade(pb.Trades(trades=[trade], sent_ns=EPOCH_NS))


async def test_all_of_it_comes_over_one_channel(server: FakeServer) -> None:
    stock(server)
    app = dashboard(server.port)
    async with app.run_test(size=(140, 45)):
        await until(lambda: "64,123.4" in text_of(app, "book"))
        await until(lambda: "version 0.1.0" in text_of(app, "health"))
        await until(lambda: "1.5000" in text_of(app, "trades"))
        await until(lambda: len(app.desk.catalog.pairs) == 2)
    assert list(server.trade_requests[0].pairs) == ["BTC/USDT"]
    assert server.trade_requests[0].recent == 200
    assert len(set(server.peers)) == 1


async def test_a_server_without_trades_says_so_and_the_rest_goes_on(server: FakeServer) -> None:
    server.put(market())
    app = dashboard(server.port)
    async with app.run_test(size=(140, 45)):
        await until(lambda: "this server does not tell trades" in text_of(app, "trades"))
        assert "● LIVE" in text_of(app, "header")
        assert app.desk.status is None


async def test_a_branch_that_broke_comes_back_alone(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFUSED_RETRY_S", 0.1)
    stock(server)
    server.cut_status(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams")
    app = dashboard(server.port)
    async with app.run_test(size=(140, 45)):
        await until(lambda: server.status_calls >= 2)
        assert app.desk.status is None
        assert "● LIVE" in text_of(app, "header")
        server.cut_status(None, "")
        await until(lambda: app.desk.status is not None)
    assert len(server.requests) == 1, "the book's stream was never disturbed"


async def test_another_pair_needs_no_new_channel(server: FakeServer) -> None:
    stock(server)
    server.by_pair["ETH/BTC"] = market(5, mid=380_000, pair="ETH/BTC")
    app = dashboard(server.port)
    async with app.run_test(size=(140, 45)) as pilot:
        await until(lambda: len(app.desk.catalog.pairs) == 2 and "64,123.4" in text_of(app, "book"))
        await pilot.press("n")
        await until(lambda: "3,800.00" in text_of(app, "header"))
        await until(lambda: list(server.trade_requests[-1].pairs) == ["ETH/BTC"])
        await until(lambda: "FROZEN" not in text_of(app, "header"))
    assert [request.pair for request in server.requests] == ["BTC/USDT", "ETH/BTC"]
    assert len(set(server.peers)) == 1


async def test_more_levels_are_asked_for_without_a_gap_in_the_picture(server: FakeServer) -> None:
    stock(server)
    app = dashboard(server.port)
    async with app.run_test(size=(140, 45)) as pilot:
        await until(lambda: "64,123.4" in text_of(app, "book"))
        states: set[str] = set()
        told = app.desk.feed.connecting

        def connecting(attempt: int) -> None:
            states.add("connecting")
            told(attempt)

        app.desk.feed.connecting = connecting  # type: ignore[method-assign]
        await pilot.press("d")
        await until(lambda: [request.levels for request in server.requests] == [50, 100])
        assert states == set()
        assert "64,123.4" in text_of(app, "book")


async def test_a_pair_that_is_refused_leaves_the_branches_alone(server: FakeServer) -> None:
    """The card offers another pair, and its list is there."""
    stock(server)
    server.refuse(grpc.StatusCode.NOT_FOUND, "no pair X/Y here")
    app = dashboard(server.port, pair="X/Y")
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: "refuses the request" in text_of(app, "book"))
        await until(lambda: len(app.desk.catalog.pairs) == 2)
        server.refuse(None, "")
        await pilot.press("slash")
        await pilot.press(*"btc", "enter")
        await until(lambda: "64,123.4" in text_of(app, "book"))


async def test_quotes_are_read_while_somebody_looks(server: FakeServer) -> None:
    stock(server)
    server.by_pair["ETH/BTC"] = market(5, mid=380_000, pair="ETH/BTC")
    app = dashboard(server.port)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(lambda: "64,123.4" in text_of(app, "book"))
        assert server.streams == 1
        await pilot.press("6")
        await until(lambda: "3,800.00" in text_of(app, "symbols"))
        assert server.streams >= 2
        await pilot.press("1")
        await until(lambda: server.streams == 1, "the quotes to end")
    quotes = [request for request in server.requests if request.min_interval_ms == module.QUOTE_EVERY_MS]
    assert {request.pair for request in quotes} == set(PAIRS)
    assert {request.levels for request in quotes} == {app.desk.depth}, "their imbalance counts as the header's does"


async def test_at_most_so_many_quotes(server: FakeServer) -> None:
    quotes = module.Quotes(lambda _: None)
    quotes.watch(tuple(f"A{number}/B" for number in range(100)), 10)
    assert len(quotes._pairs) == module.MAX_QUOTES


async def test_unless_cancels_what_is_not_wanted_any_more() -> None:
    from dashboard.stream import unless

    event, ended = asyncio.Event(), asyncio.Event()

    async def work() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 1

    waiting = asyncio.ensure_future(unless(event, work()))
    await asyncio.sleep(0)
    event.set()
    assert await waiting is None
    assert ended.is_set()

    async def quick() -> int:
        return 7

    assert await unless(asyncio.Event(), quick()) == 7
