"""The thread of a connection against a real server that breaks every rule."""

import functools
import gc
import logging
import os
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import msgspec
import pytest

import exchanges.connection
import exchanges.frames
from book import State
from exchanges.actions import Action
from exchanges.backoff import Backoff
from exchanges.binance import BinanceProtocol, BinanceSync
from exchanges.bitstamp import Bitstamp
from exchanges.frames import FrameSocket
from tests.exchanges.desk import (
    acknowledgement,
    binance_snapshot,
    bitstamp,
    bitstamp_snapshot,
    depth,
    diff,
    instrument,
    plain,
)
from tests.exchanges.sockets import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Line,
    Peer,
    Sockets,
    greet,
    header,
    quick,
    stay,
    talking,
)
from tests.exchanges.web import Web, free_port, reply
from tests.waiting import until


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnects within milliseconds."""
    monkeypatch.setattr(exchanges.connection, "Backoff", functools.partial(Backoff, first_s=0.002, cap_s=0.02))


class Once:
    """A script whose first client meets `first`; the others have a normal session."""

    def __init__(self, first: Any) -> None:
        self._first = first
        self._lock = threading.Lock()
        self._clients = 0

    def __call__(self, peer: Peer) -> None:
        with self._lock:
            self._clients += 1
            number = self._clients
        (self._first if number == 1 else stay)(peer)


def test_subscribes_and_is_live(web: Web) -> None:
    """From the handshake through acknowledgement, first event and snapshot to a live book."""
    sent: list[Any] = []

    def script(peer: Peer) -> None:
        sent.append(peer.path)
        stay(peer)

    with talking(script, web) as (_, line):
        view = line.until(State.LIVE)
        assert (plain(view.bids), plain(view.asks), view.position) == (((100.0, 1.0),), ((101.0, 1.0),), 100)
        assert view.stamps.received_ns > 10**18
        assert view.counters.connects == 1
    assert sent == ["/stream?timeUnit=MICROSECOND"]
    assert web.paths == ["/api/v3/depth?symbol=BTCUSDT&limit=1000"]
    assert line.seen[-1] == (State.DOWN, "stopped")


def test_bitstamp(web: Web) -> None:
    """The other venue over the same thread."""

    def script(peer: Peer) -> None:
        for _ in range(2):
            peer.frame(acknowledgement(msgspec.json.decode(peer.receive()[1])))
        peer.frame(diff(100))
        peer.until_gone()

    web.respond = reply(bitstamp_snapshot(100))
    sockets = Sockets(script)
    with Line(sockets.url, web, quick(Bitstamp), bitstamp()) as line:
        assert line.until(State.LIVE).position == 100
    sockets.stop()


ENDS: list[Any] = [
    (lambda peer: peer.cut(), "lost without a close frame"),
    (lambda peer: peer.cut(reset=True), "reset by peer"),
    (lambda peer: peer.close(1008, b"Too many requests"), "closed by the venue (1008 Too many requests)"),
    (lambda peer: peer.close(1001), "closed by the venue (1001)"),
    (lambda peer: peer.frame(b"", CLOSE), "closed by the venue (1005)"),
    (lambda peer: peer.raw(b"\xf1\x00"), "rsv is not implemented"),
    (lambda peer: peer.frame(b"x", 5), "Invalid opcode"),
    (lambda peer: peer.frame(b"x" * 126, PING), ""),
    (lambda peer: peer.raw(b"HTTP/1.1 400 Bad Request\r\n" * 9), ""),
]


@pytest.mark.parametrize(("end", "words"), ENDS, ids=range(len(ENDS)))
def test_a_lost_connection(web: Web, end: Any, words: str) -> None:
    """However it ends: the book is down with the reason, and live again on the next connection."""
    live = threading.Event()

    def first(peer: Peer) -> None:
        greet(peer)
        live.wait(10)
        end(peer)
        peer.until_gone()

    with talking(Once(first), web) as (_, line):
        line.until(State.LIVE)
        live.set()
        line.until(State.DOWN, words)
        view = line.until(State.LIVE, connects=2)
        assert view.counters.resyncs == 1
        assert (plain(view.bids), view.counters.connects) == (((100.0, 1.0),), 2)


def test_silence(web: Web) -> None:
    """A socket that stays open and says nothing: a ping, then stale, then a new connection."""
    received: list[tuple[int, bytes]] = []

    def first(peer: Peer) -> None:
        greet(peer)
        received.extend(peer.until_gone())

    with talking(Once(first), web, venue=quick(quiet_s=0.1, dead_s=0.3)) as (_, line):
        line.until(State.STALE, "nothing heard for")
        line.until(State.DOWN, "ping unanswered")
        line.until(State.LIVE, connects=2)
    states = [state for state, _ in line.seen]
    assert states[states.index(State.STALE) - 1] is State.LIVE
    assert [opcode for opcode, _ in received] == [PING]


def test_a_quiet_market_is_not_dead(web: Web) -> None:
    """As long as pings are answered the book stays live, far beyond the time after which silence is death."""
    pings = [0]

    def script(peer: Peer) -> None:
        greet(peer)
        while True:
            opcode, data = peer.receive()
            if opcode == PING:
                pings[0] += 1
                peer.frame(data, PONG)

    with talking(script, web, venue=quick(quiet_s=0.03, dead_s=0.5)) as (sockets, line):
        line.until(State.LIVE)
        until(lambda: pings[0] >= 20, "twenty pings")
        assert (line.view().state, sockets.accepted) == (State.LIVE, 1)


def test_pings_are_answered(web: Web) -> None:
    """With their own payload, and they count as a sign of life."""
    pongs: list[tuple[int, bytes]] = []

    def script(peer: Peer) -> None:
        greet(peer)
        for payload in (b"", b"1790000000123", b"x" * 125):
            peer.frame(payload, PING)
            pongs.append(peer.receive())
        peer.until_gone()

    with talking(script, web) as (_, line):
        until(lambda: len(pongs) == 3, "three pongs")
        assert pongs == [(PONG, b""), (PONG, b"1790000000123"), (PONG, b"x" * 125)]
        line.until(State.LIVE)


def test_garbage_does_not_end_a_connection(web: Web) -> None:
    """Whatever stands in the frames: counted, and the next event is applied."""

    def script(peer: Peer) -> None:
        greet(peer)
        for garbage in (b"", b"\xff\xfe", b"[" * 50_000, b"{}", b"null"):
            peer.frame(garbage)
        peer.frame(b"\x00" * 10, BINARY)
        peer.frame(depth(101, 101, [("100.5", "1")]))
        peer.until_gone()

    with talking(script, web) as (sockets, line):
        until(lambda: line.view().position == 101, "the event after the garbage")
        assert line.view().counters.garbage == 6
        assert (line.view().state, sockets.accepted) == (State.LIVE, 1)


def test_a_message_in_pieces(web: Web) -> None:
    """Fragments with a ping in between make one message; one that is sent byte by byte too."""
    event = depth(101, 101, [("100.5", "1")])
    slow = depth(102, 102, [("100.6", "1")])

    def script(peer: Peer) -> None:
        greet(peer)
        peer.frame(event[:20], TEXT, last=False)
        peer.frame(b"", PING)
        peer.frame(event[20:40], 0, last=False)
        peer.frame(event[40:], 0)
        for byte in header(len(slow)) + slow:
            peer.raw(bytes([byte]))
        peer.until_gone()

    with talking(script, web) as (_, line):
        until(lambda: line.view().position == 102, "both events")
        assert plain(line.until(State.LIVE).bids)[0] == (100.6, 1.0)


def test_many_levels_in_one_message(web: Web) -> None:
    """A message longer than 65,535 bytes."""
    bids = [(f"{price}.25", "1.5") for price in range(1, 6000)]

    def script(peer: Peer) -> None:
        greet(peer)
        peer.frame(depth(101, 101, bids))
        peer.until_gone()

    with talking(script, web) as (_, line):
        until(lambda: line.view().position == 101, "the large event")


def endless(peer: Peer) -> None:
    """One message in fragments without an end."""
    greet(peer)
    peer.frame(b"x" * 1000, TEXT, last=False)
    while True:
        peer.frame(b"x" * 1000, 0, last=False)


def claims(peer: Peer) -> None:
    """A header that claims an exabyte, followed by as much as the client takes."""
    greet(peer)
    peer.raw(header(2**60))
    while True:
        peer.raw(b"x" * 65536)


def interleaved(peer: Peer) -> None:
    """The same with a ping after each fragment."""
    greet(peer)
    peer.frame(b"x" * 1000, TEXT, last=False)
    while True:
        peer.frame(b"", PING)
        peer.frame(b"x" * 1000, 0, last=False)


@pytest.mark.parametrize("huge", [claims, endless, interleaved])
def test_a_huge_message(web: Web, monkeypatch: pytest.MonkeyPatch, huge: Any) -> None:
    """What does not fit is not read on: the connection is given up and made anew."""
    monkeypatch.setattr(exchanges.frames, "_MAX_MESSAGE", 200_000)
    with talking(Once(huge), web) as (_, line):
        line.until(State.DOWN, "a message of more than 200000 bytes")
        line.until(State.LIVE, connects=2)


def half(peer: Peer) -> None:
    """A frame whose rest never comes."""
    greet(peer)
    peer.raw(header(1000) + b"x" * 10)
    peer.until_gone()


def drip(peer: Peer) -> None:
    """A frame that comes a byte at a time, for ever."""
    greet(peer)
    peer.raw(header(100_000))
    pause = threading.Event()
    while not pause.wait(0.02):
        peer.raw(b"x")


@pytest.mark.parametrize("slow", [half, drip])
def test_a_frame_that_is_never_complete(web: Web, monkeypatch: pytest.MonkeyPatch, slow: Any) -> None:
    """Half a frame, or one that trickles, does not hold the thread."""
    monkeypatch.setattr(exchanges.connection, "FRAME_S", 0.2)
    monkeypatch.setattr(exchanges.frames, "FRAME_S", 0.2)
    with talking(Once(slow), web) as (_, line):
        line.until(State.DOWN, "a frame was not complete")
        line.until(State.LIVE, connects=2)


def long_but_steady(peer: Peer) -> None:
    """A diff whose frame takes longer than a short one may, though it never pauses."""
    greet(peer)
    body = depth(101, 101) + b" " * 12_000
    peer.raw(header(len(body)))
    pause = threading.Event()
    for start in range(0, len(body), 1000):
        peer.raw(body[start : start + 1000])
        pause.wait(0.03)
    peer.until_gone()


def test_a_long_frame_may_take_its_time(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The book of a deep market has megabytes: it is read to its end, as long as it keeps coming."""
    monkeypatch.setattr(exchanges.frames, "FRAME_S", 0.2)
    monkeypatch.setattr(exchanges.frames, "_SLOWEST", 8_000)
    with talking(long_but_steady, web) as (_, line):
        until(lambda: line.view().position == 101, "the long frame")
        assert line.view().counters.connects == 1


