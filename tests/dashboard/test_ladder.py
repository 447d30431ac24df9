"""The ladder's options, one by one, and what holds for all of them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import ladder, muting, readout
from dashboard.cursor import Cursor, across, cost, found, moved, named
from dashboard.glyphs import plain_row
from dashboard.ladder import SPREAD, Shape, State
from dashboard.market import decode
from dashboard.options import (
    Bars,
    Comma,
    Options,
    Orientation,
    RowModel,
    Scale,
    Totals,
    Unit,
    VenueColumns,
    deeper,
    following,
    shallower,
)
from dashboard.place import CENTRED, Place, followed, limits, scrolled
from dashboard.rows import Fill, Role, Row, Span, cells
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import same_as_golden
from tests.dashboard.fake import book, market, venue
from tests.dashboard.shown import messages, picture, texts
from tests.dashboard.test_rows import FOUR, SCREENS, printed

LADDERS = {
    "beside": Options(sides=Orientation.BESIDE),
    "axis": Options(rows=RowModel.LADDER, group=3),
    "grouped": Options(group=4, depth=25),
    "quote": Options(unit=Unit.QUOTE, large="2"),
    "cumulative": Options(totals=Totals.CUMULATIVE),
    "size-only": Options(totals=Totals.SIZE, bars=Bars.SIZE),
    "solo": Options(solo="kraken", venues=VenueColumns.SIZES),
    "muted": Options(muted=frozenset({"kraken"})),
    "no-venues": Options(venues=VenueColumns.OFF, dim_prefix=True, comma=Comma.THIN),
}


@pytest.mark.parametrize("name", LADDERS)
def test_golden(name: str) -> None:
    """Each option at 80 x 20 with a cursor, as text with roles and fills."""
    state = State(cursor=Cursor(False, 6412370))
    shown = picture(SCREENS["live"], LADDERS[name], state=state)
    same_as_golden(f"ladder-{name}", printed(shown.rows))


def test_golden_panel() -> None:
    """74 cells of a wide screen: each venue's amount has a narrow column."""
    same_as_golden("ladder-panel", printed(picture(SCREENS["live"], width=74, shape=Shape(wide=True)).rows))


def test_golden_crossed_axis() -> None:
    options = Options(rows=RowModel.LADDER, group=3)
    same_as_golden("ladder-crossed-axis", printed(picture(SCREENS["crossed"], options).rows))


chosen = st.builds(
    Options,
    group=st.integers(0, 9),
    rows=st.sampled_from(RowModel),
    sides=st.sampled_from(Orientation),
    totals=st.sampled_from(Totals),
    bars=st.sampled_from(Bars),
    scale=st.sampled_from(Scale),
    unit=st.sampled_from(Unit),
    venues=st.sampled_from(VenueColumns),
    muted=st.sets(st.sampled_from(["binance", "kraken", "okx"])).map(frozenset),
    solo=st.sampled_from(["", "", "kraken"]),
    autocentre=st.booleans(),
    dim_prefix=st.booleans(),
    fold_zeros=st.booleans(),
    comma=st.sampled_from(Comma),
    large=st.sampled_from(["", "0.5"]),
    bar_full=st.sampled_from(["", "25"]),
)


@settings(max_examples=200, deadline=None)
@given(
    messages(),
    chosen,
    st.integers(1, 200),
    st.integers(1, 50),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.integers(-30, 30),
)
def test_every_picture_fits_its_place(
    message: pb.Book, options: Options, width: int, height: int, shape: tuple[bool, bool, bool], scroll: int
) -> None:
    """Whatever is chosen: as many rows as asked for, each as wide as asked for, fills inside, a target a row."""
    state = State(place=scrolled(CENTRED, scroll) if scroll else CENTRED, cursor=Cursor(True, 10_000))
    shown = picture(message, options, width=width, height=height, state=state, shape=Shape(*shape))
    assert len(shown.rows) == len(shown.targets) == height
    assert {cells(row.spans) for row in shown.rows} == {width}
    for row in shown.rows:
        assert 0 <= row.fill <= width
        assert all(0 <= fill.start <= fill.end <= width for fill in row.fills)
        assert "".join(text for text, _, _ in row.pieces()) == row.text
        assert plain_row(row).text.isascii()
        assert len(plain_row(row).text) == width
    again = picture(message, options, width=width, height=height, state=shown.state, shape=Shape(*shape))
    assert again.rows == shown.rows, "the same book in the same state is the same picture"


