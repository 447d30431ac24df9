"""Trades: nothing lost, nothing twice, gaps where they belong, and what the panel says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard import trade_rows
from dashboard.rows import Role, cells
from dashboard.trade_rows import Show, foot, letters_by_name, rows, unrepeated
from dashboard.trades import PLACES, Break, MalformedTrades, Trade, TradeList, shown
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import SECOND, same_as_golden
from tests.dashboard.fake import EPOCH_NS
from tests.dashboard.test_rows import printed

LETTERS = {"binance": "B", "kraken": "K"}
NOBODY: frozenset[str] = frozenset()


def trade(sequence: int, amount: str = "1", **fields: Any) -> pb.Trade:
    given: dict[str, Any] = {
        "venue": "binance",
        "pair": "BTC/USDT",
        "price": "64123.40",
        "taker": pb.BUYER,
        "id": str(sequence),
        "venue_ns": EPOCH_NS + sequence * 10_000_000,
        "received_ns": EPOCH_NS + sequence * 10_000_000 + 1_000_000,
    } | fields
    return pb.Trade(sequence=sequence, amount=amount, **given)


def gap(sequence: int, **fields: Any) -> pb.TradeGap:
    given: dict[str, Any] = {"venue": "kraken", "reason": "connection lost", "until_ns": EPOCH_NS} | fields
    return pb.TradeGap(sequence=sequence, pair="BTC/USDT", **given)


def told(*entries: pb.Trade | pb.TradeGap, missed: int = 0, sent_ns: int = EPOCH_NS + SECOND) -> pb.Trades:
    return pb.Trades(
        trades=[entry for entry in entries if isinstance(entry, pb.Trade)],
        gaps=[entry for entry in entries if isinstance(entry, pb.TradeGap)],
        missed=missed,
        sent_ns=sent_ns,
    )


def listed(*messages: pb.Trades, kept: int = 5_000) -> TradeList:
    out = TradeList("BTC/USDT", kept)
    for message in messages:
        out.received(message)
    return out


def numbers(trades: TradeList) -> list[int]:
    """Sequences, oldest first; breaks are below 0."""
    return [-entry.sequence if isinstance(entry, Break) else entry.sequence for entry in trades][::-1]


def test_gaps_stand_where_they_belong() -> None:
    assert numbers(listed(told(trade(1), trade(3), gap(2)), told(trade(4)))) == [1, -2, 3, 4]


def test_what_the_client_was_too_slow_for_is_marked_before_what_came() -> None:
    trades = listed(told(trade(1)), told(trade(9), missed=7), told(missed=2))
    assert numbers(trades) == [1, -9, 9, -9]
    entry = next(iter(trades))
    assert isinstance(entry, Break)
    assert (entry.missing, entry.text) == (2, "this screen was too slow")
    assert numbers(listed(told(missed=1))) == [0]


def test_a_new_stream_begins_where_the_old_one_ended() -> None:
    """What the server still remembers is not shown twice."""
    trades = listed(told(trade(1), trade(2)))
    trades.broken("server lost")
    trades.received(told())
    trades.received(told(trade(1), trade(2), trade(3)))
    assert numbers(trades) == [1, 2, 3]


def test_a_new_stream_that_does_not_join_is_marked() -> None:
    """More was missed than the server remembers, or it started anew and counts from 1."""
    trades = listed(told(trade(1), trade(2)))
    trades.broken("server lost")
    trades.received(told(trade(7)))
    assert numbers(trades) == [1, 2, -7, 7]
    trades.broken("server lost")
    trades.received(told(trade(7, id="another")))
    assert numbers(trades) == [1, 2, -7, 7, -7, 7]
    fresh = TradeList("BTC/USDT")
    fresh.broken("never begun")
    fresh.received(told(trade(5)))
    assert numbers(fresh) == [5]


def test_it_is_bounded() -> None:
    trades = listed(told(*(trade(number) for number in range(30))), kept=10)
    assert len(trades) == 10
    assert numbers(trades) == list(range(20, 30))


@pytest.mark.parametrize("wrong", [trade(1, "much"), trade(1, price="1e3"), trade(1, "")])
def test_a_trade_that_is_none_is_refused(wrong: pb.Trade) -> None:
    trades = TradeList("BTC/USDT")
    with pytest.raises(MalformedTrades, match="trade '1' of 'binance'"):
        trades.received(told(trade(0), wrong))
    assert len(trades) == 0, "nothing of the message was kept"


def amounts(entries: list[Trade | Break]) -> list[int]:
    return [entry.amount // 10**PLACES for entry in entries if isinstance(entry, Trade)]


def test_what_one_order_took_is_one_row() -> None:
    """Same venue, side and millisecond, though another venue's trade was read in between."""
    at = EPOCH_NS
    trades = listed(
        told(
            trade(1, "1", venue_ns=at, price="100"),
            trade(2, "7", venue_ns=at, venue="kraken"),
            trade(3, "2", venue_ns=at + 900_000, price="102"),
            trade(4, "4", venue_ns=at + 1_000_000),
            trade(5, "8", venue_ns=at, taker=pb.SELLER),
        )
    )
    whole = shown(trades, 10, 0, True, NOBODY)
    assert amounts(whole) == [8, 4, 3, 7]
    order = whole[2]
    assert isinstance(order, Trade)
    assert (order.parts, order.price, order.value) == (2, 102 * 10**PLACES, (100 + 2 * 102) * 10 ** (2 * PLACES))
    assert amounts(shown(trades, 10, 0, False, NOBODY)) == [8, 4, 2, 7, 1]
    assert amounts(shown(trades, 10, 3 * 10**PLACES, True, NOBODY)) == [8, 4, 3, 7], "the order counts, not its parts"
    assert amounts(shown(trades, 10, 0, True, frozenset({"kraken"}))) == [8, 4, 3]


