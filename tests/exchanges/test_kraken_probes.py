"""Whether a silent stream of Kraken is quiet or dead, told by the REST book."""

from typing import Any

import msgspec
import pytest

from book import State
from tests.exchanges.desk import Desk
from tests.exchanges.test_kraken import ASKS, BIDS, crc, kraken, live, message


def rest_book(bids: Any = BIDS, asks: Any = ASKS, **more: Any) -> bytes:
    """The answer to a request for the book."""
    sides = [[[price, amount, 1790000000] for price, amount in side] for side in (bids, asks)]
    return msgspec.json.encode({"error": [], "result": {"XXBTZUSD": {"bids": sides[0], "asks": sides[1]}}, **more})


def silent(**options: Any) -> Desk:
    """A live book that has had no update for a whole round, so that the REST book was asked for."""
    desk = live(**options)
    desk.expire("probe")
    assert desk.fetches[-1].path == "/0/public/Depth?pair=XBTUSD&count=500"
    return desk


@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_a_quiet_market_is_no_dead_stream(max_price: str | None) -> None:
    """The REST book is ours, and nothing came before or after it: the market is quiet."""
    desk = silent(max_price=max_price)
    desk.answer(rest_book())
    desk.expire("probe due")
    assert (desk.state, desk.book.counters.audits_passed, desk.sent) == (State.LIVE, 2, [])


def test_a_dead_stream_is_found() -> None:
    """The REST book is another one, and no update comes: the book is stale, and its stream begun anew."""
    desk = silent()
    desk.answer(rest_book(bids=[("45283.5", "0.20000000"), *BIDS[1:]]))
    desk.expire("probe due")
    assert desk.state is State.STALE
    assert "bid 45283.5" in desk.book.reason
    assert [sent["method"] for sent in desk.sent] == ["unsubscribe", "subscribe"]


def test_an_update_shows_that_the_stream_is_not_dead() -> None:
    """Nobody knows whether the REST book was before or after it: they are not compared."""
    desk = silent()
    desk.answer(rest_book(bids=[("45283.5", "0.20000000"), *BIDS[1:]]))
    better = [("45284.0", "0.50000000")]
    desk.frame(message("update", better, (), crc([*better, *BIDS], ASKS)))
    desk.expire("probe due")
    assert (desk.state, desk.book.counters.audits_failed, desk.sent) == (State.LIVE, 0, [])


def test_a_busy_stream_is_not_asked_about() -> None:
    """However long it runs: the REST book tells no id to compare by."""
    desk = live()
    for amount in range(1, 25):
        bids = [("45283.5", f"{amount}.00000000"), *BIDS[1:]]
        desk.frame(message("update", bids[:1], (), crc(bids, ASKS)))
        desk.expire("probe")
    assert (desk.state, desk.fetches) == (State.LIVE, [])


@pytest.mark.parametrize(
    "body", [rest_book(error=["EGeneral:Too many requests"]), b"<html>", b'{"error":[]}', rest_book([("-1", "1")])]
)
def test_no_rest_book(body: bytes) -> None:
    """It proves nothing; the next round asks again."""
    desk = silent()
    desk.answer(body)
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)
    desk.expire("probe")
    assert len(desk.fetches) == 1


def test_names_of_rest_books() -> None:
    """Bitcoin and Dogecoin have older ones there."""
    paths = [kraken().request(symbol, deep=False)[0] for symbol in ("ETH/BTC", "DOGE/USD", "SOL/EUR")]
    assert [path.partition("pair=")[2].partition("&")[0] for path in paths] == ["ETHXBT", "XDGUSD", "SOLEUR"]