@settings(max_examples=60, deadline=None)
@given(messages(), st.integers(60, 160), st.booleans())
def test_levels_stand_under_each_other(message: pb.Book, width: int, beside: bool) -> None:
    """Points of all rows of a side are aligned in every manner of showing them."""
    sides = Orientation.BESIDE if beside else Orientation.STACKED
    shown = picture(message, Options(sides=sides, venues=VenueColumns.OFF), width=width, shape=Shape())
    columns = set()
    for row, target in zip(shown.rows, shown.targets, strict=True):
        if isinstance(target, Cursor) and "…" not in row.text:
            columns.add(tuple(at for at, sign in enumerate(row.text) if sign == "."))
    assert len(columns) <= 1


def _fills(shown: ladder.Picture) -> list[int]:
    pairs = zip(shown.rows, shown.targets, strict=True)
    return [row.fill for row, target in pairs if isinstance(target, Cursor)]


TWO = book([(99, {0: 50}), (98, {0: 50})], [(101, {0: 10}), (102, {0: 5})], price_decimals=0, amount_decimals=0)


@pytest.mark.parametrize(
    ("options", "shares"),
    [
        (Options(), [15, 10, 50, 100]),
        (Options(scale=Scale.SIDE), [100, 67, 50, 100]),
        (Options(bars=Bars.SIZE), [10, 20, 100, 100]),
        (Options(scale=Scale.FIXED, bar_full="200"), [8, 5, 25, 50]),
        (Options(scale=Scale.FIXED, bar_full="20"), [75, 50, 100, 100]),
        (Options(bars=Bars.OFF), [0, 0, 0, 0]),
    ],
)
def test_bars(options: Options, shares: list[int]) -> None:
    """From the deepest ask to the deepest bid, in per cent of the longest."""
    fills = _fills(picture(TWO, options))
    full = max(_fills(picture(TWO)))
    got = [round(100 * fill / full) for fill in fills]
    assert all(abs(one - two) <= 3 for one, two in zip(got, shares, strict=True)), got


def test_options_are_checked_when_they_are_made() -> None:
    with pytest.raises(ValueError, match="'much' is no decimal number"):
        Options(large="much")
    assert following(Bars.OFF) is Bars.TOTAL
    assert following(Totals.BOTH) is Totals.CUMULATIVE
    assert [deeper(25), deeper(100), shallower(25), shallower(10)] == [50, 100, 10, 10]


# Where the user looks.


def test_the_spread_row_says_who_moves_the_rows() -> None:
    held = State(place=scrolled(CENTRED, 3))
    assert any(text.endswith(" AUTO  ") for text in texts(picture(SCREENS["live"])))
    assert any(text.endswith(" HELD  ") for text in texts(picture(SCREENS["live"], state=held)))
    fixed = picture(SCREENS["live"], Options(rows=RowModel.LADDER, autocentre=False))
    assert texts(fixed)[-1].endswith(" FIXED ")


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (-12, "▲ HELD  best ask 64,123.40 is 3 rows above, c to centre"),
        (-10, "▲ HELD  best ask 64,123.40 is 1 row above, c to centre"),
        (12, "▼ HELD  best bid 64,123.20 is 4 rows below, c to centre"),
    ],
)
def test_a_market_out_of_sight_is_announced(rows: int, text: str) -> None:
    shown = picture(SCREENS["live"], state=State(place=scrolled(CENTRED, rows)))
    assert text in [line.rstrip() for line in texts(shown)]