def test_parts_of_an_order_that_were_read_late_belong_to_its_row() -> None:
    """The venue's stamp makes the row, though another venue's trades were read in between."""
    at = EPOCH_NS
    parts = [trade(1, "1", venue_ns=at, received_ns=at), trade(9, "2", venue_ns=at, received_ns=at + 900_000_000)]
    between = [
        trade(number, "7", venue="kraken", venue_ns=at + number * 10**7, received_ns=at + number * 10**8)
        for number in range(2, 9)
    ]
    trades = listed(told(*parts, *between))
    assert amounts(shown(trades, 1, 0, True, NOBODY)) == [3]
    assert amounts(shown(trades, 2, 0, True, NOBODY)) == [3, 7]


def test_an_order_is_not_joined_over_a_gap() -> None:
    at = EPOCH_NS
    trades = listed(told(trade(1, venue_ns=at), gap(2, venue="binance"), trade(3, venue_ns=at)))
    assert amounts(shown(trades, 10, 0, True, NOBODY)) == [1, 1]


entries = st.lists(
    st.tuples(st.sampled_from(["binance", "kraken"]), st.integers(1, 5), st.integers(0, 3), st.integers(0, 2)),
    max_size=60,
)


@given(entries, st.integers(0, 20), st.booleans(), st.integers(0, 6))
def test_the_newest_rows_hold_all_that_belongs_to_them(
    given_trades: list[tuple[str, int, int, int]], count: int, aggregate: bool, least: int
) -> None:
    """Stopping early must not change what the rows say."""
    at = EPOCH_NS
    messages = []
    for number, (name, amount, wait, taker) in enumerate(given_trades):
        at += wait * 400_000
        messages.append(
            trade(number, str(amount), venue=name, venue_ns=at, received_ns=at, taker=[pb.BUYER, pb.SELLER, 0][taker])
        )
    trades = listed(told(*messages))
    everything = shown(trades, 10_000, least * 10**PLACES, aggregate, NOBODY)
    assert shown(trades, count, least * 10**PLACES, aggregate, NOBODY) == everything[:count]
    if not least:
        assert sum(amounts(everything)) == sum(amount for _, amount, _, _ in given_trades)


def session() -> TradeList:
    """A few seconds of trades with a gap of a venue and one of ours."""
    base = EPOCH_NS
    return listed(
        told(
            trade(1, "0.0300", venue="kraken", venue_ns=base - 1_211_000_000),
            trade(2, "2.5000", price="64123.10", taker=pb.SELLER, venue_ns=base - 693_000_000),
            trade(3, "0.0087", price="64123.10", taker=pb.SELLER, venue="kraken", venue_ns=base - 502_000_000),
            gap(4, missing=12, until_ns=base - 300_000_000, reason="ids 10 to 21 are missing"),
            trade(5, "0.4402", price="64123.30", venue="kraken", venue_ns=base - 243_000_000),
        ),
        told(
            trade(8, "0.0100", venue_ns=base - 72_000_000),
            trade(9, "1.2000", price="64123.20", taker=pb.SELLER, venue="kraken", venue_ns=base - 15_000_000),
            trade(10, "0.0300", venue_ns=base),
            trade(11, "0.0221", venue_ns=base, venue="okx", taker=0),
            trade(12, "0.0221", venue_ns=base),
            missed=2,
        ),
    )


