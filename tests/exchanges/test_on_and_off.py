"""A venue is switched off and on while it runs, and its list of pairs changes; over real sockets."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

import exchanges.listings
from book import Instrument, Pair, PairBooks, Print, State, Taker, VenueView
from exchanges.actions import Traded
from exchanges.errors import GarbageFrame
from exchanges.feed import Feed
from exchanges.listings import Listings
from tests.exchanges.desk import instrument
from tests.exchanges.test_pairs_come_and_go import Stage
from tests.exchanges.test_pairs_come_and_go import stage as stage  # a fixture
from tests.waiting import until

OFF = "disabled by the operator"


class Catalog:
    """What the venue lists; counts how often it is asked."""

    def __init__(self, made: Stage) -> None:
        self.made = made
        self.asked = 0
        self.problem = ""
        vars(made.session)["load_catalog"] = self.load

    def load(self) -> list[Instrument]:
        self.asked += 1
        if self.problem:
            raise GarbageFrame(self.problem)
        return list(self.made.catalog)

    def change(self, symbol: str, **changes: Any) -> None:
        """The venue lists the pair otherwise, and the session reads it."""
        self.made.catalog = [
            replace(each, **changes) if each.symbol == symbol else each for each in self.made.catalog
        ]
        self.read()

    def read(self) -> None:
        before = self.asked
        self.made.session.read_catalog()
        until(lambda: self.asked > before, "the list is read")


@pytest.fixture
def running(stage: Any) -> Callable[..., tuple[Stage, Catalog]]:
    """A stage whose books of these symbols are live, and its catalog."""

    def start(*symbols: str, **limits: Any) -> tuple[Stage, Catalog]:
        made = stage(**limits)
        catalog = Catalog(made)
        made.start(*symbols)
        until(made.all_live, "the books")
        return made, catalog

    return start


def told(made: Stage, symbol: str) -> VenueView:
    return made.books[Pair(symbol, "X")].view(5).venues[0]


def states(made: Stage) -> set[tuple[State, str]]:
    return {(view.state, view.reason) for books in made.books.values() for view in books.view(5).venues}


def threads(before: set[threading.Thread]) -> list[threading.Thread]:
    """Those of the venue that were not there before."""
    return [each for each in set(threading.enumerate()) - before if each.name.startswith("binance")]


def test_off_at_once_and_on_from_the_catalog(running: Any) -> None:
    """No book, connection, request or thread is left of it; pairs come and go meanwhile."""
    before = set(threading.enumerate())
    made, catalog = running("S0USDT", "S1USDT", pairs_per_connection=1)
    assert threads(before)
    spent = made.session.rest.budget
    assert made.session.disable(OFF)
    assert states(made) == {(State.DISABLED, OFF)}
    assert not told(made, "S0USDT").bids
    assert told(made, "S0USDT").symbol == "S0USDT"
    assert not made.session.disable(OFF)
    assert (made.session.disabled, list(made.session.catalog)) == (OFF, [])
    until(lambda: not made.carried(), "the connections are closed")
    until(lambda: not threads(before), "all threads")
    assert states(made) == {(State.DISABLED, OFF)}, "nobody has written since"
    made.add("S2USDT")
    made.remove("S1USDT")
    assert states(made) == {(State.DISABLED, OFF)}
    made.session.read_catalog()
    assert catalog.asked == 0
    assert made.session.enable()
    assert not made.session.enable()
    made.session.remove(Pair("S1USDT", "X"))  # told twice
    until(made.all_live, "the books")
    assert catalog.asked == 1
    assert [told(made, symbol).counters.resyncs for symbol in ("S0USDT", "S2USDT")] == [1, 0]
    assert made.session.rest.budget is spent, "what was spent before counts on"


def test_trades_of_a_book_that_was_put_aside(running: Any) -> None:
    """Do not reach the tape any more; the gap that follows has the reason."""
    made, _ = running("S0USDT")
    feed, tape = made.session._connections[0].feed, made.books[Pair("S0USDT", "X")].trades
    first, second = (Traded("S0USDT", [Print(1.0, 2.0, Taker.BUYER, str(n), 7, n)]) for n in (1, 2))
    tape.stand("binance", 1)
    feed._trades(first, 5)
    made.session.disable(OFF)
    feed._trades(second, 6)
    assert [each.id for each in tape.since(0)] == ["1"]
    tape.add("binance", [Print(1.0, 2.0, Taker.BUYER, "9", 7, 9)], 8, 8)
    assert OFF in tape.since(1)[0].reason


def test_off_from_the_beginning(stage: Any) -> None:
    """Nothing is asked."""
    made = stage()
    catalog = Catalog(made)
    made.session.disable(OFF)
    made.start("S0USDT")
    assert states(made) == {(State.DISABLED, OFF)}
    assert (catalog.asked, made.sockets.accepted) == (0, 0)
    made.session.enable()
    until(made.all_live, "the books")


def test_nothing_begins_after_the_end(running: Any) -> None:
    """No connection is made by a session that was stopped."""
    made, _ = running("S0USDT", pairs_per_connection=1)
    made.session.stop()
    made.add("S1USDT")
    assert (told(made, "S1USDT").state, made.sockets.accepted) == (State.CONNECTING, 1)


def test_on_without_a_catalog(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down with the reason and the next try, pairs that come meanwhile too; off again it is not tried any more."""
    before = set(threading.enumerate())
    made, catalog = running("S0USDT")
    made.session.disable(OFF)
    catalog.problem = "maintenance"
    made.session.enable()
    until(lambda: states(made) == {(State.DOWN, "maintenance")}, "the reason")
    assert told(made, "S0USDT").next_try_ns > 0
    made.add("S1USDT")
    assert states(made) == {(State.DOWN, "maintenance")}
    made.session.disable(OFF)
    assert states(made) == {(State.DISABLED, OFF)}
    until(lambda: not threads(before), "its threads end")


