"""What the columns of a dataset's version hold: counts, ranges, quantiles, frequent values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.record import Record
from towpath.lake.column_types import dtype_of
from towpath.lake.shown import Shown, shown
from towpath.lake.tally import Moments, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from towpath.lake.tally import Counts

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TOP_VALUES = 10
BINS = 12


class ValueCount(Record, frozen=True):
    """A value and how many rows have it."""

    value: Shown
    rows: int


class Quantile(Record, frozen=True):
    """The value that a share of the rows do not exceed: one that occurs, the lower of two."""

    share: float
    value: Shown


class Lengths(Record, frozen=True):
    """How many characters texts have, or bytes."""

    minimum: int
    mean: float
    maximum: int


class ColumnProfile(Record, frozen=True):
    """What one column holds.

    Args:
        column: the column.
        dtype: type of its values.
        rows: how many rows there are.
        nulls: rows whose value is missing, or not a number.
        distinct: how many different values there are, missing ones not counted; None for lists.
        exact: whether ``distinct``, ``quantiles``, ``top`` and ``histogram`` were counted. Where a
            column has more than a million different values, ``distinct`` is an estimate that is
            nearly always within 2 %, and the others come from a random sample of a million rows.
        minimum: least value; times and dates as ISO text, decimals as text.
        maximum: greatest value.
        mean: mean of numbers, and share of true among flags.
        std: standard deviation of all rows (not of a sample).
        zeros: rows that hold 0.
        quantiles: values below which a share of the rows lies, for what has an order and is no
            text.
        top: the most frequent values, the most frequent one first, of those that occur more than
            once; texts cut after 120 characters, bytes as hexadecimal digits.
        lengths: how long texts, bytes or lists are.
        histogram: of values with quantiles, how many rows lie in each of 12 ranges of one width
            from the least to the greatest, or in the one range where all are equal; infinite
            values count in none.
    """

    column: str
    dtype: str
    rows: int
    nulls: int
    distinct: int | None
    exact: bool = True
    minimum: Shown | None = None
    maximum: Shown | None = None
    mean: float | None = None
    std: float | None = None
    zeros: int | None = None
    quantiles: tuple[Quantile, ...] = ()
    top: tuple[ValueCount, ...] = ()
    lengths: Lengths | None = None
    histogram: tuple[int, ...] = ()


class Profile(Record, frozen=True):
    """What a dataset's version holds.

    Args:
        dataset: its name.
        version: the version; None for rows that are not stored.
        rows: how many rows there are.
        columns: one profile each, in order; without those of the platform, such as ``_seq``.
    """

    dataset: str
    version: int | None
    rows: int
    columns: tuple[ColumnProfile, ...]

    def column(self, name: str) -> ColumnProfile | None:
        """Return the profile of a column, None where there is no such column."""
        return next((one for one in self.columns if one.column == name), None)


def profile(
    tables: pa.Table | Iterable[pa.Table], *, dataset: str = "", version: int | None = None
) -> Profile:
    """Profile a dataset's rows, looking at each once.

    Args:
        tables: the rows, or pieces of them one after the other; memory holds one piece and, for
            each column, at most about a million values.
        dataset: the dataset's name.
        version: which version of it this is.

    Example:
        >>> found = profile(pa.table({"fare": [0.0, 2.0, None], "kind": ["day", "day", None]}))
        >>> fare = found.columns[0]
        >>> (fare.nulls, fare.distinct, fare.zeros, fare.maximum, fare.mean)
        (1, 2, 1, 2.0, 1.0)
        >>> found.columns[1].top
        (ValueCount(value='day', rows=2),)
    """
    columns: dict[str, _Column] = {}
    rows = 0
    for table in [tables] if isinstance(tables, pa.Table) else tables:
        rows += table.num_rows
        for field in table.schema:
            if not field.name.startswith("_"):
                known = columns.setdefault(field.name, _Column(field))
                known.add(table[field.name])
    found = tuple(column.profile() for column in columns.values())
    return Profile(dataset=dataset, version=version, rows=rows, columns=found)


class _Column:
    """Collects what is known of one column."""

    def __init__(self, field: pa.Field[Any]) -> None:
        """Start without rows."""
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        self._name, self._kind = field.name, kind
        self._rows = self._known = self._zeros = self._length = 0
        self._range: tuple[Any, Any] | None = None
        self._lengths: tuple[int, int] | None = None
        self._tally = Tally()
        self._moments = Moments()

    def add(self, values: pa.ChunkedArray[Any]) -> None:
        """Take rows in."""
        self._rows += len(values)
        known = _plain(values.cast(self._kind).drop_null())
        self._known += len(known)
        if not len(known):
            return
        if _has_length(self._kind):
            self._add_lengths(known)
        if pa.types.is_list(self._kind):
            return
        self._tally.add(known)
        self._range = _wider(self._range, known)
        if _is_number(self._kind) or pa.types.is_boolean(self._kind):
            numbers = known.cast(pa.float64(), safe=False).to_numpy()
            self._moments.add(numbers)
            self._zeros += int(np.count_nonzero(numbers == 0))

    def profile(self) -> ColumnProfile:
        """Say what was found."""
        listed = pa.types.is_list(self._kind)
        counts = self._tally.counts()
        least, greatest = self._range or (None, None)
        return ColumnProfile(
            column=self._name,
            dtype=dtype_of(self._kind) or str(self._kind),
            rows=self._rows,
            nulls=self._rows - self._known,
            distinct=None if listed else self._tally.distinct,
            exact=self._tally.exact,
            minimum=None if least is None else shown(least),
            maximum=None if greatest is None else shown(greatest),
            mean=self._moments.mean,
            std=self._moments.std,
            zeros=self._zeros if _is_number(self._kind) else None,
            quantiles=self._quantiles(counts),
            top=_top(counts),
            lengths=self._told_lengths(),
            histogram=self._histogram(counts),
        )

    def _add_lengths(self, known: pa.ChunkedArray[Any]) -> None:
        """Measure texts, bytes or lists."""
        if pa.types.is_list(self._kind):
            lengths = pc.list_value_length(known)
        elif pa.types.is_string(self._kind):
            lengths = pc.utf8_length(known)
        else:
            lengths = pc.binary_length(known)
        self._lengths = _wider(self._lengths, lengths)
        self._length += pc.sum(lengths).as_py()

    def _told_lengths(self) -> Lengths | None:
        """Return how long values are, None for what has no length."""
        if self._lengths is None:
            return None
        shortest, longest = self._lengths
        return Lengths(shortest, self._length / self._known, longest)

    def _is_ordered(self) -> bool:
        """Tell whether there are values with an order that are no text."""
        return bool(self._known) and (_is_number(self._kind) or pa.types.is_temporal(self._kind))

    def _histogram(self, counts: Counts) -> tuple[int, ...]:
        """Count the rows in ranges of one width."""
        if not self._is_ordered():
            return ()
        # Halves, for the distance from one end to the other may be too large for a number.
        halves = _numbers(counts.values) / 2
        finite = np.isfinite(halves)
        halves, rows = halves[finite], counts.rows[finite]
        if not len(halves):
            return ()
        least, width = halves[0], halves[-1] - halves[0]
        if not width:
            return (int(rows.sum()),)
        places = np.minimum((halves - least) / width * BINS, BINS - 1).astype(np.int64)
        return tuple(np.bincount(places, weights=rows, minlength=BINS).astype(np.int64).tolist())

    def _quantiles(self, counts: Counts) -> tuple[Quantile, ...]:
        """Find the values below which shares of the rows lie."""
        if not self._is_ordered():
            return ()
        ends = np.cumsum(counts.rows)
        wanted = np.floor(np.array(SHARES) * (ends[-1] - 1))
        places = np.searchsorted(ends, wanted, side="right")
        found = counts.values.take(places).to_pylist()
        return tuple(
            Quantile(share, shown(value)) for share, value in zip(SHARES, found, strict=True)
        )


def _top(counts: Counts) -> tuple[ValueCount, ...]:
    """Find the most frequent values; equal ones in their own order."""
    rows = counts.rows
    repeated = np.flatnonzero(counts.repeated)
    places = repeated[np.argsort(-rows[repeated], kind="stable")][:TOP_VALUES]
    found = counts.values.take(places).to_pylist()
    return tuple(
        ValueCount(shown(value), int(count))
        for value, count in zip(found, rows[places], strict=True)
    )


def _wider(known: tuple[Any, Any] | None, values: pa.ChunkedArray[Any]) -> tuple[Any, Any]:
    """Widen a range so that it holds some more values."""
    found = pc.min_max(values)
    least, greatest = found["min"].as_py(), found["max"].as_py()
    return (least, greatest) if known is None else (min(known[0], least), max(known[1], greatest))


def _plain(values: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Leave out what is not a number, and write zero in one way."""
    if not pa.types.is_floating(values.type):
        return values
    numbers = values.filter(pc.invert(pc.is_nan(values)))
    zero: Any = pa.scalar(0.0, values.type)
    plain: pa.ChunkedArray[Any] = pc.add(numbers, zero)
    return plain


def _numbers(values: pa.Array[Any]) -> NDArray[np.float64]:
    """Return numbers, times or days as numbers on one scale."""
    if pa.types.is_date32(values.type) or pa.types.is_time32(values.type):
        values = values.cast(pa.int32())
    elif pa.types.is_temporal(values.type):
        values = values.cast(pa.int64())
    found: NDArray[np.float64] = values.cast(pa.float64(), safe=False).to_numpy(
        zero_copy_only=False
    )
    return found


def _is_number(kind: pa.DataType) -> bool:
    """Tell whether values are whole, real or decimal numbers."""
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _has_length(kind: pa.DataType) -> bool:
    """Tell whether values are texts, bytes or lists."""
    types = pa.types
    return bool(types.is_string(kind) or types.is_binary(kind) or types.is_list(kind))
