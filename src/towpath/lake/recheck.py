"""Holds the stored rows of a dataset against its contract as it is now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from towpath.core.errors import Conflict
from towpath.core.finding import Finding
from towpath.core.record import Record
from towpath.lake.checks import Example, check_batch, check_rows, examples, findings, latest_event
from towpath.lake.contract import arrow_schema, conform
from towpath.lake.stored import stored_column

if TYPE_CHECKING:
    from towpath.catalog.table_versions import TableVersion
    from towpath.lake.dataset import Dataset
    from towpath.lake.lake import Lake

FRESHNESS = "freshness"


class Recheck(Record, frozen=True):
    """What the checks of a contract found in a stored version.

    Args:
        dataset: its name.
        version: the version.
        rows: how many rows were checked.
        findings: one for each check.
        examples: some of the rows that failed, with their key.
    """

    dataset: str
    version: int
    rows: int
    findings: tuple[Finding, ...]
    examples: tuple[Example, ...] = ()


def recheck(lake: Lake, name: str, *, version: int | None = None, shown: int = 0) -> Recheck:
    """Run every check of a contract over stored rows.

    How many rows a batch has is judged when it comes, and not here. Freshness is judged as of
    now, for an earlier version as of the time when it was committed.

    Args:
        lake: where the rows are.
        name: the dataset.
        version: the latest unless given.
        shown: most failing rows to show for each check.

    Raises:
        NotFound: no such dataset or version, or no data yet, also where another dataset is
            referred to.
        Contract: a stored file is damaged.
        Conflict: the stored columns are not those of the contract.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from towpath.catalog.database import Database
        >>> from towpath.core.clock import SystemClock
        >>> from towpath.lake.dataset import Column, Dataset
        >>> from towpath.lake.lake import Lake
        >>> from towpath.lake.tables.delta import DeltaTableStore
        >>> trips = Dataset("trips", (Column("fare", "float64"),))
        >>> stricter = trips.replace(columns=(Column("fare", "float64", maximum=10.0),))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     root = Path(folder)
        ...     db = Database.open("sqlite:catalog.db", root)
        ...     lake = Lake(DeltaTableStore("file:lake", root, db), db, {}, clock=SystemClock())
        ...     lake.datasets["trips"] = trips
        ...     report = lake.ingest("trips", pa.table({"fare": [1.0, 20.0]}))
        ...     lake.datasets["trips"] = stricter
        ...     [one.message for one in recheck(lake, "trips").findings if not one.passed]
        ['1 row: fare is above 10.0']
    """
    table = lake[name]
    dataset = table.dataset
    latest = table.version()
    chosen = latest if version is None else version
    rows = _in_contract(dataset, table.scan(version=chosen))
    committed = next(one for one in table.versions() if one.version == chosen)
    failures = check_rows(dataset, rows, lookup=partial(stored_column, lake.store))
    whole = _freshness(lake, dataset, rows, None if chosen == latest else committed)
    keyed = [
        one.replace(columns=tuple(dict.fromkeys((*dataset.key, *one.columns)))) for one in failures
    ]
    return Recheck(
        dataset=dataset.name,
        version=committed.version,
        rows=rows.num_rows,
        findings=(*whole, *findings(failures)),
        examples=examples(keyed, rows, shown),
    )


def _in_contract(dataset: Dataset, rows: pa.Table) -> pa.Table:
    """Return the columns of the contract in its types; one that may be missing is null."""
    schema = arrow_schema(dataset)
    for column in dataset.columns:
        if column.name in rows.column_names:
            continue
        if not column.nullable:
            message = f"The stored rows of dataset {dataset.name!r} lack {column.name!r}."
            hint = f"Ingest it again: towpath data ingest {dataset.name}"
            raise Conflict(message, hint=hint, dataset=dataset.name, column=column.name)
        nulls = pa.nulls(rows.num_rows, schema.field(column.name).type)
        rows = rows.append_column(column.name, nulls)
    return conform(dataset, rows.select(dataset.names), origin=f"the table {dataset.name}")


def _freshness(
    lake: Lake, dataset: Dataset, rows: pa.Table, committed: TableVersion | None
) -> tuple[Finding, ...]:
    """Judge how old the latest event is."""
    now = lake.clock.now() if committed is None else committed.at
    found = check_batch(dataset, rows=rows.num_rows, latest=latest_event(dataset, rows), now=now)
    return tuple(one for one in found if one.check == FRESHNESS)
