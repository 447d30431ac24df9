"""Sessions recorded at Kraken, through the unchanged protocol and through an independent replay on Decimal."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import State
from tests.captures import MARKS, RECORDINGS, assert_equal, recording
from tests.exchanges.desk import Desk

pytestmark = MARKS

# Of each session: the depth of its subscription, and its messages, all of which have a checksum.
SESSIONS = {
    "BTC/USD 2026-08-02": (25, 2052),
    "BTC/USD 2026-08-01": (10, 301),
    "XRP/USD 2026-08-02": (25, 1147),
}


def test_all_are_looked_at() -> None:
    """Every recording of this venue stands in the table above."""
    assert list(SESSIONS) == list(RECORDINGS["kraken"])


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session(name: str) -> None:
    """Every checksum holds; the final book equals the replay, cut to the depth after every message."""
    depth, messages = SESSIONS[name]
    recorded = recording("kraken", name)
    desk = Desk(recorded.new_protocol()).open(acknowledge=False)
    oracle: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = {}, {}
    for line in recorded.lines:
        desk.now_ns = line.received_ns
        desk.frame(line.body)
        told = msgspec.json.decode(line.body, type=dict[str, Any])
        if told.get("channel") != "book":
            continue
        exact = msgspec.json.decode(line.body, type=_Exact)
        for which, side in enumerate((exact.data[0].bids, exact.data[0].asks)):
            kept = oracle[which]
            if told["type"] == "snapshot":
                kept.clear()
            kept.update((level.price, level.qty) for level in side)
            best = set(sorted((price for price, amount in kept.items() if amount), reverse=which == 0)[:depth])
            for price in kept.keys() - best:
                del kept[price]
    counters = desk.book.counters
    assert (desk.state, counters.audits_passed, counters.audits_failed) == (State.LIVE, messages, 0)
    assert (counters.gaps, counters.garbage, counters.crossed, desk.reconnects) == (0, 0, 0, [])
    assert_equal(desk.book, oracle)


class _Level(msgspec.Struct):
    price: Decimal
    qty: Decimal


class _Data(msgspec.Struct):
    bids: list[_Level]
    asks: list[_Level]


class _Exact(msgspec.Struct):
    data: list[_Data]
