"""How versions came to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from towpath.catalog.events import emit
from towpath.core.event import Event
from towpath.lake.history import history

if TYPE_CHECKING:
    from towpath.catalog.database import Database
    from towpath.core.clock import SimulatedClock
    from towpath.lake.lake import Lake
    from towpath.lake.tables.delta import DeltaTableStore


def test_each_version_tells_of_its_batch(lake: Lake) -> None:
    rows = {"id": [1, 2], "fare": [1.0, -1.0], "kind": ["day", "day"]}
    at = pa.array([0, 0], pa.timestamp("us", "UTC"))
    lake.ingest("trips", pa.table({**rows, "at": at}))
    lake.ingest("trips", pa.table({**rows, "id": [3, 4], "at": at}), mode="append")
    newest, oldest = lake["trips"].history()
    assert (oldest.version, oldest.rows, oldest.added, oldest.how) == (0, 1, 1, "overwrite")
    assert (newest.version, newest.rows, newest.added, newest.how) == (1, 2, 1, "append")
    assert (newest.rejected, newest.actor, newest.files) == (1, "towpath", 2)
    assert newest.batch != oldest.batch
    assert "The given table" in newest.source


def test_versions_without_a_batch_are_told_apart(
    store: DeltaTableStore, db: Database, clock: SimulatedClock
) -> None:
    for number in range(3):
        store.append("things", pa.table({"id": [number]}), batch=str(number))
    store.compact("things")
    store.append("things", pa.table({"id": [9], "word": ["a"]}), batch="9")
    event = Event(clock.now(), "ada", "dataset.compacted", "dataset/things", {"version": 3})
    emit(db, event)
    told = [(one.version, one.how, one.added) for one in history(db, store.versions("things"))]
    assert told[:4] == [(5, "", 1), (4, "columns", 0), (3, "rearranged", 0), (2, "", 1)]
    assert history(db, store.versions("things"))[2].actor == "ada"


def test_the_size_is_known_where_all_files_are_there(store: DeltaTableStore, db: Database) -> None:
    store.append("things", pa.table({"id": [1]}), batch="1")
    versions = store.versions("things")
    (file,) = (one for one in versions[0].files if one.endswith(".parquet"))
    assert history(db, versions, {file: 70, "other.parquet": 9})[0].size == 70
    assert history(db, versions, {"other.parquet": 9})[0].size is None


def test_no_versions_have_no_history(db: Database) -> None:
    assert history(db, ()) == ()
