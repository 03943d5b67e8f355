"""All checks of a contract over the rows of a table, in one pass."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from towpath.lake.checks.column import column_checks
from towpath.lake.checks.existing import KEY, uniqueness
from towpath.lake.checks.failure import Failure, blocked_rows
from towpath.lake.checks.reference import no_data, self_references
from towpath.lake.checks.unique import find_copies, surplus_copies

if TYPE_CHECKING:
    import pyarrow as pa

    from towpath.lake.checks.existing import Existing, Uniqueness
    from towpath.lake.checks.reference import Lookup
    from towpath.lake.checks.unique import Copies
    from towpath.lake.dataset import Dataset

WORKERS = os.cpu_count() or 1
# Fewer rows are checked on the caller's thread.
FEW = 10_000


def check_rows(
    dataset: Dataset,
    table: pa.Table,
    *,
    existing: Existing | None = None,
    lookup: Lookup = no_data,
    keep_last: bool = False,
) -> list[Failure]:
    """Run every check of the contract over a conforming table.

    Over many rows they run side by side, for Arrow and DuckDB let go of the interpreter.

    Args:
        dataset: the contract.
        table: the rows, as ``conform`` returns them.
        existing: the rows that came before, with which keys and unique values are compared.
        lookup: returns a column of a dataset that is referred to, or None where it has no data.
        keep_last: of rows with one key, keep the last and not the first.

    Returns:
        one entry for each check, with the rows that failed it. Whether a value or a key is
        repeated is judged among the rows that pass all other blocking checks: the first of
        several is kept. Whether a row that is referred to exists in the same dataset is judged
        last, so the table must be a whole batch where a column refers to its own dataset.

    Raises:
        NotFound: a dataset that is referred to has no data.
        Contract: a predicate cannot be computed for a value.

    Example:
        >>> import pyarrow as pa
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("id", "int64", maximum=9),), key=("id",))
        >>> failures = check_rows(trips, pa.table({"id": [10, 2, 2]}))
        >>> [(one.check, one.rows.tolist()) for one in failures]
        [('not_null', []), ('maximum', [0]), ('unique_key', [2])]
    """
    rules = tuple(uniqueness(dataset))
    columns = [
        task
        for column in dataset.columns
        for task in column_checks(dataset, column, table, lookup=lookup)
    ]
    if table.num_rows < FEW:
        # To start threads takes longer.
        failures = [task() for task in columns] + _predicates(dataset, table)
        found = [_copies(rule, table, existing) for rule in rules]
    else:
        with ThreadPoolExecutor(WORKERS) as pool:
            # The longest first, so that no worker is left with one at the end.
            copies = [pool.submit(_copies, rule, table, existing) for rule in rules]
            broken = pool.submit(_predicates, dataset, table)
            tasks = [pool.submit(task) for task in columns]
            failures = [task.result() for task in tasks] + broken.result()
            found = [one.result() for one in copies]
    valid = ~blocked_rows(failures, table.num_rows)
    for rule, repeated in zip(rules, found, strict=True):
        last = keep_last and rule.check == KEY
        rows = surplus_copies(repeated, valid, keep_last=last)
        reason = f"{rule.reason} {'a later' if last else 'an earlier'} row"
        subject = f"{dataset.name}.{'+'.join(rule.columns)}"
        failures.append(Failure(rule.check, subject, rule.severity, reason, rows, rule.columns))
    if any(column.refers_to(dataset.name) for column in dataset.columns):
        valid = ~blocked_rows(failures, table.num_rows)
        failures += self_references(dataset, table, valid, lookup=lookup)
    return failures


def _copies(rule: Uniqueness, table: pa.Table, existing: Existing | None) -> Copies:
    """Find the rows whose values occur more than once, here or before."""
    columns = [table[name] for name in rule.columns]
    seen = None if existing is None else existing.seen(rule)
    return find_copies(columns, seen=seen, skip_null=rule.check == "unique")


def _predicates(dataset: Dataset, table: pa.Table) -> list[Failure]:
    """Find the rows that break the rules over several columns."""
    if not dataset.checks:
        return []
    # The engine costs a tenth of a second to load, which few contracts need.
    from towpath.lake.predicate import checked_predicate, failing_rows

    types = tuple((column.name, column.dtype) for column in dataset.columns)
    found = failing_rows(table, {check.name: check.predicate for check in dataset.checks})
    return [
        Failure(
            check.name,
            dataset.name,
            check.severity,
            f"breaks {check.name}: {check.predicate}",
            found[check.name],
            checked_predicate(check.predicate, types),
        )
        for check in dataset.checks
    ]
