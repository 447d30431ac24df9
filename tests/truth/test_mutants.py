"""Every deliberate defect is found by the judge, and the tree as it is passes where they fail."""

import subprocess
import sys

import pytest

from tests.truth.defects import DEFECTS, Defect
from tests.truth.mutants import Rotten, caught, copied, failed, honest
from tests.truth.tables import MUTANTS, SCENARIOS, Edit, Mutant

by_defect = pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
by_name = pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])


@by_defect
def test_a_defect_of_trades_or_groups_is_caught(defect: Defect) -> None:
    """By the test that is named with it."""
    assert failed(defect, defect.test), f"{defect.name} passed {defect.test}"


def test_the_tree_as_it_is_passes_those_tests() -> None:
    """Or their failure would say nothing."""
    assert failed(None, *dict.fromkeys(defect.test for defect in DEFECTS)) == ""


def test_a_test_that_is_not_there_is_told() -> None:
    """It would fail with every defect."""
    with pytest.raises(Rotten, match="pytest ended with 4"):
        failed(None, f"{DEFECTS[0].test}_of_nowhere")


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
    names = [*(mutant.name for mutant in MUTANTS), *(defect.name for defect in DEFECTS)]
    assert len(set(names)) == len(names) >= 15
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
