"""What a check found: which rows failed, how many, why, and a few of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from towpath.core.finding import Finding, Severity
from towpath.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Rows = NDArray[np.int64]

SHOWN = 5


class Failure(Record, frozen=True, eq=False):
    """Which rows one check failed, and what it says of them.

    Args:
        check: name of the check, such as ``not_null`` or that of a predicate.
        subject: what was checked, such as ``trips.fare``.
        severity: whether a failing row is set aside.
        reason: what is wrong with a failing row.
        rows: numbers of the failing rows from 0, ascending; empty where the check holds.
        columns: the columns that the check looks at.

    Example:
        >>> failure = Failure("minimum", "trips.fare", "block", "fare is below 0",
        ...                   np.array([2]), ("fare",))
        >>> len(failure.rows)
        1
    """

    check: str
    subject: str
    severity: Severity
    reason: str
    rows: Rows
    columns: tuple[str, ...]


class Example(Record, frozen=True):
    """One row that failed a check.

    Args:
        check: name of the check.
        subject: what was checked.
        row: number of the row.
        values: what it holds in the columns that the check looks at.
        reason: what is wrong with it.

    Example:
        >>> Example("minimum", "trips.fare", 3, {"fare": -1.0}, "fare is below 0").row
        3
    """

    check: str
    subject: str
    row: int
    values: dict[str, object]
    reason: str


def blocked_rows(failures: Iterable[Failure], rows: int) -> Mask:
    """Mark the rows that failed a blocking check.

    Example:
        >>> one = Failure("unique", "t.a", "block", "a is repeated", np.array([1]), ("a",))
        >>> blocked_rows([one], 3)
        array([False,  True, False])
    """
    blocked = np.zeros(rows, dtype=np.bool_)
    for failure in failures:
        if failure.severity == "block":
            blocked[failure.rows] = True
    return blocked


def findings(failures: Iterable[Failure]) -> tuple[Finding, ...]:
    """Sum each check up as a finding: how many rows failed."""
    return tuple(finding(failure, len(failure.rows)) for failure in failures)


def finding(failure: Failure, rows: int) -> Finding:
    """Sum one check up, over as many tables as its failing rows are counted in."""
    return Finding(
        failure.check,
        failure.subject,
        passed=not rows,
        observed=rows,
        limit=0,
        severity=failure.severity,
        message=f"{counted(rows)}: {failure.reason}" if rows else "",
    )


def counted(rows: int) -> str:
    """Write how many rows there are.

    Example:
        >>> counted(1), counted(1200)
        ('1 row', '1,200 rows')
    """
    return f"{rows:,} row{'' if rows == 1 else 's'}"


def reasons(failures: Iterable[Failure], rows: Mask) -> list[str]:
    """Say for each marked row why it was rejected."""
    told: dict[int, list[str]] = {row: [] for row in np.flatnonzero(rows).tolist()}
    for failure in failures:
        if failure.severity == "block":
            for row in failure.rows.tolist():
                told[row].append(failure.reason)
    return ["; ".join(texts) for texts in told.values()]


def examples(
    failures: Iterable[Failure], table: pa.Table, limit: int = SHOWN, *, first: int = 1
) -> tuple[Example, ...]:
    """Show the first rows that failed each check, with their values.

    Args:
        failures: what the checks of the table found.
        table: the rows that were checked.
        limit: most rows for each check.
        first: number of the table's first row; 2 counts the lines of a CSV with one line a row.

    Example:
        >>> import pyarrow as pa
        >>> one = Failure("minimum", "t.a", "block", "a is below 0", np.array([1]), ("a",))
        >>> examples([one], pa.table({"a": [1, -1]}))[0].values
        {'a': -1}
    """
    shown = []
    for failure in failures:
        rows = failure.rows[:limit]
        values = table.select(list(failure.columns)).take(rows).to_pylist()
        shown += [
            Example(failure.check, failure.subject, first + row, value, failure.reason)
            for row, value in zip(rows.tolist(), values, strict=True)
        ]
    return tuple(shown)
