"""Pairs are added to and removed from a session that runs, over real sockets; nobody else notices."""

import contextlib
import dataclasses
import threading
import time
from typing import Any

import msgspec
import pytest

from book import Instrument, Pair, PairBooks, State
from exchanges.session import VenueSession
from tests.exchanges.desk import acknowledgement, binance_snapshot, depth, instrument
from tests.exchanges.sockets import TEXT, Gone, Peer, Sockets, quick
from tests.exchanges.web import Web, reply
from tests.waiting import until

SYMBOLS = [f"S{number}USDT" for number in range(12)]


class Exchange:
    """The venue's side: acknowledges every request, and sends a first event of each symbol that is subscribed."""

    def __init__(self) -> None:
        self.now = 100  # the update id of every symbol
        self.requests: list[tuple[float, Any]] = []
        self.subscribed: dict[Peer, set[str]] = {}
        self._lock = threading.Lock()

    def script(self, peer: Peer) -> None:
        self.subscribed[peer] = set()
        try:
            while True:
                opcode, sent = peer.receive()
                if opcode != TEXT:
                    return
                self._answer(peer, msgspec.json.decode(sent))
        finally:
            del self.subscribed[peer]

    def _answer(self, peer: Peer, asked: Any) -> None:
        with self._lock:
            self.requests.append((time.monotonic(), asked))
        symbols = {stream.split("@")[0].upper() for stream in asked["params"]}
        peer.frame(acknowledgement(asked))
        if asked["method"] == "SUBSCRIBE":
            self.subscribed[peer] |= symbols
            for symbol in symbols:
                peer.frame(depth(self.now, self.now, symbol=symbol))
        else:
            self.subscribed[peer] -= symbols

    def tick(self) -> None:
        """An event of every symbol to everybody who has subscribed it."""
        self.now += 1
        for peer, symbols in list(self.subscribed.items()):
            for symbol in list(symbols):
                with contextlib.suppress(Gone):
                    peer.frame(depth(self.now, self.now, symbol=symbol))


class Stage:
    """A session on such a venue."""

    def __init__(self, web: Web, **limits: Any) -> None:
        self.exchange = Exchange()
        web.respond = lambda request: reply(binance_snapshot(self.exchange.now))(request)
        self.sockets = Sockets(self.exchange.script)
        venue = quick(**limits)
        address = venue.hosts["default"].with_endpoint("ws", self.sockets.url).with_endpoint("rest", web.url)
        self.session = VenueSession(venue, address)
        self.catalog = [instrument(symbol) for symbol in SYMBOLS]
        self.books: dict[Pair, PairBooks] = {}

    def start(self, *symbols: str) -> "Stage":
        for symbol in symbols:
            pair = Pair(symbol, "X")
            self.books[pair] = PairBooks(pair)
        self.session.start(dict(self.books), self.catalog, "")
        return self

    def add(self, symbol: str) -> PairBooks:
        pair = Pair(symbol, "X")
        self.books[pair] = PairBooks(pair)
        self.session.add(self.books[pair])
        return self.books[pair]

    def remove(self, symbol: str) -> None:
        pair = Pair(symbol, "X")
        del self.books[pair]
        self.session.remove(pair)

    def all_live(self) -> bool:
        return all(books.view(0).venues[0].state is State.LIVE for books in self.books.values())

    def resyncs(self) -> int:
        return sum(books.view(0).venues[0].counters.resyncs for books in self.books.values())

    def carried(self) -> list[set[str]]:
        return sorted((symbols for symbols in self.exchange.subscribed.values() if symbols), key=sorted)

    def stop(self) -> None:
        self.session.stop()
        self.sockets.stop()


@pytest.fixture
def stage(web: Web) -> Any:
    made: list[Stage] = []

    def make(**limits: Any) -> Stage:
        made.append(Stage(web, **limits))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_added_and_removed_on_a_connection_that_stands(stage: Any) -> None:
    """One connection all the time; the books that were there stay live."""
    made = stage().start("S0USDT")
    until(made.all_live, "the first book")
    made.add("S1USDT")
    made.add("S2USDT")
    until(made.all_live, "three books")
    assert made.carried() == [{"S0USDT", "S1USDT", "S2USDT"}]
    made.remove("S1USDT")
    until(lambda: made.carried() == [{"S0USDT", "S2USDT"}], "it is unsubscribed")
    made.exchange.tick()
    until(lambda: all(each.view(0).venues[0].position == 101 for each in made.books.values()), "the others go on")
    assert made.sockets.accepted == 1
    assert made.resyncs() == 0
    made.add("S1USDT")
    until(made.all_live, "it comes back")


