"""The power fails while a lake is written: every image of the disk must open and go on."""

from __future__ import annotations

import random
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import lake_work
from tests.faults.fault import Trial
from tests.faults.lake_work import EMPTY, MIXED, after, do, doubled, open_lake, same, stored
from tests.faults.power_loss import PowerLoss
from tests.faults.write_trace import record

from towpath.core.errors import TowpathError

if TYPE_CHECKING:
    import pyarrow as pa

SIZE = 40
# Enough for a checkpoint of the log, which comes with every twentieth version.
COUNT = 36
# Pieces of work that follow the power's return: the one that was cut short, and others.
MORE = 3


def power_losses(folder: Path, images: int, *, seed: int) -> list[Trial]:
    """Record work on a lake, and look at so many images of moments in it."""
    shutil.rmtree(folder, ignore_errors=True)
    root, before = folder / "recorded", folder / "before"
    open_lake(root)[0].close()
    shutil.copytree(root, before)
    command = [sys.executable, str(Path(lake_work.__file__)), str(root), str(COUNT), str(SIZE)]
    loss = PowerLoss(before, record(command, root, folder / "trace"))
    dice = random.Random(seed)
    trials = []
    for number in range(images):
        end = dice.randrange(loss.steps + 1)
        image = folder / "image"
        shutil.rmtree(image, ignore_errors=True)
        loss.write(image, end, dice)
        done = len(loss.told(end).split())
        trial = _looked_at(image, done)
        trials.append(
            trial.replace(notes=tuple(f"image {number} at {end}: {one}" for one in trial.notes))
        )
    return trials


def _looked_at(image: Path, done: int) -> Trial:
    """Open an image; what was acknowledged must be there, and the next write must go through."""
    states, end = _states(), min(COUNT, done + MORE)
    started = time.perf_counter()
    notes, lost = [], 0
    try:
        db, lake = open_lake(image)
        try:
            found = stored(lake)
            if not any(same(found, state) for state in states[done : done + 2]):
                lost = int(found.num_rows < states[done].num_rows)
                notes.append(f"{found.num_rows} rows are neither those after {done} nor the next")
        except TowpathError as error:
            notes.append(f"named, to be mended by the next write: {error}")
        for number in range(max(0, done - 1), end):
            do(lake, MIXED[number % len(MIXED)], number, SIZE)
        rows = stored(lake)
        db.close()
    except (TowpathError, AssertionError) as error:
        return Trial(acknowledged=done, corrupt=1, notes=(*notes, repr(error)))
    twice = max(0, doubled(rows) - doubled(states[end]))
    right = same(rows, states[end])
    notes += [] if right else [f"{rows.num_rows} rows in the end, not {states[end].num_rows}"]
    return Trial(
        acknowledged=done,
        lost=lost,
        duplicated=twice,
        corrupt=int(not right) + sum("neither" in note for note in notes),
        recovered_seconds=time.perf_counter() - started,
        notes=tuple(notes),
    )


def _states() -> list[pa.Table]:
    """Return the rows after each number of pieces of work."""
    states = [EMPTY]
    for number in range(COUNT):
        states.append(after(states[-1], MIXED[number % len(MIXED)], number, SIZE))
    return states
