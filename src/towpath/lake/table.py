"""The rows of one dataset, for people and programs to read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from towpath.core.errors import Invalid, MissingExtra, NotFound, did_you_mean
from towpath.core.instant import format_instant, to_micros
from towpath.lake.difference import EXAMPLES, difference
from towpath.lake.history import history, only_columns
from towpath.lake.profile import profile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow.compute as pc

    from towpath.catalog.database import Database
    from towpath.catalog.table_versions import TableVersion
    from towpath.lake.dataset import Dataset
    from towpath.lake.difference import Difference
    from towpath.lake.frames.duckdb import DuckConnection, DuckRelation
    from towpath.lake.frames.pandas import PandasFrame
    from towpath.lake.frames.polars import PolarsFrame
    from towpath.lake.frames.spark import SparkFrame, SparkSession
    from towpath.lake.history import Change
    from towpath.lake.profile import Profile
    from towpath.lake.tables import TableStore

    Noted = Callable[[str, str], None]

READ = "dataset.read"
SHOWN_COLUMNS = 6


class Table:
    """The rows of one dataset.

    Args:
        dataset: the contract.
        store: keeps the rows.
        db: the catalog, which knows how the rows came.
        noted: hears of each read: the dataset's name, and ``dataset.read``.
    """

    def __init__(
        self, dataset: Dataset, store: TableStore, db: Database, *, noted: Noted | None = None
    ) -> None:
        """Name the table; nothing is read yet."""
        self.dataset = dataset
        self._store = store
        self._db = db
        self._noted = noted

    def __repr__(self) -> str:
        """Say which table it is, and how much it holds."""
        names = self.dataset.names
        more = f" and {len(names) - SHOWN_COLUMNS} more" if len(names) > SHOWN_COLUMNS else ""
        columns = f"{', '.join(names[:SHOWN_COLUMNS])}{more}"
        versions, held = self.versions(), "no data yet"
        if versions:
            held = f"version {versions[-1].version}, {versions[-1].rows:,} rows"
        return f"<Table {self.dataset.name}: {held}; {columns}>"

    def scan(
        self,
        columns: Sequence[str] | None = None,
        where: pc.Expression | str | None = None,
        *,
        as_of: datetime | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Read rows in order of arrival, with ``_ingested_at`` and ``_seq``.

        Args:
            columns: only these.
            where: only rows that satisfy it: ``pc.field("fare") > 10``, or in SQL ``fare > 10``.
            as_of: the table as it stood then: the last version committed by that time.
            version: that version; at most one of the two.

        Raises:
            NotFound: no such column or version, or no data yet.
            Contract: a file is damaged or missing; it is named.
            Invalid: a naive time, both a time and a version, or a text that is no predicate.
        """
        self._seen()
        chosen = self._chosen(columns, as_of, version)
        return self._read(columns, where, chosen)

    def to_polars(
        self,
        columns: Sequence[str] | None = None,
        *,
        as_of: datetime | None = None,
        version: int | None = None,
    ) -> PolarsFrame:
        """Read rows as a frame of Polars.

        Raises:
            MissingExtra: Polars is not installed.
            NotFound, Contract, Invalid: as ``scan``.
        """
        try:
            from towpath.lake.frames.polars import to_polars
        except ImportError as error:
            raise _missing("Polars", "polars") from error
        return to_polars(self.scan(columns, as_of=as_of, version=version))

    def to_pandas(
        self,
        columns: Sequence[str] | None = None,
        *,
        as_of: datetime | None = None,
        version: int | None = None,
    ) -> PandasFrame:
        """Read rows as a frame of pandas; whole numbers stay exact where some are missing.

        Raises:
            MissingExtra: pandas is not installed.
            NotFound, Contract, Invalid: as ``scan``.
        """
        try:
            from towpath.lake.frames.pandas import to_pandas
        except ImportError as error:
            raise _missing("pandas", "pandas") from error
        nullable = {one.name for one in self.dataset.columns if one.nullable}
        return to_pandas(self.scan(columns, as_of=as_of, version=version), nullable=nullable)

    def to_duckdb(
        self,
        columns: Sequence[str] | None = None,
        *,
        connection: DuckConnection | None = None,
        as_of: datetime | None = None,
        version: int | None = None,
    ) -> DuckRelation:
        """Return a relation of DuckDB over the files, which are checked now and read when asked.

        Args:
            columns: only these.
            connection: where the relation lives; the one that ``duckdb.sql`` uses unless given.
            as_of: the table as it stood then.
            version: that version; at most one of the two.

        Raises:
            NotFound, Contract, Invalid: as ``scan``.
        """
        # The engine costs a tenth of a second to load.
        from towpath.lake.frames.duckdb import to_duckdb

        self._seen()
        chosen = self._chosen(columns, as_of, version)
        files = self._store.files(self.dataset.name, version=chosen)
        schema = self._schema(columns, files.version)
        return to_duckdb(files, schema, connection=connection)

    def to_spark(
        self,
        columns: Sequence[str] | None = None,
        *,
        session: SparkSession | None = None,
        as_of: datetime | None = None,
        version: int | None = None,
    ) -> SparkFrame:
        """Return a frame of Spark over the files, which are checked now and read when asked.

        Args:
            columns: only these.
            session: Spark's; the active one unless given, or a new one. One that is to read from
                a bucket must be able to read ``s3a://`` paths.
            as_of: the table as it stood then.
            version: that version; at most one of the two.

        Raises:
            MissingExtra: Spark is not installed.
            NotFound, Contract, Invalid: as ``scan``.
        """
        try:
            from towpath.lake.frames.spark import to_spark
        except ImportError as error:
            raise _missing("Spark", "spark") from error
        self._seen()
        chosen = self._chosen(columns, as_of, version)
        files = self._store.files(self.dataset.name, version=chosen)
        return to_spark(files, self._schema(columns, files.version), session=session)

    def rows(self) -> int:
        """Count the rows of the latest version; 0 where there is none."""
        versions = self._store.versions(self.dataset.name)
        return versions[-1].rows if versions else 0

    def version(self) -> int | None:
        """Return the latest version, or None where there is no data yet."""
        return self._store.version(self.dataset.name)

    def versions(self) -> tuple[TableVersion, ...]:
        """Return all versions, the oldest first."""
        return self._store.versions(self.dataset.name)

    def exists(self) -> bool:
        """Tell whether there is data."""
        return self.version() is not None

    def history(self) -> tuple[Change, ...]:
        """Return how each version came to be, the newest first."""
        return history(self._db, self.versions())

    def profile(
        self, columns: Sequence[str] | None = None, *, version: int | None = None
    ) -> Profile:
        """Say what the columns of the latest or the given version hold.

        Raises:
            NotFound, Contract: as ``scan``.
        """
        chosen = self.version() if version is None else version
        rows = self.scan(columns, version=chosen)
        return profile(rows, dataset=self.dataset.name, version=chosen)

    def diff(
        self,
        before: int | datetime | None = None,
        after: int | datetime | None = None,
        *,
        examples: int = EXAMPLES,
    ) -> Difference:
        """Say what changed from one version to another; rows are told apart by the key.

        Args:
            before: a version, or a time for the version that was the latest then; the one before
                ``after`` unless given.
            after: likewise; the latest unless given.
            examples: most rows to show of each kind.

        Raises:
            NotFound: no such version, or only one.
            Contract: a file is damaged or missing; it is named.
        """
        self._seen()
        old, new = self.pair(before, after)
        tables = [self._read(None, None, one) for one in (old, new)]
        keyed = all(set(self.dataset.key) <= set(one.column_names) for one in tables)
        key = self.dataset.key if keyed else ()
        return difference(tables[0], tables[1], key, examples=examples)

    def pair(
        self, before: int | datetime | None = None, after: int | datetime | None = None
    ) -> tuple[int, int]:
        """Return the two versions that ``diff`` compares."""
        versions, name = self.versions(), self.dataset.name
        if not versions:
            message = f"Dataset {name!r} has no data yet."
            raise NotFound(message, hint=f"Run: towpath data ingest {name}", dataset=name)
        new = self._numbered(after)
        new = versions[-1].version if new is None else new
        old = self._numbered(before)
        if old is not None:
            return old, new
        earlier = [one for one in versions if one.version < new]
        # New columns are a version of their own, just before that of the rows that brought them.
        while len(earlier) > 1 and only_columns(earlier[-1], earlier[-2]):
            earlier.pop()
        if not earlier:
            message = f"Dataset {name!r} has no version before {new}."
            hint = "Compare once there is another, or name both versions."
            raise NotFound(message, hint=hint, dataset=name)
        return earlier[-1].version, new

    def _numbered(self, given: int | datetime | None) -> int | None:
        """Return the version that a number or a time stands for."""
        return self._version_at(given) if isinstance(given, datetime) else given

    def _chosen(
        self, columns: Sequence[str] | None, as_of: datetime | None, version: int | None
    ) -> int | None:
        """Check what is asked for, and return the version; None for the latest."""
        for column in columns or ():
            if not column.startswith("_"):
                self.dataset.column(column)
        if as_of is None:
            return version
        if version is not None:
            message = "Both as_of and version are given."
            raise Invalid(message, hint="Give one of the two.")
        return self._version_at(as_of)

    def _read(
        self, columns: Sequence[str] | None, where: pc.Expression | str | None, version: int | None
    ) -> pa.Table:
        """Read rows, those of a predicate in SQL by way of DuckDB."""
        name = self.dataset.name
        if not isinstance(where, str):
            return self._store.scan(name, columns=columns, where=where, version=version)
        # The engine costs a tenth of a second to load.
        from towpath.lake.where import matching, predicate_columns

        asked = predicate_columns(self.dataset, where)
        wanted = None if columns is None else list(dict.fromkeys((*columns, *asked)))
        rows = self._store.scan(name, columns=wanted, version=version)
        found = matching(rows, where, asked)
        return found if columns is None else found.select(list(columns))

    def _schema(self, columns: Sequence[str] | None, version: int) -> pa.Schema:
        """Return the columns to read, in order."""
        schema = self._store.schema(self.dataset.name, version=version)
        if columns is None:
            return schema
        for column in columns:
            if column not in schema.names:
                message = f"Version {version} of dataset {self.dataset.name!r} has no {column!r}."
                raise NotFound(message, hint=did_you_mean(column, schema.names), column=column)
        return pa.schema([schema.field(column) for column in columns])

    def _seen(self) -> None:
        """Say that somebody reads the table."""
        if self._noted is not None:
            self._noted(self.dataset.name, READ)

    def _version_at(self, instant: datetime) -> int:
        """Return the last version committed by a time."""
        to_micros(instant)
        before = [one for one in self._store.versions(self.dataset.name) if one.at <= instant]
        if not before:
            message = f"Dataset {self.dataset.name!r} had no data at {format_instant(instant)}."
            raise NotFound(message, hint="Ask for a later time.", dataset=self.dataset.name)
        return before[-1].version


def _missing(library: str, extra: str) -> MissingExtra:
    """Say that a library is not installed."""
    return MissingExtra(f"{library} is not installed.", hint=f"Run: pip install 'towpath[{extra}]'")
