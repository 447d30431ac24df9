"""Sessions recorded at Coinbase, through the unchanged protocol and a replay that shares no code with it.

The files are no part of the project.
"""

import json
from decimal import Decimal
from typing import Any

from book import State
from exchanges.coinbase import Coinbase
from tests.captures import MARKS, Line, Sides, assert_equal, read, recording
from tests.exchanges.coinbase_desk import BTC, ETH
from tests.exchanges.desk import Desk

SESSION, OLD_SESSION = "2026-08-09", "2021-04-17"  # the latter of the older, unnumbered protocol
pytestmark = MARKS


def set_level(sides: Sides, bid: bool, price: str, amount: str) -> None:
    """Sets an amount; 0 removes."""
    side = sides[0] if bid else sides[1]
    if Decimal(amount):
        side[Decimal(price)] = Decimal(amount)
    else:
        side.pop(Decimal(price), None)


def replayed(lines: list[Line]) -> dict[str, Sides]:
    """By product, the final book, out of the text alone."""
    finals: dict[str, Sides] = {}
    for line in lines:
        told = json.loads(line.body)
        for each in told["events"] if told.get("channel") == "l2_data" else ():
            if each["type"] == "snapshot":
                finals[each["product_id"]] = ({}, {})
            for update in each["updates"]:
                bid = {"bid": True, "offer": False}[update["side"]]
                set_level(finals[each["product_id"]], bid, update["price_level"], update["new_quantity"])
    return finals


def replayed_old(lines: list[Line]) -> dict[str, Sides]:
    """The same out of the older protocol's messages."""
    finals: dict[str, Sides] = {}
    for line in lines:
        told = json.loads(line.body)
        if told["type"] == "snapshot":
            finals[told["product_id"]] = ({}, {})
            changes = [("buy", *level) for level in told["bids"]] + [("sell", *level) for level in told["asks"]]
        else:
            changes = told.get("changes", [])
        for side, price, amount in changes:
            set_level(finals[told["product_id"]], side == "buy", price, amount)
    return finals


def assert_all_equal(desk: Desk, finals: dict[str, Sides]) -> None:
    """Every book is the replayed one, and nothing went wrong on the way."""
    assert set(desk.books) == set(finals)
    for product, book in desk.books.items():
        counters = book.counters
        assert (book.state, book.counters.updates > 1) == (State.LIVE, True)
        assert (counters.gaps, counters.crossed, counters.resyncs, counters.garbage, counters.ignored) == (0,) * 5
        assert_equal(book, finals[product])


def test_the_session_of_2026() -> None:
    """Two books of up to 27,236 levels a side beside four other channels: contiguous, never crossed, equal."""
    recorded = recording("coinbase", SESSION)
    assert recorded.symbols == [BTC, ETH]
    desk = Desk(recorded.new_protocol()).open(acknowledge=False)
    loaded: dict[str, tuple[int, int]] = {}
    for line in recorded.lines:
        desk.now_ns = line.received_ns
        desk.feed.frame(line.body, line.received_ns)
        for product, book in desk.books.items():
            if book.state is State.LIVE:
                loaded.setdefault(product, (len(book.asks), len(book.bids)))
    assert loaded == {BTC: (27_236, 18_764), ETH: (16_399, 6_935)}
    assert_all_equal(desk, replayed(recorded.lines))
    assert [book.counters.updates for book in desk.books.values()] == [235, 222]
    assert [book.counters.unknown_removals for book in desk.books.values()] == [23, 6]
    protocol: Any = desk.protocol
    assert (len(recorded.lines), protocol._next, protocol._next_beat) == (624, 624, 41706)


def test_the_session_of_2021() -> None:
    """Ten small markets, through an adapter to the present dialect; no removal meets an unknown level."""
    recorded = recording("coinbase", OLD_SESSION)
    finals = replayed_old(recorded.raw)
    desk = Desk(recorded.new_protocol()).open(acknowledge=False)
    for line in recorded.lines:
        desk.feed.frame(line.body, desk.now_ns)
    assert_all_equal(desk, finals)
    assert len(desk.books) == 10
    assert sum(book.counters.updates for book in desk.books.values()) == 10 + 9719
    assert sum(book.counters.unknown_removals for book in desk.books.values()) == 0


def test_the_catalog_of_2026() -> None:
    """Every product, with what its text says; the markets in USDC that have books of their own are known by it."""
    body = next(line.body for line in recording("coinbase", SESSION).raw if line.url)
    told = {each["product_id"]: each for each in json.loads(body)["products"]}
    ours = {each.symbol: each for each in Coinbase().parse_catalog(body)}
    assert (len(ours), set(ours)) == (920, set(told))
    for symbol, each in ours.items():
        text = told[symbol]
        assert str(each.pair) == f"{text['base_currency_id']}/{text['quote_currency_id']}"
        assert (each.tick_size, each.lot_size) == (Decimal(text["price_increment"]), Decimal(text["base_increment"]))
        assert each.alias_of == text["alias"]
    assert sum(bool(each.alias_of) for each in ours.values()) == 400
    own = [symbol for symbol, each in ours.items() if each.pair.quote == "USDC" and not each.alias_of]
    assert own == ["USDT-USDC", "EURC-USDC", "XSGD-USDC", "TGBP-USDC", "AUDD-USDC"]
    assert sum(not each.trading for each in ours.values()) == 8


def test_the_catalog_of_2021() -> None:
    """That of the older interface, its fields renamed."""
    (answer,) = read(["coinbase/cryptofeed__COINBASE.0@20210417"])
    products = json.loads(answer.body)
    renamed = [
        {
            **each,
            "product_id": each["id"],
            "base_currency_id": each["base_currency"],
            "quote_currency_id": each["quote_currency"],
            "price_increment": each["quote_increment"],
        }
        for each in products
    ]
    ours = Coinbase().parse_catalog(json.dumps({"products": renamed}).encode())
    assert [each.symbol for each in ours] == [each["id"] for each in products]
    assert [each.tick_size for each in ours] == [Decimal(each["quote_increment"]) for each in products]
