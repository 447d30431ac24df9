"""A whole venue: catalog, REST pool and connections, against real servers on loopback."""

import functools
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import Any

import msgspec
import pytest

import exchanges.connection
import exchanges.listings
import exchanges.session
from book import Instrument, Pair, PairBooks, State, VenueView
from exchanges import Address, VenueSession
from exchanges.backoff import Backoff
from exchanges.errors import GarbageFrame, Unreachable
from tests.exchanges.desk import binance_snapshot, depth, plain
from tests.exchanges.sockets import Peer, Sockets, quick
from tests.exchanges.test_binance import catalog, listing
from tests.exchanges.web import Web, free_port, reply
from tests.waiting import until

BTC, ETH, XRP = Pair("BTC", "USDT"), Pair("ETH", "USDT"), Pair("XRP", "USDT")
CATALOG = catalog(
    listing(),
    listing(symbol="ETHUSDT", baseAsset="ETH"),
    listing(symbol="XRPOLD", baseAsset="XRP", status="BREAK"),
)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries again within milliseconds."""
    short = functools.partial(Backoff, 0.01, 0.02)
    monkeypatch.setattr(exchanges.connection, "Backoff", lambda: short())
    monkeypatch.setattr(exchanges.listings, "Backoff", lambda **_: short())


def serve_rest(handler: BaseHTTPRequestHandler) -> None:
    """A venue's REST: catalog and snapshots."""
    reply(CATALOG if "exchangeInfo" in handler.path else binance_snapshot(100))(handler)


def serve_events(peer: Peer) -> None:
    """A venue's stream: acknowledges and sends the first event of each symbol that was asked for."""
    request = msgspec.json.decode(peer.receive()[1])
    peer.frame(msgspec.json.encode({"result": None, "id": request["id"]}))
    for stream in request["params"]:
        symbol, kind = stream.split("@", 1)
        if kind.startswith("depth"):
            peer.frame(depth(100, 100, symbol=symbol.upper()))
    peer.until_gone()


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    sockets = Sockets(serve_events)
    yield sockets
    sockets.stop()


@pytest.fixture
def sessions() -> Iterator[list[VenueSession]]:
    """Sessions put in here are stopped."""
    sessions: list[VenueSession] = []
    yield sessions
    for session in sessions:
        session.stop()


def books(*pairs: Pair) -> dict[Pair, PairBooks]:
    return {pair: PairBooks(pair) for pair in pairs}


def view(pair_books: PairBooks) -> VenueView:
    return pair_books.view(5).venues[0]


def wait_for(pair_books: PairBooks, state: State) -> VenueView:
    until(lambda: view(pair_books).state is state, f"{pair_books.pair} {state.value}")
    return view(pair_books)


def test_from_catalog_to_live(web: Web, sockets: Sockets, sessions: list[VenueSession]) -> None:
    """Listed pairs come to be live over one connection; unlisted and halted ones say so; stop() ends all threads."""
    before = set(threading.enumerate())
    web.respond = serve_rest
    session = VenueSession(quick(), Address(web.url, sockets.url))
    sessions.append(session)
    pairs = books(BTC, ETH, XRP, Pair("NO", "WAY"))
    session.start(pairs, session.load_catalog(), "")
    assert plain(wait_for(pairs[BTC], State.LIVE).bids) == ((100.0, 1.0),)
    wait_for(pairs[ETH], State.LIVE)
    for pair in (XRP, Pair("NO", "WAY")):
        told = view(pairs[pair])
        assert (told.state, told.reason) == (State.UNLISTED, f"binance does not trade {pair}")
    assert sockets.accepted == 1
    assert (pairs[BTC].price_decimals, pairs[BTC].amount_decimals) == (2, 5)
    session.stop()
    assert {view(pairs[pair]).state for pair in (BTC, ETH)} == {State.DOWN}
    until(
        lambda: not [each for each in set(threading.enumerate()) - before if each.name.startswith("binance")],
        "all threads of the session end",
    )


def test_several_connections(web: Web, sockets: Sockets, sessions: list[VenueSession]) -> None:
    """As many as the venue's limit of pairs on one makes necessary."""
    web.respond = serve_rest
    session = VenueSession(quick(pairs_per_connection=1), Address(web.url, sockets.url))
    sessions.append(session)
    pairs = books(BTC, ETH)
    session.start(pairs, session.load_catalog(), "")
    for each in pairs.values():
        wait_for(each, State.LIVE)
    assert sockets.accepted == 2


