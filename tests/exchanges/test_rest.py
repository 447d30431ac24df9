"""REST requests against a real server on loopback that misbehaves on demand."""

import gzip
import logging
import queue
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import exchanges.rest
from exchanges.binance import Binance
from exchanges.bitstamp import Bitstamp
from exchanges.budget import Budget
from exchanges.errors import ExchangeError, Forbidden, GarbageFrame, NoBudget, RateLimited, Refused, Unreachable
from exchanges.rest import Answer, Request, RestClient
from tests.exchanges.sockets import quick
from tests.exchanges.web import Web, free_port, reply, serving
from tests.waiting import until


@pytest.fixture
def client(web: Web) -> Iterator[RestClient]:
    client = RestClient(Binance(), web.url)
    yield client
    client.stop()


def test_a_body(client: RestClient, web: Web) -> None:
    """The body of a 200 reply, whole; path and query as they were given."""
    assert client.get("/api/v3/depth?symbol=A&limit=5000", 250) == b"ok"
    assert web.paths == ["/api/v3/depth?symbol=A&limit=5000"]
    assert client.budget.used(time.monotonic()) == 250


def test_a_compressed_body(client: RestClient, web: Web) -> None:
    """Is unpacked."""
    text = b"levels " * 100_000
    web.respond = reply(gzip.compress(text), Content_Encoding="gzip")
    assert client.get("/", 1) == text


def test_a_chunked_body(client: RestClient, web: Web) -> None:
    """Is joined."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n")

    web.respond = respond
    assert client.get("/", 1) == b"hello world"
    assert client.get("/", 1) == b"hello world", "and the connection is usable after it"


def test_the_venues_own_account(client: RestClient, web: Web) -> None:
    """The weight header of a reply, whatever its status, counts when it is higher than ours."""
    web.respond = reply(b"ok", X_MBX_USED_WEIGHT_1M="4321")
    client.get("/", 1)
    assert client.budget.used(time.monotonic()) == 4321
    web.respond = reply(b"{}", 400, x_mbx_used_weight_1m="5000")
    with pytest.raises(Refused):
        client.get("/", 1)
    assert client.budget.used(time.monotonic()) == 5000


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "7", 7.0),
        (429, None, 10.0),
        (418, "180", 180.0),
        (418, None, 120.0),
        (429, "soon", 10.0),
        (429, "Wed, 21 Oct 2015 07:28:00 GMT", 10.0),
        (418, "-5", 120.0),
        (429, "\u00b2", 10.0),  # a superscript 2: a digit, but no number
    ],
)
def test_limits(client: RestClient, web: Web, status: int, header: str | None, seconds: float) -> None:
    """429 and 418 are obeyed for as long as the reply says, else for a while."""
    body = b'{"code":-1003,"msg":"Too much request weight used"}'
    web.respond = reply(body, status, **({"Retry_After": header} if header else {}))
    with pytest.raises(RateLimited, match="Too much request weight used") as caught:
        client.get("/", 1)
    assert (caught.value.status, caught.value.retry_after_s) == (status, seconds)
    assert client.budget.delay_s(1, time.monotonic()) == pytest.approx(seconds, abs=1.0)


def test_a_ban_in_words(web: Web) -> None:
    """Some venues tell of a ban by another status and words of their own; the venue reads them."""

    class Wordy(Binance):
        def ban_s(self, status: int, body: bytes) -> float:
            return 600.0 if (status, body) == (403, b"too frequent") else 0.0

    client = RestClient(Wordy(), web.url)
    web.respond = reply(b"blocked", 403)
    with pytest.raises(Forbidden):
        client.get("/", 1)
    assert client.budget.banned_until == 0.0
    web.respond = reply(b"too frequent", 403)
    with pytest.raises(RateLimited) as caught:
        client.get("/", 1)
    assert caught.value.retry_after_s == 600.0
    assert 595 < client.budget.banned_until - time.monotonic() <= 600
    client.stop()


def test_recovery_after_a_limit(client: RestClient, web: Web) -> None:
    """The next request waits for the ban to end, and is then answered."""
    web.respond = reply(b"{}", 429, Retry_After="1")
    with pytest.raises(RateLimited):
        client.get("/first", 1)
    web.respond = reply(b"fine")
    began = time.monotonic()
    assert client.get("/second", 1) == b"fine"
    assert 0.8 < time.monotonic() - began < 5.0
    assert web.paths == ["/first", "/second"]


def test_the_account_is_kept(web: Web) -> None:
    """A request that does not fit waits; stop() ends the wait."""
    client = RestClient(Binance(), web.url)
    client.budget.told(6000, time.monotonic())
    ended: list[str] = []

    def ask() -> None:
        try:
            client.get("/", 1)
        except ExchangeError as error:
            ended.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    client.stop()
    thread.join(5)
    assert (ended, web.paths) == (["stopped"], [])


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (451, b'{"code":0,"msg":"restricted"}', Forbidden, "binance answered 451: restricted (code 0)"),
        (403, b"<html>\nblocked", Forbidden, "binance answered 403: <html>"),
        (500, b"", Refused, "binance answered 500: HTTP 500"),
        (503, b"busy", Refused, "binance answered 503: busy"),
        (400, b'{"code":-1121,"msg":"Invalid."}', Refused, "binance answered 400: Invalid. (code -1121)"),
        (404, b"<!DOCTYPE html>", Refused, "binance answered 404: <!DOCTYPE html>"),
        (301, b"", Refused, "binance answered 301: HTTP 301"),
        (204, b"", Refused, "binance answered 204: HTTP 204"),
    ],
)  # fmt: skip
def test_refusals(client: RestClient, web: Web, status: int, body: bytes, kind: Any, words: str) -> None:
    """Each with its status and the venue's own words; redirects are not followed; nobody is banned over them."""
    web.respond = reply(body, status, Location="/elsewhere")
    with pytest.raises(Refused) as caught:
        client.get("/x", 1)
    assert (type(caught.value), caught.value.status, str(caught.value)) == (kind, status, words)
    assert web.paths == ["/x"]
    assert client.budget.delay_s(1, time.monotonic()) == 0.0


