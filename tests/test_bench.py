"""The benchmarks' own logic, at tiny sizes and without any limit on time: what they compare, count and gate."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from bench import __main__ as command
from bench import books, cpu, exactness, latency, market, measure, pipeline, reading
from bench.children import ChildFailed, Children
from bench.client import Facts, Samples, frame_facts
from bench.client import measure as measure_stream
from bench.measure import Bar, Contender, Contest, Plan, Rival, Row
from bench.rivals import ExtensionBook, SortedBook

TINY = Plan(rounds=2, chunk=5, levels=150, seconds=0.5)


@pytest.fixture(scope="module")
def stream() -> market.Stream:
    """The seeded stream, whatever recordings the machine has."""
    return market.load_stream(7, Path("/nonexistent"), frames=40)


def test_the_seeded_stream_is_the_same_for_the_same_seed(stream: market.Stream) -> None:
    assert stream == market.load_stream(7, Path("/nonexistent"), frames=40)
    assert stream.frames != market.load_stream(8, Path("/nonexistent"), frames=40).frames


def test_the_recording_is_taken_where_it_is(tmp_path: Path) -> None:
    """Its lines carry a time of receipt; frames that the snapshot holds already are left out."""
    import gzip

    seeded = market.load_stream(7, tmp_path, frames=6)
    lines = [*seeded.frames[:2], seeded.snapshot.replace(b"1000", b"1020"), *seeded.frames[2:]]
    recording = tmp_path / market.RECORDING
    recording.parent.mkdir()
    recording.write_bytes(gzip.compress(b"\n".join(b"%d %b" % (10**18 + n, line) for n, line in enumerate(lines))))
    found = market.load_stream(7, tmp_path)
    assert found.frames == seeded.frames[1:]
    assert "recorded" in found.source


def test_our_connector_follows_the_stream(stream: market.Stream) -> None:
    _, feed, pair_books, book = pipeline.live(stream)
    for frame in stream.frames[1:]:
        feed.frame(frame, 1)
    assert book.counters.gaps == book.counters.garbage == 0
    assert book.counters.updates == len(stream.frames) + 1
    assert all(len(side) == 10 for side in (pair_books.view(10).venues[0].bids, pair_books.view(10).venues[0].asks))
    pair_books.check()


def test_the_seeded_market_keeps_its_size_and_never_crosses() -> None:
    seeded = market.SeededMarket(3, 300)
    book = SortedBook()
    book.load(*seeded.book())
    removals = 0
    for bids, asks in seeded.messages(500):
        assert len({price for price, _ in bids}) == len(bids) == 10
        removals += sum(not amount for _, amount in bids + asks)
        book.apply(bids, asks)
        assert book.bids.peekitem(0)[0] < book.asks.peekitem(0)[0]
    assert 240 < len(book.bids) < 360
    assert 0.2 < removals / 10_000 < 0.3


@pytest.mark.parametrize("rival", [SortedBook, ExtensionBook])
def test_rivals_keep_the_same_book(rival: type[SortedBook | ExtensionBook]) -> None:
    books.must_agree(books.SidesBook(), rival(), market.SeededMarket(5, 200), 200)


def test_a_wrong_book_is_noticed() -> None:
    class Forgetful(SortedBook):
        def apply(self, bids: object, asks: object) -> None:
            pass

    with pytest.raises(AssertionError, match="disagree"):
        books.must_agree(books.SidesBook(), Forgetful(), market.SeededMarket(5, 200), 3)


def test_what_must_be_exact_is(stream: market.Stream) -> None:
    rows = exactness.checks("exact", TINY, stream)
    assert [row.note for row in rows if not row.ok] == []
    assert len(rows) == 4


def test_a_number_that_changed_is_noticed(stream: market.Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lossy way to a number would be found by its first victim."""
    monkeypatch.setattr(exactness, "float", lambda text: float(text) * (1 + 1e-15), raising=False)
    row = exactness.numbers("exact", stream)
    assert row.ok is False
    assert "was decoded as" in row.note


@pytest.mark.parametrize("name", [name for name in command.ENTRIES if name not in ("exact", "relay")])
def test_every_contest_runs(name: str, stream: market.Stream) -> None:
    """With the asserts on equal results inside; the figures of so few rounds mean nothing."""
    rows = command.ENTRIES[name].run(name, TINY, stream)
    assert rows
    assert all(row.name == name and row.ratio is not None and row.ratio >= 0 for row in rows)


