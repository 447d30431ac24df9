"""What is to be known of OKX before one talks to it, and its REST books."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import Pair, State
from exchanges.errors import GarbageFrame
from exchanges.okx import Okx, OkxProtocol
from tests.exchanges.desk import Desk, instrument
from tests.exchanges.okx_desk import SYMBOL, first, live, rest_book, update


def audits(desk: Desk) -> tuple[int, int]:
    """Passed and failed."""
    return desk.book.counters.audits_passed, desk.book.counters.audits_failed


def probe(desk: Desk, body: bytes) -> None:
    """A round ends, and the REST book that is asked for comes."""
    desk.expire("probe")
    desk.answer(body)


def test_the_request_for_a_rest_book() -> None:
    """As deep as the stream; it is one request, whatever its depth."""
    desk = live()
    desk.expire("probe")
    fetch = desk.fetches[-1]
    assert (fetch.path, fetch.weight) == (f"/api/v5/market/books?instId={SYMBOL}&sz=400", 1)
    assert fetch.probe


def test_a_quiet_market_is_confirmed() -> None:
    """The REST book stands where ours does."""
    desk = live()
    probe(desk, rest_book(100))
    assert (desk.state, audits(desk)) == (State.LIVE, (1, 0))


def test_a_quiet_book_of_a_busy_market() -> None:
    """Ids rise by changes that are too deep for the stream: the REST book is ahead for good, with our levels."""
    desk = live()
    for ahead in (150, 160, 170):
        probe(desk, rest_book(ahead))
        assert audits(desk)[0] == (ahead - 150) // 10
        desk.expire("probe due")
    assert (desk.state, audits(desk), desk.reconnects) == (State.LIVE, (3, 0), [])


def test_a_dead_stream_is_found() -> None:
    """The REST book is ahead, and its levels are not ours: subscribed anew; the second time, reconnected."""
    desk = live()
    probe(desk, rest_book(150, [("100", "2")]))
    assert desk.state is State.LIVE, "the update may be on its way"
    desk.expire("probe due")
    assert (desk.book.state, desk.levels()) == (State.STALE, ((), ()))
    assert "bid 100.0 is x 1.0, the venue says x 2.0 (REST book at 150, ours at 100)" in desk.book.reason
    assert ([sent["op"] for sent in desk.sent[1:]], desk.reconnects) == (["unsubscribe", "subscribe"], [])
    desk.frame(first(151, [("100", "2")]))
    probe(desk, rest_book(200, [("100", "3")]))
    desk.expire("probe due")
    assert len(desk.reconnects) == 1


def test_a_gap_after_a_confirmation_is_a_gap() -> None:
    """That the REST book was ahead before has nothing to do with it."""
    desk = live()
    probe(desk, rest_book(150))
    desk.expire("probe due")
    desk.frame(update(160, 161))
    assert (desk.book.state, desk.book.counters.gaps) == (State.GAP, 1)


def test_a_stream_that_follows_in_time() -> None:
    """It is compared once the stream has come as far, but for the levels of an update that spans its moment."""
    desk = live()
    probe(desk, rest_book(150, [("100", "2")]))
    desk.frame(update(100, 149, [("100", "2")]))
    assert audits(desk) == (0, 0)
    desk.frame(update(149, 150, [("99", "0")]))
    assert (desk.state, audits(desk)) == (State.LIVE, (1, 0))
    desk.expire("probe")
    probe(desk, rest_book(152, [("100", "3")]))
    desk.frame(update(150, 155, [("100", "5")]))
    assert (desk.state, audits(desk)) == (State.LIVE, (2, 0)), (
        "152 lies within the update: what that tells may differ"
    )


def test_a_keepalive_vouches_for_a_book_that_rest_does_not() -> None:
    """Without a REST book for half a minute nobody knows; an empty update a minute does."""
    desk = live()
    for _ in range(12):
        for _ in range(9):
            desk.expire("probe")
            if desk.fetches:
                desk.fail()
        desk.frame(update(100, 100))
    assert desk.state is State.LIVE
    for _ in range(12):
        if desk.state is State.LIVE:
            desk.expire("probe")
            if desk.fetches:
                desk.fail()
    assert desk.book.state.value == "stale"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"{}", b"[]", b"[" * 100_000,
        b'{"code":"50011","msg":"Too Many Requests","data":[]}',
        b'{"code":"51001","msg":"Instrument ID does not exist","data":[]}',
        b'{"code":"0","msg":"","data":[]}',
        rest_book(100).replace(b'"code":"0"', b'"code":"1"'),
        rest_book(100).replace(b',"seqId":100', b""),
        rest_book(100, [("NaN", "1")]), rest_book(100, [("1", "-1")]),
    ],
    ids=range(12),
)  # fmt: skip
@pytest.mark.parametrize("max_price", [None, "100000000000000"], ids=["float", "Decimal"])
def test_garbage_instead_of_a_rest_book(body: bytes, max_price: str | None) -> None:
    """It is counted, and proves nothing."""
    desk = live(max_price=max_price)
    probe(desk, body)
    assert (desk.state, audits(desk), desk.book.counters.garbage) == (State.LIVE, (0, 0), 1)


def listing(**changes: Any) -> dict[str, Any]:
    """An instrument with some fields changed; None leaves one out."""
    told = {
        "instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "tickSz": "0.1",
        "lotSz": "0.00000001", "minSz": "0.00001", "state": "live", "listTime": "1548133413000", **changes,
    }  # fmt: skip
    return {key: value for key, value in told.items() if value is not None}


def catalog(*instruments: dict[str, Any]) -> bytes:
    """The body of the catalog."""
    return msgspec.json.encode({"code": "0", "msg": "", "data": instruments})


def test_catalog() -> None:
    """Tick, lot, and whether it trades."""
    found, *others = Okx().parse_catalog(
        catalog(listing(), *(listing(state=state) for state in ("suspend", "preopen", "test", "post_only", None)))
    )
    assert (found.venue, found.symbol, found.pair) == ("okx", "BTC-USDT", Pair("BTC", "USDT"))
    assert (found.tick_size, found.lot_size) == (Decimal("0.1"), Decimal("0.00000001"))
    assert (found.price_decimals, found.amount_decimals, found.needs_decimal) == (1, 8, False)
    assert found.trading
    assert [each.trading for each in others] == [False] * 5


@pytest.mark.parametrize(
    "changes",
    [
        {"baseCcy": "币安人生"}, {"baseCcy": ""}, {"quoteCcy": None}, {"baseCcy": "B/C"}, {"tickSz": ""},
        {"tickSz": None}, {"lotSz": ""}, {"lotSz": "0"}, {"tickSz": "0.0"}, {"tickSz": "NaN"},
        {"tickSz": "Infinity"}, {"tickSz": "-0.1"}, {"lotSz": "1e-400"}, {"tickSz": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_odd_listings(changes: dict[str, Any]) -> None:
    """One that cannot be used is left out; the rest of the catalog stands."""
    found = Okx().parse_catalog(catalog(listing(instId="GOOD"), listing(**changes)))
    assert [each.symbol for each in found] == ["GOOD"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"{}", b"[]", b'{"code":"0","data":1}', b"\xff", b'{"x":' * 100_000,
        b'{"code":"50011","msg":"Too Many Requests","data":[]}',
    ],
    ids=range(8),
)  # fmt: skip
def test_no_catalog(body: bytes) -> None:
    """Anything else is refused as garbage, with the venue's name."""
    with pytest.raises(GarbageFrame, match="okx"):
        Okx().parse_catalog(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"code":"51001","msg":"Instrument ID doesn\'t exist"}', "Instrument ID doesn't exist (code 51001)"),
        (b'{"code":"0","msg":"' + b"x" * 500 + b'"}', "x" * 200),
        (b"<html><body>blocked</body></html>\nmore", "<html><body>blocked</body></html>"),
        (b"", "HTTP 403"),
        (b"[1]", "[1]"),
        (b'{"code":"1"}', '{"code":"1"}'),
    ],
    ids=range(6),
)  # fmt: skip
def test_refusal(body: bytes, words: str) -> None:
    """The venue's own words, on one line of at most 200 characters."""
    assert Okx().refusal(403, body) == words


def test_the_venue() -> None:
    """Addresses are encrypted, limits make sense, a connection carries fewer than 30 books."""
    venue = Okx()
    for address in venue.hosts.values():
        assert address.rest.startswith("https://")
        assert address.ws.startswith("wss://")
    assert "default" in venue.hosts
    assert 0 < venue.limits.quiet_s < venue.limits.dead_s
    assert venue.limits.pairs_per_connection < 30
    protocol = venue.protocol([instrument(SYMBOL.replace("-", ""))], {})
    assert isinstance(protocol, OkxProtocol)
    assert protocol.path == "/ws/v5/public"
    assert venue.used_weight({}) is None
