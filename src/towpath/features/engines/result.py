"""What the kernel found, as Arrow columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from towpath.features.arrays import Int64Array, MaskArray, arrow_type
from towpath.features.engines.kernel.form import COLUMN, PARAMETER, SLOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from towpath.features.engines.compile import CompiledView

TEN = 10.0


def to_columns(
    plan: CompiledView, texts: Sequence[pa.Array[Any]], found: tuple[Int64Array, MaskArray]
) -> pa.Table:
    """Return the features of a view.

    Args:
        plan: the view.
        texts: for each value column what its numbers stand for.
        found: results int64 [slots, rows] and presence uint8 [slots, rows].
    """
    columns = {}
    for number, (name, dtype) in enumerate(zip(plan.names, plan.results, strict=True)):
        spec = plan.specs[number]
        slot = spec[SLOT]
        own = texts[spec[COLUMN]] if spec[COLUMN] >= 0 else pa.array([], pa.string())
        if dtype.startswith("list<"):
            slots = slice(slot, slot + spec[PARAMETER])
            columns[name] = _lists(dtype, own, (found[0][slots], found[1][slots]))
            continue
        words, present = found[0][slot], found[1][slot]
        if plan.scales[number]:
            words = (words.view(np.float64) / TEN ** plan.scales[number]).view(np.int64)
        columns[name] = from_words(words, present, dtype, own)
    return pa.table(columns)


def from_words(
    words: Int64Array, present: MaskArray, dtype: str, texts: pa.Array[Any]
) -> pa.Array[Any]:
    """Return values as an Arrow array; the reverse of ``words_of``.

    Example:
        >>> none = pa.array([], pa.string())
        >>> from_words(np.array([150, 0]), np.array([1, 0]), "decimal(9,2)", none).to_pylist()
        [Decimal('1.50'), None]
    """
    every = bool(present.all())
    if dtype == "string":
        places: pa.Array[Any] = pa.array(words, mask=None if every else present == 0)
        taken: pa.Array[Any] = texts.cast(pa.string()).take(places)
        return taken
    if dtype == "bool":
        flags: pa.Array[Any] = pa.array(words != 0, mask=None if every else present == 0)
        return flags
    if dtype.startswith("decimal"):
        words = np.column_stack((words, words >> 63))
    validity = None if every else pa.py_buffer(np.packbits(present, bitorder="little").data)
    values = pa.py_buffer(np.ascontiguousarray(words).data)
    return pa.Array.from_buffers(arrow_type(dtype), present.size, [validity, values])


def _lists(dtype: str, texts: pa.Array[Any], found: tuple[Int64Array, MaskArray]) -> pa.Array[Any]:
    """Return one list for each row of what its slots hold; null where they hold nothing."""
    words, present = (part.T for part in found)
    here = present.astype(bool)
    sizes = here.sum(axis=1)
    inner = words[here]
    values = from_words(inner, np.ones(inner.size, np.uint8), dtype[len("list<") : -1], texts)
    offsets = pa.array(np.concatenate(([0], np.cumsum(sizes))), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, mask=pa.array(sizes == 0))