@pytest.mark.parametrize(("width", "height"), [(62, 12), (100, 14)])
def test_golden(width: int, height: int) -> None:
    found = rows(session(), width, height, Show(large="2.5"), 2, LETTERS)
    assert [cells(row.spans) for row in found] == [width] * height
    same_as_golden(f"trades-{width}x{height}", printed(found))


def test_repeated_parts_of_the_time_are_blank() -> None:
    assert unrepeated("12:00:46.113", "") == "12:00:46.113"
    assert unrepeated("12:00:46.098", "12:00:46.113") == "        .098"
    assert unrepeated("12:00:45.870", "12:00:46.041") == "      45.870"
    assert unrepeated("11:59:45.870", "12:00:46.041") == "11:59:45.870"


def test_sides_are_told_without_colour() -> None:
    texts = [row.text for row in rows(session(), 62, 12, Show(), 2, LETTERS)]
    assert sum("▲" in text for text in texts) == 4
    assert sum("▼" in text for text in texts) == 3
    assert sum(" · " in text and " ?" in text for text in texts) == 1, "a taker and a venue that are not known"


def test_small_and_muted_trades_are_left_out() -> None:
    few = rows(session(), 62, 12, Show(least="0.4"), 2, LETTERS)
    assert sum("▲" in row.text or "▼" in row.text for row in few) == 3
    none = rows(session(), 62, 4, Show(least="100"), 2, LETTERS)
    assert sum("missing" in row.text for row in none) == 2, "what is missing may have been large"
    assert "no trade of 100 or more" in rows(listed(told(trade(1))), 62, 4, Show(least="100"), 2, LETTERS)[1].text
    alone = Show(muted=frozenset({"binance"}))
    assert "no trade of the venues that are heard" in rows(listed(told(trade(1))), 62, 4, alone, 2, LETTERS)[1].text
    assert "no trade yet" in rows(listed(), 62, 4, Show(), 2, LETTERS)[1].text
    assert rows(listed(), 62, 0, Show(), 2, LETTERS) == []
    with pytest.raises(ValueError, match="'x'"):
        Show(least="x")


def test_breaks_warn() -> None:
    found = [row for row in rows(session(), 62, 12, Show(), 2, LETTERS) if "missing" in row.text]
    assert [row.spans[0].role for row in found] == [Role.WARN, Role.WARN]
    assert "2 missing: this screen was too slow" in found[0].text
    assert "K 12 missing: ids 10 to 21 are missing" in found[1].text


def test_the_foot_sums_a_minute_and_says_when_it_is_a_bound() -> None:
    old = trade(1, "50", received_ns=EPOCH_NS - 61 * SECOND)
    new = [trade(2, "6"), trade(3, "2", taker=pb.SELLER), trade(4, "1", taker=0), trade(5, "4", venue="kraken")]
    assert foot(listed(told(old, *new))) == "buy 83% · 1m vol 13.00 BTC"
    assert foot(listed(told(old, *new)), frozenset({"kraken"})) == "buy 75% · 1m vol 9.000 BTC"
    assert foot(listed(told(old, *new, gap(6)))) == "buy 83% · 1m vol ≥13.00 BTC"
    assert foot(listed(told(old, *new), kept=4)) == "buy 83% · 1m vol ≥13.00 BTC", "what is older was forgotten"
    assert foot(listed(told(old, *new), kept=5)) == "buy 83% · 1m vol 13.00 BTC"
    assert foot(listed()) == "buy ─ · 1m vol 0 BTC"


def test_letters_of_names() -> None:
    assert letters_by_name(["kraken", "kraken", "okx"], ["Kd", "Kt", "O"]) == {"kraken": "K", "okx": "O"}


def test_trades_can_be_copied() -> None:
    text = trade_rows.tail(shown(session(), 3, 0, True, NOBODY))
    assert text.splitlines()[1] == "12:00:46.113\tbuy\t64123.4\t0.0521\tbinance"


@settings(max_examples=60, deadline=None)
@given(entries, st.integers(1, 120), st.integers(0, 30), st.integers(0, 10))
def test_every_list_fits_its_place(
    given_trades: list[tuple[str, int, int, int]], width: int, height: int, decimals: int
) -> None:
    messages = [trade(number, str(amount * 10**wait)) for number, (_, amount, wait, _) in enumerate(given_trades)]
    found = rows(listed(told(*messages)), width, height, Show(large="3"), decimals, LETTERS)
    assert [cells(row.spans) for row in found] == [width] * height
