"""Quote groups over a real socket: what clients are told, when, and what is refused."""

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from book import Dust, Pair, merge
from book.group import DEFAULT_GROUPS, parse_group
from proto import orderbook_pb2 as pb
from services import GrpcOptions, GrpcServer, Market, encode
from services.market import Books
from services.messages import book_message, summary_message
from services.publisher import Publisher
from services.view import Cut, MergedBookView, ViewKey
from tests.book.quotes import grouped, lose, usual
from tests.book.quotes import load as load_book
from tests.services.conftest import DEADLINE_S, Rig, until, wait_until
from tests.services.stage import CLIENT

GROUP = Pair("BTC", "USD~")
INVALID = grpc.StatusCode.INVALID_ARGUMENT
FEES = {"a": Decimal("0.001"), "b": Decimal("0.002"), "c": Decimal("0.004")}


class Groups(Rig):
    """A server of BTC/USD~ and of all that it is made of."""

    def __init__(self, **market: Any) -> None:
        self.made = usual()
        self.group = grouped(*self.made.values())
        by_pair = {books.pair: books for books in self.made.values()}
        carried: dict[Pair, Books] = {**by_pair, GROUP: self.group}
        instruments = [b.instrument for books in by_pair.values() for b in books.books.values() if b.instrument]
        known = [*by_pair, GROUP]
        self.market = Market(
            GROUP, lambda: carried, instruments, known=known, groups=DEFAULT_GROUPS, **{"fees": FEES, **market}
        )
        self.server = GrpcServer(GrpcOptions(port=0))
        self.port = self.server.open()
        self.server.serve(self.market)
        self.channel = self.connect()

    def fill(self) -> None:
        """BTC at 100 to 101 in each of the dollars; USDT at 0.99 to 1.01 USD, USDC at 1.00 to 1.02."""
        now = time.time_ns()
        for name, venue in (("USD", "a"), ("USDT", "a"), ("USDT", "b"), ("USDC", "c")):
            load_book(self.made[name], venue, [(100.0, 1.0)], [(101.0, 1.0)], now)
        load_book(self.made["USDT/USD"], "a", [(0.99, 10_000.0)], [(1.01, 10_000.0)], now - 700_000_000)
        load_book(self.made["USDC/USD"], "b", [(1.0, 10_000.0)], [(1.02, 10_000.0)], now)

    def call(self, method: str, request: Any, answer: Any) -> Any:
        call = self.channel.unary_unary(
            f"/orderbook.MarketData/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        return call(request, timeout=DEADLINE_S)


@pytest.fixture
def rig() -> Iterator[Groups]:
    made = Groups()
    yield made
    made.close()


def state_of(book: Any, name: str) -> Any:
    (found,) = [each.trust for each in book.venues if each.trust.venue == name]
    return found


def test_a_book_tells_members_rates_and_how_they_were_made(rig: Groups) -> None:
    rig.fill()
    stream = rig.stream_book(pair="btc-usd~")
    book = next(stream)
    assert (book.pair, book.unit, book.price_decimals) == ("BTC/USD~", "USD", 4)
    assert [(each.trust.venue, each.pair) for each in book.venues] == [
        ("a/usd", "BTC/USD"), ("b/usd", "BTC/USD"),
        ("a/usdt", "BTC/USDT"), ("b/usdt", "BTC/USDT"), ("c/usdt", "BTC/USDT"), ("c/usdc", "BTC/USDC"),
    ]  # fmt: skip
    assert [(level.price, [a.venue for a in level.amounts]) for level in book.bids] == [
        (1_000_000, [0, 5]),
        (990_000, [2, 3]),
    ]
    assert [level.price for level in book.asks] == [1_010_000, 1_020_100, 1_030_200]
    usdt, usdc = book.conversions
    assert (usdt.quote, usdt.unit, usdt.rule, list(usdt.pairs)) == ("USDT", "USD", pb.BY_BOOK, ["USDT/USD"])
    assert (usdt.state, usdt.reason, usdt.bid, usdt.ask, usdt.bid_amount) == (pb.LIVE, "", "0.99", "1.01", "10000")
    assert (usdt.par_ppm, usdt.basis_ppm, usdc.par_ppm, usdc.basis_ppm) == (0, 0, 10_000, 10_000)
    assert usdt.HasField("basis_ppm")
    assert usdt.age_ns >= 700_000_000
    assert [(each.venue, each.state) for each in usdt.venues] == [("a", pb.LIVE), ("b", pb.CONNECTING)]
    beat = until(stream, lambda each: each.heartbeat)
    assert ([each.quote for each in beat.conversions], beat.unit) == (["USDT", "USDC"], "USD")
    assert beat.conversions[0].age_ns > usdt.age_ns
    stream.cancel()


def test_old_clients_are_told_the_members_too(rig: Groups) -> None:
    """By names that cannot be taken for the venue's own price."""
    rig.fill()
    stream = rig.summaries()
    summary = next(stream)
    assert (summary.symbol, summary.unit) == ("BTC/USD~", "USD")
    assert [(level.exchange, level.price) for level in summary.bids] == [
        ("a/usd", 100.0), ("c/usdc", 100.0), ("a/usdt", 99.0), ("b/usdt", 99.0),
    ]  # fmt: skip
    assert [each.bid for each in summary.conversions] == ["0.99", "1"]
    stream.cancel()


def test_a_lost_conversion_takes_its_member_out_with_the_next_message(rig: Groups) -> None:
    """With the reason; it comes back by itself. A change of the rates alone is sent too."""
    rig.fill()
    stream = rig.stream_book(pair="BTC/USD~")
    assert len(next(stream).bids) == 2
    lose(rig.made["USDT/USD"], "a", "two updates are missing", time.time_ns())
    book = until(stream, lambda each: not each.heartbeat)
    assert [[a.venue for a in level.amounts] for level in book.bids] == [[0, 5]]
    for name in ("a/usdt", "b/usdt"):
        assert state_of(book, name).state == pb.UNCONVERTED
    told = "no live book of USDT/USD: a is gap: two updates are missing; b is connecting: not connected yet"
    assert state_of(book, "a/usdt").reason == told
    usdt = book.conversions[0]
    assert (usdt.state, usdt.reason, usdt.bid, usdt.HasField("basis_ppm")) == (pb.UNCONVERTED, told, "", False)
    load_book(rig.made["USDT/USD"], "a", [(0.98, 10_000.0)], [(1.01, 10_000.0)], time.time_ns())
    book = until(stream, lambda each: not each.heartbeat)
    assert (book.bids[1].price, book.conversions[0].bid) == (980_000, "0.98")
    load_book(rig.made["USDC/USD"], "b", [(1.0, 9_000.0)], [(1.02, 10_000.0)], time.time_ns())
    assert next(stream).heartbeat, "nothing but an amount that is not needed has changed"
    stream.cancel()


def test_par_is_told_in_each_message(rig: Groups) -> None:
    made = usual()
    group = grouped(made["USD"], made["USDT"], group=parse_group("USD~", "USD,USDT:par"))
    load_book(made["USDT"], "a", [(100.0, 1.0)], [(101.0, 1.0)])
    merged = merge(group.view(5), 5)
    for beat in (False, True):
        book = pb.Book.FromString(encode.book(merged, 1, heartbeat=beat))
        assert [(each.rule, each.bid, each.ask, list(each.pairs)) for each in book.conversions] == [
            (pb.AT_PAR, "1", "1", [])
        ]


@given(st.booleans(), st.booleans(), st.booleans())
def test_the_bytes_are_protobufs(live: bool, heartbeat: bool, closing: bool) -> None:
    made = usual()
    for name in ("USD", "USDT"):
        load_book(made[name], "a", [(100.0, 1.0)], [(101.0, 1.0)])
    if live:
        load_book(made["USDT/USD"], "a", [(0.99, 100.0)], [(1.01, 50.0)])
    merged = merge(grouped(*made.values()).view(5), 5)
    now = 1_800_000_000_000_000_000
    assert encode.book(merged, now, heartbeat=heartbeat, closing=closing) == book_message(
        merged, now, heartbeat=heartbeat, closing=closing
    ).SerializeToString(deterministic=True)
    assert encode.summary(merged, now) == summary_message(merged, now).SerializeToString(deterministic=True)


def test_venues_are_filtered_by_their_name_or_by_their_entry(rig: Groups) -> None:
    rig.fill()
    for asked, entries in ((["A"], [0, 2]), (["a/usdt", "c"], [2, 5]), (["a", "b", "c"], [0, 2, 3, 5])):
        stream = rig.stream_book(pair="BTC/USD~", venues=asked)
        book = next(stream)
        assert sorted({a.venue for level in book.bids for a in level.amounts}) == entries
        stream.cancel()
    stream = rig.stream_book(pair="BTC/USD~", venues=["a/usdx", "d"])
    with pytest.raises(grpc.RpcError):
        next(stream)
    assert "unknown venues a/usdx, d; BTC/USD~ has: a/usd, b/usd" in stream.details()


def test_figures_costs_and_fees_follow(rig: Groups) -> None:
    """In the unit; what is net has the fee of the conversion in it too."""
    rig.fill()
    stream = rig.stream_book(analytics=["mid", "cost:sell:3", "cost:sell:1:a/usdt", "net_bid"], net_of_fees=True)
    book = next(stream)
    told = {each.name + each.part: (each.value, each.unit) for each in book.analytics}
    assert told["mid"] == ("100.5", "USD")
    assert told["cost:sell:3total"] == ("299", "USD")
    assert told["cost:sell:1:a/usdttotal"] == ("99", "USD")
    assert told["net_bid"] == ("99.9", "USD")
    net = {book.venues[a.venue].trust.venue: level.price for level in book.bids for a in level.amounts}
    assert net["a/usdt"] / 10**book.price_decimals == pytest.approx(99 * (1 - 0.002001), abs=1e-9)
    assert net["c/usdc"] / 10**book.price_decimals == pytest.approx(100 * (1 - 0.006008), abs=1e-9)
    stream.cancel()
    cost = rig.call("CostToFill", pb.CostRequest(side="sell", amount="3", pair="BTC/USD~"), pb.Cost)
    assert (cost.quote, cost.bound) == ("299", False)
    assert [(each.venue, each.base) for each in cost.route] == [("a/usd", "1"), ("c/usdc", "1"), ("a/usdt", "1")]
    assert [each.quote for each in cost.conversions] == ["USDT", "USDC"]
    net_cost = rig.call(
        "CostToFill", pb.CostRequest(side="sell", amount="1", venues=["a/usdt"], net_of_fees=True), pb.Cost
    )
    assert Decimal(net_cost.quote) == 99 - 99 * Decimal("0.002001")


def test_net_prices_need_the_fees_of_those_who_convert() -> None:
    made = Groups(fees={"a": Decimal(0), "c": Decimal(0)})
    try:
        stream = made.stream_book(net_of_fees=True, venues=["a/usdt"])
        with pytest.raises(grpc.RpcError):
            next(stream)
        assert stream.code() is INVALID
        assert "no taker fee is known for b, which net_of_fees needs" in stream.details()
    finally:
        made.close()


def test_min_notional_is_refused_and_min_amount_is_not(rig: Groups) -> None:
    """Notionals of different quotes cannot be told apart by one number."""
    rig.fill()
    stream = rig.stream_book(min_notional="5")
    with pytest.raises(grpc.RpcError):
        next(stream)
    assert stream.code() is INVALID
    assert (
        "min_notional is '5', but the members of BTC/USD~ have different quotes; use min_amount" in stream.details()
    )
    stream = rig.stream_book(min_amount="1.5")
    assert not next(stream).bids
    stream.cancel()


def test_trades_of_a_group_are_refused(rig: Groups) -> None:
    stream = rig.stream("MarketData/StreamTrades", pb.TradesRequest(), pb.Trades)
    with pytest.raises(grpc.RpcError):
        next(stream)
    assert "BTC/USD~ is a group of quotes, which has no trades of its own" in stream.details()


def test_pairs_and_groups_are_listed(rig: Groups) -> None:
    pairs = rig.call("ListPairs", pb.PairsRequest(), pb.Pairs)
    (group,) = pairs.groups
    assert (group.name, group.unit) == ("USD~", "USD")
    assert [(each.quote, each.rule) for each in group.members] == [
        ("USD", pb.RULE_UNSPECIFIED), ("USDT", pb.BY_BOOK), ("USDC", pb.BY_BOOK),
    ]  # fmt: skip
    (info,) = [each for each in pairs.pairs if each.pair == "BTC/USD~"]
    assert (info.base, info.quote, info.price_decimals, info.amount_decimals) == ("BTC", "USD~", 4, 3)
    assert [each.venue for each in info.listings] == ["a/usd", "b/usd", "a/usdt", "b/usdt", "c/usdt", "c/usdc"]


def test_states_of_a_group_by_name_and_of_all_pairs_without_it(rig: Groups) -> None:
    rig.fill()
    stream = rig.stream_status("BTC/USD~")
    (status,) = next(stream).pairs
    assert [each.venue for each in status.venues][:3] == ["a/usd", "b/usd", "a/usdt"]
    assert [(each.quote, each.bid) for each in status.conversions] == [("USDT", "0.99"), ("USDC", "1")]
    lose(rig.made["USDC/USD"], "b")
    status = until(stream, lambda each: each.pairs[0].conversions[1].state == pb.UNCONVERTED).pairs[0]
    assert status.venues[5].state == pb.UNCONVERTED
    stream.cancel()
    stream = rig.stream_status()
    assert [each.pair for each in next(stream).pairs] == [str(books.pair) for books in rig.made.values()]
    stream.cancel()


def test_a_group_that_nobody_watches_is_not_listened_to(rig: Groups) -> None:
    rig.fill()
    stream = rig.stream_book()
    next(stream)
    assert all(books._listeners for books in rig.made.values())
    stream.cancel()
    wait_until(lambda: not any(books._listeners for books in rig.made.values()), "it is let go")


async def test_many_writes_are_few_looks_and_the_last_is_sent() -> None:
    """A group has a pace of its own, whoever writes; a write within it is looked at when it is over."""
    made = usual()
    group = grouped(*made.values())
    carried: dict[Pair, Any] = {GROUP: group}
    publisher = Publisher(asyncio.get_running_loop(), Market(GROUP, lambda: carried), GrpcOptions(), 60)
    key = ViewKey(MergedBookView, GROUP, Cut(5, Dust()))
    looks: list[int] = []
    view = group.view
    group.view = lambda *arguments: looks.append(1) or view(*arguments)  # type: ignore[method-assign, func-returns-value]
    with publisher.watch_book(key, CLIENT) as stream:
        await stream.next()
        began = time.monotonic()
        for n in range(1, 101):
            load_book(made["USD"], "a", [(float(n), 1.0)], [])
            await asyncio.sleep(0.001)
        async with asyncio.timeout(10):
            while True:
                book = pb.Book.FromString(await stream.next() or b"")
                if book.bids and book.bids[0].price == 1_000_000:
                    break
        assert len(looks) <= 3 + (time.monotonic() - began) / 0.02
    assert book.sequence == sum(books.version for books in made.values())


def test_a_decimal_member(rig: Groups) -> None:
    """Books of Decimals and of doubles in one group."""
    rig.fill()
    exact: Any = (Decimal("100.123456789012345678"), Decimal(1))
    load_book(rig.made["USDC"], "c", [exact], [])
    stream = rig.stream_book()
    book = next(stream)
    assert Decimal(book.bids[0].price).scaleb(-book.price_decimals) == pytest.approx(exact[0], abs=Decimal("1e-9"))
    stream.cancel()
