"""Values that must exist in a column of another dataset, or of the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Invalid, NotFound
from towpath.lake.checks.failure import Failure
from towpath.lake.column_types import arrow_type

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from towpath.lake.dataset import Column, Dataset

    Mask = NDArray[np.bool_]
    Values = pa.ChunkedArray[Any]

Lookup = Callable[[str, str], "Values | pa.Array[Any] | None"]


def no_data(dataset: str, column: str) -> None:
    """Look a column up where no dataset has data.

    Example:
        >>> no_data("planes", "tailnum") is None
        True
    """


def known_values(dataset: Dataset, column: Column, *, lookup: Lookup) -> Values:
    """Return the values that a column may hold, of those that are stored.

    Args:
        dataset: the contract.
        column: the column that refers to another.
        lookup: returns a column of a dataset, or None where there is no data.

    Raises:
        NotFound: the other dataset has no data.
        Invalid: the other column is of another type.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> column = Column("plane", "string", references="planes.tailnum")
        >>> flights = Dataset("flights", (column,))
        >>> planes = {("planes", "tailnum"): pa.array(["N1", "N2"])}
        >>> known_values(flights, column, lookup=lambda *name: planes.get(name)).to_pylist()
        ['N1', 'N2']
    """
    other, name = column.reference()
    found = lookup(other, name)
    if found is None and other != dataset.name:
        message = (
            f"Column {dataset.name}.{column.name} references {column.references}, "
            f"and dataset {other!r} has no data."
        )
        hint = f"Ingest {other} first, or mend the reference."
        raise NotFound(message, hint=hint, dataset=other)
    wanted = arrow_type(column.dtype)
    known = [] if found is None else _pieces(found)
    for piece in known:
        if piece.type != wanted:
            message = (
                f"Column {dataset.name}.{column.name} is {wanted}, "
                f"{column.references} which it references is {piece.type}."
            )
            raise Invalid(message, hint="Give both columns one type.", column=column.name)
    values: Values = pa.chunked_array(known, cast("Any", wanted))
    return values


def self_references(
    dataset: Dataset, table: pa.Table, valid: Mask, *, lookup: Lookup
) -> list[Failure]:
    """Hold columns that refer to their own dataset against the stored rows and the valid ones.

    A row that is set aside takes those that refer to it along, and so on.

    Args:
        dataset: the contract.
        table: the rows of a whole batch.
        valid: marks the rows that pass all other checks.
        lookup: returns a column of the stored rows, or None where there are none.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> boss = Column("boss", "int64", nullable=True, references="staff.id")
        >>> staff = Dataset("staff", (Column("id", "int64"), boss))
        >>> rows = pa.table({"id": [1, 2, 3], "boss": pa.array([None, 9, 2])})
        >>> found = self_references(staff, rows, np.ones(3, bool), lookup=no_data)
        >>> found[0].rows.tolist()
        [1, 2]
    """
    columns = [one for one in dataset.columns if one.refers_to(dataset.name)]
    stored = {one.name: known_values(dataset, one, lookup=lookup) for one in columns}
    valid = valid.copy()
    while True:
        wrong = {one.name: _dangling(table, one, stored[one.name], valid) for one in columns}
        blocking = [wrong[one.name] for one in columns if one.severity == "block"]
        rows = np.concatenate([np.array([], dtype=np.int64), *blocking])
        if not valid[rows].any():
            break
        valid[rows] = False
    return [
        Failure(
            "references",
            f"{dataset.name}.{one.name}",
            one.severity,
            f"{one.name} is not among {one.references}",
            wrong[one.name],
            (one.name,),
        )
        for one in columns
    ]


def _dangling(table: pa.Table, column: Column, stored: Values, valid: Mask) -> NDArray[np.int64]:
    """Number the rows that refer to none of the stored and valid rows."""
    named = table[column.reference()[1]].filter(pa.array(valid))
    if named.type != stored.type:
        message = f"Column {column.name} is {stored.type}, {column.references} is {named.type}."
        raise Invalid(message, hint="Give both columns one type.", column=column.name)
    known = pa.chunked_array([*stored.chunks, *named.chunks], stored.type)
    values = table[column.name]
    outside = pc.and_(pc.invert(pc.is_in(values, value_set=known)), values.is_valid())
    return pc.indices_nonzero(outside).to_numpy().astype(np.int64)


def _pieces(values: Values | pa.Array[Any]) -> list[pa.Array[Any]]:
    """Return the arrays that hold the values."""
    return values.chunks if isinstance(values, pa.ChunkedArray) else [values]
