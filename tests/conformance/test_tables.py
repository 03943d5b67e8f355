from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.fs as pafs
import pytest
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from tests.seaweed import BUCKET, environment, file_system

from towpath.catalog.database import Database
from towpath.core.clock import SystemClock
from towpath.core.errors import Denied, Invalid, Unavailable
from towpath.lake.tables.delta import DeltaTableStore
from towpath.lake.tables.disk import Disk
from towpath.lake.tables.s3 import S3DeltaTableStore
from towpath.lake.tables.versioned import VersionedTables
from towpath.testing.damaged_files import DamagedFilesSuite
from towpath.testing.table_store import (
    TableStoreSuite,
    rows_of,
    stored,
    things,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services import Bucket

    from towpath.lake.tables import TableStore

    Open = Callable[[], TableStore]


pytest_plugins = ("tests.services",)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open("sqlite:catalog.db", tmp_path) as database:
        yield database


class OnDisk:
    @pytest.fixture
    def stores(self, tmp_path: Path, db: Database) -> Callable[[], TableStore]:
        return lambda: DeltaTableStore("file:lake", tmp_path, db)

    @pytest.fixture
    def lake(self, tmp_path: Path) -> pafs.FileSystem:
        return pafs.SubTreeFileSystem(str(tmp_path / "lake"), pafs.LocalFileSystem())


@pytest.fixture
def s3_url(s3: Bucket) -> str:
    """The server that all tests share; each has a prefix of its own."""
    return s3.endpoint


class InBucket:
    """Each test has a prefix of its own."""

    @pytest.fixture
    def prefix(self, tmp_path: Path) -> str:
        return f"{BUCKET}/{tmp_path.name}"

    @pytest.fixture
    def stores(
        self,
        s3_url: str,
        prefix: str,
        db: Database,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Callable[[], TableStore]:
        for name, value in environment(s3_url).items():
            monkeypatch.setenv(name, value)
        return lambda: S3DeltaTableStore(f"s3://{prefix}", tmp_path, db)

    @pytest.fixture
    def lake(self, s3_url: str, prefix: str) -> pafs.FileSystem:
        return pafs.SubTreeFileSystem(prefix, file_system(s3_url))


class TestDeltaTableStore(OnDisk, TableStoreSuite):
    pass


@pytest.mark.slow
class TestDeltaTableStoreWithPostgres(OnDisk, TableStoreSuite):
    """Turns, versions and hashes are kept in PostgreSQL."""

    @pytest.fixture
    def db(self, postgres_url: str, tmp_path: Path) -> Iterator[Database]:
        with Database.open(postgres_url, tmp_path) as database:
            yield database


class TestDamagedFilesOnDisk(OnDisk, DamagedFilesSuite):
    pass


@pytest.mark.e2e
@pytest.mark.slow
class TestS3DeltaTableStore(InBucket, TableStoreSuite):
    def test_a_commit_that_is_there_is_not_replaced(self, stores: Open) -> None:
        """Also by a writer who takes no turns, such as Spark."""
        store = stores()
        store.append("things", things(1), batch="a")
        found = store.files("things")
        table = DeltaTable(found.table, storage_options=found.options)
        store.append("things", things(2), batch="b")
        once = CommitProperties(max_commit_retries=0)
        with pytest.raises(CommitFailedError):
            table.create_write_transaction([], "append", table.schema(), commit_properties=once)
        assert stored(store) == rows_of(1, 2)

    def test_other_readers_open_it(self, stores: Open) -> None:
        store = stores()
        store.append("things", things(1), batch="a")
        store.merge("things", things(1, 2, word="new"), key=["id"], batch="b")
        found = store.files("things")
        table = DeltaTable(found.table, storage_options=found.options)
        assert pa.table(table.to_pyarrow_table()).num_rows == 2

    @pytest.mark.usefixtures("stores")
    def test_a_bucket_that_is_not_there_is_named(self, tmp_path: Path, db: Database) -> None:
        store = S3DeltaTableStore("s3://other-bucket/x", tmp_path, db)
        with pytest.raises((Unavailable, Denied), match="s3://other-bucket/x"):
            store.append("things", things(1), batch="a")

    @pytest.mark.usefixtures("stores")
    def test_wrong_credentials_are_denied(
        self, tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        store = S3DeltaTableStore(f"s3://{BUCKET}/x", tmp_path, db)
        with pytest.raises(Denied, match=f"s3://{BUCKET}/x"):
            store.append("things", things(1), batch="a")


@pytest.mark.e2e
@pytest.mark.slow
class TestDamagedFilesInABucket(InBucket, DamagedFilesSuite):
    pass


def test_a_server_that_does_not_answer_is_unavailable(
    tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment("http://127.0.0.1:9").items():
        monkeypatch.setenv(name, value)
    store = S3DeltaTableStore("s3://lake/x", tmp_path, db)
    for ask in (
        lambda: store.append("things", things(1), batch="a"),
        lambda: store.scan("things"),
        lambda: store.files("things"),
        lambda: store.schema("things"),
        lambda: store.version("things"),
        lambda: store.versions("things"),
        lambda: store.version_of("things", "a"),
        lambda: store.compact("things"),
    ):
        with pytest.raises(Unavailable, match="does not answer"):
            ask()


def test_a_network_that_fails_is_no_damage(tmp_path: Path, db: Database) -> None:
    """Neither where a file is hashed first, nor where it is only read."""
    disk = Disk(tmp_path / "lake")

    def opened() -> VersionedTables:
        return VersionedTables(disk, db, clock=SystemClock(), lease_seconds=10)

    store = opened()
    store.append("things", things(1), batch="a")
    assert stored(store) == rows_of(1)
    disk.filesystem = pafs.SubTreeFileSystem("lake", file_system("http://127.0.0.1:9"))
    for one in (opened(), store):
        with pytest.raises(Unavailable):
            one.scan("things")
    with pytest.raises(Unavailable):
        opened().version_of("things", "a")


def test_a_url_names_a_bucket(tmp_path: Path, db: Database) -> None:
    with pytest.raises(Invalid, match="names no bucket"):
        S3DeltaTableStore("s3:", tmp_path, db)