def test_frames_are_read_by_hand_across_reads() -> None:
    from bench.burst import text_frame

    class Pieces:
        def __init__(self, data: bytes) -> None:
            self.pieces = [data[start : start + 7] for start in range(0, len(data), 7)]

        def recv(self, _: int) -> bytes:
            return self.pieces.pop(0)

    frames = reading.read_frames(Pieces(text_frame(300) * 3 + b"\x81\x02hi"), 4)  # type: ignore[arg-type]
    assert [len(frame) for frame in frames] == [300, 300, 300, 2]
    assert frames[0].startswith(b'["61837')


class Clock:
    """CPU time that only moves when a contender says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def work(self, seconds: list[float]) -> Contender:
        def run() -> None:
            self.now += seconds.pop(0) if len(seconds) > 1 else seconds[0]

        return Contender("x", run, 1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(time, "process_time", lambda: fake.now)
    return fake


def test_the_median_of_the_rounds_counts(clock: Clock) -> None:
    """The first time of each contender is a warm-up; a round with a hiccup changes nothing."""
    contest = Contest("w", clock.work([9, 1, 1, 1]), [Rival(clock.work([1, 3, 500, 3]), Bar(2.5))])
    (row,) = measure.rows_of("n", contest, Plan(rounds=3))
    assert (row.ratio, row.ok) == (3.0, True)


def test_a_bar_is_missed_only_after_three_tries(clock: Clock) -> None:
    lucky = Contest("w", clock.work([1.0]), [Rival(clock.work([*[1.0] * 8, 5.0]), Bar(4))])
    assert measure.rows_of("n", lucky, Plan(rounds=3))[0].ok is True
    slow = Contest("w", clock.work([1.0]), [Rival(clock.work([2.0]), Bar(4))])
    (row,) = measure.rows_of("n", slow, Plan(rounds=3))
    assert (row.ratio, row.ok) == (2.0, False)


@pytest.mark.parametrize(
    ("bar", "ours", "rival", "ratio", "holds"),
    [
        (Bar(2), 1.0, 2.0, 2.0, True),
        (Bar(2), 1.0, 1.9, 1.9, False),
        (Bar(2, at_least=False), 2.0, 1.0, 2.0, True),
        (Bar(2, at_least=False), 3.0, 1.0, 3.0, False),
        (Bar(2), 0.0, 1.0, float("inf"), True),
    ],
)
def test_bars(bar: Bar, ours: float, rival: float, ratio: float, holds: bool) -> None:
    assert bar.ratio(ours, rival) == ratio
    assert bar.holds(ratio) is holds


@pytest.mark.parametrize(("found", "gated"), [("0.6.1", False), ("1.0.2", True), ("1.1.0", True)])
def test_the_extension_is_gated_from_1_on(found: str, gated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "version", lambda _: found)
    bar = books.extension_bar(1.1)
    assert bar.gated is gated
    assert found in bar.note


def _row(ok: bool | None) -> Row:
    return Row("decode", "what", "ours 1 us", "rival 2 us", 2.0, ">= 3", ok, "")


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (None, 0), (False, 1)])
def test_only_a_missed_gate_fails_the_run(
    ok: bool | None, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "load_stream", lambda seed: market.Stream(f"seed {seed}", b"", []))
    monkeypatch.setitem(command.ENTRIES, "decode", command.Entry("", lambda *_: [_row(ok)]))
    monkeypatch.setattr(command, "end_on_sigterm", lambda: None)
    figures = tmp_path / "figures.json"
    assert command.main(["--only", "decode", "--seed", "5", "--json", str(figures)]) == code
    out = capsys.readouterr().out
    assert "2.00" in out
    told = msgspec.json.decode(figures.read_bytes())
    assert told["seed"] == "5"
    assert [row["ok"] for row in told["rows"]] == [ok]


def test_list_and_help_name_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in command.ENTRIES)
    for main in (command.main, latency.main, cpu.main):
        with pytest.raises(SystemExit) as end:
            main(["--help"])
        assert end.value.code == 0
        assert "examples:" in capsys.readouterr().out


def test_percentiles_and_halves() -> None:
    """Nearest rank over both parts; the halves are in the order of time."""
    parts = [
        Samples([ns * 1000 for ns in range(1, 51)], 5.0, 50, 1),
        Samples([ns * 1000 for ns in range(51, 101)], 5.0, 50, 2),
    ]
    row = latency.figures("book", 10.0, parts)
    assert (row.p50, row.p90, row.p99, row.p999, row.max) == (50, 90, 99, 100, 100)
    assert (row.first_half_p50, row.second_half_p50) == (25, 75)
    assert (row.received, row.count, row.conflated) == (10.0, 100, 3)
    half = latency.figures("relay", 10.0, [Samples([25_000], 1.0, 1, 0)])
    assert latency.figures("book", 10.0, parts, half).to_relay == 2.0
    with pytest.raises(ChildFailed):
        latency.figures("book", 10.0, [Samples([], 1.0, 0, 0)])


class Told(NamedTuple):
    """A message of a stream that exists only here."""

    venue_ns: int


def test_a_client_counts_each_update_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages before the market is live and heartbeats are no updates; what came while it settled does not count."""
    monkeypatch.setitem(measure_stream.__globals__["FACTS"], "fake", lambda message: Facts(message.venue_ns, 0))

    def messages() -> Iterator[Told]:
        yield Told(0)
        for ago in (9, 8, 7, 7, 6, 6, 5):
            yield Told(time.time_ns() // 10**9 * 10**9 - ago * 10**9)
        while True:
            yield Told(1)

    samples = measure_stream(messages(), "fake", 0.01, 0.0)
    assert len(samples.latencies_ns) == 3
    assert samples.messages > 5
    assert samples.elapsed_s >= 0.01
    with pytest.raises(EOFError):
        measure_stream(iter([Told(1)]), "fake", 1.0, 0.0)


def test_the_relay_s_client_reads_the_stamp_of_the_frame(stream: market.Stream) -> None:
    event = msgspec.json.decode(stream.frames[3])["data"]
    assert frame_facts(stream.frames[3]).venue_ns == event["E"] * 1000


def test_cpu_time_and_status_of_a_process() -> None:
    import os

    before = cpu.cpu_seconds(os.getpid())
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    assert cpu.cpu_seconds(os.getpid()) > before
    assert cpu.status_number(os.getpid(), "Threads") >= 1
    assert cpu.status_number(os.getpid(), "VmRSS") > 1000


def test_children_are_waited_for_and_ended() -> None:
    """Whatever happens in the block, nothing is left running."""
    program = "import sys, threading; print('ready 7', flush=True); threading.Event().wait()"
    with pytest.raises(KeyError), Children() as children:
        child = children.start("sleeper", "-c", program)
        assert child.wait_line(r"ready (\d)")[1] == "7"
        raise KeyError
    assert child.popen.returncode is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_children_end_with_a_parent_that_is_killed() -> None:
    """A killed parent ends nothing itself; its children are gone all the same."""
    child = "import threading; print('up', flush=True); threading.Event().wait()"
    parent = (
        "import threading; from bench.children import Children\n"
        f"with Children() as children:\n    child = children.start('c', '-c', {child!r}); child.wait_line('up')\n"
        "    print('child', child.pid, flush=True); threading.Event().wait()"
    )
    with Children() as children:
        outer = children.start("parent", "-c", parent)
        pid = int(outer.wait_line(r"child (\d+)")[1])
        outer.popen.kill()
        outer.popen.wait()
        deadline = time.monotonic() + 20
        while _runs(pid):
            assert time.monotonic() < deadline, "the child outlived its parent"
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    """Whether the process is there and no zombie that waits for somebody to ask for its code."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return False


def test_a_child_that_ends_is_reported_with_its_last_words() -> None:
    with Children() as children:
        child = children.start("dying", "-c", "import sys; sys.exit('no such market')")
        with pytest.raises(ChildFailed, match="no such market"):
            child.wait_line("ready")
        with pytest.raises(ChildFailed, match="dying ended"):
            children.watch(60)


def test_a_short_run_over_all_processes() -> None:
    """Venue, server, relay, client: updates come through both ways, and the ratio is theirs."""
    row = next(iter(latency.against_relay("relay", TINY)))
    assert row.ok is None
    assert row.ratio is not None
    assert row.ratio > 0
    assert sys.executable
