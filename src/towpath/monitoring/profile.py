"""Profiles: counts of a column's values in a window, on bins fixed by the reference.

Counts on fixed bins add up over hours, days and workers; no raw value is kept beyond the bins.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from towpath.core.errors import Invalid
from towpath.core.instant import MICROSECOND, to_micros
from towpath.core.interval import Interval
from towpath.core.record import Record
from towpath.features.arrays import micros_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    Column = pa.ChunkedArray[pa.Scalar[pa.DataType]]

NUMERIC_BINS = 25
TOP_CATEGORIES = 24

Ints = npt.NDArray[np.int64]


class Bins(Record, frozen=True):
    """How a column's values are counted.

    Args:
        column: the column.
        kind: numbers are cut at edges; categories are the most frequent ones and the rest.
        edges: upper ends of all numeric bins but the last, ascending, each end included.
        categories: the categories with a bin of their own; the last bin is for all others.

    Example:
        >>> Bins("hour", "numeric", edges=(6.0, 12.0)).size
        3
    """

    column: str
    kind: Literal["numeric", "categorical"]
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The number of bins; nulls are counted apart."""
        return 1 + (len(self.edges) if self.kind == "numeric" else len(self.categories))


class Profile(Record, frozen=True):
    """What one column looked like in one window.

    Args:
        column: the column.
        window: the times it covers.
        counts: how many values fell into each bin.
        nulls: how many were null or not a number.
    """

    column: str
    window: Interval
    counts: tuple[int, ...]
    nulls: int

    @property
    def rows(self) -> int:
        """The number of rows counted."""
        return sum(self.counts) + self.nulls


def profiled(table: pa.Table, *, ignore: Sequence[str] = ()) -> tuple[str, ...]:
    """Name the columns that can be profiled: numbers, booleans and strings.

    Example:
        >>> profiled(pa.table({"hour": [1], "at": [None], "carrier": ["UA"]}))
        ('hour', 'carrier')
    """
    return tuple(
        field.name
        for field in table.schema
        if field.name not in ignore and (_is_numeric(field.type) or _is_category(field.type))
    )


def learn_bins(table: pa.Table, columns: Sequence[str]) -> dict[str, Bins]:
    """Fix the bins of each column from reference rows.

    Numbers get up to 25 bins of equal mass, categories the 24 most frequent and one for the rest.

    Example:
        >>> learn_bins(pa.table({"hour": list(range(100))}), ["hour"])["hour"].size
        25
    """
    return {name: _bins(name, table.column(name)) for name in columns}


def profile(
    table: pa.Table, bins: Mapping[str, Bins], *, at: str, windows: Sequence[Interval]
) -> dict[str, tuple[Profile, ...]]:
    """Count each column in each window.

    Args:
        table: rows with the columns and the time ``at``; rows outside the windows are left out.
        bins: how to count, by column.
        at: the timestamp column.
        windows: consecutive windows of equal length.

    Raises:
        Invalid: a column is missing.

    Example:
        >>> from towpath.core.instant import from_micros
        >>> rows = pa.table({"at": pa.array([0, 5], pa.timestamp("us", "UTC")), "x": [1.0, None]})
        >>> window = Interval(from_micros(0), from_micros(10))
        >>> found = profile(rows, {"x": Bins("x", "numeric", (2.0,))}, at="at", windows=[window])
        >>> (found["x"][0].counts, found["x"][0].nulls)
        ((1, 0), 1)
    """
    place = places(table.column(at), windows)
    result: dict[str, tuple[Profile, ...]] = {}
    for name, one in bins.items():
        if name not in table.column_names:
            message = f"The column {name!r} is missing from the rows to be profiled."
            raise Invalid(message, hint=f"Columns: {', '.join(table.column_names)}.")
        width = one.size + 1
        cell = place * width + _codes(one, table.column(name))
        counted = np.bincount(cell[place >= 0], minlength=len(windows) * width)
        counts = counted.reshape(len(windows), width)
        result[name] = tuple(
            Profile(name, window, tuple(int(n) for n in row[:-1]), int(row[-1]))
            for window, row in zip(windows, counts, strict=True)
        )
    return result