def test_another_venue(web: Web) -> None:
    """Its name stands in the message, its words come from its own form."""
    web.respond = reply(b'{"status":"error","reason":"no","code":"400.002"}', 400)
    with pytest.raises(Refused, match=r"bitstamp answered 400.*400\.002"):
        RestClient(Bitstamp(), web.url).get("/", 1)


def test_html_with_status_200(client: RestClient, web: Web) -> None:
    """Is a body like any other here: whoever wanted JSON finds out."""
    web.respond = reply(b"<html>")
    body = client.get("/", 1)
    with pytest.raises(GarbageFrame):
        Binance().parse_catalog(body)


def test_nobody_listens() -> None:
    """The address and the reason are named."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"{url}/x: .*refused"):
        RestClient(Binance(), url).get("/x", 1)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A body that comes a byte at a time, for ever."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    pause = threading.Event()
    while not pause.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def test_a_body_that_drips(client: RestClient, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole body must have come in time: bytes that trickle do not hold the thread."""
    monkeypatch.setattr(exchanges.rest, "_TOTAL_S", 0.3)
    web.respond = drip
    began = time.monotonic()
    with pytest.raises(Unreachable, match="not complete"):
        client.get("/", 1)
    assert time.monotonic() - began < 3.0


def test_a_body_that_stops(client: RestClient, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence in the middle of a body ends the request."""
    monkeypatch.setattr(exchanges.rest, "_READ_S", 0.2)
    quiet = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.wfile.flush()
        quiet.wait(10)

    web.respond = respond
    with pytest.raises(Unreachable, match="timed out"):
        client.get("/", 1)
    quiet.set()


def test_a_body_cut_short(client: RestClient, web: Web) -> None:
    """Fewer bytes than announced are no body."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")
        handler.close_connection = True

    web.respond = respond
    with pytest.raises(Unreachable):
        client.get("/", 1)


def test_an_endless_body(client: RestClient, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than fits is not read on."""
    monkeypatch.setattr(exchanges.rest, "_MAX_BODY", 100_000)
    sent = [0]

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65536)
            sent[0] += 1

    web.respond = respond
    with pytest.raises(Unreachable, match="more than 100000 bytes"):
        client.get("/", 1)


def test_no_http(client: RestClient, web: Web) -> None:
    """Something that does not speak HTTP, and a body that is not packed as it says."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-hello\r\n\r\n")
        handler.close_connection = True

    web.respond = respond
    with pytest.raises(Unreachable):
        client.get("/", 1)
    web.respond = reply(b"not packed", Content_Encoding="gzip")
    with pytest.raises(Unreachable):
        client.get("/", 1)


def test_an_unknown_certificate(certificate: tuple[Path, Path]) -> None:
    """It is said that the certificate does not verify, and which option names roots."""
    with serving(tls=certificate) as web, pytest.raises(Unreachable, match=r"does not verify.*--ca FILE"):
        RestClient(Binance(), web.url).get("/", 1)