def test_a_list_that_comes_too_late_is_not_followed(running: Any) -> None:
    """The venue was switched off while it was on its way, or the program ends."""
    made, _ = running("S0USDT")
    listings = made.session._listings
    made.session.disable(OFF)
    assert not made.session._had_catalog(listings, made.catalog)
    made.session._no_catalog(listings, "late", 1.0)
    assert states(made) == {(State.DISABLED, OFF)}


def test_off_while_a_connection_is_replaced(running: Any) -> None:
    """What was warming up cannot take the place of the book that was put aside."""
    made, _ = running("S0USDT")
    connection = made.session._connections[0]
    public = made.books[Pair("S0USDT", "X")]
    protocol = made.session.venue.protocol(connection.feed.protocol.instruments, {})
    warming = Feed.warming(protocol, {"S0USDT": public}, lambda: 1)
    with public:
        warming.books["S0USDT"][1].become(State.LIVE, "", 1)
    made.session.disable(OFF)
    assert made.session._succeed(connection, 0.0) is None
    assert warming.take_over(orphaned=True)
    other = Feed.warming(protocol, {"S0USDT": public}, lambda: 1)
    public.add("binance", None)
    other._publish("S0USDT")  # put aside at the last moment
    assert public.books["binance"] is not other.books["S0USDT"][1]
    public.add("binance", None, entered=(State.DISABLED, OFF, 1))
    assert states(made) == {(State.DISABLED, OFF)}
    assert warming.books["S0USDT"][1] is not public.books["binance"]


def test_delisted_and_listed_again(running: Any) -> None:
    """It says so at that venue; the other pair of its connection does not notice."""
    made, catalog = running("S0USDT", "S1USDT")
    catalog.change("S0USDT", trading=False)
    until(lambda: told(made, "S0USDT").state is State.UNLISTED, "it is not traded any more")
    assert told(made, "S0USDT").reason == "binance does not trade S0USDT/X"
    until(lambda: made.carried() == [{"S1USDT"}], "it is unsubscribed")
    catalog.read()
    catalog.change("S0USDT", trading=True)
    until(made.all_live, "both are live again")
    assert told(made, "S1USDT").counters.resyncs == 0
    assert made.sockets.accepted == 1


