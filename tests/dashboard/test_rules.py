"""Rules as texts: what is written is read, what is printed is read back, what is wrong is named."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.numbers import SECOND_NS
from dashboard.rules import COOL_NS, FORMS, PLACES, BadRule, Level, Repeat, Rule, Subject, parse

UNIT = 10**PLACES
MS = 1_000_000


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("price > 65000", Rule(Subject.PRICE, 65_000 * UNIT)),
        ("price<=0.5", Rule(Subject.PRICE, UNIT // 2, above=False)),
        ("Spread  >=  5bp", Rule(Subject.SPREAD, 500)),
        ("|imbalance| >= 60.5%", Rule(Subject.IMBALANCE, 6_050)),
        ("size >= 10 within 2.5bp", Rule(Subject.SIZE, 10 * UNIT, within=250)),
        ("venue kraken down", Rule(Subject.VENUE, name="kraken", state="down")),
        ("venue any", Rule(Subject.VENUE)),
        ("venue okx", Rule(Subject.VENUE, name="okx")),
        ("feed stale alarm", Rule(Subject.FEED, level=Level.ALARM)),
        ("crossed >= 500ms", Rule(Subject.CROSSED, 500 * MS)),
        ("age p99 >= 1.5s", Rule(Subject.AGE, 1_500 * MS)),
        ("age >= 250ms", Rule(Subject.AGE, 250 * MS)),
        (
            "spread >= 5bp back 4bp warn once cool 60s on btc/usdt",
            Rule(
                Subject.SPREAD,
                500,
                pair="BTC/USDT",
                level=Level.WARN,
                repeat=Repeat.ONCE,
                cool_ns=60 * SECOND_NS,
                back=400,
            ),
        ),
        (
            "price < 60000 back 60100 until",
            Rule(Subject.PRICE, 60_000 * UNIT, False, back=60_100 * UNIT, repeat=Repeat.UNTIL),
        ),
    ],
)
def test_reads(text: str, rule: Rule) -> None:
    assert parse(text) == rule


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no rule; write one like 'price > 65000', 'price < 60000'"),
        ("depth >= 5", "is no rule; write one like"),
        ("spread >= 5", "'5' lacks its unit, bp"),
        ("spread > 5bp", "spread only knows >="),
        ("spread >= xbp", "'x' is no decimal number"),
        ("spread >= 0bp", "'0bp' must be more than 0"),
        ("crossed >= 5", "'5' lacks its unit, s"),
        ("price > 5 back 6", "comes back on the other side"),
        ("price < 5 back 4", "comes back on the other side"),
        ("feed stale back 4", "feed has no way back"),
        ("feed stale warn alarm", "says level twice"),
        ("venue kraken broken", "is no rule"),
    ],
)
def test_what_is_no_rule_is_named(text: str, reason: str) -> None:
    with pytest.raises(BadRule, match=reason) as raised:
        parse(text)
    assert repr(text) in str(raised.value)


def test_every_rule_of_the_documentation_is_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "dashboard-figures.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.partition("## Alert rules")[2].splitlines() if line.startswith("| `")]
    rules = [rule for row in rows for rule in re.findall("`([^`]+)`", row)]
    assert {parse(rule).subject for rule in rules} == set(Subject)


def test_every_form_of_the_message_is_a_rule() -> None:
    assert {parse(form).subject for form in FORMS} == set(Subject)
    assert [str(parse(form)) for form in FORMS] == list(FORMS)


amounts = st.integers(1, 10**24)
rules = st.one_of(
    st.builds(Rule, st.just(Subject.PRICE), amounts, st.booleans()),
    st.builds(Rule, st.sampled_from([Subject.SPREAD, Subject.IMBALANCE]), st.integers(1, 10**6)),
    st.builds(Rule, st.just(Subject.SIZE), amounts, within=st.integers(1, 10**6)),
    st.builds(Rule, st.sampled_from([Subject.CROSSED, Subject.AGE]), st.integers(1, 10**6).map(lambda ms: ms * MS)),
    st.builds(
        Rule,
        st.just(Subject.VENUE),
        name=st.sampled_from(["", "kraken", "okx"]),
        state=st.sampled_from(["", "down", "live", "gap"]),
    ),
    st.just(Rule(Subject.FEED)),
)


@given(
    rules,
    st.sampled_from(Level),
    st.sampled_from(Repeat),
    st.integers(0, 10**6).map(lambda ms: COOL_NS + ms * MS),
    st.sampled_from(["", "BTC/USDT", "BTC/USD~"]),
)
def test_what_is_printed_is_read_back(rule: Rule, level: Level, repeat: Repeat, cool_ns: int, pair: str) -> None:
    whole = Rule(
        rule.subject, rule.bound, rule.above, rule.within, rule.name, rule.state, pair, level, repeat, cool_ns
    )
    assert parse(str(whole)) == whole


@given(rules)
def test_hysteresis_lies_on_the_safe_side(rule: Rule) -> None:
    assert rule.over <= rule.bound if rule.above else rule.over >= rule.bound


def test_an_alert_is_over_where_the_rule_says() -> None:
    assert parse("spread >= 5bp back 3bp").over == 300
    assert parse("spread >= 5bp").over == 450
    assert parse("price < 100").over == 100 * UNIT + UNIT // 50
    assert parse("crossed >= 500ms").over == 500 * MS
