"""A project's datasets and their rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from towpath.core.errors import Invalid, NotFound, did_you_mean
from towpath.core.instant import format_instant, to_micros
from towpath.lake.ingest import REJECTED, IngestReport, Mode
from towpath.lake.ingest import ingest as ingest_batch
from towpath.lake.system import SYSTEM_DATASETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa
    import pyarrow.compute as pc

    from towpath.catalog.database import Database
    from towpath.core.clock import Clock
    from towpath.lake.dataset import Dataset
    from towpath.lake.tables import TableStore


class Lake:
    """Tables by the name of their dataset; the platform's own datasets are always among them.

    Args:
        store: keeps the rows.
        db: the catalog.
        datasets: contracts by name.
        clock: tells when rows are ingested.

    Raises:
        Invalid: a project defines a dataset under the name of one of the platform's.

    Example:
        >>> import tempfile
        >>> import pyarrow as pa
        >>> from towpath.catalog.database import Database
        >>> from towpath.core.clock import SystemClock
        >>> from towpath.lake.dataset import Column, Dataset
        >>> from towpath.lake.tables.delta import DeltaTableStore
        >>> trips = Dataset("trips", (Column("id", "int64"),), key=("id",))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = Path(folder)
        ...     db = Database.open("sqlite:catalog.db", root)
        ...     store = DeltaTableStore("file:lake", root, db)
        ...     lake = Lake(store, db, {"trips": trips}, clock=SystemClock())
        ...     report = lake.ingest("trips", pa.table({"id": [1, 2, 2]}))
        ...     lake["trips"].scan(["id"])["id"].to_pylist(), report.rejected
        ([1, 2], 1)
    """

    def __init__(
        self, store: TableStore, db: Database, datasets: Mapping[str, Dataset], *, clock: Clock
    ) -> None:
        """Put the parts together; nothing is read yet."""
        for name in SYSTEM_DATASETS.keys() & datasets.keys():
            if datasets[name] != SYSTEM_DATASETS[name]:
                message = f"The name of dataset {name!r} is taken by the platform."
                raise Invalid(message, hint="Choose another name.")
        self.store = store
        self.db = db
        self.clock = clock
        self.datasets: dict[str, Dataset] = {**datasets, **SYSTEM_DATASETS}

    def __getitem__(self, name: str) -> Table:
        """Return the table of a dataset, or of its rejected rows: ``NAME__rejected``.

        Raises:
            NotFound: no such dataset; a close name is suggested.
        """
        base = name.removesuffix(REJECTED)
        dataset = self._dataset(base)
        return Table(dataset if base == name else _of_rejected(dataset), self.store)

    def ingest(
        self,
        name: str,
        source: Path | pa.Table | None = None,
        *,
        mode: Mode = "overwrite",
        root: Path = Path(),
    ) -> IngestReport:
        """Take rows into a dataset, once however often it is tried.

        Args:
            name: the dataset.
            source: a file or glob, a table, or None for the dataset's own source.
            mode: ``overwrite`` replaces the dataset's rows, ``append`` adds to them.
            root: the project's folder, where relative paths start.

        Raises:
            NotFound: no such dataset or source.
            Contract: the rows do not fit the contract.
            Invalid: a time without a zone, or a source of another kind.
        """
        return ingest_batch(self, self._dataset(name), source, mode=mode, root=root)

    def _dataset(self, name: str) -> Dataset:
        """Return a contract by name."""
        if name not in self.datasets:
            message = f"There is no dataset {name!r}."
            raise NotFound(message, hint=did_you_mean(name, self.datasets), dataset=name)
        return self.datasets[name]


class Table:
    """The rows of one dataset.

    Args:
        dataset: the contract.
        store: keeps the rows.
    """

    def __init__(self, dataset: Dataset, store: TableStore) -> None:
        """Name the table; nothing is read yet."""
        self.dataset = dataset
        self._store = store

    def scan(
        self,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
        *,
        as_of: datetime | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Read rows in order of arrival, with ``_ingested_at`` and ``_seq``.

        Args:
            columns: only these.
            where: only rows that satisfy it, such as ``pc.field("fare") > 10``.
            as_of: the table as it stood then: the last version committed by that time.
            version: that version; at most one of the two.

        Raises:
            NotFound: no such column or version, or no data yet.
            Contract: a file is damaged or missing; it is named.
            Invalid: a naive time, or both a time and a version.
        """
        for column in columns or ():
            if not column.startswith("_"):
                self.dataset.column(column)
        if as_of is not None:
            if version is not None:
                message = "Both as_of and version are given."
                raise Invalid(message, hint="Give one of the two.")
            version = self._version_at(as_of)
        return self._store.scan(self.dataset.name, columns=columns, where=where, version=version)

    def rows(self) -> int:
        """Count the rows of the latest version; 0 where there is none."""
        versions = self._store.versions(self.dataset.name)
        return versions[-1].rows if versions else 0

    def version(self) -> int | None:
        """Return the latest version, or None where there is no data yet."""
        return self._store.version(self.dataset.name)

    def exists(self) -> bool:
        """Tell whether there is data."""
        return self.version() is not None

    def _version_at(self, instant: datetime) -> int:
        """Return the last version committed by a time."""
        to_micros(instant)
        before = [one for one in self._store.versions(self.dataset.name) if one.at <= instant]
        if not before:
            message = f"Dataset {self.dataset.name!r} had no data at {format_instant(instant)}."
            raise NotFound(message, hint="Ask for a later time.", dataset=self.dataset.name)
        return before[-1].version


def _of_rejected(dataset: Dataset) -> Dataset:
    """Return the contract of rejected rows: the same columns without any check."""
    columns = tuple(
        column.replace(nullable=True, minimum=None, maximum=None, allowed=())
        for column in dataset.columns
    )
    return dataset.replace(
        name=f"{dataset.name}{REJECTED}", columns=columns, key=(), event_time="", source=""
    )
