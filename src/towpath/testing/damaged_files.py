"""The suite that every store of Delta tables in files passes when its files are damaged.

Subclass it in a test module and give it two fixtures: ``stores``, as for the suite of every table
store, and ``lake``, the file system that holds the tables' files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.fs as pafs
import pytest

from towpath.core.errors import Contract
from towpath.testing.table_store import NOW, Open, rows_of, stored, things

if TYPE_CHECKING:
    from towpath.lake.tables import TableStore


class DamagedFilesSuite:
    """What a table store promises where its files are not as they were written."""

    @pytest.fixture
    def store(self, stores: Open) -> TableStore:
        """Three versions in files, read before so that the store knows them as whole."""
        store = stores()
        for number in range(3):
            rows = things(*range(1000 * number, 1000 * number + 1000))
            store.append("things", rows, batch=str(number))
        assert len(stored(store)) == 3000
        return store

    def test_a_flipped_bit_anywhere_in_a_file(
        self, stores: Open, store: TableStore, lake: pafs.FileSystem
    ) -> None:
        """In the head, the pages, the statistics and the foot, by a store old or new."""
        path = data_paths(lake)[1]
        whole = content(lake, path)
        for place in (0, 5, len(whole) // 3, len(whole) // 2, len(whole) - 40, len(whole) - 1):
            write(lake, path, flipped(whole, place))
            for one in (store, stores()):
                with pytest.raises(Contract, match=f"{path} of dataset 'things' is damaged"):
                    one.scan("things", columns=["id"])
        write(lake, path, whole)
        assert len(stored(store)) == 3000

    def test_a_missing_file(self, store: TableStore, lake: pafs.FileSystem) -> None:
        """Also for readers who only want the list; earlier versions stay readable."""
        path = data_paths(lake)[2]
        lake.delete_file(path)
        for ask in (store.scan, store.files):
            with pytest.raises(Contract, match=f"{path} of dataset 'things' is missing"):
                ask("things")
        assert len(stored(store, version=1)) == 2000

    def test_swapped_files(self, store: TableStore, lake: pafs.FileSystem) -> None:
        """Each is whole, but not the one that was written there."""
        one, two = data_paths(lake)[:2]
        first, second = content(lake, one), content(lake, two)
        write(lake, one, second)
        write(lake, two, first)
        with pytest.raises(Contract, match="is damaged"):
            store.scan("things")

    def test_a_foreign_file_is_not_read(self, store: TableStore, lake: pafs.FileSystem) -> None:
        """A file that no commit names is no part of the table."""
        write(lake, "things/other.parquet", content(lake, data_paths(lake)[0]))
        assert len(stored(store)) == 3000
        assert store.vacuum("things", pinned=set, older_than=NOW).files == 0

    @pytest.mark.parametrize("left", [0, 0.5, None])
    def test_a_damaged_last_commit(
        self, stores: Open, store: TableStore, lake: pafs.FileSystem, left: float | None
    ) -> None:
        """Emptied, half there or gone: readers and writers are told its name."""
        path = commit_path(2)
        whole = content(lake, path)
        lake.delete_file(path)
        if left is not None:
            write(lake, path, whole[: int(len(whole) * left)])
        for one in (store, stores()):
            with pytest.raises(Contract, match=f"{path} of dataset 'things'"):
                one.scan("things")
            with pytest.raises(Contract, match="is damaged"):
                one.append("things", things(1), batch="x")
        write(lake, path, whole)
        assert len(stored(store)) == 3000

    def test_a_damaged_earlier_commit(self, store: TableStore, lake: pafs.FileSystem) -> None:
        """Readers of the latest version do not need it; a writer is told."""
        write(lake, commit_path(1), b"")
        with pytest.raises(Contract, match="is damaged"):
            store.append("things", things(1), batch="x")
        assert len(stored(store)) == 3000

    @pytest.mark.parametrize("left", [0, 0.5, 0.9])
    def test_a_torn_commit_that_nobody_was_told_of_is_dropped(
        self, stores: Open, store: TableStore, lake: pafs.FileSystem, left: float
    ) -> None:
        """The next write makes the version instead."""
        whole = content(lake, commit_path(2))
        write(lake, commit_path(3), whole[: int(len(whole) * left)])
        assert len(stored(stores())) == 3000
        assert store.append("things", things(7), batch="x") == 3
        assert stored(store)[-1:] == rows_of(7)

    def test_a_batch_whose_file_is_damaged_is_not_said_to_be_in_place(
        self, stores: Open, store: TableStore, lake: pafs.FileSystem
    ) -> None:
        """Neither where it is asked for, nor where it is written again."""
        path = data_paths(lake)[1]
        write(lake, path, flipped(content(lake, path), 9))
        for one in (store, stores()):
            with pytest.raises(Contract, match=f"{path} of dataset 'things' is damaged"):
                one.version_of("things", "1")
            with pytest.raises(Contract, match=f"{path} of dataset 'things' is damaged"):
                one.append("things", things(1), batch="1")
            with pytest.raises(Contract, match=f"{path} of dataset 'things' is damaged"):
                one.merge("things", things(1), key=["id"], batch="1")

    def test_nobody_builds_on_a_file_that_is_missing(
        self, store: TableStore, lake: pafs.FileSystem
    ) -> None:
        """An overwrite builds on none, and mends the table."""
        path = data_paths(lake)[0]
        lake.delete_file(path)
        for work in (
            lambda: store.append("things", things(1), batch="x"),
            lambda: store.merge("things", things(5000), key=["id"], batch="x"),
            lambda: store.compact("things"),
            lambda: store.vacuum("things", pinned=set, older_than=NOW),
        ):
            with pytest.raises(Contract, match=f"{path} of dataset 'things' is missing"):
                work()
        store.overwrite("things", things(1), batch="y")
        assert stored(store) == rows_of(1)

    def test_a_damaged_latest_version_keeps_the_older_ones(
        self, store: TableStore, lake: pafs.FileSystem
    ) -> None:
        """They may hold the rows that it lacks."""
        store.overwrite("things", things(*range(3000)), batch="a")
        path = data_paths(lake)[-1]
        write(lake, path, flipped(content(lake, path), 9))
        with pytest.raises(Contract, match="is damaged"):
            store.vacuum("things", pinned=set, older_than=NOW)
        assert len(stored(store, version=2)) == 3000

    def test_a_damaged_table_is_mended_by_writing_it_again(
        self, stores: Open, store: TableStore, lake: pafs.FileSystem
    ) -> None:
        """The batch counts as not in place where its rows are damaged."""
        store.overwrite("things", things(*range(1000)), batch="a")
        path = next(one for one in data_paths(lake) if one.split("/")[1].startswith("0000000004"))
        write(lake, path, flipped(content(lake, path), 9))
        fresh = stores()
        assert fresh.version_of("things", "a") is None
        assert fresh.overwrite("things", things(1), batch="a") == 4
        assert stored(fresh) == rows_of(1)


def data_paths(lake: pafs.FileSystem) -> list[str]:
    """Return the data files of the table, in order of writing."""
    found = lake.get_file_info(pafs.FileSelector("things"))
    return sorted(one.path for one in found if one.path.endswith(".parquet"))


def commit_path(version: int) -> str:
    """Return the file of a commit."""
    return f"things/_delta_log/{version:020d}.json"


def content(lake: pafs.FileSystem, path: str) -> bytes:
    """Read a file."""
    with lake.open_input_file(path) as file:
        found: bytes = file.read()
    return found


def write(lake: pafs.FileSystem, path: str, data: bytes) -> None:
    """Replace a file."""
    with lake.open_output_stream(path) as file:
        file.write(data)


def flipped(data: bytes, place: int) -> bytes:
    """Flip one bit of a byte."""
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