def test_the_distance_that_is_announced_is_right() -> None:
    """Scrolling by so many rows brings the announced price to the first row of levels, where the announcement was."""
    at = scrolled(CENTRED, -12)
    assert "is 3 rows above" in texts(picture(SCREENS["live"], state=State(place=at)))[1]
    back = texts(picture(SCREENS["live"], state=State(place=scrolled(at, 3))))
    assert " mid " in back[1] or "64,123.40" in back[1]


def test_scrolling_ends_at_the_last_level() -> None:
    shown = picture(SCREENS["live"], state=State(place=scrolled(CENTRED, -1000)))
    assert shown.state.place.scroll == -25
    assert any("64,120.80" in text for text in texts(shown)), "the deepest bid is still in sight"


def axis_of(mid: int, place: Place, *, autocentre: bool = True, height: int = 20) -> Place:
    groups = picture(market(mid=mid), Options(group=3)).groups
    return followed(place, groups, height, autocentre)


def test_the_axis_stands_until_the_mid_leaves_the_middle_half() -> None:
    """Prices keep their rows while the market moves; then the mid is in the middle again."""
    first = axis_of(6_412_330, CENTRED)
    assert first.top == 6_412_330 + 10 * 10
    assert limits(20) == (5, 14)
    assert axis_of(6_412_330 + 50, first) == first
    assert axis_of(6_412_330 - 40, first) == first
    assert axis_of(6_412_330 + 60, first).top == 6_412_490
    assert axis_of(6_412_330 + 60, first, autocentre=False) == first
    held = scrolled(first, -2)
    assert held.top == 6_412_410
    assert axis_of(6_412_330 + 600, held) == held


def test_the_axis_says_where_the_market_is() -> None:
    state = State(place=Place(top=6_400_000, step=10, held=True))
    shown = picture(SCREENS["live"], Options(rows=RowModel.LADDER, group=3), state=state)
    assert texts(shown)[-1].startswith("▲ HELD  best ask 64,123.40 is 1,234 rows above")
    below = State(place=Place(top=6_430_000, step=10, held=True))
    lines = texts(picture(SCREENS["live"], Options(rows=RowModel.LADDER, group=3), state=below))
    assert lines[-1].startswith("▼ HELD  best bid 64,123.20 is 1,751 rows below")


def test_rows_of_the_axis_are_steps_apart() -> None:
    shown = picture(SCREENS["live"], Options(rows=RowModel.LADDER, group=3))
    prices = [float(text[14:26].replace("╴", "").replace(",", "")) for text in texts(shown)[1:-1]]
    assert all(round(one - two, 6) == 0.1 for one, two in pairwise(prices))
    assert sum("╴" in text for text in texts(shown)) == 2


def test_another_step_keeps_a_held_place() -> None:
    held = scrolled(axis_of(6_412_330, CENTRED), 100)
    groups = picture(market(), Options(group=6)).groups
    moved_on = followed(held, groups, 20, True)
    assert (moved_on.top, moved_on.step, moved_on.held) == (6_413_500, 100, True)


# The cursor.


def test_the_cursor_follows_its_price() -> None:
    """The market moves by three levels: the selected price is the same one, on another row."""
    before = picture(market(), state=State(cursor=Cursor(False, 6_412_370)))
    after = picture(market(mid=6_412_300), state=before.state)
    assert before.selected is not None
    assert after.selected is not None
    assert (before.selected.price, before.selected.rank) == (6_412_370, 3)
    assert (after.selected.price, after.selected.rank) == (6_412_370, 6)
    rows = [row for row in after.rows if Fill(0, 80, Role.CURSOR) in row.fills]
    assert len(rows) == 1
    assert "64,123.70" in rows[0].text


