"""What the soak takes for growth, and what it reads out of /proc and the log."""

import os
import threading
from pathlib import Path

import pytest

from tests.soak.usage import Sample, Usage, growth, thirds, unexpected, write_csv

BEFORE = Usage(rss_kib=100_000, threads=19, fds=32)


def test_it_reads_this_process(tmp_path: Path) -> None:
    """A thread and a file more show at once."""
    before = Usage.of(os.getpid())
    assert before.rss_kib > 1000
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with (tmp_path / "file").open("w"):
            after = Usage.of(os.getpid())
    finally:
        stop.set()
        thread.join()
    assert (after.threads, after.fds) == (before.threads + 1, before.fds + 1)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (BEFORE, []),
        (Usage(104_900, 19, 32), []),
        (Usage(90_000, 18, 30), []),
        (Usage(105_100, 19, 32), ["memory grew by 5.1 %"]),
        (Usage(100_000, 20, 32), ["threads: 19 before, 20 after"]),
        (Usage(100_000, 19, 40), []),
        (Usage(200_000, 20, 41), ["memory", "threads", "descriptors"]),
    ],
)
def test_growth(after: Usage, words: list[str]) -> None:
    """More memory than the share allows, any thread more, and more descriptors than the pools may keep open."""
    problems = growth(BEFORE, after, 0.05)
    assert len(problems) == len(words)
    assert all(problem.startswith(word) for problem, word in zip(problems, words, strict=True))


def test_calm() -> None:
    """One look in between does not count."""
    looks = [BEFORE, Usage(999_999, 40, 90), BEFORE]
    assert Usage.calm(looks) == BEFORE


@pytest.mark.parametrize(
    ("looks", "wanted"),
    [
        ([70, 71, 70, 90, 71, 72, 71, 71, 90], (70, 71)),  # bursts, the last at the very end
        ([70, 71, 72, 73, 74, 75, 76, 77, 78], (71, 77)),  # a leak
        ([70, 70, 70, 90, 80, 80, 80, 80, 80], (70, 80)),  # what a burst leaves behind
        ([70, 90], (80, 80)),
    ],
)
def test_thirds(looks: list[int], wanted: tuple[int, int]) -> None:
    """A burst does not count, a leak and what a burst leaves behind do."""
    assert thirds(looks) == wanted


def test_unexpected_lines() -> None:
    """Warnings are part of a bad day; errors and traces are not."""
    lines = [
        "2026-01-01 00:00:00,000 WARNING exchanges.feed: binance BTC/USDT is gap: updates 1 to 2 are missing",
        "2026-01-01 00:00:00,000 ERROR   exchanges.connection: the connection to binance failed",
        "Traceback (most recent call last):",
        "2026-01-01 00:00:00,000 CRITICAL server: thread died",
    ]
    assert unexpected(lines) == lines[1:]


def test_csv(tmp_path: Path) -> None:
    """A line of names, a line a sample."""
    path = tmp_path / "samples.csv"
    write_csv(path, [Sample(1.0, 20.0, 1000, 19, 32, 5, 2, 8, 8)])
    assert path.read_text().splitlines() == [
        "wall_s,venue_s,rss_kib,threads,fds,clients,strikes,live,books",
        "1.0,20.0,1000,19,32,5,2,8,8",
    ]
