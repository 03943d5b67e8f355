"""A lake whose writers are killed, stopped, many, out of disk, or without power."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

from tests.faults.fault import BUILD, Fault, Trial, summed
from tests.faults.lake_full import MEGABYTES, filled, small_disk
from tests.faults.lake_kill import BATCHES, WRITERS, crowds, kills, stops
from tests.faults.lake_power import power_losses
from tests.faults.write_trace import recordable

if TYPE_CHECKING:
    from tests.faults.lake_work import Work

WORK = BUILD / "lake"
WORKS: tuple[Work, ...] = ("ingest", "append", "merge", "compact")
IMAGES = 10
FEWER = 3
BALLAST = 1_500_000


def inject(trials: int, *, seed: int) -> list[Fault]:
    """Kill so often; take ten images for each kill, and fewer of the slower faults."""
    found = {
        f"kill -9 at random moments of {work}": kills(WORK / work, work, trials, seed=seed)
        for work in WORKS
    }
    found["an append stopped, overtaken and woken"] = stops(
        WORK / "stops", max(1, trials // FEWER), seed=seed
    )
    found[f"{WRITERS} processes with {BATCHES} batches each on one table"] = crowds(
        WORK / "crowd", max(1, trials // IMAGES)
    )
    found |= _full(max(1, trials // IMAGES), seed)
    found |= _power(trials * IMAGES, seed)
    for one in (note for each in found.values() for trial in each for note in trial.notes):
        sys.stderr.write(f"  {one}\n")
    return [summed(fault, each) for fault, each in found.items()]


def _full(trials: int, seed: int) -> dict[str, list[Trial]]:
    """Fill small disks, if any can be mounted here."""
    dice, found = random.Random(seed), []
    for _ in range(trials):
        with small_disk(WORK / "small") as refused:
            if refused:
                sys.stderr.write(f"  no full disk: {refused}\n")
                return {}
            found.append(filled(WORK / "small", ballast=dice.randrange(BALLAST // 2, BALLAST)))
    return {f"a disk of {MEGABYTES} MB full while appending and merging": found}


def _power(images: int, seed: int) -> dict[str, list[Trial]]:
    """Replay the loss of power, if writes can be recorded here."""
    if reason := recordable():
        sys.stderr.write(f"  no power losses: {reason}\n")
        return {}
    found = power_losses(WORK / "power", images, seed=seed)
    return {"power lost at random steps of append, merge and compaction": found}