def test_connections_fill_up_one_by_one(stage: Any) -> None:
    """As many pairs on each as the venue allows; room that becomes free is used again."""
    made = stage(pairs_per_connection=2).start("S0USDT", "S1USDT", "S2USDT")
    until(made.all_live, "three books")
    assert made.carried() == [{"S0USDT", "S1USDT"}, {"S2USDT"}]
    made.add("S3USDT")
    made.add("S4USDT")
    until(made.all_live, "five books")
    assert made.carried() == [{"S0USDT", "S1USDT"}, {"S2USDT", "S3USDT"}, {"S4USDT"}]
    made.remove("S0USDT")
    made.add("S5USDT")
    until(lambda: made.all_live() and {"S1USDT", "S5USDT"} in made.carried(), "the free place is taken")


def test_a_connection_without_pairs_ends(stage: Any) -> None:
    """And another one is made when a pair comes again."""
    made = stage().start("S0USDT")
    until(made.all_live, "the book")
    made.remove("S0USDT")
    until(lambda: not made.exchange.subscribed, "it hangs up")
    made.add("S1USDT")
    until(made.all_live, "another book")
    assert made.sockets.accepted == 2


def test_a_pair_that_the_venue_does_not_list(stage: Any) -> None:
    """Is unlisted, takes no place, and may go again."""
    made = stage().start("S0USDT")
    books = made.add("NOSUCH")
    assert books.view(0).venues[0].state is State.UNLISTED
    made.remove("NOSUCH")
    until(made.all_live, "the other one")


def test_many_requests_keep_the_venues_limit(stage: Any) -> None:
    """Twelve pairs one by one: never more than three messages of ours in a second, those for trades together."""
    made = stage(sends_per_s=3).start("S0USDT")
    for symbol in SYMBOLS[1:]:
        made.add(symbol)
        threading.Event().wait(0.02)  # they trickle in, as clients come
    until(made.all_live, "all books")
    times = [at for at, _ in made.exchange.requests]
    trades = [asked for _, asked in made.exchange.requests if asked["params"][0].endswith("@trade")]
    assert len(times) - len(trades) <= 6, "what has to wait is subscribed together"
    assert 1 <= len(trades) <= 6
    # The venue sees them a little closer together or further apart than they were sent.
    assert all(sum(start <= at < start + 0.9 for at in times) <= 3 for start in times)


def test_pairs_of_many_digits_have_connections_of_their_own(stage: Any) -> None:
    """Their numbers are decoded in another way."""
    made = stage()
    made.catalog[1] = instrument("S1USDT", max_price="100000000000000")
    made.start("S0USDT", "S1USDT", "S2USDT")
    until(made.all_live, "all books")
    assert made.carried() == [{"S0USDT", "S2USDT"}, {"S1USDT"}]


def test_pairs_that_come_before_the_catalog(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are down with the reason, and fed as soon as it is there."""
    made = stage()
    loaded = threading.Event()

    def load() -> list[Instrument]:
        assert loaded.wait(10)
        return list(made.catalog)

    monkeypatch.setattr(made.session, "load_catalog", load)
    monkeypatch.setattr("exchanges.listings.Backoff", lambda **_: Instant())
    first = PairBooks(Pair("S0USDT", "X"))
    made.books[first.pair] = first
    made.session.start(dict(made.books), None, "no answer")
    second = made.add("S1USDT")
    assert [each.view(0).venues[0].reason for each in (first, second)] == ["no answer", "no answer"]
    loaded.set()
    until(made.all_live, "both books")


class Instant:
    """No waits."""

    def next_s(self, lasted_s: float = 0.0) -> float:
        return 0.0


def test_added_during_a_rotation(stage: Any) -> None:
    """The successor carries what comes, and what goes is gone from both."""
    made = stage().start("S0USDT", "S1USDT")
    until(made.all_live, "two books")
    connection = made.session._connections[0]
    assert made.session._succeed(connection, 0.3) is not None
    made.add("S2USDT")
    made.remove("S1USDT")

    def over() -> bool:
        made.exchange.tick()
        return made.all_live() and made.carried() == [{"S0USDT", "S2USDT"}] and not connection.alive

    connection._successor = made.session._connections[-1]
    until(over, "the successor has them")
    assert made.resyncs() == 0


def test_another_name_of_a_stream_has_a_connection_of_its_own(stage: Any) -> None:
    """To subscribe a stream twice on one connection brings no second snapshot; the first book must not suffer."""
    made = stage()
    made.catalog[1] = dataclasses.replace(made.catalog[1], alias_of="S0USDT")
    made.start("S0USDT")
    until(made.all_live, "the first book")
    made.add("S1USDT")
    until(made.all_live, "both books")
    assert made.carried() == [{"S0USDT"}, {"S1USDT"}]
    assert made.resyncs() == 0
