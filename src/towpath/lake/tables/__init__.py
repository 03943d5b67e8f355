"""Where the rows of datasets are kept: versioned tables behind one small Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    import pyarrow.compute as pc

    from towpath.catalog.table_versions import TableVersion

SEQUENCE = "_seq"


class TableStore(Protocol):
    """Keeps named tables, each a line of versions 0, 1, 2 and so on.

    Every implementation promises:

    - A write is one step: it makes one new version, or none. When the call returns, the version
      survives the death of the process and the loss of power.
    - Each row gets ``_seq`` (int64), its place in the order of arrival: 0, 1, 2 and so on,
      continued by appends. ``scan`` returns rows in that order.
    - A write names its batch. While the rows of a batch are in place, the same batch appended
      again, or overwriting the version that it made itself, does nothing and returns the version
      that the batch made. So a write that was cut short is simply done again.
    - Writers of one table take turns, also across processes; readers never wait for a version to
      be written and see only whole versions. Safe to use from several threads.
    - Bytes are checked when read: a file that is not as it was written raises ``Contract`` and
      is named, never read.
    - ``NotFound`` for a table or version that does not exist, ``Conflict`` where columns differ
      or another writer holds the table, ``Denied`` and ``Unavailable`` where the disk refuses.
    """

    def append(self, name: str, table: pa.Table, *, batch: str) -> int:
        """Add rows as a new version and return its number."""
        ...

    def overwrite(self, name: str, table: pa.Table, *, batch: str) -> int:
        """Replace all rows (and columns) as a new version and return its number."""
        ...

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

    def version(self, name: str) -> int | None:
        """Return the latest version, or None where there is no such table."""
        ...

    def versions(self, name: str) -> tuple[TableVersion, ...]:
        """Return all versions, the oldest first; empty where there is no such table."""
        ...

    def version_of(self, name: str, batch: str) -> int | None:
        """Return the version that a batch made, or None where its rows are not in place."""
        ...
