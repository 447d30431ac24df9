"""Budgets per address: the count in a window, and what the faces answer beyond it."""

import asyncio
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from tests.venue.clients import Client, message, running
from venue.budget import Budget
from venue.config import parse
from venue.faces.binance import BinanceOptions
from venue.faces.bitstamp import BitstampOptions

FAST: dict[str, Any] = {"batch_ms": 20, "speed": 5.0, "deep_levels": 20}
BTC = "/ws/btcusdt@depth@100ms"
BOOK = "/api/v2/order_book/btcusdt/"


def test_a_window_slides() -> None:
    """What is older than the window does not count; the wait is told to the second; the refused do not count."""
    budget = Budget(3, 10)
    assert [budget.admit("a", now) for now in (0.2, 0.9, 4.0)] == [0, 0, 0]
    assert [budget.admit("a", now) for now in (4.0, 5.5, 9.9)] == [6, 5, 1]
    assert [budget.admit("a", now) for now in (10.0, 10.0, 10.0)] == [0, 0, 4], "two of second 0 have left"
    assert [budget.admit("a", now) for now in (13.9, 14.0, 14.0)] == [1, 0, 6]
    assert budget.admit("a", 1000.0) == 0


def test_in_no_window_are_more_than_the_limit() -> None:
    """Whoever always tries gets in as often as allowed, never more often in any window."""
    budget = Budget(7, 5)
    admitted = [tick / 10 for tick in range(1000) if not budget.admit("a", tick / 10)]
    assert len(admitted) == 7 * 20
    assert all(b - a > 4.0 for a, b in pairwise(admitted[::7]))


def test_addresses_are_apart_and_bounded() -> None:
    budget = Budget(1, 100)
    assert budget.admit("a", 0) == 0 and budget.admit("b", 0) == 0 and budget.admit("a", 1) == 99
    for number in range(Budget.ADDRESSES):
        budget.admit(str(number), 1)
    assert len(budget._accounts) == Budget.ADDRESSES
    assert budget.admit("a", 2) == 0, "forgotten"


def test_without_a_limit_nothing_is_counted() -> None:
    budget = Budget(0, 100)
    assert not any(budget.admit("a", 0) for _ in range(1000)) and not budget._accounts


def test_the_documented_limits_are_the_defaults() -> None:
    chosen = parse([])
    assert (chosen.like(BinanceOptions).connects, chosen.like(BitstampOptions).requests) == (300, 10_000)
    assert chosen.like(BitstampOptions).burst == 400
    chosen = parse(["--binance-connects", "0", "--bitstamp-requests", "7", "--bitstamp-burst", "3"])
    assert (chosen.like(BinanceOptions).connects, chosen.like(BitstampOptions).requests) == (0, 7)
    assert chosen.like(BitstampOptions).burst == 3


async def refused(client: Client, path: str) -> aiohttp.WSServerHandshakeError:
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await client.ws("binance", path)
    return error.value


async def test_connects_beyond_the_limit_are_refused() -> None:
    """The fourth of three gets 429 and Retry-After at the handshake; those who are in stay in, REST goes on."""
    async with running("BTC/USDT@binance", binance_connects=3, **FAST) as client:
        first = await client.ws("binance", BTC)
        for _ in range(2):
            await (await client.ws("binance", BTC)).close()
        for _ in range(3):
            answer = await refused(client, BTC)
            assert answer.status == 429 and answer.headers is not None
            assert 290 <= int(answer.headers["Retry-After"]) <= 300
        async with client.session.get(client.rest("binance", BTC), headers={"Upgrade": "websocket"}) as reply:
            assert (await reply.json())["code"] == -1003
        await client.body("binance", "/api/v3/ping")
        assert (await message(first))["e"] == "depthUpdate"


async def test_a_connect_that_a_fault_refuses_counts() -> None:
    """It is an attempt: who storms against a closed door has spent its budget when the door opens."""
    async with running("BTC/USDT@binance", binance_connects=2, **FAST) as client:
        await client.fault("binance", "refuse", status=503, count=2)
        assert [(await refused(client, BTC)).status for _ in range(3)] == [503, 503, 429]


async def test_bitstamp_requests_beyond_the_limit_are_refused() -> None:
    """429 in the venue's form, whatever the path; connects and the admin endpoint are not counted."""
    async with running("BTC/USDT", bitstamp_requests=5, **FAST) as client:
        statuses = []
        for _ in range(9):
            status, _, body = await client.get("bitstamp", BOOK)
            statuses.append(status)
            await client.body("bitstamp", "/admin/faults")
        assert statuses == [200] * 5 + [429] * 4
        assert body["status"] == "error" and body["code"] == "400.002"
        await client.ws("bitstamp")
        await client.body("binance", "/api/v3/ping")


async def test_a_burst_is_refused_for_a_moment() -> None:
    """More than so many in a second are refused, and the next second takes them again."""
    async with running("BTC/USDT@bitstamp", bitstamp_burst=2, **FAST) as client:
        for wanted in (429, 200, 429):
            async with asyncio.timeout(20):
                while (await client.get("bitstamp", BOOK))[0] != wanted:
                    pass
