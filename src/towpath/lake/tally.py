"""Running counts over a column that comes piece by piece, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from towpath.lake.checks.hash import row_hashes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = pa.ChunkedArray[Any]
    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Words = NDArray[np.uint64]

COUNTED_VALUES = 1_000_000
SLICE_ROWS = 1 << 20
SAMPLE_ROWS = 1 << 20
SKETCH_HASHES = 1 << 15
SEED = 1
RANGE = 2.0**64
# The last steps of splitmix64, which leave no pattern in the bits.
MIXES = ((np.uint64(30), 0xBF58476D1CE4E5B9), (np.uint64(27), 0x94D049BB133111EB))


class Counts(NamedTuple):
    """Different values, ascending.

    Args:
        values: the values.
        rows: how many rows have each.
        repeated: whether it was seen more than once.
    """

    values: pa.Array[Any]
    rows: Ints
    repeated: NDArray[np.bool_]


class Tally:
    """Counts how often each value occurs.

    Up to a million different values are counted. If there are more, their number is estimated from
    the 2^15 smallest of their hashes (Bar-Yossef et al. 2002; standard error 0.6 %), and a random
    sample of at most 2^20 rows stands for all.

    Example:
        >>> tally = Tally()
        >>> tally.add(pa.chunked_array([[3, 1, 3]]))
        >>> tally.distinct, tally.exact, tally.counts().rows.tolist()
        (2, True, [1, 2])
    """

    def __init__(self) -> None:
        """Count nothing yet."""
        self._known: pa.Table | None = None
        self._waiting: list[pa.Array[Any]] = []
        self._sketch: _Sketch | None = None
        self._sample: _Sample | None = None

    @property
    def exact(self) -> bool:
        """Whether every value was counted."""
        self._fold()
        return self._sketch is None

    @property
    def distinct(self) -> int:
        """How many different values there are, or an estimate."""
        self._fold()
        if self._sketch is not None:
            return self._sketch.distinct
        return 0 if self._known is None else self._known.num_rows

    def add(self, values: Values) -> None:
        """Count values, none of which is missing."""
        for start in range(0, len(values), SLICE_ROWS):
            part = values.slice(start, SLICE_ROWS)
            if self._sketch is None or self._sample is None:
                self._waiting.extend(part.chunks)
                known = 0 if self._known is None else self._known.num_rows
                if sum(map(len, self._waiting)) >= max(SLICE_ROWS, known):
                    self._fold()
            else:
                self._sketch.add(part)
                self._sample.add(part)

    def counts(self) -> Counts:
        """Return the values with their counts; of a sample, scaled up to all rows."""
        self._fold()
        if self._known is None:
            none = np.zeros(0, dtype=np.int64)
            return Counts(pa.nulls(0), none, none > 1)
        known, scale = self._known, 1.0
        if self._sample is not None:
            known, scale = _counted(self._sample.values()), 1 / self._sample.share
        known = known.sort_by("value")
        seen = known["rows"].to_numpy()
        rows = np.rint(seen * scale).astype(np.int64)
        return Counts(known["value"].combine_chunks(), rows, seen > 1)

    def _fold(self) -> None:
        """Add what waits to what is known, and stop counting at too many values."""
        if not self._waiting:
            return
        fresh = _counted(pa.chunked_array(self._waiting))
        self._waiting = []
        if self._known is not None:
            both = pa.concat_tables([self._known, fresh])
            summed = both.group_by("value").aggregate([("rows", "sum")])
            fresh = summed.select(["value", "rows_sum"]).rename_columns(["value", "rows"])
        self._known = fresh
        if fresh.num_rows > COUNTED_VALUES:
            self._sketch, self._sample = _Sketch(), _Sample()
            self._sketch.add(fresh["value"])
            self._sample.start(fresh["value"], fresh["rows"].to_numpy())
            self._known = fresh.slice(0, 0)


class Moments:
    """Mean and standard deviation of numbers that come piece by piece (Chan et al. 1979).

    Example:
        >>> moments = Moments()
        >>> moments.add(np.array([1.0, 3.0]))
        >>> moments.mean, moments.std
        (2.0, 1.0)
    """

    def __init__(self) -> None:
        """Start without numbers."""
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, numbers: Floats) -> None:
        """Take numbers in."""
        if not len(numbers):
            return
        # Infinite numbers have no mean, and make no noise about it.
        with np.errstate(invalid="ignore", over="ignore"):
            mean = float(np.mean(numbers))
            count, apart = self._count + len(numbers), mean - self._mean
            self._squares += float(np.sum(np.square(numbers - mean)))
            self._squares += apart * apart * self._count * len(numbers) / count
            self._mean += apart * len(numbers) / count
        self._count = count

    @property
    def mean(self) -> float | None:
        """The mean; None without numbers, or with infinite ones."""
        return self._mean if self._count and np.isfinite(self._mean) else None

    @property
    def std(self) -> float | None:
        """The standard deviation of all numbers; None where there is no mean."""
        if self.mean is None or not np.isfinite(self._squares):
            return None
        return float(np.sqrt(self._squares / self._count))


class _Sketch:
    """Keeps the smallest hashes of values: the fewer values, the larger they are."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._hashes: Words = np.zeros(0, dtype=np.uint64)
        self._full = False

    def add(self, values: Values) -> None:
        """Take values in."""
        hashes = row_hashes([values])
        for shift, factor in MIXES:
            hashes = (hashes ^ (hashes >> shift)) * np.uint64(factor)
        hashes ^= hashes >> np.uint64(31)
        if self._full:
            hashes = hashes[hashes < self._hashes[-1]]
        merged = np.sort(np.concatenate([self._hashes, hashes]))
        # Here numpy's unique is ten times as slow.
        merged = merged[np.concatenate([[True], merged[1:] != merged[:-1]])]
        self._full = len(merged) >= SKETCH_HASHES
        self._hashes = merged[:SKETCH_HASHES]

    @property
    def distinct(self) -> int:
        """Estimate how many different values there are."""
        if not self._full:
            return len(self._hashes)
        return round((SKETCH_HASHES - 1) / (float(self._hashes[-1]) / RANGE))


class _Sample:
    """Keeps each row with the same chance, which halves when there are too many."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self.share = 1.0
        self._random = np.random.default_rng(SEED)
        self._kept: list[pa.ChunkedArray[Any]] = []

    def start(self, values: Values, rows: Ints) -> None:
        """Begin with values that were counted."""
        self.share = min(1.0, SAMPLE_ROWS / 2 / int(rows.sum()))
        taken = np.repeat(np.arange(len(rows)), self._random.binomial(rows, self.share))
        self._kept = [values.take(taken)]

    def add(self, values: Values) -> None:
        """Keep some of the values."""
        self._kept.append(self._some(values, self.share))
        while sum(map(len, self._kept)) > SAMPLE_ROWS:
            self._kept = [self._some(one, 0.5) for one in self._kept]
            self.share /= 2

    def values(self) -> Values:
        """Return what was kept."""
        return pa.chunked_array([chunk for one in self._kept for chunk in one.chunks])

    def _some(self, values: Values, share: float) -> Values:
        """Draw values, each with the same chance."""
        return values.filter(pa.array(self._random.random(len(values)) < share))


def _counted(values: Values) -> pa.Table:
    """Count values in one go."""
    counted = pc.value_counts(values)
    return pa.table({"value": counted.field("values"), "rows": counted.field("counts")})
