"""The load tool: what it counts and says, and short runs over all of its processes."""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench import crowd, facts, load
from bench.children import ChildFailed, Children
from bench.crowd import Part, Seen
from bench.facts import Decoder
from bench.load_figures import Cost, Outcome, load_table, outcome_of, quantiles, row_of, sentences
from proto import orderbook_pb2 as pb
from tests.processes import server, venue
from tests.waiting import until

MS = 1_000_000 // crowd.STEP_NS  # steps of a histogram


def test_quantiles_are_nearest_ranks_over_all_histograms() -> None:
    one, other = {1 * MS: 50, 2 * MS: 40}, {2 * MS: 8, 9 * MS: 1, 30 * MS: 1}
    step = crowd.STEP_NS / 1e6
    assert quantiles([one, other]) == pytest.approx([1 + step, 2 + step, 9 + step, 30 + step, 30 + step])
    assert quantiles([{7: 1}], step_ns=1_000_000) == (8.0,) * 5
    assert quantiles([{}, {}]) == ()


def part(name: str, ms: int, count: int, seconds: float = 2.0) -> Part:
    return Part(name, seconds, count + 5, 1, {ms * MS: count}, {1: count}, {}, 0.5)


def test_a_row_has_all_turns_of_all_crowds() -> None:
    """Two crowds with two turns each: rates are of both, the p99 of each turn stands alone."""
    parts = [part("all", 10, 90), part("all", 20, 90), part("all", 12, 90), part("all", 50, 90)]
    row = row_of(parts, 10, [Cost(30.0, 1000), Cost(50.0, 1200)])
    assert (row.seconds, row.messages, row.updates) == (4.0, 95.0, 9.0)
    assert (row.server_cpu, row.rss_first_kib, row.rss_last_kib, row.crowd_cpu) == (40.0, 1000, 1200, 50.0)
    assert [round(ms) for ms in row.way_p99] == [12, 50]
    assert (row.conflated, row.joined) == (4, 0)


def seen(**changes: Any) -> Seen:
    told: dict[str, Any] = {
        "parts": [], "clients": 10, "newest": 10, "newest_s": 0.5, "stuck": 2, "stuck_conflated": 7,
        "stuck_newest": 2, "failures": {"OK: gone": 1},
    }  # fmt: skip
    return Seen(**{**told, **changes})


def test_what_is_said_of_a_run() -> None:
    rows = [
        row_of([part("all read", 100, 9)], 8, [Cost(None, 2048)]),
        row_of([part("2 stuck", 200, 9)], 8, [Cost(None, 3072)]),
    ]
    outcome = outcome_of([seen(), seen(newest=9, newest_s=2.0)], 1024, 1500)
    lines = sentences(rows, outcome)
    assert lines[0].startswith("newest state at the end: 19 of 20 clients have it, the last of them after 2.00 s")
    assert "4 of 4 have it once they read on; they were spared 14 states" in lines[1]
    assert "median of turns: 2.00 (2.00) (target: at most 1.2, MISSED)" in lines[2]
    assert "p99 with all reading: 100.0 ms (target: at most 150)" in lines[3]
    assert "1.0 MiB before, 2.0 with 20 streams (51.2 KiB a stream), +1.0 with 4 stuck (256.0 KiB each)" in lines[4]
    assert lines[5] == "ended streams: 2 x OK: gone"
    unseen = sentences(rows[:1], Outcome(1, 1, 0.0, 0, 0, 0, {}, None, None))
    assert "--server-pid" in unseen[-1]
    assert "all read" in load_table(rows)


def book(price: int, **fields: Any) -> bytes:
    clocks = pb.Clocks(venue_ns=fields.pop("venue_ns", 5), sent_ns=6)
    return pb.Book(bids=[pb.MergedLevel(price=price)], clocks=clocks, **fields).SerializeToString()


def test_the_same_bytes_are_decoded_once() -> None:
    decoder = Decoder("book")
    one, other = book(1, sequence=3), book(2, sequence=4, conflated=9, heartbeat=True)
    for _ in range(10):
        assert decoder.facts(bytes(bytearray(one))) == (5, 6, 3, 0, False)
        assert decoder.facts(bytes(bytearray(other))) == (5, 6, 4, 9, True)
    assert decoder.decoded == 2
    for n in range(2 * facts.KNOWN):  # what was long ago is forgotten
        decoder.facts(book(n))
    assert len(decoder._known) <= facts.KNOWN
    assert decoder.levels(one) == decoder.levels(book(1, sequence=8, conflated=1))
    assert decoder.levels(one) != decoder.levels(book(2, sequence=3))


def test_summaries_tell_the_newest_of_their_venues() -> None:
    summary = pb.Summary(venues=[pb.VenueState(venue_time_ns=7), pb.VenueState(venue_time_ns=9)], sent_time=11)
    assert Decoder("summary").facts(summary.SerializeToString())[:2] == (9, 11)


def told(**options: Any) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(crowd.parser().parse_args(["127.0.0.1:9"])), **options})


async def test_only_new_states_within_a_part_are_counted() -> None:
    """No first message of a stream, no heartbeat, nothing before or after the part, nothing of a stuck client."""
    made = crowd.Crowd(told(clients=2, stuck=1))
    reader, stuck = made.clients
    now = time.time_ns()

    def take(client: crowd.Client, ago_ms: int, joined: bool = False, **fields: Any) -> None:
        made._take(client, book(1, venue_ns=now - ago_ms * 1_000_000, **fields), now if joined else 0)

    take(reader, 900)
    made.measure("x")
    take(reader, 800, joined=True, conflated=1)
    take(reader, 700)
    take(reader, 700, conflated=2)
    take(reader, 600, heartbeat=True)
    take(stuck, 500)
    made.rest()
    take(reader, 400)
    (measured,) = [each for each in made.parts if each.name]
    assert (measured.messages, measured.conflated) == (4, 3)
    assert sum(measured.latencies.values()) == sum(measured.joins.values()) == 1
    assert 700 * MS <= next(iter(measured.latencies)) < 60_000 * MS
    assert measured.seconds > 0