def test_a_price_that_went_leaves_the_cursor_at_the_next_deeper_one() -> None:
    shown = picture(market(), state=State(cursor=Cursor(True, 6_412_325)))
    assert shown.selected is not None
    assert shown.selected.price == 6_412_320
    deep = picture(market(), state=State(cursor=Cursor(True, 1)))
    assert deep.selected is not None
    assert deep.selected.rank == 24
    assert picture(book([(100, {0: 1})]), state=State(cursor=Cursor(False, 1))).selected is None


def test_the_cursor_moves_over_both_sides() -> None:
    shown = picture(market(3))
    bids, asks = shown.bids, shown.asks
    assert moved(None, bids, asks, 1) == named(bids[0])
    assert moved(None, bids, asks, -1) == named(asks[0])
    assert moved(named(asks[0]), bids, asks, 1) == named(bids[0])
    assert moved(named(bids[0]), bids, asks, -2) == named(asks[1])
    assert moved(named(bids[0]), bids, asks, 99) == named(bids[2])
    assert moved(named(bids[0]), bids, asks, -99) == named(asks[2])
    assert moved(None, (), (), 1) is None
    assert moved(None, bids, (), -1) == named(bids[0])
    assert across(named(bids[1]), bids, asks) == named(asks[1])
    assert across(named(bids[1]), bids, ()) == named(bids[1])
    assert across(None, bids, asks) is None


def test_the_readout_tells_what_taking_the_book_would_cost() -> None:
    message = book(
        [(641232, {0: 10_000})],
        [(641234, {0: 10_000}), (641236, {1: 30_000})],
        [venue("binance"), venue("kraken")],
        price_decimals=1,
    )
    shown = picture(message, state=State(cursor=Cursor(False, 641236)))
    row = readout.readout(shown, 120)
    assert row is not None
    # 1 x 64,123.4 + 3 x 64,123.6 = 256,494.2, on average 64,123.55: 0.25 above the mid of 64,123.3.
    assert row.text.strip() == (
        "ASK 2  64,123.6  size 3.0000  total 4.0000 BTC  256,494.2 USDT  avg 64,123.55  +0.04 bp  K 3.0000 B 1.0000"
    )
    narrow = readout.readout(shown, 40)
    assert narrow is not None
    assert narrow.text.strip() == "ASK 2  64,123.6  total 4.0000 BTC"
    assert readout.readout(picture(message), 80) is None
    assert readout.card(picture(message), 60) == []
    same_as_golden("card", "\n".join(line.text.rstrip() for line in readout.card(shown, 64)) + "\n")


@settings(max_examples=100, deadline=None)
@given(messages(), st.booleans(), st.integers(0, 11), st.integers(0, 6), st.integers(10, 140))
def test_the_split_adds_up(message: pb.Book, bid: bool, rank: int, group: int, width: int) -> None:
    """Venues' parts are the total; the average lies between the best price and the selected one; rows fit."""
    shown = picture(message, Options(group=group))
    side = shown.bids if bid else shown.asks
    if not side:
        return
    rung = side[min(rank, len(side) - 1)]
    told = cost(rung, side)
    assert sum(amount for _, amount in told.parts) == told.amount == rung.total
    best = side[0].price + (-1 if not bid else 1) * shown.groups.step  # what is in the best group is better than it
    worst, most = sorted((rung.price * rung.total, best * rung.total))
    assert worst <= told.value <= most
    at = picture(message, Options(group=group), state=State(cursor=named(rung)))
    for row in [readout.readout(at, width), *readout.card(at, width)]:
        assert row is not None
        assert cells(row.spans) == width
    assert found(named(rung), at.bids, at.asks) == at.selected


# Venues.


def horizon_book() -> pb.Book:
    entries = [venue("binance"), venue("kraken")]
    entries[1].known_bid = 98
    return book([(99, {1: 5}), (98, {0: 7}), (97, {0: 9})], [(101, {0: 1})], entries, price_decimals=0)


