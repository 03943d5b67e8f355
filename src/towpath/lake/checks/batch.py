"""Checks of a batch as a whole: how many rows it has, and how old the latest is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from towpath.core.errors import Contract
from towpath.core.finding import Finding, blocking
from towpath.core.instant import format_instant, from_micros, parse_span
from towpath.lake.checks.failure import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    import pyarrow as pa

    from towpath.lake.dataset import Dataset


def latest_event(dataset: Dataset, table: pa.Table) -> datetime | None:
    """Return the latest event time of a table, None where there is none.

    Example:
        >>> import pyarrow as pa
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("at", "timestamp"),), event_time="at")
        >>> rows = pa.table({"at": pa.array([0, 1_000_000], pa.timestamp("us", "UTC"))})
        >>> latest_event(trips, rows).isoformat()
        '1970-01-01T00:00:01+00:00'
    """
    if not dataset.event_time:
        return None
    micros = pc.max(table[dataset.event_time].cast("int64")).as_py()
    return None if micros is None else from_micros(micros)


def check_batch(
    dataset: Dataset, *, rows: int, latest: datetime | None, now: datetime
) -> tuple[Finding, ...]:
    """Judge the volume and the freshness of a batch.

    Args:
        dataset: the contract.
        rows: rows of the batch as it came, before any is rejected.
        latest: the latest event time among them.
        now: the time of ingestion.

    Example:
        >>> from towpath.core.instant import parse_instant
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("id", "int64"),), minimum_rows=10)
        >>> found = check_batch(trips, rows=3, latest=None, now=parse_instant("2024-01-01"))
        >>> found[0].message
        '3 rows, fewer than 10'
    """
    return tuple(_findings(dataset, rows, latest, now))


def refuse_batch(dataset: Dataset, findings: Iterable[Finding], *, origin: str) -> None:
    """Refuse a batch that failed a blocking check.

    Raises:
        Contract: it did; nothing of it may be taken in.
    """
    failed = blocking(tuple(findings))
    if failed:
        told = "; ".join(f"{one.check}: {one.message}" for one in failed)
        message = f"{origin} does not keep the contract of dataset {dataset.name!r} ({told})."
        hint = "Check how it was made, or mend the contract; nothing was taken in."
        raise Contract(message, hint=hint, dataset=dataset.name)


def _findings(
    dataset: Dataset, rows: int, latest: datetime | None, now: datetime
) -> Iterator[Finding]:
    """Judge each limit that the contract sets."""
    least, most = dataset.minimum_rows, dataset.maximum_rows
    if least is not None:
        wrong = f"{counted(rows)}, fewer than {least:,}" if rows < least else ""
        yield _finding(dataset, "minimum_rows", rows, least, wrong)
    if most is not None:
        wrong = f"{counted(rows)}, more than {most:,}" if rows > most else ""
        yield _finding(dataset, "maximum_rows", rows, most, wrong)
    if dataset.freshness:
        wrong = "there is no event" if latest is None else ""
        if latest is not None and now - latest > parse_span(dataset.freshness):
            wrong = f"the latest event is of {format_instant(latest)}"
        seen = None if latest is None else format_instant(latest)
        yield _finding(dataset, "freshness", seen, dataset.freshness, wrong)


def _finding(
    dataset: Dataset, check: str, observed: int | str | None, limit: int | str, wrong: str
) -> Finding:
    """Say what one limit found; it holds where nothing is wrong."""
    return Finding(
        check,
        dataset.name,
        passed=not wrong,
        observed=observed,
        limit=limit,
        severity=dataset.batch_severity,
        message=wrong,
    )
