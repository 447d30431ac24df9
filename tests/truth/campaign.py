"""Hundreds of faults of all kinds on all faces of the venue, and a judge of all that the server says meanwhile.

    python -m tests.truth.campaign --faults 500 --updates 100000 --pairs 3 --seed 1
    python -m tests.truth.campaign --venues binance,bitstamp --pairs 4

Ends with a table and with status 1 when a level was wrong, a book was stale, a fault touched a book that it had
nothing to do with, or a book did not heal. Ctrl-C ends it early, with the table so far.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import grpc
from rich.console import Console
from rich.table import Table

from tests.truth.court import Court, NotHealed, court
from tests.truth.faces import FACES, PAIRS, pairs_of
from tests.truth.ordeal import AUDIT_S, Ordeal, Outcome, make
from tests.truth.record import LEVEL_KINDS, Finding
from tests.truth.strikes import KINDS

PROGRESS_S = 10.0
INTERRUPTED = "interrupted"
_SHOWN = 40  # lines about what is wrong


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    faults: int = 500
    updates: int = 100_000
    pairs: int = 3
    venues: tuple[str, ...] = tuple(FACES)
    seed: int = 1
    audit_s: float = AUDIT_S
    kinds: tuple[str, ...] = ()
    deep_levels: int = 200
    activity: float = 0.5
    pace: bool = True


@dataclass(slots=True)
class Verdict:
    """What came of a campaign."""

    outcomes: list[Outcome]
    loose: list[Finding]  # of no strike
    seen: dict[str, int]
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether it came to its end and nothing is wrong."""
        return not (self.problem or self.bad)

    @property
    def bad(self) -> bool:
        """Whether something is wrong, as far as it came."""
        return bool(self.loose) or self.problem not in ("", INTERRUPTED) or any(each.bad for each in self.outcomes)

    def findings(self) -> list[Finding]:
        """All that are faults."""
        return [finding for outcome in self.outcomes for finding in outcome.faults] + self.loose


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


async def run(options: Options, console: Console) -> Verdict:
    """The campaign; ends early, with what there is so far, when it is cancelled."""
    pairs = pairs_of(options.venues, options.pairs)
    venue = ("--deep-levels", str(options.deep_levels), "--activity", str(options.activity))
    ordeals: list[Ordeal] = []
    problem = ""
    async with court(*venue, pairs=pairs, seed=f"campaign-{options.seed}", faces=options.venues) as made:
        ordeals = make(made, options.seed, options.audit_s, options.kinds, pace=options.pace)
        telling = asyncio.create_task(_tell(made, ordeals, console))
        try:
            counts = _shares(options.faults, len(ordeals))
            await asyncio.gather(*(ordeal.run(count) for ordeal, count in zip(ordeals, counts, strict=True)))
            while made.record.seen["updates"] < options.updates:
                made.check()
                await asyncio.sleep(0.2)
        except NotHealed as error:
            problem = str(error)
        except asyncio.CancelledError:
            problem = INTERRUPTED
        except (
            RuntimeError,
            OSError,
            aiohttp.ClientError,
            grpc.aio.AioRpcError,
        ) as error:  # what it has shown so far is wanted all the same
            problem = f"{type(error).__name__}: {error}"
        telling.cancel()
        return verdict(made, ordeals, problem)


def verdict(made: Court, ordeals: Sequence[Ordeal], problem: str = "") -> Verdict:
    """What came of it so far. Findings under a strike that was broken off cannot be judged."""
    loose: list[Finding] = []
    for ordeal in ordeals:
        faults, _ = made.record.settle(ordeal.face, ())
        loose += [] if ordeal.current and ordeal.current.blind else faults
    outcomes = [outcome for ordeal in ordeals for outcome in ordeal.outcomes]
    return Verdict(outcomes, loose, dict(made.record.seen), problem)


_COLUMNS = (
    "strikes", "struck", "heal p50 s", "p99", "max", "wrong", "blind", "found s", "mended", "stale", "other",
    "resyncs", "others'", "breaches", "unhealed",
)  # fmt: skip


