"""The engine: when it speaks, when it is silent, and that it does not speak of prices that stand still."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.alerts import SNOOZE_NS, Engine, rows
from dashboard.feed import Failure, FeedState, View
from dashboard.rows import Role, cells
from dashboard.rules import parse
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import HandClock
from tests.dashboard.fake import book, venue
from tests.dashboard.shown import view_of
from tests.dashboard.test_rows import crossed


def engine(*texts: str) -> tuple[Engine, HandClock]:
    clock = HandClock()
    return Engine([parse(text) for text in texts], clock), clock


def at(mid: int, spread: int = 2, amount: int = 10_000, ask: int = 10_000, pair: str = "BTC/USDT") -> View:
    """A book around a mid, both in whole units."""
    return view_of(book([(mid * 100 - spread * 50, {0: amount})], [(mid * 100 + spread * 50, {1: ask})], pair=pair))


def said(alerts: Engine, view: View, clock: HandClock | None = None, after: float = 0) -> list[str]:
    if clock is not None:
        clock.forward(after)
    return [alert.text for alert in alerts.watch(view)]


def test_a_price_is_crossed_not_passed() -> None:
    """Being beyond it from the start is no crossing."""
    alerts, clock = engine("price > 65000")
    assert said(alerts, at(65_100)) == []
    assert said(alerts, at(64_900), clock, 10) == []
    assert said(alerts, at(65_000), clock, 10) == ["BTC/USDT 65,000.00 crossed above 65,000"]
    assert said(alerts, at(65_200), clock, 10) == []
    below, clock = engine("price < 0.5 warn")
    said(below, at(1))
    half = view_of(book([(40, {0: 1})], [(50, {0: 1})]))
    assert said(below, half, clock, 1) == ["BTC/USDT 0.45 crossed below 0.5"]


def test_hysteresis_swallows_a_price_that_dances_on_its_bound() -> None:
    """Two basis points of 65,000 are 13."""
    alerts, clock = engine("price > 65000")
    said(alerts, at(64_900))
    assert len(said(alerts, at(65_001), clock, 10)) == 1
    assert said(alerts, at(64_990), clock, 10) == []
    assert said(alerts, at(65_001), clock, 10) == []
    assert said(alerts, at(64_986), clock, 10) == []
    assert len(said(alerts, at(65_001), clock, 10)) == 1
    wide, clock = engine("spread >= 5bp back 1bp")
    assert len(said(wide, at(10_000, 5))) == 1
    assert said(wide, at(10_000, 2), clock, 10) == []
    assert said(wide, at(10_000, 6), clock, 10) == []
    said(wide, at(100_000, 5), clock, 10)
    assert len(said(wide, at(10_000, 6), clock, 10)) == 1


@pytest.mark.parametrize(
    ("text", "quiet", "loud", "told"),
    [
        ("spread >= 5bp", at(10_000, 4), at(10_000, 5), "spread 5.00 bp"),
        ("imbalance >= 60%", at(100, 2, 15_900, 4_100), at(100, 2, 4_000, 16_000), "imbalance -60%"),
        (
            "size >= 2 within 1bp",
            at(10_000, 4, 30_000, 100),
            at(10_000, 2, 100, 20_000),
            "ask of 2.0000 BTC at 10,001.00, 1.00 bp from the mid",
        ),
    ],
)
def test_figures_of_the_book(text: str, quiet: View, loud: View, told: str) -> None:
    alerts, _ = engine(text)
    assert said(alerts, quiet) == []
    assert said(alerts, loud) == [told]


def test_an_empty_side_has_no_figures() -> None:
    alerts, _ = engine("price > 1", "spread >= 1bp", "size >= 1 within 5bp", "imbalance >= 1%", "crossed >= 1ms")
    assert said(alerts, view_of(book([(100, {0: 10**9})]))) == []
    negative = view_of(book([(-200, {0: 1})], [(-100, {0: 1})]))
    assert said(alerts, negative) == [], "a price below 0 has no basis points"


def trouble(*states: int, reason: str = "") -> View:
    names = ("binance", "kraken")
    entries = [venue(name, state, reason=reason) for name, state in zip(names, states, strict=True)]
    live = [index for index, state in enumerate(states) if state == pb.LIVE]
    return view_of(book([(100, {index: 1}) for index in live[:1]], [], entries))


def test_venues_one_by_one() -> None:
    """A second venue that falls is news, though the rule speaks already."""
    alerts, clock = engine("venue any")
    assert said(alerts, trouble(pb.LIVE, pb.LIVE)) == []
    assert said(alerts, trouble(pb.LIVE, pb.DOWN, reason="closed: 1006")) == ["kraken down: closed: 1006"]
    assert said(alerts, trouble(pb.STALE, pb.DOWN), clock, 0.1) == ["binance stale"]
    assert said(alerts, trouble(pb.LIVE, pb.LIVE), clock, 10) == []
    assert said(alerts, trouble(pb.LIVE, pb.DOWN), clock, 10) == ["kraken down"]
    assert said(alerts, trouble(pb.LIVE, pb.DISABLED), clock, 10) == [], "switched off is no fault"
    named, _ = engine("venue kraken down", "venue kraken live")
    assert said(named, trouble(pb.DOWN, pb.STALE)) == []
    assert said(named, trouble(pb.DOWN, pb.DOWN)) == ["kraken down"]
    assert said(named, trouble(pb.DOWN, pb.LIVE)) == ["kraken live"]


def test_the_feed() -> None:
    alerts, clock = engine("feed stale")
    live = at(100)
    assert said(alerts, live) == []
    assert said(alerts, replace(live, state=FeedState.STALE, silent_ns=3_200_000_000)) == ["feed stale for 3.2 s"]
    lost = replace(live, state=FeedState.DISCONNECTED, failure=Failure("UNAVAILABLE", "refused"), fresh=False)
    assert said(alerts, lost, clock, 9) == [], "one thing after the other, told once"
    said(alerts, live, clock, 9)
    assert said(alerts, lost, clock, 9) == ["server lost: UNAVAILABLE: refused"]
    assert said(engine("venue any")[0], replace(trouble(pb.DOWN, pb.DOWN), fresh=False)) == []


def test_prices_that_stand_still_raise_nothing() -> None:
    """While the feed is stale or lost, alerts on prices wait; then they see the present."""
    rules = ("price > 65000", "spread >= 1bp", "imbalance >= 1%", "size >= 0.1 within 90bp", "age p99 >= 1ms")
    alerts, clock = engine(*rules)
    said(alerts, at(64_000, 1, 1, 1))
    loud = at(66_000, 100, 20_000)
    for state in (FeedState.STALE, FeedState.DISCONNECTED, FeedState.RECONNECTING):
        clock.forward(10)
        assert alerts.watch(replace(loud, state=state), age_p99_ns=10**9) == []
    clock.forward(10)
    assert len(alerts.watch(loud, age_p99_ns=10**9)) == len(rules)


def test_crossed_for_longer_than_it_may_be() -> None:
    alerts, clock = engine("crossed >= 500ms")
    over = view_of(crossed())
    assert said(alerts, over) == []
    assert said(alerts, over, clock, 0.499) == []
    assert said(alerts, over, clock, 0.001) == ["crossed for 500 ms: B bid 64,124.6 > K ask 64,123.4"]
    said(alerts, at(100), clock, 1)
    assert said(alerts, over, clock, 1) == [], "counted anew"
    stale = replace(over, state=FeedState.STALE)
    said(alerts, stale, clock, 1)
    assert said(alerts, over, clock, 1) == [], "nobody knows for how long"


def test_the_age() -> None:
    alerts, _ = engine("age p99 >= 250ms")
    assert alerts.watch(at(100), age_p99_ns=249_000_000) == []
    assert alerts.watch(at(100), age_p99_ns=None) == []
    assert [alert.text for alert in alerts.watch(at(100), age_p99_ns=312_000_000)] == ["age p99 312 ms"]


def flapping(text: str, count: int, wait: float) -> list[int]:
    """In which of `count` rounds of calm and trouble a rule speaks."""
    alerts, clock = engine(text)
    out = []
    for number in range(count):
        said(alerts, at(10_000, 1), clock, wait)
        if said(alerts, at(10_000, 9), clock, wait):
            out.append(number)
    return out


def test_once_every_and_cool_down() -> None:
    assert flapping("spread >= 5bp once", 5, 10) == [0]
    assert flapping("spread >= 5bp every", 5, 10) == [0, 1, 2, 3, 4]
    assert flapping("spread >= 5bp every", 5, 1) == [0, 3], "5 s lie between two alerts"
    assert flapping("spread >= 5bp every cool 1s", 5, 1) == [0, 1, 2, 3, 4]


def test_until_it_is_acknowledged() -> None:
    alerts, clock = engine("spread >= 5bp until")
    assert [bool(said(alerts, at(10_000, 9), clock, 1)) for _ in range(11)] == ([True] + [False] * 4) * 2 + [True]
    assert alerts.acknowledge() == 1
    assert said(alerts, at(10_000, 9), clock, 60) == []
    said(alerts, at(10_000, 1), clock, 1)
    assert len(said(alerts, at(10_000, 9), clock, 1)) == 1, "another time is another matter"


def test_the_badge_counts_what_was_not_seen() -> None:
    alerts, clock = engine("spread >= 5bp", "imbalance >= 10% alarm", "price > 9000")
    assert alerts.badge is None
    said(alerts, at(10_000, 9, 90_000))
    assert alerts.badge == ("!2", Role.BAD)
    said(alerts, at(10_000, 1), clock, 9)
    said(alerts, at(10_000, 9, 90_000), clock, 9)
    assert alerts.badge == ("!2", Role.BAD), "the same matter counts once"
    assert [str(alert.rule) for alert in alerts.pending] == ["spread >= 5bp", "imbalance >= 10% alarm"]
    alerts.acknowledge()
    assert alerts.badge is None


def test_the_bell_is_for_alarms_and_not_too_often() -> None:
    alerts, clock = engine("spread >= 5bp cool 0.1s", "imbalance >= 10% alarm cool 0.1s")
    bells = []
    for _ in range(4):
        clock.forward(0.5)
        alerts.watch(at(10_000, 1))
        clock.forward(0.5)
        bells.append([alert.bell for alert in alerts.watch(at(10_000, 9, 90_000))])
    assert bells == [[False, True], [False, False], [False, True], [False, False]]


def test_snooze() -> None:
    alerts, clock = engine("spread >= 5bp until", "imbalance >= 10% every")
    alerts.snooze()
    assert said(alerts, at(10_000, 9, 90_000)) == []
    assert alerts.state(0) == "snoozed 10:00"
    clock.forward(SNOOZE_NS / 10**9)
    assert len(said(alerts, at(10_000, 9, 90_000))) == 1, "what still holds and insists is told, the rest is past"
    alerts.snooze(alerts.rules[0], 60 * 10**9)
    assert said(alerts, at(10_000, 9, 90_000), clock, 30) == []
    alerts.wake()
    assert len(said(alerts, at(10_000, 9, 90_000), clock, 1)) == 1


def test_rules_may_be_of_one_pair() -> None:
    alerts, clock = engine("price > 100 on BTC/USDT", "spread >= 5bp")
    said(alerts, at(90, pair="ETH/USDT"))
    assert not [text for text in said(alerts, at(200, pair="ETH/USDT"), clock, 9) if "crossed" in text]
    said(alerts, at(90), clock, 9)
    assert "BTC/USDT 200.00 crossed above 100" in said(alerts, at(200), clock, 9)


def test_another_pair_is_no_crossing() -> None:
    alerts, clock = engine("price > 1000")
    said(alerts, at(90, pair="ETH/USDT"))
    assert said(alerts, at(64_000), clock, 9) == []


def test_rules_can_be_replaced() -> None:
    alerts, clock = engine("spread >= 5bp once", "price > 1000")
    said(alerts, at(10_000, 9))
    alerts.replace([parse("imbalance >= 10%"), parse("spread >= 5bp once"), parse("imbalance >= 10%")])
    assert [str(rule) for rule in alerts.rules] == ["imbalance >= 10%", "spread >= 5bp once"]
    said(alerts, at(10_000, 1), clock, 60)
    assert said(alerts, at(10_000, 9), clock, 60) == [], "it has spoken already"
    assert len(alerts.pending) == 1
    alerts.replace([])
    assert alerts.badge is None


def test_the_list() -> None:
    alerts, clock = engine("spread >= 5bp warn", "price > 1000", "feed stale", "imbalance >= 1% once")
    assert [row.text.split()[-1] for row in rows(alerts, 80, 4)] == ["waiting"] * 4
    said(alerts, at(10_000, 9, 90_000))
    found = rows(alerts, 80, 6, selected=1)
    assert [cells(row.spans) for row in found] == [80] * 6
    assert found[0].text.rstrip().endswith("! 0s: spread 9.00 bp")
    assert "watching" in found[2].text
    assert found[3].text.rstrip().endswith("spoke")
    assert (found[1].text[0], found[1].fill_role, found[1].fill) == (">", Role.CURSOR, 80)
    assert "no alert rules yet" in rows(engine()[0], 40, 2)[0].text
    clock.forward(1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(1, 5_000), st.sampled_from(list(FeedState))), max_size=40),
    st.sampled_from(["every", "once", "until"]),
)
def test_alerts_of_a_rule_are_never_closer_than_its_cool_down(
    steps: list[tuple[int, int, FeedState]], repeat: str
) -> None:
    alerts, clock = engine(f"spread >= 5bp {repeat}")
    times = []
    for spread, wait_ms, state in steps:
        clock.forward(wait_ms / 1000)
        times += [alert.at_ns for alert in alerts.watch(replace(at(10_000, spread), state=state))]
    assert all(later - before >= 5 * 10**9 for before, later in itertools.pairwise(times))
    assert repeat != "once" or len(times) <= 1


def test_what_waits_to_be_acknowledged_is_bounded() -> None:
    alerts, clock = engine("venue any")
    many = [venue(f"v{number}", pb.DOWN) for number in range(150)]
    assert len(said(alerts, view_of(book([(1, {150: 1})], [], [*many, venue("binance")])), clock)) == 150
    assert alerts.badge == ("!100", Role.BUSY)


def test_entries_of_one_venue_are_told_apart() -> None:
    alerts, _ = engine("venue kraken")
    entries = [venue("kraken", pb.DOWN, symbol="BTC/USD"), venue("kraken", pb.STALE, symbol="BTC/USDT"), venue("okx")]
    assert said(alerts, view_of(book([(1, {2: 1})], [], entries))) == ["kraken down", "kraken:BTC/USDT stale"]
