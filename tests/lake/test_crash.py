"""A process that is killed while it ingests loses nothing and doubles nothing."""

from __future__ import annotations

import multiprocessing
import random
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from towpath.catalog import events
from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from towpath.lake.dataset import Mode

ROWS = 20_000
REJECTED = 3
TRIALS = 10
TRIPS = Dataset("trips", (Column("id", "int64", minimum=0), Column("fare", "float64")), key=("id",))

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["towpath.lake.lake", "towpath.lake.tables.delta"])


def open_lake(root: Path) -> Lake:
    db = Database.open("sqlite:catalog.db", root)
    store = DeltaTableStore("file:lake", root, db)
    return Lake(store, db, {"trips": TRIPS}, clock=SystemClock())


def batch(number: int) -> pa.Table:
    """Rows of their own for each number: some break a rule, some repeat a key."""
    ids = [number * ROWS + row for row in range(ROWS)]
    ids[5:8] = [-1, -1, ids[0]]
    return pa.table({"id": ids, "fare": [float(number)] * ROWS})


def ingest(root: Path, number: int, mode: Mode, ready: Connection) -> None:
    table, lake = batch(number), open_lake(root)
    ready.send("ready")
    lake.ingest("trips", table, mode=mode)


def start(root: Path, number: int, mode: Mode) -> ForkServerProcess:
    """Start a process that ingests a batch, and wait until it is about to."""
    ready, its_end = FORKSERVER.Pipe(duplex=False)
    process = FORKSERVER.Process(target=ingest, args=(root, number, mode, its_end))
    process.start()
    assert ready.recv() == "ready"
    return process


def kill_within(process: ForkServerProcess, seconds: float) -> None:
    time.sleep(seconds)
    process.kill()
    process.join()


@pytest.fixture
def seconds(tmp_path: Path) -> float:
    """How long an undisturbed process takes, measured elsewhere."""
    process = start(tmp_path / "undisturbed", 0, "append")
    started = time.perf_counter()
    process.join()
    assert process.exitcode == 0
    return time.perf_counter() - started


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_killed_anywhere_and_tried_again_each_row_is_there_once(
    tmp_path: Path, seconds: float, mode: Mode
) -> None:
    root, dice = tmp_path / "killed", random.Random(7)
    lake, good = open_lake(root), ROWS - REJECTED
    lake.ingest("trips", batch(0), mode=mode)
    for number in range(1, TRIALS + 1):
        stood = good * number if mode == "append" else good
        kill_within(start(root, number, mode), dice.uniform(0, 1.2 * seconds))
        after = stood + good if mode == "append" else stood
        assert lake["trips"].scan(["id"]).num_rows in (stood, after)
        report = lake.ingest("trips", batch(number), mode=mode)
        assert (report.rows, report.rejected) == (good, REJECTED)
        ids = lake["trips"].scan(["id", "_seq"])
        assert ids.num_rows == after
        assert len(set(ids["id"].to_pylist())) == after
        assert ids["_seq"].to_pylist() == list(range(after))
        batches = number + 1 if mode == "append" else 1
        assert lake["trips__rejected"].rows() == REJECTED * batches
    told = events.read(lake.db, subject="dataset/trips", limit=TRIALS * 2)
    assert len({event.data["batch"] for event in told}) == len(told) == TRIALS + 1
    lake.db.close()
