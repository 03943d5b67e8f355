"""Values that occur more than once, in one column or several."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.lake.checks.seen import NONE, is_rising, marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from towpath.lake.checks.seen import Seen

    Values = pa.ChunkedArray[Any]
    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]


class Copies(NamedTuple):
    """Rows whose value occurs more than once, and a number for that value.

    Args:
        rows: numbers of the rows, ascending; below zero for rows that came before.
        codes: equal where the values are equal, and nowhere else.
    """

    rows: Ints
    codes: Ints


def find_copies(
    columns: Sequence[Values], *, seen: Seen | None = None, skip_null: bool = False
) -> Copies:
    """Find the rows whose values, taken together, occur more than once.

    Whole numbers and times in rising order need no further look. Other rows are told apart by a
    hash, and compared where two hashes are equal.

    Args:
        columns: the columns.
        seen: the values of rows that came before.
        skip_null: whether a missing value differs from every other; one column only.

    Example:
        >>> find_copies([pa.chunked_array([["a", "b", "a"]])]).rows
        array([0, 2])
    """
    found = marks(columns)
    places = NONE if seen is None else seen.places(found)
    before = [] if seen is None or not len(places) else seen.take(places)
    known = marks(before) if before else NONE
    rows = _with_equals(found, known)
    if skip_null and columns[0].null_count:
        rows = rows[pc.is_valid(columns[0].take(rows)).to_numpy()]
    if not len(rows):
        return Copies(NONE, NONE)
    taken = [column.take(rows) for column in columns]
    both = [_after(old, new) for old, new in zip(before, taken, strict=True)] if before else taken
    codes = reduce(_joined, map(_numbered, both))
    _, kinds, counts = np.unique(codes, return_inverse=True, return_counts=True)
    repeated = counts[kinds] > 1
    numbers = np.concatenate([np.arange(-len(known), 0), rows])
    return Copies(numbers[repeated], codes[repeated])


def surplus_copies(copies: Copies, valid: Mask, *, keep_last: bool = False) -> Ints:
    """Return all valid rows but one of those with the same value.

    Args:
        copies: rows whose value occurs more than once.
        valid: marks the rows of the batch that count; the others are not returned.
        keep_last: keep the last one, and not the first; one that came before is the first.

    Example:
        >>> copies = Copies(np.array([0, 1, 2]), np.array([7, 7, 7]))
        >>> surplus_copies(copies, np.array([False, True, True]))
        array([2])
    """
    counted = copies.rows < 0
    counted[~counted] = valid[copies.rows[~counted]]
    rows, codes = copies.rows[counted], copies.codes[counted]
    if keep_last:
        rows, codes = rows[::-1], codes[::-1]
    surplus = np.ones(len(rows), dtype=np.bool_)
    surplus[np.unique(codes, return_index=True)[1]] = False
    found = np.sort(rows[surplus])
    return found[found >= 0]


def _after(before: Values, values: Values) -> Values:
    """Return values with earlier ones in front."""
    return pa.chunked_array([*before.cast(values.type).chunks, *values.chunks], values.type)


def _with_equals(found: Ints, known: Ints) -> Ints:
    """Number the rows whose mark another row has, or one that came before."""
    repeated = NONE
    if not is_rising(found):
        ordered = np.sort(found)
        repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    repeated = np.concatenate([repeated, known])
    if not len(repeated):
        return NONE
    among = pc.is_in(pa.array(found), value_set=pa.array(repeated))
    return pc.indices_nonzero(among).to_numpy().astype(np.int64)


def _numbered(values: Values) -> Ints:
    """Number values in the order of their first occurrence; null is a value too."""
    whole = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    if pa.types.is_floating(whole.type):
        # Minus zero and zero are equal, but for their bits.
        whole = pc.add(whole, pa.scalar(0.0))
    encoded = whole.dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy().astype(np.int64)


def _joined(left: Ints, right: Ints) -> Ints:
    """Number pairs of numbers, from 0 and without gaps."""
    pairs = left * (int(right.max()) + 1) + right
    joined: Ints = np.unique(pairs, return_inverse=True)[1]
    return joined
