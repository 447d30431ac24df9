"""What a process uses, from /proc, and whether it has grown."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Usage:
    """One look at a process."""

    rss_kib: int
    threads: int
    fds: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """The present figures; raises OSError when the process has gone."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        fds = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return cls(int(status["VmRSS"].split()[0]), int(status["Threads"]), fds)

    @classmethod
    def calm(cls, looks: "Sequence[Usage]") -> "Usage":
        """The middle of several looks."""
        return cls(*(int(median(getattr(look, each.name) for look in looks)) for each in fields(cls)))


@dataclass(frozen=True, slots=True)
class Sample:
    """One look of a soak, for the file."""

    wall_s: float
    venue_s: float
    rss_kib: int
    threads: int
    fds: int
    clients: int
    strikes: int
    live: int
    books: int


def write_csv(path: Path, samples: Sequence[Sample]) -> None:
    """All samples, one a row."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [each.name for each in fields(Sample)])
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in samples)


POOLED = 8  # sockets that four REST threads of each of two venues keep open, once they have been busy all at once


def growth(before: Usage, after: Usage, share: float) -> list[str]:
    """What has grown beyond bounds, in words: memory by more than `share`, threads at all, descriptors by more than
    the REST pools may keep open.
    """
    problems = []
    if after.rss_kib > before.rss_kib * (1 + share):
        percent = 100 * (after.rss_kib / before.rss_kib - 1)
        problems.append(f"memory grew by {percent:.1f} %: {before.rss_kib} to {after.rss_kib} KiB")
    if after.threads > before.threads:
        problems.append(f"threads: {before.threads} before, {after.threads} after")
    if after.fds > before.fds + POOLED:
        problems.append(f"descriptors: {before.fds} before, {after.fds} after")
    return problems


def thirds(looks: Sequence[int]) -> tuple[int, int]:
    """The middle of the first third and that of the last; of fewer than three looks all are both."""
    third = len(looks) // 3 or len(looks)
    return int(median(looks[:third])), int(median(looks[-third:]))


def unexpected(lines: Sequence[str]) -> list[str]:
    """The lines of a server's log that no fault of a venue may cause."""
    return [line for line in lines if " ERROR " in line or " CRITICAL" in line or line.startswith("Traceback")]
