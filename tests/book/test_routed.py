"""A book that is another venue's: the same liquidity is not counted twice without a word."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from book import Instrument, Pair, PairBooks, Policy, Stamps, State, merge
from book.analytics import ExactBook
from book.consistency import NO_DISTANCE

SOL = Pair("SOL", "USDC")
COINBASE = Instrument("coinbase", "SOL-USDC", SOL, Decimal("0.01"), Decimal("0.1"))
DERIBIT = Instrument("deribit", "SOL_USDC", SOL, Decimal("0.01"), Decimal("0.1"), routed_from="coinbase")


def live(books: PairBooks, instrument: Instrument, bid: float = 100.0) -> None:
    book = books.add(instrument.venue, instrument)
    with books:
        book.load([(bid, 2.0)], [(bid + 1, 2.0)], 1, Stamps(1, 2, 3))
        book.become(State.LIVE, "", 1)
        books.compare(1, at_once=True)


@pytest.fixture
def books() -> PairBooks:
    books = PairBooks(SOL)
    live(books, DERIBIT)
    live(books, COINBASE)
    return books


def merged(books: PairBooks, venues: Any = None) -> list[str]:
    """The venues whose bids are merged."""
    found = merge(books.view(5, venues=venues), 5)
    found.check()
    return [found.venues[venue].venue for *_, venue in found.bids]


def test_left_out_while_its_source_is_merged(books: PairBooks) -> None:
    """With the reason; its own best prices go on being told."""
    assert merged(books) == ["coinbase"]
    deribit = books.view(5).venues[0]
    assert (deribit.routed_from, deribit.state) == ("coinbase", State.LIVE)
    assert deribit.left_out == "it is the book of coinbase, which is merged (--routed exclude)"
    assert deribit.bids


def test_it_stands_in_for_its_source(books: PairBooks) -> None:
    """In the very picture in which that is not live, or not asked for; nobody has to compare first."""
    assert merged(books, ["deribit"]) == ["deribit"]
    with books:
        books.books["coinbase"].become(State.GAP, "lost", 5)
    assert merged(books) == ["deribit"]
    with books:
        books.books["deribit"].become(State.GAP, "lost", 5)
    assert not books.view(5).venues[0].left_out, "only what is live can be left out"


def test_as_the_operator_wants_it(books: PairBooks) -> None:
    """Both at once where he says so."""
    books.judge_by(Policy(leave_out_routed=False), 9)
    assert merged(books) == ["deribit", "coinbase"]
    books.judge_by(Policy(), 9)
    assert merged(books) == ["coinbase"]


def test_the_catalog_may_change_its_mind(books: PairBooks) -> None:
    """A flag that goes, or comes, holds from then on."""
    with books:
        books.describe(replace(DERIBIT, routed_from="", tick_size=Decimal("0.0001")))
    assert merged(books) == ["deribit", "coinbase"]
    assert books.price_decimals == 4
    with books:
        books.describe(DERIBIT)
    assert merged(books) == ["coinbase"]
    assert books.price_decimals == 4, "what was said at the finer scale may still be on its way"


def test_it_does_not_vouch_for_its_source(books: PairBooks) -> None:
    """Both err alike: two books of one venue are no two witnesses."""
    live(books, Instrument("kraken", "SOL/USDC", SOL, Decimal("0.01"), Decimal("0.1")), 300.0)
    with books:
        books.compare(10**12, at_once=True)
        books.compare(2 * 10**12, at_once=True)
    deribit, coinbase, kraken = (view.distance for view in books.view(1).venues)
    assert deribit == NO_DISTANCE
    assert (coinbase.others, kraken.others) == (1, 1)
    assert not kraken.suspect


def test_figures_leave_it_out_too(books: PairBooks) -> None:
    """Depth and costs are of what is merged; the figure of that venue alone says why there is none."""
    exact = ExactBook.of(books.view(5))
    assert [venue.name for venue in exact.venues] == ["coinbase"]
    assert "deribit is left out: it is the book of coinbase" in exact.absent["deribit"]


def test_a_suspect_is_left_out_of_figures(books: PairBooks) -> None:
    """As of the merged book."""
    policy = Policy(leave_out_suspects=True)
    books.judge_by(policy, 1)
    for name, bid in (("kraken", 100.0), ("okx", 300.0)):
        live(books, Instrument(name, "SOLUSDC", SOL, Decimal("0.01"), Decimal("0.1")), bid)
    books.judge_by(policy, 2 * 10**12)
    assert [venue.name for venue in ExactBook.of(books.view(5)).venues] == ["coinbase", "kraken"]
    assert "far from all other venues" in books.view(5).venues[3].left_out


def test_a_source_that_is_suspect_itself(books: PairBooks) -> None:
    """It is not merged, so nothing is counted twice."""
    for name in ("kraken", "okx"):
        live(books, Instrument(name, "SOLUSDC", SOL, Decimal("0.01"), Decimal("0.1")), 300.0)
    books.judge_by(Policy(leave_out_suspects=True), 1)
    books.judge_by(Policy(leave_out_suspects=True), 2 * 10**12)
    assert merged(books) == ["kraken", "okx", "deribit"]
