from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from tests.features.server.taxi import eventually

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.core.drain import LOCK as DRAIN_LOCK
from towpath.core.lock import locked
from towpath.features.push_log import PushLog, entry_of
from towpath.features.server.flusher import Flusher
from towpath.lake.dataset import Column, Dataset
from towpath.lake.lake import Lake
from towpath.lake.tables.delta import DeltaTableStore
from towpath.web.scoreboard import Scoreboard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SECONDS = 0.01


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open("sqlite:catalog.db", tmp_path) as opened:
        yield opened


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with rows whose numbers are floats."""
    rows = pa.table({"id": [1], "km": [1.5]})
    with PushLog(tmp_path / "log") as log:
        log.append(entry_of("trips", rows, arrived=5, online=False))
    return tmp_path / "log"


def lake_of(db: Database, root: Path, dtype: str = "float64") -> Lake:
    trips = Dataset("trips", (Column("id", "int64"), Column("km", dtype)), key=("id",))
    store = DeltaTableStore("file:lake", root, db)
    return Lake(store, db, {"trips": trips}, clock=SystemClock())


def unready() -> Lake:
    message = "no lake"
    raise OSError(message)


def test_what_one_worker_fails_at_every_worker_tells(log: Path, db: Database) -> None:
    board = Scoreboard(2)
    lake, clock = lake_of(db, log.parent), SystemClock()
    failing = Flusher(log, unready, seconds=1, clock=clock, sheet=board.sheet(0))
    other = Flusher(log, lambda: lake, seconds=1, clock=clock, sheet=board.sheet(1))
    failing.flush()
    failing.flush()
    for one in (failing, other):
        assert (one.status().flush, one.status().failures) == ("failing", 2)
    again = Flusher(log, lambda: lake, seconds=1, clock=clock, sheet=board.sheet(0))
    assert (other.status().flush, other.status().failures) == ("on", 2)
    again.flush()
    assert other.status().oldest_waiting_seconds == 0


def test_a_conflict_in_the_lake_is_a_failure(log: Path, db: Database) -> None:
    """Its stored column has another type, which no later try will change."""
    stored = lake_of(db, log.parent, "string")
    stored.ingest("trips", pa.table({"id": [7], "km": ["far"]}))
    lake = lake_of(db, log.parent)
    flusher = Flusher(log, lambda: lake, seconds=1, clock=SystemClock())
    flusher.flush()
    assert (flusher.status().flush, flusher.status().failures) == ("failing", 1)


def test_a_log_that_another_process_flushes_is_left_to_it(log: Path, db: Database) -> None:
    lake = lake_of(db, log.parent)
    flusher = Flusher(log, lambda: lake, seconds=1, clock=SystemClock())
    with locked(log / DRAIN_LOCK):
        flusher.flush()
        assert flusher.status().oldest_waiting_seconds > 0
    assert (flusher.status().flush, flusher.status().failures) == ("on", 0)
    flusher.flush()
    assert flusher.status().oldest_waiting_seconds == 0


def test_a_folder_that_cannot_be_made_is_told_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.write_text("in the way")
    flusher = Flusher(folder, unready, seconds=SECONDS, clock=SystemClock())
    flusher.start()
    eventually(lambda: flusher.status().failures > 1)
    assert flusher.status().flush == "failing"
    folder.unlink()
    eventually(lambda: flusher.status().flush == "on")
    flusher.close()
    assert folder.is_dir()
