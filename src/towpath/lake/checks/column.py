"""Checks of the values of one column, by Arrow's compute functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.lake.checks.failure import Failure
from towpath.lake.checks.reference import known_values
from towpath.lake.column_types import arrow_type, bound_value
from towpath.lake.pattern import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from towpath.lake.checks.reference import Lookup
    from towpath.lake.dataset import Column, Dataset

    Values = pa.ChunkedArray[Any]
    Rows = NDArray[np.int64]
    Task = Callable[[], Failure]

SAMPLE = 32_768
NONE: Rows = np.array([], dtype=np.int64)


def column_checks(
    dataset: Dataset, column: Column, table: pa.Table, *, lookup: Lookup
) -> Iterator[Task]:
    """List the checks that the contract sets for one column; each is run by calling it.

    Args:
        dataset: the contract.
        column: the column.
        table: the rows, in the contract's types.
        lookup: returns a column of a dataset, or None where there is no data.

    Example:
        >>> from towpath.lake.checks.reference import no_data
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("fare", "float64", minimum=0),))
        >>> rows = pa.table({"fare": [1.0, -1.0, None]})
        >>> tasks = column_checks(trips, trips.column("fare"), rows, lookup=no_data)
        >>> [(task().check, task().rows.tolist()) for task in tasks]
        [('not_null', [2]), ('minimum', [1])]
    """
    values, name, subject = table[column.name], column.name, f"{dataset.name}.{column.name}"

    def task(check: str, reason: str, find: Callable[[], Rows]) -> Task:
        severity = column.severity
        return lambda: Failure(check, subject, severity, f"{name} {reason}", find(), (name,))

    if not column.nullable:
        yield task("not_null", "is null", lambda: _nulls(values))
    if column.minimum is not None:
        least = _scalar(column, column.minimum)
        reason = f"is below {column.minimum}"
        yield task("minimum", reason, lambda: _marked(pc.less(values, least)))
    if column.maximum is not None:
        most = _scalar(column, column.maximum)
        reason = f"is above {column.maximum}"
        yield task("maximum", reason, lambda: _marked(pc.greater(values, most)))
    if column.allowed:
        allowed = pa.array(column.allowed, arrow_type(column.dtype))
        yield task("allowed", "is not an allowed value", lambda: _foreign(values, allowed))
    if column.pattern:
        reason = f"does not match {column.pattern}"
        yield task("pattern", reason, lambda: _unlike(values, column.pattern))
    if column.max_length is not None:
        limit = column.max_length
        reason = f"is longer than {limit} characters"
        yield task("max_length", reason, lambda: _longer(values, limit))
    if column.references and not column.refers_to(dataset.name):
        reason = f"is not among {column.references}"
        # Looked up here and now: stores are asked by the caller's thread alone.
        known = known_values(dataset, column, lookup=lookup)
        yield task("references", reason, lambda: _foreign(values, known))


def _scalar(column: Column, bound: int | float | str) -> pa.Scalar[Any]:
    """Return a bound in the column's type."""
    return pa.scalar(bound_value(column.dtype, bound), arrow_type(column.dtype))


def _marked(mask: Values | pa.Array[Any]) -> Rows:
    """Number the rows that are marked true; a missing value is not marked."""
    return pc.indices_nonzero(mask).to_numpy().astype(np.int64)


def _nulls(values: Values) -> Rows:
    """Find missing values."""
    return _marked(values.is_null()) if values.null_count else NONE


def _foreign(values: Values, known: pa.Array[Any] | Values) -> Rows:
    """Find values that are not among the known ones; a missing value is not looked for."""
    outside = pc.invert(pc.is_in(values, value_set=known))
    return _marked(pc.and_(outside, values.is_valid()) if values.null_count else outside)


def _unlike(values: Values, pattern: str) -> Rows:
    """Find texts that a pattern does not match as a whole; one that repeats is matched once."""
    if not _repeats(values):
        return _unmatched(values, pattern)
    encoded: Any = values.dictionary_encode().unify_dictionaries()
    wrong = _unmatched(encoded.chunk(0).dictionary, pattern)
    codes = pa.chunked_array([chunk.indices for chunk in encoded.chunks])
    return _marked(pc.is_in(codes, value_set=pa.array(wrong, codes.type)))


def _unmatched(values: Values | pa.Array[Any], pattern: str) -> Rows:
    """Find texts that a pattern does not match as a whole."""
    matched: Any = pc.match_substring_regex(values, whole(pattern))
    return _marked(pc.invert(matched))


def _repeats(values: Values) -> bool:
    """Tell from the first values whether a text is likely to come again and again."""
    sample = values.slice(0, SAMPLE)
    return len(sample) == SAMPLE and len(pc.unique(sample)) < SAMPLE // 2


def _longer(values: Values, limit: int) -> Rows:
    """Find texts of more characters; only those of more bytes need be counted."""
    most = pa.scalar(limit, pa.int64())
    rows = _marked(pc.greater(pc.binary_length(values), most))
    return rows[_marked(pc.greater(pc.utf8_length(values.take(rows)), most))]
