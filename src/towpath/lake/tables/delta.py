"""Delta tables on a local disk, written so that a power cut loses nothing acknowledged.

delta-rs syncs nothing and reads damaged files without a word. So the data files are written and
synced here, delta-rs only commits them, the commit is synced, and the catalog keeps a hash of
every file, which is compared before a file is read. A file's name carries its hash too: a commit
that the catalog did not see (the process died in between) is taken over when next looked at.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import DeltaError
from deltalake.schema import Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from towpath.catalog import table_versions
from towpath.catalog.table_versions import TableVersion
from towpath.core.clock import Clock, SystemClock
from towpath.core.durable import file_hash, sync_file
from towpath.core.errors import Conflict, Contract, Denied, NotFound, Unavailable
from towpath.core.instant import from_micros, to_micros
from towpath.core.lock import locked
from towpath.core.settings import local_path
from towpath.lake.tables import SEQUENCE
from towpath.lake.tables.data_file import (
    data_file_hash,
    numbered,
    read_columns,
    read_data_files,
    write_data_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow.compute as pc

    from towpath.catalog.database import Database

AFRESH = "Restore the lake from a backup, or move it and the catalog away and ingest again."
CHECKPOINT_EVERY = 20
LAST_CHECKPOINT = "_last_checkpoint"
LOG = "_delta_log"
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
OVERWRITE = "towpath-overwrite"
RESTORE = "Restore the file from a backup, or ingest the dataset again with mode overwrite."
TIME = "towpath_at"


class DeltaTableStore:
    """A TableStore of Delta tables under one folder.

    Args:
        url: such as ``file:.towpath/lake``.
        root: the folder that a relative URL starts from.
        db: the catalog that keeps versions and hashes.
        clock: tells when a version is committed.
    """

    def __init__(self, url: str, root: Path, db: Database, *, clock: Clock | None = None) -> None:
        """Name the folder; it is made by the first write."""
        self._folder = local_path(url, root)
        self._db = db
        self._clock = clock or SystemClock()
        self._verified: dict[tuple[str, int, int], str] = {}

    def append(self, name: str, table: pa.Table, *, batch: str) -> int:
        """Add rows as a new version and return its number."""
        with self._writing(name):
            current = self._take_over(name)
            if current is None:
                return self._commit(name, table, None, mode="append", batch=batch)
            done = self._made(current, batch)
            if done is not None:
                return done
            aligned = table.select(self._columns(current, table))
            return self._commit(name, aligned, current, mode="append", batch=batch)

    def overwrite(self, name: str, table: pa.Table, *, batch: str) -> int:
        """Replace all rows (and columns) as a new version and return its number."""
        with self._writing(name):
            current = self._take_over(name)
            if current is None:
                return self._commit(name, table, None, mode="overwrite", batch=batch)
            if self._made(current, batch) == current.version and self._intact(current):
                return current.version
            return self._commit(name, table, current, mode="overwrite", batch=batch)

    def scan(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Read rows of the latest or the given version."""
        wanted = self._wanted(name, version)
        self._verify(wanted)
        try:
            return read_data_files(self._data_files(wanted), columns=columns, where=where)
        except OSError as error:
            message = f"A file of dataset {name!r} cannot be read: {error}."
            raise Contract(message, hint=RESTORE, dataset=name) from error
        except pa.ArrowInvalid as error:
            message = f"The stored rows of dataset {name!r} cannot be read so: {error}."
            hint = "Check names and types; if the contract has changed, ingest the dataset again."
            raise Conflict(message, hint=hint, dataset=name) from error

    def version(self, name: str) -> int | None:
        """Return the latest version, or None where there is no such table."""
        current = self._current(name)
        return None if current is None else current.version

    def versions(self, name: str) -> tuple[TableVersion, ...]:
        """Return all versions, the oldest first; empty where there is no such table."""
        self._current(name)
        return table_versions.every(self._db, name)

    def version_of(self, name: str, batch: str) -> int | None:
        """Return the version that a batch made, or None where its rows are not in place."""
        current = self._current(name)
        if current is None or not self._intact(current):
            return None
        return self._made(current, batch)

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Hold the table's lock and say what a refusal of the disk means."""
        folder = self._folder / name
        try:
            with locked(self._folder / ".locks" / name):
                folder.mkdir(parents=True, exist_ok=True)
                yield
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            message = f"The lake may not be written at {folder}: {error.strerror}."
            raise Denied(message, hint="Check the path and its permissions.") from error
        except OSError as error:
            message = f"The lake cannot be written at {folder}: {error}."
            raise Unavailable(message, hint="Free some space or mend the disk.") from error

    def _commit(
        self, name: str, table: pa.Table, current: TableVersion | None, *, mode: str, batch: str
    ) -> int:
        """Write the rows, commit the file, sync the commit and record it."""
        version = 0 if current is None else current.version + 1
        start = 0 if current is None or mode == "overwrite" else current.rows
        rows = numbered(table, start=start)
        action = self._written(name, rows, version)
        marks = [Transaction(batch, version)]
        marks += [Transaction(OVERWRITE, version)] if mode == "overwrite" else []
        properties = CommitProperties(
            custom_metadata={TIME: to_micros(self._clock.now())},
            max_commit_retries=0,
            app_transactions=marks,
        )
        schema = Schema.from_arrow(rows.schema)
        try:
            if current is None:
                create_table_with_add_actions(
                    str(self._folder / name),
                    schema,
                    [action],
                    commit_properties=properties,
                    post_commithook_properties=NO_HOOKS,
                )
            else:
                self._latest(current).create_write_transaction(
                    [action],
                    mode,
                    schema,
                    commit_properties=properties,
                    post_commithook_properties=NO_HOOKS,
                )
        except DeltaError as error:
            message = f"Another writer changed the table of dataset {name!r} at the same time."
            raise Conflict(message, hint="Do it again.", dataset=name) from error
        self._adopt(name, version)
        self._checkpoint(name, version)
        return version

    def _written(self, name: str, rows: pa.Table, version: int) -> AddAction:
        """Write the data file of a version and describe it for the log."""
        file = write_data_file(self._folder / name, rows, version=version)
        status = (self._folder / name / file).stat()
        return AddAction(
            path=file,
            size=status.st_size,
            partition_values={},
            modification_time=status.st_mtime_ns // 1_000_000,
            data_change=True,
            stats=json.dumps({"numRecords": rows.num_rows}),
        )

    def _adopt(self, name: str, version: int) -> TableVersion:
        """Sync a commit and record its files and their hashes in the catalog."""
        folder, log = self._folder / name, _log_file(version)
        table = self._open(name, version)
        sync_file(folder / log)
        for parent in (folder / LOG, folder, self._folder):
            sync_file(parent)
        actions = table.get_add_actions()
        files = {path: data_file_hash(folder / path) for path in actions["path"].to_pylist()}
        counts = actions["num_records"].to_pylist()
        commit = table.history(1)[0]
        adopted = TableVersion(
            dataset=name,
            version=version,
            rows=sum(counts),
            files={**files, log: file_hash(folder / log)},
            at=from_micros(commit.get(TIME, commit["timestamp"] * 1000)),
        )
        table_versions.record(self._db, adopted)
        return adopted

    def _made(self, current: TableVersion, batch: str) -> int | None:
        """Find a batch among the marks that commits leave in the log."""
        table = self._latest(current)
        made = table.transaction_version(batch)
        replaced = table.transaction_version(OVERWRITE) or 0
        return made if made is not None and made >= replaced else None

    def _intact(self, version: TableVersion) -> bool:
        """Tell whether every file of a version is as it was written."""
        try:
            self._verify(version)
        except Contract:
            return False
        return True

    def _current(self, name: str) -> TableVersion | None:
        """Return the latest version, after taking over commits that were not recorded."""
        recorded = table_versions.latest(self._db, name)
        if not self._following(name, recorded).exists():
            return recorded
        with self._writing(name):
            return self._take_over(name)

    def _take_over(self, name: str) -> TableVersion | None:
        """Record commits whose writer died before it could; drop one torn by a power cut."""
        recorded = table_versions.latest(self._db, name)
        while (log := self._following(name, recorded)).exists():
            if not _whole(log):
                log.unlink()
                break
            recorded = self._adopt(name, 0 if recorded is None else recorded.version + 1)
        return recorded

    def _following(self, name: str, version: TableVersion | None) -> Path:
        """Return where the commit after a version would be."""
        return self._folder / name / _log_file(0 if version is None else version.version + 1)

    def _open(self, name: str, version: int | None = None) -> DeltaTable:
        """Open a table that exists; its checkpoints can be done without.

        Raises:
            Contract: its log is damaged.
        """
        folder = self._folder / name
        try:
            return DeltaTable(str(folder), version=version)
        except DeltaError as error:
            if _remove_checkpoints(folder / LOG):
                return self._open(name, version)
            reason = str(error).partition("\n")[0]
            message = f"The log {folder / LOG} of dataset {name!r} is damaged: {reason}."
            raise Contract(message, hint=AFRESH, dataset=name) from error

    def _latest(self, current: TableVersion) -> DeltaTable:
        """Open the latest version; its log must list the files that the catalog recorded.

        Raises:
            Contract: a commit is damaged or lost, which delta-rs does not always notice.
        """
        table = self._open(current.dataset)
        listed = table.get_add_actions()["path"].to_pylist()
        if sorted(listed) != [path.name for path in self._data_files(current)]:
            log = self._folder / current.dataset / LOG
            message = f"The log {log} of dataset {current.dataset!r} is damaged: a commit is lost."
            raise Contract(message, hint=AFRESH, dataset=current.dataset, file=str(log))
        return table

    def _checkpoint(self, name: str, version: int) -> None:
        """Sum the log up now and then, so that a table of many commits opens quickly."""
        if version % CHECKPOINT_EVERY or not version:
            return
        self._open(name).create_checkpoint()
        log = self._folder / name / LOG
        for path in [*log.glob("*.checkpoint.parquet"), log / LAST_CHECKPOINT, log]:
            sync_file(path)

    def _wanted(self, name: str, version: int | None) -> TableVersion:
        """Return the latest or the given version.

        Raises:
            NotFound: there is none.
        """
        current = self._current(name)
        if current is None:
            message = f"Dataset {name!r} has no data yet."
            raise NotFound(message, hint=f"Run: towpath data ingest {name}", dataset=name)
        if version is None:
            return current
        wanted = table_versions.get(self._db, name, version)
        if wanted is None:
            message = f"Dataset {name!r} has no version {version}."
            raise NotFound(message, hint=f"It has 0 to {current.version}.", dataset=name)
        return wanted

    def _data_files(self, version: TableVersion) -> list[Path]:
        """List the files that hold a version's rows, in order of arrival."""
        names = sorted(path for path in version.files if not path.startswith(LOG))
        return [self._folder / version.dataset / name for name in names]

    def _columns(self, current: TableVersion, table: pa.Table) -> list[str]:
        """Return the stored order of columns, if they are those of the rows to append."""
        stored = read_columns(self._data_files(current)[0])
        stored.pop(SEQUENCE, None)
        if {field.name: field.type for field in table.schema} != stored:
            message = f"Dataset {current.dataset!r} is stored with other columns than its contract."
            hint = "Ingest it whole, with mode overwrite, to change its columns."
            raise Conflict(message, hint=hint, dataset=current.dataset)
        return list(stored)

    def _verify(self, version: TableVersion) -> None:
        """Compare files with their recorded hashes; one not touched since is trusted."""
        name = version.dataset
        for path, expected in version.files.items():
            file = self._folder / name / path
            try:
                status = file.stat()
                identity = (str(file), status.st_size, status.st_mtime_ns)
                found = self._verified.get(identity) or file_hash(file)
            except FileNotFoundError:
                message = f"The file {file} of dataset {name!r} is missing."
                raise Contract(message, hint=RESTORE, dataset=name, file=str(file)) from None
            if found != expected:
                message = f"The file {file} of dataset {name!r} is damaged: its hash has changed."
                raise Contract(message, hint=RESTORE, dataset=name, file=str(file))
            self._verified[identity] = found


def _log_file(version: int) -> str:
    """Name the file of a commit within its table."""
    return f"{LOG}/{version:020d}.json"


def _whole(log: Path) -> bool:
    """Tell whether a commit was written to its end."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines)
    except json.JSONDecodeError:
        return False


def _remove_checkpoints(log: Path) -> bool:
    """Remove the summaries of a log, which is complete without them; False where none is left."""
    found = [*log.glob("*.checkpoint.parquet"), *log.glob(LAST_CHECKPOINT)]
    for path in found:
        path.unlink(missing_ok=True)
    return bool(found)
