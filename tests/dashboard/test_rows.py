"""Golden texts and properties of the rows: what each screen says, character by character."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import cards, header, ladder
from dashboard.columns import Formats, choose
from dashboard.feed import Failure, Feed, View
from dashboard.keys import Keys
from dashboard.ladder import Shape
from dashboard.market import decode
from dashboard.middle import spread_row
from dashboard.rows import Row, blank, cells
from dashboard.venues import letters
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import SECOND, HandClock, same_as_golden
from tests.dashboard.fake import EPOCH_NS, book, market, venue

FOUR = (
    venue("binance"),
    venue("kraken", age_ns=34_000_000),
    venue("coinbase", pb.GAP, since_ns=EPOCH_NS - 2_100_000_000, gaps=1, reason="sequence gap at 88123"),
    venue("okx", pb.DOWN, since_ns=EPOCH_NS - 12 * SECOND, next_try_ns=EPOCH_NS + 4 * SECOND, reason="closed: 1006"),
)


def crossed(**fields: Any) -> pb.Book:
    entries = [venue("binance", age_ns=85_000_000), venue("kraken", age_ns=412_000_000)]
    bids = [(641246, {0: 12000}), (641240, {0: 9000}), (641230, {1: 5000})]
    return book(
        bids, [(641234, {1: 7000}), (641244, {0: 8000}), (641250, {1: 1})], entries, price_decimals=1, **fields
    )


def locked() -> pb.Book:
    return book([(641234, {0: 100})], [(641234, {1: 7000})], [venue("binance"), venue("kraken")], price_decimals=1)


def seen(*messages: pb.Book, clock: HandClock | None = None) -> tuple[Feed, HandClock]:
    """A feed that has received these messages."""
    clock = clock or HandClock()
    feed = Feed("127.0.0.1:50052", "BTC/USDT", clock)
    held = None
    for message in messages:
        held = decode(message, held)
        feed.received(held)
    return feed, clock


def screen(view: View, width: int, height: int, *, mono: bool = False) -> list[Row]:
    """The picture with a blank footer, put together as the application does it."""
    if width < cards.MIN_WIDTH or height < cards.MIN_HEIGHT:
        return cards.too_small(view, width, height)
    mini = width < ladder.MINI_WIDTH or height < ladder.MINI_HEIGHT
    shape = Shape(mini, mono)
    room = height - 3 - (not mini)
    depth = ladder.depth_of(room, shape)
    rows = (
        header.mini(view, width, depth) if mini else [header.header(view, width, depth), header.second(view, width)]
    )
    if view.had_book and view.book is not None:
        rows += ladder.rows(view, width, room, Formats.measure(view.book, depth, None), shape)
    else:
        rows += cards.card(view, width, room, Keys())
    if not mini:
        rows.append(header.pressure(view, width, depth))
    return [*rows, blank(width)]


def printed(rows: list[Row]) -> str:
    """Rows with their fills and roles, for a golden file."""
    lines = []
    for row in rows:
        roles = " ".join(f"{span.role}:{len(span.text)}" for span in row.spans)
        lines.append(f"{row.text}|{f' fill {row.fill} {row.fill_role}' if row.fill else ''} {roles}")
    return "\n".join(lines) + "\n"


def _live() -> View:
    feed, _ = seen(market(mid=6412320, venues=FOUR), market(venues=FOUR))
    return feed.view()


def _frozen() -> View:
    feed, clock = seen(market())
    feed.ended(Failure("UNAVAILABLE", "connection refused"), 14 * SECOND)
    clock.forward(12)
    return feed.view()


def _stale() -> View:
    feed, clock = seen(market())
    clock.forward(3.2)
    return feed.view()


def _paused() -> View:
    feed, clock = seen(market())
    feed.toggle_pause()
    clock.forward(8)
    feed.received(decode(market(conflated=80), None))
    return feed.view()


def _unreachable() -> View:
    feed, clock = seen()
    for attempt in range(1, 5):
        feed.connecting(attempt)
        feed.ended(Failure("UNAVAILABLE", "connection refused"), 2 * SECOND)
    clock.forward(0.5)
    return feed.view()


def _refused() -> View:
    feed, _ = seen()
    feed.connecting(1)
    feed.ended(Failure("NOT_FOUND", "no pair BTC/USDX; near: BTC/USDT, BTC/USD", True), 5 * SECOND)
    return feed.view()


def _waiting(seconds: float = 1.4) -> View:
    feed, clock = seen()
    feed.connecting(1)
    feed.connected()
    feed.received(decode(book(venues=[venue("binance", pb.CONNECTING), venue("kraken", pb.SYNCING)]), None))
    clock.forward(seconds)
    return feed.view()


def _connecting() -> View:
    return seen()[0].view()


def _one_sided() -> View:
    return seen(book([(6412320, {0: 5000})]))[0].view()


def _no_venue() -> View:
    down = [venue("binance", pb.DOWN, reason="connection refused"), venue("bitstamp", pb.STALE)]
    return seen(market(), book(venues=down))[0].view()


SCREENS: dict[str, View] = {
    "live": _live(),
    "frozen": _frozen(),
    "stale": _stale(),
    "paused": _paused(),
    "unreachable": _unreachable(),
    "refused": _refused(),
    "waiting": _waiting(),
    "waiting-long": _waiting(6),
    "connecting": _connecting(),
    "one-sided": _one_sided(),
    "no-venue": _no_venue(),
    "crossed": seen(crossed())[0].view(),
    "locked": seen(locked())[0].view(),
}


@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 45), (40, 10)])
def test_golden(name: str, width: int, height: int) -> None:
    """Each state in three sizes, as text with roles."""
    rows = screen(SCREENS[name], width, height)
    assert [len(row.text) for row in rows] == [width] * height
    same_as_golden(f"{name}-{width}x{height}", printed(rows))


def test_golden_without_colour() -> None:
    """Fills cannot be seen then: the bars have a column of glyphs."""
    same_as_golden("mono-80x24", printed(screen(SCREENS["live"], 80, 24, mono=True)))


@pytest.mark.parametrize(("width", "height"), [(33, 6), (40, 7), (1, 1), (20, 2)])
def test_too_small(width: int, height: int) -> None:
    rows = screen(SCREENS["live"], width, height)
    assert [len(row.text) for row in rows] == [width] * height
    if width > 20:
        text = "\n".join(row.text for row in rows)
        assert f"need 40x8, have {width}x{height}" in text
        assert "64,123.20 / 64,123.40" in text


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 240), st.integers(1, 70), st.sampled_from(sorted(SCREENS)), st.booleans())
def test_every_row_is_exactly_as_wide_as_the_screen(width: int, height: int, name: str, mono: bool) -> None:
    rows = screen(SCREENS[name], width, height, mono=mono)
    assert len(rows) == height
    assert {cells(row.spans) for row in rows} == {width}
    assert all(0 <= row.fill <= width for row in rows)


side = st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**14)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(side, side, st.integers(0, 10), st.integers(0, 10), st.integers(40, 240), st.integers(0, 10**12))
def test_columns_stand_under_each_other(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], price_dec: int, amount_dec: int, width: int, base: int
) -> None:
    """Whatever the tick and the amounts: points aligned, equal decimals, no false zero, no exponent."""
    down = {base + 10**6 - step: {0: amount} for step, amount in bids if base + 10**6 - step > 0}
    up = {base + 10**6 + step: {1: amount} for step, amount in asks}
    message = book(
        sorted(down.items(), reverse=True), sorted(up.items()), price_decimals=price_dec, amount_decimals=amount_dec
    )
    view = seen(message)[0].view()
    assert view.book is not None
    shape = Shape(mini=width < 60)
    formats = Formats.measure(view.book, 12, None)
    columns = choose(view.book, formats, width, mini=shape.mini, mono=False)
    if columns.width(2) > width:
        return  # numbers too long for this width are cut with an ellipsis
    rows = ladder.rows(view, width, 25 if shape.mini else 26, formats, shape)
    numbers = [row.text[: columns.numbers + 1] for row in rows if row.fill]
    places = set()
    for text in numbers:
        found = text.replace("×", " ").split()
        assert all("e" not in word for word in found)
        assert all(word.strip("0.,kMGTP") for word in found), text
        places.add(tuple(index for index, sign in enumerate(text) if sign == "."))
    assert len(places) <= 1


def test_columns_are_dropped_in_order() -> None:
    """Sizes of venues, letters to one letter and a count, notional, total; never size and price."""
    view = SCREENS["live"]
    assert view.book is not None
    formats = Formats.measure(view.book, 9, None)
    shown: list[tuple[str, bool, bool, bool]] = []
    for width in range(140, 20, -1):
        chosen = choose(view.book, formats, width, mini=False, mono=False)
        kind = (chosen.venues, bool(chosen.notional), bool(chosen.total), bool(chosen.size and chosen.price))
        if not shown or shown[-1] != kind:
            shown.append(kind)
    assert shown == [
        ("sizes", True, True, True),
        ("letters", True, True, True),
        ("count", True, True, True),
        ("letters", False, True, True),
        ("count", False, True, True),
        ("letters", False, False, True),
        ("count", False, False, True),
        ("none", False, False, True),
    ]


def test_formats_only_grow_while_the_book_is_the_same() -> None:
    """Columns stand still: a smaller market keeps the width, a larger one widens it once."""
    small, large = decode(book([(100, {0: 10_000})], [(200, {0: 1})]), None), decode(book([(100, {0: 10**12})]), None)
    first = Formats.measure(small, 5, None)
    grown = Formats.measure(large, 5, first)
    assert (first.size.suffix, grown.size.suffix) == ("", "M")
    assert Formats.measure(large, 5, grown) is grown
    fewer = decode(book([(100, {0: 2 * 10**11})]), None)
    assert Formats.measure(fewer, 5, grown).size == grown.size
    assert Formats.measure(small, 5, grown).size.suffix == "", "far smaller for good: the digits come back"


def test_the_spread_row_stands_still() -> None:
    """It is in the same line whatever the number of levels."""
    at = set()
    for levels in (1, 5, 25):
        rows = screen(seen(market(levels))[0].view(), 80, 24)
        at.add(next(index for index, row in enumerate(rows) if " mid  ·  spread " in row.text))
    assert at == {12}


def test_crossing_is_said_with_venues_and_ages() -> None:
    row = spread_row(SCREENS["crossed"], 80)
    assert row.text == "═ CROSSED -1.2 (-0.19 bp) ═ B bid 64,124.6 > K ask 64,123.4 ═ 85/412 ms ═ AUTO  "
    assert spread_row(SCREENS["crossed"], 40).text.startswith("═ CROSSED -1.2 ═ B>K ═ 85/412 ms ═")


def test_locking_is_said() -> None:
    text = spread_row(SCREENS["locked"], 80).text
    assert text.startswith("─ LOCKED 0.0 ─")
    assert "B bid 64,123.4 = K ask 64,123.4" in text


def test_overlapping_levels_are_marked() -> None:
    rows = screen(SCREENS["crossed"], 80, 24)
    marked = [row.text.split()[1] for row in rows if "×" in row.text and row.fill]
    assert marked == ["64,124.4×", "64,123.4×", "64,124.6×", "64,124.0×"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["binance", "bitstamp"], "BS"),
        (["bitstamp", "binance"], "SB"),
        (["bitbay", "bithumb", "bitget"], "BIT"),
        (["bithumb", "binance"], "IB"),
        (["a"] * 3, "AAA"),
    ],
)
def test_letters(names: list[str], expected: str) -> None:
    assert "".join(letters(names)) == expected


def test_letters_are_unique_up_to_thirty_six() -> None:
    assert len(set(letters([f"venue{number}" for number in range(36)]))) == 36
    assert letters([f"venue{number}" for number in range(40)])[-1] == "?"
