"""One writer's turn on a table: what stands, and the step to the next version."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow.fs as pafs

from towpath.catalog import leases, table_versions
from towpath.catalog.table_versions import TableVersion
from towpath.core.errors import Contract, Unavailable
from towpath.core.instant import from_micros, to_micros
from towpath.lake.tables.columns import without_sequence
from towpath.lake.tables.data_file import (
    list_files,
    remove_files,
    row_count,
    sequence_range,
    write_files,
    written_before,
)
from towpath.lake.tables.delta_log import (
    LOG,
    Commit,
    CommitTaken,
    DeltaLog,
    LogError,
    arrow_schema,
    commit_file,
    create_table,
    first_line,
    read_commit,
)
from towpath.lake.tables.storage import stored_bytes, stored_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from towpath.catalog.database import Database
    from towpath.catalog.leases import Lease
    from towpath.core.clock import Clock
    from towpath.lake.tables.data_file import NewFile
    from towpath.lake.tables.delta_log import Change
    from towpath.lake.tables.storage import Storage
    from towpath.lake.tables.verified import VerifiedFiles

AFRESH = "Restore the lake from a backup, or move it and the catalog away and ingest again."
CHECKPOINT_EVERY = 20


@dataclass(frozen=True)
class Place:
    """Where tables are kept, and what is known of them.

    Args:
        storage: holds the files.
        db: the catalog, which keeps versions and hashes.
        clock: tells when a version is committed.
        verified: files that were found to be whole.
    """

    storage: Storage
    db: Database
    clock: Clock
    verified: VerifiedFiles


class Turn:
    """A writer's turn on a table, from the lease to the commit.

    It first takes over what the writer before left: commits that the catalog did not see, a
    commit torn by a power cut, files that nobody needs.

    Args:
        place: where the table is.
        name: the table.
        lease: the turn, which is lost if another writer overtakes this one.

    Attributes:
        current: the latest version, or None where there is no table yet.
    """

    def __init__(self, place: Place, name: str, lease: Lease) -> None:
        """Take over."""
        self.place = place
        self.name = name
        self.lease = lease
        place.storage.prepare(name)
        self.current = self._taken_over()
        if lease.abandoned:
            self._clean()

    @cached_property
    def log(self) -> DeltaLog:
        """The log of the latest version; it must list the files that the catalog recorded.

        Raises:
            Contract: a commit is damaged or lost, which delta-rs does not always notice.
        """
        version = None if self.current is None else self.current.version
        log = open_log(self.place.storage, self.name, version)
        if sorted(log.files) != sorted(self.files):
            where = self.place.storage.url(f"{self.name}/{LOG}")
            message = f"The log {where} of dataset {self.name!r} is damaged: a commit is lost."
            raise Contract(message, hint=AFRESH, dataset=self.name, file=where)
        return log

    @property
    def files(self) -> dict[str, str]:
        """Hashes of the latest version's data files by name, in order of arrival."""
        return {} if self.current is None else data_files(self.current)

    @property
    def columns(self) -> pa.Schema | None:
        """The stored columns without ``_seq``; None where there is no table yet."""
        if self.current is None:
            return None
        return without_sequence(arrow_schema(self.current.schema or self.log.schema))

    @property
    def next_sequence(self) -> int:
        """The ``_seq`` of the row that arrives next."""
        return max((self.range(name)[1] for name in self.files), default=0)

    def rows(self, log: DeltaLog) -> dict[str, int]:
        """Count the rows of each file, by name; where another writer left that out, in the file."""
        return {
            name: row_count(self.place.storage, f"{self.name}/{name}") if told is None else told
            for name, told in log.files.items()
        }

    def range(self, name: str) -> tuple[int, int]:
        """Return a data file's first ``_seq`` and the one after its last."""
        return sequence_range(self.place.storage, self.name, name)

    def made(self, batch: str) -> int | None:
        """Return the version that a batch made, where its rows are in place."""
        return None if self.current is None else self.log.made(batch)

    def done(self, batch: str) -> int | None:
        """Return the version that a batch made, if the table is still as it was written.

        Raises:
            Contract: a file is missing or damaged, so that nobody is told that all is well.
        """
        version = self.made(batch)
        if version is None:
            self.check_present()
        else:
            self.check(list(self.files))
        return version

    def check(self, names: list[str]) -> None:
        """Hold data files of the latest version against their hashes.

        Raises:
            Contract: one is missing or damaged.
        """
        self.place.verified.check(self.name, {name: self.files[name] for name in names})

    def check_present(self) -> None:
        """Look whether all data files of the latest version are there.

        Raises:
            Contract: one is missing.
        """
        self.place.verified.check_present(self.name, self.files)

    def write(self, chunks: Iterable[pa.Table]) -> tuple[NewFile, ...]:
        """Write data files that no version needs yet."""
        return tuple(write_files(self.place.storage, self.name, chunks, token=self.lease.token))

    def commit(self, change: Change, schema: pa.Schema) -> int:
        """Make the next version; new columns are a version before it.

        The catalog's transaction spans the commit, so that nobody can overtake in between.

        Raises:
            CommitTaken: a writer who takes no turns was faster.
            Conflict: another writer has overtaken this one.
            Unavailable: the commit could not be written.
        """
        log = None if self.current is None else self.log
        with self.place.db.transaction():
            leases.confirm(self.place.db, self.lease)
            if log is not None and change.mode == "append":
                self._add_columns(log, schema)
            version = self._write(log, change, schema)
            leases.give_back(self.place.db, self.lease)
        for file in change.added:
            self.place.verified.trust(self.name, file.name, file.hash)
        if version and version % CHECKPOINT_EVERY == 0:
            self._checkpoint()
        return version

    def _add_columns(self, log: DeltaLog, schema: pa.Schema) -> None:
        """Make a version that has the columns which are new, if there are any."""
        stored = arrow_schema(log.schema).names
        added = [field for field in schema if field.name not in stored]
        if added:
            at = to_micros(self.place.clock.now())
            with self._written():
                log.add_columns(added, self._next, at=at)
            self._adopt(log)

    def _write(self, log: DeltaLog | None, change: Change, schema: pa.Schema) -> int:
        """Write a commit and record it."""
        at = to_micros(self.place.clock.now())
        url = self.place.storage.url(self.name)
        with self._written():
            if log is None:
                log = create_table(url, self.place.storage.options, change, schema, at=at)
            else:
                log.commit(change, schema, self._next, at=at)
        return self._adopt(log).version

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Say why a commit could not be written."""
        number = self._next
        try:
            yield
        except LogError as error:
            if self._commit_bytes(number) is not None:
                message = f"Another writer changed the table of dataset {self.name!r} meanwhile."
                raise CommitTaken(message, hint="Do it again.", dataset=self.name) from error
            where = self.place.storage.url(f"{self.name}/{commit_file(number)}")
            message = f"The commit {where} cannot be written: {first_line(error)}."
            hint = "Free some space or mend the disk, then do it again."
            raise Unavailable(message, hint=hint, dataset=self.name) from error

    @property
    def _next(self) -> int:
        """The number of the next version."""
        return 0 if self.current is None else self.current.version + 1

    def _commit_bytes(self, version: int) -> bytes | None:
        """Return the content of a commit, or None where there is none."""
        path = f"{self.name}/{commit_file(version)}"
        if self.place.storage.identities([path])[0] is None:
            return None
        return stored_bytes(self.place.storage, path)

    def _taken_over(self) -> TableVersion | None:
        """Record commits whose writer died before it could; drop one torn by a power cut."""
        self.current = table_versions.latest(self.place.db, self.name)
        while (content := self._commit_bytes(self._next)) is not None:
            if read_commit(content) is None:
                self.place.storage.filesystem.delete_file(f"{self.name}/{commit_file(self._next)}")
                self.place.storage.sync([f"{self.name}/{LOG}"])
                break
            self._adopt(open_log(self.place.storage, self.name, self._next))
        return self.current

    def _adopt(self, log: DeltaLog) -> TableVersion:
        """Sync the commit that a log ends with and record its files and their hashes."""
        storage, number = self.place.storage, self._next
        path = commit_file(number)
        storage.sync([f"{self.name}/{path}", f"{self.name}/{LOG}", self.name])
        content = self._commit_bytes(number) or b""
        commit = read_commit(content) or Commit(None, {})
        rows = self.rows(log)
        present = storage.identities([f"{self.name}/{name}" for name in rows])
        # A file that an old version lacks was vacuumed; the latest version is told of when read.
        gone = None in present and self._commit_bytes(number + 1) is not None
        order = sorted(rows) if None in present else sorted(rows, key=self.range)
        known = {**self.files, **commit.hashes}
        hashes = {name: known.get(name) or self._hash(name) for name in order}
        adopted = TableVersion(
            dataset=self.name,
            version=number,
            rows=sum(rows.values()),
            files={**hashes, path: hashlib.sha256(content).hexdigest()},
            at=from_micros(log.committed_at if commit.at is None else commit.at),
            schema=log.schema,
            vacuumed=gone,
        )
        table_versions.record(self.place.db, adopted)
        self.current = adopted
        return adopted

    def _hash(self, name: str) -> str:
        """Hash a file of another origin as it is; one that is missing has none."""
        try:
            return stored_hash(self.place.storage, f"{self.name}/{name}")
        except FileNotFoundError:
            return ""

    def _clean(self) -> None:
        """Remove what earlier writers wrote and never committed; none of them can any more."""
        found = list_files(self.place.storage, self.name)
        left = {one for one in found if written_before(one, self.lease.token)} - self.files.keys()
        if left:
            versions = table_versions.every(self.place.db, self.name)
            left -= {name for one in versions if not one.vacuumed for name in one.files}
        remove_files(self.place.storage, self.name, left)

    def _checkpoint(self) -> None:
        """Sum the log up now and then and sync what that wrote."""
        self.log.checkpoint()
        self.place.storage.sync([*checkpoints(self.place.storage, self.name), f"{self.name}/{LOG}"])


def open_log(storage: Storage, name: str, version: int | None = None) -> DeltaLog:
    """Open a table that exists; its checkpoints can be done without.

    Raises:
        Contract: its log is damaged.
    """
    try:
        return DeltaLog(storage.url(name), storage.options, version=version)
    except LogError as error:
        found = checkpoints(storage, name)
        for path in found:
            storage.filesystem.delete_file(path)
        if found:
            return open_log(storage, name, version)
        where = storage.url(f"{name}/{LOG}")
        message = f"The log {where} of dataset {name!r} is damaged: {first_line(error)}."
        raise Contract(message, hint=AFRESH, dataset=name) from error


def checkpoints(storage: Storage, name: str) -> list[str]:
    """Return the paths of a log's summaries; it is complete without them."""
    selector = pafs.FileSelector(f"{name}/{LOG}", allow_not_found=True)
    found = storage.filesystem.get_file_info(selector)
    return [one.path for one in found if "checkpoint" in one.base_name]


def data_files(version: TableVersion) -> dict[str, str]:
    """Return the hashes of the files that hold a version's rows, in order of arrival.

    An earlier release recorded them in no order, under names that sort so.

    Example:
        >>> from datetime import UTC, datetime
        >>> files = {"a.parquet": "0f", "_delta_log/00000000000000000000.json": "1e"}
        >>> data_files(TableVersion("trips", 0, 9, files, datetime(2024, 1, 1, tzinfo=UTC)))
        {'a.parquet': '0f'}
    """
    found = {name: one for name, one in version.files.items() if not name.startswith(LOG)}
    return found if version.schema else dict(sorted(found.items()))
