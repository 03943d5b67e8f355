"""The whole path on real data, killed at random moments with all that it had started."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc
from tests.faults.command import TOWPATH, Facts, begin, kill_group, moments, towpath
from tests.faults.fault import BUILD, ROOT, Fault, Trial, summed
from tests.faults.registry import unfinished, wrong_with

from towpath.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / "examples" / "nycflights"
WORK = BUILD / "demo"
MODEL = "delay"
AT = datetime(2013, 10, 5, 12, tzinfo=UTC)
SOURCE_ROWS = {
    "schedule": 336_776,
    "departures": 336_776,
    "arrivals": 327_346,
    "weather": 26_115,
    "planes": 3_322,
    "airports": 1_458,
}


@dataclass(frozen=True)
class Usual:
    """What a run that nobody disturbs leaves, and how long it takes."""

    seconds: float
    rows: Facts
    training_rows: int
    flight: str


def inject(trials: int, *, seed: int) -> list[Fault]:
    """Kill ``towpath run train`` at so many moments; each time the next run must complete."""
    usual = undisturbed()
    sys.stderr.write(f"  undisturbed: {usual.seconds:.1f} s\n")
    found = []
    for number, moment in enumerate(moments(trials, usual.seconds, seed=seed)):
        trial = killed(number, moment, usual)
        for note in trial.notes:
            sys.stderr.write(f"  {note}\n")
        found.append(trial)
    return [summed("kill -9 of the demo's towpath run train with all its processes", found)]


def undisturbed() -> Usual:
    """Run the path to its end and hold its rows against the source's."""
    root = applied("undisturbed")
    started = time.perf_counter()
    run = towpath(root, "run", "train")
    seconds = time.perf_counter() - started
    results = {one["step"]: one.get("result", {}) for one in run["attempts"]}
    rows, rejected = results["ingest"]["rows"], results["ingest"]["rejected"]
    for name, count in SOURCE_ROWS.items():
        if rows[name] + rejected[name] != count:
            message = f"{name}: {rows[name]} rows and {rejected[name]} rejected are not {count}"
            raise RuntimeError(message)
    with Workspace(root) as workspace:
        asked = workspace.lake["schedule"].scan(["flight_id"], pc.field("predict_at") == AT)
    return Usual(seconds, rows, results["training_set"]["rows"], asked["flight_id"][0].as_py())


def applied(name: str) -> Path:
    """Copy the example's own files and register its definitions."""
    root = WORK / name
    shutil.rmtree(root, ignore_errors=True)
    made = shutil.ignore_patterns(".towpath", "data", "__pycache__", ".mypy_cache")
    shutil.copytree(EXAMPLE, root, ignore=made)
    subprocess.run([*TOWPATH, "apply"], cwd=root, check=True, stdout=subprocess.DEVNULL)
    return root


def killed(number: int, moment: float, usual: Usual) -> Trial:
    """Kill a run, run again, look; every other trial resumes what was lost."""
    root = applied(f"trial_{number}")
    process = begin([*TOWPATH, "run", "train"], root)
    time.sleep(moment)
    outlived = kill_group(process)
    lost = next(iter(towpath(root, "status")["runs"]), None)
    done = succeeded(lost)
    resumed = ["--resume", lost["id"]] if lost and number % 2 else []
    notes = [f"processes {outlived} outlived the kill"] if outlived else []
    started = time.perf_counter()
    run = towpath(root, "run", "train", *resumed)
    seconds = time.perf_counter() - started
    how = "resumed" if resumed else "run anew"
    last = lost["attempts"][-1]["step"] if lost and lost["attempts"] else "loading"
    sys.stderr.write(
        f"  trial {number}: killed after {moment:.1f} s in {last}, {how} in {seconds:.1f} s\n"
    )
    forgotten = missing(root, done, run if resumed else None)
    duplicated, wrong = looked_at(root, usual)
    notes += [*forgotten, *wrong]
    return Trial(
        acknowledged=len(done),
        lost=len(forgotten),
        duplicated=duplicated,
        corrupt=len(wrong) + bool(outlived),
        recovered_seconds=seconds,
        notes=tuple(f"trial {number} at {moment:.1f} s: {note}" for note in notes),
    )


def succeeded(run: Facts | None) -> dict[str, Facts]:
    """Return the results that a run had recorded, by step."""
    attempts = run["attempts"] if run else []
    return {one["step"]: one.get("result", {}) for one in attempts if one["status"] == "succeeded"}


def missing(root: Path, done: dict[str, Facts], resumed: Facts | None) -> list[str]:
    """Name the recorded results that are gone: from the log, a resumed run, lake or registry."""
    if not done:
        return []
    status = towpath(root, "status")
    lost = succeeded(status["runs"][1])
    gone = [step for step, result in done.items() if lost.get(step) != result]
    if resumed is not None:
        kept = {one["step"] for one in resumed["attempts"] if one["status"] == "kept"}
        gone += [step for step in done if step not in kept]
    versions = {one["version"] for one in status["models"]}
    gone += [
        step for step, result in done.items()
        if step.startswith("promote") and result["version"] not in versions
    ]  # fmt: skip
    with Workspace(root) as workspace:
        for name, version in done.get("ingest", {}).get("versions", {}).items():
            known = {one.version for one in workspace.lake.store.versions(name)}
            gone += [] if version in known else ["ingest"]
    return [f"the result of {step} is gone" for step in sorted(set(gone))]


def looked_at(root: Path, usual: Usual) -> tuple[int, list[str]]:
    """Count rows whose key is there more than once, and say what else is wrong."""
    notes, duplicated = [], 0
    with Workspace(root) as workspace:
        for name, count in usual.rows.items():
            table = workspace.lake[name]
            key = list(table.dataset.key)
            rows = table.scan(key)
            distinct = rows.group_by(key).aggregate([]).num_rows
            duplicated += rows.num_rows - distinct
            if rows.num_rows != count:
                notes.append(f"{name} has {rows.num_rows} rows instead of {count}")
        trained = workspace.lake.store.scan(f"{MODEL}__training", columns=["flight_id"]).num_rows
        if trained != usual.training_rows:
            notes.append(f"the training set has {trained} rows instead of {usual.training_rows}")
        notes += wrong_with(workspace, MODEL)
        if unfinished(workspace):
            notes.append("MLflow shows half a version")
    try:
        towpath(root, "predict", MODEL, usual.flight, "--at", AT.isoformat())
    except RuntimeError as error:
        notes.append(str(error))
    return duplicated, notes
