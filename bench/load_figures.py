"""What a run of bench.load has found: its rows, its sentences."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from bench.crowd import STEP_NS, Part, Seen
from bench.report import table

_SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)
_P99 = _SHARES.index(0.99)
_TARGET_MS, _TARGET_RATIO = 150.0, 1.2


@dataclass(frozen=True, slots=True)
class Row:
    """One part of the measurement, all crowds together. Times in ms."""

    part: str
    clients: int  # that read
    seconds: float
    messages: float  # received a second
    updates: float  # received a second by each client
    conflated: int
    way: tuple[float, ...]  # of _SHARES, all turns together
    way_p99: tuple[float, ...]  # of each turn
    made: tuple[float, ...]
    joins: tuple[float, ...]  # empty where none came
    joined: int
    server_cpu: float | None  # percent of one core; None where it cannot be seen
    rss_first_kib: int | None  # the server's at the end of the first turn, and of the last
    rss_last_kib: int | None
    crowd_cpu: float  # percent of one core, of all crowds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is said of the whole run."""

    clients: int
    newest: int
    newest_s: float
    stuck: int
    stuck_conflated: int
    stuck_newest: int
    failures: dict[str, int]
    rss_before_kib: int | None
    rss_after_kib: int | None


def quantiles(histograms: Iterable[Mapping[int, int]], step_ns: int = STEP_NS) -> tuple[float, ...]:
    """The _SHARES of all together in ms; a value counts as the end of its step. Empty without any."""
    merged: Counter[int] = Counter()
    for histogram in histograms:
        merged.update(histogram)
    total, found, seen = sum(merged.values()), [], 0
    ranks = iter([max(1, -int(-share * total // 1)) for share in _SHARES] if total else [])
    rank = next(ranks, None)
    for value in sorted(merged):
        seen += merged[value]
        while rank is not None and seen >= rank:
            found.append((value + 1) * step_ns / 1e6)
            rank = next(ranks, None)
    return tuple(found)


class Cost(NamedTuple):
    """What the server took in one part; None where it cannot be seen."""

    cpu_percent: float | None
    rss_kib: int | None


def row_of(parts: Sequence[Part], readers: int, costs: Sequence[Cost]) -> Row:
    """All turns of one part, of all crowds: turn after turn of one, then of the next.

    `readers`: the clients that were counted.
    """
    turns = len(costs)
    by_turn = [quantiles(part.latencies for part in parts[turn::turns]) for turn in range(turns)]
    seconds = sum(part.seconds for part in parts) * turns / len(parts)
    cpu = [cost.cpu_percent for cost in costs if cost.cpu_percent is not None]
    return Row(
        parts[0].name,
        readers,
        seconds,
        sum(part.messages for part in parts) / seconds,
        sum(sum(part.latencies.values()) for part in parts) / seconds / readers,
        sum(part.conflated for part in parts),
        quantiles(part.latencies for part in parts),
        tuple(shares[_P99] for shares in by_turn if shares),
        quantiles(part.made for part in parts),
        quantiles(part.joins for part in parts),
        sum(sum(part.joins.values()) for part in parts),
        sum(cpu) / turns if cpu else None,
        costs[0].rss_kib,
        costs[-1].rss_kib,
        100 * sum(part.cpu_s for part in parts) / seconds,
    )


def outcome_of(seen: Sequence[Seen], before: int | None, after: int | None) -> Outcome:
    """All crowds together."""
    failures: Counter[str] = Counter()
    for each in seen:
        failures.update(each.failures)
    return Outcome(
        sum(each.clients for each in seen),
        sum(each.newest for each in seen),
        max(each.newest_s for each in seen),
        sum(each.stuck for each in seen),
        sum(each.stuck_conflated for each in seen),
        sum(each.stuck_newest for each in seen),
        dict(failures),
        before,
        after,
    )


def load_table(rows: Sequence[Row]) -> str:
    """One line a part and kind of time."""
    heading = (
        "part", "clients", "messages/s", "updates/s each", "conflated", "ms", "p50", "p90", "p99", "p99.9", "max",
        "server CPU %", "crowd CPU %",
    )  # fmt: skip
    cells: list[Sequence[str]] = [heading]
    for row in rows:
        cpu = "" if row.server_cpu is None else f"{row.server_cpu:.0f}"
        counts = (row.part, str(row.clients), f"{row.messages:.0f}", f"{row.updates:.2f}", str(row.conflated))
        cells.append((*counts, "way", *_ms(row.way), cpu, f"{row.crowd_cpu:.0f}"))
        cells.append(("", "", "", "", "", "made", *_ms(row.made), "", ""))
        if row.joined:
            cells.append(("", str(row.joined), "", "", "", "join", *_ms(row.joins), "", ""))
    return table(cells)


def _ms(figures: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(f"{figure:.1f}" for figure in figures) or ("-",) * len(_SHARES)


def sentences(rows: Sequence[Row], outcome: Outcome) -> list[str]:
    """What the figures say in words."""
    lines = [
        f"newest state at the end: {outcome.newest} of {outcome.clients} clients have it, "
        f"the last of them after {outcome.newest_s:.2f} s"
    ]
    first, last = rows[0], rows[-1]
    if outcome.stuck:
        lines.append(
            f"stuck: {outcome.stuck_newest} of {outcome.stuck} have it once they read on; "
            f"they were spared {outcome.stuck_conflated} states"
        )
    if len(rows) > 1:
        ratios = [stuck / alone for stuck, alone in zip(last.way_p99, first.way_p99, strict=False)]
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        if ratios:
            middle = median(ratios)
            lines.append(f"p99 beside stuck clients over p99 without, median of turns: {middle:.2f} ({each})")
            lines[-1] += _met(middle, _TARGET_RATIO)
    if first.way:
        lines.append(f"p99 with all reading: {first.way[_P99]:.1f} ms{_met(first.way[_P99], _TARGET_MS)}")
    lines += _memory(rows, outcome)
    lines += [f"ended streams: {count} x {reason}" for reason, count in outcome.failures.items()]
    return lines


def _met(figure: float, limit: float) -> str:
    return f" (target: at most {limit:g}{'' if figure <= limit else ', MISSED'})"


def _memory(rows: Sequence[Row], outcome: Outcome) -> list[str]:
    before, after, first, last = (
        outcome.rss_before_kib, outcome.rss_after_kib, rows[0].rss_first_kib, rows[-1].rss_last_kib,
    )  # fmt: skip
    if before is None or after is None or first is None or last is None:
        return ["server memory and CPU: not on this machine, or --server-pid is missing"]
    clients = max(1, outcome.clients)
    text = (
        f"server RSS: {before / 1024:.1f} MiB before, {first / 1024:.1f} with {outcome.clients} streams "
        f"({(first - before) / clients:.1f} KiB a stream)"
    )
    if outcome.stuck:
        grown = last - first
        text += f", {grown / 1024:+.1f} with {outcome.stuck} stuck ({grown / outcome.stuck:.1f} KiB each)"
    return [f"{text}, {after / 1024:.1f} after all left"]
