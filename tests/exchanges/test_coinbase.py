"""The rules of Coinbase Advanced Trade, one table or test each."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import State
from exchanges.coinbase import Coinbase
from exchanges.errors import GarbageFrame
from tests.exchanges.coinbase_desk import BTC, ETH, START_NS, USDC, CoinbaseDesk, coinbase, event, live, message
from tests.exchanges.coinbase_desk import wrong_update as wrong
from tests.exchanges.desk import Texts


def test_requests_of_a_connection() -> None:
    """Heartbeats and books are asked for at once, one channel in a request, many markets in one."""
    desk = CoinbaseDesk(coinbase(BTC, ETH)).begin()
    assert desk.asked() == [("subscribe", "heartbeats", []), ("subscribe", "level2", [BTC, ETH])]
    assert [book.reason for book in desk.books.values()] == ["subscribing", "subscribing"]
    many = CoinbaseDesk(coinbase(*(f"A{number}-USD" for number in range(120)))).begin()
    assert [len(products) for _, channel, products in many.asked() if channel == "level2"] == [50, 50, 20]


def test_from_snapshot_to_live() -> None:
    """The book is the snapshot; position and stamp are the event's time; the other sides' words would be garbage."""
    desk = CoinbaseDesk(coinbase()).begin()
    desk.say({"subscriptions": {"heartbeats": ["heartbeats"]}}, channel="subscriptions")
    desk.say(event("snapshot", [("100.10", "1"), ("100", "2")], [("100.2", "0.5")], 170_326))
    assert desk.state is State.LIVE
    assert desk.levels() == (((100.1, 1.0), (100.0, 2.0)), ((100.2, 0.5),))
    assert desk.book.position == desk.book.stamps.venue_ns == START_NS + 170_326_000
    assert (desk.book.bids.horizon, desk.book.asks.horizon) == (None, None), "the whole book is known"


@pytest.mark.parametrize(
    ("bids", "asks", "outcome"),
    [
        ([("100", "7")], [], (((100.0, 7.0),), ((101.0, 1.0),))),  # a total, not a difference
        ([("100.00", "0.00000000")], [], ((), ((101.0, 1.0),))),
        ([("100", "0"), ("100", "3")], [], (((100.0, 3.0),), ((101.0, 1.0),))),  # in the order of the message
        ([("99", "1")], [("101", "0"), ("102", "2")], (((100.0, 1.0), (99.0, 1.0)), ((102.0, 2.0),))),
        ([("55", "0")], [("555", "0")], (((100.0, 1.0),), ((101.0, 1.0),))),  # not in the book: normal
        ([], [], (((100.0, 1.0),), ((101.0, 1.0),))),
    ],
)
def test_updates(bids: Texts, asks: Texts, outcome: Any) -> None:
    """Amounts are totals, 0 removes."""
    desk = live()
    desk.update(1, bids, asks)
    assert (desk.state, desk.levels()) == (State.LIVE, outcome)


def test_positions_rise_and_are_the_same_on_every_connection() -> None:
    """The event's time; where it stands still or is not told, the position rises all the same."""
    desk = CoinbaseDesk(coinbase()).begin()
    untold = event("snapshot", [("100", "1")], [("101", "1")])
    for update, text in zip(untold["updates"], ("1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"), strict=True):
        update["event_time"] = text
    desk.say(untold)
    assert (desk.state, desk.book.position) == (State.LIVE, 1), "older than any other, so that none gives way to it"
    positions = []
    for micros in (5, 5, 4, 9):
        desk.update(micros, [("99", "1")])
        positions.append(desk.book.position - START_NS)
    assert positions == [5000, 5001, 5002, 9000]
    desk.say({"type": "snapshot", "product_id": BTC, "updates": None})
    assert (desk.levels(), desk.book.position - START_NS) == (((), ()), 9001)


def test_an_update_before_the_snapshot() -> None:
    """Belongs to a subscription before."""
    desk = CoinbaseDesk(coinbase()).begin()
    desk.update(1, [("99", "1")])
    assert (desk.state, desk.book.counters.gaps) == (State.SYNCING, 0)
    desk.snapshot()
    assert desk.levels()[0] == ((100.0, 1.0),)


