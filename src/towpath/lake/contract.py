"""Holds rows against the contract of their dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Contract, Invalid, did_you_mean
from towpath.core.finding import Finding, Severity
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from towpath.lake.dataset import Column, ColumnType, Dataset

    Mask = NDArray[np.bool_]
    Values = pa.ChunkedArray[Any]

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
}
ROW = "_row"


def is_text(dtype: pa.DataType) -> bool:
    """Tell whether values are text, plain or by dictionary."""
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(dtype) for is_kind in kinds)


def _is_number(dtype: pa.DataType) -> bool:
    """Tell whether values are whole or real numbers."""
    return bool(
        pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype)
    )


ACCEPTED: dict[ColumnType, Callable[[pa.DataType], bool]] = {
    "bool": pa.types.is_boolean,
    "int64": _is_number,
    "float64": _is_number,
    "string": is_text,
    "timestamp": pa.types.is_timestamp,
    "date": pa.types.is_date,
}


class Failure(Record, frozen=True):
    """Which rows one check failed, and what it says of them."""

    check: str
    subject: str
    severity: Severity
    reason: str
    rows: list[int]


def arrow_schema(dataset: Dataset) -> pa.Schema:
    """Return the contract's columns as an Arrow schema.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> arrow_schema(Dataset("trips", (Column("at", "timestamp"),))).field("at").type
        TimestampType(timestamp[us, tz=UTC])
    """
    return pa.schema([(column.name, ARROW_TYPES[column.dtype]) for column in dataset.columns])


def check_names(dataset: Dataset, names: Iterable[str], *, origin: str) -> None:
    """Refuse columns that are missing, unknown or given twice.

    Raises:
        Contract: the names are not those of the contract.
    """
    given = list(names)
    for name in given:
        if name not in dataset.names:
            message = f"{origin} has the column {name!r}, dataset {dataset.name!r} has not."
            raise Contract(message, hint=did_you_mean(name, dataset.names), column=name)
        if given.count(name) > 1:
            message = f"{origin} has the column {name!r} twice."
            raise Contract(message, hint="Remove or rename one of the two.", column=name)
    for name in dataset.names:
        if name not in given:
            message = f"{origin} lacks the column {name!r} of dataset {dataset.name!r}."
            hint = "Add it to the data, or take it out of the contract."
            raise Contract(message, hint=hint, column=name)


def conform(dataset: Dataset, table: pa.Table, *, origin: str) -> pa.Table:
    """Return the table with the contract's columns, in order, in the contract's types.

    A NaN is a missing value. Nothing is rounded, cut or read from text.

    Raises:
        Contract: columns or types are not those of the contract.
        Invalid: a timestamp has no time zone.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("miles", "float64", nullable=True),))
        >>> rows = pa.table({"miles": [1.5, float("nan")]})
        >>> conform(trips, rows, origin="rows")["miles"].to_pylist()
        [1.5, None]
    """
    check_names(dataset, table.column_names, origin=origin)
    columns = [_cast(column, table[column.name], origin) for column in dataset.columns]
    return pa.Table.from_arrays(columns, schema=arrow_schema(dataset))


def check_rows(dataset: Dataset, table: pa.Table, *, existing: pa.Table | None) -> list[Failure]:
    """Run every check of the contract over a conforming table.

    Args:
        dataset: the contract.
        table: the rows, as ``conform`` returns them.
        existing: the key columns of rows that are stored already, if any.

    Returns:
        one entry for each check, with the rows that failed it. Of several valid rows with one
        key the first is kept.
    """
    failures = [failure for column in dataset.columns for failure in _check(dataset, column, table)]
    if dataset.key:
        valid = ~blocked_rows(failures, table.num_rows)
        failures.append(_repeated_keys(dataset, table, valid, existing))
    return failures


def blocked_rows(failures: Iterable[Failure], rows: int) -> Mask:
    """Mark the rows that failed a blocking check."""
    blocked = np.zeros(rows, dtype=np.bool_)
    for failure in failures:
        if failure.severity == "block":
            blocked[failure.rows] = True
    return blocked


def findings(failures: Iterable[Failure]) -> tuple[Finding, ...]:
    """Sum each check up as a finding: how many rows failed."""
    return tuple(
        Finding(
            failure.check,
            failure.subject,
            passed=not failure.rows,
            observed=len(failure.rows),
            limit=0,
            severity=failure.severity,
            message=f"{len(failure.rows)} rows: {failure.reason}" if failure.rows else "",
        )
        for failure in failures
    )


def reasons(failures: Iterable[Failure], rows: Mask) -> list[str]:
    """Say for each marked row why it was rejected."""
    told: dict[int, list[str]] = {int(row): [] for row in np.flatnonzero(rows)}
    for failure in failures:
        if failure.severity == "block":
            for row in failure.rows:
                told[row].append(failure.reason)
    return ["; ".join(texts) for texts in told.values()]


def _cast(column: Column, values: Values, origin: str) -> Values:
    """Bring one column to the contract's type without changing a value."""
    given, wanted = values.type, ARROW_TYPES[column.dtype]
    where = f"Column {column.name!r} of {origin}"
    if pa.types.is_null(given):
        return values.cast(wanted)
    if not ACCEPTED[column.dtype](given):
        message = f"{where} is {given}, the contract says {column.dtype}."
        raise Contract(message, hint="Convert the data or mend the contract.", column=column.name)
    if pa.types.is_timestamp(given) and given.tz is None:
        message = f"{where} holds times without a time zone."
        hint = "Give them one, such as UTC, before they are ingested."
        raise Invalid(message, hint=hint, column=column.name)
    if pa.types.is_floating(given):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, given), values)
    try:
        return values.cast(wanted)
    except pa.ArrowInvalid as error:
        message = f"{where} does not fit {column.dtype}: {error}."
        hint = "Convert the data or mend the contract."
        raise Contract(message, hint=hint, column=column.name) from error


