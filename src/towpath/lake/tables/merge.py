"""Rows replace those of the same key: only files that hold such rows are written anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Invalid
from towpath.lake.tables.data_file import data_set, read_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from towpath.lake.tables.delta_log import Bounds
    from towpath.lake.tables.turn import Turn

PLACE = "_place"


def checked_key(dataset: str, rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """Return the key columns of the rows to merge.

    Raises:
        Invalid: no key, or it is missing from the rows, null in one, or in two of them the same.

    Example:
        >>> checked_key("trips", pa.table({"id": [1, 2], "fare": [3.0, 4.0]}), ["id"]).num_columns
        1
    """
    unknown = [name for name in key if name not in rows.column_names]
    if unknown or not key:
        message = f"The rows for dataset {dataset!r} cannot be merged by {list(key)}."
        raise Invalid(message, hint="Name the columns of the key.", dataset=dataset)
    keys = rows.select(list(key))
    empty = [name for name in key if keys[name].null_count]
    if empty:
        message = f"Column {empty[0]!r} of the key of dataset {dataset!r} is null in a row."
        raise Invalid(message, hint="Give every row its key.", dataset=dataset, column=empty[0])
    if keys.group_by(list(key)).aggregate([]).num_rows != keys.num_rows:
        message = f"Rows for dataset {dataset!r} have the same {', '.join(key)}."
        raise Invalid(message, hint="Give each key once.", dataset=dataset, key=tuple(key))
    return keys


def touched(turn: Turn, keys: pa.Table) -> list[str]:
    """Name the files whose bounds let them hold one of the keys, in order of arrival."""
    bounds = {column: turn.log.bounds(column) for column in keys.column_names}
    return [
        name
        for name in turn.files
        if _may_hold({column: bounds[column].get(name) for column in keys.column_names}, keys)
    ]


def _may_hold(bounds: dict[str, Bounds | None], keys: pa.Table) -> bool:
    """Tell whether a key lies within all bounds of a file."""
    inside = None
    for column, both in bounds.items():
        if both is None:
            continue
        low, high = (one.cast(keys[column].type) for one in both)
        within = pc.and_(pc.greater_equal(keys[column], low), pc.less_equal(keys[column], high))
        inside = within if inside is None else pc.and_(inside, within)
    return inside is None or bool(pc.any(inside).as_py())


def survivors(
    turn: Turn, names: list[str], keys: pa.Table, schema: pa.Schema
) -> Iterator[tuple[str, pa.Table]]:
    """Go through the files that hold one of the keys, with their other rows.

    Args:
        turn: the writer's.
        names: files that may hold one.
        keys: of the rows that replace others.
        schema: the columns to read, ``_seq`` among them.
    """
    for name in names:
        found = data_set(turn.place.storage, [f"{turn.name}/{name}"], schema)
        stored = read_files(found, columns=keys.column_names, where=None)
        replaced = _replaced(stored, keys)
        if replaced.any():
            yield name, read_files(found, columns=None, where=None).filter(pa.array(~replaced))


def _replaced(stored: pa.Table, keys: pa.Table) -> NDArray[np.bool_]:
    """Tell for each stored row whether its key is among the keys."""
    if keys.num_columns == 1:
        within = pc.is_in(stored.column(0), value_set=keys.column(0).combine_chunks())
        return within.to_numpy()
    counted = stored.append_column(PLACE, pa.array(np.arange(stored.num_rows)))
    found = np.zeros(stored.num_rows, dtype=np.bool_)
    found[counted.join(keys, keys.column_names, join_type="left semi")[PLACE].to_numpy()] = True
    return found
