"""What we ask of Deribit, within its limits, and what it says to that; its catalog, and the venue itself."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import Pair, State
from exchanges.actions import Reconnect, Send
from exchanges.deribit import Deribit
from exchanges.errors import GarbageFrame
from tests.exchanges.deribit_frames import (
    CHANNEL,
    OTHER,
    SYMBOL,
    DeribitDesk,
    change,
    deribit,
    error,
    live,
    reply,
    whole,
)
from tests.exchanges.desk import instrument

HEARTBEAT = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}'
TEST_REQUEST = b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'


def unanswered(*symbols: str) -> DeribitDesk:
    """A connection that has asked for everything."""
    return DeribitDesk(deribit(*symbols)).open(acknowledge=False)


def test_what_a_connection_asks_for() -> None:
    """Heartbeats, then the books: JSON-RPC with ids of their own."""
    desk = unanswered(SYMBOL, OTHER)
    assert desk.sent == [
        {"jsonrpc": "2.0", "id": 1, "method": "public/set_heartbeat", "params": {"interval": 10}},
        {
            "jsonrpc": "2.0", "id": 2, "method": "public/subscribe",
            "params": {"channels": [CHANNEL, "book.ETH-PERPETUAL.100ms"]},
        },
    ]  # fmt: skip


@pytest.mark.parametrize(("symbols", "sizes"), [(1, [1]), (500, [500]), (501, [500, 1]), (1200, [500, 500, 200])])
def test_subscriptions_are_batched(symbols: int, sizes: list[int]) -> None:
    """At most 500 channels in a request, each once."""
    asked = unanswered(*[f"S{number}_USDC" for number in range(symbols)]).asked()[1:]
    assert [len(channels) for _, channels in asked] == sizes
    assert {channel for _, channels in asked for channel in channels} == {
        f"book.S{number}_USDC.100ms" for number in range(symbols)
    }


def test_replies_in_another_order() -> None:
    """The venue may list the channels as it likes; replies to other calls are no news."""
    desk = unanswered(SYMBOL, OTHER)
    heartbeats, subscription = desk.sent
    subscription["params"]["channels"].reverse()
    assert desk.frame(reply(subscription)) == desk.frame(reply(heartbeats)) == []
    assert {book.state for book in desk.books.values()} == {State.SYNCING}


@pytest.mark.parametrize("result", [[CHANNEL], [CHANNEL, "book.SOL_USDC.100ms", 5, None, [OTHER], {}]])
def test_a_channel_left_out_is_a_refusal(result: Any) -> None:
    """The venue says nothing of what it does not know: the request is held against the result."""
    desk = unanswered(SYMBOL, OTHER)
    desk.frame(msgspec.json.encode({"id": 2, "result": result}))
    assert (desk.books[SYMBOL].state, desk.books[OTHER].state) == (State.SYNCING, State.DOWN)
    assert desk.books[OTHER].reason == "subscription refused: the venue has no book.ETH-PERPETUAL.100ms"
    desk.frame(whole(100))
    desk.expire("snapshot")
    assert desk.reconnects == [], "it is not waited for"
    desk.frame(whole(100, symbol=OTHER))
    assert desk.books[OTHER].state is State.LIVE, "it comes after all"


def test_all_channels_left_out() -> None:
    """An empty result is a refusal of everything."""
    desk = unanswered(SYMBOL, OTHER)
    desk.frame(b'{"jsonrpc":"2.0","id":2,"result":[]}')
    assert {book.state for book in desk.books.values()} == {State.DOWN}


@pytest.mark.parametrize(
    ("code", "message", "data", "words"),
    [
        (13778, "raw_subscriptions_not_available_for_unauthorized", {}, "(code 13778)"),
        (-32602, "Invalid params", {"reason": "wrong format", "param": "channels"}, ": wrong format, channels"),
        (13009, "unauthorized", {"reason": ""}, "unauthorized (code 13009)"),
    ],
)
def test_a_refused_request(code: int, message: str, data: Any, words: str) -> None:
    """Its books are down, and say what the venue said."""
    desk = unanswered(SYMBOL, OTHER)
    desk.frame(error(desk.sent[1], code, message, **data))
    assert {book.state for book in desk.books.values()} == {State.DOWN}
    assert desk.book.reason.startswith("subscription refused: ")
    assert words in desk.book.reason
    assert desk.book.counters.garbage == 0


@pytest.mark.parametrize("told", ['"no"', "[]", "null", "5", '{"code":[]}', "{}"])
def test_a_refusal_of_no_form(told: str) -> None:
    """It is one all the same."""
    desk = unanswered()
    desk.frame(b'{"id":2,"error":%s}' % told.encode())
    assert desk.state is State.DOWN


@pytest.mark.parametrize("code", [10028, 10040, 10041, 10047, 10066, 11051, 11094, 13028, 13888])
def test_a_refusal_that_may_pass(code: int) -> None:
    """The timer of the whole book asks again, and then another connection is tried."""
    desk = unanswered(SYMBOL, OTHER)
    desk.frame(whole(100, symbol=OTHER))
    desk.frame(error(desk.sent[1], code, "too_many_requests"))
    assert (desk.state, desk.books[OTHER].state) == (State.SYNCING, State.LIVE)
    assert desk.book.reason == f"subscription postponed: too_many_requests (code {code})"
    desk.expire("snapshot")  # others have come since
    for _ in range(3):
        desk.sent.clear()
        desk.expire("snapshot")
        assert desk.asked() == [("public/unsubscribe", [CHANNEL]), ("public/subscribe", [CHANNEL])]
        assert desk.reconnects == []
        desk.expire("renew")
    actions = desk.expire("snapshot")
    assert [action.overlap for action in actions if isinstance(action, Reconnect)] == [True]


@pytest.mark.parametrize(
    "frame",
    [
        error(None, 11050, "bad_request"), b'{"id":99,"error":{"code":1,"message":"x"}}', b'{"id":[],"error":null}',
        b'{"id":{},"error":{}}', error({"id": 1}, -32601, "Method not found"), b'{"id":2,"result":"ok"}',
        b'{"id":2,"result":{"channels":1}}',
    ],
    ids=range(7),
)  # fmt: skip
def test_replies_that_are_counted_only(frame: bytes) -> None:
    """Errors of other calls, or of none, and a subscription's reply without channels: no book is down for it."""
    desk = unanswered()
    desk.frame(frame)
    assert (desk.state, desk.book.counters.garbage) == (State.SYNCING, 1)


