"""Every deliberate defect is found by the judge, and the tree as it is passes where they fail."""

import subprocess
import sys

import pytest

from tests.truth.mutants import Rotten, caught, copied, honest
from tests.truth.tables import MUTANTS, SCENARIOS, Edit, Mutant

by_name = pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])


@by_name
def test_a_mutant_fits_the_tree(mutant: Mutant) -> None:
    """Its texts occur once each, and what comes of it is still Python; or the table has rotted."""
    with copied(mutant) as root:
        for edit in mutant.edits:
            compile((root / edit.file).read_text(encoding="utf-8"), edit.file, "exec")


def test_a_copy_of_the_tree_is_a_whole_program() -> None:
    """Nothing that the server imports is left behind; or every mutant would look caught, or none could run."""
    with copied(None) as root:
        done = subprocess.run([sys.executable, "server.py", "--version"], cwd=root, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()


def test_a_text_that_is_not_there_is_told() -> None:
    """Or that is there more than once."""
    for old in ("this text is nowhere", "self"):
        edit = Edit("exchanges/sync.py", old, "")
        with pytest.raises(Rotten, match="must be there once"), copied(Mutant("rotten", "calm", (edit,))):
            pass


def test_names_are_unique_and_scenarios_known() -> None:
    """No mutant hides another, no scenario is left over."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 15
    assert {mutant.scenario for mutant in MUTANTS} == SCENARIOS.keys()


@pytest.mark.slow
@by_name
async def test_a_mutant_is_caught(mutant: Mutant) -> None:
    """By a wrong, missing, foreign or stale level, by disorder, by another book that it pulls down, or for good."""
    found = await caught(mutant)
    assert found.words, f"{mutant.name} went through {mutant.scenario} unseen"


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_the_tree_as_it_is_passes(scenario: str) -> None:
    """The same strikes, and nothing wrong."""
    assert not (await honest(scenario)).words
