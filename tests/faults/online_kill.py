"""A process whose threads write an online store is killed at random moments."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.faults import online_crowd
from tests.faults.command import moments
from tests.faults.fault import Trial
from tests.faults.online_crowd import REPLACED, names, number_of, step
from tests.faults.online_work import open_store

from towpath.core.errors import TowpathError

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_SECONDS = 1.2


def kills(folder: Path, points: int, *, seed: int) -> list[Trial]:
    """Kill at so many moments; what the kills leave lying about piles up in one folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    trials = []
    for moment in moments(points, LONGEST_SECONDS, seed=seed):
        told = _killed(folder, moment)
        trial = _looked_at(folder, dict(told))
        notes = tuple(f"killed after {moment:.3f} s: {note}" for note in trial.notes)
        trials.append(trial.replace(acknowledged=len(told), notes=notes))
    return trials


def _killed(folder: Path, moment: float) -> list[tuple[str, int]]:
    """Run the process until a moment; return the names and numbers that it acknowledged."""
    command = [sys.executable, str(online_crowd.__file__), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(moment)
    process.kill()
    told, _ = process.communicate()
    lines = [line.split() for line in told.split("\n") if line]
    return [(name, int(number)) for name, number in lines]


def _looked_at(folder: Path, acknowledged: dict[str, int]) -> Trial:
    """What was acknowledged must be there, what is there must be whole, and work must go on."""
    started = time.perf_counter()
    notes, lost = [], 0
    try:
        store = open_store(folder)
        for name, number in acknowledged.items():
            found = number_of(store, name)
            if found not in {number, number + 1}:
                lost += int(found < number)
                notes.append(f"{name} is at {found}, but {number} was acknowledged")
        for name in names():
            step(store, name)
        files = len(list((folder / "online" / REPLACED).glob("*.lmdb")))
        notes += [] if files == 1 else [f"{files} files are left"]
        store.close()
    except (TowpathError, AssertionError) as error:
        notes.append(repr(error))
    return Trial(
        lost=lost,
        corrupt=len(notes) - lost,
        recovered_seconds=time.perf_counter() - started,
        notes=tuple(notes),
    )