def test_ids_of_the_connection_before() -> None:
    """A reply of which nobody knows any more what was asked."""
    desk = unanswered()
    desk.close()
    desk.sent.clear()
    desk.open(acknowledge=False)
    assert [sent["id"] for sent in desk.sent] == [3, 4]
    desk.frame(b'{"id":2,"result":[]}')
    assert desk.state is State.SYNCING


def test_gaps_of_many_books_are_healed_together() -> None:
    """A lone one at once; those of the next second in one request: a hundred would end the session."""
    symbols = [f"S{number}_USDC" for number in range(40)]
    desk = live(*symbols)
    for symbol in symbols:
        desk.frame(change(105, 110, symbol=symbol))
    assert {book.state for book in desk.books.values()} == {State.GAP}
    assert desk.asked() == [
        ("public/unsubscribe", ["book.S0_USDC.100ms"]), ("public/subscribe", ["book.S0_USDC.100ms"]),
    ]  # fmt: skip
    desk.reply()
    assert [timer.delay_s for timer in desk.timers if timer.purpose == "renew"] == [1.0]
    desk.expire("renew")
    rest = [f"book.{symbol}.100ms" for symbol in symbols[1:]]
    assert desk.asked() == [("public/unsubscribe", rest), ("public/subscribe", rest)]
    desk.reply()
    desk.expire("renew")
    assert desk.asked() == []
    assert not [timer for timer in desk.timers if timer.purpose == "renew"], "nothing waits: the timer ends"
    for symbol in symbols:
        desk.frame(whole(200, symbol=symbol))
    assert {book.state for book in desk.books.values()} == {State.LIVE}
    desk.frame(change(205, 210, symbol=symbols[5]))
    assert len(desk.asked()) == 2, "at once again"


def test_a_book_that_came_meanwhile_is_not_asked_for() -> None:
    """A whole book of the subscription before has healed it while it waited for its turn."""
    desk = live(SYMBOL, OTHER)
    desk.frame(change(105, 110, symbol=OTHER))
    desk.frame(change(105, 110))
    desk.reply()
    desk.frame(whole(120))
    desk.expire("renew")
    assert (desk.state, desk.asked()) == (State.LIVE, [])


def test_a_book_in_a_loop_of_gaps() -> None:
    """However often it breaks, one pair of requests a second."""
    desk = live()
    for number in range(50):
        desk.frame(change(105, 110))
        desk.frame(whole(100))
        if number % 10 == 9:
            desk.expire("renew")
    assert len(desk.sent) <= 2 * 6