def test_where_a_venues_known_depth_ends_the_ladder_says_so() -> None:
    """Beyond it the venue is unknown rather than absent, and totals are bounds."""
    lines = [text.split() for text in texts(picture(horizon_book())) if text.startswith("      0.000")]
    assert lines[-2:] == [
        ["0.0007", "98", "0.0012", "0.118", "B·"],
        ["0.0009", "97", "≥0.0021", "≥0.205", "B?"],
    ]
    muted = picture(horizon_book(), Options(muted=frozenset({"kraken"})))
    assert not any("≥" in text for text in texts(muted)), "who is not counted does not bound anything"


def test_muted_is_not_a_fault() -> None:
    options = Options(muted=frozenset({"kraken"}))
    lines = texts(picture(SCREENS["live"], options, width=90))
    assert "VENUE (C,O excluded, K muted)" in lines[0]
    assert any("B○··" in line for line in lines)
    assert muting.note(decode(market(venues=FOUR), None), options) == "○ K muted"
    assert muting.note(decode(market(venues=FOUR), None), Options(solo="kraken")) == "○ only K"
    assert muting.note(decode(market(venues=FOUR), None), Options(solo="okx2")) == "○ only ─"
    assert muting.note(decode(market(venues=FOUR), None), Options()) == ""


def test_all_muted_is_no_empty_market() -> None:
    lines = texts(picture(SCREENS["live"], Options(muted=frozenset({"kraken", "binance"}))))
    assert [line.strip() for line in lines if line.strip().startswith("no ")] == ["no asks heard", "no bids heard"]


def test_mute_and_solo() -> None:
    one = muting.muted(Options(), "kraken")
    assert one.muted == {"kraken"}
    assert not muting.muted(one, "kraken").muted
    alone = muting.soloed(one, "okx")
    assert alone.solo == "okx"
    assert alone.muted == {"kraken"}
    assert muting.soloed(alone, "okx").solo == ""
    assert muting.muted(alone, "okx") == Options(muted=frozenset({"kraken", "okx"}))
    assert muting.everybody(alone) == Options()


def twins() -> pb.Book:
    entries = [
        venue("kraken", symbol="BTC/USD"),
        venue("kraken", symbol="BTC/USDT"),
        venue("okx", symbol="BTC-USDT"),
        venue("kraken", symbol="XBTUSDT"),
    ]
    return book([(99, {0: 5, 1: 6}), (98, {2: 7})], [(101, {3: 1})], entries, price_decimals=0, amount_decimals=0)


def test_a_venue_may_have_several_entries() -> None:
    """In a group of quotes each market of a venue has its own mark, column and mute."""
    lines = texts(picture(twins()))
    marks = [line.split("k", 1)[1].strip() for line in lines if "k    " in line]
    assert marks == ["·  ·  ·  Kt2", "Kd Kt ·  ·", "·  ·  O  ·"]
    left = picture(twins(), Options(muted=frozenset({"kraken:BTC/USDT"})))
    assert left.bids[0].total == 5
    both = picture(twins(), Options(muted=frozenset({"kraken"})))
    assert [rung.price for rung in both.bids] == [98]
    assert not both.asks


def test_net_prices_are_marked() -> None:
    shown = picture(market(net_of_fees=True), Options(rows=RowModel.BOOK), tick=10)
    assert " NET USDT " in texts(shown)[0]
    assert any("net of fees" in text for text in texts(shown))
    assert shown.groups.step == 1, "fees do not come in ticks"


def test_large_sizes_are_marked() -> None:
    lines = texts(picture(SCREENS["live"], Options(large="2.5")))
    marked = [line.split()[0] for line in lines if "◆" in line]
    assert marked == ["◆2.7952", "◆2.8679", "◆2.8779"]


