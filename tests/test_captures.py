"""Sessions that were recorded at the real venues, through the protocols and through a replay that shares no code."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from book import State, VenueBook
from exchanges.binance import Binance
from tests.captures import (
    MARKS,
    RECORDINGS,
    Line,
    Session,
    Sides,
    assert_equal,
    read,
    recording,
    session,
    total,
)
from tests.captures.table import row, table
from tests.processes import ROOT

pytestmark = MARKS

BINANCE, BITSTAMP = RECORDINGS["binance"], RECORDINGS["bitstamp"]
# Best quotes of the venue that were compared with ours, all of them equal.
AUDITS = dict(zip(BINANCE, (1155, 201, 98, 0, 1072, 174, 78, 25), strict=True))
BOOKS = dict(zip(BITSTAMP, (6, 10), strict=True))
UPDATES = dict(zip(BITSTAMP, (1791, 537), strict=True))


def contents(lines: list[Line]) -> Iterator[tuple[str, Any]]:
    """The address ("" for a frame) and the content of each line, numbers in Decimal."""
    for line in lines:
        yield line.url, json.loads(line.body, parse_float=Decimal)


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


def replay_binance(lines: list[Line]) -> dict[str, tuple[int, Sides]]:
    """By symbol: the final update id and book, from the first snapshot that the events join."""
    snapshots: dict[str, list[Any]] = {}
    events: dict[str, list[Any]] = {}
    for url, content in contents(lines):
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


def replay_bitstamp(lines: list[Line]) -> dict[str, tuple[int, Sides]]:
    """By symbol: the final microtimestamp and book."""
    snapshots: dict[str, Any] = {}
    diffs: dict[str, list[Any]] = {}
    for url, content in contents(lines):
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


def assert_all_equal(books: dict[str, VenueBook], finals: dict[str, tuple[int, Sides]]) -> None:
    """Every book is the replayed one."""
    assert set(books) == set(finals)
    for symbol, book in books.items():
        position, sides = finals[symbol]
        assert book.position == position, symbol
        assert_equal(book, sides)


@pytest.mark.parametrize("name", BINANCE)
def test_binance(name: str) -> None:
    """All books are live without a gap or a cross, each audit passed, and each final book equals the replay."""
    done = session("binance", name)
    books = done.books
    sums = total(books.values())
    assert {book.state for book in books.values()} == {State.LIVE}
    assert (sums.gaps, sums.crossed, sums.resyncs, sums.garbage) == (0, 0, 0, 0)
    assert (sums.audits_passed, sums.audits_failed) == (AUDITS[name], 0)
    assert_all_equal(books, replay_binance(done.recording.raw))


@pytest.mark.parametrize("name", BITSTAMP)
def test_bitstamp(name: str) -> None:
    """All books are live; no removal met an unknown level, which a lost diff would cause; each equals the replay."""
    done = session("bitstamp", name)
    books = done.books
    sums = total(books.values())
    assert [book.state for book in books.values()] == [State.LIVE] * BOOKS[name]
    assert (sums.unknown_removals, sums.crossed, sums.resyncs, sums.garbage) == (0, 0, 0, 0)
    assert sums.updates == UPDATES[name]
    assert_all_equal(books, replay_bitstamp(done.recording.raw))


def test_the_catalog_of_binance() -> None:
    """A real exchangeInfo: every symbol with steps, the same ones as read from the text by other means."""
    found = next(
        content
        for url, content in contents(read(["binance-spot/cryptofeed__BINANCE.0@20211011"]))
        if "exchangeInfo" in url
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


def test_the_table_of_the_page() -> None:
    """docs/venues.md shows what `make captures` prints, word for word."""
    printed = "\n".join(table())
    assert printed.count("\n") == 1 + sum(map(len, RECORDINGS.values()))
    assert f"\n{printed}\n" in (ROOT / "docs" / "venues.md").read_text(encoding="utf-8")


def test_a_chain_without_snapshots_holds() -> None:
    """Each event begins where the one before ended."""
    assert session("binance", "spot 2023-04-05").proofs == (3928, 3928)


LESS = {
    "coinbase": ("2026-08-09", 200),
    "bybit": ("perpetuals 2026-08-09", 400),
    "deribit": ("options 2021-04-05", 90),
}


@pytest.mark.parametrize("venue", LESS)
def test_the_table_would_show_a_lost_message(venue: str) -> None:
    """One that is left out costs at least the link of the one that follows it, and a gap."""
    name, lost = LESS[venue]
    whole = recording(venue, name)
    lost = min(number for number in whole.links if number >= lost)
    lines = [*whole.lines[:lost], *whole.lines[lost + 1 :]]
    links = frozenset(number - (number > lost) for number in whole.links if number != lost)
    done = Session(whole._replace(lines=lines, links=links)).run()
    checked, right = done.proofs
    shown = row(venue, name, done)
    assert (shown[3] != "0", checked - right >= 1) == (True, True)
    assert shown[5:7] == (str(checked), str(right))
