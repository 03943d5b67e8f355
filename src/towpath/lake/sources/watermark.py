"""Rows that came since the last time."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Invalid
from towpath.core.instant import parse_instant, to_micros
from towpath.core.record import Record
from towpath.lake.column_types import arrow_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from towpath.lake.dataset import Column, Dataset

Since = int | float | str | Decimal | date | datetime
ORDERED: dict[str, tuple[type, ...]] = {
    "int64": (int,),
    "float64": (int, float),
    "decimal": (int, Decimal),
    "string": (str,),
    "timestamp": (datetime,),
    "date": (date,),
}


class Watermark(Record, frozen=True):
    """The rows to read: those whose value in a column is at or above one that was seen.

    Args:
        column: a column that grows with every row, such as the event time.
        since: the highest value that was taken in.
    """

    column: str
    since: Since


def watermark(dataset: Dataset, since: object, *, column: str = "") -> Watermark | None:
    """Say which rows to read, or return None for all of them.

    Args:
        dataset: the contract.
        since: the highest value that was taken in; times and dates also as ISO text.
        column: where to look for it; the event time unless given.

    Raises:
        Invalid: no column to go by, one that may be missing or has no order, or a value of
            another type.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> watermark(Dataset("trips", (Column("id", "int64"),)), 7, column="id")
        Watermark(column='id', since=7)
    """
    if since is None:
        return None
    found = watermark_column(dataset, column)
    return Watermark(found.name, _value(found.dtype, found.name, since))


def watermark_column(dataset: Dataset, name: str = "") -> Column:
    """Return the column that tells which rows are new: the event time unless named.

    Raises:
        Invalid: there is none, or one that may be missing or has no order.
        NotFound: no such column.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> watermark_column(Dataset("trips", (Column("id", "int64"),)), "id").dtype
        'int64'
    """
    name = name or dataset.event_time
    if not name:
        message = f"Dataset {dataset.name!r} has no event_time to read on from."
        raise Invalid(message, hint="Name a watermark column in its source, or read all of it.")
    found = dataset.column(name)
    if found.nullable or found.dtype.partition("(")[0] not in ORDERED:
        what = "may be missing" if found.nullable else f"is {found.dtype}"
        message = f"The watermark {name!r} of dataset {dataset.name!r} {what}."
        raise Invalid(message, hint="Choose a column that each row has and that only grows.")
    return found


def later(tables: Iterable[pa.Table], mark: Watermark | None) -> Iterator[pa.Table]:
    """Keep the rows from the watermark on; those without a value stay, to be found by the checks.

    Example:
        >>> rows = pa.table({"id": [6, 7, 8, None]})
        >>> [one["id"].to_pylist() for one in later([rows], Watermark("id", 7))]
        [[7, 8, None]]
    """
    for table in tables:
        kept = table if mark is None else table.filter(_from_on(table, mark))
        if kept.num_rows:
            yield kept


def _from_on(table: pa.Table, mark: Watermark) -> pc.Expression:
    """Return the condition as an expression over the table."""
    since = pa.scalar(mark.since, table.schema.field(mark.column).type)
    column = pc.field(mark.column)
    from_on: pc.Expression = (column >= since) | column.is_null()
    return from_on


def _value(dtype: str, column: str, since: object) -> Since:
    """Bring a value to the column's type, exactly."""
    value = since
    try:
        if isinstance(value, str) and dtype == "timestamp":
            value = parse_instant(value)
        if isinstance(value, str) and dtype == "date":
            value = date.fromisoformat(value)
        if isinstance(value, datetime):
            to_micros(value)
        if type(value) in ORDERED[dtype.partition("(")[0]]:
            pa.scalar(value, arrow_type(dtype))
            return cast("Since", value)
    except Invalid:
        raise
    except (pa.ArrowInvalid, OverflowError, ValueError):
        pass
    message = f"{since!r} is no value of the column {column!r}, which is {dtype}."
    raise Invalid(message, hint="Give the highest value that was taken in.")
