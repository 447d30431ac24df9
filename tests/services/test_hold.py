"""A pair that is held for a client that leaves before it is there."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services import GrpcOptions
from services.handlers import Handlers
from services.market import Market
from services.publisher import Publisher
from tests.services.conftest import BTC, ETH, make_books


async def test_a_hold_whose_client_has_gone_is_released() -> None:
    """Or the pair would be carried for ever."""
    begun, go_on = threading.Event(), threading.Event()
    told: list[str] = []

    def hold(pair: Any) -> None:
        begun.set()
        assert go_on.wait(10)
        told.append(f"hold {pair}")

    books = make_books()
    market = Market(BTC, lambda: {BTC: books}, hold=hold, release=lambda pair: told.append(f"release {pair}"))
    with ThreadPoolExecutor(1) as searcher:
        publisher = Publisher(asyncio.get_running_loop(), market, GrpcOptions())
        handlers = Handlers(market, GrpcOptions(), publisher, searcher)

        async def watch() -> None:
            async with handlers._held(ETH):
                raise AssertionError("it is not there yet")

        task = asyncio.create_task(watch())
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert told == []
        go_on.set()
        async with asyncio.timeout(10):
            while len(told) < 2:
                await asyncio.sleep(0)
    assert told == [f"hold {ETH}", f"release {ETH}"]
