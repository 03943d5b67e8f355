"""The suite that every kind of database for the catalog passes.

Subclass it in a test module and give it a fixture named ``catalogs``: a function that opens the
catalog, each time the same one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from towpath.catalog.database import Database
from towpath.core.errors import Conflict, Denied

if TYPE_CHECKING:
    from towpath.catalog.backend import Connection

Open = Callable[[], Database]

INSERT = "INSERT INTO batches (dataset, batch, version, report) VALUES (?, ?, 0, '')"
COUNT = "SELECT count(*) AS number FROM batches"
TURNS = 10
FORK = multiprocessing.get_context("fork")


class CatalogSuite:
    """What ``towpath.catalog.backend.Backend`` promises, as tests."""

    def test_values_come_back_as_they_went_in(self, catalogs: Open) -> None:
        """Of any length, with the signs of SQL, and not mixed up with marks inside quotes."""
        db = catalogs()
        for name in ("a'; DROP TABLE batches; --", "%s ? :1 $1 \\", "é 日本 🚆", "x" * 100_000):
            with db.transaction() as connection:
                connection.execute("DELETE FROM batches")
                connection.execute(INSERT, (name[:200], "b"))
                connection.execute("UPDATE batches SET report = ?", (name,))
            (row,) = db.query(
                "SELECT *, '? %' AS sign FROM batches WHERE dataset = ?", [name[:200]]
            )
            assert (row["report"], row["sign"]) == (name, "? %")

    def test_large_numbers_come_back(self, catalogs: Open) -> None:
        """Times are 64 bits wide."""
        db = catalogs()
        with db.transaction() as connection:
            connection.execute(INSERT, ("trips", "a"))
            changed = connection.execute("UPDATE batches SET version = ?", (2**62,)).rowcount
        assert changed == 1
        assert db.query("SELECT version FROM batches")[0]["version"] == 2**62

    def test_what_was_committed_is_there_after_reopening(self, catalogs: Open) -> None:
        """Closing loses nothing."""
        with catalogs() as db, db.transaction() as connection:
            connection.execute(INSERT, ("trips", "a"))
        assert count(catalogs()) == 1

    @pytest.mark.parametrize("inside", [False, True])
    def test_a_transaction_that_fails_leaves_nothing(self, catalogs: Open, inside: bool) -> None:  # noqa: FBT001 - a parameter
        """Nor does one that it joined."""
        db = catalogs()
        with pytest.raises(KeyError):
            insert_and_fail(db, inside=inside)
        assert count(db) == 0

    def test_a_row_that_is_there_already_is_a_conflict(self, catalogs: Open) -> None:
        """And the transaction leaves nothing."""
        db = catalogs()
        with pytest.raises(Conflict, match="already"), db.transaction() as connection:
            insert_twice(connection)
        assert count(db) == 0

    @pytest.mark.parametrize("sql", ["DELETE FROM events", "UPDATE events SET actor = 'eve'"])
    def test_events_are_append_only(self, catalogs: Open, sql: str) -> None:
        """The database itself refuses."""
        db = catalogs()
        with db.transaction() as connection:
            connection.execute(
                "INSERT INTO events (at, actor, action, subject, data)"
                " VALUES (0, 'a', 'b', 'c', '')"
            )
        with pytest.raises(Denied, match="append-only"), db.transaction() as connection:
            connection.execute(sql)
        assert db.query("SELECT actor FROM events") == [{"actor": "a"}]

    def test_writers_take_turns(self, catalogs: Open) -> None:
        """What one reads inside its transaction nobody changes before it writes."""
        db = catalogs()
        with db.transaction() as connection:
            connection.execute(INSERT, ("trips", "a"))
        children = [FORK.Process(target=add_one, args=(db, TURNS)) for _ in range(2)]
        threads = [threading.Thread(target=add_one, args=(db, TURNS)) for _ in range(3)]
        for child in children:
            child.start()
        for thread in threads:
            thread.start()
        for child in children:
            child.join()
        for thread in threads:
            thread.join()
        assert db.query("SELECT version FROM batches")[0]["version"] == 5 * TURNS

    def test_a_reader_does_not_wait_for_a_writer(self, catalogs: Open) -> None:
        """It sees what was committed before."""
        writer, reader = catalogs(), catalogs()
        with writer.transaction() as connection:
            connection.execute(INSERT, ("trips", "a"))
            assert count(reader) == 0
        assert count(reader) == 1

    def test_a_forked_process_does_not_use_its_parents_connection(self, catalogs: Open) -> None:
        """And the parent's still works after the child has ended."""
        db = catalogs()
        assert count(db) == 0
        child = FORK.Process(target=insert_and_close, args=(db,))
        child.start()
        child.join()
        assert (child.exitcode, count(db)) == (0, 1)

    def test_a_killed_writer_leaves_nothing(self, catalogs: Open) -> None:
        """And does not keep others from writing."""
        db = catalogs()
        child = FORK.Process(target=insert_and_die, args=(db,))
        child.start()
        child.join()
        assert (child.exitcode, count(db)) == (-signal.SIGKILL, 0)
        insert_and_close(db)
        assert count(catalogs()) == 1

    def test_processes_that_open_a_new_catalog_together_migrate_it_once(
        self, catalogs: Open
    ) -> None:
        """None of them fails."""
        children = [FORK.Process(target=open_and_close, args=(catalogs,)) for _ in range(4)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert [child.exitcode for child in children] == [0] * 4

    def test_a_lock_has_one_holder(self, catalogs: Open) -> None:
        """Locks of other names are free."""
        one, other = catalogs(), catalogs()
        with one.locked("trips"), other.locked("weather"):
            with pytest.raises(Conflict, match="busy now"):
                other.locked("trips", wait_seconds=0, busy="busy now").__enter__()
            with pytest.raises(Conflict, match="trips"):
                other.locked("trips", wait_seconds=0.05).__enter__()
        with other.locked("trips", wait_seconds=0):
            pass

    def test_a_lock_is_freed_when_its_holder_is_killed(self, catalogs: Open) -> None:
        """Who waits for it gets it."""
        db = catalogs()
        ready = FORK.Event()
        child = FORK.Process(target=hold, args=(db, ready))
        child.start()
        assert ready.wait(10)
        killer = threading.Timer(0.1, child.kill)
        killer.start()
        with db.locked("trips", wait_seconds=10):
            assert child.exitcode is None or child.exitcode < 0
        killer.join()
        child.join()


def count(db: Database) -> int:
    """Count the rows of the table that the suite writes to."""
    return int(db.query(COUNT)[0]["number"])


def insert_twice(connection: Connection) -> None:
    """Write the same row twice."""
    for _ in range(2):
        connection.execute(INSERT, ("trips", "a"))


def insert_and_fail(db: Database, *, inside: bool) -> None:
    """Write, in a transaction of its own or in one that joins another, and fail."""
    with db.transaction() as connection:
        if not inside:
            connection.execute(INSERT, ("trips", "a"))
            raise KeyError
        with db.transaction() as joined:
            joined.execute(INSERT, ("trips", "a"))
        raise KeyError


def add_one(db: Database, times: int) -> None:
    """Read a number and write the next, so many times."""
    for _ in range(times):
        with db.transaction() as connection:
            row = connection.execute("SELECT version FROM batches").fetchone()
            assert row is not None
            connection.execute("UPDATE batches SET version = ?", (row["version"] + 1,))


def insert_and_close(db: Database) -> None:
    """Write one row."""
    with db, db.transaction() as connection:
        connection.execute(INSERT, ("trips", "child"))


def insert_and_die(db: Database) -> None:
    """Write one row, and never come to commit it."""
    with db.transaction() as connection:
        connection.execute(INSERT, ("trips", "child"))
        os.kill(os.getpid(), signal.SIGKILL)


def open_and_close(catalogs: Open) -> None:
    """Open the catalog."""
    catalogs().close()


def hold(db: Database, ready: threading.Event) -> None:
    """Hold a lock until killed."""
    with db.locked("trips"):
        ready.set()
        time.sleep(60)
