"""What changed from one version of a dataset to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from towpath.core.errors import Contract, NotFound, did_you_mean
from towpath.core.record import Record
from towpath.lake.column_types import dtype_of
from towpath.lake.row_codes import row_codes
from towpath.lake.shown import Shown, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Values = pa.ChunkedArray[Any]

EXAMPLES = 10


class TypeChange(Record, frozen=True):
    """A column whose values became of another type."""

    column: str
    before: str
    after: str


class CellChange(Record, frozen=True):
    """A value that changed; None for a missing one."""

    column: str
    before: Shown | None
    after: Shown | None


class RowChange(Record, frozen=True):
    """A row whose values changed.

    Args:
        key: the values that identify it.
        cells: what changed.
    """

    key: dict[str, Shown | None]
    cells: tuple[CellChange, ...]


class Difference(Record, frozen=True):
    """What changed from one table to another; columns of the platform, such as ``_seq``, aside.

    Args:
        columns_added: columns that only the later table has.
        columns_removed: columns that only the earlier table has.
        columns_changed: columns of another type; their values are not compared.
        added: rows that only the later table has.
        removed: rows that only the earlier table has.
        changed: rows of one key whose values differ; without a key there are none, and a row that
            changed is one removed and one added.
        unchanged: rows that are the same.
        cells_changed: by column, in how many rows its value changed.
        added_rows: some of the rows that were added.
        removed_rows: some of those that were removed.
        changed_rows: some of those that changed, with the old and new values.
    """

    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    columns_changed: tuple[TypeChange, ...] = ()
    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0
    cells_changed: dict[str, int] = msgspec.field(default_factory=dict)
    added_rows: tuple[dict[str, Shown | None], ...] = ()
    removed_rows: tuple[dict[str, Shown | None], ...] = ()
    changed_rows: tuple[RowChange, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing changed."""
        columns = self.columns_added or self.columns_removed or self.columns_changed
        return not (columns or self.added or self.removed or self.changed)


def difference(
    before: pa.Table, after: pa.Table, key: Sequence[str] = (), *, examples: int = EXAMPLES
) -> Difference:
    """Compare two tables.

    Missing values are equal to each other, and so are numbers that are none.

    Args:
        before: the earlier table.
        after: the later table.
        key: columns that identify a row; without them, rows are the same if all values are.
        examples: most rows to show of each kind.

    Raises:
        Contract: two rows of a table have one key.
        NotFound: a table has no such key column, or not of the same type.

    Example:
        >>> before = pa.table({"id": [1, 2, 3], "fare": [1.0, 2.0, 3.0]})
        >>> after = pa.table({"id": [2, 3, 4], "fare": [2.0, 3.5, 4.0]})
        >>> found = difference(before, after, ["id"])
        >>> found.added, found.removed, found.changed, found.unchanged
        (1, 1, 1, 1)
        >>> found.changed_rows[0].cells
        (CellChange(column='fare', before=3.0, after=3.5),)
    """
    pair = _pair(_own(before), _own(after), tuple(key))
    found = _by_key(pair, examples) if key else _by_content(pair, examples)
    return found.replace(
        columns_added=tuple(one for one in pair.after.column_names if one not in pair.names),
        columns_removed=tuple(one for one in pair.before.column_names if one not in pair.names),
        columns_changed=pair.changes,
    )


class _Pair(NamedTuple):
    """Two tables to compare.

    Args:
        before: the earlier one.
        after: the later one.
        key: columns that identify a row, or none.
        names: columns of both.
        changes: those of another type.
        shared: the others, whose values are compared.
    """

    before: pa.Table
    after: pa.Table
    key: tuple[str, ...]
    names: tuple[str, ...]
    changes: tuple[TypeChange, ...]
    shared: tuple[str, ...]

    def codes(self, names: Sequence[str]) -> tuple[Ints, Ints]:
        """Number the values of some columns, taken together."""
        columns = [
            pa.chunked_array(
                [*self.before[name].chunks, *self.after[name].chunks], self.before[name].type
            )
            for name in names
        ]
        codes = row_codes(columns, self.before.num_rows + self.after.num_rows)
        return codes[: self.before.num_rows], codes[self.before.num_rows :]


def _own(table: pa.Table) -> pa.Table:
    """Leave the platform's columns out, and values by dictionary."""
    table = table.select([name for name in table.column_names if not name.startswith("_")])
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            plain = table[field.name].cast(field.type.value_type)
            table = table.set_column(place, field.name, plain)
    return table


def _pair(before: pa.Table, after: pa.Table, key: tuple[str, ...]) -> _Pair:
    """Hold the columns of two tables against each other."""
    names = tuple(name for name in before.column_names if name in after.column_names)
    changes = tuple(
        TypeChange(name, _dtype(before[name]), _dtype(after[name]))
        for name in names
        if before[name].type != after[name].type
    )
    altered = {one.column for one in changes}
    shared = tuple(name for name in names if name not in altered)
    for name in key:
        if name not in shared:
            message = f"Both tables must have the key column {name!r}, and of one type."
            raise NotFound(message, hint=did_you_mean(name, shared), column=name)
    return _Pair(before, after, key, names, changes, shared)


