"""The keys that labels ask for, as numbers from 0; those of events alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.features.arrays import marks_of, one_array, words_of
from towpath.features.engines.kernel.code import FOREIGN, find, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from towpath.features.arrays import Column, Words
    from towpath.features.engines.kernel.code import Table
    from towpath.features.engines.kernel.form import Codes


class LabelKeys:
    """Numbers the keys of labels in order of appearance; a key with a null has the last number.

    Args:
        labels: the rows that ask.
        keys: the key columns; with none there is one key, that of every row.

    Example:
        >>> keys = LabelKeys(pa.table({"k": ["x", "y", None]}), ["k"])
        >>> keys.codes.tolist(), keys.find(pa.table({"k": ["y", "z"]})).tolist()
        ([0, 1, 2], [1, -1])
    """

    def __init__(self, labels: pa.Table, keys: Sequence[str]) -> None:
        self.names = tuple(keys)
        self._kinds = [_value_type(labels[key].type) for key in keys]
        self._known: list[pa.Array[pa.Scalar[pa.DataType]] | None] = []
        self._tables: list[Table] = []
        self._sizes: list[int] = []
        codes = np.zeros(labels.num_rows, dtype=np.int32)
        count = 1
        for place, key in enumerate(self.names):
            column = labels[key].cast(self._kinds[place])
            known, words = _encoded(column)
            self._known.append(known)
            codes, count = self._numbered(words, codes, place)
        self.count = count
        self.codes = np.where(codes == FOREIGN, count, codes).astype(np.int32)

    def find(self, events: pa.Table) -> Codes:
        """Return the number of each event's key, -1 if no label asks for it."""
        codes = np.zeros(events.num_rows, dtype=np.int32)
        tables = iter(self._tables)
        for place, key in enumerate(self.names):
            words = self._words(events[key].cast(self._kinds[place]), place)
            found = find(next(tables), *words)
            if place:
                found = find(next(tables), *self._paired(codes, found, place))
            codes = found
        return codes

    def _numbered(self, words: Words, before: Codes, place: int) -> tuple[Codes, int]:
        """Number one more column of the labels, then its pairs with what came before."""
        codes, table = number(*words)
        self._tables.append(table)
        self._sizes.append(table[1].size)
        if place:
            codes, table = number(*self._paired(before, codes, place))
            self._tables.append(table)
        return codes, table[1].size

    def _paired(self, before: Codes, codes: Codes, place: int) -> Words:
        """Write two numbers as one, missing if either is."""
        size = max(self._sizes[place], 1)
        words = before.astype(np.int64) * size + codes
        return words, ((before >= 0) & (codes >= 0)).astype(np.uint8)

    def _words(self, column: Column, place: int) -> Words:
        """Return a key column as whole numbers: what is not, by its place among the labels'."""
        known = self._known[place]
        if known is None:
            return words_of(column)
        return _places(one_array(pc.index_in(column, value_set=known, skip_nulls=True)))


def _encoded(column: Column) -> tuple[pa.Array[pa.Scalar[pa.DataType]] | None, Words]:
    """Return a key column as whole numbers, and what they are the places of, if it is not whole."""
    if _is_whole(column.type):
        return None, words_of(column)
    coded: pa.DictionaryArray[Any, Any] = one_array(column).dictionary_encode()
    return coded.dictionary, _places(coded.indices)


def _places(found: pa.Array[Any]) -> Words:
    """Return places as words; a missing one is marked."""
    return found.fill_null(0).to_numpy().astype(np.int64), marks_of(found)


def _value_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of plain values, where a column holds them by dictionary."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_whole(kind: pa.DataType) -> bool:
    """Tell whether values are whole numbers at heart."""
    tests = (pa.types.is_integer, pa.types.is_boolean, pa.types.is_timestamp)
    return any(test(kind) for test in tests)
