"""`make run` without a terminal: what it starts, it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
def test_a_signal_ends_all_that_was_started(number: signal.Signals) -> None:
    """Also that of a terminal that is closed: no venue and no server stays behind."""
    command = [sys.executable, "demo.py", "--count", "1000000"]
    demo = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert demo.stdout is not None and demo.stderr is not None
        assert "live" in demo.stdout.readline()
        started = _children(demo.pid)
        assert len(started) == 3
        demo.send_signal(number)
        demo.communicate(timeout=60)
        left = [pid for pid in started if Path(f"/proc/{pid}").exists()]
        for pid in left:
            os.kill(pid, signal.SIGKILL)  # ours: do not let a failing test leave them
        assert not left
    finally:
        demo.kill()
        demo.wait()