def test_several_events_in_a_message() -> None:
    """Each is applied to its book; those of other markets are none of our business."""
    desk = live(BTC, ETH)
    desk.say(
        event("update", [("99", "1")], micros=1),
        event("update", [("50", "1")], micros=2, product=ETH),
        event("update", [("1", "1")], micros=3, product="DOGE-USD"),
    )
    assert [len(book.bids) for book in desk.books.values()] == [2, 2]


@pytest.mark.parametrize("channel", ["ticker", "market_trades", "candles", "status", "subscriptions", "heartbeats"])
def test_a_gap_loses_every_book(channel: str) -> None:
    """Whichever channel shows it: nobody knows what the missing message held. All begin anew in one request."""
    desk = live(BTC, ETH)
    desk.lose(2)
    desk.say({"heartbeat_counter": 5}, channel=channel)
    assert desk.states() == [State.GAP, State.GAP]
    assert desk.book.reason == "of the connection's messages 2 to 3 are missing"
    assert [book.counters.gaps for book in desk.books.values()] == [1, 1]
    assert desk.asked() == [("unsubscribe", "level2", [BTC, ETH]), ("subscribe", "level2", [BTC, ETH])]
    desk.update(5, [("99", "1")])
    assert desk.state is State.GAP, "an update of the subscription before"
    desk.snapshot()
    desk.snapshot(ETH)
    assert (desk.states(), desk.reconnects) == ([State.LIVE, State.LIVE], [])
    desk.say(channel=channel)
    assert (desk.states(), desk.book.counters.gaps) == ([State.LIVE, State.LIVE], 1)


def test_a_connection_that_loses_twice_is_replaced() -> None:
    """The books are asked for on it too, until another one has taken over."""
    desk = live()
    for reconnects in (0, 1):
        desk.lose()
        desk.snapshot()
        assert len(desk.reconnects) == reconnects
    desk.expire("pace")
    assert desk.state is State.LIVE, "the snapshot came by itself behind the gap"
    desk.close()
    desk.begin()
    desk.snapshot()
    desk.lose()
    desk.update(1)
    assert len(desk.reconnects) == 1, "counted anew on another connection"


def test_books_that_do_not_come_back() -> None:
    """When the venue sends no snapshot again, another connection gets one within two looks."""
    desk = CoinbaseDesk(coinbase(BTC, ETH)).begin()
    desk.heartbeat()
    for lost, reconnects in ((0, 0), (0, 0), (1, 0), (0, 1)):
        desk.lose(lost)
        desk.heartbeat()
        desk.expire("heartbeat")
        assert len(desk.reconnects) == reconnects
    desk.snapshot(ETH)
    desk.heartbeat()
    desk.expire("heartbeat")
    assert len(desk.reconnects) == 1
    assert desk.reconnects == ["no book has come back since a message was lost"]


def test_old_messages() -> None:
    """Are dropped, whatever they hold; when there are only such ones, the venue counts anew."""
    desk = live()
    desk.update(1, [("99", "1")])
    before = desk.levels()
    for number in (0, 1, 0, 1):
        desk.frame(message(number, [event("update", [("100", "0")], micros=7)]))
        desk.frame(message(number, [], "ticker"))
    assert (desk.levels(), desk.book.counters.ignored) == (before, 4)
    assert (desk.state, desk.book.position) == (State.LIVE, START_NS + 1000)
    desk.update(2)
    for number in range(9):
        desk.frame(message(number % 3, [event("update", micros=9)]))
    assert desk.state is State.LIVE
    desk.frame(message(2, [event("update", micros=9)]))
    assert (desk.state, desk.book.reason) == (State.GAP, "10 messages in a row were older than the books")
    desk.number = 3
    desk.snapshot()
    desk.update(5, [("98", "1")])
    assert (desk.state, len(desk.levels()[0])) == (State.LIVE, 2)