def windows_between(start: datetime, end: datetime, *, span: timedelta) -> tuple[Interval, ...]:
    """Cut the time before ``end`` into whole windows that begin at or after ``start``.

    Example:
        >>> from towpath.core.instant import parse_instant
        >>> from datetime import timedelta
        >>> weeks = windows_between(
        ...     parse_instant("2013-03-01"), parse_instant("2013-03-20"), span=timedelta(days=7)
        ... )
        >>> [window.start.day for window in weeks]
        [6, 13]
    """
    count = max((end - start) // span, 0)
    starts = [end - (count - index) * span for index in range(count)]
    return tuple(Interval(one, one + span) for one in starts)


def _bins(name: str, values: Column) -> Bins:
    """Fix the bins of one column."""
    if _is_category(values.type):
        counted = Counter(values.cast(pa.string()).drop_null().to_pylist())
        ranked = sorted(counted, key=lambda text: (-counted[text], str(text)))
        top = tuple(str(text) for text in ranked[:TOP_CATEGORIES])
        return Bins(name, "categorical", categories=top)
    numbers = _numbers(values)
    known = numbers[~np.isnan(numbers)]
    if not known.size:
        return Bins(name, "numeric")
    shares = np.arange(1, NUMERIC_BINS) / NUMERIC_BINS
    edges = np.unique(np.quantile(known, shares, method="lower"))
    return Bins(name, "numeric", edges=tuple(float(edge) for edge in edges))


def _codes(bins: Bins, values: Column) -> Ints:
    """Give each row its bin; nulls get the number after the last bin."""
    if bins.kind == "numeric":
        numbers = _numbers(values)
        found = np.searchsorted(np.array(bins.edges), numbers, side="left")
        return np.where(np.isnan(numbers), bins.size, found).astype(np.int64)
    texts = values.cast(pa.string())
    inside = pc.index_in(texts, pa.array(bins.categories, pa.string()))
    code = np.asarray(inside.fill_null(bins.size - 1).to_numpy(), dtype=np.int64)
    missing = texts.is_null().to_numpy()
    return np.where(missing, bins.size, code)


def places(times: Column, windows: Sequence[Interval]) -> Ints:
    """Give each time the number of its window, or -1; windows are consecutive and equally long.

    Example:
        >>> from towpath.core.instant import from_micros
        >>> times = pa.chunked_array([pa.array([7, 20], pa.timestamp("us", "UTC"))])
        >>> places(times, [Interval(from_micros(0), from_micros(10))]).tolist()
        [0, -1]
    """
    if not windows:
        return np.full(len(times), -1, dtype=np.int64)
    start, span = windows[0].start, windows[0].end - windows[0].start
    place: Ints = (micros(times) - to_micros(start)) // (span // MICROSECOND)
    return np.where((place >= 0) & (place < len(windows)), place, -1)


def micros(times: Column) -> Ints:
    """Turn a timestamp column into microseconds since 1970-01-01 UTC.

    Raises:
        Invalid: the column has no time zone.

    Example:
        >>> micros(pa.chunked_array([pa.array([7], pa.timestamp("us", "UTC"))])).tolist()
        [7]
    """
    if not pa.types.is_timestamp(times.type) or times.type.tz is None:
        message = f"A time column holds {times.type}, not times with a zone."
        raise Invalid(message, hint="Cast it to timestamp[us, tz=UTC].")
    return np.asarray(micros_of(times).to_numpy(), dtype=np.int64)


def _numbers(values: Column) -> npt.NDArray[np.float64]:
    """Turn a numeric column into floats with NaN for null."""
    whole = values.cast(pa.float64(), safe=False)
    return np.asarray(whole.to_numpy(), dtype=np.float64)


def _is_numeric(dtype: pa.DataType) -> bool:
    """Tell whether values are cut at edges."""
    return bool(pa.types.is_integer(dtype) or pa.types.is_floating(dtype))


def _is_category(dtype: pa.DataType) -> bool:
    """Tell whether values are counted one by one."""
    text = pa.types.is_string(dtype) or pa.types.is_large_string(dtype)
    return bool(text or pa.types.is_boolean(dtype))