def _check(dataset: Dataset, column: Column, table: pa.Table) -> Iterator[Failure]:
    """Run the checks that the contract sets for one column."""
    values, name = table[column.name], column.name
    for check, failed, reason in (
        ("not_null", None if column.nullable else values.is_null(), "is null"),
        ("minimum", _beyond("less", values, column.minimum), f"is below {column.minimum}"),
        ("maximum", _beyond("greater", values, column.maximum), f"is above {column.maximum}"),
        ("allowed", _foreign(values, column.allowed), "is not an allowed value"),
    ):
        if failed is not None:
            rows = np.flatnonzero(failed.to_numpy(zero_copy_only=False)).tolist()
            subject = f"{dataset.name}.{name}"
            yield Failure(check, subject, column.severity, f"{name} {reason}", rows)


def _beyond(compare: str, values: Values, bound: float | None) -> Values | None:
    """Mark values on the wrong side of a bound; a missing value is not marked."""
    if bound is None:
        return None
    outside = pc.call_function(compare, [values, pa.scalar(bound, pa.float64())])
    return _values(pc.and_kleene(outside, values.is_valid()))


def _foreign(values: Values, allowed: tuple[str, ...]) -> Values | None:
    """Mark values that are not in the list; a missing value is not marked."""
    if not allowed:
        return None
    known = pc.is_in(values, value_set=pa.array(allowed, pa.string()))
    return _values(pc.and_kleene(pc.invert(known), values.is_valid()))


def _values(computed: object) -> Values:
    """Narrow the type that the compute functions declare."""
    return cast("Values", computed)


def _repeated_keys(
    dataset: Dataset, table: pa.Table, valid: Mask, existing: pa.Table | None
) -> Failure:
    """Find valid rows whose key an earlier valid row, or a stored one, has."""
    keys = list(dataset.key)
    places = np.flatnonzero(valid)
    candidates = table.select(keys).filter(pa.array(valid)).append_column(ROW, pa.array(places))
    if existing is not None:
        before = pa.array(np.full(existing.num_rows, -1, dtype=np.int64))
        candidates = pa.concat_tables(
            [existing.select(keys).append_column(ROW, before), candidates]
        )
    firsts = candidates.group_by(keys, use_threads=False).aggregate([(ROW, "min")])
    kept = np.zeros(table.num_rows, dtype=np.bool_)
    first_rows = firsts[f"{ROW}_min"].to_numpy()
    kept[first_rows[first_rows >= 0]] = True
    repeated = np.flatnonzero(valid & ~kept).tolist()
    subject = f"{dataset.name}.{'+'.join(keys)}"
    reason = f"the key {', '.join(keys)} is that of an earlier row"
    return Failure("unique_key", subject, "block", reason, repeated)
