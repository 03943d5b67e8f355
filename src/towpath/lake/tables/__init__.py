"""Where the rows of datasets are kept: versioned tables behind two small Protocols."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import timedelta

    import pyarrow.compute as pc

    from towpath.catalog.table_versions import TableVersion

SEQUENCE = "_seq"

Rows = pa.Table | Iterable[pa.Table]


class DataFiles(Record, frozen=True):
    """The files of one version, checked, for other engines to read.

    Args:
        table: path or URL of the table, for readers of Delta tables.
        version: which version.
        paths: paths or URLs of its Parquet files, in order of arrival. Older files may lack the
            columns that came later.
        options: how to reach them (endpoint, region), in the names that Polars and delta-rs know;
            credentials come from the environment.
    """

    table: str
    version: int
    paths: tuple[str, ...]
    options: dict[str, str]


class Vacuumed(Record, frozen=True):
    """What a vacuum removed.

    Args:
        versions: those that cannot be read any more.
        files: how many data files are gone.
        size: their bytes.
    """

    versions: tuple[int, ...]
    files: int
    size: int


class TableReader(Protocol):
    """Reads named tables, each a line of versions 0, 1, 2 and so on.

    Every implementation promises:

    - Readers never wait for a version to be written and see only whole versions. Safe to use
      from several threads.
    - Each row has ``_seq`` (int64), its place in the order of arrival; ``scan`` returns rows in
      that order. A column that came later is null in rows from before.
    - Bytes are checked when read: a file that is not as it was written raises ``Contract`` and
      is named, never read.
    - ``NotFound`` for a table or version that does not exist, or that was vacuumed.
    """

    def scan(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Read rows of the latest or the given version."""
        ...

    def files(self, name: str, *, version: int | None = None) -> DataFiles:
        """Check the files of the latest or the given version, for other engines to read."""
        ...

    def schema(self, name: str, *, version: int | None = None) -> pa.Schema:
        """Return the columns of the latest or the given version, ``_seq`` among them."""
        ...

    def version(self, name: str) -> int | None:
        """Return the latest version, or None where there is no such table."""
        ...

    def versions(self, name: str) -> tuple[TableVersion, ...]:
        """Return all versions, the oldest first; empty where there is no such table."""
        ...

    def version_of(self, name: str, batch: str) -> int | None:
        """Return the version that a batch made, or None where its rows are not in place.

        Where a file is damaged, a batch that replaced all rows is not in place either, so that it
        is written again; for any other, ``Contract`` is raised.
        """
        ...


class TableWriter(Protocol):
    """Writes named tables.

    Every implementation promises:

    - A write is one step: it makes one new version, or none. When the call returns, the version
      survives the death of the process and the loss of power. Only new columns are a version of
      their own, just before that of their rows.
    - Rows come as a table, or piece by piece with bounded memory; pieces make one version.
    - Rows get their ``_seq`` as they come: 0, 1, 2 and so on, continued by appends and merges.
    - A write names its batch. While the rows of a batch are in place, the same batch appended or
      merged again, or overwriting the version that it made itself, does nothing and returns the
      version that the batch made. So a write that was cut short is simply done again.
    - A write that builds on files which are missing or damaged raises ``Contract``; an overwrite
      builds on none.
    - Writers of one table take turns, also across processes and machines. One that was stopped
      and overtaken cannot commit any more.
    - ``Conflict`` where columns differ (an append or merge may add nullable columns, no more) or
      another writer holds the table, ``Denied`` and ``Unavailable`` where the disk refuses.
    """

    def append(self, name: str, rows: Rows, *, batch: str) -> int:
        """Add rows as a new version and return its number."""
        ...

    def overwrite(self, name: str, rows: Rows, *, batch: str) -> int:
        """Replace all rows (and columns) as a new version and return its number."""
        ...

    def merge(self, name: str, rows: pa.Table, *, key: Sequence[str], batch: str) -> int:
        """Replace the rows whose key is there already, add the others; return the new version."""
        ...

    def compact(self, name: str) -> int:
        """Join small files into few; rows and their order stay. Return the latest version."""
        ...

    def vacuum(
        self, name: str, *, pinned: Callable[[], AbstractSet[int]], older_than: timedelta
    ) -> Vacuumed:
        """Remove data files that only old versions need.

        Kept are the latest version, the pinned ones, and those that were the latest at some time
        within ``older_than``. What is pinned is asked once the turn is taken.
        """
        ...


class TableStore(TableReader, TableWriter, Protocol):
    """Keeps named tables: reads and writes them."""
