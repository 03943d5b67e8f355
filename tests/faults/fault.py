"""What a fault did, over its trials, and where the results go."""

from __future__ import annotations

import statistics
from pathlib import Path

import msgspec

from towpath.core.record import Record, to_json

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "faults"
RESULTS = Path(__file__).parent / "results"


class Fault(Record, frozen=True, omit_defaults=False):
    """One fault and what it left behind.

    Args:
        fault: what was done, to what.
        trials: how often.
        acknowledged: results that were acknowledged before the fault.
        lost: those of them that were not there afterwards.
        duplicated: rows or predictions that were there more than once.
        corrupt: things that were half there, wrong, or could not be read.
        recovered_seconds: median seconds until all was well again.
        holds: whether nothing was lost, duplicated or corrupt.
    """

    fault: str
    trials: int
    acknowledged: int
    lost: int
    duplicated: int
    corrupt: int
    recovered_seconds: float
    holds: bool


class Trial(Record, frozen=True):
    """What one trial found; ``notes`` say what was wrong."""

    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    corrupt: int = 0
    recovered_seconds: float = 0.0
    notes: tuple[str, ...] = ()


def summed(fault: str, trials: list[Trial]) -> Fault:
    """Add up the trials of a fault."""
    lost = sum(one.lost for one in trials)
    duplicated = sum(one.duplicated for one in trials)
    corrupt = sum(one.corrupt for one in trials)
    return Fault(
        fault=fault,
        trials=len(trials),
        acknowledged=sum(one.acknowledged for one in trials),
        lost=lost,
        duplicated=duplicated,
        corrupt=corrupt,
        recovered_seconds=round(statistics.median(one.recovered_seconds for one in trials), 3),
        holds=lost == duplicated == corrupt == 0,
    )


def save(name: str, faults: list[Fault]) -> None:
    """Write the results of one entry."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(to_json(faults), indent=2) + b"\n")