def test_a_cut_group_is_marked() -> None:
    shown = picture(market(25), Options(group=7, depth=25))
    last = [text for text in texts(shown) if "…" in text]
    assert len(last) == 2
    assert not [text for text in texts(picture(market(25), Options(group=7, depth=50))) if "…" in text]


def test_leading_zeros_may_be_folded() -> None:
    message = book([(7350, {0: 1})], [(7360, {0: 1})], price_decimals=8)
    assert any("0.0₄7350" in text for text in texts(picture(message, Options(fold_zeros=True))))


def test_equal_digits_of_the_price_above_may_be_quiet() -> None:
    shown = picture(SCREENS["live"], Options(dim_prefix=True))
    asks = [span.text.strip() for row in shown.rows for span in row.spans if span.role is Role.ASK]
    assert asks == ["64,124.20", "10", "00", "3.90", "80", "70", "60", "50"], "the best one is whole"


def test_clicks_have_targets() -> None:
    shown = picture(SCREENS["live"])
    assert shown.at(20, 9) == Cursor(False, 6_412_340)
    assert shown.at(20, 10) == SPREAD
    assert shown.at(7, 0) == "size"
    assert shown.at(50, 0) in ("notional", "venues")
    assert shown.at(79, 0) is None
    assert shown.at(0, 99) is None
    beside = picture(SCREENS["live"], Options(sides=Orientation.BESIDE))
    assert beside.at(5, 2) == Cursor(True, 6_412_320)
    assert beside.at(70, 2) == Cursor(False, 6_412_340)
    assert beside.at(38, 0) == "price"
    sizes = picture(SCREENS["live"], width=140)
    assert "venue:1" in [name for _, _, name in sizes.heads]


def test_side_by_side_shows_eighteen_levels_of_each() -> None:
    """Of a body of 20 rows, as an 80 x 24 terminal has."""
    options = Options(sides=Orientation.BESIDE)
    assert ladder.depth_of(20, Shape(), options) == 18
    assert ladder.depth_of(20, Shape()) == 9
    held = picture(SCREENS["live"], options, state=State(place=scrolled(CENTRED, -5)))
    assert "64,122.70" in texts(held)[2]
    assert texts(held)[1].endswith(" HELD  ")


def test_without_colour_bars_are_glyphs_on_the_outer_edges() -> None:
    options = Options(sides=Orientation.BESIDE)
    shown = picture(SCREENS["live"], options, width=140, shape=Shape(mono=True))
    bars = [row.text for row in shown.rows if "█" in row.text or "▌" in row.text]
    assert len(bars) == 18
    assert not any(fill for row in shown.rows for fill in (row.fill, *row.fills))


def test_heads_of_faulty_venues_carry_their_sign() -> None:
    heads = texts(picture(SCREENS["live"], Options(muted=frozenset({"kraken"})), width=140))[0].split()
    assert heads[-4:] == ["B", "K○", "C↻", "O✕"]


def test_pieces_follow_the_fills() -> None:
    """The later fill lies over the earlier one, and neighbours of one look stay one piece."""
    row = Row((Span("abc"), Span("def", Role.BID)), 2, Role.BID, (Fill(1, 4, Role.CURSOR),))
    assert list(row.pieces()) == [
        ("a", Role.NORMAL, Role.BID),
        ("bc", Role.NORMAL, Role.CURSOR),
        ("d", Role.BID, Role.CURSOR),
        ("ef", Role.BID, None),
    ]


def test_letters_shrink_to_one_and_a_count() -> None:
    entries = [venue(name) for name in ("binance", "kraken", "okx", "bybit", "gemini", "kucoin")]
    message = book([(99, {0: 5, 1: 9, 4: 1}), (98, {2: 7})], [(101, {1: 1})], entries)
    pictures = (texts(picture(message, width=width)) for width in range(80, 30, -1))
    lines = next(found for found in pictures if any("K+2" in line for line in found))
    assert [line.split()[-1] for line in lines if "0.00" in line and "mid" not in line] == ["K", "K+2", "O"]


