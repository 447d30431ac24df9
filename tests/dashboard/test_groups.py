"""Quote groups: what they are made of, how each quote is converted, and whose trades there are."""

from typing import Any

import pytest

from dashboard.conditions import measured
from dashboard.conversions import at_par as par_of
from dashboard.conversions import height, hint, rows, unconverted
from dashboard.feed import Failure
from dashboard.finding import everything_found, pairs_found
from dashboard.header import header
from dashboard.keys import Keys
from dashboard.market import Book, decode
from dashboard.muting import silent
from dashboard.options import Options
from dashboard.rules import parse
from dashboard.status import catalog_of
from dashboard.venues import letters_of, strip
from proto import orderbook_pb2 as pb
from tests.dashboard.conftest import HandClock, dashboard
from tests.dashboard.fake import EPOCH_NS, heartbeat, market, pair_info
from tests.dashboard.groups import at_par, conversion, group, lost, trade
from tests.dashboard.shown import view_of


def told(message: pb.Book) -> Book:
    return decode(message, None)


def table(message: pb.Book, width: int = 160) -> list[str]:
    return [row.text.rstrip() for row in rows(view_of(message), width)]


def test_marks() -> None:
    """The venue's letter with that of the quote; a venue of several members has as many marks."""
    assert letters_of(told(group()).venues) == ("Sd", "Kd", "Bt", "Kt", "Cc")


def test_a_name_stands_for_all_entries_of_a_venue() -> None:
    """Or for one of them."""
    book = told(group())
    assert silent(book, Options(muted=frozenset({"kraken"}))) == {1, 3}
    assert silent(book, Options(solo="kraken/usdt")) == {0, 1, 2, 4}


def test_alert_rules_name_a_venue_or_one_of_its_entries() -> None:
    """And the state that only groups have."""
    view = view_of(group())
    for text, found in (
        ("venue coinbase", ["coinbase/usdc"]),
        ("venue coinbase/usdc unconverted", ["coinbase/usdc"]),
        ("venue kraken live", ["kraken/usd", "kraken/usdt"]),
        ("venue kraken/usdt live", ["kraken/usdt"]),
    ):
        assert list(measured(parse(text), view, 10, None, None) or ()) == found


def test_the_strip_of_many() -> None:
    """Where there are more entries than cells, those are told of which something is to be said."""
    message = group()
    message.venues[1].trust.state = pb.DOWN
    assert strip(view_of(message), 80).text.split()[:2] == ["Sd●", "Kd✕"]
    assert strip(view_of(message), 36).text.split() == ["Kd✕", "Cc◐", "venues", "3/5", "live"]


def test_conversions() -> None:
    """The rule, the rate, the peg and the basis; why one is out; par in words."""
    _, _, usdt, usdc = table(group())
    assert " ".join(usdt.split()).startswith("USDT → USD ● live by USDT/USD 0.9999 1.0001 -0.03 bp -0.07 bp 400ms ")
    assert usdt.endswith("bitstamp kraken; 25000 and 1800.5 at these")
    assert usdc.split()[3:] == f"◐ unconverted by USDC/USD ─ ─ ─ ─ ─ {lost('USDC').reason}".split()
    _, _, par = table(group(at_par("USDC"), usdc=pb.LIVE))
    assert "at PAR" in par and "one USDC counts as one USD: the operator says so, no book does" in par
    assert par.split()[7:12] == ["1", "1", "─", "+2.12", "bp"]


def test_books_of_conversion_that_are_away() -> None:
    """Are named with their state; a basis that nobody can tell is none."""
    by = group(conversion("USDT")).conversions[0]
    by.venues[1].state = pb.STALE
    by.ClearField("basis_ppm")
    [*_, line] = table(group(by))
    assert "bitstamp kraken (stale); 25000" in line and "-0.03 bp  ─" in " ".join(line.split()).replace(
        " ─", "  ─", 1
    )


def test_a_pair_has_no_conversions() -> None:
    """And no hint."""
    book = told(market())
    assert (table(market()), height(book), hint(book), par_of(book), unconverted(book)) == ([], 0, "", "", "")
    assert book.members == ()


