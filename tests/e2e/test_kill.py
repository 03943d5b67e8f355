"""A step that is killed anywhere leaves what stood before, and the next run completes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.faults.kill_steps import Ingest, Materialise, Train, kill_often, ready
from tests.faults.registry import unfinished, wrong_with
from tests.faults.step_process import StepProcess

from towpath.workspace import Workspace

if TYPE_CHECKING:
    import subprocess

    from tests.faults.kill_steps import Case

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Run = Callable[..., "subprocess.CompletedProcess[str]"]
POINTS = 10
FEWEST = 5
BASELINE = {"model": "returned", "estimator": "baseline"}


@pytest.fixture(scope="module")
def steps() -> Iterator[StepProcess]:
    with StepProcess() as started:
        yield started


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, orders: Path, towpath: Run, steps: StepProcess
) -> Path:
    """A project on the user's CSV, ingested and trained once."""
    folder = tmp_path_factory.mktemp("kill")
    given = ("--from", str(orders), "--label", "returned", "--key", "Order ID")
    towpath(folder, "init", "shop", *given)
    ready(steps, folder / "shop")
    return folder / "shop"


@pytest.fixture(scope="module")
def ingest(project: Path) -> Ingest:
    """Holds the rows of the user's file, whatever the trials make of it."""
    return Ingest(project)


def killed_everywhere(steps: StepProcess, root: Path, case: Case) -> None:
    trials = kill_often(steps, root, case, points=POINTS, seed=7)
    assert [note for one in trials for note in one.notes] == []
    assert sum(one.lost + one.duplicated + one.corrupt for one in trials) == 0
    assert sum(one.acknowledged == 1 for one in trials) >= FEWEST, "too few were killed in time"


def test_a_killed_training_leaves_no_half_of_a_candidate(steps: StepProcess, project: Path) -> None:
    killed_everywhere(steps, project, Train(project, steps))


def test_a_killed_ingest_leaves_each_row_once(
    steps: StepProcess, project: Path, ingest: Ingest
) -> None:
    killed_everywhere(steps, project, ingest)


def test_a_killed_materialisation_leaves_one_whole_generation(
    steps: StepProcess, project: Path, ingest: Ingest
) -> None:
    killed_everywhere(steps, project, Materialise(project, steps, ingest))


@pytest.fixture(scope="module")
def gated(project: Path, steps: StepProcess, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a candidate that its gate let through, not yet registered."""
    folder = tmp_path_factory.mktemp("gated") / "shop"
    shutil.copytree(project, folder)
    for uses in ("model.train", "model.gate"):
        steps.run(folder, uses, BASELINE)
    return folder


@pytest.fixture
def judged(gated: Path, tmp_path: Path) -> Path:
    """A copy of that project, to break."""
    return Path(shutil.copytree(gated, tmp_path / "shop"))


def test_a_champion_killed_before_its_deployment_is_deployed_by_the_next_run(
    steps: StepProcess, judged: Path
) -> None:
    pointing = ("tempfile.mkstemp", "returned.json")
    assert steps.attempt(judged, "model.promote", BASELINE, kill_at=pointing).killed
    for uses in ("model.train", "model.gate", "model.promote"):
        steps.run(judged, uses, BASELINE)
    with Workspace(judged) as workspace:
        assert wrong_with(workspace, "returned") == []


@pytest.mark.parametrize("event", [("shutil.move", "registering"), ("os.rename", ".staged-")])
def test_a_version_killed_half_way_is_gone_after_the_next_run(
    steps: StepProcess, judged: Path, event: tuple[str, str]
) -> None:
    assert steps.attempt(judged, "model.promote", BASELINE, kill_at=event).killed
    steps.run(judged, "model.promote", BASELINE)
    with Workspace(judged) as workspace:
        assert wrong_with(workspace, "returned") == []
        assert unfinished(workspace) == 0
        assert list(workspace.artifacts.glob(".staged-*")) == []


def test_a_candidate_killed_while_it_is_replaced_cannot_be_promoted(
    steps: StepProcess, judged: Path
) -> None:
    removing = ("os.rmdir", "files")
    assert steps.attempt(judged, "model.train", BASELINE, kill_at=removing).killed
    assert steps.attempt(judged, "model.promote", BASELINE).error.startswith("NotFound")