def test_columns_only_grow_while_the_market_moves() -> None:
    """From frame to frame no column is narrower than before, and a market that breathes moves nothing."""
    state, widths = State(), []
    for step in range(40):
        amount = 10_000 * (1 + step % 7) * (1 + step // 20)
        message = book([(6_412_320 - step, {0: amount})], [(6_412_340 + step * 50, {1: amount // 3 + 1})])
        shown = picture(message, state=state)
        state = shown.state
        assert state.formats is not None
        widths.append((state.formats.price_cells, state.formats.size_cells, state.formats.total_cells))
    assert widths == sorted(widths)
    assert len(set(widths)) <= 2


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=15), st.sampled_from(Unit), st.sampled_from(Comma))
def test_every_number_fits_its_column(amounts: list[int], unit: Unit, comma: Comma) -> None:
    """Also the ones that made the formats grow, and nothing that is there prints as nothing."""
    state = State()
    for amount in amounts:
        options = Options(unit=unit, comma=comma)
        shown = picture(book([(6_412_320, {0: amount})], [(6_412_340, {1: 1})]), options, state=state, width=120)
        state = shown.state
        formats = state.formats
        assert formats is not None
        for rung in (*shown.bids, *shown.asks):
            total = rung.value if unit is Unit.QUOTE else rung.total
            for form, value, room in (
                (formats.total, total, formats.total_cells),
                (formats.size, total, formats.size_cells),
                (formats.notional, rung.value, formats.notional_cells),
            ):
                text = form.text(value)
                assert len(text) <= room
                assert text.strip("0.,\u2009kMGTP")
                assert "e" not in text


def test_the_card_says_what_limits_it() -> None:
    state = State(cursor=Cursor(True, 97))
    shown = picture(horizon_book(), state=state)
    told = "\n".join(row.text for row in readout.card(shown, 80))
    assert "≥  " in told
    assert "may be more" in told
    assert " K kraken" in told
    assert "?" in told
    net = picture(market(25, net_of_fees=True), Options(group=7), state=State(cursor=Cursor(True, 1)))
    text = "\n".join(row.text for row in readout.card(net, 80))
    assert "in all prices" in text
    assert "more of this group may lie beyond" in text
    one = picture(book([(100, {0: 5})]), state=State(cursor=Cursor(True, 100)))
    assert "─ bp of the average" in "\n".join(row.text for row in readout.card(one, 80))


def test_a_cursor_on_a_row_of_both_sides_is_seen() -> None:
    options = Options(rows=RowModel.LADDER, group=3)
    for cursor in (Cursor(True, 641240), Cursor(False, 641240)):
        shown = picture(SCREENS["crossed"], options, state=State(cursor=cursor))
        assert [row.text.split("×")[0].split()[-1] for row in shown.rows if row.fills] == ["64,124"]


def test_one_column_grows_without_another_shrinking() -> None:
    """A book with a larger best level and a far smaller total."""
    many = book([(100 - step, {0: 90_000}) for step in range(9)], price_decimals=0)
    one = book([(100, {0: 200_000_000})], price_decimals=0)
    first = picture(many).state
    second = picture(one, state=first).state.formats
    third = picture(book([(100, {0: 400_000}), (99, {0: 1})], price_decimals=0), state=first).state.formats
    assert first.formats is not None
    assert second is not None
    assert third is not None
    assert second.size_cells > first.formats.size_cells
    assert third.largest == (400_000, first.formats.largest[1], first.formats.largest[2])


def test_slippage_is_worse_above_zero_on_both_sides() -> None:
    message = book([(98, {0: 1})], [(102, {0: 1})], price_decimals=0, amount_decimals=0)
    for cursor in (Cursor(True, 98), Cursor(False, 102)):
        row = readout.readout(picture(message, state=State(cursor=cursor)), 100)
        assert row is not None
        assert "+200.00 bp" in row.text
