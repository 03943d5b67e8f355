"""A few of the faults that ``make faults ONLY=lake`` injects by the hundred."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.fault import Trial, summed
from tests.faults.lake_full import filled, small_disk
from tests.faults.lake_kill import crowds, kills, stops
from tests.faults.lake_power import power_losses
from tests.faults.write_trace import recordable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.lake_work import Work

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def check(trials: list[Trial]) -> None:
    notes = [note for trial in trials for note in trial.notes]
    assert summed("fault", trials).holds, notes


@pytest.mark.parametrize("work", ["append", "merge", "compact"])
def test_a_killed_writer_leaves_the_old_or_the_new(tmp_path: Path, work: Work) -> None:
    check(kills(tmp_path / "lake", work, 4, seed=11))


def test_a_stopped_writer_that_was_overtaken_cannot_commit(tmp_path: Path) -> None:
    check(stops(tmp_path / "lake", 3, seed=11))


def test_four_processes_write_every_batch_once(tmp_path: Path) -> None:
    check(crowds(tmp_path / "lake", 1))


def test_a_full_disk_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as refused:
        if refused:
            pytest.skip(f"no small disk: {refused}")
        check([filled(tmp_path / "small", ballast=900_000)])


def test_the_loss_of_power_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    if reason := recordable():
        pytest.skip(reason)
    check(power_losses(tmp_path / "power", 15, seed=11))
