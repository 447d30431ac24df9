"""`make run` without a terminal: what it starts, it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import until

ROOT = Path(__file__).parent.parent


def _children(parent: int) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if int(fields[1]) == parent:
                found.add(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the processes are counted in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_all_that_was_started(number: signal.Signals, tmp_path: Path) -> None:
    """Also that of a terminal that is closed: no venue and no server stays behind."""
    said = tmp_path / "said"
    with said.open("w") as file:
        demo = subprocess.Popen(
            [sys.executable, "demo.py", "--count", "1000000"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    started: set[int] = set()
    try:
        until(lambda: "live" in said.read_text(), "a merged book", 60)
        started = _children(demo.pid)
        assert len(started) == 3
        demo.send_signal(number)
        demo.wait(60)
        assert not [pid for pid in started if _is_there(pid)]
    finally:
        demo.kill()
        demo.wait()
        for pid in filter(_is_there, started):
            os.kill(pid, signal.SIGKILL)


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
