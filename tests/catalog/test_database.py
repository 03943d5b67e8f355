from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from towpath.catalog import database
from towpath.catalog.database import Database
from towpath.catalog.migrations import MIGRATIONS
from towpath.core.errors import Conflict, Contract, Denied, Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INSERT = "INSERT INTO batches (dataset, batch, version, report) VALUES (?, ?, 0, '')"


def count(db: Database) -> int:
    return int(db.query("SELECT count(*) AS n FROM batches")[0]["n"])


def test_a_new_file_gets_its_folder_and_all_migrations(tmp_path: Path) -> None:
    with Database.open("sqlite:deep/down/catalog.db", tmp_path) as db:
        assert db.query("PRAGMA user_version")[0][0] == len(MIGRATIONS)
        assert db.query("PRAGMA journal_mode")[0][0] == "wal"
        assert db.query("PRAGMA synchronous")[0][0] == 2


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    with Database.open("sqlite:catalog.db", tmp_path) as db, db.transaction() as connection:
        connection.execute(INSERT, ("trips", "a"))
    with Database.open("sqlite:catalog.db", tmp_path) as db:
        assert count(db) == 1


def insert_and_fail(db: Database) -> None:
    with db.transaction() as connection:
        connection.execute(INSERT, ("trips", "a"))
        raise KeyError


def insert_inside_and_fail(db: Database) -> None:
    with db.transaction():
        with db.transaction() as connection:
            connection.execute(INSERT, ("trips", "a"))
        raise KeyError


@pytest.mark.parametrize("fail", [insert_and_fail, insert_inside_and_fail])
def test_a_transaction_that_fails_leaves_nothing(
    db: Database, fail: Callable[[Database], None]
) -> None:
    with pytest.raises(KeyError):
        fail(db)
    assert count(db) == 0


def test_threads_have_connections_of_their_own(db: Database) -> None:
    def insert(name: str) -> None:
        for place in range(20):
            with db.transaction() as connection:
                connection.execute(INSERT, (name, str(place)))

    threads = [threading.Thread(target=insert, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(db) == 80


def _insert_in_child(db: Database) -> None:
    with db.transaction() as connection:
        connection.execute(INSERT, ("trips", "child"))


def test_a_forked_process_does_not_use_its_parents_connection(db: Database) -> None:
    assert count(db) == 0
    child = multiprocessing.get_context("fork").Process(target=_insert_in_child, args=(db,))
    child.start()
    child.join()
    assert (child.exitcode, count(db)) == (0, 1)


def _open(path: Path) -> None:
    Database(path).close()


def test_processes_that_open_a_new_file_together_migrate_it_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_open, args=(tmp_path / "catalog.db",)) for _ in range(6)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 6


def test_a_failed_migration_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.db"
    monkeypatch.setattr(database, "MIGRATIONS", (("CREATE TABLE one (a)", "CREATE TABLE wrong"),))
    with pytest.raises(Denied, match="incomplete input"):
        Database(path)
    monkeypatch.undo()
    with Database(path) as db:
        assert db.query("SELECT name FROM sqlite_master WHERE name = 'one'") == []


def test_a_file_of_a_newer_release_is_refused(db: Database) -> None:
    with db.transaction() as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(Conflict, match="newer release"):
        Database(db.path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_text("something else entirely, and long enough" * 50)
    with pytest.raises(Contract, match="not an intact SQLite database"):
        Database(tmp_path / "catalog.db")


def test_a_path_that_cannot_be_written_is_denied(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(Denied, match="cannot be opened or written"):
        Database(tmp_path / "taken" / "catalog.db")


def test_another_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="sqlite:PATH"):
        Database.open("oracle:catalog", tmp_path)


def test_a_writer_that_holds_on_too_long_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    with Database(tmp_path / "catalog.db") as db:
        other = sqlite3.connect(db.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="another writer"), db.transaction():
            pass
        other.close()
