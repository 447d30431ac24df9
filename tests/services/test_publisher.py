"""What is computed when, and who gets it; without sockets, in the test's own loop."""

import asyncio
import logging
import threading
from contextlib import ExitStack
from typing import Any

import grpc
import pytest

from book import Distance, Dust, State
from proto import orderbook_pb2 as pb
from services.errors import Refused
from services.market import Market
from services.options import GrpcOptions
from services.publisher import Publisher
from services.stream import ViewFailed
from services.view import Cut, MergedBookView, SummaryView, ViewKey
from tests.services.conftest import BTC, ETH, load, lose, make_books
from tests.services.stage import BOOK, CLIENT, SUMMARY, Stage, listeners, receive, turn


async def test_the_first_message_is_the_present_state_live_or_not() -> None:
    stage = Stage()
    with stage.publisher.watch_book(SUMMARY, CLIENT) as stream:
        first = await receive(stream)
        assert [venue.state for venue in first.venues] == [pb.CONNECTING, pb.CONNECTING]
        assert not first.heartbeat
    load(stage.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
    with stage.publisher.watch_book(SUMMARY, CLIENT) as stream:
        assert (await receive(stream)).bids[0].price == 100.0


async def test_all_streams_of_a_view_send_the_same_object_encoded_once() -> None:
    stage = Stage(heartbeat_s=60)
    with ExitStack() as stack:
        streams = [stack.enter_context(stage.publisher.watch_book(SUMMARY, CLIENT)) for _ in range(50)]
        for stream in streams:
            await stream.next()
        before = stage.view().encoded
        load(stage.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
        messages = [await asyncio.wait_for(stream.next(), 5) for stream in streams]
        assert len({id(message) for message in messages}) == 1
        assert stage.view().encoded == before + 1


async def test_a_burst_wakes_the_loop_once_and_its_last_state_is_sent() -> None:
    stage = Stage(heartbeat_s=60)
    with stage.publisher.watch_book(SUMMARY, CLIENT) as stream:
        await stream.next()
        before = stage.view().encoded

        def write() -> None:
            for n in range(1, 501):
                load(stage.books, "binance", [(float(n), 1.0)], [])

        writer = threading.Thread(target=write)
        writer.start()
        writer.join()  # the loop was blocked all the while
        last = await receive(stream)
        assert last.bids[0].price == 500.0
        assert last.sequence == stage.books.version
        assert last.conflated == 0  # 500 writes were one state for this view
        assert stage.view().encoded == before + 1


async def test_a_stream_that_takes_nothing_is_told_how_many_states_it_was_spared() -> None:
    stage = Stage(heartbeat_s=60)
    with stage.publisher.watch_book(BOOK, CLIENT) as slow, stage.publisher.watch_book(BOOK, CLIENT) as fast:
        await slow.next()
        await fast.next()
        for n in range(1, 11):
            load(stage.books, "binance", [(float(n), 1.0)], [])
            message = await receive(fast, pb.Book)
            assert (message.bids[0].price, message.conflated) == (n * 100, 0)
        message = await receive(slow, pb.Book)
        assert (message.bids[0].price, message.conflated) == (1000, 9)
    assert stage.publisher.conflated == 9


@pytest.mark.parametrize("min_interval_ms", [0, 200])
async def test_what_no_stream_has_room_for_is_computed_when_one_takes_its_message(min_interval_ms: int) -> None:
    """A client that does not read, or wants few messages, gets the newest and costs one message, not each."""
    stage = Stage(heartbeat_s=60)
    with stage.publisher.watch_book(SUMMARY, CLIENT, min_interval_ms) as stream:
        await stream.next()
        before = stage.view().encoded
        for n in range(1, 101):
            load(stage.books, "binance", [(float(n), 1.0)], [])
            await turn()
        assert stage.view().encoded == before + 1
        message = await receive(stream)
        assert (message.bids[0].price, message.conflated) == (100.0, 1)
        assert stage.view().encoded == before + 2
        load(stage.books, "binance", [(7.0, 1.0)], [])
        assert (await receive(stream)).bids[0].price == 7.0


async def test_what_changes_nothing_in_the_view_is_not_sent() -> None:
    """A deep level, the same levels again, a counter: the clocks come with the heartbeat."""
    stage = Stage(heartbeat_s=60)
    key = ViewKey(MergedBookView, BTC, Cut(1, Dust()))
    load(stage.books, "binance", [(100.0, 1.0), (99.0, 1.0)], [(101.0, 1.0)])
    with stage.publisher.watch_book(key, CLIENT) as stream:
        await stream.next()
        before = stage.view(key).encoded
        load(stage.books, "binance", [(100.0, 1.0), (98.0, 5.0)], [(101.0, 1.0)])
        with stage.books:
            stage.books.books["binance"].counters.garbage += 1
        await turn()
        assert stage.view(key).encoded == before


@pytest.mark.parametrize("key", [SUMMARY, BOOK])
async def test_leaving_live_is_told_at_once_and_takes_the_levels_out(key: ViewKey) -> None:
    stage = Stage(heartbeat_s=60)
    kind: Any = pb.Summary if key is SUMMARY else pb.Book
    load(stage.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
    with stage.publisher.watch_book(key, CLIENT) as stream:
        assert len((await receive(stream, kind)).bids) == 1
        lose(stage.books, "binance", State.STALE, "silent for 5 s")
        message = await receive(stream, kind)
        assert len(message.bids) == 0
        trust = message.venues[0] if key is SUMMARY else message.venues[0].trust
        assert (trust.state, trust.reason) == (pb.STALE, "silent for 5 s")


@pytest.mark.parametrize("key", [SUMMARY, BOOK])
async def test_a_change_of_state_without_any_level_is_told_at_once(key: ViewKey) -> None:
    stage = Stage(heartbeat_s=60)
    kind: Any = pb.Summary if key is SUMMARY else pb.Book
    with stage.publisher.watch_book(key, CLIENT) as stream:
        await stream.next()
        for state, reason in ((State.DOWN, "refused"), (State.DOWN, "no route"), (State.SYNCING, "no route")):
            lose(stage.books, "bitstamp", state, reason)
            message = await receive(stream, kind)
            trust = message.venues[1] if key is SUMMARY else message.venues[1].trust
            assert (pb.State.Name(trust.state), trust.reason) == (state.name, reason)


async def test_heartbeats_bring_states_and_clocks_while_nothing_changes() -> None:
    stage = Stage(heartbeat_s=0.02)
    load(stage.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
    with stage.publisher.watch_book(BOOK, CLIENT) as book, stage.publisher.watch_book(SUMMARY, CLIENT) as summary:
        first = await receive(book, pb.Book)
        await receive(summary)
        for _ in range(3):
            beat = await receive(book, pb.Book)
            assert beat.heartbeat
            assert not beat.bids
            assert beat.venues[0].trust.age_ns > first.venues[0].trust.age_ns
        beat = await receive(summary)
        assert beat.heartbeat
        assert beat.bids[0].price == 100.0  # the full summary: old clients know no heartbeat


async def test_a_pair_that_nobody_watches_is_not_listened_to() -> None:
    stage = Stage()
    assert listeners(stage.books) == 0
    with stage.publisher.watch_book(SUMMARY, CLIENT), stage.publisher.watch_book(BOOK, CLIENT):
        assert listeners(stage.books) == 1
        assert listeners(stage.eth) == 0
        with stage.publisher.watch_status((BTC, ETH), CLIENT):
            assert (listeners(stage.books), listeners(stage.eth)) == (1, 1)
    assert (listeners(stage.books), listeners(stage.eth)) == (0, 0)
    assert not stage.publisher.feeds


async def test_books_have_as_many_prices_as_asked_for_where_venues_tie() -> None:
    """Two venues at the same three prices: two levels are two prices with both amounts each."""
    stage = Stage()
    levels = [(100.0, 1.0), (99.0, 1.0), (98.0, 1.0)]
    for venue in ("binance", "bitstamp"):
        load(stage.books, venue, levels, [])
    with stage.publisher.watch_book(ViewKey(MergedBookView, BTC, Cut(2, Dust())), CLIENT) as stream:
        book = await receive(stream, pb.Book)
        assert [(level.price, len(level.amounts)) for level in book.bids] == [(10000, 2), (9900, 2)]
    with stage.publisher.watch_book(ViewKey(SummaryView, BTC, Cut(2, Dust())), CLIENT) as stream:
        assert [level.price for level in (await receive(stream)).bids] == [100.0, 100.0]


def fail(*arguments: object) -> bytes:
    raise ZeroDivisionError("no such luck")


async def test_books_have_no_more_prices_than_asked_for_where_venues_differ() -> None:
    stage = Stage()
    load(stage.books, "binance", [(100.0, 1.0), (98.0, 1.0)], [(101.0, 1.0), (103.0, 1.0)])
    load(stage.books, "bitstamp", [(99.0, 1.0), (97.0, 1.0)], [(101.0, 2.0), (102.0, 1.0)])
    with stage.publisher.watch_book(ViewKey(MergedBookView, BTC, Cut(2, Dust())), CLIENT) as stream:
        book = await receive(stream, pb.Book)
        assert [level.price for level in book.bids] == [10000, 9900]
        assert [(level.price, len(level.amounts)) for level in book.asks] == [(10100, 2), (10200, 1)]


async def test_a_view_that_fails_ends_its_own_streams_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(heartbeat_s=60)
    with stage.publisher.watch_book(SUMMARY, CLIENT) as broken, stage.publisher.watch_book(BOOK, CLIENT) as sound:
        await broken.next()
        await sound.next()
        monkeypatch.setattr(SummaryView, "encode", fail)
        load(stage.books, "binance", [(100.0, 1.0)], [])
        assert (await receive(sound, pb.Book)).bids[0].price == 10000
        with pytest.raises(ViewFailed, match="no such luck"):
            await broken.next()
    assert "ZeroDivisionError" in caplog.text


async def test_a_heartbeat_that_fails_ends_the_streams_of_its_view(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(heartbeat_s=0.02)
    with stage.publisher.watch_book(SUMMARY, CLIENT) as stream:
        await stream.next()
        monkeypatch.setattr(SummaryView, "beat", fail)
        with pytest.raises(ViewFailed):
            await asyncio.wait_for(stream.next(), 5)
    assert "ZeroDivisionError" in caplog.text


async def test_status_tells_changes_at_once_and_all_of_a_turn_in_one_message() -> None:
    stage = Stage(heartbeat_s=60)
    with stage.publisher.watch_status((BTC, ETH), CLIENT) as stream:
        first = await receive(stream, pb.Status)
        assert [pair.pair for pair in first.pairs] == ["BTC/USDT", "ETH/BTC"]
        assert (first.version, first.started_ns) == ("9", 3)
        assert first.budgets[0] == pb.VenueBudget(
            venue="binance", weight_used=20, weight_limit=6000, window_s=60, banned_until_ns=5, waiting=1,
            connects_used=2, connects_limit=300, connects_window_s=301,
        )  # fmt: skip
        for books in (stage.books, stage.eth):
            lose(books, "binance", State.DOWN, "refused")
        second = await receive(stream, pb.Status)
        assert [pair.venues[0].state for pair in second.pairs] == [pb.DOWN, pb.DOWN]
        assert second.pairs[0].sequence == stage.books.version


async def test_status_does_not_follow_every_update_but_brings_counters_with_the_beat() -> None:
    stage = Stage(heartbeat_s=0.1)
    load(stage.books, "binance", [(100.0, 1.0)], [])
    with stage.publisher.watch_status((BTC,), CLIENT) as stream:
        await stream.next()
        view = stage.publisher.status_views[BTC,]
        before = view.encoded
        for n in range(20):
            load(stage.books, "binance", [(100.0 + n, 1.0)], [])
            await turn()
        assert view.encoded == before
        assert (await receive(stream, pb.Status)).pairs[0].venues[0].updates == 21


async def test_a_suspect_is_told_at_once_and_its_clock_is_not_lent() -> None:
    """Though no level changed; what is left out of the merged book is no arrival of market data in it."""
    stage = Stage(heartbeat_s=60)
    load(stage.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)], received_ns=1000)
    load(stage.books, "bitstamp", [], [], received_ns=2000)
    with (
        stage.publisher.watch_book(SUMMARY, CLIENT) as stream,
        stage.publisher.watch_status((BTC,), CLIENT) as status,
    ):
        assert (await receive(stream)).arrival_time == 2000
        await receive(status, pb.Status)
        with stage.books:
            stage.books.books["bitstamp"].distance = Distance(9000, "binance", 2, 5, True, True)
        message = await receive(stream)
        assert [(each.distance.suspect, each.distance.left_out) for each in message.venues] == [
            (False,) * 2,
            (True,) * 2,
        ]
        assert message.venues[1].state == pb.LIVE
        assert message.arrival_time == 1000
        told = (await receive(status, pb.Status)).pairs[0].venues[1].distance
        assert (told.ppm, told.against, told.others, told.far_since_ns) == (9000, "binance", 2, 5)


async def test_closing_gives_every_stream_its_last_message_and_refuses_new_ones() -> None:
    stage = Stage(heartbeat_s=60)
    load(stage.books, "binance", [(100.0, 1.0)], [])
    with ExitStack() as stack:
        summary = stack.enter_context(stage.publisher.watch_book(SUMMARY, CLIENT))
        book = stack.enter_context(stage.publisher.watch_book(BOOK, CLIENT, min_interval_ms=60_000))
        status = stack.enter_context(stage.publisher.watch_status((BTC,), CLIENT))
        for stream in (summary, book, status):
            await stream.next()
        stage.publisher.close()
        for stream, kind in ((summary, pb.Summary), (book, pb.Book), (status, pb.Status)):
            last = await receive(stream, kind)
            assert last.closing
            if kind is not pb.Status:
                assert len(last.bids) == 1
            assert await stream.next() is None
        late = stack.enter_context(stage.publisher.watch_book(SUMMARY, CLIENT))
        assert (await receive(late)).closing
    with pytest.raises(Refused) as refused, stage.publisher.admitted("a"):
        pass
    assert refused.value.code is grpc.StatusCode.UNAVAILABLE


async def test_drained_when_the_last_stream_ends() -> None:
    stage = Stage(GrpcOptions(max_streams=2))
    with stage.publisher.admitted("a"), stage.publisher.admitted("a"):
        assert stage.publisher.streams == 2
        with pytest.raises(Refused, match="all 2 streams"), stage.publisher.admitted("a"):
            pass
        waiting = asyncio.create_task(stage.publisher.drained())
        await turn()
        assert not waiting.done()
    await asyncio.wait_for(waiting, 5)
    assert stage.publisher.refused == 1


async def test_a_write_after_the_loop_is_closed_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """A venue's thread may be in the middle of a write while the server stops."""
    loop = asyncio.new_event_loop()
    books = make_books()
    publisher = Publisher(loop, Market(BTC, lambda: {BTC: books}), GrpcOptions())
    feed = publisher._feed(BTC)
    loop.close()
    with caplog.at_level(logging.DEBUG):
        feed._on_write()
    assert "after the end" in caplog.text
