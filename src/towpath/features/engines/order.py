"""The order of rows by key and time, and keys as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from towpath.features.arrays import Int64Array, to_codes
from towpath.features.engines.kernel.place import order_by_key

if TYPE_CHECKING:
    from collections.abc import Sequence


def key_codes(
    events: pa.Table, labels: pa.Table, keys: Sequence[str]
) -> tuple[Int64Array, Int64Array]:
    """Number the keys of both tables alike; a key with a null is -1.

    Example:
        >>> a, b = pa.table({"k": ["x", "y"]}), pa.table({"k": ["y", None]})
        >>> [codes.tolist() for codes in key_codes(a, b, ["k"])]
        [[0, 1], [1, -1]]
    """
    codes = np.zeros(events.num_rows + labels.num_rows, dtype=np.int64)
    for key in keys:
        kind = labels[key].type
        both = pa.chunked_array([*events[key].cast(kind).chunks, *labels[key].chunks], kind)
        found, distinct = to_codes(both)
        part = found.fill_null(-1).to_numpy()
        absent = (part < 0) | (codes < 0)
        codes = codes * max(len(distinct), 1) + part
        if len(keys) > 1:
            codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
        codes[absent] = -1
    return codes[: events.num_rows], codes[events.num_rows :]


def event_order(codes: Int64Array, times: Int64Array, sequence: Int64Array) -> Int64Array:
    """Return the order by (key, time, sequence), sorting only by what is not yet in order.

    Example:
        >>> event_order(np.array([1, 0, 1]), np.array([5, 5, 4]), np.array([0, 1, 2])).tolist()
        [1, 2, 0]
    """
    if not _ascends(sequence):
        by_time = np.lexsort((sequence, times))
    elif not _ascends(times):
        by_time = np.argsort(times, kind="stable")
    else:
        by_time = np.arange(times.size)
    keys = int(codes.max(initial=-1)) + 2
    return order_by_key(codes + 1, by_time, keys)


def _ascends(values: Int64Array) -> bool:
    """Tell whether no value is below the one before it."""
    return bool(np.all(values[1:] >= values[:-1]))
