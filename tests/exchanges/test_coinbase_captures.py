"""Sessions recorded at Coinbase, through the unchanged protocol and a replay that shares no code with it.

The files are no part of the project.
"""

import gzip
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from book import State
from exchanges.coinbase import Coinbase
from tests.captures import CAPTURES
from tests.exchanges.coinbase_desk import BTC, ETH, CoinbaseDesk, coinbase

SESSION = "coinbase/cryptofeed__COINBASE.20260809.first14s.jsonl.gz"
OLD_SESSION = "coinbase/cryptofeed__COINBASE.ws.28.0@20210417"  # of the older, unnumbered protocol
OLD_CATALOG = "coinbase/cryptofeed__COINBASE.0@20210417"
needs = {
    name: pytest.mark.skipif(
        not (CAPTURES / name).is_file(), reason=f"no {name} in {CAPTURES}: ONEBOOK_CAPTURES names the folder"
    )
    for name in (SESSION, OLD_SESSION, OLD_CATALOG)
}
Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


def recorded() -> list[dict[str, Any]]:
    """The lines of the session of 2026: frames, and the catalog."""
    return [json.loads(line) for line in gzip.decompress((CAPTURES / SESSION).read_bytes()).splitlines()]


def set_level(sides: Sides, bid: bool, price: str, amount: str) -> None:
    """Sets an amount; 0 removes."""
    side = sides[0] if bid else sides[1]
    if Decimal(amount):
        side[Decimal(price)] = Decimal(amount)
    else:
        side.pop(Decimal(price), None)


def replayed(frames: list[bytes]) -> dict[str, Sides]:
    """By product, the final book, out of the text alone."""
    finals: dict[str, Sides] = {}
    for frame in frames:
        told = json.loads(frame)
        for each in told["events"] if told.get("channel") == "l2_data" else ():
            if each["type"] == "snapshot":
                finals[each["product_id"]] = ({}, {})
            for update in each["updates"]:
                bid = {"bid": True, "offer": False}[update["side"]]
                set_level(finals[each["product_id"]], bid, update["price_level"], update["new_quantity"])
    return finals


def replayed_old(frames: list[bytes]) -> dict[str, Sides]:
    """The same out of the older protocol's messages."""
    finals: dict[str, Sides] = {}
    for frame in frames:
        told = json.loads(frame)
        if told["type"] == "snapshot":
            finals[told["product_id"]] = ({}, {})
            changes = [("buy", *level) for level in told["bids"]] + [("sell", *level) for level in told["asks"]]
        else:
            changes = told.get("changes", [])
        for side, price, amount in changes:
            set_level(finals[told["product_id"]], side == "buy", price, amount)
    return finals


def present_dialect(frames: list[bytes]) -> Iterator[bytes]:
    """What the venue would say today. The older protocol had no numbers, and no time in snapshots."""
    for number, frame in enumerate(frames):
        told = json.loads(frame)
        channel, events = "ticker", []
        if told["type"] in ("snapshot", "l2update"):
            channel = "l2_data"
            sides = [("bid", *level) for level in told.get("bids", ())]
            sides += [("offer", *level) for level in told.get("asks", ())]
            sides += [({"buy": "bid", "sell": "offer"}[side], *level) for side, *level in told.get("changes", ())]
            time = told.get("time", "1970-01-01T00:00:00Z")
            kind = "snapshot" if told["type"] == "snapshot" else "update"
            names = ("side", "price_level", "new_quantity")
            updates = [{**dict(zip(names, each, strict=True)), "event_time": time} for each in sides]
            events = [{"type": kind, "product_id": told["product_id"], "updates": updates}]
        envelope = {"channel": channel, "timestamp": told.get("time", "2021-04-17T16:43:37Z"), "sequence_num": number}
        yield msgspec.json.encode({**envelope, "events": events})


def assert_equal(desk: CoinbaseDesk, finals: dict[str, Sides]) -> None:
    """Every book is the replayed one, level by level over its whole depth, and nothing went wrong on the way."""
    assert set(desk.books) == set(finals)
    for product, book in desk.books.items():
        counters = book.counters
        assert (book.state, book.counters.updates > 1) == (State.LIVE, True)
        assert (counters.gaps, counters.crossed, counters.resyncs, counters.garbage, counters.ignored) == (0,) * 5
        for ours, truth in zip((book.bids, book.asks), finals[product], strict=True):
            assert {Decimal(str(price)): Decimal(str(amount)) for price, amount in ours.amounts.items()} == truth
            ours.check()


@needs[SESSION]
@pytest.mark.captures
def test_the_session_of_2026() -> None:
    """Two books of up to 27,236 levels a side beside four other channels: contiguous, never crossed, equal."""
    lines = recorded()
    frames = [line["data"].encode() for line in lines if line["t"] == "recv"]
    desk = CoinbaseDesk(coinbase(BTC, ETH)).begin()
    loaded: dict[str, tuple[int, int]] = {}
    for line in lines:
        if line["t"] == "recv":
            desk.now_ns = int(line["ts"] * 10**9)
            desk.feed.frame(line["data"].encode(), desk.now_ns)
            for product, book in desk.books.items():
                if book.state is State.LIVE:
                    loaded.setdefault(product, (len(book.asks), len(book.bids)))
    assert loaded == {BTC: (27_236, 18_764), ETH: (16_399, 6_935)}
    assert_equal(desk, replayed(frames))
    assert [book.counters.updates for book in desk.books.values()] == [235, 222]
    assert [book.counters.unknown_removals for book in desk.books.values()] == [23, 6]
    protocol: Any = desk.protocol
    assert (len(frames), protocol._next, protocol._next_beat) == (624, 624, 41706)


@needs[OLD_SESSION]
@pytest.mark.captures
def test_the_session_of_2021() -> None:
    """Ten small markets, through an adapter to the present dialect; no removal meets an unknown level."""
    found = (
        re.match(rb"\d+(?:\.\d+)?: (\{.*\})", line) for line in (CAPTURES / OLD_SESSION).read_bytes().splitlines()
    )
    frames = [match[1] for match in found if match]
    finals = replayed_old(frames)
    desk = CoinbaseDesk(coinbase(*finals)).begin()
    for frame in present_dialect(frames):
        desk.feed.frame(frame, desk.now_ns)
    assert_equal(desk, finals)
    assert len(desk.books) == 10
    assert sum(book.counters.updates for book in desk.books.values()) == 10 + 9719
    assert sum(book.counters.unknown_removals for book in desk.books.values()) == 0


@needs[SESSION]
@pytest.mark.captures
def test_the_catalog_of_2026() -> None:
    """Every product, with what its text says; the markets in USDC that have books of their own are known by it."""
    body = next(line["data"] for line in recorded() if line["t"] == "http")
    told = {each["product_id"]: each for each in json.loads(body)["products"]}
    ours = {each.symbol: each for each in Coinbase().parse_catalog(body.encode())}
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


@needs[OLD_CATALOG]
@pytest.mark.captures
def test_the_catalog_of_2021() -> None:
    """That of the older interface, its fields renamed."""
    text = (CAPTURES / OLD_CATALOG).read_text()
    products = json.loads(text[text.index(": [") + 2 :].splitlines()[0])
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