def test_a_certificate_that_is_named(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """With its root given it verifies, whatever the environment says."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with serving(tls=certificate) as web:
        assert RestClient(Binance(), web.url, ca=str(certificate[0])).get("/", 1) == b"ok"


def test_a_ca_file_that_is_not_there(certificate: tuple[Path, Path]) -> None:
    """The missing file is named."""
    with serving(tls=certificate) as web, pytest.raises(Unreachable, match=r"nowhere\.pem"):
        RestClient(Binance(), web.url, ca="/nowhere.pem").get("/", 1)


def test_answers_come_by_callback(client: RestClient, web: Web) -> None:
    """Bodies and failures alike, from a thread of the pool."""
    answers: list[Answer] = []
    threads: set[str] = set()

    def take(answer: Answer, path: str) -> None:
        threads.add(threading.current_thread().name)
        answers.append(answer)

    client.start()
    client.submit(Request("/a", 1), take)
    until(lambda: len(answers) == 1, "the answer")
    web.respond = reply(b"", 500)
    client.submit(Request("/b", 1), take)
    until(lambda: len(answers) == 2, "the failure")
    assert answers[0] == b"ok"
    assert isinstance(answers[1], Refused)
    assert {name.rsplit("-", 1)[0] for name in threads} == {"binance-rest"}


def test_an_internal_error_is_answered(
    client: RestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever asked hears of a defect of ours, the log has it whole, and the pool lives on."""
    answers: list[Answer] = []
    with monkeypatch.context() as patch:
        patch.setattr(client.venue, "used_weight", lambda _: 1 / 0)
        client.start()
        client.submit(Request("/a", 1), lambda answer, _path: answers.append(answer))
        until(lambda: answers, "the answer")
    assert isinstance(answers[0], GarbageFrame)
    assert "ZeroDivisionError" in str(answers[0])
    assert any(record.exc_info for record in caplog.records if record.levelno == logging.ERROR)
    client.submit(Request("/a", 1), lambda answer, _path: answers.append(answer))
    until(lambda: len(answers) == 2, "the next answer")
    assert answers[1] == b"ok"


def test_a_full_queue(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request more than fits is answered with a failure at once, in the caller's thread."""
    monkeypatch.setattr(exchanges.rest, "_MAX_WAITING", 2)
    client = RestClient(Binance(), web.url)
    answers: list[Answer] = []
    for _ in range(3):
        client.submit(Request("/", 1), lambda answer, _path: answers.append(answer))
    assert client.waiting == 2
    assert [str(answer) for answer in answers] == ["2 requests to binance are waiting already"]
    client.start()
    until(lambda: len(answers) == 3, "the waiting ones are answered")
    client.stop()


def test_stop_ends_the_pool(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its threads end soon, also with a full queue, and nothing that waited is answered after it."""
    monkeypatch.setattr(exchanges.rest, "_MAX_WAITING", 3)
    before = set(threading.enumerate())
    client = RestClient(Binance(), web.url)
    client.budget.ban(60.0, time.monotonic())
    client.start()
    answers: list[Answer] = []
    pool = [thread for thread in threading.enumerate() if thread not in before and "rest" in thread.name]
    for _ in range(2):
        client.submit(Request("/", 1), lambda answer, _path: answers.append(answer))
    until(lambda: client.waiting == 0, "the pool takes its jobs")
    for _ in range(3):
        client.submit(Request("/", 1), lambda answer, _path: answers.append(answer))
    client.stop()
    for thread in pool:
        thread.join(5)
    assert not any(thread.is_alive() for thread in pool)
    assert (answers, web.paths) == ([], [])


def test_what_can_wait_does_not_wait(web: Web) -> None:
    """It is answered at once with NoBudget where too much of the budget is used, and asked for otherwise."""
    venue = quick(weight=100)
    client = RestClient(venue, web.url)
    client.start()
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    client.submit(Request("/a", 40, 0.5), lambda answer, _path: answers.put(answer))
    assert answers.get(timeout=10) == b"ok"
    client.submit(Request("/b", 40, 0.5), lambda answer, _path: answers.put(answer))
    assert isinstance(answers.get(timeout=10), NoBudget)
    client.submit(Request("/c", 40), lambda answer, _path: answers.put(answer))
    assert answers.get(timeout=10) == b"ok"
    client.stop()
    assert web.paths == ["/a", "/c"]


def test_the_urgent_goes_first(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resync does not stand behind comparisons in the queue; equals keep their order."""
    monkeypatch.setattr(exchanges.rest, "_WORKERS", 1)
    client = RestClient(quick(), web.url)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for path, share in (("/spare1", 0.5), ("/quiet", 0.75), ("/spare2", 0.5), ("/resync1", 1.0), ("/resync2", 1.0)):
        client.submit(Request(path, 1, share), lambda answer, _path: answers.put(answer))
    client.start()
    for _ in range(5):
        answers.get(timeout=10)
    client.stop()
    assert web.paths == ["/resync1", "/resync2", "/quiet", "/spare1", "/spare2"]


def test_the_cheaper_one_where_the_budget_is_short(web: Web) -> None:
    """A request that would have to wait is replaced by one that need not; the answer says which it was."""
    client = RestClient(quick(weight=100), web.url)
    client.start()
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for _ in range(3):
        client.submit(Request("/deep", 50, cheaper=("/flat", 5)), lambda answer, path: answers.put((answer, path)))
        assert answers.get(timeout=10)[0] == b"ok"
    client.stop()
    assert web.paths == ["/deep", "/flat", "/flat"]
    assert client.budget.used(time.monotonic()) == 60


def test_what_waits_for_the_budget_is_counted(client: RestClient, web: Web) -> None:
    """With all that queues behind it; a queue that only waits for its turn is none."""
    client.budget = Budget(10, 0.1)
    client.start()
    answers: list[Answer] = []
    assert client.starved == 0
    for _ in range(10):
        client.submit(Request("/x", 6), lambda answer, _: answers.append(answer))
    until(lambda: client.starved >= 4, "they wait")
    until(lambda: len(answers) == 10, "all are answered")
    assert client.starved == 0