def table(outcomes: Sequence[Outcome]) -> Table:
    """One line a kind, then one a venue."""
    made = Table(title="strikes, and what clients saw of them")
    made.add_column("kind", no_wrap=True)
    for name in _COLUMNS:
        made.add_column(name, justify="right")
    for label in KINDS:
        _line(made, label, [outcome for outcome in outcomes if outcome.strike.label == label])
    made.add_section()
    for face in FACES:
        _line(made, face, [outcome for outcome in outcomes if outcome.strike.face == face])
    return made


def _line(made: Table, name: str, rows: Sequence[Outcome]) -> None:
    if not rows:
        return
    heals = [outcome.heal_s for outcome in rows]
    found = [finding.kind for outcome in rows for finding in outcome.faults]
    wrong, stale = sum(kind in LEVEL_KINDS for kind in found), found.count("stale")
    cells = (
        len(rows), sum(outcome.struck > 0 for outcome in rows),
        *(f"{quantile(heals, share):.2f}" for share in (0.5, 0.99, 1.0)), wrong,
        sum(outcome.explained for outcome in rows), f"{max(outcome.detect_s for outcome in rows):.1f}",
        sum(outcome.mended_ns > 0 for outcome in rows), stale, len(found) - wrong - stale,
        sum(outcome.resyncs for outcome in rows), sum(outcome.others for outcome in rows),
        sum(len(outcome.breaches) for outcome in rows), sum(bool(outcome.problem) for outcome in rows),
    )  # fmt: skip
    made.add_row(name, *map(str, cells))


def totals(told: Verdict) -> str:
    """The last line."""
    found = [finding.kind for finding in told.findings()]
    wrong = sum(kind in LEVEL_KINDS for kind in found)
    heals = [outcome.heal_s for outcome in told.outcomes]
    words = {
        "updates": told.seen.get("updates", 0),
        "messages": told.seen.get("messages", 0),
        "levels": told.seen.get("levels", 0),
        "faults": len(told.outcomes),
        "struck": sum(outcome.struck > 0 for outcome in told.outcomes),
        "wrong": wrong,
        "blind": sum(outcome.explained for outcome in told.outcomes),
        "mended": sum(outcome.mended_ns > 0 for outcome in told.outcomes),
        "stale": found.count("stale"),
        "foreign": found.count("foreign"),
        "other": len(found) - wrong - found.count("stale") - found.count("foreign"),
        "resyncs": sum(outcome.resyncs for outcome in told.outcomes),
        "others' resyncs": sum(outcome.others for outcome in told.outcomes),
        "isolation": sum(len(outcome.breaches) for outcome in told.outcomes),
        "unhealed": sum(bool(outcome.problem) for outcome in told.outcomes),
    }
    judged = ", ".join(f"{name} {number:,}" for name, number in words.items())
    end = "GOOD" if told.good else "BAD" if told.bad else "GOOD so far"
    healed = ", ".join(
        f"{name} {quantile(heals, share):.1f}" for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    )
    return f"{judged}; heal s {healed}, max {max(heals, default=0.0):.1f}: {end}"


def wrongs(outcome: Outcome) -> list[str]:
    """What is wrong with it, a line for each book and sort."""
    lines = [f"{outcome.strike}: {down.book} left live: {down.reason}" for down in outcome.breaches]
    if outcome.others > len(outcome.breaches):
        lines.append(f"{outcome.strike}: {outcome.others} resyncs of books that it may not touch")
    if outcome.problem:
        lines.append(f"{outcome.strike}: {outcome.problem}")
    seen: set[tuple[str, str]] = set()
    for finding in outcome.faults:
        if (finding.kind, str(finding.book)) not in seen:
            seen.add((finding.kind, str(finding.book)))
            lines.append(f"{outcome.strike}: {finding.book}: {finding.kind}: {finding.text}")
    return lines


