"""Delta tables in a disk or bucket, written so that a power cut loses nothing acknowledged.

delta-rs syncs nothing and reads damaged files without a word. So the data files are written and
synced here, delta-rs only commits them, the commit is synced, and the catalog keeps a hash of
every file, which is compared before a file is read. A commit carries the hashes too: one that the
catalog did not see (the process died in between) is taken over when next looked at.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from towpath.catalog import leases, table_versions
from towpath.catalog.leases import TurnTaken
from towpath.core.errors import Conflict, Contract, NotFound, Unavailable
from towpath.lake.tables import DataFiles, Vacuumed
from towpath.lake.tables.columns import evolved, fitted, ordered, sequenced, storable
from towpath.lake.tables.compact import joined, neighbours
from towpath.lake.tables.data_file import data_set, numbered, pieces, read_files
from towpath.lake.tables.delta_log import Change, CommitTaken, arrow_schema, commit_file
from towpath.lake.tables.merge import checked_key, survivors, touched
from towpath.lake.tables.storage import explained
from towpath.lake.tables.turn import Place, Turn, data_files, open_log
from towpath.lake.tables.vacuum import vacuum
from towpath.lake.tables.verified import VerifiedFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import timedelta

    import pyarrow.compute as pc

    from towpath.catalog.database import Database
    from towpath.catalog.table_versions import TableVersion
    from towpath.core.clock import Clock
    from towpath.lake.tables import Rows
    from towpath.lake.tables.storage import Storage

TRIES = 5
PAUSE_SECONDS = 0.05

Result = TypeVar("Result")


class VersionedTables:
    """A TableStore of Delta tables, on whatever holds their files.

    Writers take turns by a lease in the catalog, which all who share the tables must share too.

    Args:
        storage: holds the files.
        db: the catalog that keeps versions, hashes and turns.
        clock: tells when a version is committed.
        lease_seconds: how long a writer that gives no sign of life keeps its turn.
    """

    def __init__(
        self, storage: Storage, db: Database, *, clock: Clock, lease_seconds: float
    ) -> None:
        """Name the parts; folders are made by the first write."""
        self._place = Place(storage, db, clock, VerifiedFiles(storage))
        self._lease_seconds = lease_seconds

    def append(self, name: str, rows: Rows, *, batch: str) -> int:
        """Add rows as a new version and return its number."""
        return self._once(name, rows, lambda turn, given: self._append(turn, given, batch))

    def overwrite(self, name: str, rows: Rows, *, batch: str) -> int:
        """Replace all rows (and columns) as a new version and return its number."""
        return self._once(name, rows, lambda turn, given: self._overwrite(turn, given, batch))

    def merge(self, name: str, rows: pa.Table, *, key: Sequence[str], batch: str) -> int:
        """Replace the rows whose key is there already, add the others; return the new version.

        Raises:
            Invalid: the key is null in a row, or the same in two.
        """
        keys = checked_key(name, rows, key)
        return self._again(name, lambda turn: self._merge(turn, rows, keys, batch))

    def compact(self, name: str) -> int:
        """Join small files into few; rows and their order stay. Return the latest version."""
        self._wanted(name, None)
        return self._again(name, self._compact)

    def vacuum(
        self, name: str, *, pinned: Callable[[], AbstractSet[int]], older_than: timedelta
    ) -> Vacuumed:
        """Remove data files that only old versions need.

        Kept are the latest version, the pinned ones, and those that were the latest at some time
        within ``older_than``.
        """
        self._wanted(name, None)
        now = self._place.clock.now()
        horizon = now - min(older_than, now - datetime.min.replace(tzinfo=UTC))
        return self._again(name, lambda turn: vacuum(turn, pinned=pinned, horizon=horizon))

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
        paths = [f"{name}/{file}" for file in data_files(wanted)]
        schema = ordered(arrow_schema(wanted.schema)) if wanted.schema else None
        try:
            with self._whole(wanted):
                found = data_set(self._place.storage, paths, schema)
                return read_files(found, columns=columns, where=where)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            message = f"The stored rows of dataset {name!r} cannot be read so: {error}."
            hint = "Check names and types; if the contract has changed, ingest the dataset again."
            raise Conflict(message, hint=hint, dataset=name) from error

    def files(self, name: str, *, version: int | None = None) -> DataFiles:
        """Check the files of the latest or the given version, for other engines to read."""
        wanted = self._wanted(name, version)
        storage = self._place.storage
        with explained(storage):
            self._place.verified.check(name, wanted.files)
        return DataFiles(
            table=storage.url(name),
            version=wanted.version,
            paths=tuple(storage.url(f"{name}/{file}") for file in data_files(wanted)),
            options=storage.options,
        )

    def schema(self, name: str, *, version: int | None = None) -> pa.Schema:
        """Return the columns of the latest or the given version, ``_seq`` among them."""
        wanted = self._wanted(name, version)
        with explained(self._place.storage):
            text = wanted.schema or open_log(self._place.storage, name, wanted.version).schema
        return ordered(arrow_schema(text))

    def version(self, name: str) -> int | None:
        """Return the latest version, or None where there is no such table."""
        current = self._current(name)
        return None if current is None else current.version

    def versions(self, name: str) -> tuple[TableVersion, ...]:
        """Return all versions, the oldest first; empty where there is no such table."""
        self._current(name)
        return table_versions.every(self._place.db, name)

    def version_of(self, name: str, batch: str) -> int | None:
        """Return the version that a batch made, or None where its rows are not in place.

        A batch that replaced all rows counts as not in place once a file is damaged: it mends the
        table by being written again.

        Raises:
            Contract: a file is missing or damaged, and the batch would not mend it.
        """
        current = self._current(name)
        if current is None:
            return None
        with explained(self._place.storage):
            log = open_log(self._place.storage, name, current.version)
            made = log.made(batch)
            if made is None or (log.replaced(batch) and not self._intact(current)):
                return None
            self._place.verified.check(name, current.files)
            return made

    def _append(self, turn: Turn, rows: Rows, batch: str) -> int:
        """Write the rows after those that are there."""
        done = turn.done(batch)
        if done is not None:
            return done
        given, parts = pieces(turn.name, rows)
        schema = storable(turn.name, given)
        if turn.columns is not None:
            schema = evolved(turn.name, turn.columns, schema)
        chunks = numbered(turn.name, parts, schema, start=turn.next_sequence)
        return turn.commit(Change(turn.write(chunks), batch=batch), sequenced(schema))

    def _overwrite(self, turn: Turn, rows: Rows, batch: str) -> int:
        """Write the rows instead of those that are there."""
        current = turn.current
        if current is not None and turn.made(batch) == current.version and self._intact(current):
            return current.version
        given, parts = pieces(turn.name, rows)
        schema = storable(turn.name, given)
        chunks = numbered(turn.name, parts, schema, start=0)
        change = Change(turn.write(chunks), mode="overwrite", batch=batch)
        return turn.commit(change, sequenced(schema))

    def _merge(self, turn: Turn, rows: pa.Table, keys: pa.Table, batch: str) -> int:
        """Write the rows, and again the files that hold their keys, without those."""
        if turn.columns is None:
            return self._append(turn, rows, batch)
        done = turn.done(batch)
        if done is not None:
            return done
        schema = evolved(turn.name, turn.columns, storable(turn.name, rows.schema))
        keys = fitted(turn.name, keys, pa.schema([schema.field(one) for one in keys.column_names]))
        names = touched(turn, keys)
        turn.check(names)
        removed: list[str] = []

        def chunks() -> Iterator[pa.Table]:
            for file, rest in survivors(turn, names, keys, sequenced(schema)):
                removed.append(file)
                if rest.num_rows:
                    yield rest
            yield from numbered(turn.name, [rows], schema, start=turn.next_sequence)

        added = turn.write(chunks())
        change = Change(added, removed=tuple(removed), batch=batch)
        return turn.commit(change, sequenced(schema))

    def _compact(self, turn: Turn) -> int:
        """Write files that follow each other as one."""
        if turn.current is None or turn.columns is None:
            return 0
        turn.check_present()
        rows = turn.rows(turn.log)
        groups = neighbours({name: rows[name] for name in turn.files})
        if not groups:
            return turn.current.version
        removed = tuple(name for group in groups for name in group)
        turn.check(list(removed))
        schema = sequenced(turn.columns)
        added = turn.write(joined(turn, groups, schema))
        return turn.commit(Change(added, removed=removed, rearranged=True), schema)

    def _once(self, name: str, rows: Rows, work: Callable[[Turn, Rows], Result]) -> Result:
        """Write in a turn, and again after a conflict if the rows can be gone through again."""
        if isinstance(rows, pa.Table):
            return self._again(name, lambda turn: work(turn, rows))
        with self._turn(name) as turn:
            return work(turn, rows)

    def _again(self, name: str, work: Callable[[Turn], Result]) -> Result:
        """Write in a turn; after a conflict try a few times more, at moments left to chance."""
        for number in range(TRIES - 1):
            try:
                with self._turn(name) as turn:
                    return work(turn)
            except CommitTaken:
                time.sleep(random.uniform(0, PAUSE_SECONDS * 2**number))  # noqa: S311  # no secret
        with self._turn(name) as turn:
            return work(turn)

    @contextmanager
    def _turn(self, name: str, *, wait_seconds: float = 60.0) -> Iterator[Turn]:
        """Wait for the turn at a table and say what a refusal of the disk means."""
        busy = f"Another process writes dataset {name!r}."
        with leases.leased(
            self._place.db,
            lease_name(name),
            wait_seconds=wait_seconds,
            lease_seconds=self._lease_seconds,
            busy=busy,
        ) as lease:
            try:
                yield Turn(self._place, name, lease)
            except (OSError, Contract) as error:
                # Whoever has overtaken this writer may have removed what it was writing.
                leases.confirm(self._place.db, lease)
                if isinstance(error, Contract):
                    raise
                raise self._place.storage.explained(error) from error

    def _current(self, name: str) -> TableVersion | None:
        """Return the latest version, after taking over commits that were not recorded.

        One that a writer is about to record, or that cannot be recorded, is not there yet.
        """
        recorded = table_versions.latest(self._place.db, name)
        following = 0 if recorded is None else recorded.version + 1
        path = f"{name}/{commit_file(following)}"
        with explained(self._place.storage):
            if self._place.storage.identities([path])[0] is None:
                return recorded
        try:
            with self._turn(name, wait_seconds=0) as turn:
                return turn.current
        except (TurnTaken, Unavailable):
            return table_versions.latest(self._place.db, name)

    def _wanted(self, name: str, version: int | None) -> TableVersion:
        """Return the latest or the given version.

        Raises:
            NotFound: there is none, or it was vacuumed.
        """
        current = self._current(name)
        if current is None:
            message = f"Dataset {name!r} has no data yet."
            raise NotFound(message, hint=f"Run: towpath data ingest {name}", dataset=name)
        wanted = current if version is None else table_versions.get(self._place.db, name, version)
        if wanted is None:
            message = f"Dataset {name!r} has no version {version}."
            raise NotFound(message, hint=f"It has 0 to {current.version}.", dataset=name)
        if wanted.vacuumed:
            message = f"Version {version} of dataset {name!r} was vacuumed: its files are gone."
            kept = [one for one in table_versions.every(self._place.db, name) if not one.vacuumed]
            hint = f"The oldest that is kept is {kept[0].version}."
            raise NotFound(message, hint=hint, dataset=name, version=version)
        return wanted

    @contextmanager
    def _whole(self, version: TableVersion) -> Iterator[None]:
        """Read the files of a version, which are as they were written.

        Raises:
            Contract: one is missing or damaged.
            Unavailable: the disk or bucket fails, which says nothing of the files.
        """
        verified = self._place.verified
        with explained(self._place.storage):
            verified.check(version.dataset, version.files)
            try:
                yield
            except OSError:
                # It tells as well that a file changed after it was checked.
                verified.check_again(version.dataset, version.files)
                raise

    def _intact(self, version: TableVersion) -> bool:
        """Tell whether every file of a version is as it was written."""
        try:
            self._place.verified.check(version.dataset, version.files)
        except Contract:
            return False
        return True


def lease_name(table: str) -> str:
    """Name the turn at a table.

    Example:
        >>> lease_name("trips")
        'table/trips'
    """
    return f"table/{table}"
