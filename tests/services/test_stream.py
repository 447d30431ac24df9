"""The conflating slot of one stream."""

import asyncio

import pytest

from services.stream import Kind, Stream, ViewFailed


def tail(conflated: int) -> bytes:
    return b"+%d" % conflated


def make(min_interval_s: float = 0.0) -> Stream:
    return Stream(asyncio.get_running_loop(), tail, min_interval_s)


async def test_the_newest_takes_the_place_of_older_ones_and_says_how_many() -> None:
    stream = make()
    for message in (b"a", b"b", b"c"):
        stream.offer(message)
    assert await stream.next() == b"c+2"
    stream.offer(b"d")
    assert await stream.next() == b"d"
    assert stream.total_conflated == 2


async def test_a_message_that_nobody_missed_is_the_very_same_object() -> None:
    stream, shared = make(), b"shared"
    stream.offer(shared)
    assert await stream.next() is shared


async def test_a_heartbeat_never_displaces_a_state() -> None:
    stream = make()
    stream.offer(b"state")
    stream.offer(b"beat", Kind.HEARTBEAT)
    assert await stream.next() == b"state"


async def test_a_state_takes_the_place_of_a_heartbeat_which_is_not_counted() -> None:
    stream = make()
    stream.offer(b"beat", Kind.HEARTBEAT)
    stream.offer(b"state")
    assert await stream.next() == b"state"


async def test_nothing_comes_after_the_closing_message() -> None:
    stream = make()
    stream.offer(b"state")
    stream.offer(b"last", Kind.CLOSING)
    stream.offer(b"late")
    assert await stream.next() == b"last+1"
    assert await stream.next() is None


async def test_a_waiting_client_is_woken_by_what_is_offered() -> None:
    stream = make()
    waiting = asyncio.create_task(stream.next())
    await asyncio.sleep(0)
    stream.offer(b"a")
    assert await asyncio.wait_for(waiting, 5) == b"a"


async def test_a_failed_view_ends_the_wait() -> None:
    stream = make()
    waiting = asyncio.create_task(stream.next())
    await asyncio.sleep(0)
    stream.fail(ViewFailed("broken"))
    with pytest.raises(ViewFailed, match="broken"):
        await asyncio.wait_for(waiting, 5)


async def test_within_min_interval_the_last_update_waits_and_is_not_lost() -> None:
    """The first goes out at once; of those that follow within the interval the last does, at its end."""
    loop = asyncio.get_running_loop()
    stream = make(min_interval_s=0.1)
    stream.offer(b"first")
    assert await stream.next() == b"first"
    began = loop.time()
    waiting = asyncio.create_task(stream.next())
    for message in (b"a", b"b", b"trailing"):
        await asyncio.sleep(0)
        stream.offer(message)
    assert await asyncio.wait_for(waiting, 5) == b"trailing+2"
    assert loop.time() - began >= 0.095
    stream.close()


async def test_the_closing_message_does_not_wait_for_min_interval() -> None:
    stream = make(min_interval_s=60)
    stream.offer(b"first")
    await stream.next()
    stream.offer(b"second")
    waiting = asyncio.create_task(stream.next())
    await asyncio.sleep(0)
    stream.offer(b"last", Kind.CLOSING)
    assert await asyncio.wait_for(waiting, 5) == b"last+1"
    stream.close()


async def test_a_cancelled_wait_leaves_the_slot_as_it_was() -> None:
    stream = make()
    waiting = asyncio.create_task(stream.next())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    stream.offer(b"a")
    assert await stream.next() == b"a"
