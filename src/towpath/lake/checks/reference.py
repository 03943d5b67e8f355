"""Values that must exist in a column of another dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from towpath.core.errors import Invalid, NotFound

if TYPE_CHECKING:
    from towpath.lake.dataset import Column, Dataset

    Values = pa.ChunkedArray[Any]

Lookup = Callable[[str, str], "Values | pa.Array[Any] | None"]


def no_data(dataset: str, column: str) -> None:
    """Look a column up where no dataset has data.

    Example:
        >>> no_data("planes", "tailnum") is None
        True
    """


def known_values(dataset: Dataset, column: Column, table: pa.Table, *, lookup: Lookup) -> Values:
    """Return the values that a column may hold.

    A dataset that refers to itself may refer to rows of the same batch.

    Args:
        dataset: the contract.
        column: the column that refers to another.
        table: the rows of the batch.
        lookup: returns a column of a dataset, or None where there is no data.

    Raises:
        NotFound: the other dataset has no data.
        Invalid: the other column is of another type.

    Example:
        >>> from towpath.lake.dataset import Column, Dataset
        >>> column = Column("plane", "string", references="planes.tailnum")
        >>> flights = Dataset("flights", (column,))
        >>> rows = pa.table({"plane": ["N1"]})
        >>> planes = {("planes", "tailnum"): pa.array(["N1", "N2"])}
        >>> known_values(flights, column, rows, lookup=lambda *name: planes.get(name)).to_pylist()
        ['N1', 'N2']
    """
    other, name = column.reference()
    found = lookup(other, name)
    known = [] if found is None else _pieces(found)
    if other == dataset.name:
        known += table[name].chunks
    elif found is None:
        message = (
            f"Column {dataset.name}.{column.name} references {column.references}, "
            f"and dataset {other!r} has no data."
        )
        hint = f"Ingest {other} first, or mend the reference."
        raise NotFound(message, hint=hint, dataset=other)
    wanted = table[column.name].type
    for piece in known:
        if piece.type != wanted:
            message = (
                f"Column {dataset.name}.{column.name} is {wanted}, "
                f"{column.references} which it references is {piece.type}."
            )
            raise Invalid(message, hint="Give both columns one type.", column=column.name)
    return pa.chunked_array(known, wanted)


def _pieces(values: Values | pa.Array[Any]) -> list[pa.Array[Any]]:
    """Return the arrays that hold the values."""
    return values.chunks if isinstance(values, pa.ChunkedArray) else [values]
