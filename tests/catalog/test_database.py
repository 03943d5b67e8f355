from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from towpath.catalog import backend
from towpath.catalog.database import Database
from towpath.catalog.migrations import postgres as postgres_migrations
from towpath.catalog.migrations import sqlite as sqlite_migrations
from towpath.catalog.postgres import PostgresBackend
from towpath.catalog.sqlite import SqliteBackend
from towpath.core.errors import Conflict, Contract, Denied, Invalid, MissingExtra, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from towpath.catalog.backend import Connection

    Open = Callable[[], Database]

INSERT = "INSERT INTO batches (dataset, batch, version, report) VALUES (?, ?, 0, '')"


def test_a_new_file_gets_its_folder_and_is_synced_at_each_commit(tmp_path: Path) -> None:
    with Database.open("sqlite:deep/down/catalog.db", tmp_path) as db:
        assert db.path == tmp_path / "deep/down/catalog.db"
        assert db.query("PRAGMA journal_mode")[0]["journal_mode"] == "wal"
        assert db.query("PRAGMA synchronous")[0]["synchronous"] == 2


def test_a_new_catalog_gets_all_migrations(db: Database) -> None:
    with db.transaction() as connection:
        assert db.backend.version(connection) == len(db.backend.migrations) > 0


def test_both_kinds_of_database_have_seen_as_many_steps() -> None:
    assert len(sqlite_migrations.MIGRATIONS) == len(postgres_migrations.MIGRATIONS)


def columns(db: Database) -> dict[str, set[str]]:
    if isinstance(db.backend, SqliteBackend):
        rows = db.query(
            "SELECT t.name AS name, c.name AS part FROM pragma_table_list AS t,"
            " pragma_table_info(t.name) AS c WHERE t.schema = 'main'"
            " AND t.type IN ('table', 'virtual') AND t.name NOT LIKE 'sqlite_%'"
        )
    else:
        rows = db.query(
            "SELECT table_name AS name, column_name AS part FROM information_schema.columns"
            " WHERE table_schema = current_schema()"
        )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["name"], set()).add(row["part"])
    return found


def test_both_kinds_of_database_have_the_same_tables(tmp_path: Path, postgres_url: str) -> None:
    with Database.open("sqlite:catalog.db", tmp_path) as one:
        sqlite = columns(one)
    with Database.open(postgres_url, tmp_path) as other:
        postgres = columns(other)
    own = {"asset_text", "asset_terms", "catalog_version"}
    assert postgres["step_attempts"] - sqlite["step_attempts"] == {"rowid"}
    postgres["step_attempts"].discard("rowid")
    assert {name: postgres[name] for name in postgres.keys() - own} == {
        name: sqlite[name] for name in sqlite.keys() - own
    }


def test_a_catalog_of_a_newer_release_is_refused(opened: Open) -> None:
    db = opened()
    with db.transaction() as connection:
        db.backend.set_version(connection, 999)
    with pytest.raises(Conflict, match="newer release"):
        opened()


def test_a_failed_migration_leaves_the_catalog_as_it_was(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = opened()
    steps = (*db.backend.migrations, ("CREATE TABLE one (a TEXT)", "CREATE TABLE wrong"))
    monkeypatch.setattr(type(db.backend), "migrations", steps)
    with pytest.raises(Denied, match=r"incomplete input|syntax error"):
        opened()
    monkeypatch.undo()
    assert "one" not in columns(opened())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_text("something else entirely, and long enough" * 50)
    with pytest.raises(Contract, match="not an intact SQLite database"):
        Database.open("sqlite:catalog.db", tmp_path)


def test_a_path_that_cannot_be_written_is_denied(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(Denied, match="cannot be opened or written"):
        Database.open("sqlite:taken/catalog.db", tmp_path)


def test_another_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="sqlite:PATH"):
        Database.open("oracle:catalog", tmp_path)


def test_a_writer_that_holds_on_too_long_is_reported(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "BUSY_SECONDS", 0.05)
    with opened().transaction(), pytest.raises(Unavailable, match="another writer"):
        opened().transaction().__enter__()


def read_only(connection: Connection) -> Connection:
    connection.execute("PRAGMA query_only = 1")
    return connection


def test_a_read_only_connection_is_denied(tmp_path: Path) -> None:
    with (
        Database.open("sqlite:catalog.db", tmp_path) as db,
        pytest.raises(Denied, match="cannot be opened or written"),
        db.transaction() as connection,
    ):
        read_only(connection).execute(INSERT, ("trips", "a"))


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        Database.open(f"postgresql://ada:secret@/lake?host={tmp_path}", tmp_path)


def test_a_message_does_not_tell_the_password(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        Database.open(f"postgresql://ada:secret@/lake?host={tmp_path}", tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:S3cr3t@h/db",
        "postgresql://u:S3c r3t@[bad/db",
        "postgresql://u:a/S3cr3t@h/db",
        "postgresql://u:S3cr3t/a@h/db",
        "postgresql://u:a@S3cr3t@h/db",
    ],
)
def test_a_url_that_is_refused_does_not_tell_the_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid) as caught:
        Database.open(url, tmp_path)
    assert "S3c" not in f"{caught.value} {caught.value.__cause__}"


