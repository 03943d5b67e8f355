from __future__ import annotations

import json
import multiprocessing
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.schema import Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from towpath.catalog import table_versions
from towpath.catalog.database import Database
from towpath.catalog.leases import leased
from towpath.catalog.table_versions import TableVersion
from towpath.core.durable import file_hash
from towpath.core.errors import Conflict, Contract, Denied, Invalid, NotFound
from towpath.core.instant import from_micros
from towpath.core.lock import locked
from towpath.lake.tables.data_file import FILE_ROWS
from towpath.lake.tables.delta import DeltaTableStore
from towpath.lake.tables.turn import CHECKPOINT_EVERY, Turn
from towpath.lake.tables.versioned import lease_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from towpath.lake.tables.data_file import NewFile


def values(*given: int) -> pa.Table:
    return pa.table({"value": pa.array(given, pa.int64())})


def stored(store: DeltaTableStore, version: int | None = None) -> list[int]:
    found = store.scan("things", columns=["value"], version=version)["value"].to_numpy()
    return [int(value) for value in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "things"


def data_file(folder: Path) -> Path:
    return next(folder.glob("*.parquet"))


def log_file(folder: Path, version: int) -> Path:
    return folder / "_delta_log" / f"{version:020d}.json"


def flip_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def forget(db: Database, version: int) -> None:
    """Leave the catalog as it is when the writer died between commit and record."""
    with db.transaction() as connection:
        connection.execute("DELETE FROM table_versions WHERE version >= ?", (version,))


def test_each_write_is_a_version(store: DeltaTableStore) -> None:
    assert store.version("things") is None
    assert store.append("things", values(1), batch="a") == 0
    assert store.append("things", values(2, 3), batch="b") == 1
    assert store.overwrite("things", values(4), batch="c") == 2
    assert [stored(store, version) for version in range(3)] == [[1], [1, 2, 3], [4]]
    assert [one.rows for one in store.versions("things")] == [1, 3, 1]


def test_other_engines_read_the_same_rows(store: DeltaTableStore, folder: Path) -> None:
    store.append("things", values(1), batch="a")
    store.append("things", values(2), batch="b")
    paths = DeltaTable(str(folder)).file_uris()
    assert sorted(pq.read_table(paths)["value"].to_numpy()) == [1, 2]


def test_a_batch_is_written_once(store: DeltaTableStore) -> None:
    versions = [store.append("things", values(1), batch=batch) for batch in ("a", "b", "a", "b")]
    assert versions == [0, 1, 0, 1]
    assert stored(store) == [1, 1]


def test_a_batch_whose_rows_were_replaced_is_written_again(store: DeltaTableStore) -> None:
    store.append("things", values(1), batch="a")
    store.overwrite("things", values(2), batch="b")
    assert store.version_of("things", "a") is None
    assert store.append("things", values(1), batch="a") == 2


def test_an_overwrite_undoes_later_appends(store: DeltaTableStore) -> None:
    store.overwrite("things", values(1), batch="a")
    store.append("things", values(2), batch="b")
    store.overwrite("things", values(1), batch="a")
    assert stored(store) == [1]


def test_an_overwrite_may_change_columns_and_an_append_may_not(store: DeltaTableStore) -> None:
    store.append("things", values(1), batch="a")
    other = pa.table({"text": ["x"]})
    with pytest.raises(Conflict, match="mode overwrite"):
        store.append("things", other, batch="b")
    store.overwrite("things", other, batch="c")
    assert store.scan("things").to_pylist() == [{"text": "x", "_seq": 0}]


def test_an_append_may_order_its_columns_otherwise(store: DeltaTableStore) -> None:
    rows = pa.table({"a": [1], "b": ["x"]})
    store.append("things", rows, batch="a")
    store.append("things", rows.select(["b", "a"]), batch="b")
    assert store.scan("things", columns=["b"])["b"].to_pylist() == ["x", "x"]


def test_a_flipped_byte_in_a_data_file_is_named(
    tmp_path: Path, db: Database, store: DeltaTableStore, folder: Path
) -> None:
    store.append("things", values(*range(1000)), batch="a")
    flip_byte(data_file(folder))
    with pytest.raises(Contract, match=f"{data_file(folder).name}.* is damaged"):
        DeltaTableStore("file:lake", tmp_path, db).scan("things")


def test_a_flipped_byte_is_found_by_a_store_that_read_the_file_before(
    store: DeltaTableStore, folder: Path
) -> None:
    store.append("things", values(*range(1000)), batch="a")
    stored(store)
    status = data_file(folder).stat()
    flip_byte(data_file(folder))
    os.utime(data_file(folder), ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(Contract, match="things"):
        store.scan("things")


def test_a_missing_data_file_is_named(store: DeltaTableStore, folder: Path) -> None:
    store.append("things", values(1), batch="a")
    data_file(folder).unlink()
    with pytest.raises(Contract, match="is missing"):
        store.scan("things")


def test_a_damaged_table_is_mended_by_writing_it_again(
    tmp_path: Path, db: Database, store: DeltaTableStore, folder: Path
) -> None:
    store.overwrite("things", values(*range(1000)), batch="a")
    flip_byte(data_file(folder))
    fresh = DeltaTableStore("file:lake", tmp_path, db)
    assert fresh.version_of("things", "a") is None
    assert fresh.overwrite("things", values(1), batch="a") == 1
    assert stored(fresh) == [1]


@pytest.mark.parametrize("content", ["", None])
def test_a_lost_last_commit_is_noticed(
    store: DeltaTableStore, folder: Path, content: str | None
) -> None:
    store.append("things", values(1), batch="a")
    store.append("things", values(2), batch="b")
    log_file(folder, 1).unlink()
    if content is not None:
        log_file(folder, 1).write_text(content)
    with pytest.raises(Contract, match=r"00000000000000000001\.json"):
        store.scan("things")
    with pytest.raises(Contract, match="is damaged"):
        store.append("things", values(3), batch="c")


def test_a_lost_earlier_commit_is_noticed_before_a_write(
    store: DeltaTableStore, folder: Path
) -> None:
    for batch in range(3):
        store.append("things", values(batch), batch=str(batch))
    log_file(folder, 1).write_text("")
    with pytest.raises(Contract, match="is damaged"):
        store.append("things", values(3), batch="3")
    assert stored(store) == [0, 1, 2]


def test_a_commit_that_was_not_recorded_is_taken_over(store: DeltaTableStore, db: Database) -> None:
    store.append("things", values(1), batch="a")
    store.append("things", values(2), batch="b")
    before = store.versions("things")
    forget(db, 1)
    assert store.append("things", values(2), batch="b") == 1
    assert (stored(store), store.versions("things")) == ([1, 2], before)


def test_a_lost_catalog_is_filled_again_from_the_table(
    store: DeltaTableStore, db: Database
) -> None:
    store.append("things", values(1), batch="a")
    store.overwrite("things", values(2), batch="b")
    before = store.versions("things")
    forget(db, 0)
    assert store.versions("things") == before


@pytest.mark.parametrize("content", ["", '{"add":{"pa'])
def test_a_torn_commit_that_nobody_was_told_of_is_dropped(
    store: DeltaTableStore, folder: Path, content: str
) -> None:
    store.append("things", values(1), batch="a")
    log_file(folder, 1).write_text(content)
    assert stored(store) == [1]
    assert store.append("things", values(2), batch="b") == 1
    assert stored(store) == [1, 2]


def test_leftovers_of_a_writer_that_failed_are_removed(
    store: DeltaTableStore, db: Database, folder: Path
) -> None:
    store.append("things", values(1), batch="a")
    left = folder / f"{2:010d}-{0:015d}-{1:015d}-{0:016x}.parquet"
    with suppress(KeyError), leased(db, lease_name("things")):
        left.write_bytes(b"half")
        raise KeyError
    store.append("things", values(2), batch="b")
    assert not left.exists()
    assert stored(store) == [1, 2]


@pytest.mark.slow
def test_rows_that_could_not_be_committed_are_removed(store: DeltaTableStore, folder: Path) -> None:
    store.append("things", values(1), batch="a")
    before = sorted(folder.glob("*.parquet"))
    broken = iter([values(*range(2 * FILE_ROWS)), values(1), pa.table({"other": [1]})])
    with pytest.raises(Invalid):
        store.append("things", broken, batch="b")
    assert sorted(folder.glob("*.parquet")) == before


def test_a_table_of_an_earlier_release_goes_on(
    store: DeltaTableStore, db: Database, folder: Path
) -> None:
    """Its files had other names and no statistics; the catalog knew no columns and no order."""
    folder.mkdir(parents=True)
    files: dict[str, str] = {}
    for version in range(3):
        rows = pa.table({"value": [2 * version, 2 * version + 1]})
        rows = rows.append_column("_seq", pa.array([2 * version, 2 * version + 1]))
        name = f"{version:08d}-{'abc'[-version] * 64}.parquet"
        pq.write_table(rows, folder / name)
        action = AddAction(name, 1, {}, 0, True, json.dumps({"numRecords": 2}))
        marks = CommitProperties(app_transactions=[Transaction(f"batch {version}", version)])
        if version:
            table = DeltaTable(str(folder))
            table.create_write_transaction(
                [action], "append", table.schema(), commit_properties=marks
            )
        else:
            schema = Schema.from_arrow(rows.schema)
            create_table_with_add_actions(str(folder), schema, [action], commit_properties=marks)
        files = {name: file_hash(folder / name), **files}
        log = log_file(folder, version)
        recorded = {**files, f"_delta_log/{log.name}": file_hash(log)}
        at = from_micros(version)
        table_versions.record(db, TableVersion("things", version, 2 * version + 2, recorded, at))
    assert stored(store) == stored(store, 2) == list(range(6))
    assert stored(store, 1) == list(range(4))
    assert store.append("things", values(9), batch="batch 2") == 2
    assert store.merge("things", values(2, 7), key=["value"], batch="x") == 3
    assert stored(store) == [0, 1, 3, 4, 5, 2, 7]
    store.compact("things")
    assert stored(store) == [0, 1, 3, 4, 5, 2, 7]
    assert store.schema("things", version=0).names == ["value", "_seq"]


def test_a_commit_of_another_writer_is_taken_over(store: DeltaTableStore, folder: Path) -> None:
    """With a file that it described without counting its rows."""
    store.append("things", values(1), batch="a")
    rows = pa.table({"value": [5, 6], "_seq": [1, 2]})
    pq.write_table(rows, folder / "other.parquet")
    action = AddAction("other.parquet", 1, {}, 0, True, "{}")
    DeltaTable(str(folder)).create_write_transaction(
        [action], "append", Schema.from_arrow(rows.schema)
    )
    assert stored(store) == [1, 5, 6]
    assert store.versions("things")[-1].rows == 3
    store.append("things", values(7), batch="b")
    assert store.scan("things")["_seq"].to_pylist() == [0, 1, 2, 3]


def test_a_conflict_with_another_writer_is_tried_again(
    store: DeltaTableStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer who takes no turns commits just before we do."""
    store.append("things", values(1), batch="a")
    whole = Turn.write
    rows = pa.table({"value": [5], "_seq": [1]})
    pq.write_table(rows, folder / "other.parquet")

    def slow(turn: Turn, chunks: Iterable[pa.Table]) -> tuple[NewFile, ...]:
        monkeypatch.setattr(Turn, "write", whole)
        action = AddAction("other.parquet", 1, {}, 0, True, '{"numRecords": 1}')
        table = DeltaTable(str(folder))
        table.create_write_transaction([action], "append", table.schema())
        return whole(turn, chunks)

    monkeypatch.setattr(Turn, "write", slow)
    assert store.append("things", values(2), batch="b") == 2
    assert stored(store) == [1, 5, 2]
    assert store.scan("things")["_seq"].to_pylist() == [0, 1, 2]


def test_a_damaged_checkpoint_is_done_without(
    store: DeltaTableStore, folder: Path, db: Database
) -> None:
    for place in range(CHECKPOINT_EVERY + 1):
        store.append("things", values(place), batch=str(place))
    next((folder / "_delta_log").glob("*.checkpoint.parquet")).write_bytes(b"torn")
    assert store.append("things", values(7), batch="more") == CHECKPOINT_EVERY + 1
    assert stored(store) == [*range(CHECKPOINT_EVERY + 1), 7]


def test_a_damaged_log_is_named(store: DeltaTableStore, folder: Path) -> None:
    store.append("things", values(1), batch="a")
    log_file(folder, 0).write_text("{}")
    with pytest.raises(Contract, match="is damaged"):
        store.append("things", values(2), batch="b")


def test_an_unknown_table_has_no_versions(store: DeltaTableStore) -> None:
    assert store.versions("things") == ()
    assert store.version_of("things", "a") is None
    with pytest.raises(NotFound, match="no data yet"):
        store.scan("things")


def test_columns_that_are_not_stored_are_refused(store: DeltaTableStore) -> None:
    store.append("things", values(1), batch="a")
    with pytest.raises(Conflict, match="ingest the dataset again"):
        store.scan("things", columns=["other"])


def test_a_folder_that_cannot_be_made_is_named(store: DeltaTableStore, tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file where a folder should be")
    with pytest.raises(Denied, match="lake"):
        store.append("things", values(1), batch="a")


def test_threads_take_turns(store: DeltaTableStore) -> None:
    threads = [
        threading.Thread(target=store.append, args=("things", values(n)), kwargs={"batch": str(n)})
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = store.scan("things").sort_by("_seq")
    assert rows["_seq"].to_pylist() == list(range(6))
    assert sorted(rows["value"].to_numpy()) == list(range(6))


def _append(root: Path, first: int) -> None:
    with Database.open("sqlite:catalog.db", root) as db:
        store = DeltaTableStore("file:lake", root, db)
        for n in range(first, first + 3):
            store.append("things", values(n), batch=str(n))


def test_processes_take_turns(store: DeltaTableStore, tmp_path: Path, db: Database) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_append, args=(tmp_path, 3 * n)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert sorted(stored(store)) == list(range(6))
    newest = table_versions.latest(db, "things")
    assert newest is not None
    assert newest.rows == 6


def test_a_held_lock_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "things.lock"
    with (
        locked(path),
        pytest.raises(Conflict, match="holds the lock"),
        locked(path, wait_seconds=0.02),
    ):
        pass