def report(told: Verdict, console: Console) -> None:
    """Table, what is wrong, totals."""
    console.print(table(told.outcomes))
    lines = [line for outcome in told.outcomes for line in wrongs(outcome)]
    lines += [f"under no strike: {finding.book}: {finding.kind}: {finding.text}" for finding in told.loose[:5]]
    for line in lines[:_SHOWN]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(lines) > _SHOWN:
        console.print(f"... and {len(lines) - _SHOWN} more")
    if told.problem:
        console.print(f"ended early: {told.problem}", markup=False, soft_wrap=True)
    console.print(totals(told), markup=False, highlight=False, soft_wrap=True)


async def _tell(made: Court, ordeals: Sequence[Ordeal], console: Console) -> None:
    began = time.monotonic()
    known: set[int] = set()
    while True:
        await asyncio.sleep(PROGRESS_S)
        outcomes = [outcome for ordeal in ordeals for outcome in ordeal.outcomes]
        for outcome in outcomes:
            if outcome.bad and id(outcome) not in known:
                known.add(id(outcome))
                for line in wrongs(outcome):
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
        seen, bad = made.record.seen, sum(outcome.bad for outcome in outcomes)
        now = "; ".join(str(ordeal.current) for ordeal in ordeals if ordeal.current)
        line = f"{time.monotonic() - began:5.0f} s: {len(outcomes)} faults, {bad} bad, {seen['updates']:,} updates"
        console.print(f"{line}, {seen['levels']:,} levels | {now}", markup=False, highlight=False, soft_wrap=True)


def _shares(total: int, parts: int) -> list[int]:
    return [total // parts + (index < total % parts) for index in range(parts)]


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m tests.truth.campaign", description=(__doc__ or "").split("\n")[0]
    )
    add = parser.add_argument
    add("--faults", type=int, default=Options.faults, help="strikes on all faces together (default %(default)s)")
    add("--updates", type=int, default=Options.updates, help="judge at least so many (default %(default)s)")
    add("--pairs", type=int, default=Options.pairs, choices=range(1, len(PAIRS) + 1), help="default %(default)s")
    add("--venues", default=",".join(FACES), help="these faces (default %(default)s)")
    add("--activity", type=float, default=Options.activity, help="of the venue's market (default %(default)s)")
    add("--seed", type=int, default=Options.seed, help="default %(default)s")
    add(
        "--audit-s",
        type=float,
        default=AUDIT_S,
        help="what no one can know must be found within (default %(default)s)",
    )
    add(
        "--no-pace",
        dest="pace",
        action="store_false",
        help="strike also where the server has used up its requests: what is lost then has to wait for them",
    )
    add("--kinds", default="", help=f"only these, separated by semicolons: {'; '.join(KINDS)}")
    add("--deep-levels", type=int, default=Options.deep_levels, help="of the venue, a side (default %(default)s)")
    told = vars(parser.parse_args(arguments))
    kinds = tuple(each.strip() for each in told.pop("kinds").split(";") if each.strip())
    for kind in kinds:
        if kind not in KINDS:
            parser.error(f"--kinds: unknown {kind!r}; known are {'; '.join(KINDS)}")
    venues = tuple(each.strip() for each in told.pop("venues").split(",") if each.strip())
    if unknown := [venue for venue in venues if venue not in FACES]:
        parser.error(f"--venues: unknown {', '.join(unknown)}; known are {', '.join(FACES)}")
    if not venues or not pairs_of(venues, told["pairs"])[told["pairs"] - 1 :]:
        parser.error(f"--pairs: these venues list only {', '.join(pairs_of(venues, len(PAIRS)))} together")
    return Options(**told, kinds=kinds, venues=venues)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when nothing is wrong, 1 otherwise, 130 after Ctrl-C."""
    options = _options(arguments)
    console = Console(width=150 if not sys.stdout.isatty() else None)

    async def guarded() -> Verdict:
        task = asyncio.ensure_future(run(options, console))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    told: Verdict | None = None
    with contextlib.suppress(asyncio.CancelledError):
        told = asyncio.run(guarded())
    if told is None:
        return 130
    report(told, console)
    return 130 if told.problem == INTERRUPTED else 0 if told.good else 1


if __name__ == "__main__":
    sys.exit(main())