def test_a_cut_forgets_who_waited() -> None:
    """A new connection subscribes to everything anyway."""
    desk = live(SYMBOL, OTHER)
    desk.frame(change(105, 110))
    desk.frame(change(105, 110, symbol=OTHER))
    desk.close()
    desk.sent.clear()
    desk.open(acknowledge=False)
    assert [method for method, _ in desk.asked()] == ["public/set_heartbeat", "public/subscribe"]
    desk.frame(whole(100))
    desk.frame(change(105, 110))
    assert desk.asked()[2:] == [("public/unsubscribe", [CHANNEL]), ("public/subscribe", [CHANNEL])]


def test_a_test_request_is_answered() -> None:
    """Each by one call; a mere heartbeat by none."""
    desk = live()
    assert desk.frame(HEARTBEAT) == []
    for number in (3, 4):
        assert [type(action) for action in desk.frame(TEST_REQUEST)] == [Send]
        assert desk.sent.pop() == {"jsonrpc": "2.0", "id": number, "method": "public/test", "params": {}}
        desk.frame(b'{"jsonrpc":"2.0","id":%d,"result":{"version":"1.2.26"},"testnet":false}' % number)
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 0)


@pytest.mark.parametrize("params", ["[]", "null", "5", '{"type":[]}', '{"type":"other"}', "{}"])
def test_odd_heartbeats(params: str) -> None:
    """A heartbeat of a kind that we do not know is one."""
    desk = live()
    assert desk.frame(b'{"method":"heartbeat","params":%s}' % params.encode()) == []
    assert desk.state is State.LIVE


def test_heartbeats_are_asked_for_until_they_come() -> None:
    """A book in the stillest market stays connected: looked after every thirty seconds."""
    desk = live()
    assert [timer.delay_s for timer in desk.timers if timer.purpose == "keepalive"] == [30.0]
    desk.expire("keepalive")
    assert desk.asked() == [("public/set_heartbeat", [])]
    desk.reply()
    desk.frame(HEARTBEAT)
    desk.expire("keepalive")
    assert desk.asked() == []
    assert [timer.delay_s for timer in desk.timers if timer.purpose == "keepalive"] == [30.0]
    desk.expire("keepalive")
    assert desk.asked() == [("public/set_heartbeat", [])]


def listing(name: str = "SOL_USDC", **more: Any) -> dict[str, Any]:
    """A row of the catalog."""
    row = {
        "instrument_name": name, "kind": "spot", "base_currency": "SOL", "quote_currency": "USDC", "tick_size": 0.01,
        "tick_size_steps": [], "min_trade_amount": 0.01, "contract_size": 0.01, "is_active": True, "state": "open",
    }  # fmt: skip
    return {**row, **more}


def perpetual(name: str, base: str, quote: str, **more: Any) -> dict[str, Any]:
    """A row of a perpetual."""
    more = {"settlement_period": "perpetual", **more}
    return listing(name, kind="future", base_currency=base, quote_currency=quote, **more)


def catalog(*rows: Any) -> Any:
    """What the venue makes of a catalog of these rows."""
    return Deribit().parse_catalog(msgspec.json.encode({"jsonrpc": "2.0", "result": rows}))


@pytest.mark.parametrize(
    ("row", "pair"),
    [
        (listing(), "SOL/USDC"),
        (perpetual("SOL_USDC-PERPETUAL", "SOL", "USDC", instrument_type="linear"), "SOL/USDC-PERP"),
        (perpetual("BTC-PERPETUAL", "BTC", "USD", instrument_type="reversed"), "BTC/USD-INVERSE"),
        (perpetual("BTC-PERPETUAL", "BTC", "USD", future_type="reversed"), "BTC/USD-INVERSE"),  # as of 2022
        (perpetual("BTC_USDC-PERPETUAL", "BTC", "USDC", future_type="linear"), "BTC/USDC-PERP"),
        (perpetual("BTC-PERPETUAL", "BTC", "USD"), "BTC/USD-INVERSE"),  # as of 2021
        (perpetual("BTC_USDC-PERPETUAL", "BTC", "USDC"), "BTC/USDC-PERP"),
    ],
)
def test_pairs(row: Any, pair: str) -> None:
    """A perpetual is never the pair of spot, nor an inverse one that of a linear one."""
    (found,) = catalog(row)
    assert (str(found.pair), found.symbol, found.venue) == (pair, row["instrument_name"], "deribit")
    assert Pair.parse(pair) == found.pair