class Recorder(Backoff):
    """Keeps what it was asked and what it said."""

    asked: list[tuple[float, float]]

    def __init__(self, first_s: float = 0.004, cap_s: float = 0.05) -> None:
        super().__init__(first_s, cap_s)
        self.asked = []

    def next_s(self, lasted_s: float = 0.0) -> float:
        wait = super().next_s(lasted_s)
        self.asked.append((lasted_s, wait))
        return wait


def test_refused_connects(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address and reason are named, and everything since the last success counts as one outage."""
    recorder = Recorder()
    monkeypatch.setattr(exchanges.connection, "Backoff", lambda: recorder)
    url = f"ws://127.0.0.1:{free_port()}"
    with Line(url, web) as line:
        line.until(State.DOWN, f"{url}/stream?timeUnit=MICROSECOND: Connection refused")
        until(lambda: len(recorder.asked) >= 5, "five attempts")
        assert line.view().next_try_ns > 0
    waits = [wait for _, wait in recorder.asked]
    assert recorder.outage_s >= sum(waits) > 0


def test_the_backoff_hears_how_long_it_held(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is accepted and cut at once is no success: the outage goes on all the same."""
    recorder = Recorder()
    monkeypatch.setattr(exchanges.connection, "Backoff", lambda: recorder)

    def script(peer: Peer) -> None:
        greet(peer)

    with talking(script, web):
        until(lambda: len(recorder.asked) >= 5, "five sessions")
    assert all(lasted < 5.0 for lasted, _ in recorder.asked)
    assert recorder.outage_s == pytest.approx(sum(lasted + wait for lasted, wait in recorder.asked))


ANSWERS = [
    (b"HTTP/1.1 451 Unavailable For Legal Reasons\r\nContent-Length: 0\r\n\r\n", "answered HTTP 451"),
    (b"HTTP/1.1 403 Forbidden\r\n\r\n", "answered HTTP 403"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "answered HTTP 200"),
    (b"HTTP/1.1 503 Busy\r\n\r\n", "answered HTTP 503"),
    (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", ""),
    (b"SSH-2.0-OpenSSH\r\n\r\n", ""),
    (b"garbage\r\n\r\n", ""),
    (b"\xff\xff\r\n\r\n", ""),
    (b"", "lost"),
]


@pytest.mark.parametrize(("answer", "words"), ANSWERS, ids=range(len(ANSWERS)))
def test_a_refused_handshake(web: Web, caplog: pytest.LogCaptureFixture, answer: bytes, words: str) -> None:
    """The status is told; it is tried again; no answer is a defect of ours."""
    sockets = Sockets(stay)
    sockets.answer = answer
    web.respond = reply(binance_snapshot(100))
    with Line(sockets.url, web) as line:
        line.until(State.DOWN, words)
        line.until(State.DOWN, sockets.url, connects=3)
        sockets.answer = None
        line.until(State.LIVE)
    sockets.stop()
    assert "internal error" not in str(line.seen)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("status", "header_line", "seconds"),
    [(429, b"Retry-After: 30\r\n", 30), (429, b"", 10), (418, b"", 120), (418, b"Retry-After: soon\r\n", 120)],
)
def test_a_handshake_that_is_limited(web: Web, status: int, header_line: bytes, seconds: int) -> None:
    """429 and 418 are obeyed here too: no second attempt before the time is over, and stop() still ends it."""
    sockets = Sockets(stay)
    sockets.answer = b"HTTP/1.1 %d Limited\r\n%sContent-Length: 0\r\n\r\n" % (status, header_line)
    with Line(sockets.url, web) as line:
        line.until(State.DOWN, f"answered HTTP {status}")
        left_s = (line.view().next_try_ns - time.time_ns()) / 1e9
        assert seconds - 3 < left_s <= seconds
        assert sockets.accepted == 1
    sockets.stop()


def test_as_many_connects_as_are_allowed(web: Web) -> None:
    """Beyond the venue's number of connects one waits, and says so."""

    def script(peer: Peer) -> None:
        greet(peer)

    with talking(script, web, venue=quick(connects=5, connect_window_s=60.0)) as (sockets, line):
        line.until(State.DOWN, "allows no more connects")
        assert sockets.accepted == 4, "nine tenths of five"
        assert line.view().next_try_ns > time.time_ns()
        assert line.view().counters.connects == 4


def end_quickly(line: Line) -> None:
    """stop() and join() return within a moment."""
    began = time.monotonic()
    line.connection.stop()
    line.connection.join(10)
    assert time.monotonic() - began < 1.0
    assert line.view().state is State.DOWN
    assert line.seen[-1] == (State.DOWN, "stopped")
    line.connection.stop()


def test_stop_while_live(web: Web) -> None:
    """The venue gets a close frame."""
    received: list[tuple[int, bytes]] = []

    def script(peer: Peer) -> None:
        greet(peer)
        received.extend(peer.until_gone())

    with talking(script, web) as (_, line):
        line.until(State.LIVE)
        end_quickly(line)
        until(lambda: received, "the close frame")
    assert received[-1][0] == CLOSE


def test_stop_while_waiting(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a long backoff."""
    monkeypatch.setattr(exchanges.connection, "Backoff", functools.partial(Backoff, first_s=60.0, cap_s=60.0))
    with Line(f"ws://127.0.0.1:{free_port()}", web) as line:
        line.until(State.DOWN, "refused")
        end_quickly(line)


class Faulty(BinanceProtocol):
    """Has a defect that the first frame of a kind brings out."""

    fail = True

    def frame(self, frame: bytes) -> list[Action]:
        if b"depthUpdate" in frame and self.fail:
            self.fail = False
            raise RuntimeError("a defect")
        return super().frame(frame)


def test_a_defect_of_ours(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    """An exception is logged with its trace; the book says so; the connection starts over and comes to be live."""
    protocol = Faulty([instrument("BTCUSDT")])
    with talking(stay, web, protocol=protocol) as (_, line):
        line.until(State.DOWN, "internal error: RuntimeError: a defect")
        assert line.until(State.LIVE, connects=2).counters.restarts == 1
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert errors[0].exc_info
    assert "in frame" in caplog.text, "the place is named"


def open_files() -> int:
    """Descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_nothing_leaks(web: Web) -> None:
    """After thirty cuts of all kinds and a stop there are as many threads and descriptors as before."""
    ends = [
        lambda peer: peer.cut(),
        lambda peer: peer.cut(reset=True),
        lambda peer: peer.close(1001),
        lambda peer: peer.raw(b"\xff\xff"),
        lambda peer: peer.raw(header(50) + b"x"),
    ]
    number = iter(range(10**9))

    def script(peer: Peer) -> None:
        greet(peer)
        ends[next(number) % len(ends)](peer)

    web.respond = reply(binance_snapshot(100), Connection="close")
    threads, files = threading.active_count(), open_files()
    sockets = Sockets(script)

    def thirty_times() -> None:
        with Line(sockets.url, web) as line:
            until(lambda: line.view().counters.connects >= 30, "thirty connects", 60.0)
            assert threading.active_count() <= threads + 12

    thirty_times()
    sockets.stop()
    until(lambda: threading.active_count() <= threads, "all threads end")
    until(lambda: open_files() <= files, f"all descriptors are closed ({files})")


@pytest.mark.parametrize("at_once_after_s", [0.0, 60.0])
def test_a_planned_reconnect(web: Web, monkeypatch: pytest.MonkeyPatch, at_once_after_s: float) -> None:
    """Before the venue cuts we reconnect by ourselves; without a wait, unless that happens all the time."""
    recorder = Recorder()
    monkeypatch.setattr(exchanges.connection, "Backoff", lambda: recorder)
    monkeypatch.setattr(exchanges.connection, "_AT_ONCE_AFTER_S", at_once_after_s)
    with talking(stay, web, venue=quick(max_age_s=0.05, quiet_s=0.02)) as (_, line):
        line.until(State.DOWN, "planned reconnect")
        line.until(State.CONNECTING, connects=2)
        assert bool(recorder.asked) is (at_once_after_s > 0)


def test_server_shutdown(web: Web) -> None:
    """The venue's announcement is followed by a new connection."""

    def first(peer: Peer) -> None:
        greet(peer)
        peer.frame(b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
        peer.until_gone()

    with talking(Once(first), web) as (_, line):
        line.until(State.DOWN, "reconnecting: the venue announced a shutdown")
        line.until(State.LIVE, connects=2)


def test_a_gap_over_the_wire(web: Web) -> None:
    """A lost event costs a snapshot, not the connection."""

    def script(peer: Peer) -> None:
        greet(peer)
        until(lambda: web.paths, "the first snapshot")
        web.respond = reply(binance_snapshot(110))
        peer.frame(depth(105, 106))
        peer.until_gone()

    with talking(script, web) as (sockets, line):
        until(lambda: line.view().position == 110, "the new snapshot")
        assert line.until(State.LIVE).counters.gaps == 1
        assert sockets.accepted == 1


def test_a_quiet_pair(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a single event the book is live after its timer."""
    monkeypatch.setattr(BinanceSync, "first_diff_s", 0.05)

    def script(peer: Peer) -> None:
        peer.frame(acknowledgement(msgspec.json.decode(peer.receive()[1])))
        peer.until_gone()

    with talking(script, web) as (_, line):
        assert line.until(State.LIVE).position == 100


def test_a_timer_without_a_delay(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs out at once."""
    monkeypatch.setattr(BinanceSync, "first_diff_s", 0.0)
    with talking(lambda peer: stay(peer), web) as (_, line):
        line.until(State.LIVE)


def failing(web: Web, answer: Any) -> Any:
    """The first request gets this answer, the later ones a snapshot."""

    def respond(handler: Any) -> None:
        (answer if len(web.paths) == 1 else reply(binance_snapshot(100)))(handler)

    return respond


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(b"", 500), "binance answered 500"),
        (reply(b"<html>"), "the answer is no snapshot"),
        (reply(b"{}", 429, Retry_After="1"), "binance answered 429"),
    ],
)
def test_a_snapshot_that_fails(web: Web, monkeypatch: pytest.MonkeyPatch, answer: Any, words: str) -> None:
    """Why is told in the state; the connection stays; the next answer makes the book live."""
    sockets = Sockets(stay)
    web.respond = failing(web, answer)
    with Line(sockets.url, web) as line:
        line.until(State.SYNCING, f"no snapshot: {words}")
        line.until(State.LIVE)
        assert sockets.accepted == 1
    sockets.stop()
    assert len(web.paths) == 2


def test_a_snapshot_that_is_forbidden(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is asked for again after a long time only, not after the usual waits."""
    monkeypatch.setattr(exchanges.connection, "_FORBIDDEN_S", 0.5)
    sockets = Sockets(stay)
    web.respond = reply(b'{"code":0,"msg":"restricted location"}', 451)
    with Line(sockets.url, web) as line:
        line.until(State.SYNCING, "no snapshot: binance answered 451: restricted location")
        began = time.monotonic()
        until(lambda: len(web.paths) == 2, "the second request")
        assert time.monotonic() - began > 0.2
    sockets.stop()


def test_an_unknown_certificate(web: Web, certificate: tuple[Path, Path]) -> None:
    """It is said that the certificate does not verify, and which option names roots."""
    with talking(stay, web, tls=certificate) as (_, line):
        line.until(State.DOWN, "the certificate does not verify")
        assert any("--ca FILE" in reason for _, reason in line.seen)


def test_a_certificate_that_is_named(web: Web, certificate: tuple[Path, Path]) -> None:
    """With its root given the book is live; several frames in one TLS record are all read."""
    events = b"".join(header(len(frame)) + frame for frame in (depth(n, n, [(f"{n}", "1")]) for n in range(101, 301)))

    def script(peer: Peer) -> None:
        greet(peer)
        peer.raw(events)
        peer.until_gone()

    with talking(script, web, tls=certificate, ca=str(certificate[0])) as (_, line):
        until(lambda: line.view().position == 300, "all frames of the record")


def test_a_ca_file_that_is_not_there(web: Web, certificate: tuple[Path, Path]) -> None:
    """Is a reason like any other."""
    with talking(stay, web, tls=certificate, ca="/nowhere.pem") as (_, line):
        line.until(State.DOWN, "No such file")


def test_sockets_are_let_go_without_a_collection(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a refused message of megabytes was read into must not wait for the collector, which seldom comes."""
    alive: weakref.WeakSet[FrameSocket] = weakref.WeakSet()
    made = FrameSocket.__init__

    def register(ws: FrameSocket, **options: object) -> None:
        made(ws, **options)
        alive.add(ws)

    monkeypatch.setattr(FrameSocket, "__init__", register)
    monkeypatch.setattr(gc, "collect", lambda: 0)
    monkeypatch.setattr(exchanges.frames, "_MAX_MESSAGE", 200_000)
    number = iter(range(10**9))

    def script(peer: Peer) -> None:
        if next(number) < 5:
            greet(peer)
            peer.frame(b"x" * 300_000)
        else:
            stay(peer)

    gc.disable()
    try:
        with talking(script, web) as (_, line):
            line.until(State.LIVE, connects=6)
            assert len(alive) == 1
    finally:
        gc.enable()
