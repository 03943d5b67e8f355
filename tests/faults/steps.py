"""Single steps of a small project, killed at random moments."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from tests.faults.command import moments
from tests.faults.fault import BUILD, Fault, Trial, summed
from tests.faults.kill_steps import BEYOND, cases, kill_often, ready
from tests.faults.registry import unfinished, wrong_with
from tests.faults.shop import start_shop
from tests.faults.step_process import StepProcess

from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

MODEL: dict[str, object] = {"model": "returned", "estimator": "baseline"}
AGAIN = ("model.train", "model.gate", "model.promote")
RESUMED = ("model.promote",)


def inject(trials: int, *, seed: int) -> list[Fault]:
    """Kill ingest, materialise, train and promote at so many moments each."""
    root = start_shop(BUILD / "steps")
    with StepProcess() as steps:
        ready(steps, root)
        found = {
            case.name: kill_often(steps, root, case, points=trials, seed=seed)
            for case in cases(steps, root)
        }
        judged = start_shop(BUILD / "steps_promote")
        ready(steps, judged)
        steps.run(judged, "model.train", MODEL)
        steps.run(judged, "model.gate", MODEL)
        found["promote"] = kill_promotion(steps, judged, trials, seed)
    for one in (note for each in found.values() for trial in each for note in trial.notes):
        sys.stderr.write(f"  {one}\n")
    return [
        summed(f"kill -9 at random moments of {name}", trials) for name, trials in found.items()
    ]


def kill_promotion(steps: StepProcess, judged: Path, points: int, seed: int) -> list[Trial]:
    """Kill the first promotion of a model, each time in a fresh copy of the project.

    Half of the trials go on where they were, as a resumed run does, half train anew.
    """
    usual = promotion(steps, copied(judged, "usual"), None, RESUMED)[0]
    found = []
    for number, moment in enumerate(moments(points, usual * BEYOND, seed=seed)):
        then = AGAIN if number % 2 else RESUMED
        found.append(killed_promotion(steps, copied(judged, f"trial_{number}"), moment, then=then))
    return found


def killed_promotion(
    steps: StepProcess, root: Path, moment: float, *, then: tuple[str, ...]
) -> Trial:
    """Kill one promotion, take the steps that follow and look at the registry."""
    seconds, acknowledged = promotion(steps, root, moment, then)
    with Workspace(root) as workspace:
        notes = wrong_with(workspace, "returned")
        if unfinished(workspace):
            notes.append("MLflow shows half a version")
    return Trial(
        acknowledged=acknowledged,
        corrupt=len(notes),
        recovered_seconds=seconds,
        notes=tuple(f"promote killed after {moment:.3f} s: {note}" for note in notes),
    )


def promotion(
    steps: StepProcess, root: Path, moment: float | None, then: tuple[str, ...]
) -> tuple[float, int]:
    """Promote, killed at a moment; then take the steps after it. Return their seconds."""
    killed = steps.run(root, "model.promote", MODEL, kill_after=moment)
    if moment is None:
        return killed.seconds, 1
    seconds = sum(steps.run(root, uses, MODEL).seconds for uses in then)
    return seconds, 0 if killed.killed else 1


def copied(project: Path, name: str) -> Path:
    folder = project.parent / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(project, folder)
    return folder
