"""A column of a stored table, for checks that look at another dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from towpath.lake.tables import TableReader


def stored_column(store: TableReader, dataset: str, column: str) -> pa.ChunkedArray[Any] | None:
    """Read a column of the latest version, None where there is no data.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import pyarrow as pa
        >>> from towpath.catalog.database import Database
        >>> from towpath.lake.tables.delta import DeltaTableStore
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = Path(folder)
        ...     with Database.open("sqlite:catalog.db", root) as db:
        ...         store = DeltaTableStore("file:lake", root, db)
        ...         _ = store.append("trips", pa.table({"id": [7]}), batch="one")
        ...         found = stored_column(store, "trips", "id")
        ...         (found.to_pylist(), stored_column(store, "cars", "id"))
        ([7], None)
    """
    if store.version(dataset) is None:
        return None
    return store.scan(dataset, columns=[column])[column]