def test_nothing_listed(web: Web, sockets: Sockets, sessions: list[VenueSession]) -> None:
    """No connection is made for nothing."""
    session = VenueSession(quick(), Address(web.url, sockets.url))
    sessions.append(session)
    pairs = books(XRP)
    session.start(pairs, [], "")
    session.stop()
    assert (view(pairs[XRP]).state, sockets.accepted) == (State.UNLISTED, 0)


def test_a_venue_that_comes_up_later(web: Web, sockets: Sockets, sessions: list[VenueSession]) -> None:
    """Unreachable at the start: down with the reason and the next try; live once it answers."""
    web.respond = reply(b"<html>maintenance</html>", 503)
    session = VenueSession(quick(), Address(web.url, sockets.url))
    sessions.append(session)
    pairs = books(BTC, XRP)
    with pytest.raises(Exception, match="maintenance") as caught:
        session.load_catalog()
    session.start(pairs, None, str(caught.value))
    told = view(pairs[BTC])
    assert (told.state, told.bids) == (State.DOWN, ())
    assert "binance answered 503" in told.reason
    until(lambda: len(web.paths) >= 3, "it is tried again")
    until(lambda: view(pairs[BTC]).next_try_ns > 0, "the next try is told")
    web.respond = reply(b"<html>")
    until(lambda: "no catalog" in view(pairs[BTC]).reason, "garbage is a reason too")
    web.respond = reply(b'{"unknown":' + b"[" * 100_000)
    until(lambda: "recursion" in view(pairs[BTC]).reason, "of any kind")
    web.respond = serve_rest
    wait_for(pairs[BTC], State.LIVE)
    wait_for(pairs[XRP], State.UNLISTED)


def test_catalog_errors(web: Web) -> None:
    """Whoever loads a catalog hears why there is none."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=nowhere):
        VenueSession(quick(), Address(nowhere, "ws://127.0.0.1:1")).load_catalog()
    web.respond = reply(b"<html>")
    with pytest.raises(GarbageFrame, match="no catalog"):
        VenueSession(quick(), Address(web.url, "ws://127.0.0.1:1")).load_catalog()


def test_stop_while_waiting_for_a_catalog(sessions: list[VenueSession], monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait before the next try is ended by stop()."""
    monkeypatch.setattr(exchanges.listings, "Backoff", lambda **_: Backoff(60.0, 60.0))
    session = VenueSession(quick(), Address(f"http://127.0.0.1:{free_port()}", "ws://127.0.0.1:1"))
    pairs = books(BTC)
    session.start(pairs, None, "no route")
    until(lambda: view(pairs[BTC]).next_try_ns > 0, "the wait")
    assert view(pairs[BTC]).reason == "no route"
    began = time.monotonic()
    session.stop()
    assert time.monotonic() - began < 2.0


def test_a_catalog_that_comes_after_stop(web: Web, sockets: Sockets, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection is opened by a session that was stopped while the catalog was on its way."""
    monkeypatch.setattr(exchanges.session, "_CONNECTION_ENDS_S", 0.05)
    asked, go = threading.Event(), threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        go.wait(10)
        serve_rest(handler)

    web.respond = slow
    session = VenueSession(quick(), Address(web.url, sockets.url))
    pairs = books(BTC)
    session.start(pairs, None, "starting")
    assert asked.wait(10)
    session.stop()
    go.set()
    until(
        lambda: not [each for each in threading.enumerate() if each.name == "binance-catalog"],
        "the catalog thread ends",
    )
    names = [each.name for each in threading.enumerate()]
    assert "binance-ws" not in names
    assert sockets.accepted == 0


def test_a_ban_is_told(web: Web) -> None:
    """Until when nothing may be asked, as a time of day; 0 when there is no ban."""
    session = VenueSession(quick(), Address(web.url, "ws://127.0.0.1:1"))
    assert session.banned_until_ns() == 0
    session.rest.budget.ban(100.0, time.monotonic())
    assert session.banned_until_ns() - time.time_ns() == pytest.approx(100e9, abs=2e9)


def test_the_trading_one_of_two_listings(web: Web, sockets: Sockets, sessions: list[VenueSession]) -> None:
    """A pair listed twice is read under the symbol that trades."""
    web.respond = serve_rest
    session = VenueSession(quick(), Address(web.url, sockets.url))
    sessions.append(session)
    step: Any = Decimal("0.01")
    both = [
        Instrument("binance", "BTCOLD", BTC, step, step, trading=False),
        Instrument("binance", "BTCUSDT", BTC, step, step),
    ]
    pairs = books(BTC)
    session.start(pairs, both, "")
    assert wait_for(pairs[BTC], State.LIVE).symbol == "BTCUSDT"
