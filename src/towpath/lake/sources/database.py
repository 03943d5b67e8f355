"""A database as a source of rows: a query's answer is one part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from towpath.lake.contract import arrow_schema, check_names, conform
from towpath.lake.sources.part import Part
from towpath.lake.sources.spool import Spool
from towpath.lake.sources.sql import Selection, SqlDatabase
from towpath.lake.sources.sql_values import READ_FROM_TEXT, array_of
from towpath.lake.sources.watermark import later

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from towpath.lake.dataset import Dataset
    from towpath.lake.source_spec import SourceSpec
    from towpath.lake.sources.watermark import Watermark

# Texts are put in order in another way by each database.
ORDERED_ALIKE = ("int64", "float64", "timestamp", "date", "decimal")


class DatabaseSource:
    """The rows of a table, view or query, as they stand at one moment.

    They are fetched some at a time, in the order of the dataset's key, and set aside on disk, so
    that the database is left alone soon.

    Args:
        dataset: the contract; of a table only its columns are read.
        spec: the database, and what to read there.
        root: the project's folder, from which a file of SQLite is found.
        environ: the environment's variables, for passwords.
        mark: which rows to read; None for all.

    Example:
        >>> import sqlite3, tempfile
        >>> from pathlib import Path
        >>> from towpath.lake.dataset import Column, Dataset
        >>> from towpath.lake.source_spec import SourceSpec
        >>> trips = Dataset("trips", (Column("id", "int64"),), key=("id",))
        >>> spec = SourceSpec(url="sqlite:///shop.db", table="trips")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with sqlite3.connect(Path(folder) / "shop.db") as shop:
        ...         _ = shop.execute("CREATE TABLE trips (id INTEGER)")
        ...         _ = shop.execute("INSERT INTO trips VALUES (8), (7)")
        ...     shop.close()
        ...     source = DatabaseSource(trips, spec, root=Path(folder), environ={})
        ...     [piece["id"].to_pylist() for part in source.parts() for piece in source.read(part)]
        [[7, 8]]
    """

    def __init__(
        self,
        dataset: Dataset,
        spec: SourceSpec,
        *,
        root: Path,
        environ: Mapping[str, str],
        mark: Watermark | None = None,
    ) -> None:
        """Make sure that the URL can be understood; the database is not asked yet."""
        self._dataset = dataset
        self._spec = spec
        self._mark = mark
        self._database = SqlDatabase(spec.url, root, environ)
        what = f"Table {spec.table}" if spec.table else "The query"
        self._origin = f"{what} of {self._database.name}"
        self._spool: Spool | None = None

    def parts(self) -> Iterator[Part]:
        """Name the one part, after all rows were fetched."""
        spool = self._fetched()
        yield Part(spool.key, self._origin, spool.size)

    def read(self, part: Part) -> Iterator[pa.Table]:  # noqa: ARG002 - there is one part only
        """Give the rows."""
        return self._fetched().read()

    def _fetched(self) -> Spool:
        """Run the query once."""
        if self._spool is None:
            rows = later(self._tables(), self._mark)
            self._spool = Spool(rows, arrow_schema(self._dataset))
        return self._spool

    def _tables(self) -> Iterator[pa.Table]:
        """Fetch the rows in the contract's types."""
        dataset = self._dataset
        selection = Selection(
            table=self._spec.table,
            query=self._spec.query,
            columns=dataset.names,
            order=dataset.key,
            mark=self._mark if self._can_compare() else None,
        )
        seen = 0
        for names, rows in self._database.fetch(selection):
            check_names(dataset, names, origin=self._origin)
            if not rows:
                continue
            columns = dict(zip(names, zip(*rows, strict=True), strict=True))
            arrays = [
                array_of(columns[one.name], one, origin=self._origin, seen=seen)
                for one in dataset.columns
            ]
            table = pa.Table.from_arrays(arrays, names=list(dataset.names))
            yield conform(dataset, table, origin=self._origin)
            seen += len(rows)

    def _can_compare(self) -> bool:
        """Tell whether the database finds the rows above the watermark as we do."""
        if self._mark is None:
            return False
        dtype = self._dataset.column(self._mark.column).dtype.partition("(")[0]
        text = self._database.dialect == "sqlite" and dtype in READ_FROM_TEXT
        return dtype in ORDERED_ALIKE and not text
