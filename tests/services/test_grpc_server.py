"""The server's life: opening, limits, heartbeats, stopping, dying, TLS, health, reflection."""

import shutil
import subprocess
import sys
import threading
import time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from proto import orderbook_pb2 as pb
from services import (
    BadCredentials,
    CannotListen,
    GrpcOptions,
    GrpcServer,
    LoopDied,
    PortTaken,
    ServicesError,
)
from services.view import SummaryView
from tests.services.conftest import BTC, ETH, Rig, load, until, wait_until


def test_a_taken_port_is_named_with_the_way_out(rig: Rig) -> None:
    other = GrpcServer(GrpcOptions(port=rig.port))
    with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{rig.port} is taken.*choose another port"):
        other.open()
    other.stop()


def test_an_address_that_is_not_ours_is_named_with_the_reason() -> None:
    server = GrpcServer(GrpcOptions(host="192.0.2.1", port=0))
    with pytest.raises(CannotListen, match=r"192\.0\.2\.1:0: .*assign"):
        server.open()
    server.stop()


def test_clients_that_come_before_serve_wait_for_it() -> None:
    server = GrpcServer(GrpcOptions(port=0))
    port = server.open()
    rig = Rig()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ready = grpc.channel_ready_future(channel)
        assert not ready.done()
        server.serve(rig.market)
        ready.result(timeout=10)
    server.stop()
    rig.close()


def test_misuse_is_told() -> None:
    rig = Rig()
    with pytest.raises(ServicesError, match="only once"):
        rig.server.open()
    with pytest.raises(ServicesError, match="serves already"):
        rig.server.serve(rig.market)
    rig.close()
    with pytest.raises(LoopDied):
        rig.server.serve(rig.market)
    fresh = GrpcServer(GrpcOptions(port=0))
    with pytest.raises(ServicesError, match="open the server"):
        fresh.serve(rig.market)
    fresh.stop()
    with pytest.raises(ServicesError, match="only once"):
        fresh.open()


