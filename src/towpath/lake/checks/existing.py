"""What may occur once only, and what of it is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from towpath.lake.checks.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from towpath.core.finding import Severity
    from towpath.lake.dataset import Dataset

KEY = "unique_key"


class Uniqueness(NamedTuple):
    """A rule that values occur once."""

    check: str
    columns: tuple[str, ...]
    severity: Severity
    reason: str


class Existing:
    """The values of rows that are there already, with which new rows are compared.

    Args:
        dataset: the contract.
        stored: the columns ``dataset.identity`` of the rows that are stored, if any.

    Example:
        >>> import pyarrow as pa
        >>> from towpath.lake.checks import check_rows
        >>> from towpath.lake.dataset import Column, Dataset
        >>> trips = Dataset("trips", (Column("id", "int64"),), key=("id",))
        >>> existing = Existing(trips, pa.table({"id": [7]}))
        >>> existing.add(pa.table({"id": [8]}))
        >>> failures = check_rows(trips, pa.table({"id": [8, 9]}), existing=existing)
        >>> failures[-1].rows.tolist()
        [0]
    """

    def __init__(self, dataset: Dataset, stored: pa.Table | None = None) -> None:
        """Start with what is stored."""
        self._rules = tuple(uniqueness(dataset))
        self._seen: dict[Uniqueness, Seen] = {}
        if stored is not None:
            self.add(stored)

    def add(self, table: pa.Table) -> None:
        """Take in rows that were accepted."""
        for rule in self._rules:
            columns = [table[name] for name in rule.columns]
            if rule in self._seen:
                self._seen[rule].add(columns)
            else:
                self._seen[rule] = Seen(columns)

    def seen(self, rule: Uniqueness) -> Seen | None:
        """Return the values that a rule looks at, None where there are no rows."""
        return self._seen.get(rule)


def uniqueness(dataset: Dataset) -> Iterator[Uniqueness]:
    """List the columns whose values may not be repeated, the key last."""
    for column in dataset.columns:
        if column.unique:
            reason = f"{column.name} is that of"
            yield Uniqueness("unique", (column.name,), column.severity, reason)
    if dataset.key:
        reason = f"the key {', '.join(dataset.key)} is that of"
        yield Uniqueness(KEY, dataset.key, "block", reason)