@pytest.mark.parametrize(
    ("conversions", "words"),
    [
        ((), ["USDC unconverted"]),
        ((conversion("USDT"), conversion("USDC")), []),
        ((at_par("USDT"), at_par("USDC")), ["USDT,USDC at PAR"]),
        ((at_par("USDT"), lost("USDC")), ["USDT at PAR", "USDC unconverted"]),
    ],
)
@pytest.mark.parametrize("width", [80, 100, 240])
def test_the_header(conversions: Any, words: list[str], width: int) -> None:
    """Nobody takes a group for one of its members, nor par for a rate."""
    text = header(view_of(group(*conversions)), width, 10).text
    assert text.startswith(" BTC/USD~ group  ")
    assert "mid" in text and ("spread" in text or "PAR" in text)
    assert [word for word in words if "PAR" in word or width > 100] == [word for word in words if word in text]
    assert ("USD+USDT+USDC in USD" in text) == (width == 240), "at less the panel says it"


def test_why_a_member_is_out_where_the_table_is_narrow() -> None:
    """Has a line of its own."""
    assert len(table(group(), 80)) == height(told(group())) == 5
    assert table(group(), 80)[-1] == f"   USDC: {lost('USDC').reason}"[:79] + "…" * (len(lost("USDC").reason) > 71)


def test_the_switcher() -> None:
    """Groups that are declared are offered, carried or not, with what they are."""
    members = [pb.GroupMember(quote="USD"), pb.GroupMember(quote="USDT", rule=pb.AT_PAR), pb.GroupMember(quote="EUR")]
    catalog = catalog_of(
        pb.Pairs(
            pairs=[pair_info(name) for name in ("BTC/USD", "BTC/USDT", "ETH/USD", "ETH/BTC", "USDT/USD", "ETH/USD~")],
            groups=[pb.QuoteGroup(name="USD~", unit="USD", members=members)],
        )
    )
    assert [name for name, _ in catalog.groups] == ["BTC/USD~", "ETH/USD~"]
    found = {choice.value: choice.about for choice in pairs_found(catalog, (), "usd")}
    assert found["BTC/USD~"] == found["ETH/USD~"] == "USD+USDT+EUR in USD, USDT at PAR"
    assert [choice.value for choice in pairs_found(catalog, (), "BTC/USD~")].count("BTC/USD~") == 1
    assert "pair BTC/USD~" in [choice.value for choice in everything_found(Keys(), catalog, (), "usd~")]


def test_trades_are_those_of_the_members(hand_clock: HandClock) -> None:
    """A group has none of its own; they come in the order of receipt, whichever pair they are of."""
    desk = dashboard(connect=False, clock=hand_clock, pair="BTC/USD~").desk
    assert list(desk.trades_wanted().pairs) == ["BTC/USD~"]
    desk.branch_lost("trades", Failure("INVALID_ARGUMENT", "a quote group", True))
    assert desk.trades_lost is None, "the members are not known yet"
    message = group()
    desk.received(told(message))
    assert list(desk.trades_wanted().pairs) == ["BTC/USD", "BTC/USDC", "BTC/USDT"]
    desk.received(decode(heartbeat(message), told(message)))
    trades = [trade("BTC/USDT", "kraken", 3, "64130", 1), trade("BTC/USD", "kraken", 9, "64120", 0)]
    gap = pb.TradeGap(venue="binance", pair="BTC/USDT", sequence=1, until_ns=EPOCH_NS + 2_000_000, reason="cut")
    desk.trades_came(pb.Trades(trades=trades, gaps=[gap]))
    assert [entry.venue for entry in desk.trades] == ["binance/usdt", "kraken/usdt", "kraken/usd"]
    desk.branch_lost("trades", Failure("UNAVAILABLE", "cut"))
    assert desk.trades_lost is not None
    desk.ask("ETH/BTC")
    assert list(desk.trades_wanted().pairs) == ["ETH/BTC"]