@pytest.mark.parametrize(
    "wrong",
    [
        {"levels": 0},
        {"levels": 5001},
        {"dust": Decimal(-1)},
        {"dust": Decimal("NaN")},
        {"port": 65536},
        {"max_streams": 0},
        {"tls_cert": Path("cert.pem")},
        {"tls_client_ca": Path("ca.pem")},
        {"keepalive_s": 0.0},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        GrpcOptions(**wrong)


def test_addresses_of_both_families() -> None:
    assert GrpcOptions(host="::1", port=1).address == "[::1]:1"
    assert GrpcOptions(host="0.0.0.0", port=2).address == "0.0.0.0:2"


def test_sequences_rise_and_states_arrive_in_order(rig: Rig) -> None:
    stream = rig.summaries()
    sequence = next(stream).sequence
    for n in range(1, 200):
        load(rig.books, "binance", [(float(n), 1.0)], [])
    while True:
        summary = next(stream)
        assert summary.sequence > sequence
        sequence = summary.sequence
        if sequence == rig.books.version:
            break
    assert summary.bids[0].price == 199.0
    stream.cancel()


def test_the_last_update_of_every_burst_arrives(rig: Rig) -> None:
    """Bursts of many writes from two venues' threads, again and again: what was written last is always seen."""
    stream = rig.stream_book(levels=1)
    next(stream)
    for burst in range(1, 31):

        def write(venue: str, base: float) -> None:
            for n in range(40):
                load(rig.books, venue, [(base + n, 1.0)], [])

        threads = [
            threading.Thread(target=write, args=(venue, 1000.0 * burst + offset))
            for venue, offset in (("binance", 0.0), ("bitstamp", 500.0))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        version = rig.books.version
        last = until(stream, lambda book: book.sequence >= version)  # noqa: B023
        assert last.bids[0].price == (1000 * burst + 539) * 100
    stream.cancel()


def test_a_heartbeat_at_least_once_a_second(rig: Rig) -> None:
    stream = rig.stream_book()
    sent = [next(stream).clocks.sent_ns]
    for _ in range(2):
        book = next(stream)
        assert book.heartbeat
        sent.append(book.clocks.sent_ns)
    assert max(later - earlier for earlier, later in pairwise(sent)) < 1_000_000_000
    stream.cancel()


def test_the_surplus_of_streams_is_refused_at_once_with_the_reason() -> None:
    rig = Rig(GrpcOptions(port=0, max_streams=3))
    streams = [rig.summaries() for _ in range(3)]
    for stream in streams:
        next(stream)
    surplus = rig.stream_book()
    with pytest.raises(grpc.RpcError):
        next(surplus)
    assert surplus.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "all 3 streams of this server are taken" in surplus.details()
    streams[0].cancel()
    wait_until(lambda: rig.publisher.streams == 2, "the left stream is counted out")
    again = rig.stream_book()
    next(again)
    rig.close()


def test_stop_announces_itself_and_ends_streams_with_ok(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 1.0)], [])
    streams = [rig.summaries(), rig.stream_book(min_interval_ms=60_000), rig.stream_status()]
    for stream in streams:
        next(stream)
    began = time.monotonic()
    # From several threads at once.
    stopping = [threading.Thread(target=rig.server.stop, args=(15.0,)) for _ in range(3)]
    for thread in stopping:
        thread.start()
    for stream in streams:
        assert list(stream)[-1].closing
        assert stream.code() is grpc.StatusCode.OK
    for thread in stopping:
        thread.join()
    assert time.monotonic() - began < 10  # not the whole grace: nobody holds it up
    rig.server.stop()
    assert rig.publisher.streams == 0
    assert rig.books._listeners == ()


def test_a_client_that_does_not_read_its_goodbye_is_cut_after_the_grace(rig: Rig) -> None:
    levels = [(round(1000.0 - n / 100, 2), 1.0) for n in range(5000)]
    stuck = rig.stream_book(levels=5000, channel=(channel := rig.connect(("grpc.http2.bdp_probe", 0))))
    next(stuck)
    [view] = rig.publisher.feeds[BTC].views.values()
    [slot] = view.streams
    reader = rig.stream_book(levels=5000)
    spared = [0]
    for n in range(200):  # fills the window of HTTP/2
        load(rig.books, "binance", [*levels, (2000.0 + n, 1.0)], [])
        until(reader, lambda book: book.bids and book.bids[0].price == round((2000 + n) * 10**book.price_decimals))  # noqa: B023
        spared.append(slot.total_conflated)
        if spared[-1] >= 10 + spared[-11:][0]:  # ten times in a row another client got the next one sooner
            break
    else:
        pytest.fail("the client never got stuck")
    reader.cancel()
    rig.server.stop(grace_s=0.2)
    with pytest.raises(grpc.RpcError):
        list(stuck)
    assert stuck.code() is grpc.StatusCode.UNAVAILABLE
    channel.close()


def test_an_error_in_a_handler_is_logged_and_ends_that_stream_alone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sound = rig.stream_book()
    next(sound)

    def fail(*arguments: object) -> None:
        raise IndexError("nothing there")

    monkeypatch.setattr(SummaryView, "join", fail)
    broken = rig.summaries()
    with pytest.raises(grpc.RpcError):
        next(broken)
    assert broken.code() is grpc.StatusCode.INTERNAL
    assert "IndexError" in caplog.text
    load(rig.books, "binance", [(100.0, 1.0)], [])
    until(sound, lambda book: len(book.bids) == 1)
    assert rig.publisher.streams == 1
    sound.cancel()


def test_a_client_that_leaves_makes_no_noise(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        stream = rig.summaries()
        next(stream)
        stream.cancel()
        load(rig.books, "binance", [(100.0, 1.0)], [])
    wait_until(lambda: rig.publisher.streams == 0, "all streams are gone")
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_death_of_the_loop_is_told_to_the_owner(caplog: pytest.LogCaptureFixture) -> None:
    deaths: list[BaseException] = []
    server = GrpcServer(GrpcOptions(port=0), on_death=deaths.append)
    server.open()

    def die() -> None:
        raise SystemExit("a bug")

    assert server._loop is not None
    server._loop.call_soon_threadsafe(die)
    wait_until(lambda: bool(deaths), "the owner hears of it")
    assert "the gRPC thread died" in caplog.text
    server.stop()


def test_health_knows_both_services_and_the_stop(rig: Rig) -> None:
    stub = health_pb2_grpc.HealthStub(rig.channel)
    for name in ("", "orderbook.OrderbookAggregator", "orderbook.MarketData"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as unknown:
        stub.Check(health_pb2.HealthCheckRequest(service="orderbook.Nothing"), timeout=5)
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="orderbook.MarketData"), timeout=10)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    stopping = threading.Thread(target=rig.server.stop)
    stopping.start()
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    stopping.join()
    with pytest.raises(grpc.RpcError):
        next(watch)


def test_reflection_tells_a_client_the_whole_schema(rig: Rig) -> None:
    database = ProtoReflectionDescriptorDatabase(rig.channel)
    assert {"orderbook.OrderbookAggregator", "orderbook.MarketData", "grpc.health.v1.Health"} <= set(
        database.get_services()
    )
    file = database.FindFileContainingSymbol("orderbook.MarketData")
    assert [service.name for service in file.service] == ["OrderbookAggregator", "MarketData", "Control"]


def test_both_services_are_served_at_once_with_different_views(rig: Rig) -> None:
    load(rig.books, "binance", [(100.0, 1.0)], [(101.0, 1.0)])
    load(rig.eth, "binance", [(0.05, 1.0)], [(0.06, 1.0)])
    streams = {
        "summary": rig.summaries(),
        "book": rig.stream_book(pair=str(BTC), levels=1),
        "eth": rig.stream_book(pair=str(ETH)),
    }
    assert next(streams["summary"]).bids[0].price == 100.0
    assert next(streams["book"]).bids[0].price == 10000
    assert next(streams["eth"]).bids[0].price == 5
    for stream in streams.values():
        stream.cancel()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and its key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -addext subjectAltName=DNS:localhost "
        f"-keyout {key} -out {cert}".split(),
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")
def test_tls_and_mutual_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    client_cert, client_key = certificate(tmp_path, "client")
    options = GrpcOptions(port=0, tls_cert=cert, tls_key=key, tls_client_ca=client_cert)
    server = GrpcServer(options)
    port = server.open()
    rig = Rig()
    server.serve(rig.market)
    known = grpc.ssl_channel_credentials(cert.read_bytes(), client_key.read_bytes(), client_cert.read_bytes())
    with grpc.secure_channel(f"localhost:{port}", known) as channel:
        stream = rig.summaries(channel)
        assert next(stream).symbol == "BTC/USDT"
        stream.cancel()
    unknown = grpc.ssl_channel_credentials(cert.read_bytes())
    with grpc.secure_channel(f"localhost:{port}", unknown) as channel:
        stream = rig.summaries(channel)
        with pytest.raises(grpc.RpcError):
            next(stream)
        assert stream.code() is grpc.StatusCode.UNAVAILABLE
    server.stop()
    rig.close()


def test_tls_files_that_cannot_be_used(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    for says in ("cannot be read", "no certificate with its key"):
        server = GrpcServer(GrpcOptions(port=0, tls_cert=rubbish, tls_key=rubbish))
        with pytest.raises(BadCredentials, match=says):
            server.open()
        server.stop()
        rubbish.write_text("rubbish")


def test_an_idle_server_does_nothing(rig: Rig) -> None:
    """No timer and no listener without streams; the process sleeps."""
    before = time.process_time()
    threading.Event().wait(0.5)
    assert time.process_time() - before < 0.05
    assert rig.books._listeners == ()


def test_the_loop_is_uvloop_where_it_is_installed(rig: Rig) -> None:
    if sys.platform != "win32":
        assert type(rig.server._loop).__module__.startswith("uvloop")


def test_status_counts_open_streams(rig: Rig) -> None:
    stream = rig.stream("MarketData/StreamStatus", pb.StatusRequest(), pb.Status)
    assert next(stream).streams == 1
    other = rig.summaries()
    next(other)
    until(stream, lambda status: status.streams == 2)
    stream.cancel()
    other.cancel()
