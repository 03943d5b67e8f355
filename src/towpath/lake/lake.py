"""A project's datasets and their rows."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from towpath.catalog.usage import used
from towpath.core.errors import Invalid, NotFound, TowpathError, did_you_mean
from towpath.lake.aside import REJECTED
from towpath.lake.ingest import Request
from towpath.lake.ingest import ingest as take_in
from towpath.lake.system import SYSTEM_DATASETS
from towpath.lake.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from towpath.catalog.database import Database
    from towpath.core.clock import Clock
    from towpath.lake.dataset import Dataset, Mode
    from towpath.lake.ingest import Progress
    from towpath.lake.report import IngestReport
    from towpath.lake.tables import TableStore

ACTOR = "towpath"


class Lake:
    """Tables by the name of their dataset; the platform's own datasets are always among them.

    Args:
        store: keeps the rows.
        db: the catalog.
        datasets: contracts by name.
        clock: tells when rows are ingested.
        root: the project's folder, where relative paths start.

    Attributes:
        actor: who works here, for the log of events and the counts of use; ``towpath`` until it
            is set.

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
        self,
        store: TableStore,
        db: Database,
        datasets: Mapping[str, Dataset],
        *,
        clock: Clock,
        root: Path = Path(),
    ) -> None:
        """Put the parts together; nothing is read yet."""
        for name in SYSTEM_DATASETS.keys() & datasets.keys():
            if datasets[name] != SYSTEM_DATASETS[name]:
                message = f"The name of dataset {name!r} is taken by the platform."
                raise Invalid(message, hint="Choose another name.")
        self.store = store
        self.db = db
        self.clock = clock
        self.root = root
        self.actor = ACTOR
        self.datasets: dict[str, Dataset] = {**datasets, **SYSTEM_DATASETS}

    def __getitem__(self, name: str) -> Table:
        """Return the table of a dataset, or of its rejected rows: ``NAME__rejected``.

        Raises:
            NotFound: no such dataset; a close name is suggested.
        """
        base = name.removesuffix(REJECTED)
        dataset = self._dataset(base)
        if base != name:
            dataset = dataset.without_checks(name)
        return Table(dataset, self.store, self.db, noted=self._note)

    def ingest(
        self,
        name: str,
        source: object | None = None,
        *,
        mode: Mode | None = None,
        batch: str = "",
        progress: Progress | None = None,
    ) -> IngestReport:
        """Take rows into a dataset, each batch once however often it is tried.

        Args:
            name: the dataset.
            source: a path, folder, glob or ``s3://`` URL, a ``SourceSpec``, or rows in memory: a
                table of Arrow, a frame of Polars or pandas, a relation of DuckDB, record batches;
                None for the dataset's own source.
            mode: ``overwrite`` replaces the dataset's rows, ``append`` adds to them, ``merge``
                replaces those of the same key and adds the others, ``incremental`` reads only rows
                from the highest watermark on and merges them, or appends them where there
                is no key. None for the dataset's own mode. Each file that is appended or merged is
                a batch of its own, so that a run that was stopped goes on with the next one.
            batch: a name under which the batch is known again; its content unless given.
            progress: hears of the rows read so far, and of the share of the bytes, 0 to 1.

        Raises:
            NotFound: no such dataset or source.
            Contract: the rows do not fit the contract; nothing of their batch was taken in.
            Invalid: a time without a zone, a source of another kind, or no key to merge by.
            Conflict: another process ingests into the dataset for longer than a minute.
        """
        return take_in(self, self._dataset(name), Request(source, mode, batch, progress))

    def _note(self, name: str, action: str) -> None:
        """Count a use of a dataset; what is read does not depend on it."""
        subject = f"dataset/{name.removesuffix(REJECTED)}"
        with suppress(TowpathError):
            used(self.db, subject, actor=self.actor, action=action, at=self.clock.now())

    def _dataset(self, name: str) -> Dataset:
        """Return a contract by name."""
        if name not in self.datasets:
            message = f"There is no dataset {name!r}."
            raise NotFound(message, hint=did_you_mean(name, self.datasets), dataset=name)
        return self.datasets[name]
