"""The suite that every table store passes.

Subclass it in a test module and give it the fixture ``stores``, a function that opens the store,
each time on the same tables and with no memory of what it read before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from towpath.core.errors import Conflict, Invalid, NotFound
from towpath.lake.tables import TableStore

Open = Callable[[], TableStore]
NOW = timedelta(0)


def things(*values: int, word: str = "old") -> pa.Table:
    """Make rows of an id and a word."""
    return pa.table(
        {"id": pa.array(values, pa.int64()), "word": pa.array([word] * len(values), pa.string())}
    )


def stored(store: TableStore, *, version: int | None = None) -> list[tuple[int, str]]:
    """Read the rows of the table, in their order."""
    rows = store.scan("things", columns=["id", "word"], version=version)
    return [(row["id"], row["word"]) for row in rows.to_pylist()]


def rows_of(*values: int, word: str = "old") -> list[tuple[int, str]]:
    """Write down the rows that ``things`` makes."""
    return [(value, word) for value in values]


class TableStoreSuite:
    """What ``towpath.lake.tables.TableStore`` promises, as tests."""

    def test_each_write_is_a_version(self, stores: Open) -> None:
        """Earlier versions stay readable."""
        store = stores()
        assert store.version("things") is None
        assert store.append("things", things(1), batch="a") == 0
        assert store.append("things", things(2, 3), batch="b") == 1
        assert store.overwrite("things", things(4), batch="c") == 2
        found = [stored(store, version=version) for version in range(3)]
        assert found == [rows_of(1), rows_of(1, 2, 3), rows_of(4)]
        assert [one.rows for one in store.versions("things")] == [1, 3, 1]

    def test_another_store_reads_what_one_wrote(self, stores: Open) -> None:
        """Nothing is kept in memory alone."""
        stores().append("things", things(1), batch="a")
        assert stored(stores()) == rows_of(1)

    def test_a_batch_is_written_once(self, stores: Open) -> None:
        """The same batch again returns the version that it made."""
        store = stores()
        assert [store.append("things", things(1), batch=one) for one in "aba"] == [0, 1, 0]
        assert store.version_of("things", "b") == 1
        assert store.version_of("things", "x") is None
        store.overwrite("things", things(2), batch="c")
        assert store.version_of("things", "a") is None

    def test_pieces_make_one_version(self, stores: Open) -> None:
        """Rows that come piece by piece are numbered through."""
        store = stores()
        assert store.append("things", (things(value) for value in range(5)), batch="a") == 0
        assert store.append("things", iter([things(5), things(), things(6)]), batch="b") == 1
        assert store.scan("things")["_seq"].to_pylist() == list(range(7))
        assert stored(store) == rows_of(*range(7))

    def test_pieces_that_fail_change_nothing(self, stores: Open) -> None:
        """The source may raise half-way; the batch can be written again."""
        store = stores()
        store.append("things", things(1), batch="a")

        def broken() -> object:
            yield things(2)
            raise KeyError

        with pytest.raises(KeyError):
            store.append("things", broken(), batch="b")  # type: ignore[arg-type]  # yields tables
        assert stored(store) == rows_of(1)
        assert store.append("things", things(2), batch="b") == 1

    def test_no_rows_are_rows_too(self, stores: Open) -> None:
        """An empty table makes a version; no table at all is refused."""
        store = stores()
        assert store.append("things", things(), batch="a") == 0
        assert store.append("things", things(1), batch="b") == 1
        assert store.overwrite("things", things(), batch="c") == 2
        assert (stored(store, version=1), stored(store)) == (rows_of(1), [])
        with pytest.raises(Invalid, match="not even an empty table"):
            store.append("things", iter([]), batch="d")

    def test_a_merge_replaces_rows_of_the_same_key(self, stores: Open) -> None:
        """The newer row comes last, with a place of its own; all others stay where they were."""
        store = stores()
        store.append("things", things(1, 2, 3), batch="a")
        store.append("things", things(4, 5), batch="b")
        assert store.merge("things", things(2, 9, word="new"), key=["id"], batch="c") == 2
        assert stored(store) == [*rows_of(1, 3, 4, 5), *rows_of(2, 9, word="new")]
        assert store.scan("things")["_seq"].to_pylist() == [0, 2, 3, 4, 5, 6]
        assert stored(store, version=1) == rows_of(1, 2, 3, 4, 5)

    def test_a_merge_is_done_once_and_counts_on(self, stores: Open) -> None:
        """The same batch again does nothing; the next rows take the next places."""
        store = stores()
        assert store.merge("things", things(1, 2), key=["id"], batch="a") == 0
        assert store.merge("things", things(2, word="new"), key=["id"], batch="b") == 1
        assert store.merge("things", things(2, word="new"), key=["id"], batch="b") == 1
        store.append("things", things(3), batch="c")
        assert store.scan("things")["_seq"].to_pylist() == [0, 2, 3]

    def test_a_merge_by_several_columns(self, stores: Open) -> None:
        """Rows are the same where all columns of the key are."""
        store = stores()
        both = pa.table({"id": [1, 1, 2], "word": ["a", "b", "a"], "value": [1.0, 2.0, 3.0]})
        store.append("things", both, batch="a")
        newer = pa.table({"id": [1, 2], "word": ["b", "b"], "value": [8.0, 9.0]})
        store.merge("things", newer, key=["id", "word"], batch="b")
        assert store.scan("things")["value"].to_pylist() == [1.0, 3.0, 8.0, 9.0]

    def test_a_merge_leaves_files_without_its_keys(self, stores: Open) -> None:
        """Only files that hold a key are written anew."""
        store = stores()
        for number in range(3):
            store.append("things", things(10 * number, 10 * number + 1), batch=str(number))
        before = store.files("things").paths
        store.merge("things", things(11, word="new"), key=["id"], batch="m")
        after = store.files("things").paths
        assert (before[0], before[2]) == (after[0], after[2])
        assert len(after) == 4

    def test_a_key_is_given_once_and_whole(self, stores: Open) -> None:
        """Doubled and missing keys are refused, and nothing is written."""
        store = stores()
        with pytest.raises(Invalid, match="same id"):
            store.merge("things", things(1, 1), key=["id"], batch="a")
        with pytest.raises(Invalid, match="null"):
            store.merge("things", pa.table({"id": [1, None]}), key=["id"], batch="a")
        with pytest.raises(Invalid, match="cannot be merged"):
            store.merge("things", things(1), key=["other"], batch="a")
        assert store.version("things") is None

    def test_new_columns_are_null_in_earlier_rows(self, stores: Open) -> None:
        """Versions from before do not have them."""
        store = stores()
        store.append("things", things(1), batch="a")
        wider = things(2).append_column("size", pa.array([0.5]))
        version = store.append("things", wider, batch="b")
        assert store.scan("things")["size"].to_pylist() == [None, 0.5]
        assert store.schema("things").names == ["id", "word", "size", "_seq"]
        assert store.schema("things", version=0).names == ["id", "word", "_seq"]
        widest = wider.append_column("at", pa.array([b"x"]))
        store.merge("things", widest, key=["id"], batch="c")
        assert store.scan("things")["at"].to_pylist() == [None, b"x"]
        assert store.version("things") == version + 2

    def test_a_change_of_columns_is_refused_and_named(self, stores: Open) -> None:
        """Only an overwrite may take columns away or change their type."""
        store = stores()
        store.append("things", things(1), batch="a")
        other = pa.table({"id": [0.5], "word": ["x"]})
        with pytest.raises(Conflict, match="'id' as int64, not as double"):
            store.append("things", other, batch="b")
        with pytest.raises(Conflict, match="column 'word', which the rows lack"):
            store.merge("things", things(1).select(["id"]), key=["id"], batch="b")
        store.overwrite("things", other, batch="b")
        assert store.scan("things").to_pylist() == [{"id": 0.5, "word": "x", "_seq": 0}]

    def test_a_condition_chooses_rows(self, stores: Open) -> None:
        """In any file, and on columns that are not asked for."""
        store = stores()
        for number in range(3):
            store.append("things", things(number, number + 10), batch=str(number))
        found = store.scan("things", columns=["word"], where=pc.field("id") > 9)
        assert found.num_rows == 3
        assert found.column_names == ["word"]

    def test_compaction_keeps_rows_and_their_order(self, stores: Open) -> None:
        """Many small files become one; a second time there is nothing to do."""
        store = stores()
        for number in range(6):
            store.append("things", things(number, number + 100), batch=str(number))
        store.merge("things", things(3, 7, word="new"), key=["id"], batch="m")
        before = store.scan("things")
        version = store.compact("things")
        assert store.scan("things").equals(before)
        assert len(store.files("things").paths) == 1
        assert store.compact("things") == version
        assert store.append("things", things(4), batch="4") < version
        store.append("things", things(8), batch="8")
        assert store.scan("things")["_seq"].to_pylist()[-1] == before["_seq"][-1].as_py() + 1

    def test_a_vacuum_keeps_the_latest_and_the_pinned(self, stores: Open) -> None:
        """What is gone says so when it is read."""
        store = stores()
        for number in range(4):
            store.overwrite("things", things(number), batch=str(number))
        found = store.vacuum("things", pinned=lambda: {1}, older_than=NOW)
        assert (found.versions, found.files) == ((0, 2), 2)
        assert (stored(store, version=1), stored(store)) == (rows_of(1), rows_of(3))
        with pytest.raises(NotFound, match="vacuumed"):
            stores().scan("things", version=2)
        assert [one.vacuumed for one in store.versions("things")] == [True, False, True, False]
        assert store.vacuum("things", pinned=lambda: {1}, older_than=NOW).files == 0

    def test_a_vacuum_asks_for_pins_when_its_turn_has_come(self, stores: Open) -> None:
        """No version can be made meanwhile."""
        store = stores()
        store.overwrite("things", things(1), batch="a")
        seen = []

        def pinned() -> set[int]:
            writer = threading.Thread(
                target=stores().overwrite, args=("things", things(2)), kwargs={"batch": "b"}
            )
            writer.start()
            writer.join(0.5)
            seen.append((writer, store.version("things")))
            return {0}

        store.vacuum("things", pinned=pinned, older_than=NOW)
        writer, version = seen[0]
        writer.join()
        assert (version, stored(store, version=0), stored(store)) == (0, rows_of(1), rows_of(2))

    def test_a_vacuum_keeps_what_was_read_lately(self, stores: Open) -> None:
        """Within the span, and where later versions need the files."""
        store = stores()
        store.overwrite("things", things(1), batch="a")
        store.append("things", things(2), batch="b")
        store.overwrite("things", things(3), batch="c")
        store.append("things", things(4), batch="d")
        assert store.vacuum("things", pinned=set, older_than=timedelta(days=1)).files == 0
        assert store.vacuum("things", pinned=set, older_than=NOW).versions == (0, 1)
        assert stored(store, version=2) == rows_of(3)

    def test_what_is_not_there_is_not_found(self, stores: Open) -> None:
        """Tables and versions."""
        store = stores()
        assert store.versions("things") == ()
        assert store.version_of("things", "a") is None
        for ask in (store.scan, store.files, store.schema, store.compact):
            with pytest.raises(NotFound, match="no data yet"):
                ask("things")
        store.append("things", things(1), batch="a")
        with pytest.raises(NotFound, match="no version 7"):
            store.scan("things", version=7)

    def test_threads_take_turns(self, stores: Open) -> None:
        """Every batch is there once, and the places have no gaps."""
        store = stores()
        threads = [
            threading.Thread(
                target=store.append, args=("things", things(value)), kwargs={"batch": str(value)}
            )
            for value in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = store.scan("things")
        assert rows["_seq"].to_pylist() == list(range(6))
        assert set(rows["id"].to_pylist()) == set(range(6))
