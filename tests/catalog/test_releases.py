"""A catalog that an earlier release wrote opens, keeps its rows and gains what is new."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from towpath.catalog import batches, definitions, events, intervals, runs, table_versions
from towpath.catalog.assets import Asset, index
from towpath.catalog.database import Database
from towpath.catalog.migrations import postgres, sqlite
from towpath.catalog.postgres import PostgresBackend
from towpath.catalog.search import Query, search
from towpath.catalog.sqlite import SqliteBackend
from towpath.core.instant import parse_instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import LiteralString

    from towpath.catalog.backend import Backend, Connection, Cursor

FOLDER = Path(__file__).parent / "releases"
RELEASES = sorted(int(path.stem.rpartition("_")[2]) for path in FOLDER.glob("sqlite_*.sql"))
AT = parse_instant("2026-10-01T08:00:00Z")
LAST_STATEMENT = 40


def restore(url: str, root: Path, version: int) -> Backend:
    """Put the dump of a release where the URL says."""
    if url.startswith("sqlite:"):
        path = root / url.removeprefix("sqlite:")
        connection = sqlite3.connect(path)
        connection.executescript((FOLDER / f"sqlite_{version}.sql").read_text(encoding="utf-8"))
        connection.close()
        return SqliteBackend(path)
    text: LiteralString = (FOLDER / f"postgres_{version}.sql").read_text(encoding="utf-8")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(text)
    return PostgresBackend(url)


def version_of(backend: Backend) -> int:
    connection = backend.connect()
    version = backend.version(connection)
    connection.close()
    return version


@pytest.mark.parametrize(("name", "steps"), [("sqlite", sqlite), ("postgres", postgres)])
def test_every_earlier_release_has_its_dump(name: str, steps: object) -> None:
    """A new migration comes with a dump of the release before it."""
    earlier = range(1, len(getattr(steps, "MIGRATIONS")))  # noqa: B009 - mypy knows no modules
    assert [one for one in earlier if not (FOLDER / f"{name}_{one}.sql").exists()] == []


@pytest.mark.parametrize("version", RELEASES)
def test_its_rows_are_kept(url: str, tmp_path: Path, version: int) -> None:
    restore(url, tmp_path, version)
    with Database.open(url, tmp_path) as db:
        names = [(one.kind, one.name, one.version) for one in definitions.active(db)]
        assert names == [("dataset", "trips", "v2"), ("model", "delay", "m1")]
        assert len(definitions.history(db, "dataset", "trips")) == 2
        assert events.read(db, subject="dataset/trips")[0].data["source"] == "São Paulo.csv"
        assert [one.rows for one in table_versions.every(db, "trips")] == [3, 5]
        assert batches.every(db, "trips")["k1"] == '{"rows":2}'
        assert intervals.read(db, "carrier")[0].interval.start == AT
        (run,) = runs.latest(db)
        assert run.results == {"ingest": {"rows": 3}}
        assert run.failure is not None
        assert run.failure.step == "train"


@pytest.mark.parametrize("version", RELEASES)
def test_it_can_be_written_and_searched(url: str, tmp_path: Path, version: int) -> None:
    backend = restore(url, tmp_path, version)
    with Database.open(url, tmp_path) as db:
        runs.start(db, "nightly", version="p2", at=AT)
        index(db, [Asset("dataset", "trips", AT)])
        assert search(db, Query("trips")).total == 1
    assert version_of(backend) == len(backend.migrations)


class Fatal:
    """A connection whose process is killed before a certain statement."""

    def __init__(self, connection: Connection, statements: int) -> None:
        self._connection = connection
        self._left = statements

    @property
    def closed(self) -> bool:
        return self._connection.closed

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return self._connection.execute(sql, parameters)

    def close(self) -> None:
        self._connection.close()


def open_and_die(backend: Backend, statements: int) -> None:
    connection = Fatal(backend.connect(), statements)
    backend.connect = lambda: connection  # type: ignore[method-assign]  # in a process of its own
    Database(backend).close()


@pytest.mark.parametrize("version", RELEASES)
def test_a_migration_that_is_killed_leaves_the_old_tables(
    url: str, tmp_path: Path, version: int
) -> None:
    backend = restore(url, tmp_path, version)
    fork = multiprocessing.get_context("fork")
    for statements in range(LAST_STATEMENT):
        child = fork.Process(target=open_and_die, args=(backend, statements))
        child.start()
        child.join()
        if child.exitcode == 0:
            break
        assert (child.exitcode, version_of(backend)) == (-signal.SIGKILL, version)
    assert statements > len(backend.migrations[-1])
    assert version_of(backend) == len(backend.migrations)
    with Database.open(url, tmp_path) as db:
        assert len(definitions.active(db)) == 2


def test_no_dump_tells_where_it_was_made() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.sql")]
    assert not any(re.search(r"OWNER TO|public\.|\\connect", text) for text in texts)
