"""Deliberate defects, each of which the judge must find: the proof that its silence means something.

    python -m tests.truth.mutants                 # all of them, and the honest tree under the same scenarios
    python -m tests.truth.mutants "ties unordered"

A mutant is a copy of the server's tree with one thing changed. The text to be changed must occur exactly once, so
that the table cannot rot unseen. The server of that copy runs under the judge, in the scenario that should show it.
"""

import argparse
import asyncio
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.processes import ROOT
from tests.truth.court import Court, NotHealed, court
from tests.truth.defects import DEFECTS, Defect
from tests.truth.ordeal import Ordeal
from tests.truth.record import LEVEL_KINDS
from tests.truth.strikes import Strike
from tests.truth.tables import MUTANTS, SCENARIOS, Mutant, Scenario

_TREE = (
    "server.py", "arguments.py", "settings.py", "pairs.py", "operating.py", "progress.py",
    "book", "exchanges", "proto", "services",
)  # fmt: skip
_TESTS = ("tests", "pyproject.toml")
_HEAL_S = 25.0


class Rotten(Exception):
    """A mutant's text is not in the tree, or more than once."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the judge found in a run; `words` is empty when nothing is wrong."""

    words: str
    wall_s: float


@contextlib.contextmanager
def copied(mutant: Mutant | Defect | None, *more: str) -> Iterator[Path]:
    """A copy of the server's tree, and of `more`, with the mutant's edits in it. Raises Rotten."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        for name in (*_TREE, *more):
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", "__snapshots__"))
            else:
                shutil.copy(source, root / name)
        for edit in mutant.edits if mutant else ():
            path = root / edit.file
            text = path.read_text(encoding="utf-8")
            if text.count(edit.old) != 1:
                raise Rotten(f"{edit.file} holds {edit.old!r} {text.count(edit.old)} times; it must be there once")
            path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
        yield root


async def judged(scenario: Scenario, root: Path) -> Found:
    """Runs the server of a tree through a scenario; ends as soon as something is found."""
    began = time.monotonic()
    async with court(
        *scenario.venue,
        pairs=scenario.pairs,
        seed="mutants",
        root=root,
        levels=scenario.levels,
        whole=scenario.whole,
        faces=scenario.faces,
        options=scenario.options,
    ) as made:
        words = await _words(made, scenario)
    return Found(words, time.monotonic() - began)


async def _words(made: Court, scenario: Scenario) -> str:
    ordeals = [
        Ordeal(made, face, _none(), audit_s=scenario.audit_s, heal_s=_HEAL_S)
        for face in dict.fromkeys(strike.face for strike in scenario.strikes)
    ]

    async def strikes(ordeal: Ordeal) -> str:
        for strike in scenario.strikes:
            if strike.face != ordeal.face:
                continue
            outcome = await ordeal.one(strike)
            if outcome.bad:
                kinds = sorted({f"{finding.kind}" for finding in outcome.faults})
                left = [f"{down.book} left live ({down.reason})" for down in outcome.breaches]
                return "; ".join([*kinds, *left, outcome.problem])
        return ""

    async def impatient() -> str:
        """What no strike can explain is enough."""
        blind = any(strike.blind for strike in scenario.strikes)
        while True:
            kinds = {finding.kind for finding in made.record.findings if not (blind and finding.kind in LEVEL_KINDS)}
            if kinds:
                return ", ".join(sorted(kinds))
            await asyncio.sleep(0.2)

    watching = asyncio.ensure_future(impatient())
    tasks = [asyncio.ensure_future(strikes(ordeal)) for ordeal in ordeals]
    try:
        pending: set[asyncio.Future[str]] = set(tasks)
        while pending:
            done, pending = await asyncio.wait([*pending, watching], return_when=asyncio.FIRST_COMPLETED)
            pending.discard(watching)
            for task in done:
                if words := task.result():
                    return words
    except (NotHealed, RuntimeError) as error:
        return f"never healed: {error}"
    finally:
        for task in (*tasks, watching):
            task.cancel()
        await asyncio.gather(*tasks, watching, return_exceptions=True)
    return ""


def _none() -> Iterator[Strike]:
    return iter(())


async def caught(mutant: Mutant) -> Found:
    """What the judge finds in a mutant; raises Rotten."""
    with copied(mutant) as root:
        return await judged(SCENARIOS[mutant.scenario], root)


async def honest(scenario: str) -> Found:
    """What it finds in the tree as it is: nothing, or it proves nothing."""
    with copied(None) as root:
        return await judged(SCENARIOS[scenario], root)


def failed(defect: Defect | None, *tests: str) -> str:
    """What fast tests say of a copy of the tree; empty: they pass."""
    with copied(defect, *_TESTS) as root:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):  # 1: some failed; else they did not even run
        raise Rotten(f"{tests}: pytest ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return done.stdout.strip().splitlines()[-1] if done.returncode else ""


async def _all(names: Sequence[str]) -> AsyncIterator[tuple[str, bool]]:
    chosen = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    for name in dict.fromkeys(mutant.scenario for mutant in chosen):
        found = await honest(name)
        yield f"{'the tree as it is':34} {name:22} {found.wall_s:5.1f} s  {found.words or 'nothing'}", not found.words
    for mutant in chosen:
        try:
            found = await caught(mutant)
        except Rotten as error:
            yield f"{mutant.name:34} {error}", False
            continue
        words = f"caught: {found.words[:200]}" if found.words else "NOT CAUGHT"
        yield f"{mutant.name:34} {mutant.scenario:22} {found.wall_s:5.1f} s  {words}", bool(found.words)
    for defect in [each for each in DEFECTS if not names or each.name in names]:
        try:
            said = await asyncio.to_thread(failed, defect, defect.test)
        except Rotten as error:
            said, defect = "", defect._replace(test=str(error))
        yield f"{defect.name:34} {defect.test}  {said or 'NOT CAUGHT'}", bool(said)


async def _run(names: Sequence[str]) -> int:
    bad = 0
    async for line, good in _all(names):
        bad += not good
        print(line if good else f"{line}  <-- BAD", flush=True)
    print("GOOD: every mutant was caught" if not bad else f"BAD: {bad} lines")
    return 1 if bad else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when every mutant is caught and the tree itself is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.truth.mutants", description=(__doc__ or "").split("\n")[0])
    known = [*(mutant.name for mutant in MUTANTS), *(defect.name for defect in DEFECTS)]
    parser.add_argument("names", nargs="*", help=f"only these: {'; '.join(known)}")
    names = parser.parse_args(arguments).names
    if unknown := sorted({*names} - {*known}):
        parser.error(f"unknown {unknown}; known are {sorted(known)}")
    return asyncio.run(_run(names))


if __name__ == "__main__":
    sys.exit(main())