def _by_key(pair: _Pair, examples: int) -> Difference:
    """Compare the rows that have the same key."""
    earlier, later = pair.codes(pair.key)
    count = int(max(earlier.max(initial=-1), later.max(initial=-1))) + 1
    for table, codes in ((pair.before, earlier), (pair.after, later)):
        _refuse_copies(table, pair.key, codes, count)
    place = np.full(count, -1, dtype=np.int64)
    place[later] = np.arange(len(later))
    met = place[earlier]
    removed, both = np.flatnonzero(met < 0), np.flatnonzero(met >= 0)
    place[:] = -1
    place[earlier] = np.arange(len(earlier))
    added = np.flatnonzero(place[later] < 0)
    differs = _differing(pair, both, met[both])
    changed = np.zeros(len(both), dtype=np.bool_)
    for mask in differs.values():
        changed |= mask
    return Difference(
        added=len(added),
        removed=len(removed),
        changed=int(changed.sum()),
        unchanged=len(both) - int(changed.sum()),
        cells_changed={name: int(mask.sum()) for name, mask in differs.items()},
        added_rows=_rows(pair.after, added[:examples]),
        removed_rows=_rows(pair.before, removed[:examples]),
        changed_rows=tuple(
            _row_change(pair, differs, (both, met), int(at))
            for at in np.flatnonzero(changed)[:examples]
        ),
    )


def _differing(pair: _Pair, earlier: Ints, later: Ints) -> dict[str, NDArray[np.bool_]]:
    """Mark, for each column that changed, the pairs of rows whose values differ."""
    marks = {}
    for name in pair.shared:
        if name not in pair.key:
            old, new = pair.codes([name])
            mask = old[earlier] != new[later]
            if mask.any():
                marks[name] = mask
    return marks


def _row_change(
    pair: _Pair, differs: Mapping[str, NDArray[np.bool_]], rows: tuple[Ints, Ints], at: int
) -> RowChange:
    """Show what changed in one of the pairs of rows."""
    both, met = rows
    earlier = int(both[at])
    later = int(met[earlier])
    cells = tuple(
        CellChange(name, _value(pair.before[name], earlier), _value(pair.after[name], later))
        for name, mask in differs.items()
        if mask[at]
    )
    return RowChange({name: _value(pair.before[name], earlier) for name in pair.key}, cells)


def _by_content(pair: _Pair, examples: int) -> Difference:
    """Compare how often each row occurs."""
    earlier, later = pair.codes(pair.shared)
    count = int(max(earlier.max(initial=-1), later.max(initial=-1))) + 1
    more = np.bincount(later, minlength=count) - np.bincount(earlier, minlength=count)
    added, removed = int(more[more > 0].sum()), -int(more[more < 0].sum())
    return Difference(
        added=added,
        removed=removed,
        unchanged=len(later) - added,
        added_rows=_rows(pair.after, _surplus(later, more)[:examples]),
        removed_rows=_rows(pair.before, _surplus(earlier, -more)[:examples]),
    )


def _surplus(codes: Ints, more: Ints) -> Ints:
    """Return the rows that one table has and the other has not: of equal ones, the last."""
    order = np.argsort(codes[::-1], kind="stable")
    ordered = codes[::-1][order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    rank = np.arange(len(codes)) - np.repeat(starts, np.diff([*starts, len(codes)]))
    found: Ints = len(codes) - 1 - order[rank < more[ordered]]
    return np.sort(found)


def _refuse_copies(table: pa.Table, key: Sequence[str], codes: Ints, count: int) -> None:
    """Refuse a key that two rows share."""
    copies = np.flatnonzero(np.bincount(codes, minlength=count)[codes] > 1)
    if len(copies):
        told = ", ".join(f"{name} {_value(table[name], int(copies[0]))!r}" for name in key)
        message = f"The key {', '.join(key)} is shared by {len(copies)} rows, such as {told}."
        raise Contract(message, hint="Compare without a key, or by one that is unique.")


def _rows(table: pa.Table, places: Ints) -> tuple[dict[str, Shown | None], ...]:
    """Show some rows."""
    return tuple(
        {name: None if value is None else shown(value) for name, value in row.items()}
        for row in table.take(places).to_pylist()
    )


def _value(values: Values, place: int) -> Shown | None:
    """Show one value."""
    value = values[place].as_py()
    return None if value is None else shown(value)


def _dtype(values: Values) -> str:
    """Name a column's type as a contract does, or as Arrow does."""
    return dtype_of(values.type) or str(values.type)