def test_a_url_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        Database.open("postgresql://db/lake?colour=blue", tmp_path)


@pytest.mark.parametrize(("old", "new"), [("/postgres?", "/nowhere?"), ("postgres:@", "nobody:@")])
def test_a_database_or_user_that_is_not_there_is_denied(
    postgres_server: str, tmp_path: Path, old: str, new: str
) -> None:
    with pytest.raises(Denied, match="lets nobody in"):
        Database.open(postgres_server.replace(old, new), tmp_path)


def test_a_schema_that_is_not_there_is_refused(postgres_server: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no schema"):
        Database.open(f"{postgres_server}&options=-csearch_path%3Dnowhere", tmp_path)


def test_a_user_without_rights_is_denied(postgres_url: str, tmp_path: Path) -> None:
    Database.open(postgres_url, tmp_path).close()
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS guest")
        admin.execute("CREATE ROLE guest LOGIN")
        row = admin.execute("SELECT current_schema()").fetchone()
        assert row is not None
        admin.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO guest").format(sql.Identifier(row[0])))
        url = postgres_url.replace("postgres:@", "guest:@")
        with pytest.raises(Denied, match="permission denied"):
            Database.open(url, tmp_path)
        admin.execute("DROP OWNED BY guest")
        admin.execute("DROP ROLE guest")


def stop_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            " AND application_name <> 'tests'"
        )


def test_a_restarted_server_is_asked_again(postgres_url: str, tmp_path: Path) -> None:
    with Database.open(postgres_url, tmp_path) as db:
        stop_connections(postgres_url)
        assert db.query("SELECT count(*) AS n FROM batches") == [{"n": 0}]
        stop_connections(postgres_url)
        with db.transaction() as connection:
            connection.execute(INSERT, ("trips", "a"))
        assert db.query("SELECT count(*) AS n FROM batches") == [{"n": 1}]


def test_a_lock_on_a_server_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    backend = PostgresBackend(f"postgresql://ada@/lake?host={tmp_path}")
    with pytest.raises(Unavailable, match="does not answer"):
        backend.locked("trips", 0.0, "").__enter__()


def test_a_lock_that_the_server_dropped_fails_nothing(postgres_url: str, tmp_path: Path) -> None:
    with Database.open(postgres_url, tmp_path) as db:
        with db.locked("trips"):
            stop_connections(postgres_url)
        with db.locked("trips", wait_seconds=0):
            pass


def write_and_lose(db: Database, url: str) -> None:
    with db.transaction() as connection:
        connection.execute(INSERT, ("trips", "a"))
    stop_connections(url)
    db.query("SELECT 1 AS one")


def test_a_transaction_that_the_server_dropped_is_unavailable(
    postgres_url: str, tmp_path: Path
) -> None:
    with Database.open(postgres_url, tmp_path) as db:
        with pytest.raises(Unavailable, match="does not answer"), db.transaction():
            write_and_lose(db, postgres_url)
        assert db.query("SELECT count(*) AS n FROM batches") == [{"n": 0}]


def test_a_catalog_on_a_server_has_no_path(postgres_url: str, tmp_path: Path) -> None:
    with Database.open(postgres_url, tmp_path) as db, pytest.raises(Invalid, match="not a file"):
        _ = db.path


def test_what_postgresql_cannot_keep_is_replaced(db: Database) -> None:
    with db.transaction() as connection:
        connection.execute(INSERT, ("a\x00b", "a"))
    kept = db.query("SELECT dataset FROM batches")[0]["dataset"]
    assert kept == ("a\ufffdb" if isinstance(db.backend, PostgresBackend) else "a\x00b")


def test_a_missing_library_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "towpath.catalog.postgres")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'towpath\[postgres\]'"):
        Database.open("postgresql://towpath@db/lake", tmp_path)


def connections(db: Database) -> int:
    rows = db.query(
        "SELECT count(*) AS n FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND application_name <> 'tests'"
    )
    return int(rows[0]["n"])


def test_connections_of_ended_threads_are_closed(postgres_url: str, tmp_path: Path) -> None:
    with Database.open(postgres_url, tmp_path) as db:
        for _ in range(5):
            thread = threading.Thread(target=db.query, args=("SELECT 1 AS one",))
            thread.start()
            thread.join()
        # The server notices a moment after.
        deadline = time.monotonic() + 10
        while connections(db) > 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert connections(db) <= 2
