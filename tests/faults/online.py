"""An online store whose writers are killed, or lose their power."""

from __future__ import annotations

import random
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import online_work
from tests.faults.fault import BUILD, Fault, Trial, summed
from tests.faults.online_kill import kills
from tests.faults.online_work import do, open_store, stored
from tests.faults.power_loss import PowerLoss
from tests.faults.write_trace import record, recordable

from towpath.core.errors import TowpathError
from towpath.features.online.memory import MemoryStore

if TYPE_CHECKING:
    from tests.faults.online_work import State

WORK = BUILD / "online"
COUNT = 60
# Work that follows the power's return: enough to replace the area too.
MORE = 10
IMAGES = 10


def inject(trials: int, *, seed: int) -> list[Fault]:
    """Kill so often; take ten images of lost power for each kill."""
    found = {
        "kill -9 of a process whose threads change and replace areas": kills(
            WORK / "kills", trials, seed=seed
        )
    }
    if reason := recordable():
        sys.stderr.write(f"  no power losses: {reason}\n")
    else:
        losses = power_losses(WORK / "power", trials * IMAGES, seed=seed)
        found["power lost at random steps of changing and replacing an area"] = losses
    for one in (note for each in found.values() for trial in each for note in trial.notes):
        sys.stderr.write(f"  {one}\n")
    return [summed(fault, each) for fault, each in found.items()]


def power_losses(folder: Path, images: int, *, seed: int) -> list[Trial]:
    """Record work on a store, and look at so many images of moments in it."""
    shutil.rmtree(folder, ignore_errors=True)
    root, before = folder / "recorded", folder / "before"
    root.mkdir(parents=True)
    before.mkdir()
    command = [sys.executable, str(Path(online_work.__file__)), str(root), str(COUNT)]
    loss = PowerLoss(before, record(command, root, folder / "trace"))
    dice, states, trials = random.Random(seed), _states(), []
    for number in range(images):
        end = dice.randrange(loss.steps + 1)
        image = folder / "image"
        shutil.rmtree(image, ignore_errors=True)
        image.mkdir()
        loss.write(image, end, dice)
        trial = _looked_at(image, len(loss.told(end).split()), states)
        notes = tuple(f"image {number} at {end}: {note}" for note in trial.notes)
        trials.append(trial.replace(notes=notes))
    return trials


def _looked_at(image: Path, done: int, states: list[State]) -> Trial:
    """Open an image; what was acknowledged must be there, and further work must go well."""
    started = time.perf_counter()
    notes, lost = [], 0
    try:
        store = open_store(image)
        number, found = stored(store)
        if number not in {done, done + 1}:
            lost = int(number < done)
            notes.append(f"the last piece of work is {number}, but {done} were acknowledged")
        elif found != states[number]:
            notes.append(f"the values are not those after {number}")
        for following in range(number + 1, number + MORE + 1):
            do(store, following)
        if not notes and stored(store) != (number + MORE, states[number + MORE]):
            notes.append("the values are wrong after further work")
        store.close()
    except (TowpathError, AssertionError) as error:
        notes.append(repr(error))
    return Trial(
        acknowledged=done,
        lost=lost,
        corrupt=len(notes) - lost,
        recovered_seconds=time.perf_counter() - started,
        notes=tuple(notes),
    )


def _states() -> list[State]:
    """Return what is there after each number of pieces of work."""
    store = MemoryStore()
    states = [stored(store)[1]]
    for number in range(1, COUNT + MORE + 1):
        do(store, number)
        states.append(stored(store)[1])
    return states
