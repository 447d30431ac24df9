"""Views of many levels: they wait for a turn of the loop, and newcomers share what was made of them."""

import asyncio
import time
from contextlib import ExitStack
from itertools import pairwise

import pytest

from book import Dust, MergedBook
from proto import orderbook_pb2 as pb
from services.options import DEEP
from services.stream import Kind
from services.view import Cut, MergedBookView, ViewKey
from tests.services.conftest import BTC, load
from tests.services.stage import BOOK, CLIENT, Stage, receive, turn


async def test_deep_views_take_turns_and_the_others_do_not_wait_for_them() -> None:
    """After a write the shallow view is sent at once; of the deep ones at most one is computed in a turn."""
    stage = Stage(heartbeat_s=60)
    deep = [ViewKey(MergedBookView, BTC, Cut(DEEP + 1 + n, Dust())) for n in range(4)]
    with ExitStack() as stack:
        watched = [stack.enter_context(stage.publisher.watch_book(key, CLIENT)) for key in (*deep, BOOK)]
        for stream in watched:
            await stream.next()
        before = [stage.view(key).encoded for key in (*deep, BOOK)]

        def made() -> list[int]:
            return [stage.view(key).encoded - was for key, was in zip((*deep, BOOK), before, strict=True)]

        load(stage.books, "binance", [(100.0, 1.0)], [])
        seen = [made()]
        deadline = time.monotonic() + 20
        while seen[-1] != [1] * 5:
            assert time.monotonic() < deadline
            await asyncio.sleep(0)
            seen.append(made())
        sums = [sum(each[:4]) for each in seen]
        assert max(later - earlier for earlier, later in pairwise(sums)) == 1
        assert next(each for each in seen if each[4]) == [0, 0, 0, 0, 1]
        for stream in watched:
            assert len((await receive(stream, pb.Book)).bids) == 1


async def test_deep_views_leave_three_quarters_of_the_time_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are due: after one that took 10 ms the next begins 30 ms later at the earliest."""
    stage = Stage(heartbeat_s=60)
    keys = [ViewKey(MergedBookView, BTC, Cut(1000 + n, Dust())) for n in range(3)]
    ended: list[float] = []
    rests: list[float] = []
    encode = MergedBookView.encode

    def slow(view: MergedBookView, merged: MergedBook, kind: Kind) -> bytes:
        rests.extend(time.monotonic() - end for end in ended[-1:])
        time.sleep(0.01)
        ended.append(time.monotonic())
        return encode(view, merged, kind)

    with ExitStack() as stack:
        streams = [stack.enter_context(stage.publisher.watch_book(key, CLIENT)) for key in keys]
        for stream in streams:
            await stream.next()
        monkeypatch.setattr(MergedBookView, "encode", slow)
        load(stage.books, "binance", [(100.0, 1.0)], [])
        for stream in streams:
            assert len((await receive(stream, pb.Book)).bids) == 1
    assert len(rests) == 2
    assert min(rests) > 0.025


async def test_writes_while_a_deep_view_waits_for_its_turn_are_one_message() -> None:
    stage = Stage(heartbeat_s=60)
    key = ViewKey(MergedBookView, BTC, Cut(5000, Dust()))
    with stage.publisher.watch_book(key, CLIENT) as stream:
        await stream.next()
        before = stage.view(key).encoded
        for n in range(5):
            load(stage.books, "binance", [(100.0 + n, 1.0)], [])
            stage.publisher.feeds[BTC]._turns.add(stage.view(key))
        assert (await receive(stream, pb.Book)).bids[0].price == 10400
        await turn()
        assert stage.view(key).encoded == before + 1


async def test_a_deep_view_whose_last_stream_left_before_its_turn_is_not_computed() -> None:
    stage = Stage(heartbeat_s=60)
    key = ViewKey(MergedBookView, BTC, Cut(5000, Dust()))
    with stage.publisher.watch_book(key, CLIENT):
        view = stage.view(key)
        load(stage.books, "binance", [(100.0, 1.0)], [])
        stage.publisher.feeds[BTC]._turns.add(view)
        before = view.encoded
    await turn()
    assert view.encoded == before


async def test_newcomers_share_what_is_costly_to_make_and_get_what_changes_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hundred who come at once cost one message; the change that comes after reaches each of them."""
    monkeypatch.setattr("services.view._FRESH_S", 1.0)  # "at once" may take long on a busy machine
    stage = Stage(heartbeat_s=60)
    key = ViewKey(MergedBookView, BTC, Cut(5000, Dust()))
    load(stage.books, "binance", [(100.0, 1.0)], [])
    with ExitStack() as stack:
        streams = [stack.enter_context(stage.publisher.watch_book(key, CLIENT)) for _ in range(100)]
        firsts = [await stream.next() for stream in streams]
        assert len({id(first) for first in firsts}) == 1
        assert stage.view(key).encoded == 1
        load(stage.books, "binance", [(101.0, 1.0)], [])
        late = stack.enter_context(stage.publisher.watch_book(key, CLIENT))  # before the loop has seen the write
        for stream in (*streams, late):
            book = await receive(stream, pb.Book)
            while book.bids[0].price != 10100:
                book = await receive(stream, pb.Book)


async def test_a_newcomer_does_not_get_what_was_made_long_ago() -> None:
    """Its clocks would be old; nor does it where the books have changed and nobody had room for it."""
    stage = Stage(heartbeat_s=60)
    key = ViewKey(MergedBookView, BTC, Cut(5000, Dust()))
    with stage.publisher.watch_book(key, CLIENT) as first:
        await first.next()
        view = stage.view(key)
        view._fresh_until = 0.0
        with stage.publisher.watch_book(key, CLIENT):
            assert view.encoded == 2
        view._fresh_until, view._behind = float("inf"), True
        with stage.publisher.watch_book(key, CLIENT):
            assert view.encoded == 3
