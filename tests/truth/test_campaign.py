"""The server under faults of all kinds, judged by what the venue says its books really were."""

import io
from random import Random
from typing import Any

import pytest
from rich.console import Console

from tests.truth import campaign
from tests.truth.court import VENUES
from tests.truth.faces import FACES, PAIRS
from tests.truth.ordeal import Outcome
from tests.truth.record import BookName, Down, Finding
from tests.truth.strikes import KINDS, Strike, deck, kinds_of

# Short ones: silence takes its time to be told from a quiet market.
QUICK = (
    "drop", "duplicate", "reorder", "garbage text", "garbage nan", "fragmented", "cut", "ancient", "crossed",
    "truncated", "status 5xx", "no_reply", "lost", "wrong best",
)  # fmt: skip


def words(told: campaign.Verdict) -> str:
    """The report, as it is printed."""
    console = Console(file=io.StringIO(), width=200)
    campaign.report(told, console)
    file: Any = console.file
    text: str = file.getvalue()
    return text


async def test_a_dozen_faults_put_nothing_wrong_on_the_stream() -> None:
    """No wrong, missing or foreign level, nothing old that is said to be live, no other book touched."""
    options = campaign.Options(faults=14, updates=300, pairs=2, venues=VENUES, seed=3, kinds=QUICK)
    told = await campaign.run(options, Console(file=io.StringIO()))
    assert told.good, words(told)
    assert len(told.outcomes) == 14
    assert all(outcome.struck for outcome in told.outcomes)
    assert told.seen["updates"] >= 300
    assert told.seen["levels"] > 10_000


async def test_two_faults_on_each_venue_put_nothing_wrong_on_the_stream() -> None:
    """Each book is right by its own venue's truth, and no fault touches more than that venue's rule says."""
    kinds = ("drop", "duplicate", "garbage nan", "cut", "checksum", "resnapshot", "restart", "renumber")
    options = campaign.Options(faults=2 * len(FACES), updates=500, pairs=2, seed=4, kinds=kinds)
    told = await campaign.run(options, Console(file=io.StringIO()))
    assert told.good, words(told)
    assert {outcome.strike.face for outcome in told.outcomes} == FACES.keys()
    assert all(outcome.struck for outcome in told.outcomes)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a guard against hanging, for a run of some minutes
async def test_many_faults_put_nothing_wrong_on_the_stream() -> None:
    """Each kind at least once on each face."""
    options = campaign.Options(faults=len(FACES) * len(KINDS), updates=5000, seed=11)
    told = await campaign.run(options, Console())
    print(words(told))
    assert told.good
    assert {outcome.strike.label for outcome in told.outcomes} == KINDS.keys()


def test_a_deck_is_the_same_for_the_same_seed_and_holds_every_kind_once_a_round() -> None:
    """So that a bad run can be had again."""
    first, again, other = (deck(Random(seed), "binance", PAIRS[:4]) for seed in (1, 1, 2))
    kinds = kinds_of("binance")
    strikes = [next(first) for _ in kinds]
    assert strikes == [next(again) for _ in kinds]
    assert strikes != [next(other) for _ in kinds]
    assert [strike.label for strike in strikes] != kinds
    assert sorted(strike.label for strike in strikes) == sorted(kinds)


@pytest.mark.parametrize("face", FACES)
def test_each_face_has_the_kinds_that_can_strike_there(face: str) -> None:
    """Its own demands and nobody else's; no fault on a book that no client asks for; all of one strike's face."""
    kinds, facts = set(kinds_of(face)), FACES[face]
    assert kinds & {"checksum", "resnapshot", "restart", "renumber"} == set(facts.demands)
    assert ("ancient" in kinds) == bool(facts.rest)
    assert not kinds & set(facts.spared)
    assert set(facts.spared) <= KINDS.keys()
    strikes = [strike for strike, _ in zip(deck(Random(5), face, PAIRS[:3]), range(3 * len(kinds)), strict=False)]
    assert {strike.face for strike in strikes} == {face}
    if not facts.tops:
        assert not [strike for strike in strikes if strike.fault.get("channel") == "top"]


def test_a_kind_that_strikes_nowhere_on_a_face_is_told() -> None:
    """Or the deck would be empty for ever."""
    with pytest.raises(ValueError, match="none of these kinds strikes on okx"):
        next(deck(Random(1), "okx", PAIRS[:1], ("checksum",)))


def test_the_end_of_a_connection_belongs_to_the_silence_that_brought_it() -> None:
    """Deribit ends one ten seconds after a test request that was not answered, since a silence had swallowed it."""
    for label in ("silence, pings", "silence, no pings", "half_open all", "half_open present"):
        assert KINDS[label](Random(1), "deribit", PAIRS[0]).settle_s > 10
        assert KINDS[label](Random(1), "okx", PAIRS[0]).settle_s < 2


def test_what_a_lost_frame_touches() -> None:
    """All books of the connection where one number counts all its messages, else its own."""
    for face, facts in FACES.items():
        for kind in ("drop", "reorder", "delay", "silence of a pair"):
            assert KINDS[kind](Random(1), face, PAIRS[0]).wide == (face in ("coinbase", "bitfinex")), (face, kind)
        assert KINDS["lost"](Random(1), face, PAIRS[0]).blind
        assert KINDS["drop"](Random(1), face, PAIRS[0]).blind == (face in ("bitstamp", "kraken"))
        assert KINDS["garbage nan"](Random(1), face, PAIRS[0]).wide == ("nan" in facts.anonymous)


def test_the_report_tells_what_is_wrong() -> None:
    """Each kind of trouble has its column, its line and its share in the verdict."""
    book, other = BookName("binance", "BTC/USDT"), BookName("binance", "ETH/BTC")
    strike = Strike("drop", "binance", "BTC/USDT", {"kind": "drop"})
    good = Outcome(strike, struck=1, heal_s=0.25)
    told = campaign.Verdict([good], [], {"updates": 12_345, "levels": 9, "messages": 3})
    assert told.good
    text = words(told)
    assert "updates 12,345" in text
    assert text.rstrip().endswith("GOOD")

    troubles: list[dict[str, Any]] = [
        {"faults": [Finding("wrong", book, 0, "bid 5: shown 1, true 2")]},
        {"faults": [Finding("stale", book, 0, "live at 7")]},
        {"breaches": [Down(other, 1, 2, "a gap that was not its own")]},
        {"problem": "two books did not come back"},
        {"others": 2},
    ]
    for trouble in troubles:
        bad = Outcome(strike, struck=1, **trouble)
        told = campaign.Verdict([good, bad], [], {})
        assert not told.good
        text = words(told)
        assert text.rstrip().endswith("BAD")
        assert all(finding.text in text for finding in bad.faults)
        assert all(down.reason in text for down in bad.breaches)
        assert bad.problem in text
        assert ("2 resyncs of books that it may not touch" in text) == bool(bad.others)
    loose = campaign.Verdict([good], [Finding("order", book, 0, "bids out of order")], {})
    assert not loose.good
    assert "under no strike: binance BTC/USDT: order: bids out of order" in words(loose)


@pytest.mark.parametrize(("values", "share", "wanted"), [([], 0.5, 0.0), ([3.0], 0.99, 3.0), ([4, 1, 3, 2], 0.5, 3)])
def test_quantile(values: list[float], share: float, wanted: float) -> None:
    """Of few values too."""
    assert campaign.quantile(values, share) == wanted