def test_the_first_number_may_be_any() -> None:
    """It is 0 as far as is known; a snapshot that was missed before it is waited for in vain, and asked for again."""
    desk = CoinbaseDesk(coinbase()).begin()
    desk.lose(7)
    desk.snapshot()
    assert (desk.state, desk.book.counters.gaps) == (State.LIVE, 0)


@pytest.mark.parametrize(
    ("beats", "state"),
    [
        ([7, 8, 9], State.LIVE),
        (["7", "8"], State.LIVE),  # as the documentation writes them
        ([7, 9], State.GAP),
        ([7, 7], State.GAP),
        ([7, 1], State.GAP),
    ],
)
def test_heartbeats_are_counted(beats: list[Any], state: State) -> None:
    """A hole among them is one that the numbers do not show."""
    desk = live()
    for beat in beats:
        desk.heartbeat(beat)
    assert desk.state is state
    if state is State.GAP:
        assert desk.book.reason == f"heartbeat {beats[-1]} came where 8 was due"


@pytest.mark.parametrize(
    "events", [[], None, [{}], [7], [{}] * 2, *([{"heartbeat_counter": each}] for each in (None, -1, "", "9" * 5000))]
)
def test_heartbeats_that_are_none(events: Any) -> None:
    """Are counted as garbage, and no book suffers."""
    desk = live()
    desk.frame(message(desk.number, events, "heartbeats"))
    assert (desk.state, desk.book.counters.garbage) == (State.LIVE, 1)


@pytest.mark.parametrize("counter", [None, "", "9" * 5000, "lost"])
def test_a_loss_is_told_once(counter: Any) -> None:
    """A heartbeat that is lost, or cannot be read, leaves no hole among the others."""
    desk = live()
    desk.heartbeat(7)
    if counter == "lost":
        desk.lose()
        desk.update(1)
        desk.snapshot()
    else:
        desk.say({"heartbeat_counter": counter}, channel="heartbeats")
    desk.heartbeat(9)
    desk.heartbeat(10)
    assert (desk.state, desk.book.counters.gaps, desk.reconnects) == (State.LIVE, counter == "lost", [])
    desk.heartbeat(12)
    assert desk.state is State.GAP


def test_the_proof_of_life() -> None:
    """Whatever is heard proves that the connection lives; only silence ends it, however deep the market."""
    desk = live()
    assert next(timer.delay_s for timer in desk.timers if timer.purpose == "heartbeat") == 5.0
    desk.expire("heartbeat")  # the snapshot was heard
    assert desk.asked() == [("subscribe", "heartbeats", [])], "they keep quiet channels open"
    for _ in range(20):  # a quiet market
        desk.heartbeat()
        desk.expire("heartbeat")
    assert (desk.state, desk.sent, desk.reconnects) == (State.LIVE, [], [])
    desk.frame(message(0, [], "heartbeats"))  # an old message proves nothing
    desk.expire("heartbeat")
    assert (desk.state, desk.book.reason) == (State.STALE, "no message for 5 s, not even a heartbeat")
    assert len(desk.reconnects) == 1
    assert desk.asked() == [("unsubscribe", "level2", [BTC]), ("subscribe", "level2", [BTC])]
    desk.expire("heartbeat")
    assert (len(desk.reconnects), desk.sent) == (2, []), "asked once"
    desk.snapshot()
    assert desk.state is State.LIVE, "it was not dead after all"


def test_wide_numbers() -> None:
    """Pairs of more than 15 digits keep all of them."""
    desk = live(max_price="1e14")
    desk.update(1, [("12345678901234.56789012", "0.00000001")])
    best = desk.levels()[0][0]
    assert best == (Decimal("12345678901234.56789012"), Decimal("0.00000001"))


