"""Many small files become few; the rows stay as they are, and in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from towpath.lake.tables.data_file import FILE_ROWS, data_set, read_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from towpath.lake.tables.turn import Turn


def neighbours(rows: Mapping[str, int]) -> list[list[str]]:
    """Group files that follow each other and together fit into one.

    Args:
        rows: of each file by name, in order of arrival.

    Example:
        >>> neighbours({"a": 10, "b": 20, "c": 900_000, "d": 200_000})
        [['a', 'b', 'c']]
    """
    groups: list[list[str]] = []
    count = 0
    for name, size in rows.items():
        if not groups or count + size > FILE_ROWS:
            groups.append([])
            count = 0
        groups[-1].append(name)
        count += size
    return [group for group in groups if len(group) > 1]


def joined(turn: Turn, groups: list[list[str]], schema: pa.Schema) -> Iterator[pa.Table]:
    """Read the rows of each group of files.

    Args:
        turn: the writer's.
        groups: names of files.
        schema: the columns, ``_seq`` among them; those that came later are null.
    """
    for group in groups:
        paths = [f"{turn.name}/{name}" for name in group]
        yield read_files(data_set(turn.place.storage, paths, schema), columns=None, where=None)