def test_a_pair_that_is_gone_is_looked_for_again_soon(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A venue in maintenance lists nothing that trades: an hour is too long to wait after it."""
    made, catalog = running("S0USDT", "S1USDT")

    class Soon:
        def next_s(self) -> float:
            return 0.01

    monkeypatch.setattr(exchanges.listings, "Backoff", lambda **_: Soon())
    catalog.change("S0USDT", trading=False)
    until(lambda: catalog.asked > 3, "it is read again and again")
    made.catalog = [replace(each, trading=True) for each in made.catalog]
    until(made.all_live, "both are live again")
    asked = catalog.asked
    made.session.read_catalog(every_s=0.01)
    until(lambda: catalog.asked > asked + 3, "it is read as often as is said")
    made.session.read_catalog(every_s=0)


def test_a_new_listing(running: Any) -> None:
    """A pair that is carried for other venues' sake is read here too; and those who want to know are told."""
    made, catalog = running("S0USDT")
    heard = threading.Event()
    made.session._on_catalog = heard.set
    new = instrument("NEWUSDT")
    books = made.books[Pair("NEWUSDT", "X")] = PairBooks(Pair("NEWUSDT", "X"))
    made.session.add(books)
    assert told(made, "NEWUSDT").state is State.UNLISTED
    made.catalog.append(new)
    catalog.read()
    until(made.all_live, "both")
    assert heard.wait(10)
    assert new in made.session.catalog


@pytest.mark.parametrize(
    "changes", [{"tick_size": Decimal("0.0001")}, {"lot_size": Decimal("0.5")}, {"alias_of": "S9USDT"}]
)
def test_steps_or_the_symbol_change(running: Any, changes: Any) -> None:
    """A connection may need them for its proofs, so that the book begins anew; the other one does not notice."""
    made, catalog = running("S0USDT", "S1USDT")
    catalog.change("S0USDT", **changes)
    until(lambda: told(made, "S0USDT").counters.resyncs == 1, "it begins anew")
    until(made.all_live, "both")
    assert told(made, "S1USDT").counters.resyncs == 0
    assert made.books[Pair("S0USDT", "X")].price_decimals >= 2


def test_numbers_that_need_more_digits(running: Any) -> None:
    """Another decoder, so another connection."""
    made, catalog = running("S0USDT", "S1USDT")
    catalog.change("S0USDT", max_price=Decimal(10) ** 15)
    until(lambda: made.carried() == [{"S0USDT"}, {"S1USDT"}] and made.all_live(), "on a connection of its own")
    assert told(made, "S1USDT").counters.resyncs == 0


def test_what_changes_without_a_hole(running: Any) -> None:
    """The least order of a pair, for example; a connection that takes over knows it too."""
    made, catalog = running("S0USDT")
    catalog.change("S0USDT", min_notional=Decimal(7), routed_from="kraken")
    until(lambda: told(made, "S0USDT").routed_from == "kraken", "it is told")
    assert (told(made, "S0USDT").counters.resyncs, made.all_live()) == (0, True)
    successor = made.session._succeed(made.session._connections[0], 60.0)
    assert successor.feed.protocol.instruments[0].min_notional == 7


def test_a_list_that_cannot_be_had_changes_nothing(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Nor one without a pair that trades."""
    made, catalog = running("S0USDT")
    catalog.problem = "no answer"
    catalog.read()
    catalog.problem = ""
    made.catalog = [replace(each, trading=False) for each in made.catalog]
    catalog.read()
    until(lambda: "binance lists no pair that trades" in caplog.text, "it is told")
    assert "binance: no catalog: no answer" in caplog.text
    assert (made.all_live(), made.resyncs()) == (True, 0)


def test_stopped_while_a_list_is_on_its_way() -> None:
    """Nobody hears of it."""
    asked, go = threading.Event(), threading.Event()
    heard: list[Sequence[Instrument]] = []

    def load() -> list[Instrument]:
        asked.set()
        go.wait(10)
        return [instrument("S0USDT")]

    def had(_: Listings, catalog: Sequence[Instrument]) -> bool:
        heard.append(catalog)
        return False

    listings = Listings("venue", load, had, lambda *_: None, 0.0)
    listings.start(have=False)
    assert asked.wait(10)
    listings.stop()
    go.set()
    listings.join(10)
    assert heard == []