def test_two_names_of_one_book() -> None:
    """The stream is asked for once, under the name that it uses, feeds both, and is begun anew for both."""
    desk = CoinbaseDesk(coinbase(USDC, BTC)).begin()
    assert desk.asked()[1:] == [("subscribe", "level2", [BTC])]
    desk.snapshot()
    desk.update(1, [("99", "1")])
    assert desk.states() == [State.LIVE, State.LIVE]
    assert [len(book.bids) for book in desk.books.values()] == [2, 2]
    desk.expire("pace")
    desk.note(desk.feed._carry_out(desk.protocol.resync(USDC, State.GAP, "audit"), 0))
    assert desk.states() == [State.GAP, State.GAP]
    assert desk.asked() == [("unsubscribe", "level2", [BTC]), ("subscribe", "level2", [BTC])]
    alone = live(USDC)
    alone.update(1, [("99", "1")])
    assert (alone.book.symbol, len(alone.levels()[0])) == (USDC, 2)


def test_the_pace_of_requests() -> None:
    """However often books are lost: two requests at a time, then a pause that grows, and all that wait together."""
    desk = live(BTC, ETH)
    waits = []
    for _ in range(5):
        for _ in range(10):
            desk.say(wrong(side="ask"))
            desk.say({**wrong(side="ask"), "product_id": ETH})
        assert len(desk.asked()) <= 2
        waits += [timer.delay_s for timer in desk.timers if timer.purpose == "pace"]
        desk.expire("pace")
    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert desk.asked()[-1] == ("subscribe", "level2", [BTC, ETH])
    desk.snapshot()
    desk.snapshot(ETH)
    desk.expire("pace")
    desk.say(wrong(side="ask"))
    assert len(desk.asked()) == 2
    assert [timer.delay_s for timer in desk.timers if timer.purpose == "pace"] == [1.0], "calm: as at first"


def test_snapshots_that_do_not_come() -> None:
    """Asked for again, few requests for many books, at last elsewhere. Who waits for the pace is not late."""
    desk = CoinbaseDesk(coinbase(*(f"A{number}-USD" for number in range(20)))).begin()
    assert {timer.delay_s for timer in desk.timers if timer.purpose == "snapshot"} == {2.0}
    desk.expire("pace")
    desk.asked()
    desk.expire("snapshot")
    assert [len(products) for *_, products in desk.asked()] == [20, 20]
    for _ in range(9):
        desk.expire("snapshot")
    assert (desk.asked(), desk.reconnects) == ([], []), "they wait for the pace"
    for _ in range(2):
        desk.expire("pace")
        assert [len(products) for *_, products in desk.asked()] == [20, 20]
        assert not desk.reconnects
        desk.expire("snapshot")
    assert "no snapshot of A1-USD came" in desk.reconnects


def test_a_refused_market() -> None:
    """The market that the error names is given up; what waits beside it is asked for again."""
    desk = CoinbaseDesk(coinbase(BTC, "NO-USD", ETH)).begin()
    desk.snapshot()
    desk.expire("pace")
    desk.asked()
    desk.frame(b'{"type":"error","message":"failed to subscribe","reason":"NO-USD, BTC-USD: no such product"}')
    assert desk.states() == [State.LIVE, State.DOWN, State.SYNCING], "a live market is not refused"
    assert desk.books["NO-USD"].reason == (
        "subscription refused: failed to subscribe: NO-USD, BTC-USD: no such product"
    )
    assert desk.asked() == [("unsubscribe", "level2", [ETH]), ("subscribe", "level2", [ETH])]
    desk.lose()
    desk.snapshot()
    desk.expire("pace")
    assert desk.asked()[-1] == ("subscribe", "level2", [ETH]), "neither the one that is down, nor the live one"
    assert desk.states()[:2] == [State.LIVE, State.DOWN]


def test_refused_last() -> None:
    """Nothing else waits: nothing is sent."""
    desk = CoinbaseDesk(coinbase("NO-USD")).begin()
    desk.expire("pace")
    desk.asked()
    desk.frame(b'{"type":"error","message":"NO-USD is not a valid product"}')
    assert (desk.state, desk.sent) == (State.DOWN, [])


def test_crossed_in_itself() -> None:
    """A book that stays crossed begins anew."""
    desk = live()
    desk.update(1, [("102", "1")])
    assert desk.state is State.LIVE
    desk.expire("crossed")
    assert (desk.state, len(desk.asked())) == (State.GAP, 2)


