"""The panels as pure functions: exactly the size that was asked for, whatever is known, and what they say."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard import header
from dashboard.desk import Desk
from dashboard.feed import Failure
from dashboard.market import decode
from dashboard.panels.base import Scene
from dashboard.panels.shelf import all_panels
from dashboard.panels.symbols import SymbolsPanel
from dashboard.panels.venues import VenuesPanel, near_shares
from dashboard.settings import Settings
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import SECOND, HandClock
from tests.dashboard.fake import EPOCH_NS, book, market, pair_info, status, venue
from tests.dashboard.test_rows import FOUR, crossed

PAIRS = ("BTC/USDT", "ETH/BTC", "ETH/USDT")
NAMES = sorted(all_panels())


def desk(clock: HandClock | None = None, **chosen: Any) -> Desk:
    return Desk(
        "127.0.0.1:50052",
        "BTC/USDT",
        Settings(**chosen),
        clock=clock or HandClock(),
        wall=lambda: EPOCH_NS,
        cpu=lambda: 0,
    )


def full(clock: HandClock | None = None) -> Desk:
    """Everything is known."""
    made = desk(clock)
    made.connecting(1)
    made.connected()
    message = market(venues=FOUR)
    made.received(decode(message, None))
    made.status_came(status(message, PAIRS))
    made.pairs_came(pb.Pairs(pairs=[pair_info(pair) for pair in PAIRS], default_pair=PAIRS[0]))
    made.quote_came(decode(market(5, mid=380_000, pair="ETH/BTC"), None))
    trade = pb.Trade(venue="kraken", pair="BTC/USDT", price="64123.4", amount="0.5", taker=pb.BUYER, sequence=1)
    trade.received_ns = EPOCH_NS
    made.trades_came(pb.Trades(trades=[trade], sent_ns=EPOCH_NS))
    return made


def lost() -> Desk:
    made = full()
    made.ended(Failure("UNAVAILABLE", "socket closed"), SECOND)
    made.branch_lost("status", Failure("UNAVAILABLE", "socket closed"))
    made.branch_lost("trades", Failure("UNAVAILABLE", "socket closed"))
    return made


def refused() -> Desk:
    made = desk()
    made.ended(Failure("NOT_FOUND", "no pair here", True), SECOND)
    return made


def odd() -> Desk:
    made = desk()
    made.received(decode(crossed(), None))
    made.received(decode(book([(1, {0: 5})], [], [venue("binance")]), None))
    return made


KNOWN = {"nothing": desk, "everything": full, "lost": lost, "refused": refused, "odd": odd}


def scene(made: Desk, *, wide: bool = False, mini: bool = False, mono: bool = False) -> Scene:
    return made.scene(wide=wide, mini=mini, mono=mono)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(NAMES),
    st.sampled_from(sorted(KNOWN)),
    st.integers(20, 240),
    st.integers(1, 70),
    st.booleans(),
    st.booleans(),
)
def test_every_panel_is_exactly_as_large_as_asked(
    name: str, known: str, width: int, height: int, wide: bool, mono: bool
) -> None:
    rows = all_panels()[name].rows(scene(KNOWN[known](), wide=wide, mono=mono), width, height)
    assert [len(row.text) for row in rows] == [width] * height


def text(made: Desk, name: str, width: int = 140, height: int = 20, **how: bool) -> str:
    return "\n".join(row.text.rstrip() for row in all_panels()[name].rows(scene(made, **how), width, height))


def test_venues_tell_state_since_reason_and_figures() -> None:
    told = text(full(), "venues", 180)
    assert "B binance" in told
    assert "sequence gap at 88123" in told
    assert "closed: 1006, next try in 4 s" in told
    assert "✕ down" in told
    assert "0:12" in told
    beside = text(full(), "venues", 62, wide=True)
    assert "retry 4 s" in beside, "without room for the reason"
    assert "2s" in beside


def test_budgets_and_bans_stand_below() -> None:
    told = text(full(), "venues")
    assert "weight 5,400/6,000 in 60 s" in told
    assert "connects 3/300 in 300 s" in told
    assert "4 wait" in told
    assert "✕ banned 42 s" in told


def test_a_ban_counts_down_and_ends() -> None:
    clock = HandClock()
    made = full(clock)
    clock.forward(30)
    assert "✕ banned 12 s" in text(made, "venues")
    clock.forward(13)
    assert "banned" not in text(made, "venues")


def test_a_muted_venue_is_no_fault() -> None:
    made = full()
    made.muted = frozenset({"binance"})
    assert "○ muted" in text(made, "venues")


def test_shares_near_the_mid() -> None:
    found = decode(
        book(
            [(100_000, {0: 30}), (99_950, {1: 10}), (90_000, {1: 999})],
            [(100_010, {0: 60}), (110_000, {0: 999})],
            [venue("binance"), venue("kraken")],
        ),
        None,
    )
    assert near_shares(found, 10) == ["90%", "10%"]
    assert near_shares(found, 2_000) == ["~52%", "~48%"], "the levels end before: the share is a guess"
    assert near_shares(decode(book(), None), 10) == ["─", "─"]


def test_health_tells_what_drawing_costs_and_what_happened() -> None:
    made = full()
    told = text(made, "health")
    assert "server 127.0.0.1:50052  version 0.1.0  up 1:02:03  pairs 3  streams 3" in told
    assert "okx down: closed: 1006" in told
    assert "BTC/USDT: 2 of 4 venues live" in told


def test_slow_frames_are_told() -> None:
    made = desk(fps=20.0)
    for _ in range(3):
        made.pace.drew(30_000_000)
    assert "frames are slow: cap 10 of 20 fps" in text(made, "health")


def test_the_log_follows_the_newest_until_it_is_scrolled() -> None:
    made = desk()
    for number in range(40):
        made.journal.note(f"event {number}")
    panel = all_panels()["log"]
    host: Any = None

    def seen() -> str:
        return "\n".join(row.text for row in panel.rows(scene(made), 60, 10))

    assert "event 39" in seen()
    panel.act("page.up", host)
    assert "event 39" not in seen()
    made.journal.note("event 40")
    assert "event 40" not in seen()
    panel.act("bottom", host)
    assert "event 40" in seen()
    panel.act("top", host)
    assert "event 0" in seen()
    panel.rolled(100, False, host)
    assert "event 40" in seen()


def test_symbols_tell_the_mid_of_what_is_watched() -> None:
    told = text(full(), "symbols")
    lines = {line.lstrip("> ").split()[0]: line for line in told.splitlines()[1:4]}
    assert sorted(lines) == sorted(PAIRS)
    assert "64,123.30" in lines["BTC/USDT"]
    assert "3,800.00" in lines["ETH/BTC"]
    assert "─" in lines["ETH/USDT"]


def test_the_symbols_and_the_header_count_the_same_levels() -> None:
    """The same pair has one imbalance, whatever screen tells it."""
    made = full()
    for depth in (3, 19):
        made.depth = depth
        told = header.imbalance_text(scene(made).heard, depth)
        line = next(line for line in text(made, "symbols").splitlines() if "BTC/USDT" in line)
        assert f" {told} " in line


def test_venues_have_their_whole_names_beside_their_lags() -> None:
    message = market(venues=[venue(name, lag_ns=5_000_000) for name in ("binance", "bitstamp", "coinbaseadvanced")])
    made = desk()
    made.connected()
    made.received(decode(message, None))
    told = text(made, "health", 80)
    for name in ("binance ", "bitstamp ", "coinbaseadvanced "):
        assert f" {name}" in told


def test_only_pairs_in_sight_are_watched() -> None:
    made = desk()
    pairs = [f"A{number:02}/USDT" for number in range(30)]
    made.pairs_came(pb.Pairs(pairs=[pair_info(pair) for pair in pairs], default_pair=pairs[0]))
    panel = SymbolsPanel()
    panel.rows(scene(made), 80, 11)
    assert panel.shown() == tuple(pairs[:10])


@pytest.mark.parametrize(
    ("code", "told"),
    [("UNIMPLEMENTED", "this server does not tell trades"), ("UNAVAILABLE", "no trades: UNAVAILABLE: gone")],
)
def test_no_trades_are_explained(code: str, told: str) -> None:
    made = desk()
    made.received(decode(market(), None))
    made.branch_lost("trades", Failure(code, "gone"))
    assert told in text(made, "trades")
    made.trades_came(pb.Trades(sent_ns=EPOCH_NS))
    assert told not in text(made, "trades")


def test_the_cursor_stays_on_a_line_that_is_there() -> None:
    panel = VenuesPanel()
    panel.rows(scene(full()), 80, 3)
    host: Any = None
    for _ in range(9):
        panel.act("cursor.down", host)
    rows = panel.rows(scene(full()), 80, 3)
    assert rows[-1].text.startswith(">O okx")


def test_an_alert_on_the_age_speaks_of_the_worst_of_late(hand_clock: HandClock) -> None:
    """The order of its samples is looked at four times a second, not with every message."""
    spoken: list[str] = []
    made = desk(hand_clock, alerts=("age p99 >= 250ms",))
    made.alerted = lambda alert: spoken.append(alert.text)
    made.connected()
    for lag_ms in (20, 400, 400):
        clocks = pb.Clocks(venue_ns=EPOCH_NS - lag_ms * 1_000_000, received_ns=EPOCH_NS, sent_ns=EPOCH_NS)
        made.received(decode(market(3, clocks=clocks), None))
        hand_clock.forward(0.2)
    assert spoken == ["age p99 400 ms"]