@pytest.mark.parametrize(
    "row",
    [
        perpetual("BTC-25DEC26", "BTC", "USD", settlement_period="month"),
        perpetual("BTC-X", "BTC", "USD", instrument_type="quanto"),
        listing("BTC-25DEC26-100000-C", kind="option"), listing("BTC-FS-25DEC26_PERP", kind="future_combo"),
        listing(base_currency="币安"), listing(quote_currency=""), listing(tick_size=0), listing(tick_size=None),
        listing(tick_size=-0.01), listing(tick_size=1e-19), listing(contract_size=None, min_trade_amount=None),
        listing(contract_size=0, min_trade_amount=1e15),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_left_out(row: Any) -> None:
    """Dated futures, options, combinations, odd names and odd steps; the others are listed all the same."""
    assert [found.symbol for found in catalog(row, listing("OK"))] == ["OK"]


@pytest.mark.parametrize(
    ("more", "tick", "lot"),
    [
        ({}, "0.01", "0.01"),
        ({"tick_size": 0.0005, "tick_size_steps": [{"above_price": 0.005, "tick_size": 0.01}]}, "0.0005", "0.01"),
        ({"tick_size": 0.5, "tick_size_steps": [{"above_price": 9, "tick_size": 0.1}]}, "0.1", "0.01"),
        ({"tick_size": 1e-05, "tick_size_steps": None}, "0.00001", "0.01"),
        ({"contract_size": 1.0, "min_trade_amount": 0.1}, "0.01", "0.1"),
        ({"contract_size": 0.001, "min_trade_amount": 1}, "0.01", "0.001"),
        ({"contract_size": 10.0, "min_trade_amount": 0}, "0.01", "10"),
    ],
)
def test_steps(more: Any, tick: str, lot: str) -> None:
    """The finest that may occur, as exact decimals."""
    (found,) = catalog(listing(**more))
    assert (found.tick_size, found.lot_size) == (Decimal(tick), Decimal(lot))


@pytest.mark.parametrize(
    ("more", "trading"),
    [
        ({}, True), ({"is_active": False}, False), ({"state": "locked"}, True), ({"state": "settlement"}, True),
        ({"state": "inactive"}, False), ({"state": "delivered"}, False), ({"state": "archivized"}, False),
    ],
)  # fmt: skip
def test_trading(more: Any, trading: bool) -> None:
    """What is locked for a while comes back; what is gone does not."""
    assert catalog(listing(**more))[0].trading is trading


@pytest.mark.parametrize(
    ("more", "source"),
    [
        ({}, ""), ({"is_cbe_routed": True, "is_csr": True}, "coinbase"), ({"is_csr": True}, "coinbase"),
        ({"is_cbe_routed": False, "is_csr": None}, ""),
    ],
)  # fmt: skip
def test_routed(more: Any, source: str) -> None:
    """The flag has two names, and either may be missing."""
    assert catalog(listing(**more))[0].routed_from == source


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"result":{}}',
        b'{"result":[{"kind":"spot"}]}',
        b'{"error":{"code":10028}}',
        b"[" * 100_000,
    ],
    ids=range(7),
)
def test_no_catalog(body: bytes) -> None:
    """What is none is refused as such."""
    with pytest.raises(GarbageFrame, match="deribit: no catalog"):
        Deribit().parse_catalog(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"error":{"code":-32602,"message":"Invalid params","data":{"reason":"instrument not found",'
            b'"param":"instrument_name"}}}',
            "Invalid params (code -32602): instrument not found, instrument_name",
        ),
        (b'{"error":{"code":10028,"message":"too_many\\nrequests","data":[1]}}', "too_many requests (code 10028)"),
        (b'{"error":{}}', "error (code None)"),
        (b"{}", "{}"), (b"[]", "[]"), (b"null", "null"), (b'{"error":"no"}', '{"error":"no"}'), (b"", "HTTP 400"),
        (b"<html>busy\nmore", "<html>busy"), (b"[" * 100_000, "[" * 200), (b"\xff", "\ufffd"),
        (b'{"error":{"code":1,"message":"%s"}}' % (b"x" * 500), "x" * 200),
    ],
    ids=range(12),
)  # fmt: skip
def test_refusal(body: bytes, words: str) -> None:
    """The venue's own words, on one line of at most 200 characters."""
    assert Deribit().refusal(400, body) == words


def test_the_venue() -> None:
    """Its option reaches the protocol, its limits are kept within what is documented."""
    venue = Deribit()
    for interval, options in (("100ms", {}), ("100ms", {"interval": "100ms"}), ("agg2", {"interval": "agg2"})):
        desk = DeribitDesk(venue.protocol([instrument(SYMBOL, venue="deribit")], options)).open(acknowledge=False)
        assert desk.asked()[1] == ("public/subscribe", [f"book.{SYMBOL}.{interval}"])
    assert venue.protocol([], {}).path == "/ws/api/v2"
    assert venue.limits.weight / venue.limits.window_s <= 10_000
    assert venue.limits.pairs_per_connection <= 500
    assert venue.limits.dead_s > 12, "a heartbeat comes in 12 s, whether or not pings are answered"
    assert venue.used_weight({}) is None