def test_after_the_connection() -> None:
    """Nothing of one connection reaches the next: numbers, heartbeats, what was to be asked."""
    desk = live()
    desk.heartbeat(5)
    desk.say(wrong(side="ask"))
    desk.snapshot()
    desk.say(wrong(side="ask"))
    desk.close()
    assert desk.state is State.DOWN
    desk.asked()
    desk.begin()
    desk.heartbeat(900)
    desk.snapshot()
    desk.expire("pace")
    assert [channel for _, channel, _ in desk.asked()] == ["heartbeats", "level2"]
    assert (desk.state, desk.book.counters.gaps) == (State.LIVE, 2)


def product(**fields: Any) -> dict[str, Any]:
    """A product of the catalog."""
    told = {
        "product_id": BTC, "base_currency_id": "BTC", "quote_currency_id": "USD", "price_increment": "0.01",
        "base_increment": "0.00000001", "quote_min_size": "1", "product_type": "SPOT", "status": "online",
    }  # fmt: skip
    return {**told, **fields}


def catalog(*products: Any) -> list[Any]:
    """What the venue makes of it."""
    return list(Coinbase().parse_catalog(msgspec.json.encode({"products": products})))


def test_catalog() -> None:
    """Pair, steps, least value, and the market whose book it shares."""
    (found,) = catalog(product())
    assert (found.venue, found.symbol, str(found.pair)) == ("coinbase", BTC, "BTC/USD")
    assert (found.price_decimals, found.amount_decimals, found.min_notional) == (2, 8, Decimal(1))
    assert (found.trading, found.alias_of) == (True, "")
    (other,) = catalog(product(product_id=USDC, quote_currency_id="USDC", alias=BTC))
    assert (str(other.pair), other.alias_of) == ("BTC/USDC", BTC)


@pytest.mark.parametrize(
    "fields",
    [{"status": "delisted"}, *({each: True} for each in
     ("trading_disabled", "is_disabled", "view_only", "cancel_only", "auction_mode"))],
)  # fmt: skip
def test_products_that_do_not_trade(fields: Any) -> None:
    """Whatever stops them; in an auction a book is crossed for long."""
    assert [each.trading for each in catalog(product(**fields))] == [False]


@pytest.mark.parametrize(
    "fields",
    [{"product_type": "FUTURE"}, {"price_increment": "0"}, {"base_increment": "-1"}, {"price_increment": "NaN"},
     {"base_currency_id": "B C"}, {"quote_currency_id": ""}],
)  # fmt: skip
def test_products_that_are_left_out(fields: Any) -> None:
    """No spot market, or none that can be named and counted."""
    assert catalog(product(**fields), product()) == catalog(product())


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"products":[{}]}', b'{"products":7}'])
def test_no_catalog(body: bytes) -> None:
    """Says so."""
    with pytest.raises(GarbageFrame, match="coinbase: no catalog"):
        Coinbase().parse_catalog(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":"NOT_FOUND","error_details":"","message":"no such\\n product"}', "no such product (NOT_FOUND)"),
        (b'{"message":"too many"}', "too many (429)"),
        (b"Too many requests\n", "Too many requests"),
        (b"[7]", "[7]"),
        (b'{"error":"x"}', '{"error":"x"}'),
    ],
)
def test_refusals(body: bytes, words: str) -> None:
    """The venue's own words."""
    assert Coinbase().refusal(429, body) == words


def test_the_venue() -> None:
    """Its limits hold for all connections of an address."""
    venue = Coinbase()
    limits = venue.limits
    per_connect = len(CoinbaseDesk(coinbase(*(f"A{i}-USD" for i in range(limits.pairs_per_connection)))).begin().sent)
    assert limits.connects * per_connect / limits.connect_window_s <= 8, "requests a second without a key"
    protocol = venue.protocol([], {})
    assert (protocol.path, protocol.opened()[0]) == ("", protocol._ask("subscribe", "heartbeats")[0])
    assert venue.hosts["default"].ws == "wss://advanced-trade-ws.coinbase.com"