async def test_a_client_that_lacks_the_newest_state_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later states and equal levels count as newest, older ones and none do not."""
    made = crowd.Crowd(told(clients=4))
    states = [book(7, sequence=9), book(1, sequence=8), book(2, sequence=8), b""]
    for client, state in zip(made.clients, states, strict=True):
        client.state, client.task = state, asyncio.create_task(asyncio.Event().wait())  # type: ignore[arg-type]

    async def ask() -> bytes:
        return book(1, sequence=9)

    monkeypatch.setattr(made, "_ask", ask)
    monkeypatch.setattr(crowd, "_NEWEST_S", 0.05)
    found = await made.finish()
    assert (found.clients, found.newest) == (4, 2)
    for client in made.clients:
        assert client.task is not None
        client.task.cancel()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--clients", "0"], "must be above 0"),
        (["--clients", "5", "--stuck", "5"], "at least one client must go on reading"),
        (["--seconds", "0"], "must be above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        load.main(arguments)
    assert says in capsys.readouterr().err


def test_the_clients_are_shared_out_among_the_processes() -> None:
    namespace = load.parser().parse_args(["--clients", "10", "--stuck", "4", "--processes", "3"])
    shares = [crowd.parser().parse_args(["x", *arguments]) for arguments in load._crowd_arguments(namespace)]
    assert [share.clients for share in shares] == [3, 3, 4]
    assert sum(share.stuck for share in shares) == 4


def test_a_short_run_with_stuck_clients_and_others_that_come_and_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Venue, server and two crowds: every stuck client held the server up, and at the end all have the newest."""
    monkeypatch.setattr(load, "end_on_sigterm", lambda: None)
    monkeypatch.setattr(load, "_SETTLE_S", 0.3)
    figures = tmp_path / "figures.json"
    arguments = ["--clients=24", "--stuck=4", "--turns=2", "--seconds=2", "--fill=0.5", "--rate=100", "--churn=10"]
    assert load.main([*arguments, "--processes=2", f"--json={figures}"]) == 0
    *rows, outcome = msgspec.json.decode(figures.read_bytes())["rows"]
    assert [row["part"] for row in rows] == ["all read", "4 stuck"]
    assert (outcome["clients"], outcome["newest"], outcome["stuck_newest"]) == (24, 24, 4)
    assert outcome["stuck_conflated"] > 0
    assert outcome["failures"] == {}
    assert all(row["updates"] > 1 and row["joined"] > 0 and row["way"][0] > 0 for row in rows)
    assert outcome["rss_before_kib"] > 10_000
    assert rows[0]["rss_first_kib"] > 10_000
    assert "24 of 24 clients have it" in capsys.readouterr().out


def test_a_server_that_runs_already_and_lets_in_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    """Plain summaries on shared connections; those that are refused are told with the reason."""
    with venue("--seed", "load") as endpoints, server(*endpoints, "--max-streams", "6") as (process, port):
        options = load.parser().parse_args(
            [f"--port={port}", f"--server-pid={process.popen.pid}", "--clients=8", "--track=summary", "--share=4"]
        )
        options.seconds = 1.0
        rows, outcome = load.run(options)
        assert outcome.newest == outcome.clients == 6
        (reason,) = outcome.failures
        assert reason.startswith("RESOURCE_EXHAUSTED: all 6 streams of this server are taken")
        assert rows[0].server_cpu is not None
        assert process.end() == 0
    assert "of 8 clients were let in" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the state of a process from /proc")
def test_our_venue_stands_still_while_clients_are_asked_for_the_newest() -> None:
    """Otherwise the next update would hide that a client lost the last one."""
    with Children() as children:
        child = children.start("venue", "-c", "import threading; print('up', flush=True); threading.Event().wait()")
        child.wait_line("up")

        def stopped() -> bool:
            return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

        with load.Target("nowhere", None, child).standing_still():
            until(stopped, "the venue stands still")
        until(lambda: not stopped(), "the venue goes on")


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(ChildFailed, match=r"127\.0\.0\.1:9 does not serve a live book: UNAVAILABLE"):
        load.run(load.parser().parse_args(["--port", "9"]))


@pytest.mark.slow
def test_a_thousand_clients_and_a_hundred_of_them_stuck() -> None:
    """All get the newest, those that read lose nothing to the others, and the server grows by a few MiB at most."""
    options = load.parser().parse_args(["--clients=1000", "--stuck=100", "--seconds=9"])
    (alone, beside), outcome = load.run(options)
    assert (outcome.clients, outcome.newest, outcome.stuck_newest) == (1000, 1000, 100)
    assert outcome.failures == {}
    assert outcome.stuck_conflated > 100 * 9
    assert min(alone.updates, beside.updates) > 5  # of the ten a second, however busy the machine is
    assert outcome.rss_before_kib is not None
    assert alone.rss_first_kib is not None
    assert beside.rss_last_kib is not None
    assert (alone.rss_first_kib - outcome.rss_before_kib) / 1000 < 100  # KiB a stream
    assert (beside.rss_last_kib - alone.rss_first_kib) / 100 < 100  # KiB a stuck one
