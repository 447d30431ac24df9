"""Sessions that were recorded at the real venues, through the protocols and through a replay that shares no code."""

import gzip
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from book import State, VenueBook
from exchanges.binance import Binance
from tests.captures import BINANCE, BITSTAMP, CAPTURES, binance_session, bitstamp_session, total

pytestmark = [
    pytest.mark.captures,
    pytest.mark.skipif(
        not CAPTURES.is_dir(), reason=f"no captured sessions in {CAPTURES}: ONEBOOK_CAPTURES names their folder"
    ),
]

Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]

# Best quotes of the venue that were compared with ours, all of them equal.
AUDITS = dict(zip(BINANCE, (1155, 201, 98, 0, 1072, 174, 78, 25), strict=True))
BOOKS = dict(zip(BITSTAMP, (6, 10), strict=True))
UPDATES = dict(zip(BITSTAMP, (1791, 537), strict=True))


def lines(files: list[str]) -> Iterator[tuple[str, Any]]:
    """The address ("" for a frame) and the content of each recorded line, numbers in Decimal."""
    for name in files:
        raw = (CAPTURES / name).read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()
        for line in text.split("\n"):
            found = re.match(r"(?:(http\S+) -> )?\d+(?:\.\d+)?:? (\{.*\})$", line)
            if found:
                yield found[1] or "", json.loads(found[2], parse_float=Decimal)


def change(sides: Sides, bids: Any, asks: Any) -> None:
    """Sets amounts; 0 removes."""
    for side, levels in zip(sides, (bids, asks), strict=True):
        for price, amount in levels:
            if Decimal(amount):
                side[Decimal(price)] = Decimal(amount)
            else:
                side.pop(Decimal(price), None)


def book_of(snapshot: Any) -> Sides:
    """A snapshot as two sides."""
    sides: Sides = ({}, {})
    change(sides, snapshot["bids"], snapshot["asks"])
    return sides


def replay_binance(files: list[str]) -> dict[str, tuple[int, Sides]]:
    """By symbol: the final update id and book, from the first snapshot that the events join."""
    snapshots: dict[str, list[Any]] = {}
    events: dict[str, list[Any]] = {}
    for url, content in lines(files):
        data = content.get("data", content)
        if "lastUpdateId" in content:
            named = re.search(r"symbol=(\w+)", url)
            snapshots.setdefault(named[1] if named else "BTCUSDT", []).append(content)
        elif data.get("e") == "depthUpdate":
            events.setdefault(data["s"], []).append(data)
    finals = {}
    for symbol, diffs in events.items():
        empty = {"lastUpdateId": diffs[0]["U"] - 1, "bids": [], "asks": []}
        for snapshot in snapshots.get(symbol, [empty]):
            last, sides = snapshot["lastUpdateId"], book_of(snapshot)
            later = [diff for diff in diffs if diff["u"] > last]
            if later and later[0]["U"] > last + 1:
                continue  # older than the stream
            for diff in later:
                assert diff["U"] <= last + 1, f"{symbol}: the recording itself has a gap"
                change(sides, diff["b"], diff["a"])
                last = diff["u"]
            finals[symbol] = last, sides
            break
    return finals


def replay_bitstamp(files: list[str]) -> dict[str, tuple[int, Sides]]:
    """By symbol: the final microtimestamp and book."""
    snapshots: dict[str, Any] = {}
    diffs: dict[str, list[Any]] = {}
    for url, content in lines(files):
        if found := re.search(r"/order_book/(\w+)", url):
            snapshots.setdefault(found[1], content)
        elif content.get("event") == "data" and content["channel"].startswith("diff_order_book_"):
            diffs.setdefault(content["channel"].removeprefix("diff_order_book_"), []).append(content["data"])
    finals = {}
    for symbol, snapshot in snapshots.items():
        last, sides = int(snapshot["microtimestamp"]), book_of(snapshot)
        for diff in diffs.get(symbol, []):
            if int(diff["microtimestamp"]) > last:
                change(sides, diff["bids"], diff["asks"])
                last = int(diff["microtimestamp"])
        finals[symbol] = last, sides
    return finals


def assert_equal(books: dict[str, VenueBook], finals: dict[str, tuple[int, Sides]]) -> None:
    """Every book is the replayed one, level by level over its whole depth."""
    assert set(books) == set(finals)
    for symbol, book in books.items():
        position, sides = finals[symbol]
        assert book.position == position, symbol
        for ours, truth in zip((book.bids, book.asks), sides, strict=True):
            shown = {Decimal(str(price)): Decimal(str(amount)) for price, amount in ours.amounts.items()}
            assert shown == truth, symbol
            ours.check()


@pytest.mark.parametrize("name", BINANCE)
def test_binance(name: str) -> None:
    """All books are live without a gap or a cross, each audit passed, and each final book equals the replay."""
    books = {symbol: book for symbol, (_, book) in binance_session(name).books.items()}
    sums = total(books.values())
    assert {book.state for book in books.values()} == {State.LIVE}
    assert (sums.gaps, sums.crossed, sums.resyncs, sums.garbage) == (0, 0, 0, 0)
    assert (sums.audits_passed, sums.audits_failed) == (AUDITS[name], 0)
    assert_equal(books, replay_binance(BINANCE[name]))


@pytest.mark.parametrize("name", BITSTAMP)
def test_bitstamp(name: str) -> None:
    """All books are live; no removal met an unknown level, which a lost diff would cause; each equals the replay."""
    books = {symbol: book for symbol, (_, book) in bitstamp_session(name).books.items()}
    sums = total(books.values())
    assert [book.state for book in books.values()] == [State.LIVE] * BOOKS[name]
    assert (sums.unknown_removals, sums.crossed, sums.resyncs, sums.garbage) == (0, 0, 0, 0)
    assert sums.updates == UPDATES[name]
    assert_equal(books, replay_bitstamp(BITSTAMP[name]))


def test_the_catalog_of_binance() -> None:
    """A real exchangeInfo: every symbol with steps, the same ones as read from the text by other means."""
    found = next(
        content for url, content in lines(["binance-spot/cryptofeed__BINANCE.0@20211011"]) if "exchangeInfo" in url
    )
    told = {symbol["symbol"]: symbol for symbol in found["symbols"]}
    ours = {each.symbol: each for each in Binance().parse_catalog(json.dumps(found, default=str).encode())}
    assert set(ours) == set(told)
    for symbol, each in ours.items():
        steps = {filter_["filterType"]: filter_ for filter_ in told[symbol]["filters"]}
        assert each.pair == (told[symbol]["baseAsset"], told[symbol]["quoteAsset"])
        assert each.tick_size == Decimal(steps["PRICE_FILTER"]["tickSize"])
        assert each.lot_size == Decimal(steps["LOT_SIZE"]["stepSize"])
        assert each.trading == (told[symbol]["status"] == "TRADING")
    assert str(ours["BTCUSDT"].pair) == "BTC/USDT"
    assert ours["BTCUSDT"].price_decimals == 2
