"""Rows in portions that have all rows of some keys, in little memory however many there are."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from towpath.lake.checks.hash import row_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MIXED = np.uint64(32)


def portions(tables: Iterable[pa.Table], keys: Sequence[str], count: int) -> Iterator[pa.Table]:
    """Yield the rows of some keys at a time; meanwhile all wait in temporary files.

    Args:
        tables: the rows; one is held in memory at a time.
        keys: the columns of the key.
        count: how many portions to make.

    Example:
        >>> tables = [pa.table({"car": ["a", "b"]}), pa.table({"car": ["b", "a"]})]
        >>> found = [one["car"].to_pylist() for one in portions(tables, ["car"], 2)]
        >>> sorted(value for own in found for value in own)
        ['a', 'a', 'b', 'b']
        >>> all({"a", "b"} != set(own) or len(own) == 4 for own in found)
        True
    """
    with TemporaryDirectory() as name:
        paths = [Path(name) / f"{number}.arrow" for number in range(count)]
        _divide(tables, keys, paths)
        for path in paths:
            if path.exists():
                with pa.OSFile(str(path), "rb") as source:
                    yield pa.ipc.open_stream(source).read_all()
                path.unlink()


def _divide(tables: Iterable[pa.Table], keys: Sequence[str], paths: Sequence[Path]) -> None:
    """Write each row to the file of its key."""
    with ExitStack() as stack:
        files: dict[int, pa.RecordBatchStreamWriter] = {}
        for table in tables:
            # The low bits of a hash are mixed the least.
            own = (row_hashes([table[key] for key in keys]) >> MIXED) % np.uint64(len(paths))
            for number in np.unique(own).tolist():
                if number not in files:
                    target = stack.enter_context(pa.OSFile(str(paths[number]), "wb"))
                    writer = pa.ipc.new_stream(target, table.schema)
                    files[number] = stack.enter_context(writer)
                files[number].write_table(table.filter(pa.array(own == number)))
